"""The code that a step of a twin depends on, as digests of the sources.

Which parts of the package a kind of step depends on is declared here, as patterns of files; the
tests hold that against what the modules import.  What says nothing about results (comments,
docstrings, layout of the lines, commands) is left out, so that nobody waits hours for a comma.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from ..stages import AbstractModelStage

PACKAGE = Path(__file__).resolve().parents[1]

BASE = ("arrays.py", "events.py", "rng.py", "schema.py", "physics/*")
_READ = (*BASE, "io/*")
_RUN = ("engine/*", "engine/translator/*")

SAMPLE = (
    *(*_READ, "io/generators/*", "io/hepmc/*", "io/tables/*", "engine/*"),
    *("detailed/*", "detailed/calorimeter/*"),
    *("runs/config.py", "runs/loop.py", "runs/recipe.py", "runs/record.py", "runs/simulate.py"),
)
"""A detailed sample; ProbNN of it is by a model that is an input by itself."""
DECAYS = ("decays/*", "decays/models/*")
"""Also of one with decays."""
TRAIN = (*_READ, *_RUN, "nets/*", "stages/*", "statistics/two_sample.py", "training/*")
"""A training, beside the part of the stages that the stage is in (`of_stage`)."""
FIDELITY = (
    *(*_READ, *_RUN, "chain/*", "stages/*", "statistics/*"),
    *("training/metrics.py", "training/pairs.py", "training/sample.py"),
    *("files/numbers.py", "files/tables.py", "validation/*", "validation/stages/*"),
)
"""Tests of a stage alone, beside the part of the stages that it is in."""
SEARCH = (
    *TRAIN,
    "statistics/*",
    "validation/stages/fidelity.py",
    "twin/search.py",
    "twin/space.py",
)
"""A search, which trains and tests."""
VALIDATE = (
    *(*_READ, *_RUN, "chain/*", "runs/redraw.py", "stages/*", "stages/*/*", "statistics/*"),
    *("files/numbers.py", "files/sheets.py", "files/tables.py", "validation/*"),
    *("validation/detector/*", "validation/objects/*", "validation/report/*"),
)
"""The report on a whole pipeline."""
RESPONSE = (*BASE, *_RUN, "responses/*", "responses/detectors/*", "responses/geant4/*")
"""Arrays of a response, made in detail or drawn."""
GENERATOR = ("nets/*", "responses/training/*", "stages/metrics.py", "statistics/*")
"""The training of a generator of them, beside `RESPONSE`."""
COMPARE = (
    *("nets/layers.py", "responses/training/*", "statistics/*"),
    *("files/numbers.py", "files/sheets.py", "files/tables.py"),
    *("validation/*", "validation/responses/*"),
)
"""The comparison of what it draws, beside `RESPONSE`."""
GATE = ("registry/*", "statistics/judgement.py", "validation/models/*", "validation/verdict.py")
"""Publication, gate and drift."""

_BORROWED: Mapping[str, tuple[str, ...]] = {
    "vertexing": ("stages/tracking/covariance_numbers.py",),
    "extra_tracks": ("stages/identification/prob_nn.py",),
}
"""What a module of a stage takes from the rooms of others."""
_ECAL = ("training/ecal.py", "nets/translator/*")
_PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "pythia": ("pythia8mc",),
    "booster": ("xgboost-cpu", "xgboost"),
    "train": ("tensorflow-cpu", "tensorflow"),
    "geant4": ("geant4_pybind",),
}


def of_stage(stage: type[AbstractModelStage]) -> tuple[str, ...]:
    """Patterns of what is of one stage only: its room, and its own training.

    Args:
        stage: the stage; of a plug-in there is nothing of ours.
    """
    name = stage.__module__.split(".")
    if name[:2] != ["lamarr_like", "stages"]:
        return ()
    room = (f"stages/{name[2]}/*",) if len(name) > 3 else ()
    own = _ECAL if stage.trained_by == "ecal" else ()
    return (*room, *_BORROWED.get(name[-1], ()), *own)


def code_digests(patterns: Iterable[str]) -> dict[str, str]:
    """Digest of the files of each pattern, by the pattern.

    Args:
        patterns: of files in the package; of ``ROOM/*`` folders in the room are left out.
    """
    return {pattern: _digest(pattern) for pattern in sorted(set(patterns))}


def programs(*names: str) -> dict[str, str]:
    """Versions of the programs of others that results depend on, by their distribution.

    Args:
        names: ``pythia``, ``booster``, ``train``, ``geant4``.
    """
    found = {}
    for name in names:
        for one in _PROGRAMS[name]:
            try:
                found[_PROGRAMS[name][-1]] = version(one)
            except PackageNotFoundError:
                continue
            break
    return found


def plugins(*modules: str) -> dict[str, str]:
    """Digests of the files of modules that are none of ours.

    Args:
        modules: names of modules, of a stage and of what trains it.
    """
    found = {}
    for name in modules:
        spec = None if name.split(".")[0] == PACKAGE.name else find_spec(name)
        if spec is not None and spec.origin is not None and Path(spec.origin).is_file():
            found[name] = _meaning(Path(spec.origin)).hex()[:16]
    return found


def files_of(pattern: str) -> Iterator[Path]:
    """Files of a pattern, in order.

    Args:
        pattern: as of `code_digests`.
    """
    for path in sorted(PACKAGE.glob(pattern)):
        if path.is_file() and path.suffix != ".pyc" and path.name != "command.py":
            # What only the ECAL is trained by is a pattern of its own.
            if pattern == "training/*" and path.name in ("ecal.py", "__init__.py"):
                continue
            yield path


@cache
def _digest(pattern: str) -> str:
    found = hashlib.sha256()
    for path in files_of(pattern):
        found.update(f"{path.relative_to(PACKAGE).as_posix()}\n".encode())
        found.update(_meaning(path))
    return found.hexdigest()[:16]


@cache
def _meaning(path: Path) -> bytes:
    """What a file says, of Python without comments and docstrings."""
    content = path.read_bytes()
    if path.suffix != ".py":
        return hashlib.sha256(content).digest()
    tree = ast.parse(content)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [one for one in body if not _is_text(one)]  # type: ignore[attr-defined]
    return hashlib.sha256(ast.dump(tree).encode()).digest()


def _is_text(node: ast.stmt) -> bool:
    """Whether a statement is a text by itself, such as a docstring."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
