"""``plan.json``: what a production was begun as, and in what another one differs from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import ProductionError
from ..files.forms import Anything, Entries, Form, Items, Record, Text, check
from .inputs import INPUT, InputFile
from .parts import PLAN
from .records import COUNT, DIGEST, digest_of, read_record, write_record
from .units import Plan

MAX_DIFFERENCES = 5
"""Most differences that a message names."""


@dataclass(frozen=True)
class StoredPlan:
    """What is written of a plan.

    Args:
        digest: of the plan.
        units: how many it has.
        identity: JSON values that the contents of the parts follow from.
        inputs: the files that it reads.
    """

    digest: str
    units: int
    identity: dict[str, Any]
    inputs: tuple[InputFile, ...]


_KEYS: dict[str, Form] = {
    "digest": Text(pattern=DIGEST),
    "units": COUNT,
    "identity": Entries(Anything()),
    "inputs": Items(INPUT),
}
_FORM = Record(_KEYS, required=tuple(_KEYS))


def write_plan(folder: Path, plan: Plan) -> None:
    """Write a plan into the output folder.

    Raises:
        OutputError: if it cannot be written.
    """
    values = {"digest": plan.digest, "units": len(plan.units), "identity": plan.identity}
    write_record(folder / PLAN, {**values, "inputs": [asdict(i) for i in plan.inputs]})


def read_plan(folder: Path) -> StoredPlan | None:
    """The plan in an output folder; None if there is none.

    Raises:
        ProductionError: if it is damaged.
    """
    path = folder / PLAN
    advice = (
        "delete it and go on with --resume, which plans anew, keeps the parts that belong to this "
        "production and makes the others again"
    )
    try:
        found = read_record(path)
        if found is None:
            return None
        values = check(found, _FORM, f"{path}: is damaged", ProductionError)
        if digest_of(values["identity"]) != values["digest"]:
            raise ProductionError(f"{path}: is damaged: digest is another one")
    except ProductionError as error:
        raise ProductionError(f"{error}; {advice}") from None
    values["inputs"] = tuple(InputFile(**entry) for entry in values["inputs"])
    return StoredPlan(**values)


def check_same(folder: Path, stored: StoredPlan, plan: Plan) -> None:
    """Refuse to go on with another production than the one that is in the folder.

    Raises:
        ProductionError: naming what is another one, as it was and as it is now.
    """
    if stored.digest == plan.digest:
        return
    found = list(_differences(stored.identity, plan.identity))
    more = f" and {len(found) - MAX_DIFFERENCES} more" if len(found) > MAX_DIFFERENCES else ""
    what = ", another ".join(found[:MAX_DIFFERENCES])
    raise ProductionError(
        f"{folder}: was begun with another {what}{more}; put it back as it was, or choose another "
        "output"
    )


def _differences(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    for key in {**old, **new}:
        if key == "inputs":
            yield from _input_differences(old.get(key), new.get(key))
        else:
            yield from _value_differences(key, old.get(key), new.get(key))


def _value_differences(where: str, old: Any, new: Any) -> Iterator[str]:
    """Places of the values that differ, as ``sources[1].events (100, now 200)``."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            yield from _value_differences(f"{where}.{key}", old.get(key), new.get(key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for k, (before, now) in enumerate(zip(old, new, strict=True)):
            yield from _value_differences(f"{where}[{k}]", before, now)
    elif old != new:
        yield f"{where} ({_short(old)}, now {_short(new)})"


def _input_differences(old: Any, new: Any) -> Iterator[str]:
    """Files by name: those of other content, and those that came or went."""
    before, now = _by_name(old), _by_name(new)
    for name in {**before, **now}:
        if name not in now:
            yield f"list of inputs ({name} was one of them)"
        elif name not in before:
            yield f"list of inputs ({name} was not one of them)"
        elif before[name] != now[name]:
            yield f"content of {name}"
    if old != new and before == now:
        yield "order of inputs"


def _by_name(entries: Any) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for entry in entries if isinstance(entries, list) else ():
        name, *facts = entry if isinstance(entry, list) and entry else [entry]
        found.setdefault(str(name), []).append(facts)
    return found


def _short(value: Any) -> str:
    if value is None:
        return "none"
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
