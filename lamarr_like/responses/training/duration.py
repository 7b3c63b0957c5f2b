"""How many steps fit into the time that a training may take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from ...errors import TrainingError
from ...nets.loop import Files, Trainer
from ..config import CodesConfig

C = TypeVar("C", bound=CodesConfig)

TRIAL = 40
"""Steps of a trial, by a trainer that is thrown away."""

_ONCE = 10.0
"""Steps that take longer than so many usual ones do what is done once, such as compiling."""


def within(
    config: C,
    trainer: Trainer,
    batches: Iterable[tuple[Any, ...]],
    measure: Callable[[Files], Any],
    started: float,
) -> C:
    """Settings with as many steps as fit into ``config.minutes``, which are then 0.

    What was done before counts, and so do the trial, what the first steps do once more, and the
    looks at the states.

    Args:
        config: settings.
        trainer: made for `TRIAL` steps.
        batches: for them.
        measure: how a state is judged.
        started: `time.perf_counter` at the start of the training.

    Raises:
        TrainingError: if there is no time for a step.
    """
    seconds = []
    for batch in batches:
        before = time.perf_counter()
        # The loss is looked at: where steps run beside us, their time is known by their result.
        np.asarray(trainer.step(*batch))
        seconds.append(time.perf_counter() - before)
    usual = [s for s in seconds if s <= _ONCE * float(np.median(seconds))]
    each = max(float(np.mean(usual)), 1e-6)
    once = sum(seconds) - len(seconds) * each
    before = time.perf_counter()
    measure(trainer.files())
    now = time.perf_counter()
    known = now - started + max(once, 0.0) + config.evaluations * (now - before)
    steps = int((60 * config.minutes - known) / each)
    if steps < 1:
        raise TrainingError(
            f"{config.minutes:g} minutes are too few: {known / 60:.1f} go into what is not a step"
        )
    return replace(config, steps=steps, minutes=0.0)
