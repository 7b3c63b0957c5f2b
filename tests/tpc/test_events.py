"""Fits of exact and of smeared hits, and whole events of detailed responses."""

import numpy as np
import pytest
from scipy.stats import norm

from lamarr_like.tpc import events
from lamarr_like.tpc.events import fit_tracks, match, measure_errors, run_and_match, run_events
from lamarr_like.tpc.fit import Hitted, fit_helices
from lamarr_like.tpc.geometry import row_centres
from lamarr_like.tpc.readout import detailed, generated
from lamarr_like.tpc.tracks import cross, make_tracks, segments


def hitted(tracks, u_error=0.02, z_error=0.05, seed=0):
    start = (a[:, None] for a in (tracks.angle, tracks.curvature, tracks.slope))
    u, z, _ = cross(tracks.birth[:, None], *start, row_centres()[None])
    rng = np.random.default_rng(seed)
    shape, smeared = u.shape, seed > 0
    return Hitted(
        np.ones(shape, bool),
        u + smeared * u_error * rng.normal(size=shape),
        z + smeared * z_error * rng.normal(size=shape),
        np.full(shape, u_error),
        np.full(shape, z_error),
    )


def start_of(tracks):
    zero = np.zeros(len(tracks))
    angle = tracks.angle + 0.01
    return np.stack([zero, angle, tracks.curvature * 1.1, zero, tracks.slope + 0.01], axis=1)


def truth(tracks):
    u, v, z = tracks.birth.T
    d0 = u * np.cos(tracks.angle) - v * np.sin(tracks.angle)
    return np.stack([d0, tracks.angle, tracks.curvature, z, tracks.slope], axis=1)


def test_exact_hits_give_the_helix_back():
    tracks = make_tracks(1, 50, 2)
    found = fit_helices(hitted(tracks), row_centres(), start_of(tracks))
    # The place of birth is up to 2 mm before the point of closest approach.
    away = np.abs(found.parameters - truth(tracks)).max(axis=0)
    assert (away < np.array([2, 3, 0.01, 800, 1]) * 1e-3).all()
    assert found.chi2.max() < 1e-3 and (found.ndf == 101).all()


def test_pulls_of_smeared_hits_are_normal():
    tracks = make_tracks(4, 250, 3)
    found = fit_helices(hitted(tracks, seed=1), row_centres(), start_of(tracks))
    errors = np.sqrt(np.diagonal(found.covariance, axis1=1, axis2=2))
    pulls = ((found.parameters - truth(tracks)) / errors)[:, [0, 2, 4]]
    assert pulls.std(axis=0) == pytest.approx(1, abs=0.08)
    assert pulls.mean(axis=0) == pytest.approx(0, abs=0.12)
    assert (found.chi2 / found.ndf).mean() == pytest.approx(1, abs=0.03)


def test_hits_that_are_far_away_are_left_out():
    tracks = make_tracks(1, 20, 4)
    hits = hitted(tracks, seed=1)
    hits.u[:, 10] += 0.5
    found = fit_helices(hits, row_centres(), start_of(tracks))
    assert (found.ndf <= 99).all() and (found.chi2 / found.ndf).max() < 2


def test_missing_hits_do_not_count():
    tracks = make_tracks(1, 20, 4)
    hits = hitted(tracks)
    hits.there[:, ::2] = False
    hits.u[:, ::2] = np.nan
    found = fit_helices(hits, row_centres(), start_of(tracks))
    assert (found.ndf == 2 * 26 - 5).all() and found.chi2.max() < 1e-3


@pytest.fixture(scope="module")
def simulated():
    tracks = make_tracks(1, 24, 1)
    crossed = segments(tracks)
    return tracks, crossed, run_events(tracks, crossed, detailed, 7)


def test_detailed_events_are_reconstructed(simulated):
    tracks, crossed, event = simulated
    matched = match(tracks, crossed, event.clusters)
    assert matched.hit.mean() > 0.99
    away = (matched.u - crossed.u)[matched.hit]
    assert np.quantile(np.abs(away), 0.68) < 0.06 and abs(np.median(away)) < 0.005
    errors = measure_errors(crossed, matched)
    numbers, fitted = fit_tracks(tracks, crossed, matched, errors)
    assert len(numbers) == 24
    assert 0.8 < np.median(fitted.chi2 / fitted.ndf) < 1.3
    away = fitted.parameters - truth(tracks)
    assert np.quantile(np.abs(away[:, 0]), 0.68) < 0.25
    assert np.quantile(np.abs(away[:, 2] / tracks.curvature), 0.68) < 0.05


def test_an_event_is_the_same_beside_others(simulated, monkeypatch):
    tracks, crossed, event = simulated
    both = make_tracks(2, 24, 1)
    monkeypatch.setattr(events, "BLOCK", 5)
    again = run_events(both, segments(both), detailed, 7)
    some = again.readout.cell <= event.readout.cell.max()
    first = again.readout.cell // event.readout.cell.max() == 0
    n = len(event.readout.cell)
    assert some.sum() == n and np.array_equal(again.readout.cell[:n], event.readout.cell)
    assert np.array_equal(again.readout.value[:n], event.readout.value) and first.any()
    other = run_events(tracks, crossed, detailed, 8)
    assert not np.array_equal(other.readout.cell, event.readout.cell)


def test_a_few_events_at_a_time_are_the_same(monkeypatch):
    tracks = make_tracks(3, 8, 1)
    crossed = segments(tracks)
    whole = run_events(tracks, crossed, detailed, 7)
    monkeypatch.setattr(events, "EVENTS", 2)
    kept, matched = run_and_match(tracks, crossed, detailed, 7)
    assert all(
        np.array_equal(a, b, equal_nan=True)
        for a, b in zip(matched, match(tracks, crossed, whole.clusters), strict=True)
    )
    n = len(kept.readout.cell)
    assert 0 < n < len(whole.readout.cell)
    assert np.array_equal(kept.readout.value, whole.readout.value[:n])
    assert kept.seconds[0] > 0


def test_generators_are_responders():
    class Model:
        hits = staticmethod(detailed)

    assert generated(Model()) is detailed


def test_means_over_cells_are_put_right():
    """A normal law of 0.3 cells, summed in cells, at places all over one."""
    places, edges = 0.05 + np.arange(20) / 20, np.arange(-10, 12) - 0.5
    share = np.diff(norm.cdf((edges[None] - places[:, None]) / 0.3), axis=1)
    mean = share @ (edges[:-1] + 0.5)
    found = events._straightened(mean, np.full(20, 0.3))
    assert np.abs(mean - places).max() > 0.04
    assert np.abs(found - places).max() < 0.01
