"""The term of the nearest track in the likenesses of clusters."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from lamarr_like.engine.translator.sequences import Sources
from lamarr_like.events import Table
from lamarr_like.stages.calorimeter import near_tracks
from lamarr_like.stages.calorimeter.near_tracks import (
    NEAR_TRACK,
    TRACKED,
    log_chi2,
    tracked_sources,
    with_track,
    without_track,
)
from lamarr_like.stages.calorimeter.truth import slopes


def sources_at(x, y, counts):
    n = len(x)
    ones = np.ones(n)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    features = np.zeros((n, 2), np.float32)
    return Sources(offsets, features, np.array(x), np.array(y), ones, ones, ones < 0.0)


def test_the_nearest_track_of_the_event_counts():
    sources = sources_at([0.0, 100.0, 0.0], [0.0, 0.0, 0.0], [2, 1])
    tracked = np.array([True, True, False])
    x, event = np.array([70.0, 100.0, 0.0]), np.array([0, 0, 1])
    sigma, free = np.array([4.0, 4.0, 4.0]), np.zeros(3, bool)
    found = np.expm1(log_chi2(sources, tracked, (x, 0.0 * x, event), sigma, free))
    # The other event has no track: the largest chi2; what is not matched is beyond 25.
    assert found == pytest.approx([900.0 / (16.0 + 3.2**2), 25.0, 1e4])
    matched = np.expm1(log_chi2(sources, tracked, (x, 0.0 * x, event), sigma, ~free))
    assert matched == pytest.approx([25.0, 0.0, 25.0])


@pytest.mark.parametrize("pairs", [7, 1_000_000])
def test_the_nearest_of_many_is_found_however_many_at_a_time(pairs, monkeypatch):
    monkeypatch.setattr(near_tracks, "_PAIRS", pairs)
    rng = np.random.default_rng(4)
    counts = rng.integers(0, 30, 40)
    n, m = counts.sum(), 500
    sources = sources_at(*rng.normal(0.0, 1000.0, (2, n)), counts)
    tracked, event = rng.random(n) < 0.4, rng.integers(0, 40, m)
    x, y = rng.normal(0.0, 1000.0, (2, m))
    sigma, none = rng.uniform(1.0, 20.0, m), np.zeros(m, bool)
    found = log_chi2(sources, tracked, (x, y, event), sigma, none)
    of = np.repeat(np.arange(40), counts)
    square = (x[:, None] - sources.x) ** 2 + (y[:, None] - sources.y) ** 2
    square[(of != event[:, None]) | ~tracked] = np.inf
    chi2 = square.min(axis=1) / (sigma**2 + 3.2**2)
    assert found == pytest.approx(np.log1p(np.clip(chi2, 25.0, 1e4)))


def test_no_track_and_no_cluster():
    sources = sources_at([0.0], [0.0], [1])
    none = np.zeros(1, bool)
    where = (np.zeros(1), np.zeros(1), np.zeros(1, int))
    assert log_chi2(sources, none, where, np.ones(1), none) == pytest.approx(np.log1p(1e4))
    empty = (np.zeros(0), np.zeros(0), np.zeros(0, int))
    assert len(log_chi2(sources, ~none, empty, np.ones(0), none[:0])) == 0
    sources = sources._replace(features=np.array([[0.0, 1.0]], np.float32))
    assert tracked_sources(sources, TRACKED).tolist() == [True]


def clusters(n, seed, slope=0.4):
    """A table of clusters of which the likenesses have the term."""
    rng = np.random.default_rng(seed)
    distance = rng.uniform(3.3, 9.2, n)
    energy, prs = rng.lognormal(8.0, 1.0, n), rng.exponential(30.0, n)
    odds = -2.0 + 0.3 * np.log1p(prs) - 0.2 * np.log(energy) + rng.normal(size=n)
    columns = {
        "photon_id": expit(odds + slope * distance),
        "is_not_e": expit(odds - slope * distance),
        "is_matched": rng.random(n) < 0.3,
        "prs_energy": prs,
        "region": rng.integers(0, 3, n),
        "energy": energy,
        "spread": rng.uniform(20.0, 60.0, n),
        "sigma_x": np.full(n, 4.0),
    }
    return Table.from_counts(columns, [n]), distance


def test_slopes_are_found():
    cluster, distance = clusters(20_000, 1)
    found = slopes(cluster, distance)
    assert found == pytest.approx({"photon_id": 0.4, "is_not_e": -0.4}, abs=0.02)
    few, near = clusters(500, 1)
    assert slopes(few, near) == {} and slopes(cluster, 0.0 * distance) == {}


@pytest.mark.parametrize("given", [{}, {"photon_id": 0.4, "is_not_e": 0.3}])
def test_round_trip(given):
    cluster, distance = clusters(1000, 2)
    odds = without_track(cluster, given, distance)
    assert set(odds) == set(NEAR_TRACK.values())
    found = with_track(odds, given, distance)
    for name in NEAR_TRACK:
        assert found[name] == pytest.approx(cluster[name], abs=1e-5)
    nearer = with_track(odds, given, distance - 1.0)
    for name in given:
        assert (nearer[name] < found[name]).all()
