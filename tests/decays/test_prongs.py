"""Lines and decayed particles: derivatives are those of differences, round trips lose nothing."""

from __future__ import annotations

import numpy as np
import pytest
from vertex_toys import toys

from lamarr_like.decays.prongs import (
    AXES,
    TRACK_COLUMNS,
    Composite,
    Prongs,
    four_momenta,
    global_rows,
    stack,
    track_prongs,
)
from lamarr_like.decays.vertexfit import fit_vertices, joint_covariance, no_fit
from lamarr_like.events import EventBatch, Table
from lamarr_like.schema import COVARIANCE_AXES

N = 40
MASSES = {11: 0.51099895, 13: 105.6583755, 211: 139.57039, 321: 493.677, 2212: 938.27208943}


def states(seed=1):
    rng = np.random.default_rng(seed)
    state = np.empty((N, 6))
    state[:, :2] = rng.normal(size=(N, 2))
    state[:, 2:4] = rng.uniform(-0.3, 0.3, (N, 2))
    state[:, 4] = 1.0 / rng.uniform(2e3, 1e5, N)
    state[:, 5] = rng.choice(list(MASSES.values()), N)
    return state


def composites(seed=2, mass=5279.7):
    rng = np.random.default_rng(seed)
    momentum = np.empty((N, 4))
    momentum[:, :3] = rng.uniform([-5e3, -5e3, 2e4], [5e3, 5e3, 2e5], (N, 3))
    momentum[:, 3] = np.sqrt((momentum[:, :3] ** 2).sum(axis=1) + mass**2)
    root = rng.uniform(-0.3, 0.3, (N, 7, 7)) + np.eye(7)
    root *= np.array([0.01, 0.01, 0.2, 10.0, 10.0, 60.0, 60.0])[:, None]
    return Composite(
        rng.normal(size=(N, 3)) * [1.0, 1.0, 50.0],
        momentum,
        root @ root.swapaxes(1, 2),
        np.ones(N),
        np.ones(N, np.int64),
    )


def tracks(rows=N, seed=3, **more):
    rng = np.random.default_rng(seed)
    columns = {name: rng.normal(size=rows) for name in TRACK_COLUMNS}
    columns |= {"charge": rng.choice([-1, 1], rows), "p": rng.uniform(2e3, 1e5, rows)}
    columns |= {"tx": rng.uniform(-0.3, 0.3, rows), "ty": rng.uniform(-0.3, 0.3, rows)}
    root = rng.uniform(-0.3, 0.3, (rows, 5, 5)) + np.eye(5)
    root *= np.array([0.01, 0.01, 1e-4, 1e-4, 1e-7])[:, None]
    for i in range(5):
        for j in range(i + 1):
            columns[f"cov{j}{i}"] = (root @ root.swapaxes(1, 2))[:, i, j]
    return Table.from_counts({**columns, **more}, [rows])


# --- four-momenta


def test_four_momenta_have_mass_momentum_and_direction():
    state = states()
    p, _ = four_momenta(state)
    assert np.linalg.norm(p[:, :3], axis=1) == pytest.approx(1.0 / state[:, 4])
    assert p[:, 0] / p[:, 2] == pytest.approx(state[:, 2])
    assert p[:, 1] / p[:, 2] == pytest.approx(state[:, 3])
    assert p[:, 3] ** 2 - (p[:, :3] ** 2).sum(axis=1) == pytest.approx(state[:, 5] ** 2, rel=1e-3)
    assert (p[:, 2] > 0.0).all()


@pytest.mark.parametrize("axis", range(4))
def test_derivatives_of_four_momenta_are_those_of_differences(axis):
    state = states()
    step = np.array([1e-6, 1e-6, 1e-9, 1e-3])[axis]
    moved = [state.copy(), state.copy()]
    for sign, one in zip((-1.0, 1.0), moved, strict=True):
        one[:, 2 + axis] += sign * step
    difference = (four_momenta(moved[1])[0] - four_momenta(moved[0])[0]) / (2.0 * step)
    np.testing.assert_allclose(
        four_momenta(state)[1][:, :, axis], difference, rtol=1e-4, atol=1e-6 / step
    )


def test_momenta_of_any_leading_shape():
    state = states().reshape(4, 5, 2, 6)
    whole, jacobian = four_momenta(state)
    assert whole.shape == (4, 5, 2, 4) and jacobian.shape == (4, 5, 2, 4, 4)
    np.testing.assert_array_equal(four_momenta(state[1, 2])[0], whole[1, 2])


# --- decayed particles


def test_a_line_of_a_particle_has_its_momentum_again():
    found = composites()
    line = found.as_prongs()
    assert four_momenta(line.state)[0] == pytest.approx(found.momentum, rel=1e-6)
    np.testing.assert_array_equal(line.state[:, :2], found.position[:, :2])
    np.testing.assert_array_equal(line.z, found.position[:, 2])
    assert line.state[:, 5] == pytest.approx(5279.7, rel=1e-6)


def test_covariance_of_a_line_follows_the_particle():
    """Against differences: a particle that is moved gives a line in the plane of before."""
    found, z = composites(), composites().position[:, 2]

    def state_of(position, momentum):
        moved = found._replace(position=position, momentum=momentum).as_prongs()
        at = moved.state.copy()
        at[:, :2] += (z - moved.z)[:, None] * at[:, 2:4]
        return at

    jacobian = np.empty((N, 6, 7))
    for k in range(7):
        step = 1e-3 if k < 3 else 0.05
        ends = []
        for sign in (-1.0, 1.0):
            position, momentum = found.position.copy(), found.momentum.copy()
            (position if k < 3 else momentum)[:, k if k < 3 else k - 3] += sign * step
            ends.append(state_of(position, momentum))
        jacobian[:, :, k] = (ends[1] - ends[0]) / (2.0 * step)
    expected = jacobian @ found.covariance @ jacobian.swapaxes(1, 2)
    line = found.as_prongs()
    scale = np.sqrt(np.einsum("nii->ni", expected))
    norm = scale[:, :, None] * scale[:, None, :]
    np.testing.assert_allclose(line.covariance / norm, expected / norm, atol=2e-4)


def test_error_of_a_mass_is_that_of_chance():
    """Many draws of one particle with its covariance."""
    found = composites()
    found = found._replace(covariance=1e-3 * found.covariance)  # the law is that of small errors
    rng = np.random.default_rng(5)
    noise = rng.multivariate_normal(np.zeros(7), found.covariance[0], 20_000)
    p = found.momentum[0] + noise[:, 3:]
    mass = np.sqrt(p[:, 3] ** 2 - (p[:, :3] ** 2).sum(axis=1))
    assert mass.std() == pytest.approx(found.mass_error[0], rel=0.03)
    assert mass.mean() == pytest.approx(found.mass[0], abs=0.1 * found.mass_error[0])


def test_masses_below_nothing_are_zero():
    found = composites()
    found.momentum[:, 3] = 0.999 * np.linalg.norm(found.momentum[:, :3], axis=1)
    assert (found.mass == 0.0).all() and np.isfinite(found.mass_error).all()


# --- tracks


@pytest.mark.parametrize("pdg_id", MASSES)
@pytest.mark.parametrize("sign", [-1, 1])
def test_tracks_take_the_mass_of_their_hypothesis(pdg_id, sign):
    table = tracks()
    line = track_prongs(table, np.arange(N), sign * pdg_id)
    assert line.state[:, 5] == pytest.approx(MASSES[pdg_id])
    for i, name in enumerate(("x", "y", "tx", "ty")):
        np.testing.assert_array_equal(line.state[:, i], table[name])
    assert 1.0 / line.state[:, 4] == pytest.approx(table["p"])
    assert (line.covariance[:, 5] == 0.0).all()  # a hypothesis is certain


def test_correlations_with_the_curvature_turn_with_the_charge():
    """The table has q/p, a prong 1/p: of negative tracks the correlations change their sign."""
    table = tracks()
    line = track_prongs(table, np.arange(N), 211)
    np.testing.assert_array_equal(line.covariance, line.covariance.swapaxes(1, 2))
    for i in range(len(COVARIANCE_AXES)):
        for j in range(i + 1):
            sign = table["charge"] if (i == 4) != (j == 4) else 1.0
            np.testing.assert_array_equal(line.covariance[:, i, j], sign * table[f"cov{j}{i}"])
    assert (np.linalg.eigvalsh(line.covariance[:, :5, :5]) > 0.0).all()
    assert len(AXES) == line.state.shape[1]


def test_bremsstrahlung_comes_back_to_electrons_only():
    energy = np.where(np.arange(N) % 2, 3e3, 0.0)
    table = tracks(brem_energy=energy)
    plain, line = (track_prongs(table, np.arange(N), 11, brem=b) for b in (False, True))
    assert 1.0 / line.state[:, 4] == pytest.approx(table["p"] + energy)
    np.testing.assert_allclose(line.state[::2], plain.state[::2], rtol=1e-12)
    np.testing.assert_allclose(line.covariance[::2], plain.covariance[::2], rtol=1e-12)
    assert (np.linalg.eigvalsh(line.covariance[:, :5, :5]) > 0.0).all()
    # The error of the momentum is that of the track and of the cluster in squares.
    sigma = [np.sqrt(one.covariance[:, 4, 4]) / one.state[:, 4] ** 2 for one in (plain, line)]
    assert sigma[1] ** 2 == pytest.approx(sigma[0] ** 2 + 9.0 * energy)
    pion = track_prongs(table, np.arange(N), 211)
    np.testing.assert_array_equal(pion.state[:, :5], plain.state[:, :5])


# --- groups of lines


def test_lines_are_stacked_taken_and_replaced():
    prongs, _, _ = toys(N, 3)
    one = [Prongs(*(a[:, j] for a in prongs)) for j in range(3)]
    for name, values in stack(one)._asdict().items():
        np.testing.assert_array_equal(values, getattr(prongs, name))
    rows = np.array([7, 3])
    part = prongs.take(rows)
    other = part._replace(z=part.z + 1.0)
    whole = prongs.replaced(rows, other)
    np.testing.assert_array_equal(whole.z[rows], prongs.z[rows] + 1.0)
    rest = np.setdiff1d(np.arange(N), rows)
    np.testing.assert_array_equal(whole.z[rest], prongs.z[rest])
    assert whole.z is not prongs.z and (prongs.take(rows).z == part.z).all()


def test_rows_of_events_and_of_nothing():
    batch = EventBatch(
        {
            "event": Table({"event_id": np.arange(3)}, np.arange(4)),
            "track": Table.from_counts({"p": np.zeros(6)}, [2, 1, 3]),
        }
    )
    event, local = np.array([0, 0, 1, 2, 2]), np.array([1, -1, 0, 2, -1])
    assert global_rows(batch, "track", event, local).tolist() == [1, -1, 2, 5, -1]


def test_sums_of_prongs_are_sums():
    prongs, _, _ = toys(N, 4)
    fit = fit_vertices(prongs)
    whole, parts = fit.composite(), [fit.composite([0, 1]), fit.composite([2, 3])]
    np.testing.assert_allclose(parts[0].momentum + parts[1].momentum, whole.momentum, rtol=1e-12)
    for part in parts:
        np.testing.assert_array_equal(part.position, whole.position)
        np.testing.assert_allclose(part.covariance[:, :3, :3], whole.covariance[:, :3, :3])
    # For a given vertex the prongs know nothing of each other: what is left of the covariances
    # of the momenta when that of the position is taken out adds up.
    rest = []
    for one in (whole, *parts):
        c = one.covariance
        gain = c[:, 3:, :3] @ np.linalg.inv(c[:, :3, :3])
        rest.append(c[:, 3:, 3:] - gain @ c[:, :3, 3:])
    scale = np.abs(rest[0]).max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(rest[0] / scale, (rest[1] + rest[2]) / scale, atol=1e-6)


def test_neutral_particles_add_their_momenta():
    prongs, _, _ = toys(N, 2)
    fit = fit_vertices(prongs)
    rng = np.random.default_rng(7)
    momentum = rng.uniform(0.0, 1e3, (N, 4))
    lever = rng.normal(size=(N, 4, 3))
    spread = np.broadcast_to(np.diag([1.0, 2.0, 3.0, 4.0]), (N, 4, 4))
    found, alone = fit.with_neutrals(None, (momentum, lever, spread)), fit.composite()
    np.testing.assert_allclose(found.momentum, alone.momentum + momentum)
    mixed = found.covariance[:, 3:, :3] - alone.covariance[:, 3:, :3]
    np.testing.assert_allclose(mixed, lever @ fit.covariance, rtol=1e-6, atol=1e-6)
    assert (np.linalg.eigvalsh(found.covariance[:, 3:, 3:]) > 0.0).all()


def test_joint_covariances_are_those_of_a_linear_law():
    rng = np.random.default_rng(8)
    root, own = rng.normal(size=(2, 3, 3)), rng.normal(size=(2, 4, 4))
    lever = rng.normal(size=(2, 4, 3))
    position, spread = root @ root.swapaxes(1, 2), own @ own.swapaxes(1, 2)
    joint = joint_covariance(position, lever, spread)
    for k in range(2):
        v = rng.multivariate_normal(np.zeros(3), position[k], 200_000)
        p = v @ lever[k].T + rng.multivariate_normal(np.zeros(4), spread[k], 200_000)
        drawn = np.cov(np.concatenate([v, p], axis=1).T)
        np.testing.assert_allclose(drawn, joint[k], atol=0.02 * np.abs(joint[k]).max())


def test_without_a_fit_nothing_is_moved():
    prongs, point, _ = toys(N, 2)
    cov = np.broadcast_to(np.eye(3), (N, 3, 3))
    fit = no_fit(prongs, point, cov)
    np.testing.assert_array_equal(fit.state, prongs.state)
    assert fit.n_dof == 0 and not fit.converged.any() and np.isnan(fit.chi2).all()
    found = fit.composite()
    np.testing.assert_allclose(found.momentum, four_momenta(prongs.state)[0].sum(axis=1))
    assert (found.covariance[:, :3, 3:] == 0.0).all() and (found.n_dof == 0).all()
    empty = no_fit(Prongs(*(a[:, :0] for a in prongs)), point, cov).composite()
    assert empty.momentum.shape == (N, 4) and (empty.momentum == 0.0).all()
