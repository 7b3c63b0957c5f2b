"""Old names of modules lead to the same modules as the new ones, and say so."""

import importlib
import importlib.util
import sys
import warnings
from importlib.machinery import PathFinder

import pytest
from places import TOP

import lamarr_like
from lamarr_like import moved

OLD = sorted(moved.MOVED)


@pytest.fixture(autouse=True)
def forget():
    """The old names as nobody has imported them yet, before and after."""

    def clear():
        for name in [f"lamarr_like.{old}" for old in (*OLD, "report")]:
            sys.modules.pop(name, None)
            package, _, last = name.rpartition(".")
            vars(sys.modules.get(package, lamarr_like)).pop(last, None)

    clear()
    yield
    clear()


@pytest.mark.parametrize("old", OLD)
def test_an_old_name_is_the_new_module(old):
    new = f"lamarr_like.{moved.MOVED[old]}"
    with pytest.warns(DeprecationWarning, match=rf"lamarr_like\.{old} is {new} now"):
        module = importlib.import_module(f"lamarr_like.{old}")
    assert module is importlib.import_module(new)
    # It keeps its own name, so that its classes are found again wherever they are sent.
    assert module.__name__ == module.__spec__.name == new


@pytest.mark.parametrize("old", OLD)
def test_no_module_stands_at_an_old_name(old):
    """It would hide the new one."""
    path = TOP / "lamarr_like" / old.replace(".", "/")
    assert not path.with_suffix(".py").exists() and not (path / "__init__.py").exists()


def test_names_are_those_of_the_new_module():
    from lamarr_like.runs.simulate import RunConfig

    with pytest.warns(DeprecationWarning):
        from lamarr_like.simulate import RunConfig as Old
    assert Old is RunConfig


def test_new_names_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for new in moved.MOVED.values():
            importlib.import_module(f"lamarr_like.{new}")


@pytest.mark.parametrize("name", ["lamarr_like.nothing", "lamarr_like.report.nothing"])
def test_other_names_are_unknown(name):
    with pytest.raises(ModuleNotFoundError, match="nothing"):
        importlib.import_module(name)


def test_names_of_other_packages_are_left_alone():
    finder = moved.OldNames()
    assert finder.find_spec("numpy.simulate") is None
    assert finder.find_spec("simulate") is None
    assert importlib.util.find_spec("lamarr_like.schema").origin.endswith("schema.py")


def test_the_finder_is_installed_once():
    moved.install()
    (place,) = [i for i, f in enumerate(sys.meta_path) if isinstance(f, moved.OldNames)]
    assert place > sys.meta_path.index(PathFinder)
