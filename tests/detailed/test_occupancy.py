"""Occupancy: segments that no track uses, strays, and cells of the SPD."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from lamarr_like.detailed import occupancy
from lamarr_like.detailed.parameters import DEFAULT
from lamarr_like.events import EventBatch, Table

N = 20_000
QUIET = replace(DEFAULT, clone_share=0.0, ghost_segments=0.0, spill_segments=0.0)


def test_segments_of_tracks_are_not_counted_twice():
    found = SimpleNamespace(
        velo=np.array([True, True, True, False, True]), t=np.array([True, False, True, True, True])
    )
    tracks = SimpleNamespace(
        track_type=np.array([3, 4, 5]), velo_row=np.array([0, 1, 0]), t_row=np.array([0, 0, 3])
    )
    event = np.array([0, 0, 1, 1, 3])
    left = occupancy.unused_segments(found, tracks, event, 5)
    # Of rows 2 and 4 both ends are left; the ends of 0, of 1 and of 3 belong to tracks.
    assert left.tolist() == [0, 2, 0, 2, 0]
    assert found.velo.sum() == 4 and found.t.sum() == 4  # what was found stays as it was


def strays(n_tracks, par, seed=1, first=0):
    return occupancy.stray_segments(np.full(N, n_tracks), first + np.arange(N), seed, par)


def test_without_sources_there_are_no_strays():
    assert (strays(80, QUIET) == 0).all()


def test_wrong_combinations_grow_with_the_square():
    for n_tracks in (20, 100):
        par = replace(QUIET, clone_share=0.05, ghost_segments=4.0)
        mean = 0.05 * n_tracks + 4.0 * n_tracks**2 / 100.0
        found = strays(n_tracks, par)
        assert found.mean() == pytest.approx(mean, abs=4.5 * np.sqrt(mean / N))
        assert found.var() == pytest.approx(mean, rel=0.06)


def test_crossings_beside_have_the_moments_of_a_compound_law():
    par = replace(QUIET, spill_segments=12.0, spill_collisions=0.8)
    found, n = strays(50, par), 2.0 * 0.8
    # A Poisson number of collisions, each with an exponential number of segments.
    mean, variance = 12.0 * n, 12.0 * n + 2.0 * 144.0 * n
    assert found.mean() == pytest.approx(mean, abs=4.5 * np.sqrt(variance / N))
    assert found.var() == pytest.approx(variance, rel=0.08)
    assert (found == 0).mean() > np.exp(-n) - 0.02


def test_strays_of_an_event_do_not_depend_on_the_others():
    whole = strays(60, DEFAULT)
    part = occupancy.stray_segments(np.full(50, 60), np.arange(100, 150), 1, DEFAULT)
    assert np.array_equal(part, whole[100:150])
    assert not np.array_equal(strays(60, DEFAULT, seed=2), whole)


def test_cells_of_the_spd_are_finer_towards_the_beam():
    x = np.array([3000.0, 3001.0, 1500.0, 500.0, -500.0, 500.0])
    y = np.array([100.0, 101.0, 100.0, 100.0, 100.0, -100.0])
    cell = occupancy._spd_cell(x, y)
    assert cell[0] == cell[1] and len(set(cell)) == 5
    sizes = np.abs(cell) % 1000
    assert set(sizes[[0, 2, 3]]) == {121, 61, 40}


def spd(places, charge, n_events=200, **changes):
    """Hits of events in each of which the same particles arrive."""
    k = len(places)
    sim = SimpleNamespace(
        spd=np.tile(np.array(places, float), (n_events, 1)), charge=np.tile(charge, n_events),
        species=np.full(n_events * k, 2),
    )  # fmt: skip
    head = Table({"event_id": np.arange(n_events)}, np.arange(n_events + 1))
    par = replace(
        DEFAULT, **{"spd_backsplash": 0.0, "spd_noise": 0.0, "spd_efficiency": 1.0} | changes
    )
    event, local = np.repeat(np.arange(n_events), k), np.tile(np.arange(k), n_events)
    return occupancy.spd_hits(EventBatch({"event": head}), sim, event, local, 1, par)


PLACES = [(3000.0, 100.0, 1.0), (3001.0, 101.0, 1.0), (-3000.0, 100.0, 1.0), (0.0, 0.0, 1.0)]


def test_a_cell_counts_once():
    # Two in one cell, one in another, one in the hole about the beam.
    assert (spd(PLACES, [1, -1, 1, 1]) == 2).all()
    assert (spd(PLACES, [0, 0, 1, 0]) == 1).all()
    assert (spd([(np.nan, 0.0, 0.0), *PLACES[:1]], [1, 1]) == 1).all()


def test_efficiency_noise_and_what_is_thrown_back():
    n = 4000
    lit = spd(PLACES[2:3], [1], n, spd_efficiency=0.7)
    assert lit.mean() == pytest.approx(0.7, abs=4.0 * np.sqrt(0.21 / n))
    noise = spd(PLACES[:1], [0], n, spd_noise=3.0)
    assert noise.mean() == pytest.approx(3.0, abs=4.0 * np.sqrt(3.0 / n))
    # Neutral particles throw back as well; each may light several cells, never more than it made.
    back = spd(PLACES[:1], [0], n, spd_backsplash=2.0)
    assert 0.8 < back.mean() <= 2.1 and back.max() > 3
