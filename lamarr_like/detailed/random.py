"""A SplitMix64 stream inside compiled code, keyed like `lamarr_like.rng`.

Each simulated particle starts its own stream from its key, so that what happens to it does not
depend on the other particles of the batch.  The state lives in an array of one ``uint64``.
"""

from __future__ import annotations

import math

import numpy as np

from .compiled import inner

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""Odd number that spreads consecutive keys (Steele, Lea, Flood, OOPSLA 2014)."""
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)
_HALF_EPSILON = 2.0**-53
_NORMAL_MEAN = 60.0  # above it a Poisson number is normal within what a detector can tell
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)


@inner
def uniform(state):  # type: ignore[no-untyped-def]
    """Next number above 0 and up to 1, which comes once in 2^53."""
    state[0] += GOLDEN
    z = state[0]
    z = (z ^ (z >> _S30)) * _MIX1
    z = (z ^ (z >> _S27)) * _MIX2
    z = z ^ (z >> _S31)
    return (np.float64(z >> _S11) + 0.5) * _HALF_EPSILON


@inner
def normal(state):  # type: ignore[no-untyped-def]
    """Next standard normal number (Box-Muller, one of the pair)."""
    r = math.sqrt(-2.0 * math.log(uniform(state)))
    return r * math.cos(2.0 * math.pi * uniform(state))


@inner
def exponential(state):  # type: ignore[no-untyped-def]
    """Next number from exp(-x)."""
    return -math.log(uniform(state))


@inner
def poisson(state, mean):  # type: ignore[no-untyped-def]
    """Next Poisson number; that of a large mean is a rounded normal one."""
    if mean > _NORMAL_MEAN:
        return max(0, round(mean + math.sqrt(mean) * normal(state)))
    limit = math.exp(-mean)
    k = 0
    product = uniform(state)
    while product > limit:
        k += 1
        product *= uniform(state)
    return k


@inner
def gamma(state, shape):  # type: ignore[no-untyped-def]
    """Next number from the Gamma distribution of scale 1 (Marsaglia, Tsang, TOMS 26 (2000) 363)."""
    boost = 1.0
    a = shape
    if a < 1.0:
        boost = uniform(state) ** (1.0 / a)
        a += 1.0
    d = a - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = normal(state)
        v = 1.0 + c * x
        if v <= 0.0:
            continue
        v = v * v * v
        if math.log(uniform(state)) < 0.5 * x * x + d - d * v + d * math.log(v):
            return d * v * boost
