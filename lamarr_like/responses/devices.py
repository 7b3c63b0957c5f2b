"""Several devices that answer the same particle, each with an array of its own.

Calorimeters beside each other share a particle: what leaves one may be seen in the other.  A sample
of devices holds the arrays of all for the same particles, and a generator of devices draws all of
them at once (`lamarr_like.responses.joint`).  Each device is a response of its own as well: a
sample of devices is read as a sample of any of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..arrays import Floats, ReadColumns
from ..errors import SchemaError
from ..files.forms import Anything, Items, Number, Place, Record, Text, check, check_version
from ..files.yaml_json import parse_yaml, read_bytes
from .response import MOST_BYTES, SCHEMA_VERSION, Condition, Response, read_response

MOST_DEVICES = 8

_FORM = Record(
    {
        "schema_version": Number(SCHEMA_VERSION, SCHEMA_VERSION, whole=True),
        "name": Text(pattern=r"[A-Za-z_][A-Za-z0-9_]*", most=100),
        "title": Text(most=1000),
        "responses": Items(Anything(), least=2, most=MOST_DEVICES),
    },
    ("schema_version", "name", "title", "responses"),
)


@dataclass(frozen=True)
class Devices:
    """Devices that answer the same particle.

    Args:
        name: short name of all.
        title: what they are, in a few words.
        responses: of each; all of the same conditions.

    Raises:
        SchemaError: if a name comes twice, or their conditions differ.
    """

    name: str
    title: str
    responses: tuple[Response, ...]
    where: str = field(default="devices", compare=False)

    def __post_init__(self) -> None:
        at = Place(self.where, SchemaError) / "responses"
        names = [self.name, *(r.name for r in self.responses)]
        twice = next((n for i, n in enumerate(names) if n in names[:i]), None)
        if twice is not None:
            at.refuse(f"{twice!r} comes twice")
        for response in self.responses[1:]:
            if response.conditions != self.conditions:
                at.refuse(f"{response.name} has other conditions than {self.responses[0].name}")

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """What all of them are given."""
        return self.responses[0].conditions

    def checked(self, conditions: ReadColumns, where: str) -> dict[str, Floats]:
        """See `Response.checked`: the conditions in order, shapes ``(n,)``."""
        return self.responses[0].checked(conditions, where)

    def to_json(self) -> dict[str, Any]:
        """As plain values, which `read_declaration` reads."""
        return {
            "schema_version": SCHEMA_VERSION,
            "name": self.name,
            "title": self.title,
            "responses": [response.to_json() for response in self.responses],
        }


def read_declaration(
    document: Any, where: str, error: type[SchemaError] = SchemaError
) -> Response | Devices:
    """A declaration of one response or of devices from plain values, checked.

    Args:
        document: what `to_json` of either gives, or what a YAML file holds.
        where: its name, for messages.
        error: what to raise.

    Raises:
        SchemaError: with the path of the item that is wrong.
    """
    if not isinstance(document, Mapping) or "responses" not in document:
        return read_response(document, where, error)
    check_version(document, "schema_version", SCHEMA_VERSION, where, error)
    found = check(document, _FORM, where, error)
    parts = tuple(
        read_response(one, f"{where}: responses[{i}]", error)
        for i, one in enumerate(found["responses"])
    )
    return Devices(found["name"], found["title"], parts, where)


def declaration_file(path: Path | str) -> Response | Devices:
    """A declaration from a YAML file.

    Raises:
        SchemaError: if it cannot be read or is none.
    """
    raw = read_bytes(Path(path), MOST_BYTES, SchemaError)
    return read_declaration(parse_yaml(raw, str(path), SchemaError), str(path))
