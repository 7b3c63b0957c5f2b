"""Ultra-fast simulation of an LHCb-like detector: truth particles in, analysis ntuple out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import moved as _moved

__version__ = "0.1.0"

__all__ = ["EventBatch", "Pipeline", "__version__"]

if TYPE_CHECKING:
    from .chain.pipeline import Pipeline
    from .events import EventBatch


_moved.install()


def __getattr__(name: str) -> Any:
    # Imported on first use, so that ``import lamarr_like`` stays fast.
    if name == "Pipeline":
        from .chain.pipeline import Pipeline

        return Pipeline
    if name == "EventBatch":
        from .events import EventBatch

        return EventBatch
    raise AttributeError(f"module 'lamarr_like' has no attribute {name!r}")
