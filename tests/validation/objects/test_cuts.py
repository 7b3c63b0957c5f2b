"""Comparison of particle identification: equal samples agree, shifted ones do not; fidelity."""

from __future__ import annotations

import numpy as np
import pytest
from pid_samples import pid_sample
from tiny_models import write_models

from lamarr_like.chain.pipeline import load_stage
from lamarr_like.errors import PipelineError, SchemaError
from lamarr_like.events import Table
from lamarr_like.io.ntuple import EventWriter
from lamarr_like.training.sample import read_sample
from lamarr_like.training.train import Request, train
from lamarr_like.validation.objects.cuts import floor_report, pid_report
from lamarr_like.validation.objects.declared import JOINT, MISIDENTIFICATION
from lamarr_like.validation.objects.draw import draw_part
from lamarr_like.validation.objects.results import Comparison, Share
from lamarr_like.validation.stages.fidelity import SampleConfig, calibration, run


@pytest.fixture(scope="module")
def detailed():
    return pid_sample(3000, seed=1)


@pytest.fixture(scope="module")
def same(detailed):
    return pid_report(detailed, pid_sample(3000, seed=2, truth=1), min_rows=30)


@pytest.fixture(scope="module")
def shifted(detailed):
    return pid_report(detailed, pid_sample(3000, seed=2, truth=1, shift=4.0), min_rows=30)


def test_samples_of_one_law_agree(same):
    assert sum(r.bins for r in same.ratios) > 500
    # Two standard deviations hold 95 % of the bins, the tolerance some more.
    assert same.good > 0.93
    for one in [*same.joint, *(c.whole for c in same.curves)]:
        if one.detailed.passed > 100:
            assert abs(one.ratio - 1) < 4 * one.ratio_error


def test_a_shift_is_seen(same, shifted):
    kaon = [r for r in shifted.ratios if r.variable in ("pid_k", "rich_dll_k")]
    assert np.average([r.good for r in kaon], weights=[r.bins for r in kaon]) < 0.7
    untouched = [r for r in shifted.ratios if r.variable in ("pid_e", "pid_mu", "pid_p")]
    assert np.average([r.good for r in untouched], weights=[r.bins for r in untouched]) > 0.93
    curve = next(c for c in shifted.curves if c.name == "pi as K: PIDK > 0")
    assert curve.whole.ratio > 1.2
    assert not curve.whole.good
    joint = next(j for j in shifted.joint if j.name.startswith("PIDK > 5") and j.species == "K")
    assert joint.fast.value > joint.detailed.value
    assert not joint.good


def test_halves_are_the_floor(detailed):
    report = floor_report(detailed, min_rows=30)
    assert report.good > 0.93
    assert {c.name for c in report.curves} == {c.name for c in MISIDENTIFICATION}
    assert {j.name for j in report.joint} == {c.name for c in JOINT}


def test_numbers_add_up(same, detailed):
    track = detailed.track
    rows = (track["origin"] == 0) & (track["track_type"] == 3)
    pion = np.abs(detailed.linked("mc_pdg_id", rows)) == 211
    curve = next(c for c in same.curves if c.name == "pi as mu: isMuon")
    assert curve.whole.detailed == Share(int(track["is_muon"][rows][pion].sum()), int(pion.sum()))
    p = track["p"][rows][pion]
    inside = (p >= curve.edges[0]) & (p < curve.edges[-1])
    assert sum(c.detailed.total for c in curve.points) == inside.sum()
    half = next(r for r in same.ratios if r.variable == "pid_k" and r.quantile == 0.5)
    assert half.detailed.value == pytest.approx(0.5, abs=1e-3)


def test_shares_and_ratios():
    assert Share(0, 0).value == 0
    assert Share(0, 100).error > 0
    assert Share(50, 100).error == pytest.approx(0.05, rel=0.02)
    none = Comparison("a", "pi", Share(0, 100), Share(0, 100))
    assert np.isnan(none.ratio)
    assert np.isnan(none.ratio_error)
    assert none.good
    assert not Comparison("a", "pi", Share(5000, 10_000), Share(5300, 10_000)).good
    assert Comparison("a", "pi", Share(500_000, 10**6), Share(505_000, 10**6)).good


def test_text_and_page(same, tmp_path):
    assert "| pi as K: PIDK > 5 | pi |" in same.markdown
    assert "bins are good" in same.markdown
    pytest.importorskip("matplotlib")
    page = draw_part("pid", same, tmp_path / "new" / "curves.png")
    assert page.read_bytes()[:4] == b"\x89PNG"


def test_samples_without_columns_or_tracks(detailed):
    with pytest.raises(SchemaError, match="fast sample"):
        poor = {k: v for k, v in detailed.track.columns.items() if k != "pid_k"}
        pid_report(detailed, detailed.with_table("track", Table(poor, detailed.track.offsets)))
    empty = pid_report(detailed.events(2, 2), detailed.events(2, 2))
    assert empty.ratios == ()
    assert np.isnan(empty.good)
    assert "All cuts" in empty.markdown


# --- the fidelity tests know the new stages


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("sample") / "toy.root"
    with EventWriter(path, metadata={}) as writer:
        writer.write(pid_sample(400, seed=3))
    return path


def test_fidelity_of_the_new_stages(written, tmp_path, few_trees):
    names = ("calo_pid", "global_pid")
    batch = read_sample([written])
    write_models(tmp_path, batch)
    sample = SampleConfig([written], max_rows=500)
    report = run(sample, single=[f"{n}-tiny-1" for n in names], models=tmp_path)
    tests = {(r.stage, r.test): r for r in report.stages["-"]}
    extra = "equality flags and differences"
    assert {s for s, t in tests if t == extra} == {"calo_pid", "global_pid"}
    assert {s for s, t in tests if t == "plain"} == set(names)
    # Independent outputs are found out; the law of the floor holds.
    assert tests["global_pid", "plain"].auc.value > 0.7
    assert abs(tests["global_pid", "plain"].floor.value - 0.5) < 0.1
    stage, _ = load_stage("muon_id-tiny-1", tmp_path)
    bins = calibration("x-1", stage, batch, min_rows=10)
    assert {b.outcome for b in bins} == {"outside", "inside", "is_muon"}
    assert min(b.bins for b in bins) > 10


def test_fidelity_refuses_the_model_of_the_reference(written, tmp_path, eager):
    request = Request("prob_nn", steps=5, sample="toy")
    (folder,) = train("prob_nn", [written], output=tmp_path, request=request, progress=False)
    assert "prob_nn" in (folder / "card.md").read_text()
    with pytest.raises(PipelineError, match="defines variables"):
        run(SampleConfig([written]), single=[folder.name], models=tmp_path)
