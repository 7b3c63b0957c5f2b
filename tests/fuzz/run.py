"""The long version of the fuzz tests: each reader in processes of its own, for a given time.

    python tests/fuzz/run.py --seconds 600
    python tests/fuzz/run.py --total 1200
    python tests/fuzz/run.py --seconds 600 --reader hepmc3 --atheris

Readers are all of ``readers.READERS``.  Prints a table of reader, inputs tried, errors raised,
crashes and hangs; ends with status 1 if there is a crash, a hang or an error that is
not ours.  What did it is kept in ``--keep FOLDER``.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

MEMORY = 6 << 30
"""Address space of a process [bytes]."""

HANG = 30
"""Seconds without a new input after which a process counts as hanging."""


def worker(name: str, seconds: float, seed: int, state: Path) -> None:
    """Try inputs until the time is over; the one under way is in ``state/input``."""
    import readers

    with tempfile.TemporaryDirectory() as scratch:
        make(Path(scratch) / "s")
        sample = readers.samples(Path(scratch) / "s")[name]
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        rng, found, end = random.Random(seed), Counter(), time.monotonic() + seconds
        while time.monotonic() < end:
            data = readers.variant(name, sample, rng.randrange(2**62))
            (state / "input").write_bytes(data)
            try:
                found[readers.run(name, data, Path(scratch) / "w")] += 1
            except Exception:
                found["not ours"] += 1
                number = found["not ours"]
                (state / f"not-ours-{number}").write_bytes(data)
                (state / f"not-ours-{number}.txt").write_text(traceback.format_exc())
            (state / "found.json").write_text(json.dumps(found))


def make(folder: Path) -> None:
    """Make a folder."""
    folder.mkdir(parents=True, exist_ok=True)


def guided(name: str, seconds: float, state: Path) -> None:
    """The same, guided by coverage (needs atheris)."""
    import atheris

    with atheris.instrument_imports(include=["lamarr_like", "uproot"]):
        import readers
    with tempfile.TemporaryDirectory() as scratch:
        make(Path(scratch) / "s")
        sample = readers.samples(Path(scratch) / "s")[name]
        corpus = state / "corpus"
        make(corpus)
        (corpus / "sound").write_bytes(sample)
        found: Counter[str] = Counter()

        def one(data: bytes) -> None:
            found[readers.run(name, data, Path(scratch) / "w")] += 1
            if sum(found.values()) % 10 == 0:
                (state / "found.json").write_text(json.dumps(found))

        options = [f"-max_total_time={int(seconds)}", f"-timeout={HANG}", "-rss_limit_mb=6000"]
        options += [f"-artifact_prefix={state}/", "-max_len=200000", str(corpus)]
        atheris.Setup([sys.argv[0], *options], one)
        atheris.Fuzz()


def watch(name: str, arguments: argparse.Namespace, state: Path) -> dict[str, int]:
    """Run workers for a reader until its time is over, a new one after each crash or hang."""
    total: Counter[str] = Counter(dict.fromkeys(("inputs", "crashes", "hangs", "not ours"), 0))
    end, number = time.monotonic() + arguments.seconds, 0
    while time.monotonic() < end:
        number += 1
        part = state / f"{name.replace(' ', '-')}-{number}"
        make(part)
        left = max(end - time.monotonic(), 1.0)
        words = [sys.executable, __file__, "--worker", str(part), "--reader", name]
        words += ["--seconds", str(left), "--seed", str(arguments.seed + number)]
        words += ["--atheris"] if arguments.atheris else []
        with (part / "log").open("w") as log:
            process = subprocess.Popen(words, stdout=log, stderr=log)
            outcome = _wait(process, part, left)
        found = json.loads(text) if (text := _read(part / "found.json")) else {}
        total["not ours"] += found.pop("not ours", 0)
        total["inputs"] += sum(found.values())
        total["refused"] += sum(n for kind, n in found.items() if kind)
        total["crashes"] += outcome == "crash"
        total["hangs"] += outcome == "hang"
    return total


def _read(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


def _wait(process: subprocess.Popen, part: Path, seconds: float) -> str:
    start = last = time.monotonic()
    before = 0.0
    while process.poll() is None:
        time.sleep(0.5)
        path = part / "input"
        now = path.stat().st_mtime if path.is_file() else before
        if now != before:
            before, last = now, time.monotonic()
        late = time.monotonic() - start > seconds + 60
        stuck = before and time.monotonic() - last > HANG
        if late or stuck:
            process.kill()
            process.wait()
            return "hang"
    return "" if process.returncode == 0 else "crash"


def main() -> int:
    """Run all readers one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="for each reader")
    parser.add_argument("--total", type=float, help="for all readers together, in equal parts")
    parser.add_argument("--reader", action="append", help="all if not given")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for inputs that did harm")
    parser.add_argument("--atheris", action="store_true", help="guided by coverage")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        if arguments.atheris:
            guided(arguments.reader[0], arguments.seconds, arguments.worker)
        else:
            worker(arguments.reader[0], arguments.seconds, arguments.seed, arguments.worker)
        return 0
    import readers

    names = arguments.reader or list(readers.READERS)
    if arguments.total:
        arguments.seconds = arguments.total / len(names)
    harm = 0
    heads = ("reader", "inputs", "refused", "not ours", "crashes", "hangs")
    print("".join(f"{head:>10}" if k else f"{head:20}" for k, head in enumerate(heads)))
    with tempfile.TemporaryDirectory() as scratch:
        state = arguments.keep or Path(scratch)
        for name in names:
            row = watch(name, arguments, state)
            print(f"{name:20}" + "".join(f"{row[head]:>10}" for head in heads[1:]), flush=True)
            harm += row["not ours"] + row["crashes"] + row["hangs"]
    return 1 if harm else 0


if __name__ == "__main__":
    sys.exit(main())
