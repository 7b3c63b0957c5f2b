"""The settings that a search may choose for a model, and their bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import TwinError
from ..nets.space import Range
from ..training.request import Request

Space = Mapping[str, Range]
"""Bounds by the name of the setting."""


def space_of(request: Request, narrowed: Mapping[str, tuple[float, float]] | None = None) -> Space:
    """What a search may change for a request: what its family declares, maybe narrower.

    Args:
        request: what is trained.
        narrowed: bounds in place of those that the family declares, within them.

    Raises:
        TwinError: if the family declares nothing, or not that.
    """
    family = request.family_of_models
    declared = family.settings.searched
    if not declared:
        raise TwinError(f"family {family.name!r} declares no settings to search")
    found = dict(declared)
    for name, (low, high) in (narrowed or {}).items():
        if name not in declared:
            raise TwinError(
                f"space.{name}: family {family.name!r} declares {', '.join(declared)} to search"
            )
        whole, bounds = declared[name].whole, declared[name]
        if whole and (low != int(low) or high != int(high)):
            raise TwinError(f"space.{name}: expected whole numbers, found {low} and {high}")
        if not bounds.low <= low <= high <= bounds.high:
            raise TwinError(
                f"space.{name}: {low} to {high} is not within {bounds.low} and {bounds.high}"
            )
        kind = int if whole else float
        found[name] = Range(kind(low), kind(high), bounds.log)
    steps = {"steps", "trees"} if request.steps else set()
    return {k: v for k, v in found.items() if k not in request.settings and k not in steps}


def recipe_in(request: Request, space: Space) -> dict[str, Any]:
    """Settings of the recipe, each moved to the nearest value within its bounds.

    Args:
        request: what is trained.
        space: what is searched.
    """
    # Of very many rows: small samples change the settings afterwards, searched or not.
    own = request.config(1_000_000_000).to_json()
    return {name: bounds.within(own[name]) for name, bounds in space.items()}
