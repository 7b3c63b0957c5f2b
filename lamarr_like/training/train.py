"""Training of the models of the chain, each by the recipe of its stage."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..engine.artefact import SUMS, artefact_name
from ..errors import OutputError
from ..events import EventBatch
from ..files.places import refuse_inputs
from ..nets.trained import TrainedModel
from ..stages import MODEL_STAGES
from ..system.extras import need
from .card import card
from .fits import fit_stage
from .request import ALL, Request, expanded
from .sample import read_sample

__all__ = ["Request", "card", "fit_stage", "train", "write_model"]


def train(
    stage: str,
    data: Sequence[Path],
    *,
    output: Path,
    request: Request | None = None,
    columns: Path | str | None = None,
    command: str = "",
    progress: bool = True,
    force: bool = False,
    search: Sequence[str] = (),
    further: Mapping[str, bytes] | None = None,
) -> Iterator[Path]:
    """Train one stage or all and write the artefacts.

    Args:
        stage: name of the stage, or ``"all"`` for every stage of the chain and the further families
            of their recipes, but for what the sample need not tell and does not (`told`).
            ``prob_nn`` is trained by its own name only: a sample holds ProbNN of
            the classifier that it was made with, and `global_pid` learns those; another classifier
            beside it would define variables that nobody has.  So: simulate, train ``prob_nn`` on
            that sample, simulate with it, and train all the rest.
        data: detailed samples.
        output: folder of the artefacts, made if absent.
        request: family, names and seed.
        columns: mapping file for samples in another layout.
        command: command line, kept in the artefact.
        progress: show progress bars.
        force: replace models that are there.
        search: lines of the card on where the settings come from, if they were searched.
        further: files to be kept beside the card.

    Yields:
        Folders of the artefacts written.

    Raises:
        TrainingError: if the sample cannot support the training; before anything is read, if there
            is no such stage, family or option.
        OutputError: before anything is read, if a model is there already or a folder that is none.
        MissingExtraError: before anything is read or written, if a net is asked for and the extra
            ``train`` is not installed.
    """
    wanted = expanded(replace(request or Request(stage), stage=stage))
    # Now rather than after the boosters that come first, which do without.
    for extra in sorted({one.family_of_models.extra for one in wanted} - {""}):
        need(extra)
    check_outputs(wanted, output, [*data, columns], force)
    batch = read_sample(data, columns, wanted[0].part)
    provenance: dict[str, Any] = {
        "data": [path.name for path in data],
        "events": len(batch),
        "command": command,
    }
    if search:
        provenance["search"] = list(search)
    for one in wanted if stage != ALL else told(wanted, batch):
        model = fit_stage(batch, one, progress=progress)
        model = replace(model, files={**model.files, **(further or {})})
        yield write_model(model, one, provenance, output, force=force)


def told(wanted: Iterable[Request], batch: EventBatch) -> list[Request]:
    """Requests without those for what a sample need not tell, where it does not.

    Args:
        wanted: what is to be trained.
        batch: the sample.

    Returns:
        All but stages that draw nothing but conditions of others (`told_by`), absent here.
    """
    free = {column for stage in MODEL_STAGES.values() for column in stage.told_by.values()}
    absent = {(table, name) for table, name in free if name not in batch[table]}
    return [one for one in wanted if not one.stage_class.target_columns & absent]


def write_model(
    model: TrainedModel,
    request: Request,
    provenance: dict[str, Any],
    output: Path,
    *,
    force: bool = False,
) -> Path:
    """Write a trained model with its card; returns its folder.

    Args:
        model: the model.
        request: what was trained.
        provenance: as of `card`.
        output: folder of the artefacts.
        force: replace a model that is there.

    Raises:
        ArtefactError: if it cannot be written.
    """
    text = card(request, model, provenance)
    return model.save(output, **request.names, card=text, provenance=provenance, overwrite=force)


def check_outputs(
    wanted: Iterable[Request], output: Path, inputs: Sequence[Path | str | None], force: bool
) -> None:
    """See that models may be written, and that nothing is lost where one is replaced.

    Args:
        wanted: what is to be trained.
        output: folder of the artefacts.
        inputs: files that are read.
        force: replace models that are there.

    Raises:
        OutputError: if not.
    """
    for one in wanted:
        check_free_model(output / artefact_name(**one.names), inputs, force)


def check_free_model(folder: Path, inputs: Sequence[Path | str | None], force: bool) -> None:
    """See that a model may be written, and that nothing is lost where one is replaced.

    Args:
        folder: of the artefact.
        inputs: files that are read, or None.
        force: whether a model that is there may be replaced.

    Raises:
        OutputError: if it must not be written, saying what to do.
    """
    if os.path.lexists(folder.parent) and not folder.parent.is_dir():
        raise OutputError(f"{folder.parent}: is there and no folder; name another output")
    if not os.path.lexists(folder):
        return
    if folder.is_symlink() or not (folder / SUMS).is_file():
        raise OutputError(f"{folder}: is there and no model; name another folder or version")
    if not force:
        raise OutputError(
            f"{folder}: is there already; replace it with --force (force=True), or name another "
            "folder or version"
        )
    refuse_inputs(folder.glob("*"), [one for one in inputs if one is not None])
