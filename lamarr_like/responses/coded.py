"""What turns codes of blocks into arrays, and what draws the codes: the parts of a model of codes.

A model of one response has one of each (`lamarr_like.responses.model`), one of several devices that
answer the same particle one network for all codes and blocks for each
(`lamarr_like.responses.joint`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

from ..arrays import Floats, Floats32, Keys
from ..engine.model_tables import file_of
from ..engine.onnx_session import Network
from ..errors import ArtefactError, SchemaError
from ..files.forms import Items, Number, Record
from ..rng import GOLDEN, key_uniforms, mix
from .blocks import Layout, Shells
from .codes import MOST_KINDS, MOST_LOG, Codes
from .filling import OUTPUTS
from .frame import Frame, Placement
from .response import Response

MOST_NOISE = 2048
MOST_STEPS = 1000

SHELLS = Record(
    {
        "core": Number(0, 20, whole=True),
        "widths": Items(Number(1, 1000, whole=True), most=10),
        "slices": Number(1, 1000, whole=True),
    },
    ("core", "widths", "slices"),
)
"""Form of `lamarr_like.responses.blocks.Shells`."""

_COUNT = Number(0, MOST_NOISE, whole=True)
NOISE = Record({"uniforms": _COUNT, "normals": _COUNT}, ("uniforms", "normals"))
STEPS = Number(0, MOST_STEPS, whole=True)

_FAR = 1e6


@dataclass(frozen=True)
class CodedBlocks:
    """What makes arrays of one response of the codes of its blocks, by a `Stack`.

    Args:
        layout: blocks.
        codes: scores of codes.
        mean, sd: by which what is given is normalised, shape ``(n_given,)``.
        filling: network of the cells; None where all blocks are cells.
    """

    layout: Layout
    codes: Codes
    mean: Floats
    sd: Floats
    filling: Network | None

    @property
    def n_codes(self) -> int:
        """Number of codes."""
        return self.layout.n_codes

    def given(self, placement: Placement) -> Floats:
        """What is known of each particle, normalised, shape ``(n, n_given)``."""
        return np.clip((placement.given - self.mean) / self.sd, -_FAR, _FAR)

    def to_arrays(self, prefix: str = "") -> dict[str, np.ndarray]:
        """Tables for an ``.npz`` file, their names behind `prefix`."""
        tables = {"given_mean": self.mean, "given_sd": self.sd, **self.codes.to_arrays()}
        return {prefix + name: table for name, table in tables.items()}

    @classmethod
    def read(
        cls,
        frame: Frame,
        shells: Mapping[str, Any],
        arrays: Mapping[str, np.ndarray],
        files: Mapping[str, bytes],
        where: str,
        prefix: str = "",
    ) -> CodedBlocks:
        """From the files of an artefact.

        Args:
            frame: of the response.
            shells: of the form `SHELLS`.
            arrays: tables of a stranger.
            files: networks of a stranger, by file name.
            where: name for messages.
            prefix: of the names of tables and of ``filling.onnx``.

        Raises:
            ArtefactError: if they do not fit.
        """
        growing = Shells(shells["core"], tuple(shells["widths"]), shells["slices"])
        try:
            layout = Layout(frame.response, growing)
        except SchemaError as error:
            raise ArtefactError(f"{where}: {error}") from error
        filling, file = None, f"{prefix}filling.onnx"
        if file in files:
            filling = Network(file_of(files, file, where), f"{where}/{file}")
            if filling.widths != [OUTPUTS]:
                raise ArtefactError(f"{where}/{file} does not give {OUTPUTS} numbers")
        width = (frame.n_given,)
        return cls(
            layout=layout,
            codes=_codes(arrays, layout.n_codes, prefix, where),
            mean=table_of(arrays, f"{prefix}given_mean", width, where),
            sd=np.maximum(table_of(arrays, f"{prefix}given_sd", width, where), 1e-12),
            filling=filling,
        )


def _codes(arrays: Mapping[str, np.ndarray], n: int, prefix: str, where: str) -> Codes:
    """Tables of a stranger of `n` codes.

    Raises:
        ArtefactError: if they are none.
    """
    knots = arrays.get(f"{prefix}code_knots", np.zeros(0))
    if knots.ndim != 3 or knots.shape[1] != n or knots.shape[2] < 2 or not len(knots):
        raise ArtefactError(f"{where}: {prefix}code_knots are no tables of {n} codes")
    shapes = {
        "code_scales": knots.shape[:1],
        "code_knots": knots.shape,
        "code_empty": knots.shape[:2],
    }
    if f"{prefix}code_kinds" in arrays:
        shapes["code_kinds"] = knots.shape[:1]
    tables = {k: table_of(arrays, prefix + k, shape, where) for k, shape in shapes.items()}
    knots, empty = tables["code_knots"], tables["code_empty"]
    kinds = tables.get("code_kinds", np.zeros(len(knots)))
    steps = np.diff(tables["code_scales"])
    if (
        np.abs(knots).max() > MOST_LOG
        or (np.diff(kinds) < 0).any()
        or np.abs(kinds).max() > MOST_KINDS
        or (steps[np.diff(kinds) == 0] < 0).any()
        or not ((empty >= 0) & (empty <= 1)).all()
    ):
        raise ArtefactError(f"{where}: the tables of the codes are out of bounds")
    return Codes.from_arrays(tables)


class CodesNetwork:
    """Draws normal scores of codes.

    Args:
        network: of the codes.
        noise: how many uniform and normal numbers a draw needs.
        steps: of the way from noise to codes; 0 where the network gives them at once.
    """

    def __init__(self, network: Network, noise: tuple[int, int], steps: int) -> None:
        self.network, self.noise, self.steps = network, noise, steps

    @classmethod
    def read(
        cls,
        noise: Mapping[str, int],
        steps: int,
        n_codes: int,
        files: Mapping[str, bytes],
        where: str,
    ) -> CodesNetwork:
        """From ``codes.onnx`` of an artefact.

        Args:
            noise: of the form `NOISE`.
            steps: as of the class.
            n_codes: that it must give.
            files: of a stranger, by name.
            where: name for messages.

        Raises:
            ArtefactError: if it gives other numbers.
        """
        network = Network(file_of(files, "codes.onnx", where), f"{where}/codes.onnx")
        if network.widths != [n_codes]:
            raise ArtefactError(f"{where}/codes.onnx does not give {n_codes} codes")
        return cls(network, (noise["uniforms"], noise["normals"]), steps)

    def scores(
        self,
        given: Floats32,
        keys: Keys,
        steps: int,
        moved: Callable[[Floats32], Floats32] | None = None,
    ) -> Floats32:
        """Normal scores of the codes, shape ``(n, n_codes)``.

        From noise to codes by Euler's rule.

        Args:
            given: normalised, shape ``(n, n_given)``.
            keys: of the random numbers of each particle, shape ``(n,)``.
            steps: as of the class, 0 for its own.
            moved: what makes of the normal numbers those that are taken.
        """
        uniforms, normals = _noise(keys, self.noise)
        if moved is not None:
            normals = moved(normals)
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


def read_frame(
    response: Response, arrays: Mapping[str, np.ndarray], where: str, prefix: str = ""
) -> Frame:
    """The frame of a response from the tables of an artefact.

    Args:
        response: declaration.
        arrays: tables of a stranger, among them one of shape ``(n_shifts, 2)``.
        where: name for messages.
        prefix: of the names of tables.

    Raises:
        ArtefactError: if it is missing or another.
    """
    shape = (len(response.shifts), 2)
    return Frame(response, table_of(arrays, f"{prefix}depth", shape, where))


def table_of(
    arrays: Mapping[str, np.ndarray], name: str, shape: tuple[int, ...], where: str
) -> Floats:
    """A table of finite numbers of some shape.

    Args:
        arrays: of a stranger.
        name: of the table.
        shape: that it must have.
        where: name for messages.

    Raises:
        ArtefactError: if it is missing or another.
    """
    if name not in arrays:
        raise ArtefactError(f"{where}: transforms.npz lacks {name}")
    found = arrays[name]
    if found.dtype.kind != "f" or found.shape != shape or not np.isfinite(found).all():
        raise ArtefactError(f"{where}: {name} in transforms.npz are no finite numbers of {shape}")
    return found.astype(np.float64)
