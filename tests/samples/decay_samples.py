"""Generated decays with an ideal reconstruction: every error is known, so pulls must be normal."""

from __future__ import annotations

import numpy as np

from lamarr_like import schema
from lamarr_like.events import EventBatch, Table, concatenate
from lamarr_like.io.sources import open_source
from lamarr_like.physics.kinematics import closest_to_beam, momentum, pseudorapidity
from lamarr_like.physics.particles import is_tracked
from lamarr_like.rng import normals, uniforms

PV_ERRORS = (0.013, 0.013, 0.071)
"""x, y, z [mm]."""

ECAL_Z = 12_689.0


def decay_events(text, n, seed=1):
    """Ideal events of a source."""
    return reconstructed(concatenate(list(open_source(text, n_events=n, seed=seed))), seed)


def reconstructed(batch: EventBatch, seed=1, *, scale=1.0, lost=0.0) -> EventBatch:
    """Add tracks, vertices and clusters with Gaussian errors to generated events.

    Args:
        batch: generated events.
        seed: two seeds are two draws of one law.
        scale: factor of the residuals of tracks, whose covariances stay.
        lost: share of the kaons that are not found.
    """
    batch = batch.with_table("track", _tracks(batch, seed, scale, lost))
    batch = batch.with_table("reco_vertex", _vertices(batch, seed))
    cluster, link = _clusters(batch, seed)
    batch = batch.with_table("cluster", cluster).with_table("cluster_link", link)
    numbers = {"n_tracks": batch.track.counts, "n_spd_hits": 5 * batch.track.counts}
    numbers["n_pvs"] = batch["reco_vertex"].counts
    return batch.with_columns(
        "event", **{k: schema.as_declared("event", k, v) for k, v in numbers.items()}
    )


def _rows(batch, mask):
    rows = np.flatnonzero(mask)
    table = batch.particle
    event = table.event_index[rows]
    counts = np.bincount(event, minlength=len(batch))
    number = np.arange(len(rows)) - (np.cumsum(counts) - counts)[event]
    return rows, batch.event_ids("particle")[rows], counts, number


def _declared(name, columns, counts):
    return Table.from_counts(
        {k: schema.as_declared(name, k, v) for k, v in columns.items()}, counts
    )


def _tracks(batch, seed, scale, lost):
    table = batch.particle
    seen = is_tracked(table["mc_pdg_id"]) & table["mc_stable"] & (table["mc_pz"] > 0)
    u = uniforms(seed, "toy/lost", batch.event_ids("particle"), table["mcparticle_id"], 1)[:, 0]
    seen &= (np.abs(table["mc_pdg_id"]) != 321) | (u >= lost)
    rows, event_id, counts, number = _rows(batch, seen)
    px, py, pz, vx, vy, vz = (table[f"mc_{c}"][rows] for c in ("px", "py", "pz", "vx", "vy", "vz"))
    q = table["mc_charge"][rows].astype(float)
    p, pt, tx, ty = momentum(px, py, pz), np.hypot(px, py), px / pz, py / pz
    x, y, z = closest_to_beam(vx, vy, vz, tx, ty)
    u = uniforms(seed, "toy/shape", event_id, table["mcparticle_id"][rows], 15)
    sigma = np.stack(
        [0.012 + 24.0 / pt, 0.012 + 24.0 / pt, 1e-4 + 2.0 / p, 1e-4 + 2.0 / p, 0.005 / p], axis=1
    )
    # A lower triangle of its own for each track: all elements of the covariance are at work.
    root = np.zeros((len(rows), 5, 5))
    lower = np.tril_indices(5)
    root[:, lower[0], lower[1]] = 0.6 * (u - 0.5)
    root[:, np.arange(5), np.arange(5)] = 1.0
    root *= sigma[:, :, None]
    covariance = root @ root.swapaxes(1, 2)
    noise = normals(seed, "toy/noise", event_id, table["mcparticle_id"][rows], 5) * scale
    state = np.stack([x, y, tx, ty, q / p], axis=1) + np.einsum("nij,nj->ni", root, noise)
    x, y, tx, ty, qop = state.T
    p = 1.0 / np.abs(qop)
    pz = p / np.sqrt(1 + tx**2 + ty**2)
    species = np.abs(table["mc_pdg_id"][rows])
    columns = {
        **{
            "track_id": number,
            "mcparticle_id": table["mcparticle_id"][rows],
            "track_type": 3 + 0 * q,
        },
        **{"origin": 0 * q, "charge": q, "x": x, "y": y, "z": z, "tx": tx, "ty": ty, "p": p},
        **{"px": pz * tx, "py": pz * ty, "pz": pz, "pt": pz * np.hypot(tx, ty)},
        "eta": pseudorapidity(pz * tx, pz * ty, pz),
        **{"chi2_per_dof": 1 + 0 * q, "n_dof": 20 + 0 * q, "ghost_prob": 0.01 + 0 * q},
        "is_muon": species == 13,
        **{f"pid_{k}": np.where(species == i, 20.0, -20.0) for k, i in _PID.items()},
        **{f"prob_nn_{k}": np.where(species == i, 0.9, 0.1) for k, i in _PID.items()},
        **{name: 0 * q for name in schema.RICH_DLL_NAMES},
        **{f"cov{j}{i}": covariance[:, j, i] for i in range(5) for j in range(i + 1)},
    }
    return _declared("track", columns, counts)


_PID = {"e": 11, "mu": 13, "k": 321, "p": 2212}


def _vertices(batch, seed):
    vertex = batch.vertex
    noise = normals(seed, "toy/pv", batch.event_ids("vertex"), vertex["mc_pv_id"], 3)
    columns = {"pv_id": vertex["mc_pv_id"], "mc_pv_id": vertex["mc_pv_id"]}
    for i, a in enumerate("xyz"):
        columns[a] = vertex[f"mc_{a}"] + PV_ERRORS[i] * noise[:, i]
        columns[f"sigma_{a}"] = np.full(len(vertex), PV_ERRORS[i])
    columns["n_tracks"] = np.full(len(vertex), 25)
    return _declared("reco_vertex", columns, vertex.counts)


def _clusters(batch, seed):
    table = batch.particle
    rows, event_id, counts, number = _rows(batch, table["mc_pdg_id"] == 22)
    ids = table["mcparticle_id"][rows]
    energy = table["mc_energy"][rows]
    noise = normals(seed, "toy/photon", event_id, ids, 3)
    sigma = 2.0 * np.sqrt(energy)
    way = (ECAL_Z - table["mc_vz"][rows]) / table["mc_pz"][rows]
    x = table["mc_vx"][rows] + way * table["mc_px"][rows] + 2.0 * noise[:, 0]
    y = table["mc_vy"][rows] + way * table["mc_py"][rows] + 2.0 * noise[:, 1]
    measured = np.maximum(energy + sigma * noise[:, 2], 1.0)
    one = np.ones(len(rows))
    columns = {
        **{"cluster_id": number, "mcparticle_id": ids, "x": x, "y": y, "z": ECAL_Z * one},
        **{"energy": measured, "et": measured * np.hypot(x, y) / np.hypot(np.hypot(x, y), ECAL_Z)},
        **{"sigma_energy": sigma, "sigma_x": 2.0 * one, "is_matched": 0 * one},
        **{"merged_mass": 0 * one, "mc_share": one, "photon_id": one, "is_not_h": one},
        "is_not_e": one,
    }
    link = {"cluster_id": number, "mcparticle_id": ids, "weight": one}
    return _declared("cluster", columns, counts), _declared("cluster_link", link, counts)
