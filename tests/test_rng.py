"""Random numbers are a hash of their coordinates: its laws, its ends and its independence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lamarr_like import rng

WORD = 2**64
BITS = st.integers(0, WORD - 1)
SEEDS = st.integers(-(2**70), 2**70)
IDENTIFIERS = st.integers(-(2**63), 2**63 - 1)
N = 20_000


def mixed(*values):
    return rng.mix(np.array(values, np.uint64))


def unmixed(z):
    """The inverse of the finaliser, in whole numbers."""
    z ^= (z >> 31) ^ (z >> 62)
    z = z * pow(0x94D049BB133111EB, -1, WORD) % WORD
    z ^= (z >> 27) ^ (z >> 54)
    z = z * pow(0xBF58476D1CE4E5B9, -1, WORD) % WORD
    return z ^ (z >> 30) ^ (z >> 60)


def test_mixing_is_the_finaliser_of_splitmix64():
    """Values of S. Vigna's splitmix64.c for the seed 1234567."""
    keys = [(1234567 + k * int(rng.GOLDEN)) % WORD for k in range(1, 6)]
    assert mixed(*keys).tolist() == [
        *(6457827717110365317, 3203168211198807973, 9817491932198370423),
        *(4593380528125082431, 16408922859458223821),
    ]


@given(BITS)
def test_mixing_loses_nothing(bits):
    assert unmixed(int(mixed(bits)[0])) == bits


@settings(max_examples=30)
@given(BITS, st.integers(0, 63))
def test_one_bit_changes_many(bits, place):
    one, other = (int(z) for z in mixed(bits, bits ^ (1 << place)))
    assert 8 <= (one ^ other).bit_count() <= 56  # 32 +- 4 on average


def test_one_bit_changes_half_on_average():
    bits = np.random.default_rng(1).integers(0, 2**63, 4000).astype(np.uint64)
    for place in range(0, 64, 7):
        flipped = rng.mix(bits.copy()) ^ rng.mix(bits ^ np.uint64(1 << place))
        changed = np.unpackbits(flipped.view(np.uint8)).mean()
        assert changed == pytest.approx(0.5, abs=5 * 0.5 / np.sqrt(64 * 4000))


@given(BITS)
def test_numbers_are_within_the_open_interval(bits):
    value = rng.unit(np.array([bits], np.uint64))[0]
    assert 0.0 < value < 1.0
    assert abs(value - bits / WORD) <= 2.0**-53


def test_the_ends_of_the_interval():
    ends = rng.unit(np.array([0, 2**11 - 1, WORD - 2**11, WORD - 1], np.uint64))
    assert ends[0] == ends[1] == 2.0**-54
    assert ends[2] == ends[3] == 1.0 - 2.0**-53  # a half more would be rounded to 1
    assert np.isfinite(stats.norm.ppf(ends)).all()


@settings(max_examples=50)
@given(st.lists(BITS, min_size=2, max_size=20))
def test_numbers_keep_the_order_of_their_bits(bits):
    bits = np.sort(np.array(bits, np.uint64))
    assert (np.diff(rng.unit(bits)) >= 0.0).all()


def test_what_is_given_stays_as_it_is():
    keys = rng.stream_keys(1, "stage", np.arange(5))
    before = keys.copy()
    rng.key_uniforms(keys, 3)
    rng.unit(keys)
    np.testing.assert_array_equal(keys, before)
    events = np.arange(5, dtype=np.int32)
    rng.uniforms(1, "stage", events, 2)
    assert events.tolist() == [0, 1, 2, 3, 4]


@settings(max_examples=25)
@given(SEEDS, st.text(max_size=12), st.lists(IDENTIFIERS, min_size=1, max_size=8), IDENTIFIERS)
def test_a_row_does_not_know_of_the_others(seed, stage, events, index):
    whole = rng.uniforms(seed, stage, np.array(events), index, 3)
    assert whole.shape == (len(events), 3)
    for event, row in zip(events, whole, strict=True):
        (alone,) = rng.uniforms(seed, stage, np.array([event]), np.array([index]), 3)
        np.testing.assert_array_equal(alone, row)


def test_fewer_numbers_are_the_first_of_more():
    events = np.arange(10)
    many = rng.uniforms(3, "rich", events, 7, 6)
    for size in range(1, 6):
        np.testing.assert_array_equal(rng.uniforms(3, "rich", events, 7, size), many[:, :size])


@pytest.mark.parametrize("kind", [np.int8, np.int32, np.int64, np.uint16, np.uint32])
def test_the_type_of_an_identifier_does_not_matter(kind):
    events = np.array([0, 3, 100])
    np.testing.assert_array_equal(
        rng.stream_keys(5, "muon", events.astype(kind), events[::-1].astype(kind)),
        rng.stream_keys(5, "muon", events, events[::-1]),
    )


def test_single_numbers_and_arrays_are_the_same():
    (one,) = rng.stream_keys(5, "muon", 17, 2)
    assert one == rng.stream_keys(5, "muon", np.array([3, 17]), np.array([9, 2]))[1]
    np.testing.assert_array_equal(
        rng.stream_keys(5, "muon", np.arange(4), 2),
        rng.stream_keys(5, "muon", np.arange(4), np.full(4, 2)),
    )


def test_coordinates_are_not_interchangeable():
    """No two of many near coordinates share a key."""
    event, index = (a.ravel() for a in np.meshgrid(np.arange(-50, 50), np.arange(-5, 95)))
    keys = [
        rng.stream_keys(seed, stage, event, index)
        for seed in (0, 1, -1)
        for stage in ("a", "b", "detailed/rich")
    ]
    assert len(np.unique(np.concatenate(keys))) == 9 * len(event)
    assert rng.stage_key(1, "2a") != rng.stage_key(12, "a")


def test_keys_of_before():
    """What all ntuples so far were drawn with."""
    assert int(rng.stage_key(1, "tracking")) == 5461725905327705143
    keys = rng.stream_keys(1, "tracking", np.array([0, 1, -1]), np.array([0, 5, 2]))
    assert keys.tolist() == [964598819318760183, 7792449334029743908, 6617312350516973817]


@pytest.mark.parametrize("vary", ["seed", "stage", "event", "index", "number"])
def test_neighbours_are_uniform_and_unrelated(vary):
    """Along each coordinate: the law, pairs of neighbours, and the places that they fill."""
    steps = range(2000)
    if vary == "seed":
        values = np.array([rng.uniforms(k, "s", np.array([4]))[0, 0] for k in steps])
    elif vary == "stage":
        values = np.array([rng.uniforms(1, f"s{k}", np.array([4]))[0, 0] for k in steps])
    elif vary == "event":
        values = rng.uniforms(1, "s", np.arange(N))[:, 0]
    elif vary == "index":
        values = rng.uniforms(1, "s", np.zeros(N, int), np.arange(N))[:, 0]
    else:
        values = rng.uniforms(1, "s", np.zeros(1, int), 0, N)[0]
    assert stats.kstest(values, "uniform").pvalue > 1e-3
    for lag in (1, 2, 7):
        r = np.corrcoef(values[lag:], values[:-lag])[0, 1]
        assert abs(r) < 4.5 / np.sqrt(len(values))
    pairs = (8 * values[:-1]).astype(int) * 8 + (8 * values[1:]).astype(int)
    assert stats.chisquare(np.bincount(pairs, minlength=64)).pvalue > 1e-4


def test_normal_numbers_are_the_quantiles_of_the_uniform_ones():
    events = np.arange(N // 4)
    values = rng.normals(2, "resolution", events, 0, 4)
    uniform = rng.uniforms(2, "resolution", events, 0, 4)
    np.testing.assert_allclose(stats.norm.cdf(values), uniform, rtol=1e-12)
    assert stats.kstest(values.ravel(), "norm").pvalue > 1e-3
    assert np.abs(np.corrcoef(values.T) - np.eye(4)).max() < 4.5 / np.sqrt(len(events))
    # Moments to the fourth: 0, 1, 0, 3 with errors sqrt(1, 2, 15, 96) / sqrt(n).
    for power, mean, variance in ((1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)):
        found = (values**power).mean()
        assert abs(found - mean) < 4.5 * np.sqrt(variance / values.size), power


def test_poisson_numbers_are_those_of_scipy_bit_for_bit():
    random = np.random.default_rng(4)
    u, mean = random.random(5000), 10.0 ** random.uniform(-9, 3, 5000)
    u[:4], mean[::7] = (1e-300, 2.0**-53, 0.5, 1.0 - 2.0**-53), 0.0
    for given_mean in (mean, 0.0, 1.6, 40.0):
        found = rng.poisson_quantile(u, given_mean)
        np.testing.assert_array_equal(found, stats.poisson.ppf(u, given_mean))
    assert rng.poisson_quantile(u, 1.6).mean() == pytest.approx(1.6, abs=4.5 * np.sqrt(1.6 / 5000))
    assert rng.poisson_quantile(u[:0], mean[:0]).shape == (0,)


def test_no_rows_and_no_numbers():
    none = np.zeros(0, np.int64)
    assert rng.stream_keys(1, "s", none).shape == (0,)
    assert rng.normals(1, "s", none, none, 3).shape == (0, 3)
    assert rng.uniforms(1, "s", np.arange(4), size=0).shape == (4, 0)
    with pytest.raises(ValueError, match="broadcast"):
        rng.stream_keys(1, "s", np.arange(3), np.arange(2))
