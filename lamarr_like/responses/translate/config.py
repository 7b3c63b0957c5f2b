"""Settings of the families of translations, with the defaults that suit them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...nets.config import NetConfig


@dataclass(frozen=True)
class TranslationConfig(NetConfig):
    """What the settings of all families of translations have.

    Args:
        batch: arrays of each sample a step.
        width: channels at full resolution; twice as many at half of it.
        critic_width, critic_rate: those of the critics, and the peak of their learning rate.
        critic_steps: updates of the critics in a step.
        lead: steps in which the critics learn alone.
        adversarial: weight of what the critics say.
        laws: weight of the distance of the laws of patches; 0 for none.
        cycle: weight of the distance of an array from what comes back, in units of the mean cell.
        identity: weight of the distance of a target's array from its own translation.
        penalty: weight of the gradient penalty on the critics; 0 for none.
        paired: learn from pairs instead, arrays of the same events in the same order: what no
            training without pairs can be better than.
        judged: most held-out arrays that states are judged on.
    """

    kind: ClassVar[str] = "array_translator"

    steps: int = 800
    batch: int = 16
    learning_rate: float = 1e-3
    warm_up: int = 50
    ema: float = 0.995
    evaluations: int = 2
    width: int = 8
    critic_width: int = 12
    critic_rate: float = 1e-3
    critic_steps: int = 1
    lead: int = 50
    adversarial: float = 0.5
    laws: float = 2.0
    cycle: float = 1.0
    identity: float = 0.0
    penalty: float = 0.0
    paired: bool = False
    judged: int = 1000


@dataclass(frozen=True)
class CycleGanConfig(TranslationConfig):
    """Settings of CycleGAN.

    Args:
        blocks: residual blocks at half resolution.
    """

    family: ClassVar[str] = "cyclegan"

    blocks: int = 3


@dataclass(frozen=True)
class UvcGanConfig(TranslationConfig):
    """Settings of a generator like UVCGAN's.

    Args:
        layers, heads: of the transformer at a quarter of the resolution, and
        tokens: width of its tokens.
        masked: share of the patches that are hidden in the training of the generators to paint them
            in, and
        painting: share of the steps that it takes; 0 for none.
    """

    family: ClassVar[str] = "uvcgan"

    penalty: float = 0.002
    layers: int = 2
    heads: int = 4
    tokens: int = 32
    masked: float = 0.4
    painting: float = 0.1
