"""Tracks that fly backward: their number, where they come from, and what vertices gain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from detector_samples import particles_of

from lamarr_like.detailed import backward
from lamarr_like.detailed.figures import core_width
from lamarr_like.detailed.parameters import DEFAULT
from lamarr_like.detailed.simulate import _visible, simulate_detailed
from lamarr_like.io.sources import open_source


@pytest.fixture(scope="module")
def truth():
    return next(iter(open_source("pythia:minbias", n_events=150, seed=5, pileup=1.6)))


@pytest.fixture(scope="module")
def tracks(truth):
    rows, initial = _visible(truth, DEFAULT)
    forward = np.full(len(truth.vertex), 20)
    return backward.backward_tracks(truth, forward, initial, rows, 1, DEFAULT)


def test_numbers_follow_the_forward_ones():
    ids = np.arange(20_000)
    slope, constant, k = DEFAULT.backward_law
    for forward in (0, 20, 60):
        n = backward.backward_counts(np.full(len(ids), forward), ids, ids * 0, 1, DEFAULT)
        mean = slope * forward + constant
        variance = mean + mean**2 / k
        assert n.mean() == pytest.approx(mean, abs=4 * np.sqrt(variance / len(ids)))
        assert n.var() == pytest.approx(variance, rel=0.08)


def test_mirror_keeps_the_stations(truth):
    seen, planes = backward.mirrored(DEFAULT)
    assert list(planes.z) == sorted(-z for z in DEFAULT.velo_z)
    assert list(planes.measurement) == list(range(0, 42, 2))
    assert replace(seen, velo_z=DEFAULT.velo_z) == DEFAULT


def test_tracks_come_from_their_collision(truth, tracks):
    own = tracks.mc_pv_id >= 0
    assert 0.9 < own.mean() <= 1.0
    state, cov, event = tracks.state[own], tracks.covariance[own], tracks.event[own]
    first = np.cumsum(truth.vertex.counts) - truth.vertex.counts
    row = first[event] + tracks.mc_pv_id[own]
    dz = truth.vertex["mc_z"][row] - state[:, 2]
    for i, axis in enumerate("xy"):
        miss = state[:, i] + state[:, 3 + i] * dz - truth.vertex[f"mc_{axis}"][row]
        variance = cov[:, i, i] + 2.0 * dz * cov[:, i, i + 2] + dz**2 * cov[:, i + 2, i + 2]
        # Soft ones scatter more than the fixed transverse momentum says.
        assert core_width(miss / np.sqrt(variance)) == pytest.approx(1.2, abs=0.3)
        assert abs(np.median(miss / np.sqrt(variance))) < 4.0 * 1.25 / np.sqrt(len(miss))
    assert np.all(np.diff(tracks.event) >= 0)


def test_all_azimuths(tracks):
    phi = np.arctan2(tracks.state[:, 4], tracks.state[:, 3])
    assert abs(np.mean(np.exp(1j * phi))) < 4.0 / np.sqrt(len(phi))


def test_none_without_particles_that_could_be_seen():
    wide = particles_of(211, 5000.0, np.full(20, 1.0), 0.0)
    rows, initial = _visible(wide, DEFAULT)
    found = backward.backward_tracks(wide, np.full(20, 30), initial, rows, 1, DEFAULT)
    assert len(found.event) == 0


def test_vertices_gain(truth):
    """Tracks to both sides pin the vertex down along z."""
    alone = replace(DEFAULT, backward_law=(0.0, 0.0, 2.5))
    both, one = (simulate_detailed(truth, 1, par).tables["reco_vertex"] for par in (DEFAULT, alone))
    assert both["n_tracks"].sum() > 1.2 * one["n_tracks"].sum()
    assert np.median(both["sigma_z"]) < 0.9 * np.median(one["sigma_z"])
