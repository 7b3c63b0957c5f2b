"""What the verdict sees of the comparison: deviations, their uncertainties, and their places."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from ...arrays import Floats
from ...statistics.adaptive_bins import Bins
from ...statistics.influence import Shares
from ...statistics.judgement import ALL, Measurement
from ...statistics.paired import width_freedom
from ..tracks import PULLS
from .distributions import Distance, Width, title
from .efficiency import Ratio
from .joint import Correlation
from .sample import Sample
from .tell_apart import Telling

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
        yield _of_shares(ratio, ratio.whole, ())
        for axes in JUDGED_SCHEMES:
            if axes in ratio.schemes:
                binned = ratio.schemes[axes]
                yield _of_shares(ratio, binned.shares, box_texts(binned.bins))
    for one in distances:
        # Kolmogorov's law has heavier tails than a Gaussian point: its own p-value as a deviation.
        yield Measurement(
            *("distributions", one.species, f"{title(one.variable)}, Kolmogorov distance"),
            *_single(one.ks, 1.15 * one.ks_scale, 1.0, min(one.n_detailed, one.n_fast)),
            one_sided=True,
        )
    for width in widths:
        group = "pulls" if width.variable in PULLS else "resolution"
        yield of_width(width, group, f"width of {width.variable}")
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


def _single(*numbers: float) -> tuple[Floats, Floats, Floats, Floats]:
    """Deviation, uncertainty, reference and effective number of events of a single figure."""
    deviation, sigma, reference, units = np.array(numbers, dtype=np.float64)[:, None]
    return deviation, sigma, reference, units


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
    scale = [1e-3 if axis == "p" else 1.0 for axis in bins.axes]
    return [
        ", ".join(
            f"{_AXIS[axis]} {low * unit:.3g}-{high * unit:.3g}"
            for axis, unit, (low, high) in zip(bins.axes, scale, box, strict=True)
        )
        for box in bins.seen
    ]


def of_width(width: Width, group: str, label: str, in_bins: bool = True) -> Measurement:
    """The logarithm of the ratio of two widths.

    It is symmetric where few tracks make the ratio and its error small together.

    Args:
        width: of all rows and in bins of the momentum.
        group, label: of the measurement.
        in_bins: whether the bins are judged as well.
    """
    places = [ALL, *(f"P {a:.3g}-{b:.3g}" for a, b in itertools.pairwise(1e-3 * width.edges))]
    taken = slice(None if in_bins else 1)
    ratio = width.ratio[taken]
    with np.errstate(invalid="ignore", divide="ignore"):
        deviation, sigma = np.log(ratio), width.ratio_error[taken] / ratio
    n = width.n[taken]
    return Measurement(
        *(group, width.species, label, deviation, sigma, np.ones(len(ratio))),
        *(width_freedom(np.where(np.isfinite(n), n, 0.0)), places if in_bins else ()),
    )


def duplicates(detailed: Sample, fast: Sample) -> Measurement:
    """Share of repeated tracks."""
    n = [max(len(s.fingerprint), 1) for s in (detailed, fast)]
    found = [s.duplicates for s in (detailed, fast)]
    one, two = (k / size for k, size in zip(found, n, strict=True))
    square = sum((k + 1.0) / size**2 for k, size in zip(found, n, strict=True))
    units = float(min(len(s.fingerprint) for s in (detailed, fast)))
    return Measurement(
        *("duplicates", "tracks", "share of repeated tracks"),
        *_single(two - one, float(np.sqrt(square)), one, units),
        one_sided=True,
    )
