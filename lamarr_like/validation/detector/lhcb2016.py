"""Tracks of detailed samples and of LHCb's published 2016 parametrisation in one form.

What becomes of particles is told by the columns ``pdg`` (absolute identifier), ``p`` [MeV],
``eta``, ``phi`` [rad], ``vz`` [mm], ``prompt`` and a chance (or 0, 1) for each of `OUTCOMES`, track
types per generated particle.

Long tracks of prompt particles have the columns ``pdg``, ``p``, ``eta``, residuals and variances:
``dx``, ``dy`` (distance [mm] of the true line at the z of the reconstructed state, closest to the
z axis), ``dtx``, ``dty``, ``dp/p``, ``var x`` ..., ``chi2/ndf``, ``ndf``, ``ghostProb``,
``corr x tx``, ``corr y ty``, ``corr tx qop``.  The difference to the true *point* closest to the
axis would depend on how a reconstruction finds the z of its state.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ... import schema
from ...arrays import Columns, Floats, Mask
from ...errors import SourceError
from ...events import EventBatch
from ...physics.kinematics import momentum, pseudorapidity
from ...statistics.matching import where
from ..bins import SPECIES
from .sample import LONG, real_long

SOURCE = "LHCb 2016 tracking parametrisation"
FILES = ("minbias.parquet", "gun.parquet")
OUTCOMES = ("acceptance", "long", "upstream", "downstream")

P_EDGES = 1e3 * np.array([3.0, 5.0, 10.0, 20.0, 35.0, 60.0, 100.0])
"""Slices of the generated momentum that are judged [MeV]."""
ETA_EDGES = np.array([2.0, 2.4, 2.8, 3.2, 3.6, 4.0, 4.4, 4.8])
"""Bins of the generated pseudorapidity; 2 to 4.8 is judged."""
CELLS = (("p", P_EDGES), ("eta", ETA_EDGES))
"""Axes of the cells in which detailed samples get the published population."""

GHOST_CUT = 0.4
"""Cut on the ghost probability of the tracks in the published sample."""
_NEAR_R, _NEAR_Z = 0.5, 200.0  # mm about the beam: origins of prompt particles
_AXES = schema.COVARIANCE_AXES
_CORRELATIONS = {"corr x tx": (0, 2), "corr y ty": (1, 3), "corr tx qop": (2, 4)}
_COVARIANCES = (
    *(f"cov{i}{i}" for i in range(5)),
    *(f"cov{i}{j}" for i, j in _CORRELATIONS.values()),
)


def prompt(vx: Floats, vy: Floats, vz: Floats) -> Mask:
    """Whether origins [mm] lie in the luminous region, about its own middle in x and y.

    All are of shape ``(n,)``.
    """
    near = np.hypot(vx - np.median(vx), vy - np.median(vy)) < _NEAR_R
    result: Mask = near & (np.abs(vz) < _NEAR_Z)
    return result


def own_truth(batch: EventBatch) -> Columns:
    """What becomes of the stable charged particles of detailed events."""
    table = batch.particle
    mine = table["mc_stable"] & np.isin(np.abs(table["mc_pdg_id"]), list(SPECIES.values()))
    mine &= table["mc_pz"] > 0.0
    kind = table["track_type"][mine]
    flags = [table["in_acceptance"][mine], *(kind == schema.TRACK_TYPES[k] for k in OUTCOMES[1:])]
    generated = [table[f"mc_{c}"][mine] for c in ("px", "py", "pz", "vx", "vy", "vz")]
    return _truth(table["mc_pdg_id"][mine], generated, [f.astype(np.float64) for f in flags])


def _truth(pdg: np.ndarray, generated: list[np.ndarray], chances: list[np.ndarray]) -> Columns:
    """Columns of the truth from momenta [MeV] and origins [mm]."""
    px, py, pz, *origin = (c.astype(np.float64) for c in generated)
    return {
        **_kinematics(pdg, px, py, pz),
        **{"phi": np.arctan2(py, px), "vz": origin[2], "prompt": prompt(*origin)},
        **dict(zip(OUTCOMES, chances, strict=True)),
    }


def own_residuals(batch: EventBatch) -> Columns:
    """Long tracks of detailed events, with the cut on the ghost probability."""
    track = batch.track
    real = real_long(batch) & (track["ghost_prob"] < GHOST_CUT)
    names = ("mc_px", "mc_py", "mc_pz", "mc_vx", "mc_vy", "mc_vz")
    px, py, pz, vx, vy, vz = (batch.linked(c, real).astype(np.float64) for c in names)
    t = {c: track[c][real].astype(np.float64) for c in ("x", "y", "z", "tx", "ty", "p")}
    x, y = vx + px / pz * (t["z"] - vz), vy + py / pz * (t["z"] - vz)
    quality = {"chi2/ndf": "chi2_per_dof", "ndf": "n_dof", "ghostProb": "ghost_prob"}
    columns = {
        **_kinematics(batch.linked("mc_pdg_id", real), px, py, pz),
        **{"dx": t["x"] - x, "dy": t["y"] - y, "dtx": t["tx"] - px / pz, "dty": t["ty"] - py / pz},
        "dp/p": t["p"] / momentum(px, py, pz) - 1.0,
        **{name: track[c][real].astype(np.float64) for name, c in quality.items()},
        **_covariance({c: track[c][real] for c in _COVARIANCES}),
    }
    return where(columns, prompt(vx, vy, vz))


def _kinematics(pdg: np.ndarray, px: Floats, py: Floats, pz: Floats) -> Columns:
    p, eta = momentum(px, py, pz), pseudorapidity(px, py, pz)
    return {"pdg": np.abs(pdg).astype(np.int64), "p": p, "eta": eta}


def _covariance(cov: Columns) -> Columns:
    """Variances and correlations, in the precision of the covariance."""
    return {f"var {a}": cov[f"cov{i}{i}"] for i, a in enumerate(_AXES)} | {
        name: cov[f"cov{i}{j}"] / np.sqrt(cov[f"cov{i}{i}"] * cov[f"cov{j}{j}"])
        for name, (i, j) in _CORRELATIONS.items()
    }


def read_published(folder: Path) -> tuple[Columns, Columns]:
    """Read ``minbias.parquet`` and ``gun.parquet`` of the parametrisation.

    Returns:
        What becomes of particles, and the long tracks.

    Raises:
        SourceError: if a file cannot be read or lacks a column.
    """
    import pandas as pd

    try:
        frame = pd.concat([pd.read_parquet(folder / name) for name in FILES])
        d = {c: frame[c].to_numpy() for c in frame.columns}
        generated = [d[c] for c in ("px", "py", "pz", "vx", "vy", "vz")]
        accepted = d["acceptance_prob"].astype(np.float64)
        chances = [accepted, *(accepted * d[f"eff_{k}"] for k in OUTCOMES[1:])]
        return _truth(d["pdg_id"], generated, chances), _published_residuals(d)
    except (OSError, KeyError, ValueError) as error:
        raise SourceError(f"{folder}: not the 2016 parametrisation ({error})") from None


def _published_residuals(d: Columns) -> Columns:
    d = {c: v.astype(np.float64) for c, v in where(d, d["track_type"] == LONG).items()}
    px, py, pz = (d[c] for c in ("px", "py", "pz"))
    columns = {
        **_kinematics(d["pdg_id"], px, py, pz),
        **{f"d{c}": d[f"d{c}"] - d[f"p{c}"] / pz * d["dz"] for c in "xy"},
        **{c: d[c] for c in ("dtx", "dty")},
        "dp/p": d["dp"] / momentum(px, py, pz),
        **{"chi2/ndf": d["chi2ndof"], "ndf": d["ndof"], "ghostProb": d["ghostprob"]},
        **_covariance({c: d[c] for c in _COVARIANCES}),
    }
    return where(columns, prompt(d["vx"], d["vy"], d["vz"]))
