"""The bar that another process draws."""

import io

from lamarr_like.system.progress import Bar, draw, progress


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
