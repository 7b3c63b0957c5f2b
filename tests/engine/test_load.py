"""Kinds of models: ours and those of plug-ins, read from the configuration of an artefact."""

from __future__ import annotations

import numpy as np
import pytest
from glow_plugin import install_glow

from lamarr_like.engine.artefact import read_artefact, write_artefact
from lamarr_like.engine.classifier import Classifier, ClassifierSpec
from lamarr_like.engine.generator import Generator, GeneratorSpec
from lamarr_like.engine.kinds import AbstractSpec
from lamarr_like.engine.load import KINDS, build_model, find_kind, load_model
from lamarr_like.engine.translator.translation import Translator
from lamarr_like.errors import ArtefactError
from lamarr_like.files.find import shipped

SHELF = {"kind": "shelf", "conditions": ["a"], "values": [1.0, 2.0, 3.0]}


@pytest.fixture
def glow(tmp_path, monkeypatch):
    return install_glow(monkeypatch, tmp_path / "site")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("acceptance-pp13-1", Classifier),
        ("efficiency-pp13-1", Classifier),
        ("rich-gan-pp13-1", Generator),
        ("ecal-pp13-1", Translator),
    ],
)
def test_shipped_models_are_of_their_kind(name, kind):
    artefact = read_artefact(shipped("models") / name)
    model = load_model(artefact)
    assert type(model) is kind
    assert model.conditions == tuple(artefact.config["conditions"])
    model.rehearse()


def test_a_kind_is_known_by_the_name_of_its_configuration():
    kinds = {name: find_kind(name, "here") for name in KINDS}
    assert all(issubclass(spec, AbstractSpec) and spec.kind == k for k, spec in kinds.items())
    assert find_kind("generator", "here") is GeneratorSpec
    with pytest.raises(ArtefactError, match="^here: unknown kind of model 'oracle'; known are cl"):
        find_kind("oracle", "here")


def test_a_configuration_is_read_into_its_fields():
    config = {"kind": "classifier", "family": "booster", "conditions": ["a"], "classes": ["x", "y"]}
    spec = ClassifierSpec.read({**config, "for people": 1}, "c.json")
    assert spec == ClassifierSpec("booster", ("a",), ("x", "y"))
    with pytest.raises(ArtefactError, match=r"^c.json: condition_flags is missing"):
        ClassifierSpec.read({**config, "family": "mlp"}, "c.json")
    with pytest.raises(ArtefactError, match=r"^c.json: condition_flags: 2 items, 1 are needed"):
        ClassifierSpec.read({**config, "family": "m", "condition_flags": [True] * 2}, "c.json")
    with pytest.raises(ArtefactError, match=r"^c.json: classes: 1 items; there must be 2"):
        ClassifierSpec.read({**config, "classes": ["x"]}, "c.json")


def test_a_kind_of_a_plugin_is_loaded_from_its_artefact(glow, tmp_path):
    head = {"family": "shelf", "stage": "spark", "sample": "s", "version": "1"}
    folder = write_artefact(tmp_path / "spark-s-1", {**SHELF, **head}, {}, "card")
    model = load_model(folder)
    drawn = model.draw({"a": np.zeros(2)}, np.array([[0.25], [0.5]]))
    assert drawn.tolist() == [1.5, 2.0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": [1.0]}, r"^m/config.json: values: 1 items; there must be 2"),
        ({"values": [1.0, 700.0]}, r"^m/config.json: values\[1\]: 700.0 is not within 0 and 100"),
        ({"values": [2.0, 1.0]}, r"^m/config.json: values is not in order"),
        ({"conditions": []}, r"^m/config.json: conditions is empty"),
        ({"kind": "list"}, "plug-in 'list' is .*, no class derived from AbstractSpec"),
        ({"kind": "rack"}, "plug-in 'rack': ShelfSpec must define build, and be of kind 'rack'"),
        (
            {"kind": "oracle"},
            "'oracle'; known are classifier, generator, translator, event_library, refiner, "
            "response, devices, array_translator, list, rack",
        ),
    ],
)
def test_kinds_of_plugins_are_checked(glow, changes, message):
    assert build_model(SHELF, {}, "m").conditions == ("a",)
    with pytest.raises(ArtefactError, match=message):
        build_model({**SHELF, **changes}, {}, "m")


def test_what_does_not_run_is_found_when_it_is_loaded(glow, monkeypatch):
    def fails(self):
        raise IndexError("no shelf")

    model = build_model(SHELF, {}, "m")
    monkeypatch.setattr(type(model), "rehearse", fails)
    with pytest.raises(ArtefactError, match=r"parts do not fit together \(IndexError: no shelf\)"):
        build_model(SHELF, {}, "m")
