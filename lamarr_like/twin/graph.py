"""The steps of a twin and their addresses.

The address of a step is a digest of all that its result depends on: its kind and settings, the code
behind it, and the addresses of the steps that it takes from; of files that are there it is what is
in them.  So all addresses are known before anything is made, equal addresses mean equal results,
and what a change touches is what has another address.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..chain.pipeline_file import load_config
from ..engine.artefact import digest
from ..errors import TwinError
from ..files.find import PROB_NN
from ..registry.find import find_model
from ..responses.declared import find_declared
from . import code
from .config import TwinConfig, TwinGenerator, TwinModel, TwinSample
from .space import space_of


@dataclass(frozen=True)
class Step:
    """A step of a twin.

    Args:
        kind: what is done (`lamarr_like.twin.work.KINDS`).
        subject: the sample, model or twin that it is about.
        settings: what its result depends on, plain values.
        code: digests of the code that it depends on, by pattern, and versions of programs.
        inputs: steps that it takes from.
        what: the part of the twin that it is about.
    """

    kind: str
    subject: str
    settings: Mapping[str, Any]
    code: Mapping[str, str]
    inputs: tuple[Step, ...] = ()
    what: Any = field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        """Kind and subject, for people."""
        return f"{self.kind}/{self.subject}"

    @property
    def ingredients(self) -> dict[str, Any]:
        """All that the address is made of."""
        return {
            "settings": {"kind": self.kind, "subject": self.subject, **self.settings},
            "code": dict(self.code),
            "inputs": {one.name: one.key for one in self.inputs},
        }

    @property
    def key(self) -> str:
        """The address: 64 hexadecimal digits."""
        text = json.dumps(self.ingredients, sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def input(self, kind: str) -> list[Step]:
        """Steps of one kind that it takes from."""
        return [one for one in self.inputs if one.kind == kind]


def steps_of(config: TwinConfig) -> list[Step]:
    """All steps of a twin but those of ``--check``, each after those that it takes from.

    Raises:
        TwinError: if a file is not there.
        PipelineError, ArtefactError: if the pipeline of the validation is none.
    """
    samples = {name: _sample(one) for name, one in config.samples.items()}
    trained = {one.name: _trained(one, samples) for one in config.models}
    measured = {
        one.name: _measured(config, one, trained[one.name], samples)
        for one in config.models
        if one.test and one.comparable
    }
    last = [*measured.values()]
    if config.validated_on:
        last.append(_validation(config, trained, samples))
    before: dict[str, Step] = {}
    for one in config.models:
        published = _published(config, trained[one.name])
        last.append(published)
        figures = [measured[one.name]] if one.name in measured else []
        figures += [s for s in last if s.kind == "validate" and trained[one.name] in s.inputs]
        if figures:
            # Of several versions the gate holds the later one against the earlier one.
            figures += [before[one.line]] if one.line in before else []
            before[one.line] = _approved(config, published, figures)
            last.append(before[one.line])
    last.append(_pins(config, [step for step in last if step.kind in ("publish", "approve")]))
    return in_order(last)


def check_steps(config: TwinConfig, digests: Mapping[str, str]) -> list[Step]:
    """The steps of ``--check``: new samples, and each model held against them.

    Args:
        config: the twin.
        digests: of the models as they stand in the registry, by name.

    Raises:
        TwinError: if the twin names no samples, or a file is not there.
    """
    if not config.checked_on:
        raise TwinError(f"{config.name}: name the new samples under check")
    samples = tuple(_sample(config.samples[name]) for name in config.checked_on)
    found = [
        Step(
            "drift",
            one.name,
            {"digest": digests[one.name], "thresholds": _content(config.gate)},
            code.code_digests(
                (*code.GATE, *code.FIDELITY, *code.of_stage(one.request.stage_class))
            ),
            samples,
            (one, config.gate),
        )
        for one in config.of_stages
        if one.name in digests and one.comparable
    ]
    return in_order(found)


def in_order(steps: list[Step]) -> list[Step]:
    """Steps and all that they take from, each once and after those.

    Args:
        steps: those at the end.
    """
    found: dict[str, Step] = {}

    def add(step: Step) -> None:
        for one in step.inputs:
            add(one)
        found.setdefault(step.key, step)

    for step in steps:
        add(step)
    return list(found.values())


def _sample(one: TwinSample) -> Step:
    if one.files:
        settings: dict[str, Any] = {
            "files": [[path.name, _content(path)] for path in one.files],
            "columns": _content(one.columns),
        }
        if one.response:
            settings["response"] = _declared(one.response)
        return Step("files", one.name, settings, {}, (), one)
    if one.response:
        return _arrays(one)
    prob_nn = one.prob_nn or PROB_NN
    settings = {key: getattr(one, key) for key in ("source", "events", "seed", "pileup")}
    settings["prob_nn"] = prob_nn if prob_nn == "none" else digest(find_model(prob_nn))
    settings["files"] = {path: _content(Path(path)) for path in _paths(one.source)}
    patterns = (*code.SAMPLE, *(code.DECAYS if "decay:" in one.source else ()))
    of_others = code.programs(*(["pythia"] if _by_pythia(one.source) else []))
    return Step("sample", one.name, settings, code.code_digests(patterns) | of_others, (), one)


def _arrays(one: TwinSample) -> Step:
    """A detailed sample of a response."""
    settings = {"response": one.response, "particles": one.events, "seed": one.seed}
    digests = code.code_digests(code.RESPONSE) | code.programs("geant4")
    digests |= code.plugins(find_declared(one.response).simulate.__module__)
    return Step("sample", one.name, settings, digests, (), one)


def _declared(response: str) -> str:
    """A response by its name, or what is in the file that declares it."""
    return _content(Path(response)) if Path(response).is_file() else response


def _by_pythia(source: str) -> bool:
    """Whether Pythia has a part in a source: all but guns, whose particles it may decay, too."""
    return source.startswith(("pythia:", "decay:")) or "+" in source


def _paths(source: str) -> Iterator[str]:
    """Files that a source names."""
    words = [source, *re.split(r"[+?&=,]", source)]
    for word in dict.fromkeys([*words, *(w.partition(":")[2] for w in words)]):
        if word and len(word) < 4000 and "\0" not in word and Path(word).is_file():
            yield word


def _trained(one: TwinModel | TwinGenerator, samples: Mapping[str, Step]) -> Step:
    """A training, and the search before it."""
    if isinstance(one, TwinGenerator):
        return _trained_generator(one, samples)
    request, stage = one.request, one.request.stage_class
    inputs = tuple(samples[name] for name in one.train)
    family, recipe = request.family_of_models, request.config(1_000_000_000).to_json()
    plain = {k: v for k, v in asdict(request).items() if k not in ("version", "sample")}
    settings: dict[str, Any] = {
        **plain,
        "options": dict(request.options),
        "settings": dict(request.settings),
        "part": list(request.part),
        "recipe": {k: v for k, v in recipe.items() if k != "seed"},
        "family": family.name,
    }
    of_others = code.programs(family.extra if family.extra == "train" else "booster")
    of_others |= code.plugins(stage.__module__, family.path.partition(":")[0])
    own = code.of_stage(stage)
    if one.search is not None:
        space = space_of(request, one.search.space)
        told = {**asdict(one.search), "space": {k: [v.low, v.high] for k, v in space.items()}}
        digests = code.code_digests((*code.SEARCH, *own)) | of_others
        search = Step("search", one.name, {**settings, "search": told}, digests, inputs, one)
        inputs = (*inputs, search)
    settings |= {"version": request.version, "sample": request.sample}
    digests = code.code_digests((*code.TRAIN, *own)) | of_others
    return Step("train", one.name, settings, digests, inputs, one)


def _trained_generator(one: TwinGenerator, samples: Mapping[str, Step]) -> Step:
    inputs = tuple(samples[name] for name in one.train)
    settings = {
        "response": _declared(one.response),
        "family": one.family.name,
        "version": one.request.version,
        "recipe": one.settings.to_json(),
        "part": list(inputs[0].what.part),
    }
    digests = code.code_digests((*code.RESPONSE, *code.GENERATOR))
    digests |= code.programs(*([one.family.extra] if one.family.extra else []))
    digests |= code.plugins(one.family.path.partition(":")[0])
    return Step("train", one.name, settings, digests, inputs, one)


def _measured(
    config: TwinConfig,
    one: TwinModel | TwinGenerator,
    trained: Step,
    samples: Mapping[str, Step],
) -> Step:
    """The figures of a model alone."""
    if isinstance(one, TwinModel):
        return _fidelity(one, trained, samples)
    (test,) = (samples[name] for name in one.test)
    settings = {
        "trees_only": one.trees_only,
        "part": list(test.what.part),
        "thresholds": _content(config.responses),
    }
    digests = code.code_digests((*code.RESPONSE, *code.COMPARE))
    return Step("compare", one.name, settings, digests, (trained, test), (one, config.responses))


def _fidelity(one: TwinModel, trained: Step, samples: Mapping[str, Step]) -> Step:
    inputs = (trained, *(samples[name] for name in one.test))
    settings = {"long_only": one.request.long_only, "part": list(inputs[1].what.part)}
    stage = one.request.stage_class
    digests = code.code_digests((*code.FIDELITY, *code.of_stage(stage)))
    digests |= code.plugins(stage.__module__)
    return Step("fidelity", one.name, settings, digests, inputs, one)


def _stages(pipeline: str) -> dict[str, str | None]:
    """Names of the models of a pipeline, by stage."""
    return {one.stage: one.model for one in load_config(pipeline).stages}


def _validation(
    config: TwinConfig, trained: Mapping[str, Step], samples: Mapping[str, Step]
) -> Step:
    """The report on the pipeline in which the models of the twin stand in place of its own."""
    there = _stages(config.pipeline)
    ours: dict[str, Step] = {}
    for one in config.of_stages:  # of several for a stage the first
        ours.setdefault(one.request.stage, trained[one.name])
    inputs = [step for stage, step in ours.items() if stage in there]
    others = {s: digest(find_model(m)) for s, m in there.items() if m and s not in ours}
    settings = {
        "pipeline": load_config(config.pipeline).digest,
        "others": others,
        "thresholds": _content(config.verdict),
    }
    inputs += [samples[name] for name in config.validated_on]
    digests = code.code_digests(code.VALIDATE)
    return Step("validate", config.name, settings, digests, tuple(inputs), config)


def _published(config: TwinConfig, trained: Step) -> Step:
    settings = {"detector": config.detector, "note": config.note}
    return Step("publish", trained.subject, settings, {}, (trained,), config)


def _approved(config: TwinConfig, published: Step, figures: list[Step]) -> Step:
    settings = {"gate": _content(config.gate), "verdict": _content(config.verdict)}
    digests = code.code_digests(code.GATE)
    return Step("approve", published.subject, settings, digests, (published, *figures), config)


def _pins(config: TwinConfig, steps: list[Step]) -> Step:
    base = load_config(config.pipeline).digest if config.pipeline else ""
    return Step("pipeline", config.name, {"pipeline": base}, {}, tuple(steps), config)


def _content(path: Path | None) -> str:
    """Digest of what is in a file; empty for none."""
    if path is None:
        return ""
    found = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                found.update(block)
    except OSError as error:
        raise TwinError(f"{path}: cannot be read ({error.strerror})") from None
    return found.hexdigest()
