"""Arrays of the same events beside each other, cell by cell: how near a translation comes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...arrays import Floats
from ...errors import SchemaError
from ...files.tables import Table, table_of
from ...responses.features import features
from ...responses.samples import ResponseSample
from ...statistics.distances import weighted_ks
from ...statistics.two_sample import Auc, c2st
from .compute import TREES, check_pairs


class Nearness(NamedTuple):
    """One sample beside the wanted one.

    Attributes:
        name: what it is.
        l1, l1_error: mean distance of a cell, in the unit of the response, and its error.
        l2: root of the mean squared distance.
        gain, gain_error: how many times nearer in l1 than the first sample.
        total: mean sum of an array over that of the wanted ones.
        sums: Kolmogorov distance of the sums of arrays, and
        widths: of their widths along the axes.
        trees: AUC of trees on features of the arrays, which are told the conditions.
    """

    name: str
    l1: float
    l1_error: float
    l2: float
    gain: float
    gain_error: float
    total: float
    sums: float
    widths: tuple[float, ...]
    trees: Auc


def compare_pairs(
    wanted: ResponseSample, others: Sequence[tuple[str, ResponseSample]], seed: int = 1
) -> list[Nearness]:
    """How near samples come to the wanted one of the same events.

    Args:
        wanted: the arrays as they should be.
        others: name and sample of each; the first is what the gain of the others is told against.
        seed: of the trees.

    Raises:
        SchemaError: if they are not of the same events.
    """
    for _, other in others:
        check_pairs(wanted, other)
    if not wanted.arrays.any():
        raise SchemaError(f"{wanted.where}: all of its arrays are empty")
    real = features(wanted.response, wanted.seen, wanted.hits)
    given = {f.name: wanted.seen[:, k] for k, f in enumerate(wanted.response.features)}
    sums = _sums(wanted)
    found, first = [], np.zeros(0)
    for name, other in others:
        away = other.arrays.astype(np.float64) - wanted.arrays
        l1 = np.abs(away).reshape(len(away), -1).mean(axis=1)
        first = first if len(first) else l1
        fake = features(wanted.response, wanted.seen, other.hits)
        gain, error = _ratio(first, l1)
        found.append(
            Nearness(
                name,
                float(l1.mean()),
                float(l1.std() / np.sqrt(len(l1))),
                float(np.sqrt((away**2).mean())),
                gain,
                error,
                float(_sums(other).mean() / sums.mean()),
                weighted_ks(sums, _sums(other)),
                tuple(
                    weighted_ks(real[key], fake[key])
                    for key in (f"width_{axis.name}" for axis in wanted.response.axes)
                ),
                c2st(real, fake, given, groups=_rows(real), fake_groups=_rows(real), trees=TREES,
                     seed=seed),
            )
        )  # fmt: skip
    return found


def nearness_table(wanted: ResponseSample, found: Sequence[Nearness]) -> Table:
    """The comparison as a table.

    Args:
        wanted: the sample that the others were compared with.
        found: what `compare_pairs` gave.
    """
    unit = wanted.response.unit
    widths = [
        f"KS of widths, {axis.name} = {{0.widths[{k}]:.3f}}"
        for k, axis in enumerate(wanted.response.axes)
    ]
    columns = [
        "arrays = {0.name}",
        f"l1 a cell [{unit}] = {{0.l1:.4g}} +- {{0.l1_error:.1g}}",
        f"l2 [{unit}] = {{0.l2:.4g}}",
        "times nearer in l1 = {0.gain:.2f} +- {0.gain_error:.2f}",
        "sum over wanted = {0.total:.3f}",
        "KS of sums = {0.sums:.3f}",
        *widths,
        "AUC of trees = {0.trees.value:.3f} +- {0.trees.error:.3f}",
    ]
    return table_of("", columns, ((one, None, {}) for one in found))


def _sums(sample: ResponseSample) -> Floats:
    found: Floats = sample.arrays.reshape(len(sample), -1).sum(axis=1, dtype=np.float64)
    return found


def _rows(columns: dict[str, Floats]) -> np.ndarray:
    """Numbers of the events: both arrays of one are in the same fold."""
    return np.arange(len(next(iter(columns.values()))))


def _ratio(above: Floats, below: Floats) -> tuple[float, float]:
    """Ratio of two means over the same events, and its error."""
    if not below.any():
        return float("inf"), 0.0
    found = float(above.mean() / below.mean())
    spread = np.std(above / max(above.mean(), 1e-300) - below / below.mean())
    return found, float(found * spread / np.sqrt(len(above)))
