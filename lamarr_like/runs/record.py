"""The events of a run into its file or its numbered files, and what is said of them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import __version__
from ..events import EventBatch
from ..io.kept import Kept
from ..io.ntuple import EventWriter
from ..io.numbered import NumberedWriter
from ..io.truth import TruthSource
from ..schema import TRACK_TYPES
from .config import RunConfig, RunSummary

if TYPE_CHECKING:
    from ..decays.run import DecaySummary
    from ..decays.writer import DecayTrees

Progress = Callable[[int], None]

_TYPE_NAMES = {code: name for name, code in TRACK_TYPES.items() if code}


def record(
    config: RunConfig,
    source: TruthSource,
    batches: Iterable[EventBatch],
    provenance: dict[str, Any],
    progress: Progress | None,
) -> RunSummary:
    """Write the events of a run, count, and take the time of ``"writing"``.

    Args:
        config: what to write.
        source: where they come from.
        batches: the events as they are to be written, in order.
        provenance: what identifies the conversion.
        progress: called with the number of events of each batch.

    Raises:
        LamarrLikeError: from the batches, or if the output cannot be written; then nothing is
            left under its name.
    """
    start, writing = time.perf_counter(), 0.0
    events, particles, outside, tracks = 0, 0, 0, Counter[str]()
    trees: list[DecayTrees] = []
    metadata = {**_provenance(config, source), **provenance}
    writer = _writer(config, metadata, source.weight_names, trees)
    with writer:
        for batch in batches:
            began = time.perf_counter()
            writer.write(batch)
            writing += time.perf_counter() - began
            events += len(batch)
            particles += len(batch.particle)
            tracks.update(_track_counts(batch))
            if "track" in batch.tables and "out_of_range" in batch.track:
                outside += int(batch.track["out_of_range"].sum())
            if progress is not None:
                progress(len(batch))
        began = time.perf_counter()
    writing += time.perf_counter() - began  # closing the file writes the last rows
    return RunSummary(
        events=events,
        particles=particles,
        tracks={name: tracks[name] for name in _TYPE_NAMES.values()},
        wall=time.perf_counter() - start,
        seconds={"writing": writing},
        skipped=tuple(source.skipped),
        notes=tuple(source.remarks()),
        outputs=tuple(writer.outputs),
        out_of_range=outside,
        missing=_missing(config, source, events),
        decays=_candidates(trees, events),
    )


def _missing(config: RunConfig, source: TruthSource, events: int) -> int:
    """Events that were asked for and neither written nor skipped."""
    known = events // config.oversample + sum(event >= 0 for event, _ in source.skipped)
    return max((config.n_events or 0) - known, 0)


def _candidates(trees: Sequence[DecayTrees], events: int) -> DecaySummary | None:
    """What was found in all files together."""
    if not trees:
        return None
    from ..decays.run import DecaySummary

    counts: Counter[str] = Counter()
    codes: dict[str, Counter[int]] = {name: Counter() for name in trees[0].counts}
    for one in trees:
        counts.update(one.counts)
        for name, found in one.codes.items():
            codes[name].update(found)
    return DecaySummary(events, dict(counts), {name: dict(c) for name, c in codes.items()})


def _writer(
    config: RunConfig, metadata: dict[str, Any], weight_names: list[str], made: list[DecayTrees]
) -> EventWriter | NumberedWriter:
    """What writes the one file or the numbered ones; the trees in each are added to a list."""

    def one(path: Path) -> EventWriter:
        trees = None
        if config.decays:  # many modules that other runs do without
            from ..decays.writer import DecayTrees

            trees = DecayTrees(config.decays)
            made.append(trees)
        return EventWriter(
            path,
            metadata=metadata,
            root_format=config.root_format,
            further=trees,
            force=config.force,
            weight_names=weight_names,
            kept=config.kept,
        )

    if not config.split_events:
        return one(config.output)
    return NumberedWriter(config.output, config.split_events, one, config.force)


def _provenance(config: RunConfig, source: TruthSource) -> dict[str, Any]:
    out = {"program": f"lamarr_like {__version__}", "source": source.name, "seed": config.seed}
    if config.pileup is not None:
        out["pileup"] = config.pileup
    if config.oversample > 1:
        out["oversample"] = config.oversample
    if config.kept != Kept():
        out["kept"] = asdict(config.kept)
    out |= config.conditions.noted()
    if config.decays:
        out["decays"] = {r.decay.name: r.decay.text for r in config.decays}
    return {**out, "command": config.command}


def _track_counts(batch: EventBatch) -> dict[str, int]:
    if "track" not in batch.tables:
        return {}
    codes, counts = np.unique(batch.track["track_type"], return_counts=True)
    return {_TYPE_NAMES[int(c)]: int(n) for c, n in zip(codes, counts, strict=True)}
