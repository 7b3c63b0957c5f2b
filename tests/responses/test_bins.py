"""Bins: every particle in its own, balanced, and foreign tables refused."""

import numpy as np
import pytest

from lamarr_like.errors import ArtefactError
from lamarr_like.responses.bins import Bins


@pytest.fixture
def places():
    rng = np.random.default_rng(1)
    return np.stack([rng.normal(size=1000), rng.random(1000) < 0.7, 3 * rng.random(1000)], axis=1)


def test_stored_particles_find_their_own_bins(places):
    bins = Bins.fit(places, 4)
    count = np.diff(bins.start)
    assert len(count) == 128 and count.sum() == 1000 and count.max() < 40
    bin_of = np.repeat(np.arange(128), count)[np.argsort(bins.order)]
    for u in (0.0, 0.5, 1 - 1e-12):
        chosen = bins.choose(places, np.full(1000, u))
        assert np.array_equal(bin_of[chosen], bin_of)


def test_those_of_a_bin_are_near(places):
    bins = Bins.fit(places, 4)
    rng = np.random.default_rng(2)
    chosen = bins.choose(places, rng.random(1000))
    away = np.abs(places[chosen] - places).mean(axis=0)
    assert (away[[0, 2]] < 0.2).all() and away[1] < 0.05


def test_bins_of_one_are_about_their_particles():
    """Not beside them: what is stored would be below what asks for it."""
    rng = np.random.default_rng(5)
    places = rng.random((4096, 2))
    asked = rng.random((4096, 2))
    chosen = Bins.fit(places, 1).choose(asked, rng.random(4096))
    away = places[chosen] - asked
    assert (np.abs(away.mean(axis=0)) < 4 * away.std(axis=0) / 64).all()


def test_all_of_a_bin_are_chosen_alike(places):
    bins = Bins.fit(places, 100)
    chosen = bins.choose(np.repeat(places[:1], 5000, axis=0), np.random.default_rng(3).random(5000))
    count = np.unique(chosen, return_counts=True)[1]
    assert len(count) > 50 and count.max() < 2.2 * count.mean()


def test_few_and_equal_particles():
    for places in (np.zeros((1, 2)), np.ones((50, 3))):
        chosen = Bins.fit(places, 2).choose(places, np.full(len(places), 0.5))
        assert (chosen < len(places)).all()


def test_tables_come_back(places):
    bins = Bins.fit(places, 4)
    again = Bins.from_arrays(bins.to_arrays(), 1000, 3, "here")
    u = np.random.default_rng(4).random(1000)
    assert np.array_equal(again.choose(places, u), bins.choose(places, u))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("bins_axis", lambda t: t + 3),
        ("bins_axis", lambda t: t[1:]),
        ("bins_cut", lambda t: t * np.nan),
        ("bins_cut", lambda t: t[:, None]),
        ("bins_order", lambda t: t * 0),
        ("bins_start", lambda t: t[::-1].copy()),
        ("bins_start", lambda t: np.r_[t[:1], t[:1], t[2:]]),
        ("bins_start", lambda t: t.astype(float)),
    ],
)
def test_tables_that_do_not_fit(places, name, change):
    tables = Bins.fit(places, 4).to_arrays()
    tables[name] = change(tables[name])
    with pytest.raises(ArtefactError, match="bins"):
        Bins.from_arrays(tables, 1000, 3, "here")
    del tables[name]
    with pytest.raises(ArtefactError, match="lacks"):
        Bins.from_arrays(tables, 1000, 3, "here")
