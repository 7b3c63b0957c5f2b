"""Batches, evaluation points and the progress bar of a training."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from ..arrays import Ints
from .sample import stream


def shuffled_batches(n: int, batch: int, steps: int, seed: int) -> Iterator[Ints]:
    """Row indices of each step: epochs in random order, cut into batches of one size."""
    rng = stream(seed, "order")
    batch = min(batch, n)
    order, used = rng.permutation(n), 0
    for _ in range(steps):
        if used + batch > n:
            order, used = rng.permutation(n), 0
        yield order[used : used + batch]
        used += batch


def evaluation_steps(steps: int, evaluations: int) -> frozenset[int]:
    """Steps after which a state is judged: evenly over the second half, the last included."""
    points = np.linspace(0.5, 1.0, max(evaluations, 1) + 1)[1:]
    return frozenset(round(p * steps) for p in points)


def progress_bar(shown: bool) -> Progress:
    """A progress bar with a note, or a silent one."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        disable=not shown,
    )
