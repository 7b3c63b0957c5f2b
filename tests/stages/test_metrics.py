"""Metrics: what they are of rows, their cells, and who declares them."""

from __future__ import annotations

import numpy as np
import pytest
from chain_fakes import fake_stages, truth_events
from plugin_fakes import install

from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.errors import TrainingError
from lamarr_like.stages import MODEL_STAGES
from lamarr_like.stages.identification import rich_metrics
from lamarr_like.stages.identification.rich_photons import ABSENT
from lamarr_like.stages.metrics import Metric
from lamarr_like.training.metrics import METRICS, find_metric
from lamarr_like.training.request import Request, expanded

CODE = """
from lamarr_like.stages.metrics import Metric

NEW = Metric("slow", "muon_likelihood", "likelihood of slow muons", lambda o, c: o["muon_mu_ll"])
WRONG = "slow"
"""


def test_pidk_is_the_same_in_both_forms():
    batch = Pipeline(fake_stages())(truth_events(20), seed=1)
    stage, metric = MODEL_STAGES["rich"], METRICS["pidk"]
    rows = stage.rows(batch)
    conditions = stage.conditions(batch, rows)
    values = [
        metric.value(stage.learnt(batch, rows, law=law), conditions)
        for law in ("gains", "differences")
    ]
    np.testing.assert_allclose(*values, atol=5e-3)
    assert set(metric.numbers(stage.targets(batch, rows), conditions)) <= {0.0, 1.0}
    absent = dict.fromkeys(stage.learnt(batch, rows, law="gains"), np.full(rows.sum(), ABSENT))
    assert (metric.value(absent, conditions) == 0.0).all()  # though photons are expected
    cells = metric.cells(conditions)
    n_bins = len(metric.edges) - 1
    assert metric.n_cells == 3 * n_bins and cells.max() < metric.n_cells
    for k, name in enumerate(metric.species):
        mine = cells[(cells >= 0) & (conditions[name] > 0)]
        assert set(mine // n_bins) <= {k}
    assert (cells[conditions["is_mu"] > 0] == -1).all()


def test_values_without_a_cut_and_without_species():
    metric = Metric("x", "rich", "x", lambda o, c: 2.0 * o["x"], edges=(0.0, 1.0, 2.0))
    found = metric.numbers({"x": np.array([0.5, 3.0])}, {})
    assert found.tolist() == [1.0, 6.0] and metric.n_cells == 2
    cells = metric.cells({"log_p": np.array([-1.0, 0.0, 1.5, 2.0])})
    assert cells.tolist() == [-1, 0, 1, -1]


def test_who_declares_metrics(monkeypatch, tmp_path):
    assert find_metric("pidk", "rich") is METRICS["pidk"] is rich_metrics.METRICS[0]
    for name, stage in (("pidk", "ecal"), ("nothing", "rich")):
        with pytest.raises(TrainingError, match=f"no metric '{name}' of stage '{stage}'"):
            find_metric(name, stage)
    points = {"slow": "slow_muons:NEW", "wrong": "slow_muons:WRONG"}
    install(monkeypatch, tmp_path, "slow_muons", code=CODE, metrics=points)
    assert find_metric("slow", "muon_likelihood").meaning == "likelihood of slow muons"
    with pytest.raises(TrainingError, match="no Metric of that name"):
        find_metric("wrong", "muon_likelihood")


def test_a_request_is_refused_before_anything_is_read():
    assert expanded(Request("rich", family="gan", emphasise="pidk"))[0].emphasise == "pidk"
    with pytest.raises(TrainingError, match="there are pidk, pidk-learnt"):
        expanded(Request("rich", emphasise="pidp"))
    with pytest.raises(TrainingError, match="no metric 'pidk' of stage"):
        expanded(Request("all", emphasise="pidk"))
