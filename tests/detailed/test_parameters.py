"""The reference detector as numbers: planes, radiators and cells, without a kernel compiled."""

import numpy as np
import pytest

from lamarr_like.detailed import geometry, radiator
from lamarr_like.detailed.calorimeter import cells
from lamarr_like.detailed.parameters import DEFAULT, changed
from lamarr_like.errors import PipelineError


def test_planes_are_in_order_and_measure_everything_once():
    planes = geometry.build_planes(DEFAULT)
    assert (np.diff(planes.z) > 0).all() and (planes.x0 >= 0).all()
    first = planes.measurement[planes.measurement >= 0]
    width = np.where(planes.kind[planes.measurement >= 0] == geometry.VELO, 2, 1)
    made = np.concatenate([np.arange(a, a + n) for a, n in zip(first, width, strict=True)])
    assert sorted(made) == list(range(geometry.N_MEASUREMENTS))
    for kind, low, high in ((geometry.TT, 2300, 2700), (geometry.T, 7500, 9500)):
        z = planes.z[planes.kind == kind]
        assert len(z) and low < z.min() and z.max() < high


def test_numbers_for_kernels_are_the_parameters():
    detector = geometry.detector(DEFAULT)
    assert all(getattr(DEFAULT, name) == getattr(detector, name) for name in detector._fields)


def test_radiators_are_two_gases():
    c4f10, cf4 = radiator.radiators(DEFAULT)
    assert c4f10.n > cf4.n > 1.0
    assert c4f10.theta_min > cf4.theta_min and c4f10.slope_x > cf4.slope_x
    assert all(type(number) is float for number in (*c4f10, *cf4))


def test_cells_fill_the_face_without_overlap():
    for layout in (cells.ecal(DEFAULT), cells.hcal(DEFAULT)):
        real = np.flatnonzero(layout.exists)
        side = layout.size[layout.region[real]]
        area = (side**2).sum()
        half_x, half_y = layout.half[:, 0].max(), layout.half[:, 1].max()
        assert 0.9 * 4 * half_x * half_y < area < 4 * half_x * half_y
        points = np.stack([layout.x[real], layout.y[real]], axis=1)
        assert len(np.unique(points, axis=0)) == len(real)


def test_numbers_can_be_changed_by_name():
    par = changed(["velo_resolution=0.4", "rich_yield=12,9.5", "pv_min_tracks=4"])
    assert (par.velo_resolution, par.rich_yield, par.pv_min_tracks) == (0.4, (12.0, 9.5), 4)
    assert changed([]) == DEFAULT != par
    for word, message in (
        ("velo_width=1", "the detector has no plain number 'velo_width'"),
        ("muon_field_x=1", "no plain number 'muon_field_x'"),
        ("rich_yield=12", "--set rich_yield=12: must be like rich_yield=24.5,17.6"),
        ("velo_resolution=wide", "must be like velo_resolution=0.28"),
        ("velo_resolution=nan", "must be like"),
        ("velo_resolution", "must be like"),
    ):
        with pytest.raises(PipelineError, match=message):
            changed([word])
