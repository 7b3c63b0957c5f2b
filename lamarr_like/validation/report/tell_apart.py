"""Classifier two-sample tests that also tell where the samples can be told apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...arrays import Columns, Floats
from ...statistics.adaptive_bins import adaptive_bins
from ...statistics.matching import balanced, some_units
from ...statistics.two_sample import Auc, cross_fit, feature_names, features, weighted_auc
from ..tracks import GROUPS, SPECIES
from .distributions import title
from .sample import Sample

CONDITIONS = ("log_p", "eta", "nSPDHits", "charge", *(f"is_{name}" for name in SPECIES))
"""What the variables depend on and the trees are told."""
SPD_STEPS = 10
"""Steps of equal population in which the trees see nSPDHits.

The tracks of an event share its number to the last digit: trees would learn the events by heart.
For the same reason both samples get the same weight in each step of each fold: what is tested is
the law of the tracks for given nSPDHits, and not how many events there are of each.
"""
WITH_DIFFERENCES = ("rich", "calo_pid", "global_pid")
"""Groups with exact equalities; the trees get them and the differences of pairs as well."""
CHAIN = "whole chain"
FEW = 500
"""Rows of a side below which no trees are grown."""


@dataclass(frozen=True)
class TreeConfig:
    """Size of the classifier.

    Args:
        rows: rows of each side at the most.
        trees, depth: number and depth of the trees.
        folds: parts of the cross fit.
        threads: threads of XGBoost.
        seed: seed of the choice of rows and of the folds.
    """

    rows: int = 40_000
    trees: int = 100
    depth: int = 5
    folds: int = 3
    threads: int = 1
    seed: int = 1


@dataclass(frozen=True)
class Region:
    """AUC in a box of momentum and pseudorapidity.

    Args:
        p: from and to [MeV].
        eta: from and to.
        auc: area under the ROC curve there.
    """

    p: tuple[float, float]
    eta: tuple[float, float]
    auc: Auc


@dataclass(frozen=True)
class Telling:
    """Whether trees can tell the samples apart, and by what.

    Args:
        group: a group of variables or `CHAIN`.
        auc: area under the ROC curve; 0.5 if they cannot.
        floor: the same between two draws of the detailed sample, or its halves.
        used: share of the gain of the trees by feature, the largest first.
        regions: AUC by momentum and pseudorapidity, the worst first.
    """

    group: str
    auc: Auc
    floor: Auc
    used: tuple[tuple[str, float], ...]
    regions: tuple[Region, ...]


def tellings(
    detailed: Sample, fast: Sample, equals: tuple[Sample, Sample], config: TreeConfig
) -> Iterator[Telling]:
    """Test each group of variables and all of them together.

    Args:
        detailed, fast: the samples, after `gather.paired`.
        equals: two samples of one law, for the floor.
        config: size of the classifier.
    """
    both = [v for v in detailed.variables if v in fast.track]
    groups = {name: [v for v in names if v in both] for name, names in GROUPS.items()}
    groups[CHAIN] = [v for names in groups.values() for v in names]
    for name, variables in groups.items():
        if not variables or min(len(s.track["unit"]) for s in (detailed, fast)) < FEW:
            continue
        extra = name in WITH_DIFFERENCES
        real, fake = (some_units(s.track, config.rows, config.seed) for s in (detailed, fast))
        auc, used, regions = _told(real, fake, variables, extra, config)
        one, two = (some_units(s.track, config.rows, config.seed) for s in equals)
        floor = _told(one, two, variables, extra, config)[0]
        yield Telling(name, auc, floor, used, regions)


def conditions(tracks: Columns, spd: Floats) -> Columns:
    """What the variables depend on, see `CONDITIONS`.

    Args:
        tracks: columns of long tracks, shape ``(n,)``; so are those returned.
        spd: edges of the steps of nSPDHits, shape ``(n_edges,)``.
    """
    out = {"log_p": np.log10(tracks["p"]), "eta": tracks["eta"]}
    out["nSPDHits"] = np.searchsorted(spd, tracks["n_spd_hits"])
    out["charge"] = tracks["charge"]
    return out | {f"is_{n}": (tracks["species"] == code) * 1.0 for n, code in SPECIES.items()}


_Told = tuple[Auc, tuple[tuple[str, float], ...], tuple[Region, ...]]


def _told(
    real: Columns, fake: Columns, variables: Sequence[str], extra: bool, config: TreeConfig
) -> _Told:
    spd = np.quantile(real["n_spd_hits"], np.arange(1, SPD_STEPS) / SPD_STEPS)
    matrices, steps = [], []
    for tracks in (real, fake):
        values: Mapping[str, np.ndarray] = {v: tracks[v] for v in variables}
        told = conditions(tracks, spd)
        steps.append(told["nSPDHits"])
        matrices.append(features(values, told, equalities=extra, differences=extra))
    # All rows of an event are in one part, in both samples: trees never judge what they have seen.
    part = np.random.default_rng(config.seed + 1).permutation(
        int(max(real["unit"].max(), fake["unit"].max())) + 1
    )
    parts = [part[t["unit"]] % config.folds for t in (real, fake)]
    cells = [p * SPD_STEPS + s for p, s in zip(parts, steps, strict=True)]
    weights = balanced([t["weight"] for t in (real, fake)], cells, config.folds * SPD_STEPS)
    sides = zip(matrices, weights, parts, strict=True)
    fit = cross_fit(
        *sides, trees=config.trees, depth=config.depth,
        folds=config.folds, threads=config.threads, seed=config.seed,
    )  # fmt: skip
    share = fit.gain / max(fit.gain.sum(), 1e-300)
    best = np.argsort(-share)[:8]
    shown = [title(v) for v in variables]
    names = feature_names(shown, CONDITIONS, equalities=extra, differences=extra)
    used = tuple((names[i], float(share[i])) for i in best if share[i] > 0.0)
    return fit.auc, used, _regions(real, fake, fit.scores, weights)


def _regions(
    real: Columns, fake: Columns, scores: Sequence[Floats], weights: Sequence[Floats]
) -> tuple[Region, ...]:
    """AUC of the same scores in boxes of momentum and pseudorapidity."""
    bins = adaptive_bins(("p", "eta"), real, real["weight"], least=1000.0, most=3)
    places = bins.place(real), bins.place(fake)
    found = []
    for i, ((p0, p1), (e0, e1)) in enumerate(bins.seen):
        mine = [place == i for place in places]
        n = int(min(m.sum() for m in mine))
        if n < FEW // 5:
            continue
        chosen = [w[m] for w, m in zip(weights, mine, strict=True)]
        if not min(w.sum() for w in chosen) > 0.0:
            continue
        value, error = weighted_auc(*(s[m] for s, m in zip(scores, mine, strict=True)), *chosen)
        box = (float(p0), float(p1)), (float(e0), float(e1))
        found.append(Region(*box, Auc(value, error, n)))
    return tuple(sorted(found, key=lambda r: -r.auc.value))
