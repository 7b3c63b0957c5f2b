"""What the kernels call as plain Python: the same lines, without compiling them."""

from __future__ import annotations

import numpy as np


def make_plain(monkeypatch, *modules):
    """Put the Python of each compiled function in its place, for as long as a test runs."""
    for module in modules:
        for name, value in vars(module).copy().items():
            if hasattr(value, "py_func"):
                monkeypatch.setattr(module, name, value.py_func)


def stream(key=7):
    """The state of a stream of random numbers."""
    return np.array([key], np.uint64)
