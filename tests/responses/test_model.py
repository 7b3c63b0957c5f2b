"""Response models: what is refused, and the same numbers however they are drawn."""

import copy
import io

import numpy as np
import pytest
from blobs import BLOBS, blobs

from lamarr_like.engine.load import build_model, find_kind
from lamarr_like.errors import ArtefactError, SchemaError
from lamarr_like.nets.sample import archive
from lamarr_like.responses import model as models
from lamarr_like.responses.config import LibraryConfig
from lamarr_like.responses.training.library import fit_library
from lamarr_like.rng import stream_keys


@pytest.fixture(scope="module")
def trained():
    return fit_library(blobs(500), LibraryConfig(), progress=False)


@pytest.fixture(scope="module")
def sample():
    return blobs(300, seed=5)


def test_the_kind_is_known():
    assert find_kind("response", "m") is models.ResponseSpec


def test_draws_do_not_depend_on_the_batch(trained, sample, monkeypatch):
    model = trained.model()
    whole = model.draw(sample.conditions, 7)
    assert whole.shape == (300, 12, 12) and whole.dtype == np.float32
    few = model.draw({k: v[:13] for k, v in sample.conditions.items()}, 7)
    assert np.array_equal(few, whole[:13])
    monkeypatch.setattr(models, "BATCH", 7)
    assert np.array_equal(model.draw(sample.conditions, 7), whole)
    assert not np.array_equal(model.draw(sample.conditions, 8), whole)


def test_hits_are_those_of_the_arrays(trained, sample):
    model = trained.model()
    keys = stream_keys(7, "blobs drawn", np.arange(300))
    hits = model.hits(sample.conditions, keys)
    assert np.array_equal(hits.dense(300, BLOBS.shape), model.draw(sample.conditions, 7))
    assert (hits.value >= BLOBS.threshold).all()
    none = {k: v[:0] for k, v in sample.conditions.items()}
    assert len(model.hits(none, keys[:0]).row) == 0
    with pytest.raises(SchemaError, match="3 keys for 300 particles"):
        model.hits(sample.conditions, keys[:3])


def test_particles_beyond_the_declared_range_are_refused(trained, sample):
    far = {**sample.conditions, "energy": np.full(300, 1e3)}
    with pytest.raises(SchemaError, match="'energy' is 1000 GeV in row 0"):
        trained.model().draw(far, 1)


def change(config, files, what):
    tables = dict(np.load(io.BytesIO(files["transforms.npz"])))
    if what == "response":
        config["response"]["axes"][0]["size"] = 0
    elif what == "conditions":
        config["conditions"] = config["conditions"][::-1]
    elif what == "depth":
        tables["depth"] = tables["depth"][:1]
    elif what == "nan":
        tables["depth"] = tables["depth"] * np.nan
    elif what == "cells":
        tables["library_cell"] = tables["library_cell"][:, :1]
    elif what == "no depth":
        del tables["depth"]
    elif what == "method":
        config["method"] = "magic"
    elif what == "needs":
        config["method"] = "codes"
    return config, {**files, "transforms.npz": archive(tables)}


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("response", r"axes\[0\].size"),
        ("conditions", "not those of its response"),
        ("depth", "no finite numbers of"),
        ("nan", "no finite numbers of"),
        ("no depth", "lacks depth"),
        ("cells", "of another response|do not fit"),
        ("method", "method"),
        ("needs", "lacks shells"),
    ],
)
def test_artefacts_that_do_not_fit(trained, what, message):
    config, files = change(copy.deepcopy(trained.config), trained.files, what)
    with pytest.raises(ArtefactError, match=message):
        build_model(config, files, "m")
