"""What the verdict sees of the comparison: deviations, their uncertainties, and their places."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from ...arrays import Floats
from ...statistics.adaptive_bins import Bins
from ...statistics.influence import Shares
from .columns import PULLS
from .distributions import Correlation, Distance, Width, title, width_freedom
from .efficiency import Ratio
from .gather import Sample
from .tell_apart import Telling
from .verdict import ALL, Measurement

JUDGED_SCHEMES = (("p",), ("eta",), ("n_spd_hits",), ("p", "eta"))
"""Bins that the verdict looks at, beside all rows in one; the others are shown only."""
_AXIS = {"p": "P", "eta": "eta", "n_spd_hits": "nSPDHits"}


def measurements(
    ratios: Iterable[Ratio],
    distances: Iterable[Distance],
    widths: Iterable[Width],
    correlations: Iterable[Correlation],
    tellings: Iterable[Telling],
) -> Iterator[Measurement]:
    """Every figure that the verdict sees, as deviations with their uncertainties."""
    for ratio in ratios:
        yield from _of_ratio(ratio)
    for one in distances:
        yield _of_distance(one)
    for width in widths:
        yield _of_width(width)
    for pair in correlations:
        yield Measurement(
            *("correlations", pair.species, " and ".join(title(v) for v in pair.pair)),
            *_single(pair.fast - pair.detailed, pair.sigma, pair.detailed, pair.units),
        )
    for telling in tellings:
        # The scatter of the trees' own training comes on top of DeLong's.
        sigma = 1.5 * telling.auc.error
        yield Measurement(
            *("classifier", telling.group, "area under the ROC curve"),
            *_single(telling.auc.value - 0.5, sigma, 0.5, float(telling.auc.rows)),
            one_sided=True,
        )


_Single = tuple[Floats, Floats, Floats, Floats]


def _single(deviation: float, sigma: float, reference: float, units: float) -> _Single:
    a, b, c, d = (np.array([v], dtype=np.float64) for v in (deviation, sigma, reference, units))
    return a, b, c, d


def _of_ratio(ratio: Ratio) -> Iterator[Measurement]:
    yield _of_shares(ratio, ratio.whole, ())
    for axes in JUDGED_SCHEMES:
        if axes in ratio.schemes:
            binned = ratio.schemes[axes]
            yield _of_shares(ratio, binned.shares, box_texts(binned.bins))


def _of_shares(ratio: Ratio, shares: Shares, where: Sequence[str]) -> Measurement:
    # Where the detailed sample has none that passes, the tolerance is of what fails.
    reference = np.minimum(shares.detailed, 1.0 - shares.detailed)
    reference = np.maximum(reference, 0.5 * shares.detailed)
    return Measurement(
        *(ratio.group, ratio.species, ratio.label, shares.difference, shares.sigma),
        *(reference, np.where(np.isfinite(shares.units), shares.units, 0.0), where),
    )


def box_texts(bins: Bins) -> list[str]:
    """Each bin as text; momentum in GeV."""
    texts = []
    for box in bins.seen:
        sides = []
        for axis, (low, high) in zip(bins.axes, box, strict=True):
            scale = 1e-3 if axis == "p" else 1.0
            sides.append(f"{_AXIS[axis]} {low * scale:.3g}-{high * scale:.3g}")
        texts.append(", ".join(sides))
    return texts


def _of_distance(one: Distance) -> Measurement:
    group, subject = "distributions", one.species
    if one.species == "events":
        subject = "events"
    # Kolmogorov's law has heavier tails than a Gaussian point: its own p-value as a deviation.
    return Measurement(
        *(group, subject, f"{title(one.variable)}, Kolmogorov distance"),
        *_single(one.ks, 1.15 * one.ks_scale, 1.0, min(one.n_detailed, one.n_fast)),
        one_sided=True,
    )


def _of_width(width: Width) -> Measurement:
    group = "pulls" if width.variable in PULLS else "resolution"
    edges = 1e-3 * width.edges
    bins = [f"P {a:.3g}-{b:.3g}" for a, b in itertools.pairwise(edges)]
    # The logarithm is symmetric where few tracks make the ratio and its error small together.
    with np.errstate(invalid="ignore", divide="ignore"):
        deviation, sigma = np.log(width.ratio), width.ratio_error / width.ratio
    return Measurement(
        *(group, width.species, f"width of {width.variable}"),
        *(deviation, sigma, np.ones(len(width.ratio))),
        *(width_freedom(np.where(np.isfinite(width.n), width.n, 0.0)), [ALL, *bins]),
    )


def duplicates(detailed: Sample, fast: Sample) -> Measurement:
    """Share of repeated tracks."""
    shares, squares = [], 0.0
    for sample in (detailed, fast):
        n = max(len(sample.fingerprint), 1)
        shares.append(sample.duplicates / n)
        squares += (sample.duplicates + 1.0) / n**2
    units = float(min(len(detailed.fingerprint), len(fast.fingerprint)))
    return Measurement(
        *("duplicates", "tracks", "share of repeated tracks"),
        *_single(shares[1] - shares[0], float(np.sqrt(squares)), shares[0], units),
        one_sided=True,
    )
