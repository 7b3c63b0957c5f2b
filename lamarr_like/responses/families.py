"""Families of response generators: name, settings, and what fits them.

A plug-in's family joins through the same entry points as those of the chain's models
(`lamarr_like.nets.families`); its settings are of kind ``response``, and it is fitted to a
`lamarr_like.responses.samples.ResponseSample`.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..nets.families import Family, find_family
from .config import (
    CorrVaeConfig,
    DiffusionConfig,
    DistilledConfig,
    FlowConfig,
    GanConfig,
    LibraryConfig,
    SplittingConfig,
    TableConfig,
    VaeConfig,
)

_ROOM = "lamarr_like.responses.training"

RESPONSE_FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        Family(LibraryConfig, f"{_ROOM}.library:fit_library", extra=""),
        Family(TableConfig, f"{_ROOM}.library:fit_table", extra=""),
        Family(SplittingConfig, f"{_ROOM}.splitting:fit_splitting"),
        Family(GanConfig, f"{_ROOM}.gan:fit_gan"),
        Family(VaeConfig, f"{_ROOM}.vae:fit_vae"),
        Family(FlowConfig, f"{_ROOM}.flow:fit_flow"),
        Family(DiffusionConfig, f"{_ROOM}.diffusion:fit_diffusion"),
        Family(DistilledConfig, f"{_ROOM}.distilled:fit_distilled"),
        Family(CorrVaeConfig, f"{_ROOM}.corrvae:fit_corrvae"),
    )
}
"""Our families by name."""

DEFAULT = "gan"
"""Taken where none is named: nearest for its time (``tutorials/responses.md``)."""


def find_response_family(name: str) -> Family:
    """A family by its name: ours, or that of a plug-in.

    Raises:
        TrainingError: if there is none, with a list of those that there are.
    """
    return find_family(name, "response", RESPONSE_FAMILIES)
