"""Tracks that no generated particle made: secondaries of the material, and ghosts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, cast

import numpy as np

from ... import rng, schema
from ...arrays import Columns, Floats, Integers, Ints, Mask
from ...errors import ArtefactError, PipelineError, SchemaError
from ...events import EventBatch, Table
from ...physics.calo_likelihoods import ENERGIES
from ...physics.kinematics import momentum_components, pseudorapidity
from ...physics.likelihoods import COMBINED, combined_dlls
from .. import features
from ..bounds import check_bounds
from ..identification.prob_nn import PROB_NN
from ..recipe import recipe
from ..stage import AbstractModelStage, Model, keys, typed

WHOLE = ("vertex", "track_type", "origin", "charge")
"""Whole numbers of a stored track; ``vertex`` is the place of its primary vertex when they are put
in order of their tracks, most first."""
STATE = ("x", "y", "z", "tx", "ty", "p")
"""State of a stored track, its position relative to the vertex."""
FACTORS = tuple(f"factor{j}{i}" for i in range(5) for j in range(i + 1))
"""Cholesky factor of the covariance, as `schema.COVARIANCE_NAMES`: any is positive definite."""
COPIED = (
    *("chi2_per_dof", "n_dof", "ghost_prob", *schema.RICH_DLL_NAMES),
    *("in_ecal", "calo_dll_e", "calo_dll_mu", "has_brem", "brem_energy"),
    *("in_muon", "is_muon", "muon_mu_ll", "muon_bg_ll", *PROB_NN),
)
"""Columns that are what they were."""
STORED = (*WHOLE, *STATE, *FACTORS, *COPIED)
"""Columns of a stored track; `ENERGIES` as well where the sample has them."""

LIMITS: Mapping[str, tuple[float, float]] = {
    **{"track_type": (3.0, 5.0), "origin": (1.0, 2.0), "charge": (-1.0, 1.0), "vertex": (0.0, 1e3)},
    **{"x": (-1e6, 1e6), "y": (-1e6, 1e6), "z": (-1e6, 1e6), "p": (1.0, 6.5e6)},
    **{"tx": (-2.0, 2.0), "ty": (-2.0, 2.0)},
    **dict.fromkeys(("has_brem", "in_muon", "is_muon", *PROB_NN), (0.0, 1.0)),
    **dict.fromkeys(FACTORS, (-1e4, 1e4)),
    **dict.fromkeys(ENERGIES, (0.0, 1e8)),
    **{f"factor{i}{i}": (1e-30, 1e4) for i in range(5)},
}
"""Between what a stored track lies [mm, MeV]; the others as `lamarr_like.stages.bounds` says."""

SHIFT = 0.05
"""By how much a state is moved, in units of its uncertainty, so that no two tracks are equal to the
last bit.  More would show: ghosts lie nearer to their vertices than their uncertainties say."""

_APART = 5.0
"""Distance of events without a reconstructed vertex from the others: a track of one has nothing to
move with."""
_POSITION = ("x", "y", "z")
_MEASURED = (*STATE, "charge", *schema.COVARIANCE_NAMES, *COPIED)
_FILLED = (*_MEASURED, *COMBINED, "px", "py", "pz", "pt", "eta")
_FORM = {"n_secondary_long": (1, 3), "n_ghosts": (2, 3)} | {
    f"n_secondary_{name}": (1, schema.TRACK_TYPES[name]) for name in ("upstream", "downstream")
}
"""Kinds of extra tracks: origin and type."""


class Library(Model, Protocol):
    """A library of events (`lamarr_like.engine.event_library.EventLibrary`)."""

    outputs: tuple[str, ...]
    columns: dict[str, Floats]
    counts: Ints
    offsets: Ints
    n_uniforms: int

    def find(self, conditions: Mapping[str, np.ndarray], uniforms: Floats, /) -> Ints:
        """One stored event for each event, shape ``(n,)``."""


class ExtraTracks(AbstractModelStage):
    """Adds the secondaries and ghosts of a stored detailed event to each event.

    The stored event is one with about as many SPD hits, tracks, long tracks and muons of generated
    particles and reconstructed primary vertices.  Its tracks come as they were found together:
    partners of a conversion and ghosts that share a segment stay beside each other.  They move with
    their vertex to one of the event, are mirrored at ``y = 0`` in half of the events (the detector
    and its field are symmetric there), and shifted by a small part of their uncertainties.

    Events of particle guns, which lack the rest of the event, get none.

    Args:
        model: a library of events.
        config: contents of ``config.json`` of its artefact.
        polarity: as that of the propagation.  The library is of -1; by 1 it is mirrored at
            ``x = 0``, which keeps the charges.

    Raises:
        PipelineError: if the polarity is neither, or the library has other columns.
        ArtefactError: if a stored track cannot be.
    """

    name = "extra_tracks"
    table = "event"
    kind = "event_library"
    trained_by = "event_library"
    requires = (
        keys("event", "event_id", "n_spd_hits", "n_tracks")
        | keys("reco_vertex", "x", "y", "z", "n_tracks")
        | keys("track", "track_id", "mcparticle_id", "track_type", "origin", *_FILLED)
    )
    provides = keys("event", "n_tracks") | keys(
        "track", "track_id", "mcparticle_id", "track_type", "origin", *_FILLED
    )
    target_columns = requires
    options: ClassVar[Mapping[str, Any]] = {"polarity": -1}
    recipes = (recipe("event_library"),)
    incomparable = ""
    told = """
The stored tracks are those of whole events, secondaries and ghosts only; how they are put into an
event, and how the ntuple then compares with the detailed sample: tutorials/extra_tracks.md.
"""

    def __init__(
        self, model: Model, config: Mapping[str, Any] | None = None, polarity: int = -1
    ) -> None:
        super().__init__(model, config)
        if polarity not in (1, -1):
            raise PipelineError(f"stage {self.name!r}: polarity is 1 or -1, not {polarity!r}")
        self.polarity = polarity
        self.model = cast(Library, model)
        if set(getattr(model, "outputs", ())) - set(ENERGIES) != set(STORED):
            raise PipelineError(f"stage {self.name!r} needs a library of {', '.join(STORED)}")
        check_bounds(self.name, model, LIMITS)
        for name in WHOLE:
            values = self.model.columns[name]
            if (values != np.rint(values)).any() or (name == "charge" and (values == 0).any()):
                raise ArtefactError(f"stage {self.name!r}: {name} of a stored track is no such")
        self._kinds = _kinds(
            self.model.columns,
            np.repeat(np.arange(len(self.model.counts)), self.model.counts),
            len(self.model.counts),
        )

    @classmethod
    def rows(cls, batch: EventBatch) -> Mask:
        """All events."""
        return np.ones(len(batch), dtype=bool)

    @classmethod
    def conditions(cls, batch: EventBatch, rows: Mask) -> Columns:
        """What makes events alike; of counts the root, whose fluctuations are of one size."""
        track = batch.track
        long = features.from_truth(batch) & (track["track_type"] == schema.TRACK_TYPES["long"])
        muons = long & track["is_muon"].astype(bool)
        n_long, n_muons = (
            np.bincount(track.event_index[rows], minlength=len(batch)) for rows in (long, muons)
        )
        found = {f"root_{name}": np.sqrt(batch.event[name]) for name in ("n_spd_hits", "n_tracks")}
        found |= {"root_n_long": np.sqrt(n_long), "half_n_muons": 0.5 * np.minimum(n_muons, 4)}
        n_pvs = batch["reco_vertex"].counts
        found |= {"half_n_pvs": 0.5 * n_pvs, "without_pv": _APART * (n_pvs == 0)}
        return {name: values[rows].astype(np.float64) for name, values in found.items()}

    @classmethod
    def targets(cls, batch: EventBatch, rows: Mask) -> Columns:
        """Numbers of the extra tracks of each kind, and of long ones with isMuon."""
        track = batch.track
        return {
            name: values[rows]
            for name, values in _kinds(track.columns, track.event_index, len(batch)).items()
        }

    @classmethod
    def stored(cls, batch: EventBatch) -> tuple[Columns, Ints]:
        """What a library holds of a detailed sample.

        Args:
            batch: detailed events.

        Returns:
            Columns `STORED` of the extra tracks, and `ENERGIES` if they are there, shape ``(n,)``,
            and their number in each event.
        """
        extra = batch.track.select(~features.from_truth(batch))
        known = [name for name in ENERGIES if name in extra]
        names = (*WHOLE[1:], *STATE, *COPIED, *known)
        columns: Columns = {name: extra[name].astype(np.float64) for name in names}
        number, nearest = _nearest_vertex(batch, extra)
        columns["vertex"] = number.astype(np.float64)
        for name in _POSITION:
            columns[name] -= nearest[name]
        covariance = np.empty((len(extra), 5, 5))
        for i in range(5):
            for j in range(i + 1):
                covariance[:, i, j] = covariance[:, j, i] = extra[f"cov{j}{i}"]
        factor = _cholesky(covariance)
        columns |= {f"factor{j}{i}": factor[:, i, j] for i in range(5) for j in range(i + 1)}
        return {name: columns[name] for name in (*STORED, *known)}, extra.counts

    @property
    def n_uniforms(self) -> int:
        """Uniform numbers of a draw."""
        return self.model.n_uniforms

    def answers(self, batch: EventBatch, rows: Mask, uniforms: Floats) -> Columns:
        """Numbers of extra tracks of the events drawn; see `AbstractModelStage.answers`."""
        found = self.model.find(self.conditions(batch, rows), uniforms)
        return {name: values[found] for name, values in self._kinds.items()}

    def __call__(self, batch: EventBatch, seed: int, is_gun: bool = False) -> EventBatch:
        """Add rows to the table ``track``, after those of each event.

        ``n_tracks`` of the event, which counts segments as well, stays but where it would be less
        than the rows (one event in a thousand).
        """
        if is_gun or not len(batch):
            return batch
        rows, n = self.rows(batch), self.n_uniforms
        uniforms = self._uniforms(batch, rows, "event_id", seed, n + 1)
        found = self.model.find(self.conditions(batch, rows), uniforms[:, :n])
        counts = self.model.counts[found]
        event = np.repeat(np.arange(len(batch)), counts)
        local = np.arange(len(event)) - np.repeat(np.cumsum(counts) - counts, counts)
        place = self.model.offsets[found][event] + local
        stored = {name: values[place] for name, values in self.model.columns.items()}
        ids = batch.event["event_id"][event]
        noise = rng.normals(seed, f"{self.name}/shift", ids, local, 5)
        side = np.ones((len(event), 2))
        side[:, 0] = -self.polarity
        side[uniforms[event, n] < 0.5, 1] = -1.0
        columns = _measured(stored, noise, side)
        for name, values in _vertices(batch, event, stored["vertex"]).items():
            columns[name] += values
        columns["track_id"] = batch.track.counts[event] + local
        columns["mcparticle_id"] = np.full(len(event), -1)
        batch = batch.with_table("track", _appended(batch.track, columns, counts))
        n_tracks = np.maximum(batch.event["n_tracks"], batch.track.counts)
        return batch.with_columns("event", **typed("event", {"n_tracks": n_tracks}))


def _kinds(columns: Mapping[str, np.ndarray], event: Ints, n_events: int) -> Columns:
    """Numbers of extra tracks of each kind, by event; see `ExtraTracks.targets`."""
    muons = (columns["origin"] > 0) & (columns["track_type"] == schema.TRACK_TYPES["long"])
    muons = muons & (columns["is_muon"] > 0)
    n_muons = np.bincount(event[muons], minlength=n_events).astype(np.float64)
    found = {
        name: np.bincount(
            event[(columns["origin"] == origin) & (columns["track_type"] == code)],
            minlength=n_events,
        ).astype(np.float64)
        for name, (origin, code) in _FORM.items()
    }
    return found | {"n_muons": n_muons}


def _by_tracks(vertex: Table) -> Ints:
    """Rows of the table of reconstructed vertices: of each event those of most tracks first."""
    order: Ints = np.lexsort((-vertex["n_tracks"].astype(np.int64), vertex.event_index))
    return order


def _vertices(batch: EventBatch, event: Ints, number: np.ndarray) -> Columns:
    """Positions of the vertices that stored tracks move to; 0 where there is none."""
    vertex = batch["reco_vertex"]
    if not len(vertex):
        return {name: np.zeros(len(event)) for name in _POSITION}
    counts = vertex.counts[event]
    place = number.astype(np.int64) % np.maximum(counts, 1)
    row = _by_tracks(vertex)[np.minimum(vertex.offsets[event] + place, len(vertex) - 1)]
    return {name: np.where(counts > 0, vertex[name][row], 0.0) for name in _POSITION}


def _cholesky(matrix: Floats) -> Floats:
    """Lower factors of positive definite matrices, shapes ``(n, k, k)``, alike everywhere."""
    factor = np.zeros_like(matrix)
    for i in range(matrix.shape[1]):
        for j in range(i + 1):
            rest = matrix[:, i, j].copy()
            for k in range(j):
                rest -= factor[:, i, k] * factor[:, j, k]
            factor[:, i, j] = np.sqrt(rest) if i == j else rest / factor[:, j, j]
    return factor


def _nearest_vertex(batch: EventBatch, extra: Table) -> tuple[Integers, Columns]:
    """Number (as in `WHOLE`) and position of the vertex that each track passes closest by."""
    vertex, event = batch["reco_vertex"], extra.event_index
    order = _by_tracks(vertex)
    n = vertex.counts[event]
    track = np.repeat(np.arange(len(extra)), n)
    place = np.arange(len(track)) - np.repeat(np.cumsum(n) - n, n)
    row = order[vertex.offsets[event][track] + place]
    slope = np.stack([extra["tx"], extra["ty"], np.ones(len(extra))])[:, track]
    way = np.stack([extra[c][track] - vertex[c][row] for c in _POSITION])
    along = (way * slope).sum(axis=0) ** 2 / (slope * slope).sum(axis=0)
    distance = (way * way).sum(axis=0) - along
    first = np.lexsort((distance, track))[np.searchsorted(track, np.flatnonzero(n))]
    number = np.zeros(len(extra), np.int64)
    number[n > 0] = place[first]
    position = {name: np.zeros(len(extra)) for name in _POSITION}
    for name, values in position.items():
        values[n > 0] = vertex[name][row[first]]
    return number, position


def _measured(stored: Columns, noise: Floats, side: Floats) -> Columns:
    """Columns of tracks from those of the library, still relative to their vertex.

    Args:
        stored: columns `STORED`, shape ``(n,)``.
        noise: standard normal numbers, shape ``(n, 5)``.
        side: signs that x and y get, shape ``(n, 2)``.
    """
    factor = np.zeros((len(noise), 5, 5))
    for i in range(5):
        for j in range(i + 1):
            factor[:, i, j] = stored[f"factor{j}{i}"]
    factor[:, [0, 2]] *= side[:, :1, None]
    factor[:, [1, 3]] *= side[:, 1:, None]
    covariance, moved = np.zeros_like(factor), np.zeros_like(noise)
    # Added one by one: a library's order of sums is another on every kind of processor.
    for k in range(factor.shape[1]):
        covariance += factor[:, :, None, k] * factor[:, None, :, k]
        moved += SHIFT * factor[:, :, k] * noise[:, None, k]
    kept = (*COPIED, *WHOLE[1:], "z", *(name for name in ENERGIES if name in stored))
    out = {name: stored[name] for name in kept}
    for k, (name, sign) in enumerate(zip(("x", "y", "tx", "ty"), (0, 1, 0, 1), strict=True)):
        out[name] = side[:, sign] * stored[name] + moved[:, k]
    inverse = 1.0 / stored["p"]
    # Never through zero, which would change the charge, nor far from where it was.
    change = np.clip(stored["charge"] * moved[:, 4], -0.5 * inverse, 0.5 * inverse)
    out["p"] = np.minimum(1.0 / (inverse + change), LIMITS["p"][1])
    out |= {f"cov{j}{i}": covariance[:, i, j] for i in range(5) for j in range(i + 1)}
    px, py, pz = momentum_components(out["p"], out["tx"], out["ty"])
    out |= {"px": px, "py": py, "pz": pz, "pt": np.hypot(px, py)}
    out["eta"] = pseudorapidity(px, py, pz)
    return out | combined_dlls(out)


def _appended(track: Table, columns: Columns, counts: Ints) -> Table:
    """A table with further rows behind those of each event.

    Raises:
        SchemaError: if it has a column that they lack.
    """
    n = len(columns["track_id"])
    columns = {"out_of_range": np.zeros(n, bool), "decay_z": np.zeros(n)} | columns
    if strange := sorted(set(track.columns) - set(columns)):
        raise SchemaError(
            f"stage 'extra_tracks' has no {', '.join(strange)} for the tracks that it adds; put "
            "the stage that makes it behind this one, or make the library from a sample that has it"
        )
    event = np.repeat(np.arange(track.n_events), counts)
    order = np.argsort(np.concatenate([track.event_index, event]), kind="stable")
    further = typed("track", {name: columns[name] for name in track.columns})
    joined = {
        name: np.concatenate([values, further[name]])[order]
        for name, values in track.columns.items()
    }
    return Table.from_counts(joined, track.counts + counts)
