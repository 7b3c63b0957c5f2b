from __future__ import annotations

import numpy as np
import pytest
from family_toys import class_law

from lamarr_like.engine.load import load_model
from lamarr_like.errors import SchemaError, TrainingError
from lamarr_like.nets import BoosterConfig, MlpConfig, fit_classifier
from lamarr_like.nets.classifier import checked_rows, cross_entropy
from lamarr_like.nets.sample import LabelledRows

pytest.importorskip("tensorflow")

QUICK_CLASSES = {
    "mlp": MlpConfig(hidden=16, depth=2, steps=500, batch=512, evaluations=1, ema=0.99),
    "booster": BoosterConfig(trees=50, depth=3),
}


def fit(config, conditions, labels, weights=None, classes=("a", "b", "c")):
    return fit_classifier(
        conditions, labels, weights, classes=classes, config=config, progress=False
    )


@pytest.fixture(scope="module", params=QUICK_CLASSES.values(), ids=QUICK_CLASSES)
def config(request):
    return request.param


@pytest.fixture(scope="module")
def trained(config):
    return fit(config, *class_law(20_000, 1)[:2])


def test_classifier_is_calibrated_and_saved(trained, tmp_path):
    other, _, p = class_law(3000, 2)
    predicted = trained.classifier().predict(other)
    assert predicted.shape == (3000, 3)
    np.testing.assert_allclose(predicted.sum(axis=1), 1.0, atol=1e-5)
    assert np.abs(predicted - p).mean() < 0.025
    again = load_model(
        trained.save(tmp_path, stage="toy", sample="x", version="1", card="")
    ).predict(other)
    np.testing.assert_array_equal(again, predicted)
    figures = trained.figures
    assert figures["held_out_cross_entropy"] < figures["cross_entropy_of_shares"]


def test_two_classes_and_signed_weights(config):
    conditions, label, p = class_law(20_000, 1)
    label = np.minimum(label, 1)
    # Half of the rows a second time with the label turned over, taken away again by weight.
    doubled = {k: np.concatenate([v, v, v]) for k, v in conditions.items()}
    labels = np.concatenate([label, 1 - label, 1 - label])
    weights = np.repeat([1.0, 0.5, -0.5], 20_000)
    model = fit(config, doubled, labels, weights, ("a", "b")).classifier()
    predicted = model.predict(conditions)
    assert predicted.shape == (20_000, 2)
    assert np.abs(predicted[:, 0] - p[:, 0]).mean() < 0.04


def test_classifier_is_independent_of_the_batch(trained):
    conditions, _, _ = class_law(2000, 1)
    model = trained.classifier()
    together = model.predict(conditions)
    for size in (1, 7, 300):
        rows = slice(1100, 1100 + size)
        alone = model.predict({k: v[rows] for k, v in conditions.items()})
        assert alone.tobytes() == together[rows].tobytes()
    assert model.predict({k: v[:0] for k, v in conditions.items()}).shape == (0, 3)
    with pytest.raises(SchemaError, match="'x' is inf in row 0"):
        model.predict({"x": np.array([np.inf]), "flag": np.zeros(1)})


def test_labels_must_cover_the_classes():
    conditions, label, _ = class_law(500, 1)
    with pytest.raises(TrainingError, match="without a row: d"):
        fit_classifier(conditions, label, classes=("a", "b", "c", "d"), progress=False)


def test_cross_entropy_by_hand():
    p, label = np.array([[0.5, 0.5], [0.1, 0.9], [1.0, 0.0]]), np.array([0, 1, 1])
    found = cross_entropy(p[:2], label[:2], np.array([1.0, 3.0]))
    assert found == pytest.approx(-(np.log(0.5) + 3 * np.log(0.9)) / 4)
    # A class that was thought impossible costs much, but not without end.
    assert cross_entropy(p, label, np.array([0.0, 0.0, 2.0])) == pytest.approx(12 * np.log(10))


def test_weights_have_a_mean_of_one_and_signs_stay():
    conditions, label, _ = class_law(200, 1)
    weights = np.where(np.arange(200) < 50, -2.0, 6.0)
    columns, y, w = checked_rows(LabelledRows(conditions, label, ("a", "b", "c"), weights))
    assert w.mean() == pytest.approx(1.0) and w / w[0] == pytest.approx(weights / -2.0)
    assert y.dtype == np.int32 and np.array_equal(y, label)
    assert np.array_equal(columns[0], conditions["x"]) and len(columns) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": 99}, "99 rows of 2 conditions: too few"),
        ({"conditions": {}}, "200 rows of 0 conditions"),
        ({"add": 1}, "labels run from 1 to 3 for 3 classes"),
        ({"add": -1}, "labels run from -1 to 1"),
        ({"weights": np.zeros(200)}, "sum to nothing positive"),
        ({"conditions": {"x": np.zeros(199)}}, r"'x' has shape \(199,\)"),
    ],
)
def test_rows_that_cannot_be_used(change, message):
    n = change.get("rows", 200)
    conditions, label, _ = class_law(n, 1)
    conditions, label = change.get("conditions", conditions), label + change.get("add", 0)
    rows = LabelledRows(conditions, label, ("a", "b", "c"), change.get("weights"))
    with pytest.raises(TrainingError, match=message):
        checked_rows(rows)
