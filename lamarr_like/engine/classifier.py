"""Models that give probabilities of classes: boosted trees, or a softmax network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np

from ..arrays import Floats
from ..errors import ArtefactError
from ..files.forms import Flag, Form, Items, Place, Text
from .booster_check import check_booster
from .kinds import AbstractSpec, condition_columns
from .model_config import FLAGS, MAX_NAMES, NAMES, check_length
from .model_tables import check_probabilities, file_of, read_arrays, read_transform
from .onnx_session import Network
from .trees import Trees

Probabilities: TypeAlias = Callable[[Floats], np.ndarray]
"""Checked conditions, shape ``(n_conditions, n)``, to an array ``(n, n_classes)``."""


class Classifier:
    """Probabilities of classes given conditions.

    Args:
        conditions: names of the conditions, in the model's order.
        classes: names of the classes.
        probabilities: what computes them.
        where: name for messages.
        exclusive: whether the probabilities of a row add up to one; else each class is told from
            the rest by itself.
    """

    def __init__(
        self,
        conditions: tuple[str, ...],
        classes: tuple[str, ...],
        probabilities: Probabilities,
        where: str,
        exclusive: bool = True,
    ) -> None:
        self.conditions = conditions
        self.classes = classes
        self.exclusive = exclusive
        self._probabilities = probabilities
        self._where = where

    def predict(self, conditions: Mapping[str, np.ndarray]) -> Floats:
        """Probabilities, shape ``(n, n_classes)``.

        Args:
            conditions: arrays of shape ``(n,)``; others than those needed are ignored.

        Raises:
            SchemaError: if a condition is missing, has another length or is not finite.
            ArtefactError: if the model gives anything but probabilities.
        """
        columns = condition_columns(self.conditions, conditions, self._where)
        if len(columns[0]) == 0:
            return np.zeros((0, len(self.classes)))
        found = np.asarray(self._probabilities(columns), dtype=np.float64)
        shape = (len(columns[0]), len(self.classes))
        if found.shape != shape:
            raise ArtefactError(f"{self._where}: {found.shape} probabilities, {shape} are needed")
        check_probabilities(found, self._where, self.classes, exclusive=self.exclusive)
        return found

    def rehearse(self) -> None:
        """Run on one row of zeros."""
        self.predict({name: np.zeros(1) for name in self.conditions})


@dataclass(frozen=True)
class ClassifierSpec(AbstractSpec):
    """Configuration of a `Classifier`.

    Args:
        family: ``"booster"`` for boosted trees (``model.ubj``), anything else for a network
            (``model.onnx``, with ``transforms.npz``).
        conditions: names of the conditions.
        classes: names of the classes.
        condition_flags: which conditions are flags, for a network.
        exclusive: see `Classifier`.
    """

    kind: ClassVar[str] = "classifier"
    forms: ClassVar[Mapping[str, Form]] = {
        "family": Text(),
        "conditions": NAMES,
        "classes": Items(Text(most=100), 2, MAX_NAMES, once=True),
        "condition_flags": FLAGS,
        "exclusive": Flag(),
    }
    optional: ClassVar[frozenset[str]] = frozenset({"condition_flags", "exclusive"})

    family: str
    conditions: tuple[str, ...]
    classes: tuple[str, ...]
    condition_flags: tuple[bool, ...] | None = None
    exclusive: bool = True

    def check(self, at: Place) -> None:
        """A network needs a flag for each condition."""
        if self.family == "booster":
            return
        if self.condition_flags is None:
            (at / "condition_flags").refuse("is missing")
        check_length(self.condition_flags, self.conditions, at / "condition_flags")

    def build(self, files: Mapping[str, bytes], where: str) -> Classifier:
        """See `AbstractSpec.build`."""
        run = self._trees if self.family == "booster" else self._network
        return Classifier(self.conditions, self.classes, run(files, where), where, self.exclusive)

    def _trees(self, files: Mapping[str, bytes], where: str) -> Probabilities:
        weights = file_of(files, "model.ubj", where)
        check_booster(weights, where, len(self.conditions), len(self.classes))
        trees = Trees(weights, len(self.conditions), where)

        def probabilities(columns: Floats) -> np.ndarray:
            p = trees(np.ascontiguousarray(columns.T, dtype=np.float32)).astype(np.float64)
            return p if p.ndim == 2 else np.stack([1.0 - p, p], axis=1)

        return probabilities

    def _network(self, files: Mapping[str, bytes], where: str) -> Probabilities:
        network = Network(file_of(files, "model.onnx", where), where)
        arrays = read_arrays(files, where)
        transform = read_transform(arrays, self.condition_flags or (), where)
        return lambda columns: network(conditions=transform(columns))[0]
