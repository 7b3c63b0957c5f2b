"""The command line: whole runs on tiny models, and errors in one line."""

from __future__ import annotations

import configparser
import subprocess
import sys

import numpy as np
import pytest
from chain_fakes import numbered, truth_events
from places import TOP
from typer.testing import CliRunner

from lamarr_like import __version__, cli
from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.errors import LamarrLikeError, OutputError
from lamarr_like.events import concatenate
from lamarr_like.io.ntuple import content_digest, read_events, read_provenance
from lamarr_like.runs.loop import in_order
from lamarr_like.runs.simulate import RunConfig, simulate
from lamarr_like.system.extras import EXTRAS
from lamarr_like.system.processes import worker_pool

GUN = "gun:K-?p=3-100&eta=2-5"


@pytest.fixture(scope="module")
def models(whole_chain):
    return whole_chain


@pytest.fixture
def run(models, capsys, monkeypatch):
    """Call the command; gives its exit status, output and error output."""

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


def test_version_is_fast_because_nothing_heavy_is_imported():
    code = (
        "import sys, lamarr_like.cli;"
        "print([m for m in ('numpy', 'awkward', 'uproot', 'onnxruntime', 'xgboost', 'rich')"
        " if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_version(run):
    assert run("--version") == (0, f"lamarr-like {__version__}\n", "")


def test_every_command_has_a_line_of_help():
    out = CliRunner().invoke(cli.app, ["--help"]).output
    for command in cli.app.registered_commands:
        name = command.name or command.callback.__name__
        assert name in out
        assert command.callback.__doc__


def test_simulate_writes_the_ntuple(run, tmp_path):
    path = tmp_path / "out.root"
    code, out, err = run("simulate", GUN, "-o", path, "-n", 30, "--seed", 4)
    assert (code, err) == (0, "")
    assert "out.root: 30 events, 30 generated particles" in out
    for step in ("reading", "propagation", "rich", "writing", "events/s"):
        assert step in out
    batch = concatenate(read_events(path))
    assert len(batch) == 30
    assert {"event", "particle", "track", "reco_vertex"} <= set(batch.tables)
    assert (np.abs(batch.linked("mc_pdg_id")) == 321).all()
    provenance = read_provenance(path)
    assert provenance["source"] == GUN
    assert provenance["seed"] == 4
    assert provenance["pipeline"] == "tiny"
    assert provenance["models"]["rich"]["model"] == "rich-tiny-1"
    assert provenance["command"].startswith("lamarr-like simulate 'gun:")


def test_content_does_not_depend_on_chunks(run, tmp_path):
    digests = set()
    for size in (1, 7, 1000):
        path = tmp_path / f"{size}.root"
        assert run("simulate", GUN, "-o", path, "-n", 20, "--chunk-size", size)[0] == 0
        digests.add(content_digest(path))
    assert len(digests) == 1
    assert run("simulate", GUN, "-o", path, "-n", 20, "--seed", 2, "--force")[0] == 0
    assert content_digest(path) not in digests


def test_a_dry_run_checks_and_writes_nothing(run, tmp_path):
    path = tmp_path / "out.root"
    code, out, err = run("simulate", GUN, "-o", path, "-n", 20, "--dry-run")
    assert (code, err) == (0, "") and not list(tmp_path.iterdir())
    assert f"source: {GUN}, events: 20, seed 1" in out and f"would write {path}" in out
    assert "pipeline: tiny" in out and "  rich: rich-tiny-1, digest " in out
    code, _, err = run("simulate", GUN, "-o", tmp_path / "no" / "x.root", "-n", 2, "--dry-run")
    assert code == 2 and "there is no folder" in err
    code, _, err = run("simulate", "absent.hepmc", "-o", path, "--dry-run")
    assert code == 2 and "no such file" in err


def test_a_quiet_run_tells_nothing(run, tmp_path):
    path = tmp_path / "out.root"
    assert run("simulate", GUN, "-o", path, "-n", 5, "--quiet") == (0, "", "")
    assert len(concatenate(read_events(path))) == 5
    code, out, err = run("simulate", GUN, "-o", path, "-n", 5, "-q")
    assert (code, out) == (2, "") and "--force" in err


def test_rntuple(run, tmp_path):
    path = tmp_path / "out.root"
    assert run("simulate", GUN, "-o", path, "-n", 5, "--format", "rntuple")[0] == 0
    assert len(concatenate(read_events(path))) == 5


def test_detailed_sample_can_be_simulated_again(run, tmp_path):
    sample, fast = tmp_path / "sample.root", tmp_path / "fast.root"
    code, out, _ = run("detailed", GUN, "-o", sample, "-n", 6, "--seed", 3)
    assert code == 0
    assert "detector" in out
    detailed = concatenate(read_events(sample))
    assert {"track", "reco_vertex"} <= set(detailed.tables)
    assert run("simulate", sample, "-o", fast)[0] == 0
    again = concatenate(read_events(fast))
    np.testing.assert_array_equal(again.particle["mc_px"], detailed.particle["mc_px"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("simulate", "absent.hepmc", "-o", "x.root"), "absent.hepmc: no such file"),
        (("simulate", "gun:pi+", "-o", "no/x.root", "-n", 2), "there is no folder no"),
        (("simulate", "gun:pi+", "-o", "x.root", "-n", 2, "--pileup", 3), "has no pile-up"),
        (("detailed", "gun:what", "-o", "x.root", "-n", 2), "gun:what"),
        (("inspect", "absent"), "no model 'absent'"),
    ],
)
def test_errors_are_one_line(run, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*words)
    assert code == 2
    assert out == ""
    assert err.startswith("lamarr-like: error: ")
    assert message in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_wrong_options_are_refused(run):
    code, _, err = run("simulate", GUN, "-o", "x.root", "-n", 0)
    assert code == 2
    assert "Usage" in err


def test_inspect(run, models):
    code, out, _ = run("inspect", "rich-tiny-1", "--models", models)
    assert code == 0
    for text in ("rich_dll_k", "exp_k_cf4", "generator", "sha256", "# rich"):
        assert text in out


def test_nothing_is_left_of_a_run_that_fails(models, tmp_path, monkeypatch):
    def broken(self, batch, seed=1, is_gun=False):
        raise OutputError("broken on purpose")

    monkeypatch.setattr(Pipeline, "__call__", broken)
    config = RunConfig(GUN, tmp_path / "out.root", n_events=4)
    with pytest.raises(OutputError, match="on purpose"):
        simulate(config, models / "tiny.yaml", models)
    assert not list(tmp_path.iterdir())


def test_bad_chunk_size(models, tmp_path):
    config = RunConfig(GUN, tmp_path / "out.root", n_events=4, chunk_size=0)
    with pytest.raises(OutputError, match="chunk of 0 events"):
        simulate(config, models / "tiny.yaml", models)


def test_progress_is_told(models, tmp_path):
    seen = []
    config = RunConfig(GUN, tmp_path / "out.root", n_events=7, chunk_size=3)
    summary = simulate(config, models / "tiny.yaml", models, seen.append)
    assert seen == [3, 3, 1]
    assert summary.events == 7
    assert sum(summary.seconds.values()) <= summary.wall * 1.01
    assert summary.rate == 7 / summary.wall


def test_workers_keep_the_order():
    batch = truth_events(12)
    chunks = [batch.events(i, i + 2) for i in range(0, 12, 2)]
    with worker_pool(2) as pool:
        out = concatenate(in_order(pool, numbered, chunks, 2))
    np.testing.assert_array_equal(out.event["mc_weight"], batch.event["event_id"] * 2.0)


@pytest.mark.parametrize(
    ("module", "extra"),
    [
        ("numba", "detailed"),
        ("jinja2", "report"),
        ("mplhep", "plot"),
        ("distributed", "batch"),
        ("tensorflow", "train"),
        ("aiohttp", "url"),
    ],
)
def test_missing_extra_is_named(monkeypatch, capsys, module, extra):
    from lamarr_like import cli

    def without():
        raise ModuleNotFoundError(f"No module named '{module}.x'", name=f"{module}.x")

    monkeypatch.setattr(cli, "app", without)
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 2
    err = capsys.readouterr().err
    assert f"pip install -e '.[{extra}]'" in err and err.count("\n") == 1


def test_other_missing_modules_are_not_ours_to_explain(monkeypatch):
    def without():
        raise ModuleNotFoundError("No module named 'numpy'", name="numpy")

    monkeypatch.setattr(cli, "app", without)
    with pytest.raises(ModuleNotFoundError, match="numpy"):
        cli.main()


def test_the_library_names_the_extra_before_it_begins(tmp_path, monkeypatch):
    from lamarr_like.runs.simulate import simulate_detailed
    from lamarr_like.training.train import train
    from lamarr_like.validation.objects.draw import draw_part
    from lamarr_like.validation.report import command, write

    config = RunConfig(GUN, tmp_path / "a.root", 3)
    for module, extra, call in (
        ("numba", "detailed", lambda: simulate_detailed(config)),
        ("tensorflow", "train", lambda: list(train("rich", [], output=tmp_path))),
        ("jinja2", "report", lambda: command.run([tmp_path / "x"], [], tmp_path / "r")),
        ("hist", "report", lambda: write.write_report(None, tmp_path / "r")),
        ("matplotlib", "plot", lambda: draw_part("ecal", None, tmp_path / "a.png")),
    ):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, module, None)
            with pytest.raises(ModuleNotFoundError) as caught:
                call()
        assert isinstance(caught.value, LamarrLikeError) and caught.value.name == module
        assert f"this needs {module}: pip install -e '.[{extra}]'" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_extras_hold_what_is_said_of_them():
    """The table agrees with the metadata of the package."""
    text = (TOP / "setup.cfg").read_text()
    setup = configparser.ConfigParser()
    setup.read_string(text)
    names = {"dask_jobqueue": "dask-jobqueue", "sklearn": "scikit-learn"}
    names |= {"tensorflow": "tensorflow-cpu", "geant4_pybind": "geant4-pybind"}
    base = setup["options"]["install_requires"]
    for extra, modules in EXTRAS.items():
        brought = setup["options.extras_require"][extra] + base
        for module in modules:
            if module != "fsspec":  # comes with uproot
                assert names.get(module, module) in brought, (extra, module)


@pytest.mark.parametrize(
    "module",
    [
        "validation.report.gather",
        "validation.report.compute",
        "validation.objects.compare",
        "decays.run",
        "distributed.produce",
    ],
)
def test_only_the_detailed_simulation_needs_numba(module):
    code = f"import sys; sys.modules['numba'] = None; import lamarr_like.{module}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
