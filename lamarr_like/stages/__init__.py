"""The steps of the fast chain, one file each, in the order in which they run."""

from __future__ import annotations

from .acceptance import Acceptance
from .covariance import Covariance
from .efficiency import Efficiency
from .occupancy import Occupancy
from .propagation import Propagation
from .resolution import Resolution
from .rich import RichPid
from .stage import (
    AbstractClassifierStage,
    AbstractGeneratorStage,
    AbstractModelStage,
    AbstractStage,
)
from .vertexing import VertexFinding, VertexResolution

STAGES: dict[str, type[AbstractStage]] = {
    stage.name: stage
    for stage in (
        Propagation,
        Occupancy,
        Acceptance,
        Efficiency,
        Resolution,
        Covariance,
        RichPid,
        VertexFinding,
        VertexResolution,
    )
}
"""Every stage by its name, in the order of the chain."""

MODEL_STAGES: dict[str, type[AbstractModelStage]] = {
    name: stage for name, stage in STAGES.items() if issubclass(stage, AbstractModelStage)
}
"""The stages that run a trained model."""

__all__ = [
    "MODEL_STAGES",
    "STAGES",
    "AbstractClassifierStage",
    "AbstractGeneratorStage",
    "AbstractModelStage",
    "AbstractStage",
    "Acceptance",
    "Covariance",
    "Efficiency",
    "Occupancy",
    "Propagation",
    "Resolution",
    "RichPid",
    "VertexFinding",
    "VertexResolution",
]
