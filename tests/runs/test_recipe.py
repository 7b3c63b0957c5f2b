"""The one description of what is made of events."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from chain_fakes import truth_events
from production_samples import write_tiny

from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.errors import ArtefactError, PipelineError
from lamarr_like.runs import recipe as recipes
from lamarr_like.runs.oversampling import oversampled
from lamarr_like.runs.recipe import DetailedRecipe, Recipe


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return write_tiny(tmp_path_factory.mktemp("models"))


@pytest.fixture
def tiny(models):
    return Recipe.of(models / "tiny.yaml", models, seed=3, is_gun=True)


def equal(one, two):
    return list(one.tables) == list(two.tables) and all(
        np.array_equal(values, two[name][column])
        for name, table in one.tables.items()
        for column, values in table.columns.items()
    )


def test_it_is_the_chain(models, tiny):
    batch = truth_events(20, seed=2)
    chain = Pipeline.load(models / "tiny.yaml", models)
    assert equal(tiny(batch), chain(batch, seed=3, is_gun=True))
    thrice = replace(tiny, oversample=3)
    assert equal(thrice(batch), chain(oversampled(batch, 3), seed=3, is_gun=True))
    assert tiny.metadata() == chain.provenance
    assert replace(tiny, provenance="").metadata() == chain.provenance


def test_it_is_loaded_once_and_goes_to_other_processes(tiny, monkeypatch):
    recipes._LOADED.clear()
    loads = []
    load = Pipeline.load
    monkeypatch.setattr(Pipeline, "load", lambda *a: loads.append(a) or load(*a))
    again = pickle.loads(pickle.dumps(tiny))
    assert again == tiny and again.chain is tiny.chain
    assert replace(tiny, seed=9).chain is tiny.chain and len(loads) == 1
    assert set(tiny.seconds()) == {stage.name for stage in tiny.chain.stages}


def test_other_models_are_refused(tiny, tmp_path):
    other = replace(tiny, provenance=tiny.provenance.replace("tiny", "tinier"))
    with pytest.raises(PipelineError, match="was changed during the run"):
        other(truth_events(2))
    with pytest.raises(ArtefactError, match="no model"):
        Recipe.of(tiny.pipeline, tmp_path, seed=1, is_gun=False)


def test_the_detailed_one():
    assert DetailedRecipe(1, None).metadata() == {"pipeline": "detailed"}
    other = DetailedRecipe(1, None, changes=("velo_resolution=0.4",))
    assert other.metadata() == {"pipeline": "detailed", "detector": ["velo_resolution=0.4"]}
    told = DetailedRecipe(1, "prob_nn-pp13-1").metadata()
    assert told["models"]["prob_nn"]["model"] == "prob_nn-pp13-1"
    assert DetailedRecipe(1, None).seconds() == {} == DetailedRecipe(1, None).counts()
    with pytest.raises(PipelineError, match="was trained for 'acceptance', not for prob_nn"):
        DetailedRecipe(1, "acceptance-pp13-1").metadata()
