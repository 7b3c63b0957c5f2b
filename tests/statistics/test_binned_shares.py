"""Shares of two samples in adaptive bins: sums by hand, one law, and what weights do."""

from __future__ import annotations

import numpy as np
import pytest

from lamarr_like.statistics.binned_shares import Binner

SCHEMES = (("p",), ("p", "eta"))


def rows(seed, n=3000, first=0):
    rng = np.random.default_rng(seed)
    p, eta = rng.exponential(1e4, n), rng.uniform(2.0, 5.0, n)
    passed = rng.random(n) < 0.2 + 0.1 * eta
    return {"unit": first + np.arange(n) // 3, "weight": np.ones(n), "p": p, "eta": eta}, passed


@pytest.fixture(scope="module")
def pair():
    (one, a), (two, b) = rows(1), rows(2, 2500, first=10_000)
    return Binner(one, two, SCHEMES), (one, two), (a, b)


def test_shares_are_those_counted_by_hand(pair):
    binner, sides, passed = pair
    whole, found = binner.compare(*passed)
    assert (whole.detailed[0], whole.fast[0]) == tuple(p.mean() for p in passed)
    assert list(found) == list(SCHEMES)
    for binned in found.values():
        for side, mask, shares in zip(
            sides, passed, (binned.shares.detailed, binned.shares.fast), strict=True
        ):
            place = binned.bins.place(side)
            for k in range(len(binned.bins)):
                assert shares[k] == pytest.approx(mask[place == k].mean())
        n = np.bincount(binned.bins.place(sides[0]), minlength=len(binned.bins))
        assert binned.shares.n_detailed == pytest.approx(n)
        assert n.min() >= 100


def test_one_law_gives_a_flat_chi2():
    p = []
    for seed in range(25):
        (one, a), (two, b) = rows(seed), rows(seed + 100, first=10_000)
        found = Binner(one, two, SCHEMES).compare(a, b)[1]
        p.append([binned.chi2.p for binned in found.values()])
    assert 0.3 < np.mean(p) < 0.7 and (np.array(p) < 0.01).mean() < 0.09


def test_a_loss_in_a_corner_is_seen_where_both_axes_are_binned(pair):
    binner, (_, two), (a, b) = pair
    corner = (two["p"] < 5e3) & (two["eta"] > 4.0)
    found = binner.compare(a, b & ~corner)[1]
    assert found["p", "eta"].chi2.p < 1e-12
    worst = found["p", "eta"].bins.boxes[np.nanargmin(found["p", "eta"].shares.pull)]
    assert worst[0][0] == -np.inf and worst[1][1] == np.inf


def test_cuts_share_their_cells(pair):
    binner, _, (a, b) = pair
    before = binner.compare(a, b)[1]["p",].shares.detailed
    binner.compare(~a, ~b)
    after = binner.compare(a, b)[1]["p",].shares.detailed
    np.testing.assert_array_equal(before, after)
    opposite = binner.compare(~a, ~b)[1]["p",].shares
    assert opposite.detailed == pytest.approx(1.0 - before)
    assert opposite.difference == pytest.approx(-binner.compare(a, b)[1]["p",].shares.difference)


def test_a_common_factor_of_the_weights_changes_nothing(pair):
    _, sides, passed = pair
    heavy = [{**side, "weight": 7.0 * side["weight"]} for side in sides]
    one, two = (Binner(*s, SCHEMES).compare(*passed)[1]["p",].shares for s in (sides, heavy))
    for name in ("n_detailed", "detailed", "ratio", "sigma", "units"):
        assert getattr(two, name) == pytest.approx(getattr(one, name)), name
