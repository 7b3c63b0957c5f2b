"""From a sample to the model of a stage: the fits that stages name in ``trained_by``.

A stage of a plug-in that learns from rows uses those of ours by deriving from
`AbstractClassifierStage` or `AbstractGeneratorStage`.  Any other names an entry point::

    [project.entry-points."lamarr_like.fits"]
    image = "lamarr_images:fit_image"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

import numpy as np

from .. import plugins
from ..arrays import Columns, Floats, Mask
from ..errors import TrainingError
from ..events import EventBatch
from ..nets.event_library import EventRows
from ..nets.sample import Emphasis, LabelledRows, VectorRows
from ..nets.trained import TrainedModel
from ..stages import (
    AbstractClassifierStage,
    AbstractGeneratorStage,
    AbstractModelStage,
    ExtraTracks,
)
from .ecal import fit_ecal_stage
from .metrics import find_metric
from .request import Request
from .sample import row_weights, sample_rows
from .weights import balanced, species_factors, thinned


class Fit(Protocol):
    """Trains the model of a stage."""

    def __call__(
        self,
        stage: type[AbstractModelStage],
        batch: EventBatch,
        request: Request,
        *,
        progress: bool,
    ) -> TrainedModel:
        """The model, whose configuration has what the stage itself needs.

        Args:
            stage: the stage.
            batch: sample as `lamarr_like.training.sample.read_sample` gives it.
            request: family, settings and options.
            progress: show a progress bar.

        Raises:
            TrainingError: if the sample cannot support the training.
        """


def fit_stage(batch: EventBatch, request: Request, *, progress: bool = True) -> TrainedModel:
    """Train the model of one stage on a sample.

    Args:
        batch: sample as `lamarr_like.training.sample.read_sample` gives it.
        request: what to train.
        progress: show a progress bar.

    Raises:
        TrainingError: if the sample cannot support the training, or the request cannot be met.
    """
    stage = request.stage_class
    return find_fit(stage.trained_by)(stage, batch, request, progress=progress)


def find_fit(name: str) -> Fit:
    """A fit of ours, or that of a plug-in.

    Raises:
        TrainingError: if there is none of that name.
    """
    found: Fit | None = FITS.get(name) or plugins.load(plugins.FIT_GROUP, name, TrainingError)
    if found is None:
        known = ", ".join([*FITS, *plugins.installed(plugins.FIT_GROUP)])
        raise TrainingError(f"nothing trains by {name!r}; there are {known}")
    return found


def fit_classifier_stage(
    stage: type[AbstractModelStage], batch: EventBatch, request: Request, *, progress: bool
) -> TrainedModel:
    """Train a stage that draws a class; see `Fit`."""
    assert issubclass(stage, AbstractClassifierStage)
    rows, conditions, weights = _learnt_from(stage, batch, request)
    labels = stage.targets(batch, rows)[stage.target]
    if stage.balanced:
        weights = balanced(weights, labels, len(stage.classes))
    sample = LabelledRows(conditions, labels, stage.classes, _unless_one(weights))
    config = request.config(int(rows.sum()))
    model = request.family_of_models.fit(sample, config, progress=progress)
    return _completed(model, stage, batch, conditions, request)


def fit_generator_stage(
    stage: type[AbstractModelStage], batch: EventBatch, request: Request, *, progress: bool
) -> TrainedModel:
    """Train a stage that draws a vector; see `Fit`."""
    assert issubclass(stage, AbstractGeneratorStage)
    rows, conditions, weights = _learnt_from(stage, batch, request)
    if stage.rare_species:
        weights = weights * species_factors(conditions, weights)
    sample = VectorRows(
        conditions,
        stage.learnt(batch, rows, **request.chosen()),
        _unless_one(weights),
        integers=stage.integers,
        pulls=stage.pulls,
        emphasis=_emphasis(stage, conditions, request),
    )
    config = request.config(int(rows.sum()))
    model = request.family_of_models.fit(sample, config, progress=progress)
    return _completed(model, stage, batch, conditions, request)


def fit_event_library_stage(
    stage: type[AbstractModelStage], batch: EventBatch, request: Request, *, progress: bool
) -> TrainedModel:
    """Store the extra tracks of whole events; see `Fit`."""
    assert issubclass(stage, ExtraTracks)
    events = sample_rows(stage, batch)
    columns, counts = stage.stored(batch)
    sample = EventRows(
        stage.conditions(batch, events), columns, counts, stage.targets(batch, events)
    )
    config = request.config(len(batch))
    return request.family_of_models.fit(sample, config, progress=progress)


def _learnt_from(
    stage: type[AbstractModelStage], batch: EventBatch, request: Request
) -> tuple[Mask, dict[str, np.ndarray], Floats]:
    """Rows of the stage's table, their conditions and their weights."""
    rows = thinned(sample_rows(stage, batch, request.long_only), request.seed)
    return rows, stage.conditions(batch, rows), row_weights(batch, stage.table, rows)


def _emphasis(
    stage: type[AbstractModelStage], conditions: Columns, request: Request
) -> Emphasis | None:
    """What the training is to get right above all."""
    if request.emphasise is None:
        return None
    metric = find_metric(request.emphasise, stage.name)
    return Emphasis(metric, metric.cells(conditions))


def _unless_one(weights: Floats) -> Floats | None:
    """None where all weights are one, so that the sample counts as unweighted."""
    return None if (weights == 1.0).all() else weights


def _completed(
    model: TrainedModel,
    stage: type[AbstractModelStage],
    batch: EventBatch,
    conditions: dict[str, np.ndarray],
    request: Request,
) -> TrainedModel:
    """The model with what the stage itself needs in the configuration."""
    own = stage.learnt_config(batch, conditions, **request.chosen())
    return replace(model, config={**model.config, **own})


FITS: Mapping[str, Fit] = {
    "classifier": fit_classifier_stage,
    "generator": fit_generator_stage,
    "ecal": fit_ecal_stage,
    "event_library": fit_event_library_stage,
}
"""Our fits by name."""
