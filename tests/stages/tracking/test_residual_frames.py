"""Residual frames and covariance parametrisation: exact both ways, always positive definite."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lamarr_like.errors import SchemaError
from lamarr_like.schema import TRACK_TYPES
from lamarr_like.stages.tracking import covariance
from lamarr_like.stages.tracking import covariance_numbers as vine
from lamarr_like.stages.tracking.covariance import Covariance, _rotate
from lamarr_like.stages.tracking.ideal_fit import expected_covariance
from lamarr_like.stages.tracking.residual_frames import (
    FRAMES,
    TrackState,
    ideal_scales,
    residuals,
    smeared,
)


def scales_of(state, track_type):
    phi = np.arctan2(state.ty, state.tx)
    track = {
        **{"log_p": np.log10(state.p), "tx": state.tx, "ty": state.ty, "ctb_z": state.z},
        "ctb_d": state.y * np.cos(phi) - state.x * np.sin(phi),
        **{"vz": state.z, "t3_x": 9e3 * state.tx, "tx_after": state.tx, "track_type": track_type},
    }
    return ideal_scales(state, expected_covariance(track), track_type)


def states(n, seed):
    """States that are closest to the z axis, of all types, some with the wrong charge."""
    rng = np.random.default_rng(seed)
    t, phi = np.exp(rng.normal(-2.5, 0.7, n)), rng.uniform(-np.pi, np.pi, n)
    d = rng.normal(0, 1, n) * 10 ** rng.uniform(-4, 2, n)
    charge = rng.choice([-1.0, 1.0], n)
    truth = TrackState(
        -d * np.sin(phi), d * np.cos(phi), rng.normal(0, 100, n), t * np.cos(phi),
        t * np.sin(phi), 10 ** rng.uniform(2.5, 5.3, n), charge,
    )  # fmt: skip
    t2, phi2 = t * (1 + 0.01 * rng.normal(size=n)), phi + 0.01 * rng.normal(size=n)
    d2 = d + 0.05 * rng.normal(size=n)
    reco = TrackState(
        -d2 * np.sin(phi2), d2 * np.cos(phi2), truth.z + rng.normal(0, 1, n), t2 * np.cos(phi2),
        t2 * np.sin(phi2), truth.p * np.exp(0.1 * rng.normal(size=n)),
        np.where(rng.random(n) < 0.05, -charge, charge),
    )  # fmt: skip
    track_type = rng.choice([c for c in TRACK_TYPES.values() if c], n)
    return truth, reco, scales_of(truth, track_type)


@pytest.mark.parametrize("frame", FRAMES)
def test_frames_are_invertible(frame):
    truth, reco, scales = states(5000, 1)
    drawn = residuals(frame, truth, reco, scales)
    assert set(drawn) == set(FRAMES[frame])
    back = smeared(frame, truth, drawn, scales)
    for name, expected, got in zip(TrackState._fields, reco, back, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9, err_msg=name)


def test_perigee_states_stay_closest_to_the_axis():
    truth, _, scales = states(2000, 2)
    rng = np.random.default_rng(3)
    drawn = {name: rng.normal(size=2000) for name in FRAMES["perigee"]}
    reco = smeared("perigee", truth, drawn, scales)
    product = reco.x * reco.tx + reco.y * reco.ty
    size = np.hypot(reco.x, reco.y) * np.hypot(reco.tx, reco.ty)
    assert (np.abs(product) <= 1e-12 * size + 1e-15).all()


def test_momentum_stays_positive_for_any_draw():
    truth, _, scales = states(300, 4)
    drawn = dict.fromkeys(FRAMES["perigee"], np.zeros(300))
    for value in (-1e6, -9.0, -2.0, 0.0, 2.0, 9.0, 1e6):
        reco = smeared("perigee", truth, drawn | {"qop_rel": np.full(300, value)}, scales)
        assert (np.isfinite(reco.p) & (reco.p > 0)).all()


def test_a_ratio_of_minus_one_is_the_wrong_charge():
    truth, _, scales = states(300, 4)
    flipped = truth._replace(charge=-truth.charge)
    drawn = residuals("perigee", truth, flipped, scales)
    np.testing.assert_allclose(smeared("perigee", truth, drawn, scales).charge, flipped.charge)


def test_the_slowest_tracks_have_equal_residuals_whatever_their_type():
    truth, _, _ = states(3, 5)
    truth = truth._replace(p=np.full(3, 5e3))
    kinds = np.array([TRACK_TYPES[k] for k in ("long", "upstream", "downstream")])
    scales = scales_of(truth, kinds)
    least = np.array([1000.0, 100.0, 1000.0])
    reco = truth._replace(p=1.0 / (1.0 / least + 2.0 / truth.p))
    np.testing.assert_allclose(residuals("perigee", truth, reco, scales)["qop_rel"], 8.0)


def random_covariances(n, seed, condition):
    """Covariances with track-like scales and correlation matrices of a given condition."""
    rng = np.random.default_rng(seed)
    q, _ = np.linalg.qr(rng.normal(size=(n, 5, 5)))
    eigen = np.exp(rng.uniform(-np.log(condition), 0, (n, 5)))
    matrix = np.einsum("nij,nj,nkj->nik", q, eigen, q)
    scale = np.array([1e-2, 1e-2, 1e-4, 1e-4, 1e-7]) * np.exp(rng.normal(size=(n, 5)))
    matrix = matrix * scale[:, :, None] * scale[:, None, :]
    return 0.5 * (matrix + matrix.transpose(0, 2, 1))


@pytest.mark.parametrize(("condition", "rtol"), [(10, 1e-10), (1e4, 1e-9), (1e8, 1e-5)])
def test_vine_round_trip(condition, rtol):
    matrix = random_covariances(3000, 5, condition)
    log_sigma, z = vine.to_vine(matrix)
    back = vine.from_vine(log_sigma, z)
    unit = np.exp(log_sigma)
    scaled = (back - matrix) / (unit[:, :, None] * unit[:, None, :])
    assert np.abs(scaled).max() < 10 * rtol
    np.testing.assert_allclose(vine.to_vine(back)[0], log_sigma, rtol=1e-9)


def test_vine_first_row_is_the_plain_correlation():
    matrix = random_covariances(100, 6, 50)
    log_sigma, z = vine.to_vine(matrix)
    for i in range(1, 5):
        rho = matrix[:, i, 0] / np.exp(log_sigma[:, i] + log_sigma[:, 0])
        np.testing.assert_allclose(np.tanh(z[:, i * (i - 1) // 2]), rho, rtol=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.float64, (2, 5), elements=st.floats(-30, 10)),
    arrays(np.float64, (2, 10), elements=st.floats(-50, 50)),
)
def test_any_numbers_give_a_positive_definite_matrix(log_sigma, z):
    matrix = vine.from_vine(log_sigma, z)
    np.testing.assert_array_equal(matrix, matrix.transpose(0, 2, 1))
    vine.cholesky(matrix)
    unit = 1 / np.sqrt(np.einsum("nii->ni", matrix))
    np.linalg.cholesky(matrix * unit[:, :, None] * unit[:, None, :])


@pytest.mark.parametrize(
    "bad", [np.diag([1.0, -1, 1, 1, 1]), np.full((5, 5), np.nan), np.ones((5, 5))]
)
def test_matrices_that_are_not_positive_definite_are_named(bad):
    matrix = np.stack([np.eye(5), np.eye(5), bad])
    with pytest.raises(SchemaError, match="1 of 3 covariance .* number 2"):
        vine.to_vine(matrix)


def test_rotation_of_the_covariance_is_exact():
    _, reco, _ = states(500, 7)
    matrix = random_covariances(500, 8, 1e3)
    rotated = _rotate(matrix, reco, 1.0)
    back = _rotate(rotated, reco, -1.0)
    size = np.sqrt(np.einsum("nii->ni", matrix))
    assert np.abs((back - matrix) / (size[:, :, None] * size[:, None, :])).max() < 1e-11
    phi = np.arctan2(reco.ty, reco.tx)
    along = np.stack([np.cos(phi), np.sin(phi)], axis=1)
    radial = np.einsum("ni,nij,nj->n", along, matrix[:, 2:4, 2:4], along)
    np.testing.assert_allclose(rotated[:, 0, 0], radial, rtol=1e-9)
    np.testing.assert_allclose(rotated[:, 2, 2], matrix[:, 4, 4], rtol=1e-12)


def test_covariance_outputs_are_fifteen():
    assert len(set(Covariance.outputs)) == 15


def test_nearly_singular_matrices_are_bounded():
    z = np.random.default_rng(4).normal(0.0, 1.0, (200, 10))
    z[:100] *= 8.0
    bounded = covariance._bounded(z)
    depth = -np.log1p(-(np.tanh(bounded) ** 2)).sum(axis=1)
    assert (depth < 24.5).all() and (depth[:100] > 20.0).mean() > 0.9
    # What is ordinary stays as it is, signs stay, and a row does not depend on its company.
    shallow = -np.log1p(-(np.tanh(z[100:]) ** 2)).sum(axis=1) < 24.0
    assert np.array_equal(bounded[100:][shallow], z[100:][shallow])
    assert np.array_equal(np.sign(bounded), np.sign(z))
    assert np.array_equal(covariance._bounded(z[7:8]), bounded[7:8])
    assert np.linalg.eigvalsh(vine.from_vine(np.zeros((200, 5)), bounded)).min() > 0.0
