"""Figures of toy models: of `validate` on a toy detector, of `fidelity` on a toy law."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
from report_samples import detector, gathered, truth_batch

from lamarr_like.files.numbers import plain
from lamarr_like.statistics.two_sample import Auc, c2st
from lamarr_like.validation.report.compute import ReportConfig, compare
from lamarr_like.validation.report.gather import paired
from lamarr_like.validation.report.write import numbers
from lamarr_like.validation.stages.results import FidelityReport, StageFidelity
from lamarr_like.validation.verdict import load_thresholds

CONFIG = ReportConfig(
    species=("pi",),
    variables=("rich_dll_k",),
    schemes=(("p",),),
    classify=False,
    floor=False,
)
EVENTS = 3000
KEPT = (
    *("unit", "weight", "species", "p", "eta", "n_spd_hits", "rich_dll_k"),
    *("dx", "dy", "dp", "pull_x", "pull_qop"),
)
"""Variables of the tracks that are looked at: others only take time."""


@cache
def _detailed():
    truth = truth_batch(EVENTS, 1)
    return truth, gathered("detailed", detector(truth, 1001))


def limits():
    """Thresholds of `validate` for few events of toys that know no classifier."""
    found = load_thresholds()
    checks = {k: replace(v, limit=0.5) for k, v in found.checks.items() if k != "classifier"}
    return type(found)(found.name, found.false_alarm, checks)


def validate_json(name, digest, seed=2001, sample="toy.root", **defects):
    """``report.json`` of a fast draw by a model."""
    truth, detailed = _detailed()
    fast = gathered("fast", detector(truth, seed, **defects))
    told = {"detailed files": sample, "models": f"{name} ({digest[:8]}), other-1 (01234567)"}
    pair = [replace(s, track={k: s.track[k] for k in KEPT}) for s in paired(detailed, fast)]
    report = compare(*pair, limits(), CONFIG, told)
    return json.dumps(plain(numbers(report), 5)).encode()


def fidelity_json(
    name, digest, auc, error=0.002, stage="resolution", sample="test.root", rows=50_000
):
    """``fidelity.json`` of a model."""
    one = StageFidelity(name, "resolution", "plain", Auc(auc, error, rows), Auc(0.5, error, rows))
    report = FidelityReport((sample,), 100, {"-": [one]}, {"-": []}, digests={name: digest})
    return json.dumps(plain(report)).encode()


def neighbour_auc(trained_on, seed=1, rows=6000):
    """Two-sample test of a toy model that answers as the nearest row that it learnt from."""
    from scipy.spatial import cKDTree

    def law(n, rng):
        x = rng.uniform(-1, 1, (n, 2))
        return x, np.sin(3 * x[:, 0]) + x[:, 1] + 0.1 * rng.normal(size=n)

    rng = np.random.default_rng(seed)
    learnt, truth = law(trained_on, rng), law(rows, rng)
    drawn = learnt[1][cKDTree(learnt[0]).query(truth[0])[1]]
    conditions = {"a": truth[0][:, 0], "b": truth[0][:, 1]}
    return c2st({"y": truth[1]}, {"y": drawn}, conditions, trees=60, depth=4, seed=seed)
