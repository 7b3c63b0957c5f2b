"""Metrics that a training can emphasise, by name."""

from __future__ import annotations

from .. import plugins
from ..errors import TrainingError
from ..stages.identification import rich_metrics
from ..stages.metrics import Metric

METRICS = {metric.name: metric for metric in rich_metrics.METRICS}
"""Ours."""


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
