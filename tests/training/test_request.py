"""What a request asks for: stages, families, settings and names."""

from __future__ import annotations

from pathlib import Path

import pytest

from lamarr_like.errors import TrainingError
from lamarr_like.nets.config import (
    ArmdnConfig,
    BoosterConfig,
    EventLibraryConfig,
    GanConfig,
    MlpConfig,
    OneVsRestConfig,
)
from lamarr_like.nets.families import FAMILIES
from lamarr_like.nets.translator.config import KToKConfig, TranslatorConfig
from lamarr_like.stages import MODEL_STAGES, TRAINED_STAGES
from lamarr_like.training.request import Request, expanded

MANY = 10**7
"""Rows of a sample that is not small."""

EXPECTED = {
    "occupancy": ArmdnConfig(hidden=48, depth=2, steps=12_000, weight_decay=0.1),
    "acceptance": BoosterConfig(trees=300, depth=6, learning_rate=0.15),
    "efficiency": MlpConfig(hidden=64, depth=3, steps=16_000),
    "decay_in_flight": ArmdnConfig(hidden=32, depth=2, steps=16_000, weight_decay=0.02),
    "resolution": ArmdnConfig(steps=24_000, learning_rate=8e-3, weight_decay=0.02, orthogonal=True),
    "covariance": ArmdnConfig(
        hidden=96, steps=20_000, learning_rate=8e-3, weight_decay=0.02, orthogonal=True
    ),
    "rich": ArmdnConfig(hidden=96, steps=48_000, weight_decay=0.02),
    "muon_id": BoosterConfig(trees=150, depth=5, learning_rate=0.15),
    "muon_likelihood": ArmdnConfig(components=16, steps=16_000, weight_decay=0.02),
    "ecal": TranslatorConfig(orthogonal=True, learning_rate=8e-3),
    "calo_pid": ArmdnConfig(hidden=96, steps=46_000, weight_decay=0.02),
    "global_pid": ArmdnConfig(steps=46_000, weight_decay=0.02),
    "vertex_finding": BoosterConfig(trees=150, depth=4),
    "vertices": ArmdnConfig(hidden=32, depth=2, steps=8000, weight_decay=0.05),
    "extra_tracks": EventLibraryConfig(),
    "prob_nn": OneVsRestConfig(hidden=24, depth=2, steps=16_000),
}
"""Settings of the shipped models: what a card calls its training must go on giving them."""


def test_every_trained_stage_has_the_recipe_that_its_model_was_made_by():
    assert set(EXPECTED) == set(TRAINED_STAGES)
    for name, config in EXPECTED.items():
        assert Request(name).config(MANY) == config, name


def test_recipes_name_families_of_the_kind_of_the_stage():
    for stage in TRAINED_STAGES.values():
        for one in stage.recipes:
            family = FAMILIES[one.family]
            assert family.kind == stage.kind
            family.configured(**one.settings)


def test_small_samples_of_tracks_are_not_learnt_by_heart():
    config = Request("rich").config(3000)
    assert config.steps == 80 * 3000 // 1024
    assert config.weight_decay == pytest.approx(0.02 * 100)
    gan = Request("rich", family="gan").config(3000)
    assert gan == GanConfig(steps=80 * 3000 // 1024)
    assert Request("rich", steps=7).config(3000).steps == 7
    assert Request("vertices").config(3000) == EXPECTED["vertices"]
    assert Request("rich").config(1).steps == 1


def test_steps_of_trees_are_trees():
    assert Request("acceptance", steps=5, seed=3).config(10) == BoosterConfig(
        trees=5, depth=6, learning_rate=0.15, seed=3
    )


def test_other_families_of_the_kind_can_be_chosen():
    assert Request("acceptance", family="mlp").config(10) == MlpConfig()
    assert Request("efficiency", family="booster").config(10) == BoosterConfig()
    assert Request("ecal", family="k-to-k", seed=2).config(0) == KToKConfig(seed=2)


@pytest.mark.parametrize(
    ("stage", "family", "message"),
    [
        ("rich", "flow", "no family 'flow' of generators; there are armdn, gan, library$"),
        ("rich", "k-to-k", "no family 'k-to-k' of generators"),
        (
            "acceptance",
            "gan",
            "no family 'gan' of classifiers; there are mlp, one-vs-rest, domain, booster$",
        ),
        ("ecal", "armdn", "no family 'armdn' of translators; there are translator, k-to-k$"),
        ("propagation", None, "no stage 'propagation' to train"),
        ("all", "gan", "'all' trains each stage by its own recipes"),
    ],
)
def test_what_cannot_be_trained_is_said_before_anything_is_read(stage, family, message):
    with pytest.raises(TrainingError, match=message):
        expanded(Request(stage, family=family))


@pytest.mark.parametrize("stage", ["rich", "acceptance", "all"])
def test_only_translators_get_a_new_head(stage):
    with pytest.raises(TrainingError, match="cannot start from a model: it has no head"):
        expanded(Request(stage, start=Path("models/ecal-pp13-1")))
    assert expanded(Request("ecal", start=Path("models/ecal-pp13-1")))


def test_names_tell_another_family():
    assert Request("rich", sample="s", version="2").names == {
        "stage": "rich", "sample": "s", "version": "2"
    }  # fmt: skip
    assert Request("rich", family="armdn").names["sample"] == "pp13"
    assert Request("rich", family="gan").names["sample"] == "gan-pp13"
    assert Request("ecal", family="k-to-k").names["sample"] == "k-to-k-pp13"


def test_options_go_to_the_stages_that_have_them():
    wanted = expanded(Request("all", options={"frame": "cartesian"}))
    told = {(one.stage, one.family): one.chosen() for one in wanted}
    assert told["resolution", None] == told["resolution", "gan"] == {"frame": "cartesian"}
    assert told["rich", None] == told["rich", "gan"] == {"law": "gains"}
    assert told["calo_pid", None] == {"calo_law": "likelihoods"}
    assert sum(bool(options) for options in told.values()) == 5
    assert len(told) == len(MODEL_STAGES) + 3
    assert Request("resolution").chosen() == {"frame": "carried"}
    with pytest.raises(TrainingError, match="frame cannot be 'polar'; it can be carried, peri"):
        expanded(Request("resolution", options={"frame": "polar"}))
    with pytest.raises(TrainingError, match="'rich' has no option 'frame'; it has law"):
        expanded(Request("rich", options={"frame": "cartesian"}))
