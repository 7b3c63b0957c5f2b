"""Tracks and vertices of a detailed sample beside their truth, as plain columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ... import schema
from ...arrays import Floats, Ints, Mask
from ...events import EventBatch
from ...physics.kinematics import momentum, pseudorapidity
from ...stages.features import from_truth
from ...statistics.binned import Curve, curve, gaussian_width, share_of

NEEDED = {
    "event": ("event_id", "n_spd_hits", "n_tracks", "n_pvs"),
    "vertex": ("mc_pv_id", "mc_x", "mc_y", "mc_z"),
    "particle": (
        *("mcparticle_id", "mc_pdg_id", "mc_px", "mc_py", "mc_pz", "mc_vx", "mc_vy", "mc_vz"),
        *("mc_charge", "reconstructible_long", "in_acceptance", "track_type"),
    ),
    "track": (
        *("mcparticle_id", "track_type", "origin", "x", "y", "z", "tx", "ty", "p", "eta", "charge"),
        *("chi2_per_dof", "n_dof", "ghost_prob", "rich_dll_k"),
        *(f"cov{i}{i}" for i in range(5)),
    ),
    "reco_vertex": ("mc_pv_id", "x", "y", "z", "n_tracks"),
}
"""Columns of a detailed sample that `published_figures` and the plots read."""

_LONG = schema.TRACK_TYPES["long"]
_ELECTRON = 11


def width_curve(
    residual: Floats, by: Floats, edges: Sequence[float] | Floats, at_least: int = 50
) -> Curve:
    """Half the central 68 % interval of a residual, in bins of `by`; arrays of shape ``(n,)``.

    Bins with fewer entries than `at_least` are left out.
    """
    return curve(residual, by, edges, gaussian_width, at_least).known


def share_curve(
    passed: Mask, by: Floats, edges: Sequence[float] | Floats, at_least: int = 20
) -> Curve:
    """Share of the entries that pass, in bins of `by`; arrays of shape ``(n,)``.

    Bins with fewer entries than `at_least` are left out.
    """
    return curve(passed, by, edges, share_of, at_least).known


class Linked(NamedTuple):
    """Tracks of generated particles beside their truth, arrays of shape ``(n,)``.

    Attributes:
        rows: rows of the track table.
        pdg: absolute PDG identifier.
        p, pt, eta: generated [MeV].
        tx, ty: generated slopes.
        dx, dy: difference to the generated line at the z of the track's state [mm].
    """

    rows: Ints
    pdg: Ints
    p: Floats
    pt: Floats
    eta: Floats
    tx: Floats
    ty: Floats
    dx: Floats
    dy: Floats


def linked_long_tracks(batch: EventBatch) -> Linked:
    """Long tracks of generated particles other than electrons, which radiate."""
    wanted = from_truth(batch) & (batch.track["track_type"] == _LONG)
    wanted[wanted] = np.abs(batch.linked("mc_pdg_id", wanted)) != _ELECTRON
    return linked_tracks(batch, wanted)


def linked_tracks(batch: EventBatch, wanted: Mask) -> Linked:
    """Tracks of generated particles beside their truth, mask of shape ``(n_tracks,)``."""
    track, rows = batch.track, np.flatnonzero(wanted)
    px, py, pz, vx, vy, vz = (
        batch.linked(c, wanted).astype(np.float64)
        for c in ("mc_px", "mc_py", "mc_pz", "mc_vx", "mc_vy", "mc_vz")
    )
    dz = track["z"][rows] - vz
    return Linked(
        rows=rows,
        pdg=np.abs(batch.linked("mc_pdg_id", wanted)),
        p=momentum(px, py, pz),
        pt=np.hypot(px, py),
        eta=pseudorapidity(px, py, pz),
        tx=px / pz,
        ty=py / pz,
        dx=track["x"][rows] - vx - px / pz * dz,
        dy=track["y"][rows] - vy - py / pz * dz,
    )


def impact_parameters(batch: EventBatch, linked: Linked) -> Floats:
    """Distance in x to the true line [mm] at the z of the origin, shape ``(n,)``."""
    track, rows = batch.track, linked.rows
    back = batch.linked("mc_vz", linked.rows) - track["z"][rows]
    ip: Floats = linked.dx + (track["tx"][rows] - linked.tx) * back
    return ip


def pulls(batch: EventBatch, linked: Linked) -> dict[str, Floats]:
    """Residual over uncertainty of x, y, tx, ty and q/p of each linked track, shape ``(n,)``."""
    track, rows = batch.track, linked.rows
    residuals = {
        "x": linked.dx,
        "y": linked.dy,
        "tx": track["tx"][rows] - linked.tx,
        "ty": track["ty"][rows] - linked.ty,
        "qop": track["charge"][rows] / track["p"][rows] - charges(batch, linked) / linked.p,
    }
    return {
        name: residuals[name] / np.sqrt(track[f"cov{i}{i}"][rows])
        for i, name in enumerate(schema.COVARIANCE_AXES)
    }


def charges(batch: EventBatch, linked: Linked) -> Floats:
    """Generated charge of each linked track, shape ``(n,)``."""
    return batch.linked("mc_charge", linked.rows).astype(np.float64)


class Reconstructible(NamedTuple):
    """Generated particles with the hits of a long track, arrays of shape ``(n,)``.

    Attributes:
        found: whether a long track was made.
        p, eta: generated [MeV].
        n_spd_hits: of the event.
    """

    found: Mask
    p: Floats
    eta: Floats
    n_spd_hits: Floats


def reconstructible_long(batch: EventBatch, species: int = 0) -> Reconstructible:
    """Those of an absolute PDG identifier; all but electrons where it is 0."""
    table = batch.particle
    pdg = np.abs(table["mc_pdg_id"])
    able = table["reconstructible_long"] & (pdg == species if species else pdg != _ELECTRON)
    px, py, pz = (table[c][able].astype(np.float64) for c in ("mc_px", "mc_py", "mc_pz"))
    return Reconstructible(
        found=table["track_type"][able] == _LONG,
        p=momentum(px, py, pz),
        eta=pseudorapidity(px, py, pz),
        n_spd_hits=batch.event_column("particle", "n_spd_hits")[able].astype(np.float64),
    )


def vertex_residuals(batch: EventBatch) -> tuple[Ints, dict[str, Floats]]:
    """Tracks of each linked primary vertex and its distance to the collision [mm] by axis.

    Returns:
        All of shape ``(n,)``.
    """
    reco = batch["reco_vertex"]
    linked = reco["mc_pv_id"] >= 0
    row = batch.vertex.offsets[reco.event_index[linked]] + reco["mc_pv_id"][linked]
    residuals = {a: reco[a][linked] - batch.vertex[f"mc_{a}"][row] for a in "xyz"}
    return reco["n_tracks"][linked], residuals
