"""Links of clusters to particles: one for each pair, the largest share, lost showers."""

import numpy as np
import pytest

from lamarr_like.engine.translator.sequences import Sources
from lamarr_like.stages.calorimeter.links import (
    Links,
    Placed,
    _summed,
    largest_shares,
    lost_showers,
    sums,
    with_neighbours,
)
from lamarr_like.stages.calorimeter.sources import MIP
from lamarr_like.stages.calorimeter.spacing import LEAK_EDGES

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
    found = with_neighbours(links, placed, [0.1] * (len(LEAK_EDGES) - 1), NONE)
    assert all((a == b).all() for a, b in zip(found, links, strict=True))


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
