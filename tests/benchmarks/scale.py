"""How ``simulate --workers`` grows with events and workers.

    python tests/benchmarks/scale.py --events 1000 10000 100000 1000000 --workers 1 2

Each line is one whole run of the command, start of the processes included; `ratio` is the time of
the first number of workers over that of this one, `us/event` is wall time less that of the smallest
run with as many workers, for each further event, and `memory` the highest peak of a single process.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

GUN = "gun:pi+?p=3-100&eta=2-5"


class Run(NamedTuple):
    """One run: seconds of wall and processor time, and the highest peak of a process [MB]."""

    wall: float
    cpu: float
    memory: float


def run(source: str, events: int, workers: int, output: Path) -> Run:
    """Run the command once, in processes of its own."""
    command = [sys.executable, "-m", "lamarr_like", "simulate", source, "-n", str(events)]
    command += ["--workers", str(workers), "-o", str(output)]
    start = time.perf_counter()
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit status {process.returncode}")
    unit = 1e6 if sys.platform == "darwin" else 1e3
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit)


def main() -> None:
    """Run all combinations and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--source", default=GUN)
    arguments = parser.parse_args()
    heads = ("events", "workers", "wall/s", "cpu/s", "events/s", "ratio", "us/event", "memory/MB")
    print("".join(f"{head:>10}" for head in heads), flush=True)
    smallest: dict[int, tuple[int, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for events in sorted(arguments.events):
            first = None
            for workers in arguments.workers:
                found = run(arguments.source, events, workers, Path(folder) / "out.root")
                first = first or found.wall
                n, wall = smallest.setdefault(workers, (events, found.wall))
                each = f"{(found.wall - wall) / (events - n) * 1e6:10.1f}" if events > n else "-"
                print(
                    f"{events:10d}{workers:10d}{found.wall:10.2f}{found.cpu:10.2f}"
                    f"{events / found.wall:10.0f}{first / found.wall:10.2f}{each:>10}"
                    f"{found.memory:10.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
