"""What a new user is told: candidates, files that are too short, progress, completion, guns."""

import os
import pty
import re
import subprocess
import sys

import pytest
from hepmc_samples import write_sample

from lamarr_like import cli
from lamarr_like.decays.command import make_requests
from lamarr_like.decays.request import Selection
from lamarr_like.errors import SourceError
from lamarr_like.io.generators.gun import SPECIES
from lamarr_like.io.sources import open_source
from lamarr_like.runs.command import show
from lamarr_like.runs.simulate import RunConfig, simulate
from lamarr_like.system.progress import draw, progress

D0 = "D0 -> K- pi+"


@pytest.fixture
def run(models, capsys, monkeypatch):
    def call(*words):
        words = [str(w) for w in words]
        if words[0] == "simulate":
            words += ["--pipeline", str(models / "tiny.yaml"), "--models", str(models)]
        monkeypatch.setattr(sys, "argv", ["lamarr-like", *words])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        printed = capsys.readouterr()
        return stop.value.code, printed.out, printed.err

    return call


@pytest.mark.parametrize("word", ["K_S0", "Lambda0", "pi0", "B+", "D0", "310", "what"])
def test_guns_of_what_decays_point_to_decay(word):
    with pytest.raises(SourceError, match=f"no gun for '{re.escape(word)}'") as caught:
        open_source(f"gun:{word}", n_events=1, seed=1)
    assert "-13" not in str(caught.value) and ", ".join(SPECIES) in str(caught.value)
    (example,) = re.findall(r"'(decay:.*)'$", str(caught.value))

    assert len(next(iter(open_source(example, n_events=2, seed=1)))) == 2


# --- shorter files


@pytest.mark.parametrize("more", [(), ("--workers", 2), ("--split-events", 2)])
def test_a_shorter_file_says_so(run, tmp_path, more):
    write_sample(tmp_path / "a.hepmc", 5)
    words = ("simulate", tmp_path / "a.hepmc", "-o", tmp_path / "out.root", *more)
    code, out, err = run(*words, "-n", 7)
    assert code == 0 and "5 events" in out
    note, said = err.splitlines()
    assert note.startswith("note: each GenEvent is read as one event")
    assert said == f"{tmp_path}/a.hepmc: ended after 5 of the 7 events asked for (-n)"
    assert run(*words, "-n", 5, "--force")[::2] == (0, f"{note}\n")
    assert run(*words, "--force")[::2] == (0, f"{note}\n")


def test_skipped_events_and_draws_are_not_missing(tmp_path, models):
    path = write_sample(tmp_path / "a.hepmc", 6)
    text = path.read_text().splitlines(keepends=True)
    third = [k for k, line in enumerate(text) if line.startswith("E ")][2]
    text[third + 2] = text[third + 2].replace(" ", " x", 1)
    path.write_text("".join(text))
    config = {"skip_bad": True, "oversample": 3, "force": True}
    for n, missing in ((6, 0), (9, 3)):
        run = RunConfig(str(path), tmp_path / "out.root", n, **config)
        summary = simulate(run, models / "tiny.yaml", models)
        assert (summary.events, len(summary.skipped), summary.missing) == (15, 1, missing)


# --- candidates


@pytest.mark.parametrize("split", [0, 30])
def test_candidates_are_told(tmp_path, split, run, capsys):
    """Those of all files together, as many as their trees hold."""
    import uproot

    requests = tuple(make_requests([f"charm: {D0}"], True, [], Selection(min_pt=0.0)))
    config = RunConfig(
        f"decay:{D0}?n=3",
        tmp_path / "out.root",
        100,
        decays=requests,
        split_events=split,
    )
    summary = simulate(config)
    held = [uproot.open(p)["charm/DecayTree"].num_entries for p in summary.outputs]
    assert len(held) == (4 if split else 1)
    assert summary.decays.counts == {"charm": sum(held)} and sum(held) > 50
    assert summary.decays.events == 100
    show(config, summary)
    lines = capsys.readouterr().out.splitlines()
    assert re.match(rf"  charm: {sum(held)} candidates \(\d+ signal", lines[1])
    words = ("decays", *summary.outputs, "--decay", f"charm: {D0}", "--combinatorial")
    code, out, err = run(*words, "--min-pt", 0, "-o", tmp_path / "again.root", "-n", 101)
    assert code == 0 and f"again.root: 100 events\n{lines[1]}\n" in out
    assert err.endswith(": ended after 100 of the 101 events asked for (-n)\n")


# --- progress


def test_the_bar_is_silent_without_a_terminal(capfd):
    with progress(10) as bar:
        bar.advance(5)
        bar.describe("numbers")
    assert capfd.readouterr() == ("", "")


HOLDS = """
import ctypes, os, sys
from lamarr_like.system.progress import progress
hold = ctypes.PyDLL(None).usleep  # with the lock of the interpreter, as Pythia starts
with progress(10, "starting Pythia") as bar:
    while not os.path.exists(sys.argv[1]):
        hold(500000)
    bar.advance(4)
    while not os.path.exists(sys.argv[2]):
        hold(500000)
"""


def test_the_bar_moves_while_the_process_is_busy(tmp_path):
    """On a terminal: many frames of the spinner, then the events, and nothing is left."""
    parent, child = pty.openpty()
    files = [tmp_path / "started", tmp_path / "done"]
    process = subprocess.Popen([sys.executable, "-c", HOLDS, *files], stderr=child)
    os.close(child)
    frames, shown = set(), ""
    while True:
        try:
            shown += os.read(parent, 4096).decode(errors="ignore")
        except OSError:  # the other end is closed
            break
        frames = set(re.findall(r"([\u2800-\u28ff])[^\u2800-\u28ff]*starting Pythia", shown))
        if len(frames) > 2:
            files[0].touch()
        if "4/10" in shown:
            files[1].touch()
    os.close(parent)
    assert process.wait(60) == 0
    assert len(frames) > 2 and "events" in shown
    assert shown.endswith("\x1b[2K")  # the line is cleared


def test_what_the_bar_says(monkeypatch, capsys):
    draw(0, "starting", "events", ["+3\n", "figures\n"])
    assert "Traceback" not in capsys.readouterr().err


# --- completion


def test_completion_can_be_installed(tmp_path):
    program = (
        "import sys; sys.argv[0] = 'lamarr-like'; from lamarr_like.__main__ import main; main()"
    )
    environment = {**os.environ, "HOME": str(tmp_path)}
    script = f'{sys.executable} -c "{program}" --install-completion; true'
    done = subprocess.run(
        ["bash", "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert "completion installed" in done.stdout, done.stderr
    (script,) = (tmp_path / ".bash_completions").iterdir()
    assert "_LAMARR_LIKE_COMPLETE=complete_bash" in script.read_text()
    asked = {"COMP_WORDS": "lamarr-like si", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**environment, **asked, "_LAMARR_LIKE_COMPLETE": "complete_bash"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["simulate"]
