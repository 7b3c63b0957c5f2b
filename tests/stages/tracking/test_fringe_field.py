"""True states of particles that are born in the fringe of the field."""

import numpy as np
import pytest

from lamarr_like.detailed import geometry
from lamarr_like.detailed.field import propagate
from lamarr_like.detailed.parameters import DEFAULT
from lamarr_like.events import Table
from lamarr_like.physics.kinematics import closest_to_beam
from lamarr_like.stages.tracking.fringe_field import FIELD_START, bend, carried
from lamarr_like.stages.tracking.residual_frames import TrackState

MAGNET = geometry.magnet(DEFAULT)


@pytest.fixture(scope="module")
def born():
    """Particles born in the fringe, on straight lines to the beam, and as a fit carries them."""
    rng = np.random.default_rng(4)
    n = 300
    z, p = rng.uniform(750.0, 2300.0, n), rng.uniform(3e3, 5e4, n)
    phi, slope = rng.uniform(0.0, 2.0 * np.pi, n), rng.uniform(0.03, 0.2, n)
    tx, ty = slope * np.cos(phi), slope * np.sin(phi)
    x, y = tx * z, ty * z + rng.normal(0.0, 20.0, n)
    charge = rng.choice([-1.0, 1.0], n)
    columns = {"mc_vx": x, "mc_vy": y, "mc_vz": z}
    particle = Table(columns, np.array([0, n]))
    straight = TrackState(*closest_to_beam(x, y, z, tx, ty), tx, ty, p, charge)
    fitted = np.array(
        [
            propagate(*s, q / k, at, FIELD_START, MAGNET)
            for *s, q, k, at in zip(x, y, tx, ty, charge, p, z, strict=True)
        ]
    )
    a, b = fitted[:, 2:].T
    back = closest_to_beam(fitted[:, 0], fitted[:, 1], np.full(n, FIELD_START), a, b)
    return particle, straight, TrackState(*back, a, b, p, charge)


def test_states_are_those_that_a_fit_carries_back(born):
    particle, straight, fitted = born
    found = carried(straight, particle, np.arange(len(straight.p)))
    for name in ("x", "y", "z", "tx", "ty"):
        before = np.abs(getattr(straight, name) - getattr(fitted, name))
        after = np.abs(getattr(found, name) - getattr(fitted, name))
        assert after.max() < 0.05 * before.max(), name
        assert np.median(after) < 0.02 * np.median(before), name
    assert found.p is straight.p or np.array_equal(found.p, straight.p)
    np.testing.assert_allclose(found.x * found.tx + found.y * found.ty, 0.0, atol=1e-6)


def test_only_what_is_born_in_the_field_is_moved(born):
    particle, straight, _ = born
    rows = np.arange(len(straight.p))
    early = Table(dict(particle.columns) | {"mc_vz": np.full(len(rows), 600.0)}, particle.offsets)
    assert carried(straight, early, rows) is straight
    soft = straight._replace(p=np.full(len(rows), 100.0))
    assert carried(soft, particle, rows) is soft
    half = Table(
        dict(particle.columns) | {"mc_vz": np.where(rows % 2, 600.0, particle["mc_vz"])},
        particle.offsets,
    )
    moved = carried(straight, half, rows).tx != straight.tx
    assert (moved == (rows % 2 == 0)).all()


def test_nothing_bends_before_the_field(born):
    _, straight, _ = born
    state = np.stack([straight.x, straight.y, straight.tx, straight.ty, 1.0 / straight.p], axis=1)
    at = np.full(len(state), FIELD_START)
    assert np.abs(bend(state, straight.charge, at, -1)).max() < 1e-12
    there = bend(state, straight.charge, at + 1500.0, -1)
    np.testing.assert_allclose(there, -bend(state, straight.charge, at + 1500.0, 1))
    # Magnet down sends positive particles to +x.
    assert (np.sign(there[:, 2]) == straight.charge).all()
