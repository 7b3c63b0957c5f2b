"""Productions under a workflow manager: planned, made unit by unit, joined."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from places import TOP
from production_samples import production, write_production

from lamarr_like.distributed.produce import make_unit, plan_production, run_production
from lamarr_like.errors import ProductionError

SNAKEFILE = TOP / "tutorials" / "production" / "Snakefile"


def test_units_one_by_one_are_the_production(tmp_path, models):
    config = production(tmp_path / "a", models)
    with pytest.raises(ProductionError, match="no plan is there; write it with --plan"):
        make_unit(config, 0)
    plan = plan_production(config)
    assert json.loads((config.output / "plan.json").read_text())["units"] == 7
    assert plan_production(config) == plan
    for number in (6, 0, 3, 1, 2, 5, 4):
        assert make_unit(config, number).unit == number
    stamp = (config.output / "part-000003.root").stat().st_mtime_ns
    make_unit(config, 3)  # is there: nothing to do
    assert (config.output / "part-000003.root").stat().st_mtime_ns == stamp
    report = run_production(config, resume=True, merge=True)
    assert (report.status, report.made, report.events) == ("complete", 0, 200)
    whole = run_production(production(tmp_path / "b", models), merge=True)
    assert report.digest == whole.digest


def test_wrong_units_and_plans(tmp_path, models):
    config = production(tmp_path, models)
    plan_production(config)
    with pytest.raises(ProductionError, match="no unit 7; there are 0 to 6"):
        make_unit(config, 7)
    with pytest.raises(ProductionError, match="another seed"):
        make_unit(production(tmp_path, models, seed=8), 0)
    with pytest.raises(ProductionError, match="another seed"):
        plan_production(production(tmp_path, models, seed=8))
    (config.output / "plan.json").write_text('{"inputs": [{"what": 1}]}')
    with pytest.raises(ProductionError, match=r"plan.json: is damaged"):
        make_unit(config, 0)


@pytest.mark.skipif(shutil.which("snakemake") is None, reason="needs snakemake")
@pytest.mark.parametrize("dry", [True, False])
def test_snakemake(tmp_path, models, dry):
    path = write_production(tmp_path, models, name="tiny", unit_events=100)
    program = tmp_path / "bin" / "lamarr-like"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m lamarr_like "$@"\n')
    program.chmod(0o755)
    root = str(TOP)
    environment = {
        **os.environ,
        "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": root,
        "HOME": str(tmp_path),
        "OMP_NUM_THREADS": "1",
    }
    options = [*(["-n"] if dry else []), "--config", f"production={path}"]
    done = subprocess.run(
        ["snakemake", "--snakefile", str(SNAKEFILE), "--cores", "1", *options],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if dry:
        assert "checkpoint plan" in done.stdout + done.stderr
        return
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["status"], manifest["events"]["written"]) == ("complete", 200)
    one = run_production(production(tmp_path / "b", models), merge=True)
    assert manifest["merged"]["digest"] == one.digest
