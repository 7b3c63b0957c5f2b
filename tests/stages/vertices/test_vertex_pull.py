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
    mean_weight,
    noise,
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
    error, spread, sigma = explained(batch, near(batch))
    assert error.shape == sigma.shape == (400, 3) and spread.shape == (400, 3, 3)
    pull = error / sigma
    assert (np.abs(pull.mean(axis=0)) < 0.2).all()
    # Particles without a track and those that fly backward hold the vertex, but do not pull it.
    assert ((pull.std(axis=0) > 0.3) & (pull.std(axis=0) < 1.0)).all()
    # A vertex is better known across the beam than along it.
    assert np.median(sigma[:, 2]) > 3.0 * np.median(sigma[:, 0])
    # Those that fly backward weigh half of the ten that are known: they leave less than half.
    assert 0.1 < np.median(spread[:, 0, 0] / sigma[:, 0]) < 0.5


def test_tracks_take_the_vertex_along(batch):
    here = explained(batch, near(batch))
    there = explained(shifted(batch, "x", 0.002), near(batch))
    moved = np.median(there.error - here.error, axis=0)
    assert 0.0005 < moved[0] < 0.0025 and abs(moved[1]) < 0.0003
    # Tracks from far away are not of this vertex.
    away = explained(shifted(batch, "x", 5.0), near(batch))
    assert (away.error == 0.0).all()
    assert np.isfinite(away.spread).all() and np.isfinite(away.sigma).all()


class Tukey:
    """The loss of the adaptive fit of one collision, its gradient by differences of it."""

    PRIOR = np.array([4.0, 4.0, 4.0 / 25.0])

    def __init__(self, batch, event):
        rows = np.flatnonzero(batch.track.event_index == event)
        place = np.full(len(rows), event)
        _, self.residual, self.slope, (self.a, self.b, self.c) = _at_collision(batch, rows, place)

    def __call__(self, v):
        x, y = self.residual - v[:2, None] + self.slope * v[2]
        chi2 = self.a * x * x + 2.0 * self.b * x * y + self.c * y * y
        u = np.minimum(chi2 / MAX_CHI2, 1.0)
        return (MAX_CHI2 / 3.0 * (1.0 - (1.0 - u) ** 3)).sum() + (self.PRIOR * v**2).sum()

    def curvature(self, v, step):
        """Matrix of second derivatives, by steps of shape ``(3,)``."""
        axes = np.diag(step)
        out = np.empty((3, 3))
        for i, a in enumerate(axes):
            for j, b in enumerate(axes):
                four = self(v + a + b) - self(v + a - b) - self(v - a + b) + self(v - a - b)
                out[i, j] = four / (4.0 * step[i] * step[j])
        return out


def test_vertex_is_the_minimum_of_tukeys_loss(batch):
    """Without other particles: the adaptive fit of the tracks, found by a minimiser of its own."""
    some = batch.events(0, 40)
    error, _, sigma = explained(some, np.zeros(len(some.particle), dtype=bool))
    apart = []
    for k in range(len(some)):
        best = minimize(Tukey(some, k), error[k], method="Nelder-Mead", options={"xatol": 1e-7})
        apart.append(np.abs((best.x - error[k]) / sigma[k]).max())
    # A few steps of weighting anew do not get all the way where few tracks agree.
    assert np.median(apart) < 0.005 and np.quantile(apart, 0.9) < 0.1


def test_rest_is_pulls_over_the_curvature_of_the_loss(batch):
    """Only the beam pulls where all particles are known: H^-1 N H^-1 with H by differences."""
    some = batch.events(0, 40)
    error, spread, sigma = explained(some, np.zeros(len(some.particle), dtype=bool))
    same = []
    for k in range(len(some)):
        curvature = 0.5 * Tukey(some, k).curvature(error[k], 0.02 * sigma[k])
        if np.linalg.eigvalsh(curvature)[0] < 1.0:
            continue  # held by a quarter of what weights that stay would make
        inverse = np.linalg.inv(curvature)
        rest = np.sqrt(np.diagonal(inverse @ np.diag(Tukey.PRIOR) @ inverse))
        same.append(np.sqrt((spread[k] ** 2).sum(axis=1)) / rest)
    assert len(same) > 30
    np.testing.assert_allclose(np.median(same, axis=0), 1.0, atol=0.02)
    assert (np.abs(np.log(np.array(same))) < 0.1).mean() > 0.8


@pytest.mark.parametrize("cut", [12.0, 36.0])
def test_derivative_is_the_mean_of_tukeys(cut):
    u = np.random.default_rng(1).exponential(2.0, 200_000) / cut
    mean = np.where(u < 1.0, (1.0 - u) * (1.0 - 3.0 * u), 0.0).mean()
    assert mean == pytest.approx(derivative(cut), abs=0.005)


def test_noise_and_mean_weight_are_those_of_tukeys():
    chi2 = np.random.default_rng(1).exponential(2.0, 400_000)
    weight = np.clip(1.0 - chi2 / MAX_CHI2, 0.0, None) ** 2
    assert weight.mean() == pytest.approx(mean_weight(MAX_CHI2), abs=0.003)
    assert (weight**2 * chi2).mean() / 2.0 == pytest.approx(noise(MAX_CHI2), abs=0.003)


def test_cuts_are_those_of_the_detailed_fit():
    assert ANNEALING.tolist() == list(CUTS)


def test_events_do_not_know_of_each_other(batch):
    part = batch.events(100, 140)
    whole, alone = explained(batch, near(batch)), explained(part, near(part))
    for a, b in zip(whole, alone, strict=True):
        assert np.array_equal(a[100:140], b)
