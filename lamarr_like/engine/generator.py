"""Models that draw a vector of numbers given conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import ndtri

from ..arrays import Floats
from ..errors import ArtefactError, SchemaError
from ..files.forms import Form, Place
from .atoms import Atoms
from .kinds import AbstractSpec, condition_columns
from .leaf_library import FILE as LIBRARY
from .leaf_library import LeafLibrary
from .model_config import ATOMS, FLAGS, NAMES, NOISE, check_atoms_fit, check_length
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


class Generator:
    """Draws of a vector given conditions.

    Args:
        conditions: names of the conditions, in the model's order.
        outputs: names of what is drawn.
        network: graph with inputs ``conditions``, ``uniforms``, ``normals`` (those it has) and
            outputs ``scores`` and, with more than one class of atoms, ``atom``; or a library.
        transform: conditions to network input.
        scores: normal scores of the outputs to physical values.
        atoms: exact equalities to impose.
        integer: whether each output is an integer.
        noise: how many uniform and how many normal numbers a row needs.
        where: name for messages.

    Attributes:
        ranges: smallest and largest value of each output, by name.
    """

    def __init__(
        self,
        *,
        conditions: tuple[str, ...],
        outputs: tuple[str, ...],
        network: Network | LeafLibrary,
        transform: ConditionTransform,
        scores: NormalScores,
        atoms: Atoms,
        integer: tuple[bool, ...],
        noise: tuple[int, int],
        where: str,
    ) -> None:
        self.conditions = conditions
        self.outputs = outputs
        self.n_uniforms = sum(noise)
        self.ranges = drawn_ranges(outputs, scores, atoms)
        self._network = network
        self._transform = transform
        self._scores = scores
        self._atoms = atoms
        self._integer = integer
        self._noise = noise
        self._where = where

    def draw(self, conditions: Mapping[str, np.ndarray], uniforms: Floats) -> dict[str, np.ndarray]:
        """One draw a row, in physical units.

        Args:
            conditions: arrays of shape ``(n,)``; others than those needed are ignored.
            uniforms: independent numbers in (0, 1), shape ``(n, n_uniforms)``.

        Returns:
            For each output an array of shape ``(n,)``: int64 for integers, else float64.

        Raises:
            SchemaError: if a condition is missing, has another length or is not finite, or if the
                random numbers have the wrong shape.
            ArtefactError: if the network gives what is no draw.
        """
        columns = condition_columns(self.conditions, conditions, self._where)
        uniforms = np.asarray(uniforms, dtype=np.float64)
        if uniforms.shape != (len(columns[0]), self.n_uniforms):
            raise SchemaError(
                f"{self._where}: uniforms have shape {uniforms.shape}, "
                f"needed is {(len(columns[0]), self.n_uniforms)}"
            )
        n_uniform = self._noise[0]
        feed = {
            "conditions": self._transform(columns),
            "uniforms": uniforms[:, :n_uniform].astype(np.float32),
            "normals": ndtri(uniforms[:, n_uniform:]).astype(np.float32),
        }
        drawn = self._network(**{name: feed[name] for name in self._network.inputs})
        values = self._scores.inverse(drawn[0])
        if self._atoms.binds:
            atom = drawn[1][:, 0] if len(drawn) > 1 else np.zeros(len(values))
            check_atoms(atom, len(self._atoms), self._where)
            self._atoms.impose(values, atom.astype(np.int64))
        return {
            name: np.rint(values[:, k]).astype(np.int64) if self._integer[k] else values[:, k]
            for k, name in enumerate(self.outputs)
        }

    def rehearse(self) -> None:
        """Draw for one row of zeros.

        Raises:
            ValueError: if that gives another number of rows.
        """
        row = {name: np.zeros(1) for name in self.conditions}
        for name, values in self.draw(row, np.full((1, self.n_uniforms), 0.5)).items():
            if values.shape != (1,):
                raise ValueError(f"output {name} has the shape {values.shape}")


@dataclass(frozen=True)
class GeneratorSpec(AbstractSpec):
    """Configuration of a `Generator` (``model.onnx`` or ``library.npz``, ``transforms.npz``).

    Args:
        conditions, outputs: names, in the model's order.
        condition_flags: which conditions are flags.
        integer: which outputs are integers.
        atoms: `lamarr_like.engine.atoms.Atoms` as JSON.
        noise: uniform and normal numbers that a draw needs, by these names.
    """

    kind: ClassVar[str] = "generator"
    forms: ClassVar[Mapping[str, Form]] = {
        "conditions": NAMES,
        "outputs": NAMES,
        "atoms": ATOMS,
        "noise": NOISE,
        "condition_flags": FLAGS,
        "integer": FLAGS,
    }

    conditions: tuple[str, ...]
    outputs: tuple[str, ...]
    condition_flags: tuple[bool, ...]
    integer: tuple[bool, ...]
    atoms: Mapping[str, Any]
    noise: Mapping[str, int]

    def check(self, at: Place) -> None:
        """Each condition and output has its flag, each pattern of atoms its outputs."""
        check_length(self.condition_flags, self.conditions, at / "condition_flags")
        check_length(self.integer, self.outputs, at / "integer")
        check_atoms_fit(self.atoms, self.integer, at / "atoms")

    def build(self, files: Mapping[str, bytes], where: str) -> Generator:
        """See `AbstractSpec.build`."""
        arrays = read_arrays(files, where)
        return Generator(
            conditions=self.conditions,
            outputs=self.outputs,
            network=self._network(files, where),
            transform=read_transform(arrays, self.condition_flags, where),
            scores=read_scores(arrays, "outputs", len(self.outputs), where, self.integer),
            atoms=Atoms.from_json(self.atoms),
            integer=self.integer,
            noise=(self.noise["uniforms"], self.noise["normals"]),
            where=where,
        )

    def _network(self, files: Mapping[str, bytes], where: str) -> Network | LeafLibrary:
        """What draws: a network, or the library that stands for one."""
        if LIBRARY in files:
            if (self.noise["uniforms"], self.noise["normals"]) != (2, 0):
                raise ArtefactError(f"{where}: a library draws by 2 uniform numbers and no normal")
            sizes = len(self.conditions), len(self.outputs)
            return LeafLibrary.read(files[LIBRARY], *sizes, where)
        return Network(file_of(files, "model.onnx", where), where)
