"""Metrics of detailed rows and draws beside each other."""

from __future__ import annotations

import numpy as np
import pytest
from chain_fakes import fake_stage, fake_stages, truth_events

from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.errors import TrainingError
from lamarr_like.stages.metrics import Metric
from lamarr_like.training.metrics import METRICS
from lamarr_like.validation.stages import fidelity
from lamarr_like.validation.stages.emphasised import metric_cells, names


def test_cells_of_a_stage_that_draws_the_law_of_the_sample():
    batch = Pipeline(fake_stages())(truth_events(400), seed=1)
    stage = fake_stage("muon_likelihood")
    rows = stage.rows(batch)
    uniforms = np.random.default_rng(1).random((rows.sum(), stage.n_uniforms))
    metric = Metric(
        *("high", "muon_likelihood", "above 0.5", lambda o, c: o["muon_mu_ll"]),
        cut=0.5,
        edges=(3.0, 4.0, 5.0, 9.0),
    )
    found = metric_cells(stage, metric, batch, rows, uniforms)
    assert found.names == names(metric) == ["log_p 3 to 4", "log_p 4 to 5", "log_p 5 to 9"]
    chi2, n = found.chi2
    assert n >= 1 and chi2 < 5.0 * n and found.distance < 0.3
    assert np.nanmean(found.real) == pytest.approx(0.31, abs=0.1)
    wrong = metric_cells(stage, metric, batch, rows, 0.5 + 0.5 * uniforms)
    assert wrong.distance > 0.6 and wrong.chi2[0] > 8.0 * n
    assert f"{wrong.distance:.4f}; chi2" in wrong.markdown
    with pytest.raises(TrainingError, match="'pidk' is of stage 'rich'"):
        metric_cells(stage, METRICS["pidk"], batch, rows, uniforms)


def test_a_model_must_be_named(tmp_path):
    with pytest.raises(TrainingError, match="name one by --model"):
        list(fidelity.of_metric(fidelity.SampleConfig([tmp_path]), "pidk", []))
