"""Kinds of processor and versions of libraries: where they differ, so may the last bits of numbers.

Libraries of linear algebra and of networks choose their kernels by what the processor can do, and
kernels add in different orders.
"""

from __future__ import annotations

import functools
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version

_LIBRARIES = ("numpy", "scipy", "onnxruntime", "xgboost-cpu", "xgboost", "pythia8mc")


def this_platform() -> dict[str, str]:
    """Kind of processor, what it can do, kernel of BLAS where it can be told, and versions."""
    return dict(_here())


@functools.lru_cache(maxsize=1)
def _here() -> tuple[tuple[str, str], ...]:
    told = {"features": _features(), "kernel": _kernel()}
    found = {"machine": platform.machine(), **{k: v for k, v in told.items() if v}}
    return tuple({**found, **versions(_LIBRARIES)}.items())


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Versions of those packages that are installed."""
    found = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def differences(platforms: Iterable[Mapping[str, str]]) -> list[str]:
    """In words, what differs between some platforms; what one of them does not tell is left out."""
    kinds = list(platforms)
    told = set.intersection(*(set(kind) for kind in kinds)) if kinds else set()
    out = []
    for key in sorted(told):
        values = sorted({kind[key] for kind in kinds})
        if len(values) > 1:
            is_long = key == "features"
            out.append("features of the processor" if is_long else f"{key} {' and '.join(values)}")
    return out


def warning(platforms: Iterable[Mapping[str, str]]) -> str:
    """What to tell who has parts from some platforms; empty if they are of one kind."""
    found = differences(platforms)
    if not found:
        return ""
    return (
        f"parts were made with different {'; '.join(found)}: numbers may differ in their last "
        "digits from those of one kind (manifest.json says which part was made on which)"
    )


def _features() -> str:
    """What numpy found that the processor can do, disabled features left out."""
    try:
        from numpy._core._multiarray_umath import __cpu_features__ as found
    except ImportError:  # a private name, which has moved before
        return ""
    return " ".join(sorted(name for name, has in found.items() if has))


def _kernel() -> str:
    """Kernel of numpy's own linear algebra."""
    import numpy as np  # whose library is looked for

    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return ""
    own = [lib for lib in threadpool_info() if np.__name__ in str(lib.get("filepath"))]
    return " ".join(sorted(str(lib.get("architecture") or "") for lib in own)).strip()
