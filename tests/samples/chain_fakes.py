"""Hand-made events and models that stand in for generated events and trained models."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from lamarr_like import schema
from lamarr_like.events import EventBatch, Table
from lamarr_like.stages import MODEL_STAGES, STAGES, AbstractClassifierStage, AbstractGeneratorStage


def truth_events(n_events, seed=0, mean=60):
    """Collisions with pions, kaons, protons, electrons, muons and photons; ids start at 100."""
    rng = np.random.default_rng(seed)
    n_pv = rng.integers(1, 4, n_events)
    vertex = {
        "mc_pv_id": np.concatenate([np.arange(n) for n in n_pv]),
        "mc_x": rng.normal(0, 0.03, n_pv.sum()),
        "mc_y": rng.normal(0, 0.03, n_pv.sum()),
        "mc_z": rng.normal(0, 45.0, n_pv.sum()),
        "mc_t": np.zeros(n_pv.sum()),
    }
    vertex = Table.from_counts(typed("vertex", vertex), n_pv)
    counts = rng.poisson(mean, n_events)
    if n_events > 2:
        counts[2] = 0
    n = counts.sum()
    event = np.repeat(np.arange(n_events), counts)
    pv = rng.integers(0, n_pv[event])
    place = vertex.offsets[event] + pv
    species = np.array([211, 211, 211, 321, 2212, 11, 13, 22, 130])
    pdg = species[rng.integers(0, len(species), n)] * rng.choice([-1, 1], n)
    pdg = np.where(np.isin(pdg, (-22, -130)), -pdg, pdg)
    charge = np.where(np.isin(pdg, (22, 130)), 0, np.sign(pdg))
    charge = np.where(np.isin(np.abs(pdg), (11, 13)), -charge, charge)
    eta, phi = rng.uniform(-5, 6, n), rng.uniform(-np.pi, np.pi, n)
    pt = rng.exponential(600, n) + 50
    away = np.where(rng.random(n) < 0.1, rng.exponential(100.0, n), 0.0)
    pz = pt * np.sinh(eta)
    direction = np.stack([pt * np.cos(phi), pt * np.sin(phi), pz]) / np.hypot(pt, pz)
    particle = {
        "mcparticle_id": np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts),
        "mc_pdg_id": pdg,
        "mc_status": np.ones(n),
        "mc_stable": rng.random(n) < 0.95,
        "mc_px": pt * np.cos(phi),
        "mc_py": pt * np.sin(phi),
        "mc_pz": pz,
        "mc_energy": np.sqrt(pt**2 + pz**2 + 140.0**2),
        "mc_vx": vertex["mc_x"][place] + away * direction[0],
        "mc_vy": vertex["mc_y"][place] + away * direction[1],
        "mc_vz": vertex["mc_z"][place] + away * direction[2],
        "mc_vt": np.zeros(n),
        "mc_mother_id": np.full(n, -1),
        "mc_pv_id": pv,
        "mc_charge": charge,
    }
    header = {
        "event_id": np.arange(n_events) + 100,
        "run_number": np.zeros(n_events),
        "mc_weight": np.ones(n_events),
    }
    return EventBatch(
        {
            "event": Table(typed("event", header), np.arange(n_events + 1)),
            "vertex": vertex,
            "particle": Table.from_counts(typed("particle", particle), counts),
        }
    )


def typed(table, columns):
    return {k: schema.as_declared(table, k, v) for k, v in columns.items()}


class FakeClassifier:
    """Fixed probabilities that depend a little on the first condition."""

    def __init__(self, stage):
        self.conditions = stage.condition_names()
        self.classes = stage.classes

    def predict(self, conditions):
        n = len(conditions[self.conditions[0]])
        weights = np.ones((n, len(self.classes)))
        weights[:, -1] += np.tanh(np.abs(conditions[self.conditions[0]]))
        return weights / weights.sum(axis=1, keepdims=True)


class FakeGenerator:
    """Independent normal numbers; whole numbers around 20; `ghost_prob` between 0 and 1."""

    def __init__(self, stage, outputs=None):
        self.conditions = stage.condition_names()
        self.outputs = tuple(outputs or stage.outputs)
        self.integers = stage.integers
        self.n_uniforms = len(self.outputs)

    def draw(self, conditions, uniforms):
        assert set(self.conditions) <= set(conditions)
        assert uniforms.shape == (len(conditions[self.conditions[0]]), self.n_uniforms)
        out = {}
        for i, name in enumerate(self.outputs):
            u = uniforms[:, i]
            out[name] = np.rint(20 + 10 * u) if name in self.integers else ndtri(u)
            if name == "ghost_prob":
                out[name] = u
        return out


CONFIG = {"reference_pairs": [[10, 20], [300, 100], [50, 60]]}


CHAIN = tuple(name for name in STAGES if name not in ("ecal", "extra_tracks"))
"""The stages that a table of numbers can stand for; the others have tests of their own."""


def fake_stage(name, **kwargs):
    """A stage of the chain on a fake model."""
    stage = STAGES[name]
    if name not in MODEL_STAGES:
        return stage(**kwargs)
    if issubclass(stage, AbstractClassifierStage):
        return stage(FakeClassifier(stage), CONFIG)
    assert issubclass(stage, AbstractGeneratorStage)
    return stage(FakeGenerator(stage), CONFIG)


def fake_stages():
    """The chain on fake models."""
    return [fake_stage(name) for name in CHAIN]


def numbered(batch):
    return batch.with_columns("event", mc_weight=batch.event["event_id"] * 2.0)


def untold(batch):
    """The same events, which do not say where particles decayed."""
    columns = {k: v for k, v in batch.track.columns.items() if k != "decay_z"}
    return batch.with_table("track", Table(columns, batch.track.offsets))
