"""Configuration of a translation, and how the model is built of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ...errors import ArtefactError
from ...files.forms import Entries, Flag, Form, Items, Number, Place, Row, Text
from ..atoms import Atoms
from ..kinds import AbstractSpec
from ..model_config import ATOMS, MAX_NAMES, NAMES, NOISE, check_atoms_fit
from ..model_tables import (
    check_atoms,
    check_probabilities,
    drawn_ranges,
    file_of,
    read_arrays,
    read_scores,
)
from ..onnx_session import Network, Session
from .cluster_layout import CLUSTER_FEATURES, MOST_CLUSTERS, MOST_OWN
from .translation import Translator

_BOUND = Number(-1e6, 1e6)


@dataclass(frozen=True)
class TranslatorSpec(AbstractSpec):
    """Configuration of a `Translator` (three networks and ``transforms.npz``).

    Args:
        conditions: names of the features of sources.
        outputs: names of what is measured of a cluster.
        copied: conditions that a cluster takes over from its owner.
        atoms: `lamarr_like.engine.atoms.Atoms` as JSON.
        noise: uniform and normal numbers that a cluster needs, by these names.
        longest: sources in a piece at the most.
        zones: whether background zones are among the sources.
        followed: outputs of an owner's first cluster that the head is told for its further ones,
            see `cluster_layout.told_of_first`.
        pulls: outputs that the head draws in units of their expected resolution, and the values
            between which they stay; earlier models have none.
    """

    kind: ClassVar[str] = "translator"
    forms: ClassVar[Mapping[str, Form]] = {
        "conditions": NAMES,
        "outputs": NAMES,
        "atoms": ATOMS,
        "noise": NOISE,
        "copied": Items(Text(), 0, MAX_NAMES, once=True),
        "longest": Number(3, 96, whole=True),
        "zones": Flag(),
        "followed": Items(Text(), 0, MAX_NAMES, once=True),
        "pulls": Entries(Row((_BOUND, _BOUND)), most=MAX_NAMES),
    }
    optional: ClassVar[frozenset[str]] = frozenset({"followed", "pulls"})

    conditions: tuple[str, ...]
    outputs: tuple[str, ...]
    copied: tuple[str, ...]
    atoms: Mapping[str, Any]
    noise: Mapping[str, int]
    longest: int
    zones: bool
    followed: tuple[str, ...] = ()
    pulls: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def check(self, at: Place) -> None:
        """Copied are conditions, followed and pulls outputs; patterns of atoms have theirs."""
        for i, name in enumerate(self.copied):
            if name not in self.conditions:
                (at / "copied" / i).refuse(f"{name!r} is none of the conditions")
        for i, name in enumerate(self.followed):
            if name not in self.outputs:
                (at / "followed" / i).refuse(f"{name!r} is none of the outputs")
        for name, (low, high) in self.pulls.items():
            if name not in self.outputs:
                (at / "pulls" / name).refuse(f"{name!r} is none of the outputs")
            if low > high:
                (at / "pulls" / name).refuse(f"{low} is above {high}")
        check_atoms_fit(self.atoms, [False] * len(self.outputs), at / "atoms")

    def build(self, files: Mapping[str, bytes], where: str) -> Translator:
        """See `AbstractSpec.build`."""
        encoder, decoder = (
            Session(file_of(files, f"{name}.onnx", where), f"{where}/{name}.onnx")
            for name in ("encoder", "decoder")
        )
        head = Network(file_of(files, "head.onnx", where), f"{where}/head.onnx")
        scores = read_scores(read_arrays(files, where), "outputs", len(self.outputs), where)
        self._check_widths(encoder, decoder, where)
        atoms = Atoms.from_json(self.atoms)
        pulls = {name: (low, high) for name, (low, high) in self.pulls.items()}
        model = Translator(
            conditions=self.conditions,
            copied=self.copied,
            outputs=self.outputs,
            encoder=_checked_encoder(encoder, f"{where}/encoder.onnx"),
            decoder=decoder,
            head=_checked_head(head, len(atoms), f"{where}/head.onnx"),
            scores=scores,
            atoms=atoms,
            noise=(self.noise["uniforms"], self.noise["normals"]),
            longest=self.longest,
            zones=self.zones,
            followed=self.followed,
            pulls=pulls,
        )
        model.ranges = {**drawn_ranges(model.outputs, scores, atoms), **pulls}
        return model

    def _check_widths(self, encoder: Session, decoder: Session, where: str) -> None:
        given = len(CLUSTER_FEATURES) + len(self.copied)
        wanted = {
            "the encoder's features": (encoder.inputs.get("features", ()), len(self.conditions)),
            "the decoder's features": (decoder.inputs.get("features", ()), given),
        }
        for what, (shape, size) in wanted.items():
            if not shape or shape[-1] != size:
                raise ArtefactError(f"{where}: {what} have shape {shape}, expected width {size}")
        shape = encoder.outputs.get("probabilities", ())
        # Sources of earlier models own three clusters at the most.
        if not shape or shape[-1] not in (MOST_OWN + 1, MOST_CLUSTERS + 1):
            raise ArtefactError(f"{where}: the probabilities have shape {shape}")


def _checked_encoder(encoder: Session, where: str) -> Callable[..., list[np.ndarray]]:
    """The encoder, whose first output must be probabilities."""

    def run(**inputs: np.ndarray) -> list[np.ndarray]:
        found = encoder(**inputs)
        check_probabilities(found[0], where)
        return found

    return run


def _checked_head(head: Network, n: int, where: str) -> Callable[..., list[np.ndarray]]:
    """The head, whose second output, if it has one, must be classes of atoms."""

    def run(**inputs: np.ndarray) -> list[np.ndarray]:
        found = head(**inputs)
        if len(found) > 1:
            check_atoms(found[1][:, 0], n, where)
        return found

    return run
