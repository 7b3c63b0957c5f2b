"""Productions: cutting, exactly once, resuming, merging."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hepmc_samples import write_sample
from production_samples import (
    GUN,
    production,
    same,
)

from lamarr_like.distributed.produce import Watcher, run_production
from lamarr_like.distributed.units import N_SEEDS, count_events, make_plan
from lamarr_like.errors import ProductionError
from lamarr_like.events import concatenate
from lamarr_like.io.digest import ContentHash
from lamarr_like.io.generators.pythia import BLOCK, PythiaSource
from lamarr_like.io.ntuple import content_digest, read_events, read_provenance
from lamarr_like.io.sources import open_source
from lamarr_like.rng import stage_key
from lamarr_like.runs.simulate import RunConfig, simulate


@pytest.mark.parametrize(
    ("text", "add"),
    [
        (f"gun:{GUN}", ("gun:mu+", "decay:B0 -> K+ pi-")),
        ("decay:B0 -> K+ pi-", ()),
    ],
)
def test_events_are_the_same_however_a_source_is_cut(text, add):
    def events(first, stop):
        source = open_source("+".join((text, *add)), n_events=stop, seed=3, start=100)
        return concatenate(source.events_between(100 + first, 100 + stop))

    whole = events(0, 70)
    assert np.array_equal(whole.event["event_id"], np.arange(100, 170))
    assert same(concatenate([events(0, 13), events(13, 60), events(60, 70)]), whole)


def test_collisions_are_the_same_however_they_are_cut():
    source = PythiaSource("pythia:minbias", "minbias", 70, 3, 1.5, {})
    source.start = 100

    def events(first, stop):
        return concatenate(source.events_between(100 + first, 100 + stop))

    whole = events(0, 70)
    assert np.array_equal(whole.event["event_id"], np.arange(100, 170))
    assert same(concatenate([events(60, 70)]), whole.events(60, 70))
    assert same(concatenate([events(0, 13), events(13, 60)]), whole.events(0, 60))
    # The first block of another source is the block of the same numbers of one that starts at 0.
    direct = source.made(100 // BLOCK)
    assert same(whole.events(0, BLOCK), direct)


def test_ranges_of_files(tmp_path):
    path = write_sample(tmp_path / "a.hepmc", 40)
    text = str(path)
    assert count_events(text) == 40
    source = open_source(text, n_events=None, seed=3, start=50)
    whole = concatenate(source.events_between(50, 90))
    assert np.array_equal(whole.event["event_id"], np.arange(50, 90))
    parts = [concatenate(source.events_between(50 + a, 50 + b)) for a, b in ((0, 7), (7, 40))]
    assert same(concatenate(parts), whole)


def test_plan_covers_every_event_once_and_is_stable(tmp_path, models):
    files = [write_sample(tmp_path / f"{k}.hepmc", n).name for k, n in enumerate((3, 5))]
    sources = [
        {"gun": GUN, "events": 130},
        {"files": ["?.hepmc"]},
        {"pythia": "minbias", "events": 61, "pileup": 2},
    ]
    config = production(tmp_path, models, sources=sources)
    plan = make_plan(config, {})
    assert plan == make_plan(config, {})
    assert [u.events for u in plan.units] == [30, 30, 30, 30, 10, 3, 5, 30, 30, 1]
    ranges = [u.range for u in plan.units]
    assert all(a[1] <= b[0] for a, b in pairwise(ranges))
    # Each source starts a block of Pythia of its own; files of a source count on.
    assert [ranges[k][0] for k in (0, 5, 6, 7)] == [0, 150, 153, 200]
    assert [Path(i.path).name for i in plan.inputs][:2] == files
    assert [i.events for i in plan.inputs][:2] == [3, 5]
    # Beside them there are Pythia's own data.
    assert {Path(i.path).name for i in plan.inputs[2:]} >= {"xmldoc", "pdfdata"}
    assert [u.inputs for u in plan.units][4:7] == [(), plan.inputs[:1], plan.inputs[1:2]]
    assert plan.units[-1].inputs == plan.inputs[2:]
    assert plan.events == 130 + 8 + 61
    split = [{"files": ["1.hepmc"], "split": True, "events": 4}]
    config = production(tmp_path, models, sources=split, unit_events=3)
    assert [(u.first, u.stop) for u in make_plan(config, {}).units] == [(0, 3), (3, 4)]


def test_overlapping_seeds_of_pythia_are_refused(tmp_path, models):
    sources = [
        {"pythia": "bbbar", "events": 5000, "pileup": 2},
        {"pythia": "minbias", "events": 100_000_000 * BLOCK},
    ]
    # Somewhere among so many seeds lies the start of the other stream.
    config = production(tmp_path, models, sources=sources, unit_events=10**9)
    refused = 0
    for seed in range(30):
        distance = int(stage_key(seed, "pythia_pileup")) - int(stage_key(seed, "pythia"))
        near = distance % N_SEEDS < 100_000_100 or -distance % N_SEEDS < 100
        try:
            make_plan(replace(config, seed=seed), {})
            assert not near
        except ProductionError as error:
            assert near and "take another seed" in str(error)
            refused += 1
    assert refused


@pytest.mark.parametrize("root_format", ["ttree", "rntuple"])
def test_digest_in_memory_is_that_of_the_file(tmp_path, models, root_format):
    path = tmp_path / "a.root"
    config = RunConfig(f"gun:{GUN}", path, n_events=50, root_format=root_format)
    simulate(config, models / "tiny.yaml", models)
    found = ContentHash()
    for batch in read_events(path, step_size=7):
        found.update(batch)
    assert (found.hexdigest(), found.events) == (content_digest(path), 50)


def test_workers_and_cuts_give_what_a_single_run_gives(tmp_path, models):
    one = tmp_path / "one.root"
    simulate(RunConfig(f"gun:{GUN}", one, n_events=200, seed=7), models / "tiny.yaml", models)
    seen = []
    config = production(tmp_path, models, unit_events=47, merge="all.root")
    watcher = Watcher(total=seen.append, advance=seen.append)
    report = run_production(config, workers=2, watcher=watcher, command="lamarr-like batch x")
    assert (report.status, report.exit_code, report.done) == ("complete", 0, 5)
    assert seen[0] == sum(seen[1:]) == 200
    assert report.digest == content_digest(one)
    assert 50 < report.memory < 1000
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["status"] == "complete" and manifest["failures"] == []
    assert [u["first_event"] for u in manifest["units"]] == [0, 47, 94, 141, 188]
    for unit in manifest["units"]:
        assert unit["digest"] == content_digest(tmp_path / "out" / unit["output"])
    assert manifest["merged"]["digest"] == report.digest
    assert manifest["run"]["command"] == "lamarr-like batch x"
    provenance = read_provenance(tmp_path / "out" / "part-000001.root")
    assert provenance["events"] == [47, 94] and provenance["seed"] == 7
    assert provenance["models"] == manifest["production"]["models"]


def test_resume_makes_only_what_is_missing_or_damaged(tmp_path, models, in_process):
    config = production(tmp_path, models)
    digest = run_production(config, merge=True).digest
    out = config.output
    before = {p.name: p.stat().st_mtime_ns for p in out.glob("part-*.root")}
    (out / "part-000001.root").unlink()
    (out / "part-000002.json").unlink()
    (out / "part-000003.json").write_text("{")
    whole = (out / "part-000004.root").read_bytes()
    (out / "part-000004.root").write_bytes(whole[: len(whole) // 2])
    middle = len(whole) // 2
    whole = (out / "part-000005.root").read_bytes()
    (out / "part-000005.root").write_bytes(whole[:middle] + bytes(64) + whole[middle + 64 :])
    (out / ".part-000006.root.0123456789ab.tmp").write_text("left behind")
    with pytest.raises(ProductionError, match="go on with --resume"):
        run_production(config)
    report = run_production(config, resume=True, merge=True)
    assert (report.made, report.done, report.digest) == (5, 7, digest)
    kept = [k for k, t in before.items() if (out / k).stat().st_mtime_ns == t]
    assert sorted(kept) == ["part-000000.root", "part-000006.root"]
    assert not list(out.glob(".*.tmp"))


def test_resume_refuses_another_production(tmp_path, models, in_process):
    run_production(production(tmp_path, models))
    for change in ({"seed": 8}, {"unit_events": 31}):
        with pytest.raises(ProductionError, match=f"another {next(iter(change))}"):
            run_production(production(tmp_path, models, **change), resume=True)
    # What the contents do not depend on may change.
    report = run_production(production(tmp_path, models, retries=5, chunk_size=9), resume=True)
    assert (report.made, report.done) == (0, 7)


def test_files_make_a_production(tmp_path, models, in_process):
    for k, n in enumerate((4, 6)):
        write_sample(tmp_path / f"{k}.hepmc", n)
    config = production(tmp_path, models, sources=[{"files": ["*.hepmc"]}])
    report = run_production(config, merge=True)
    assert (report.units, report.events) == (2, 10)
    one = tmp_path / "one.root"
    simulate(RunConfig(str(tmp_path / "?.hepmc"), one, seed=7), models / "tiny.yaml", models)
    assert report.digest == content_digest(one)
