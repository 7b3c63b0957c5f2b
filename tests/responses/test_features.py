"""Features of arrays that can be worked out by hand."""

from itertools import pairwise

import numpy as np
import pytest
from blobs import BLOBS, blobs

from lamarr_like.responses.features import EMPTY, LEVELS, RINGS, features
from lamarr_like.responses.hits import hits_of


def of(array, **conditions):
    given = {"kind": 0, "energy": 10, "tx": 0, "ty": 0, "x": 0, "y": 0, **conditions}
    seen = BLOBS.seen({k: np.array([float(v)]) for k, v in given.items()}, "t")
    found = features(BLOBS, seen, hits_of(np.asarray(array, np.float32)[None]))
    return {name: float(values[0]) for name, values in found.items()}


def cells(**values):
    """An array with some cells, by ``x_y``."""
    array = np.zeros(BLOBS.shape)
    for place, value in values.items():
        array[tuple(int(i) for i in place[1:].split("_"))] = value
    return array


def test_two_cells():
    found = of(cells(c6_6=3.0, c8_6=1.0))
    assert found["response"] == pytest.approx(np.log(4 / 10))
    assert found["hits"] == 2
    assert found["centroid_x"] == pytest.approx(0.5 * 3 / 4 + 2.5 / 4)
    assert found["width_x"] == pytest.approx(np.sqrt(3 / 16 * 4))
    assert found["width_y"] == pytest.approx(0, abs=1e-9)
    assert found["strongest"] == pytest.approx(0.75)
    assert found["within_1"] == pytest.approx(0.75) and found["within_2"] == pytest.approx(1)
    assert found["farthest"] == 2
    assert found["cell_log_mean"] == pytest.approx(np.log(3) / 2)
    assert found["cells_above_0.01"] == 2


def test_sides_along_the_slope_and_across():
    array = cells(c8_6=3.0, c4_6=1.0)  # along x: 2.5 and -1.5; across: 0.5
    along = of(array, tx=0.2)
    assert along["longitudinal_asymmetry"] == pytest.approx(0.5)
    assert along["transverse_asymmetry"] == pytest.approx(1.0)
    across = of(array, ty=0.2)
    assert across["transverse_asymmetry"] == pytest.approx(-0.5)
    assert across["transverse_width"] == pytest.approx(along["longitudinal_width"])
    moved = of(array, tx=0.2, x=1)
    assert moved["from_impact_x"] == pytest.approx(along["from_impact_x"] - 1)


def test_an_empty_array_has_none():
    assert set(of(np.zeros(BLOBS.shape)).values()) == {EMPTY}


def test_features_grow_with_what_they_count():
    sample = blobs(300)
    found = features(BLOBS, sample.seen, sample.hits)
    assert all(values.shape == (300,) and np.isfinite(values).all() for values in found.values())
    rings = [found[f"within_{r}"] for r in RINGS]
    assert all((b >= a - 1e-12).all() for a, b in pairwise([found["strongest"], *rings]))
    counts = [found[f"cells_above_{level:g}"] for level in LEVELS]
    assert all((b >= a).all() for a, b in pairwise(counts))
    assert (counts[-1] <= found["hits"]).all()
    wide = sample.conditions["kind"] == 1
    assert found["width_x"][wide].mean() > found["width_x"][~wide].mean()
    assert np.allclose(
        found["response"],
        np.log(sample.arrays.sum(axis=(1, 2)) / sample.conditions["energy"]),
        atol=1e-5,
    )
