"""Folders that tests read."""

from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
"""The checkout."""

TESTS = TOP / "tests"
DATA = TESTS / "data"
"""Small files that are kept with the tests."""

SHARED = TOP.parent / "shared"
"""Data that nobody here made; tests that read it are skipped where it is absent."""
