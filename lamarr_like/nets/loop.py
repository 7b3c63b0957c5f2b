"""The training loop of all networks, and the judge that chooses the state to keep."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..arrays import Floats
from ..errors import TrainingError
from ..system.progress import progress as progress_bar
from .config import NetConfig
from .sample import stream

_SHOWN = 50
"""Steps between two movements of the progress bar."""

Files = Mapping[str, bytes]
"""Weights of a model by file name."""


class Trainer(Protocol):
    """A network in training."""

    def step(self, *batch: Any) -> Any:
        """One update on a batch; returns its loss, or several."""

    def files(self) -> dict[str, bytes]:
        """The networks as they stand, with averaged weights, by file name."""


class Figure(Protocol):
    """How well a state does, with an error; less is better."""

    @property
    def value(self) -> float:
        """The figure."""

    @property
    def error(self) -> float:
        """Its standard error, 0 where two states are compared without chance."""


class Exact(NamedTuple):
    """A figure without an error."""

    value: float
    error: float = 0.0


class Judge:
    """Measures states of a training on what was held out, and keeps the best.

    A state is kept if it is not significantly worse than the best so far: the figure of a few
    thousand rows is uncertain, and the last states have the smallest learning rate; chance must not
    choose an early one.

    Args:
        measure: weights of a state to its figure.
        words: what the figure is.
        digits: of the figure in the history.
        tolerance: errors of a figure by which it may be above the best and be no worse.

    Attributes:
        figure: that of the state kept.
        kept: its weights.
    """

    def __init__(
        self,
        measure: Callable[[Files], Figure],
        words: str = "held-out C2ST",
        digits: int = 5,
        tolerance: float = 1.0,
    ) -> None:
        self.measure, self.words, self.digits = measure, words, digits
        self.tolerance = tolerance
        self.best, self.figure = float("inf"), float("inf")
        self.kept: dict[str, bytes] = {}

    def __call__(self, files: Files) -> float:
        """Figure of a state, which may be kept."""
        found = self.measure(files)
        if found.value < self.best + self.tolerance * found.error or not self.kept:
            self.figure, self.kept = found.value, dict(files)
        self.best = min(self.best, found.value)
        return found.value


class Losses:
    """Losses of the last steps, by name.

    Args:
        names: of the losses that a step returns.
        every: only those of each so-manieth step count, and of the first and the last one.
        window: over how many the mean is taken; None for all since it was last told.
        digits: to which it is rounded; None for not at all.
    """

    def __init__(
        self,
        *names: str,
        every: int = 1,
        window: int | None = 1,
        digits: int | None = None,
    ) -> None:
        self.names, self.every, self.window, self.digits = names, every, window, digits
        self._seen: deque[Any] = deque(maxlen=window)

    def add(self, step: int, losses: Any, last: bool) -> None:
        """Remember what a step returned."""
        if step % self.every == 0 or last or not self._seen:
            self._seen.append(losses if len(self.names) > 1 else (losses,))

    def told(self, step: int) -> dict[str, float]:
        """Means by name.

        Raises:
            TrainingError: if one is not finite.
        """
        rows = [[float(loss) for loss in row] for row in self._seen]
        means = [float(np.mean(column)) for column in zip(*rows, strict=True)]
        if self.window is None:
            self._seen.clear()
        if not np.isfinite(means).all():
            raise TrainingError(f"the loss is {', '.join(map(str, means))} at step {step}")
        if self.digits is not None:
            means = [round(mean, self.digits) for mean in means]
        return dict(zip(self.names, means, strict=True))


def run(
    trainer: Trainer,
    batches: Iterable[tuple[Any, ...]],
    settings: NetConfig,
    judge: Judge,
    *,
    losses: Losses | None = None,
    label: str = "",
    progress: bool = True,
) -> list[dict[str, float]]:
    """Train for all steps.

    Args:
        trainer: the network; changed.
        batches: one for each step.
        settings: number of steps and of evaluations.
        judge: keeps the best state.
        losses: which are told; the last one if None.
        label: name in the progress bar; the family if empty.
        progress: show the bar.

    Returns:
        Step, losses and figure at each evaluation.

    Raises:
        TrainingError: if a loss is not finite.
    """
    losses = losses or Losses("loss")
    due = evaluation_steps(settings.steps, settings.evaluations)
    history: list[dict[str, float]] = []
    name = label or settings.family
    with progress_bar(settings.steps, name, name, shown=progress) as bar:
        for step, batch in enumerate(batches, 1):
            losses.add(step, trainer.step(*batch), step == settings.steps)
            if step % _SHOWN == 0:
                bar.advance(_SHOWN)
            if step in due:
                told = losses.told(step)
                value = judge(trainer.files())
                history.append({"step": step, **told, "figure": round(value, judge.digits)})
                bar.describe(f"{name}, {judge.words} {value:.4f}")
    return history


def row_batches(
    arrays: Sequence[np.ndarray], batch: int, steps: int, seed: int
) -> Iterator[tuple[np.ndarray, ...]]:
    """Batches of rows: epochs in random order, cut into batches of one size.

    Args:
        arrays: of shapes ``(n, ...)``.
        batch: rows of a batch.
        steps: number of batches.
        seed: seed of the order.
    """
    n, batch = len(arrays[0]), min(batch, len(arrays[0]))
    rng = stream(seed, "order")
    order, used = rng.permutation(n), 0
    for _ in range(steps):
        if used + batch > n:
            order, used = rng.permutation(n), 0
        index = order[used : used + batch]
        used += batch
        yield tuple(a[index] for a in arrays)


def evaluation_steps(steps: int, evaluations: int) -> frozenset[int]:
    """Steps after which a state is judged: evenly over the second half, the last included."""
    points: Floats = np.linspace(0.5, 1.0, max(evaluations, 1) + 1)[1:]
    return frozenset(round(p * steps) for p in points)
