"""Trained generators of a response at run time, whatever their family.

All share the frame of `lamarr_like.responses.frame`.  What differs is how an array in it is drawn:
from a `lamarr_like.responses.library`, or as codes of blocks by a network, once or in steps, which
`lamarr_like.responses.filling` makes into cells.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..arrays import Floats, Floats32, Keys, ReadColumns
from ..engine.kinds import AbstractSpec
from ..engine.load import load_model
from ..engine.model_config import NAMES
from ..engine.model_tables import read_arrays
from ..errors import ArtefactError, SchemaError
from ..files.forms import Anything, Form, Number, Place, Text
from ..registry.find import find_model
from ..rng import stream_keys
from .coded import NOISE, SHELLS, STEPS, CodedBlocks, CodesNetwork, read_frame
from .control import CONTROL, Control, Wanted, checked_wanted, needed
from .frame import Frame, Placement
from .hits import Hits, hits_of
from .library import Library
from .response import Condition, Response, read_response
from .stack import Stack

BATCH = 2048
"""Particles drawn at a time."""


class Method(ABC):
    """How arrays are drawn in the common frame.

    Attributes:
        steps: in how many, of families that have such a dial, else 0.
    """

    steps: int = 0

    @abstractmethod
    def draw(self, placement: Placement, keys: Keys, steps: int) -> Hits:
        """Hits in the frame.

        Args:
            placement: of `n` particles.
            keys: of the random numbers of each, shape ``(n,)``.
            steps: of families that have such a dial, 0 for their own.
        """

    @property
    def control(self) -> Control | None:
        """What moves latent numbers of a draw, where the family has it."""
        return None

    def draw_wanted(
        self, placement: Placement, keys: Keys, steps: int, wanted: Wanted, where: str
    ) -> Hits:
        """As `draw`, of wanted properties.

        Args:
            placement, keys, steps: as for `draw`; keys of shape ``(n,)``.
            wanted: see `lamarr_like.responses.control.checked_wanted`; empty without `control`.
            where: name for messages.

        Raises:
            SchemaError: if a value is beyond what such a particle gives.
        """
        assert not wanted
        return self.draw(placement, keys, steps)


class ResponseModel:
    """Draws arrays for particles.

    Args:
        frame: common frame.
        method: how arrays are drawn in it.
        where: name for messages.

    Attributes:
        response: declaration.
        conditions: names of its conditions.
        steps: in how many a draw is made, of families that have such a dial, else 0.
        control: what moves latent numbers of a draw; None of families that have none.
    """

    def __init__(self, frame: Frame, method: Method, where: str) -> None:
        self.response: Response = frame.response
        self.conditions = tuple(c.name for c in frame.response.conditions)
        self.steps = method.steps
        self.control = method.control
        self._frame, self._method, self._where = frame, method, where

    def draw(
        self,
        conditions: ReadColumns,
        seed: int,
        *,
        steps: int = 0,
        wanted: Wanted | None = None,
    ) -> Floats32:
        """Arrays, shape ``(n, *shape)``: that of particle ``i`` depends on seed and ``i`` only.

        Args:
            conditions: shapes ``(n,)``.
            seed: of the draw.
            steps: of families that have such a dial, 0 for their own.
            wanted: of families that have `control`, values of properties or latents by name, one
                for all or shape ``(n,)``: the total in the response's unit, centroids and width in
                those of its axes (`lamarr_like.responses.properties`).

        Raises:
            SchemaError: if a condition is missing, not finite or out of range, or a wanted value
                is, or the family has no such property.
        """
        n = len(next(iter(self.response.checked(conditions, self._where).values())))
        asked = checked_wanted(self.control, wanted, n, self._where)
        keys = stream_keys(seed, f"{self.response.name} drawn", np.arange(n))
        arrays = np.zeros((n, *self.response.shape), np.float32)
        for first in range(0, n, BATCH):
            rows = slice(first, first + BATCH)
            part = {name: np.asarray(conditions[name])[rows] for name in self.conditions}
            some = {name: values[rows] for name, values in asked.items()}
            hits = self.hits(part, keys[rows], steps=steps, wanted=some)
            hits.dense(len(keys[rows]), self.response.shape, arrays[rows])
        return arrays

    def hits(
        self,
        conditions: ReadColumns,
        keys: Keys,
        *,
        steps: int = 0,
        wanted: Wanted | None = None,
    ) -> Hits:
        """The cells that are not empty, for particles with keys of their own.

        Args:
            conditions: shapes ``(n,)``.
            keys: of the random numbers of each, shape ``(n,)``; see `lamarr_like.rng`.
            steps, wanted: as for `draw`.

        Raises:
            SchemaError: as `draw`, or if the keys are not as many.
        """
        seen = self.response.seen(conditions, self._where)
        if len(keys) != len(seen):
            raise SchemaError(f"{self._where}: {len(keys)} keys for {len(seen)} particles")
        asked = checked_wanted(self.control, wanted, len(seen), self._where)
        if not len(seen):
            rank = len(self.response.shape)
            return Hits(np.zeros(0, int), np.zeros((0, rank), int), np.zeros(0, np.float32))
        placement = self._frame.place(seen)
        drawn = self._method.draw_wanted(placement, keys, steps, asked, self._where)
        hits = placement.to_array(drawn)
        return seen_hits(self.response, hits)

    def measured(
        self, conditions: ReadColumns, arrays: Floats32
    ) -> tuple[dict[str, Floats], Floats]:
        """Properties of arrays as this model knows them, of families that have `control`.

        Args:
            conditions: of the particles, shapes ``(n,)``.
            arrays: shape ``(n, *shape)``.

        Returns:
            Properties by name, shapes ``(n,)``, and their normal scores for these particles, shape
            ``(n, n_properties)``; NaN where an array has too little in it.

        Raises:
            SchemaError: if a condition is missing, not finite or out of range, or there is no
                control.
        """
        control = needed(self.control, self._where)
        placement = self._frame.place(self.response.seen(conditions, self._where))
        return control.measured(placement, placement.to_frame(hits_of(arrays)))

    def rehearse(self) -> None:
        """Draw for one particle in the middle of the declared ranges."""
        self.hits(middle_of(self.response.conditions), np.array([1], np.uint64), steps=1)


def seen_hits(response: Response, hits: Hits) -> Hits:
    """Those of an array's hits that lie on it and are not below its threshold."""
    value = np.rint(hits.value) if response.whole else hits.value
    kept = hits.inside(response.shape)
    kept &= (value >= response.threshold) & (value > 0)
    rows = np.flatnonzero(kept)
    return Hits(hits.row.take(rows), hits.cell.take(rows, axis=0), value.take(rows))


def middle_of(conditions: Sequence[Condition]) -> dict[str, Floats]:
    """One particle in the middle of the declared ranges, shapes ``(1,)``."""
    row = {}
    for c in conditions:
        low, high = (b if np.isfinite(b) else 1.0 for b in (c.low, c.high))
        row[c.name] = np.array([0.5 * (low + high)])
    return row


class LibraryMethod(Method):
    """Stored arrays.

    Args:
        library: of them.
        response: what they are of.
    """

    def __init__(self, library: Library, response: Response) -> None:
        self.library = library
        self.scale = response.feature(response.scale) if response.scale else None
        axes = [response.axis(shift.axis) for shift in response.shifts]
        self.moving = [(k, response.axes[k].pitch) for k in axes]

    def draw(self, placement: Placement, keys: Keys, steps: int) -> Hits:
        """See `Method.draw`; `keys` have the shape ``(n,)``."""
        return self.library.draw(placement, keys, self.scale, self.moving)


class CodesMethod(Method):
    """Codes of blocks by a network, then their cells by another.

    Args:
        blocks: what makes arrays of codes.
        network: gives the codes.
        control: what moves its latent numbers, if it has any.
    """

    def __init__(
        self, blocks: CodedBlocks, network: CodesNetwork, control: Control | None = None
    ) -> None:
        self.blocks, self.network, self.steps = blocks, network, network.steps
        self._stack = Stack([blocks])
        self._control = control

    @property
    def control(self) -> Control | None:
        """See `Method.control`."""
        return self._control

    def draw(self, placement: Placement, keys: Keys, steps: int) -> Hits:
        """See `Method.draw`."""
        return self.draw_wanted(placement, keys, steps, {}, "")

    def draw_wanted(
        self, placement: Placement, keys: Keys, steps: int, wanted: Wanted, where: str
    ) -> Hits:
        """See `Method.draw_wanted`; `keys` have the shape ``(n,)``."""
        given = self.blocks.given(placement)

        def hits(moved: Callable[[Floats32], Floats32] | None) -> Hits:
            told = self.network.scores(given.astype(np.float32), keys, steps, moved)
            scores = told.astype(np.float64)
            return self._stack.hits([placement], [given], [scores], [keys])[0]

        def seen(drawn: Hits) -> Hits:
            there = seen_hits(self.blocks.layout.response, placement.to_array(drawn))
            return placement.to_frame(there)

        if not wanted or self._control is None:
            return hits(None)
        return self._control.aimed(hits, seen, placement, wanted, where)


@dataclass(frozen=True)
class ResponseSpec(AbstractSpec):
    """Configuration of a `ResponseModel`.

    Args:
        conditions: names, in the order of the declaration.
        response: the declaration.
        method: ``library`` or ``codes``.
        shells: how blocks grow (codes).
        noise: uniform and normal numbers of a draw (codes).
        steps: of families that draw in steps, else 0 (codes).
        least: value of level 0 (library).
        neighbours: among how many similar particles one is chosen (library).
        control: how latent numbers move properties (codes of families that have it).
    """

    kind: ClassVar[str] = "response"
    forms: ClassVar[Mapping[str, Form]] = {
        "conditions": NAMES,
        "response": Anything(),
        "method": Text(("library", "codes")),
        "shells": SHELLS,
        "noise": NOISE,
        "steps": STEPS,
        "least": Number(1e-30, 1e30),
        "neighbours": Number(1, 1000, whole=True),
        "control": CONTROL,
    }
    optional: ClassVar[frozenset[str]] = frozenset(
        {"shells", "noise", "steps", "least", "neighbours", "control"}
    )

    conditions: tuple[str, ...]
    response: Mapping[str, Any]
    method: str
    shells: Mapping[str, Any] | None = None
    noise: Mapping[str, int] | None = None
    steps: int = 0
    least: float = 0.0
    neighbours: int = 1
    control: Mapping[str, Any] | None = None

    def check(self, at: Place) -> None:
        """What the method needs is there."""
        needs = {"library": ("least",), "codes": ("shells", "noise")}[self.method]
        for name in needs:
            if not getattr(self, name):
                at.refuse(f"lacks {name}, which method {self.method} needs")

    def build(self, files: Mapping[str, bytes], where: str) -> ResponseModel:
        """See `AbstractSpec.build`."""
        try:
            response = read_response(self.response, f"{where}/config.json: response")
        except SchemaError as error:
            raise ArtefactError(str(error)) from error
        arrays = read_arrays(files, where)
        frame = read_frame(response, arrays, where)
        if self.conditions != tuple(c.name for c in response.conditions):
            raise ArtefactError(f"{where}: its conditions are not those of its response")
        if self.method == "library":
            library = Library.from_arrays(
                arrays, self.least, self.neighbours, where, most=response.cells
            )
            if library.given.shape[1] != frame.n_given or library.cell.shape[1:] != (
                len(response.axes),
            ):
                raise ArtefactError(f"{where}: its library is of another response")
            return ResponseModel(frame, LibraryMethod(library, response), where)
        assert self.shells is not None and self.noise is not None
        blocks = CodedBlocks.read(frame, self.shells, arrays, files, where)
        network = CodesNetwork.read(self.noise, self.steps, blocks.n_codes, files, where)
        control = None
        if self.control is not None:
            normals = 0 if self.steps else self.noise["normals"]
            control = Control.read(blocks, self.control, normals, arrays, files, where)
        return ResponseModel(frame, CodesMethod(blocks, network, control), where)


def load(model: str | Path, models: Path | str | None = None) -> ResponseModel:
    """A generator by its name or folder.

    Args:
        model: its name, or the path of its folder.
        models: folder of the user's own models, searched first.

    Raises:
        ArtefactError: if there is none, or it is no generator of a response.
    """
    found: ResponseModel = loaded(model, models, (ResponseModel,))
    return found


def loaded(model: str | Path, models: Path | str | None, kinds: tuple[type, ...]) -> Any:
    """A model of one of these kinds; see `load`."""
    found = load_model(find_model(str(model), models))
    if not isinstance(found, kinds):
        raise ArtefactError(f"{model} is no generator of a response; see lamarr-like response list")
    return found
