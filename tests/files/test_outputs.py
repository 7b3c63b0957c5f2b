"""What may be written: no input, nothing that is there unless forced, nothing but regular files."""

import fcntl
import os
import shutil
import socket
import sys
import zlib
from pathlib import Path

import pytest
from chain_fakes import truth_events
from hepmc_samples import write_sample
from places import DATA
from production_samples import GUN, production, write_production

from lamarr_like import cli
from lamarr_like.decays.request import DecayRequest
from lamarr_like.decays.run import reconstruct_decays
from lamarr_like.distributed.produce import run_production
from lamarr_like.engine.artefact import write_artefact
from lamarr_like.errors import ArtefactError, OutputError
from lamarr_like.files.locations import Url, local_path
from lamarr_like.files.places import check_output, check_report
from lamarr_like.files.scratch import Scratch, write_text
from lamarr_like.io.ntuple import EventWriter, content_digest
from lamarr_like.runs.simulate import RunConfig, identify, simulate, simulate_detailed
from lamarr_like.training.train import Request, train

SHIPPED = DATA / "1"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with an ntuple, a HepMC file and links to the ntuple."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(SHIPPED / "ttree.root", "nt.root")
    write_sample(tmp_path / "a.hepmc", 3)
    shutil.copy("a.hepmc", "hepmc.root")
    os.symlink("nt.root", "soft.root")
    os.link("nt.root", "hard.root")
    (tmp_path / "card.root").write_text("SoftQCD:all = on\n")
    os.mkdir("in")
    os.link("nt.root", "in/nt.root")
    return tmp_path


@pytest.fixture
def run(monkeypatch, capsys):
    """Call the command; gives its exit status and error output."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["lamarr-like", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        return stop.value.code, capsys.readouterr().err

    return call


def contents(folder):
    return {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


D0 = "D0 -> K- pi+"
OVER_AN_INPUT = [
    ("simulate", "nt.root", "-o", "nt.root"),
    ("simulate", "hepmc.root", "-o", "hepmc.root"),
    ("simulate", "nt.root", "-o", "soft.root"),
    ("simulate", "soft.root", "-o", "nt.root"),
    ("simulate", "nt.root", "-o", "hard.root"),
    ("simulate", "nt.root", "-o", "in/../nt.root"),
    ("simulate", "in", "-o", "in/nt.root"),
    ("simulate", "n?.root", "-o", "hard.root", "--skip-bad"),
    ("simulate", "in/nt.root,nt.root", "-o", "hard.root"),
    ("simulate", "nt.root+gun:mu-", "-o", "nt.root"),
    ("simulate", "pythia:card.root", "-n", 3, "-o", "card.root"),
    ("simulate", "gun:mu-", "-n", 3, "--pipeline", "nt.root", "-o", "hard.root"),
    ("detailed", "nt.root", "-o", "soft.root"),
    ("identify", "nt.root", "-o", "nt.root"),
    ("identify", "nt.root", "-o", "hard.root"),
    ("decays", "nt.root", "--decay", D0, "-o", "nt.root"),
    ("decays", "nt.root", "in/nt.root", "--decay", D0, "-o", "soft.root"),
]


@pytest.mark.parametrize("words", OVER_AN_INPUT)
def test_no_input_is_written_over(here, run, words):
    before = contents(here)
    code, err = run(*words, "--force")
    assert code == 2
    assert "is an input of this command" in err and err.count("\n") == 1
    assert contents(here) == before


def test_inputs_named_by_url_are_inputs(here, run):
    code, err = run("simulate", f"file://{here}/nt.root", "-o", "nt.root", "--force")
    assert code == 2 and "is an input" in err
    assert local_path(Url("simplecache::file:///a/b.root")) == Path("/a/b.root")
    assert local_path(Url("https://a/b.root")) is None


@pytest.mark.parametrize("split", [0, 5])
def test_an_existing_file_needs_force(here, models, split):
    name = "out-000000.root" if split else "out.root"
    Path(name).write_text("precious")
    Path("out-000007.root").write_text("of the same set")
    config = {"n_events": 12, "split_events": split}
    for source in (f"gun:{GUN}",):
        with pytest.raises(OutputError, match=rf"{name}: is there already.*--force"):
            simulate(RunConfig(source, Path("out.root"), **config), models / "tiny.yaml", models)
    assert Path(name).read_text() == "precious"
    forced = RunConfig(f"gun:{GUN}", Path("out.root"), force=True, **config)
    summary = simulate(forced, models / "tiny.yaml", models)
    assert summary.events == 12
    assert content_digest(name)
    assert Path("out-000007.root").exists() == (not split)
    assert not list(here.glob(".*"))


def test_numbered_files_over_an_input(here, run):
    os.rename("in/nt.root", "out-000003.root")
    before = contents(here)
    words = ("simulate", "out-000003.root", "--split-events", 2, "-o", "out.root", "--force")
    code, err = run(*words)
    assert code == 2 and "out-000003.root: is an input" in err
    assert contents(here) == before


@pytest.mark.parametrize("call", ["simulate", "detailed", "identify", "decays"])
def test_the_library_refuses_as_well(here, call):
    path = here / "nt.root"
    Path("there.root").write_text("precious")
    calls = {
        "simulate": lambda out: simulate(RunConfig(str(path), out)),
        "detailed": lambda out: simulate_detailed(RunConfig(str(path), out)),
        "identify": lambda out: identify(path, out),
        "decays": lambda out: reconstruct_decays([path], out, [DecayRequest.parse(D0)]),
    }
    for out, says in ((path, "is an input"), (here / "there.root", "force=True")):
        with pytest.raises(OutputError, match=says):
            calls[call](out)
    assert Path("there.root").read_text() == "precious"


def test_only_regular_files_that_end_in_root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("fifo.root")
    os.mkdir("folder.root")
    os.symlink("nowhere", "dangling.root")
    os.symlink("/dev/null", "null.root")
    sock = socket.socket(socket.AF_UNIX)
    sock.bind("socket.root")
    sock.close()
    for name in ("fifo", "folder", "dangling", "null", "socket"):
        with pytest.raises(OutputError, match=rf"{name}\.root: is (there and no reg|a folder)"):
            check_output(f"{name}.root", force=True)
        with pytest.raises(OutputError), EventWriter(f"{name}.root", metadata={}, force=True):
            pass
    for name in ("/dev/stdout", "/dev/null", "out.txt", "out", "root", ".root", "out.root.gz"):
        with pytest.raises(OutputError, match="end in .root"):
            check_output(name, force=True)
    with pytest.raises(OutputError, match="no folder"):
        check_output("no/out.root")
    long = check_output(f"{'a' * 300}.root")
    with pytest.raises(OutputError, match="cannot be written"), EventWriter(long, metadata={}):
        pass
    assert check_output("new.root") == Path("new.root")
    os.mkdir("model")
    Path("model/SHA256SUMS").write_text("")
    with pytest.raises(OutputError, match="spoil the model"):
        check_output("model/new.root")


def test_a_file_that_appears_meanwhile_is_kept(tmp_path):
    path = tmp_path / "a.root"
    with (
        pytest.raises(OutputError, match=r"is there already.*what was written is .*a\.\d+\.root"),
        EventWriter(path, metadata={}) as writer,
    ):
        writer.write(truth_events(3))
        path.write_text("somebody else's")
    assert path.read_text() == "somebody else's"
    (other,) = set(tmp_path.iterdir()) - {path}
    assert other.name == f"a.{os.getpid()}.root" and content_digest(other)


def test_numbered_files_that_appear_meanwhile(tmp_path, models):
    def appear(n):
        (tmp_path / "out-000001.root").write_text("somebody else's")

    config = RunConfig(f"gun:{GUN}", tmp_path / "out.root", 12, split_events=5)
    with pytest.raises(OutputError, match=r"out-000001\.root: is there.*what was written is in"):
        simulate(config, models / "tiny.yaml", models, appear)
    assert (tmp_path / "out-000001.root").read_text() == "somebody else's"
    kept = tmp_path / f"out.{os.getpid()}"
    assert sorted(p.name for p in kept.iterdir()) == [f"out-{k:06d}.root" for k in range(3)]
    assert len(list(tmp_path.iterdir())) == 2


def test_what_killed_processes_left_is_removed(tmp_path):
    path = tmp_path / "a.root"
    host = zlib.crc32(socket.gethostname().encode())
    dead = tmp_path / f".a.root.{host * 10**10 + 4_000_000}.part"
    alive = tmp_path / f".a.root.{host * 10**10 + 4_000_001}.part"
    others = [
        tmp_path / f".a.root.{(host + 1) * 10**10 + 4_000_000}.part",
        tmp_path / f".b.root.{host * 10**10 + 4_000_000}.part",
        tmp_path / ".a.root.mine.part",
    ]
    folder = tmp_path / f".a.root.{host * 10**10 + 4_000_002}.part"
    for one in (dead, alive, *others):
        one.write_text("")
    folder.mkdir()
    (folder / "a-000000.root").write_text("")
    with alive.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with EventWriter(path, metadata={}) as writer:
            writer.write(truth_events(3))
    assert set(tmp_path.iterdir()) == {path, alive, *others}


def test_two_writers_of_one_name_do_not_meet(tmp_path):
    first, second = Scratch(tmp_path / "a.root"), Scratch(tmp_path / "a.root")
    first.create()
    with pytest.raises(FileExistsError):
        second.create()
    first.remove()
    assert not list(tmp_path.iterdir())


# --- folders


REPORTS = [
    (("validate", "nt.root", "--fast", "nt.root"), "report.json", "histograms.root"),
    (("fidelity", "nt.root"), "fidelity.json", "fidelity.md"),
    (("objects", "nt.root"), "objects.json", "ecal.png"),
    (("detailed-check", "nt.root"), "detailed_check.json", "detailed_check.md"),
]


@pytest.mark.parametrize(("words", "main", "other"), REPORTS)
def test_reports_replace_reports_only(here, run, words, main, other):
    out = here / "out"
    out.mkdir()
    os.link("nt.root", out / other)
    before = contents(here)
    code, err = run(*words, "-o", out, "--force")
    assert code == 2 and f"{other}: is an input" in err
    write_text(out / other, "mine")
    code, err = run(*words, "-o", out)
    assert code == 2 and f"{other}: is there already" in err
    for text, is_ours in (("{}", False), ('{"x": 1, "program": "lamarr_like 0.1"}', True)):
        (out / main).write_text(text)
        for force in (False, True):
            if is_ours or force:
                check_report(out, main, [other], [here / "nt.root"], force=force)
            else:
                with pytest.raises(OutputError, match="is there already"):
                    check_report(out, main, [other], force=force)
    code, err = run(*words, "-o", "nt.root")
    assert code == 2 and "no folder" in err
    assert contents(here).items() >= {k: v for k, v in before.items() if k.parent != out}.items()


def test_what_is_written_touches_no_other_name(here):
    before = Path("nt.root").read_bytes()
    for name in ("soft.root", "hard.root"):
        write_text(Path(name), "new")
        assert Path(name).read_text() == "new" and not Path(name).is_symlink()
    assert Path("nt.root").read_bytes() == before


def test_models_are_replaced_with_force_only(tmp_path):
    folder = tmp_path / "acceptance-pp13-1"
    config = {"kind": "x", "family": "x", "stage": "x", "sample": "x", "version": "1"}
    write_artefact(folder, {**config, "conditions": []}, {}, "# card\n")
    before = contents(folder)
    request = Request("acceptance")
    with pytest.raises(OutputError, match="is there already.*--force"):
        list(train("acceptance", [tmp_path / "x.root"], output=tmp_path, request=request))
    sample = folder / "sample.root"
    sample.write_text("precious")
    with pytest.raises(OutputError, match="is an input"):
        list(train("acceptance", [sample], output=tmp_path, request=request, force=True))
    (folder / "SHA256SUMS").unlink()
    with pytest.raises(OutputError, match="no model"):
        list(train("acceptance", [tmp_path / "x.root"], output=tmp_path, force=True))
    with pytest.raises(OutputError, match="no folder"):
        list(train("acceptance", [sample], output=sample, request=request))
    with pytest.raises(ArtefactError, match="will not be replaced"):
        write_artefact(folder, {**config, "conditions": []}, {}, "#", overwrite=True)
    assert sample.read_text() == "precious"
    assert contents(folder).items() <= {**before, sample: b"precious"}.items()
    assert [p.name for p in tmp_path.iterdir()] == [folder.name]


# --- productions


def test_productions_write_over_nothing_that_they_read(tmp_path, models, run):
    path = write_production(tmp_path, models, unit_events=10, sources=[{"files": ["out/*.root"]}])
    out = tmp_path / "out"
    out.mkdir()
    for name in ("part-000000.root", "all.root"):
        (tmp_path / "out" / name).unlink(missing_ok=True)
        shutil.copy(SHIPPED / "ttree.root", out / name)
        text = path.read_text() if name[0] == "p" else path.read_text() + "\nmerge: all.root\n"
        path.write_text(text)
        before = contents(tmp_path)
        code, err = run("batch", path, "--force")
        assert code == 2 and f"{name}: is an input" in err, err
        assert contents(tmp_path) == before
        (out / "part-000000.root").unlink(missing_ok=True)


def test_a_production_file_in_its_own_folder(tmp_path, models, run):
    path = write_production(tmp_path, models, unit_events=10, output=".")
    path = path.rename(tmp_path / "plan.json")
    before = path.read_bytes()
    code, err = run("batch", path)
    assert code == 2 and "plan.json: is an input" in err
    assert path.read_bytes() == before


def test_merged_files_are_replaced_if_they_are_merged_files(tmp_path, models):
    config = production(tmp_path, models, unit_events=100, merge="all.root")
    out = tmp_path / "out"
    out.mkdir()
    merged = out / "all.root"
    shutil.copy(SHIPPED / "ttree.root", merged)
    before = merged.read_bytes()
    with pytest.raises(OutputError, match=r"all\.root: is there already"):
        run_production(config)
    assert merged.read_bytes() == before and list(out.iterdir()) == [merged]
    assert run_production(config, force=True).merged == merged
    assert run_production(config, resume=True).merged == merged
