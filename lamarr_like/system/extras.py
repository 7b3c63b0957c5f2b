"""Packages that only some work needs: which extra brings them, and what is said without them."""

from __future__ import annotations

from importlib.util import find_spec

from ..errors import MissingExtraError

EXTRAS = {
    "batch": ("distributed", "dask_jobqueue"),
    "decays": ("decaylanguage",),
    "detailed": ("numba",),
    "fit": ("iminuit", "sweights"),
    "geant4": ("geant4_pybind",),
    "plot": ("matplotlib", "mplhep"),
    "report": ("jinja2", "matplotlib", "mplhep", "hist"),
    "train": ("tensorflow", "keras", "onnx", "sklearn"),
    "registry": ("pooch", "jinja2"),
    "twin": ("dask", "optuna"),
    "url": ("aiohttp", "requests", "fsspec"),
}
"""Modules that the extras of the package bring, beyond what the base installation has."""


def extra_of(module: str | None) -> str | None:
    """The first extra that brings a module, None if none does."""
    name = (module or "").partition(".")[0]
    return next((extra for extra, modules in EXTRAS.items() if name in modules), None)


def hint(extra: str) -> str:
    """How an extra is installed; the package is on no index."""
    return (
        f"pip install -e '.[{extra}]' in the checkout of lamarr_like, or "
        f"pip install 'WHEEL.whl[{extra}]' with its wheel"
    )


def missing(module: str, extra: str) -> MissingExtraError:
    """The error that says how to install an extra.

    Args:
        module: what is not there.
        extra: what brings it, and what else is needed for the same work.
    """
    return MissingExtraError(f"this needs {module}: {hint(extra)}", name=module)


def need(extra: str, *modules: str) -> None:
    """See that an extra is installed; to be called before work is begun that needs it.

    Args:
        extra: the extra.
        modules: those of its modules that are needed, all where none is named.

    Raises:
        MissingExtraError: naming the module and saying how to install it.
    """
    for module in modules or EXTRAS[extra]:
        if find_spec(module) is None:
            raise missing(module, extra)
