"""Candidates to tracks with weights: what is written, that no truth is, and bad files."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import uproot

from lamarr_like import cli
from lamarr_like.decays.branches import of_kind
from lamarr_like.errors import DecayError, LamarrLikeError, SchemaError, SourceError, TrainingError
from lamarr_like.training.foreign import read_foreign
from lamarr_like.training.sample import read_sample, row_weights, sample_rows, stage_class

pytest.importorskip("sweights")

from lamarr_like.decays.calibration import Calibration, weigh

WINDOW = (1800.0, 1930.0)
WANTED = Calibration("D0_M", WINDOW, "gauss")
TREE = "D0_to_Kminus_piplus/DecayTree"
N = 1500


def candidates(seed=3):
    """Branches as ``lamarr-like decays`` names them: kaons with PIDK near 8 above a background."""
    rng = np.random.default_rng(seed)
    n = 4 * N
    signal = np.arange(n) < N
    mass = np.where(signal, rng.normal(1865.0, 7.0, n), rng.uniform(*WINDOW, n))
    found = {
        "D0_M": mass,
        "nTracks": rng.integers(20, 300, n),
        "nSPDHits": rng.integers(50, 600, n),
    }
    found |= {f"D0_ENDVERTEX_{a}": rng.normal(0.0, 0.3, n) for a in "XYZ"}
    found |= {"D0_FDCHI2_OWNPV": rng.exponential(20.0, n), "D0_TRUEID": np.full(n, 421)}
    for name, pdg in (("Kminus", -321), ("piplus", 211)):
        px, py = rng.normal(0.0, 700.0, (2, n))
        pz = 5000.0 + rng.exponential(20_000.0, n)
        p = np.sqrt(px**2 + py**2 + pz**2)
        own = {"PX": px, "PY": py, "PZ": pz, "P": p, "PT": np.hypot(px, py)}
        own |= {"ETA": np.arctanh(pz / p), "ID": np.full(n, pdg), "TRUEID": np.full(n, pdg)}
        own |= {"TRACK_Charge": np.full(n, np.sign(pdg)), "TRACK_Type": np.full(n, 3)}
        own |= {"TRACK_NDOF": np.full(n, 30), "TRACK_CHI2NDOF": rng.gamma(15.0, 1 / 15.0, n)}
        own |= {b.export: rng.random(n) for b in of_kind("track") if b.export not in own}
        kaon = signal & (name == "Kminus")
        own["PIDK"] = np.where(kaon, rng.normal(8.0, 2.0, n), rng.normal(-4.0, 2.0, n))
        found |= {f"{name}_{k}": v for k, v in own.items()}
    return found


def written(path, columns, tree=TREE, text="D0 -> K- pi+"):
    with uproot.recreate(path) as file:
        file.mktree(tree, {k: v.dtype for k, v in columns.items()}).extend(columns)
        file["branches"] = json.dumps({"decays": {tree.split("/")[0]: text}})
    return path


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return written(tmp_path_factory.mktemp("candidates") / "d0.root", candidates())


def test_tracks_with_weights_and_no_truth(file, tmp_path):
    out = tmp_path / "tracks.root"
    summary = weigh([file], out, WANTED, command="me")
    assert summary.fit.yields[0] == pytest.approx(N, rel=0.1)
    with uproot.open(out) as found:
        tracks = found["Tracks"].arrays(library="np")
        assert "me" in str(found["provenance"])
    assert not [name for name in tracks if "TRUE" in name or "BKGCAT" in name]
    kaon = tracks["ID"] == -321
    assert summary.tracks == len(kaon) == 2 * kaon.sum()
    w, passed = tracks["sweight"][kaon], tracks["PIDK"][kaon] > 2.0
    assert (w * passed).sum() / w.sum() == pytest.approx(0.9987, abs=0.03)
    assert passed.mean() < 0.35
    # The mean weights of tracks that are alike say the same, and hardly any takes away.
    mean = tracks["mean_sweight"][kaon]
    assert mean.sum() == pytest.approx(w.sum())
    assert (mean * passed).sum() / mean.sum() == pytest.approx(0.9987, abs=0.03)
    assert mean[mean < 0.0].sum() > 0.2 * w[w < 0.0].sum()
    first, second, third = summary.lines()
    assert "peak at 186" in first and "weights sum to" in second and f"{len(kaon)} tracks" in third


def test_a_training_reads_them(file, tmp_path):
    out = tmp_path / "tracks.root"
    weigh([file], out, Calibration("D0_M", WINDOW, "gauss", tracks=("Kminus",)))
    batch = read_foreign(out, "calibration")
    rows = np.ones(len(batch.track), dtype=bool)
    tracks = uproot.open(out)["Tracks"].arrays(library="np")
    np.testing.assert_allclose(row_weights(batch, "track", rows), tracks["mean_sweight"])
    assert (batch.particle["mc_pdg_id"] == -321).all() and len(batch) == len(rows)
    np.testing.assert_allclose(batch.track["p"], tracks["P"])
    np.testing.assert_allclose(batch.track["pid_k"], tracks["PIDK"], rtol=1e-6)
    sample = read_sample([out], "calibration")
    for name in ("rich", "muon_id"):
        assert sample_rows(stage_class(name), sample, long_only=True).all()
    with pytest.raises(TrainingError, match=r"lacks track\.x"):
        sample_rows(stage_class("global_pid"), sample)


def test_cuts_and_differences(tmp_path):
    columns = candidates()
    columns["Dst_M"], columns["D0_M"] = (
        columns["D0_M"] + 145.0,
        np.full(len(columns["D0_M"]), 145.0),
    )
    path = written(tmp_path / "d.root", columns)
    whole = weigh([path], tmp_path / "all.root", Calibration("Dst_M-D0_M", WINDOW, "gauss"))
    cut = Calibration("Dst_M-D0_M", WINDOW, "gauss", least={"D0_FDCHI2_OWNPV": 20.0})
    less = weigh([path], tmp_path / "cut.root", cut)
    assert less.tracks == pytest.approx(whole.tracks * np.exp(-1.0), rel=0.1)


def test_sidebands_that_differ_are_told(file, tmp_path):
    alike = weigh([file], tmp_path / "one.root", WANTED)
    assert not alike.unlike
    columns = candidates()
    columns["piplus_PIDK"] = columns["piplus_PIDK"] + 0.1 * (columns["D0_M"] - 1865.0)
    path = written(tmp_path / "d.root", columns)
    unlike = weigh([path], tmp_path / "two.root", WANTED).unlike
    assert [name for name, *_ in unlike] == ["piplus_PIDK"]


@pytest.mark.parametrize(
    ("change", "wanted", "error", "message"),
    [
        ({"Kminus_P": None}, WANTED, SchemaError, "lacks the branches Kminus_P"),
        ({"D0_M": np.nan}, WANTED, SchemaError, "'D0_M' is nan in entry 7"),
        ({"piplus_PX": np.inf}, WANTED, SchemaError, "'piplus_PX' is inf in entry 7"),
        ({}, Calibration("D0_M-x y", WINDOW), DecayError, "no branch"),
        ({}, Calibration("B_M", WINDOW), SchemaError, "lacks the branches B_M"),
        ({}, Calibration("D0_M", WINDOW, tracks=("mu",)), SchemaError, "it has Kminus, piplus"),
        ({}, Calibration("D0_M", WINDOW, tree="X/DecayTree"), SourceError, "no tree 'X/Decay"),
    ],
)
def test_bad_files(tmp_path, change, wanted, error, message):
    columns = candidates()
    for name, value in change.items():
        if value is None:
            del columns[name]
        else:
            columns[name] = columns[name].copy()
            columns[name][7] = value
    path = written(tmp_path / "bad.root", columns)
    with pytest.raises(error, match=message):
        weigh([path], tmp_path / "out.root", wanted)
    assert not (tmp_path / "out.root").exists()


def test_several_trees_must_be_named(tmp_path):
    path = written(tmp_path / "two.root", candidates())
    with uproot.update(path) as file:
        file["B/DecayTree"] = {"B_M": np.zeros(3)}
    with pytest.raises(LamarrLikeError, match="name one by --tree"):
        weigh([path], tmp_path / "out.root", WANTED)


def test_the_command(file, tmp_path, monkeypatch, capsys):
    out = tmp_path / "tracks.root"
    words = ["sweights", str(file), "--mass", "D0_M", "--window", "1800", "1930", "-o", str(out)]
    words += ["--shape", "gauss", "--least", "D0_FDCHI2_OWNPV:5", "--track", "Kminus"]
    monkeypatch.setattr(sys, "argv", ["lamarr-like", *words])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    printed = capsys.readouterr().out
    assert stop.value.code == 0 and "peak at 186" in printed and "weights sum to" in printed
    monkeypatch.setattr(sys, "argv", ["lamarr-like", *words, "--least", "D0_PT>3"])
    with pytest.raises(SystemExit):
        cli.main()
    assert "BRANCH:LEAST" in capsys.readouterr().err
