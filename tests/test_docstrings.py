"""Public functions that take or give arrays say of which shape."""

import importlib
import inspect
import pkgutil
import re
import types
import warnings

import pytest

import lamarr_like

ROOMS = tuple(m.name for m in pkgutil.iter_modules(lamarr_like.__path__) if m.name != "__main__")

ARRAY = re.compile(r"\b(Floats|Floats32|Ints|Ints32|Integers|Keys|Mask|Rows|ndarray)\b")


def imported(name):
    """A module, None if it needs a library that is not here."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == "lamarr_like":
            raise
        return None


def modules(room):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first = imported(f"lamarr_like.{room}")
        if first is None:
            pytest.skip(f"a library that {room} needs is not here")
        inside = pkgutil.walk_packages(getattr(first, "__path__", ()), f"{first.__name__}.")
        found = [imported(module.name) for module in inside]
    return [first, *filter(None, found)]


def is_told(text):
    return "shape" in (text or "").lower()


def takes_arrays(function):
    return any(ARRAY.search(str(kind)) for kind in function.__annotations__.values())


def methods(kind):
    for name, member in vars(kind).items():
        function = getattr(member, "__func__", getattr(member, "fget", member))
        if not name.startswith("_") and isinstance(function, types.FunctionType):
            # What overrides a method keeps the contract of that.
            told = (vars(base)[name].__doc__ for base in kind.__mro__ if name in vars(base))
            yield f"{kind.__qualname__}.{name}", function, [kind.__doc__, *told]


def silent(module):
    """Names of functions of a module that leave the shape of their arrays open."""
    for name, member in vars(module).items():
        if name.startswith("_") or getattr(member, "__module__", None) != module.__name__:
            continue
        if inspect.isclass(member):
            found = methods(member)
        elif isinstance(member, types.FunctionType):
            found = [(name, member, [member.__doc__])]
        else:
            continue
        for title, function, texts in found:
            if takes_arrays(function) and not any(map(is_told, texts)):
                yield f"{module.__name__}.{title}"


@pytest.mark.parametrize("room", ROOMS)
def test_shapes_are_told(room):
    missing = [name for module in modules(room) for name in silent(module)]
    assert not missing, f"docstrings without a shape: {', '.join(missing)}"


def test_a_silent_function_is_found():
    module = types.ModuleType("silent")
    source = 'def f(x: Floats) -> Floats:\n    """Twice."""\n'
    source += 'def g(x: Floats) -> Floats:\n    """Twice, shape ``(n,)``."""\n'
    exec(f"from __future__ import annotations\n{source}", vars(module))
    assert list(silent(module)) == ["silent.f"]
