"""A quicker start for processes that run this package and nothing else: commands and workers.

A library must leave other packages whole; a command knows what it needs of them.  What is put off
works as ever when somebody asks for it.  What is hidden does not work in that process afterwards,
so nothing is hidden where plug-ins are installed, which may want it.
"""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType

LAZY = frozenset({"numpy.f2py", "numpy.testing"})
"""Modules that SciPy imports and hardly ever uses: 0.2 s of processor time."""


GARBAGE = 20_000
"""New objects after which Python looks for garbage, in place of 700: a tenth of the start."""


class LazyModules(MetaPathFinder):
    """Finds the modules of `LAZY`; they are run when somebody asks for something in them."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module; None for all others."""
        spec = PathFinder.find_spec(name, path) if name in LAZY else None
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


def put_off() -> None:
    """Put off what hardly any run needs, `LAZY`, until somebody asks for it; to be called first.

    Python looks for garbage less often, too: a start makes much that stays, and a run little.
    """
    gc.set_threshold(GARBAGE, *gc.get_threshold()[1:])
    if not any(isinstance(finder, LazyModules) for finder in sys.meta_path):
        sys.meta_path.insert(0, LazyModules())


def import_xgboost() -> None:
    """Import XGBoost without scikit-learn, which it loads for estimators that nothing here uses."""
    _import("xgboost", without="sklearn")


def import_awkward() -> None:
    """Import awkward without pyarrow, which it needs for Parquet files only."""
    _import("awkward", without="pyarrow")


def _import(name: str, without: str) -> None:
    """Import a package that does with less where another cannot be imported.

    It does nothing where either is imported already, or where plug-ins are installed.
    """
    from ..plugins import SOURCE_GROUP, STAGE_GROUP, installed

    if {name, without} & sys.modules.keys():
        return
    if installed(STAGE_GROUP) or installed(SOURCE_GROUP):
        return
    sys.modules[without] = None  # type: ignore[assignment]  # makes its import fail
    try:
        importlib.import_module(name)
    finally:
        del sys.modules[without]
