"""Old names of modules: ``import lamarr_like.simulate`` gives ``lamarr_like.runs.simulate``.

The names that the documentation told before the modules moved into rooms; they warn and work.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "config": "chain.pipeline_file",
    "io.gun": "io.generators.gun",
    "io.pythia": "io.generators.pythia",
    "kinematics": "physics.kinematics",
    "oversampling": "runs.oversampling",
    "particles": "physics.particles",
    "pipeline": "chain.pipeline",
    "report.decays": "validation.report.decays",
    "report.draw_decays": "validation.report.draw_decays",
    "report.efficiency": "validation.report.efficiency",
    "report.gather": "validation.report.gather",
    "report.influence": "statistics.influence",
    "report.verdict": "validation.verdict",
    "resources": "files.find",
    "simulate": "runs.simulate",
    "stages.vertex_pull": "stages.vertices.vertex_pull",
    "validation.metrics": "statistics.distances",
    "validation.numbers": "files.numbers",
    "validation.report.verdict": "validation.verdict",
    "validation.sheets": "files.sheets",
    "validation.tables": "files.tables",
}
"""New name of each module by its old one, both inside of the package."""

_PACKAGES = {"report"}
"""Old rooms that are gone."""


class OldNames(MetaPathFinder, Loader):
    """Finds modules by their old names, after all other finders have failed."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module of the new name; None for what is not an old name of ours."""
        package, _, old = name.partition(".")
        if package != __package__ or not (old in MOVED or old in _PACKAGES):
            return None
        return ModuleSpec(name, self, is_package=old in _PACKAGES)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """The module itself, not a copy, so that its classes and settings are the same ones."""
        new = MOVED.get(spec.name.partition(".")[2])
        if new is None:
            return None
        warnings.warn(f"{spec.name} is {__package__}.{new} now", DeprecationWarning, stacklevel=2)
        module = importlib.import_module(f"{__package__}.{new}")
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is executed a second time; the module keeps its own name."""
        spec = module.__spec__
        if spec is not None and spec.loader_state is not None:
            module.__spec__ = spec.loader_state


def install() -> None:
    """Make the old names known, behind everything else that finds modules."""
    if not any(isinstance(finder, OldNames) for finder in sys.meta_path):
        sys.meta_path.append(OldNames())
