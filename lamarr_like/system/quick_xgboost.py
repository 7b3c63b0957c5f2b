"""A quicker start for processes that run this package and nothing else."""

from __future__ import annotations

import sys

from ..plugins import SOURCE_GROUP, STAGE_GROUP, installed


def import_xgboost() -> None:
    """Import XGBoost without scikit-learn, which it loads for estimators that nothing here uses.

    That is 0.8 s of processor time in each process.  The estimators of XGBoost do not work in the
    process afterwards, so this is for commands and workers, not for the library: and it does
    nothing where plug-ins are installed, which may want them, or where either is imported already.
    """
    if {"xgboost", "sklearn"} & sys.modules.keys():
        return
    if installed(STAGE_GROUP) or installed(SOURCE_GROUP):
        return
    sys.modules["sklearn"] = None  # type: ignore[assignment]  # makes its import fail
    try:
        import xgboost  # noqa: F401
    finally:
        del sys.modules["sklearn"]
