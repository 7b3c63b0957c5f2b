"""A toy chain that makes clusters and identified tracks from generated particles."""

from __future__ import annotations

import ecal_toy as toy
import numpy as np

from lamarr_like import schema
from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.events import Table
from lamarr_like.io.ntuple import EventWriter
from lamarr_like.runs.redraw import truth_of
from lamarr_like.stages.calorimeter.sources import CELL_Z
from lamarr_like.stages.stage import AbstractStage, keys
from lamarr_like.validation.objects.declared import TRACK_COLUMNS, VARIABLES

CHARGED = (211, 211, 321, 13, 2212, 11)
TRACK = tuple(dict.fromkeys(
    (*TRACK_COLUMNS, "in_muon", "muon_mu_ll", "muon_bg_ll")
))  # fmt: skip


class Toy(AbstractStage):
    """Detector and reconstruction in one; `scale` is that of the energies of clusters."""

    name = "ecal"
    requires = keys("particle", "mc_pdg_id", "mc_px", "mc_py", "mc_pz")
    provides = (
        keys("event", "n_spd_hits", "n_tracks")
        | keys("track", *TRACK)
        | keys("cluster", *(c.name for c in schema.table_columns("cluster")))
        | keys("cluster_link", *(c.name for c in schema.table_columns("cluster_link")))
    )

    def __init__(self, scale=1.0):
        self.scale = scale

    def __call__(self, batch, seed, is_gun=False):
        particle, n = batch.particle, len(batch)
        px, py, pz = (particle[f"mc_p{c}"] for c in "xyz")
        pdg = particle["mc_pdg_id"]
        seed = seed + int(batch.event["event_id"][0])
        head = {"n_spd_hits": 20 * particle.counts, "n_tracks": particle.counts}
        batch = batch.with_columns("event", **typed("event", head))
        batch = toy.cluster_batch(
            *(batch, particle.event_index, np.where(pdg == 22, 22, 211)),
            *(px / pz * CELL_Z, py / pz * CELL_Z, np.sqrt(px**2 + py**2 + pz**2), seed),
        )
        cluster = batch["cluster"]
        scaled = {c: cluster[c] * np.float32(self.scale) for c in ("energy", "et")}
        batch = batch.with_columns("cluster", **scaled)
        rows = np.flatnonzero(pdg != 22)
        counts = np.bincount(particle.event_index[rows], minlength=n)
        columns = typed("track", tracks(pdg[rows], np.random.default_rng(seed)))
        columns["mcparticle_id"] = particle["mcparticle_id"][rows]
        return batch.with_table("track", Table.from_counts(columns, counts))


def typed(table, columns):
    return {k: schema.as_declared(table, k, v) for k, v in columns.items()}


def tracks(pdg, rng):
    """What the detectors say of long tracks of some species, shape ``(n,)``."""
    n = len(pdg)
    muon = rng.random(n) < np.where(np.abs(pdg) == 13, 0.95, 0.1)
    out = {name: rng.normal(np.where(pdg == 321, 3.0, -3.0), 4.0) for name in VARIABLES}
    out |= {k: 1.0 / (1.0 + np.exp(-v)) for k, v in out.items() if k.startswith("prob_nn")}
    out |= {"p": np.exp(rng.normal(9.3, 0.7, n)), "eta": rng.uniform(2, 5, n)}
    out |= {"track_type": np.full(n, 3), "origin": np.zeros(n), "in_muon": np.ones(n)}
    out |= {"is_muon": muon, "muon_mu_ll": -rng.exponential(1.0, n) * muon}
    return out | {"muon_bg_ll": -rng.exponential(3.0, n) * muon}


def toy_truth(n_events, seed=1):
    """Generated photons and charged particles."""
    event, pdg, x, y, p = toy.particles(n_events, seed)
    other = np.random.default_rng(seed).choice(CHARGED, len(pdg))
    batch = toy.truth_batch(event, np.where(pdg == 22, 22, 211), x, y, p, n_events)
    pdg = np.where(pdg == 22, 22, other).astype(np.int32)
    return truth_of(batch.with_columns("particle", mc_pdg_id=pdg))


def toy_chain(scale=1.0):
    """A pipeline of the toy alone."""
    return Pipeline([Toy(scale)], "toy", {"models": {"ecal": {"model": "ecal-toy-1"}}})


def write_sample(path, batch):
    with EventWriter(path, metadata={"source": "toy"}, force=True) as writer:
        writer.write(batch)
    return path
