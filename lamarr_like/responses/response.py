"""Declaration of an array-valued response: what its axes, conditions and symmetries are.

A declaration is plain data: it is kept in artefacts and samples, and can be written as YAML, so a
response of somebody else needs no code.  One with a detailed simulation adds a function for that
(see `lamarr_like.responses.declared`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from ..arrays import Floats, ReadColumns
from ..errors import SchemaError
from ..files.forms import Items, Number, Place, Record, Row, Text, check, check_version
from ..files.yaml_json import parse_yaml, read_bytes
from ..physics.ionisation import primary_ionisation

SCHEMA_VERSION = 1

MOST_CELLS = 1 << 18
"""Most cells of an array."""

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_OF_VALUE = ("equals", "above", "ionisation")
"""Kinds of features that have a value."""
MOST_BYTES = 1 << 20
"""Most bytes of a file that declares one."""


@dataclass(frozen=True)
class Axis:
    """Regular cells along one axis of the array.

    Args:
        name: of the axis.
        unit: of its coordinate.
        size: number of cells.
        pitch: their size.
        start: lower edge of the first.
    """

    name: str
    unit: str
    size: int
    pitch: float
    start: float

    @cached_property
    def centres(self) -> Floats:
        """Middles of the cells, shape ``(size,)``."""
        return np.asarray(self.start + (np.arange(self.size) + 0.5) * self.pitch, np.float64)


@dataclass(frozen=True)
class Condition:
    """What a response is given, one number a particle.

    Args:
        name: of the condition.
        unit: of it; empty for a pure number.
        meaning: in a few words.
        low, high: where it is declared; others are refused.
    """

    name: str
    unit: str
    meaning: str
    low: float = -math.inf
    high: float = math.inf


FeatureKind = Literal[
    "value", "log", "ratio", "log_norm", "equals", "above", "fraction", "ionisation"
]


@dataclass(frozen=True)
class Feature:
    """A quantity that models see in place of the bare conditions.

    Args:
        name: of the feature.
        kind: ``value`` of one condition, its ``log``, ``ratio`` of two, ``log_norm``: logarithm of
            the length of the vector of several, ``equals``: 1 where one has `value`, else 0,
            ``above``: 1 where one is at least `value`, else 0, ``fraction``: how far one is above
            the next lower whole number, for windows that move by whole cells, ``ionisation``:
            logarithm of the clusters that a particle of mass `value` leaves in a layer of gas, up
            to a factor (`lamarr_like.physics.ionisation`), of its momentum in the plane of the
            readout, in the unit of the mass, its angle to this plane and that to the normal of the
            layer in it [deg].
        of: names of the conditions.
        value: for ``equals``, ``above`` and ``ionisation``.
    """

    name: str
    kind: FeatureKind
    of: tuple[str, ...]
    value: float = 0.0

    def __call__(self, conditions: ReadColumns) -> Floats:
        """The feature, shape ``(n,)``."""
        first, *others = (np.asarray(conditions[name], dtype=np.float64) for name in self.of)
        if self.kind == "log":
            return np.asarray(np.log(first))
        if self.kind == "ratio":
            return np.asarray(first / others[0])
        if self.kind == "log_norm":
            return np.asarray(0.5 * np.log(first**2 + sum(o**2 for o in others)))
        if self.kind == "fraction":
            return np.asarray(first - np.floor(first))
        if self.kind == "ionisation":
            dip, crossing = (np.cos(np.radians(angle)) for angle in others)
            clusters = primary_ionisation(first / (dip * self.value))
            return np.asarray(np.log(clusters / (dip * crossing)))
        flags = {"equals": first == self.value, "above": first >= self.value}
        return np.asarray(flags.get(self.kind, first) * 1.0)


@dataclass(frozen=True)
class Mirror:
    """The response of the mirrored particle is the mirrored array.

    Args:
        axis: its name; empty where the array stays the same.
        negates: features that change their sign with it.
    """

    axis: str
    negates: tuple[str, ...]


@dataclass(frozen=True)
class Exchange:
    """Two axes can be exchanged together with pairs of features.

    Args:
        axes: their names.
        pairs: features.
    """

    axes: tuple[str, str]
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Shift:
    """A particle that is moved by one cell moves the array by one cell.

    Args:
        axis: its name.
        feature: place of the particle along it, in the unit of the axis.
        slope: feature that tilts the particle's path along this axis; empty for none.
    """

    axis: str
    feature: str
    slope: str = ""


@dataclass(frozen=True)
class Response:
    """An array-valued response.

    Args:
        name: short name.
        title: what it is, in a few words.
        axes: of the array, in order.
        conditions: in order.
        features: what models are given, made from the conditions.
        unit: of the values.
        values: ``continuous`` or ``counts`` (whole numbers).
        threshold: values below it are zero.
        origin: ``window`` where the array moves with the particle, ``global`` where it is fixed.
        scale: feature that is the logarithm of the expected sum, up to a factor; empty for none.
        symmetries: mirrors, exchanges and shifts under which the law stays the same.
        kinds: features that are flags and tell particles of quite different arrays apart.
        channels: ``towers`` where every other cell is read out together and the rest by quarters of
            the array, as ALICE's zero-degree calorimeters are; empty for none.
    """

    name: str
    title: str
    axes: tuple[Axis, ...]
    conditions: tuple[Condition, ...]
    features: tuple[Feature, ...]
    unit: str
    threshold: float = 0.0
    values: Literal["continuous", "counts"] = "continuous"
    origin: Literal["window", "global"] = "window"
    scale: str = ""
    mirrors: tuple[Mirror, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    shifts: tuple[Shift, ...] = ()
    kinds: tuple[str, ...] = ()
    channels: Literal["", "towers"] = ""
    where: str = field(default="response", compare=False)

    def __post_init__(self) -> None:
        _check_names(self, Place(self.where, SchemaError))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one array."""
        return tuple(axis.size for axis in self.axes)

    @property
    def whole(self) -> bool:
        """Whether values are whole numbers."""
        return self.values == "counts"

    @property
    def least(self) -> float:
        """Smallest value of a cell that is not empty."""
        return max(float(np.ceil(self.threshold)), 1.0) if self.whole else self.threshold

    @property
    def cells(self) -> int:
        """Number of cells of one array."""
        return math.prod(self.shape)

    def axis(self, name: str) -> int:
        """Number of an axis by its name."""
        return next(k for k, axis in enumerate(self.axes) if axis.name == name)

    def feature(self, name: str) -> int:
        """Number of a feature by its name."""
        return next(k for k, feature in enumerate(self.features) if feature.name == name)

    def restricted(self, name: str, title: str, conditions: tuple[str, ...]) -> Response:
        """The same arrays given fewer conditions; features that need others are left out.

        Args:
            name, title: of the new response.
            conditions: names of those that are kept.

        Raises:
            SchemaError: if a symmetry needs a condition that is left out.
        """
        features = tuple(f for f in self.features if set(f.of) <= set(conditions))
        kept = tuple(c for c in self.conditions if c.name in conditions)
        scale = self.scale if self.scale in [f.name for f in features] else ""
        return replace(
            self, name=name, title=title, conditions=kept, features=features, scale=scale
        )

    def checked(self, conditions: ReadColumns, where: str) -> dict[str, Floats]:
        """The conditions in order as float64, shapes ``(n,)``.

        Args:
            conditions: columns; others than those needed are left out.
            where: name of the table, for messages.

        Raises:
            SchemaError: if one is missing, has another length, is not finite or is out of range.
        """
        missing = [c.name for c in self.conditions if c.name not in conditions]
        if missing:
            raise SchemaError(f"{where} lacks the conditions {', '.join(missing)} of {self.name}")
        found: dict[str, Floats] = {}
        for c in self.conditions:
            values = np.asarray(conditions[c.name])
            if values.dtype.kind not in "iuf" or values.ndim != 1:
                raise SchemaError(
                    f"{where}: condition {c.name!r} has type {values.dtype} and shape "
                    f"{values.shape}; it must be numbers of shape (n,)"
                )
            values = values.astype(np.float64)
            if found and len(values) != len(next(iter(found.values()))):
                raise SchemaError(f"{where}: condition {c.name!r} has {len(values)} rows, not all")
            bad = ~((values >= c.low) & (values <= c.high) & np.isfinite(values))
            if bad.any():
                row = int(np.flatnonzero(bad)[0])
                raise SchemaError(
                    f"{where}: condition {c.name!r} is {values[row]:.6g} {c.unit}".rstrip()
                    + f" in row {row}; {self.name} is declared from {c.low:.6g} to {c.high:.6g}"
                )
            found[c.name] = values
        return found

    def seen(self, conditions: ReadColumns, where: str) -> Floats:
        """What models are given, shape ``(n, n_features)``.

        Raises:
            SchemaError: as `checked`; also where a feature is not finite.
        """
        columns = self.checked(conditions, where)
        with np.errstate(all="ignore"):
            seen = np.stack([feature(columns) for feature in self.features], axis=1)
        bad = np.argwhere(~np.isfinite(seen))
        if len(bad):
            row, k = bad[0]
            raise SchemaError(
                f"{where}: {self.features[k].name} (from {', '.join(self.features[k].of)}) is "
                f"{seen[row, k]} in row {row}"
            )
        return seen

    def to_json(self) -> dict[str, Any]:
        """As plain values, which `read_response` reads."""
        plain = asdict(self)
        del plain["where"]
        for name in ("kinds", "channels"):
            if not plain[name]:
                del plain[name]
        for condition in plain["conditions"]:
            for bound in ("low", "high"):
                if not math.isfinite(condition[bound]):
                    del condition[bound]
        for feature in plain["features"]:
            if feature["kind"] not in _OF_VALUE:
                del feature["value"]
        return {"schema_version": SCHEMA_VERSION, **_listed(plain)}


def _listed(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _listed(v) for k, v in value.items()}
    return [_listed(v) for v in value] if isinstance(value, (list, tuple)) else value


_WORD = Text(pattern=_NAME, most=100)
_WORDS = Items(_WORD, most=100)
_LINE = Text(most=1000)
_FORM = Record(
    {
        "schema_version": Number(SCHEMA_VERSION, SCHEMA_VERSION, whole=True),
        "name": _WORD,
        "title": _LINE,
        "unit": _LINE,
        "threshold": Number(0),
        "values": Text(("continuous", "counts")),
        "origin": Text(("window", "global")),
        "scale": Text(most=100),
        "axes": Items(
            Record(
                {
                    "name": _WORD,
                    "unit": _LINE,
                    "size": Number(1, MOST_CELLS, whole=True),
                    "pitch": Number(1e-9, 1e9),
                    "start": Number(-1e9, 1e9),
                },
                ("name", "unit", "size", "pitch", "start"),
            ),
            least=1,
            most=4,
        ),
        "conditions": Items(
            Record(
                {
                    "name": _WORD,
                    "unit": _LINE,
                    "meaning": _LINE,
                    "low": Number(),
                    "high": Number(),
                },
                ("name", "unit", "meaning"),
            ),
            least=1,
            most=100,
        ),
        "features": Items(
            Record(
                {
                    "name": _WORD,
                    "kind": Text(get_args(FeatureKind)),
                    "of": Items(_WORD, least=1, most=10),
                    "value": Number(),
                },
                ("name", "kind", "of"),
            ),
            least=1,
            most=100,
        ),
        "mirrors": Items(
            Record({"axis": Text(most=100), "negates": _WORDS}, ("axis", "negates")), most=4
        ),
        "exchanges": Items(
            Record(
                {
                    "axes": Row((_WORD, _WORD)),
                    "pairs": Items(Row((_WORD, _WORD)), most=100),
                },
                ("axes", "pairs"),
            ),
            most=1,
        ),
        "shifts": Items(
            Record({"axis": _WORD, "feature": _WORD, "slope": Text(most=100)}, ("axis", "feature")),
            most=4,
        ),
        "kinds": Items(_WORD, most=4),
        "channels": Text(("towers",)),
    },
    ("schema_version", "name", "title", "axes", "conditions", "unit"),
)


def read_response(document: Any, where: str, error: type[SchemaError] = SchemaError) -> Response:
    """A declaration from plain values, checked.

    Args:
        document: what `Response.to_json` gives, or what a YAML file holds.  Without ``features``
            models see each condition as it is.
        where: its name, for messages.
        error: what to raise.

    Raises:
        SchemaError: with the path of the item that is wrong.
    """
    check_version(document, "schema_version", SCHEMA_VERSION, where, error)
    found: Mapping[str, Any] = check(document, _FORM, where, error)
    plain = {k: v for k, v in found.items() if k != "schema_version"}
    conditions = tuple(Condition(**c) for c in plain.pop("conditions"))
    features = plain.pop("features", None) or [
        {"name": c.name, "kind": "value", "of": [c.name]} for c in conditions
    ]
    return Response(
        axes=tuple(Axis(**axis) for axis in plain.pop("axes")),
        conditions=conditions,
        features=tuple(Feature(**{**f, "of": tuple(f["of"])}) for f in features),
        mirrors=tuple(Mirror(m["axis"], tuple(m["negates"])) for m in plain.pop("mirrors", [])),
        exchanges=tuple(
            Exchange(tuple(e["axes"]), tuple(map(tuple, e["pairs"])))
            for e in plain.pop("exchanges", [])
        ),
        shifts=tuple(Shift(**shift) for shift in plain.pop("shifts", [])),
        kinds=tuple(plain.pop("kinds", ())),
        where=where,
        **plain,
    )


def response_file(path: Path | str) -> Response:
    """A declaration from a YAML file.

    Raises:
        SchemaError: if it cannot be read or is none.
    """
    raw = read_bytes(Path(path), MOST_BYTES, SchemaError)
    return read_response(parse_yaml(raw, str(path), SchemaError), str(path))


def _check_names(response: Response, at: Place) -> None:
    """Refuse names that come twice or are not declared, and counts and sizes that do not fit."""
    axes = [axis.name for axis in response.axes]
    conditions = [c.name for c in response.conditions]
    features = [f.name for f in response.features]
    for where, names in (("axes", axes), ("conditions", conditions), ("features", features)):
        twice = next((n for i, n in enumerate(names) if n in names[:i]), None)
        if twice is not None:
            (at / where).refuse(f"{twice!r} comes twice")
    if response.cells > MOST_CELLS:
        (at / "axes").refuse(f"{response.cells} cells; {MOST_CELLS} are the most")
    _check_features(response, conditions, at / "features")
    for i, mirror in enumerate(response.mirrors):
        if mirror.axis:
            _known((mirror.axis,), axes, at / "mirrors" / i / "axis", "axis")
        elif not mirror.negates:
            (at / "mirrors" / i / "negates").refuse("without an axis it must negate something")
        _known(mirror.negates, features, at / "mirrors" / i / "negates", "feature")
    for i, exchange in enumerate(response.exchanges):
        _known(exchange.axes, axes, at / "exchanges" / i / "axes", "axis")
        pairs = [name for pair in exchange.pairs for name in pair]
        _known(tuple(pairs), features, at / "exchanges" / i / "pairs", "feature")
        first, second = (response.axes[response.axis(name)] for name in exchange.axes)
        if (first.size, first.pitch, first.start) != (second.size, second.pitch, second.start):
            (at / "exchanges" / i).refuse("axes that are exchanged must have the same cells")
    for i, shift in enumerate(response.shifts):
        _known((shift.axis,), axes, at / "shifts" / i / "axis", "axis")
        _known((shift.feature,), features, at / "shifts" / i / "feature", "feature")
        if shift.slope:
            _known((shift.slope,), features, at / "shifts" / i / "slope", "feature")
    if response.scale:
        _known((response.scale,), features, at / "scale", "feature")
    _check_kinds(response, features, at)
    if response.channels and len(axes) != 2:
        (at / "channels").refuse("towers are of arrays of two axes")


def _check_features(response: Response, conditions: list[str], at: Place) -> None:
    """Each is of as many conditions as its kind needs."""
    one = dict.fromkeys(("value", "log", "equals", "above", "fraction"), 1)
    needs = {**one, "ratio": 2, "ionisation": 3}
    for i, feature in enumerate(response.features):
        place = at / i
        _known(feature.of, conditions, place / "of", "condition")
        if len(feature.of) != needs.get(feature.kind, len(feature.of)):
            (place / "of").refuse(f"{feature.kind} is of {needs[feature.kind]}")
        if feature.kind == "ionisation" and not feature.value > 0:
            (place / "value").refuse("ionisation needs the mass of the particle")


def _check_kinds(response: Response, features: list[str], at: Place) -> None:
    """Kinds of particles are told by flags."""
    _known(response.kinds, features, at / "kinds", "feature")
    for name in response.kinds:
        if response.features[response.feature(name)].kind not in ("equals", "above"):
            (at / "kinds").refuse(f"{name!r} is no flag")


def _known(names: tuple[str, ...], among: list[str], at: Place, what: str) -> None:
    for name in names:
        if name not in among:
            at.refuse(f"{name!r} is no {what}; there are {', '.join(among)}")
