"""Trained generators of a response at run time, whatever their family.

All share the frame of `lamarr_like.responses.frame`.  What differs is how an array in it is drawn:
from a `lamarr_like.responses.library`, or as codes of blocks by a network, once or in steps, which
`lamarr_like.responses.filling` makes into cells.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from scipy.special import ndtri

from ..arrays import Floats, Floats32, Keys, ReadColumns
from ..engine.kinds import AbstractSpec
from ..engine.load import load_model
from ..engine.model_config import NAMES
from ..engine.model_tables import file_of, read_arrays
from ..engine.onnx_session import Network
from ..errors import ArtefactError, SchemaError
from ..files.find import find_model
from ..files.forms import Anything, Form, Items, Number, Place, Record, Text
from ..rng import GOLDEN, key_uniforms, mix, stream_keys
from .blocks import Layout, Shells
from .codes import MOST_LOG, Codes, scaled
from .filling import OUTPUTS, blocks_of, fill
from .frame import Frame, Placement
from .hits import Hits
from .library import Library
from .response import Response, read_response

BATCH = 2048
"""Particles drawn at a time."""

MOST_NOISE = 2048
MOST_STEPS = 1000

_FAR = 1e6


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
    """

    def __init__(self, frame: Frame, method: Method, where: str) -> None:
        self.response: Response = frame.response
        self.conditions = tuple(c.name for c in frame.response.conditions)
        self.steps = method.steps
        self._frame, self._method, self._where = frame, method, where

    def draw(self, conditions: ReadColumns, seed: int, *, steps: int = 0) -> Floats32:
        """Arrays, shape ``(n, *shape)``: that of particle ``i`` depends on seed and ``i`` only.

        Args:
            conditions: shapes ``(n,)``.
            seed: of the draw.
            steps: of families that have such a dial, 0 for their own.

        Raises:
            SchemaError: if a condition is missing, not finite or out of range.
        """
        n = len(next(iter(self.response.checked(conditions, self._where).values())))
        keys = stream_keys(seed, f"{self.response.name} drawn", np.arange(n))
        arrays = np.zeros((n, *self.response.shape), np.float32)
        for first in range(0, n, BATCH):
            rows = slice(first, first + BATCH)
            part = {name: np.asarray(conditions[name])[rows] for name in self.conditions}
            hits = self.hits(part, keys[rows], steps=steps)
            hits.dense(len(keys[rows]), self.response.shape, arrays[rows])
        return arrays

    def hits(self, conditions: ReadColumns, keys: Keys, *, steps: int = 0) -> Hits:
        """The cells that are not empty, for particles with keys of their own.

        Args:
            conditions: shapes ``(n,)``.
            keys: of the random numbers of each, shape ``(n,)``; see `lamarr_like.rng`.
            steps: as for `draw`.

        Raises:
            SchemaError: as `draw`, or if the keys are not as many.
        """
        seen = self.response.seen(conditions, self._where)
        if len(keys) != len(seen):
            raise SchemaError(f"{self._where}: {len(keys)} keys for {len(seen)} particles")
        if not len(seen):
            rank = len(self.response.shape)
            return Hits(np.zeros(0, int), np.zeros((0, rank), int), np.zeros(0, np.float32))
        placement = self._frame.place(seen)
        hits = placement.to_array(self._method.draw(placement, keys, steps))
        value = np.rint(hits.value) if self.response.values == "counts" else hits.value
        kept = hits.inside(self.response.shape)
        kept &= (value >= self.response.threshold) & (value > 0)
        rows = np.flatnonzero(kept)
        return Hits(hits.row.take(rows), hits.cell.take(rows, axis=0), value.take(rows))

    def rehearse(self) -> None:
        """Draw for one particle in the middle of the declared ranges."""
        row = {}
        for c in self.response.conditions:
            low, high = (b if np.isfinite(b) else 1.0 for b in (c.low, c.high))
            row[c.name] = np.array([0.5 * (low + high)])
        self.hits(row, np.array([1], np.uint64), steps=1)


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
        layout: blocks.
        codes: scores of codes.
        mean, sd: by which what is given is normalised, shape ``(n_given,)``.
        network: of the codes.
        filling: of the cells; None where all blocks are cells.
        noise: how many uniform and normal numbers a draw needs.
        steps: of the way from noise to codes; 0 where the network gives them at once.
    """

    def __init__(
        self,
        *,
        layout: Layout,
        codes: Codes,
        mean: Floats,
        sd: Floats,
        network: Network,
        filling: Network | None,
        noise: tuple[int, int],
        steps: int,
    ) -> None:
        response = layout.response
        self.layout, self.codes, self.mean, self.sd = layout, codes, mean, sd
        self.network, self.filling, self.noise, self.steps = network, filling, noise, steps
        self.scale = response.feature(response.scale) if response.scale else None

    def draw(self, placement: Placement, keys: Keys, steps: int) -> Hits:
        """See `Method.draw`."""
        given = np.clip((placement.given - self.mean) / self.sd, -_FAR, _FAR)
        scores = self.scores(given.astype(np.float32), keys, steps).astype(np.float64)
        sizes = None if self.scale is None else placement.given[:, self.scale]
        response = self.layout.response
        amounts = scaled(response, self.codes.amounts(scores, sizes), placement.given, back=True)
        least = response.threshold
        blocks = self.layout.blocks(amounts)
        nodes, boxes, block = blocks_of(self.layout, placement, blocks, least)
        with np.errstate(over="ignore"):
            of_nodes = mix(keys[nodes.row] + (block.astype(np.uint64) + np.uint64(1)) * GOLDEN)
        return fill(nodes, boxes, of_nodes, given, self.filling, scale=self.scale, least=least)

    def scores(self, given: Floats32, keys: Keys, steps: int) -> Floats32:
        """Normal scores of the codes, shape ``(n, n_codes)``.

        From noise to codes by Euler's rule.
        """
        uniforms, normals = _noise(keys, self.noise)
        if not self.steps:
            feed = {"conditions": given, "uniforms": uniforms, "normals": normals}
            return self.network(**{name: feed[name] for name in self.network.inputs})[0]
        state, n = normals, steps or self.steps
        for i in range(n):
            times = np.full((len(state), 1), i / n, np.float32)
            state = state + self.network(conditions=given, state=state, time=times)[0] / np.float32(
                n
            )
        return state


def _noise(keys: Keys, numbers: tuple[int, int]) -> tuple[Floats32, Floats32]:
    """So many uniform and normal numbers for each key."""
    with np.errstate(over="ignore"):
        u = key_uniforms(mix(keys ^ GOLDEN), sum(numbers))
    return u[:, : numbers[0]].astype(np.float32), ndtri(u[:, numbers[0] :]).astype(np.float32)


_COUNT = Number(0, MOST_NOISE, whole=True)


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
    """

    kind: ClassVar[str] = "response"
    forms: ClassVar[Mapping[str, Form]] = {
        "conditions": NAMES,
        "response": Anything(),
        "method": Text(("library", "codes")),
        "shells": Record(
            {
                "core": Number(0, 20, whole=True),
                "widths": Items(Number(1, 1000, whole=True), most=10),
                "slices": Number(1, 1000, whole=True),
            },
            ("core", "widths", "slices"),
        ),
        "noise": Record({"uniforms": _COUNT, "normals": _COUNT}, ("uniforms", "normals")),
        "steps": Number(0, MOST_STEPS, whole=True),
        "least": Number(1e-30, 1e30),
        "neighbours": Number(1, 1000, whole=True),
    }
    optional: ClassVar[frozenset[str]] = frozenset(
        {"shells", "noise", "steps", "least", "neighbours"}
    )

    conditions: tuple[str, ...]
    response: Mapping[str, Any]
    method: str
    shells: Mapping[str, Any] | None = None
    noise: Mapping[str, int] | None = None
    steps: int = 0
    least: float = 0.0
    neighbours: int = 1

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
        frame = Frame(response, _table(arrays, "depth", (len(response.shifts), 2), where))
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
        return ResponseModel(frame, self._codes(frame, arrays, files, where), where)

    def _codes(
        self, frame: Frame, arrays: Mapping[str, np.ndarray], files: Mapping[str, bytes], where: str
    ) -> CodesMethod:
        assert self.shells is not None and self.noise is not None
        shells = Shells(self.shells["core"], tuple(self.shells["widths"]), self.shells["slices"])
        try:
            layout = Layout(frame.response, shells)
        except SchemaError as error:
            raise ArtefactError(f"{where}: {error}") from error
        n, n_given = layout.n_codes, frame.n_given
        knots = arrays.get("code_knots", np.zeros(0))
        if knots.ndim != 3 or knots.shape[1] != n or knots.shape[2] < 2 or not len(knots):
            raise ArtefactError(f"{where}: code_knots are no tables of {n} codes")
        tables = {
            "code_scales": _table(arrays, "code_scales", knots.shape[:1], where),
            "code_knots": _table(arrays, "code_knots", knots.shape, where),
            "code_empty": _table(arrays, "code_empty", knots.shape[:2], where),
        }
        knots, empty = tables["code_knots"], tables["code_empty"]
        if (
            np.abs(knots).max() > MOST_LOG
            or (np.diff(tables["code_scales"]) < 0).any()
            or not ((empty >= 0) & (empty <= 1)).all()
        ):
            raise ArtefactError(f"{where}: the tables of the codes are out of bounds")
        filling = None
        if "filling.onnx" in files:
            filling = Network(file_of(files, "filling.onnx", where), f"{where}/filling.onnx")
            if filling.widths != [OUTPUTS]:
                raise ArtefactError(f"{where}/filling.onnx does not give {OUTPUTS} numbers")
        network = Network(file_of(files, "codes.onnx", where), f"{where}/codes.onnx")
        if network.widths != [n]:
            raise ArtefactError(f"{where}/codes.onnx does not give {n} codes")
        return CodesMethod(
            layout=layout,
            codes=Codes.from_arrays(tables),
            mean=_table(arrays, "given_mean", (n_given,), where),
            sd=np.maximum(_table(arrays, "given_sd", (n_given,), where), 1e-12),
            network=network,
            filling=filling,
            noise=(self.noise["uniforms"], self.noise["normals"]),
            steps=self.steps,
        )


def _table(
    arrays: Mapping[str, np.ndarray], name: str, shape: tuple[int, ...], where: str
) -> Floats:
    """A table of finite numbers of some shape.

    Raises:
        ArtefactError: if it is missing or another.
    """
    if name not in arrays:
        raise ArtefactError(f"{where}: transforms.npz lacks {name}")
    found = arrays[name]
    if found.dtype.kind != "f" or found.shape != shape or not np.isfinite(found).all():
        raise ArtefactError(f"{where}: {name} in transforms.npz are no finite numbers of {shape}")
    return found.astype(np.float64)


def load(model: str | Path, models: Path | str | None = None) -> ResponseModel:
    """A generator by its name or folder.

    Args:
        model: its name, or the path of its folder.
        models: folder of the user's own models, searched first.

    Raises:
        ArtefactError: if there is none, or it is no generator of a response.
    """
    found = load_model(find_model(str(model), models))
    if not isinstance(found, ResponseModel):
        raise ArtefactError(f"{model} is no generator of a response; see lamarr-like response list")
    return found
