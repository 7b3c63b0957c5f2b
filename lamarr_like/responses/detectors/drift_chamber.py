"""Detailed response of a pad row of a drift chamber: every electron, from cluster to time bucket.

Ionisation, diffusion, avalanche, pad response and shaping are those of MPD's time projection
chamber (MPD Collaboration, TPC Technical Design Report; the simulation of Maevskiy et al.,
arXiv:2012.04595, takes the same).  Primary clusters are as many as Bethe's law of primary
ionisation gives (`lamarr_like.physics.ionisation`), their sizes those of Fischle, Heintze and
Schmidt, Nucl. Instrum. Meth. A 301 (1991) 202, in argon.  Within a row a track is straight: at
0.15 GeV and 0.5 T its sagitta over 18 mm is 40 um, a fifth of the diffusion of one electron over a
centimetre of drift.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy.special import erf, ndtri, pdtr

from ...arrays import Floats, Floats32, Ints, Keys
from ...physics.ionisation import primary_ionisation
from ...physics.particles import MASSES
from ...rng import GOLDEN, key_uniforms, mix, unit

ROWS, INNER_ROWS = 53, 27
PAD, HEIGHTS = 0.5, (1.2, 1.8)
"""Width of a pad, heights of the inner rows and of the outer ones [cm]."""

BUCKET = 0.55
"""Drift in a time bucket of 100 ns, at 5.5 cm/us [cm]."""

ACROSS, ALONG = 0.0185, 0.032
"""Diffusion of an electron over 1 cm of drift, across it and along it [cm]; grows with the root."""

SPREAD = 0.196
"""Width of the charge induced by an electron: the pad response is erf(x / SPREAD) [cm]."""

POLYA = 1.5
"""Shape of the avalanche's law, a gamma law of shape ``1 + POLYA``."""

SHAPING = 190.0 / 2.35482 / 100.0
"""Standard deviation of the shaped pulse [buckets]: 190 ns full width at half maximum."""

CLUSTERS = 18.0
"""Primary clusters of a minimum-ionising particle in 1 cm.  Chosen on MPD's public responses, for
its fluctuations; published are 25.3 (argon 25, methane 28: Particle Data Group, gaseous
detectors)."""

SCALE = 3.1
"""Amplitude at the peak of the mean electron's pulse [ADC]; from the median of MPD's sums."""

THRESHOLD = 0.9
"""Amplitudes below it are not read out [ADC]: the least of MPD's responses."""

SIZES = np.array(
    [
        *(0.63403, 0.19005, 0.07334, 0.03335, 0.017906, 0.010391, 0.0066257, 0.0046042),
        *(0.0034062, 0.0025641, 0.0020853, 0.001613, 0.0012888, 0.0010765, 0.00094932),
        *(0.00087466, 0.00079435, 0.00072317, 0.00062637, 0.00053044),
    ]
)
"""Shares of clusters of 1 to 20 electrons; shape ``(20,)``."""

TAIL = 0.216
"""Share of clusters of n > 20 electrons, times the square of n."""

PION = MASSES[211] / 1000
"""Mass of a pion [GeV]."""

_MOST_ELECTRONS = 15_000
_BLOCK = 256
_REACH = 3.0
_SHIFTS = 4
_PADS, _BUCKETS = 8, 16
_FIRST_PAD, _FIRST_BUCKET = 4, 8


class Ionisation(NamedTuple):
    """What is chosen about a chamber.

    Attributes:
        clusters: of a minimum-ionising particle in 1 cm.
        scale: amplitude of the mean electron's pulse [ADC].
        threshold: amplitudes below it are not read out [ADC].
    """

    clusters: float = CLUSTERS
    scale: float = SCALE
    threshold: float = THRESHOLD


CHOSEN = Ionisation()


def pad_responses(
    conditions: Mapping[str, Floats], keys: Keys, ionisation: Ionisation = CHOSEN
) -> Floats32:
    """Amplitudes in the window, shape ``(n, 8, 16)`` [ADC].

    Args:
        conditions: of `lamarr_like.responses.detectors.tpc_pads.TPC_PADS`, shapes ``(n,)``.
        keys: of the random numbers of each, shape ``(n,)``.
        ionisation: what is chosen.
    """
    n = len(keys)
    found = np.zeros((n, _PADS, _BUCKETS), np.float32)
    # Blocks fit into the cache: half the time.
    for first in range(0, n, _BLOCK):
        rows = slice(first, first + _BLOCK)
        part = {name: values[rows] for name, values in conditions.items()}
        height = row_heights(part["row"])
        made = electrons(part, keys[rows], height, ionisation.clusters)
        found[rows] = shaped(induced(made, height, (_PADS, _BUCKETS)), ionisation)
    return found


def row_heights(row: Floats) -> Floats:
    """Height of the pads of some rows, the shape of `row` [cm]."""
    return np.where(row >= INNER_ROWS, HEIGHTS[1], HEIGHTS[0])


def cluster_density(momentum: Floats, clusters: float = CLUSTERS) -> Floats:
    """Primary clusters of pions in 1 cm, the shape of `momentum`.

    Args:
        momentum: [GeV].
        clusters: of a minimum-ionising particle.
    """
    return np.asarray(clusters * primary_ionisation(momentum / PION) / _LEAST)


_LEAST = float(primary_ionisation(np.linspace(2.5, 4.5, 41)).min())


class Electrons(NamedTuple):
    """Electrons at the pads, shapes ``(m,)``.

    Attributes:
        row: segment, or window, that each is in.
        depth: into the row, from its middle [cm].
        pad, time: place along the row and time in cells of the window, whose first begins at 0.
        charge: in units of the mean electron's.
    """

    row: Ints
    depth: Floats
    pad: Floats
    time: Floats
    charge: Floats


def induced(made: Electrons, height: Floats, shape: tuple[int, int]) -> Floats:
    """Charge that is induced in each cell, before shaping, shape ``(n, pads, buckets)``.

    Args:
        made: electrons of windows.
        height: of the row of each window, shape ``(n,)`` [cm].
        shape: pads and buckets of a window.
    """
    (pads, buckets), row = shape, made.row
    half = 0.5 * height[row]
    inside = erf((half - made.depth) / SPREAD) + erf((half + made.depth) / SPREAD)
    charge = 0.25 * made.charge * inside
    pad, bucket = np.floor(made.pad), np.floor(made.time).astype(np.int64)
    edge = [erf((k - (made.pad - pad)) * (PAD / SPREAD)) for k in (-1, 0, 1, 2)]
    size = len(height) * pads * buckets
    found = np.zeros(size)
    for k in range(3):
        a = pad.astype(np.int64) + (k - 1)
        kept = (a >= 0) & (a < pads) & (bucket >= 0) & (bucket < buckets)
        cell = ((row * pads + a) * buckets + bucket)[kept]
        weights = (charge * (edge[k + 1] - edge[k]))[kept]
        found += np.bincount(cell, weights=weights, minlength=size)
    return found.reshape(len(height), pads, buckets)


def electrons(
    conditions: Mapping[str, Floats],
    keys: Keys,
    height: Floats,
    density: float,
    transport: Keys | None = None,
    *,
    across: bool = True,
) -> Electrons:
    """Electrons of segments, each with random numbers from a key of its own.

    Args:
        conditions: of segments, shapes ``(n,)``, as for `pad_responses`.
        keys: of the random numbers of each segment, shape ``(n,)``.
        height: of its row, shape ``(n,)`` [cm].
        density: primary clusters of a minimum-ionising particle in 1 cm.
        transport: keys of what happens across the drift and in the avalanche, shape ``(n,)``, where
            that is drawn anew for the same ionisation.
        across: whether they diffuse across the drift.
    """
    crossing, dip = np.radians(conditions["crossing"]), np.radians(conditions["dip"])
    spread = np.sqrt(conditions["drift"] * BUCKET)
    reach = 0.5 * height + _REACH * np.hypot(SPREAD, ACROSS * spread)
    path = 2 * reach / (np.cos(crossing) * np.cos(dip))
    mean = path * cluster_density(conditions["pt"] / np.cos(dip), density)
    u = unit(mix(keys))
    row, cluster = _expand(_poisson(mean, u))
    with np.errstate(over="ignore"):
        of_cluster = mix(keys[row] + (cluster + 1).astype(np.uint64) * GOLDEN)
    u = key_uniforms(of_cluster, 2)
    y = reach[row] * (2 * u[:, 0] - 1)
    parent, member = _expand(1 + np.searchsorted(_CUMULATED, u[:, 1]))
    with np.errstate(over="ignore"):
        of_electron = mix(of_cluster[parent] + (member + 3).astype(np.uint64) * GOLDEN)
    u, row, y = key_uniforms(of_electron, 6), row[parent], y[parent]
    if transport is not None:
        along, u = u[:, 1], key_uniforms(mix(of_electron ^ transport[row]), 6)
        u[:, 1] = along
    normal = ndtri(u[:, :4])
    away = spread[row]
    aside = ACROSS * away if across else np.zeros(len(row))
    along_row = y * np.tan(crossing)[row] + aside * normal[:, 0]
    # A track that goes outwards to its own end of the chamber comes nearer to the pads there.
    along_drift = ALONG * away * normal[:, 1] - y * (np.tan(dip) / np.cos(crossing))[row]
    # A gamma law of shape 5/2 is two exponential laws and half the square of a normal one.
    charge = (0.5 * normal[:, 3] ** 2 - np.log(u[:, 4] * u[:, 5])) / (1 + POLYA)
    pad, drift = conditions["pad"], conditions["drift"]
    return Electrons(
        row,
        y + aside * normal[:, 2],
        (pad - np.floor(pad) + (_FIRST_PAD + 0.5))[row] + along_row / PAD,
        (drift - np.floor(drift) + (_FIRST_BUCKET + 0.5))[row] + along_drift / BUCKET,
        charge,
    )


def _expand(counts: Ints) -> tuple[Ints, Ints]:
    """For so many members of each: whose they are, and their numbers within it."""
    owner = np.repeat(np.arange(len(counts)), counts)
    return owner, np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)


def _poisson(mean: Floats, u: Floats) -> Ints:
    """Whole numbers of Poisson's law, one for each uniform number, by its inverse."""
    found = np.zeros(len(mean), np.int64)
    high = np.ceil(mean + 10 * np.sqrt(mean) + 20).astype(np.int64)
    low = np.full(len(mean), -1, np.int64)
    while True:
        wide = high - low > 1
        if not wide.any():
            break
        middle = (low + high) // 2
        enough = pdtr(middle, mean) >= u
        high, low = np.where(wide & enough, middle, high), np.where(wide & ~enough, middle, low)
    found[:] = high
    return found


def shaped(charges: Floats, ionisation: Ionisation = CHOSEN) -> Floats:
    """Pulses of the charges, sampled once a bucket, with the threshold.

    Args:
        charges: of the cells, shape ``(n, pads, buckets)`` [charge of the mean electron].
        ionisation: what is chosen.
    """
    found, buckets = np.zeros_like(charges), charges.shape[2]
    for k in range(-_SHIFTS, _SHIFTS + 1):
        weight = ionisation.scale * np.exp(-0.5 * (k / SHAPING) ** 2)
        if k >= 0:
            found[:, :, k:] += weight * charges[:, :, : buckets - k]
        else:
            found[:, :, :k] += weight * charges[:, :, -k:]
    found[found < ionisation.threshold] = 0.0
    return found


def _cumulated() -> Floats:
    """Cumulated law of the sizes: the table, then the inverse square."""
    share = TAIL / np.arange(1.0, _MOST_ELECTRONS + 1) ** 2
    share[: len(SIZES)] = SIZES
    found: Floats = np.cumsum(share / share.sum())
    return found


_CUMULATED = _cumulated()
