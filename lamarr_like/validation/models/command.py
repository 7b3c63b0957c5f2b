"""The verbs of ``lamarr-like models``: registries of trained models and their gate."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from ...system.command_line import Force, Models

if TYPE_CHECKING:
    from ...registry.index import Entry
    from ...registry.remote import Registry
    from ..verdict import VerdictConfig

Name = Annotated[
    str,
    typer.Argument(
        metavar="MODEL", help="Name, folder or pin, such as rich@>=2.", show_default=False
    ),
]
# typer reads these at run time on Python 3.10, hence Optional and not a union.
Place = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--registry", envvar="LAMARR_LIKE_REGISTRY", help="Folder or URL of a registry."),
]
Home = Annotated[
    Path, typer.Option("--registry", envvar="LAMARR_LIKE_REGISTRY", help="Folder of the registry.")
]
Digest = Annotated[
    str, typer.Option(help="SHA-256 that the index of the registry must have.", show_default=False)
]
Thresholds = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--verdict", help="YAML file of thresholds in place of the shipped one."),
]


def list_models(registry: Place = None, index_digest: Digest = "", models: Models = None) -> None:
    """List the models of a registry; without one, those in your folders, shipped and fetched."""
    from .catalogue import best_figure

    entries = _opened(registry, index_digest).index.models.values() if registry else _local(models)
    rows = [("model", "life", "family", "detector", "kB", "digest", "figure")]
    for e in sorted(entries, key=lambda e: e.name):
        size, detector = f"{e.size / 1000:.0f}", e.detector or "-"
        rows.append(
            (e.name, e.life or "-", e.family, detector, size, e.digest[:12], best_figure(e))
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo("  ".join(f"{c:{w}}" for c, w in zip(row, widths, strict=True)).rstrip())


def show(
    model: Name, registry: Place = None, index_digest: Digest = "", models: Models = None
) -> None:
    """Show where a model comes from, its figures, its stages of life and its files."""
    from ...registry.describe import lines_of
    from .catalogue import figure_rows

    entry, _, _ = _found(model, registry, index_digest, models)
    typer.echo(entry.name)
    for name, text in (
        ("stage", entry.stage),
        ("kind", f"{entry.kind}, {entry.family}"),
        *lines_of(entry),
    ):
        typer.echo(f"  {name:13} {text}")
    for name, value, error in figure_rows(entry):
        typer.echo(f"  {'figure':13} {name} {value}" + (f" +- {error}" if error != "-" else ""))
    for label in entry.reports:
        typer.echo(f"  {'figures':13} {label}")
    for event in entry.history:
        typer.echo(f"  {event['date']:13} {event['life']} {event['note']}".rstrip())
    for name, (digest, length) in entry.files.items():
        typer.echo(f"  {'file':13} {name} {length} {digest}")


def get(
    model: Name,
    registry: Annotated[
        str,
        typer.Option(envvar="LAMARR_LIKE_REGISTRY", help="Folder or URL of a registry."),
    ],
    index_digest: Digest = "",
) -> None:
    """Fetch a model by its checksums; pipelines and commands find it afterwards."""
    opened = _opened(registry, index_digest)
    entry = opened.find(model)
    folder = opened.fetch(entry)
    typer.echo(f"{entry.name} ({entry.life}) {entry.name}#{entry.digest}")
    typer.echo(f"fetched into {folder}")


def publish(
    model: Annotated[list[str], typer.Argument(help="Names or folders of models.")],
    registry: Home,
    detector: Annotated[str, typer.Option(help="Detector that the models imitate.")] = "",
    parent: Annotated[
        str, typer.Option(help="Model of the registry that they replace; the last approved one.")
    ] = "",
    note: Annotated[str, typer.Option(help="What is to be known of them, in a line.")] = "",
    models: Models = None,
) -> None:
    """Copy models into a registry in a folder, as candidates."""
    from ...registry.find import find_model
    from ...registry.store import publish as run

    before = _opened(str(registry)).find(parent) if parent else None
    text = "" if before is None else f"{before.name}#{before.digest}"
    for one in model:
        entry = run(registry, find_model(one, models), detector=detector, parent=text, note=note)
        typer.echo(f"published {entry.name}#{entry.digest}")


def compare(
    model: Name,
    other: Annotated[str, typer.Argument(metavar="OTHER", help="The other model.")],
    registry: Place = None,
    index_digest: Digest = "",
    models: Models = None,
) -> None:
    """Show two models side by side: what differs, and their figures."""
    from .compare import beside

    pair = [_found(one, registry, index_digest, models)[0] for one in (model, other)]
    typer.echo("\n".join(beside(pair[0], pair[1])))


def catalogue(
    registry: Home,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--output", "-o", help="Page to write; index.html of the registry."),
    ] = None,
    title: Annotated[str, typer.Option(help="Heading of the page.")] = "Models",
    force: Force = False,
) -> None:
    """Write all models of a registry as one HTML page that opens offline."""
    from ...files.places import check_free
    from .catalogue import write_catalogue

    if output is not None:
        check_free(output, force)
    path = write_catalogue(_opened(str(registry)), output or registry / "index.html", title)
    typer.echo(f"wrote {path}")


def approve(
    model: Name,
    registry: Home,
    figures: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option(
            help="report.json of validate or response compare, or fidelity.json; may be given more "
            "than once, and is kept beside it."
        ),
    ] = None,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--output", "-o", help="Markdown file for the old figures beside the new."),
    ] = None,
    verdict: Thresholds = None,
    force: Force = False,
) -> None:
    """Approve a candidate that passes, and is no worse than the last (status 0, 1, 2)."""
    from ...files.places import check_free
    from ...files.scratch import write_text
    from ..verdict import EXIT
    from .drift import pass_gate

    limits = _limits(verdict)
    if output is not None:
        check_free(output, force)
    contents = {str(path): _json(path) for path in figures or ()}
    found = pass_gate(registry, model, contents, limits)
    for line in found.lines:
        typer.echo(line)
    if output is not None:
        typer.echo(f"wrote {write_text(output, found.markdown)}")
    raise typer.Exit(EXIT[found.status])


def retire(
    model: Name,
    registry: Home,
    note: Annotated[str, typer.Option(help="Why.")],
) -> None:
    """Take a model out of use: ranges of versions do not find it any more."""
    from ...registry.store import set_life

    entry = set_life(registry, _opened(str(registry)).find(model).name, "retired", note)
    typer.echo(f"{entry.name} is retired")


def drift(
    model: Name,
    data: Annotated[list[Path], typer.Argument(help="New detailed samples.")],
    registry: Place = None,
    index_digest: Digest = "",
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--output", "-o", help="Folder for fidelity.json and fidelity.md."),
    ] = None,
    verdict: Thresholds = None,
    models: Models = None,
    force: Force = False,
) -> None:
    """Tell whether a model is worse on new samples than it was (status 0, 1, 2)."""
    from ...files.places import check_report
    from .drift import baseline
    from .drift import drift as run

    limits = _limits(verdict)
    if output is not None:
        check_report(output, "fidelity.json", ["fidelity.md"], data, force=force)
    entry, opened, folder = _found(model, registry, index_digest, models, fetch=True)
    before = baseline(opened, entry, folder)
    found, changes = run(
        entry,
        folder,
        before,
        data,
        config=limits,
        output=output,
        say=partial(typer.echo, err=True),
    )
    for one in changes:
        typer.echo(
            f"{one.new.label}: {one.old.value:.4f} on {', '.join(before.samples)}, now "
            f"{one.new.value:.4f}; worse by {one.worse:+.4f} +- {one.sigma:.4f}"
        )
    words = {0: "no drift", 1: "DRIFT", 2: "cannot tell: too few rows"}
    typer.echo(f"{entry.name}: {words[found.exit_status]}")
    raise typer.Exit(found.exit_status)


def _opened(place: str, digest: str = "") -> Registry:
    from ...registry.remote import open_registry

    return open_registry(place, digest)


def _found(
    model: str, place: str | None, digest: str, models: Path | None, fetch: bool = False
) -> tuple[Entry, Registry | None, Path]:
    """A model of a registry or of a folder: what is told of it, and, if it is asked for, itself."""
    from ...engine.artefact import read_artefact
    from ...registry.describe import describe
    from ...registry.find import find_model

    if place:
        opened = _opened(place, digest)
        entry = opened.find(model)
        return entry, opened, opened.fetch(entry) if fetch else Path()
    folder = find_model(model, models)
    return describe(read_artefact(folder)), None, folder


def _local(models: Path | None) -> Sequence[Entry]:
    """Models in the folders that are searched, and those fetched; broken ones are told."""
    from ...engine.artefact import SUMS, read_artefact
    from ...errors import LamarrLikeError
    from ...files.find import model_folders
    from ...registry.describe import describe
    from ...registry.remote import fetched

    places = [p for folder in model_folders(models) for p in sorted(folder.glob(f"*/{SUMS}"))]
    places += sorted(fetched().glob(f"*/*/{SUMS}"))
    found: dict[tuple[str, str], Entry] = {}
    for place in places:
        try:
            entry = describe(read_artefact(place.parent))
        except LamarrLikeError as error:
            typer.echo(f"left out: {' '.join(str(error).split())}", err=True)
        else:
            found.setdefault((entry.name, entry.digest), entry)
    return list(found.values())


def _json(path: Path) -> bytes:
    from ...errors import ArtefactError
    from ...files.yaml_json import read_bytes
    from ...registry.index import MAX_FIGURES

    return read_bytes(path, MAX_FIGURES, ArtefactError)


def _limits(path: Path | None) -> VerdictConfig:
    from .gate import thresholds

    return thresholds(path)


VERBS: dict[str, Any] = {
    **{"list": list_models, "show": show, "get": get, "publish": publish, "compare": compare},
    **{"catalogue": catalogue, "approve": approve, "retire": retire, "drift": drift},
}
"""The verbs by name."""
