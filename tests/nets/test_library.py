"""Libraries of rows: what is stored, and how it is parted."""

from __future__ import annotations

import io

import numpy as np
import pytest

pytest.importorskip("sklearn")

from family_toys import vector_law

from lamarr_like.errors import ArtefactError
from lamarr_like.nets.config import LibraryConfig
from lamarr_like.nets.library import fit_library
from lamarr_like.nets.sample import VectorRows
from lamarr_like.statistics.distances import weighted_ks


def fitted(n=6000, weights=None, **settings):
    conditions, targets = vector_law(n, 1)
    rows = VectorRows(conditions, targets, weights, integers=frozenset({"count"}))
    return fit_library(rows, LibraryConfig(**settings), progress=False), conditions, targets


def test_draws_are_stored_rows_and_follow_the_conditions():
    model, _, targets = fitted(trees=4, leaf=50)
    conditions, wanted = vector_law(6000, 2)
    drawn = model.generator().draw(conditions, np.random.default_rng(1).random((6000, 2)))
    stored = np.sort(targets["a"])
    at = np.minimum(np.searchsorted(stored, drawn["a"] - 0.01), len(stored) - 1)
    assert np.abs(stored[at] - drawn["a"]).max() < 0.01
    for flag in (0.0, 1.0):
        mine = (conditions["flag"] == flag) & (conditions["c"] > 0.4)
        for name in ("a", "b", "count"):
            ks = weighted_ks(wanted[name][mine], drawn[name][mine])
            assert ks < 2.2 / np.sqrt(mine.sum() / 2)
    # Exact equalities and zeros are those of the rows.
    for mask in (lambda t: t["a"] == t["b"], lambda t: t["d"] == 0.0):
        assert mask(drawn).mean() == pytest.approx(mask(wanted).mean(), abs=0.03)


def test_rows_are_stored_in_proportion_to_their_weights():
    n = 4000
    conditions, _ = vector_law(n, 1)
    weights = np.where(conditions["flag"] > 0.5, 3.0, 1.0)
    weights[:50] = -1.0
    model = fitted(n, weights, rows=3000)[0]
    assert model.config["training"]["rows"] == 3000
    with np.load(io.BytesIO(model.files["library.npz"])) as tables:
        assert len(tables["scores"]) == 3000
        counts = np.diff(tables["first"])
    assert counts.sum() == 3000 * LibraryConfig().trees
    assert counts[counts > 0].min() >= LibraryConfig().leaf


def test_an_artefact_without_its_noise_is_refused():
    model, *_ = fitted(500)
    wrong = {**model.config, "noise": {"uniforms": 1, "normals": 1}}
    with pytest.raises(ArtefactError, match="draws by 2 uniform numbers"):
        type(model)(wrong, model.files).model()
