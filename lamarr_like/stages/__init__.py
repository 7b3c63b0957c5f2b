"""The steps of the fast chain, one file each, in the order in which they run."""

from __future__ import annotations

import inspect
from typing import Any

from .. import plugins, schema
from ..errors import PipelineError, SchemaError
from .calorimeter.ecal import Ecal
from .identification.calo_pid import CaloPid
from .identification.global_pid import GlobalPid
from .identification.muon import MuonId, MuonLikelihood
from .identification.prob_nn import ProbNn
from .identification.rich import RichPid
from .occupancy import Occupancy
from .refinement import PREFIX, refinement
from .stage import (
    AbstractClassifierStage,
    AbstractGeneratorStage,
    AbstractModelStage,
    AbstractStage,
)
from .tracking.acceptance import Acceptance
from .tracking.covariance import Covariance
from .tracking.decay_in_flight import DecayInFlight
from .tracking.efficiency import Efficiency
from .tracking.extra_tracks import ExtraTracks
from .tracking.propagation import Propagation
from .tracking.resolution import Resolution
from .vertices.vertexing import VertexFinding, VertexResolution

STAGES: dict[str, type[AbstractStage]] = {
    stage.name: stage
    for stage in (
        Propagation,
        Occupancy,
        Acceptance,
        Efficiency,
        DecayInFlight,
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
        ExtraTracks,
    )
}
"""Every stage by its name, in the order of the chain."""

MODEL_STAGES: dict[str, type[AbstractModelStage]] = {
    name: stage for name, stage in STAGES.items() if issubclass(stage, AbstractModelStage)
}
"""The stages that run a trained model."""

REFERENCE_STAGES: dict[str, type[AbstractModelStage]] = {ProbNn.name: ProbNn}
"""Trained models that define variables of the detailed simulation.  ``train all`` leaves them;
pipelines run them behind a stage that draws what they read."""

TRAINED_STAGES = MODEL_STAGES | REFERENCE_STAGES
"""Everything that can be trained."""


def find_stage(name: str) -> type[AbstractStage]:
    """The stage of a name: ours, or that of a plug-in (see `lamarr_like.plugins`).

    Raises:
        PipelineError: if there is none, or the plug-in cannot be imported or is no stage.
    """
    if ours := STAGES.get(name) or TRAINED_STAGES.get(name):
        return ours
    found = plugins.load(plugins.STAGE_GROUP, name, PipelineError)
    if found is not None:
        return _checked(name, found)
    if name.startswith(PREFIX):
        return refinement(find_stage(name.removeprefix(PREFIX)))
    known = (*STAGES, *(n for n in plugins.installed(plugins.STAGE_GROUP) if n not in STAGES))
    raise PipelineError(f"no stage {name!r}; there are {', '.join(known)}")


def find_trained(name: str) -> type[AbstractModelStage]:
    """The stage of a name that has a model: ours, or that of a plug-in.

    Raises:
        PipelineError: as `find_stage` does, and if the stage has no model.
    """
    stage = find_stage(name)
    if not issubclass(stage, AbstractModelStage):
        raise PipelineError(f"stage {name!r} has no model")
    return stage


def _checked(name: str, found: Any) -> type[AbstractStage]:
    """A plug-in, if it is a stage that a pipeline can use."""
    where = f"plug-in {name!r}"
    if not (isinstance(found, type) and issubclass(found, AbstractStage)):
        raise PipelineError(f"{where} is {found!r}, no class derived from AbstractStage")
    if inspect.isabstract(found):
        missing = ", ".join(sorted(getattr(found, "__abstractmethods__", ())))
        raise PipelineError(f"{where}: {found.__name__} does not define {missing}")
    for attribute in ("name", "requires", "provides"):
        if not hasattr(found, attribute):
            raise PipelineError(f"{where}: {found.__name__} has no attribute {attribute!r}")
    if found.name != name:
        raise PipelineError(f"{where}: the stage calls itself {found.name!r}; names must agree")
    try:
        for table, column in sorted(found.requires | found.provides):
            schema.column(table, column)
    except SchemaError as error:
        raise PipelineError(f"{where}: {error}; see lamarr_like.plugins.declare") from None
    return found


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
    "DecayInFlight",
    "Ecal",
    "Efficiency",
    "ExtraTracks",
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
    "find_stage",
    "find_trained",
]
