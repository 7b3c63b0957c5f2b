"""The catalogue: all models of a registry as one HTML page that opens offline."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from ...engine.artefact import MAX_CONFIG
from ...errors import ArtefactError
from ...files.numbers import number
from ...files.scratch import write_text
from ...files.yaml_json import read_bytes
from ...registry.describe import lines_of
from ...registry.index import Entry
from ...registry.pin import order
from ...registry.remote import Registry
from ...system.extras import need

CARD = "card.md"

_SIZES = ("held_out_rows", "held_out_events", "mflop_per_draw")
"""Own figures that say nothing of how good a model is."""


def catalogue_text(registry: Registry, title: str = "Models") -> str:
    """The page: every text in it is escaped, and it has no script and fetches nothing.

    Args:
        registry: in a folder; of one at a URL the cards are left out.
        title: its heading.

    Raises:
        ArtefactError: if a card is altered or gone.
        MissingExtraError: without the extra ``registry``.
    """
    need("registry", "jinja2")
    from jinja2 import Environment

    source = files(__package__).joinpath("catalogue.html.j2").read_text()
    entries = sorted(registry.index.models.values(), key=lambda e: order(e.version), reverse=True)
    entries.sort(key=lambda e: e.line)
    told = {"title": title, "serial": registry.index.serial, "digest": registry.digest}
    models = [_model(registry, entry) for entry in entries]
    page: str = Environment(autoescape=True).from_string(source).render(models=models, **told)
    return page


def write_catalogue(registry: Registry, path: Path, title: str = "Models") -> Path:
    """Write the page.

    Args:
        registry, title: as of `catalogue_text`.
        path: the file.

    Raises:
        LamarrLikeError: as `catalogue_text`, or if it cannot be written.
    """
    return write_text(path, catalogue_text(registry, title))


def _model(registry: Registry, entry: Entry) -> dict[str, Any]:
    return {
        "entry": entry,
        "origin": list(lines_of(entry)),
        "figures": list(figure_rows(entry)),
        "best": best_figure(entry),
        "card": _card(registry, entry),
    }


def figure_rows(entry: Entry) -> Iterator[tuple[str, str, str]]:
    """Name, value and error of the own figures of a model, as text.

    Args:
        entry: the model.
    """
    for name, pair in entry.figures.items():
        yield name, number(pair[0], 5), number(pair[1], 2) if len(pair) > 1 else "-"


def best_figure(entry: Entry) -> str:
    """The figure of a model that says most in one line: on independent events where there is one.

    Args:
        entry: the model.
    """
    rows = list(figure_rows(entry))
    tested = [row for row in rows if row[0].endswith(", auc")]
    held_out = [row for row in rows if row[0] not in _SIZES]
    for name, value, error in [*tested, *held_out][:1]:
        return f"{name} {value}" + (f" +- {error}" if error != "-" else "")
    return "-"


def _card(registry: Registry, entry: Entry) -> str:
    if CARD not in entry.files or not isinstance(registry.place, Path):
        return ""
    path = registry.place / entry.name / CARD
    content = read_bytes(path, MAX_CONFIG, ArtefactError, links=False)
    if hashlib.sha256(content).hexdigest() != entry.files[CARD][0]:
        raise ArtefactError(f"{path} does not match its checksum in the index: altered")
    return content.decode(errors="replace")
