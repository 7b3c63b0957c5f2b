"""Random numbers as pure functions of (seed, stage, event id, index).

A simulation that is cut into chunks, files and workers must give the same ntuple however it is
cut.  So no generator state is carried along: every number is a hash of its own coordinates.  The
hash is the SplitMix64 finaliser (Steele, Lea, Flood, OOPSLA 2014, doi:10.1145/2660193.2660195)
applied once for each coordinate.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
from scipy.special import ndtri, pdtr, pdtrik

from .arrays import Floats, Integers, Keys

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""Odd number that spreads consecutive keys."""

_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)
_BELOW_ONE = 1.0 - 2.0**-53


def mix(z: Keys) -> Keys:
    """Spread bits of numbers over all 64 (the finaliser of splitmix64), the shape of ``z``."""
    z = z ^ (z >> np.uint64(30))
    z *= _MIX1
    z ^= z >> np.uint64(27)
    z *= _MIX2
    z ^= z >> np.uint64(31)
    return z


@lru_cache(maxsize=1024, typed=True)
def stage_key(seed: int, stage: str) -> np.uint64:
    """Hash a seed and a stage name into the 64-bit key of that stage's stream.

    Args:
        seed: any Python integer.
        stage: name of the stage; two names give unrelated streams.
    """
    digest = hashlib.blake2b(f"{seed}\0{stage}".encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))


def stream_keys(seed: int, stage: str, event_id: Integers, index: Integers | int = 0) -> Keys:
    """One 64-bit key for each (event, index), shape ``(n,)``.

    Args:
        seed: seed of the run.
        stage: name of the stage that draws.
        event_id: identifier of the event of each row, shape ``(n,)``.
        index: index of the row within its event (``mcparticle_id``, vertex number), shape ``(n,)``.
    """
    event = np.atleast_1d(np.asarray(event_id)).astype(np.int64).view(np.uint64)
    row = np.broadcast_to(np.asarray(index).astype(np.int64), event.shape)
    row = np.ascontiguousarray(row).view(np.uint64)
    key = mix(event * GOLDEN + stage_key(seed, stage))  # arrays wrap around without a warning
    return mix(key + (row + np.uint64(1)) * GOLDEN)


def uniforms(
    seed: int,
    stage: str,
    event_id: Integers,
    index: Integers | int = 0,
    size: int = 1,
) -> Floats:
    """Uniform numbers in the open interval (0, 1), shape ``(n, size)``.

    Args:
        seed: seed of the run.
        stage: name of the stage that draws.
        event_id: identifier of the event of each row, shape ``(n,)``.
        index: index of the row within its event, shape ``(n,)`` or one number for all.
        size: how many numbers each row needs.
    """
    return key_uniforms(stream_keys(seed, stage, event_id, index), size)


def key_uniforms(keys: Keys, size: int) -> Floats:
    """Uniform numbers in (0, 1) that follow from keys, shape ``(n, size)``.

    Args:
        keys: of each row, shape ``(n,)``.
        size: how many numbers each row needs.
    """
    counter = np.arange(1, size + 1, dtype=np.uint64) * GOLDEN
    return unit(mix(keys[:, None] + counter[None, :]))


def unit(bits: Keys) -> Floats:
    """Mixed bits as numbers in (0, 1), the shape of `bits`."""
    # 53 random bits, moved by half a step so that 0 never comes; of the largest the half is rounded
    # up, which would be 1.
    found: Floats = (bits >> np.uint64(11)).astype(np.float64)
    found += 0.5
    found *= 2.0**-53
    return np.minimum(found, _BELOW_ONE, out=found)


def normals(
    seed: int,
    stage: str,
    event_id: Integers,
    index: Integers | int = 0,
    size: int = 1,
) -> Floats:
    """Standard normal numbers, shape ``(n, size)``: `uniforms` through the inverse CDF."""
    result: Floats = ndtri(uniforms(seed, stage, event_id, index, size))
    return result


def poisson_quantile(u: Floats, mean: Floats | float) -> Floats:
    """Poisson numbers of uniform ones: the least k that is not exceeded with a probability `u`.

    What ``scipy.stats.poisson.ppf`` gives, bit for bit, without the second that its import takes.

    Args:
        u: numbers in (0, 1), shape ``(n,)``.
        mean: of each, or of all, shape ``(n,)`` or a number; not negative.

    Returns:
        Whole numbers, shape ``(n,)``.
    """
    above = np.ceil(pdtrik(u, mean))
    below = np.maximum(above - 1.0, 0.0)
    found: Floats = np.where(pdtr(below, mean) >= u, below, above)
    return found
