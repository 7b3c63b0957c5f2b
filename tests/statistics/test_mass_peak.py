"""Peaks above a background: found where they are, with errors of chance, and not where none is."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from lamarr_like.statistics.mass_peak import WINDOWS, find_peak

PI0 = WINDOWS["pi0"]


def masses(rng, signal=900, background=6000, mean=135.0, width=9.0):
    """Poisson numbers of both; the background falls linearly over the whole range."""
    low, high = PI0.below[0], PI0.above[1]
    x = rng.uniform(low, high, rng.poisson(background))
    kept = rng.random(len(x)) < 1.0 - 0.4 * (x - low) / (high - low)
    return np.concatenate([rng.normal(mean, width, rng.poisson(signal)), x[kept]])


@pytest.fixture(scope="module")
def toys():
    rng = np.random.default_rng(1)
    return [find_peak(masses(rng), 300, PI0) for _ in range(100)]


def test_the_yield_has_the_error_of_chance(toys):
    pulls = [(peak.yields - 3.0) / peak.yield_error for peak in toys]
    # Three standard deviations of the window hold all but a thousandth of the peak.
    assert abs(np.mean(pulls)) < 0.3
    assert np.std(pulls) == pytest.approx(1.0, abs=0.2)


def test_place_and_width_are_those_of_the_peak(toys):
    for name, true in (("mean", 135.0), ("width", 9.0)):
        found, error = (np.array([getattr(p, n) for p in toys]) for n in (name, f"{name}_error"))
        assert np.isfinite(found).mean() > 0.95
        pulls = ((found - true) / error)[np.isfinite(found)]
        assert abs(np.mean(pulls)) < 0.6, name
        assert np.std(pulls) == pytest.approx(1.0, abs=0.3), name


def test_a_background_alone_has_no_peak():
    rng = np.random.default_rng(2)
    peaks = [find_peak(masses(rng, signal=0), 300, PI0) for _ in range(40)]
    pulls = [p.yields / p.yield_error for p in peaks]
    assert abs(np.mean(pulls)) < 0.5 and np.std(pulls) == pytest.approx(1.0, abs=0.35)
    assert np.mean([math.isfinite(p.mean) for p in peaks]) < 0.15
    for peak in peaks:
        assert math.isfinite(peak.mean) == math.isfinite(peak.width)


def test_events_scale_the_yield_only():
    mass = masses(np.random.default_rng(3))
    one, two = (find_peak(mass, n, PI0) for n in (100, 200))
    assert one.yields == 2.0 * two.yields and one.yield_error == 2.0 * two.yield_error
    changed = dataclasses.replace(two, yields=one.yields, yield_error=one.yield_error)
    assert changed == one


def test_what_lies_outside_does_not_matter():
    rng = np.random.default_rng(4)
    mass = masses(rng)
    further = np.concatenate([mass, rng.uniform(300.0, 900.0, 500), rng.uniform(0.0, 59.0, 500)])
    assert find_peak(further, 300, PI0) == find_peak(mass, 300, PI0)
    assert find_peak(rng.permutation(mass), 300, PI0) == find_peak(mass, 300, PI0)


@pytest.mark.parametrize(
    ("mass", "events", "pairs"),
    [
        (np.zeros(0), 10, 0),
        (np.full(500, 135.0), 10, 500),  # nothing beside the peak tells of a background
        (np.full(29, 135.0), 10, 29),
        (np.full(500, 70.0), 10, 0),
        (np.repeat([70.0, 135.0], 100), 0, 100),
    ],
)
def test_too_little_tells_nothing(mass, events, pairs):
    found = dataclasses.astuple(find_peak(mass, events, PI0))
    assert found[0] == pairs and np.isnan(found[1:]).all()


@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
def test_windows_leave_room_beside_the_peak(window):
    edges = window.edges
    assert (edges[0], edges[-1]) == (window.below[0], window.above[1])
    assert np.diff(edges) == pytest.approx(window.step)
    assert window.below[1] <= window.low < window.high <= window.above[0]
