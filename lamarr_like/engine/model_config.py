"""What ``config.json`` of a model must hold for the model to run: types, lengths and ranges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ArtefactError
from ..files.forms import Flag, Form, Items, Number, Place, Record, Text, check

MAX_KNOT = 1e30
"""Greatest number that a model may draw."""
MAX_WHOLE = 2**31 - 1
"""Greatest whole number that a model may draw."""
MAX_NAMES = 1000
"""Most conditions, outputs or classes."""
MAX_NOISE = 256
"""Most uniform, and most normal, numbers for a draw."""
MAX_ATOMS = 4096
"""Most classes of atoms, and most fixed values of an output."""

_NAMES = Items(Text(pattern=r"[^\x00-\x1f\x7f]+", most=100), 1, MAX_NAMES, once=True)
_FLAGS = Items(Flag(), 0, MAX_NAMES)
_COUNT = Number(0, MAX_NOISE, whole=True)
_NOISE = Record({"uniforms": _COUNT, "normals": _COUNT}, ("uniforms", "normals"))
_ATOMS = Record(
    {
        "values": Items(Items(Number(-MAX_KNOT, MAX_KNOT), most=MAX_ATOMS), 1, MAX_NAMES),
        "patterns": Items(
            Items(Number(-MAX_ATOMS, MAX_ATOMS, whole=True), 1, MAX_NAMES), 1, MAX_ATOMS
        ),
    },
    ("values", "patterns"),
)
_CLASSIFIER: dict[str, Form] = {
    "family": Text(),
    "conditions": _NAMES,
    "classes": Items(Text(most=100), 2, MAX_NAMES, once=True),
}
_DRAWS: dict[str, Form] = {
    "conditions": _NAMES,
    "outputs": _NAMES,
    "atoms": _ATOMS,
    "noise": _NOISE,
}
_FORMS: dict[str, dict[str, Form]] = {
    "classifier": _CLASSIFIER,
    "generator": {**_DRAWS, "condition_flags": _FLAGS, "integer": _FLAGS},
    "translator": {
        **_DRAWS,
        "copied": Items(Text(), 0, MAX_NAMES, once=True),
        "longest": Number(3, 96, whole=True),
        "zones": Flag(),
    },
}
"""What a kind of model needs; what else there is, is for people and for the stage."""


def check_config(config: Mapping[str, Any], where: str) -> None:
    """Refuse a configuration that does not tell, or tells wrongly, what a model needs.

    Args:
        config: contents of ``config.json``.
        where: its name, for messages.

    Raises:
        ArtefactError: with the path of the item that is wrong.
    """
    kind = check(config, Record({"kind": Text()}, ("kind",), open=True), where, ArtefactError)
    form = _FORMS.get(kind["kind"])
    if form is None:
        known = ", ".join(_FORMS)
        raise ArtefactError(f"{where}: unknown kind of model {kind['kind']!r}; known are {known}")
    check(config, Record(form, tuple(form), open=True), where, ArtefactError)
    at = Place(where, ArtefactError)
    if kind["kind"] == "classifier":
        if config["family"] != "booster":
            _same_length(check_flags(config, where), config["conditions"], at / "condition_flags")
        return
    n = len(config["outputs"])
    if kind["kind"] == "generator":
        _same_length(config["condition_flags"], config["conditions"], at / "condition_flags")
        _same_length(config["integer"], config["outputs"], at / "integer")
    for i, name in enumerate(config.get("copied", ())):
        if name not in config["conditions"]:
            (at / "copied" / i).refuse(f"{name!r} is none of the conditions")
    _check_atoms(config["atoms"], n, at / "atoms", config.get("integer", [False] * n))


def check_flags(config: Mapping[str, Any], where: str) -> list[bool]:
    """The flags of conditions."""
    form = Record({"condition_flags": _FLAGS}, ("condition_flags",), open=True)
    found: list[bool] = check(config, form, where, ArtefactError)["condition_flags"]
    return found


def _same_length(found: list[Any], wanted: list[Any], at: Place) -> None:
    if len(found) != len(wanted):
        at.refuse(f"{len(found)} items, {len(wanted)} are needed")


def _check_atoms(atoms: Mapping[str, Any], n: int, at: Place, integer: list[bool]) -> None:
    """Codes must be those of `atoms`: free, a copy of an earlier output, or a value there is."""
    values = atoms["values"]
    if len(values) != n:
        (at / "values").refuse(f"{len(values)} lists for {n} outputs")
    for k, whole in enumerate(integer):
        if whole and any(abs(v) > MAX_WHOLE for v in values[k]):
            (at / "values" / k).refuse("a number that is too large")
    for i, pattern in enumerate(atoms["patterns"]):
        if len(pattern) != n:
            (at / "patterns" / i).refuse(f"{len(pattern)} codes for {n} outputs")
        for k, code in enumerate(pattern):
            if not -2 - k < code < len(values[k]):
                (at / "patterns" / i / k).refuse(f"{code} is no code of this output")
