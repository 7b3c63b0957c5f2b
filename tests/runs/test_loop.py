"""One run by several processes: the file of one process, numbered files, faults."""

import os
import pickle
import sys
from dataclasses import replace

import numpy as np
import pytest
from hepmc_samples import write_sample
from production_samples import GUN

from lamarr_like import cli
from lamarr_like.chain.pipeline import Pipeline, identity
from lamarr_like.decays.command import make_requests
from lamarr_like.decays.request import Selection
from lamarr_like.errors import (
    ArtefactError,
    BadEventError,
    DecayError,
    OutputError,
    PipelineError,
    ProductionError,
    SchemaError,
)
from lamarr_like.events import concatenate, rebatch
from lamarr_like.io.ntuple import content_digest, read_events, read_provenance
from lamarr_like.io.ntuple_reader import read_weight_names
from lamarr_like.runs import loop
from lamarr_like.runs.loop import _make, _Range
from lamarr_like.runs.recipe import _LOADED, Recipe
from lamarr_like.runs.simulate import RunConfig, simulate


@pytest.fixture(autouse=True)
def nothing_remembered():
    """What workers keep for a whole run does not outlive a test in this process."""
    _LOADED.clear()
    loop._source.cache_clear()


class OnTheSpot:
    """A pool without processes, for all but the tests of processes."""

    _processes = None

    def submit(self, function, *arguments):
        outcome = function(*arguments)
        return type("Done", (), {"result": lambda _: outcome, "cancel": lambda _: None})()


@pytest.fixture
def on_the_spot(monkeypatch):
    from contextlib import contextmanager

    @contextmanager
    def pool(workers):
        yield OnTheSpot()

    monkeypatch.setattr(loop, "_pool", pool)


def run(config, models, workers=2):
    return simulate(config, models / "tiny.yaml", models, workers=workers)


SOURCES = [
    (f"gun:{GUN}", None),
    ("decay:B0 -> K+ pi-+gun:mu+", None),
    ("pythia:minbias+decay:B0 -> K+ pi-+gun:mu+", 1.5),
    ("pythia:bbbar", None),
]


@pytest.mark.parametrize(("source", "pileup"), SOURCES)
def test_shared_run_is_the_plain_one(tmp_path, models, on_the_spot, source, pileup):
    common = {"n_events": 70, "seed": 4, "pileup": pileup, "command": "x"}
    alone = simulate(RunConfig(source, tmp_path / "a.root", **common), models / "tiny.yaml", models)
    config = RunConfig(source, tmp_path / "b.root", chunk_size=50, **common)
    summary = run(config, models)
    assert content_digest(tmp_path / "a.root") == content_digest(tmp_path / "b.root")
    assert read_provenance(tmp_path / "a.root") == read_provenance(tmp_path / "b.root")
    for name in ("events", "particles", "tracks", "skipped", "notes"):
        assert getattr(summary, name) == getattr(alone, name)
    assert list(summary.seconds) == list(alone.seconds)
    assert all(v > 0 for v in summary.seconds.values())
    assert summary.outputs == (tmp_path / "b.root",)


CARD = """HardQCD:hardccbar = on
PhaseSpace:pTHatMin = 10.
PartonLevel:MPI = off
UncertaintyBands:doVariations = on
UncertaintyBands:List = {up isr:muRfac=0.5, down isr:muRfac=2.0}
"""


def test_names_of_weights_come_from_the_workers(tmp_path, models, on_the_spot):
    (tmp_path / "card.cmnd").write_text(CARD)
    for name, workers in (("a", 1), ("b", 2)):
        config = RunConfig(f"pythia:{tmp_path / 'card.cmnd'}", tmp_path / f"{name}.root", 12)
        run(config, models, workers)
        assert read_weight_names(tmp_path / f"{name}.root")[-2:] == ("up", "down")
    assert content_digest(tmp_path / "a.root") == content_digest(tmp_path / "b.root")


def test_files_are_read_once_by_one_process(tmp_path, models, on_the_spot):
    for k, n in enumerate((4, 6)):
        write_sample(tmp_path / f"{k}.hepmc", n)
    source = str(tmp_path / "?.hepmc") + "+gun:mu-"
    for name, chunk in (("a", 1000), ("b", 3)):
        config = RunConfig(source, tmp_path / f"{name}.root", 9, chunk_size=chunk)
        summary = run(config, models, 1 if name == "a" else 2)
        assert summary.events == 9
        assert any("GenEvent" in note for note in summary.notes)
    assert content_digest(tmp_path / "a.root") == content_digest(tmp_path / "b.root")


def test_processes_decays_and_the_command(tmp_path, models, monkeypatch, capsys):
    """Two processes, the summary, and the trees of candidates."""
    options = ["--pipeline", str(models / "tiny.yaml"), "--models", str(models)]
    words = ["simulate", f"gun:{GUN}", "-n", "230", "--seed", "3", "--chunk-size", "50"]
    for workers in (1, 2):
        more = ["-o", str(tmp_path / f"{workers}.root"), "--workers", str(workers)]
        monkeypatch.setattr(sys, "argv", ["lamarr-like", *words, *more, *options])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        assert stop.value.code == 0
    out = capsys.readouterr().out
    assert "2.root: 230 events" in out and "2 workers" in out and " MB" in out
    assert content_digest(tmp_path / "1.root") == content_digest(tmp_path / "2.root")
    assert "--workers 2" in read_provenance(tmp_path / "2.root")["command"]
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["1.root", "2.root"]


def test_numbered_files(tmp_path, models, on_the_spot):
    common = {"n_events": 120, "chunk_size": 50}
    run(RunConfig(f"gun:{GUN}", tmp_path / "one.root", **common), models)
    whole = concatenate(read_events(tmp_path / "one.root"))
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        folder.mkdir()
        config = RunConfig(f"gun:{GUN}", folder / "out.root", split_events=40, **common)
        summary = run(config, models, workers)
        assert [p.name for p in summary.outputs] == [f"out-{k:06d}.root" for k in range(3)]
        assert sorted(folder.iterdir()) == list(summary.outputs)
        parts = [concatenate(read_events(p)) for p in summary.outputs]
        assert [len(p) for p in parts] == [40, 40, 40]
        joined = concatenate(parts)
        for table, column in (
            ("event", "event_id"),
            ("particle", "mc_px"),
            ("track", "track_type"),
        ):
            assert np.array_equal(joined[table][column], whole[table][column])
        with pytest.raises(OutputError, match="out-000000.root: is there already"):
            run(config, models, workers)


def test_numbered_files_are_all_or_none(tmp_path, models, on_the_spot):
    write_sample(tmp_path / "a.hepmc", 40)
    text = (tmp_path / "a.hepmc").read_text()
    (tmp_path / "a.hepmc").write_text(text[: int(len(text) * 0.95)])
    for split in (0, 10):
        config = RunConfig(
            str(tmp_path / "a.hepmc"), tmp_path / "out.root", chunk_size=5, split_events=split
        )
        with pytest.raises(BadEventError, match="GenEvent"):
            run(config, models)
        assert [p.name for p in tmp_path.iterdir()] == ["a.hepmc"]


def test_errors_of_workers_come_back_as_they_are(tmp_path, models):
    config = RunConfig("pythia:minbias", tmp_path / "a.root", 50, pileup=2000.0)
    with pytest.raises(Exception, match="makes no sense"):
        run(config, models)
    for error in (BadEventError("a.hepmc", 3, "no"), DecayError("no", "B0 -> K+", 3)):
        back = pickle.loads(pickle.dumps(error))
        assert (type(back), str(back), vars(back)) == (type(error), str(error), vars(error))


def kill_self(config, convert, piece):
    os._exit(9)


def test_killed_worker_is_an_error_and_leaves_nothing(tmp_path, models, monkeypatch):
    monkeypatch.setattr(loop, "_make", kill_self)
    config = RunConfig(f"gun:{GUN}", tmp_path / "a.root", 120, chunk_size=50)
    with pytest.raises(ProductionError, match="a worker was killed"):
        run(config, models)
    assert not list(tmp_path.iterdir())


def test_models_that_change_during_the_run(tmp_path, models):
    config = RunConfig(f"gun:{GUN}", tmp_path / "a.root", 120)
    recipe = Recipe(str(models / "tiny.yaml"), models, provenance="{}")
    with pytest.raises(PipelineError, match="was changed during the run"):
        _make(config, recipe, _Range(0, 5))


def test_candidates_of_a_shared_run(tmp_path, whole_chain, on_the_spot):
    import uproot

    decays = tuple(make_requests(["B0 -> K+ pi-"], False, [], Selection()))
    entries = []
    folder = tmp_path / "out"
    folder.mkdir()
    for workers, split in ((1, 0), (2, 0), (2, 60)):
        path = folder / f"{workers}{split}.root"
        config = RunConfig(
            "decay:B0 -> K+ pi-", path, 120, chunk_size=50, decays=decays, split_events=split
        )
        n = 0
        for one in run(config, whole_chain, workers).outputs:
            with uproot.open(one) as file:
                trees = [k for k, kind in file.classnames().items() if k.endswith("DecayTree;1")]
                n += sum(file[k].num_entries for k in trees)
        entries.append(n)
    assert entries[0] == entries[1] == entries[2] > 0


def test_oversampled_runs(tmp_path, models, on_the_spot):
    """Each generated event drawn three times, however many processes and whatever the chunks."""
    common = {"n_events": 20, "seed": 4, "command": "x", "oversample": 3}
    path = models / "tiny.yaml"
    alone = simulate(RunConfig(f"gun:{GUN}", tmp_path / "a.root", **common), path, models)
    small = RunConfig(f"gun:{GUN}", tmp_path / "b.root", chunk_size=7, **common)
    shared = run(replace(small, output=tmp_path / "c.root"), models)
    simulate(small, path, models)
    digests = {content_digest(tmp_path / f"{name}.root") for name in "abc"}
    assert len(digests) == 1
    assert alone.events == shared.events == 60
    assert alone.out_of_range == shared.out_of_range
    (batch,) = read_events(tmp_path / "a.root", step_size=100)
    assert (batch.event["group_id"] == np.repeat(np.arange(20), 3)).all()
    assert read_provenance(tmp_path / "a.root")["oversample"] == 3
    with pytest.raises(SchemaError, match="draws of each event"):
        simulate(replace(small, oversample=0), path, models)


def test_identity_is_that_of_the_loaded_pipeline(models, tmp_path):
    assert identity("reference") == Pipeline.load("reference").provenance
    path = models / "tiny.yaml"
    assert identity(path, models) == Pipeline.load(path, models).provenance
    with pytest.raises(ArtefactError, match="no model '.*-tiny-1'"):
        identity(path, tmp_path)
    (tmp_path / "p.yaml").write_text("schema_version: 1\nname: p\nstages: [{stage: nothing}]\n")
    with pytest.raises(PipelineError, match="nothing"):
        identity(tmp_path / "p.yaml")


def test_small_events_come_many_at_a_time(tmp_path):
    """By default a chunk holds as many particles as one of collisions; a number asked for holds."""
    batch = concatenate(loop.open_source("gun:mu-?p=3-100&n=2", n_events=50, seed=1))
    for size, particles, expected in ((3, 0, 3), (3, 5, 3), (3, 6, 3), (3, 7, 4), (3, 21, 11)):
        parts = list(rebatch([batch.events(0, 20), batch.events(20, 50)], size, particles))
        assert {len(part) for part in parts[:-1]} == {expected} and len(parts[-1]) <= expected
        joined = concatenate(parts).particle
        assert np.array_equal(joined["mc_px"], batch.particle["mc_px"])
    config = RunConfig("gun:mu-", tmp_path / "a.root", 10)
    assert config.generated_chunk == 1000 and config.generated_particles == 30_000
    assert replace(config, oversample=10).generated_particles == 3000
    asked = replace(config, chunk_size=7)
    assert asked.generated_chunk == 7 and asked.generated_particles == 0
