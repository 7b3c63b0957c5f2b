"""Samples of known laws, one toy for each kind of model: what the law tests of families run on.

A family of a new kind needs a toy here, and nothing else.
"""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from scipy import stats

from lamarr_like import rng
from lamarr_like.engine.translator.sequences import Sources
from lamarr_like.nets.event_library import EventRows
from lamarr_like.nets.sample import LabelledRows, PairedRows, VectorRows
from lamarr_like.nets.translator.sample import TranslatorSample


def vector_law(n, seed):
    """A conditional law with two modes, an integer, an equality and exact zeros."""
    rng = np.random.default_rng(seed)
    c, flag = rng.uniform(-1, 1, n), (rng.random(n) < 0.4) * 1.0
    mode = np.where(rng.random(n) < 0.5 + 0.4 * c, 2.0, -2.0)
    a = 100 * (mode + 0.5 * rng.normal(size=n))
    b = 0.5 * a + 30 * (1 + flag) * rng.normal(size=n)
    d = a + 50 * rng.normal(size=n)
    b = np.where(rng.random(n) < 0.1 + 0.3 * flag, a, b)
    nothing = rng.random(n) < 0.1
    a, b, d = (np.where(nothing, 0.0, v) for v in (a, b, d))
    count = rng.poisson(6 + 3 * c)
    return {"c": c, "flag": flag}, {"count": count, "a": a, "b": b, "d": d}


def class_law(n, seed):
    """Conditions, labels and the true probabilities of three classes."""
    rng = np.random.default_rng(seed)
    x, flag = rng.normal(size=n), (rng.random(n) < 0.5) * 1.0
    p = np.stack([np.exp(x), np.exp(flag), np.ones(n)], axis=1)
    p /= p.sum(axis=1, keepdims=True)
    label = (rng.random(n)[:, None] > p.cumsum(axis=1)).sum(axis=1)
    return {"x": x, "flag": flag}, label, p


def class_batch(n=300):
    """Conditions ``(n, 2)``, labels and weights of `class_law`, as a training takes them."""
    conditions, label, _ = class_law(n, 1)
    x = np.stack(list(conditions.values()), axis=1).astype(np.float32)
    return x, label.astype(np.int32), np.ones(n, np.float32)


def sequence_law(n_events=120, seed=1, **changes):
    """Sources on a line; the smaller of two neighbours may be absorbed; `a` grows with energy."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 30, n_events)
    n = counts.sum()
    offsets = np.concatenate([[0], np.cumsum(counts)])
    energy = np.exp(rng.normal(0, 1, n)) * 1000
    x = rng.uniform(0, 1000, n)
    own = np.array([0, 1, 1, 2])[rng.integers(0, 4, n)]
    pointer = np.full(n, -1)
    event = np.repeat(np.arange(n_events), counts)
    near = (np.diff(event) == 0) & (np.abs(np.diff(x)) < 80.0)
    for i in np.flatnonzero(near & (own[:-1] == 0) & (own[1:] > 0)):
        pointer[i] = i + 1
    features = np.stack([np.log(energy), x / 1000.0], axis=1).astype(np.float32)
    owner = np.repeat(np.arange(n), own)
    values = {
        "a": np.log(energy[owner]) + rng.normal(size=len(owner)),
        "b": rng.exponential(size=len(owner)) * (rng.random(len(owner)) < 0.5),
    }
    sources = Sources(
        offsets, features, x, np.zeros(n), np.full(n, 25.0), energy, np.zeros(n, bool)
    )
    made = dict(
        **{"sources": sources, "own": own, "pointer": pointer, "values": values},
        **{"conditions": ("log_e", "x"), "copied": ("log_e",)},
    )
    return TranslatorSample(**(made | changes))


class VectorToy:
    """Rows of four numbers; a draw is judged by the largest distance of a distribution."""

    farthest = 0.2

    def sample(self, n=10_000, seed=1):
        conditions, targets = vector_law(n, seed)
        return VectorRows(conditions, targets, integers=frozenset({"count"}))

    def broken(self):
        sample = self.sample(500)
        values = sample.targets["a"].copy()
        values[3] = np.nan
        return replace(sample, targets={**sample.targets, "a": values})

    def draw(self, model, part=slice(None), n=3000):
        conditions, _ = vector_law(n, 2)
        uniforms = np.random.default_rng(3).random((n, model.n_uniforms))[part]
        return model.draw({k: v[part] for k, v in conditions.items()}, uniforms)

    def check(self, drawn, n=3000):
        assert list(drawn) == ["count", "a", "b", "d"]
        assert all(values.shape == (n,) and np.isfinite(values).all() for values in drawn.values())
        assert drawn["count"].dtype == np.int64
        zero = drawn["a"] == 0
        assert 0.05 < zero.mean() < 0.15 and (drawn["b"][zero] == 0).all()

    def distance(self, drawn, config):
        _, real = vector_law(3000, 2)
        return max(stats.ks_2samp(real[name], drawn[name]).statistic for name in real)


class ClassToy:
    """Rows of three classes; judged by the mean distance of the probabilities."""

    farthest = 0.03

    def sample(self, n=10_000, seed=1):
        conditions, label, _ = class_law(n, seed)
        other, _, _ = class_law(n, seed + 50)
        return LabelledRows(conditions, label, ("a", "b", "c"), target=other)

    def broken(self):
        sample = self.sample(500)
        return replace(sample, conditions={**sample.conditions, "x": np.full(500, np.inf)})

    def draw(self, model, part=slice(None), n=3000):
        conditions, _, _ = class_law(n, 2)
        p = model.predict({k: v[part] for k, v in conditions.items()})
        return {"p": p, "exclusive": np.array([model.exclusive])}

    def check(self, drawn, n=3000):
        assert drawn["p"].shape == (n, 3)
        if drawn["exclusive"][0]:
            np.testing.assert_allclose(drawn["p"].sum(axis=1), 1.0, atol=1e-5)
        assert drawn["p"].sum(axis=1).mean() == pytest.approx(1.0, abs=0.02)

    def distance(self, drawn, config):
        return np.abs(drawn["p"] - class_law(3000, 2)[2]).mean()


class SequenceToy:
    """Events of sources; judged by the number of clusters and the distribution of `a`."""

    farthest = 0.2

    def sample(self, n=200, seed=1):
        return sequence_law(n, seed)

    def broken(self):
        return sequence_law(12)

    def draw(self, model, part=slice(None), n=60):
        sources = sequence_law(n, 2).sources
        events = np.arange(n)[part]
        rows = np.repeat(np.isin(np.arange(n), events), np.diff(sources.offsets))
        number = np.flatnonzero(rows)
        counts = np.diff(sources.offsets)[events]
        mine = sources.some(rows, np.concatenate([[0], np.cumsum(counts)]))
        drawn = model.draw(
            mine,
            rng.uniforms(3, "toy", number, np.zeros_like(number), 2),
            lambda owner, k, attempt, size: rng.uniforms(3, "toy again", number[owner], k, size),
        )
        clusters = {"counts": np.diff(drawn.offsets), **drawn.values}
        return clusters

    def check(self, drawn, n=60):
        assert drawn["counts"].shape == (n,)
        assert all(drawn[k].shape == (drawn["counts"].sum(),) for k in "ab")
        assert 0.3 < (drawn["b"] == 0).mean() < 0.7

    def distance(self, drawn, config):
        real = sequence_law(60, 2).adapted(config).truth()
        wrong = abs(drawn["counts"].sum() / real.offsets[-1] - 1.0)
        return max(wrong, stats.ks_2samp(real.values["a"], drawn["a"]).statistic)


def event_law(n, seed):
    """Events with a number of rows that grows with the condition, rows with that mean."""
    rng = np.random.default_rng(seed)
    size = rng.exponential(8.0, n)
    counts = rng.poisson(size)
    return (
        {"root_n": np.sqrt(size)},
        counts,
        np.repeat(size, counts) + rng.normal(size=counts.sum()),
    )


class EventToy:
    """Events of rows; judged by the numbers of rows and the distribution of these."""

    farthest = 0.1

    def sample(self, n=3000, seed=1):
        conditions, counts, a = event_law(n, seed)
        return EventRows(conditions, {"a": a}, counts, {"n": counts})

    def broken(self):
        sample = self.sample(100)
        return replace(sample, columns={"a": np.full(sample.counts.sum(), np.nan)})

    def draw(self, model, part=slice(None), n=3000):
        conditions, _, _ = event_law(n, 2)
        uniforms = np.random.default_rng(3).random((n, 1))[part]
        event = model.find({k: v[part] for k, v in conditions.items()}, uniforms)
        first, counts = model.offsets[event], model.counts[event]
        rows = np.repeat(first - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        return {"counts": counts, "a": model.columns["a"][rows]}

    def check(self, drawn, n=3000):
        assert drawn["counts"].shape == (n,) and len(drawn["a"]) == drawn["counts"].sum()

    def distance(self, drawn, config):
        _, counts, a = event_law(3000, 2)
        wrong = abs(drawn["counts"].mean() / counts.mean() - 1.0)
        return max(wrong, stats.ks_2samp(a, drawn["a"]).statistic)


def paired_law(n, seed, wrong=True):
    """Rows of `vector_law` with less atoms and other widths, and right ones for the same `c`."""
    conditions, real = vector_law(n, seed)
    again, fast = vector_law(n, seed)
    rng = np.random.default_rng(seed + 100)
    mode = np.where(rng.random(n) < 0.5 + 0.4 * conditions["c"], 2.0, -2.0)
    a = 100 * (mode + 0.5 * rng.normal(size=n)) * (1.3 if wrong else 1.0)
    b = 0.5 * a + 30 * (1 + conditions["flag"]) * rng.normal(size=n) + 40.0 * wrong
    nothing = rng.random(n) < (0.03 if wrong else 0.1)
    fast = {"a": np.where(nothing, 0.0, a), "b": np.where(nothing, 0.0, b)}
    return again, fast, {"a": real["a"], "b": real["b"]}


class PairToy:
    """Rows of two numbers to be moved; judged by the largest distance of a distribution."""

    farthest = 0.1

    def sample(self, n=10_000, seed=1):
        conditions, fast, real = paired_law(n, seed)
        return PairedRows(conditions, fast, conditions, real)

    def broken(self):
        sample = self.sample(1500)
        values = sample.detailed["a"].copy()
        values[3] = np.nan
        return replace(sample, detailed={**sample.detailed, "a": values})

    def draw(self, model, part=slice(None), n=3000):
        conditions, fast, _ = paired_law(n, 2)
        uniforms = np.random.default_rng(3).random((n, model.n_uniforms))[part]
        some = ({k: v[part] for k, v in columns.items()} for columns in (conditions, fast))
        return model.refine(*some, uniforms)

    def check(self, drawn, n=3000):
        assert list(drawn) == ["a", "b"]
        assert all(values.shape == (n,) and np.isfinite(values).all() for values in drawn.values())
        zero = drawn["a"] == 0
        assert 0.07 < zero.mean() < 0.13 and (drawn["b"][zero] == 0).all()

    def distance(self, drawn, config):
        real = paired_law(3000, 2)[2]
        return max(stats.ks_2samp(real[name], drawn[name]).statistic for name in real)


TOYS = {
    **{"generator": VectorToy(), "classifier": ClassToy(), "translator": SequenceToy()},
    **{"event_library": EventToy(), "refiner": PairToy()},
}
"""Toys by kind of model."""

SMALL = {
    **{"hidden": 24, "depth": 2, "components": 4, "knots": 300, "batch": 256, "warm_up": 50},
    **{"ema": 0.99, "evaluations": 2, "steps": 500, "trees": 40, "critic_hidden": 32},
    **{"width": 16, "heads": 2, "head_state": 8, "head_hidden": 12, "tokens": 256, "longest": 16},
    **{"head_depth": 1, "head_steps": 200, "head_batch": 256, "learning_rate": 4e-3},
    **{"head_rate": 2e-3},
    **{"partitions": 4, "cells": 16, "groups": 16},
}
"""Settings that make a training short, for families that have them."""


def small(family, **changes):
    """Settings of a short training."""
    known = {field.name for field in fields(family.settings)}
    wanted = {k: v for k, v in (SMALL | changes).items() if k in known}
    if {"trees", "learning_rate"} <= known:
        wanted["learning_rate"] = 0.2
    if family.kind == "translator" and "steps" not in changes:
        wanted["steps"] = 150
    return family.configured(**wanted)
