"""What a drawn response is compared by: features, classifiers, cross table, memory, speed.

The classifiers are those of the CaloChallenge (arXiv:2410.21611): one on summary features, one on
the arrays.  The cross table is that of CaloGAN (Paganini et al., arXiv:1712.10321): a classifier of
species is trained on one sample and tested on the other.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata

from ...arrays import Columns, Floats, Ints
from ...errors import SchemaError
from ...responses.features import features
from ...responses.joint import JointModel
from ...responses.model import ResponseModel
from ...responses.response import Response
from ...responses.samples import ResponseSample
from ...statistics.binned import standard_deviation
from ...statistics.distances import weighted_ks, weighted_wasserstein
from ...statistics.judgement import Measurement
from ...statistics.two_sample import Auc, c2st, cross_fit, weighted_auc
from ..verdict import Verdict, VerdictConfig, judge

KINDS = ("sums", "spreads", "distributions", "correlations", "classifier")
"""Kinds of checks, in the order in which they are shown."""

BINS = 6
"""Bins of the scale in which sums are compared."""

BATCHES = (1, 100, 10_000)
"""Particles at a time for which the time is taken."""

TREES = 200
"""Of the classifier of features."""

_LEAST = 50
_KOLMOGOROV = (0.8687, 0.2603)
"""Mean and standard deviation of Kolmogorov's law."""


class FeatureRow(NamedTuple):
    """Distances of one feature.

    Attributes:
        name: of the feature.
        ks: Kolmogorov distance.
        wasserstein: of the feature in units of its standard deviation.
        mean, sd: drawn less detailed, and ratio of the standard deviations.
    """

    name: str
    ks: float
    wasserstein: float
    mean: float
    sd: float


class CrossRow(NamedTuple):
    """AUC of a classifier of species.

    Attributes:
        trained: sample that it was trained on.
        detailed, drawn: AUC on each.
    """

    trained: str
    detailed: float
    drawn: float


class Memory(NamedTuple):
    """Distances to the nearest array of the training sample, in features.

    Attributes:
        drawn, detailed: medians.
        closer: share of the drawn that are closer than all but 1 % of the detailed.
        copies: share of the drawn that agree with one of it to 0.1 % in all features.
    """

    drawn: float
    detailed: float
    closer: float
    copies: float


class TimeRow(NamedTuple):
    """Processor time.

    Attributes:
        batch: particles at a time; 0 for the detailed simulation.
        ms: milliseconds a particle.
    """

    batch: int
    ms: float


class Compared(NamedTuple):
    """One sample beside the detailed one.

    Attributes:
        rows: of all features.
        trees: AUC of trees on features.
        images: AUC of a network on the arrays; None if it was not asked for.
        correlation: largest difference of two correlations of ranks, and of which features.
    """

    rows: list[FeatureRow]
    trees: Auc
    images: Auc | None
    correlation: tuple[float, str]


class Comparison(NamedTuple):
    """Everything that is told of a drawn sample.

    Attributes:
        response: declaration.
        n: particles.
        drawn: beside the detailed sample.
        floor: a second detailed draw beside it; None without one.
        cross: cross table; empty where no condition tells species apart.
        memory: None without a training sample.
        times: empty without a model.
        verdict: of the thresholds.
        columns: features of the detailed, the drawn and the second detailed sample.
    """

    response: Response
    n: int
    drawn: Compared
    floor: Compared | None
    cross: list[CrossRow]
    memory: Memory | None
    times: list[TimeRow]
    verdict: Verdict
    columns: tuple[Columns, Columns, Columns | None]


def compare(
    detailed: ResponseSample,
    drawn: ResponseSample,
    config: VerdictConfig,
    *,
    again: ResponseSample | None = None,
    training: ResponseSample | None = None,
    model: ResponseModel | JointModel | None = None,
    images: bool = True,
    seed: int = 1,
) -> Comparison:
    """Compare a drawn sample with a detailed one of the same particles.

    Args:
        detailed, drawn: the samples.
        config: thresholds.
        again: a second detailed draw of the same particles: the floor.
        training: what the generator was trained on, to see what it knows by heart.
        model: the generator, to take its time.
        images: also train a network on the arrays (needs the extra ``train``).
        seed: of the classifiers.

    Raises:
        SchemaError: if the samples are not of the same particles.
    """
    for other in (drawn, again):
        if other is not None:
            check_pairs(detailed, other)
    response, seen = detailed.response, detailed.seen
    real = features(response, seen, detailed.hits)
    fake = features(response, seen, drawn.hits)
    beside = _beside(detailed, drawn, real, fake, images, seed)
    second = None if again is None else features(response, seen, again.hits)
    floor = None
    if again is not None and second is not None:
        floor = _beside(detailed, again, real, second, images, seed)
    times = [] if model is None else list(_times(model, detailed))
    cost = detailed.record.get("ms_per_particle")
    if isinstance(cost, (int, float)):
        times.insert(0, TimeRow(0, float(cost)))
    return Comparison(
        response=response,
        n=len(detailed),
        drawn=beside,
        floor=floor,
        cross=list(_cross(response, seen, real, fake, seed)),
        memory=None if training is None else _memory(training, real, fake),
        times=times,
        verdict=judge(_measurements(response, seen, real, fake, beside), config),
        columns=(real, fake, second),
    )


def check_pairs(detailed: ResponseSample, other: ResponseSample) -> None:
    """See that two samples are of the same particles.

    Args:
        detailed: a sample.
        other: the sample beside it.

    Raises:
        SchemaError: if they are not, or are too small, or of different shapes.
    """
    if other.response.shape != detailed.response.shape:
        raise SchemaError(
            f"{other.where} holds arrays of shape {other.response.shape}, {detailed.where} of "
            f"{detailed.response.shape}"
        )
    if len(detailed) < _LEAST:
        raise SchemaError(f"{detailed.where}: {len(detailed)} particles; {_LEAST} are the least")
    for name, values in detailed.conditions.items():
        theirs = other.conditions.get(name, np.zeros(0))
        if theirs.shape != values.shape or not np.allclose(theirs, values, rtol=1e-5, atol=1e-9):
            raise SchemaError(
                f"{other.where} is not of the particles of {detailed.where}: their {name} differs; "
                "draw with --like"
            )


def _beside(
    detailed: ResponseSample,
    other: ResponseSample,
    real: Columns,
    fake: Columns,
    images: bool,
    seed: int,
) -> Compared:
    seen = detailed.seen
    given = {f.name: seen[:, k] for k, f in enumerate(detailed.response.features)}
    net = None
    if images:
        from ...responses.training.images import images_auc

        net = images_auc(detailed, other, seed=seed)
    return Compared(
        rows=[_row(name, real[name], fake[name]) for name in real],
        trees=c2st(real, fake, given, trees=TREES, seed=seed),
        images=net,
        correlation=_correlation(real, fake),
    )


def _row(name: str, real: Floats, fake: Floats) -> FeatureRow:
    sd = max(float(real.std()), 1e-12)
    return FeatureRow(
        name,
        weighted_ks(real, fake),
        weighted_wasserstein(real, fake) / sd,
        float(fake.mean() - real.mean()),
        float(fake.std()) / sd,
    )


def _matrix(columns: Columns) -> Floats:
    """Correlations of ranks: single arrays far from all others do not make them."""
    ranks = np.stack([rankdata(values) for values in columns.values()])
    with np.errstate(all="ignore"):
        found: Floats = np.nan_to_num(np.corrcoef(ranks))
    return found


def _correlation(real: Columns, fake: Columns) -> tuple[float, str]:
    difference = np.abs(_matrix(fake) - _matrix(real))
    a, b = np.unravel_index(int(difference.argmax()), difference.shape)
    names = list(real)
    return float(difference[a, b]), f"{names[b]} and {names[a]}"


def _cross(
    response: Response, seen: Floats, real: Columns, fake: Columns, seed: int
) -> Iterator[CrossRow]:
    """Trees that tell the two values of the first flag, trained on one sample and on the other."""
    flag = next((k for k, f in enumerate(response.features) if f.kind == "equals"), None)
    if flag is None or len(np.unique(seen[:, flag])) < 2:
        return
    label = seen[:, flag] > 0
    others = [k for k in range(seen.shape[1]) if k != flag]
    tables = [
        np.concatenate([np.stack(list(c.values()), axis=1), seen[:, others]], axis=1)
        for c in (real, fake)
    ]
    part = np.random.default_rng(seed).permutation(len(seen)) % 2
    options = {"trees": TREES // 2, "depth": 5, "folds": 2, "threads": 1, "seed": seed}
    ones = np.ones(len(seen))
    for name, trained in (("detailed", 0), ("drawn", 1)):
        found = []
        for tested in (0, 1):
            # Fold 0 of the one is trained on, fold 1 of the other judged, and the other way round.
            table = np.where((part == 0)[:, None], tables[trained], tables[tested])
            swapped = np.where((part == 1)[:, None], tables[trained], tables[tested])
            aucs = [
                _tested(t.astype(np.float32), label, part, fold, ones, options)
                for t, fold in ((table, 1), (swapped, 0))
            ]
            found.append(float(np.mean(aucs)))
        yield CrossRow(name, *found)


def _tested(
    table: np.ndarray,
    label: np.ndarray,
    part: Ints,
    fold: int,
    ones: Floats,
    options: dict[str, int],
) -> float:
    """AUC on one part of trees that were trained on the other."""
    sides = [(table[label == s], ones[label == s], part[label == s]) for s in (True, False)]
    fit = cross_fit(sides[0], sides[1], **options)
    chosen = [side[2] == fold for side in sides]
    scores = [fit.scores[i][chosen[i]] for i in (0, 1)]
    return weighted_auc(scores[0], scores[1], np.ones(len(scores[0])), np.ones(len(scores[1])))[0]


def _memory(training: ResponseSample, real: Columns, fake: Columns) -> Memory:
    from scipy.spatial import cKDTree

    known = features(training.response, training.seen, training.hits)
    stack = [np.stack(list(c.values()), axis=1) for c in (known, real, fake)]
    sd = np.maximum(stack[0].std(axis=0), 1e-12)
    tree = cKDTree(stack[0] / sd)
    detailed, drawn = (tree.query(s / sd)[0] for s in stack[1:])
    return Memory(
        float(np.median(drawn)),
        float(np.median(detailed)),
        float((drawn < np.quantile(detailed, 0.01)).mean()),
        float((drawn < 1e-3).mean()),
    )


def _times(model: ResponseModel | JointModel, sample: ResponseSample) -> Iterator[TimeRow]:
    """Processor time of one draw of so many particles, the best of some, after a first one."""
    for batch in BATCHES:
        rows = np.arange(batch) % len(sample)
        conditions = {name: values[rows] for name, values in sample.conditions.items()}
        model.draw({k: v[: min(batch, 100)] for k, v in conditions.items()}, 1)
        best = np.inf
        for repeat in range(3 if batch > 1 else 20):
            started = time.process_time()
            model.draw(conditions, repeat)
            best = min(best, time.process_time() - started)
        yield TimeRow(batch, 1e3 * best / batch)


def _measurements(
    response: Response, seen: Floats, real: Columns, fake: Columns, beside: Compared
) -> Iterator[Measurement]:
    """What the thresholds are about."""

    def one(
        group: str, subject: str, label: str, *values: float, sided: bool = False
    ) -> Measurement:
        deviation, sigma, reference, units = (np.array([v]) for v in values)
        return Measurement(
            group, subject, label, deviation, sigma, reference, units, one_sided=sided
        )

    n = len(seen)
    for low, high, rows in _scale_bins(response, seen):
        a, b = np.exp(real["response"][rows]), np.exp(fake["response"][rows])
        where = f"from {low:.3g} to {high:.3g}"
        mean, k = float(a.mean()), len(a)
        sigma = float(np.hypot(a.std(), b.std())) / np.sqrt(k)
        yield one("sums", "arrays", f"mean {where}", b.mean() - mean, sigma, mean, k)
        # A particle that goes through without a shower is far from all others.
        (width, error), (theirs, their_error) = standard_deviation(a), standard_deviation(b)
        yield one(
            "spreads", "arrays", f"spread {where}", theirs - width,
            math.hypot(error, their_error), width, k,
        )  # fmt: skip
    root = np.sqrt(2 / n)
    for row in beside.rows:
        mean, sd = (value * root for value in _KOLMOGOROV)
        yield one("distributions", "features", row.name, row.ks - mean, sd, 0.0, n, sided=True)
    value, names = beside.correlation
    yield one("correlations", "features", names, value, 2 / np.sqrt(n), 0.0, n, sided=True)
    for subject, auc in (("features", beside.trees), ("arrays", beside.images)):
        if auc is not None:
            above = auc.value - 0.5
            yield one("classifier", subject, "AUC", above, auc.error, 0.0, auc.rows, sided=True)


def _scale_bins(response: Response, seen: Floats) -> Iterator[tuple[float, float, np.ndarray]]:
    """Edges and rows of bins of the scale, of equal numbers of particles."""
    if not response.scale:
        yield -np.inf, np.inf, np.arange(len(seen))
        return
    scale = np.exp(seen[:, response.feature(response.scale)])
    edges = np.quantile(scale, np.linspace(0, 1, BINS + 1))
    for low, high in pairwise(edges):
        rows = np.flatnonzero((scale >= low) & (scale <= high))
        if len(rows) >= 2:
            yield float(low), float(high), rows
