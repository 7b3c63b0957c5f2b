"""A generator of devices: draws the arrays of all of them for a particle at once.

One network draws the codes of the blocks of all devices (`lamarr_like.responses.coded`), so that
what they have in common is drawn in common; each device fills its blocks by a network of its own,
those that are built alike in one pass (`lamarr_like.responses.stack`).
After the joint model of ALICE's zero-degree calorimeters, one generator with two outputs and a
critic with two inputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..arrays import Floats32, Keys, ReadColumns
from ..engine.kinds import AbstractSpec
from ..engine.model_config import NAMES
from ..engine.model_tables import read_arrays
from ..errors import ArtefactError, SchemaError
from ..files.forms import Anything, Form, Items
from ..rng import GOLDEN, mix, stream_keys
from .coded import NOISE, SHELLS, STEPS, CodedBlocks, CodesNetwork, read_frame
from .devices import MOST_DEVICES, Devices, read_declaration
from .frame import Frame
from .hits import Hits
from .model import BATCH, ResponseModel, loaded, middle_of, seen_hits
from .stack import Stack, alike


def prefix_of(number: int) -> str:
    """What stands before the names of the tables and files of a device, by its number."""
    return f"device{number}_"


class JointModel:
    """Draws the arrays of all devices for particles.

    Args:
        devices: declaration.
        frames: common frame of each.
        blocks: of each, what makes its arrays of codes.
        network: gives the codes of all, device after device.
        where: name for messages.

    Attributes:
        conditions: names of the conditions.
        steps: in how many a draw is made, of families that have such a dial, else 0.
    """

    def __init__(
        self,
        devices: Devices,
        frames: Sequence[Frame],
        blocks: Sequence[CodedBlocks],
        network: CodesNetwork,
        where: str,
    ) -> None:
        self.response = devices
        self.conditions = tuple(c.name for c in devices.conditions)
        self.steps = network.steps
        self._frames, self._blocks = tuple(frames), tuple(blocks)
        self._network, self._where = network, where
        self._stacks = [(Stack([blocks[k] for k in ks]), ks) for ks in alike(blocks)]

    def draw(self, conditions: ReadColumns, seed: int, *, steps: int = 0) -> tuple[Floats32, ...]:
        """Arrays of each device, shapes ``(n, *shape)``.

        Those of a particle depend on seed and its number only.

        Args:
            conditions: shapes ``(n,)``.
            seed: of the draw.
            steps: of families that have such a dial, 0 for their own.

        Raises:
            SchemaError: if a condition is missing, not finite or out of range.
        """
        devices = self.response
        n = len(next(iter(devices.checked(conditions, self._where).values())))
        keys = stream_keys(seed, f"{devices.name} drawn", np.arange(n))
        arrays = tuple(np.zeros((n, *r.shape), np.float32) for r in devices.responses)
        for first in range(0, n, BATCH):
            rows = slice(first, first + BATCH)
            part = {name: np.asarray(conditions[name])[rows] for name in self.conditions}
            found = self.hits(part, keys[rows], steps=steps)
            for array, hits, response in zip(arrays, found, devices.responses, strict=True):
                hits.dense(len(keys[rows]), response.shape, array[rows])
        return arrays

    def hits(self, conditions: ReadColumns, keys: Keys, *, steps: int = 0) -> tuple[Hits, ...]:
        """The cells of each device that are not empty.

        Args:
            conditions: shapes ``(n,)``.
            keys: of the random numbers of each particle, shape ``(n,)``; see `lamarr_like.rng`.
            steps: as for `draw`.

        Raises:
            SchemaError: as `draw`, or if the keys are not as many.
        """
        seen = [r.seen(conditions, self._where) for r in self.response.responses]
        if len(keys) != len(seen[0]):
            raise SchemaError(f"{self._where}: {len(keys)} keys for {len(seen[0])} particles")
        placements = [f.place(s) for f, s in zip(self._frames, seen, strict=True)]
        given = [b.given(p) for b, p in zip(self._blocks, placements, strict=True)]
        known = np.concatenate(given, axis=1).astype(np.float32)
        scores = self._network.scores(known, keys, steps).astype(np.float64)
        own = np.split(scores, np.cumsum([b.n_codes for b in self._blocks])[:-1], axis=1)
        with np.errstate(over="ignore"):
            device_keys = [mix(keys + np.uint64(k) * GOLDEN) for k in range(len(own))]
        found: dict[int, Hits] = {}
        for stack, numbers in self._stacks:
            hits = stack.hits(
                [placements[k] for k in numbers],
                [given[k] for k in numbers],
                [own[k] for k in numbers],
                [device_keys[k] for k in numbers],
            )
            found |= zip(numbers, hits, strict=True)
        on_arrays = (placement.to_array(found[k]) for k, placement in enumerate(placements))
        return tuple(map(seen_hits, self.response.responses, on_arrays))

    def rehearse(self) -> None:
        """Draw for one particle in the middle of the declared ranges."""
        self.hits(middle_of(self.response.conditions), np.array([1], np.uint64), steps=1)


@dataclass(frozen=True)
class JointSpec(AbstractSpec):
    """Configuration of a `JointModel`.

    Args:
        conditions: names, in the order of the declaration.
        devices: the declaration.
        shells: how the blocks of each device grow.
        noise: uniform and normal numbers of a draw.
        steps: of families that draw in steps, else 0.
    """

    kind: ClassVar[str] = "devices"
    forms: ClassVar[Mapping[str, Form]] = {
        "conditions": NAMES,
        "devices": Anything(),
        "shells": Items(SHELLS, least=2, most=MOST_DEVICES),
        "noise": NOISE,
        "steps": STEPS,
    }

    conditions: tuple[str, ...]
    devices: Mapping[str, Any]
    shells: tuple[Mapping[str, Any], ...]
    noise: Mapping[str, int]
    steps: int

    def build(self, files: Mapping[str, bytes], where: str) -> JointModel:
        """See `AbstractSpec.build`."""
        try:
            devices = read_declaration(self.devices, f"{where}/config.json: devices")
        except SchemaError as error:
            raise ArtefactError(str(error)) from error
        if not isinstance(devices, Devices) or len(devices.responses) != len(self.shells):
            raise ArtefactError(f"{where}: it has shells of {len(self.shells)} devices, not of all")
        if self.conditions != tuple(c.name for c in devices.conditions):
            raise ArtefactError(f"{where}: its conditions are not those of its devices")
        arrays = read_arrays(files, where)
        frames, blocks = [], []
        for k, (response, shells) in enumerate(zip(devices.responses, self.shells, strict=True)):
            prefix = prefix_of(k)
            frames.append(read_frame(response, arrays, where, prefix))
            blocks.append(CodedBlocks.read(frames[-1], shells, arrays, files, where, prefix))
        n_codes = sum(one.n_codes for one in blocks)
        network = CodesNetwork.read(self.noise, self.steps, n_codes, files, where)
        return JointModel(devices, frames, blocks, network, where)


def load_any(model: str | Path, models: Path | str | None = None) -> ResponseModel | JointModel:
    """A generator of a response or of devices by its name or folder.

    Args:
        model: its name, or the path of its folder.
        models: folder of the user's own models, searched first.

    Raises:
        ArtefactError: if there is none, or it is no generator of a response.
    """
    found: ResponseModel | JointModel = loaded(model, models, (ResponseModel, JointModel))
    return found
