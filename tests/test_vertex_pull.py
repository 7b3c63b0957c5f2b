"""The pull of tracks on their primary vertex."""

from __future__ import annotations

import numpy as np
import pytest
from decay_samples import reconstructed

from lamarr_like.events import concatenate
from lamarr_like.io.sources import open_source
from lamarr_like.stages.propagation import Propagation
from lamarr_like.stages.vertex_pull import MAX_CHI2, MOST, SCALE, explained
from lamarr_like.stages.vertexing import _with_tracks


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
    error, variance = explained(batch, near(batch))
    assert error.shape == variance.shape == (400, 3)
    pull = error / np.sqrt(variance)
    # Tukey's weights cut what is far away, so the width is below one.
    assert (np.abs(pull.mean(axis=0)) < 0.2).all()
    assert ((pull.std(axis=0) > 0.6) & (pull.std(axis=0) < 1.1)).all()
    # A vertex is better known across the beam than along it.
    assert np.median(variance[:, 2]) > 10.0 * np.median(variance[:, 0])


def test_tracks_take_the_vertex_along(batch):
    here, _ = explained(batch, near(batch))
    there, _ = explained(shifted(batch, "x", 0.002), near(batch))
    moved = np.median(there - here, axis=0)
    assert 0.0005 < moved[0] < 0.0025 and abs(moved[1]) < 0.0003
    # Tracks from far away are not of this vertex.
    away, variance = explained(shifted(batch, "x", 5.0), near(batch))
    assert (away == 0.0).all() and (variance == 0.0).all()
    assert MAX_CHI2 > 0.0


def test_what_tracks_do_not_explain_is_drawn(batch):
    place = np.arange(400)
    error, variance = explained(batch, near(batch))
    sigma = np.sqrt(4.0 * variance)  # a quarter is explained
    nothing = np.zeros((400, 3))
    np.testing.assert_allclose(_with_tracks(batch, place, nothing, sigma), SCALE * error)
    drawn = _with_tracks(batch, place, sigma, sigma) - SCALE * error
    np.testing.assert_allclose(drawn, np.sqrt(0.75) * sigma)
    # Uncertainties that are too small do not make it worse than they say.
    least = _with_tracks(batch, place, sigma, 0.25 * sigma)
    rest = np.sqrt(1.0 - MOST) * sigma
    np.testing.assert_allclose(least - rest, SCALE * np.sqrt(MOST) * 0.5 * error)


def test_events_do_not_know_of_each_other(batch):
    part = batch.events(100, 140)
    whole, alone = explained(batch, near(batch)), explained(part, near(part))
    for a, b in zip(whole, alone, strict=True):
        assert np.array_equal(a[100:140], b)
