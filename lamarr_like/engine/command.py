"""The verb ``inspect`` of the command line."""

from __future__ import annotations

from typing import Annotated

import typer

from ..system.command_line import Models


def inspect(
    model: Annotated[
        str, typer.Argument(help="Name or folder of a trained model.", show_default=False)
    ],
    models: Models = None,
) -> None:
    """Verify a trained model and show what it takes, what it gives and its card."""
    from ..files.find import find_model
    from .artefact import read_artefact

    artefact = read_artefact(find_model(model, models))
    config = artefact.config
    typer.echo(f"{artefact.folder.name}  sha256 {artefact.digest}")
    for key in ("stage", "kind", "family", "sample", "version"):
        typer.echo(f"  {key:10} {config[key]}")
    for key in ("conditions", "outputs", "classes"):
        if key in config:
            typer.echo(f"  {key:10} {', '.join(map(str, config[key]))}")
    size = sum(len(content) for content in artefact.files.values())
    typer.echo(f"  {'size':10} {size / 1e3:.0f} kB in {', '.join(sorted(artefact.files))}")
    card = artefact.files.get("card.md", b"").decode().strip()
    typer.echo(f"\n{card}")
