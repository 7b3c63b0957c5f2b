"""Features that are blind to the domain: a law that shifts, what the graph gives, bad samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lamarr_like.engine.onnx_session import Network
from lamarr_like.errors import TrainingError
from lamarr_like.nets.config import DomainConfig
from lamarr_like.nets.sample import LabelledRows
from lamarr_like.statistics.two_sample import weighted_auc

tf = pytest.importorskip("tensorflow")

from lamarr_like.nets.domain import (  # noqa: E402
    DomainTrainer,
    domains_told,
    features,
    fit_domain,
)
from lamarr_like.nets.mmd import distance, whole_distance  # noqa: E402

SMALL = DomainConfig(
    **{"hidden": 24, "depth": 2, "steps": 500, "batch": 256, "warm_up": 50, "ema": 0.98},
    **{"holdout": 0.3, "features": 2, "critic_hidden": 24},
)


def law(n, seed, shifted):
    """Classes told by a variable that says little in the other domain, and by one that holds."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, n)
    sign = 2.0 * label - 1.0
    strong = (0.1 * sign + 1.5 if shifted else 1.2 * sign) + rng.normal(size=n)
    return {"strong": strong, "robust": 0.8 * sign + rng.normal(size=n)}, label


def rows(n=6000):
    columns, label = law(n, 1, shifted=False)
    return LabelledRows(columns, label, ("b", "s"), target=law(n, 2, shifted=True)[0])


def auc(model, shifted=True):
    columns, label = law(8000, 3, shifted)
    p = model.classifier().predict(columns)[:, 1]
    sides = p[label == 1], p[label == 0]
    return weighted_auc(*sides, *(np.ones(len(side)) for side in sides))[0]


def test_blind_features_hold_where_others_do_not():
    plain = fit_domain(rows(), replace(SMALL, adversary=0.0, laws=0.0), progress=False)
    blind = fit_domain(rows(), SMALL, progress=False)
    assert plain.figures["domains_told_apart"] > 0.75
    assert blind.figures["domains_told_apart"] < 0.60
    assert auc(plain, shifted=False) > 0.93
    assert auc(blind) > auc(plain) + 0.03
    assert auc(blind) > 0.82  # the variable that holds has 0.87 by itself


def test_graph_gives_features_of_the_training():
    trainer = DomainTrainer(3, 2, replace(SMALL, features=5))
    x = np.random.default_rng(1).normal(size=(40, 3)).astype(np.float32)
    network = Network(trainer.files()["model.onnx"])
    p, made = network(conditions=x)
    assert made.shape == (40, 5) and np.array_equal(made, features(network, x))
    np.testing.assert_allclose(made, trainer.maker(x).numpy(), atol=1e-4)
    np.testing.assert_allclose(p, tf.nn.softmax(trainer.net(x)).numpy(), atol=1e-5)


def test_trees_tell_laws_that_differ_and_no_others():
    rng = np.random.default_rng(2)
    one, two = rng.normal(size=(2, 2000, 2)).astype(np.float32)
    assert domains_told(one, two).value == pytest.approx(0.5, abs=0.04)
    assert domains_told(one, two + np.float32(0.7)).value > 0.6


def test_whole_distance_is_even_and_nothing_for_one_law():
    rng = np.random.default_rng(3)
    one, two = rng.normal(size=(2, 600, 2)).astype(np.float32)
    ones = np.ones(600, np.float32)
    there, back = (
        float(whole_distance(*sides)) for sides in ((one, ones, two, ones), (two, ones, one, ones))
    )
    assert there == pytest.approx(back, abs=1e-4) == pytest.approx(0.0, abs=0.02)
    moved = float(whole_distance(one, ones, two + 0.8, ones))
    assert moved > 0.1
    # less what only the second adds to it
    part = float(distance(one[None], ones[None], two[None], ones[None]))
    assert part < there - 0.5 or part > there + 0.5


def test_samples_that_do_not_fit():
    good = rows(400)
    wrong = {"strong": np.zeros(400)}
    for change, message in (
        ({"target": None}, "needs rows of the target domain"),
        ({"target": wrong}, "both domains need the same conditions"),
        ({"target": {k: v[:20] for k, v in good.target.items()}}, "20 rows of the target domain"),
        ({"weights": np.where(np.arange(400) < 9, -1.0, 1.0)}, "negative weights"),
    ):
        with pytest.raises(TrainingError, match=message):
            fit_domain(replace(good, **change), SMALL, progress=False)
    broken = {**good.target, "robust": np.full(400, np.nan)}
    with pytest.raises(TrainingError, match="condition of the target domain 'robust' is nan"):
        fit_domain(replace(good, target=broken), SMALL, progress=False)
