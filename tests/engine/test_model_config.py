"""What a model says of itself: sound configurations pass, each wrong item is named."""

import io

import numpy as np
import pytest

from lamarr_like.engine import model_tables
from lamarr_like.engine.atoms import Atoms
from lamarr_like.engine.load import find_kind
from lamarr_like.engine.model_config import MAX_WHOLE
from lamarr_like.engine.normal_scores import NormalScores
from lamarr_like.errors import ArtefactError

CLASSIFIER = {"kind": "classifier", "family": "mlp", "conditions": ["p", "eta"],
              "classes": ["no", "yes"], "condition_flags": [False, True]}  # fmt: skip
DRAWS = {"conditions": ["p", "eta"], "outputs": ["x", "n"], "noise": {"uniforms": 1, "normals": 2},
         "atoms": {"values": [[0.0], []], "patterns": [[-1, -1], [0, -2]]}}  # fmt: skip
GENERATOR = {"kind": "generator", **DRAWS, "condition_flags": [False, False],
             "integer": [False, True]}  # fmt: skip
TRANSLATOR = {"kind": "translator", **DRAWS, "copied": ["p"], "longest": 24, "zones": True}


def check_config(config, where):
    return find_kind(config["kind"], where).read(config, where)


@pytest.mark.parametrize("config", [CLASSIFIER, GENERATOR, TRANSLATOR], ids=lambda c: c["kind"])
def test_sound_configurations_pass_and_each_item_is_needed(config):
    check_config(config, "m")
    check_config({**config, "training": "for people"}, "m")
    for name in set(config) - {"kind"}:
        with pytest.raises(ArtefactError, match=name):
            check_config({k: v for k, v in config.items() if k != name}, "m")


@pytest.mark.parametrize(
    ("config", "items", "message"),
    [
        (CLASSIFIER, {"kind": "oracle"}, "unknown kind of model 'oracle'; known are classifier"),
        (CLASSIFIER, {"classes": ["one"]}, "classes"),
        (CLASSIFIER, {"classes": ["one", "one"]}, "classes"),
        (CLASSIFIER, {"conditions": ["p\n"]}, "conditions"),
        (CLASSIFIER, {"condition_flags": [True]}, "condition_flags: 1 items, 2 are needed"),
        (GENERATOR, {"integer": [True]}, "integer: 1 items, 2 are needed"),
        (GENERATOR, {"noise": {"uniforms": -1, "normals": 0}}, "noise.uniforms"),
        (GENERATOR, {"noise": {"uniforms": 0, "normals": 10**6}}, "noise.normals"),
        (GENERATOR, {"atoms": {"values": [[0.0]], "patterns": [[-1, -1]]}}, "1 lists for 2 outp"),
        (GENERATOR, {"atoms": {"values": [[], []], "patterns": [[-1]]}}, "1 codes for 2 outputs"),
        (GENERATOR, {"atoms": {"values": [[], []], "patterns": [[-2, -1]]}}, "-2 is no code"),
        (GENERATOR, {"atoms": {"values": [[], []], "patterns": [[-1, 0]]}}, "0 is no code"),
        (GENERATOR, {"atoms": {"values": [[], [2.0**40]], "patterns": [[-1, -1]]}}, "too large"),
        (GENERATOR, {"atoms": {"values": [[float("nan")], []], "patterns": [[-1, -1]]}}, "values"),
        (TRANSLATOR, {"copied": ["q"]}, r"copied\[0\]: 'q' is none of the conditions"),
        (TRANSLATOR, {"followed": ["q"]}, r"followed\[0\]: 'q' is none of the outputs"),
        (TRANSLATOR, {"pulls": {"p": [0.0, 1.0]}}, "pulls.p: 'p' is none of the outputs"),
        (TRANSLATOR, {"pulls": {"x": [2.0, 1.0]}}, "pulls.x: 2.0 is above 1.0"),
        (TRANSLATOR, {"pulls": {"x": [2.0]}}, "pulls.x"),
        (TRANSLATOR, {"pulls": {"x": [0.0, float("inf")]}}, r"pulls.x\[1\]"),
        (TRANSLATOR, {"longest": 2}, "longest"),
        (TRANSLATOR, {"zones": 1}, "zones"),
    ],
)
def test_wrong_items_are_named(config, items, message):
    with pytest.raises(ArtefactError, match="^m: " + ".*" + message):
        check_config({**config, **items}, "m")


def test_earlier_translators_have_no_pulls():
    assert not check_config(TRANSLATOR, "m").pulls
    found = check_config({**TRANSLATOR, "pulls": {"x": [-1.0, 2.0]}}, "m").pulls
    assert {name: tuple(ends) for name, ends in found.items()} == {"x": (-1.0, 2.0)}


def test_boosters_need_no_flags():
    config = {k: v for k, v in CLASSIFIER.items() if k != "condition_flags"}
    assert check_config({**config, "family": "booster"}, "m").condition_flags is None
    assert check_config(CLASSIFIER, "m").condition_flags == (False, True)


# --- tables and what is drawn


KNOTS = np.array([[0.0, 1.0, 4.0], [-2.0, -2.0, 5.0]])


def arrays(knots=KNOTS, limits=(3.0, 3.0)):
    return {"outputs_knots": np.asarray(knots), "outputs_limits": np.asarray(limits)}


def test_scores_are_read_as_they_were_written():
    scores = NormalScores.fit([np.arange(50.0), np.arange(50.0) ** 2])
    packed = io.BytesIO()
    np.savez(packed, **scores.to_arrays("outputs"))
    found = model_tables.read_arrays({"transforms.npz": packed.getvalue()}, "m")
    again = model_tables.read_scores(found, "outputs", 2, "m")
    for k in range(2):
        x = np.linspace(0.0, 49.0, 9) ** (k + 1)
        np.testing.assert_array_equal(again.forward_column(k, x), scores.forward_column(k, x))
    with pytest.raises(ArtefactError, match=r"m lacks transforms\.npz"):
        model_tables.read_arrays({}, "m")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (arrays(limits=(3.0,)), "no tables of 2 columns"),
        (arrays(knots=KNOTS.astype(int)), "no tables of 2 columns"),
        (arrays(knots=KNOTS[:, :1]), r"shape \(2, 1\)"),
        (arrays(knots=KNOTS[:, ::-1]), "in disorder"),
        (arrays(knots=KNOTS * np.nan), "not finite"),
        (arrays(knots=KNOTS * 1e31), "too large"),
        (arrays(limits=(3.0, 99.0)), "not within 0 and"),
        (arrays(limits=(0.0, np.nan)), "not within 0 and"),
    ],
)
def test_wrong_tables_are_refused(given, message):
    with pytest.raises(ArtefactError, match=f"m: outputs in transforms.npz .*{message}"):
        model_tables.read_scores(given, "outputs", 2, "m")


def test_whole_numbers_have_a_smaller_range():
    large = np.array([[0.0, 2.0 * MAX_WHOLE], [0.0, 2.0 * MAX_WHOLE]])
    model_tables.read_scores(arrays(large), "outputs", 2, "m")
    with pytest.raises(ArtefactError, match="too large"):
        model_tables.read_scores(arrays(large), "outputs", 2, "m", [False, True])


def test_too_many_tables():
    packed = io.BytesIO()
    np.savez(packed, **{f"t{i}": np.zeros(1) for i in range(model_tables.MAX_TABLES + 1)})
    with pytest.raises(ArtefactError, match="holds 17 tables"):
        model_tables.read_arrays({"transforms.npz": packed.getvalue()}, "m")


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([[0.5, 0.6]], "add up to 1.1"),
        ([[1.5, -0.5]], "class 'a' is 1.5"),
        ([[0.5, 0.5], [1.0, np.nan]], "class 'b' is nan"),
    ],
)
def test_probabilities_that_are_none(found, message):
    model_tables.check_probabilities(np.array([[0.25, 0.75]]), "m", ["a", "b"])
    model_tables.check_probabilities(np.zeros((0, 2)), "m")
    model_tables.check_probabilities(np.array([[0.7, 0.9]]), "m", exclusive=False)
    with pytest.raises(ArtefactError, match="the probability of class .* is 1.5"):
        model_tables.check_probabilities(np.array([[0.7, 1.5]]), "m", exclusive=False)
    with pytest.raises(ArtefactError, match="^m: .*" + message):
        model_tables.check_probabilities(np.array(found), "m", ["a", "b"])


def test_ranges_hold_tables_fixed_values_and_copies():
    scores = NormalScores(KNOTS, np.array([3.0, 3.0]))
    free = Atoms([[], []], np.array([[-1, -1]]))
    assert model_tables.drawn_ranges("ab", scores, free) == {"a": (0.0, 4.0), "b": (-2.0, 5.0)}
    atoms = Atoms([[-7.0], []], np.array([[-1, -1], [0, -2]]))
    assert model_tables.drawn_ranges("ab", scores, atoms) == {"a": (-7.0, 4.0), "b": (-7.0, 5.0)}


def test_classes_of_atoms():
    model_tables.check_atoms(np.array([0.0, 2.0]), 3, "m")
    for wrong in (-1.0, 3.0, 0.5, np.nan):
        with pytest.raises(ArtefactError, match="m: class .* of its atoms, there are 3"):
            model_tables.check_atoms(np.array([0.0, wrong]), 3, "m")
