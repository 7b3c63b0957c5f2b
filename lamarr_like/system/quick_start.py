"""A quicker start and end for processes that run this package and nothing else.

A library must leave other packages whole; a command knows what it needs of them.  What is put off
works as ever when somebody asks for it.  What is hidden does not work in that process afterwards,
so nothing is hidden where plug-ins are installed, which may want it.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import os
import sys
import threading
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

LAZY: dict[str, tuple[str, ...]] = {
    "awkward.operations.str": (),
    "numpy.f2py": (),
    "numpy.testing": (),
    "scipy.special": ("scipy.special._ufuncs", "scipy.special._logsumexp"),
}
"""Modules that are put off, each with those of its parts that have what is mostly asked for.

SciPy imports those of NumPy and hardly ever uses them; that of its functions writes their
documentation when it is imported.  Of awkward, these are the functions of texts, 51 modules.
Together this takes 0.4 s of processor time.
"""

GARBAGE = 20_000
"""New objects after which Python looks for garbage, in place of 700: a tenth of the start."""
FIRST_GARBAGE = 200_000
"""The same for the first time: what a start makes stays."""


class PutOff(ModuleType):
    """A module that is run when somebody asks for what it does not have yet."""

    def __getattr__(self, name: str) -> Any:
        for part in () if name.startswith("__") else LAZY[self.__name__]:
            there = importlib.import_module(part)
            if hasattr(there, name):
                return getattr(there, name)
        spec: Any = self.__spec__
        self.__class__ = ModuleType  # type: ignore[assignment]
        self.__loader__ = spec.loader = spec.loader.loader
        spec.loader.exec_module(self)
        return getattr(self, name)


class Later:
    """Loads a module as `PutOff`.

    Args:
        loader: what loads it in the end.
    """

    def __init__(self, loader: Any) -> None:
        self.loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Nothing of its own: Python makes the module."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is run yet."""
        module.__class__ = PutOff


class LazyModules:
    """Finds the modules of `LAZY`."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module; None for all others."""
        spec = PathFinder.find_spec(name, path) if name in LAZY else None
        if spec is not None and spec.loader is not None:
            spec.loader = Later(spec.loader)  # type: ignore[assignment]
        return spec


def put_off() -> None:
    """Put off what hardly any run needs, `LAZY`, until somebody asks for it; to be called first.

    Python looks for garbage less often, too: a start makes much that stays, and a run little.
    """
    if _first_look not in gc.callbacks and gc.get_threshold()[0] not in (0, GARBAGE):
        gc.set_threshold(FIRST_GARBAGE, *gc.get_threshold()[1:])
        gc.callbacks.append(_first_look)
    if not _is_put_off():
        sys.meta_path.insert(0, LazyModules())


def _first_look(phase: str, info: dict[str, int]) -> None:
    """After the first look for garbage the next ones come sooner."""
    if phase == "stop":
        gc.callbacks.remove(_first_look)
        gc.set_threshold(GARBAGE, *gc.get_threshold()[1:])


def _is_put_off() -> bool:
    return any(isinstance(finder, LazyModules) for finder in sys.meta_path)


def import_xgboost() -> None:
    """Import XGBoost without scikit-learn, which it loads for estimators that nothing here uses."""
    _import("xgboost", without="sklearn")


def import_awkward() -> None:
    """Import awkward without pyarrow, which it needs for Parquet files only."""
    _import("awkward", without="pyarrow")


def _import(name: str, without: str) -> None:
    """Import a package that does with less where another cannot be imported.

    It does nothing before `put_off`, where either is imported already, or where plug-ins are
    installed.
    """
    from ..plugins import SOURCE_GROUP, STAGE_GROUP, installed

    if not _is_put_off() or {name, without} & sys.modules.keys():
        return
    if installed(STAGE_GROUP) or installed(SOURCE_GROUP):
        return
    sys.modules[without] = None  # type: ignore[assignment]  # makes its import fail
    try:
        importlib.import_module(name)
    finally:
        del sys.modules[without]


def quick_end(status: object) -> None:
    """End this process at once if all went well: to take modules apart is a fifth of a short run.

    What was registered for the end is done, and what was printed is written, by C as well.  It
    does nothing after a failure, or while other threads run.

    Args:
        status: exit status, as `SystemExit` has it.
    """
    if status or threading.active_count() > 1:
        return
    atexit._run_exitfuncs()
    ctypes.CDLL(None).fflush(None)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
