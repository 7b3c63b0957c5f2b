"""The pull of tracks on their primary vertex."""

from __future__ import annotations

import numpy as np
import pytest
from decay_samples import reconstructed
from scipy.optimize import minimize

from lamarr_like.detailed.vertexing import ANNEALING
from lamarr_like.events import concatenate
from lamarr_like.io.sources import open_source
from lamarr_like.stages.tracking.propagation import Propagation
from lamarr_like.stages.vertices.vertex_pull import (
    CUTS,
    MAX_CHI2,
    _at_collision,
    derivative,
    explained,
)


@pytest.fixture(scope="module")
def batch():
    """Pions from one collision in each event, ten of them, with tracks of known errors."""
    truth = concatenate(list(open_source("gun:pi+?p=5-40&eta=2-4.5&n=10", n_events=400, seed=3)))
    # One point of origin for all, as in a collision.
    first = truth.particle.offsets[truth.particle.event_index]
    moved = {f"mc_v{a}": truth.particle[f"mc_v{a}"][first] for a in "xyz"}
    truth = truth.with_columns("particle", **moved)
    truth = truth.with_columns("vertex", **{f"mc_{a}": moved[f"mc_v{a}"][::10] for a in "xyz"})
    return reconstructed(Propagation()(truth, seed=1), 1)


def shifted(batch, axis, by):
    return batch.with_columns("track", **{axis: batch.track[axis] + by})


def near(batch):
    return np.ones(len(batch.particle), dtype=bool)


def test_errors_are_those_of_the_tracks(batch):
    error, expected = explained(batch, near(batch))
    assert error.shape == expected.shape == (400, 3)
    pull = error / expected
    assert (np.abs(pull.mean(axis=0)) < 0.2).all()
    # Particles without a track and those that fly backward hold the vertex, but do not pull it.
    assert ((pull.std(axis=0) > 0.3) & (pull.std(axis=0) < 1.0)).all()
    # A vertex is better known across the beam than along it.
    assert np.median(expected[:, 2]) > 3.0 * np.median(expected[:, 0])


def test_tracks_take_the_vertex_along(batch):
    here, _ = explained(batch, near(batch))
    there, _ = explained(shifted(batch, "x", 0.002), near(batch))
    moved = np.median(there - here, axis=0)
    assert 0.0005 < moved[0] < 0.0025 and abs(moved[1]) < 0.0003
    # Tracks from far away are not of this vertex.
    away, expected = explained(shifted(batch, "x", 5.0), near(batch))
    assert (away == 0.0).all() and np.isfinite(expected).all()


def test_vertex_is_the_minimum_of_tukeys_loss(batch):
    """Without other particles: the adaptive fit of the tracks, found by a minimiser of its own."""
    some = batch.events(0, 40)
    error, expected = explained(some, np.zeros(len(some.particle), dtype=bool))
    place = some.track.event_index
    rows = np.arange(len(some.track))
    residual, slope, variance = _at_collision(some, rows, place)
    weight = 2.0 / variance
    prior, apart = np.array([4.0, 4.0, 4.0 / 25.0]), []
    for k in range(len(some)):
        mine = place == k

        def loss(v, mine=mine):
            distance = residual[mine] - v[:2] + slope[mine] * v[2]
            u = np.minimum(weight[mine] * (distance**2).sum(axis=1) / MAX_CHI2, 1.0)
            return (MAX_CHI2 / 3.0 * (1.0 - (1.0 - u) ** 3)).sum() + (prior * v**2).sum()

        best = minimize(loss, error[k], method="Nelder-Mead", options={"xatol": 1e-7})
        apart.append(np.abs((best.x - error[k]) / expected[k]).max())
    # A few steps of weighting anew do not get all the way where few tracks agree.
    assert np.median(apart) < 0.01 and np.quantile(apart, 0.95) < 0.15


@pytest.mark.parametrize("cut", [12.0, 36.0])
def test_derivative_is_the_mean_of_tukeys(cut):
    u = np.random.default_rng(1).exponential(2.0, 200_000) / cut
    mean = np.where(u < 1.0, (1.0 - u) * (1.0 - 3.0 * u), 0.0).mean()
    assert mean == pytest.approx(derivative(cut), abs=0.005)


def test_cuts_are_those_of_the_detailed_fit():
    assert ANNEALING.tolist() == list(CUTS)


def test_events_do_not_know_of_each_other(batch):
    part = batch.events(100, 140)
    whole, alone = explained(batch, near(batch)), explained(part, near(part))
    for a, b in zip(whole, alone, strict=True):
        assert np.array_equal(a[100:140], b)
