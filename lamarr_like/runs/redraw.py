"""The generated events of a detailed sample anew: through the fast chain, or detailed once more.

A fast sample cannot be nearer to a detailed one than a second detailed draw of the same generated
events is; that is the floor of every comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ..chain.pipeline import TRUTH, Pipeline
from ..errors import SourceError
from ..events import EventBatch, Table, concatenate, rebatch
from ..io.ntuple_reader import read_provenance
from .config import RunConfig
from .simulate import simulate_detailed

CHUNK = 1000
"""Events that the fast chain takes at a time."""

Say = Callable[[str], None]


def first_events(batches: Iterable[EventBatch], events: int | None) -> Iterator[EventBatch]:
    """The first events of some batches, all where None."""
    left = events
    for batch in batches:
        if left is None:
            yield batch
            continue
        if left <= 0:
            return
        yield batch.events(0, min(left, len(batch)))
        left -= len(batch)


def truth_of(batch: EventBatch) -> EventBatch:
    """Only the generated events: the columns of `pipeline.TRUTH`."""
    tables: dict[str, Table] = {}
    for name in ("event", "vertex", "particle"):
        if name in batch.tables:
            table = batch[name]
            columns = {k: v for k, v in table.columns.items() if (name, k) in TRUTH}
            tables[name] = Table(columns, table.offsets)
    return EventBatch(tables)


def run_fast(
    chain: Pipeline, truth: EventBatch, seed: int, is_gun: bool, say: Say = lambda line: None
) -> EventBatch:
    """Run a chain on generated events, a chunk at a time.

    Args:
        chain: the pipeline.
        truth: generated events.
        seed: seed of the run.
        is_gun: whether they come from a particle gun.
        say: called with a line of text after each chunk.
    """
    parts: list[EventBatch] = []
    for chunk in rebatch([truth], CHUNK):
        parts.append(chain(chunk, seed=seed, is_gun=is_gun))
        say(f"fast chain: {sum(map(len, parts))} of {len(truth)} events")
    return concatenate(parts)


def second_draws(
    samples: Sequence[Path], again: Sequence[Path], say: Say = lambda line: None
) -> list[Path]:
    """Second draws of detailed samples: those that are there, and others made as the first were.

    What is made has the next seed and the classifier behind ProbNN of the first draw.

    Args:
        samples: detailed samples.
        again: a file for each of them, or none at all.
        say: called with a line of text before one is made.

    Returns:
        ``again``, all of which are there.

    Raises:
        SourceError: if the numbers of files differ, or a draw is not there of a sample that
            ``lamarr-like detailed`` did not make with the showers of the reference detector.
    """
    if again and len(again) != len(samples):
        raise SourceError(
            f"{len(again)} second draws of {len(samples)} detailed samples; give --again for each"
        )
    for sample, path in zip(samples, again, strict=False):
        if path.exists():
            continue
        made = read_provenance(sample)
        if made.get("pipeline") != "detailed" or "seed" not in made or "showers" in made:
            raise SourceError(
                f"{path}: no such file, and {sample} cannot be drawn anew by itself: it was not "
                "made by lamarr-like detailed without --showers"
            )
        seed = int(made["seed"]) + 1
        say(f"{path}: {sample} through the detailed simulation once more, seed {seed}")
        model = made.get("models", {}).get("prob_nn", {}).get("model")
        command = f"lamarr-like detailed {sample} --seed {seed} -o {path}"
        config = RunConfig(str(sample), path, seed=seed, command=command)
        simulate_detailed(config, prob_nn=model)
    return list(again)
