"""How the model of a stage is trained, said in plain data: no network is known here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Recipe(NamedTuple):
    """A family of models and how it is set up.

    Attributes:
        family: name of the family (`lamarr_like.nets.families.FAMILIES`, or that of a plug-in).
        settings: those that differ from the defaults of the family.
    """

    family: str
    settings: Mapping[str, Any]


def recipe(family: str, **settings: Any) -> Recipe:
    """A recipe: ``recipe("armdn", hidden=96, steps=48_000)``."""
    return Recipe(family, settings)
