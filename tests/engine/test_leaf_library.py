"""Libraries that are looked up by trees: what is drawn, and tables of strangers."""

from __future__ import annotations

import io

import numpy as np
import pytest

from lamarr_like.engine.leaf_library import FILE, MAX_DEPTH, LeafLibrary
from lamarr_like.errors import ArtefactError


def tables(**changed):
    """One tree that parts x <= 0 (rows 0 and 1) from the others (row 2), and one of a leaf."""
    found = {
        "feature": np.array([0, 0, 0, 0]),
        "threshold": np.zeros(4, np.float32),
        "left": np.array([1, -1, -1, -1]),
        "right": np.array([2, -1, -1, -1]),
        "roots": np.array([0, 3]),
        "first": np.array([0, 0, 2, 3, 6]),
        "rows": np.array([0, 1, 2, 0, 1, 2]),
        "scores": np.array([[0.1, 1.0], [0.2, 2.0], [0.3, 3.0]], np.float32),
        "atom": np.array([0, 1, 0]),
    }
    return {k: v for k, v in (found | changed).items() if v is not None}


def packed(content):
    stream = io.BytesIO()
    np.savez(stream, **content)
    return stream.getvalue()


def test_a_draw_is_a_row_of_the_leaf():
    library = LeafLibrary.read(packed(tables()), 1, 2, "model")
    x = np.array([[-1.0], [0.0], [0.5], [-1.0], [9.0]], np.float32)
    u = np.array([[0.1, 0.0], [0.1, 0.999], [0.1, 0.5], [0.9, 0.999], [0.9, 0.4]], np.float32)
    scores, atom = library(conditions=x, uniforms=u)
    assert scores[:, 0] == pytest.approx([0.1, 0.2, 0.3, 0.3, 0.2])
    assert np.array_equal(atom, [[0], [1], [0], [0], [1]])
    # A uniform number that was rounded up to one finds the last.
    assert library(conditions=x[:1], uniforms=np.ones((1, 2), np.float32))[0][0, 0] == scores[3, 0]
    nothing = library(conditions=x[:0], uniforms=u[:0])
    assert [part.shape for part in nothing] == [(0, 2), (0, 1)]


def test_every_row_of_a_leaf_is_drawn_alike():
    library = LeafLibrary(tables(), 1, 2, "model")
    u = np.random.default_rng(1).random((20_000, 2)).astype(np.float32)
    scores, _ = library(conditions=np.full((len(u), 1), -1.0, np.float32), uniforms=u)
    share = [(scores[:, 0] == np.float32(v)).mean() for v in (0.1, 0.2, 0.3)]
    # Half of the draws ask the tree, which knows two rows, half the leaf of all three.
    assert share == pytest.approx([1 / 4 + 1 / 6, 1 / 4 + 1 / 6, 1 / 6], abs=4 * 0.0035)


CHAIN = MAX_DEPTH + 1
DEEP = {
    "feature": np.zeros(2 * CHAIN + 1, int),
    "threshold": np.zeros(2 * CHAIN + 1, np.float32),
    "left": np.where(np.arange(2 * CHAIN + 1) % 2 == 0, np.arange(2 * CHAIN + 1) + 2, -1),
    "right": np.where(np.arange(2 * CHAIN + 1) % 2 == 0, np.arange(2 * CHAIN + 1) + 1, -1),
    "roots": np.array([0]),
    "first": np.arange(2 * CHAIN + 2),
    "rows": np.zeros(2 * CHAIN + 1, int),
}
DEEP["left"][-1] = DEEP["right"][-1] = -1


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"left": np.array([0, -1, -1, -1])}, "a child lies before its node"),
        ({"right": np.array([9, -1, -1, -1])}, "a child lies before its node"),
        ({"right": np.array([-1, -1, -1, -1])}, "a node has one child"),
        ({"feature": np.array([1, 0, 0, 0])}, "a cut on no condition"),
        ({"feature": np.array([-1, 0, 0, 0])}, "a cut on no condition"),
        ({"threshold": np.full(4, np.nan)}, "a cut at no number"),
        ({"threshold": np.zeros(3)}, "tables of nodes differ"),
        ({"threshold": np.zeros(4, int)}, "has no table 'threshold'"),
        ({"roots": np.array([4])}, "a tree without a root"),
        ({"roots": np.array([], int)}, "a tree without a root"),
        ({"first": np.array([0, 0, 2, 3])}, "not every node has its rows"),
        ({"first": np.array([0, 0, 2, 2, 6])}, "a leaf is empty"),
        ({"first": np.array([0, 0, 3, 2, 6])}, "lists of rows do not fit"),
        ({"first": np.array([0, 0, 2, 3, 7])}, "lists of rows do not fit"),
        ({"rows": np.array([0, 1, 3, 0, 1, 2])}, "a leaf names no row"),
        ({"rows": np.array([0, 1, -1, 0, 1, 2])}, "a leaf names no row"),
        ({"scores": np.full((3, 2), np.inf)}, "a row is not finite"),
        ({"scores": np.zeros((3, 3))}, "rows have no 2 numbers"),
        ({"scores": np.zeros(3)}, "has no table 'scores'"),
        ({"atom": np.array([0, 1])}, "not every row has its class"),
        (DEEP, f"a tree is deeper than {MAX_DEPTH}"),
    ],
)
def test_tables_of_strangers_are_refused(changed, message):
    with pytest.raises(ArtefactError, match=rf"model: {FILE}.*{message}"):
        LeafLibrary(tables(**changed), 1, 2, "model")


def test_files_of_strangers_are_refused():
    for changed in ({"rows": None}, {"more": np.zeros(3)}):
        with pytest.raises(ArtefactError, match=rf"model: {FILE} holds other tables than feature"):
            LeafLibrary.read(packed(tables(**changed)), 1, 2, "model")
    objects = tables(rows=np.array([[], 0, 0, 0, 0, 0], dtype=object))
    with pytest.raises((ArtefactError, ValueError)):
        LeafLibrary.read(packed(objects), 1, 2, "model")
