"""The tests mirror the package: every room has its folder, every module is named in a test."""

import ast

import numpy as np
import pytest
from places import TESTS, TOP
from schedule import FAST, LONG

from lamarr_like import arrays

PACKAGE = TOP / "lamarr_like"
ROOMS = sorted(p.parent.name for p in PACKAGE.glob("*/__init__.py"))
MODULES = sorted(
    ".".join(p.relative_to(TOP).with_suffix("").parts)
    for p in PACKAGE.rglob("*.py")
    if p.name != "__init__.py"
)


def named():
    """What the tests import, with its names, as far as these may be modules."""
    found = set()
    for path in TESTS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found |= {node.module, *(f"{node.module}.{a.name}" for a in node.names)}
    return found


def test_every_module_is_named_in_a_test():
    missing = set(MODULES) - named()
    assert not missing, f"no test imports {', '.join(sorted(missing))}"


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_tests_and_fast_ones(room):
    assert list((TESTS / room).rglob("test_*.py"))
    assert any(name.startswith(f"{room}/") for name in FAST)


def test_files_in_the_lists_are_there():
    for name in (*LONG, *FAST):
        assert (TESTS / name).is_file(), f"{name}: take it out of tests/samples/schedule.py"
    assert not FAST & set(LONG)


def test_samples_made_once_are_made_once(made_once):
    made = []

    def build(folder):
        made.append(folder)
        (folder / "a").write_text("1")

    first, second = made_once("layout", build), made_once("layout", build)
    assert first == second and (first / "a").read_text() == "1" and len(made) == 1


def test_kinds_of_arrays_are_those_of_numpy():
    kinds = {"Floats": np.float64, "Floats32": np.float32, "Ints": np.int64, "Keys": np.uint64}
    for name, kind in kinds.items():
        assert kind in getattr(arrays, name).__args__[1].__args__
