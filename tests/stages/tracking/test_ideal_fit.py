"""The ideal Kalman covariance: laws of track fits, and agreement with the reference detector's."""

from __future__ import annotations

import numpy as np
import pytest
from detector_samples import muons
from hypothesis import given, settings
from hypothesis import strategies as st

from lamarr_like import schema
from lamarr_like.chain.pipeline import completed
from lamarr_like.detailed.simulate import simulate_detailed
from lamarr_like.stages import Covariance, Propagation
from lamarr_like.stages.tracking.ideal_fit import expected_covariance

LONG, UPSTREAM, DOWNSTREAM = (schema.TRACK_TYPES[k] for k in ("long", "upstream", "downstream"))


def tracks(p, eta=3.0, phi=0.3, kind=LONG, **other):
    p, eta, phi = np.broadcast_arrays(np.asarray(p, float), eta, phi)
    t = 1.0 / np.sinh(eta)
    out = {
        "log_p": np.log10(p),
        "tx": t * np.cos(phi),
        "ty": t * np.sin(phi),
        "t3_x": 9315.0 * t * np.cos(phi) + 4.1e3 * 1200.0 / p,
        "tx_after": t * np.cos(phi) + 1200.0 / p,
        "track_type": np.full(p.shape, kind),
    }
    zero = {name: np.zeros(p.shape) for name in ("ctb_d", "ctb_z", "vz")}
    return out | zero | {k: np.broadcast_to(v, p.shape).astype(float) for k, v in other.items()}


def sigma(p, i, **options):
    return np.sqrt(expected_covariance(tracks(p, **options))[:, i, i])


def test_scattering_falls_as_one_over_p_and_resolution_stays():
    low, high = sigma(np.array([2e3, 4e3]), 0), sigma(np.array([1e6, 2e6]), 0)
    assert low[0] / low[1] == pytest.approx(2.0, rel=0.15)
    assert high[0] / high[1] == pytest.approx(1.0, rel=0.02)


def test_momentum_resolution_is_half_a_percent_and_grows_linearly_far_up():
    p = np.array([5e3, 2e4, 4e5, 8e5])
    relative = sigma(p, 4) * p
    assert (relative[:2] > 0.003).all()
    assert (relative[:2] < 0.007).all()
    assert relative[3] / relative[2] == pytest.approx(2.0, rel=0.1)


def test_types_of_tracks_know_what_they_have_hits_of():
    p = np.array([5e3])
    long, up, down = (sigma(p, 4, kind=k) for k in (LONG, UPSTREAM, DOWNSTREAM))
    assert long < down < up
    assert sigma(p, 0, kind=DOWNSTREAM) > 20 * sigma(p, 0, kind=LONG)
    np.testing.assert_allclose(sigma(p, 0, kind=UPSTREAM), sigma(p, 0, kind=LONG), rtol=0.05)


def test_flight_beyond_the_foil_meets_no_foil():
    p = np.array([2e3])
    inside = sigma(p, 2)
    outside = sigma(p, 2, ctb_d=7.0)
    assert outside < 0.9 * inside


numbers = st.floats(-1.0, 1.0)
away_from_eta_0 = numbers.filter(lambda a: abs(3.0 + 5.0 * a) > 1e-3)


@settings(deadline=None, max_examples=60)
@given(away_from_eta_0, numbers, numbers, numbers, st.sampled_from([LONG, UPSTREAM, DOWNSTREAM]))
def test_every_matrix_is_positive_definite(a, b, c, d, kind):
    p = 10.0 ** np.linspace(0.0, 7.0, 15)
    wild = tracks(
        p, eta=3.0 + 5.0 * a, phi=np.pi * b, kind=kind,
        ctb_d=10.0 ** (4.0 * c), ctb_z=3000.0 * d, vz=3000.0 * d * a,
    )  # fmt: skip
    matrix = expected_covariance(wild)
    assert np.isfinite(matrix).all()
    np.testing.assert_array_equal(matrix, matrix.transpose(0, 2, 1))
    scale = np.sqrt(np.diagonal(matrix, axis1=1, axis2=2))
    correlation = matrix / (scale[:, :, None] * scale[:, None, :])
    assert (np.linalg.eigvalsh(correlation) > 0.0).all()


def test_a_matrix_does_not_know_of_the_others():
    rng = np.random.default_rng(3)
    n = 700  # more and fewer than are treated alike
    many = tracks(
        10.0 ** rng.uniform(3.0, 5.5, n), rng.uniform(1.5, 5.5, n), rng.uniform(-3.0, 3.0, n),
        ctb_d=rng.normal(0.0, 3.0, n), ctb_z=rng.normal(0.0, 80.0, n), vz=rng.normal(0.0, 200.0, n),
    )  # fmt: skip
    many["track_type"] = rng.choice([LONG, UPSTREAM, DOWNSTREAM], n)
    whole = expected_covariance(many)
    for part in (slice(0, 1), slice(3, 20), slice(100, 500), slice(None, None, -1)):
        few = expected_covariance({name: values[part] for name, values in many.items()})
        np.testing.assert_array_equal(few, whole[part])


def test_only_the_stations_that_a_track_crosses_hold_it():
    p, eta = np.full(2, 1e4), np.array([2.5, 4.5])
    born = tracks(p, eta, vz=np.array([0.0, 0.0]))
    late = tracks(p, eta, vz=np.array([2e3, 2e3]))  # behind all stations
    upstream = tracks(p, eta, kind=DOWNSTREAM)
    for i, factor in ((0, 0.01), (2, 0.5)):
        seen, blind = (expected_covariance(t)[:, i, i] for t in (born, late))
        assert (seen < factor * blind).all()
    np.testing.assert_array_equal(
        expected_covariance(late | {"track_type": upstream["track_type"]}),
        expected_covariance(born | {"track_type": upstream["track_type"]}),
    )


def test_no_tracks_give_no_matrices():
    assert expected_covariance(tracks(np.zeros(0))).shape == (0, 5, 5)


def test_it_is_what_the_fits_of_the_reference_detector_fluctuate_about():
    truth = completed(muons(2000, p=1e4))
    batch = Propagation()(simulate_detailed(truth, 1), 1)
    rows = Covariance.rows(batch) & (batch.track["track_type"] == LONG)
    found = Covariance.targets(batch, rows)
    for name in ("t_rad", "t_tan", "qop", "u_rad", "u_tan"):
        values = found[f"log_sigma_{name}"]
        assert abs(np.median(values)) < 0.06, name
        low, high = np.quantile(values, [0.16, 0.84])
        assert high - low < 0.12, name
