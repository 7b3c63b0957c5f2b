"""What the verbs of the command line say of themselves and of what they read."""

import shlex
import sys

import pytest

from lamarr_like.errors import LamarrLikeError
from lamarr_like.system.command_line import command_line, tell_shorter
from lamarr_like.system.extras import extra_of, need


def test_the_command_can_be_given_again(monkeypatch):
    words = ["simulate", "gun:K-?p=3-100&eta=2-5", "-o", "a b.root"]
    monkeypatch.setattr(sys, "argv", ["/somewhere/lamarr-like", *words])
    assert shlex.split(command_line()) == ["lamarr-like", *words]
    assert shlex.split(command_line(("-o", "--output"))) == ["lamarr-like", *words[:2]]


@pytest.mark.parametrize(("missing", "asked"), [(0, 5), (3, None), (-1, 5)])
def test_nothing_is_said_where_nothing_is_missing(capsys, missing, asked):
    tell_shorter("a.root", missing, asked)
    assert capsys.readouterr() == ("", "")


def test_what_ended_early_is_told_on_the_error_stream(capsys):
    tell_shorter("a.root", 2, 5)
    assert capsys.readouterr() == ("", "a.root: ended after 3 of the 5 events asked for (-n)\n")


def test_modules_are_found_in_extras(monkeypatch):
    assert extra_of("numba") == "detailed" and extra_of("numba.core.x") == "detailed"
    assert extra_of("no_such_module") is None and extra_of(None) is None
    need("detailed", "numpy")
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(LamarrLikeError, match=r"pip install -e '\.\[detailed\]'"):
        need("detailed", "numba")
