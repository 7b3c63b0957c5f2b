"""Clusters, particle identification and muons of the fast chain beside a detailed sample.

The fast chain runs on the generated events of the sample, so that both have the same truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...chain.pipeline import TRUTH, Pipeline, load_stage
from ...errors import PipelineError, SourceError
from ...events import EventBatch, concatenate, rebatch
from ...files.numbers import report_folder, write_tables
from ...io.ntuple_reader import of_gun, read_events
from ...runs.redraw import (
    CHUNK,
    Say,
    first_events,
    run_fast,
    second_draws,
    truth_of,
)
from ...stages import AbstractModelStage, AbstractStage, Ecal, Propagation
from ...training.pairs import check_same_events
from .cuts import floor_report, pid_report
from .declared import NEEDED
from .draw import PAGES as DRAWN
from .draw import draw_part
from .engine import ecal_report, muon_report
from .reports import EcalReport, MuonReport, PidReport
from .samples import check

PAGES = tuple(NEEDED)
"""What can be compared."""


@dataclass(frozen=True)
class ObjectsConfig:
    """What to compare.

    Args:
        sample: detailed sample that no model was trained on.
        pipeline: name or file of the pipeline.
        baseline: model of stage ``ecal`` to stand beside that of the pipeline, None for none.
        models: folder of the user's own models, searched first.
        events: how many events to take, None for all.
        seed: seed of the fast chain, of halves and of folds.
        pages: some of `PAGES`.
        again: second draw of the sample, for the floor, made if it is not there; empty for the
            halves of the sample.
    """

    sample: Path
    pipeline: str = "reference"
    baseline: str | None = None
    models: Path | None = None
    events: int | None = None
    seed: int = 1
    pages: Sequence[str] = PAGES
    again: Sequence[Path] = ()


@dataclass(frozen=True)
class ObjectsReport:
    """Results; None for what was not asked for.

    Args:
        sample: name of the file.
        events: events compared.
        seed: seed of the fast chain.
        provenance: pipeline, models and their digests; the baseline under ``baseline``.
        ecal: clusters.
        pid: identification, fast beside detailed.
        pid_floor: the same between two draws of the detailed sample, or its halves.
        muons: isMuon.
        again: name of the file of the second draw, None where the floor is that of halves.
    """

    sample: str
    events: int
    seed: int
    provenance: dict[str, Any]
    ecal: EcalReport | None = None
    pid: PidReport | None = None
    pid_floor: PidReport | None = None
    muons: MuonReport | None = None
    again: str | None = None

    @property
    def _floor(self) -> str:
        if self.again is None:
            return "two halves of the detailed sample"
        return f"the detailed sample and a second draw of the same events, {self.again}"

    @property
    def markdown(self) -> str:
        """All tables as text."""
        used = ", ".join(m["model"] for m in self.provenance.get("models", {}).values())
        other = self.provenance.get("baseline")
        lines = [
            f"{self.events} detailed events of {self.sample} beside pipeline "
            f"{self.provenance['pipeline']!r}, seed {self.seed}.",
            "",
            f"Models: {used or 'none'}." + (f" Baseline: {other['model']}." if other else ""),
            "",
            f"The floor is the same figure between {self._floor}.",
        ]
        for key, (title, *_) in DRAWN.items():
            if (report := getattr(self, key)) is not None:
                lines += ["", f"## {title}", "", report.markdown.rstrip()]
        return "\n".join(lines) + "\n"

    def write(self, folder: Path) -> list[Path]:
        """Write ``objects.md``, ``objects.json`` and a PNG for each page; the folder is made.

        Raises:
            OutputError: if the folder cannot be written.
        """
        text, numbers = write_tables(folder, "objects", asdict(self), self.markdown)
        with report_folder(folder):
            drawn = [
                draw_part(key, report, folder / f"{key}.png")
                for key in DRAWN
                if (report := getattr(self, key)) is not None
            ]
        return [text, numbers, *drawn]


def compare_objects(config: ObjectsConfig, say: Say = lambda line: None) -> ObjectsReport:
    """Run the fast chain on the truth of a detailed sample and compare what both make of it.

    Args:
        config: what to compare.
        say: called with a line of text as the work goes on.

    Raises:
        SourceError: if the sample cannot be read or holds no event.
        SchemaError: naming the file and the columns that it lacks.
        PipelineError: if the pipeline or the baseline does not fit.
        ArtefactError: if a model is absent or altered.
    """
    unknown = [p for p in config.pages if p not in PAGES]
    if unknown or not config.pages:
        wrong = ", ".join(unknown) or "given"
        raise PipelineError(f"no page {wrong}; there are {', '.join(PAGES)}")
    chain = Pipeline.load(config.pipeline, config.models)
    _check_chain(chain, config.pages)
    provenance = dict(chain.provenance)
    baseline = None
    if config.baseline is not None and "ecal" in config.pages:
        baseline, provenance["baseline"] = _baseline(config.baseline, config.models)
    detailed = read_detailed(config.sample, config.pages, config.events)
    say(f"{len(detailed)} detailed events of {config.sample}")
    again = _again(config, detailed, say)
    fast = run_fast(chain, truth_of(detailed), config.seed, of_gun(config.sample), say)
    parts: dict[str, Any] = {}
    if "ecal" in config.pages:
        stages = {s.name: s for s in chain.stages}
        names = {k: v["model"] for k, v in provenance.get("models", {}).items()}
        # A chain made by hand has no names of models.
        own = (names.get("ecal", "chain"), stages.get("ecal"))
        other = None if baseline is None else (provenance["baseline"]["model"], baseline)
        parts["ecal"] = _compare_ecal(detailed, fast, own, other, again, config.seed, say)
    if "pid" in config.pages:
        say("particle identification")
        parts["pid"] = pid_report(detailed, fast)
        parts["pid_floor"] = floor_report(detailed, again)
    if "muons" in config.pages:
        say("muons")
        parts["muons"] = muon_report(detailed, fast, again, seed=config.seed)
    if config.again:
        parts["again"] = config.again[0].name
    return ObjectsReport(config.sample.name, len(detailed), config.seed, provenance, **parts)


def _again(config: ObjectsConfig, detailed: EventBatch, say: Say) -> EventBatch | None:
    """The second draw of the detailed sample, where there is to be one."""
    paths = second_draws([config.sample], config.again, say)
    if not paths:
        return None
    again = read_detailed(paths[0], config.pages, config.events)
    check_same_events(detailed, again, str(paths[0]))
    return again


def _check_chain(chain: Pipeline, pages: Sequence[str]) -> None:
    """Refuse a chain that does not make what the pages show, before it runs."""
    made = TRUTH.union(*(stage.provides for stage in chain.stages))
    for page in pages:
        wanted = {(table, c) for table, columns in NEEDED[page].items() for c in columns}
        missing = sorted(wanted - made)
        if missing:
            listing = ", ".join(f"{table}.{column}" for table, column in missing)
            raise PipelineError(
                f"pipeline {chain.name!r} makes no {listing}, which page {page!r} needs"
            )


def _compare_ecal(
    detailed: EventBatch,
    fast: EventBatch,
    own: tuple[str, AbstractStage | None],
    other: tuple[str, AbstractModelStage] | None,
    again: EventBatch | None,
    seed: int,
    say: Say,
) -> EcalReport:
    """Clusters of the chain and of the baseline, in the chain and each by itself."""
    name, stage = own
    versions, alone = {name: fast}, {}
    inputs = Propagation()(detailed, seed=seed)
    if stage is not None:
        say(f"{name} on detailed tracks and occupancy")
        alone[f"{name}, stage alone"] = _staged(stage, inputs, seed)
    if other is not None:
        label = other[0] if other[0] != name else f"{other[0]} (baseline)"
        say(f"{label} in place of {name}")
        versions[label] = _staged(other[1], fast, seed)
        alone[f"{label}, stage alone"] = _staged(other[1], inputs, seed)
    say("clusters")
    return ecal_report(detailed, versions, again, seed=seed, alone=alone)


def _staged(stage: AbstractStage, batch: EventBatch, seed: int) -> EventBatch:
    """A stage run anew on events that have what it requires, in chunks."""
    return concatenate([stage(chunk, seed) for chunk in rebatch([batch], CHUNK)])


def _baseline(model: str, models: Path | None) -> tuple[AbstractModelStage, dict[str, str]]:
    stage, artefact = load_stage(model, models)
    if stage.name != Ecal.name:
        raise PipelineError(f"baseline {model!r} was trained for {stage.name!r}, not for ecal")
    return stage, {"model": artefact.folder.name, "digest": artefact.digest}


def read_detailed(
    path: Path, pages: Sequence[str] = PAGES, events: int | None = None
) -> EventBatch:
    """Read the first events of a detailed sample and check that it has what the pages need.

    Args:
        path: the sample.
        pages: some of `PAGES`.
        events: how many, None for all.

    Raises:
        SourceError: if it cannot be read or holds no event.
        SchemaError: naming the file and the columns that it lacks.
    """
    parts: list[EventBatch] = []
    for batch in first_events(read_events(path), events):
        for page in () if parts else pages:
            check(batch, page, f"{path}: page {page!r}")
        parts.append(batch)
    if not sum(map(len, parts)):
        raise SourceError(f"{path}: holds no events")
    return concatenate(parts)
