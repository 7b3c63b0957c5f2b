"""What verbs share: the command as it was given, remarks, and the bar."""

import io
import sys

from lamarr_like.system.command_line import command_line, tell_shorter
from lamarr_like.system.progress import Bar, draw, progress


def test_the_command_as_it_was_given(monkeypatch):
    words = ["lamarr-like", "fidelity", "a b.root", "-o", "out", "--seed", "3"]
    monkeypatch.setattr(sys, "argv", words)
    assert command_line() == "lamarr-like fidelity 'a b.root' -o out --seed 3"
    assert command_line(("-o", "--output")) == "lamarr-like fidelity 'a b.root' --seed 3"


def test_fewer_events_than_asked_for(capsys):
    for missing, asked in ((0, 5), (2, None), (-1, 5)):
        tell_shorter("x", missing, asked)
    assert capsys.readouterr().err == ""
    tell_shorter("x.root", 2, 5)
    told = capsys.readouterr()
    assert told.out == "" and "x.root: ended after 3 of the 5 events asked for" in told.err


def test_lines_to_the_process_that_draws():
    pipe = io.StringIO()
    bar = Bar(pipe)
    bar.end_at(10)
    bar.advance(3)
    bar.describe("two\nwords")
    bar.say("a  remark")
    assert pipe.getvalue().splitlines() == ["=10", "+3", "two words", "!a remark"]


def test_without_a_terminal_only_remarks_are_told(capsys):
    for shown in (True, False):
        with progress(5, shown=shown) as bar:
            bar.end_at(3)
            bar.advance(1)
            bar.describe("x")
            bar.say("a remark")
        assert capsys.readouterr() == ("", "a remark\n")


def test_what_is_drawn(monkeypatch, capsys):
    """Remarks stay above a bar; nothing else is left of it."""
    monkeypatch.setenv("COLUMNS", "60")
    lines = ["=4", "+1", "!a [remark]", "working", "+3"]
    draw(0, "starting", "events", io.StringIO("\n".join(lines) + "\n"))
    assert "a [remark]" in capsys.readouterr().err
