r"""Shares in bins, fast beside detailed, with the covariance that common truth and weights imply.

A share in a bin is a ratio of sums, ``eps = sum(w passed) / sum(w)``.  To first order the
difference ``d = eps_fast - eps_detailed`` is a sum of independent contributions of the *units*
(the generated events),

.. math:: \psi_u = \frac{K^f_u - \epsilon W^f_u}{N^f} - \frac{K^d_u - \epsilon W^d_u}{N^d},

with ``W`` and ``K`` the weights of all and of the passing rows of the unit, ``N`` the sum of ``W``,
and its covariance is ``sum_u psi_u psi_u^T`` (infinitesimal jackknife: Efron, "Nonparametric
estimates of standard error", Biometrika 68 (1981) 589).  That one formula covers all cases:

* weights, negative ones as well: for independent rows it is the usual ``sum w^2 (p - eps)^2``;
* a unit that is in one sample only adds to one of the two terms: independent samples;
* a generated event that both samples hold adds to both.  The detector draws are independent given
  the truth, yet the efficiencies of the particles are common, so that the terms cancel in part;
  with one row a unit in both samples it is the test of McNemar (Psychometrika 12 (1947) 153), and
  for partly common rows in clusters that of Obuchowski, "On the comparison of correlated
  proportions for clustered data", Stat. Med. 17 (1998) 1495;
* rows of one event share its occupancy: they are one unit, not many.

For the pull ``eps`` is the common share of both samples (a score test), and what a row adds to the
variance, ``sum_u (K_u - eps W_u)^2 / sum w^2``, is estimated from the rows of both: where the small
one of two samples has by chance no row that passes, its own spread is nothing.  That keeps the law
where few rows pass or all do; for the error of the ratio each sample has its own share.
"""

from __future__ import annotations

from typing import NamedTuple
from weakref import ref

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, stats

from ..arrays import Floats, Ints, Mask
from ..errors import SchemaError

LEAST_UNITS = 10.0
"""Units with a say below which the difference of a bin is not judged."""


class Rows(NamedTuple):
    """Rows of one sample; arrays of shape ``(n,)``.

    Attributes:
        unit: number of the generated event; equal numbers in both samples mean the same event.
        weight: statistical weight, negative ones allowed.
    """

    unit: Ints
    weight: Floats


_last: list[tuple[ref[Ints], ref[Ints], tuple[Ints, Ints, int]]] = []


def common_units(one: Ints, two: Ints) -> tuple[Ints, Ints, int]:
    """Numbers from 0 of the units of two samples, equal ones for equal units, and how many.

    Args:
        one, two: unit of each row, of shapes ``(n,)`` and ``(m,)``.
    """
    for known in _last:  # the same rows are compared in one variable after the other
        if known[0]() is one and known[1]() is two:
            return known[2]
    number = np.unique(np.concatenate([one, two]), return_inverse=True)[1].ravel()
    n = int(number.max()) + 1 if len(number) else 0
    found = number[: len(one)], number[len(one) :], n
    _last[:] = [(ref(one), ref(two), found)]
    return found


class Shares(NamedTuple):
    """A share in bins; arrays of shape ``(n_bins,)``, NaN where there is nothing to tell.

    Attributes:
        n_detailed, n_fast: effective number of rows, ``(sum w)^2 / sum w^2``.
        detailed, fast: the shares.
        ratio, ratio_error: fast over detailed.
        difference, sigma: fast less detailed, and its standard deviation if both are one law.
        units: effective number of units that tell the samples apart, ``(sum psi^2)^2 / sum psi^4``.
        covariance: of the differences, shape ``(n_bins, n_bins)``.
        n_units: events with a row in any bin.
    """

    n_detailed: Floats
    n_fast: Floats
    detailed: Floats
    fast: Floats
    ratio: Floats
    ratio_error: Floats
    difference: Floats
    sigma: Floats
    units: Floats
    covariance: Floats
    n_units: int

    @property
    def pull(self) -> Floats:
        """Difference in standard deviations; 0 on average with a width of 1 for equal laws."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.judged, self.difference / self.sigma, np.nan)

    @property
    def judged(self) -> Mask:
        """Bins with enough units for a judgement."""
        result: Mask = np.isfinite(self.sigma) & (self.sigma > 0.0) & (self.units >= LEAST_UNITS)
        return result

    def beyond(self, tolerance: Floats | float = 0.0) -> Floats:
        """Two-sided p-value of each bin that the difference is within the tolerance.

        Student's law with the effective number of units: Gaussian for many, safe for few.

        Args:
            tolerance: difference that is allowed, of shape ``(n_bins,)`` or single.
        """
        excess = np.maximum(np.abs(self.difference) - tolerance, 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            z = np.where(self.judged, excess / self.sigma, 0.0)
        p = 2.0 * stats.t.sf(z, np.where(self.judged, self.units, 1.0))
        result: Floats = np.where(self.judged, np.minimum(p, 1.0), np.nan)
        return result

    def chi2(self) -> Chi2:
        """All judged bins together, their covariance included."""
        good = self.judged
        return quadratic_test(
            self.difference[good], self.covariance[np.ix_(good, good)], self.n_units
        )


class Chi2(NamedTuple):
    """A chi2 over bins.

    Attributes:
        value: the quadratic form.
        bins: number of bins.
        p: probability of a larger one for equal laws, NaN without bins.
    """

    value: float
    bins: int
    p: float


def quadratic_test(difference: Floats, covariance: Floats, n_units: int) -> Chi2:
    """Hotelling's T2: a chi2 whose covariance was estimated from ``n_units`` contributions.

    H. Hotelling, "The generalization of Student's ratio", Ann. Math. Stat. 2 (1931) 360: with
    ``n`` units and ``k`` bins ``T2 (n - k) / (k (n - 1))`` follows Fisher's F of ``k`` and
    ``n - k``.  With fewer than three units a bin the correlations are left out.

    Args:
        difference: shape ``(n_bins,)``.
        covariance: shape ``(n_bins, n_bins)``.
        n_units: events behind the covariance.
    """
    k = len(difference)
    if not k or n_units < 2:
        return Chi2(float("nan"), 0, float("nan"))
    scale = np.sqrt(np.diag(covariance))
    pull = difference / scale
    if n_units < 3 * k:
        value = float(pull @ pull)
        return Chi2(value, k, float(stats.chi2.sf(value, k)))
    # Directions in which no unit says anything (shares that add up to one) carry no freedom.
    values, axes = np.linalg.eigh(covariance / np.outer(scale, scale))
    told = values > 1e-9 * k
    value = float(((axes[:, told].T @ pull) ** 2 / values[told]).sum())
    k = int(told.sum())
    p = stats.f.sf(value * (n_units - k) / (k * (n_units - 1.0)), k, n_units - k)
    return Chi2(value, k, float(p))


class Cells:
    """Rows of two samples ordered by event and bin; cuts are then compared one after the other.

    Args:
        detailed, fast: rows of both samples.
        bins: bin of each row of the detailed and of the fast sample, from 0.
        n_bins: number of bins.

    Raises:
        SchemaError: if lengths do not fit or a weight is not a number.
    """

    def __init__(self, detailed: Rows, fast: Rows, bins: tuple[Ints, Ints], n_bins: int) -> None:
        both = (detailed, fast)
        for rows, place in zip(both, bins, strict=True):
            if not len(rows.unit) == len(rows.weight) == len(place):
                raise SchemaError("rows, weights and bins have different lengths")
            if not np.isfinite(rows.weight).all():
                raise SchemaError("a weight is not a number")
        keys = [r.unit * n_bins + b for r, b in zip(both, bins, strict=True)]
        cells, row = np.unique(np.concatenate(keys), return_inverse=True)
        self._row = (row[: len(keys[0])], row[len(keys[0]) :])
        self._weight = (detailed.weight, fast.weight)
        self._unit, self._bin = cells // n_bins, cells % n_bins
        self.n_bins, self.n_units = n_bins, len(np.unique(self._unit))
        self._cell = [self._sum(i, None) for i in (0, 1)]
        self.total = [self._binned(c) for c in self._cell]
        self._powers = [
            tuple(np.bincount(b, r.weight**k, n_bins).astype(np.float64) for k in (2, 4))
            for r, b in zip(both, bins, strict=True)
        ]
        squares = [p[0] for p in self._powers]
        with np.errstate(invalid="ignore", divide="ignore"):
            self.effective = [
                np.where(s > 0.0, n**2 / s, 0.0) for n, s in zip(self.total, squares, strict=True)
            ]

    def _sum(self, sample: int, passed: NDArray[np.generic] | None) -> Floats:
        """Weights of a sample in each cell, of the passing rows where given."""
        weight = self._weight[sample]
        if passed is not None:
            weight = weight * passed.astype(np.float64)
        return np.bincount(self._row[sample], weight, len(self._bin)).astype(np.float64)

    def _binned(self, cells: Floats) -> Floats:
        return np.bincount(self._bin, cells, self.n_bins).astype(np.float64)

    def compare(
        self, detailed: NDArray[np.generic], fast: NDArray[np.generic], covariance: bool = True
    ) -> Shares:
        """Compare the share of rows that pass, or the mean of a bounded quantity.

        Args:
            detailed: whether each detailed row passes, shape ``(n,)``.
            fast: the same of the fast rows, shape ``(m,)``.
            covariance: whether that of different bins is needed, too.
        """
        passed = [self._sum(0, detailed), self._sum(1, fast)]
        with np.errstate(invalid="ignore", divide="ignore"):
            n = [np.where(t > 0.0, t, np.nan) for t in self.total]
            share = [self._binned(k) / t for k, t in zip(passed, n, strict=True)]
            common = (self.effective[0] * share[0] + self.effective[1] * share[1]) / (
                self.effective[0] + self.effective[1]
            )
            own = self._terms(passed, n, (common, common), (1.0, 1.0))
            spread, fourth = self._pooled(own, n)
            psi = (own[1] - own[0]) * spread[self._bin]
            ratio = np.where(share[0] != 0.0, share[1] / share[0], np.nan)
            logs = self._terms(passed, n, (share[0], share[1]), (share[0], share[1]))
            log = logs[1] - logs[0]
            square = self._binned(psi**2)
            units = square**2 / np.maximum(self._binned(psi**4), fourth)
            error = np.abs(ratio) * np.sqrt(self._binned(log**2))
        of_bin = np.bincount(self._bin, minlength=self.n_bins)
        # The common share is fitted to the same rows, which takes one degree of freedom.
        bessel = of_bin / np.maximum(of_bin - 1.0, 1.0)
        full = np.diag(square * bessel)
        if covariance and self.n_bins > 1:
            terms = sparse.csr_matrix(
                (np.nan_to_num(psi), (self._unit_number(), self._bin)),
                shape=(self.n_units, self.n_bins),
            )
            full = (terms.T @ terms).toarray() * np.sqrt(np.outer(bessel, bessel))
        return Shares(
            n_detailed=self.effective[0],
            n_fast=self.effective[1],
            detailed=share[0],
            fast=share[1],
            ratio=ratio,
            ratio_error=np.where(np.isfinite(ratio), error, np.nan),
            difference=share[1] - share[0],
            sigma=np.sqrt(square * bessel),
            units=units,
            covariance=full,
            n_units=self.n_units,
        )

    def _terms(
        self,
        passed: list[Floats],
        n: list[Floats],
        share: tuple[Floats, Floats],
        scale: tuple[Floats | float, Floats | float],
    ) -> list[Floats]:
        """What each cell adds to the share of each of the two samples."""
        parts = []
        for i in (0, 1):
            norm = (n[i] * scale[i])[self._bin]
            part = (passed[i] - share[i][self._bin] * self._cell[i]) / norm
            parts.append(np.where(self._cell[i] == 0.0, np.where(passed[i] == 0, 0.0, part), part))
        return parts

    def _pooled(self, own: list[Floats], n: list[Floats]) -> tuple[Floats, Floats]:
        """Spread of the difference if a row of either sample adds what those of both do.

        Args:
            own: what each cell adds to the share of each sample.
            n: sum of weights of each sample in each bin.

        Returns:
            That spread over the one of the terms themselves, one for samples of equal size, and
            the sum of fourth powers.
        """
        found = []
        share = self.effective[1] / (self.effective[0] + self.effective[1])
        for i, k in enumerate((2, 4)):
            sums = [self._binned(o**k) for o in own]
            one, two = (p[i] / m**k for p, m in zip(self._powers, n, strict=True))
            of_row = (1.0 - share) * sums[0] / one + share * sums[1] / two
            found.append((of_row * (one + two), sum(sums)))
        (pooled, alone), (fourth, _) = found
        empirical = self._binned((own[1] - own[0]) ** 2)
        wanted = empirical + pooled - alone
        return np.where(wanted > 0.0, np.sqrt(wanted / empirical), 1.0), fourth

    def _unit_number(self) -> Ints:
        # Cells are sorted by unit: a new number wherever the unit changes.
        return np.concatenate([[0], np.cumsum(np.diff(self._unit) > 0)]).astype(np.int64)


def trials(p: float, n: int) -> float:
    """Probability of a p-value this small or smaller among `n` independent ones (Sidak 1967)."""
    if not n or not np.isfinite(p):
        return float("nan")
    return float(-np.expm1(n * np.log1p(-min(p, 1.0 - 1e-15))))
