"""Links of clusters to particles: one for each pair, the largest share, lost showers."""

import numpy as np
import pytest

from lamarr_like.engine.translator.sequences import Sources
from lamarr_like.events import Table
from lamarr_like.stages.calorimeter.links import (
    ByNumber,
    Links,
    Placed,
    _summed,
    largest_shares,
    lost_showers,
    sums,
    with_neighbours,
)
from lamarr_like.stages.calorimeter.sources import MIP
from lamarr_like.stages.calorimeter.spacing import LEAK_EDGES, LEAK_RATIOS, N_LEAKS
from lamarr_like.stages.geometry import CELLS

NONE = Links(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


def drawn_links(n=300):
    rng = np.random.default_rng(1)
    return Links(rng.integers(0, 20, n), rng.integers(-2, 6, n), rng.uniform(0.0, 1.0, n))


def test_summed_links_are_one_for_each_pair_and_keep_the_energy():
    links = drawn_links()
    once = _summed(links)
    pairs = list(zip(once.cluster.tolist(), once.particle.tolist(), strict=True))
    assert pairs == sorted(set(pairs))
    assert sums(once.cluster, once.weight, 20) == pytest.approx(
        sums(links.cluster, links.weight, 20)
    )
    again = _summed(once)
    assert all((a == b).all() for a, b in zip(again, once, strict=True))


def test_largest_share_wins_and_of_equals_the_first_particle():
    links = Links(np.array([0, 0, 2, 2]), np.array([7, 3, 5, 4]), np.array([0.4, 0.6, 0.5, 0.5]))
    found = largest_shares(links, 4)
    assert found["mcparticle_id"].tolist() == [3, -1, 4, -1]
    assert found["mc_share"].tolist() == [0.6, 0.0, 0.5, 0.0]


def test_alone_clusters_keep_their_links():
    one = np.ones(3)
    placed = Placed(2000.0 * np.arange(3), 500.0 * one, 1e4 * one, np.zeros(3, np.int64))
    links = Links(np.arange(3), np.arange(3), 0.9 * one)
    found = with_neighbours(links, placed, [0.1] * N_LEAKS, NONE, by_number(3))
    assert all((a == b).all() for a, b in zip(found, links, strict=True))


def by_number(n, energy=None):
    """Sources of one event, each with its row for a number."""
    flat = np.zeros(n)
    energy = flat + 1e4 if energy is None else energy
    sources = Sources(
        *(np.array([0, n]), np.zeros((n, 1), np.float32), flat, flat, flat + 1.0, energy, flat > 0)
    )
    return ByNumber(sources, np.arange(n))


def test_sources_are_found_by_number():
    flat = np.zeros(5)
    energy = np.array([1e3, MIP, 1e3, 1e3, 1e3])
    zone = np.array([False, False, True, False, False])
    sources = Sources(
        *(np.array([0, 3, 5]), np.zeros((5, 1), np.float32), flat, flat, flat, energy, zone)
    )
    found = ByNumber(sources, np.array([4, 2, -1, 2, 9]))
    event = np.array([0, 0, 0, 0, 1, 1, 1, 1, 0])
    particle = np.array([2, 4, -1, 9, 2, 4, 9, 10, 3])
    assert found.rows(event, particle).tolist() == [1, 0, -1, -1, 3, -1, 4, -1, -1]
    showers = found.showers(event, particle)
    assert showers.tolist() == [False, True, False, False, True, False, True, False, False]
    cluster = Table.from_counts({"mcparticle_id": np.array([2, 2, -1, 9, 9, 9])}, [3, 3])
    assert found.led(cluster).tolist() == [0, 2, 0, 0, 3]
    none = ByNumber(sources._replace(offsets=np.zeros(1, int)), np.zeros(0, int))
    assert none.rows(event, particle).max() == -1


def test_hard_showers_give_soft_neighbours_by_their_own_law():
    """Which part leaks depends on the ratio of energies and on whether it is a shower."""
    leak = np.zeros((2, len(LEAK_RATIOS) + 1, len(LEAK_EDGES) - 1))
    leak[1, -1] = 0.02  # hard showers beside soft clusters: 0.16, which may be all that is left
    one = np.ones(2)
    x = np.array([2000.0, 2000.0 + 1.9 * CELLS[0]])
    placed = Placed(x, 500.0 * one, np.array([8e3, 1e3]), np.zeros(2, np.int64))
    links = Links(np.arange(2), np.arange(2), 0.8 * one)
    for energy, more in ((np.array([8e3, 1e3]), [0.2]), (np.array([MIP, 1e3]), [])):
        found = with_neighbours(links, placed, leak.ravel(), NONE, by_number(2, energy))
        assert found.weight.tolist() == pytest.approx([0.8, *more, 0.8])
        assert found.particle.tolist() == [0, *[0] * len(more), 1]


def test_only_what_showers_is_a_lost_shower():
    energy = np.array([MIP, 2.0 * MIP, 2.0 * MIP, 2.0 * MIP])
    zone = np.array([False, False, True, False])
    flat = np.zeros(4)
    sources = Sources(
        offsets=np.array([0, 4]),
        features=np.zeros((4, 1), np.float32),
        x=flat,
        y=flat,
        unit=flat + 1.0,
        energy=energy,
        zone=zone,
    )
    assert lost_showers(sources, np.array([True, True, True, False])).tolist() == [1]
