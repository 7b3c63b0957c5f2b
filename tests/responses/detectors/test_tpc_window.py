"""Windows of several tracks: what both responses share, and what only the detailed one has."""

import numpy as np
import pytest

from lamarr_like.responses.declared import find_declared
from lamarr_like.responses.detectors.drift_chamber import BUCKET, THRESHOLD
from lamarr_like.responses.detectors.tpc_window import (
    TPC_WINDOW,
    TPC_WINDOW_1D,
    particles,
    simulate,
    simulate_1d,
)
from lamarr_like.responses.making import make_sample
from lamarr_like.responses.response import read_response
from lamarr_like.rng import stream_keys

N = 400


@pytest.fixture(scope="module")
def windows():
    given = particles(N, 1)
    keys = [stream_keys(seed, "test", np.arange(N)) for seed in (1, 2)]
    return given, simulate_1d(given, keys[0]), *(simulate(given, k) for k in keys)


def far(one, other):
    return float(np.abs(one.astype(float) - other).mean())


@pytest.mark.parametrize("response", [TPC_WINDOW, TPC_WINDOW_1D])
def test_declarations_come_back(response):
    assert read_response(response.to_json(), "here") == response
    assert find_declared(response.name).response is response
    response.checked(particles(1000, 3), "particles")


def test_the_simple_response_follows_from_the_event_alone(windows):
    given, simple, *_ = windows
    assert np.array_equal(simulate_1d(given, stream_keys(7, "other", np.arange(N))), simple)
    rows = {k: v[100:103] for k, v in given.items()}
    assert np.array_equal(simulate_1d(rows, np.zeros(3, np.uint64)), simple[100:103])


def test_the_same_bits_in_any_batch(windows):
    given, _, first, _ = windows
    rows = {k: v[77:80] for k, v in given.items()}
    assert np.array_equal(simulate(rows, stream_keys(1, "test", np.arange(77, 80))), first[77:80])


def test_means_agree_and_draws_are_nearer_to_each_other(windows):
    """A second draw has the same ionisation: what differs is far less than what 1D lacks."""
    _, simple, first, second = windows
    sums = [arrays.sum(axis=(1, 2)) for arrays in (simple, first)]
    some = sums[0] > 100
    assert np.median(sums[1][some] / sums[0][some]) == pytest.approx(1.0, abs=0.02)
    assert 3 < far(simple, first) / far(second, first) < 6
    for arrays in (simple, first):
        assert arrays[arrays > 0].min() >= np.float32(THRESHOLD)


def test_charge_spreads_across_pads_by_the_detailed_response_only():
    """One track through the middle of a pad, upright: pads beside it see the detailed one only."""
    far_away = {"tracks": 1.0, "row": 5.0}
    counts = []
    for drift in (0.0, 270.0):
        given = {k: np.full(300, v) for k, v in {**far_away, "drift": drift}.items()}
        given["event"] = np.arange(300.0)
        pads = [(s > 0).any(axis=2).sum(axis=1) for s in (
            simulate_1d(given, np.zeros(300, np.uint64)),
            simulate(given, stream_keys(1, "test", np.arange(300))),
        )]  # fmt: skip
        counts.append([float(p[p > 0].mean()) for p in pads])
    (near_simple, near), (away_simple, away) = counts
    assert near > near_simple + 0.8 and away > near + 0.3
    assert away_simple == pytest.approx(near_simple, abs=0.05)


def test_another_drift_spreads_along_it():
    widths = []
    for drift in (0.0, 270.0):
        given = {k: np.full(300, v) for k, v in {"tracks": 1.0, "row": 5.0, "drift": drift}.items()}
        given["event"] = np.arange(300.0)
        arrays = simulate_1d(given, np.zeros(300, np.uint64)).sum(axis=1)
        arrays = arrays[arrays.sum(axis=1) > 0]
        share = arrays / arrays.sum(axis=1, keepdims=True)
        mean = share @ np.arange(32)
        widths.append(np.median(share @ np.arange(32) ** 2 - mean**2))
    # 0.032^2 cm^2 a centimetre of drift, in buckets.
    assert widths[1] - widths[0] == pytest.approx(270 * BUCKET * 0.032**2 / BUCKET**2, rel=0.4)


def test_pairs_are_made_by_the_verbs_way():
    detailed = make_sample("tpc_window", 60, 5, progress=False)
    simple = make_sample("tpc_window_1d", 60, 1, like=detailed, progress=False)
    again = make_sample("tpc_window", 60, 6, like=detailed, progress=False)
    other = make_sample("tpc_window_1d", 60, 6, progress=False)
    assert far(again.arrays, detailed.arrays) < far(simple.arrays, detailed.arrays)
    assert far(simple.arrays, detailed.arrays) < far(other.arrays, detailed.arrays)
