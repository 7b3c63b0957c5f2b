"""A full simulation of one's own: the tutorial's flat file, its twin, its pipeline in use."""

from __future__ import annotations

import runpy
import shutil

import numpy as np
import pytest
import yaml
from places import TOP
from twin_toys import LOOSE

from lamarr_like.io.ntuple_reader import read_events, read_provenance
from lamarr_like.registry.store import read_index
from lamarr_like.runs.config import RunConfig
from lamarr_like.runs.simulate import simulate
from lamarr_like.twin.config import load_twin
from lamarr_like.twin.graph import steps_of
from lamarr_like.twin.run import run
from lamarr_like.twin.store import Store
from lamarr_like.twin.work import Bench

TUTORIALS = TOP / "tutorials"
GUN = "gun:pi+,pi-?p=3-60&eta=2.2-4.5&n=8"


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    """The twin of the tutorial on fewer events, with shorter trainings and looser thresholds."""
    pytest.importorskip("tensorflow")
    home = tmp_path_factory.mktemp("foreign")
    make = runpy.run_path(str(TUTORIALS / "own_simulation.py"))["full_simulation"]
    make(300, home / "full.parquet")
    for path in (TUTORIALS / "own_simulation").glob("*.yaml"):
        shutil.copy(path, home)
    for name, kind in (("verdict", "classifier"), ("gate", "stages")):
        checks = {kind: {**LOOSE, "absolute": 0.4, "limit": 10.0}}  # few rows, few steps
        limits = {"schema_version": 1, "false_alarm": 0.01, "checks": checks}
        (home / f"{name}.yaml").write_text(yaml.safe_dump(limits))
    document = yaml.safe_load((home / "twin.yaml").read_text())
    for model, steps in zip(document["models"], (40, 150), strict=True):
        model["steps"] = steps
    (home / "twin.yaml").write_text(yaml.safe_dump(document))
    return home


def test_from_a_flat_file_to_a_pipeline_in_use(twin):
    steps = steps_of(load_twin(twin / "twin.yaml"))
    bench = Bench(Store(twin / "work"), twin / "work" / "registry", "lamarr-like twin twin.yaml")
    outcomes = run(steps, bench)
    assert not [one for one in outcomes if one.error], outcomes
    models = read_index(bench.registry).models
    assert {name: one.life for name, one in models.items()} == {
        "occupancy-mine-1": "approved",
        "resolution-mine-1": "approved",
    }
    # Learnt from the first 70 % of the events, measured on the others.
    assert models["resolution-mine-1"].lineage["data"] == ["full.parquet"]
    assert models["resolution-mine-1"].lineage["events"] == 210
    pipeline = bench.store.place(steps[-1]) / "mine.yaml"
    output = twin / "ntuple.root"
    config = RunConfig(GUN, output, n_events=40, seed=3, chunk_size=40)
    simulate(config, str(pipeline), models=bench.registry)
    used = read_provenance(output)["models"]
    assert {s: used[s]["digest"] for s in ("occupancy", "resolution")} == {
        s: models[f"{s}-mine-1"].digest for s in ("occupancy", "resolution")
    }
    (batch,) = read_events(output)
    p = batch.track["p"]
    assert len(p) > 50 and np.isfinite(p).all() and (p > 0).all()
