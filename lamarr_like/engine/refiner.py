"""Models that move what was drawn for a row to what a better simulation would have drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import ndtri

from ..arrays import Floats, Floats32, Ints
from ..errors import ArtefactError, SchemaError
from ..files.forms import Flag, Form, Place
from .atoms import Atoms
from .kinds import AbstractSpec, condition_columns
from .model_config import ATOMS, FLAGS, NAMES, check_atoms_fit, check_length
from .model_tables import (
    check_atoms,
    drawn_ranges,
    file_of,
    read_arrays,
    read_scores,
    read_transform,
)
from .normal_scores import ConditionTransform, NormalScores
from .onnx_session import Network

N_CHOICES = 2
"""Uniform numbers of a row: whether its class of atoms changes, and to which."""


class Refiner:
    """Moves vectors given conditions; it begins its training as the identity.

    Classes of atoms are known to the network and change only where a class is more frequent in the
    sample that is refined than in the one that it is refined to.  What becomes free by that starts
    from a normal number.

    Args:
        conditions, outputs: names, in the model's order.
        network: graph with inputs ``conditions``, ``drawn``, ``normals`` and, with several
            classes, ``atoms`` and ``uniforms``; outputs ``scores`` and then ``atom``.
        transform: conditions to network input.
        scores: outputs to normal scores and back.
        atoms: exact equalities of the sample refined to.
        identity: leave every row as it is, also what the sample refined to never has.
        where: name for messages.

    Attributes:
        identity: see above.
        ranges: smallest and largest value of each output, by name.
        n_uniforms: uniform numbers that a row needs.
    """

    def __init__(
        self,
        *,
        conditions: tuple[str, ...],
        outputs: tuple[str, ...],
        network: Network,
        transform: ConditionTransform,
        scores: NormalScores,
        atoms: Atoms,
        identity: bool = False,
        where: str,
    ) -> None:
        self.identity = identity
        self.conditions = conditions
        self.outputs = outputs
        self.n_uniforms = N_CHOICES + len(outputs)
        self.ranges = drawn_ranges(outputs, scores, atoms)
        self._network = network
        self._transform = transform
        self._scores = scores
        self._atoms = atoms
        self._where = where

    def refine(
        self,
        conditions: Mapping[str, np.ndarray],
        values: Mapping[str, np.ndarray],
        uniforms: Floats,
    ) -> dict[str, np.ndarray]:
        """What each row becomes, in physical units.

        Args:
            conditions: arrays of shape ``(n,)``; others than those needed are ignored.
            values: the outputs as they were drawn, shapes ``(n,)``.
            uniforms: independent numbers in (0, 1), shape ``(n, n_uniforms)``.

        Raises:
            SchemaError: if a column is missing, has another length or is not finite, or if the
                random numbers have the wrong shape.
            ArtefactError: if the network gives what is no row.
        """
        columns = condition_columns(self.conditions, conditions, self._where)
        drawn = condition_columns(self.outputs, values, f"{self._where}: what is refined")
        n = columns.shape[1]
        if drawn.shape[1] != n or np.shape(uniforms) != (n, self.n_uniforms):
            raise SchemaError(
                f"{self._where}: {n} rows of conditions, values of {drawn.shape[1]} and uniforms "
                f"of shape {np.shape(uniforms)}; needed is {(n, self.n_uniforms)}"
            )
        if self.identity:
            return dict(zip(self.outputs, drawn.copy(), strict=True))
        scores, atom = prepared(drawn.T, self._scores, self._atoms)
        feed = {
            "conditions": self._transform(columns),
            "drawn": scores,
            "atoms": one_hot(atom, len(self._atoms)),
            "uniforms": uniforms[:, :N_CHOICES].astype(np.float32),
            "normals": ndtri(uniforms[:, N_CHOICES:]).astype(np.float32),
        }
        found = self._network(**{name: feed[name] for name in self._network.inputs})
        refined = self._scores.inverse(found[0])
        chosen = found[1][:, 0] if len(found) > 1 else np.zeros(n)
        check_atoms(chosen, len(self._atoms), self._where)
        self._atoms.impose(refined, chosen.astype(np.int64))
        return {name: refined[:, k] for k, name in enumerate(self.outputs)}

    def rehearse(self) -> None:
        """Refine one row of zeros.

        Raises:
            ValueError: if that gives another number of rows.
        """
        row = {name: np.zeros(1) for name in (*self.conditions, *self.outputs)}
        for name, values in self.refine(row, row, np.full((1, self.n_uniforms), 0.5)).items():
            if values.shape != (1,):
                raise ValueError(f"output {name} has the shape {values.shape}")


def prepared(values: Floats, scores: NormalScores, atoms: Atoms) -> tuple[Floats32, Ints]:
    """Vectors as a network that refines sees them.

    Args:
        values: shape ``(n, k)``.
        scores: tables of the columns.
        atoms: classes of equalities.

    Returns:
        Scores of shape ``(n, k)``, 0 where a class leaves nothing free; class of each row, that
        behind the last where it meets none.
    """
    atom = atoms.classify(values, np.zeros(values.shape[1], dtype=bool))
    atom = np.where(atom < 0, len(atoms), atom)
    free = np.append(atoms.free, np.ones((1, values.shape[1]), dtype=bool), axis=0)[atom]
    y = np.stack([scores.forward_column(k, column) for k, column in enumerate(values.T)], axis=1)
    return np.where(free, y, 0.0).astype(np.float32), atom


def one_hot(atom: Ints, n: int) -> Floats32:
    """Classes of `prepared` as rows of shape ``(n + 1,)``, of which `n` are classes of atoms."""
    return np.eye(n + 1, dtype=np.float32)[atom]


@dataclass(frozen=True)
class RefinerSpec(AbstractSpec):
    """Configuration of a `Refiner` (``model.onnx``, ``transforms.npz``).

    Args:
        conditions, outputs: names, in the model's order.
        condition_flags: which conditions are flags.
        atoms: `lamarr_like.engine.atoms.Atoms` as JSON.
        identity: see `Refiner`.
    """

    kind: ClassVar[str] = "refiner"
    forms: ClassVar[Mapping[str, Form]] = {
        "conditions": NAMES,
        "outputs": NAMES,
        "atoms": ATOMS,
        "condition_flags": FLAGS,
        "identity": Flag(),
    }
    optional: ClassVar[frozenset[str]] = frozenset({"identity"})

    conditions: tuple[str, ...]
    outputs: tuple[str, ...]
    condition_flags: tuple[bool, ...]
    atoms: Mapping[str, Any]
    identity: bool = False

    def check(self, at: Place) -> None:
        """Each condition has its flag, each pattern of atoms its outputs."""
        check_length(self.condition_flags, self.conditions, at / "condition_flags")
        check_atoms_fit(self.atoms, [False] * len(self.outputs), at / "atoms")

    def build(self, files: Mapping[str, bytes], where: str) -> Refiner:
        """See `AbstractSpec.build`."""
        arrays = read_arrays(files, where)
        network = Network(file_of(files, "model.onnx", where), where)
        known = {"conditions", "drawn", "atoms", "uniforms", "normals"}
        if unknown := sorted(set(network.inputs) - known):
            raise ArtefactError(f"{where}: its network asks for {', '.join(unknown)}")
        return Refiner(
            conditions=self.conditions,
            outputs=self.outputs,
            network=network,
            transform=read_transform(arrays, self.condition_flags, where),
            scores=read_scores(arrays, "outputs", len(self.outputs), where),
            atoms=Atoms.from_json(self.atoms),
            identity=self.identity,
            where=where,
        )
