"""Tracks point to where their particles arrive."""

from __future__ import annotations

import numpy as np
import pytest
from detector_samples import muons, transported

from lamarr_like import rng
from lamarr_like.detailed import arrivals, geometry, pattern, reconstruction
from lamarr_like.detailed.parameters import DEFAULT


@pytest.mark.parametrize("p", [4e3, 4e4])
def test_muons_are_found_where_their_tracks_point(p):
    batch = muons(400, p=p)
    planes = geometry.build_planes(DEFAULT)
    rows, sim = transported(batch, 1, planes, DEFAULT)
    event = batch.particle.event_index[rows[sim.row]]
    able = pattern.reconstructible(sim, DEFAULT)
    u = rng.uniforms(1, "tests/pattern", event, np.arange(len(event)), 4)
    found = pattern.find(sim, able, event, u, len(batch), DEFAULT)
    offsets = np.searchsorted(event, np.arange(len(batch) + 1))
    ghosts = pattern.find_ghosts(sim, found, offsets, event, 1, DEFAULT)
    tracks = reconstruction.reconstruct(sim, found, ghosts, event, event, 1, planes, DEFAULT)
    of_track = event[tracks.velo_row]
    lines = arrivals.pointing(sim, tracks, of_track, of_track, event, 1, DEFAULT)
    upstream = tracks.track_type == reconstruction.UPSTREAM
    assert np.isnan(lines.x[upstream]).all()
    true = sim.spd[tracks.t_row]
    there = np.isfinite(true[:, 0]) & ~upstream
    sigma = 12.0 * max(1.0, 1e4 / p)
    for k, found_at in enumerate((lines.x, lines.y)):
        miss = (found_at - true[:, k])[there]
        assert abs(np.median(miss)) < 0.2 * sigma
        assert np.quantile(np.abs(miss), 0.9) < 2.0 * sigma
    assert there.sum() > 200
