"""The training loop and its judge, on a trainer that learns nothing; families by name."""

import numpy as np
import pytest

from lamarr_like.errors import TrainingError
from lamarr_like.nets.config import ArmdnConfig
from lamarr_like.nets.families import FAMILIES, find_family
from lamarr_like.nets.loop import Exact, Judge, Losses, evaluation_steps, row_batches, run


class Counts:
    """Its state is the number of its steps."""

    def __init__(self, losses=None):
        self.steps, self.losses = 0, losses

    def step(self, *batch):
        self.steps += 1
        return self.losses[self.steps - 1] if self.losses else float(batch[0].sum())

    def files(self):
        return {"model": str(self.steps).encode()}


def judged(figures, error=0.0):
    found = iter(figures)
    return Judge(lambda files: Exact(next(found), error))


@pytest.mark.parametrize(
    ("figures", "error", "kept"),
    [
        ((0.6, 0.5, 0.7), 0.0, b"8"),
        ((0.6, 0.5, 0.51), 0.05, b"10"),  # not significantly worse, and later
        ((0.5, 0.9, 0.9), 0.05, b"7"),
    ],
)
def test_the_best_state_is_kept(figures, error, kept):
    judge, trainer = judged(figures, error), Counts()
    batches = row_batches([np.arange(20.0)], 4, 10, seed=1)
    history = run(trainer, batches, ArmdnConfig(steps=10, evaluations=3), judge, progress=False)
    assert judge.kept == {"model": kept} and trainer.steps == 10
    assert [h["step"] for h in history] == sorted(evaluation_steps(10, 3)) and len(history) == 3
    assert [h["figure"] for h in history] == list(figures)


def test_steps_of_evaluation_lie_in_the_second_half():
    for steps, n in ((10, 3), (1000, 8), (7, 1), (1, 1)):
        due = evaluation_steps(steps, n)
        assert max(due) == steps and min(due) >= steps / 2 and len(due) <= n


def test_a_loss_that_is_no_number_stops_the_training():
    trainer = Counts([1.0, 1.0, float("nan"), float("nan")])
    batches = row_batches([np.arange(9.0)], 3, 4, seed=1)
    with pytest.raises(TrainingError, match="nan|finite"):
        run(trainer, batches, ArmdnConfig(steps=4, evaluations=1), judged([0.5]), progress=False)


def test_batches_are_epochs_in_random_order():
    x = np.arange(12)
    found = list(row_batches([x, 2 * x], 4, 6, seed=3))
    assert all(len(a) == 4 and (b == 2 * a).all() for a, b in found)
    first = np.concatenate([a for a, _ in found[:3]])
    second = np.concatenate([a for a, _ in found[3:]])
    assert sorted(first) == sorted(second) == x.tolist() and first.tolist() != second.tolist()
    again = list(row_batches([x, 2 * x], 4, 6, seed=3))
    assert all((a[0] == b[0]).all() for a, b in zip(found, again, strict=True))
    # A sample smaller than a batch is one.
    assert [len(a) for (a,) in row_batches([x], 100, 2, seed=1)] == [12, 12]


def test_losses_are_told_by_name():
    losses = Losses("a", "b", window=None)
    for step in (1, 2):
        losses.add(step, (float(step), 10.0), last=step == 2)
    assert losses.told(2) == {"a": 1.5, "b": 10.0}


def test_families_by_name_and_kind():
    assert all(family.name == name for name, family in FAMILIES.items())
    assert find_family("gan", "generator") is FAMILIES["gan"]
    with pytest.raises(TrainingError, match="no family 'flow' of generators; there are armdn, gan"):
        find_family("flow", "generator")
    with pytest.raises(TrainingError, match="no family 'mlp' of generators"):
        find_family("mlp", "generator")
    with pytest.raises(TrainingError, match="'gan' cannot be set up: .*colour"):
        FAMILIES["gan"].configured(colour="red")
