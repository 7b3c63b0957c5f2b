"""Decays and primary vertices: geometry that is exact, and what a choice of coordinates leaves."""

from __future__ import annotations

import numpy as np
import pytest
from vertex_toys import toys

from lamarr_like.decays.pointing import (
    Choices,
    Origins,
    best_vertex,
    choices,
    corrected_mass,
    flight,
    impact,
    inverse,
    primary_vertices,
)
from lamarr_like.decays.prongs import Composite, Prongs
from lamarr_like.events import Table
from lamarr_like.physics.particles import SPEED_OF_LIGHT

N = 150


def lines(seed=1):
    prongs, point, _ = toys(N, 1, seed)
    spread = np.broadcast_to(np.diag([0.02, 0.03, 0.1]) ** 2, (N, 3, 3))
    return Prongs(*(a[:, 0] for a in prongs)), Origins(point, spread)


def particles(tau=1.5e-3, mass=5280.0, seed=3):
    """Particles that come exactly from their origins, each with a covariance of its own."""
    rng = np.random.default_rng(seed)
    origin = rng.normal(size=(N, 3)) * [0.1, 0.1, 50.0]
    momentum = np.empty((N, 4))
    momentum[:, :3] = rng.uniform([-5e3, -5e3, 3e4], [5e3, 5e3, 2e5], (N, 3))
    momentum[:, 3] = np.sqrt((momentum[:, :3] ** 2).sum(axis=1) + mass**2)
    way = momentum[:, :3] * (tau * SPEED_OF_LIGHT / mass)
    root = rng.uniform(-0.3, 0.3, (N, 7, 7)) + np.eye(7)
    root *= np.array([0.01, 0.01, 0.2, 30.0, 30.0, 150.0, 150.0])[:, None]
    composite = Composite(
        origin + way, momentum, root @ root.swapaxes(1, 2), np.ones(N), np.ones(N, np.int64)
    )
    spread = np.broadcast_to(np.diag([0.01, 0.01, 0.06]) ** 2, (N, 3, 3))
    return composite, Origins(origin, spread), np.linalg.norm(way, axis=1)


def moved(origin, by):
    return Origins(origin.position + by, origin.covariance)


def test_a_line_through_a_point_has_no_impact():
    line, _ = lines()
    for way in (-40.0, 0.0, 300.0):
        point = np.stack(
            [line.state[:, i] + way * line.state[:, 2 + i] for i in (0, 1)] + [line.z + way], axis=1
        )
        distance, chi2 = impact(line, Origins(point, np.zeros((N, 3, 3))))
        assert distance == pytest.approx(0.0, abs=1e-6) and chi2 == pytest.approx(0.0, abs=1e-9)


def test_impacts_do_not_depend_on_where_the_state_is_given():
    """A line with its covariance taken to another plane is the same line."""
    line, origin = lines()
    step = 70.0
    way = np.eye(6)
    way[0, 2] = way[1, 3] = step
    other = Prongs(
        np.einsum("ij,nj->ni", way, line.state), line.z + step, way @ line.covariance @ way.T
    )
    for one, two in zip(impact(line, origin), impact(other, origin), strict=True):
        assert two == pytest.approx(one, rel=1e-6)


def test_impacts_do_not_depend_on_the_origin_of_coordinates():
    line, origin = lines()
    by = np.array([0.7, -0.3, 120.0])
    state = line.state.copy()
    state[:, :2] += by[:2]
    there = impact(Prongs(state, line.z + by[2], line.covariance), moved(origin, by))
    for one, two in zip(impact(line, origin), there, strict=True):
        assert two == pytest.approx(one, rel=1e-6, abs=1e-9)


def test_a_worse_known_vertex_has_a_smaller_chi2():
    line, origin = lines()
    sharp, blurred = (
        impact(line, Origins(origin.position, f * origin.covariance))[1] for f in (1.0, 4.0)
    )
    assert (blurred < sharp).all()
    assert (4.0 * blurred > sharp).all()


def vertices():
    """Three vertices in the first event, none in the second, one in the third."""
    z = np.array([0.0, 30.0, -60.0, 5.0])
    one = np.full(4, 0.02)
    columns = {"x": 0.01 * z, "y": 0.0 * z, "z": z}
    columns |= {f"sigma_{a}": one * (5.0 if a == "z" else 1.0) for a in "xyz"}
    return Table.from_counts(columns, np.array([3, 0, 1]))


def test_every_vertex_of_the_event_may_be_the_origin():
    found = choices(vertices(), np.array([2, 0, 1, 0]))
    assert found.owner.tolist() == [0, 1, 1, 1, 3, 3, 3] and found.total == 4
    assert found.row.tolist() == [3, 0, 1, 2, 0, 1, 2]
    assert found.origin.position[:, 2].tolist() == [5.0, 0.0, 30.0, -60.0, 0.0, 30.0, -60.0]


def test_vertices_carry_their_errors():
    found = primary_vertices(vertices(), np.array([1, -1]))
    assert found.position[0] == pytest.approx([0.3, 0.0, 30.0])
    assert found.covariance[0] == pytest.approx(np.diag([0.02, 0.02, 0.1]) ** 2)
    assert np.isnan(found.position[1]).all() and np.isnan(found.covariance[1]).all()


def test_the_best_vertex_is_the_nearest_in_chi2():
    table, wanted = vertices(), [2, 0, 1]
    rows = np.array([2, 0, 1])
    position = np.stack([table[a][rows] for a in "xyz"], axis=1)
    state = np.concatenate([position[:, :2], [[0.1, 0.05, 1e-5, 139.6]] * 3], axis=1)
    line = Prongs(state, position[:, 2], np.broadcast_to(1e-6 * np.eye(6), (3, 6, 6)))
    best = best_vertex(line, choices(table, np.zeros(3, np.int64)))
    assert best.position[:, 2].tolist() == [table["z"][k] for k in wanted]
    none = best_vertex(line, choices(table, np.array([1, 0, 1])))
    assert np.isnan(none.position[[0, 2]]).all() and np.isfinite(none.position[1]).all()


def test_a_vertex_without_errors_is_never_the_best():
    line, origin = lines()
    spread = np.concatenate([origin.covariance, np.full((N, 3, 3), np.nan)])
    position = np.concatenate([origin.position + 0.5, origin.position])
    owner = np.tile(np.arange(N), 2)
    order = np.argsort(owner, kind="stable")
    both = Choices(owner[order], owner[order], Origins(position[order], spread[order]), N)
    assert np.array_equal(best_vertex(line, both).position, origin.position + 0.5)


def test_a_particle_from_its_origin_points_back_exactly():
    particle, origin, way = particles()
    flown = flight(particle, origin)
    assert flown.distance == pytest.approx(way) and flown.dira == pytest.approx(1.0)
    assert flown.tau == pytest.approx(1.5e-3) and flown.tau_chi2 == pytest.approx(0.0, abs=1e-6)
    assert (flown.tau_error > 0.0).all() and (flown.chi2 > 0.0).all()


def test_flights_do_not_depend_on_the_origin_of_coordinates():
    particle, origin, _ = particles()
    one = flight(particle, origin)
    by = np.array([3.0, -1.0, 250.0])
    two = flight(particle._replace(position=particle.position + by), moved(origin, by))
    for name, values in one._asdict().items():
        assert getattr(two, name) == pytest.approx(values, rel=1e-6, abs=1e-6), name


def test_a_particle_that_goes_back_has_a_negative_time():
    particle, origin, _ = particles(tau=-4e-4)
    flown = flight(particle, origin)
    assert flown.tau == pytest.approx(-4e-4) and flown.dira == pytest.approx(-1.0)
    assert (flown.distance > 0.0).all()


def test_inverses_of_what_has_none_are_nan():
    rng = np.random.default_rng(5)
    root = rng.normal(size=(6, 3, 3))
    matrices = root @ root.swapaxes(1, 2)
    matrices[1], matrices[3, 0, 0], matrices[4] = 0.0, np.nan, -np.eye(3)
    found = inverse(matrices)
    assert np.isnan(found[[1, 3, 4]]).all()
    for k in (0, 2, 5):
        assert found[k] @ matrices[k] == pytest.approx(np.eye(3), abs=1e-8)


# --- with something missing


def partial(missing, seed=6, mass=5279.7):
    """Particles that decay to a visible part and a neutrino-like one, flying from their origins."""
    rng = np.random.default_rng(seed)
    whole, origin, _ = particles(mass=mass, seed=seed)
    p = whole.momentum[:, :3]
    axis = p / np.linalg.norm(p, axis=1)[:, None]
    side = np.cross(axis, rng.normal(size=(N, 3)))
    side /= np.linalg.norm(side, axis=1)[:, None]
    # In the frame of the whole the missing one flies at right angles: nothing along is missing.
    energy = np.full(N, missing)
    lost = np.concatenate([energy[:, None] * side, energy[:, None]], axis=1)
    gamma = whole.momentum[:, 3] / mass
    along = np.sqrt(gamma**2 - 1.0)
    boosted = lost.copy()
    boosted[:, :3] += axis * (along * energy)[:, None]
    boosted[:, 3] = gamma * energy
    return whole._replace(momentum=whole.momentum - boosted), origin, boosted


def test_nothing_missing_is_the_mass():
    particle, origin, _ = particles()
    # Across the flight there is nothing but rounding of large momenta, in its root.
    assert corrected_mass(particle, origin) == pytest.approx(particle.mass, abs=0.2)


@pytest.mark.parametrize("missing", [100.0, 800.0, 2000.0])
def test_a_massless_particle_across_the_flight_is_made_up_for(missing):
    """Exactly, where it flies at right angles in the rest frame; else it is a lower bound."""
    visible, origin, lost = partial(missing)
    assert lost[:, 3] ** 2 == pytest.approx((lost[:, :3] ** 2).sum(axis=1), rel=1e-6)
    found = corrected_mass(visible, origin)
    assert (visible.mass < 5279.7 - 0.5 * missing).all()
    assert found == pytest.approx(5279.7, abs=0.5)


def test_corrected_masses_do_not_depend_on_the_length_of_the_flight():
    visible, origin, _ = partial(800.0)
    way = visible.position - origin.position
    farther = visible._replace(position=origin.position + 7.0 * way)
    assert corrected_mass(farther, origin) == pytest.approx(corrected_mass(visible, origin))
    nowhere = visible._replace(position=origin.position.copy())
    assert np.isnan(corrected_mass(nowhere, origin)).all()


def test_a_wrong_vertex_makes_the_mass_larger():
    particle, origin, _ = particles()
    aside = moved(origin, np.array([0.3, 0.0, 0.0]))
    assert (corrected_mass(particle, aside) > corrected_mass(particle, origin)).all()
