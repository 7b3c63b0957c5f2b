"""The documented names of the package with their signatures and defaults, as lines of text.

    python tests/public_api.py            # writes tests/data/public_api.txt anew

``tests/test_public_api.py`` holds the package to that file: what others build on changes on purpose
only.  Annotations are left out, because aliases of types may get other names.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parent / "data" / "public_api.txt"

NAMES = {
    "lamarr_like": "EventBatch Pipeline __version__",
    "lamarr_like.schema": "COLUMNS Column SCHEMA_VERSION TABLES TRACK_TYPES as_declared column"
    " table_columns",
    "lamarr_like.events": "EventBatch Table concatenate rebatch",
    "lamarr_like.errors": "ArtefactError BadEventError DecayError LamarrLikeError MissingExtraError"
    " OutputError PipelineError ProductionError SchemaError SourceError TrainingError"
    " TwinError",
    "lamarr_like.plugins": "SOURCE_GROUP STAGE_GROUP declare",
    "lamarr_like.rng": "normals stream_keys uniforms",
    "lamarr_like.chain.pipeline": "Pipeline TRUTH load_stage",
    "lamarr_like.decays.request": "DecayRequest Selection",
    "lamarr_like.io.ntuple": "EventWriter content_digest read_events read_provenance read_schema",
    "lamarr_like.io.sources": "SourceFactory open_source",
    "lamarr_like.io.truth": "TruthSource check_options make_batch",
    "lamarr_like.physics.kinematics": "closest_to_beam",
    "lamarr_like.physics.particles": "SPEED_OF_LIGHT charges masses",
    "lamarr_like.runs.oversampling": "grouped_histogram",
    "lamarr_like.runs.simulate": "RunConfig RunSummary identify simulate simulate_detailed",
    "lamarr_like.stages": "AbstractClassifierStage AbstractGeneratorStage AbstractModelStage"
    " AbstractStage STAGES",
    "lamarr_like.stages.stage": "keys typed",
}
"""The names that the documentation tells readers to import, by module."""


def lines() -> Iterator[str]:
    """One line for each name of the modules and each word of the command line, in a fixed order."""
    for module, names in NAMES.items():
        for name in names.split():
            value = getattr(importlib.import_module(module), name)
            yield from _name(f"{module}.{name}", value)
    yield from _commands()


def _name(full: str, value: Any) -> Iterator[str]:
    if inspect.isclass(value):
        yield from _class(full, value)
    elif callable(value):
        yield full + _signature(value)
    else:
        yield f"{full}: {type(value).__name__}"


def _class(full: str, cls: type) -> Iterator[str]:
    bases = ", ".join(b.__name__ for b in cls.__bases__ if b is not object)
    yield f"class {full}({bases})"
    if issubclass(cls, Enum):
        yield from (f"{full}.{member.name} = {member.value!r}" for member in cls)
        return
    is_bare = issubclass(cls, BaseException) or getattr(cls, "_is_protocol", False)
    if cls.__init__ is not object.__init__ and not is_bare:
        yield full + _signature(cls)
    fields = {f.name for f in dataclasses.fields(cls)} if dataclasses.is_dataclass(cls) else set()
    yield from (f"{full}.{name}: field" for name in sorted(fields))
    for name, member in sorted(vars(cls).items()):
        if name in fields or (name.startswith("_") and name not in ("__call__", "__getitem__")):
            continue
        if isinstance(member, (classmethod, staticmethod)):
            kind = type(member).__name__
            yield f"{full}.{name}{_signature(member.__func__)} {kind}"
        elif callable(member):
            yield f"{full}.{name}{_signature(member)}"
        else:
            yield f"{full}.{name}: {type(member).__name__}"


def _signature(function: Any) -> str:
    """Names, kinds and defaults of the arguments."""
    signature = inspect.signature(function)
    parameters = [
        p.replace(annotation=p.empty, default=p.default if p.default is p.empty else _Shown(p))
        for p in signature.parameters.values()
    ]
    return str(signature.replace(parameters=parameters, return_annotation=signature.empty))


class _Shown:
    """A default that is written the same in every process."""

    def __init__(self, parameter: inspect.Parameter) -> None:
        self.value = parameter.default

    def __repr__(self) -> str:
        return _default(self.value)


def _default(value: Any) -> str:
    if isinstance(value, Enum):
        return repr(value.value)
    if isinstance(value, Path):
        return repr(str(value))
    if value is None or isinstance(value, (bool, int, float, str, tuple, list, dict, frozenset)):
        return repr(value)
    return getattr(value, "__name__", "...")


def _commands() -> Iterator[str]:
    import typer

    from lamarr_like.cli import app

    top = typer.main.get_command(app)
    found = [((), top), *(((n,), c) for n, c in sorted(top.commands.items()))]
    for (group,), command in found[1:]:
        inner = getattr(command, "commands", {})
        found += [((group, name), one) for name, one in sorted(inner.items())]
    for words, command in found:
        name = " ".join(["lamarr-like", *words])
        yield f"$ {name}"
        for parameter in command.params:
            if "completion" not in parameter.name:  # those of typer
                yield f"$ {name} {_option(parameter)}"


def _option(parameter: Any) -> str:
    """An argument or an option: its spellings, its default and how often it is given."""
    option = parameter.param_type_name == "option"
    spelling = "/".join(parameter.opts + parameter.secondary_opts) if option else parameter.name
    default = parameter.default
    known = isinstance(default, (bool, int, float, str, tuple, Enum, Path))
    notes = ["required"] if parameter.required else []
    notes += [f"{parameter.nargs} words"] if parameter.nargs > 1 else []
    notes += ["many"] if parameter.nargs < 0 or getattr(parameter, "multiple", False) else []
    notes += [f"default {_default(default)}"] if known and not parameter.required else []
    return f"{spelling}: {', '.join(notes)}".rstrip(": ")


if __name__ == "__main__":
    FILE.write_text("\n".join(lines()) + "\n")
    sys.stdout.write(f"wrote {FILE}\n")
