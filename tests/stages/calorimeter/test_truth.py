"""Who owns which cluster: numbers by hand, hand-overs, and laws found again in a sample."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamarr_like.engine.translator.sequences import Sources
from lamarr_like.events import Table
from lamarr_like.stages.calorimeter import truth
from lamarr_like.stages.calorimeter.tables import RESOLUTION
from lamarr_like.stages.geometry import BORDERS, CELLS, ECAL_Z


def sources(energy, x=None, unit=100.0):
    n = len(energy)
    x = np.zeros(n) if x is None else np.asarray(x, float)
    return Sources(
        *(np.array([0, n]), np.zeros((n, 1), np.float32), x, np.zeros(n)),
        *(np.full(n, unit), np.asarray(energy, float), np.zeros(n, bool)),
    )


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(-1, 4), st.floats(1.0, 1e5)), max_size=40))
def test_clusters_are_numbered_by_owner_and_falling_energy(clusters):
    owner, energy = (np.array(c) for c in zip(*clusters, strict=True)) if clusters else (
        np.zeros(0, int), np.zeros(0))  # fmt: skip
    kept, own = truth._numbered_clusters(owner, energy, 5)
    assert own.tolist() == [min((owner == k).sum(), truth.MOST) for k in range(5)]
    assert (np.diff(owner[kept]) >= 0).all() and len(set(kept)) == len(kept)
    for k in range(5):
        mine = energy[kept[owner[kept] == k]]
        assert (np.diff(mine) <= 0).all()
        # The softest beyond are left out.
        assert sorted(mine)[::-1] == sorted(energy[owner == k])[::-1][: truth.MOST]


def test_a_cluster_goes_to_the_most_energetic_of_what_is_in_it():
    of = sources([5.0, 9.0, 7.0, 1.0, 4.0])
    own, pointer = np.array([1, 0, 0, 1, 0]), np.array([-1, 0, 0, -1, 3])
    taken = truth._handed_over(own, pointer, of)
    assert taken.tolist() == [1, 1, 2, 4, 4]
    # Of equals the first; nothing for a source with several clusters.
    equal = truth._handed_over(np.array([1, 0, 0]), np.array([-1, 0, 0]), sources([1.0, 8.0, 8.0]))
    assert equal.tolist() == [1, 1, 2]
    several = truth._handed_over(np.array([2, 0]), np.array([-1, 0]), sources([1.0, 8.0]))
    assert several.tolist() == [0, 1]


def test_pointers_follow_a_cluster_to_its_new_owner():
    of = sources([5.0, 9.0, 7.0], x=[0.0, 50.0, 90.0])
    pointer = np.array([-1, 0, 0])
    taken = np.array([1, 1, 2])
    found = truth._repointed(np.array([0, 1, 0]), pointer, taken, of)
    assert found.tolist() == [1, -1, 1]
    far = sources([5.0, 9.0, 7.0], x=[0.0, 50.0, 50.0 + 1.01 * truth.REACH * 100.0])
    assert truth._repointed(np.array([0, 1, 0]), pointer, taken, far).tolist() == [1, -1, -1]


def test_what_met_far_away_is_not_learnt_from():
    of = sources([10.0, 4.0, 4.0, 4.0, 1.0], x=[0.0, 1000.0, 100.0, 5000.0, 5000.0])
    owner = np.array([0, 1, 3])
    link = truth._Links.__new__(truth._Links)
    # Its own; a leg on that of another; a neighbour; a soft one; what leaves little of itself.
    link.source = np.array([0, 0, 2, 4, 1, 3])
    link.cluster = np.array([0, 1, 0, 0, 1, 2])
    link.energy = np.array([6.0, 4.0, 2.0, 0.1, 4.0, 4.0])
    link.weight = np.array([0.7, 0.5, 0.25, 0.05, 0.5, 1.0])
    alone, pure = truth._met(link, owner, of)
    assert alone.tolist() == [False, True, True, True, True]
    assert pure.tolist() == [True, False, True]
    # Of what takes no part of note the cluster is still good to learn from.
    link.weight[1] = 0.5 * truth.IMPURE_SHARE
    assert truth._met(link, owner, of)[1].all()


def test_distances_are_in_the_larger_of_two_cells():
    of = sources([1.0, 1.0], x=[0.0, 120.0])._replace(unit=np.array([40.0, 60.0]))
    there = truth._distance(of, np.array([0]), np.array([1]))
    back = truth._distance(of, np.array([1]), np.array([0]))
    assert there[0] == back[0] == 2.0


def sampled(n=4000, energy=(0.0081, 6.4e-5, 0.0), place=None, seed=3):
    """Clusters whose errors follow a law exactly."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(-0.95, 0.95, (2, n)) * np.array(BORDERS[0])[:, None]
    region = np.zeros(n, int)
    for k, (a, b) in enumerate(BORDERS[1:], start=1):
        region[(np.abs(x) < a) & (np.abs(y) < b)] = k
    e = 10.0 ** rng.uniform(-0.5, 2.0, n)
    sine2 = (x**2 + y**2) / (x**2 + y**2 + ECAL_Z**2)
    a, b, c = energy
    p, q = np.array(place or [[1.0, (0.05 * cell) ** 2] for cell in CELLS])[region].T
    columns = {"x": x, "y": y, "energy": 1e3 * e, "region": region}
    columns["sigma_energy"] = 1e3 * np.sqrt(a * e + b * e * e + c / np.maximum(sine2, 1e-6))
    columns["sigma_x"] = np.sqrt(p + q / e)
    return Table.from_counts(columns, [n])


@pytest.mark.parametrize("energy", [(0.0081, 6.4e-5, 0.0), (0.01, 1e-4, 2e-3)])
def test_laws_of_resolution_are_found_again(energy):
    cluster = sampled(energy=energy)
    found = truth.expected_resolution({"cluster": cluster})
    assert found["energy"] == pytest.approx(energy, rel=0.02, abs=1e-6)
    for (p, q), cell in zip(found["place"], CELLS, strict=True):
        assert (p, q) == (pytest.approx(1.0, rel=0.05), pytest.approx((0.05 * cell) ** 2, rel=0.05))


def test_few_clusters_or_no_errors_have_the_published_law():
    cluster = sampled(50)
    assert truth.expected_resolution({"cluster": cluster}) is RESOLUTION
    many = sampled(500)
    for name in ("sigma_energy", "sigma_x", "region"):
        less = {k: v for k, v in many.columns.items() if k != name}
        batch = {"cluster": Table(less, many.offsets)}
        assert truth.expected_resolution(batch) is RESOLUTION


def halves(seed=4, n=6000):
    """Clusters of which those above 2 GeV of transverse energy have a mass if they are wide."""
    rng = np.random.default_rng(seed)
    et = 2000.0 * 10.0 ** rng.normal(0.0, 0.25, n)
    wide, free = rng.random(n) < 0.6, rng.random(n) < 0.8
    spread = np.where(wide, 60.0, 30.0) + rng.normal(0.0, 2.0, n)
    tried = free & (et > 2000.0)
    energy = 10.0 * et
    mass = 3e-3 * energy * (1.0 + 0.1 * rng.random(n))
    columns = {"et": et, "energy": energy, "spread": spread, "is_matched": ~free}
    columns["merged_mass"] = np.where(tried & wide, mass, 0.0)
    columns |= {c: np.full(n, 0.5) for c in ("photon_id", "is_not_h")}
    columns["prs_energy"] = np.zeros(n)
    return Table.from_counts(columns, [n]), wide, free


def test_the_threshold_of_masses_is_read_from_a_sample():
    cluster, *_ = halves()
    assert truth.merged_threshold(cluster) == pytest.approx(2000.0, rel=2e-3)
    few = Table({k: v[:90] for k, v in cluster.columns.items()}, np.array([0, 90]))
    assert truth.merged_threshold(few) == 0.0
    # Where matched clusters have a mass as well, it is another rule.
    matched = cluster.with_columns(is_matched=np.ones(len(cluster), dtype=bool))
    assert truth.merged_threshold(matched) == 0.0


def test_masses_go_on_below_their_threshold():
    cluster, wide, free = halves()
    n, least = len(cluster), truth.merged_threshold(cluster)
    found = truth.Outcomes(*[np.zeros(0)] * 2, np.arange(n), np.ones(n), 0.0, *[np.ones(0)] * 2)
    place = np.full((n, 4), 1000.0)
    mass = truth._as_if_tried({"cluster": cluster}, found, place, least)
    et = cluster["et"]
    near, above = free & (et <= least) & (et > 0.6 * least), free & (et > least)
    # Above it nothing changes; below, the same clusters have one, in proportion to the energy.
    assert np.array_equal(mass[above], cluster["merged_mass"][above])
    assert (mass[near] > 0.0).mean() == pytest.approx((mass[above] > 0.0).mean(), abs=0.04)
    assert ((mass > 0.0) == wide)[near].mean() > 0.98
    ratio = (mass / cluster["energy"])[near & (mass > 0.0)]
    assert ratio.min() >= 3e-3 - 1e-9 and ratio.max() <= 3.3e-3 + 1e-9
    # Matched ones and those far below have none.
    assert not mass[~free].any() and not mass[et < 0.49 * least].any()
