"""Occupancy beside PIDCalib's, and curves of tracks: laws on toy samples."""

import math
from itertools import pairwise

import numpy as np
import pytest
from pid_samples import pid_sample

from lamarr_like.validation.bins import SPECIES
from lamarr_like.validation.detector import maps, tracking
from lamarr_like.validation.detector.occupancy import calibration_shares, occupancy_section
from lamarr_like.validation.detector.results import SampleInfo
from lamarr_like.validation.detector.sample import Sample, adds_muons, identified_tracks


def test_events_like_the_map_have_its_shares():
    measured = maps.load_map("rdx_K")
    share = measured.total.sum(axis=(0, 1))
    share = np.clip(share, 0.0, None) / np.clip(share, 0.0, None).sum()
    rng = np.random.default_rng(1)
    place = rng.choice(len(share), 50_000, p=share)
    low = measured.n_tracks[:-1]
    edges, ours, error, theirs = calibration_shares(low[place] + 0.5)
    assert len(edges) == len(ours) + 1 and edges[-1] == 1000.0
    assert ours.sum() == pytest.approx(1.0) and theirs.sum() == pytest.approx(1.0)
    assert (np.abs(ours - theirs) < 5 * error + 1e-3).all()
    _, shifted, error, theirs = calibration_shares(low[place] + 60.0)
    assert (np.abs(shifted - theirs) > 5 * error).any()


def test_no_events_have_no_shares():
    _, ours, error, _ = calibration_shares(np.zeros(0))
    assert (ours == 0).all() and np.isfinite(error).all()


@pytest.mark.parametrize(
    ("source", "judged", "rows"),
    [
        ("pythia:bbbar", {"nTracks, mean", "nSPDHits, median", "nTracks, median"}, 5),
        ("pythia:ccbar", {"nTracks, mean", "nTracks, median"}, 5),
        ("pythia:minbias", set(), 5),
        ("pythia:bbbar+gun:K-?n=14", set(), 0),
        ("pythia:minbias+decay:B+ -> K+ pi0?n=1", set(), 0),
    ],
)
def test_events_like_triggered_ones_are_judged(source, judged, rows):
    batch = pid_sample(200, seed=1)
    section = occupancy_section([Sample(SampleInfo("a.root", len(batch), source), batch)])
    assert len(section.rows) == rows and section.series
    asked = {r.quantity.removeprefix("a.root: ") for r in section.rows if math.isfinite(r.low)}
    assert asked == judged


def test_hadrons_beside_added_muons_do_not_count():
    assert not any(map(adds_muons, ("pythia:bbbar", "pythia:minbias+gun:mu-,K-?n=6", "gun:mu-")))
    batch = pid_sample(200, seed=1)
    source = "pythia:bbbar+gun:mu-,mu+?p=3-240&n=12"
    plain, muons = (Sample(SampleInfo("a", len(batch), s), batch) for s in ("pythia:bbbar", source))
    assert adds_muons(source)
    alone = identified_tracks([plain], "is_muon")
    both = identified_tracks([plain, muons], "is_muon")
    n = {k: (alone["species"] == code).sum() for k, code in SPECIES.items()}
    assert n["mu"] > 0 and n["pi"] > 0
    for name, code in SPECIES.items():
        assert (both["species"] == code).sum() == n[name] * (2 if name == "mu" else 1)
    assert both["event"].max() >= len(batch) > alone["event"].max()


def test_shares_of_ghosts_are_counted():
    batch = pid_sample(200, seed=1)
    track = batch.track
    long = track["track_type"] == 3
    edges = np.array([-1.0, 1e6])
    every, cut = tracking.ghosts(batch, edges)
    for series, most in ((every, 1.0), (cut, tracking.GHOST_CUT)):
        mine = long & (track["ghost_prob"] <= most)
        expected = (track["origin"][mine] == tracking.GHOST).mean()
        assert series.ours[0] == pytest.approx(expected, abs=1e-12)
    assert cut.ours[0] < every.ours[0]


def test_published_numbers_stand_where_they_are_measured():
    """Ranges of the momentum resolution do not overlap, and get worse with momentum."""
    ranges = sorted(tracking.MOMENTUM)
    assert all(a[1] <= b[0] for a, b in pairwise(ranges))
    values = [tracking.MOMENTUM[r] for r in ranges]
    assert values == sorted(values)
