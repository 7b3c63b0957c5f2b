"""Toy detailed samples for the report, with defects that can be planted."""

from __future__ import annotations

from functools import cache

import numpy as np

from lamarr_like import schema
from lamarr_like.events import EventBatch, Table
from lamarr_like.validation.report.compute import ReportConfig, compare
from lamarr_like.validation.report.gather import Gatherer, paired
from lamarr_like.validation.report.tell_apart import TreeConfig
from lamarr_like.validation.verdict import load_thresholds

CODES = np.array([211, 211, 211, 211, 321, 321, 2212, 11, 13])
AT = {11: 0, 13: 1, 211: 2, 321: 3, 2212: 4}
#        e     mu    pi    K     p
MEAN = {
    "rich_dll_e": (20.0, -3.0, -5.0, -20.0, -20.0),
    "rich_dll_mu": (-3.0, 2.0, 0.0, -15.0, -15.0),
    "rich_dll_k": (-20.0, -15.0, -15.0, 12.0, 5.0),
    "rich_dll_p": (-20.0, -15.0, -15.0, 5.0, 12.0),
    "rich_dll_bt": (-20.0, -15.0, -15.0, 2.0, 5.0),
}


def truth_batch(n_events, seed=1, mean=24):
    """Generated charged particles; photons have no part in the toy."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(mean, n_events) + 1
    n = int(counts.sum())
    p = np.clip(np.exp(rng.normal(9.2, 0.9, n)), 1.2e3, 4e5)
    eta, phi = rng.uniform(1.6, 5.2, n), rng.uniform(-np.pi, np.pi, n)
    pt = p / np.cosh(eta)
    pdg = rng.choice(CODES, n) * rng.choice([-1, 1], n)
    particle = {
        "mcparticle_id": np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts),
        "mc_pdg_id": pdg,
        "mc_stable": np.ones(n),
        "mc_px": pt * np.cos(phi),
        "mc_py": pt * np.sin(phi),
        "mc_pz": pt * np.sinh(eta),
        "mc_vx": rng.normal(0, 0.03, n),
        "mc_vy": rng.normal(0, 0.03, n),
        "mc_vz": rng.normal(0, 45.0, n),
    }
    head = {"event_id": np.arange(n_events) + 1000 * seed, "mc_weight": np.ones(n_events)}
    return EventBatch(
        {
            "event": Table(typed("event", head), np.arange(n_events + 1)),
            "particle": Table.from_counts(typed("particle", particle), counts),
        }
    )


def detector(truth, seed, *, dll_shift=0.0, too_good=1.0, corner=0.0, independent=False,
             duplicated=0.0, blind=False, wrong_species=False):  # fmt: skip
    """What a detector makes of generated events.

    Args:
        truth: of `truth_batch`.
        seed: of the detector; two seeds are two draws of one law.
        dll_shift: added to RichDLLk.
        too_good: factor of all residuals.
        corner: share of the long tracks lost at low momentum and large eta.
        independent: RichDLLk is drawn apart from RichDLLp.
        duplicated: share of the tracks that occur twice.
        blind: the RICH does not depend on nSPDHits.
        wrong_species: kaons get the RICH of pions.
    """
    rng = np.random.default_rng((seed, 77))
    particle, n_events = truth.particle, len(truth)
    px, py, pz = (particle[f"mc_p{c}"] for c in "xyz")
    p, eta = np.sqrt(px**2 + py**2 + pz**2), np.arcsinh(pz / np.hypot(px, py))
    n = len(p)
    spd = np.rint(14.0 * particle.counts * np.exp(rng.normal(0, 0.2, n_events)))
    occupancy = np.repeat(spd, particle.counts) / 350.0
    inside = rng.random(n) < 0.97 / (1 + np.exp(-6 * (eta - 1.9))) / (1 + np.exp(6 * (eta - 5.0)))
    found = inside & (rng.random(n) < 0.96 - 0.03 * occupancy)
    lost = (p < 9e3) & (eta > 3.8) & (rng.random(n) < corner)
    kind = np.where(found & ~lost, np.where(rng.random(n) < 0.97, 3, 4), 0)
    batch = truth.with_columns(
        "particle", **typed("particle", {"in_acceptance": inside, "track_type": kind})
    ).with_columns("event", **typed("event", {"n_spd_hits": spd}))
    rows = np.flatnonzero(kind)
    columns = tracks(
        *(batch, rows, rng, occupancy[rows], too_good, dll_shift),
        *(independent, blind, wrong_species),
    )
    columns["track_type"], columns["origin"] = kind[rows], np.zeros(len(rows))
    columns["mcparticle_id"] = particle["mcparticle_id"][rows]
    event = particle.event_index[rows]
    again = np.concatenate(
        [np.arange(len(rows)), np.flatnonzero(rng.random(len(rows)) < duplicated)]
    )
    again = again[np.argsort(event[again], kind="stable")]
    counts = np.bincount(event[again], minlength=n_events)
    columns = {k: v[again] for k, v in columns.items()}
    return batch.with_table("track", Table.from_counts(typed("track", columns), counts))


def tracks(batch, rows, rng, occupancy, too_good, shift, independent, blind, wrong):
    truth = {k: v[rows].astype(float) for k, v in batch.particle.columns.items()}
    px, py, pz = truth["mc_px"], truth["mc_py"], truth["mc_pz"]
    p, n = np.sqrt(px**2 + py**2 + pz**2), len(rows)
    sigma = {"x": 0.012 + 0.024e3 / np.hypot(px, py), "tx": 2e-5 + 1e-3 * 1e3 / p}
    sigma |= {"y": sigma["x"], "ty": sigma["tx"], "p": 0.005 * p}
    z = {k: rng.normal(size=n) * too_good for k in sigma}
    out = {"x": truth["mc_vx"] + z["x"] * sigma["x"], "y": truth["mc_vy"] + z["y"] * sigma["y"]}
    out |= {"z": truth["mc_vz"], "tx": px / pz + z["tx"] * sigma["tx"]}
    out |= {"ty": py / pz + z["ty"] * sigma["ty"], "p": p + z["p"] * sigma["p"]}
    pdg = batch.particle["mc_pdg_id"][rows]
    out["charge"] = np.sign(pdg) * np.where(np.isin(np.abs(pdg), (11, 13)), -1, 1)
    axes = zip("xxyy", range(4), strict=False)
    out |= {f"cov{i}{i}": sigma[k] ** 2 for (_, i), k in zip(axes, ("x", "y", "tx", "ty"))}  # noqa: B905
    out["cov44"] = (0.005 / p) ** 2
    species = np.array([AT[a] for a in np.abs(pdg)])
    if wrong:
        species = np.where(species == AT[321], AT[211], species)
    noise = rng.normal(size=(n, 5)) + 1.2 * rng.normal(size=n)[:, None]
    if independent:
        noise[:, 2] = rng.normal(size=n) * np.sqrt(1 + 1.2**2)
    power = np.exp(-0.35 * (np.full(n, 1.0) if blind else occupancy)) * np.clip(3e4 / p, 0.1, 1.5)
    for i, (name, means) in enumerate(MEAN.items()):
        out[name] = np.array(means)[species] * power + 5.0 * noise[:, i]
    out["rich_dll_k"] += shift
    muon = rng.random(n) < np.where(np.abs(pdg) == 13, 0.96, 0.02)
    out |= {"is_muon": muon, "pid_k": out["rich_dll_k"] + 0.1 * rng.normal(size=n)}
    out["ghost_prob"] = rng.beta(1.5, 8.0, n)
    return out


def typed(table, columns):
    return {k: schema.as_declared(table, k, v) for k, v in columns.items()}


def gathered(name, batch):
    gatherer = Gatherer(name)
    gatherer.add(batch)
    return gatherer.sample()


def samples(n_events, seed=1, **defects):
    """A detailed sample and a fast one of the same truth."""
    truth = truth_batch(n_events, seed)
    detailed = gathered("detailed", detector(truth, 1000 + seed))
    fast = gathered("fast", detector(truth, 2000 + seed, **defects))
    return paired(detailed, fast)


@cache
def small_report():
    """A report on few events with something of every kind but decays."""
    config = ReportConfig(
        species=("pi", "K"),
        variables=("rich_dll_k", "pid_k"),
        schemes=(("p",), ("p", "eta")),
        trees=TreeConfig(rows=1000, trees=3, depth=2, folds=2),
    )
    return compare(*samples(120), load_thresholds(), config)
