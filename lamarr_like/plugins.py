"""What third parties add, found by entry points: stages, sources, models and their training.

A distribution that declares ::

    [project.entry-points."lamarr_like.stages"]
    torch = "lamarr_torch:Torch"

    [project.entry-points."lamarr_like.sources"]
    particles = "lamarr_torch:ParticleList"

makes the stage ``torch`` and the source ``particles:...`` known wherever it is installed; kinds of
models, families that train them and fits of stages likewise.  Entry points are looked up only for
names that are not ours: they cost nothing otherwise, and no name of ours can be taken by a plug-in.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from . import schema
from .errors import LamarrLikeError, SchemaError

STAGE_GROUP = "lamarr_like.stages"
"""Entry points of stages: classes derived from `lamarr_like.stages.AbstractStage`."""

SOURCE_GROUP = "lamarr_like.sources"
"""Entry points of sources: what `lamarr_like.io.sources.SourceFactory` describes."""

MODEL_GROUP = "lamarr_like.models"
"""Entry points of kinds of models: classes derived from `lamarr_like.engine.kinds.AbstractSpec`."""

FAMILY_GROUP = "lamarr_like.families"
"""Entry points of families that can be trained: `lamarr_like.nets.families.Family` each."""

RESPONSE_GROUP = "lamarr_like.responses"
"""Entry points of array-valued responses: `lamarr_like.responses.declared.Declared` each."""

FIT_GROUP = "lamarr_like.fits"
"""Entry points of the trainings of stages: what `lamarr_like.training.fits.Fit` describes."""

METRIC_GROUP = "lamarr_like.metrics"
"""Entry points of what a training can emphasise: `lamarr_like.stages.metrics.Metric` each."""


def installed(group: str) -> list[str]:
    """Names of the plug-ins of a group, sorted; nothing is imported."""
    return sorted({point.name for point in entry_points(group=group)})


def load(group: str, name: str, error: type[LamarrLikeError]) -> Any:
    """Import a plug-in.

    Args:
        group: one of the groups above.
        name: name of its entry point.
        error: what to raise.

    Returns:
        The object that the entry point names; None if there is no such entry point.

    Raises:
        LamarrLikeError: as `error`, if two distributions offer the name or the import fails.
    """
    points = list(entry_points(group=group, name=name))
    if not points:
        return None
    if len({point.value for point in points}) > 1:
        owners = " and ".join(sorted(describe(point) for point in points))
        raise error(f"plug-in {name!r} is offered by {owners}; uninstall one of them")
    try:
        return points[0].load()
    except Exception as failure:  # a plug-in may fail in any way
        raise error(
            f"plug-in {name!r} of {describe(points[0])} cannot be imported: "
            f"{type(failure).__name__}: {failure}"
        ) from failure


def describe(point: EntryPoint) -> str:
    """Distribution and object of an entry point, for messages."""
    owner = f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown package"
    return f"{owner} ({point.value})"


def files(group: str, name: str) -> tuple[Path, ...]:
    """Source files of the modules that the entry points of a name stand for."""
    specs = [find_spec(point.module) for point in entry_points(group=group, name=name)]
    found = (Path(spec.origin) for spec in specs if spec is not None and spec.origin)
    return tuple(sorted({path for path in found if path.is_file()}))


def declare(*columns: schema.Column) -> None:
    """Make columns of a plug-in known to the whole package, so that they are written and read.

    To be called where the module of the plug-in is imported; declaring a column again as it is
    does nothing.

    Raises:
        SchemaError: if a table does not exist, a type or shape is none that can be stored, or a
            column or branch of that name means something else already.
    """
    for column in columns:
        where = f"column {column.table}.{column.name}"
        if column.table not in schema.TABLES:
            raise SchemaError(f"{where}: there is no such table; it can be {schema.TABLES}")
        try:
            storable = np.dtype(column.dtype).kind in "biuf"
        except TypeError:
            storable = False
        if not storable:
            raise SchemaError(f"{where}: type {column.dtype!r} is no NumPy number")
        if schema.COLUMNS.get((column.table, column.name), column) != column:
            raise SchemaError(f"{where} is declared already with another meaning")
        other = schema.by_branch().get(column.branch, column)
        if other != column:
            raise SchemaError(
                f"{where}: branch {column.branch} is that of {other.table}.{other.name}"
            )
        sides = column.shape
        if not isinstance(sides, tuple) or not all(type(k) is int and k > 0 for k in sides):
            raise SchemaError(f"{where}: shape {sides!r} is no tuple of positive whole numbers")
        schema.COLUMNS[column.table, column.name] = column
