"""Toy detailed samples with every column of particle identification, from a simple law each."""

from __future__ import annotations

import numpy as np
from chain_fakes import fake_stages, truth_events, typed

from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.events import EventBatch, Table, concatenate
from lamarr_like.physics.likelihoods import combined_dlls
from lamarr_like.stages.identification.prob_nn import PROB_NN


def pid_sample(n_events, seed=0, shift=0.0, truth=None):
    """Generated events with tracks, their truth and what the PID detectors say.

    Args:
        n_events: events.
        seed: of truth and detectors.
        shift: added to the kaon likelihood of every track.
        truth: seed of the generated events and tracks, if it is to differ from `seed`.
    """
    truth = seed if truth is None else truth
    batch = Pipeline(fake_stages())(truth_events(n_events, seed=truth), seed=truth)
    batch = _with_others(batch)
    track, rng = batch.track, np.random.default_rng(seed + 1000)
    n = len(track)
    # What no generated particle made is a ghost or a secondary electron.
    pdg = np.where(track["origin"] == 1, 11, 0)
    mine = track["origin"] == 0
    pdg[mine] = np.abs(batch.linked("mc_pdg_id", mine))
    long = track["track_type"] == 3
    p = np.exp(rng.normal(9.5, 0.8, n))
    new = {"p": p, "pt": 0.1 * p, "eta": rng.uniform(2, 5, n)}
    for name, code in (("e", 11), ("mu", 13), ("k", 321), ("p", 2212)):
        new[f"rich_dll_{name}"] = np.where(pdg == code, 6.0, -6.0) + rng.normal(0, 5.0, n)
    new["rich_dll_k"] += shift
    new["rich_dll_bt"] = rng.normal(0, 1, n)
    new["ghost_prob"] = np.clip(np.where(pdg == 0, 0.6, 0.2) + rng.normal(0, 0.15, n), 0, 1)
    inside = long & (rng.random(n) < 0.9)
    ecal = np.where(pdg == 11, 1.0, 0.2) * p * rng.gamma(4.0, 0.25, n)
    new |= {"in_ecal": inside, "ecal_energy": ecal * inside, "hcal_energy": 0.5 * p * inside}
    new["prs_energy"] = rng.exponential(10.0, n) * inside
    new["calo_dll_e"] = (np.log(ecal / p) * 3.0 + rng.normal(0, 0.5, n)) * inside
    new["calo_dll_mu"] = (np.where(pdg == 13, 1.0, -1.0) + rng.normal(0, 1, n)) * inside
    brem = (pdg == 11) & (rng.random(n) < 0.6)
    new |= {"has_brem": brem, "brem_energy": np.where(brem, rng.exponential(2e3, n), 0.0)}
    in_muon = inside & (rng.random(n) < 0.8)
    muon = in_muon & (p > 3e3) & (rng.random(n) < np.where(pdg == 13, 0.95, 0.05))
    new |= {"in_muon": in_muon, "is_muon": muon}
    new["muon_mu_ll"] = np.where(muon, -rng.exponential(np.where(pdg == 13, 1.0, 4.0)), 0.0)
    new["muon_bg_ll"] = np.where(muon, -rng.exponential(2.0, n), 0.0)
    new |= combined_dlls(typed("track", {**track.columns, **new}))
    new |= dict(zip(PROB_NN, _probabilities(new), strict=True))
    return batch.with_columns("track", **typed("track", new))


def _probabilities(new):
    """A fixed law in place of a trained classifier, with a little of the hidden energies."""
    logits = np.stack(
        [
            0.5 * new["pid_e"] + 1e-5 * new["ecal_energy"],
            0.5 * new["pid_mu"] + 3.0 * new["is_muon"] - 3.0,
            np.zeros(len(new["p"])),
            0.5 * new["pid_k"],
            0.5 * new["pid_p"],
            5.0 * new["ghost_prob"] - 2.0,
        ]
    )
    parts = np.exp(logits - logits.max(axis=0))
    return parts / parts.sum(axis=0)


def _with_others(batch: EventBatch) -> EventBatch:
    """Every tenth track again as a ghost, every twentieth as a secondary, after all others."""
    parts = []
    for i in range(len(batch)):
        one = batch.events(i, i + 1)
        table = one.track
        rows = np.arange(len(table))
        taken = np.concatenate([rows, rows[::10], rows[::20]])
        columns = {k: v[taken] for k, v in table.columns.items()}
        origin = np.repeat([0, 2, 1], [len(rows), len(rows[::10]), len(rows[::20])])
        columns["origin"] = origin.astype(table["origin"].dtype)
        columns["track_id"] = np.arange(len(taken)).astype(table["track_id"].dtype)
        columns["mcparticle_id"] = np.where(origin == 0, columns["mcparticle_id"], -1).astype(
            table["mcparticle_id"].dtype
        )
        parts.append(one.with_table("track", Table(columns, np.array([0, len(taken)]))))
    return concatenate(parts)
