"""Muon identification: acceptance and decision of the muon stations, then their likelihoods."""

from __future__ import annotations

import numpy as np

from ... import schema
from ...arrays import Columns, Mask
from ...events import EventBatch
from ...physics import particles
from .. import features
from ..geometry import ECAL_Z, MUON_INNER, MUON_STATION_Z
from ..recipe import recipe
from ..stage import AbstractClassifierStage, AbstractGeneratorStage, keys, typed
from . import conditions as pid_conditions
from . import neighbours

MIN_MOMENTUM = 3000.0
"""Softest track [MeV] that can be a muon: below it none gets through the calorimeters."""
STEPS = (6000.0, 10000.0)
"""Momenta [MeV] above which one, and above which both, of M4 and M5 must have hits (JINST 8 (2013)
P10020)."""
_NEAR = 250.0
"""Half width [mm], at the ECAL, of the square in which other muons are looked for."""
_FIELDS = (40.0, 160.0)
"""Half widths [mm], at the ECAL, of the squares in which muons and what may become one are looked
for, in R1; twice as wide from region to region, as the pads are."""
_REACHES = 4000.0
"""Least energy [MeV] of a hadron whose muon gets through the calorimeters to M3."""

_REQUIRES = pid_conditions.REQUIRES | neighbours.REQUIRES
_HADRON, _MUON = (neighbours.KINDS.index(name) for name in ("hadron", "muon"))
_UPSTREAM = schema.TRACK_TYPES["upstream"]


def _conditions(batch: EventBatch, rows: Mask) -> Columns:
    """Track, truth, place at the stations as seen from the origin, and who makes hits beside it.

    Other particles' hits make a track a muon: those of muons, and those of pions and kaons that
    decay on their way.  Nobody knows which do, but how many of those about a track are expected to.
    """
    out = pid_conditions.track_and_truth(batch, rows)
    for station, z in MUON_STATION_Z.items():
        x, y = pid_conditions.behind_magnet(out, z)
        out[f"x_{station}"], out[f"y_{station}"] = x / z, y / z
    size = np.maximum(np.abs(out["x_m2"]) / MUON_INNER[0], np.abs(out["y_m2"]) / MUON_INNER[1])
    out["muon_region"] = np.log2(np.maximum(size * MUON_STATION_Z["m2"], 0.25))
    for step in STEPS:
        out[f"above_{step / 1e3:.0f}_gev"] = (10.0 ** out["log_p"] >= step) * 1.0
    there, own = neighbours.arriving(batch, ("muon",)), features.linked_rows(batch, rows)
    event = batch.track.event_index[rows]
    x, y = (batch.particle[c][own].astype(np.float64) for c in ("mc_ecal_x", "mc_ecal_y"))
    near = neighbours.near_energy(there, event, own, x, y, np.full(len(x), _NEAR))
    out["near_muon"] = np.log1p(near[:, _MUON])
    sources = _sources(batch)
    scale = 2.0 ** np.clip(out["muon_region"], 0.0, 3.0)
    for half in _FIELDS:
        near = neighbours.near_energy(sources, event, own, x, y, half * scale)
        out[f"near_decays_{half:.0f}"] = near[:, _HADRON]
        out[f"near_muon_{half:.0f}"] = np.log1p(near[:, _MUON])
    return out


def _sources(batch: EventBatch) -> neighbours.Arriving:
    """Muons, and hadrons with the probability in place of the energy that they become one."""
    there = neighbours.arriving(batch, ("hadron", "muon"))
    able = (there.kind == _MUON) | (there.energy > _REACHES)
    there = neighbours.Arriving._make(column[able] for column in there)
    pdg = np.abs(batch.particle["mc_pdg_id"][there.row])
    path = ECAL_Z - batch.particle["mc_vz"][there.row]
    lengths = np.zeros(len(path))
    for hadron, ctau in particles.LIFETIME_LENGTH.items():
        lengths[pdg == hadron] = particles.MASSES[hadron] / ctau
    decays = -np.expm1(-lengths * path / there.energy)
    return there._replace(energy=np.where(there.kind == _MUON, there.energy, decays))


class MuonId(AbstractClassifierStage):
    """Draws whether a track points to the muon stations and whether they call it a muon."""

    name = "muon_id"
    table = "track"
    requires = _REQUIRES
    provides = keys("track", "in_muon", "is_muon")
    target_columns = provides
    told_by = features.DECAYS
    target = "muon_class"
    classes = ("outside", "inside", "is_muon")
    recipes = (recipe("booster", trees=150, depth=5, learning_rate=0.15),)

    @classmethod
    def rows(cls, batch: EventBatch) -> Mask:
        """Tracks of generated particles with a T segment; others point nowhere."""
        result: Mask = features.from_truth(batch) & (batch.track["track_type"] != _UPSTREAM)
        return result

    @classmethod
    def conditions(cls, batch: EventBatch, rows: Mask) -> Columns:
        """Track, true species, decay in flight, place at the stations."""
        return _conditions(batch, rows)

    @classmethod
    def targets(cls, batch: EventBatch, rows: Mask) -> Columns:
        """Position in `classes`."""
        track = batch.track
        inside = track["in_muon"][rows].astype(np.int64)
        return {cls.target: np.where(track["is_muon"][rows], 2, inside)}

    def __call__(self, batch: EventBatch, seed: int, is_gun: bool = False) -> EventBatch:
        """Add ``in_muon`` and ``is_muon``."""
        rows = self.rows(batch)
        drawn = np.zeros(len(rows), np.int64)
        drawn[rows] = self._draw(batch, rows, "mcparticle_id", seed)
        # The momentum threshold is exact; trees would let a few tracks through.
        muon = (drawn == 2) & (batch.track["p"] >= MIN_MOMENTUM)
        columns = {"in_muon": drawn > 0, "is_muon": muon}
        return batch.with_columns("track", **typed("track", columns))


class MuonLikelihood(AbstractGeneratorStage):
    """Draws the likelihoods of the muon hits of tracks with ``is_muon``; zero for all others."""

    name = "muon_likelihood"
    table = "track"
    requires = _REQUIRES | keys("track", "is_muon")
    provides = keys("track", "muon_mu_ll", "muon_bg_ll")
    target_columns = provides
    told_by = features.DECAYS
    outputs = ("muon_mu_ll", "muon_bg_ll")
    # Numbers of hits enter the likelihoods: many narrow ridges, one or two to a component.
    recipes = (recipe("armdn", components=16, steps=16_000, weight_decay=0.02),)

    @classmethod
    def rows(cls, batch: EventBatch) -> Mask:
        """Tracks of generated particles that the stations call muons."""
        result: Mask = features.from_truth(batch) & batch.track["is_muon"].astype(bool)
        return result

    @classmethod
    def conditions(cls, batch: EventBatch, rows: Mask) -> Columns:
        """As for the decision."""
        return _conditions(batch, rows)

    @classmethod
    def targets(cls, batch: EventBatch, rows: Mask) -> Columns:
        """Both likelihoods of the detailed sample."""
        return {name: batch.track[name][rows].astype(np.float64) for name in cls.outputs}

    def __call__(self, batch: EventBatch, seed: int, is_gun: bool = False) -> EventBatch:
        """Add both likelihoods."""
        rows = self.rows(batch)
        drawn = self._draw(batch, rows, "mcparticle_id", seed)
        columns = {name: np.zeros(len(rows)) for name in self.outputs}
        for name, values in columns.items():
            values[rows] = drawn[name]
        return batch.with_columns("track", **typed("track", columns))
