"""Speed of the fast chain on one core: python tests/benchmarks/chain.py [--events N].

Prints events a second from memory, from HepMC to ROOT, of the detailed simulation, their ratio, and
the time of each stage.  All figures come from one run, so their ratios hold on a noisy machine.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from pythia_hepmc import write_minimum_bias

from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.detailed.simulate import simulate_detailed
from lamarr_like.events import concatenate
from lamarr_like.io.sources import open_source
from lamarr_like.runs.simulate import RunConfig, simulate


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=2000)
    parser.add_argument("--pipeline", default="reference")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        hepmc = write_minimum_bias(Path(folder) / "minbias.hepmc3", arguments.events)
        events = concatenate(open_source(str(hepmc), n_events=None, seed=1))
        chain = Pipeline.load(arguments.pipeline)
        chain(events.events(0, 10))
        chain.seconds = dict.fromkeys(chain.seconds, 0.0)
        start = time.perf_counter()
        for first in range(0, len(events), 1000):
            chain(events.events(first, min(first + 1000, len(events))), seed=1)
        memory = time.perf_counter() - start
        stages = dict(chain.seconds)
        summary = simulate(RunConfig(str(hepmc), Path(folder) / "out.root"), arguments.pipeline)
    few = events.events(0, min(200, len(events)))
    simulate_detailed(few.events(0, 5), 1)
    start = time.perf_counter()
    simulate_detailed(few, 1)
    detailed = (time.perf_counter() - start) / len(few)
    n = len(events)
    print(f"{n} minimum-bias events, pipeline {arguments.pipeline}, one core")
    print(f"chain from memory     {n / memory:8.0f} events/s  {1e3 * memory / n:7.3f} ms/event")
    print(f"HepMC to ROOT         {summary.rate:8.0f} events/s  {1e3 / summary.rate:7.3f} ms/event")
    print(f"detailed simulation   {1 / detailed:8.0f} events/s  {1e3 * detailed:7.3f} ms/event")
    print(f"chain over detailed   {detailed * n / memory:8.1f} times faster")
    for name, seconds in stages.items():
        print(f"  {name:20} {1e3 * seconds / n:7.3f} ms/event")
    for name in ("reading", "writing"):
        print(f"  {name:20} {1e3 * summary.seconds[name] / n:7.3f} ms/event")


if __name__ == "__main__":
    main()
