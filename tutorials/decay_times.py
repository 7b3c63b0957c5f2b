"""Decay times of b hadrons in the detailed simulation: their pull, and what it is made of.

    python tutorials/decay_times.py FOLDER [--decay NAME ...] [--events N]

For each decay a detailed sample with one decay an event is made in FOLDER (kept, and taken from
there the next time).  The table has half the central 68 % interval of the pull of the decay time,
with the primary vertex without the tracks of the candidate as `lamarr-like decays` has it, and with
the one that was reconstructed; those of both vertices along the beam; and how much vertex, primary
vertex and momentum give to the error of the decay time.
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

import numpy as np

from lamarr_like.arrays import Columns, Floats
from lamarr_like.decays import reconstruct
from lamarr_like.decays.candidates import make_candidates
from lamarr_like.decays.request import DecayRequest
from lamarr_like.io.ntuple_reader import read_events
from lamarr_like.physics.particles import SPEED_OF_LIGHT
from lamarr_like.runs.simulate import RunConfig, simulate_detailed
from lamarr_like.statistics.binned import order_width

DECAYS = {
    "Bp": ("B+ -> (J/psi(1S) -> mu+ mu-) K+", 921),
    "B0": ("B0 -> (J/psi(1S) -> mu+ mu-) (K*(892)0 -> K+ pi-)", 922),
    "Lb": ("Lambda(b)0 -> (Lambda(c)+ -> p K- pi+) pi-", 923),
}
"""Descriptor and seed by name."""

HEAD = (
    *("decay", "candidates", "pull of TAU", "the same, PV as reconstructed", "pull of vertex z"),
    *("pull of PV z", "the same, as reconstructed"),
    *("TAU less the true one [fs]", "of it vertex, PV, momentum [fs]"),
)
_FS = 1e6  # in a ns


def sample(name: str, folder: Path, events: int) -> Path:
    """Detailed sample of a decay, made if it is not there."""
    path = folder / f"{name}.root"
    if not path.exists():
        text, seed = DECAYS[name]
        source = f"pythia:minbias+decay:{text}?n=1"
        simulate_detailed(RunConfig(source, path, events, seed=seed, chunk_size=100, pileup=1.6))
    return path


def candidates(path: Path, request: DecayRequest, refitted: bool) -> Columns:
    """Candidates with a decay time.

    Args:
        path: a detailed sample.
        request: the decay.
        refitted: whether primary vertices lack the tracks of the candidate.
    """
    with ExitStack() as stack:
        if not refitted:
            stack.enter_context(patch.object(reconstruct, "without", lambda found, tracks: found))
        tables = [make_candidates(b, [request])[request.decay.name] for b in read_events(path)]
    columns = {c: np.concatenate([t[c] for t in tables]) for c in tables[0].columns}
    known = np.isfinite(columns[f"{request.decay.head.branch}_TAU"])
    return {c: v[known] for c, v in columns.items()}


def pulls(table: Columns, head: str) -> dict[str, Floats]:
    """Pulls of decay time, vertex and primary vertex; residuals of the decay time in fs.

    Args:
        table: candidates.
        head: branch of what decays.
    """

    def three(name: str, words: str = "XYZ") -> Floats:
        return np.stack([table[f"{head}_{name}{a}"] for a in words], axis=1)

    late = table[f"{head}_TAU"] - table[f"{head}_TRUETAU"]
    vertex = three("ENDVERTEX_") - three("TRUEENDVERTEX_")
    origin = three("OWNPV_") - three("TRUEORIGINVERTEX_")
    true = three("TRUEP_")
    p = np.linalg.norm(true, axis=1)
    per_mm = table[f"{head}_M"] / p / SPEED_OF_LIGHT  # decay time of a mm of flight
    along = true / p[:, None]
    return {
        "tau": late / table[f"{head}_TAUERR"],
        "vertex": vertex[:, 2] / table[f"{head}_ENDVERTEX_ZERR"],
        "origin": origin[:, 2] / table[f"{head}_OWNPV_ZERR"],
        "late": _FS * late,
        "by vertex": _FS * per_mm * (vertex * along).sum(axis=1),
        "by origin": _FS * per_mm * (origin * along).sum(axis=1),
        "by momentum": _FS * table[f"{head}_TRUETAU"] * (table[f"{head}_P"] / p - 1.0),
    }


def width(values: Floats, digits: int = 3) -> str:
    """Half the central 68 % interval with its error."""
    found, error = order_width(values)
    return f"{found:.{digits}f} +- {error:.{digits}f}"


def row(name: str, folder: Path, events: int) -> list[str]:
    """Row of the table."""
    request = DecayRequest.parse(f"{name}: {DECAYS[name][0]}")
    head, path = request.decay.head.branch, sample(name, folder, events)
    ours, plain = (pulls(candidates(path, request, refitted), head) for refitted in (True, False))
    parts = (width(ours[f"by {part}"], 1) for part in ("vertex", "origin", "momentum"))
    return [
        *(f"`{DECAYS[name][0]}`", str(len(ours["tau"])), width(ours["tau"]), width(plain["tau"])),
        *(width(ours["vertex"]), width(ours["origin"]), width(plain["origin"])),
        *(width(ours["late"], 1), "; ".join(parts)),
    ]


def main() -> None:
    """Make the samples that are missing and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="of the samples")
    parser.add_argument("--events", type=int, default=2000, help="of each sample that is made")
    parser.add_argument("--decay", choices=list(DECAYS), action="append", help="all if not given")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    for cells in (HEAD, ["---"] * len(HEAD)):
        print(f"| {' | '.join(cells)} |")
    for name in args.decay or DECAYS:
        print(f"| {' | '.join(row(name, args.folder, args.events))} |", flush=True)


if __name__ == "__main__":
    main()
