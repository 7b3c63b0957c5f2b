"""Calorimeter identification of tracks and the bremsstrahlung found for them, as one vector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from ... import schema
from ...arrays import Columns, Floats, Mask
from ...errors import ArtefactError, TrainingError
from ...events import EventBatch
from ...physics.calo_likelihoods import ENERGIES
from .. import features, geometry
from ..recipe import recipe
from ..stage import AbstractGeneratorStage, Model, as_stored, keys, typed
from . import calo_energies, neighbours
from . import conditions as pid_conditions

_UPSTREAM, _DOWNSTREAM = (schema.TRACK_TYPES[name] for name in ("upstream", "downstream"))
_DLLS = ("calo_dll_e", "calo_dll_mu")
_REACH = 1.5
"""Half width, in cells, of the square about a point that counts as near: 3x3 cells."""
_EDGE = 200.0
"""Distances to the edges of the ECAL are cut at this [mm]: what is deeper inside is the same."""
_FAR = 1e5

_BOX, _HCAL_BOX = 12.0, 60.0
"""Half widths [mm] of what about a track counts in the preshower and in the HCAL, beside half a
cell: the cells that it touches."""

_MUON = ("in_muon", "is_muon", "muon_mu_ll", "muon_bg_ll")
"""What leaves little in the calorimeters reaches the muon stations."""
_LIKELY = 20.0
"""Differences of muon likelihoods are cut at this."""

LAWS = ("likelihoods", "energies")
"""What a model may draw: the likelihoods, or the energies about the track that they follow from."""

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
    cell, behind = out["ecal_cell"], neighbours.hcal_cell_size(x, y)
    # A hadron showers far and wide in the HCAL; the preshower sees what comes to the cell itself.
    boxes = {
        "ecal": (x, y, _REACH * cell),
        "brem": (*straight, _REACH * neighbours.cell_size(*straight)),
        "prs": (x, y, 0.5 * cell + _BOX),
        "hcal": (x, y, 0.5 * behind + _HCAL_BOX),
    }
    asked = (np.concatenate(part) for part in zip(*boxes.values(), strict=True))
    tracks = np.tile(event, len(boxes)), np.tile(own, len(boxes))
    near = np.log1p(neighbours.near_energy(there, *tracks, *asked))
    for name, each in zip(boxes, np.split(near, len(boxes)), strict=True):
        for k, kind in enumerate(neighbours.KINDS[:2]):
            out[f"{name}_near_{kind}"] = each[:, k]
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

    A model draws the likelihoods themselves, or the energies about the track in ECAL, preshower and
    HCAL (``calo_law`` of its training).  Those are then columns of their own, and the likelihoods
    are what the tables of the reference make of them (`lamarr_like.physics.calo_likelihoods`).

    Tracks outside the ECAL have likelihoods of exactly zero, those without bremsstrahlung exactly
    no energy of it.  Upstream tracks never point to the ECAL and may have bremsstrahlung all the
    same; downstream tracks have no first state to look for it with.
    """

    name = "calo_pid"
    table = "track"
    requires = REQUIRES
    provides = keys("track", "in_ecal", *_DLLS, "has_brem", "brem_energy")
    at_times = keys("track", *ENERGIES)
    target_columns = keys("track", "in_ecal", *_DLLS, "brem_energy")
    outputs = ("in_ecal", *_DLLS, "brem_energy")
    rare_species = True
    equalities = True
    told_by = features.DECAYS
    recipes = (recipe("armdn", hidden=96, depth=3, steps=46_000, weight_decay=0.02),)
    training_options: ClassVar[Mapping[str, tuple[Any, ...]]] = {"calo_law": LAWS}

    def __init__(self, model: Model, config: Mapping[str, Any] | None = None) -> None:
        self.law = str((config or {}).get("calo_law", LAWS[0]))
        if self.law not in LAWS:
            raise ArtefactError(
                f"stage {self.name!r}: config.json of its model has calo_law {self.law!r}, "
                f"known are {', '.join(LAWS)}"
            )
        super().__init__(model, config)
        if self.law == "energies":
            self.provides = self.provides | self.at_times

    def _check_outputs(self, wanted: tuple[str, ...]) -> None:
        super()._check_outputs(calo_energies.OUTPUTS if self.law == "energies" else wanted)

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

    @classmethod
    def learnt(cls, batch: EventBatch, rows: Mask, **options: Any) -> Columns:
        """The vector, or the energies and bremsstrahlung.

        Raises:
            TrainingError: if energies are asked for that the sample has not, or from which its
                likelihoods do not follow.
        """
        if options["calo_law"] != "energies":
            return super().learnt(batch, rows)
        if not calo_energies.follow(batch.track, rows):
            raise TrainingError(
                f"stage {cls.name!r}: with calo_law 'energies' the sample needs track columns "
                f"{', '.join(ENERGIES)} from which calo_dll_e and calo_dll_mu follow as in the "
                "reference detector; train it without"
            )
        return calo_energies.learnt(batch.track, rows)

    @classmethod
    def learnt_config(
        cls, batch: EventBatch, conditions: Columns, **options: Any
    ) -> dict[str, Any]:
        """The ``calo_law``."""
        return {"calo_law": options["calo_law"]}

    @classmethod
    def compared(cls, batch: EventBatch, rows: Mask) -> Columns:
        """The vector, whatever the model draws."""
        return cls.targets(batch, rows)

    def __call__(self, batch: EventBatch, seed: int, is_gun: bool = False) -> EventBatch:
        """Add acceptance, likelihoods and bremsstrahlung, and energies where they are drawn."""
        rows = self.rows(batch)
        found = self._draw(batch, rows, "mcparticle_id", seed)
        drawn = self.reconstructed(batch, rows, found, self.law)
        columns: Columns = {name: np.zeros(len(rows)) for name in drawn}
        for name, values in columns.items():
            values[rows] = drawn[name]
        columns["has_brem"] = columns["brem_energy"] > 0.0
        return batch.with_columns("track", **typed("track", columns))

    def answers(self, batch: EventBatch, rows: Mask, uniforms: Floats) -> Columns:
        """The vector with its exact rules, rounded as it is stored."""
        drawn = self.model.draw(self.conditions(batch, rows), uniforms)
        found = self.reconstructed(batch, rows, drawn, self.law)
        return as_stored("track", {name: found[name] for name in self.outputs})

    @classmethod
    def restored(
        cls, batch: EventBatch, rows: Mask, values: Mapping[str, np.ndarray], **options: Any
    ) -> Columns:
        """The vector with its exact rules, and whether there is bremsstrahlung."""
        found = cls.reconstructed(batch, rows, values, options["calo_law"])
        return found | {"has_brem": found["brem_energy"] > 0.0}

    @classmethod
    def reconstructed(
        cls,
        batch: EventBatch,
        rows: Mask,
        drawn: Mapping[str, np.ndarray],
        law: str = LAWS[0],
    ) -> Columns:
        """The vector with its exact rules, from a draw of a model; shapes ``(rows.sum(),)``.

        Args:
            batch: events.
            rows: tracks that were drawn for.
            drawn: what the model of a law draws.
            law: one of `LAWS`; with ``"energies"`` these are there as well.
        """
        track_type = batch.track["track_type"][rows]
        inside = (np.asarray(drawn["in_ecal"]) > 0.5) & (track_type != _UPSTREAM)
        out: Columns = {"in_ecal": inside.astype(np.float64)}
        if law == "energies":
            out |= calo_energies.drawn(drawn, batch.track["p"][rows].astype(np.float64), inside)
        else:
            values = {name: np.asarray(drawn[name], dtype=np.float64) for name in _DLLS}
            out |= {name: np.where(inside, v, 0.0) for name, v in values.items()}
        energy = np.asarray(drawn["brem_energy"], dtype=np.float64)
        brem = np.where(track_type == _DOWNSTREAM, 0.0, energy)
        return out | {"brem_energy": np.maximum(brem, 0.0)}
