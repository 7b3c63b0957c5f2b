"""Production files: what is simulated, with which pipeline, and where the parts go.

::

    schema_version: 1
    name: minbias
    seed: 1
    pipeline: reference
    output: minbias             # folder of the parts and of manifest.json
    unit_events: 1000           # events a unit, the grain of retries
    sources:                    # exactly one of pythia, gun, decay, files, source each
      - {pythia: minbias, events: 100000, pileup: 1.6}
      - {pythia: cards/dimuon.cmnd, events: 5000, add: ["gun:mu-,mu+?n=2"]}
      - {gun: "K-?p=3-100", events: 2000}
      - {files: ["data/*.hepmc.gz", "root://host//eos/mc/*.root"], options: collisions=event}
      - {source: "NAME:...+gun:mu-", events: 3000}   # a plug-in's, or any generator as above
    cluster: {kind: htcondor, jobs: 50, memory: 2 GB}

Optional: ``models``, ``retries`` (2), ``chunk_size`` (1000), ``skip_bad`` (false), ``root_format``
(ttree), ``merge`` (file name in the output folder), ``oversample`` (1, draws of the detector for
each generated event), ``preset``, ``keep`` and ``drop`` (which branches are written, as of
``simulate``), ``polarity`` (up or down) and ``run`` (its number), ``cluster``.  Paths count from
the folder of the production file.  A file is checked in two steps, first its structure and then its
meaning; every message starts with the file and the path of the item, as
``minbias.yaml: sources[1].gun``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import plugins
from ..errors import OutputError, ProductionError, SchemaError, SourceError
from ..files.forms import Anything, Entries, Flag, Items, Number, Record, Text, check, check_version
from ..files.locations import Location, is_url, matching
from ..files.yaml_json import read_yaml
from ..io.kept import Kept
from ..io.ntuple import ROOT_FORMATS
from ..io.sources import BUILT_IN, split_additions, traits
from ..io.truth import TruthSource
from ..runs.conditions import Conditions
from ..runs.oversampling import check_draws

PRODUCTION_SCHEMA = 1

MAX_EVENTS = 10_000_000_000
"""Most events of a source; the seeds of Pythia repeat after a few times as many."""

KINDS = (*BUILT_IN, "files", "source")
"""Keys that name a source."""

CLUSTERS = ("local", "htcondor", "slurm")
"""Kinds of clusters that Dask can start."""

_WHOLE, _TEXT = Number(whole=True), Text()
_SOURCE = Record(
    {
        **dict.fromkeys((*BUILT_IN, "source", "options"), _TEXT),
        "files": Items(_TEXT),
        "events": _WHOLE,
        "pileup": Number(),
        "add": Items(_TEXT),
        "split": Flag(),
    }
)
_CLUSTER = Record(
    {
        **dict.fromkeys(("kind", "memory", "disk", "walltime", "queue", "account"), _TEXT),
        **dict.fromkeys(("jobs", "cores"), _WHOLE),
        "options": Entries(Anything()),
    }
)
_FORM = Record(
    {
        "schema_version": _WHOLE,
        "name": _TEXT,
        "seed": _WHOLE,
        **dict.fromkeys(("pipeline", "models", "output"), _TEXT),
        **dict.fromkeys(("unit_events", "retries", "chunk_size"), _WHOLE),
        "skip_bad": Flag(),
        **dict.fromkeys(("root_format", "merge"), _TEXT),
        **dict.fromkeys(("oversample", "run"), _WHOLE),
        **dict.fromkeys(("preset", "polarity"), _TEXT),
        **dict.fromkeys(("keep", "drop"), Items(_TEXT, most=1000)),
        "sources": Items(_SOURCE, least=1),
        "cluster": _CLUSTER,
    },
    ("schema_version", "name", "pipeline", "output", "sources"),
)


@dataclass(frozen=True)
class SourceConfig:
    """One source of a production.

    Args:
        kind: one of `BUILT_IN`, ``files`` or ``plugin``.
        text: what `lamarr_like.io.sources.open_source` takes; for files, their options only.
        files: the files in order, empty for generators.
        events: events to generate; for files the most that are taken of each, 0 for all.
        pileup: mean number of collisions of Pythia events, None for exactly one.
        add: ``gun:...`` and ``decay:...`` that are added to each event.
        split: whether one file, or the source of a plug-in, may be cut into several units.
    """

    kind: str
    text: str
    files: tuple[Location, ...] = ()
    events: int = 0
    pileup: float | None = None
    add: tuple[str, ...] = ()
    split: bool = False


@dataclass(frozen=True)
class ClusterConfig:
    """Where Dask takes its workers from.

    Args:
        kind: one of `CLUSTERS`.
        jobs: jobs of the batch system, or processes of a local cluster; 0 for the default.
        cores: cores of a job; each runs one single-threaded worker process.
        memory: memory of a job, as ``2 GB``.
        disk: disk of a job (HTCondor).
        walltime: longest duration of a job (Slurm), as ``08:00:00``.
        queue: queue or partition.
        account: account or project that pays.
        options: further arguments of the class in `dask_jobqueue`.
    """

    kind: str = "local"
    jobs: int = 0
    cores: int = 1
    memory: str = "2 GB"
    disk: str = "2 GB"
    walltime: str = ""
    queue: str = ""
    account: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ProductionConfig:
    """A checked production; see the module's example for the meaning of the fields."""

    name: str
    pipeline: str
    output: Path
    sources: tuple[SourceConfig, ...]
    seed: int = 1
    models: Path | None = None
    unit_events: int = 1000
    retries: int = 2
    chunk_size: int = 1000
    skip_bad: bool = False
    root_format: str = "ttree"
    merge: str = ""
    oversample: int = 1
    kept: Kept = field(default_factory=Kept)
    conditions: Conditions = field(default_factory=Conditions)
    cluster: ClusterConfig | None = None


def load_production(path: str | Path) -> ProductionConfig:
    """Read and check a production file.

    Raises:
        ProductionError: if there is none, it is no YAML, or an item is wrong.
    """
    path = Path(path)
    document, _ = read_yaml(path, ProductionError)
    return parse_production(document, str(path), path.absolute().parent)


def parse_production(document: object, where: str, folder: Path) -> ProductionConfig:
    """Check the content of a production file.

    Args:
        document: what the YAML says.
        where: name of the file, for messages.
        folder: where relative paths start.

    Raises:
        ProductionError: with the path of the item that is wrong.
    """
    prefix = f"{where}: "
    check_version(document, "schema_version", PRODUCTION_SCHEMA, where, ProductionError)
    top = check(document, _FORM, where, ProductionError)
    _check_top(top, prefix)
    sources = [_source(e, f"{prefix}sources[{i}]", folder) for i, e in enumerate(top["sources"])]
    kept = ("name", "seed", "unit_events", "retries", "chunk_size", "skip_bad", "root_format")
    options = {key: top[key] for key in (*kept, "merge", "oversample") if key in top}
    return ProductionConfig(
        pipeline=_pipeline(top["pipeline"], folder),
        output=folder / top["output"],
        sources=tuple(sources),
        kept=_kept(top, prefix),
        conditions=_conditions(top, prefix),
        models=folder / top["models"] if "models" in top else None,
        cluster=_cluster(top["cluster"], f"{prefix}cluster") if "cluster" in top else None,
        **options,
    )


def _kept(top: Mapping[str, Any], prefix: str) -> Kept:
    kept = Kept(top.get("preset", "full"), tuple(top.get("keep", ())), tuple(top.get("drop", ())))
    try:
        kept.check()
    except OutputError as error:
        raise ProductionError(f"{prefix}preset, keep, drop: {error}") from None
    return kept


def _conditions(top: Mapping[str, Any], prefix: str) -> Conditions:
    conditions = Conditions(top.get("polarity"), top.get("run"))
    try:
        conditions.check()
    except SchemaError as error:
        raise ProductionError(f"{prefix}polarity, run: {error}") from None
    return conditions


def _check_top(top: Mapping[str, Any], prefix: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", top["name"]):
        raise ProductionError(f"{prefix}name: use letters, digits and . _ + - only")
    for key, least in (("unit_events", 1), ("chunk_size", 1), ("retries", 0)):
        if top.get(key, least) < least:
            raise ProductionError(f"{prefix}{key}: {top[key]} is less than {least}")
    if top.get("root_format", ROOT_FORMATS[0]) not in ROOT_FORMATS:
        raise ProductionError(f"{prefix}root_format: it can be {', '.join(ROOT_FORMATS)}")
    merge = top.get("merge", "")
    if merge and not re.fullmatch(r"(?!part-)[A-Za-z0-9][A-Za-z0-9._+-]*\.root", merge):
        raise ProductionError(f"{prefix}merge: expected a plain name such as all.root, no part-*")
    try:
        check_draws(top.get("oversample", 1))
    except SchemaError as error:
        raise ProductionError(f"{prefix}oversample: {error}") from None
    if any("\0" in top.get(key, "") for key in ("output", "pipeline", "models")):
        raise ProductionError(f"{prefix}a name of a file or folder has a zero byte in it")
    if not 0 <= top.get("seed", 1) < 1 << 63:
        raise ProductionError(f"{prefix}seed: {top['seed']} is not within 0 and 2^63")


def _source(entry: Mapping[str, Any], where: str, folder: Path) -> SourceConfig:
    kinds = [key for key in KINDS if key in entry]
    if len(kinds) != 1:
        raise ProductionError(f"{where}: give exactly one of {', '.join(KINDS)}")
    key = kinds[0]
    tail = f"?{entry['options']}" if entry.get("options") else ""
    kind, head, extras = key, "", []
    if key != "files":
        text, added = split_additions(entry[key] if key == "source" else f"{key}:{entry[key]}")
        kind, head = _generator(text, f"{where}.{key}")
        extras = [f"{k}:{what}" for k, what in added]
    _check_source(entry, kind, where)
    options = {"add": (*extras, *entry.get("add", [])), "events": entry.get("events", 0)}
    split = entry.get("split", False)
    if kind == "files":
        files = _files(entry["files"], f"{where}.files", folder)
        return SourceConfig(kind, tail, files, split=split, **options)
    if kind == "plugin":
        return SourceConfig(kind, f"{head}{tail}", split=split, **options)
    head = _located(kind, head, f"{where}.{kind}", folder)
    text = f"{kind}:{head}{tail}"
    return SourceConfig(kind, text, pileup=entry.get("pileup"), split=split, **options)


def traits_of(source: SourceConfig) -> type[TruthSource]:
    """What the source can do, as `lamarr_like.io.sources.traits`."""
    return TruthSource if source.kind == "files" else traits(source.text.partition(":")[0])


def _generator(text: str, where: str) -> tuple[str, str]:
    """Kind of a source that is no file, and what it generates: all of the text for a plug-in."""
    kind, colon, head = text.partition(":")
    if colon and kind in BUILT_IN:
        return kind, head
    if colon and kind in plugins.installed(plugins.SOURCE_GROUP):
        return "plugin", text
    raise ProductionError(f"{where}: {text!r} is no generator; the names of files go under files")


def _check_source(entry: Mapping[str, Any], kind: str, where: str) -> None:
    if "events" in entry and not 1 <= entry["events"] <= MAX_EVENTS:
        raise ProductionError(f"{where}.events: ask for at least 1 and at most {MAX_EVENTS}")
    can = traits(kind) if kind in BUILT_IN else TruthSource
    if can.is_generated and "events" not in entry:
        raise ProductionError(f"{where}.events is missing: a generator has no end")
    if can.is_generated and "split" in entry:
        raise ProductionError(f"{where}.split is for files only; generators are always cut")
    pileup = entry.get("pileup")
    if pileup is not None and not (can.takes_pileup and 0 < pileup < math.inf):
        able = " and ".join(name for name in BUILT_IN if traits(name).takes_pileup)
        raise ProductionError(f"{where}.pileup: a positive number, for {able} only")
    added = tuple(f"{name}:" for name, one in BUILT_IN.items() if one.added)
    for k, text in enumerate(entry.get("add", [])):
        if not isinstance(text, str) or not text.startswith(added):
            names = " or ".join(f"{name}..." for name in added)
            raise ProductionError(f"{where}.add[{k}]: expected {names}")


def _located(kind: str, text: str, where: str, folder: Path) -> str:
    """The text of a generator with the file that it may name counted from the folder."""
    head, mark, tail = text.partition("?")
    try:
        return f"{traits(kind).located(head, folder)}{mark}{tail}"
    except SourceError as error:
        raise ProductionError(f"{where}: {error}") from None


def _files(items: list[Any], where: str, folder: Path) -> tuple[Location, ...]:
    """Files and URLs that the items name, globs resolved in sorted order, each once."""
    found: dict[Location, None] = {}
    for k, item in enumerate(items):
        if not isinstance(item, str) or not item:
            raise ProductionError(f"{where}[{k}]: expected the name of a file")
        path = folder / item
        matches: list[Location] = [path]
        if is_url(item):
            matches = _listed(item, f"{where}[{k}]")
        elif not path.is_file():
            matches = matching(str(path))
        if not matches:
            raise ProductionError(f"{where}[{k}]: no file matches {item!r}")
        found |= dict.fromkeys(matches)
    if not found:
        raise ProductionError(f"{where} is empty")
    return tuple(found)


def _listed(url: str, where: str) -> list[Location]:
    try:
        return matching(url)
    except SourceError as error:
        raise ProductionError(f"{where}: {error}") from None


def _cluster(entry: Mapping[str, Any], where: str) -> ClusterConfig:
    if entry.get("kind", "local") not in CLUSTERS:
        raise ProductionError(f"{where}.kind: it can be {', '.join(CLUSTERS)}")
    for key, least in (("jobs", 0), ("cores", 1)):
        if entry.get(key, least) < least:
            raise ProductionError(f"{where}.{key}: {entry[key]} is less than {least}")
    return ClusterConfig(**entry)


def _pipeline(text: str, folder: Path) -> str:
    """A pipeline's name as it is; a file counts from the folder."""
    return str(folder / text) if text.endswith((".yaml", ".yml")) else text
