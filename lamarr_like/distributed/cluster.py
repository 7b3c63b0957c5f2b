"""Workers by Dask: processes of this machine, of a scheduler that runs, of HTCondor or of Slurm.

`distributed` and `dask_jobqueue` are imported on first use only (extra ``batch``).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any

from ..errors import ProductionError
from ..system.extras import need
from .config import ClusterConfig
from .units import Unit
from .work import Job, Outcome, failed, run_unit

CONNECT_SECONDS = 20
"""How long a scheduler may take to answer."""


class DaskWorkers:
    """Workers of a Dask scheduler; use it as a context manager.

    Dask moves the units of a dead worker to another one; here is only counted what Dask gives up.

    Args:
        job: what the units have in common.
        scheduler: address of a scheduler that runs, as ``tcp://host:8786``; empty to start one.
        config: what to start.
        n: processes of a local cluster, or jobs of a batch system; 0 for what `config` says.

    Raises:
        ProductionError: if no scheduler answers.
    """

    slots = 1_000_000
    """All units are handed over at once: the scheduler's queue tells it how many workers to use."""

    def __init__(
        self, job: Job, scheduler: str = "", config: ClusterConfig | None = None, n: int = 0
    ) -> None:
        need("batch", "distributed")
        from distributed import Client

        self._cluster = None if scheduler else make_cluster(config or ClusterConfig(), n)
        try:
            self._client = Client(scheduler or self._cluster, timeout=CONNECT_SECONDS)
        except (OSError, TimeoutError, ValueError) as error:
            raise ProductionError(f"no Dask scheduler answers at {scheduler} ({error})") from None
        self._job = job
        self._answered = time.monotonic()
        self.link = str(self._client.dashboard_link or "")

    def __enter__(self) -> DaskWorkers:
        return self

    def submit(self, unit: Unit) -> Any:
        """Hand over a unit."""
        return self._client.submit(run_unit, self._job, unit, pure=False)

    def wait(self, futures: Iterable[Any], timeout: float) -> set[Any]:
        """Those that are done, after some seconds at most.

        Raises:
            ProductionError: if the scheduler is gone.
        """
        done = {future for future in futures if future.status != "pending"}
        if not done:
            if self._client.status == "running":
                self._answered = time.monotonic()
            elif time.monotonic() - self._answered > CONNECT_SECONDS:
                raise ProductionError("the Dask scheduler is gone")
            time.sleep(timeout)
        return done

    def result(self, future: Any) -> Outcome:
        """What became of a unit.

        Raises:
            ProductionError: if the scheduler is gone.
        """
        if future.status in ("cancelled", "lost"):
            raise ProductionError("the Dask scheduler lost its units")
        try:
            error = future.exception()
            outcome: Outcome = failed(error) if error is not None else future.result()
        except (OSError, asyncio.CancelledError, concurrent.futures.CancelledError) as gone:
            # The unit is done, and the connection broke while its outcome was fetched.
            raise ProductionError(f"the Dask scheduler is gone ({gone})") from None
        if error is None:
            future.release()
        return outcome

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close(timeout=5)
        if self._cluster is not None:
            self._cluster.close(timeout=10)


def make_cluster(config: ClusterConfig, n: int = 0) -> Any:
    """A cluster that starts workers as they are wanted.

    Args:
        config: which one.
        n: processes or jobs; 0 for what `config` says.
    """
    n = n or config.jobs
    if config.kind == "local":
        from distributed import LocalCluster

        return LocalCluster(
            n_workers=n or 1,
            threads_per_worker=1,
            processes=True,
            memory_limit=config.memory,
            dashboard_address=":0",
            **config.options,
        )
    cluster = _queue(config)
    cluster.scale(jobs=n or 1)
    return cluster


def job_script(config: ClusterConfig) -> str:
    """What would be submitted to the batch system for each job; nothing is submitted.

    Raises:
        ProductionError: if there is no batch system in `config`.
    """
    if config.kind == "local":
        raise ProductionError("a local cluster has no job script; set cluster.kind")
    with _queue(config) as cluster:
        return str(cluster.job_script())


def _queue(config: ClusterConfig) -> Any:
    need("batch", "dask_jobqueue")
    from dask_jobqueue.htcondor import HTCondorCluster
    from dask_jobqueue.slurm import SLURMCluster

    cores: dict[str, Any] = {"cores": config.cores, "processes": config.cores}
    common = {**cores, "memory": config.memory, **config.options}
    if config.kind == "htcondor":
        return HTCondorCluster(disk=config.disk, **common)
    given = {k: getattr(config, k) for k in ("queue", "account", "walltime")}
    return SLURMCluster(**{k: v for k, v in given.items() if v}, **common)
