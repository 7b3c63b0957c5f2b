"""Settings of the trainings."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ..errors import TrainingError


@dataclass(frozen=True)
class GeneratorConfig:
    """Settings of a conditional generator.

    Args:
        family: ``"armdn"`` (autoregressive mixture density) or ``"gan"``.
        hidden: width of the hidden layers; 0 for the default of the family.
        depth: number of hidden layers; 0 for the default of the family.
        components: Gaussians of each output's mixture (``armdn``).
        latent: normal numbers of a draw (``gan``); 0 for two an output.
        critic_hidden: width of the critic's hidden layers (``gan``).
        penalty: strength of the gradient penalties (``gan``).
        penalty_part: the penalties are taken on one part in so many of a batch (``gan``).
        energy: weight of the energy score beside the adversarial loss (``gan``).
        steps: training steps; 0 for the default of the family.
        batch: rows a step.
        learning_rate: peak learning rate of Adam; 0 for the default of the family.
        warm_up: steps until the peak.
        ema: decay of the moving average of the weights, which is what gets exported.
        clip: largest norm of the gradient.
        weight_decay: decoupled weight decay, in units of the learning rate; guards against
            learning a small sample by heart.
        knots: knots of the transforms of the outputs.
        holdout: share of the rows on which the best state is chosen (at most 30,000 rows).
        evaluations: how often that choice is looked at, in the second half of the training.
        seed: seed of weights, shuffling and noise.
        threads: CPU threads.
    """

    family: str = "armdn"
    hidden: int = 0
    depth: int = 0
    components: int = 8
    latent: int = 0
    critic_hidden: int = 128
    penalty: float = 0.005
    penalty_part: int = 4
    energy: float = 0.5
    steps: int = 0
    batch: int = 1024
    learning_rate: float = 0.0
    warm_up: int = 500
    ema: float = 0.999
    clip: float = 1.0
    weight_decay: float = 0.05
    knots: int = 2000
    holdout: float = 0.1
    evaluations: int = 4
    seed: int = 1
    threads: int = 1

    def __post_init__(self) -> None:
        if self.family not in ("armdn", "gan"):
            raise TrainingError(f"unknown family {self.family!r}; there are 'armdn' and 'gan'")

    def to_json(self) -> dict[str, Any]:
        """Plain settings for a configuration file."""
        return asdict(self)


@dataclass(frozen=True)
class ClassifierConfig:
    """Settings of a softmax network.

    Args:
        hidden, depth: width and number of the hidden layers.
        steps, batch: training steps and rows a step.
        learning_rate: peak learning rate of Adam.
        warm_up: steps until the peak.
        ema: decay of the moving average of the weights.
        clip: largest norm of the gradient.
        holdout: share of the rows on which the best state is chosen.
        evaluations: how often.
        seed: seed of weights and shuffling.
        threads: CPU threads.
    """

    hidden: int = 64
    depth: int = 3
    steps: int = 6000
    batch: int = 1024
    learning_rate: float = 2e-3
    warm_up: int = 200
    ema: float = 0.999
    clip: float = 1.0
    holdout: float = 0.1
    evaluations: int = 4
    seed: int = 1
    threads: int = 1

    def to_json(self) -> dict[str, Any]:
        """Plain settings for a configuration file."""
        return asdict(self)


@dataclass(frozen=True)
class BoosterConfig:
    """Settings of gradient-boosted trees.

    Args:
        trees: largest number of trees; fewer where the held-out loss stops falling.
        depth: depth of a tree.
        learning_rate: shrinkage.
        min_child_weight: smallest sum of second derivatives in a leaf.
        patience: trees without a better held-out loss before stopping.
        holdout: share of the rows on which the number of trees is chosen.
        seed: seed of the split.
        threads: CPU threads.
    """

    trees: int = 300
    depth: int = 6
    learning_rate: float = 0.1
    min_child_weight: float = 5.0
    patience: int = 20
    holdout: float = 0.1
    seed: int = 1
    threads: int = 1

    def to_json(self) -> dict[str, Any]:
        """Plain settings for a configuration file."""
        return asdict(self)
