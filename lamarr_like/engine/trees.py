"""Boosted trees at run time: XGBoost's library without its Python package.

The package takes 0.4 s of processor time to import, with SciPy's sparse matrices and estimators,
and looks at each table that it predicts for longer than a small one takes.  What a classifier needs
is four functions of the C interface (https://xgboost.readthedocs.io/en/stable/c.html); they are
those that `xgboost.Booster.inplace_predict` calls, so the bits are the same.
"""

from __future__ import annotations

import ctypes
import functools
import json
import weakref
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Floats32
from ..errors import ArtefactError

_NAMES = ("libxgboost.so", "libxgboost.dylib", "xgboost.dll")
_HOW = json.dumps(
    {
        "type": 0,  # values, not margins
        "training": False,
        "iteration_begin": 0,
        "iteration_end": 0,  # all
        "missing": float("nan"),
        "strict_shape": False,
        "cache_id": 0,
    }
).encode()


class Trees:
    """A boosted model, on one thread.

    Args:
        content: bytes of ``model.ubj``, checked (`lamarr_like.engine.booster_check`).
        n_features: features that it must take.
        where: name of the artefact, for messages.

    Raises:
        ArtefactError: if XGBoost cannot load it, or it takes another number of features.
    """

    def __init__(self, content: bytes, n_features: int, where: str) -> None:
        self._handle = ctypes.c_void_p()
        _call("XGBoosterCreate", None, ctypes.c_uint64(0), ctypes.byref(self._handle))
        weakref.finalize(self, _call, "XGBoosterFree", self._handle).atexit = False
        found = ctypes.c_uint64()
        size = ctypes.c_uint64(len(content))
        try:
            _call("XGBoosterLoadModelFromBuffer", self._handle, content, size)
            _call("XGBoosterSetParam", self._handle, b"nthread", b"1")
            _call("XGBoosterGetNumFeature", self._handle, ctypes.byref(found))
        except RuntimeError as error:
            raise ArtefactError(f"{where}: XGBoost cannot load model.ubj: {error}") from error
        if found.value != n_features:
            raise ArtefactError(
                f"{where}: model.ubj takes {found.value} features, config.json has {n_features}"
            )

    def __call__(self, features: Floats32) -> Floats32:
        """Probabilities, shape ``(n, n_classes)``, or those of the second of two, ``(n,)``.

        Args:
            features: shape ``(n, n_features)``, contiguous, n at least 1.
        """
        shape, values = ctypes.POINTER(ctypes.c_uint64)(), ctypes.POINTER(ctypes.c_float)()
        n_axes = ctypes.c_uint64()
        _call(
            "XGBoosterPredictFromDense",
            self._handle,
            json.dumps(features.__array_interface__).encode(),
            _HOW,
            None,
            ctypes.byref(shape),
            ctypes.byref(n_axes),
            ctypes.byref(values),
        )
        sides = tuple(shape[: n_axes.value])
        found = np.empty(sides, dtype=np.float32)  # a copy: XGBoost uses its memory again
        ctypes.memmove(found.ctypes.data, values, found.nbytes)
        return found


@functools.cache
def library() -> Any:
    """XGBoost's library, in the folder of its package, which is not imported.

    Raises:
        ModuleNotFoundError: if there is none.
    """
    spec = find_spec("xgboost")
    for folder in spec.submodule_search_locations or () if spec is not None else ():
        for path in (Path(folder) / "lib" / name for name in _NAMES):
            if path.is_file():
                found = ctypes.CDLL(str(path))
                found.XGBGetLastError.restype = ctypes.c_char_p
                return found
    raise ModuleNotFoundError("the library of XGBoost was not found; install xgboost-cpu")


def _call(name: str, *arguments: Any) -> None:
    if getattr(library(), name)(*arguments):
        raise RuntimeError(" ".join(library().XGBGetLastError().decode(errors="replace").split()))
