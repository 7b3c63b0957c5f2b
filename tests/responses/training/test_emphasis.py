"""A metric of arrays that has to be right above all."""

import numpy as np
import pytest
from blobs import BLOBS, blobs

from lamarr_like import plugins
from lamarr_like.errors import TrainingError
from lamarr_like.responses import fit
from lamarr_like.responses.config import GanConfig
from lamarr_like.responses.families import find_response_family
from lamarr_like.responses.frame import Frame
from lamarr_like.responses.training.metrics import frame_metrics, metrics
from lamarr_like.stages.metrics import Metric

NARROW = Metric(
    "narrow",
    stage="blobs",
    meaning="share of narrow blobs",
    value=lambda metrics, conditions: metrics["transverse_width"],
    cut=1.0,
    along="log_energy",
    edges=(0.0, 1.0, 2.0, 3.0),
)


@pytest.fixture(scope="module")
def framed():
    sample = blobs(500)
    frame = Frame.fit(BLOBS, sample.seen, sample.arrays)
    placement = frame.place(sample.seen)
    return sample, placement, placement.to_frame(sample.hits)


@pytest.fixture(scope="module")
def emphasis():
    pytest.importorskip("tensorflow")
    from lamarr_like.responses.training import emphasis

    return emphasis


def test_metrics_of_the_critic_can_be_emphasised(emphasis, framed):
    _, placement, hits = framed
    known = frame_metrics(BLOBS, placement, hits)
    assert metrics(BLOBS, placement, hits).shape == (500, len(known))
    for name, values in known.items():
        found = emphasis.emphasised(name, BLOBS, placement, hits)
        assert np.corrcoef(found.numbers[:, 0], values)[0, 1] == pytest.approx(1.0)
        assert found.numbers.std() == pytest.approx(1.0, rel=1e-3)
        counts = np.bincount(found.cells[:, 0].astype(int), minlength=found.n_cells)
        assert len(counts) == 6 and counts.min() > 60
    with pytest.raises(TrainingError, match="no metric 'weight' of response 'blobs'; there are f"):
        emphasis.emphasised("weight", BLOBS, placement, hits)


def test_a_package_declares_more(emphasis, framed, monkeypatch):
    _, placement, hits = framed
    monkeypatch.setattr(plugins, "load", lambda group, name, error: NARROW)
    found = emphasis.emphasised("narrow", BLOBS, placement, hits)
    assert len(np.unique(found.numbers)) == 2 and found.n_cells == 3
    assert set(found.cells[:, 0]) == {0.0, 1.0, 2.0}
    with pytest.raises(TrainingError, match="no metric 'wide'"):
        emphasis.emphasised("wide", BLOBS, placement, hits)


def test_the_penalty_pulls_codes_to_the_metric(emphasis):
    """Of two codes the metric is the first: what is drawn too high is pulled down."""
    import tensorflow as tf

    rng = np.random.default_rng(1)
    given = rng.normal(size=(4000, 1)).astype("f")
    scores = rng.normal(size=(4000, 2)).astype("f")
    cells = (given > 0).astype("f")
    of = emphasis.Emphasised(scores[:, :1], cells, 2)
    penalty = emphasis.CodesPenalty(1, 1, 2, of, weight=1.0, rate=5e-3, steps=400)
    for i in range(400):
        rows = slice(200 * (i % 20), 200 * (i % 20) + 200)
        penalty.learn(given[rows], scores[rows], scores[rows, :1])
    shift = tf.Variable([[0.7, 0.7]])
    optimizer = tf.keras.optimizers.SGD(0.3)
    optimizer.build([shift])
    for i in range(150):
        rows = slice(200 * (i % 20), 200 * (i % 20) + 200)
        with tf.GradientTape() as tape:
            drawn = scores[rows] + shift
            loss = penalty.loss(given[rows], drawn, scores[rows], cells[rows])
        optimizer.apply(tape.gradient(loss, [shift]), [shift])
    assert abs(shift.numpy()[0, 0]) < 0.15
    assert shift.numpy()[0, 1] == pytest.approx(0.7, abs=0.2)


def test_a_training_that_emphasises(framed, tmp_path):
    pytest.importorskip("tensorflow")
    words = ("emphasise=transverse_width", "filling_steps=20", "hidden=16", "critic_hidden=16")
    request = fit.Request("gan", steps=12, words=(*words, "diversity=0.1", "evaluations=1"))
    folder = fit.fit(framed[0], request, tmp_path, progress=False)
    assert (folder / "codes.onnx").exists()
    with pytest.raises(TrainingError, match="family flow has the settings"):
        fit.fit(framed[0], fit.Request("flow", words=words[:1]), tmp_path, progress=False)
    assert find_response_family("gan").settings is GanConfig and not GanConfig().emphasised
