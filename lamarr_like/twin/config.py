"""Twin files: samples, models, searches, thresholds and where to publish.

::

    schema_version: 1
    name: small
    samples:
      train: {source: "pythia:minbias", events: 4000, seed: 1, pileup: 1.6}
      test: {source: "pythia:minbias", events: 2000, seed: 2, pileup: 1.6}
      mine: {files: [mine.parquet], columns: mine.yaml, part: [0.0, 0.7]}
      showers: {response: ecal_shower, particles: 20000, seed: 1}
      apart: {response: ecal_shower, particles: 10000, seed: 2}
    models:
      - stage: muon_id
        train: [train]
        test: [test]
        search: {trials: 8, space: {trees: [20, 200]}}
      - {response: ecal_shower, family: gan, train: [showers], test: [apart]}
    pipeline: reference
    validate: {samples: [test]}
    publish: {registry: reg, detector: the reference detector}
    check: [new]

Relative paths start in the folder of the file.  It is checked in two steps, its structure and its
meaning; messages start with file and path of the item, as in ``small.yaml: models[0].test``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import LamarrLikeError, TwinError
from ..files.forms import Place, check, check_version
from ..files.yaml_json import read_yaml
from ..training.request import Request
from .form import FORM, TWIN_SCHEMA
from .generators import TwinGenerator, generator_of, response_in

__all__ = ["SearchConfig", "TwinConfig", "TwinGenerator", "TwinModel", "TwinSample", "load_twin"]


@dataclass(frozen=True)
class TwinSample:
    """A detailed sample that is made, or files that are there.

    Args:
        name: its name.
        source: what the detailed simulation is run on; empty for files and for arrays.
        events: how many events, None for all of the source; of arrays how many particles.
        seed, pileup: of the run.
        prob_nn: model that gives ProbNN, or ``none``; empty for the shipped one.
        files: detailed files that are there.
        columns: mapping file of foreign flat files.
        part: share of the events of each file, from and to.
        response: of arrays the name of the response, or the file that declares it.
    """

    name: str
    source: str = ""
    events: int | None = None
    seed: int = 1
    pileup: float | None = None
    prob_nn: str = ""
    files: tuple[Path, ...] = ()
    columns: Path | None = None
    part: tuple[float, float] = (0.0, 1.0)
    response: str = ""

    @property
    def file(self) -> str:
        """Name of the file that is made."""
        return f"{self.name}.npz" if self.response else f"{self.name}.root"


@dataclass(frozen=True)
class SearchConfig:
    """A search for settings.

    Args:
        trials: how many settings are tried, those of the recipe among them.
        seed: of the choice of settings and of the draws.
        apart: share of the events to train on that judges the trials instead.
        rows: rows of each side of the judge's test at the most.
        minutes: processor minutes after which no further trial is begun; 0 for no end.
        space: bounds of settings, narrower than those that the family declares; of those that are
            not named, those that it declares.
    """

    trials: int
    seed: int = 1
    apart: float = 0.3
    rows: int = 40_000
    minutes: float = 0.0
    space: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class TwinModel:
    """A model that is trained.

    Args:
        request: what is trained.
        train, test: names of the samples to learn from and to measure on.
        search: how its settings are found; None for those of the recipe.
    """

    request: Request
    train: tuple[str, ...]
    test: tuple[str, ...] = ()
    search: SearchConfig | None = None

    @property
    def name(self) -> str:
        """Name of the artefact."""
        return "-".join(self.request.names.values())

    @property
    def line(self) -> str:
        """What its versions have in common."""
        return self.name.removesuffix(f"-{self.request.version}")

    @property
    def comparable(self) -> bool:
        """Whether there is a test of it alone."""
        return not self.request.stage_class.incomparable


@dataclass(frozen=True)
class TwinConfig:
    """A checked twin file.

    Args:
        name: name of the twin.
        samples: by name.
        models: in their order.
        pipeline: pipeline in which the models of the twin stand in place of its own; empty for
            none.
        validated_on: names of the samples of the validation.
        verdict, gate, responses: files of thresholds of `validate`, of the gate and of `response
            compare`; the shipped ones if None.
        registry: folder of the registry; None for ``registry`` in the folder of the work.
        detector, note: what the registry says of the models.
        checked_on: names of the samples of ``--check``.
    """

    name: str
    samples: Mapping[str, TwinSample]
    models: tuple[TwinModel | TwinGenerator, ...]
    pipeline: str = ""
    validated_on: tuple[str, ...] = ()
    verdict: Path | None = None
    gate: Path | None = None
    responses: Path | None = None
    registry: Path | None = None
    detector: str = ""
    note: str = ""
    checked_on: tuple[str, ...] = ()

    @property
    def of_stages(self) -> tuple[TwinModel, ...]:
        """Models of stages."""
        return tuple(one for one in self.models if isinstance(one, TwinModel))


def load_twin(path: Path | str) -> TwinConfig:
    """Read and check a twin file.

    Raises:
        TwinError: if there is none, it is no YAML, or an item is wrong.
    """
    path = Path(path)
    document, _ = read_yaml(path, TwinError)
    return parse_twin(document, str(path), path.absolute().parent)


def parse_twin(document: object, where: str, folder: Path) -> TwinConfig:
    """Check the content of a twin file.

    Args:
        document: what the YAML says.
        where: name of the file, for messages.
        folder: where relative paths start.

    Raises:
        TwinError: with the path of the item that is wrong.
    """
    check_version(document, "schema_version", TWIN_SCHEMA, where, TwinError)
    top = check(document, FORM, where, TwinError)
    at = Place(where, TwinError)
    samples = {k: _sample(k, v, folder, at / "samples" / k) for k, v in top["samples"].items()}
    models = tuple(
        (
            _generator(one, samples, folder, at / "models" / i)
            if "response" in one
            else _model(one, samples, at / "models" / i)
        )
        for i, one in enumerate(top["models"])
    )
    names = [one.name for one in models]
    for i, name in enumerate(names):
        if name in names[:i]:
            (at / "models" / i).refuse(f"{name} comes twice; give it another sample or version")
    validate, publish = top.get("validate", {}), top.get("publish", {})
    told = {k: folder / top[g][k] for g, k in _FILES if k in top.get(g, {})}
    found = TwinConfig(
        top["name"],
        samples,
        models,
        pipeline=_pipeline(top.get("pipeline", ""), folder),
        validated_on=tuple(validate.get("samples", ())),
        detector=publish.get("detector", ""),
        note=publish.get("note", ""),
        checked_on=tuple(top.get("check", ())),
        **told,
    )
    if found.validated_on and not found.pipeline:
        (at / "pipeline").refuse("is missing; validate runs one")
    _read_together(found.validated_on, samples, at / "validate" / "samples", ours=True)
    _read_together(found.checked_on, samples, at / "check", ours=True)
    return found


_FILES = (
    *(("thresholds", name) for name in ("verdict", "gate", "responses")),
    ("publish", "registry"),
)


def _sample(name: str, item: Mapping[str, Any], folder: Path, at: Place) -> TwinSample:
    made = "particles" if "response" in item else "source"
    if (made in item) == ("files" in item):
        at.refuse(f"give either {made} or files")
    for key in ("events", "seed", "pileup", "prob_nn") if "files" in item else ("columns",):
        if key in item:
            (at / key).refuse(f"belongs to a sample with {made if 'files' in item else 'files'}")
    low, high = item.get("part", (0.0, 1.0))
    if low >= high:
        (at / "part").refuse(f"from {low} to {high} of the events is none")
    told = {k: item[k] for k in ("source", "events", "seed", "pileup", "prob_nn") if k in item}
    if "response" in item:
        told |= {"response": response_in(item["response"], folder), "events": item.get("particles")}
    return TwinSample(
        name,
        files=tuple(folder / one for one in item.get("files", ())),
        columns=folder / item["columns"] if "columns" in item else None,
        part=(low, high),
        **told,
    )


def _model(item: Mapping[str, Any], samples: Mapping[str, TwinSample], at: Place) -> TwinModel:
    _read_together(item["train"], samples, at / "train")
    _read_together(item.get("test", ()), samples, at / "test")
    _apart(item["train"], item.get("test", ()), at)
    kept = ("family", "sample", "version", "seed", "steps", "long_only", "settings", "options")
    request = Request(
        item["stage"],
        part=samples[item["train"][0]].part,
        **{key: item[key] for key in kept if key in item},
    )
    try:
        request.config(1)
        request.chosen()
        _ = request.names
    except LamarrLikeError as error:
        at.refuse(str(error))
    search = _search(item["search"], request, at / "search") if "search" in item else None
    return TwinModel(request, tuple(item["train"]), tuple(item.get("test", ())), search)


def _generator(
    item: Mapping[str, Any], samples: Mapping[str, TwinSample], folder: Path, at: Place
) -> TwinGenerator:
    found = generator_of(item, folder, at)
    _read_together(found.train, samples, at / "train", response=found.response)
    _read_together(found.test, samples, at / "test", response=found.response)
    _apart(found.train, found.test, at)
    return found


def _apart(train: Iterable[str], test: Iterable[str], at: Place) -> None:
    for name in set(train) & set(test):
        (at / "test").refuse(f"{name} is trained on; figures need a sample of their own")


def _search(item: Mapping[str, Any], request: Request, at: Place) -> SearchConfig:
    from .space import space_of

    found = SearchConfig(**item)
    try:
        space_of(request, found.space)
    except TwinError as error:
        at.refuse(str(error))
    return found


def _read_together(
    names: Sequence[str],
    samples: Mapping[str, TwinSample],
    at: Place,
    ours: bool = False,
    response: str = "",
) -> None:
    """See that samples are there and can be read as one."""
    for i, name in enumerate(names):
        if name not in samples:
            (at / i).refuse(f"there is no sample {name!r}; there are {', '.join(samples)}")
        one, first = samples[name], samples[names[0]]
        if one.response != response:
            of = f"arrays of {one.response}" if one.response else "events"
            (at / i).refuse(
                f"{name} has {of}, not {f'arrays of {response}' if response else 'events'}"
            )
        if (one.columns, one.part) != (first.columns, first.part):
            (at / i).refuse(f"{name} has another part or mapping of columns than {first.name}")
        if ours and (one.columns or one.part != (0.0, 1.0)):
            (at / i).refuse(f"{name} must be whole and in the layout of `lamarr-like detailed`")


def _pipeline(text: str, folder: Path) -> str:
    """A pipeline by its name, or a file beside the twin."""
    return str(folder / text) if text.endswith((".yaml", ".yml")) else text
