"""Decay times of b hadrons in the detailed simulation: their pull, and what it is made of.

    python tutorials/decay_times.py FOLDER [--decay NAME ...] [--events N] [--per-event N]

For each decay a detailed sample is made in FOLDER (kept, and taken from there the next time).  The
table has half the central 68 % interval of the pull of the decay time: with the primary vertex
without the tracks of the candidate as `lamarr-like decays` has it, with the one that was
reconstructed, and with the true one moved by its errors, so that only the candidate can be wrong;
then those of both vertices along the beam, and how much vertex, primary vertex and momentum give to
the error of the decay time.

Several decays in one event pull their primary vertex together, each by the tracks of the others:
only the third and the fourth pull hold for decays that come alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

import numpy as np

from lamarr_like.arrays import Columns, Floats, Mask
from lamarr_like.decays import quantities, reconstruct
from lamarr_like.decays.candidates import make_candidates
from lamarr_like.decays.pointing import Choices, Origins, best_vertex
from lamarr_like.decays.prongs import Prongs
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
    *("decay", "candidates", "pull of TAU", "PV as reconstructed", "true PV", "pull of vertex z"),
    *("pull of PV z", "TAU less the true one [fs]", "of it vertex, PV, momentum [fs]"),
)
PRIMARY = ("refitted", "reconstructed", "true")
"""Primary vertices that decay times can be measured from."""
_FS = 1e6  # in a ns


def sample(name: str, folder: Path, events: int, per_event: int) -> Path:
    """Detailed sample of a decay, made if it is not there."""
    path = folder / f"{name}.root"
    if not path.exists():
        text, seed = DECAYS[name]
        source = f"pythia:minbias+decay:{text}?n={per_event}&eta=2-5"
        simulate_detailed(RunConfig(source, path, events, seed=seed, chunk_size=100, pileup=1.6))
    return path


def moved(true: Floats, seed: int) -> Callable[[Prongs, Choices], Origins]:
    """Choice of the best vertex that gives the true one, moved by the errors of the best.

    Args:
        true: where the candidates come from [mm], shape ``(n, 3)``.
        seed: of the moves.
    """

    def choose(lines: Prongs, found: Choices) -> Origins:
        covariance = best_vertex(lines, found).covariance
        known: Mask = np.asarray(np.isfinite(covariance).all(axis=(1, 2)))
        root = np.linalg.cholesky(np.where(known[:, None, None], covariance, np.eye(3)))
        shift = np.random.default_rng(seed).normal(size=true.shape)
        position = true + np.einsum("nij,nj->ni", root, shift)
        return Origins(np.where(known[:, None], position, np.nan), covariance)

    return choose


def candidates(path: Path, request: DecayRequest, primary: str = "refitted") -> Columns:
    """Candidates with a decay time.

    Args:
        path: a detailed sample.
        request: the decay.
        primary: one of `PRIMARY`.
    """
    name, head, tables = request.decay.name, request.decay.head.branch, []
    for k, batch in enumerate(read_events(path)):
        table = make_candidates(batch, [request])[name]
        with ExitStack() as stack:
            if primary == "reconstructed":
                kept = patch.object(reconstruct, "without", lambda found, tracks: found)
                stack.enter_context(kept)
            elif primary == "true":
                true = np.stack([table[f"{head}_TRUEORIGINVERTEX_{a}"] for a in "XYZ"], axis=1)
                stack.enter_context(patch.object(quantities, "best_vertex", moved(true, k)))
            tables.append(make_candidates(batch, [request])[name])
    columns = {c: np.concatenate([t[c] for t in tables]) for c in tables[0].columns}
    known = np.isfinite(columns[f"{head}_TAU"])
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


def row(name: str, path: Path) -> list[str]:
    """Row of the table.

    Args:
        name: key of `DECAYS`.
        path: a detailed sample of it.
    """
    request = DecayRequest.parse(f"{name}: {DECAYS[name][0]}")
    head = request.decay.head.branch
    ours, *others = (pulls(candidates(path, request, primary), head) for primary in PRIMARY)
    parts = (width(ours[f"by {part}"], 1) for part in ("vertex", "origin", "momentum"))
    return [
        *(f"`{DECAYS[name][0]}`", str(len(ours["tau"])), width(ours["tau"])),
        *(width(other["tau"]) for other in others),
        *(width(ours["vertex"]), width(ours["origin"]), width(ours["late"], 1), "; ".join(parts)),
    ]


def main() -> None:
    """Make the samples that are missing and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="of the samples")
    parser.add_argument("--events", type=int, default=2000, help="of each sample that is made")
    parser.add_argument("--per-event", type=int, default=1, help="decays in an event")
    parser.add_argument("--decay", choices=list(DECAYS), action="append", help="all if not given")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    for cells in (HEAD, ["---"] * len(HEAD)):
        print(f"| {' | '.join(cells)} |")
    for name in args.decay or DECAYS:
        cells = row(name, sample(name, args.folder, args.events, args.per_event))
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
