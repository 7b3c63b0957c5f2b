"""Arrays as lists of cells: there and back, sums, and what lies outside."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamarr_like.responses.hits import Hits, hits_of

SHAPES = st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple)


@st.composite
def some_arrays(draw):
    """Mostly empty arrays of any rank."""
    n, shape = draw(st.integers(0, 4)), draw(SHAPES)
    seed, share = draw(st.integers(0, 999)), draw(st.sampled_from([0.0, 0.2, 1.0]))
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, *shape)) * (rng.random((n, *shape)) < share)
    return values.astype(np.float32)


@settings(max_examples=60)
@given(some_arrays())
def test_arrays_come_back(arrays):
    hits = hits_of(arrays)
    n, *shape = arrays.shape
    assert len(hits.row) == np.count_nonzero(arrays) and (hits.value != 0.0).all()
    np.testing.assert_array_equal(hits.dense(n, tuple(shape)), arrays)
    assert (np.diff(hits.row) >= 0).all() and hits.inside(tuple(shape)).all()
    expected = arrays.sum(axis=tuple(range(1, arrays.ndim)), dtype=np.float64)
    np.testing.assert_allclose(hits.sums(n), expected, rtol=1e-5, atol=1e-5)


@settings(max_examples=40)
@given(some_arrays(), st.randoms(use_true_random=False))
def test_the_order_of_hits_does_not_matter(arrays, random):
    hits = hits_of(arrays)
    order = list(range(len(hits.row)))
    random.shuffle(order)
    mixed = Hits(*(column[np.array(order, int)] for column in hits))
    n, *shape = arrays.shape
    np.testing.assert_array_equal(mixed.dense(n, tuple(shape)), arrays)
    assert mixed.sums(n) == pytest.approx(hits.sums(n), rel=1e-6, abs=1e-6)


@given(some_arrays())
def test_a_smaller_array_has_the_cells_within(arrays):
    hits = hits_of(arrays)
    n, *shape = arrays.shape
    small = tuple(max(s - 1, 1) for s in shape)
    inside = tuple(slice(0, s) for s in small)
    np.testing.assert_array_equal(hits.dense(n, small), arrays[(slice(None), *inside)])


def test_cells_below_and_beyond_are_left_out():
    hits = Hits(
        np.zeros(4, int),
        np.array([[-1, 0], [0, 0], [1, 2], [2, 0]]),
        np.arange(1, 5, dtype=np.float32),
    )
    assert hits.inside((2, 3)).tolist() == [False, True, True, False]
    found = hits.dense(1, (2, 3))
    assert found[0].tolist() == [[2.0, 0.0, 0.0], [0.0, 0.0, 3.0]]
    assert hits.sums(1)[0] == 10.0  # whatever is seen of it


def test_values_go_into_the_memory_that_is_given():
    arrays = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    memory = np.zeros((2, 2, 3), np.float32)
    assert hits_of(arrays).dense(2, (2, 3), memory) is memory
    np.testing.assert_array_equal(memory, arrays)


def test_particles_without_hits_are_empty():
    hits = hits_of(np.zeros((0, 3, 3), np.float32))
    assert hits.dense(2, (3, 3)).sum() == 0.0 and hits.sums(2).tolist() == [0.0, 0.0]
