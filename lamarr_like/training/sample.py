"""Reading of the samples that models are trained and judged on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..arrays import Floats, Mask
from ..errors import PipelineError, TrainingError
from ..events import EventBatch, Table, concatenate
from ..io.defaults import completed
from ..io.ntuple import read_events
from ..stages import TRAINED_STAGES, AbstractModelStage, Propagation, find_trained
from .foreign import read_foreign

_PROPAGATED = Propagation.provides
_WEIGHT = ("event", "mc_weight")
_TRACK_WEIGHT = ("track", "weight")


def read_sample(
    paths: Sequence[Path],
    columns: Path | str | None = None,
    part: tuple[float, float] = (0.0, 1.0),
) -> EventBatch:
    """Read detailed samples whole, with what the analytic propagation adds.

    Args:
        paths: ROOT files of events, or flat files of a user's own simulation.
        columns: mapping file for the columns of flat files (see `foreign`); None for our layout.
        part: share of the events of each file, from and to, so that a sample can be cut into one
            to train on and one to judge by.

    Returns:
        One batch, events renumbered where files are joined.

    Raises:
        TrainingError: if there is no event.
        SourceError, SchemaError: if a file cannot be read.
    """
    if not 0.0 <= part[0] < part[1] <= 1.0:
        raise TrainingError(f"a part from {part[0]} to {part[1]} of the events is none")
    parts = []
    for path in paths:
        if columns is not None:
            whole = _with_occupancy(read_foreign(path, columns))
        else:
            pieces = [_down(piece) for piece in read_events(path) if len(piece)]
            if not pieces:
                continue
            whole = concatenate(pieces)
        parts.append(whole.events(*(round(f * len(whole)) for f in part)))
    parts = [batch for batch in parts if len(batch)]
    if not parts:
        raise TrainingError(f"no events in {', '.join(str(p) for p in paths)}")
    batch = completed(concatenate(parts))
    n = len(batch)
    event = dict(batch.event.columns) | {"event_id": np.arange(n, dtype=np.int64)}
    batch = batch.with_table("event", Table(event, np.arange(n + 1)))
    return Propagation()(batch, seed=0)


def _down(batch: EventBatch) -> EventBatch:
    """Events as of magnet down, which models learn: those of magnet up are mirror images."""
    if "polarity" not in batch.event:
        return batch
    down = batch.mirrored(batch.event["polarity"] > 0)
    event = {k: v for k, v in down.event.columns.items() if k != "polarity"}
    return down.with_table("event", Table(event, down.event.offsets))


def _with_occupancy(batch: EventBatch) -> EventBatch:
    """Fill the occupancy where a foreign sample does not tell it: its own tracks, no SPD hits."""
    new: dict[str, np.ndarray] = {}
    if "n_tracks" not in batch.event:
        new["n_tracks"] = batch.track.counts.astype(np.int32)
    if "n_spd_hits" not in batch.event:
        new["n_spd_hits"] = np.zeros(len(batch), np.int32)
    return batch.with_columns("event", **new)


def row_weights(batch: EventBatch, table: str, rows: Mask) -> Floats:
    """Statistical weights of some rows: generator weight of the event times sWeight of the track.

    Args:
        batch: a sample.
        table: table of the rows.
        rows: mask of the rows asked for.

    Returns:
        Shape ``(rows.sum(),)``; ones where the sample has no weights.
    """
    weights = np.ones(int(rows.sum()))
    if _WEIGHT[1] in batch.event:
        event = batch.event[_WEIGHT[1]]
        weights *= (event if table == "event" else batch.event_column(table, _WEIGHT[1]))[rows]
    if table == _TRACK_WEIGHT[0] and _TRACK_WEIGHT[1] in batch.track:
        weights *= batch.track[_TRACK_WEIGHT[1]][rows]
    return weights


def sample_rows(
    stage: type[AbstractModelStage] | AbstractModelStage,
    batch: EventBatch,
    long_only: bool = False,
) -> Mask:
    """Mask of the rows that a stage learns from, checked to be there, shape ``(n,)``.

    Args:
        stage: the stage; with a model, whose conditions have to be told, or without.
        batch: a sample.
        long_only: only long tracks (for samples that hold no others).

    Raises:
        TrainingError: if there are none or a column is missing.
    """
    if stage.table not in batch.tables:
        raise TrainingError(f"stage {stage.name!r} learns from the table {stage.table!r}")
    needed = (stage.requires | stage.target_columns) - _PROPAGATED
    missing = sorted(f"{t}.{c}" for t, c in needed if t not in batch.tables or c not in batch[t])
    if missing:
        raise TrainingError(
            f"stage {stage.name!r} cannot use it: the sample lacks {', '.join(missing)}"
        )
    rows = stage.rows(batch)
    if long_only and stage.table == "track":
        rows = rows & (batch.track["track_type"] == 3)
    if not rows.any():
        raise TrainingError(f"stage {stage.name!r}: the sample has no row to learn from")
    return rows


def stage_class(name: str) -> type[AbstractModelStage]:
    """The stage of a name.

    Raises:
        TrainingError: if there is no such stage or it has no model.
    """
    try:
        return find_trained(name)
    except PipelineError as error:
        raise TrainingError(
            f"no stage {name!r} to train; there are all, {', '.join(TRAINED_STAGES)} ({error})"
        ) from error
