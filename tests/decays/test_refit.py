"""Vertices without the tracks of a candidate, beside fits that never saw these tracks."""

import numpy as np
import pytest
from velo_toys import vertex_tracks

from lamarr_like.decays.pointing import Choices, Origins, choices
from lamarr_like.decays.prongs import Prongs
from lamarr_like.decays.refit import with_correlations, without
from lamarr_like.detailed.parameters import DEFAULT
from lamarr_like.detailed.vertexing import find_vertices
from lamarr_like.events import EventBatch, Table

TAKEN = 3


def prongs(states, covariances):
    """One track of each event as lines."""
    state = np.zeros((len(states), 6))
    state[:, :2], state[:, 2:4] = states[:, :2], states[:, 3:5]
    covariance = np.zeros((len(states), 6, 6))
    covariance[:, :5, :5] = covariances
    return Prongs(state, states[:, 2], covariance)


def fitted(n_events, n_tracks, seed, displaced=(0.0, 0.0, 0.0)):
    """Vertices of all tracks, the first three of which may come from elsewhere; and the others'."""
    rng = np.random.default_rng(seed)
    whole, others, first = [], [], []
    for _ in range(n_events):
        states, covariances = vertex_tracks(rng, n_tracks, (0.0, 0.0, 0.0))
        own = vertex_tracks(rng, TAKEN, displaced)
        states[:TAKEN], covariances[:TAKEN] = own
        fits = [find_vertices(states[k:], covariances[k:], DEFAULT) for k in (0, TAKEN)]
        if min(len(f.n_tracks) for f in fits) == 0:
            continue
        for fit, out in zip(fits, (whole, others), strict=True):
            out.append((fit.position[0], fit.covariance[0]))
        first.append((states[:TAKEN], covariances[:TAKEN]))
    origins = [Origins(*(np.array(a) for a in zip(*part, strict=True))) for part in (whole, others)]
    tracks = [
        prongs(np.array([f[0][k] for f in first]), np.array([f[1][k] for f in first]))
        for k in range(TAKEN)
    ]
    n = len(first)
    return Choices(np.arange(n), np.arange(n), origins[0], n), origins[1], tracks


def test_taking_tracks_out_is_the_fit_of_the_others():
    found, true, tracks = fitted(250, 20, 1)
    left = without(found, tracks).origin
    shift = true.position - found.origin.position
    missed = left.position - true.position
    for i in range(3):
        slope = (shift[:, i] * (left.position - found.origin.position)[:, i]).sum()
        assert slope / (shift[:, i] ** 2).sum() == pytest.approx(1.0, abs=0.15)
        assert np.sqrt(np.median(missed[:, i] ** 2)) < 0.4 * np.sqrt(np.median(shift[:, i] ** 2))
    ratio = np.diagonal(left.covariance, axis1=1, axis2=2)
    ratio = ratio / np.diagonal(true.covariance, axis1=1, axis2=2)
    assert np.median(ratio) == pytest.approx(1.0, abs=0.05)


def test_displaced_tracks_no_longer_pull_the_vertex():
    place = np.array([0.04, 0.0, 0.3])
    found, true, tracks = fitted(250, 15, 2, displaced=tuple(place))
    left = without(found, tracks).origin
    pulled = found.origin.position[:, 2].mean()
    error = true.position[:, 2].std() / np.sqrt(len(true.position))
    assert pulled > 4 * error
    assert abs(left.position[:, 2].mean() - true.position[:, 2].mean()) < 0.3 * pulled


def test_tracks_that_are_not_in_a_vertex_change_nothing():
    found, _, tracks = fitted(20, 12, 3)
    nobody = [t._replace(state=np.full_like(t.state, np.nan)) for t in tracks]
    same = without(found, nobody).origin
    np.testing.assert_array_equal(same.position, found.origin.position)
    np.testing.assert_allclose(same.covariance, found.origin.covariance, rtol=1e-12)
    away = [t._replace(state=t.state + np.array([5.0, 0, 0, 0, 0, 0])) for t in tracks]
    same = without(found, away).origin
    np.testing.assert_array_equal(same.position, found.origin.position)


def test_a_vertex_of_the_candidate_alone_stays():
    found, _, tracks = fitted(20, 12, 4)
    tight = found.origin._replace(covariance=found.origin.covariance * 100.0)
    kept = without(found._replace(origin=tight), tracks).origin
    np.testing.assert_array_equal(kept.position, tight.position)
    np.testing.assert_allclose(kept.covariance, tight.covariance, rtol=1e-12)


def test_a_track_is_taken_out_of_one_vertex_only():
    found, _, tracks = fitted(20, 12, 5)
    n = found.total
    double = Origins(
        np.concatenate([found.origin.position, found.origin.position + np.array([0.0, 0.0, 40.0])]),
        np.concatenate([found.origin.covariance] * 2),
    )
    order = np.argsort(np.concatenate([found.owner, found.owner]), kind="stable")
    owner = np.concatenate([found.owner, found.owner])[order]
    pair = Choices(owner, owner, Origins(*(a[order] for a in double)), n)
    left, alone = without(pair, tracks).origin, without(found, tracks).origin
    np.testing.assert_allclose(left.position[::2], alone.position)
    np.testing.assert_array_equal(left.position[1::2], pair.origin.position[1::2])


def test_correlations_of_a_vertex_are_those_of_its_tracks():
    rng = np.random.default_rng(6)
    n, k = 40, 10
    toys = [vertex_tracks(rng, k, (0.0, 0.0, 0.0)) for _ in range(n)]
    fits = [find_vertices(*toy, DEFAULT) for toy in toys]
    assert all(len(f.n_tracks) == 1 for f in fits)
    states, covariances = (np.concatenate(parts) for parts in zip(*toys, strict=True))
    names = ("x", "y", "z", "tx", "ty")
    track = {name: states[:, i] for i, name in enumerate(names)} | {"p": np.full(n * k, 1e4)}
    track |= {f"cov{j}{i}": covariances[:, i, j] for i in range(5) for j in range(i + 1)}
    track |= {"track_type": np.full(n * k, 3), "charge": np.ones(n * k)}
    true = np.array([f.covariance[0] for f in fits])
    sigma = np.sqrt(np.diagonal(true, axis1=1, axis2=2))
    vertex = {f"sigma_{a}": sigma[:, i] for i, a in enumerate("xyz")}
    vertex |= {a: np.array([f.position[0, i] for f in fits]) for i, a in enumerate("xyz")}
    one = np.ones(n, np.int64)
    batch = EventBatch(
        {
            "event": Table.from_counts({"event_id": np.arange(n)}, one),
            "track": Table.from_counts(track, k * one),
            "reco_vertex": Table.from_counts(vertex, one),
        }
    )
    found = with_correlations(batch, choices(batch["reco_vertex"], np.arange(n)))
    covariance = found.origin.covariance
    np.testing.assert_allclose(np.diagonal(covariance, axis1=1, axis2=2), sigma**2, rtol=1e-9)
    scale = sigma[:, :, None] * sigma[:, None, :]
    for i, j in ((0, 2), (1, 2)):
        ours, theirs = (c[:, i, j] / scale[:, i, j] for c in (covariance, true))
        assert np.std(theirs) > 0.1
        assert np.std(ours - theirs) < 0.3 * np.std(theirs)
