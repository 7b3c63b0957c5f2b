"""Productions on Dask: a local cluster, a scheduler apart, and the scripts of batch systems."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest
from production_samples import production

pytest.importorskip("distributed")
pytest.importorskip("dask_jobqueue")

from lamarr_like.distributed.cluster import job_script
from lamarr_like.distributed.config import ClusterConfig
from lamarr_like.distributed.produce import Watcher, run_production
from lamarr_like.errors import ProductionError

# Sockets and event loops of Dask are closed by its own threads, some after the test.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def digest(tmp_path_factory, models):
    return run_production(production(tmp_path_factory.mktemp("one"), models), merge=True).digest


def test_local_cluster_gives_what_one_process_gives(tmp_path, models, digest):
    said = []
    config = production(tmp_path, models, cluster={"kind": "local"})
    report = run_production(config, workers=2, merge=True, watcher=Watcher(say=said.append))
    assert (report.status, report.digest) == ("complete", digest)
    assert any("dashboard: http" in text for text in said)


@pytest.fixture
def scheduler(tmp_path):
    """Address of a scheduler in a process of its own, with one worker; and its process."""
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--no-dashboard"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    address = ""
    for line in process.stderr:
        if found := re.search(r"Scheduler at:\s+(tcp://\S+)", line):
            address = found[1]
            break
    command = [sys.executable, "-m", "distributed.cli.dask_worker", address]
    worker = subprocess.Popen(
        [*command, "--nthreads", "1", "--no-nanny", "--no-dashboard"],
        stderr=subprocess.DEVNULL,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    yield address, process
    for one in (worker, process):
        one.kill()
        one.wait()
    process.stderr.close()


def test_scheduler_that_dies_leaves_a_production_that_can_go_on(
    tmp_path, models, digest, scheduler, monkeypatch
):
    monkeypatch.setattr("lamarr_like.distributed.cluster.CONNECT_SECONDS", 5)
    address, process = scheduler
    config = production(tmp_path / "p", models)

    def kill(n):
        process.send_signal(signal.SIGKILL)

    start = time.monotonic()
    report = run_production(config, scheduler=address, watcher=Watcher(advance=kill))
    assert (report.status, report.exit_code) == ("stopped", 1)
    assert "scheduler" in report.stopped and time.monotonic() - start < 60
    report = run_production(config, resume=True, merge=True)
    assert (report.status, report.digest) == ("complete", digest)


def test_no_scheduler(tmp_path, models, monkeypatch):
    monkeypatch.setattr("lamarr_like.distributed.cluster.CONNECT_SECONDS", 1)
    report = run_production(production(tmp_path, models), scheduler="tcp://127.0.0.1:9")
    assert report.exit_code == 1 and "no Dask scheduler answers" in report.stopped


def test_job_scripts_of_batch_systems():
    condor = ClusterConfig("htcondor", cores=2, memory="4 GB", disk="1 GB")
    text = job_script(condor)
    assert "RequestCpus = MY.DaskWorkerCores" in text and "MY.DaskWorkerCores = 2" in text
    assert "--nworkers 2" in text and "--nthreads 1" in text and "Queue" in text
    options = {"job_extra_directives": ["--constraint=intel"]}
    slurm = ClusterConfig(
        *("slurm", 0, 1, "2 GB"), walltime="08:00:00", queue="long", account="x", options=options
    )
    text = job_script(slurm)
    for line in ("-p long", "-A x", "-t 08:00:00", "--cpus-per-task=1", "--constraint=intel"):
        assert f"#SBATCH {line}" in text
    with pytest.raises(ProductionError, match="no job script"):
        job_script(ClusterConfig())
