"""The library: exact where particles are stored, scaled and moved elsewhere."""

from dataclasses import replace

import numpy as np
import pytest
from blobs import BLOBS, blobs

from lamarr_like.errors import ArtefactError, TrainingError
from lamarr_like.responses.config import LibraryConfig, TableConfig
from lamarr_like.responses.features import features
from lamarr_like.responses.frame import Frame
from lamarr_like.responses.hits import hits_of
from lamarr_like.responses.library import LOG_STEP, Library, _tilt
from lamarr_like.responses.training.library import fit_library, fit_table, sensitivities
from lamarr_like.statistics.two_sample import c2st


@pytest.fixture(scope="module")
def trained():
    return fit_library(blobs(3000), LibraryConfig(neighbours=1), progress=False)


def test_stored_particles_get_their_own_array(trained):
    sample = blobs(3000)
    library = trained.model()._method.library
    placement = Frame(BLOBS, trained.model()._frame.depth).place(sample.seen)
    near = library._tree.query(placement.given * library.weights)[0]
    own = np.flatnonzero(near < 1e-4)[:200]
    assert len(own) == 200
    few = sample.take(own)
    drawn = trained.model().draw(few.conditions, 1)
    assert np.array_equal(drawn > 0, few.arrays > 0)
    filled = few.arrays > 0
    error = np.abs(np.log(drawn[filled] / few.arrays[filled]))
    assert error.max() < 1.5 * LOG_STEP
    assert np.allclose(drawn.sum(axis=(1, 2)), few.arrays.sum(axis=(1, 2)), rtol=1e-4)


def test_others_get_what_can_hardly_be_told_apart(trained):
    sample = blobs(1000, seed=9)
    drawn = trained.model().draw(sample.conditions, 1)
    a = features(BLOBS, sample.seen, sample.hits)
    b = features(BLOBS, sample.seen, hits_of(drawn))
    given = {f.name: sample.seen[:, k] for k, f in enumerate(BLOBS.features)}
    auc = c2st(a, b, given, trees=50, depth=4)
    assert auc.value < 0.65
    assert abs(a["response"].mean() - b["response"].mean()) < 0.01


def test_tables_move_arrays_within_a_cell():
    """A normal pulse by parts of a cell, its width and the other axis as they were."""
    place = np.arange(-6, 7)
    pulse = np.exp(-0.5 * (place / 1.2) ** 2)
    cell = np.stack([np.tile(place, 3), np.zeros(39, int)], axis=1)
    row, value = np.repeat(np.arange(3), 13), np.tile(pulse, 3)
    away = np.array([[9.0, 0.0, 0.5], [9.0, 0.4, 0.5], [9.0, -0.2, 0.5]])
    factor = _tilt(row, cell, value, away, [(0, 2.0), (1, 1.0)])
    moved = (value * factor).reshape(3, 13)
    share = moved / moved.sum(axis=1)[:, None]
    mean = share @ place
    assert mean == pytest.approx([0, 0.2, -0.1], abs=0.002)
    assert share @ place**2 - mean**2 == pytest.approx(1.44, rel=0.01)


def test_a_table_is_the_library_looked_up_in_bins():
    """Another sample's particles get arrays as near, and the scaled sums are the same."""
    table = fit_table(blobs(3000), TableConfig(neighbours=2), progress=False).model()
    assert table._method.library.bins is not None and table._method.moving
    sample = blobs(500, seed=9)
    drawn = table.draw(sample.conditions, 1)
    ratio = drawn.sum(axis=(1, 2)) / sample.arrays.sum(axis=(1, 2))
    assert ratio.mean() == pytest.approx(1, abs=0.03)


def test_what_changes_the_arrays_counts():
    rng = np.random.default_rng(1)
    given = rng.normal(size=(2000, 3)) * (1, 10, 1)
    summary = np.stack(
        [2 * given[:, 0] + rng.normal(size=2000), given[:, 1] / 10 + rng.normal(size=2000)], axis=1
    )
    weights = sensitivities(given, summary)
    assert weights[0] == pytest.approx(2, rel=0.1)
    assert weights[1] == pytest.approx(0.1, rel=0.15)
    assert weights[2] < 0.15


def test_tables_that_do_not_fit(trained):
    arrays = trained.model()._method.library.to_arrays()
    for name, value in (
        ("library_count", arrays["library_count"][:-1]),
        ("library_cell", arrays["library_cell"][:-1]),
        ("library_total", arrays["library_total"] * np.nan),
        ("library_weights", arrays["library_weights"][:2]),
    ):
        with pytest.raises(ArtefactError, match="do not fit"):
            Library.from_arrays({**arrays, name: value}, 1e-3, 1, "m")


def test_samples_that_make_none():
    with pytest.raises(TrainingError, match="make no library"):
        fit_library(blobs(3), LibraryConfig(neighbours=5), progress=False)
    sample = blobs(50)
    arrays = sample.arrays.copy()
    arrays[0, 0, 0], arrays[0, 0, 1] = 1e30, 1e-3
    with pytest.raises(TrainingError, match="too far apart"):
        fit_library(replace(sample, arrays=arrays), LibraryConfig(), progress=False)
