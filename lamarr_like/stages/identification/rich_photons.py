"""What photons add to the likelihoods of the RICH: the five differences in other words.

The likelihood of a hypothesis h is that of Poisson counts (R. Forty, NIM A384 (1996) 167)::

    L_h = -N_h + g_h,    g_h = sum over photons of log(1 + signal_h / background) >= 0

with the photons N_h that it expects, which momentum and direction of the track tell.  RichDLL are
``L_h - L_pi``; that of "below threshold", which expects and gains nothing, is ``-L_pi``.
So the gains g follow from the differences and N, and they are what has a simple law: none without
a photon, exactly nothing below threshold, nearly those of another hypothesis where its ring lies on
the same photons.  A model draws, in the chain of hypotheses whose rings are next to each other,
what the gain of each has over the share of the other's that the overlap of the rings lets it have.

Where all differences are exactly none, the track was in no radiator, though photons may have been
expected of it: it ended before the second, and has no ring in the first.  `ABSENT` stands for that.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...arrays import Columns, Floats, Mask
from ...events import EventBatch
from ...physics import particles
from .. import features
from ..geometry import T3_Z


class Light(NamedTuple):
    """What the likelihood believes of one radiator.

    Attributes:
        n: refractive index.
        photons: of a saturated track (LHCb's simulation, EPJC 73 (2013) 2431).
        width: error of the angle of a photon that it reckons with [rad].
        z: plane at which the place of a track in the gas is taken [mm].
        inner: angles to the beam from which a ring is seen in part, and whole [rad].
        outer: slopes in x and y at which the last of a ring is lost.
        rim: part of these over which it is lost.
        blind: type of track that is not in this radiator.
    """

    n: float
    photons: float
    width: float
    z: float
    inner: tuple[float, float]
    outer: tuple[float, float]
    rim: float
    blind: str


LIGHT = {
    "c4f10": Light(
        *(1.0014, 28.3, 0.95e-3, 1501.0, (0.025, 0.060), (0.360, 0.300), 0.1, "downstream")
    ),
    "cf4": Light(
        *(1.0005, 22.7, 0.34e-3, 10701.0, (0.015, 0.025), (0.150, 0.125), 0.096, "upstream")
    ),
}
"""Equal to the detailed simulation's (``tests/stages/test_geometry.py``)."""

MASSES = {particles.SPECIES_NAMES[pdg].lower(): m for pdg, m in particles.MASSES.items()}
NEXT = {"mu": "pi", "e": "mu", "k": "pi", "p": "k"}
"""The hypothesis whose ring is next to that of another, in the order in which gains are drawn."""
OUTPUTS = tuple(f"gain_{name}" for name in ("pi", *NEXT))
"""What a model draws: the gain of the pion, and of others what they have over `NEXT`'s."""
_DLL = {name: f"rich_dll_{name}" for name in NEXT}

LEAST_OVERLAP = 0.05
"""Overlap of two rings below which they share nothing."""
NOTHING = 2e-3
"""A gain below this is none: differences are stored as float32, and places of tracks are known."""

ABSENT = -1.0
"""Gain of each hypothesis of a track that is in no radiator; others have exactly this of none."""


class Expected(NamedTuple):
    """Photons of each hypothesis, and overlaps, by name; arrays of shape ``(n,)``.

    Attributes:
        photons: that a hypothesis expects in both radiators together.
        overlap: of the ring of a hypothesis with that of `NEXT`, 0 to 1.
        seen: share of a ring that is seen, by radiator.
        light: photons that the true particle is expected to leave, by radiator.
    """

    photons: Columns
    overlap: Columns
    seen: Columns
    light: Columns

    @property
    def conditions(self) -> Columns:
        """As conditions of a model: the error of a count is about constant for its root."""
        roots = {f"photons_{name}": np.sqrt(n) for name, n in self.photons.items()}
        roots |= {f"light_{radiator}": np.sqrt(n) for radiator, n in self.light.items()}
        seen = {f"seen_{radiator}": share for radiator, share in self.seen.items()}
        return roots | seen | {f"overlap_{name}": share for name, share in self.overlap.items()}


def expected(batch: EventBatch, rows: Mask, truth: Columns) -> Expected:
    """What the likelihood expects of tracks.

    Args:
        batch: events with reconstructed tracks.
        rows: tracks asked for, ``m`` of them.
        truth: of the particles behind them, see `features.truth`, shapes ``(m,)``.
    """
    track = batch.track
    particle = features.linked_rows(batch, rows)
    vx, vy = (batch.particle[f"mc_v{a}"][particle].astype(np.float64) for a in "xy")
    p = track["p"][rows].astype(np.float64)
    flags = features.track_flags(track["track_type"][rows])
    # Of each radiator and hypothesis: share of the light of a saturated track, and photons seen.
    yields: dict[tuple[str, str], Floats] = {}
    counts: dict[tuple[str, str], Floats] = {}
    seen: Columns = {}
    photons: Columns = {}
    mass_of = true_mass(truth)
    for radiator, light in LIGHT.items():
        y = vy + truth["ty"] * (light.z - truth["vz"])
        x = vx + truth["tx"] * (light.z - truth["vz"])
        if light.z > T3_Z:
            x = truth["t3_x"] + truth["tx_after"] * (light.z - T3_Z)
        share = _seen(light, x / light.z, y / light.z) * (1.0 - flags[f"is_{light.blind}"])
        for name, mass in MASSES.items():
            yields[radiator, name] = saturation(p, mass, light.n)
            counts[radiator, name] = light.photons * share * yields[radiator, name]
        seen[radiator] = share
        true = saturation(10.0 ** truth["log_p"], mass_of, light.n)
        photons[radiator] = light.photons * share * true
    total = {name: counts["c4f10", name] + counts["cf4", name] for name in MASSES}
    rings = {key: np.sqrt(share) for key, share in yields.items()}
    shared = {name: _overlap(name, other, rings, counts) for name, other in NEXT.items()}
    return Expected(total, shared, seen, photons)


def true_mass(flags: Columns) -> Floats:
    """Mass [MeV] by the flags of species, ``is_pi`` and so on; 0 for others; shapes ``(n,)``."""
    mass = np.zeros(len(flags["is_pi"]))
    for name, value in MASSES.items():
        mass = mass + flags[f"is_{name}"] * value
    return mass


def saturation(p: Floats, mass: Floats | float, index: float) -> Floats:
    """sin^2 of the Cherenkov angle over its value at beta = 1; 0 below threshold.

    It is also the yield of photons in units of that of a saturated track (Frank and Tamm).

    Args:
        p: momentum [MeV], shape ``(n,)``.
        mass: mass [MeV].
        index: refractive index.
    """
    # sin^2 = 1 - (1 + m^2 / p^2) / n^2, at saturation 1 - 1 / n^2.
    fraction = 1.0 - (mass / np.maximum(p, 1.0)) ** 2 / (index * index - 1.0)
    return np.maximum(fraction, 0.0)


def _seen(light: Light, x: Floats, y: Floats) -> Floats:
    """Share of a ring that the photon detectors see, by the direction of the place of its track."""
    whole = light.inner[1] - light.inner[0]
    share = np.clip((np.hypot(x, y) - light.inner[0]) / whole, 0.0, 1.0)
    for place, outer in ((x, light.outer[0]), (y, light.outer[1])):
        share = share * np.clip((outer - np.abs(place)) / (light.rim * outer), 0.0, 1.0)
    return share


def _overlap(
    name: str,
    other: str,
    rings: dict[tuple[str, str], Floats],
    counts: dict[tuple[str, str], Floats],
) -> Floats:
    """Of the photons of one hypothesis, the share that lies on the ring of another as well."""
    shared, whole = (np.zeros(len(next(iter(rings.values())))) for _ in range(2))
    for radiator, light in LIGHT.items():
        apart = rings[radiator, name] - rings[radiator, other]
        apart = np.arccos(1.0 / light.n) / light.width * apart
        lies_on = np.exp(-0.25 * np.minimum(apart**2, 200.0)) * (counts[radiator, name] > 0.0)
        shared += counts[radiator, other] * lies_on
        whole += counts[radiator, other]
    share = shared / np.maximum(whole, 1e-9)
    return np.where(share < LEAST_OVERLAP, 0.0, share)


def gains(differences: Columns, known: Expected) -> Columns:
    """What a model learns.

    Args:
        differences: the five RichDLL by their names, shapes ``(n,)``.
        known: what is expected of the same tracks.

    Returns:
        `OUTPUTS`, shapes ``(n,)``.
    """
    below = differences["rich_dll_bt"].astype(np.float64)
    gain = {"pi": _or_nothing(known.photons["pi"] - below)}
    for name, column in _DLL.items():
        gain[name] = _or_nothing(differences[column] - below + known.photons[name])
    own = {n: gain[n] - known.overlap[n] * gain[other] for n, other in NEXT.items()}
    absent = np.all([differences[c] == 0.0 for c in ("rich_dll_bt", *_DLL.values())], axis=0)
    learnt = {"pi": gain["pi"]} | own
    return {f"gain_{name}": np.where(absent, ABSENT, values) for name, values in learnt.items()}


def _or_nothing(gain: Floats) -> Floats:
    return np.where(np.abs(gain) < NOTHING, 0.0, gain)


def differences(drawn: Columns, known: Expected) -> Columns:
    """Inverse of `gains`: RichDLL, those of hypotheses below threshold exactly equal."""
    gain = {"pi": np.asarray(drawn["gain_pi"])}
    for name, other in NEXT.items():
        gain[name] = drawn[f"gain_{name}"] + known.overlap[name] * gain[other]
    below = known.photons["pi"] - gain["pi"]
    found = {"rich_dll_bt": below}
    for name, column in _DLL.items():
        found[column] = (gain[name] - known.photons[name]) + below
    absent = np.all([drawn[name] == ABSENT for name in OUTPUTS], axis=0)
    return {column: np.where(absent, 0.0, values) for column, values in found.items()}
