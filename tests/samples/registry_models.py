"""Models of tests under other names and versions, and registries of them."""

from __future__ import annotations

import json

from lamarr_like.engine.artefact import read_artefact, write_artefact
from lamarr_like.registry.index import INDEX
from lamarr_like.registry.store import publish


def restamped(source, folder, *, card="# card\n", **config):
    """A copy of a model in which some of ``config.json`` is another."""
    artefact = read_artefact(source)
    config = {**artefact.config, **config}
    name = "-".join(config[key] for key in ("stage", "sample", "version"))
    files = {k: v for k, v in artefact.files.items() if k != "card.md"}
    return write_artefact(folder / name, config, files, card)


def registry_of(folder, source, made, versions=("1", "2"), **config):
    """A registry of versions of a model, all candidates."""
    for version in versions:
        publish(folder, restamped(source, made, version=version, **config), detector="a toy")
    return folder


def rewrite(folder, change):
    """Change an index by hand, as somebody might."""
    path = folder / INDEX
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
