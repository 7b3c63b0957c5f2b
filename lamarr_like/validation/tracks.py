"""Long tracks of generated particles beside their truth: what tests of whole tracks compare."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import schema
from ..arrays import Columns
from ..events import EventBatch
from ..physics.kinematics import momentum, pseudorapidity
from ..stages.features import from_truth
from .detector.curves import Linked, linked_tracks

SPECIES = {"pi": 211, "K": 321, "p": 2212, "mu": 13, "e": 11}
"""Species of the report and their PDG codes."""

RESIDUALS = ("dx", "dy", "dtx", "dty", "dp")
"""Reconstructed less generated: x, y [mm] and slopes of the state, and momentum over itself."""
PULLS = tuple(f"pull_{axis}" for axis in schema.COVARIANCE_AXES)
"""Residuals over their uncertainties."""
SIGMAS = tuple(f"sigma_{axis}" for axis in schema.COVARIANCE_AXES)
"""Uncertainties of the state, from the diagonal of the covariance."""

GROUPS: dict[str, tuple[str, ...]] = {
    "resolution": (*RESIDUALS, "chi2_per_dof", "n_dof", "ghost_prob"),
    "covariance": SIGMAS,
    "rich": schema.RICH_DLL_NAMES,
    "muon": ("is_muon", "muon_mu_ll", "muon_bg_ll"),
    "calo_pid": ("calo_dll_e", "calo_dll_mu", "has_brem", "brem_energy"),
    "global_pid": (
        *("pid_e", "pid_mu", "pid_k", "pid_p"),
        *(f"prob_nn_{name}" for name in ("e", "mu", "pi", "k", "p", "ghost")),
    ),
}
"""Variables of a long track by the step of the chain that makes them."""

P_RANGE, ETA_RANGE = (1e3, 5e5), (1.5, 5.5)
"""Generated particles and tracks outside are left out; momentum in MeV."""
_LONG = schema.TRACK_TYPES["long"]


def kinematics(batch: EventBatch) -> Columns:
    """Species, momentum [MeV] and pseudorapidity of generated particles, and which are looked at.

    Those are ``able``: charged, stable, of a species of `SPECIES`, in `P_RANGE` and `ETA_RANGE`.
    Shapes ``(n_particles,)``.
    """
    table = batch.particle
    px, py, pz = (table[f"mc_p{c}"].astype(np.float64) for c in "xyz")
    pdg = np.abs(table["mc_pdg_id"])
    p, eta = momentum(px, py, pz), pseudorapidity(px, py, pz)
    able = np.isin(pdg, list(SPECIES.values())) & table["mc_stable"].astype(bool)
    able &= (p > P_RANGE[0]) & (p < P_RANGE[1]) & (eta > ETA_RANGE[0]) & (eta < ETA_RANGE[1])
    return {"able": able, "species": pdg, "p": p, "eta": eta}


def tracks(batch: EventBatch, more: Sequence[str] = ()) -> Columns:
    """Long tracks of the particles looked at, with residuals and pulls.

    Args:
        batch: events of either sample.
        more: columns of the track table besides those of `GROUPS`, where they are there.

    Returns:
        Shapes ``(n_tracks,)``; ``unit`` is the number of the event, ``particle`` that of the
        generated particle in it.
    """
    track, able = batch.track, kinematics(batch)["able"]
    mine = from_truth(batch) & (track["track_type"] == _LONG)
    row = batch.particle.offsets[track.event_index[mine]] + track["mcparticle_id"][mine]
    mine[mine] = able[row]
    true = linked_tracks(batch, mine)
    out = {"species": true.pdg, "p": true.p, "eta": true.eta, "unit": track.event_index[mine]}
    out["particle"] = track["mcparticle_id"][mine].astype(np.int64)
    out["n_spd_hits"] = batch.event_column("track", "n_spd_hits")[mine].astype(np.float64)
    if "n_tracks" in batch.event:
        out["n_tracks"] = batch.event_column("track", "n_tracks")[mine].astype(np.float64)
    out["charge"] = track["charge"][mine].astype(np.float32)
    out["reco_p"] = track["p"][mine].astype(np.float64)
    slope = np.hypot(track["tx"][mine], track["ty"][mine])
    out["reco_eta"] = np.arcsinh(1.0 / np.maximum(slope, 1e-9))
    if "out_of_range" in track:
        out["out_of_range"] = track["out_of_range"][mine].astype(bool)
    if "weight" in track:
        out["weight"] = track["weight"][mine].astype(np.float64)
    out |= _residuals(batch, true)
    for names in (*GROUPS.values(), more):
        out |= {n: track[n][mine].astype(np.float32) for n in names if n in track}
    return out


def _residuals(batch: EventBatch, true: Linked) -> Columns:
    """Residuals to the generated line at the z of the state; their sigmas and pulls."""
    track, rows = batch.track, true.rows
    tx, ty, q, reco = (track[c][rows].astype(np.float64) for c in ("tx", "ty", "charge", "p"))
    sign = np.sign(batch.linked("mc_pdg_id", rows))
    charge = sign * np.where(np.isin(true.pdg, (SPECIES["e"], SPECIES["mu"])), -1.0, 1.0)
    found = {"dx": true.dx, "dy": true.dy, "dtx": tx - true.tx, "dty": ty - true.ty}
    residuals = (*found.values(), q / reco - charge / true.p)
    found["dp"] = reco / true.p - 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        diagonal = [f"cov{i}{i}" for i in range(5)]
        if all(c in track for c in diagonal):
            names = zip(PULLS, SIGMAS, diagonal, residuals, strict=True)
            for name, sigma, column, residual in names:
                found[sigma] = np.sqrt(np.maximum(track[column][rows], 0.0))
                found[name] = residual / found[sigma]
    return {name: np.nan_to_num(values) for name, values in found.items()}
