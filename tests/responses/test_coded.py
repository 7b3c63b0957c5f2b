"""Blocks from codes: sums stay, also where blocks lie beside the array."""

import numpy as np
import pytest
from twins import LEFT, twins

from lamarr_like.errors import ArtefactError
from lamarr_like.responses.blocks import Layout, Shells
from lamarr_like.responses.boxes import visible
from lamarr_like.responses.coded import CodedBlocks, CodesNetwork, read_frame
from lamarr_like.responses.codes import Codes, Particles, scaled, spread_whole
from lamarr_like.responses.frame import Frame
from lamarr_like.responses.stack import Stack

SHELLS = {"core": 2, "widths": [20], "slices": 1}


@pytest.fixture(scope="module")
def made():
    """Blocks that are all cells but the outermost, of a sample, and its scores."""
    sample = twins(1500).parts[0]
    layout = Layout(LEFT, Shells(2, (20,), 1))
    frame = Frame(LEFT, np.zeros((2, 2)))
    placement = frame.place(sample.seen)
    hits = placement.to_frame(sample.hits)
    amounts = layout.amounts(layout.energies(hits, len(sample)))
    rng = np.random.default_rng(1)
    spread = scaled(LEFT, spread_whole(amounts, rng.random(amounts.shape)), placement.given)
    particles = Particles.of(LEFT, placement.given)
    codes = Codes.fit(spread, particles)
    scores = codes.scores(spread, rng.random(spread.shape), particles)
    n = frame.n_given
    blocks = CodedBlocks(layout, codes, np.zeros(n), np.ones(n), None)
    return sample, placement, blocks, scores, amounts


def of_codes(blocks, placement, scores, keys):
    return Stack([blocks]).hits([placement], [blocks.given(placement)], [scores], [keys])[0]


def test_blocks_of_a_sample_come_back_from_its_scores(made):
    sample, placement, blocks, scores, amounts = made
    keys = np.arange(len(sample)).astype(np.uint64)
    hits = of_codes(blocks, placement, scores, keys)
    sums = np.bincount(hits.row, weights=hits.value, minlength=len(sample))
    single = np.isin(blocks.layout.block_of(hits.cell), np.arange(25))
    assert np.array_equal(hits.value, np.rint(hits.value)) and single.mean() > 0.5
    # Nothing fills blocks of more than a cell here: what is in the core is right to a count.
    core = amounts[:, 1:26].sum(axis=1)
    assert (np.abs(sums - core) <= 2).mean() > 0.95


def test_what_is_drawn_beside_the_array_goes_to_its_blocks(made):
    """Any codes whatever give arrays of the sum that was drawn."""
    sample, placement, blocks, _, _ = made
    scores = np.random.default_rng(2).normal(size=(len(sample), blocks.n_codes))
    particles = Particles.of(LEFT, placement.given)
    wanted = blocks.codes.amounts(scores, particles)
    wanted = np.rint(scaled(LEFT, wanted, placement.given, back=True)[:, 0])
    beside = Stack([blocks])._beside(visible(placement, LEFT.shape))
    assert 0.02 < beside.mean() < 0.9 and not beside[:, 0].any()
    energies = np.ones(beside.shape)
    energies[beside] = 0
    sums = blocks.layout.blocks(np.concatenate([wanted[:, None], energies], axis=1)).sum(axis=1)
    assert np.allclose(sums, wanted)
    keys = np.arange(len(sample)).astype(np.uint64)
    hits = placement.to_array(of_codes(blocks, placement, scores, keys))
    inside = ((hits.cell >= 0) & (hits.cell < np.array(LEFT.shape))).all(axis=1)
    assert inside.all() and len(hits.row)


def test_tables_come_back_and_foreign_ones_are_refused(made):
    _, _, blocks, _, _ = made
    arrays = {"a_depth": np.zeros((2, 2)), **blocks.to_arrays("a_")}
    frame = read_frame(LEFT, arrays, "here", "a_")
    again = CodedBlocks.read(frame, SHELLS, arrays, {}, "here", "a_")
    assert np.allclose(again.codes.knots, blocks.codes.knots, rtol=1e-6, atol=1e-6)
    assert np.array_equal(again.codes.kinds, blocks.codes.kinds) and again.filling is None
    for name, change in (
        ("a_code_kinds", lambda t: t[::-1]),
        ("a_code_kinds", lambda t: t + 99),
        ("a_code_empty", lambda t: t + 2),
        ("a_code_knots", lambda t: t[:, :3]),
        ("a_code_scales", lambda t: t[::-1] * np.nan),
        ("a_given_mean", lambda t: t[:-1]),
    ):
        bad = arrays | {name: change(arrays[name])}
        with pytest.raises(ArtefactError, match="here"):
            CodedBlocks.read(frame, SHELLS, bad, {}, "here", "a_")
    with pytest.raises(ArtefactError, match="lacks b_depth"):
        read_frame(LEFT, arrays, "here", "b_")
    with pytest.raises(ArtefactError, match="codes.onnx"):
        CodesNetwork.read({"uniforms": 0, "normals": 3}, 0, 5, {}, "here")
