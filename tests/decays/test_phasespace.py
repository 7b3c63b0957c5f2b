"""Pieces of the decay in phase space: momenta of two bodies, boosts, trees as flat lists."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamarr_like.decays.descriptor import parse_decay
from lamarr_like.decays.names import properties
from lamarr_like.decays.phasespace import Tree, _greatest_product, boost, break_up

masses = st.floats(0.0, 3000.0)


def invariant(momentum):
    return np.sqrt(np.maximum(momentum[:, 3] ** 2 - (momentum[:, :3] ** 2).sum(axis=1), 0.0))


@settings(max_examples=60, deadline=None)
@given(masses, masses, st.floats(0.1, 5000.0))
def test_two_bodies_share_the_energy(first, second, free):
    mass = first + second + free
    p = break_up(*(np.array([m]) for m in (mass, first, second)))
    assert np.sqrt(p**2 + first**2) + np.sqrt(p**2 + second**2) == pytest.approx(mass, rel=1e-9)
    swapped = break_up(*(np.array([m]) for m in (mass, second, first)))
    assert swapped == pytest.approx(p)


def test_below_the_threshold_nothing_moves():
    mass = np.array([100.0, 200.0, 300.0, 1e-3])
    found = break_up(mass, np.full(4, 120.0), np.full(4, 80.0))
    assert found[[0, 1, 3]].tolist() == [0.0, 0.0, 0.0] and found[2] > 0.0
    assert break_up(np.array([10.0]), np.zeros(1), np.zeros(1)) == pytest.approx(5.0)


@pytest.fixture(scope="module")
def frames():
    rng = np.random.default_rng(1)
    mass = rng.uniform(100.0, 5000.0, 300)
    frame = np.empty((300, 4))
    frame[:, :3] = rng.normal(size=(300, 3)) * [1e3, 1e3, 1e5]
    frame[:, 3] = np.sqrt((frame[:, :3] ** 2).sum(axis=1) + mass**2)
    return frame, mass


def test_boosts_keep_masses_and_products(frames):
    frame, mass = frames
    rng = np.random.default_rng(2)
    own = [np.concatenate([rng.normal(0, 200, (300, 3)), np.full((300, 1), 1e3)], 1) for _ in "ab"]
    moved = [boost(one, frame, mass) for one in own]
    for one, two in zip(own, moved, strict=True):
        assert invariant(two) == pytest.approx(invariant(one), rel=1e-3)
    # What is at rest moves with the frame; sums of momenta are momenta of sums.
    rest = np.zeros((300, 4))
    rest[:, 3] = mass
    assert boost(rest, frame, mass) == pytest.approx(frame)
    assert boost(own[0] + own[1], frame, mass) == pytest.approx(moved[0] + moved[1])


def test_a_boost_and_its_opposite_cancel(frames):
    frame, mass = frames
    frame = frame * np.array([0.1, 0.1, 1e-3, 1.0])
    frame[:, 3] = np.sqrt((frame[:, :3] ** 2).sum(axis=1) + mass**2)
    own = np.random.default_rng(3).normal(size=(300, 4)) * 100.0
    back = boost(boost(own, frame, mass), frame * [-1.0, -1.0, -1.0, 1.0], mass)
    assert back == pytest.approx(own, abs=1e-8)


TEXT = "B0 -> (D- -> K+ pi- pi-) (rho(770)+ -> pi+ pi0) mu+ mu-"


def test_trees_are_flat_lists_with_mothers_first():
    tree = Tree(parse_decay(TEXT).head)
    assert len(tree.nodes) == 10 and tree.mother[0] == -1
    assert all(tree.mother[k] < k for k in range(1, 10))
    for k, below in tree.children.items():
        assert all(tree.mother[c] == k for c in below)
        steps = tree.steps(k)
        assert len(steps) == len(below) - 1 and steps[0][0] == k
        # Each step takes off one daughter of the chain, the first pair last.
        assert [second for *_, second in steps][::-1] == below[1:] and steps[-1][1] == below[0]
        assert tree.columns(k) == [k, *tree.chain[k], *below]
    chains = sum(len(c) - 2 for c in tree.children.values())
    assert tree.sizes == (10 + chains, 2 * (9 - len(tree.children)))


def test_masses_leave_room_for_the_daughters():
    tree = Tree(parse_decay(TEXT).head)
    mass, weight = tree.draw(np.random.default_rng(4).random((4000, tree.width)))
    possible = weight > 0.0
    assert possible.mean() > 0.05 and weight.max() <= 1.0
    for k, below in tree.children.items():
        total = mass[possible][:, below].sum(axis=1)
        assert (total < mass[possible, k]).all()
        for whole, first, second in tree.steps(k):
            assert (mass[possible, whole] > mass[possible][:, [first, second]].sum(axis=1)).all()
    low, high = tree.limits(next(k for k, n in enumerate(tree.nodes) if n.pdg_id == 213))
    assert low < 775.0 < high
    stable = next(k for k, n in enumerate(tree.nodes) if n.pdg_id == -13)
    assert len(set(mass[:, stable])) == 1 and tree.limits(stable)[0] == pytest.approx(105.66, 1e-4)


def test_isotropic_momenta_are_conserved_at_every_step():
    tree = Tree(parse_decay(TEXT).head)
    rng = np.random.default_rng(5)
    mass, weight = tree.draw(rng.random((2000, tree.width)))
    good = np.flatnonzero(weight > 0.0)
    tree.keep(np.arange(len(good)), mass[good], len(good))
    head = np.zeros((len(good), 4))
    head[:, 2] = 5e4
    head[:, 3] = np.sqrt(head[:, 2] ** 2 + tree.kept[:, 0] ** 2)
    momentum = tree.momenta(head, rng.random((len(good), tree.sizes[1])))
    for k, below in tree.children.items():
        assert momentum[:, below].sum(axis=1) == pytest.approx(momentum[:, k], rel=1e-6, abs=1e-3)
    for k in range(10):
        assert invariant(momentum[:, k]) == pytest.approx(tree.kept[:, k], rel=1e-3, abs=0.5)


@pytest.mark.parametrize(
    ("mother", "first", "second", "published"),
    [
        *((211, -13, 14, 29.79), (321, -13, 14, 235.5), (321, 211, 111, 205.1)),
        *((3122, 2212, -211, 100.6), (421, -321, 211, 861.0), (511, 443, 310, 1683.0)),
        *((531, 13, -13, 2681.0), (443, 11, -11, 1548.0)),
    ],
)
def test_momenta_of_two_bodies_are_those_of_the_review(mother, first, second, published):
    """Review of Particle Physics 2024, listings: p [MeV] of decay modes."""
    found = break_up(*(np.array([properties(i).mass]) for i in (mother, first, second)))
    assert found[0] == pytest.approx(published, rel=2e-3)


@pytest.mark.parametrize("low", [[139.6] * 4, [493.7, 139.6, 139.6, 139.6, 105.7], [0.0, 0.0, 1.0]])
def test_the_greatest_product_is_not_surpassed(low):
    """By random masses of the chain, of which some come near."""
    top = 1864.8
    most = _greatest_product(top, low)
    rng = np.random.default_rng(6)
    part = np.sort(rng.random((20_000, len(low) - 2)), axis=1)
    part = np.concatenate([np.zeros((20_000, 1)), part, np.ones((20_000, 1))], axis=1)
    chain = np.cumsum(low) + (top - sum(low)) * part
    product = np.prod(
        [break_up(chain[:, k], chain[:, k - 1], np.full(20_000, low[k])) for k in
         range(1, len(low))], axis=0,
    )  # fmt: skip
    assert 0.9 * most < product.max() <= most * (1.0 + 1e-3)


def test_boosts_follow_each_other_as_rapidities_do():
    rest = np.array([[0.0, 0.0, 0.0, 5.0]])

    def frame(rapidity):
        return np.array([[0.0, 0.0, 7.0 * np.sinh(rapidity), 7.0 * np.cosh(rapidity)]])

    mass = np.array([7.0])
    twice = boost(boost(rest, frame(0.7), mass), frame(1.1), mass)
    assert twice == pytest.approx(boost(rest, frame(1.8), mass))
    assert twice[0, 3] == pytest.approx(5.0 * np.cosh(1.8))
