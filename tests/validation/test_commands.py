"""Verbs of the validation: what is asked wrongly is said before anything is read or written."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import typer
from typer.testing import CliRunner

from lamarr_like.errors import LamarrLikeError
from lamarr_like.system.processes import Inline, executor
from lamarr_like.validation.objects.command import objects
from lamarr_like.validation.stages.command import fidelity


def call(verb, *words):
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(verb)
    return CliRunner().invoke(app, [str(w) for w in words])


@pytest.mark.parametrize(
    ("verb", "words", "message"),
    [
        (objects, ("absent.root", "-o", "out"), "absent.root"),
        (fidelity, ("absent.root", "-o", "out"), "absent.root"),
    ],
)
def test_what_is_not_there_is_named_and_nothing_written(
    tmp_path, monkeypatch, verb, words, message
):
    monkeypatch.chdir(tmp_path)
    done = call(verb, *words)
    assert done.exit_code != 0 and isinstance(done.exception, LamarrLikeError)
    assert message in str(done.exception)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("verb", [objects, fidelity])
def test_reports_of_others_are_not_written_over(tmp_path, verb):
    (tmp_path / "out").mkdir()
    name = "objects.json" if verb is objects else "fidelity.json"
    (tmp_path / "out" / name).write_text("mine")
    (tmp_path / "a.root").write_text("")
    done = call(verb, tmp_path / "a.root", "-o", tmp_path / "out")
    assert isinstance(done.exception, LamarrLikeError) and name in str(done.exception)
    assert (tmp_path / "out" / name).read_text() == "mine"


def test_one_worker_is_this_process():
    with executor(1) as pool:
        assert isinstance(pool, Inline) and not isinstance(pool, ThreadPoolExecutor)
        assert pool.submit(divmod, 7, 2).result() == (3, 1)
        assert list(pool.map(abs, [-1, 2])) == [1, 2]
        with pytest.raises(ZeroDivisionError):
            pool.submit(divmod, 1, 0)
