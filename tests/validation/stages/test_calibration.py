"""Probabilities of classifiers beside the shares of what they drew: they agree, others do not."""

import numpy as np
import pytest
from chain_fakes import fake_stage, fake_stages, truth_events

from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.statistics.binned import bins_of, closed
from lamarr_like.validation.stages.calibration import calibration, can_be_binned
from lamarr_like.validation.stages.results import BinFidelity, FidelityReport, StageFidelity


@pytest.fixture(scope="module")
def batch():
    return Pipeline(fake_stages())(truth_events(600), seed=3)


def test_draws_agree_with_their_probabilities(batch):
    stage = fake_stage("efficiency")
    assert can_be_binned(type(stage)) and not can_be_binned(type(fake_stage("vertex_finding")))
    found = calibration("toy", stage, batch, min_rows=30)
    assert [r.outcome for r in found] == list(stage.classes)
    assert all(r.bins > 20 and r.good > 0.85 and r.worst < 6.0 for r in found)


def test_other_shares_are_seen(batch):
    kind = batch.particle["track_type"].copy()
    kind[np.flatnonzero(kind == 4)[::2]] = 3
    shifted = batch.with_columns("particle", track_type=kind)
    found = {r.outcome: r for r in calibration("t", fake_stage("efficiency"), shifted, min_rows=30)}
    right = {r.outcome: r for r in calibration("t", fake_stage("efficiency"), batch, min_rows=30)}
    assert found["upstream"].good < right["upstream"].good - 0.1
    assert found["none"] == right["none"]


def test_too_few_rows_give_nothing(batch):
    assert calibration("toy", fake_stage("efficiency"), batch.events(0, 3)) == []


def test_the_last_edge_belongs_to_the_last_bin():
    place = bins_of(np.array([0.0, 1.0, 2.0, 2.1, -1.0]), closed([0.0, 1.0, 2.0]))
    assert place.tolist() == [0, 1, 1, -1, -1]


def test_reports_hold_every_row(tmp_path):
    from lamarr_like.statistics.two_sample import Auc

    auc = Auc(0.61234, 0.01, 500)
    report = FidelityReport(
        ("a.root",), 7, {"p": [StageFidelity("m", "rich", "plain", auc, auc)]},
        {"p": [BinFidelity("m", "acceptance", "inside", 12, 0.9, 2.5)]},
    )  # fmt: skip
    text, numbers = report.write(tmp_path / "new")
    assert "| p | rich | plain | 500 | 0.6123 +- 0.0100 |" in text.read_text()
    assert "| p | acceptance | inside | 12 | 90.0% | 2.5 |" in text.read_text()
    assert '"outcome": "inside"' in numbers.read_text()
