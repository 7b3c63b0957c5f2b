"""What every kind of model checks: its conditions, its probabilities, the kinds there are."""

import numpy as np
import pytest

from lamarr_like.engine import generator
from lamarr_like.engine.classifier import Classifier, ClassifierSpec
from lamarr_like.engine.kinds import AbstractSpec, condition_columns
from lamarr_like.engine.load import KINDS, find_kind
from lamarr_like.engine.translator import spec
from lamarr_like.errors import ArtefactError, SchemaError


def test_kinds_go_by_their_names():
    assert KINDS[ClassifierSpec.kind] is ClassifierSpec is find_kind("classifier", "m")
    assert KINDS["generator"] is generator.GeneratorSpec
    assert KINDS["translator"] is spec.TranslatorSpec
    kinds = {name: find_kind(name, "m") for name in KINDS}
    assert all(kind.kind == name and issubclass(kind, AbstractSpec) for name, kind in kinds.items())
    with pytest.raises(ArtefactError, match="m: .*'oracle'.*classifier"):
        find_kind("oracle", "m")


def test_conditions_come_in_the_order_of_the_model():
    given = {"b": np.ones(2), "a": np.zeros(2), "c": np.zeros(5)}
    first, second = condition_columns(("a", "b"), given, "m")
    assert np.array_equal(first, given["a"]) and np.array_equal(second, given["b"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a": None}, "m lacks the conditions a"),
        ({"b": np.zeros(3)}, r"condition 'b' has shape \(3,\), 'a' has \(2,\)"),
        ({"a": np.zeros((2, 1)), "b": np.zeros((2, 1))}, r"all must be \(n,\)"),
        ({"b": np.array([0.0, np.inf])}, "condition 'b' is inf in row 1"),
    ],
)
def test_conditions_that_do_not_fit(change, message):
    given = {"a": np.zeros(2), "b": np.ones(2), **change}
    given = {k: v for k, v in given.items() if v is not None}
    with pytest.raises(SchemaError, match=message):
        condition_columns(("a", "b"), given, "m")


def model(probabilities):
    return Classifier(("a",), ("no", "yes"), probabilities, "m")


def test_probabilities_are_checked():
    sound = model(lambda columns: np.stack([columns[0], 1.0 - columns[0]], axis=1))
    given = np.array([0.25, 1.0])
    np.testing.assert_array_equal(sound.predict({"a": given})[:, 0], given)
    assert sound.predict({"a": np.zeros(0)}).shape == (0, 2)
    sound.rehearse()
    with pytest.raises(ArtefactError, match="probability of class"):
        sound.predict({"a": np.array([1.5])})
    with pytest.raises(ArtefactError, match=r"\(1, 3\) probabilities, \(1, 2\) are needed"):
        model(lambda columns: np.full((1, 3), 1 / 3)).rehearse()
