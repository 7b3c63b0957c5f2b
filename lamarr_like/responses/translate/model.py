"""Translations of arrays at run time: what a trained one makes of arrays of either sample.

Cells come to the networks as square roots in units of what the cells of its sample hold in
the mean where they are not empty: what a cell fluctuates by grows like the root of what it holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ...arrays import Floats32
from ...engine.kinds import AbstractSpec
from ...engine.load import load_model
from ...engine.model_config import NAMES
from ...engine.model_tables import file_of
from ...engine.onnx_session import Session
from ...errors import ArtefactError, SchemaError
from ...files.forms import Anything, Form, Items, Number, Place
from ...registry.find import find_model
from ..response import Response, read_response
from ..samples import ResponseSample, checked_sample

BLOCK = 32
"""Arrays in a call of a network, always: the bits of one do not depend on the others."""

SIDE = 4
"""Networks take sides that it divides; others are filled up with zeros."""

FILES = ("forward.onnx", "backward.onnx")
"""From the first sample to the second, and back."""

MOST = 1e18
"""Largest value of a cell in units of the mean, and largest mean."""


def padded_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """Sides of an array as the networks take it.

    Args:
        shape: of the response, two axes.
    """
    h, w = (-(-side // SIDE) * SIDE for side in shape)
    return h, w


def to_roots(arrays: np.ndarray, unit: float) -> Floats32:
    """Arrays of shape ``(n, h, w)`` as the networks take them, with sides that `SIDE` divides.

    Args:
        arrays: none below zero.
        unit: mean of the sample's cells that are not empty.
    """
    h, w = arrays.shape[1:]
    rows, columns = padded_shape((h, w))
    found = np.zeros((len(arrays), rows, columns), np.float32)
    found[:, :h, :w] = np.sqrt(np.minimum(arrays / np.float32(unit), np.float32(MOST)))
    return found


def from_roots(roots: Floats32, unit: float, response: Response) -> Floats32:
    """The opposite of `to_roots`, with the threshold of the response, shape ``(n, h, w)``.

    Args:
        roots: shape ``(n, rows, columns)``.
        unit: mean of the sample's cells that are not empty.
        response: what the arrays are of.
    """
    h, w = response.shape
    found = np.square(roots[:, :h, :w]) * np.float32(unit)
    if response.whole:
        found = np.rint(found)
    found[found < response.threshold] = 0.0
    return found.astype(np.float32)


class ArrayTranslator:
    """Translates arrays of either of two responses to the other.

    Args:
        responses: of the first sample and of the second.
        units: mean of the cells of each that are not empty.
        networks: from the first to the second, and back.
        where: name for messages.

    Attributes:
        conditions: names of the conditions of the particles, which no network is told.
    """

    def __init__(
        self,
        responses: tuple[Response, Response],
        units: tuple[float, float],
        networks: tuple[Session, Session],
        where: str,
    ) -> None:
        self.responses, self.units = responses, units
        self.conditions = tuple(c.name for c in responses[0].conditions)
        self._networks, self._where = networks, where

    def translate(self, arrays: np.ndarray, *, backward: bool = False) -> Floats32:
        """Arrays of the other response, shape ``(n, h, w)``; each depends on its own array only.

        Args:
            arrays: finite and not below 0, shape ``(n, h, w)``.
            backward: from the second response to the first.

        Raises:
            SchemaError: if they have another shape.
            ArtefactError: if the network gives numbers that are not finite.
        """
        start, stop = (1, 0) if backward else (0, 1)
        response = self.responses[stop]
        if arrays.shape[1:] != response.shape:
            raise SchemaError(
                f"{self._where} translates arrays of shape {response.shape}, these have "
                f"{arrays.shape[1:]}"
            )
        made = np.empty((len(arrays), *response.shape), np.float32)
        for first in range(0, len(arrays), BLOCK):
            rows = slice(first, first + BLOCK)
            roots = to_roots(arrays[rows], self.units[start])
            block = np.zeros((BLOCK, *roots.shape[1:]), np.float32)
            block[: len(roots)] = roots
            found = self._networks[start](cells=block.reshape(BLOCK, -1))[0]
            found = np.clip(found, 0, np.sqrt(MOST)).reshape(block.shape)[: len(roots)]
            made[rows] = from_roots(found, self.units[stop], response)
        return made

    def translate_sample(
        self, sample: ResponseSample, *, backward: bool = False, model: str = ""
    ) -> ResponseSample:
        """A sample of the other response, with the conditions that it had.

        Args:
            sample: of the first response, or of the second where it goes backward.
            backward: as for `translate`.
            model: name of the model, kept in the record.

        Raises:
            SchemaError: if it is of another response.
        """
        start, stop = (self.responses[k] for k in ((1, 0) if backward else (0, 1)))
        if sample.response.name != start.name:
            other = " without" if backward else " with"
            hint = f"; translate it{other} --backward" if sample.response.name == stop.name else ""
            raise SchemaError(
                f"{sample.where} is of {sample.response.name}, {self._where} translates "
                f"{start.name} to {stop.name}{hint}"
            )
        arrays = self.translate(sample.arrays, backward=backward)
        record = {"made_by": f"translation by {model}", "of": dict(sample.record)}
        return checked_sample(stop, sample.conditions, arrays, f"{sample.where} translated", record)

    def rehearse(self) -> None:
        """Translate an empty array, there and back."""
        for backward in (False, True):
            self.translate(np.zeros((1, *self.responses[0].shape)), backward=backward)


@dataclass(frozen=True)
class ArrayTranslatorSpec(AbstractSpec):
    """Configuration of an `ArrayTranslator` (``forward.onnx``, ``backward.onnx``).

    Args:
        conditions: names, in the order of the declarations.
        responses: declarations of the first sample and of the second.
        units: mean of the cells of each that are not empty.
    """

    kind: ClassVar[str] = "array_translator"
    forms: ClassVar[Mapping[str, Form]] = {
        "conditions": NAMES,
        "responses": Items(Anything(), 2, 2),
        "units": Items(Number(1 / MOST, MOST), 2, 2),
    }

    conditions: tuple[str, ...]
    responses: tuple[Mapping[str, Any], ...]
    units: tuple[float, ...]

    def build(self, files: Mapping[str, bytes], where: str) -> ArrayTranslator:
        """See `AbstractSpec.build`."""
        at = Place(f"{where}/config.json", ArtefactError)
        try:
            first, second = (
                read_response(one, f"{where}/config.json: responses[{i}]")
                for i, one in enumerate(self.responses)
            )
        except SchemaError as error:
            raise ArtefactError(str(error)) from error
        if first.shape != second.shape or len(first.shape) != 2:
            (at / "responses").refuse("arrays of two axes and one shape are translated")
        for response in (first, second):
            if self.conditions != tuple(c.name for c in response.conditions):
                (at / "conditions").refuse("these are not those of the responses")
        networks = [
            Session(file_of(files, name, where), f"{where}/{name}", [{"": BLOCK}]) for name in FILES
        ]
        h, w = padded_shape(first.shape)
        for network, name in zip(networks, FILES, strict=True):
            if network.inputs.keys() != {"cells"} or network.inputs["cells"][1:] != (h * w,):
                raise ArtefactError(f"{where}/{name} takes other than {h * w} cells")
            if [shape[1:] for shape in network.outputs.values()] != [(h * w,)]:
                raise ArtefactError(f"{where}/{name} gives other than {h * w} cells")
        units = (self.units[0], self.units[1])
        return ArrayTranslator((first, second), units, (networks[0], networks[1]), where)


def load(model: str | Path, models: Path | str | None = None) -> ArrayTranslator:
    """A translation by its name or folder.

    Args:
        model: its name, or the path of its folder.
        models: folder of the user's own models, searched first.

    Raises:
        ArtefactError: if there is none, or it translates no arrays.
    """
    found = load_model(find_model(str(model), models))
    if not isinstance(found, ArrayTranslator):
        raise ArtefactError(f"{model} translates no arrays; lamarr-like translate train makes one")
    return found
