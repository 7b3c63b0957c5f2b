"""Processor time of an earlier commit beside that of this tree, job by job, in turns.

    python tests/benchmarks/before_after.py                          # all jobs, three rounds
    python tests/benchmarks/before_after.py start readme --rounds 5
    python tests/benchmarks/before_after.py hepmc --before v0.1.0 --events 200 --inputs kept

The earlier code is unpacked from git into a temporary folder and run there in the environment of
this script, so nothing is installed.  Each job is a process of its own, run by the old and the new
code in turns; processor time and peak memory are those of that process and its children, the least
of all rounds counts (the first one compiles modules to bytecode).  Both read the same inputs, which
the old code makes; ``--inputs FOLDER`` keeps them for the next time.

Jobs of commands give the whole run (``s``), or the difference of a long run and a short one for
each further event (``ms/event``), so start-up cancels: of the least long and the least short run,
for the least difference would reward a short run that was disturbed.  Jobs in Python (`INSIDE`)
time their loop.  ``rounds`` are the lowest and the highest ratio of a single round.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

BEFORE = "db5d4a4"
HERE = Path(__file__).resolve()
DECAY = "D0 -> K- pi+"


class Job(NamedTuple):
    """A command with ``{n}`` events, ``{out}`` to write and ``{file}`` of the inputs; no words
    stand for the function of that name in `INSIDE`."""

    words: tuple[str, ...]
    events: int
    target: str
    few: int = 0  # events of the short run; 0: the whole run counts
    meaning: str = ""


JOBS = {
    "start": Job(("simulate", "gun:pi+", "-n", "{n}"), 1, "1.3 s", meaning="start-up"),
    "readme": Job(
        ("simulate", "pythia:minbias", "-n", "{n}"), 1000, "x 2.22", meaning="README's command"
    ),
    "chain": Job((), 500, "x 3", meaning="chain from memory, minimum bias"),
    "single": Job((), 50, "5 ms", meaning="one event at a time, minimum bias"),
    "hepmc": Job(
        ("simulate", "{minbias.hepmc}", "-n", "{n}"),
        500,
        "x 2.5",
        20,
        "HepMC to ROOT, minimum bias",
    ),
    "decay": Job(
        ("simulate", f"decay:{DECAY}", "-n", "{n}", "--decay", DECAY), 4000, "x 10", 200, DECAY
    ),
    "detailed": Job((), 60, "x 1.5", meaning="detailed, pile-up 1.6"),
    "compile": Job(("detailed", "gun:pi+", "-n", "{n}"), 1, "30 s", meaning="first use of it"),
    "photons": Job(
        ("simulate", "gun:gamma?n={n}", "-n", "1"), 100_000, "10 s", meaning="photons in one event"
    ),
    "validate": Job(
        ("validate", "{detailed.root}", "--fast", "{fast.root}", "--events", "{n}"),
        *(3000, "120 s"),
        meaning="validate with a fast sample",
    ),
}


class Cost(NamedTuple):
    """Processor time [s] and peak memory [MB]."""

    seconds: float
    memory: float


class Code(NamedTuple):
    """A tree of the code, run in processes of its own."""

    root: Path
    bytecode: Path

    def run(self, *words: str, **environment: str) -> tuple[Cost, str]:
        """Run Python with some words; its cost and what it printed.

        Raises:
            SystemExit: with its messages, if it fails; status 1 of ``validate`` is a verdict.
        """
        fixed = {
            "PYTHONPATH": str(self.root),
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": str(self.bytecode),
            "OMP_NUM_THREADS": "1",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        with tempfile.TemporaryFile("w+") as said:
            process = subprocess.Popen(
                [sys.executable, *words],
                stdout=said,
                stderr=subprocess.STDOUT,
                cwd=self.root,  # `python -m` looks there first
                env={**os.environ, **fixed, **environment},
            )
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            said.seek(0)
            text = said.read()
        if process.returncode not in ((0, 1, 2) if "validate" in words else (0,)):
            raise SystemExit(f"{self.root}: {' '.join(words)}\n{text}")
        unit = 1e6 if sys.platform == "darwin" else 1e3
        return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit), text

    def command(self, *words: str, **environment: str) -> Cost:
        """Run a verb of ``lamarr-like``."""
        return self.run("-m", "lamarr_like", *words, **environment)[0]


def measure(code: Code, name: str, events: int, inputs: Path) -> list[Cost]:
    """A run of a job, [s] or in Python [s/event], and the short one where start-up is taken off."""
    job = JOBS[name]
    if not job.words:
        cost, text = code.run(
            str(HERE), "--inside", name, f"--events={events}", f"--inputs={inputs}"
        )
        return [Cost(float(text.split()[-1]), cost.memory)]
    with tempfile.TemporaryDirectory() as folder:

        def run(n: int) -> Cost:
            filled = [word.replace("{n}", str(n)) for word in job.words]
            filled = [str(inputs / w[1:-1]) if w.startswith("{") else w for w in filled]
            out = str(Path(folder) / ("report" if name == "validate" else f"{n}.root"))
            kept = {"NUMBA_CACHE_DIR": folder} if name == "compile" else {}
            return code.command(*filled, "-o", out, **kept)

        return [run(n) for n in (events, *((job.few,) if job.few else ()))]


def least(name: str, events: int, rounds: list[list[Cost]]) -> Cost:
    """What a job costs by the least of each of its runs, [s] or [s/event], and its least memory."""
    seconds = [min(cost.seconds for cost in runs) for runs in zip(*rounds, strict=True)]
    memory = min(runs[0].memory for runs in rounds)
    if len(seconds) == 1:
        return Cost(seconds[0], memory)
    return Cost((seconds[0] - seconds[1]) / (events - JOBS[name].few), memory)


def chain(events: int, inputs: Path) -> float:
    """Processor seconds an event of the chain on batches in memory."""
    from lamarr_like.chain.pipeline import Pipeline

    batch, pipeline = _truth(inputs / "minbias.npz"), Pipeline.load("reference")
    batch = batch.events(0, min(events, len(batch)))
    return _timed(lambda: pipeline(batch, seed=1), len(batch))


def single(events: int, inputs: Path) -> float:
    """Processor seconds of a call of the chain with one event."""
    from lamarr_like.chain.pipeline import Pipeline

    batch, pipeline = _truth(inputs / "minbias.npz"), Pipeline.load("reference")
    singles = [batch.events(k, k + 1) for k in range(min(events, len(batch)))]
    return _timed(lambda: [pipeline(event, seed=1) for event in singles], len(singles))


def detailed(events: int, inputs: Path) -> float:
    """Processor seconds an event of the detailed simulation, compiled before."""
    from lamarr_like.detailed.simulate import simulate_detailed

    batch = _truth(inputs / "pileup.npz")
    batch = batch.events(0, min(events, len(batch)))
    return _timed(lambda: simulate_detailed(batch, 1), len(batch))


INSIDE: dict[str, Callable[[int, Path], float]] = {
    "chain": chain,
    "single": single,
    "detailed": detailed,
}
"""Jobs in Python, which time themselves."""


def _timed(work: Callable[[], object], events: int) -> float:
    work()  # what is made on first use
    start = time.process_time()
    work()
    return (time.process_time() - start) / events


def _truth(path: Path):  # the package is imported in the timed process only
    import numpy as np

    from lamarr_like.events import EventBatch, Table

    tables: dict[str, dict] = {}
    with np.load(path) as stored:
        for key in stored.files:
            table, column = key.split("/")
            tables.setdefault(table, {})[column] = stored[key]
    return EventBatch({t: Table(c, c.pop("offsets")) for t, c in tables.items()})


def store_truth(inputs: Path) -> None:
    """Write generated events as arrays, with and without pile-up."""
    import numpy as np

    from lamarr_like.events import concatenate
    from lamarr_like.io.sources import open_source

    for name, n, pileup in (("minbias", 500, None), ("pileup", 100, 1.6)):
        batch = concatenate(open_source("pythia:minbias", n_events=n, seed=1, pileup=pileup))
        columns = {f"{t}/{c}": v for t, b in batch.tables.items() for c, v in b.columns.items()}
        offsets = {f"{t}/offsets": b.offsets for t, b in batch.tables.items()}
        np.savez(inputs / f"{name}.npz", **columns, **offsets)


def prepare(code: Code, names: list[str], inputs: Path, events: int | None) -> None:
    """Make what the jobs read and is not there yet."""
    if {"chain", "single", "detailed"} & {*names} and not (inputs / "pileup.npz").exists():
        code.run(str(HERE), "--inside", "store", f"--inputs={inputs}")
    hepmc = inputs / "minbias.hepmc"
    if "hepmc" in names and not hepmc.exists():
        from pythia_hepmc import write_minimum_bias

        write_minimum_bias(hepmc, max(events or 0, JOBS["hepmc"].events))
    slow, fast = inputs / "detailed.root", inputs / "fast.root"
    if "validate" in names and not fast.exists():
        n = str(events or JOBS["validate"].events)
        made = ("pythia:minbias", "-n", n, "--pileup", "1.6", "--seed", "5")
        code.command("detailed", *made, "-o", str(slow))
        code.command("simulate", str(slow), "-o", str(fast))


def unpacked(commit: str, folder: Path) -> Path:
    """The package, pipelines and models of a commit, in a folder."""
    parts = ("lamarr_like", "pipelines", "models", "setup.cfg")
    words = ("git", "-C", str(HERE.parents[2]), "archive", commit, *parts)
    data = subprocess.run(words, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        tar.extractall(folder, filter="data")
    return folder


def compare(
    names: list[str], events: int | None, rounds: int, trees: dict[str, Code], inputs: Path
):
    """Run the jobs in turns and print a line for each."""
    heads = ("before", "after", "ratio", "rounds", "target", "MB", "MB")
    print(f"{'job':10}{'events':>8}" + "".join(f"{h:>12}" for h in heads), flush=True)
    for name in names:
        job = JOBS[name]
        found: dict[str, list[list[Cost]]] = {side: [] for side in trees}
        n = events or job.events
        for k in range(rounds):
            for side, code in (*trees.items(),) if k % 2 == 0 else (*reversed(trees.items()),):
                found[side].append(measure(code, name, n, inputs))
        (old, was), (new, now) = (least(name, n, found[side]) for side in ("before", "after"))
        ratios = [
            least(name, n, [one]).seconds / least(name, n, [other]).seconds
            for one, other in zip(found["before"], found["after"], strict=True)
        ]
        each = bool(job.few or not job.words)
        show = (lambda s: f"{1e3 * s:.3f} ms") if each else (lambda s: f"{s:.2f} s")
        spread = f"{min(ratios):.2f}-{max(ratios):.2f}"
        cells = (show(old), show(new), f"{old / new:.2f}", spread, job.target)
        cells += (f"{was:.0f}", f"{now:.0f}")
        print(
            f"{name:10}{n:8}" + "".join(f"{c:>12}" for c in cells) + f"  {job.meaning}", flush=True
        )


def main() -> None:
    """Parse the words of the command line and compare, or run a job inside this process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("jobs", nargs="*", help=f"{', '.join(JOBS)}; all if none is named")
    parser.add_argument("--before", default=BEFORE, help="commit or tag to compare with")
    parser.add_argument("--events", type=int, help="events of each job in place of its own number")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each job by each code")
    parser.add_argument("--inputs", type=Path, help="folder that keeps the inputs")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside == "store":
        return store_truth(given.inputs)
    if given.inside:
        return print(INSIDE[given.inside](given.events, given.inputs))
    if unknown := {*given.jobs} - {*JOBS}:
        parser.error(f"no job {', '.join(sorted(unknown))}; there are {', '.join(JOBS)}")
    names = given.jobs or [*JOBS]
    with tempfile.TemporaryDirectory() as folder:
        inputs = given.inputs or Path(folder)
        inputs.mkdir(parents=True, exist_ok=True)
        bytecode = Path(folder) / "bytecode"
        old = Code(unpacked(given.before, Path(folder) / "before"), bytecode)
        prepare(old, names, inputs.resolve(), given.events)
        trees = {"before": old, "after": Code(HERE.parents[2], bytecode)}
        compare(names, given.events, given.rounds, trees, inputs.resolve())


if __name__ == "__main__":
    main()
