"""Forms of what several kinds of models have in their ``config.json``: names, noise, atoms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..files.forms import Flag, Items, Number, Place, Record, Text

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

NAMES = Items(Text(pattern=r"[^\x00-\x1f\x7f]+", most=100), 1, MAX_NAMES, once=True)
"""Conditions or outputs."""
FLAGS = Items(Flag(), 0, MAX_NAMES)
"""One flag for each condition or output."""
_COUNT = Number(0, MAX_NOISE, whole=True)
NOISE = Record({"uniforms": _COUNT, "normals": _COUNT}, ("uniforms", "normals"))
"""How many random numbers a draw needs."""
ATOMS = Record(
    {
        "values": Items(Items(Number(-MAX_KNOT, MAX_KNOT), most=MAX_ATOMS), 1, MAX_NAMES),
        "patterns": Items(
            Items(Number(-MAX_ATOMS, MAX_ATOMS, whole=True), 1, MAX_NAMES), 1, MAX_ATOMS
        ),
    },
    ("values", "patterns"),
)
"""Exact equalities, as `lamarr_like.engine.atoms.Atoms` writes them."""


def check_length(found: Sequence[Any], wanted: Sequence[Any], at: Place) -> None:
    """Refuse a list that does not belong to another one.

    Raises:
        LamarrLikeError: of the kind of the document, with the path of the list.
    """
    if len(found) != len(wanted):
        at.refuse(f"{len(found)} items, {len(wanted)} are needed")


def check_atoms_fit(atoms: Mapping[str, Any], integer: Sequence[bool], at: Place) -> None:
    """Refuse codes that are none: free, a copy of an earlier output, or a value there is.

    Args:
        atoms: values and patterns.
        integer: whether each output is a whole number.
        at: their place in the document.

    Raises:
        LamarrLikeError: of the kind of the document, with the path of the code.
    """
    values, n = atoms["values"], len(integer)
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
