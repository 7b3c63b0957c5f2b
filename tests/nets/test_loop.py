"""The training loop, what it tells, and the judge of states."""

from __future__ import annotations

import numpy as np
import pytest

from lamarr_like.errors import TrainingError
from lamarr_like.nets.config import ArmdnConfig
from lamarr_like.nets.loop import Exact, Judge, Losses, evaluation_steps, row_batches, run


class Counter:
    """A trainer whose weights are the number of its steps and whose loss is one over it."""

    def __init__(self, fails_at=None):
        self.steps, self.fails_at = 0, fails_at

    def step(self, *batch):
        self.steps += 1
        return float("nan") if self.steps == self.fails_at else 1.0 / self.steps

    def files(self):
        return {"model.onnx": str(self.steps).encode()}


def by_value(*values, error=0.0, tolerance=1.0):
    """A judge that finds these figures, one after the other."""
    left = list(values)
    return Judge(lambda files: Exact(left.pop(0), error), tolerance=tolerance)


def test_the_best_state_is_kept():
    judge = by_value(0.9, 0.5, 0.7)
    trainer, config = Counter(), ArmdnConfig(steps=6, evaluations=3)
    history = run(trainer, [()] * 6, config, judge, progress=False)
    assert trainer.steps == 6
    assert [(h["step"], h["figure"]) for h in history] == [(4, 0.9), (5, 0.5), (6, 0.7)]
    assert [h["loss"] for h in history] == [1 / 4, 1 / 5, 1 / 6]
    assert judge.figure == 0.5 and judge.kept == {"model.onnx": b"5"}


def test_chance_does_not_choose_an_early_state():
    judge = by_value(0.500, 0.509, 0.512, 0.499, 0.5085, error=0.01)
    kept = []
    for number in range(5):
        judge({"model.onnx": str(number).encode()})
        kept.append((judge.kept["model.onnx"], judge.figure))
    # The third is worse than the first by more than the error; the last is not, and came later.
    assert kept == [
        (b"0", 0.500),
        (b"1", 0.509),
        (b"1", 0.509),
        (b"3", 0.499),
        (b"4", 0.5085),
    ]
    assert judge.best == 0.499


@pytest.mark.parametrize(("tolerance", "kept"), [(1.0, b"0"), (2.0, b"1")])
def test_a_judge_may_bear_more_than_one_error(tolerance, kept):
    judge = by_value(0.500, 0.515, 0.525, error=0.01, tolerance=tolerance)
    for number in range(3):
        judge({"model.onnx": str(number).encode()})
    assert judge.kept == {"model.onnx": kept}


def test_a_state_is_kept_even_if_no_figure_is_finite():
    judge = by_value(float("inf"))
    judge({"a": b"1"})
    assert judge.kept == {"a": b"1"}


@pytest.mark.parametrize("step", [1, 3, 6])
def test_a_loss_that_is_not_finite_ends_the_training(step):
    due = max(step, 4)
    losses = Losses("loss", window=None)
    with pytest.raises(TrainingError, match=f"the loss is nan at step {due}"):
        run(
            *(Counter(fails_at=step), [()] * 6, ArmdnConfig(steps=6, evaluations=3)),
            by_value(0.5, 0.5, 0.5),
            losses=losses,
            progress=False,
        )


def test_losses_by_name_and_window():
    last, mean, few = Losses("a"), Losses("a", "b", window=None), Losses("a", every=2, window=2)
    for step in range(1, 8):
        last.add(step, float(step), step == 7)
        mean.add(step, (float(step), 10.0 * step), step == 7)
        few.add(step, float(step), step == 7)
    assert last.told(7) == {"a": 7.0}
    assert mean.told(7) == {"a": 4.0, "b": 40.0}
    assert few.told(7) == {"a": 6.5}  # the last two of steps 2, 4, 6 and the last step
    mean.add(8, (1.0, 2.0 / 3.0), True)
    assert mean.told(8) == {"a": 1.0, "b": 2.0 / 3.0}
    rounded = Losses("a", digits=3)
    rounded.add(1, 2.0 / 3.0, True)
    assert rounded.told(1) == {"a": 0.667}


def test_batches_go_through_every_row_of_an_epoch():
    rows = np.arange(10)
    batches = list(row_batches([rows, rows * 2], batch=5, steps=6, seed=1))
    assert len(batches) == 6
    for start in (0, 2, 4):
        epoch = np.concatenate([b[0] for b in batches[start : start + 2]])
        assert np.array_equal(np.sort(epoch), rows)
    assert all(np.array_equal(b[1], 2 * b[0]) for b in batches)
    again = list(row_batches([rows], batch=5, steps=6, seed=1))
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(again, batches, strict=True))
    other = list(row_batches([rows], batch=5, steps=6, seed=2))
    assert not all(np.array_equal(a[0], b[0]) for a, b in zip(other, batches, strict=True))
    (all_of_them,) = next(row_batches([rows], batch=50, steps=1, seed=1))
    assert np.array_equal(np.sort(all_of_them), rows)


@pytest.mark.parametrize(("steps", "n", "wanted"), [(100, 4, {62, 75, 88, 100}), (3, 1, {3})])
def test_states_are_judged_in_the_second_half(steps, n, wanted):
    assert evaluation_steps(steps, n) == wanted
