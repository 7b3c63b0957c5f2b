"""Settings of the families of response generators, with the defaults that suit them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from ..nets.config import AbstractConfig, NetConfig


@dataclass(frozen=True)
class LibraryConfig(AbstractConfig):
    """Settings of a library.

    Args:
        size: most arrays that are stored, the first of the sample.
        neighbours: among how many of the most similar particles one is chosen.
    """

    family: ClassVar[str] = "library"
    kind: ClassVar[str] = "response"

    size: int = 12_000
    neighbours: int = 3

    def with_steps(self, steps: int) -> LibraryConfig:
        """A step is an array stored."""
        return replace(self, size=steps)


@dataclass(frozen=True)
class CodesConfig(NetConfig):
    """What the settings of all families have that draw codes of blocks.

    Args:
        core, widths, slices: how blocks grow, see `lamarr_like.responses.blocks.Shells`.
        batch: particles a step.
        filling_hidden, filling_steps, filling_batch: width, steps and blocks a step of the network
            that fills blocks.
        judged: most held-out particles that states are judged on.
    """

    kind: ClassVar[str] = "response"

    core: int = 2
    widths: tuple[int, ...] = (2, 4)
    slices: int = 10
    steps: int = 6000
    batch: int = 512
    warm_up: int = 200
    filling_hidden: int = 48
    filling_steps: int = 4000
    filling_batch: int = 4096
    judged: int = 3000


@dataclass(frozen=True)
class SplittingConfig(CodesConfig):
    """Settings of the autoregressive family.

    Args:
        hidden, depth: width and number of the hidden layers of each code's network.
        components: Gaussians of each code's mixture.
        clip: largest norm of the gradient.
        weight_decay: decoupled weight decay, in units of the learning rate.
    """

    family: ClassVar[str] = "splitting"

    hidden: int = 64
    depth: int = 2
    components: int = 6
    clip: float = 1.0
    weight_decay: float = 0.1
