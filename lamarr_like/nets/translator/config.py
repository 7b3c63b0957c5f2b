"""Settings of the translation of sequences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...engine.translator.cluster_layout import MOST_CLUSTERS
from ...errors import TrainingError
from ..config import NetConfig


@dataclass(frozen=True)
class TranslatorConfig(NetConfig):
    """Settings of a translation of sources into clusters; at most 2000 events are held out.

    Args:
        width: width of the states of sources and clusters.
        layers: layers of the encoder; 0 for none, so that sources do not see each other.
        decoder_layers: layers of the decoder.
        heads: attention heads.
        hidden: width of the hidden layer of the dense blocks.
        pair_hidden: hidden width of the network of pair features.
        neighbours: features of pairs that are summed over the sources nearby.
        pointer: width of the queries and keys of the pointers; 0 for no absorption.
        reach: distance, in the larger of the two cells, up to which a source may be absorbed.
        most_own: clusters that a source may own, 1 to 7.
        zones: whether there are background zones.
        head_state: numbers of the decoder's state that the head sees.
        head_hidden, head_depth: width and number of the hidden layers of the head.
        components: Gaussians of each output's mixture.
        longest: sources in a piece at the most.
        assignment: weight of the outcomes' cross entropy beside the clusters' likelihood.
        orthogonal: whether steps of the matrices of the whole, but for last layers, are made
            orthogonal (`lamarr_like.nets.muon`).
        head_steps: steps after those of the whole in which the head learns alone, which cost
            little.
        head_batch: clusters in each of them.
        head_rate: their peak learning rate.
        head_orthogonal: whether their steps of the matrices are made orthogonal
            (`lamarr_like.nets.muon`).
        tokens: sources in a step, about.
        clip: largest norm of the gradient.
        weight_decay: decoupled weight decay, in units of the learning rate.
        knots: knots of the transforms of the outputs.
    """

    family: ClassVar[str] = "translator"
    kind: ClassVar[str] = "translator"

    width: int = 48
    layers: int = 1
    decoder_layers: int = 1
    heads: int = 4
    hidden: int = 96
    pair_hidden: int = 12
    neighbours: int = 6
    pointer: int = 16
    reach: float = 4.0
    most_own: int = MOST_CLUSTERS
    zones: bool = True
    head_state: int = 32
    head_hidden: int = 48
    head_depth: int = 3
    components: int = 8
    longest: int = 40
    assignment: float = 3.0
    steps: int = 10_000
    orthogonal: bool = False
    head_steps: int = 20_000
    head_batch: int = 1024
    head_rate: float = 6e-3
    head_orthogonal: bool = True
    tokens: int = 2048
    warm_up: int = 300
    ema: float = 0.998
    clip: float = 1.0
    weight_decay: float = 0.01
    knots: int = 2000

    def __post_init__(self) -> None:
        if not 1 <= self.most_own <= MOST_CLUSTERS:
            raise TrainingError(
                f"a source owns 1 to {MOST_CLUSTERS} clusters at the most, not {self.most_own}"
            )
        if not 3 <= self.longest <= 96:
            raise TrainingError(f"pieces hold 3 to 96 sources, not {self.longest}")
        if self.pointer and not self.layers:
            raise TrainingError("pointers need at least one layer of the encoder")
        if self.width % self.heads:
            raise TrainingError(f"{self.heads} heads do not divide a width of {self.width}")


@dataclass(frozen=True)
class KToKConfig(TranslatorConfig):
    """Settings of the baseline: each source by itself, with one cluster at the most."""

    family: ClassVar[str] = "k-to-k"

    layers: int = 0
    decoder_layers: int = 0
    pointer: int = 0
    most_own: int = 1
    zones: bool = False
