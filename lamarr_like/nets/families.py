"""Families of models that can be trained: name, kind of model, settings, and what fits them.

A family of a plug-in joins by an entry point that names a `Family`::

    [project.entry-points."lamarr_like.families"]
    flow = "lamarr_flow:FLOW"

The law test (``tests/nets/test_families.py``) runs over all of `FAMILIES`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .. import plugins
from ..errors import TrainingError
from .config import (
    AbstractConfig,
    ArmdnConfig,
    BoosterConfig,
    DomainConfig,
    EventLibraryConfig,
    GanConfig,
    LibraryConfig,
    MlpConfig,
    OneVsRestConfig,
    RefinerConfig,
)
from .trained import TrainedModel
from .translator.config import KToKConfig, TranslatorConfig

Fit = Callable[..., TrainedModel]
"""``fit(sample, settings, *, progress)``: trains a family on a sample of its kind.

The samples are `lamarr_like.nets.sample.LabelledRows` for classifiers,
`lamarr_like.nets.sample.VectorRows` for generators,
`lamarr_like.nets.translator.sample.TranslatorSample` for translators,
`lamarr_like.nets.event_library.EventRows` for libraries of events and
`lamarr_like.nets.sample.PairedRows` for refiners.
"""


@dataclass(frozen=True)
class Family:
    """A way to make a model of some kind.

    Args:
        settings: class of its settings, which tells its name and kind.
        path: ``module:function`` of its `Fit`, imported when a training starts: TensorFlow takes
            seconds.
        extra: extra of this package that it needs; empty for none.
    """

    settings: type[AbstractConfig]
    path: str
    extra: str = "train"

    @property
    def name(self) -> str:
        """Name of the family."""
        return self.settings.family

    @property
    def kind(self) -> str:
        """Kind of model that it makes."""
        return self.settings.kind

    @property
    def fit(self) -> Fit:
        """What trains it."""
        module, name = self.path.split(":")
        found: Fit = getattr(importlib.import_module(module), name)
        return found

    def configured(self, **values: Any) -> AbstractConfig:
        """Its settings with some values other than the defaults.

        Raises:
            TrainingError: if it has no such setting.
        """
        try:
            return self.settings(**values)
        except TypeError as error:
            raise TrainingError(f"family {self.name!r} cannot be set up: {error}") from error


FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        Family(ArmdnConfig, "lamarr_like.nets.armdn:fit_armdn"),
        Family(GanConfig, "lamarr_like.nets.gan:fit_gan"),
        Family(LibraryConfig, "lamarr_like.nets.library:fit_library"),
        Family(MlpConfig, "lamarr_like.nets.mlp:fit_mlp"),
        Family(OneVsRestConfig, "lamarr_like.nets.one_vs_rest:fit_one_vs_rest"),
        Family(DomainConfig, "lamarr_like.nets.domain:fit_domain"),
        Family(BoosterConfig, "lamarr_like.nets.booster:fit_trees", extra=""),
        Family(TranslatorConfig, "lamarr_like.nets.translator.fit:fit_translator"),
        Family(KToKConfig, "lamarr_like.nets.translator.fit:fit_translator"),
        Family(EventLibraryConfig, "lamarr_like.nets.event_library:fit_event_library", extra=""),
        Family(RefinerConfig, "lamarr_like.nets.refiner:fit_refiner"),
    )
}
"""Our families by name."""


def find_family(
    name: str, kind: str | None = None, among: Mapping[str, Family] = FAMILIES
) -> Family:
    """A family by its name: ours, or that of a plug-in.

    Args:
        name: its name.
        kind: kind of model that it must make; None for any.
        among: ours.

    Raises:
        TrainingError: if there is none, with a list of those that there are.
    """
    found = among.get(name) or plugins.load(plugins.FAMILY_GROUP, name, TrainingError)
    if found is not None and not (isinstance(found, Family) and found.name == name):
        raise TrainingError(f"plug-in {name!r} is {found!r}, no Family of that name")
    if found is None or kind not in (None, found.kind):
        of = "" if kind is None else f" of {kind}s"
        known = [k for k, family in among.items() if kind in (None, family.kind)]
        known += plugins.installed(plugins.FAMILY_GROUP)
        raise TrainingError(f"no family {name!r}{of}; there are {', '.join(known)}")
    return found
