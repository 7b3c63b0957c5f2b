"""The reference detector as numbers: planes, radiators and cells, without a kernel compiled."""

import numpy as np

from lamarr_like.detailed import geometry, radiator
from lamarr_like.detailed.calorimeter import cells
from lamarr_like.detailed.parameters import DEFAULT


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
