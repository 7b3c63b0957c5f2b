"""Productions whose processes are killed at random moments: every event once, the same digest.

``LAMARR_LIKE_CHAOS_RUNS=50 pytest -s tests/distributed/test_chaos.py`` runs the long version.
"""

import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from production_samples import finish, production, start, write_production

from lamarr_like.distributed.produce import run_production
from lamarr_like.io.ntuple import content_digest, read_events

RUNS = int(os.environ.get("LAMARR_LIKE_CHAOS_RUNS", "2"))
UNITS = 7
"""Of the production, see `production_samples.write_production`."""
VICTIMS = ("main", "worker", "all")

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, models):
    report = run_production(production(tmp_path_factory.mktemp("calm"), models), merge=True)
    assert report.status == "complete"
    return report.digest


def children(pid):
    """Processes that a process started."""
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def wait_until(condition, process, seconds=60):
    """Wait for something to happen to a process that runs."""
    end = time.monotonic() + seconds
    while not condition() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)


def kill_at_random(process, output, rng):
    """SIGKILL for a process of the production; says which and how far the production was."""
    victim = rng.choice(VICTIMS)
    wait_until((output / "plan.json").exists, process)
    wait_until(lambda: len(children(process.pid)) > 1, process)
    # The workers start for some seconds and the end is empty; few kills should go there.
    if rng.random() < 0.9:
        made = rng.randrange(UNITS)
        wait_until(lambda: len(list(output.glob("part-*.root"))) >= made, process)
    time.sleep(rng.uniform(0.0, 0.2))
    done = len(list(output.glob("part-*.root")))
    if victim == "worker":
        found = children(process.pid)
        if found:
            os.kill(rng.choice(found), signal.SIGKILL)
    elif victim == "main":
        process.kill()
    elif process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    return victim, done


@pytest.mark.parametrize("seed", range(RUNS))
def test_killed_and_resumed_productions_have_every_event_once(tmp_path, models, undisturbed, seed):
    rng = random.Random(seed)
    path, output = write_production(tmp_path, models), tmp_path / "out"
    process = start(path, "--workers", str(rng.choice((1, 2))))
    victim, done = kill_at_random(process, output, rng)
    status, _, err = finish(process)
    assert status in (0, 1, -signal.SIGKILL), err
    report = run_production(production(tmp_path, models), resume=True, merge=True)
    print(f"run {seed}: killed {victim} after {done} parts, made {report.made} of {report.units}")
    assert report.status == "complete"
    assert report.digest == undisturbed == content_digest(report.merged)
    ids = np.concatenate([b.event["event_id"] for b in read_events(report.merged, [])])
    assert np.array_equal(ids, np.arange(200))
    assert not [p.name for p in output.iterdir() if p.name.endswith((".tmp", ".part"))]
    # What was whole before is not made again.
    assert report.made <= report.units - min(done, report.units) + 2
