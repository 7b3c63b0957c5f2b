"""The verb ``new-stage`` of the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer


def new_stage(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the stage.")],
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--output", "-o", help="Folder of the package; lamarr-NAME if not given."),
    ] = None,
) -> None:
    """Write a package with a new stage, its entry point and its tests, which pass as they are."""
    from .new_stage import new_stage as write

    folder = output or Path("lamarr-" + name.replace("_", "-"))
    for path in write(name, folder):
        typer.echo(f"wrote {path}")
    typer.echo(f"next: pip install -e {folder} && pytest {folder}")
