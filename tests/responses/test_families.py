"""Laws that every family of responses obeys: a new one is tested by being registered."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pytest
from spots import SPOTS, spots

from lamarr_like.engine.load import load_model
from lamarr_like.errors import SchemaError, TrainingError
from lamarr_like.responses.config import CodesConfig
from lamarr_like.responses.families import RESPONSE_FAMILIES, find_response_family
from lamarr_like.responses.model import ResponseModel

pytest.importorskip("tensorflow")

from lamarr_like.responses.training import codes

FAMILY = pytest.mark.parametrize("family", RESPONSE_FAMILIES.values(), ids=RESPONSE_FAMILIES)
CODES = [f for f in RESPONSE_FAMILIES.values() if issubclass(f.settings, CodesConfig)]

SMALL = {
    "core": 1,
    "widths": (2,),
    "hidden": 32,
    "depth": 1,
    "critic_hidden": 32,
    "critic_depth": 1,
    "critic_steps": 1,
    "components": 2,
    "couplings": 2,
    "bins": 4,
    "latent": 4,
    "noise": 24,
    "stored": 256,
    "batch": 256,
    "warm_up": 20,
    "ema": 0.98,
    "learning_rate": 4e-3,
    "filling_hidden": 16,
    "filling_steps": 300,
    "filling_batch": 1024,
    "evaluations": 1,
    "judged": 400,
    "teacher_hidden": 32,
    "teacher_depth": 1,
    "pairs": 4000,
}
"""Settings of a short training, of which each family takes those that it has."""

STEPS = {
    "library": 2000,
    "table": 4000,
    "gan": 500,
    "vae": 700,
    "distilled": 600,
    "corrvae": 700,
}


RATES = {"corrvae": 1.5e-3}
"""Learning rates of families that do not bear that of `SMALL`."""


def small(family, **further):
    names = {field.name for field in dataclasses.fields(family.settings)}
    own = {"learning_rate": RATES.get(family.name, SMALL["learning_rate"])}
    values = {k: v for k, v in (SMALL | own | further).items() if k in names}
    return family.configured(**values).with_steps(STEPS.get(family.name, 250))


@cache
def trained(family):
    """A short training, done once; the network that fills blocks is trained once for all."""
    with pytest.MonkeyPatch.context() as patched:
        if family in CODES:
            patched.setattr(codes, "fit_filling", filling)
        return family.fit(spots(4000, seed=1), small(family), progress=False)


FIT_FILLING, FILLING = codes.fit_filling, {}


def filling(*arguments, **options):
    """What it learns from is the same for all families."""
    given = arguments[3].tobytes()
    if given not in FILLING:
        FILLING[given] = FIT_FILLING(*arguments, **options)
    return FILLING[given]


@cache
def drawn(family):
    """A sample that it has not seen, and arrays drawn for its particles."""
    sample = spots(3000, seed=2)
    return sample, trained(family).model().draw(sample.conditions, seed=5)


def moments(arrays):
    """Sum, middle and width along x, shapes (n,); NaN where there is nothing."""
    x = SPOTS.axes[0].centres
    total = arrays.sum(axis=(1, 2), dtype=np.float64)
    along = arrays.sum(axis=2, dtype=np.float64) / np.where(total > 0, total, np.nan)[:, None]
    middle = along @ x
    return total, middle, np.sqrt(along @ x**2 - middle**2)


@FAMILY
def test_settings_are_plain_and_come_back(family):
    config = family.configured(seed=5)
    assert config.family == family.name and config.kind == family.kind == "response"
    assert family.settings(**config.to_json()) == config
    assert config.with_steps(7) != config
    with pytest.raises(TrainingError, match=rf"family '{family.name}' cannot be set up.*'wdith'"):
        family.configured(wdith=3)
    assert find_response_family(family.name) is family


@FAMILY
def test_arrays_have_the_shape_and_the_range_of_the_response(family):
    sample, arrays = drawn(family)
    assert arrays.shape == sample.arrays.shape and arrays.dtype == np.float32
    assert ((arrays == 0) | (arrays >= SPOTS.threshold)).all()
    assert np.isfinite(arrays).all() and (arrays.sum(axis=(1, 2)) > 0).all()


@FAMILY
def test_a_short_training_learns_sum_middle_and_width(family):
    sample, arrays = drawn(family)
    real, fake = moments(sample.arrays), moments(arrays)
    energy, x = sample.conditions["energy"], sample.conditions["x"]
    for low, high in ((10, 100), (100, 1000)):
        some = (energy >= low) & (energy < high)
        ratios = [(total / energy)[some].mean() for total in (real[0], fake[0])]
        assert ratios[1] == pytest.approx(ratios[0], rel=0.03)
    sides = [np.nanmean(middle * np.sign(x)) for middle in (real[1], fake[1])]
    assert sides[1] == pytest.approx(sides[0], abs=0.06)
    wide = sample.conditions["spread"] > 1
    for some in (wide, ~wide):
        widths = [np.nanmean(width[some]) for width in (real[2], fake[2])]
        assert widths[1] == pytest.approx(widths[0], rel=0.12)


@FAMILY
def test_same_seed_same_bits_in_any_batch(family):
    sample, arrays = drawn(family)
    model = trained(family).model()
    first = {name: values[:10] for name, values in sample.conditions.items()}
    assert model.draw(first, seed=5).tobytes() == arrays[:10].tobytes()
    assert (model.draw(first, seed=6) != arrays[:10]).any(axis=(1, 2)).mean() > 0.5


@FAMILY
def test_saved_and_loaded_it_draws_the_same(family, tmp_path):
    sample, arrays = drawn(family)
    names = {"stage": "spots", "sample": family.name, "version": "v1"}
    folder = trained(family).save(tmp_path, **names, card="# Spots\n")
    model = load_model(folder)
    assert isinstance(model, ResponseModel) and model.response == SPOTS
    first = {name: values[:50] for name, values in sample.conditions.items()}
    assert model.draw(first, seed=5).tobytes() == arrays[:50].tobytes()


@FAMILY
def test_steps_are_a_dial_of_diffusion_only(family):
    sample, _ = drawn(family)
    model = trained(family).model()
    first = {name: values[:50] for name, values in sample.conditions.items()}
    few, many = (model.draw(first, seed=5, steps=steps) for steps in (1, 8))
    assert (few.tobytes() == many.tobytes()) == (family.name != "diffusion")


@FAMILY
def test_draws_have_wanted_properties_or_say_that_they_cannot(family):
    sample, arrays = drawn(family)
    model = trained(family).model()
    if family.name != "corrvae":
        with pytest.raises(SchemaError, match="cannot be asked for values"):
            model.draw(sample.conditions, 5, wanted={"total": 100.0})
        return
    there, scores = model.measured(sample.conditions, sample.arrays)
    inside = (np.abs(scores) < 2.5).all(axis=1)
    some = {name: values[inside] for name, values in sample.conditions.items()}
    for name, near in (("total", 0.1), ("width", 0.1), ("centroid_x", 0.15)):
        wanted = {name: there[name][inside]}
        found = model.measured(some, model.draw(some, 5, wanted=wanted))[0][name]
        away = np.abs(found - wanted[name]) / (1 if name == "centroid_x" else wanted[name])
        free = np.abs(model.measured(some, arrays[inside])[0][name] - wanted[name])
        free /= 1 if name == "centroid_x" else wanted[name]
        assert np.nanmedian(away) < min(near, 0.7 * np.nanmedian(free)), name
    part = {name: values[:10] for name, values in some.items()}
    first = model.draw(part, 5, wanted={"width": there["width"][inside][:10]})
    whole = model.draw(some, 5, wanted={"width": there["width"][inside]})
    assert first.tobytes() == whole[:10].tobytes()
    with pytest.raises(SchemaError, match="no property 'totl'"):
        model.draw(part, 5, wanted={"totl": 1.0})


@pytest.mark.parametrize("family", CODES, ids=[f.name for f in CODES])
def test_a_sample_of_next_to_nothing_is_refused(family):
    with pytest.raises(TrainingError, match="50 arrays that are not empty; 200 are the least"):
        family.fit(spots(50, seed=1), small(family), progress=False)
