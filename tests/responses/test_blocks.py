"""Blocks and their codes: every cell once, sums kept, there and back."""

import numpy as np
import pytest
from blobs import BLOBS, blobs
from scipy import stats

from lamarr_like.responses.blocks import Layout, Shells, fewer
from lamarr_like.responses.codes import Codes, Particles, scaled, spread_whole, to_whole
from lamarr_like.responses.config import CodesConfig
from lamarr_like.responses.detectors.ecal_shower import ECAL_SHOWER
from lamarr_like.responses.detectors.ilc_shower import ILC_SHOWER
from lamarr_like.responses.frame import Frame
from lamarr_like.responses.hits import Hits, hits_of
from lamarr_like.responses.response import Axis, Condition, Feature, Response, Shift


def solid():
    """Three axes, of which the last one stays."""
    return Response(
        name="solid",
        title="solid",
        axes=(Axis("x", "", 8, 1, -4), Axis("y", "", 8, 1, -4), Axis("z", "", 6, 1, 0)),
        conditions=tuple(Condition(n, "", n) for n in "xy"),
        features=tuple(Feature(n, "value", (n,)) for n in "xy"),
        unit="",
        shifts=(Shift("x", "x"), Shift("y", "y")),
    )


def fixed():
    """One axis that stays."""
    return Response(
        name="fixed",
        title="fixed",
        axes=(Axis("z", "", 7, 1, 0),),
        conditions=(Condition("a", "", "a"),),
        features=(Feature("a", "value", ("a",)),),
        unit="",
    )


LAYOUTS = {
    "blobs": Layout(BLOBS, Shells(1, (2,))),
    "ecal": Layout(ECAL_SHOWER, Shells()),
    "solid": Layout(solid(), Shells(1, (2,), 3)),
    "fixed": Layout(fixed(), Shells(slices=4)),
    "no core": Layout(BLOBS, Shells(0, ())),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_cell_is_in_one_block(name):
    layout = LAYOUTS[name]
    volume = (layout.high - layout.low).prod(axis=1).sum()
    whole = (layout.high.max(axis=0) - layout.low.min(axis=0)).prod()
    assert volume == whole
    for k in range(layout.n_blocks):
        corners = np.stack([layout.low[k], layout.high[k] - 1])
        assert (layout.block_of(corners) == k).all()


def amounts(layout, n, seed):
    """Some energies, many of them zero, with their sum."""
    rng = np.random.default_rng(seed)
    shape = (n, layout.n_blocks)
    return layout.amounts(rng.exponential(size=shape) * (rng.random(shape) < 0.5))


@pytest.mark.parametrize("name", LAYOUTS)
def test_amounts_come_back_to_energies(name):
    found = amounts(LAYOUTS[name], 200, 3)
    found[0] = 0
    assert np.allclose(found[:, 0], found[:, 1:].sum(axis=1))
    assert np.allclose(LAYOUTS[name].blocks(found), found[:, 1:], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", LAYOUTS)
def test_any_amounts_keep_the_sum_and_the_proportions(name):
    layout = LAYOUTS[name]
    drawn = amounts(layout, 50, 4)
    drawn[:, 0] = 7.0
    blocks = layout.blocks(drawn)
    some = drawn[:, 1:].any(axis=1)
    assert (blocks >= 0).all() and np.allclose(blocks.sum(axis=1), 7.0 * some)
    whole = drawn[:, 1:].sum(axis=1, keepdims=True)
    assert np.allclose(blocks * whole, 7.0 * drawn[:, 1:])


def test_blocks_grow_away_from_single_cells():
    layout = LAYOUTS["ecal"]
    size = (layout.high - layout.low).prod(axis=1)
    far = np.abs(0.5 * (layout.low + layout.high - 1)).max(axis=1)
    assert (size[far <= 2] == 1).all() and (size[:25] == 1).all()
    assert stats.spearmanr(far, size).statistic > 0.9


@pytest.mark.parametrize("response", [ECAL_SHOWER, ILC_SHOWER, solid(), fixed()])
@pytest.mark.parametrize("most", [1, 9, 40, 128, 1000])
def test_blocks_are_as_fine_as_the_number_of_codes_allows(response, most):
    shells = fewer(response, Shells(), most)
    found = Layout(response, shells).n_codes
    least = Layout(response, Shells(0, (), 1)).n_codes
    assert found <= max(most, least)
    assert Layout(response, fewer(response, Shells(), most // 2)).n_codes <= found
    assert shells.core == 0 or shells.widths == Shells().widths
    assert not response.shifts or not shells.widths or shells.slices == Shells().slices


def test_layouts_of_defaults():
    assert fewer(ECAL_SHOWER, Shells(), CodesConfig().most_codes) == Shells()
    assert Layout(ECAL_SHOWER, Shells()).n_codes == 66
    assert fewer(ILC_SHOWER, Shells(), CodesConfig().most_codes) == Shells(0, (), 10)


@pytest.fixture(scope="module")
def coded():
    sample = blobs(1500)
    frame = Frame.fit(BLOBS, sample.seen, sample.arrays)
    placement = frame.place(sample.seen)
    layout = LAYOUTS["blobs"]
    energies = layout.energies(placement.to_frame(sample.hits), len(sample))
    return layout, scaled(BLOBS, layout.amounts(energies), placement.given), placement.given


def test_energies_are_sums_of_hits(coded):
    _, found, given = coded
    sums = scaled(BLOBS, found, given, back=True)[:, 0]
    assert np.allclose(sums, blobs(1500).arrays.sum(axis=(1, 2)), rtol=1e-5)


def test_scores_are_normal_and_come_back(coded):
    layout, found, _ = coded
    alike = Particles.alike(len(found))
    codes = Codes.fit(found, alike)
    scores = codes.scores(found, np.random.default_rng(1).random(found.shape), alike)
    p = [stats.kstest(scores[:, k], "norm").pvalue for k in range(layout.n_codes)]
    assert min(p) > 1e-3 / layout.n_codes
    back = codes.amounts(scores, alike)
    assert np.array_equal(back == 0, found == 0)
    far = np.abs(back - found) / np.maximum(found, 1e-3)
    # Where values are few and far apart, a table of a hundred knots is coarse.
    assert np.quantile(far, 0.95) < 0.02


def test_scores_are_normal_at_every_scale():
    """Weak particles leave more blocks empty, and no less than a threshold in the others."""
    rng = np.random.default_rng(5)
    n = 12_000
    scale = rng.uniform(0, 5, n)
    least = np.exp(-scale - 2)
    energy = least + rng.gamma(1.5, 0.2, n)
    energy[rng.random(n) < 0.6 * np.exp(-scale)] = 0
    found = np.stack([np.exp(rng.normal(size=n)), energy], axis=1)
    u = rng.random(found.shape)
    particles = Particles(scale, np.zeros(n, dtype=np.int64))
    codes = Codes.fit(found, particles)
    assert len(codes.scales) == 10
    scores = codes.scores(found, u, particles)
    for low in range(5):
        part = (scale > low) & (scale < low + 1)
        for k in (0, 1):
            # Between tables laws are mixed: not exactly normal.
            assert stats.kstest(scores[part, k], "norm").statistic < 0.04
    alike = Particles.alike(n)
    blind = Codes.fit(found, alike).scores(found, u, alike)
    assert stats.kstest(blind[scale < 1, 1], "norm").statistic > 0.15
    back = codes.amounts(scores, particles)
    assert np.array_equal(back == 0, found == 0)
    assert np.quantile(np.abs(back - found)[:, 1], 0.99) < 0.02
    # An energy that is drawn is no less than the threshold of about its scale.
    drawn = codes.amounts(rng.normal(size=found.shape), particles)[:, 1]
    weak = scale < 1
    assert drawn[weak & (drawn > 0)].min() > 0.9 * np.exp(-3)


def test_each_kind_of_particle_has_tables_of_its_own():
    """Two kinds whose blocks hold quite different energies have normal scores, each by itself."""
    rng = np.random.default_rng(6)
    n = 6000
    kind = np.arange(n) % 2
    scale = rng.uniform(0, 2, n)
    energy = np.where(kind == 1, 100.0, 1.0) * np.exp(0.3 * rng.normal(size=n) + scale)
    energy[(kind == 0) & (rng.random(n) < 0.5)] = 0
    found, u = np.stack([energy, energy], axis=1), rng.random((n, 2))
    particles = Particles(scale, kind)
    codes = Codes.fit(found, particles)
    assert set(codes.kinds) == {0, 1} and len(codes.scales) == 20
    scores = codes.scores(found, u, particles)
    for one in (0, 1):
        assert stats.kstest(scores[kind == one, 0], "norm").statistic < 0.04
    back = codes.amounts(scores, particles)
    assert np.array_equal(back == 0, found == 0)
    # One without a table of its own gets that of another kind, and no error.
    other = codes.amounts(scores[:5], Particles(scale[:5], np.full(5, 7)))
    assert np.isfinite(other).all()


def test_whole_numbers_stay_whole():
    """They come back from their scores exactly, and blocks add to the sum that was drawn."""
    rng = np.random.default_rng(7)
    counts = rng.poisson(3.0, (4000, 6)).astype(float) * rng.integers(0, 2, (4000, 6))
    amounts = np.concatenate([counts.sum(axis=1, keepdims=True), counts], axis=1)
    u = rng.random(amounts.shape)
    spread = spread_whole(amounts, u)
    assert np.array_equal(np.rint(spread), amounts) and np.array_equal(spread == 0, amounts == 0)
    assert (np.abs(spread - amounts) <= 0.5).all() and np.ptp(spread[amounts == 3]) > 0.95
    sums = amounts[:, 0] + rng.integers(-2, 3, len(amounts))
    sums = np.maximum(sums, 3 * (amounts[:, 0] > 0))
    energies = counts * (sums / np.maximum(amounts[:, 0], 1))[:, None]
    whole = to_whole(energies, sums, rng.random(len(sums)))
    filled = amounts[:, 0] > 0
    assert np.array_equal(whole, np.rint(whole)) and (whole >= 0).all()
    assert np.array_equal(whole[filled].sum(axis=1), sums[filled])
    assert (whole[energies == 0] == 0).all()
    assert np.abs(whole.mean(axis=0) / energies.mean(axis=0) - 1).max() < 0.01


def test_codes_are_kept_in_arrays(coded):
    _, found, given = coded
    particles = Particles(given[:, 0], np.arange(len(found)) % 2)
    codes = Codes.fit(found, particles)
    again = Codes.from_arrays(codes.to_arrays())
    scores = np.random.default_rng(2).normal(size=found.shape)
    back = codes.amounts(scores, particles)
    assert np.allclose(again.amounts(scores, particles), back, rtol=1e-5, atol=1e-7)


def test_hits_and_arrays():
    arrays = np.zeros((3, 4, 5), np.float32)
    arrays[1, 2, 3], arrays[2, 0, 0] = 2.5, 1.0
    hits = hits_of(arrays)
    assert np.array_equal(hits.dense(3, (4, 5)), arrays)
    assert hits.sums(3).tolist() == [0.0, 2.5, 1.0]
    beyond = Hits(np.array([0]), np.array([[4, 0]]), np.ones(1, np.float32))
    assert not beyond.dense(1, (4, 5)).any()
