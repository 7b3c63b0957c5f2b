"""Settings of the trainings: one class for each family, with the defaults that suit it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

from .space import Range

MAX_EPOCHS = 80
"""Passes over a small sample at the most: it would be learnt by heart."""
FEW_ROWS = 300_000
"""Below this number of rows the decay of the weights grows as their inverse."""


@dataclass(frozen=True)
class AbstractConfig(ABC):
    """What the settings of every family have.

    Args:
        holdout: share of the sample on which the best state is chosen.
        seed: seed of weights, shuffling and noise.
        threads: CPU threads.

    Attributes:
        family: name of the family.
        kind: kind of model that it makes (`lamarr_like.engine.load.KINDS`).
        searched: what a search may change (`lamarr_like.twin.search`); nothing if empty.
    """

    family: ClassVar[str]
    kind: ClassVar[str]
    searched: ClassVar[Mapping[str, Range]] = {}

    holdout: float = 0.1
    seed: int = 1
    threads: int = 1

    @abstractmethod
    def with_steps(self, steps: int) -> AbstractConfig:
        """The same settings with another length of the training."""

    def for_rows(self, n_rows: int) -> AbstractConfig:
        """The same settings where a small sample must not be learnt by heart."""
        return self

    def to_json(self) -> dict[str, Any]:
        """Plain settings for a configuration file."""
        return asdict(self)


@dataclass(frozen=True)
class NetConfig(AbstractConfig):
    """What the settings of all networks have.

    Args:
        steps: training steps.
        learning_rate: peak learning rate of Adam.
        warm_up: steps until the peak.
        ema: decay of the moving average of the weights, which is what gets exported.
        evaluations: how often the choice of the state to keep is looked at, in the second half of
            the training.
    """

    steps: int = 20_000
    learning_rate: float = 2e-3
    warm_up: int = 500
    ema: float = 0.999
    evaluations: int = 4

    def with_steps(self, steps: int) -> NetConfig:
        """The same settings with other steps."""
        return replace(self, steps=steps)


_NET = {
    "hidden": Range(12, 192),
    "depth": Range(1, 5, log=False),
    "learning_rate": Range(3e-4, 6e-3),
    "steps": Range(1000, 60_000),
}
"""What may be searched of a network of layers of one width."""


@dataclass(frozen=True)
class GeneratorConfig(NetConfig):
    """What the settings of the generators of vectors have; at most 30,000 rows are held out.

    Args:
        hidden: width of the hidden layers.
        depth: number of hidden layers.
        batch: rows a step.
        knots: knots of the transforms of the outputs.
    """

    kind: ClassVar[str] = "generator"
    searched: ClassVar[Mapping[str, Range]] = _NET

    hidden: int = 64
    depth: int = 3
    batch: int = 1024
    knots: int = 2000

    def for_rows(self, n_rows: int) -> GeneratorConfig:
        """No more steps than `MAX_EPOCHS` passes."""
        return replace(self, steps=max(1, min(self.steps, MAX_EPOCHS * n_rows // self.batch)))


@dataclass(frozen=True)
class ArmdnConfig(GeneratorConfig):
    """Settings of an autoregressive mixture density network.

    Args:
        components: Gaussians of each output's mixture.
        clip: largest norm of the gradient.
        weight_decay: decoupled weight decay, in units of the learning rate; guards against
            learning a small sample by heart.
        orthogonal: whether steps of the matrices are made orthogonal (`lamarr_like.nets.muon`): a
            step takes longer, and far fewer are needed.
    """

    family: ClassVar[str] = "armdn"
    searched: ClassVar[Mapping[str, Range]] = {
        **_NET,
        "components": Range(3, 20),
        "weight_decay": Range(0.005, 0.5),
    }

    components: int = 8
    clip: float = 1.0
    weight_decay: float = 0.05
    orthogonal: bool = False

    def for_rows(self, n_rows: int) -> ArmdnConfig:
        """Also more decay below `FEW_ROWS`, as the inverse of the rows."""
        decay = self.weight_decay * max(1.0, FEW_ROWS / n_rows)
        return replace(super().for_rows(n_rows), weight_decay=decay)  # type: ignore[return-value,call-arg]


@dataclass(frozen=True)
class GanConfig(GeneratorConfig):
    """Settings of a conditional generative adversarial network.

    Args:
        latent: normal numbers of a draw; 0 for two an output.
        critic_hidden: width of the critic's hidden layers.
        penalty: strength of the gradient penalties.
        penalty_part: the penalties are taken on one part in so many of a batch.
        energy: weight of the energy score beside the adversarial loss.
        emphasis: weight of what is emphasised, where something is.
        law_hidden: width of the two hidden layers of each output's network in the mixture law that
            residuals are taken of.
        law_components: Gaussians of each output's mixture in it.
        law_share: part of the steps, at their start, in which that law learns alone.
    """

    family: ClassVar[str] = "gan"
    searched: ClassVar[Mapping[str, Range]] = {**_NET, "energy": Range(0.1, 2.0)}

    hidden: int = 128
    depth: int = 4
    steps: int = 12_000
    learning_rate: float = 1e-3
    latent: int = 0
    critic_hidden: int = 128
    penalty: float = 0.005
    penalty_part: int = 4
    energy: float = 0.5
    emphasis: float = 0.3
    law_hidden: int = 96
    law_components: int = 8
    law_share: float = 0.7


@dataclass(frozen=True)
class LibraryConfig(AbstractConfig):
    """Settings of a library of detailed rows, looked up by trees.

    Args:
        rows: rows that are stored at the most.
        trees: trees that part them.
        leaf: least rows of a leaf.
        features: share of the conditions that a cut is chosen among.
        knots: knots of the transforms of the outputs.
    """

    family: ClassVar[str] = "library"
    kind: ClassVar[str] = "generator"

    rows: int = 60_000
    trees: int = 8
    leaf: int = 20
    features: float = 0.5
    knots: int = 2000

    def with_steps(self, steps: int) -> LibraryConfig:
        """A step is a stored row."""
        return replace(self, rows=steps)


@dataclass(frozen=True)
class EventLibraryConfig(AbstractConfig):
    """Settings of a library of whole events.

    Args:
        rows: rows that are stored at the most.
        neighbours: stored events that a draw chooses from.
        trials: choices of events that are tried; the one that fits the sample best is stored.
        bits: binary digits of the stored numbers.
    """

    family: ClassVar[str] = "event_library"
    kind: ClassVar[str] = "event_library"

    rows: int = 25_000
    neighbours: int = 8
    trials: int = 60
    bits: int = 14

    def with_steps(self, steps: int) -> EventLibraryConfig:
        """A step is a stored row."""
        return replace(self, rows=steps)


@dataclass(frozen=True)
class MlpConfig(NetConfig):
    """Settings of a softmax network.

    Args:
        hidden, depth: width and number of the hidden layers.
        batch: rows a step.
        clip: largest norm of the gradient.
    """

    family: ClassVar[str] = "mlp"
    kind: ClassVar[str] = "classifier"
    searched: ClassVar[Mapping[str, Range]] = _NET

    hidden: int = 64
    depth: int = 3
    steps: int = 6000
    batch: int = 1024
    warm_up: int = 200
    clip: float = 1.0


@dataclass(frozen=True)
class OneVsRestConfig(MlpConfig):
    """Settings of one network for each class against all others; see `MlpConfig`."""

    family: ClassVar[str] = "one-vs-rest"

    hidden: int = 24


@dataclass(frozen=True)
class DomainConfig(MlpConfig):
    """Settings of a softmax network whose features are blind to the domain.

    Args:
        features: numbers that it makes of a row, of which the classes are told.
        head_hidden: width of the hidden layer between these and the classes.
        adversary: strength with which the features move against the critic; 0 for none.
        laws: weight of the distance of the laws of the features (MMD) beside it.
        critic_hidden: width of the critic's two hidden layers.
        critic_steps: updates of the critic a step.
        critic_rate: its learning rate.
        penalty: strength of the penalty on its slope.
    """

    family: ClassVar[str] = "domain"

    hidden: int = 48
    depth: int = 2
    steps: int = 3000
    batch: int = 256
    evaluations: int = 1
    features: int = 6
    head_hidden: int = 32
    adversary: float = 3.0
    laws: float = 10.0
    critic_hidden: int = 64
    critic_steps: int = 3
    critic_rate: float = 2e-3
    penalty: float = 0.01

    def for_rows(self, n_rows: int) -> DomainConfig:
        """No more steps than `MAX_EPOCHS` passes."""
        return replace(self, steps=max(1, min(self.steps, MAX_EPOCHS * n_rows // self.batch)))


@dataclass(frozen=True)
class BoosterConfig(AbstractConfig):
    """Settings of gradient-boosted trees.

    Args:
        trees: largest number of trees; fewer where the held-out loss stops falling.
        depth: depth of a tree.
        learning_rate: shrinkage.
        min_child_weight: smallest sum of second derivatives in a leaf.
        patience: trees without a better held-out loss before stopping.
    """

    family: ClassVar[str] = "booster"
    kind: ClassVar[str] = "classifier"
    searched: ClassVar[Mapping[str, Range]] = {
        "trees": Range(10, 600),
        "depth": Range(2, 9, log=False),
        "learning_rate": Range(0.03, 0.5),
        "min_child_weight": Range(1.0, 100.0),
    }

    trees: int = 300
    depth: int = 6
    learning_rate: float = 0.1
    min_child_weight: float = 5.0
    patience: int = 20

    def with_steps(self, steps: int) -> BoosterConfig:
        """A step is a tree."""
        return replace(self, trees=steps)


@dataclass(frozen=True)
class RefinerConfig(NetConfig):
    """Settings of a residual network that moves one sample to another.

    Args:
        hidden, depth: width and number of the hidden layers.
        knots: knots of the transforms of the outputs.
        partitions: partitions of the conditions in which laws are compared.
        cells: cells of a partition.
        groups: cells a step.
        rows: rows of each sample in a cell, a step.
        paired: weight of the distance of a row to its partner beside that of the laws.
    """

    family: ClassVar[str] = "residual"
    kind: ClassVar[str] = "refiner"

    hidden: int = 64
    depth: int = 3
    steps: int = 4000
    learning_rate: float = 1e-3
    warm_up: int = 200
    ema: float = 0.995
    evaluations: int = 4
    knots: int = 1000
    partitions: int = 8
    cells: int = 128
    groups: int = 32
    rows: int = 48
    paired: float = 0.01
