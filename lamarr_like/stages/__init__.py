"""The steps of the fast chain, one file each, in the order in which they run."""

from __future__ import annotations

from .acceptance import Acceptance
from .calo_pid import CaloPid
from .covariance import Covariance
from .ecal import Ecal
from .efficiency import Efficiency
from .global_pid import GlobalPid
from .muon import MuonId, MuonLikelihood
from .occupancy import Occupancy
from .prob_nn import ProbNn
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
        MuonId,
        MuonLikelihood,
        Ecal,
        CaloPid,
        GlobalPid,
        VertexFinding,
        VertexResolution,
    )
}
"""Every stage by its name, in the order of the chain."""

MODEL_STAGES: dict[str, type[AbstractModelStage]] = {
    name: stage for name, stage in STAGES.items() if issubclass(stage, AbstractModelStage)
}
"""The stages that run a trained model."""

REFERENCE_STAGES: dict[str, type[AbstractModelStage]] = {ProbNn.name: ProbNn}
"""Trained models that belong to the detailed simulation and to no pipeline."""

TRAINED_STAGES = MODEL_STAGES | REFERENCE_STAGES
"""Everything that can be trained."""

__all__ = [
    "MODEL_STAGES",
    "REFERENCE_STAGES",
    "STAGES",
    "TRAINED_STAGES",
    "AbstractClassifierStage",
    "AbstractGeneratorStage",
    "AbstractModelStage",
    "AbstractStage",
    "Acceptance",
    "CaloPid",
    "Covariance",
    "Ecal",
    "Efficiency",
    "GlobalPid",
    "MuonId",
    "MuonLikelihood",
    "Occupancy",
    "ProbNn",
    "Propagation",
    "Resolution",
    "RichPid",
    "VertexFinding",
    "VertexResolution",
]
