"""Laws that every family of models obeys: a new one is tested by being registered."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pytest
from eager import eagerly
from family_toys import TOYS, small

from lamarr_like.engine.load import KINDS, load_model
from lamarr_like.errors import TrainingError
from lamarr_like.nets.families import FAMILIES, find_family

pytest.importorskip("tensorflow")

FAMILY = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)


@cache
def trained(family):
    """A short training, done once."""
    return family.fit(TOYS[family.kind].sample(), small(family), progress=False)


@cache
def barely_trained(family, seed=4, time=1):
    """Three steps, without compiling, which would take longer; done once each time asked for."""
    config = small(family, head_steps=2, evaluations=1, seed=seed).with_steps(3)
    with eagerly():
        return family.fit(TOYS[family.kind].sample(seed=7), config, progress=False)


def figure(model):
    """The held-out figure that chose the state to keep."""
    (found,) = (v for k, v in model.figures.items() if k.startswith("held_out_") and v < 3.0)
    return found


@FAMILY
def test_settings_are_plain_and_come_back(family):
    config = family.configured(seed=5)
    assert dataclasses.is_dataclass(config) and config.seed == 5
    assert config.family == family.name and config.kind == family.kind
    assert family.settings(**config.to_json()) == config
    assert config.with_steps(7) != config
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.seed = 6
    with pytest.raises(TrainingError, match=rf"family '{family.name}' cannot be set up.*'wdith'"):
        family.configured(wdith=3)


@FAMILY
def test_draws_have_the_shapes_and_the_law_of_the_sample(family):
    model, toy = trained(family), TOYS[family.kind]
    drawn = toy.draw(model.model())
    toy.check(drawn)
    assert toy.distance(drawn, small(family)) < toy.farthest


@FAMILY
def test_training_makes_it_better(family):
    assert figure(trained(family)) < figure(barely_trained(family)) - 0.01


@FAMILY
def test_same_seed_same_model(family):
    one, two, other = (barely_trained(family, *run) for run in ((4,), (4, 2), (5,)))
    assert one.files == two.files
    assert one.files != other.files
    toy = TOYS[family.kind]
    first, second = toy.draw(one.model()), toy.draw(two.model())
    assert all(first[k].tobytes() == second[k].tobytes() for k in first)


@FAMILY
def test_saved_model_draws_the_same(family, tmp_path):
    model, toy = trained(family), TOYS[family.kind]
    folder = model.save(tmp_path, stage="toy", sample="law", version="1", card="# toy\n")
    first, second = toy.draw(model.model()), toy.draw(load_model(folder))
    assert all(first[k].tobytes() == second[k].tobytes() for k in first)


@FAMILY
def test_a_draw_does_not_depend_on_the_others(family):
    model, toy = trained(family).model(), TOYS[family.kind]
    together = toy.draw(model, slice(20, None))
    alone = toy.draw(model, slice(20, 29))
    for name, values in alone.items():
        assert len(values) and values.tobytes() == together[name][: len(values)].tobytes(), name


@FAMILY
def test_the_configuration_tells_what_was_trained(family):
    config = trained(family).config
    assert (config["family"], config["kind"]) == (family.name, family.kind)
    training = config["training"]
    assert family.settings(**training["settings"]) == small(family)
    assert len(training["data_digest"]) == 64 and training["rows"] > 0
    assert all(np.isfinite(list(entry.values())).all() for entry in training["history"])
    assert not training["weighted"]
    assert barely_trained(family).config["training"]["data_digest"] != training["data_digest"]


@FAMILY
def test_samples_that_cannot_be_used(family):
    with pytest.raises(TrainingError):
        family.fit(TOYS[family.kind].broken(), small(family), progress=False)


@FAMILY
def test_every_family_makes_a_kind_that_can_be_run(family):
    assert family.kind in KINDS and family.kind in TOYS
    assert family.extra in ("", "train")
    assert find_family(family.name) is find_family(family.name, family.kind) is family


def test_unknown_families_are_named_with_those_that_exist():
    known = "armdn, gan, library, mlp, one-vs-rest, domain, booster"
    with pytest.raises(TrainingError, match=f"no family 'flow'; there are {known}"):
        find_family("flow")
    known = "armdn, gan, library$"
    with pytest.raises(TrainingError, match=f"no family 'mlp' of generators; there are {known}"):
        find_family("mlp", "generator")
