"""Truth from a particle gun: particles of chosen species, momenta and directions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ...arrays import Floats, Ints
from ...errors import SourceError
from ...events import EventBatch, Table
from ...physics.particles import charges, masses
from ...rng import uniforms
from ..options import check_options, parse_choice, parse_count, parse_range
from ..selection import KEPT_STABLE
from ..truth import PARTICLE_COLUMNS, TruthSource, make_batch
from .beam import SIGMA_XY, SIGMA_Z, collision_points

BLOCK = 1000
"""Events made together."""

SPECIES = {
    "e-": 11,
    "e+": -11,
    "mu-": 13,
    "mu+": -13,
    "gamma": 22,
    "pi+": 211,
    "pi-": -211,
    "K+": 321,
    "K-": -321,
    "p": 2212,
    "p+": 2212,
    "p~": -2212,
    "p~-": -2212,
    "anti-p-": -2212,
}
"""Particles by the names of the `particle` package and of EvtGen; PDG numbers are taken, too."""

PARTICLE_OPTIONS = {
    "p": "momentum in GeV, a range or a number (2-100)",
    "pt": "transverse momentum in GeV instead of p",
    "spectrum": "log or flat, how momenta fill the range (log)",
    "eta": "pseudorapidity, a range or a number (1.9-5.1)",
    "phi": "azimuth in rad, a range or a number (-3.14159 to 3.14159)",
    "n": "particles per event (1)",
}
"""Options that say what a gun shoots."""

ORIGIN_OPTIONS = {
    "x": "x of the origin in mm, a range or a number (luminous region)",
    "y": "y of the origin in mm, a range or a number (luminous region)",
    "z": "z of the origin in mm, a range or a number (luminous region)",
    "sigma_xy": f"width of the luminous region in mm ({SIGMA_XY})",
    "sigma_z": f"length of the luminous region in mm ({SIGMA_Z:g})",
}
"""Options that say where a gun without a collision around it stands."""

OPTIONS = {**PARTICLE_OPTIONS, **ORIGIN_OPTIONS}
"""Options of a gun and their meaning."""

_DEFAULTS = {"p": (2.0, 100.0), "eta": (1.9, 5.1), "phi": (-np.pi, np.pi)}
_MAX_PARTICLES = 100_000


class Gun:
    """What a particle gun shoots, without where it stands.

    Args:
        name: the gun as its user wrote it.
        species: a name of `SPECIES`, a PDG number, or several with commas between them, among
            which each particle is drawn with equal chances.
        options: see `PARTICLE_OPTIONS`; others are not looked at.

    Raises:
        SourceError: for unknown species and values out of range.
    """

    def __init__(self, name: str, species: str, options: Mapping[str, str]) -> None:
        if "p" in options and "pt" in options:
            raise SourceError(f"{name}: give p or pt, not both")
        self.species = np.array([_pdg_id(name, word) for word in species.split(",")])
        spectrum = options.get("spectrum", "log")
        self.is_log = parse_choice(name, "spectrum", spectrum, ("log", "flat")) == "log"
        self.ranges = {**_DEFAULTS, **_ranges(name, options, ("p", "pt", "eta", "phi"))}
        for key in ("p", "pt"):
            if key in options and self.ranges[key][0] <= 0:
                raise SourceError(f"{name}: {key}={options[key]} must be above 0 GeV")
        if self.ranges["eta"][0] < -12 or self.ranges["eta"][1] > 12:
            raise SourceError(f"{name}: eta={options['eta']} is beyond +-12")
        self.n_particles = parse_count(
            name, "n", options.get("n", "1"), _MAX_PARTICLES, "particles"
        )

    def shoot(
        self,
        seed: int,
        stage: str,
        event_id: Ints,
        index: Ints,
        point: Floats,
    ) -> dict[str, np.ndarray]:
        """Draw one particle a row; the columns of the particle table without ``mc_pv_id``.

        Args:
            seed: seed of the run.
            stage: name of the stream of random numbers.
            event_id: event of each particle, shape ``(n,)``.
            index: position of each among the gun's particles of its event, shape ``(n,)``.
            point: x, y, z [mm] and t [ns] of its origin, shape ``(n, 4)``.
        """
        u = uniforms(seed, stage, event_id, index, 4)
        pdg_id = self.species[(u[:, 0] * len(self.species)).astype(np.int64)]
        eta = _between(self.ranges["eta"], u[:, 2])
        phi = _between(self.ranges["phi"], u[:, 3])
        if "pt" in self.ranges:
            pt = self._momentum("pt", u[:, 1])
        else:
            pt = self._momentum("p", u[:, 1]) / np.cosh(eta)
        px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
        x, y, z, t = point.T
        return {
            "mcparticle_id": index,
            "mc_pdg_id": pdg_id,
            "mc_status": np.ones(len(u)),
            "mc_stable": np.ones(len(u)),
            "mc_px": px,
            "mc_py": py,
            "mc_pz": pz,
            "mc_energy": np.sqrt(px**2 + py**2 + pz**2 + masses(pdg_id) ** 2),
            "mc_vx": x,
            "mc_vy": y,
            "mc_vz": z,
            "mc_vt": t,
            "mc_mother_id": np.full(len(u), -1),
            "mc_charge": charges(pdg_id),
        }

    def _momentum(self, key: str, u: Floats) -> Floats:
        low, high = self.ranges[key]
        value = low * (high / low) ** u if self.is_log else low + (high - low) * u
        return value * 1e3


class GunSource(TruthSource):
    """Events of single particles, each from a point of the luminous region.

    Args:
        name: the source as its user wrote it.
        species: see `Gun`.
        n_events: how many events to give.
        seed: seed of the run.
        options: see `OPTIONS`.
        skip_bad: of no account: no event of a gun is broken.

    Raises:
        SourceError: for unknown species, unknown options and values out of range.
    """

    is_gun = True
    is_generated = True

    def __init__(
        self,
        name: str,
        species: str,
        n_events: int | None,
        seed: int,
        options: Mapping[str, str],
        skip_bad: bool = False,
    ) -> None:
        super().__init__(name, n_events)
        check_options(name, options, OPTIONS)
        if n_events is None:
            raise SourceError(f"{name}: a gun has no end; say how many events you want (-n)")
        self.seed = seed
        self.gun = Gun(name, species, options)
        self.origin = _ranges(name, options, tuple(ORIGIN_OPTIONS))

    def batches(self) -> Iterator[EventBatch]:
        """The events, `BLOCK` at a time."""
        assert self.n_events is not None
        return self.numbered(self.start, self.start + self.n_events)

    def numbered(self, first: int, stop: int) -> Iterator[EventBatch]:
        """Just the events from `first` to before `stop`."""
        for start in range(first, stop, BLOCK):
            yield self._batch(np.arange(start, min(start + BLOCK, stop), dtype=np.int64))

    def _batch(self, ids: Ints) -> EventBatch:
        n = self.gun.n_particles
        point = self._origins(ids)
        event, index = np.repeat(ids, n), np.tile(np.arange(n), len(ids))
        particle = self.gun.shoot(self.seed, "gun", event, index, np.repeat(point, n, axis=0))
        particle["mc_pv_id"] = np.zeros(len(event))
        ordered = {name: particle[name] for name in PARTICLE_COLUMNS}
        columns = dict(zip(("mc_x", "mc_y", "mc_z", "mc_t"), point.T, strict=True))
        one = np.ones(len(ids), dtype=np.int64)
        vertex = Table.from_counts({"mc_pv_id": np.zeros(len(ids)), **columns}, one)
        return make_batch(ids, np.ones(len(ids)), vertex, Table.from_counts(ordered, n * one))

    def _origins(self, ids: Ints) -> Floats:
        """Points of origin x, y, z, t, shape ``(n_events, 4)``."""
        widths = [
            self.origin.get(k, (d, d))[0] for k, d in (("sigma_xy", SIGMA_XY), ("sigma_z", SIGMA_Z))
        ]
        point = collision_points(self.seed, ids, np.zeros(len(ids), dtype=np.int64), *widths)
        u = uniforms(self.seed, "gun_origin", ids, 0, 3)
        for axis, key in enumerate(("x", "y", "z")):
            if key in self.origin:
                point[:, axis] = _between(self.origin[key], u[:, axis])
        return point


def _ranges(
    name: str, options: Mapping[str, str], keys: tuple[str, ...]
) -> dict[str, tuple[float, float]]:
    """Those of the options that are given, as ranges."""
    return {key: parse_range(name, key, options[key]) for key in keys if key in options}


def _pdg_id(name: str, word: str) -> int:
    pdg_id = SPECIES.get(word, 0)
    digits = word[1:] if word[:1] in ("+", "-") else word
    if not pdg_id and digits.isascii() and digits.isdecimal() and len(digits) < 20:
        pdg_id = int(word)
    if abs(pdg_id) not in KEPT_STABLE or pdg_id == -22:
        raise SourceError(
            f"{name[:200]}: no gun for {word[:60]!r}; it can be {', '.join(SPECIES)} or their "
            "PDG numbers; particles that decay come from decay:, as in 'decay:K(S)0 -> pi+ pi-'"
        )
    return pdg_id


def _between(limits: tuple[float, float], u: Floats) -> Floats:
    return limits[0] + (limits[1] - limits[0]) * u
