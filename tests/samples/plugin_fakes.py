"""Distributions with entry points that are on the path without having been installed."""

import sys
from pathlib import Path

from lamarr_like import schema


def install(monkeypatch, folder, name, stages=None, sources=None, code=None, **further):
    """Put a distribution `name` with entry points and, if given, a module into `folder`.

    Stages, sources and what `further` has (models, families, fits) are objects by name.

    Columns that it declares and modules that it brings are forgotten when the test ends.
    """
    info = Path(folder) / f"{name}-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    given = {"stages": stages or {}, "sources": sources or {}, **further}
    groups = {f"lamarr_like.{group}": points for group, points in given.items()}
    lines = []
    for group, points in groups.items():
        lines += [f"[{group}]", *(f"{key} = {value}" for key, value in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    if code is not None:
        (Path(folder) / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(str(folder))
    # Once for setting it, so that it is taken out again; once so that it is imported anew.
    monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(schema, "COLUMNS", dict(schema.COLUMNS))
