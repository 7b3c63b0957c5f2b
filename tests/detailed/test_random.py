"""Random numbers in compiled code: the same functions as plain Python, against their laws."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from lamarr_like import rng
from lamarr_like.detailed import random

N = 4000
NAMES = ("uniform", "normal", "exponential", "poisson", "gamma")


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    """What the kernels call, without compiling it; integers wrap around as they do there."""
    for name in NAMES:
        monkeypatch.setattr(random, name, getattr(random, name).py_func)
    with np.errstate(over="ignore"):
        yield


def state(key=7):
    return np.array([key], np.uint64)


def drawn(name, *arguments, n=N, key=7):
    stream = state(key)
    return np.array([getattr(random, name)(stream, *arguments) for _ in range(n)])


def test_the_stream_is_splitmix64():
    """Values of S. Vigna's splitmix64.c for the seed 1234567."""
    known = (6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431)
    stream = state(1234567)
    for value in known:
        assert random.uniform(stream) == ((value >> 11) + 0.5) * 2.0**-53


def test_it_is_keyed_as_the_random_numbers_of_stages():
    keys = rng.stream_keys(3, "detailed", np.arange(5))
    for key, row in zip(keys, rng.key_uniforms(keys.copy(), 3), strict=True):
        stream = state(key)
        assert [random.uniform(stream) for _ in range(3)] == row.tolist()


def test_numbers_do_not_reach_the_ends():
    values = drawn("uniform")
    assert values.min() > 0.0 and values.max() < 1.0
    assert stats.kstest(values, "uniform").pvalue > 1e-3
    # Neighbours in the stream, and first numbers of consecutive keys, know nothing of each other.
    first = np.array([random.uniform(state(k)) for k in range(N)])
    assert stats.kstest(first, "uniform").pvalue > 1e-3
    for series in (values, first):
        assert abs(np.corrcoef(series[1:], series[:-1])[0, 1]) < 4.0 / np.sqrt(N)


@pytest.mark.parametrize(
    ("name", "arguments", "law"),
    [
        ("normal", (), stats.norm),
        ("exponential", (), stats.expon),
        ("gamma", (0.3,), stats.gamma(0.3)),
        ("gamma", (1.0,), stats.expon),
        ("gamma", (4.5,), stats.gamma(4.5)),
    ],
)
def test_numbers_follow_their_laws(name, arguments, law):
    values = drawn(name, *arguments)
    assert np.isfinite(values).all()
    assert stats.kstest(values, law.cdf).pvalue > 1e-3


@pytest.mark.parametrize("mean", [0.0, 0.02, 1.5, 30.0, 59.9, 60.1, 400.0])
def test_counts_have_mean_and_spread_of_poisson(mean):
    values = drawn("poisson", mean, n=2000)
    assert (values >= 0).all() and np.array_equal(values, np.rint(values))
    assert abs(values.mean() - mean) <= 4.5 * np.sqrt(mean / 2000)
    assert values.var() == pytest.approx(mean, rel=0.16 if mean > 1.0 else 0.5)


def test_small_counts_are_as_frequent_as_they_should_be():
    values = drawn("poisson", 1.5).astype(int)
    seen = np.append(np.bincount(np.minimum(values, 5), minlength=6), 0)[:6]
    law = stats.poisson(1.5)
    expected = N * np.append(law.pmf(np.arange(5)), law.sf(4))
    assert stats.chisquare(seen, expected).pvalue > 1e-3


def test_a_stream_goes_on_where_it_stopped():
    one, two = state(), state()
    whole = [random.normal(one) for _ in range(6)]
    parts = [random.normal(two) for _ in range(3)]
    again = state()
    again[0] = two[0]
    assert whole == parts + [random.normal(again) for _ in range(3)]
    assert [random.normal(state(8)) for _ in range(2)] != whole[:2]
