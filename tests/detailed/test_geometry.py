"""The planes of the reference detector and its magnet, against what is published."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad

from lamarr_like.detailed import geometry
from lamarr_like.detailed.parameters import DEFAULT

PLANES = geometry.build_planes(DEFAULT)


def test_planes_are_in_order_of_z():
    assert (np.diff(PLANES.z) >= 0.0).all()
    assert len({len(column) for column in PLANES}) == 1


def test_every_measurement_is_made_once():
    """Of a VELO station two, R and phi."""
    first = PLANES.measurement[PLANES.measurement >= 0]
    velo = PLANES.measurement[PLANES.kind == geometry.VELO]
    made = np.sort(np.concatenate([first, velo + 1]))
    np.testing.assert_array_equal(made, np.arange(geometry.N_MEASUREMENTS))
    for kind, low, high in (
        (geometry.VELO, 0, geometry.FIRST_TT),
        (geometry.TT, geometry.FIRST_TT, geometry.FIRST_T),
        (geometry.T, geometry.FIRST_T, geometry.N_MEASUREMENTS),
    ):
        mine = PLANES.measurement[PLANES.kind == kind]
        assert low <= mine.min() and mine.max() < high and (np.diff(mine) > 0).all()


def test_numbers_of_planes_are_those_of_lhcb():
    kinds = np.bincount(PLANES.kind, minlength=8)
    assert kinds[[geometry.VELO, geometry.TT, geometry.T]].tolist() == [21, 4, 24]
    assert kinds[[geometry.RICH1, geometry.RICH2, geometry.SPD, geometry.PIPE]].tolist() == [1] * 4


def test_what_does_not_measure_has_no_measurement_and_what_only_notes_weighs_nothing():
    passive = ~np.isin(PLANES.kind, (geometry.VELO, geometry.TT, geometry.T))
    assert (PLANES.measurement[passive] == -1).all() and (PLANES.angle[passive] == 0.0).all()
    noting = np.isin(PLANES.kind, (geometry.RICH1, geometry.RICH2, geometry.SPD))
    assert (PLANES.x0[noting] == 0.0).all() and (PLANES.x0[~noting] > 0.0).all()


def test_layers_are_x_u_v_x():
    for kind, layers in ((geometry.TT, 1), (geometry.T, 2)):
        angle = PLANES.angle[PLANES.kind == kind].reshape(-1, 4, layers)
        a = DEFAULT.stereo_angle
        assert (angle == np.array([0.0, a, -a, 0.0])[:, None]).all()
    assert np.degrees(DEFAULT.stereo_angle) == pytest.approx(5.0)


def test_monolayers_lie_about_their_layer():
    z = PLANES.z[PLANES.kind == geometry.T].reshape(3, 4, 2)
    centre = np.add.outer(DEFAULT.t_centres, DEFAULT.t_layer_dz)
    np.testing.assert_allclose(z.mean(axis=2), centre)
    assert np.diff(z, axis=2) == pytest.approx(5.5)
    assert geometry.t2_plane(DEFAULT) == z[1, 0, 0]
    whole = PLANES.x0[PLANES.kind == geometry.T].sum()
    assert whole == pytest.approx(3 * 4 * DEFAULT.t_x0)


def test_the_magnet_bends_by_its_power():
    peak, centre, width = geometry.magnet(DEFAULT)
    power, _ = quad(lambda z: peak * np.exp(-0.5 * ((z - centre) / width) ** 2), -2e4, 3e4)
    assert power == pytest.approx(DEFAULT.polarity * DEFAULT.bending_power * 1e3, rel=1e-6)
    # About a tesla in the middle, and 4 T m in all [D].
    assert 0.9 < abs(peak) < 1.2 and abs(power) == pytest.approx(4e3, rel=0.02)
    assert geometry.magnet(replace(DEFAULT, polarity=-DEFAULT.polarity))[0] == -peak


def test_kernels_get_the_parameters_under_their_own_names():
    spectrometer = geometry.spectrometer(PLANES, DEFAULT)
    for name, value in spectrometer.det._asdict().items():
        assert value == getattr(DEFAULT, name), name
    assert spectrometer.planes is PLANES and spectrometer.magnet == geometry.magnet(DEFAULT)
    changed = geometry.detector(replace(DEFAULT, foil_radius=9.0))
    assert changed.foil_radius == 9.0 and changed.tt_hole == DEFAULT.tt_hole


def test_parameters_move_the_planes():
    far = replace(DEFAULT, tt_z=tuple(z + 10.0 for z in DEFAULT.tt_z))
    moved = geometry.build_planes(far)
    tt = PLANES.kind == geometry.TT
    np.testing.assert_allclose(moved.z[moved.kind == geometry.TT], PLANES.z[tt] + 10.0)
    np.testing.assert_array_equal(np.sort(moved.x0), np.sort(PLANES.x0))
