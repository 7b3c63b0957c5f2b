"""Which rows count how much in a training, and what a card says."""

import numpy as np
import pytest

from lamarr_like.errors import TrainingError
from lamarr_like.nets.trained import TrainedModel
from lamarr_like.training import weights
from lamarr_like.training.card import card
from lamarr_like.training.request import Request


def test_classes_weigh_the_same():
    label = np.repeat([0, 2], [90, 10])
    found = weights.balanced(np.ones(100), label, 3)
    sums = np.bincount(label, found)
    assert sums[0] == pytest.approx(sums[2]) and found.sum() == pytest.approx(100.0)
    with pytest.raises(TrainingError, match="sum to nothing positive"):
        weights.balanced(np.where(label == 2, -1.0, 1.0), label, 3)


def test_rare_species_count_more():
    flags = {f"is_{name}": np.zeros(100) for name in ("e", "mu", "pi", "k", "p")}
    flags["is_pi"][:96] = 1.0
    flags["is_e"][96:] = 1.0
    found = weights.species_factors(flags, np.ones(100))
    assert found.mean() == pytest.approx(1.0)
    assert found[-1] / found[0] == pytest.approx(np.sqrt(0.96 / 0.04))


def test_large_samples_are_thinned(monkeypatch):
    monkeypatch.setattr(weights, "MAX_ROWS", 10)
    rows = np.arange(100) % 2 == 0
    kept = weights.thinned(rows, 1)
    assert kept.sum() == 10 and rows[kept].all()
    np.testing.assert_array_equal(kept, weights.thinned(rows, 1))
    few = np.arange(100) < 10
    assert weights.thinned(few, 1) is few


def test_a_card_says_what_it_must():
    training = {"rows": 5, "weighted": True, "minutes": 0.1}
    config = {"family": "armdn", "outputs": ["a", "b"], "figures": {"c2st": 0.51234567},
              "training": training}  # fmt: skip
    facts = {"data": ["x.root"], "events": 7, "command": ""}
    text = card(Request("resolution", sample="s"), TrainedModel(config, {}), facts)
    for word in ("resolution", "gives a, b", "5 rows of 7 events of x.root", "- c2st: 0.51235",
                 "Do not use it", "Weighted"):  # fmt: skip
        assert word in text
