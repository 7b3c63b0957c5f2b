"""What the steps of generators of responses do, by what the commands do."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

from ..engine.artefact import digest
from ..errors import TwinError
from ..responses.declared import find_response
from ..responses.drawing import draw_sample
from ..responses.fit import fit
from ..responses.joint import load_any
from ..responses.making import make_sample
from ..responses.samples import AnySample, parts_of, read_any, with_record, write_sample
from .config import TwinGenerator, TwinSample
from .graph import Step

_MANY = 1000
"""Particles where a sample names no number, as of `response sample`."""


def sample(step: Step, folder: Path) -> dict[str, Any]:
    """Simulate a sample in detail, in a process of its own: Geant4 can be set up once in each.

    Args:
        step: the step.
        folder: where to.

    Raises:
        LamarrLikeError: if it cannot be made.
    """
    one: TwinSample = step.what
    if multiprocessing.current_process().daemon:
        raise TwinError(
            f"{step.name}: this Dask worker may start no process; start workers with "
            "DASK_DISTRIBUTED__WORKER__DAEMON=False"
        )
    made = make_sample(one.response, one.events or _MANY, one.seed, progress=False)
    write_sample(_untimed(made), folder / one.file)
    return {"particles": len(made)}


def read(path: Path, one: TwinSample) -> AnySample:
    """The part of a sample that a twin file asks for.

    Args:
        path: the file.
        one: the sample.

    Raises:
        SchemaError: if it is none, or of another response.
    """
    found = read_any(path, find_response(one.response))
    low, high = (int(share * len(found)) for share in one.part)
    return found.take(slice(low, high))


def train(one: TwinGenerator, data: AnySample, folder: Path, command: str) -> dict[str, Any]:
    """Train a generator.

    Args:
        one: what is trained.
        data: what it learns from.
        folder: where to.
        command: what is told of its origin.

    Raises:
        LamarrLikeError: if it cannot be trained.
    """
    written = fit(data, one.request, folder, command=command, progress=False, timed=False)
    return {"digest": digest(written), "rows": len(data)}


def compare(
    one: TwinGenerator,
    model: Path,
    learnt: AnySample,
    test: AnySample,
    folder: Path,
    thresholds: Path | None,
) -> dict[str, Any]:
    """Draw the particles of a sample anew and compare, as `response compare` does it.

    Args:
        one: the generator.
        model: its folder.
        learnt, test: samples that it learnt from and is measured on.
        folder: where to; the report on each device in a folder of its name.
        thresholds: a file, the shipped one where None.

    Raises:
        LamarrLikeError: if they cannot be compared.
    """
    from ..system.extras import need
    from ..validation.responses.compute import KINDS
    from ..validation.responses.compute import compare as run
    from ..validation.responses.write import write_report
    from ..validation.verdict import load_thresholds

    need("report")
    if not one.trees_only:
        need("train", "tensorflow", "keras")
    config = load_thresholds(thresholds, KINDS, "verdict-responses.yaml")
    told = {}
    drawn = _untimed(
        draw_sample(load_any(model), test.conditions, 1, model=model.name, digest=digest(model))
    )
    for real, fake, known in zip(*map(parts_of, (test, drawn, learnt)), strict=True):
        found = run(real, fake, config, training=known, images=not one.trees_only)
        name = real.response.name
        write_report(found, real, fake, None, folder / name)
        told[name] = {"auc": found.drawn.trees.value, "verdict": found.verdict.status.value}
    return told


def _untimed(sample: AnySample) -> AnySample:
    """Without the time that it took, which is another one each time."""
    kept = {k: v for k, v in sample.record.items() if k != "ms_per_particle"}
    return with_record(sample, kept)
