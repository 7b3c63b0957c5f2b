"""Showers of photons and electrons by a generator or by Geant4, in place of the parametrisation.

As AtlFast3 does (ATLAS Collaboration, arXiv:2109.02551), each particle is routed by its species,
energy and place.  The showers are those of `lamarr_like.responses.detectors.ecal_shower`: a
calorimeter like ours without the lead in front, in cells of 20 mm.  A cell of ours is a multiple of
20.2 mm, so that the window is stretched by 1 % and none of its cells is cut.  How much of a shower
is left in the lead, in the preshower and behind the calorimeter is drawn as ever; what is in the
ECAL has the shape and the fluctuations of the shower that was made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ... import rng
from ...arrays import Columns, Floats, Ints, Keys, Mask
from ...errors import PipelineError
from ...files.forms import Items, Number, Record, Text, check, check_version
from ...files.yaml_json import read_yaml
from ...responses.detectors import ecal_shower
from ...responses.hits import Hits, hits_of
from ...responses.model import load
from ...system.extras import need
from ...system.silence import silent
from ..arrivals import Arrivals
from ..matter import ELECTRON, PHOTON
from ..parameters import Parameters
from . import cells as layout
from .response import Given

PARAMETRISATION, GEANT4 = "parametrisation", "geant4"
SPECIES = {"photon": PHOTON, "electron": ELECTRON}
REGIONS = ("outer", "middle", "inner")
RULES_SCHEMA = 1

STEP = 20.2
"""Pitch that all cells of the ECAL are multiples of [mm]."""

SLOPE = 0.3
"""Largest slope of a particle along x or y that generators were trained on."""

_AT_ONCE = 2048
_GEV = 1e3


class Rule(NamedTuple):
    """Which particles are simulated by what.

    Attributes:
        by: `PARAMETRISATION`, `GEANT4` or a model.
        species: codes of `SPECIES`.
        low, high: energies [MeV], the upper one outside.
        regions: of the cell that it points at: numbers of `REGIONS`, and -1 for none.
    """

    by: str
    species: tuple[int, ...] = tuple(SPECIES.values())
    low: float = 0.0
    high: float = np.inf
    regions: tuple[int, ...] = (-1, 0, 1, 2)


Draw = Callable[[Columns, Keys], Hits]
"""Hits of particles with some conditions and keys."""


@dataclass(frozen=True)
class Showers:
    """Routes particles by rules.

    Args:
        rules: the first one that fits counts; without one it is the parametrisation.
        models: folder of the user's own models, searched first.
        counts: particles by what simulated them, in this process so far.
    """

    rules: tuple[Rule, ...] = ()
    models: Path | None = None
    counts: Counter[str] = field(default_factory=Counter, compare=False)
    _draws: dict[str, Draw] = field(default_factory=dict, compare=False, repr=False)

    def __call__(self, arrived: Arrivals, event_id: Ints, seed: int, par: Parameters) -> Given:
        """Showers of those arrivals of a batch that a rule gives to a generator or Geant4.

        Args:
            arrived: particles at the SPD, in order of event.
            event_id: identifier of each event, shape ``(n_events,)``.
            seed: seed of the run; a shower depends on it, its event and its number there only.
            par: parameters.
        """
        n = len(arrived.event)
        if not self.rules:
            return Given(np.zeros(n + 1, np.int64), np.zeros(0, np.int64), np.zeros(0))
        cells = layout.ecal(par)
        lever = par.calo_face_z - par.spd_z
        x, y = arrived.x + arrived.tx * lever, arrived.y + arrived.ty * lever
        route = self._routes(arrived, _region(x, y, cells))
        # A shower begins in the lead in front: as if the calorimeter began so much earlier.
        early = par.calo_lead_x0 * par.calo_x0_mm
        x, y = x - arrived.tx * early, y - arrived.ty * early
        keys = rng.stream_keys(seed, "detailed/showers", event_id[arrived.event], arrived.number)
        rows, places, shares = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0)]
        for by in sorted({self.rules[r].by for r in np.unique(route) if r >= 0}):
            if by == PARAMETRISATION:
                continue
            mine = np.isin(route, [k for k, rule in enumerate(self.rules) if rule.by == by])
            for part in np.array_split(np.flatnonzero(mine), -(-int(mine.sum()) // _AT_ONCE)):
                row, place, share = self._draw(by, arrived, part, x, y, keys, cells)
                rows.append(part[row])
                places.append(place)
                shares.append(share)
        row, place = np.concatenate(rows), np.concatenate(places)
        order = np.argsort(row, kind="stable")
        first = np.searchsorted(row[order], np.arange(n + 1)).astype(np.int64)
        return Given(first, place[order], np.concatenate(shares)[order])

    def _routes(self, arrived: Arrivals, region: Ints) -> Ints:
        """The rule of each arrival, -1 for none; shape ``(n,)``."""
        em = np.isin(arrived.species, list(SPECIES.values()))
        route = np.full(len(region), -1)
        for k, rule in enumerate(self.rules):
            fits = em & (route < 0) & np.isin(arrived.species, rule.species)
            fits &= (arrived.p >= rule.low) & (arrived.p < rule.high)
            fits &= np.isin(region, rule.regions)
            if rule.by != PARAMETRISATION:
                known = _known(arrived)
                self.counts[f"{PARAMETRISATION}, beyond the range of {rule.by}"] += int(
                    (fits & ~known).sum()
                )
                fits &= known
            self.counts[rule.by] += int(fits.sum())
            route[fits] = k
        return route

    def _draw(
        self,
        by: str,
        arrived: Arrivals,
        part: Ints,
        x: Floats,
        y: Floats,
        keys: Keys,
        cells: layout.Cells,
    ) -> tuple[Ints, Ints, Floats]:
        """Of some arrivals: rows among them, cells of the ECAL, shares; each pair comes once."""
        middle = [STEP * np.rint(at[part] / STEP) for at in (x, y)]
        given = _conditions(arrived, part)
        stretch = STEP / ecal_shower.ECAL_SHOWER.axes[0].pitch
        given["x"], given["y"] = (
            (at[part] - m) / stretch for at, m in zip((x, y), middle, strict=True)
        )
        hits = self._by(by)(given, keys[part])
        centres = [axis.centres * stretch for axis in ecal_shower.ECAL_SHOWER.axes]
        at = [middle[k][hits.row] + centres[k][hits.cell[:, k]] for k in (0, 1)]
        place = _cell(at[0], at[1], cells)
        inside = place >= 0
        flat = hits.row[inside] * len(cells.x) + place[inside]
        pairs, back = np.unique(flat, return_inverse=True)
        visible = np.bincount(back, weights=hits.value[inside], minlength=len(pairs))
        row, cell = np.divmod(pairs, len(cells.x))
        return row, cell, visible / (ecal_shower.VISIBLE * arrived.p[part][row])

    def _by(self, by: str) -> Draw:
        """What draws, loaded once a process."""
        if by not in self._draws:
            if by == GEANT4:
                need("geant4")
                self._draws[by] = _geant4
            else:
                model = load(by, self.models)
                if model.response.shape != ecal_shower.ECAL_SHOWER.shape:
                    raise PipelineError(f"{by} is no generator of {ecal_shower.ECAL_SHOWER.name}")
                self._draws[by] = model.hits
        return self._draws[by]

    def check(self) -> None:
        """Load everything, so that what is missing is told before the first event.

        Raises:
            ArtefactError, PipelineError, MissingExtraError: if something cannot be used.
        """
        for rule in self.rules:
            if rule.by != PARAMETRISATION:
                self._by(rule.by)


NONE = Showers()
"""The parametrisation for all."""


def read_rules(path: Path) -> tuple[Rule, ...]:
    """Rules from a YAML file.

    Raises:
        PipelineError: naming the file and the item that is wrong.
    """
    found, _ = read_yaml(path, PipelineError)
    check_version(found, "schema_version", RULES_SCHEMA, str(path), PipelineError)
    rule = Record(
        {
            "by": Text(most=1000),
            "species": Items(Text(tuple(SPECIES)), least=1, most=2, once=True),
            "energy": Items(Number(0.0, 1e9), least=2, most=2),
            "regions": Items(Text(REGIONS), least=1, most=3, once=True),
        },
        ("by",),
    )
    form = Record(
        {"schema_version": Number(whole=True), "rules": Items(rule, least=1, most=100)},
        ("schema_version", "rules"),
    )
    return tuple(_rule(one) for one in check(found, form, str(path), PipelineError)["rules"])


def _rule(found: dict) -> Rule:  # type: ignore[type-arg]
    low, high = found.get("energy", (0.0, np.inf))
    names: Sequence[str] = found.get("species", tuple(SPECIES))
    regions = found.get("regions")
    return Rule(
        found["by"],
        tuple(SPECIES[name] for name in names),
        _GEV * low,
        _GEV * high,
        (-1, 0, 1, 2) if regions is None else tuple(REGIONS.index(name) for name in regions),
    )


def _known(arrived: Arrivals) -> Mask:
    """Whether a particle is one that generators are declared for, shape ``(n,)``."""
    pz = arrived.p / np.sqrt(1 + arrived.tx**2 + arrived.ty**2)
    known: Mask = (pz >= ecal_shower.ECAL_SHOWER.conditions[3].low) & (arrived.p >= ecal_shower.LOW)
    known &= arrived.p <= ecal_shower.HIGH
    return known & (np.abs(arrived.tx) <= SLOPE) & (np.abs(arrived.ty) <= SLOPE)


def _conditions(arrived: Arrivals, part: Ints) -> Columns:
    """Conditions of `ECAL_SHOWER` but the entry; a positron is an electron."""
    tx, ty = arrived.tx[part], arrived.ty[part]
    pz = arrived.p[part] / np.sqrt(1 + tx**2 + ty**2)
    pdg = np.where(arrived.species[part] == PHOTON, 22.0, 11.0)
    return {"pdg": pdg, "px": pz * tx, "py": pz * ty, "pz": pz}


def _geant4(conditions: Columns, keys: Keys) -> Hits:
    with silent():
        return hits_of(ecal_shower.simulate(conditions, keys))


def _cell(x: Floats, y: Floats, cells: layout.Cells) -> Ints:
    """Number of the cell at each place [mm], -1 in the hole and outside; shape ``(n,)``."""
    found = np.full(len(x), -1, dtype=np.int64)
    for r in range(len(cells.size) - 1, -1, -1):
        half_x, half_y = cells.half[r]
        here = (found < 0) & (np.abs(x) < half_x) & (np.abs(y) < half_y)
        i = ((x[here] + half_x) / cells.size[r]).astype(np.int64)
        j = ((y[here] + half_y) / cells.size[r]).astype(np.int64)
        number = cells.offset[r] + j * cells.n_x[r] + i
        found[here] = np.where(cells.exists[number], number, -2)
    return np.maximum(found, -1)


def _region(x: Floats, y: Floats, cells: layout.Cells) -> Ints:
    """Region of the cell at each place, -1 where there is none; shape ``(n,)``."""
    cell = _cell(x, y, cells)
    return np.where(cell >= 0, cells.region[np.maximum(cell, 0)], -1).astype(np.int64)
