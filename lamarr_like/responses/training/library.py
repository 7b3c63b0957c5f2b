"""Makes a library of arrays, and measures what of their conditions counts how much."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from ...arrays import Floats
from ...errors import TrainingError
from ...nets.sample import archive, data_digest, split, stream
from ...nets.trained import TrainedModel, training_record
from ..bins import Bins
from ..blocks import Layout, Shells
from ..codes import Codes, Particles, scaled
from ..config import LibraryConfig, TableConfig
from ..frame import Frame, Placement
from ..hits import Hits
from ..library import LOG_STEP, Library
from ..response import Response
from ..samples import AnySample, JointSample
from .judge import HeldOut, base_spec

MEASURED = 50_000
"""Most arrays that weights are measured on."""

_SHARPEST = 1e6
_LEVELS = 255


def fit_table(sample: AnySample, settings: TableConfig, *, progress: bool = True) -> TrainedModel:
    """Store a sample in bins of similar particles (see `lamarr_like.responses.bins`).

    Args:
        sample: detailed arrays.
        settings: of the table.
        progress: not used: it takes seconds.

    Raises:
        TrainingError: if the sample holds next to nothing.
    """
    return fit_library(sample, settings, progress=progress)


def fit_library(
    sample: AnySample, settings: LibraryConfig, *, progress: bool = True
) -> TrainedModel:
    """Store a sample.

    Args:
        sample: detailed arrays.
        settings: of the library.
        progress: not used: it takes seconds.

    Raises:
        TrainingError: if the sample holds next to nothing.
    """
    started = time.perf_counter()
    if isinstance(sample, JointSample):
        raise TrainingError(
            f"{sample.where}: {settings.family} stores the arrays of one device; name one of "
            + ", ".join(part.response.name for part in sample.parts)
        )
    held = split(len(sample), settings.holdout, settings.seed)
    stored = sample.take(np.flatnonzero(~held)[: settings.size])
    if len(stored) < settings.neighbours or not len(stored.hits.row):
        raise TrainingError(f"{sample.where}: {len(stored)} arrays make no library")
    response = sample.response
    frame = Frame.fit(response, stored.seen, stored.arrays)
    placement = frame.place(stored.seen)
    hits = placement.to_frame(stored.hits)
    measured = stored.take(slice(0, MEASURED))
    place = frame.place(measured.seen)
    weights = _weights(response, place, place.to_frame(measured.hits))
    least = float(hits.value.min())
    level = np.rint(np.log(hits.value / least) / LOG_STEP)
    if level.max() > _LEVELS:
        raise TrainingError(
            f"{sample.where}: values from {least:.3g} to {hits.value.max():.3g} {response.unit} "
            f"are too far apart for a library; give the response a threshold"
        )
    library = Library(
        placement.given.astype(np.float32).astype(np.float64),
        weights,
        np.searchsorted(hits.row, np.arange(len(stored) + 1)),
        hits.cell,
        level.astype(np.int64),
        hits.sums(len(stored)),
        least,
        settings.neighbours,
    )
    if isinstance(settings, TableConfig):
        bins = Bins.fit(library.given * weights, settings.neighbours)
        library = replace(library, bins=bins)
    spec = base_spec(response, settings) | {
        "method": "library",
        "least": least,
        "neighbours": settings.neighbours,
    }
    files = {"transforms.npz": archive({"depth": frame.depth, **library.to_arrays()})}
    figure = HeldOut(spec, {}, sample.take(held), settings)(files)
    spec |= training_record(
        settings,
        rows=len(stored),
        digest=data_digest(sample.conditions, {"arrays": sample.arrays}),
        weighted=False,
        history=[],
        started=started,
    )
    spec["figures"] = {"held_out_rows": int(held.sum())}
    if np.isfinite(figure.value):
        spec["figures"] |= {
            "held_out_c2st": round(figure.value, 5),
            "held_out_c2st_error": round(figure.error, 5),
        }
    return TrainedModel(spec, files)


def _weights(response: Response, placement: Placement, hits: Hits) -> Floats:
    """Weights of what is given, shape ``(n_given,)``.

    What is seen of an array are the scores of its codes and its number of hits.  Where the particle
    enters counts by the middle of the response alone: the rest is the same, moved.
    """
    n = len(placement.given)
    layout = Layout(response, Shells())
    amounts = scaled(response, layout.amounts(layout.energies(hits, n)), placement.given)
    alike, u = Particles.alike(n), stream(1, "library").random(amounts.shape)
    scores = Codes.fit(amounts, alike).scores(amounts, u, alike)
    count = np.log1p(np.bincount(hits.row, minlength=n))
    entries = [response.feature(shift.feature) for shift in response.shifts]
    kept = np.setdiff1d(np.arange(placement.given.shape[1]), entries)
    weights = np.zeros(placement.given.shape[1])
    summary = np.concatenate([scores, count[:, None]], axis=1)
    weights[kept] = sensitivities(placement.given[:, kept], summary)
    return weights


def sensitivities(given: Floats, summary: Floats) -> Floats:
    """How much the law of the arrays changes with each thing given, shape ``(n_given,)``.

    The changes of the means of the summary features and of their spreads, each in units of the
    spread that is left, are added in quadrature (the diagonal of a Fisher information).

    Args:
        given: shape ``(n, n_given)``.
        summary: features, shape ``(n, k)``.
    """
    centre, spread = given.mean(axis=0), np.maximum(given.std(axis=0), 1e-9)
    x = (given - centre) / spread
    pairs = [x[:, a] * x[:, b] for a in range(x.shape[1]) for b in range(a + 1)]
    columns = np.stack([np.ones(len(x)), *x.T, *pairs], axis=1)
    left, total = summary, np.zeros(x.shape[1])
    for values_of in (lambda left: left, _log_spread):
        values = values_of(left)
        coefficients = np.linalg.lstsq(columns, values, rcond=None)[0]
        left = values - columns @ coefficients
        scale = np.maximum(left.std(axis=0), 1e-12)
        total += _mean_square_slope(x, coefficients / scale, len(x.T))
    found: Floats = np.sqrt(np.minimum(total, _SHARPEST)) / spread
    return found


def _log_spread(left: Floats) -> Floats:
    """Logarithms of residuals, none of them of zero."""
    found: Floats = np.log(np.abs(left) + 1e-3 * np.maximum(left.std(axis=0), 1e-12))
    return found


def _mean_square_slope(x: Floats, coefficients: Floats, n: int) -> Floats:
    """Mean over the sample of the squared slopes of a quadratic form, summed over its values."""
    slopes = np.repeat(coefficients[None, 1 : 1 + n], len(x), axis=0)
    at = 1 + n
    for a in range(n):
        for b in range(a + 1):
            slopes[:, a] += coefficients[at] * x[:, b, None]
            slopes[:, b] += coefficients[at] * x[:, a, None]
            at += 1
    found: Floats = (slopes**2).mean(axis=0).sum(axis=1)
    return found
