"""The detailed pad row: laws of its steps, symmetries, and the same bits in any batch."""

import numpy as np
import pytest
from scipy.stats import kstest, poisson

from lamarr_like.responses.detectors import drift_chamber
from lamarr_like.responses.detectors.drift_chamber import (
    BUCKET,
    PAD,
    SPREAD,
    Ionisation,
    cluster_density,
    pad_responses,
)
from lamarr_like.responses.detectors.tpc_pads import TPC_PADS, particles, simulate
from lamarr_like.rng import key_uniforms, stream_keys

N = 3000
CENTRES = [axis.centres for axis in TPC_PADS.axes]


def keys(n=N, seed=1):
    return stream_keys(seed, "test", np.arange(n))


def segments(n=N, **given):
    middle = {"crossing": 0, "dip": 0, "drift": 100.5, "pad": 20.5, "pt": 0.479, "row": 5}
    return {k: np.broadcast_to(np.asarray(v, float), n).copy() for k, v in (middle | given).items()}


def moments(arrays):
    """Sums, centroids (n, 2), variances (n, 2) and covariances of arrays, empty ones left out."""
    arrays = arrays[arrays.sum(axis=(1, 2)) > 0].astype(float)
    total = arrays.sum(axis=(1, 2))
    x, y = CENTRES
    weight = arrays / total[:, None, None]
    mean = np.stack([weight.sum(axis=2) @ x, weight.sum(axis=1) @ y], axis=1)
    square = np.stack([weight.sum(axis=2) @ x**2, weight.sum(axis=1) @ y**2], axis=1)
    return total, mean, square - mean**2, (weight.sum(axis=0) * np.outer(x, y)).sum() / len(total)


def test_clusters_follow_bethe():
    """Least at beta gamma of about 3, 1 / beta^2 below, a rise by a quarter at 30."""
    momentum = 0.13957 * np.array([0.5, 1.0, 3.0, 3.4, 30.0])
    density = cluster_density(momentum, 26.0)
    assert density.min() == pytest.approx(26.0, rel=0.01) and density.argmin() in (2, 3)
    assert density[0] / density[1] == pytest.approx(5 / 2, rel=0.15)
    assert 1.2 < density[4] / 26 < 1.35


def test_numbers_of_clusters_follow_poisson():
    mean = np.full(20000, 47.3)
    found = drift_chamber._poisson(mean, key_uniforms(keys(20000), 1)[:, 0])
    count = np.bincount(found, minlength=100)
    expected = 20000 * poisson(47.3).pmf(np.arange(len(count)))
    rows = expected > 20
    chi2 = ((count - expected)[rows] ** 2 / expected[rows]).sum()
    assert chi2 < rows.sum() + 5 * np.sqrt(2 * rows.sum())
    assert drift_chamber._poisson(np.zeros(1), np.array([0.999]))[0] == 0


def test_charges_follow_polya():
    """A gamma law of mean 1 and shape 5/2, by Kolmogorov."""
    electrons = drift_chamber.electrons(segments(200), keys(200), np.full(200, 1.2), 26.0)
    assert kstest(electrons.charge, "gamma", args=(2.5, 0, 1 / 2.5)).pvalue > 1e-3
    assert len(electrons.charge) / 200 > 26 * 1.2


def test_electrons_are_spread_by_diffusion():
    far = segments(400, drift=225.5)
    electrons = drift_chamber.electrons(far, keys(400), np.full(400, 1.2), 26.0)
    root = np.sqrt(225.5 * BUCKET)
    assert electrons.pad.std() * PAD == pytest.approx(0.0185 * root, rel=0.03)
    assert electrons.time.std() * BUCKET == pytest.approx(0.032 * root, rel=0.03)


def test_centroids_and_widths_are_those_of_the_segment():
    _, mean, variance, _ = moments(pad_responses(segments(), keys(), Ionisation(threshold=0)))
    # The coordinate .5 is the border of two pads: symmetric about it.
    assert mean.mean(axis=0) == pytest.approx([0.5, 0.5], abs=0.01)
    short = moments(pad_responses(segments(drift=1.5), keys(), Ionisation(threshold=0)))
    assert variance.mean(axis=0)[0] > 1.05 * short[2].mean(axis=0)[0]


def test_induced_charge_is_as_wide_as_the_pad_response():
    """It has the variance SPREAD^2 / 2, and a pad a twelfth, seen from places all over a pad."""
    place = 20 + np.arange(N) / N
    arrays = pad_responses(segments(pad=place, drift=0.5), keys(), Ionisation(threshold=0))
    away = CENTRES[0] - (place - 20)[:, None]
    share = arrays.sum(axis=2) / arrays.sum(axis=(1, 2))[:, None]
    expected = SPREAD**2 / PAD**2 / 2 + 1 / 12
    assert (share * away**2).sum(axis=1).mean() == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize(
    ("given", "ratio"),
    [
        ({"row": 40}, 1.5),
        ({"dip": 60, "pt": 0.479 * 0.5}, 2.0),
        ({"crossing": 40}, 1 / np.cos(np.radians(40))),
        ({"pt": 0.15}, cluster_density(np.array(0.15)) / cluster_density(np.array(0.479))),
    ],
)
def test_charge_is_as_long_as_the_path(given, ratio):
    """With height, angles and energy loss; medians of sums grow a little faster, as Landau's law
    does: with the power 1.18 in MPD's responses."""
    plain = moments(pad_responses(segments(), keys()))[0]
    other = moments(pad_responses(segments(**given), keys()))[0]
    assert np.median(other) / np.median(plain) == pytest.approx(ratio**1.18, rel=0.08)


def test_mirrors():
    given = {"crossing": 25, "dip": 35, "pad": 20.7, "drift": 60.2}
    mirrored = {"crossing": -25, "dip": 35, "pad": 20.3, "drift": 60.2}
    a = moments(pad_responses(segments(**given), keys()))
    b = moments(pad_responses(segments(**mirrored), keys(seed=2)))
    assert a[1][:, 0].mean() + b[1][:, 0].mean() == pytest.approx(1.0, abs=0.03)
    assert a[2].mean(axis=0) == pytest.approx(b[2].mean(axis=0), rel=0.05)
    late = moments(pad_responses(segments(**{**given, "crossing": -25, "dip": -35}), keys(seed=3)))
    assert late[3] - late[1].mean(axis=0).prod() == pytest.approx(
        a[3] - a[1].mean(axis=0).prod(), abs=0.05
    )
    assert abs(a[3] - a[1].mean(axis=0).prod()) > 0.2


def test_same_bits_in_any_batch():
    sample, k = particles(300, 3), keys(300)
    all_at_once = simulate(sample, k)
    some = np.array([5, 299, 17, 18])
    assert np.array_equal(simulate({n: v[some] for n, v in sample.items()}, k[some]),
                          all_at_once[some])  # fmt: skip
    assert not np.array_equal(simulate(sample, keys(300, 9)), all_at_once)


def test_threshold():
    arrays = pad_responses(segments(200), keys(200), Ionisation(threshold=5.0))
    assert arrays[arrays > 0].min() >= 5.0
