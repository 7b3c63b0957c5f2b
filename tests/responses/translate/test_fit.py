"""Trainings of translations on toys whose translation is known, and what they refuse."""

import numpy as np
import pytest
from smeared import SHARP, sharp_sample, spread_sample

from lamarr_like.engine.artefact import read_artefact
from lamarr_like.errors import ArtefactError, TrainingError
from lamarr_like.responses.fit import Request
from lamarr_like.responses.samples import checked_sample
from lamarr_like.responses.translate import config
from lamarr_like.responses.translate.fit import TRANSLATION_FAMILIES, TwoSamples, fit
from lamarr_like.responses.translate.model import load

SMALL = ("width=4", "critic_width=4", "evaluations=1", "judged=100", "warm_up=10", "lead=4")
FAMILIES = {
    "cyclegan": ("blocks=1",),
    "uvcgan": ("tokens=8", "heads=2", "layers=1", "painting=0.3"),
}


def far(one, other):
    return float(np.abs(one - other).mean())


def trained(folder, family, steps, *words, first=0, **more):
    pytest.importorskip("tensorflow")
    samples = TwoSamples(sharp_sample(600), spread_sample(600, first))
    words = (*SMALL, *FAMILIES[family], *words)
    return fit(samples, Request(family, steps=steps, words=words, **more), folder, progress=False)


@pytest.mark.parametrize("family", FAMILIES)
def test_pairs_are_learnt_by_both_families(tmp_path, family):
    """So that a network that cannot translate is found in seconds."""
    folder = trained(tmp_path, family, 250, "paired=true", "learning_rate=0.005", "batch=32")
    model = load(folder)
    one, two = sharp_sample(200, 5000).arrays, spread_sample(200, 5000).arrays
    nothing = far(one, two)
    assert far(model.translate(one), two) < 0.6 * nothing
    assert far(model.translate(two, backward=True), one) < 0.8 * nothing


@pytest.mark.parametrize("family", FAMILIES)
def test_a_training_without_pairs(tmp_path, family):
    folder = trained(tmp_path, family, 12, first=1000)
    assert folder.name == f"sharp_to_spread-{family}-1"
    artefact = read_artefact(folder)
    told = artefact.config["training"]
    assert told["rows"] == told["second_rows"] == 540 and told["settings"]["width"] == 4
    card = (folder / "card.md").read_text()
    assert "samples that share no events" in card and str(tmp_path) not in card
    made = load(folder).translate(sharp_sample(3).arrays)
    assert np.isfinite(made).all()
    again = trained(tmp_path / "again", family, 12, first=1000)
    for name in ("forward.onnx", "backward.onnx"):
        assert read_artefact(again).files[name] == artefact.files[name]
    with pytest.raises(ArtefactError, match="exists; replace it with --force"):
        trained(tmp_path, family, 12, first=1000)


def test_what_is_hidden_is_painted_in(tmp_path):
    """The generators of uvcgan begin with their own samples: each is nearly the identity then."""
    folder = trained(tmp_path, "uvcgan", 60, "painting=0.99", first=1000)
    one = sharp_sample(50, 7000).arrays
    assert far(load(folder).translate(one), one * one.mean() / one.mean()) < one.mean()
    assert len(read_artefact(folder).config["training"]["history"]) == 1


def test_samples_that_cannot_be_translated(tmp_path):
    one, two = sharp_sample(200), spread_sample(200, 1000)
    few = spread_sample(50, 1000)
    empty = checked_sample(SHARP, one.conditions, 0 * one.arrays, "empty")
    paired = ("paired=true",)
    for samples, words, message in (
        (TwoSamples(one, few), (), "spread: 50 arrays; 100 are the least"),
        (TwoSamples(empty, two), (), "empty: all of its arrays are empty"),
        (TwoSamples(one, spread_sample(200, 150)), (), "spread holds events of sharp"),
        (TwoSamples(one, two), paired, "event in row 0 is not that of sharp"),
        (TwoSamples(one, spread_sample(300)), paired, "they are no pairs"),
    ):
        with pytest.raises(TrainingError, match=message):
            fit(samples, Request("cyclegan", words=words), tmp_path, progress=False)
    with pytest.raises(TrainingError, match="no family 'gan' of array_translators"):
        fit(TwoSamples(one, two), Request("gan"), tmp_path)
    with pytest.raises(TrainingError, match="--part 1 0"):
        fit(TwoSamples(one, two), Request(part=(1, 0)), tmp_path)


def test_families_are_as_their_settings_say():
    for name, family in TRANSLATION_FAMILIES.items():
        assert family.name == name and family.kind == "array_translator"
    assert config.UvcGanConfig().penalty > 0 == config.CycleGanConfig().penalty
