"""Networks give a row the same bits whichever rows share the call, however many they are."""

from __future__ import annotations

import numpy as np
import pytest

from lamarr_like.engine import onnx_session
from lamarr_like.engine.onnx_session import BLOCK, STEP, Network, _blocks
from lamarr_like.engine.translator import sequences
from lamarr_like.engine.translator.sequences import blocks, cut
from lamarr_like.files.find import shipped

SHIPPED = sorted(shipped("models").glob("*-pp13-1/*.onnx"))
BY_ROWS = [path for path in SHIPPED if path.stem not in ("encoder", "decoder")]


def test_blocks_cover_all_rows():
    for n in (0, 1, STEP, STEP + 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5):
        found = list(_blocks(n))
        rows = [row for start, stop, _ in found for row in range(start, stop)]
        assert rows == list(range(n))
        for start, stop, size in found:
            assert size % STEP == 0 and 0 <= size - (stop - start) < STEP and size <= BLOCK


@pytest.mark.parametrize("path", BY_ROWS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_row_does_not_depend_on_the_size_of_the_call(path):
    network = Network(path.read_bytes(), path.name)
    random = np.random.default_rng(2)
    n = BLOCK + 300  # a whole block, and a call of odd length
    shapes = {name: (n, shape[1]) for name, shape in network._run.inputs.items()}
    given = {
        name: (random.random(s) if name == "uniforms" else random.normal(size=s)).astype("f4")
        for name, s in shapes.items()
    }
    whole = network(**given)
    for start, size in ((0, 1), (3, 2), (9, STEP), (40, STEP + 1), (100, 77), (BLOCK - 60, 333)):
        part = network(**{name: values[start : start + size] for name, values in given.items()})
        for few, many in zip(part, whole, strict=True):
            np.testing.assert_array_equal(few, many[start : start + size])


def test_an_event_alone_gets_the_block_that_it_needs():
    random = np.random.default_rng(3)
    for n in (3, 20, 97):
        pieces = cut(random.random(n), random.random(n), np.array([0, n]), 96)
        sizes = [(block.size, block.length) for block in blocks(pieces)]
        assert all(size == 1 for size, _ in sizes[:1]) and len(sizes) <= 2
        assert sum(size * length for size, length in sizes) < n + 2 * 16 + 1
    assert sequences.SLOTS == BLOCK == onnx_session.BLOCK
