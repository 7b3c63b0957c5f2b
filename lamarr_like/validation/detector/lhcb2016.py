"""Tracks of detailed samples and of LHCb's published 2016 parametrisation in one form."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ... import schema
from ...arrays import Floats, Ints, Mask
from ...errors import SourceError
from ...events import EventBatch
from ...physics.kinematics import momentum, pseudorapidity
from .sample import FOLLOWED, LONG, real_long

SOURCE = "LHCb 2016 tracking parametrisation"
FILES = ("minbias.parquet", "gun.parquet")
SPECIES = {"e": 11, "mu": 13, "pi": 211, "K": 321, "p": 2212}
OUTCOMES = ("acceptance", "long", "upstream", "downstream")

P_EDGES = 1e3 * np.array([3.0, 5.0, 10.0, 20.0, 35.0, 60.0, 100.0])
"""Slices of the generated momentum that are judged [MeV]."""
ETA_EDGES = np.array([2.0, 2.4, 2.8, 3.2, 3.6, 4.0, 4.4, 4.8])
"""Bins of the generated pseudorapidity; 2 to 4.8 is judged."""

GHOST_CUT = 0.4  # of the tracks in the published sample
_NEAR_R, _NEAR_Z = 0.5, 200.0  # mm about the beam: origins of prompt particles
_AXES = schema.COVARIANCE_AXES


class Truth(NamedTuple):
    """Charged particles and what becomes of them; arrays of shape ``(n,)``.

    Attributes:
        pdg: absolute PDG identifier.
        p, eta, phi: generated [MeV, -, rad].
        vz: z of the origin [mm].
        prompt: whether it comes from the luminous region.
        outcomes: chance (or 0, 1) of each of `OUTCOMES`, track types per generated particle;
            shape ``(n, 4)``.
    """

    pdg: Ints
    p: Floats
    eta: Floats
    phi: Floats
    vz: Floats
    prompt: Mask
    outcomes: Floats


class Residuals(NamedTuple):
    """Long tracks of prompt particles; arrays of shape ``(n,)``.

    Attributes:
        pdg: absolute PDG identifier.
        p, eta: generated.
        values: residuals and variances by name: ``dx``, ``dy`` (distance [mm] of the true line
            at the z of the reconstructed state, closest to the z axis), ``dtx``, ``dty``, ``dp/p``,
            ``var x`` ..., ``chi2/ndf``, ``ndf``, ``ghostProb``, ``corr x tx``, ``corr y ty``,
            ``corr tx qop``.  The difference to the true *point* closest to the axis would depend
            on how a reconstruction finds the z of its state.
    """

    pdg: Ints
    p: Floats
    eta: Floats
    values: dict[str, Floats]


def prompt(vx: Floats, vy: Floats, vz: Floats) -> Mask:
    """Whether origins lie in the luminous region, about its own middle in x and y."""
    near = np.hypot(vx - np.median(vx), vy - np.median(vy)) < _NEAR_R
    result: Mask = near & (np.abs(vz) < _NEAR_Z)
    return result


def own_truth(batch: EventBatch) -> Truth:
    """Stable charged particles of detailed events."""
    table = batch.particle
    mine = table["mc_stable"] & np.isin(np.abs(table["mc_pdg_id"]), FOLLOWED)
    mine &= table["mc_pz"] > 0.0
    names = ("mc_px", "mc_py", "mc_pz", "mc_vx", "mc_vy", "mc_vz")
    px, py, pz, *origin = (table[c][mine].astype(np.float64) for c in names)
    kind = table["track_type"][mine]
    flags = [table["in_acceptance"][mine], *(kind == schema.TRACK_TYPES[k] for k in OUTCOMES[1:])]
    return Truth(
        np.abs(table["mc_pdg_id"][mine]).astype(np.int64),
        *(momentum(px, py, pz), pseudorapidity(px, py, pz), np.arctan2(py, px), origin[2]),
        prompt(*origin),
        np.stack(flags, axis=1).astype(np.float64),
    )


def own_residuals(batch: EventBatch) -> Residuals:
    """Long tracks of detailed events, with the cut on the ghost probability."""
    track = batch.track
    real = real_long(batch) & (track["ghost_prob"] < GHOST_CUT)
    names = ("mc_px", "mc_py", "mc_pz", "mc_vx", "mc_vy", "mc_vz")
    px, py, pz, vx, vy, vz = (batch.linked(c, real).astype(np.float64) for c in names)
    near = prompt(vx, vy, vz)
    t = {c: track[c][real].astype(np.float64) for c in ("x", "y", "z", "tx", "ty", "p")}
    x, y = vx + px / pz * (t["z"] - vz), vy + py / pz * (t["z"] - vz)
    p = momentum(px, py, pz)
    values = {
        **{"dx": t["x"] - x, "dy": t["y"] - y, "dtx": t["tx"] - px / pz, "dty": t["ty"] - py / pz},
        "dp/p": t["p"] / p - 1.0,
        **{f"var {a}": track[f"cov{i}{i}"][real] for i, a in enumerate(_AXES)},
        "chi2/ndf": track["chi2_per_dof"][real].astype(np.float64),
        "ndf": track["n_dof"][real].astype(np.float64),
        "ghostProb": track["ghost_prob"][real].astype(np.float64),
        **_correlations({c: track[c][real] for c in _COVARIANCES}),
    }
    pdg = np.abs(batch.linked("mc_pdg_id", real)).astype(np.int64)
    kept = {name: v[near] for name, v in values.items()}
    return Residuals(pdg[near], p[near], pseudorapidity(px, py, pz)[near], kept)


_COVARIANCES = (*(f"cov{i}{i}" for i in range(5)), "cov02", "cov13", "cov24")


def _correlations(cov: dict[str, np.ndarray]) -> dict[str, Floats]:
    names = {"corr x tx": "02", "corr y ty": "13", "corr tx qop": "24"}
    return {
        name: cov[f"cov{ij}"] / np.sqrt(cov[f"cov{ij[0]}{ij[0]}"] * cov[f"cov{ij[1]}{ij[1]}"])
        for name, ij in names.items()
    }


def read_published(folder: Path) -> tuple[Truth, Residuals]:
    """Read ``minbias.parquet`` and ``gun.parquet`` of the parametrisation.

    Raises:
        SourceError: if a file cannot be read or lacks a column.
    """
    import pandas as pd

    try:
        frame = pd.concat([pd.read_parquet(folder / name) for name in FILES])
        d = {c: frame[c].to_numpy() for c in frame.columns}
        return _published_truth(d), _published_residuals(d)
    except (OSError, KeyError, ValueError) as error:
        raise SourceError(f"{folder}: not the 2016 parametrisation ({error})") from None


def _published_truth(d: dict[str, np.ndarray]) -> Truth:
    px, py, pz, *origin = (d[c].astype(np.float64) for c in ("px", "py", "pz", "vx", "vy", "vz"))
    accepted = d["acceptance_prob"].astype(np.float64)
    chances = [accepted, *(accepted * d[f"eff_{k}"] for k in OUTCOMES[1:])]
    return Truth(
        np.abs(d["pdg_id"]).astype(np.int64),
        *(momentum(px, py, pz), pseudorapidity(px, py, pz), np.arctan2(py, px), origin[2]),
        prompt(*origin),
        np.stack(chances, axis=1),
    )


def _published_residuals(d: dict[str, np.ndarray]) -> Residuals:
    long = d["track_type"] == LONG
    d = {c: v[long].astype(np.float64) for c, v in d.items()}
    px, py, pz, vx, vy, vz = (d[c] for c in ("px", "py", "pz", "vx", "vy", "vz"))
    near = prompt(vx, vy, vz)
    p = momentum(px, py, pz)
    values = {
        **{f"d{c}": d[f"d{c}"] - d[f"p{c}"] / pz * d["dz"] for c in "xy"},
        **{c: d[c] for c in ("dtx", "dty")},
        "dp/p": d["dp"] / p,
        **{f"var {a}": d[f"cov{i}{i}"] for i, a in enumerate(_AXES)},
        **{"chi2/ndf": d["chi2ndof"], "ndf": d["ndof"], "ghostProb": d["ghostprob"]},
        **_correlations({c: d[c] for c in _COVARIANCES}),
    }
    pdg = np.abs(d["pdg_id"]).astype(np.int64)
    kept = {name: v[near] for name, v in values.items()}
    return Residuals(pdg[near], p[near], pseudorapidity(px, py, pz)[near], kept)
