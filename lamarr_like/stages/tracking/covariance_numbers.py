"""Covariance matrices as free numbers, and back: always positive definite.

A matrix becomes the logarithms of its standard deviations and the inverse hyperbolic tangents of
its canonical partial correlations (the C-vine of Lewandowski, Kurowicka and Joe, J. Multivar.
Anal. 100 (2009) 1989, doi:10.1016/j.jmva.2009.04.008): numbers without bounds or order, of which
most are near zero for a track.  Both ways go through the Cholesky factor and never subtract
nearly equal numbers, so that ill-conditioned matrices survive the round trip.
"""

from __future__ import annotations

import numpy as np

from ...arrays import Floats
from ...errors import SchemaError

RIDGE = 1e-10
"""Share by which variances are raised, so that no matrix is singular within float64."""


def tanh(x: Floats) -> Floats:
    """Hyperbolic tangent of moderate numbers of any shape; NumPy's differs with the processor."""
    e = np.expm1(2.0 * x)
    return e / (e + 2.0)


def cholesky(matrix: Floats) -> Floats:
    """Lower Cholesky factors of symmetric matrices, shape ``(n, k, k)``.

    Raises:
        SchemaError: if a matrix is not positive definite, with its position.
    """
    k = matrix.shape[-1]
    sigma = np.sqrt(np.einsum("nii->ni", np.where(np.isfinite(matrix), matrix, -1.0)).clip(0.0))
    safe = np.where(sigma > 0.0, sigma, 1.0)
    scaled = matrix / (safe[:, :, None] * safe[:, None, :])
    factor = np.zeros_like(scaled)
    bad = ~(sigma > 0.0).all(axis=1)
    for j in range(k):
        column = scaled[:, j:, j].copy()
        for m in range(j):
            column -= factor[:, j:, m] * factor[:, j, m, None]
        pivot = column[:, 0]
        good = pivot > 0.0
        bad |= ~good
        root = np.sqrt(np.where(good, pivot, 1.0))
        factor[:, j, j] = root
        factor[:, j + 1 :, j] = column[:, 1:] / root[:, None]
    if bad.any():
        raise SchemaError(
            f"{int(bad.sum())} of {len(bad)} covariance matrices are not positive definite, "
            f"the first is number {int(np.argmax(bad))}"
        )
    result: Floats = factor * sigma[:, :, None]
    return result


def solve(factor: Floats, vector: Floats) -> Floats:
    """Solutions x of ``L L^T x = v``, in a fixed order of sums.

    Args:
        factor: lower Cholesky factors L, shape ``(n, k, k)``.
        vector: shape ``(n, k)``.
    """
    k = factor.shape[-1]
    x = np.array(vector, dtype=np.float64)
    for j in range(k):
        x[:, j] /= factor[:, j, j]
        x[:, j + 1 :] -= factor[:, j + 1 :, j] * x[:, j, None]
    for i in range(k - 1, -1, -1):
        for j in range(i + 1, k):
            x[:, i] -= factor[:, j, i] * x[:, j]
        x[:, i] /= factor[:, i, i]
    return x


def to_vine(matrix: Floats) -> tuple[Floats, Floats]:
    """Logarithms of standard deviations and atanh of partial correlations.

    Args:
        matrix: symmetric positive definite, shape ``(n, k, k)``.

    Returns:
        log sigma, shape ``(n, k)``, and z, shape ``(n, k (k - 1) / 2)``, lower triangle row by row.

    Raises:
        SchemaError: if a matrix is not positive definite.
    """
    factor = cholesky(matrix)
    k = matrix.shape[-1]
    log_sigma = 0.5 * np.log(np.einsum("nii->ni", matrix))
    z = np.zeros((len(matrix), k * (k - 1) // 2))
    # What remains of each row's norm beyond column j; summed from the right: no cancellation.
    rest = np.abs(np.einsum("nii->ni", factor))
    for step in range(1, k):
        row = np.arange(step, k)
        part = factor[:, row, row - step]
        z[:, row * (row - 1) // 2 + row - step] = np.arcsinh(part / rest[:, step:])
        rest[:, step:] = np.hypot(rest[:, step:], part)
    return log_sigma, z


def from_vine(log_sigma: Floats, z: Floats) -> Floats:
    """Covariance matrices from the numbers of `to_vine`; positive definite for any input.

    Args:
        log_sigma: shape ``(n, k)``.
        z: shape ``(n, k (k - 1) / 2)``.

    Returns:
        Matrices, shape ``(n, k, k)``, exactly symmetric.
    """
    n, k = log_sigma.shape
    factor = np.zeros((n, k, k))
    partial = np.clip(z, -20.0, 20.0)
    sine, rest = tanh(partial), np.ones((n, k))
    cosine = np.cosh(partial)
    for j in range(k):
        below = np.arange(j + 1, k)
        at = below * (below - 1) // 2 + j
        factor[:, j, j] = rest[:, j]
        factor[:, j + 1 :, j] = rest[:, j + 1 :] * sine[:, at]
        rest[:, j + 1 :] /= cosine[:, at]
    factor *= np.exp(log_sigma)[:, :, None]
    matrix = np.zeros((n, k, k))
    for m in range(k):
        column = factor[:, m:, m]
        matrix[:, m:, m:] += column[:, :, None] * column[:, None, :]
    for i in range(k):
        matrix[:, i, i] *= 1.0 + RIDGE
    return matrix
