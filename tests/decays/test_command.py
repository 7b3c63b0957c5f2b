"""The command ``decays``: files in, a folder for each decay out."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import typer
import uproot
from decay_samples import decay_events
from typer.testing import CliRunner

from lamarr_like.decays.candidates import make_candidates
from lamarr_like.decays.command import decays, make_requests, parse_masses
from lamarr_like.decays.request import PID_WINDOWS, DecayRequest, Selection
from lamarr_like.decays.run import DecaySummary
from lamarr_like.decays.writer import DecayTrees, DecayWriter
from lamarr_like.errors import DecayError, LamarrLikeError, OutputError
from lamarr_like.io.ntuple import EventWriter

D0, KS = "D0 -> K- pi+", "Kshort: K(S)0 -> pi+ pi-"

app = typer.Typer()
app.command()(decays)


def run(*words):
    return CliRunner().invoke(app, [str(w) for w in words], catch_exceptions=False)


@pytest.fixture(scope="module")
def ntuple(tmp_path_factory):
    path = tmp_path_factory.mktemp("decays") / "in.root"
    with EventWriter(path, metadata={"source": "toy"}) as writer:
        writer.write(decay_events(f"decay:{D0}?n=2+decay:K(S)0 -> pi+ pi-", 120))
    return path


def test_a_folder_for_each_decay(ntuple, tmp_path):
    out = tmp_path / "out.root"
    result = run(ntuple, "--decay", D0, "--decay", KS, "-o", out, "-n", 100)
    assert result.exit_code == 0 and "100 events" in result.output
    assert re.search(r"D0_to_Kminus_piplus: \d+ candidates \(\d+ signal\)", result.output)
    with uproot.open(out) as file:
        tree = file["D0_to_Kminus_piplus/DecayTree"].arrays(library="np")
        generated = file["Kshort/MCDecayTree"].arrays(library="np")
        assert file["Kshort/DecayTree"].num_entries > 20
        facts = json.loads(file["provenance"])
        described = json.loads(file["branches"])
    assert facts["decays"]["Kshort"] == KS and facts["inputs"][0]["source"] == "toy"
    assert described["branches"]["head"]["TAU"]["unit"] == "ns"
    assert tree["eventNumber"].max() < 100 and len(tree["D0_M"]) > 100
    assert len(generated["K_S0_TRUETAU"]) > 50
    (table,) = make_candidates(
        decay_events(f"decay:{D0}?n=2+decay:K(S)0 -> pi+ pi-", 120).events(0, 100),
        [DecayRequest.parse(D0)],
    ).values()
    assert set(tree) == set(table.columns)
    assert np.allclose(tree["D0_M"], table["D0_M"])
    assert [p.name for p in tmp_path.iterdir()] == ["out.root"]


def test_combinatorial_with_options(ntuple, tmp_path):
    out = tmp_path / "out.root"
    words = ("--combinatorial", "--as", "pi+:K+", "--mass", "D0:1800-2400", "--min-pt", "300")
    result = run(ntuple, "--decay", D0, "--decay", KS, *words, "-o", out)
    assert result.exit_code == 0 and "combinatorial" in result.output
    with uproot.open(out) as file:
        tree = file["D0_to_Kminus_piplus/DecayTree"].arrays(library="np")
    assert (np.abs(tree["piplus_ID"]) == 321).all()
    assert tree["D0_M"].min() > 1800 and tree["D0_M"].max() < 2400
    assert (tree["totCandidates"] > tree["nCandidate"]).all()


@pytest.mark.parametrize("free", [True, False])
def test_identification_can_be_left_out(monkeypatch, free):
    seen = []

    def reconstruct(paths, output, requests, **options):
        seen.extend(requests)
        return DecaySummary(0, {})

    monkeypatch.setattr("lamarr_like.decays.run.reconstruct_decays", reconstruct)
    run("in.root", "--decay", D0, *["--no-pid"] * free, "-o", "out.root")
    assert seen[0].selection.pid == ({} if free else PID_WINDOWS)


def test_a_tree_without_candidates_has_its_branches(ntuple, tmp_path):
    out = tmp_path / "out.root"
    assert run(ntuple, "--decay", "J/psi(1S) -> mu+ mu-", "-o", out).exit_code == 0
    with uproot.open(out) as file:
        tree = file["J_psi_1S_to_muplus_muminus/DecayTree"]
        assert tree.num_entries == 0 and "muplus_PIDmu" in tree


def test_nothing_is_left_after_an_error(ntuple, tmp_path):
    batch = decay_events(f"decay:{D0}", 5)
    with (
        pytest.raises(RuntimeError),
        DecayWriter(tmp_path / "out.root", DecayTrees([DecayRequest.parse(D0)]), {}) as writer,
    ):
        writer.write(batch)
        raise RuntimeError
    assert not list(tmp_path.iterdir())
    with pytest.raises(OutputError, match="folder"):
        run(ntuple, "--decay", D0, "-o", tmp_path / "no" / "out.root")
    with pytest.raises(OutputError, match="folder"):
        run(ntuple, "--decay", D0, "-o", tmp_path)


def test_options_that_make_no_sense(ntuple, tmp_path):
    out = tmp_path / "out.root"
    for words, says in (
        (("--mass", "D0:9-1"), "NAME:LOW-HIGH"),
        (("--mass", "B0:1-9"), "there are D0"),
        (("--as", "p:K+"), "no track"),
        (("--decay", D0), "two decays"),
    ):
        with pytest.raises(LamarrLikeError, match=re.escape(says)):
            run(ntuple, "--decay", D0, *words, "-o", out)
    assert not out.exists()
    with pytest.raises(DecayError):
        parse_masses(["x"])
    first, second = make_requests([D0, KS], True, ["K-:pi-"], Selection())
    assert first.hypotheses == ((-321, -211),) and second.hypotheses == ()
