"""Readout and clusters: charge is kept, overlaps add, saturation, neighbours are parted."""

import numpy as np
import pytest

from lamarr_like.responses.hits import Hits
from lamarr_like.tpc.clusters import find_clusters
from lamarr_like.tpc.geometry import row_pads
from lamarr_like.tpc.readout import SATURATION, SPAN, STRIDE, Readout, read_out, row_number
from lamarr_like.tpc.tracks import Segments, make_tracks

TRACKS = make_tracks(1, 3, 1)


def crossed(pads, drifts, row=10):
    n = len(pads)
    given = {"pad": np.array(pads, float), "drift": np.array(drifts, float)}
    zero = np.zeros(n)
    return Segments(np.zeros(n, int), np.full(n, row), given, zero, zero)


def window(n, cells, values):
    row = np.repeat(np.arange(n), len(cells))
    return Hits(row, np.tile(cells, (n, 1)), np.tile(values, n).astype(np.float32))


def test_windows_are_put_where_their_segments_are():
    hits = window(1, np.array([[4, 8], [5, 9]]), np.array([10.0, 4.0]))
    found = read_out(TRACKS, crossed([20.7], [100.2]), hits)
    pad, bucket = found.cell // SPAN % STRIDE - 1, found.cell % SPAN - 1
    assert pad.tolist() == [20, 21] and bucket.tolist() == [100, 101]
    assert found.value.tolist() == [10, 4]
    assert (
        found.cell // (SPAN * STRIDE) == row_number(TRACKS, np.array([0]), np.array([10]))
    ).all()


def test_overlaps_add_and_saturate():
    hits = window(2, np.array([[4, 8]]), np.array([3000.0]))
    found = read_out(TRACKS, crossed([20.1, 20.9], [100.1, 100.9]), hits)
    assert found.value.tolist() == [SATURATION]
    apart = read_out(TRACKS, crossed([20.1, 21.0], [100.1, 100.9]), hits)
    assert apart.value.tolist() == [3000.0, 3000.0]


def test_what_is_beside_the_pads_is_lost():
    hits = window(1, np.array([[p, 8] for p in range(8)]), np.ones(8))
    assert len(read_out(TRACKS, crossed([0.2], [100.0]), hits).cell) == 4
    assert len(read_out(TRACKS, crossed([row_pads()[10] - 1.0], [100.0]), hits).cell) == 5
    for bucket, n in ((0.5, 8), (-1.0, 0), (309.9, 8), (310.0, 0)):
        assert len(read_out(TRACKS, crossed([20.0], [bucket]), hits).cell) == n


def test_every_particle_has_rows_of_its_own():
    tracks = make_tracks(30, 30, 1)
    number = row_number(tracks, np.arange(900), np.full(900, 7))
    places = set(zip(tracks.event, tracks.sector, tracks.side, strict=True))
    assert len(set(number.tolist())) == len(places)
    assert not set(number.tolist()) & set(
        row_number(tracks, np.arange(900), np.full(900, 8)).tolist()
    )


def blobs(*middles, line=77):
    """Round pulses in one row."""
    pad, bucket = np.meshgrid(np.arange(100), np.arange(310), indexing="ij")
    image = sum(
        100 * np.exp(-0.5 * ((pad - p) / 0.6) ** 2 - 0.5 * ((bucket - t) / 1.2) ** 2)
        for p, t in middles
    )
    image[image < 0.9] = 0
    there = np.nonzero(image)
    cell = (line * STRIDE + there[0] + 1) * SPAN + there[1] + 1
    return Readout(cell, image[there])


def test_a_pulse_is_one_hit():
    readout = blobs((30.3, 120.6))
    (found,) = zip(*find_clusters(readout), strict=True)
    assert found[0] == 77 and found[1:3] == pytest.approx((30.3, 120.6), abs=0.06)
    assert found[3] == pytest.approx(readout.value.sum()) and found[4] == len(readout.cell)


def test_neighbours_are_parted_in_the_valley():
    found = find_clusters(blobs((30, 120), (34, 120), (30, 128)))
    assert len(found.line) == 3
    assert sorted(zip(found.pad.round(1), found.bucket.round(1), strict=True)) == [
        (30, 120),
        (30, 128),
        (34, 120),
    ]
    assert len(find_clusters(blobs((30, 120), (31, 121))).line) == 1


def test_rows_are_kept_apart():
    a, b = blobs((99, 50), line=5), blobs((0, 50), line=6)
    both = Readout(np.concatenate([a.cell, b.cell]), np.concatenate([a.value, b.value]))
    assert find_clusters(both).line.tolist() == [5, 6]


def test_nothing_gives_nothing():
    empty = Readout(np.zeros(0, np.int64), np.zeros(0))
    assert len(find_clusters(empty).line) == 0
