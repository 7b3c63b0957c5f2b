"""Calorimeter identification of tracks and the bremsstrahlung found for them, as one vector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ... import schema
from ...arrays import Columns, Floats, Mask
from ...events import EventBatch
from .. import features, geometry
from ..recipe import recipe
from ..stage import AbstractGeneratorStage, as_stored, keys, typed
from . import conditions as pid_conditions
from . import neighbours

_UPSTREAM, _DOWNSTREAM = (schema.TRACK_TYPES[name] for name in ("upstream", "downstream"))
_DLLS = ("calo_dll_e", "calo_dll_mu")
_REACH = 1.5
"""Half width, in cells, of the square about a point that counts as near: 3x3 cells."""
_EDGE = 200.0
"""Distances to the edges of the ECAL are cut at this [mm]: what is deeper inside is the same."""
_FAR = 1e5

_MUON = ("in_muon", "is_muon", "muon_mu_ll", "muon_bg_ll")
"""What leaves little in the calorimeters reaches the muon stations."""
_LIKELY = 20.0
"""Differences of muon likelihoods are cut at this."""

REQUIRES = pid_conditions.REQUIRES | neighbours.REQUIRES | keys("track", "x", "y", "z", *_MUON)
"""Columns that `conditions` reads."""


def conditions(batch: EventBatch, rows: Mask) -> Columns:
    """Track, truth, muon stations, where track and bremsstrahlung meet the ECAL, what else arrives.

    Bremsstrahlung flies on straight from before the magnet, so it is looked for where the line of
    the track's first state ends.

    Args:
        batch: events with tracks.
        rows: tracks of generated particles, a mask of shape ``(n_tracks,)``.
    """
    out = pid_conditions.track_and_truth(batch, rows)
    own = features.linked_rows(batch, rows)
    particle = batch.particle
    out |= {c: batch.track[c][rows].astype(np.float64) for c in _MUON}
    out |= _as_muon(out)
    x, y = (particle[c][own].astype(np.float64) for c in ("mc_ecal_x", "mc_ecal_y"))
    track = batch.track
    reach = geometry.ECAL_Z - track["z"][rows]
    straight = [np.clip(track[c][rows] + out[f"t{c}"] * reach, -_FAR, _FAR) for c in ("x", "y")]
    out |= {"ecal_x": x, "ecal_y": y, "brem_gap": np.abs(x - straight[0]), **_face(x, y)}
    there, event = neighbours.arriving(batch), track.event_index[rows]
    for name, (at_x, at_y) in (("ecal", (x, y)), ("brem", straight)):
        half = _REACH * neighbours.cell_size(at_x, at_y)
        near = np.log1p(neighbours.near_energy(there, event, own, at_x, at_y, half))
        for k, kind in enumerate(neighbours.KINDS[:2]):
            out[f"{name}_near_{kind}"] = near[:, k]
    return out


def _as_muon(seen: Columns) -> Columns:
    """How much a track looks like a muon to the muon stations, and to the RICH as well.

    Few hadrons pass isMuon, and those that decayed in flight leave what a muon does: a network
    finds this in the difference and the sum, hardly in the likelihoods themselves.
    """
    stations = np.where(seen["is_muon"] > 0.0, seen["muon_mu_ll"] - seen["muon_bg_ll"], 0.0)
    sums = {"muon_dll": stations, "rich_and_muon_dll": stations + seen["rich_dll_mu"]}
    return {name: np.clip(values, -_LIKELY, _LIKELY) for name, values in sums.items()}


def _face(x: Floats, y: Floats) -> Columns:
    """Cell size and depth inside the outer edge and outside the hole [mm], cut at `_EDGE`."""
    half_x, half_y = geometry.BORDERS[0]
    ax, ay = np.abs(x), np.abs(y)
    outer = np.minimum(half_x - ax, half_y - ay)
    inner = np.maximum(ax - geometry.HOLE[0], ay - geometry.HOLE[1])
    return {
        "ecal_cell": neighbours.cell_size(x, y),
        "ecal_outer": np.clip(outer, -_EDGE, _EDGE),
        "ecal_inner": np.clip(inner, -_EDGE, _EDGE),
    }


class CaloPid(AbstractGeneratorStage):
    """Draws the ECAL acceptance, the calorimeter likelihoods and the bremsstrahlung jointly.

    Tracks outside the ECAL have likelihoods of exactly zero, those without bremsstrahlung exactly
    no energy of it.  Upstream tracks never point to the ECAL and may have bremsstrahlung all the
    same; downstream tracks have no first state to look for it with.
    """

    name = "calo_pid"
    table = "track"
    requires = REQUIRES
    provides = keys("track", "in_ecal", *_DLLS, "has_brem", "brem_energy")
    target_columns = keys("track", "in_ecal", *_DLLS, "brem_energy")
    outputs = ("in_ecal", *_DLLS, "brem_energy")
    rare_species = True
    equalities = True
    recipes = (recipe("armdn", hidden=96, depth=3, steps=46_000, weight_decay=0.02),)

    @classmethod
    def rows(cls, batch: EventBatch) -> Mask:
        """Tracks of generated particles."""
        return features.from_truth(batch)

    @classmethod
    def conditions(cls, batch: EventBatch, rows: Mask) -> Columns:
        """Track, true species, place at the ECAL and its neighbourhood."""
        return conditions(batch, rows)

    @classmethod
    def targets(cls, batch: EventBatch, rows: Mask) -> Columns:
        """The vector of the detailed sample; ``in_ecal`` as 0 or 1."""
        return {name: batch.track[name][rows].astype(np.float64) for name in cls.outputs}

    def __call__(self, batch: EventBatch, seed: int, is_gun: bool = False) -> EventBatch:
        """Add acceptance, likelihoods and bremsstrahlung."""
        rows = self.rows(batch)
        drawn = self.reconstructed(batch, rows, self._draw(batch, rows, "mcparticle_id", seed))
        columns: Columns = {name: np.zeros(len(rows)) for name in self.outputs}
        for name, values in columns.items():
            values[rows] = drawn[name]
        columns["has_brem"] = columns["brem_energy"] > 0.0
        return batch.with_columns("track", **typed("track", columns))

    def answers(self, batch: EventBatch, rows: Mask, uniforms: Floats) -> Columns:
        """The vector with its exact rules, rounded as it is stored."""
        drawn = super().answers(batch, rows, uniforms)
        return as_stored("track", self.reconstructed(batch, rows, drawn))

    @classmethod
    def restored(
        cls, batch: EventBatch, rows: Mask, values: Mapping[str, np.ndarray], **options: Any
    ) -> Columns:
        """The vector with its exact rules, and whether there is bremsstrahlung."""
        found = cls.reconstructed(batch, rows, values)
        return found | {"has_brem": found["brem_energy"] > 0.0}

    @classmethod
    def reconstructed(
        cls, batch: EventBatch, rows: Mask, drawn: Mapping[str, np.ndarray]
    ) -> Columns:
        """The vector with its exact rules, from a draw of the model; shapes ``(rows.sum(),)``."""
        values = {name: np.asarray(drawn[name], dtype=np.float64) for name in cls.outputs}
        track_type = batch.track["track_type"][rows]
        inside = (values["in_ecal"] > 0.5) & (track_type != _UPSTREAM)
        out: Columns = {"in_ecal": inside.astype(np.float64)}
        out |= {name: np.where(inside, values[name], 0.0) for name in _DLLS}
        brem = np.where(track_type == _DOWNSTREAM, 0.0, values["brem_energy"])
        return out | {"brem_energy": np.maximum(brem, 0.0)}
