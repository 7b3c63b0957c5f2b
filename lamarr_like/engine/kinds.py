"""What a kind of trained model is: its configuration, how it is built, how it is tried.

A kind is a class derived from `AbstractSpec`: a frozen dataclass of what ``config.json`` must hold
for a model of that kind, which builds the model.  `lamarr_like.engine.load` finds it by the
``kind`` in the configuration: ours, or that of a plug-in, which declares ::

    [project.entry-points."lamarr_like.models"]
    image = "lamarr_images:ImageSpec"
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np

from ..arrays import Floats
from ..errors import ArtefactError, SchemaError
from ..files.forms import Form, Place, Record, check

Spec = TypeVar("Spec", bound="AbstractSpec")


class Model(Protocol):
    """What every trained model offers, whatever its kind.

    Attributes:
        conditions: names of its conditions, in its order.
    """

    conditions: tuple[str, ...]

    def rehearse(self) -> None:
        """Run once on made-up input of one row, so that parts that do not fit are found early."""


class AbstractSpec(ABC):
    """Configuration of a model of one kind; to be derived from as a frozen dataclass.

    Attributes:
        kind: ``kind`` in ``config.json``.
        forms: what the fields look like there, by name; lists become tuples.
        optional: fields that may be missing.
    """

    kind: ClassVar[str]
    forms: ClassVar[Mapping[str, Form]]
    optional: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def read(cls: type[Spec], config: Mapping[str, Any], where: str) -> Spec:
        """The configuration, checked; what else ``config.json`` holds is for people and stages.

        Args:
            config: contents of ``config.json``.
            where: its name, for messages.

        Raises:
            ArtefactError: with the path of the item that is wrong.
        """
        required = tuple(name for name in cls.forms if name not in cls.optional)
        found = check(config, Record(cls.forms, required, open=True), where, ArtefactError)
        plain = {k: tuple(v) if isinstance(v, list) else v for k, v in found.items()}
        spec = cls(**plain)
        spec.check(Place(where, ArtefactError))
        return spec

    def check(self, at: Place) -> None:
        """Refuse fields that do not fit each other, by ``(at / field).refuse(reason)``."""
        return

    @abstractmethod
    def build(self, files: Mapping[str, bytes], where: str) -> Model:
        """The model, ready to run.

        Args:
            files: weights and tables by file name, of a stranger.
            where: name of the artefact, for messages.

        Raises:
            ArtefactError: if something is missing or cannot be read.
        """


def condition_columns(
    names: tuple[str, ...], conditions: Mapping[str, np.ndarray], where: str
) -> Floats:
    """Condition arrays in the model's order, shape ``(n_conditions, n)``.

    Raises:
        SchemaError: if one is missing, has another length or is not finite.
    """
    missing = [name for name in names if name not in conditions]
    if missing:
        raise SchemaError(f"{where} lacks the conditions {', '.join(missing)}")
    columns = [np.asarray(conditions[name]) for name in names]
    for name, values in zip(names, columns, strict=True):
        if values.shape != columns[0].shape or values.ndim != 1:
            raise SchemaError(
                f"{where}: condition {name!r} has shape {values.shape}, "
                f"{names[0]!r} has {columns[0].shape}; all must be (n,)"
            )
    table = np.concatenate(columns, dtype=np.float64, casting="unsafe").reshape(len(columns), -1)
    finite = np.isfinite(table)
    if not finite.all():
        k, at = (int(found[0]) for found in np.nonzero(~finite))
        raise SchemaError(f"{where}: condition {names[k]!r} is {columns[k][at]} in row {at}")
    return table
