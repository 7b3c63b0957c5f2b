"""Numbers of clusters given the SPD hits: laws of sums over sources, and what is learnt of them."""

from __future__ import annotations

import numpy as np
import pytest

from lamarr_like.engine.translator.sequences import Sources
from lamarr_like.engine.translator.translation import chosen
from lamarr_like.stages.calorimeter.numbers import (
    NUMBERS,
    Hits,
    Numbers,
    arrived,
)
from lamarr_like.stages.calorimeter.sources import SOURCE_KINDS
from lamarr_like.stages.calorimeter.truth import hits_by_number

PHOTON, OTHER = 0, 3
EXPECTED = [2.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
TABLE = [[0.0] * NUMBERS for _ in range(SOURCE_KINDS)]
TABLE[PHOTON], TABLE[OTHER] = [-1.0, 0.0, 4.0, 8.0], [-0.5, 0.5, 2.0, 3.0]
HITS = Hits(EXPECTED, TABLE, 0.8, 3000.0)
CHANCES = {PHOTON: [0.4, 0.5, 0.08, 0.02], OTHER: [0.5, 0.45, 0.04, 0.01]}


def events(n, per_event, seed):
    """Kinds of sources, their chances, offsets and a generator."""
    rng = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(np.broadcast_to(per_event, n))])
    kinds = np.where(rng.random(offsets[-1]) < 0.5, PHOTON, OTHER)
    return kinds, np.array([CHANCES[k] for k in kinds]), offsets, rng


def lit_by(kinds, own, offsets, rng):
    """SPD cells that such sources light, by the law that is assumed."""
    event = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    share = np.array([np.dot(CHANCES[k], TABLE[k]) if k in CHANCES else 0.0 for k in range(9)])
    beyond = np.array(TABLE)[kinds, own] - share[kinds]
    expected = np.bincount(event, np.array(EXPECTED)[kinds])
    noise = np.sqrt(HITS.spread * expected) * rng.normal(size=len(expected))
    hits = expected + np.bincount(event, beyond) + noise
    return -HITS.cells * np.expm1(-hits / HITS.cells)


def test_numbers_and_hits_have_the_law_of_both():
    """Given hits of the true law, drawn numbers have the means and the spread of the true ones."""
    kinds, chances, offsets, rng = events(4000, 40, 3)
    true = chosen(chances, rng.random(len(kinds)))
    lit = lit_by(kinds, true, offsets, rng)
    choose = Numbers(offsets, kinds, np.ones((len(kinds), 4)), HITS, lit, rng.normal(size=4000))
    drawn = choose(chances, rng.random(len(kinds)))
    plain = chosen(chances, rng.random(len(kinds)))
    total = [np.add.reduceat(own, offsets[:-1]).astype(float) for own in (true, drawn, plain)]
    assert total[1].mean() == pytest.approx(total[0].mean(), rel=0.01)
    # A tilt moves whole clusters, not parts of one: a little wider than the rule is for sums.
    assert total[1].std() == pytest.approx(total[0].std(), rel=0.07)
    slope = [np.corrcoef(t, lit)[0, 1] for t in total]
    assert slope[0] > 0.4 and slope[1] == pytest.approx(slope[0], abs=0.05)
    assert abs(slope[2]) < 0.05
    for kind in (PHOTON, OTHER):
        shares = [np.bincount(own[kinds == kind], minlength=4) for own in (true, drawn)]
        assert shares[1] / shares[1].sum() == pytest.approx(CHANCES[kind], abs=0.015)


def test_hits_are_learnt():
    kinds, chances, offsets, rng = events(6000, np.tile([10, 40, 120, 300], 1500), 5)
    own = chosen(chances, rng.random(len(kinds)))
    x = np.full(len(kinds), 3000.0)
    features = (kinds == PHOTON)[:, None].astype(np.float32)
    ones = np.ones(len(x))
    sources = Sources(offsets, features, x, 0.0 * x, ones, ones, ones < 0.0)
    found = hits_by_number(sources, ("is_photon",), own, lit_by(kinds, own, offsets, rng))
    assert np.array(found.expected)[[PHOTON, OTHER]] == pytest.approx([2.0, 1.0], rel=0.1)
    assert found.spread == pytest.approx(HITS.spread, rel=0.1)
    for kind in (PHOTON, OTHER):
        wide = np.array(found.table[kind]) - found.table[kind][0]
        assert wide[:3] == pytest.approx(np.array(TABLE[kind][:3]) - TABLE[kind][0], abs=0.35)
    assert not np.array(found.table)[[1, 2, 4, 5, 6, 7, 8]].any()


def test_without_hits_only_the_odds_count():
    kinds, chances, offsets, rng = events(200, 10, 4)
    u, odds = rng.random(len(kinds)), np.ones((len(kinds), 4))
    nothing = np.zeros(200)
    plain = Numbers(offsets, kinds, odds, None, nothing, nothing)
    assert np.array_equal(plain(chances, u), chosen(chances, u))
    single = odds.copy()
    single[kinds == PHOTON] = [0.0, 1.0, 0.0, 0.0]
    one = Numbers(offsets, kinds, single, None, nothing, nothing)(chances, u)
    assert (one[kinds == PHOTON] == 1).all()
    assert np.array_equal(one[kinds == OTHER], chosen(chances, u)[kinds == OTHER])
    # The last factor is that of all further numbers.
    more = np.tile([0.0, 0.0, 0.0, 0.25, 0.75], (len(kinds), 1))
    own = plain(more, u)
    assert set(own) == {3, 4} and (own == 4).mean() == pytest.approx(0.75, abs=0.05)


def test_hits_far_from_what_is_expected_are_bounded():
    kinds, chances, offsets, rng = events(300, 40, 6)
    u, normals = rng.random(len(kinds)), np.zeros(300)
    means = []
    for lit in (0.0, 60.0, 1e3, 1e7):
        own = Numbers(offsets, kinds, np.ones((len(kinds), 4)), HITS, np.full(300, lit), normals)(
            chances, u
        )
        means.append(own.mean())
    assert means[0] < means[1] < means[2] == means[3] < 2.0


def test_an_event_is_the_same_in_any_company():
    kinds, chances, offsets, rng = events(50, 30, 7)
    u, normals, lit = rng.random(len(kinds)), rng.normal(size=50), rng.integers(20, 90, 50)
    whole = Numbers(offsets, kinds, np.ones((len(kinds), 4)), HITS, lit, normals)(chances, u)
    for k in (0, 17, 49):
        mine = slice(offsets[k], offsets[k + 1])
        alone = Numbers(
            np.array([0, 30]),
            kinds[mine],
            np.ones((30, 4)),
            HITS,
            lit[k : k + 1],
            normals[k : k + 1],
        )
        assert np.array_equal(alone(chances[mine], u[mine]), whole[mine])
    none = Numbers(np.zeros(3, int), kinds[:0], np.ones((0, 4)), HITS, lit[:2], normals[:2])
    assert len(none(chances[:0], u[:0])) == 0


def test_lit_cells_and_hits():
    lit = np.array([0.0, 10.0, 1000.0])
    hits = arrived(lit, 3000.0)
    assert hits[0] == 0.0 and hits[1] == pytest.approx(10.0, rel=0.01) and hits[2] > 1150.0
    assert -3000.0 * np.expm1(-hits / 3000.0) == pytest.approx(lit)
    assert np.isfinite(arrived(np.array([1e9]), 3000.0)).all()
