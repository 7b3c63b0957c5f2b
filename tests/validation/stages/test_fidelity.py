"""What fidelity compares: each stage says it itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from chain_fakes import (
    CHAIN,
    CONFIG,
    FakeClassifier,
    fake_stage,
    fake_stages,
    truth_events,
    untold,
)

from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.errors import PipelineError, TrainingError
from lamarr_like.stages import (
    MODEL_STAGES,
    TRAINED_STAGES,
    AbstractClassifierStage,
    CaloPid,
    Ecal,
    GlobalPid,
    ProbNn,
    Resolution,
    RichPid,
)
from lamarr_like.stages.identification.prob_nn import PROB_NN
from lamarr_like.stages.tracking.residual_frames import CARTESIAN
from lamarr_like.statistics.two_sample import Auc
from lamarr_like.validation.stages import fidelity, whole_track
from lamarr_like.validation.stages.calibration import calibration, can_be_binned
from lamarr_like.validation.stages.fidelity import _at_most, _uniforms
from lamarr_like.validation.stages.results import WHOLE_CHAIN, mean_of_draws


@pytest.fixture(scope="module")
def simulated():
    return Pipeline(fake_stages())(truth_events(40), seed=3)


@pytest.mark.parametrize("name", [n for n in CHAIN if n in MODEL_STAGES])
def test_answers_are_what_is_compared(name, simulated):
    stage = fake_stage(name)
    rows = stage.rows(simulated)
    real = stage.compared(simulated, rows)
    uniforms = _uniforms(stage, simulated, rows, 1)
    assert uniforms.shape == (rows.sum(), stage.n_uniforms)
    drawn = stage.answers(simulated, rows, uniforms)
    assert set(drawn) == set(real)
    for columns in (real, drawn):
        for values in columns.values():
            assert values.shape == (rows.sum(),) and np.isfinite(values).all()
    again = stage.answers(simulated, rows, uniforms)
    assert all(np.array_equal(drawn[k], again[k]) for k in drawn)


@pytest.mark.parametrize("name", ["rich", "muon_id"])
def test_a_search_is_judged_by_the_sharpest_test(name, simulated, monkeypatch):
    asked = {}
    monkeypatch.setattr(fidelity, "c2st", lambda *tables, **options: asked.update(options))
    stage = fake_stage(name)
    fidelity.told_apart(stage, simulated, fidelity.SampleConfig(()))
    assert asked["equalities"] is asked["differences"] is stage.equalities is (name == "rich")


def test_variables_are_those_that_a_reader_sees(simulated):
    rows = Resolution.rows(simulated)
    assert set(CARTESIAN) <= set(Resolution.compared(simulated, rows))
    assert set(GlobalPid.compared(simulated, GlobalPid.rows(simulated))) == set(PROB_NN)
    equal = {n for n, s in TRAINED_STAGES.items() if s.equalities}
    assert equal == {s.name for s in (RichPid, CaloPid, GlobalPid)}


def test_what_cannot_be_compared_says_why(simulated):
    assert {n for n, s in TRAINED_STAGES.items() if s.incomparable} == {"ecal", "prob_nn"}
    assert "lamarr-like objects" in Ecal.incomparable
    assert "nothing to compare it with" in ProbNn.incomparable
    from lamarr_like.stages import AbstractModelStage

    stage = ProbNn(FakeClassifier(ProbNn), CONFIG)
    with pytest.raises(PipelineError, match="stage 'prob_nn' defines variables of the detailed"):
        AbstractModelStage.answers(stage, simulated, np.zeros(0, bool), np.zeros((0, 1)))


def test_calibration_needs_momentum_and_pseudorapidity(simulated):
    binned = {n for n, s in MODEL_STAGES.items() if issubclass(s, AbstractClassifierStage)}
    binned = {n for n in binned if can_be_binned(MODEL_STAGES[n])}
    assert binned == {"acceptance", "efficiency", "muon_id"}
    found = calibration("m", fake_stage("acceptance"), simulated, min_rows=4)
    assert [b.outcome for b in found] == ["outside", "inside"]
    assert all(b.bins == found[0].bins > 0 and 0.0 <= b.good <= 1.0 for b in found)
    assert calibration("m", fake_stage("acceptance"), simulated, min_rows=10**6) == []


@pytest.mark.parametrize("name", ["muon_id", "resolution"])
def test_a_sample_has_to_tell_what_a_model_asks_for(name, simulated):
    lacking = untold(simulated)
    with pytest.raises(TrainingError, match=f"'{name}' cannot use it: .* lacks track.decay_z"):
        fidelity.told_apart(fake_stage(name), lacking, fidelity.SampleConfig(()))
    if name == "muon_id":
        with pytest.raises(TrainingError, match=r"lacks track.decay_z"):
            calibration("fake", fake_stage(name), lacking)


def test_rows_are_chosen_at_random_up_to_a_number():
    mask = np.arange(100) % 2 == 0
    choice = np.random.default_rng(1)
    assert np.array_equal(_at_most(mask, 50, choice), mask)
    few = _at_most(mask, 10, choice)
    assert few.sum() == 10 and not (few & ~mask).any()


def test_the_whole_chain_alone(minbias, whole_chain, monkeypatch):
    """A chain of toys is told from what it imitates, a second draw that is the first one is not."""
    monkeypatch.setattr(fidelity, "_one_stage", None)  # no single stage is tested
    sample = fidelity.SampleConfig([minbias], part=(0.0, 0.3), again=[minbias], whole=True)
    chain = str(whole_chain / "tiny.yaml")
    report = fidelity.run(sample, [chain], models=whole_chain)
    (found,) = report.stages.values()
    assert {one.stage for one in found} == {WHOLE_CHAIN} and not any(report.bins.values())
    by_test = {one.test: one for one in found}
    assert set(by_test) <= set(whole_track.TESTS) and "state and covariance" in by_test
    state = by_test["state, chi2, ndf, ghost probability"]
    assert state.floor.rows > state.auc.rows > 100
    assert state.auc.value > 0.9 and state.floor.value == pytest.approx(0.5, abs=1e-9)
    assert "whole chain" in report.markdown


def test_figures_of_several_draws_are_their_means(minbias, whole_chain):
    chain = str(whole_chain / "tiny.yaml")
    config = {"part": (0.0, 0.3), "again": [minbias], "whole": True}

    def found(**more):
        sample = fidelity.SampleConfig([minbias], **config, **more)
        return next(iter(fidelity.run(sample, [chain], models=whole_chain).stages.values()))

    first, both = found(seed=3), found(seed=3, draws=2)
    assert [one.test for one in both] == [one.test for one in first]
    for one, mean in zip(first, both, strict=True):
        assert mean.floor == one.floor  # measured once
        assert 0.0 < mean.auc.error < one.auc.error or mean.auc.value != one.auc.value
    assert any(one.auc.value != mean.auc.value for one, mean in zip(first, both, strict=True))
    by_hand = mean_of_draws(
        [[replace(first[0], auc=Auc(value, 0.01, rows))] for value, rows in ((0.52, 9), (0.56, 8))]
    )
    assert by_hand[0].auc == Auc(pytest.approx(0.54), pytest.approx(0.02), 8)
    assert by_hand[0].floor == first[0].floor


@pytest.mark.parametrize(
    ("pipelines", "single", "again"),
    [((), (), ["a"]), (("reference",), (), []), (("reference",), ("rich",), ["a"])],
)
def test_the_whole_chain_alone_needs_a_chain_and_a_second_draw(pipelines, single, again):
    sample = fidelity.SampleConfig(["a.root"], again=again, whole=True)
    with pytest.raises(PipelineError, match="of a pipeline, with a second draw"):
        fidelity.run(sample, pipelines, single)
