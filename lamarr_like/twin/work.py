"""What each kind of step does, by what the commands do."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from ..chain.pipeline_file import PIPELINE_SCHEMA, load_config
from ..engine.artefact import digest, read_artefact
from ..errors import TwinError
from ..files.find import PROB_NN
from ..files.scratch import write_text
from ..registry import store as registries
from ..registry.index import INDEX, Entry
from ..responses.samples import AnySample
from ..statistics.judgement import Status
from . import generator_work
from .config import TwinConfig, TwinGenerator, TwinModel, TwinSample
from .graph import Step
from .search import Search, Trial
from .store import Store

REFUSED, UNKNOWN = Status.failed.value, Status.unknown.value


@dataclass(frozen=True)
class Bench:
    """Where the steps of a twin work.

    Args:
        store: what was made.
        registry: folder of the registry.
        command: what is told of the origin of the models.
        resume: go on with searches that were broken off.
        workers: processes that share a search.
    """

    store: Store
    registry: Path
    command: str
    resume: bool = False
    workers: int = 1

    def data(self, steps: list[Step]) -> list[Path]:
        """Files of samples."""
        return [
            path
            for one in steps
            for path in (one.what.files or (self.store.place(one) / one.what.file,))
        ]

    def model(self, trained: Step) -> Path:
        """Folder of a trained model."""
        return self.store.place(trained) / trained.subject

    def search_of(self, step: Step) -> Search:
        """The search of a step, and where its trials are."""
        model: TwinModel = step.what
        assert model.search is not None
        samples = samples_of(step)
        return Search(
            model.request,
            model.search,
            self.data(samples),
            samples[0].what.columns,
            self.store.search(step),
        )

    def published(self, step: Step) -> Entry | None:
        """The model of a step of publication or gate as it stands in the registry; None if not."""
        trained = step.input("train")[0] if step.kind == "publish" else step.inputs[0].inputs[0]
        model = self.model(trained)
        if not (self.registry / INDEX).is_file() or not model.is_dir():
            return None
        entry = registries.read_index(self.registry).models.get(trained.subject)
        return entry if entry is not None and entry.digest == digest(model) else None


def samples_of(step: Step) -> list[Step]:
    """Steps of samples that a step takes from."""
    return [one for one in step.inputs if one.kind in ("sample", "files")]


def do(step: Step, bench: Bench) -> None:
    """Make a step.

    Raises:
        LamarrLikeError: if it cannot be made.
    """
    bench.store.make(step, lambda folder: KINDS[step.kind](step, bench, folder))


def _sample(step: Step, bench: Bench, folder: Path) -> dict[str, Any]:
    if step.what.response:
        return generator_work.sample(step, folder)
    from ..runs.config import RunConfig
    from ..runs.simulate import simulate_detailed

    one: TwinSample = step.what
    prob_nn = None if one.prob_nn == "none" else one.prob_nn or PROB_NN
    config = RunConfig(
        one.source,
        folder / f"{one.name}.root",
        n_events=one.events,
        seed=one.seed,
        chunk_size=100,
        pileup=one.pileup,
        command=bench.command,
    )
    return {"events": simulate_detailed(config, prob_nn=prob_nn).events}


def _search(step: Step, bench: Bench, folder: Path) -> dict[str, Any]:
    """The end of a search, whose trials were made as work of their own."""
    from .search import chosen, front, trials_of

    trials = trials_of(bench.search_of(step))
    content = {"trials": [asdict(one) for one in trials], "chosen": dict(chosen(trials).settings)}
    write_text(folder / "trials.json", json.dumps(content, indent=1) + "\n")
    return {"trials": len(trials), "front": len(front(trials)), "chosen": content["chosen"]}


def _train(step: Step, bench: Bench, folder: Path) -> dict[str, Any]:
    if isinstance(step.what, TwinGenerator):
        command = f"{bench.command}, {step.name} {step.key[:16]}"
        return generator_work.train(step.what, _arrays(step, bench), folder, command)
    from ..training.fits import fit_stage
    from ..training.sample import read_sample
    from ..training.train import write_model

    model: TwinModel = step.what
    request, samples = model.request, samples_of(step)
    data = bench.data(samples)
    batch = read_sample(data, samples[0].what.columns, request.part)
    told: dict[str, Any] = {"data": [p.name for p in data], "events": len(batch)}
    told["command"] = f"{bench.command}, {step.name} {step.key[:16]}"
    pictures: dict[str, bytes] = {}
    if model.search is not None:
        trials = _trials(bench.store.place(step.input("search")[0]))
        request, told["search"], pictures = searched(model, trials)
    trained = fit_stage(batch, request, progress=False)
    # How long it took is another number in each run, and the same inputs give the same model.
    training = {k: v for k, v in trained.config["training"].items() if k != "minutes"}
    trained = replace(
        trained,
        config={**trained.config, "training": training},
        files={**trained.files, **pictures},
    )
    written = write_model(trained, request, told, folder)
    return {"digest": digest(written), "rows": training["rows"]}


def searched(model: TwinModel, trials: list[Trial]) -> tuple[Any, list[str], dict[str, bytes]]:
    """A request with the settings of a search, the lines of its card, and its picture.

    Args:
        model: what is trained.
        trials: those of its search.
    """
    from .front import PICTURE, front_lines, picture_of
    from .search import chosen

    assert model.search is not None
    picture = picture_of(trials)
    settings = {**model.request.settings, **chosen(trials).settings}
    return (
        replace(model.request, settings=settings),
        front_lines(model.search, trials, picture is not None),
        {} if picture is None else {PICTURE: picture},
    )


def _trials(folder: Path) -> list[Trial]:
    content = json.loads((folder / "trials.json").read_text())
    return [Trial(**one) for one in content["trials"]]


def _fidelity(step: Step, bench: Bench, folder: Path) -> dict[str, Any]:
    from ..validation.stages.fidelity import SampleConfig, run

    samples = samples_of(step)
    first, long_only = samples[0].what, step.what.request.long_only
    config = SampleConfig(bench.data(samples), first.columns, first.part, long_only)
    report = run(config, single=[str(bench.model(step.input("train")[0]))])
    report.write(folder)
    return {"auc": max(one.auc.value for tests in report.stages.values() for one in tests)}


def _compare(step: Step, bench: Bench, folder: Path) -> dict[str, Any]:
    one, thresholds = step.what
    trained, _ = step.inputs
    learnt, test = _arrays(trained, bench), _arrays(step, bench)
    return generator_work.compare(one, bench.model(trained), learnt, test, folder, thresholds)


def _arrays(step: Step, bench: Bench) -> AnySample:
    """The sample of arrays that a step takes from."""
    (source,) = samples_of(step)
    (path,) = bench.data([source])
    return generator_work.read(path, source.what)


def _validate(step: Step, bench: Bench, folder: Path) -> dict[str, Any]:
    from ..chain.pipeline import Pipeline
    from ..validation.report.command import run

    config: TwinConfig = step.what
    models = {s.what.request.stage: str(bench.model(s)) for s in step.input("train")}
    path = write_pipeline(folder / f"{config.name}.yaml", config, models)
    status = run(
        bench.data(samples_of(step)),
        Pipeline.load(str(path)),
        folder / "report",
        thresholds=config.verdict,
    )
    return {"status": [s.value for s in Status][status] if status < len(Status) else UNKNOWN}


def write_pipeline(path: Path, config: TwinConfig, models: Mapping[str, str]) -> Path:
    """Write the pipeline of a twin: that of the validation, with other models.

    Args:
        path: the file.
        config: the twin.
        models: name, folder or pin of the models by stage.
    """
    base = load_config(config.pipeline)
    stages = []
    for one in base.stages:
        model = models.get(one.stage, one.model)
        stages.append(
            {
                "stage": one.stage,
                **({"model": model} if model else {}),
                **({"options": dict(one.options)} if one.options else {}),
            }
        )
    document = {
        "schema_version": PIPELINE_SCHEMA,
        "name": config.name,
        "description": f"{base.name} with the models of the twin {config.name}",
        "stages": stages,
    }
    return write_text(path, yaml.safe_dump(document, sort_keys=False))


def _publish(step: Step, bench: Bench, folder: Path) -> dict[str, Any]:
    config: TwinConfig = step.what
    model = bench.model(step.input("train")[0])
    entry = bench.published(step)  # where a killed process had come so far
    if entry is None:
        entry = registries.publish(
            bench.registry, model, detector=config.detector, note=config.note
        )
    return {"model": entry.name, "digest": entry.digest}


def _approve(step: Step, bench: Bench, folder: Path) -> dict[str, Any]:
    from ..validation.models.drift import pass_gate
    from ..validation.models.gate import thresholds
    from ..validation.verdict import load_thresholds

    config: TwinConfig = step.what
    entry = bench.published(step)
    if entry is None:
        raise TwinError(f"{bench.registry}: {step.subject} is not there, or is another one")
    if entry.life != "candidate":
        return {"status": Status.passed.value, "life": entry.life}
    paths = [
        path
        for one in step.inputs
        if one.kind in _FIGURES
        for path in sorted(bench.store.place(one).glob(_FIGURES[one.kind]))
    ]
    found = pass_gate(
        bench.registry,
        entry.name,
        {str(path): path.read_bytes() for path in paths},
        thresholds(config.gate),
        load_thresholds(config.verdict),
    )
    write_text(folder / "gate.md", found.markdown)
    return {"status": found.status.value, "told": found.lines}


def _pipeline(step: Step, bench: Bench, folder: Path) -> dict[str, Any]:
    """The pipeline with the models that are approved, pinned by their digests."""
    config: TwinConfig = step.what
    pins: dict[str, str] = {}
    lives = {}
    for one in step.input("publish"):
        entry = bench.published(one)
        if entry is None:
            raise TwinError(f"{bench.registry}: {one.subject} is not there, or is another one")
        lives[entry.name] = entry.life
        if entry.life == "approved":
            pins.setdefault(entry.stage, f"{entry.name}#{entry.digest}")
    if config.pipeline:
        write_pipeline(folder / f"{config.name}.yaml", config, pins)
    return {"pins": pins, "lives": lives}


def _drift(step: Step, bench: Bench, folder: Path) -> dict[str, Any]:
    from ..registry.remote import open_registry
    from ..validation.models.drift import baseline, drift
    from ..validation.models.gate import thresholds

    gate: Path | None = step.what[1]
    registry = open_registry(str(bench.registry))
    entry = registry.find(step.subject)
    model = bench.registry / entry.name
    read_artefact(model)  # as verified
    before = baseline(registry, entry, model)
    limits = thresholds(gate)
    verdict, changes = drift(
        entry, model, before, bench.data(samples_of(step)), config=limits, output=folder
    )
    worst = max(changes, key=lambda one: one.worse)
    told = f"{worst.new.label} worse by {worst.worse:+.4f} +- {worst.sigma:.4f}"
    return {"status": verdict.status.value, "told": [told]}


_FIGURES = {
    "fidelity": "fidelity.json",
    "validate": "report/report.json",
    "compare": "*/report.json",
}
"""Figures by the kind of step that makes them."""

KINDS: Mapping[str, Callable[[Step, Bench, Path], dict[str, Any]]] = {
    "sample": _sample,
    "search": _search,
    "train": _train,
    "fidelity": _fidelity,
    "compare": _compare,
    "validate": _validate,
    "publish": _publish,
    "approve": _approve,
    "pipeline": _pipeline,
    "drift": _drift,
}
"""What is done, by kind; ``files`` are there already."""
