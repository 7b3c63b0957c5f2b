"""Two draws of the same generated events, row by row: stages, and long tracks behind a chain."""

from __future__ import annotations

import numpy as np
import pytest
from chain_fakes import fake_stage, fake_stages, truth_events
from report_samples import detector, truth_batch

from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.errors import SchemaError
from lamarr_like.training.pairs import common_rows, generated
from lamarr_like.validation.stages import fidelity, whole_track
from lamarr_like.validation.stages.results import WHOLE_CHAIN, FidelityReport


@pytest.fixture(scope="module")
def draws():
    chain, truth = Pipeline(fake_stages()), truth_events(40)
    return chain(truth, seed=3), chain(truth, seed=4)


def test_rows_are_paired_by_what_they_come_from(draws):
    one, two = draws
    rows = tuple(np.ones(len(b.track), np.bool_) for b in draws)
    first, second = common_rows("track", draws, rows)
    assert 0 < len(first) < min(len(one.track), len(two.track))
    for column in ("mc_px", "mc_vz"):
        assert np.array_equal(one.linked(column, first), two.linked(column, second))
    assert np.array_equal(one.track.event_index[first], two.track.event_index[second])
    # What one of the draws leaves out is in neither.
    few = rows[0].copy()
    few[first[::2]] = False
    assert np.array_equal(common_rows("track", draws, (few, rows[1]))[0], first[1::2])


def test_rows_without_an_origin_have_no_partner(draws):
    one = draws[0]
    lost = one.track["mcparticle_id"].copy()
    lost[:3] = -1
    batch = one.with_columns("track", mcparticle_id=lost)
    assert (generated(batch, "track")[:3] == -1).all()
    assert (generated(batch, "track")[3:] >= 0).all()
    assert np.array_equal(generated(one, "particle"), np.arange(len(one.particle)))
    with pytest.raises(SchemaError, match="table 'cluster' cannot be paired"):
        generated(one.with_table("cluster", one.track), "cluster")


def test_the_floor_of_a_stage_is_between_its_draws(draws, few_trees):
    sample = fidelity.SampleConfig([], max_rows=10**6)
    stage = fake_stage("resolution")
    (found,) = fidelity._one_stage("model", stage, *draws, sample)
    rows = tuple(stage.rows(b) for b in draws)
    assert found.floor.rows == len(common_rows("track", draws, rows)[0])
    assert abs(found.floor.value - 0.5) < 4 * found.floor.error
    alone = fidelity._one_stage("model", stage, draws[0], None, sample)[0]
    assert alone.auc == found.auc
    assert alone.floor.rows < rows[0].sum() / 1.5
    few = fidelity.SampleConfig([], max_rows=20)
    assert fidelity._one_stage("model", stage, *draws, few)[0].floor.rows == 20


@pytest.fixture(scope="module")
def long_tracks():
    truth = truth_batch(400)
    draws = {name: detector(truth, seed) for seed, name in enumerate(("one", "two", "fast"), 1)}
    draws["shifted"] = detector(truth, 4, dll_shift=3.0)
    return {name: whole_track.long_tracks(batch) for name, batch in draws.items()}


def test_one_law_is_not_told_from_itself_and_another_is(long_tracks, few_trees):
    one, two = long_tracks["one"], long_tracks["two"]
    told = {}
    for name in ("fast", "shifted"):
        tests = whole_track.paired_tests("chain", one, long_tracks[name], two, 3000, 1)
        told[name] = {t.test: t for t in tests}
    groups = ("RICH", "RICH, equality flags and differences", "everything of a track jointly")
    for test in groups:
        good, bad = told["fast"][test], told["shifted"][test]
        assert good.stage == WHOLE_CHAIN and good.model == "chain"
        for auc in (good.auc, good.floor):
            assert abs(auc.value - 0.5) < 4 * auc.error
        assert bad.auc.value - 0.5 > 6 * bad.auc.error
        assert bad.floor == good.floor
        assert good.auc.rows <= 3000
    # What is not in all samples is not tested; without a second draw there is no floor.
    blind = {k: v for k, v in two.items() if not k.startswith("rich")}
    alone = {t.test: t for t in whole_track.paired_tests("chain", one, blind, None, 500, 1)}
    assert set(alone) == set(told["fast"]) - set(groups[:2])
    assert all(np.isnan(t.floor.value) for t in alone.values())


def test_pairs_are_the_same_particles(long_tracks):
    one, two = whole_track._pairs(long_tracks["one"], long_tracks["two"], 10**6, 1)
    assert len(one["key"]) > 1000
    for column in (*whole_track.TRUTH, "unit"):
        if column != "charge":
            assert np.array_equal(one[column], two[column])
    assert not np.array_equal(one["dx"], two["dx"])
    few = whole_track._pairs(long_tracks["one"], long_tracks["two"], 50, 1)
    assert len(few[0]["key"]) == 50 and np.array_equal(few[0]["key"], few[1]["key"])


def test_tables_say_what_the_floor_is():
    report = FidelityReport(("first.root",), 5, {}, {})
    assert "floor: halves of them" in report.markdown
    report = FidelityReport(("first.root",), 5, {}, {}, ("second.root",))
    assert "floor: a second draw of the same events, second.root" in report.markdown
