"""Where pipelines and trained models are found: the user's own first, then those that ship."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import ArtefactError, PipelineError

MODELS_VARIABLE = "LAMARR_LIKE_MODELS"
"""Environment variable with folders of artefacts, separated as in PATH."""

PROB_NN = "prob_nn-pp13-1"
"""Model that defines ProbNN in the reference detector."""

_PACKAGE = Path(__file__).resolve().parents[1]


def shipped(what: str) -> Path:
    """Folder of what ships with the package.

    Args:
        what: ``"pipelines"`` or ``"models"``.

    Returns:
        The folder in the checkout, or the copy inside the installed package.
    """
    checkout = _PACKAGE.parent
    if (checkout / "setup.cfg").is_file() and (checkout / what).is_dir():
        return checkout / what
    return _PACKAGE / f"_{what}"


def model_folders(models: Path | str | None = None) -> list[Path]:
    """Folders that are searched for artefacts, in order: `models`, the variable, the package."""
    own = [Path(models)] if models is not None else []
    variable = os.environ.get(MODELS_VARIABLE, "")
    return [*own, *(Path(p) for p in variable.split(os.pathsep) if p), shipped("models")]


def find_model(name: str, models: Path | str | None = None) -> Path:
    """Folder of an artefact.

    Args:
        name: name of the artefact, or a path to its folder.
        models: folder to search before the others.

    Raises:
        ArtefactError: if there is none, with the folders that were searched.
    """
    if os.sep in name and Path(name).is_dir():
        return Path(name)
    folders = model_folders(models)
    for folder in folders:
        if (folder / name).is_dir():
            return folder / name
    searched = ", ".join(str(f) for f in folders)
    raise ArtefactError(f"no model {name!r} in {searched}; give its folder with --models DIR")


def find_pipeline(name: str) -> Path:
    """File of a pipeline.

    Args:
        name: name of a shipped pipeline, or a path to a YAML file.

    Raises:
        PipelineError: if there is none, with the names that ship.
    """
    folder = shipped("pipelines")
    for path in (Path(name), folder / f"{name}.yaml"):
        if path.suffix in (".yaml", ".yml") and path.is_file():
            return path
    known = ", ".join(pipeline_names()) or "none"
    raise PipelineError(f"no pipeline {name!r}: give a YAML file or one of: {known}")


def pipeline_names() -> list[str]:
    """Names of the pipelines that ship."""
    # Beside the pipelines lie thresholds of the validation, and the twin that makes the models.
    stems = {path.stem for path in shipped("pipelines").glob("*.yaml")}
    return sorted(s for s in stems if not s.startswith("verdict") and not s.endswith("-twin"))
