"""Twin files: samples, models, searches, thresholds and where to publish.

::

    schema_version: 1
    name: small
    samples:
      train: {source: "pythia:minbias", events: 4000, seed: 1, pileup: 1.6}
      test: {source: "pythia:minbias", events: 2000, seed: 2, pileup: 1.6}
      mine: {files: [mine.parquet], columns: mine.yaml, part: [0.0, 0.7]}
    models:
      - stage: muon_id
        train: [train]
        test: [test]
        search: {trials: 8, space: {trees: [20, 200]}}
    pipeline: reference
    validate: {samples: [test]}
    publish: {registry: reg, detector: the reference detector}
    check: [new]

Relative paths start in the folder of the file.  It is checked in two steps, its structure and its
meaning; messages start with file and path of the item, as in ``small.yaml: models[0].test``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import LamarrLikeError, TwinError
from ..files.forms import (
    Anything,
    Either,
    Entries,
    Flag,
    Items,
    Number,
    Place,
    Record,
    Row,
    Text,
    check,
    check_version,
)
from ..files.yaml_json import read_yaml
from ..training.request import Request

TWIN_SCHEMA = 1
"""Version of the layout of twin files."""

_NAME = r"[A-Za-z0-9][A-Za-z0-9_+]{0,60}"
_PATH = Text(pattern=r"[^\0]+", most=4000)
_WORD = Text(pattern=_NAME)
_SEED = Number(0, 2**63 - 1, whole=True)
_NAMES = Items(_WORD, 1, 1000, once=True)
_SAMPLE = Record(
    {
        "source": Text(most=10_000),
        "events": Number(1, 10**9, whole=True),
        "seed": _SEED,
        "pileup": Number(0.0, 1000.0),
        "prob_nn": Text(pattern=r"[A-Za-z0-9._+-]{1,200}"),
        "files": Items(_PATH, 1, 1000, once=True),
        "columns": _PATH,
        "part": Row((Number(0.0, 1.0), Number(0.0, 1.0))),
    }
)
_SEARCH = Record(
    {
        "trials": Number(1, 10_000, whole=True),
        "seed": Number(0, 2**31, whole=True),
        "apart": Number(0.05, 0.95),
        "rows": Number(100, 10**7, whole=True),
        "space": Entries(Row((Number(), Number())), most=100),
    },
    ("trials",),
)
_MODEL = Record(
    {
        **dict.fromkeys(("stage", "family", "sample"), Text(pattern=r"[A-Za-z0-9_+-]{1,60}")),
        "version": Text(pattern=r"[0-9][A-Za-z0-9._+]{0,40}"),
        **dict.fromkeys(("train", "test"), _NAMES),
        "seed": _SEED,
        "steps": Number(0, 10**8, whole=True),
        "long_only": Flag(),
        "settings": Entries(Either((Number(), Flag())), most=100),
        "options": Entries(Anything(), most=100),
        "search": _SEARCH,
    },
    ("stage", "train"),
)
_FORM = Record(
    {
        "schema_version": Number(whole=True),
        "name": _WORD,
        "samples": Entries(_SAMPLE, least=1, most=1000, pattern=_NAME),
        "models": Items(_MODEL, 1, 1000),
        "pipeline": Text(pattern=r"[^\0]+", most=4000),
        "validate": Record({"samples": _NAMES}, ("samples",)),
        "thresholds": Record({"verdict": _PATH, "gate": _PATH}),
        "publish": Record(
            {"registry": _PATH, "detector": Text(most=1000), "note": Text(most=1000)}
        ),
        "check": _NAMES,
    },
    ("schema_version", "name", "samples", "models"),
)


@dataclass(frozen=True)
class TwinSample:
    """A detailed sample that is made, or files that are there.

    Args:
        name: its name.
        source: what the detailed simulation is run on; empty for files.
        events: how many events, None for all of the source.
        seed, pileup: of the run.
        prob_nn: model that gives ProbNN, or ``none``; empty for the shipped one.
        files: detailed files that are there.
        columns: mapping file of foreign flat files.
        part: share of the events of each file, from and to.
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


@dataclass(frozen=True)
class SearchConfig:
    """A search for settings.

    Args:
        trials: how many settings are tried, those of the recipe among them.
        seed: of the choice of settings and of the draws.
        apart: share of the events to train on that judges the trials instead.
        rows: rows of each side of the judge's test at the most.
        space: bounds of settings, narrower than those that the family declares; of those that are
            not named, those that it declares.
    """

    trials: int
    seed: int = 1
    apart: float = 0.3
    rows: int = 40_000
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
        verdict, gate: files of thresholds of `validate` and of the gate; the shipped ones if None.
        registry: folder of the registry; None for ``registry`` in the folder of the work.
        detector, note: what the registry says of the models.
        checked_on: names of the samples of ``--check``.
    """

    name: str
    samples: Mapping[str, TwinSample]
    models: tuple[TwinModel, ...]
    pipeline: str = ""
    validated_on: tuple[str, ...] = ()
    verdict: Path | None = None
    gate: Path | None = None
    registry: Path | None = None
    detector: str = ""
    note: str = ""
    checked_on: tuple[str, ...] = ()


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
    top = check(document, _FORM, where, TwinError)
    at = Place(where, TwinError)
    samples = {k: _sample(k, v, folder, at / "samples" / k) for k, v in top["samples"].items()}
    models = tuple(_model(one, samples, at / "models" / i) for i, one in enumerate(top["models"]))
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


_FILES = (("thresholds", "verdict"), ("thresholds", "gate"), ("publish", "registry"))


def _sample(name: str, item: Mapping[str, Any], folder: Path, at: Place) -> TwinSample:
    if ("source" in item) == ("files" in item):
        at.refuse("give either source or files")
    for key in ("events", "seed", "pileup", "prob_nn") if "files" in item else ("columns",):
        if key in item:
            (at / key).refuse(
                f"belongs to a sample with {'source' if 'files' in item else 'files'}"
            )
    low, high = item.get("part", (0.0, 1.0))
    if low >= high:
        (at / "part").refuse(f"from {low} to {high} of the events is none")
    told = {k: item[k] for k in ("source", "events", "seed", "pileup", "prob_nn") if k in item}
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
    for name in set(item["train"]) & set(item.get("test", ())):
        (at / "test").refuse(f"{name} is trained on; figures need a sample of their own")
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


def _search(item: Mapping[str, Any], request: Request, at: Place) -> SearchConfig:
    from .space import space_of

    found = SearchConfig(**item)
    try:
        space_of(request, found.space)
    except TwinError as error:
        at.refuse(str(error))
    return found


def _read_together(
    names: tuple[str, ...], samples: Mapping[str, TwinSample], at: Place, ours: bool = False
) -> None:
    """See that samples are there and can be read as one."""
    for i, name in enumerate(names):
        if name not in samples:
            (at / i).refuse(f"there is no sample {name!r}; there are {', '.join(samples)}")
        one, first = samples[name], samples[names[0]]
        if (one.columns, one.part) != (first.columns, first.part):
            (at / i).refuse(f"{name} has another part or mapping of columns than {first.name}")
        if ours and (one.columns or one.part != (0.0, 1.0)):
            (at / i).refuse(f"{name} must be whole and in the layout of `lamarr-like detailed`")


def _pipeline(text: str, folder: Path) -> str:
    """A pipeline by its name, or a file beside the twin."""
    return str(folder / text) if text.endswith((".yaml", ".yml")) else text
