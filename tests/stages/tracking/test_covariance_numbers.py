"""Covariance matrices as free numbers: against linear algebra, and under changes of units."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamarr_like.errors import SchemaError
from lamarr_like.stages.tracking.covariance_numbers import (
    RIDGE,
    cholesky,
    from_vine,
    solve,
    tanh,
    to_vine,
)

N = 50


def matrices(k, seed=1, n=N):
    root = np.random.default_rng(seed).normal(size=(n, k, k))
    return root @ root.swapaxes(1, 2) + 0.05 * np.eye(k)


@pytest.mark.parametrize("k", [1, 2, 5, 7])
def test_factors_are_those_of_linear_algebra(k):
    matrix = matrices(k)
    np.testing.assert_allclose(cholesky(matrix), np.linalg.cholesky(matrix), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_solutions_are_those_of_linear_algebra(k):
    matrix, vector = matrices(k), np.random.default_rng(2).normal(size=(N, k))
    before = vector.copy()
    found = solve(cholesky(matrix), vector)
    np.testing.assert_allclose(found, np.linalg.solve(matrix, vector[..., None])[..., 0], rtol=1e-6)
    np.testing.assert_array_equal(vector, before)


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_there_and_back(k):
    matrix = matrices(k)
    log_sigma, z = to_vine(matrix)
    assert log_sigma.shape == (N, k) and z.shape == (N, k * (k - 1) // 2)
    back = from_vine(log_sigma, z)
    scale = np.sqrt(np.einsum("nii->ni", matrix))
    norm = scale[:, :, None] * scale[:, None, :]
    np.testing.assert_allclose(back / norm, matrix / norm, atol=1e-9)
    np.testing.assert_array_equal(back, back.swapaxes(1, 2))


@settings(max_examples=60)
@given(
    st.lists(st.floats(-30.0, 30.0), min_size=4, max_size=4),
    st.lists(st.floats(-100.0, 100.0), min_size=6, max_size=6),
)
def test_any_numbers_make_a_covariance(log_sigma, z):
    (matrix,) = from_vine(np.array([log_sigma]), np.array([z]))
    assert np.isfinite(matrix).all()
    np.testing.assert_array_equal(matrix, matrix.T)
    sigma = np.sqrt(np.diag(matrix))
    np.testing.assert_allclose(sigma, np.exp(log_sigma), rtol=1e-7)
    correlation = matrix / np.outer(sigma, sigma)
    assert (np.abs(correlation) <= 1.0 + 1e-12).all()
    assert np.linalg.eigvalsh(correlation).min() > -1e-12


@pytest.mark.parametrize("factor", [1e-6, 3.0, 1e5])
def test_units_change_the_deviations_and_not_the_correlations(factor):
    matrix = matrices(4)
    axes = np.array([1.0, factor, 1.0, factor])
    there = matrix * axes[:, None] * axes
    (one, z), (two, other) = to_vine(matrix), to_vine(there)
    np.testing.assert_allclose(other, z, rtol=1e-9)
    np.testing.assert_allclose(two - one, np.broadcast_to(np.log(axes), one.shape), atol=1e-9)


def test_signs_of_axes_change_signs_of_numbers():
    matrix = matrices(3)
    sign = np.array([1.0, -1.0, 1.0])
    z, other = (to_vine(m)[1] for m in (matrix, matrix * sign[:, None] * sign))
    # Rows 1-0, 2-0, 2-1: what holds the turned axis once.
    np.testing.assert_allclose(other, z * [-1.0, 1.0, -1.0], rtol=1e-9)


def test_of_two_axes_the_number_is_that_of_fisher():
    """atanh of the correlation."""
    r = np.linspace(-0.999, 0.999, 21)
    matrix = np.stack([np.ones(21), r, r, np.ones(21)], axis=1).reshape(-1, 2, 2)
    np.testing.assert_allclose(to_vine(matrix)[1][:, 0], np.arctanh(r), rtol=1e-9, atol=1e-12)


def test_of_three_axes_the_last_is_the_partial_correlation():
    matrix = matrices(3)
    _, z = to_vine(matrix)
    s = np.sqrt(np.einsum("nii->ni", matrix))
    r01, r02, r12 = (matrix[:, i, j] / (s[:, i] * s[:, j]) for i, j in ((0, 1), (0, 2), (1, 2)))
    partial = (r12 - r01 * r02) / np.sqrt((1.0 - r01**2) * (1.0 - r02**2))
    np.testing.assert_allclose(np.tanh(z[:, 2]), partial, rtol=1e-6)


def test_independent_axes_are_zeros():
    log_sigma = np.array([[0.5, -3.0, 2.0]])
    matrix = from_vine(log_sigma, np.zeros((1, 3)))
    np.testing.assert_allclose(matrix[0], np.diag(np.exp(2.0 * log_sigma[0])) * (1.0 + RIDGE))
    assert (to_vine(matrix)[1] == 0.0).all()


def test_nearly_singular_matrices_survive():
    """A correlation of 1 - 1e-12: a difference of nearly equal numbers would have lost it."""
    z = np.array([[14.0, -2.0, 9.0]])
    back = from_vine(np.zeros((1, 3)), z)
    assert np.linalg.eigvalsh(back[0]).min() > 0.0
    again = to_vine(back)[1]
    assert again[0, 1] == pytest.approx(-2.0, abs=1e-6)
    assert again[0, 0] > 10.0  # as far as the ridge lets it
    cholesky(back)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda m: m * np.array([1.0, 1.0, -1.0])[:, None],
        lambda m: np.where(np.eye(3) > 0.0, 0.0, m),
        lambda m: m * np.nan,
        lambda m: np.ones((3, 3)),
        lambda m: np.where(np.eye(3) > 0.0, np.inf, m),
    ],
)
def test_what_is_no_covariance_is_named_by_its_number(spoil):
    matrix = matrices(3)
    matrix[7], matrix[9] = spoil(matrix[7]), spoil(matrix[9])
    with pytest.raises(SchemaError, match="2 of 50 covariance matrices .* the first is number 7"):
        cholesky(matrix)
    with pytest.raises(SchemaError, match="number 7"):
        to_vine(matrix)


@given(st.floats(-20.0, 20.0))
def test_the_hyperbolic_tangent(x):
    assert tanh(np.array([x]))[0] == pytest.approx(np.tanh(x), rel=1e-14, abs=1e-300)
    assert tanh(np.array([-x]))[0] == pytest.approx(-tanh(np.array([x]))[0], rel=1e-14)
