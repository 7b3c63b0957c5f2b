"""Shares of two samples in adaptive bins of several kinds, made once for all that is counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..arrays import Columns
from .adaptive_bins import Bins, adaptive_bins
from .influence import Cells, Chi2, Rows, Shares


@dataclass(frozen=True)
class Binned:
    """Shares in the bins of one scheme.

    Args:
        bins: the bins.
        shares: detailed and fast.
        chi2: over all judged bins.
    """

    bins: Bins
    shares: Shares
    chi2: Chi2


class Binner:
    """Cells of two sets of rows in every scheme, made once for all cuts.

    Args:
        one, two: detailed and fast rows, with the columns ``unit`` and ``weight``.
        schemes: axes of the bins.
        least: effective number of detailed rows in a bin.
    """

    def __init__(
        self, one: Columns, two: Columns, schemes: Iterable[tuple[str, ...]], least: float = 200.0
    ) -> None:
        pair = Rows(one["unit"], one["weight"]), Rows(two["unit"], two["weight"])
        self.sides = one, two
        self.whole = Cells(*pair, (np.zeros_like(pair[0].unit), np.zeros_like(pair[1].unit)), 1)
        self.schemes: dict[tuple[str, ...], tuple[Bins, Cells]] = {}
        for axes in schemes:
            bins = adaptive_bins(axes, one, one["weight"], least=least)
            cells = Cells(*pair, (bins.place(one), bins.place(two)), len(bins))
            self.schemes[axes] = bins, cells

    def compare(
        self, one: np.ndarray, two: np.ndarray
    ) -> tuple[Shares, dict[tuple[str, ...], Binned]]:
        """Shares of rows that pass: of all together and in the bins of each scheme.

        Args:
            one, two: whether each row passes, or a bounded quantity; shapes ``(n,)`` and ``(m,)``.
        """
        found = {}
        for axes, (bins, cells) in self.schemes.items():
            shares = cells.compare(one, two)
            found[axes] = Binned(bins, shares, shares.chi2())
        return self.whole.compare(one, two, covariance=False), found
