"""Translations at run time: the same bits in any batch, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from smeared import SHARP, SPREAD, scaling, scaling_model, sharp_sample, spread_sample

from lamarr_like.engine.load import build_model
from lamarr_like.errors import ArtefactError, SchemaError
from lamarr_like.responses.response import Axis
from lamarr_like.responses.translate.config import UvcGanConfig
from lamarr_like.responses.translate.model import from_roots, load, to_roots


@pytest.fixture(scope="module")
def toy():
    """An untrained network: nothing is as simple as it looks."""
    pytest.importorskip("tensorflow")
    from lamarr_like.responses.training.translation_networks import (
        generator_file,
        initial_generator,
    )

    config = UvcGanConfig(width=4, tokens=8, heads=2, layers=1)
    spec, files = scaling_model()
    for name in files:
        weights = initial_generator(config, (8, 8), np.random.default_rng(1))
        files[name] = generator_file(weights, config, (8, 8))
    return build_model(spec, files, "toy")


def test_bits_do_not_depend_on_the_batch(toy):
    arrays = sharp_sample(70).arrays
    for backward in (False, True):
        whole = toy.translate(arrays, backward=backward)
        assert whole.shape == arrays.shape and whole.any() and (whole >= 0).all()
        for rows in (slice(0, 1), slice(3, 40), slice(69, 70), [50, 2]):
            part = toy.translate(arrays[rows], backward=backward)
            assert np.array_equal(part.view(np.uint32), whole[rows].view(np.uint32))
    assert toy.translate(arrays[:0]).shape == (0, 8, 8)


def test_samples_become_those_of_the_other_response():
    toy = build_model(*scaling_model(), "toy")
    sample = sharp_sample(5)
    there = toy.translate_sample(sample, model="toy-1")
    assert np.allclose(there.arrays, 1.5**2 * sample.arrays * 10 / 20)
    assert there.response == SPREAD and there.conditions["event"].tolist() == [0, 1, 2, 3, 4]
    assert there.record == {"made_by": "translation by toy-1", "of": sample.record}
    back = toy.translate_sample(spread_sample(5), backward=True)
    assert back.response == SHARP
    with pytest.raises(
        SchemaError, match="spread is of spread, toy translates sharp to spread;.*w"
    ):
        toy.translate_sample(spread_sample(5))
    with pytest.raises(SchemaError, match="of shape .8, 8., these have .8, 7."):
        toy.translate(np.zeros((2, 8, 7)))


def test_roots_come_back():
    arrays = sharp_sample(9).arrays
    roots = to_roots(arrays, 20.0)
    assert np.allclose(from_roots(roots, 20.0, SHARP), arrays, rtol=1e-6)
    uneven = to_roots(arrays[:, :7, :5], 20.0)
    assert uneven.shape == (9, 8, 8) and not uneven[:, 7].any() and not uneven[:, :, 5:].any()
    low = np.full((1, 8, 8), np.sqrt(0.4 / 20.0), np.float32)
    assert not from_roots(low, 20.0, SHARP).any()
    counts = replace(SHARP, values="counts", threshold=0.0)
    assert (from_roots(np.full((1, 8, 8), 0.5, np.float32), 10.0, counts) == 2).all()


def test_sides_that_four_does_not_divide():
    uneven = replace(SHARP, axes=(Axis("x", "mm", 7, 1.0, 0.0), Axis("y", "mm", 5, 1.0, 0.0)))
    model = build_model(*scaling_model(uneven, uneven), "toy")
    assert np.allclose(model.translate(np.full((3, 7, 5), 8.0)), 8 * 1.5**2 / 2)


def test_parts_that_do_not_fit():
    spec, files = scaling_model()
    three = replace(SHARP, axes=(*SHARP.axes, Axis("z", "mm", 2, 1.0, 0.0)))
    for change, message in (
        ({"units": [0.0, 1.0]}, "units"),
        ({"units": [1.0]}, "units"),
        ({"conditions": ["energy"]}, "not those of the responses"),
        ({"responses": [SHARP.to_json()]}, "responses"),
        ({"responses": [SHARP.to_json(), {"name": "x"}]}, "responses"),
        ({"responses": [three.to_json()] * 2}, "two axes and one shape"),
        ({"responses": [SHARP.to_json(), three.to_json()]}, "two axes and one shape"),
    ):
        with pytest.raises(ArtefactError, match=message):
            build_model({**spec, **change}, files, "toy")
    with pytest.raises(ArtefactError, match="lacks backward.onnx"):
        build_model(spec, {"forward.onnx": files["forward.onnx"]}, "toy")
    with pytest.raises(ArtefactError, match="takes other than 64 cells"):
        build_model(spec, dict.fromkeys(files, scaling(cells=96)), "toy")


def test_what_is_too_large_is_bounded():
    spec, files = scaling_model()
    found = build_model(spec | {"units": [1.0, 1e18]}, files, "toy").translate(
        np.full((1, 8, 8), 3e38)
    )
    assert np.isfinite(found).all() and found.max() == pytest.approx(1e36)


def test_what_is_no_translation(tmp_path):
    with pytest.raises(ArtefactError):
        load("nothing-of-that-name-1", tmp_path)
    with pytest.raises(ArtefactError, match="translates no arrays"):
        load("acceptance-pp13-1")
