"""Digests of everything that the commands make: equal before and after a change that moves no bit.

    python tests/digests.py before.json            # all jobs; names of jobs make only those
    python tests/digests.py after.json simulate
    python tests/digests.py --compare before.json after.json

A ROOT file gives a digest for each branch of each tree, a folder of a report one for each JSON and
each plain table in it, without what differs from run to run (paths, times, versions).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

SEEDS = (1, 2, 3)
DECAY = "B+ -> (J/psi(1S) -> mu+ mu-) K+"
VOLATILE = re.compile(r"time|wall|seconds|command|path|folder|host|memory|output|version|program")
PRODUCTION = """\
schema_version: 1
name: digests
seed: 1
pipeline: reference
output: batch
unit_events: 30
sources:
  - {pythia: minbias, events: 60, pileup: 1.6}
  - {gun: "K-?p=3-100", events: 40, add: ["gun:mu-?p=3-100"]}
"""


def jobs() -> dict[str, list[str]]:
    """Words of the command of each job; ``{name}`` stands for what another job made."""
    out: dict[str, list[str]] = {}
    for seed in SEEDS:
        for name, *words in (
            ("minbias", "pythia:minbias", "-n", "60"),
            ("bbbar", "pythia:bbbar", "-n", "40", "--pileup", "1.6"),
            ("gun", "gun:K-?p=3-100", "-n", "400"),
            ("hepmc", "{events.hepmc}"),
            ("signal", f"decay:{DECAY}", "-n", "200", "--decay", DECAY),
            ("added", f"pythia:minbias+decay:{DECAY}", "-n", "40", "--decay", DECAY),
        ):
            seeded = ["simulate", *words, "--seed", str(seed), "--chunk-size", str(40 * seed)]
            out[f"simulate-{name}-{seed}"] = seeded
        out[f"detailed-minbias-{seed}"] = [
            *("detailed", "pythia:minbias", "-n", "12", "--pileup", "1.6", "--seed", str(seed))
        ]
        out[f"detailed-gun-{seed}"] = [
            "detailed",
            "gun:K-?p=3-100",
            "-n",
            "150",
            "--seed",
            f"{seed}",
        ]
    out["simulate-gan"] = [
        "simulate",
        "gun:pi+?p=3-100",
        "-n",
        "200",
        "--pipeline",
        "reference-gan",
    ]
    out["simulate-workers"] = ["simulate", "pythia:minbias", "-n", "60", "--workers", "2"]
    out["simulate-oversample"] = ["simulate", "pythia:minbias", "-n", "20", "--oversample", "3"]
    out["simulate-ntuple"] = ["simulate", "{detailed-minbias-1}"]
    out["batch"] = ["batch", "{production.yaml}", "--workers", "2"]
    out["sample"] = ["detailed", "pythia:minbias", "-n", "300", "--pileup", "1.6", "--seed", "5"]
    out["decays"] = ["decays", "{sample}", "--decay", "KS0 -> pi+ pi-", "--combinatorial"]
    out["identify"] = ["identify", "{detailed-gun-1}"]
    out["validate"] = ["validate", "{sample}", "--seed", "1", "--decay", "KS0 -> pi+ pi-"]
    out["objects"] = ["objects", "{sample}", "--seed", "1"]
    out["fidelity"] = ["fidelity", "{sample}"]
    out["detailed-check"] = ["detailed-check", "{sample}", "--photons", "200", "--no-pages"]
    for stage in (
        "acceptance",
        "efficiency",
        "occupancy",
        "vertex_finding",
        "muon_likelihood",
        "ecal",
    ):
        out[f"train-{stage}"] = ["train", stage, "--data", "{sample}", "--steps", "30"]
    for stage in ("resolution", "rich"):
        out[f"train-{stage}-gan"] = [
            *("train", stage, "--data", "{sample}", "--steps", "30", "--family", "gan")
        ]
        out[f"train-{stage}"] = ["train", stage, "--data", "{sample}", "--steps", "30"]
    return out


FOLDERS = ("validate", "objects", "detailed-check", "train", "batch")
"""Jobs that write folders; the others write ROOT files, and ``fidelity`` a table."""


def prepare(folder: Path) -> None:
    """Inputs that no command makes."""
    sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))
    from pythia_hepmc import write_minimum_bias

    write_minimum_bias(folder / "events.hepmc", 40)
    (folder / "production.yaml").write_text(PRODUCTION)


def run(name: str, words: list[str], folder: Path) -> Path:
    """Run a job, and those that it needs; returns what it made."""
    is_folder = name.startswith(FOLDERS)
    made = folder / (name if is_folder else f"{name}.root")
    if made.exists():
        return made
    filled = []
    for word in words:
        match = re.fullmatch(r"\{(.+)\}", word)
        if match is None:
            filled.append(word)
        elif (folder / match[1]).is_file():
            filled.append(str(folder / match[1]))
        else:
            filled.append(str(run(match[1], jobs()[match[1]], folder)))
    program = [sys.executable, "-m", "lamarr_like", *filled]
    if name not in ("fidelity", "batch"):
        program += ["-o", str(made)]
    start = time.perf_counter()
    done = subprocess.run(program, check=False, capture_output=True, text=True, env=environment())
    print(f"{name:28s} {time.perf_counter() - start:6.1f} s, status {done.returncode}", flush=True)
    if done.returncode not in (0, 1, 2) or not (made.exists() or name == "fidelity"):
        raise SystemExit(f"{' '.join(program)}\n{done.stdout}\n{done.stderr}")
    if name == "fidelity":
        made.write_text(done.stdout)
    return made


def environment() -> dict[str, str]:
    """One thread, and messages of a width that does not depend on the terminal."""
    fixed = {"OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "COLUMNS": "200"}
    return {**os.environ, **fixed}


def digests(made: Path) -> Iterator[tuple[str, str]]:
    """Name and digest of every part of what a job made."""
    if made.is_dir():
        for path in sorted(p for p in made.rglob("*") if p.is_file()):
            where = str(path.relative_to(made))
            if path.suffix == ".root":
                yield from ((f"{where}/{k}", v) for k, v in of_root(path))
            elif path.suffix == ".json" and (made.name != "batch"):
                stable = json.dumps(without_volatile(json.loads(path.read_text())), sort_keys=True)
                yield where, of_bytes(stable.encode())
            elif path.suffix in (".onnx", ".ubj"):
                yield where, of_bytes(path.read_bytes())
            elif path.suffix in (".md", ".html", ".png"):
                yield where, "present"
    elif made.name.startswith("fidelity"):
        text = re.sub(r"\S*\.root", "SAMPLE", made.read_text())
        yield "stdout", of_bytes(text.encode())
    else:
        yield from of_root(made)


def of_root(path: Path) -> Iterator[tuple[str, str]]:
    """Digest of every branch of every tree: type, counts and values."""
    import awkward as ak
    import numpy as np
    import uproot

    with uproot.open(path) as file:
        for key, kind in sorted(file.classnames(cycle=False).items()):
            if kind != "TTree":
                continue
            for branch in sorted(file[key].keys()):
                array = file[key][branch].array()
                counts = b"" if array.ndim == 1 else np.asarray(ak.num(array)).tobytes()
                flat = np.asarray(ak.flatten(array, axis=None))
                yield f"{key}/{branch}", of_bytes(str(flat.dtype).encode(), counts, flat.tobytes())


def without_volatile(value: object) -> object:
    """A document without entries that differ from run to run."""
    if isinstance(value, dict):
        kept = {k: v for k, v in value.items() if not VOLATILE.search(k.lower())}
        return {k: without_volatile(v) for k, v in kept.items()}
    if isinstance(value, list):
        return [without_volatile(v) for v in value]
    if isinstance(value, str) and ("/" in value or ".root" in value):
        return "PATH"
    return value


def of_bytes(*parts: bytes) -> str:
    """First 16 digits of SHA-256."""
    total = hashlib.sha256()
    for part in parts:
        total.update(part)
    return total.hexdigest()[:16]


def compare(first: Path, second: Path) -> int:
    """Print what differs; returns the number of differences."""
    a, b = json.loads(first.read_text()), json.loads(second.read_text())
    different = 0
    for job in sorted(a.keys() & b.keys()):
        keys = sorted(a[job].keys() | b[job].keys())
        bad = [k for k in keys if a[job].get(k) != b[job].get(k)]
        different += len(bad)
        print(f"{job:28s} {len(keys):4d} digests, {len(bad)} differ {' '.join(bad[:8])}")
    for job in sorted(a.keys() ^ b.keys()):
        print(f"{job:28s} in one list only")
    return different


def main() -> int:
    """Make or compare lists of digests."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--compare", action="store_true", help="compare two lists")
    parser.add_argument("--keep", type=Path, help="folder for what is made; kept and used again")
    parser.add_argument("list", type=Path, help="JSON of digests")
    parser.add_argument("words", nargs="*", help="starts of names of jobs, or the second list")
    given = parser.parse_intermixed_args()
    if given.compare:
        return int(compare(given.list, Path(given.words[0])) > 0)
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "events.hepmc").exists():
            prepare(folder)
        found = {}
        for name, words in jobs().items():
            if not given.words or name.startswith(tuple(given.words)):
                found[name] = dict(digests(run(name, words, folder)))
                given.list.write_text(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
