"""Settings of the families of response generators, with the defaults that suit them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from ..errors import TrainingError
from ..nets.config import AbstractConfig, NetConfig

OBJECTIVES = ("relativistic", "wasserstein")
"""Of a critic."""


@dataclass(frozen=True)
class LibraryConfig(AbstractConfig):
    """Settings of a library.

    Args:
        size: most arrays that are stored, the first of the sample.
        neighbours: among how many of the most similar particles one is chosen.
    """

    family: ClassVar[str] = "library"
    kind: ClassVar[str] = "response"

    size: int = 20_000
    neighbours: int = 3

    def with_steps(self, steps: int) -> LibraryConfig:
        """A step is an array stored."""
        return replace(self, size=steps)


@dataclass(frozen=True)
class TableConfig(LibraryConfig):
    """Settings of a library whose arrays are looked up in bins of what is given.

    Args:
        size: most arrays that are stored.
        neighbours: about how many arrays a bin holds.
    """

    family: ClassVar[str] = "table"

    size: int = 1_000_000
    neighbours: int = 1


@dataclass(frozen=True)
class CodesConfig(NetConfig):
    """What the settings of all families have that draw codes of blocks.

    Args:
        core, widths, slices: how blocks grow, see `lamarr_like.responses.blocks.Shells`.
        most_codes: fewer blocks are made where there would be more codes.
        batch: particles a step.
        filling_hidden, filling_steps, filling_batch: width, steps and blocks a step of the network
            that fills blocks.
        judged: most held-out particles that states are judged on.
        minutes: about how long all of it takes, in as many steps as fit; 0 for `steps`.
    """

    kind: ClassVar[str] = "response"

    core: int = 2
    widths: tuple[int, ...] = (2, 4)
    slices: int = 10
    most_codes: int = 128
    steps: int = 6000
    batch: int = 512
    warm_up: int = 200
    filling_hidden: int = 48
    filling_steps: int = 4000
    filling_batch: int = 4096
    judged: int = 3000
    minutes: float = 0.0

    @property
    def emphasised(self) -> str:
        """Metric that is to be right above all; empty for none."""
        return ""

    @property
    def needs_metrics(self) -> bool:
        """Whether the metrics of arrays are part of what the family learns from."""
        return False

    @property
    def needs_spread(self) -> bool:
        """Whether it learns from how much arrays of similar particles differ."""
        return False

    @property
    def needs_properties(self) -> bool:
        """Whether it learns to draw arrays of wanted properties."""
        return False


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


@dataclass(frozen=True)
class AdversarialConfig(CodesConfig):
    """What the settings of families with a critic have.

    Args:
        hidden, depth: width and number of the hidden layers of a network.
        critic_hidden, critic_depth: those of the critic.
        critic_steps: updates of the critic in a step.
        objective: ``relativistic`` or ``wasserstein`` (WGAN-GP, which wants a penalty of about 10
            and several critic steps), see `lamarr_like.responses.training.critic`.
        penalty: weight of the gradient penalties.
        penalty_part: they are taken on one part in so many of a batch.

    Raises:
        TrainingError: if there is no such objective.
    """

    steps: int = 9000
    batch: int = 256
    hidden: int = 128
    depth: int = 4
    learning_rate: float = 1e-3
    critic_hidden: int = 128
    critic_depth: int = 3
    critic_steps: int = 1
    objective: str = "relativistic"
    penalty: float = 0.02
    penalty_part: int = 4

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            known = " and ".join(OBJECTIVES)
            raise TrainingError(f"objective {self.objective!r}: there are {known}")


@dataclass(frozen=True)
class GanConfig(AdversarialConfig):
    """Settings of the adversarial family.

    Args:
        latent: normal numbers of a draw beyond one for each code.
        energy: weight of the energy score beside the critic.
        regressor: show the critic what a regressor says of the metrics.
        regressor_rate: peak learning rate of the regressor.
        metric_weight: how much a metric counts, in units of a code.
        diversity: weight of the term that pushes draws apart where similar particles differ (SDI).
        emphasise: metric that is to be right above all
            (`lamarr_like.responses.training.emphasis`), none if empty, and
        emphasis: weight of the penalty on it.
    """

    family: ClassVar[str] = "gan"

    latent: int = 16
    energy: float = 0.5
    regressor: bool = True
    regressor_rate: float = 2e-3
    metric_weight: float = 2.0
    diversity: float = 0.0
    emphasise: str = ""
    emphasis: float = 3.0

    @property
    def emphasised(self) -> str:
        """See `CodesConfig.emphasised`."""
        return self.emphasise

    @property
    def needs_metrics(self) -> bool:
        """See `CodesConfig.needs_metrics`."""
        return self.regressor

    @property
    def needs_spread(self) -> bool:
        """See `CodesConfig.needs_spread`."""
        return self.diversity > 0


@dataclass(frozen=True)
class VaeConfig(AdversarialConfig):
    """Settings of the family of autoencoders.

    Args:
        latent: numbers that the encoder makes of an array.
        noise: normal numbers that the decoder is given beside them.
        divergence: weight of the divergence of the latent law from a normal one.
        adversarial: weight of the critic beside the reconstruction.
        post_hidden, post_weight: width of the post-processor, and weight of the spectrum beside
            its changes.
        stored: particles whose latent numbers are kept, a square number.
        similar: width of the kernel in what is given, in units of its spread.
        bandwidth: least width of the kernel in latent numbers.
    """

    family: ClassVar[str] = "vae"

    latent: int = 24
    noise: int = 40
    divergence: float = 0.05
    adversarial: float = 0.5
    post_hidden: int = 64
    post_weight: float = 10.0
    stored: int = 1024
    similar: float = 0.5
    bandwidth: float = 0.1


@dataclass(frozen=True)
class CorrVaeConfig(AdversarialConfig):
    """Settings of the family whose draws can be asked for properties.

    Args:
        latent: numbers that the encoder makes of an array beside its properties.
        noise: normal numbers that the decoder is given beside them.
        shared: bridging latents beyond one for each property.
        sparsity: likelihood (of one particle) that a connection of a latent and a property costs.
        divergence: weight of the divergence of the latent law from a normal one.
        apart: weight of the covariance of latents and properties.
        adversarial: weight of the critic beside the reconstruction.
        tie: weight of the squared distance of a draw's properties from those of its latents, in
            units of their spread.
        law_hidden: width of the network that tells how properties are spread.
    """

    family: ClassVar[str] = "corrvae"

    steps: int = 2400
    hidden: int = 96
    depth: int = 3
    critic_hidden: int = 96
    learning_rate: float = 2e-3
    ema: float = 0.995
    evaluations: int = 2
    filling_steps: int = 1500
    widths: tuple[int, ...] = (2, 4, 8)
    latent: int = 12
    noise: int = 40
    shared: int = 2
    sparsity: float = 0.005
    divergence: float = 0.05
    apart: float = 1.0
    adversarial: float = 0.5
    tie: float = 3.0
    law_hidden: int = 32

    @property
    def needs_properties(self) -> bool:
        """See `CodesConfig.needs_properties`."""
        return True


@dataclass(frozen=True)
class DistilledConfig(AdversarialConfig):
    """Settings of the distilled family.

    Args:
        teacher_part: of the steps that go to the diffusion model that teaches.
        teacher_hidden, teacher_depth: its width and number of hidden layers.
        teacher_steps: in which it draws.
        pairs: noise and codes that it gives.
        distillation: weight of the squared distance from these codes.
        energy: weight of the energy score of what the student draws.
        adversarial: weight of the critic.
    """

    family: ClassVar[str] = "distilled"

    steps: int = 16_000
    batch: int = 512
    hidden: int = 192
    teacher_part: float = 0.6
    teacher_hidden: int = 256
    teacher_depth: int = 4
    teacher_steps: int = 32
    pairs: int = 100_000
    distillation: float = 1.0
    energy: float = 0.5
    adversarial: float = 0.5


@dataclass(frozen=True)
class FlowConfig(CodesConfig):
    """Settings of the flow family.

    Args:
        couplings: coupling layers.
        bins: of a spline.
        hidden, depth: width and number of the hidden layers of a coupling's network.
        clip: largest norm of the gradient.
        weight_decay: decoupled weight decay, in units of the learning rate.
    """

    family: ClassVar[str] = "flow"

    couplings: int = 6
    bins: int = 6
    hidden: int = 96
    depth: int = 2
    clip: float = 1.0
    weight_decay: float = 0.1


@dataclass(frozen=True)
class DiffusionConfig(CodesConfig):
    """Settings of the diffusion family.

    Args:
        hidden, depth: width and number of the hidden layers.
        draw_steps: steps from noise to codes, where a draw does not say how many.
        clip: largest norm of the gradient.
    """

    family: ClassVar[str] = "diffusion"

    steps: int = 10_000
    hidden: int = 256
    depth: int = 4
    draw_steps: int = 32
    clip: float = 1.0
