"""Recipes are plain data: a family and what differs from its defaults."""

from lamarr_like.nets.families import find_family
from lamarr_like.stages import MODEL_STAGES
from lamarr_like.stages.recipe import Recipe, recipe


def test_a_recipe_is_its_words():
    found = recipe("armdn", hidden=96, steps=48_000)
    assert found == Recipe("armdn", {"hidden": 96, "steps": 48_000})
    assert recipe("gan").settings == {}


def test_every_recipe_can_be_set_up_by_its_family():
    for stage in MODEL_STAGES.values():
        for one in stage.recipes:
            config = find_family(one.family, stage.kind).configured(**one.settings)
            assert all(getattr(config, k) == v for k, v in one.settings.items()), stage.name
