"""Quantities that an analysis needs of what a stage draws, which a training can emphasise.

A package of yours adds its own by an entry point that names a `Metric`::

    [project.entry-points."lamarr_like.metrics"]
    jpsi_width = "lamarr_muons:JPSI_WIDTH"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import plugins
from ..arrays import Floats, Ints, ReadColumns
from ..errors import TrainingError
from ..statistics.binned import bins_of
from .identification.rich_photons import ABSENT

Value = Callable[[Mapping[str, Any], Mapping[str, Any]], Any]
"""Outputs of the stage as they are learnt, and conditions, to one number a row."""


@dataclass(frozen=True)
class Metric:
    """A number of each row, and the cells in which its mean and spread have to be right.

    Args:
        name: its name, also that of the entry point.
        stage: stage whose outputs it is made of.
        meaning: one line.
        value: the number, of NumPy arrays of shape ``(n,)``.  Where it is `differentiable` it must
            be made of ``+``, ``-``, ``*`` and ``/`` alone, so that it works for tensors, too.
        conditions: those that it reads.
        cut: the number is whether `value` is above this; None for `value` itself.
        softness: over which the cut is smeared where its slope is needed.
        differentiable: False has a network learn what the number is.
        along: condition along which cells are cut, and
        edges: their edges.
        species: conditions that are flags; each has cells of its own.
    """

    name: str
    stage: str
    meaning: str
    value: Value
    conditions: tuple[str, ...] = ()
    cut: float | None = None
    softness: float = 1.0
    differentiable: bool = True
    along: str = "log_p"
    edges: tuple[float, ...] = (-np.inf, np.inf)
    species: tuple[str, ...] = ()

    def numbers(self, outputs: ReadColumns, conditions: ReadColumns) -> Floats:
        """The number of each row, shape ``(n,)``."""
        found = np.asarray(self.value(outputs, conditions), dtype=np.float64)
        return found if self.cut is None else (found > self.cut).astype(np.float64)

    @property
    def n_cells(self) -> int:
        """How many cells there are."""
        return max(len(self.species), 1) * (len(self.edges) - 1)

    def cells(self, conditions: ReadColumns) -> Ints:
        """Cell of each row, -1 outside of all, shape ``(n,)``; bins of one species lie together."""
        place = bins_of(conditions[self.along], np.array(self.edges))
        if not self.species:
            return place
        flags = np.stack([np.asarray(conditions[name]) > 0.5 for name in self.species])
        inside = flags.any(axis=0) & (place >= 0)
        return np.where(inside, flags.argmax(axis=0) * (len(self.edges) - 1) + place, -1)


def _pid_k(outputs: Mapping[str, Any], conditions: Mapping[str, Any]) -> Any:
    """RichDLLk; see `rich_photons.differences`."""
    if "rich_dll_k" in outputs:
        return outputs["rich_dll_k"]
    photons = {name: conditions[f"photons_{name}"] for name in ("pi", "k")}
    gain = outputs["gain_k"] + conditions["overlap_k"] * outputs["gain_pi"]
    below = photons["pi"] * photons["pi"] - outputs["gain_pi"]
    # 0 for tracks in no radiator, which have no difference, and 1 for all others.
    apart = (outputs["gain_pi"] - ABSENT) * (outputs["gain_pi"] - ABSENT)
    return apart / (apart + _HARDLY) * (gain - photons["k"] * photons["k"] + below)


_HARDLY = 1e-10
_EDGES = tuple(float(np.log10(1000.0 * p)) for p in (3, 6, 10, 15, 20, 30, 45, 70, 100))
_PID_K: dict[str, Any] = {
    "stage": "rich",
    "value": _pid_k,
    "conditions": ("photons_pi", "photons_k", "overlap_k"),
    "cut": 5.0,
    "edges": _EDGES,
    "species": ("is_pi", "is_k", "is_p"),
}

METRICS = {
    metric.name: metric
    for metric in (
        Metric(
            "pidk", meaning="share of pions, kaons, protons with PIDK > 5 in bins of p", **_PID_K
        ),
        Metric(
            "pidk-learnt",
            meaning="the same, by a network that has to find out what it is",
            differentiable=False,
            **_PID_K,
        ),
    )
}
"""Our metrics by name."""


def find_metric(name: str, stage: str) -> Metric:
    """A metric of a stage: ours, or that of a plug-in.

    Raises:
        TrainingError: if there is none of that name for the stage.
    """
    found = METRICS.get(name) or plugins.load(plugins.METRIC_GROUP, name, TrainingError)
    if found is not None and not (isinstance(found, Metric) and found.name == name):
        raise TrainingError(f"plug-in {name!r} is {found!r}, no Metric of that name")
    if found is None or found.stage != stage:
        known = [one.name for one in METRICS.values() if one.stage == stage]
        known += plugins.installed(plugins.METRIC_GROUP)
        raise TrainingError(
            f"no metric {name!r} of stage {stage!r}; there are {', '.join(known) or 'none'}"
        )
    return found
