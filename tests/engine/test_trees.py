"""XGBoost's library without its package: the same bits, and errors for what is none."""

import gc

import numpy as np
import pytest
import xgboost as xgb

from lamarr_like.engine.artefact import read_artefact
from lamarr_like.engine.trees import Trees, library
from lamarr_like.errors import ArtefactError
from lamarr_like.files.find import shipped

SHIPPED = sorted(shipped("models").glob("*/*.ubj"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.parent.name)
def test_trees_that_ship_give_the_bits_of_the_package(path):
    n = len(read_artefact(path.parent).config["conditions"])
    booster = xgb.Booster(model_file=str(path))
    booster.set_param({"nthread": 1})
    trees = Trees(path.read_bytes(), n, "m")
    rng = np.random.default_rng(3)
    for rows in (1, 7, 1000):
        x = rng.normal(0.0, 50.0, (rows, n)).astype(np.float32)
        found, wanted = trees(x), booster.inplace_predict(x)
        assert found.dtype == wanted.dtype and found.shape == wanted.shape
        assert found.tobytes() == wanted.tobytes()
        alone = np.concatenate(
            [trees(np.ascontiguousarray(x[k : k + 1])) for k in range(rows)][:20]
        )
        assert alone.tobytes() == found[:20].tobytes()


def trained(classes):
    rng = np.random.default_rng(1)
    data = xgb.DMatrix(rng.normal(size=(200, 3)), rng.integers(0, classes, 200))
    how = {"objective": "multi:softprob", "num_class": classes, "nthread": 1}
    return bytes(xgb.train(how, data, 3).save_raw("ubj"))


def test_several_classes_and_models_at_once():
    contents = [trained(3), trained(4)]
    first, second = (Trees(content, 3, "m") for content in contents)
    x = np.ones((5, 3), dtype=np.float32)
    kept = first(x)
    assert kept.shape == (5, 3) and second(x).shape == (5, 4)
    np.testing.assert_allclose(kept.sum(axis=1), 1.0, atol=1e-6)
    assert (first(x) == kept).all() and (first(-x) != kept).any()
    before = kept.copy()
    del first, second
    gc.collect()
    assert (kept == before).all()  # no memory of XGBoost


def test_what_is_no_model_is_refused():
    with pytest.raises(ArtefactError, match=r"m: XGBoost cannot load model\.ubj"):
        Trees(b"{}", 3, "m")
    with pytest.raises(ArtefactError, match=r"takes 3 features, config\.json has 4"):
        Trees(trained(3), 4, "m")


def test_without_the_library(monkeypatch):
    library.cache_clear()
    monkeypatch.setattr("lamarr_like.engine.trees.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="xgboost-cpu"):
        library()
    library.cache_clear()
