"""Detailed samples of a response, made by processes of their own."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np

from .. import __version__
from ..arrays import Floats, Floats32
from ..rng import stream_keys
from ..system.extras import need
from ..system.processes import one_thread, worker_pool
from ..system.progress import progress as progress_bar
from ..system.silence import silent
from .declared import find_declared
from .devices import Devices
from .samples import AnySample, any_sample

CHUNK = 50
"""Particles that a process simulates at a time."""


class _Piece(NamedTuple):
    arrays: tuple[Floats32, ...]
    seconds: float


def make_sample(
    name: str,
    n: int,
    seed: int = 1,
    *,
    like: AnySample | None = None,
    workers: int = 1,
    progress: bool = True,
) -> AnySample:
    """Simulate a response in detail.

    Args:
        name: of the response.
        n: particles.
        seed: of the sample: the array of particle ``i`` depends on the seed and ``i`` only.
        like: take the particles of this sample instead of drawing them: with another seed a
            second draw, the floor that no generator can be better than.
        workers: processes.
        progress: show a progress bar.

    Raises:
        SchemaError: if there is no such response, or `like` is of another one.
        MissingExtraError: if its simulation needs an extra that is not installed.
    """
    declared = find_declared(name)
    if declared.extra:
        need(declared.extra)
    if like is None:
        conditions = declared.particles(n, seed, 0)
    else:
        conditions = {
            k: v[:n] for k, v in declared.response.checked(like.conditions, like.where).items()
        }
    n = len(next(iter(conditions.values())))
    of = declared.response
    responses = of.responses if isinstance(of, Devices) else (of,)
    arrays = [np.zeros((n, *response.shape), np.float32) for response in responses]
    seconds = 0.0
    with (
        progress_bar(n, f"simulating {name}", "particles", shown=progress) as bar,
        one_thread(),
        worker_pool(min(workers, -(-n // CHUNK))) as pool,
    ):
        tasks = {}
        for first in range(0, n, CHUNK):
            rows = slice(first, first + CHUNK)
            part = {k: v[rows] for k, v in conditions.items()}
            tasks[first] = pool.submit(_simulate, name, part, seed, first)
        for first, task in tasks.items():
            piece = task.result()
            done = len(piece.arrays[0])
            for whole, new in zip(arrays, piece.arrays, strict=True):
                whole[first : first + done] = new
            seconds += piece.seconds
            bar.advance(done)
    record = {
        "made_by": "detailed simulation",
        "program": f"lamarr_like {__version__}",
        "seed": seed,
        "ms_per_particle": round(1e3 * seconds / max(n, 1), 4),
    }
    return any_sample(of, conditions, arrays, f"sample of {name}", record)


def _simulate(name: str, conditions: dict[str, Floats], seed: int, first: int) -> _Piece:
    """Arrays of some particles, and the processor time; runs in a worker."""
    declared = find_declared(name)
    index = np.arange(first, first + len(next(iter(conditions.values()))))
    keys = stream_keys(seed, f"{name} detailed", index)
    started = time.process_time()
    with silent():
        arrays = declared.simulate(conditions, keys)
    arrays = arrays if isinstance(arrays, tuple) else (arrays,)
    return _Piece(arrays, time.process_time() - started)
