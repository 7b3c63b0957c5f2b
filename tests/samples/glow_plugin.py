"""A plug-in whose particles glow: two stages with models of ours, one with all of its own.

Tests install a copy of this module as the distribution ``glow`` (`install_glow`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lamarr_like.engine.kinds import AbstractSpec, condition_columns
from lamarr_like.engine.model_config import NAMES
from lamarr_like.files.forms import Items, Number
from lamarr_like.nets.config import AbstractConfig
from lamarr_like.nets.families import Family
from lamarr_like.nets.sample import VectorRows
from lamarr_like.nets.trained import TrainedModel, training_record
from lamarr_like.plugins import declare
from lamarr_like.schema import Column
from lamarr_like.stages import (
    AbstractClassifierStage,
    AbstractGeneratorStage,
    AbstractModelStage,
)
from lamarr_like.stages.recipe import recipe
from lamarr_like.stages.stage import keys, typed
from lamarr_like.training.sample import sample_rows

GROUPS = {
    "stages": {"glow": "glow:Glow", "lit": "glow:Lit", "spark": "glow:Spark"},
    "models": {"shelf": "glow:ShelfSpec", "list": "glow:GROUPS", "rack": "glow:ShelfSpec"},
    "families": {"shelf": "glow:SHELF", "rack": "glow:SHELF"},
    "fits": {"spark": "glow:fit_spark"},
}


def install_glow(monkeypatch, folder):
    """Install this module as a distribution, and import it, so that its columns are known."""
    from pathlib import Path

    from plugin_fakes import install

    from lamarr_like.stages import find_stage

    install(monkeypatch, folder, "glow", code=Path(__file__).read_text(), **GROUPS)
    return {name: find_stage(name) for name in GROUPS["stages"]}


declare(
    Column("particle", "glow", "", "float32", "how bright it is", "glow"),
    Column("particle", "is_lit", "", "bool", "whether it is seen to glow", "isLit"),
    Column("particle", "spark", "", "float32", "brightness of its spark", "spark"),
)

_MOMENTUM = ("mc_px", "mc_py", "mc_pz")


class _OfParticles:
    """What the three stages share: all particles, by their momentum."""

    table = "particle"
    requires = keys("event", "event_id") | keys("particle", "mcparticle_id", *_MOMENTUM)

    @classmethod
    def rows(cls, batch):
        return np.ones(len(batch.particle), dtype=bool)

    @classmethod
    def conditions(cls, batch, rows):
        p2 = sum(batch.particle[c][rows].astype(np.float64) ** 2 for c in _MOMENTUM)
        return {"log_momentum": 0.5 * np.log(np.maximum(p2, 1.0))}


class Glow(_OfParticles, AbstractGeneratorStage):
    name = "glow"
    provides = target_columns = keys("particle", "glow")
    outputs = ("glow",)
    recipes = (
        recipe("armdn", hidden=16, depth=2, components=2, steps=400, batch=256, knots=200),
        recipe("gan", hidden=16, depth=2, critic_hidden=16, steps=5, batch=64, knots=200),
    )

    @classmethod
    def targets(cls, batch, rows):
        return {"glow": batch.particle["glow"][rows].astype(np.float64)}

    def __call__(self, batch, seed, is_gun=False):
        drawn = self._draw(batch, self.rows(batch), "mcparticle_id", seed)
        return batch.with_columns("particle", **typed("particle", drawn))


class Lit(_OfParticles, AbstractClassifierStage):
    name = "lit"
    provides = target_columns = keys("particle", "is_lit")
    target = "is_lit"
    classes = ("dark", "lit")
    recipes = (recipe("booster", trees=20, depth=2),)

    @classmethod
    def targets(cls, batch, rows):
        return {"is_lit": batch.particle["is_lit"][rows].astype(np.int64)}

    def __call__(self, batch, seed, is_gun=False):
        lit = self._draw(batch, self.rows(batch), "mcparticle_id", seed) == 1
        return batch.with_columns("particle", is_lit=lit)


class Shelf:
    """A kind of model of its own: a table of quantiles of one number, whatever the conditions."""

    def __init__(self, spec, where):
        self.conditions, self.values, self.where = spec.conditions, np.array(spec.values), where

    def draw(self, conditions, uniforms):
        condition_columns(self.conditions, conditions, self.where)
        return np.interp(uniforms[:, 0], np.linspace(0.0, 1.0, len(self.values)), self.values)

    def rehearse(self):
        self.draw({name: np.zeros(1) for name in self.conditions}, np.full((1, 1), 0.5))


@dataclass(frozen=True)
class ShelfSpec(AbstractSpec):
    kind = "shelf"
    forms = {"conditions": NAMES, "values": Items(Number(0, 100), 2, 1000)}  # noqa: RUF012

    conditions: tuple
    values: tuple

    def check(self, at):
        if list(self.values) != sorted(self.values):
            (at / "values").refuse("is not in order")

    def build(self, files, where):
        return Shelf(self, where)


@dataclass(frozen=True)
class ShelfConfig(AbstractConfig):
    family = "shelf"
    kind = "shelf"
    size: int = 50

    def with_steps(self, steps):
        return replace(self, size=steps)


def fit_shelf(sample, config, *, progress=True):
    (values,) = sample.targets.values()
    found = np.quantile(values, np.linspace(0.0, 1.0, config.size))
    record = training_record(
        *(config,), rows=len(values), digest="", weighted=False, history=[], started=0.0
    )
    spec = {"kind": "shelf", "family": "shelf", "conditions": list(sample.conditions)}
    return TrainedModel({**spec, "values": found.tolist(), "figures": {}, **record}, {})


SHELF = Family(ShelfConfig, "glow:fit_shelf", extra="")


class Spark(_OfParticles, AbstractModelStage):
    name = "spark"
    kind = "shelf"
    trained_by = "spark"
    recipes = (recipe("shelf", size=200),)
    training_options = {"scale": (1.0, 2.0)}  # noqa: RUF012
    incomparable = ""
    provides = target_columns = keys("particle", "spark")

    def __init__(self, model, config=None):
        super().__init__(model, config)
        self.model = model

    @classmethod
    def targets(cls, batch, rows):
        return {"spark": batch.particle["spark"][rows].astype(np.float64)}

    def answers(self, batch, rows, uniforms):
        drawn = self.model.draw(self.conditions(batch, rows), uniforms)
        return {"spark": self.config["scale"] * drawn}

    def __call__(self, batch, seed, is_gun=False):
        rows = self.rows(batch)
        uniforms = self._uniforms(batch, rows, "mcparticle_id", seed, 1)
        return batch.with_columns(
            "particle", **typed("particle", self.answers(batch, rows, uniforms))
        )


def fit_spark(stage, batch, request, *, progress):
    rows = sample_rows(stage, batch)
    sample = VectorRows(stage.conditions(batch, rows), stage.targets(batch, rows))
    model = request.family_of_models.fit(sample, request.config(len(rows)), progress=progress)
    return replace(model, config={**model.config, "scale": request.chosen()["scale"]})
