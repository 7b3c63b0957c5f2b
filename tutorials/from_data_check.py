"""A stage that learnt from weighted data against the truth that it never saw.

    python tutorials/from_data_check.py --model MODEL ... --truth SAMPLE ... \
        --fit FILE LOW HIGH BACKGROUND ... -o FOLDER

Each model draws its columns anew for the long tracks of detailed samples, everything else left as
it is; what differs are the efficiencies of cuts on identification.  They are compared in bins of
momentum, eta and nTracks (bins of each, and cells of all three, of 50 tracks at the least), for the
species that the calibration sample has, within its reach.  An efficiency is within if it is off by less than 2 % (of
all tracks) or by two standard deviations: those of both shares, and that of a share measured with
the weighted tracks of the calibration sample in the same cell.  FOLDER/from_data.md has the table,
FOLDER/from_data.png the fits and the efficiencies.  Needs the extras ``fit`` and ``plot``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import uproot
from numpy.typing import NDArray

from lamarr_like.chain.pipeline import load_stage
from lamarr_like.events import EventBatch
from lamarr_like.stages.features import from_truth
from lamarr_like.statistics.sweights import fit_mass
from lamarr_like.training.sample import read_sample

Floats = NDArray[np.float64]

CUTS = (
    ("K", 321, "rich_dll_k", 0.0, "PIDK > 0"),
    ("K", 321, "rich_dll_k", 5.0, "PIDK > 5"),
    ("pi", 211, "rich_dll_k", 0.0, "PIDK > 0"),
    ("pi", 211, "rich_dll_k", 5.0, "PIDK > 5"),
    ("mu", 13, "is_muon", 0.5, "isMuon"),
    ("pi", 211, "is_muon", 0.5, "isMuon"),
)
"""Species, its number, column, cut and title."""
EDGES = {
    "p": np.array([3e3, 8e3, 13e3, 20e3, 30e3, 50e3, 100e3]),
    "eta": np.array([2.0, 2.8, 3.6, 4.5]),
    "n_tracks": np.array([0.0, 80.0, 140.0, 1000.0]),
}
LEAST = 50
"""Tracks in a cell."""
MIN_PT = {321: 600.0, 211: 600.0, 13: 700.0}
"""Of the calibration tracks [MeV]."""


@dataclass
class Tracks:
    """Tracks of one species, each column of shape ``(n,)``."""

    columns: dict[str, Floats]
    passed: NDArray[np.bool_]
    weights: Floats

    def cell(self, names: tuple[str, ...], shape: tuple[int, ...]) -> NDArray[np.int64]:
        """Number of the cell of each track, -1 outside."""
        at = [np.digitize(self.columns[k], EDGES[k]) - 1 for k in names]
        inside = np.all([(a >= 0) & (a < n) for a, n in zip(at, shape, strict=True)], axis=0)
        return np.where(inside, np.ravel_multi_index(at, shape, mode="clip"), -1)


@dataclass
class Shares:
    """Share that passes in each cell, and its variance."""

    n: Floats
    share: Floats
    variance: Floats


def shares(tracks: Tracks, names: tuple[str, ...]) -> Shares:
    """What passes in the cells of some variables."""
    shape = tuple(len(EDGES[k]) - 1 for k in names)
    cell = tracks.cell(names, shape)
    size = int(np.prod(shape))

    def total(values: Floats) -> Floats:
        return np.bincount(cell[cell >= 0], values[cell >= 0], size)

    w = tracks.weights
    n, squares = total(w), total(w**2)
    passed, passed_squares = total(w * tracks.passed), total(w**2 * tracks.passed)
    share = passed / np.where(n > 0, n, 1.0)
    # of a ratio of sums of weights; a share of 0 or 1 is as uncertain as one that is off by one
    variance = ((1 - 2 * share) * passed_squares + share**2 * squares) / np.maximum(n, 1e-9) ** 2
    effective = np.maximum(n, 1e-9) ** 2 / np.maximum(squares, 1e-9)
    least = (effective * share + 1) * (effective * (1 - share) + 1) / (effective + 2) ** 3
    return Shares(effective, share, np.maximum(variance, least))


def of_truth(batch: EventBatch, drawn: EventBatch, cut: tuple) -> tuple[Tracks, Tracks]:
    """Long tracks of a species in a detailed sample, with its own columns and with drawn ones."""
    _, pdg, column, above, _ = cut
    track = batch.track
    start = batch.particle.offsets[track.event_index]
    own = np.abs(batch.particle["mc_pdg_id"][start + np.maximum(track["mcparticle_id"], 0)])
    p, tx, ty = (track[k].astype(np.float64) for k in ("p", "tx", "ty"))
    slope = np.hypot(tx, ty)
    pt = p * slope / np.sqrt(1.0 + slope**2)
    used = (own == pdg) & (track["track_type"] == 3) & (pt > MIN_PT[pdg])
    columns = {
        "p": p[used],
        "eta": np.arcsinh(1.0 / slope[used]),
        "n_tracks": batch.event["n_tracks"][track.event_index[used]].astype(np.float64),
    }
    ones = np.ones(int(used.sum()))
    return tuple(Tracks(columns, one.track[column][used] > above, ones) for one in (batch, drawn))  # type: ignore[return-value]


def of_data(paths: list[str], cut: tuple) -> Tracks:
    """Weighted tracks of a species in calibration samples."""
    _, pdg, column, above, _ = cut
    name = {"rich_dll_k": "RichDLLk", "is_muon": "isMuon"}[column]
    parts = []
    for path in paths:
        with uproot.open(path) as file:
            parts.append(
                file["Tracks"].arrays(
                    ["ID", "P", "ETA", "nTracks", "PT", "sweight", name], library="np"
                )
            )
    whole = {k: np.concatenate([p[k] for p in parts]).astype(np.float64) for k in parts[0]}
    used = (np.abs(whole["ID"]) == pdg) & (whole["PT"] > MIN_PT[pdg])
    whole = {k: v[used] for k, v in whole.items()}
    columns = {"p": whole["P"], "eta": whole["ETA"], "n_tracks": whole["nTracks"]}
    return Tracks(columns, whole[name] > above, whole["sweight"])


def compared(args: argparse.Namespace) -> Iterator[tuple[tuple, tuple[Tracks, Tracks, Tracks]]]:
    """For each cut: tracks with true, drawn and measured answers."""
    batch = read_sample(args.truth, part=(0.0, args.share))
    batch = batch.with_table("track", batch.track.select(from_truth(batch)))
    drawn: EventBatch = batch
    made: set[str] = set()
    for model in args.model:
        stage, _ = load_stage(model)
        drawn = stage(drawn, seed=1)
        made |= {name for _, name in stage.provides}
    files = [words[0] for words in args.fit]
    for cut in CUTS:
        if cut[2] not in made:
            continue
        yield cut, (*of_truth(batch, drawn, cut), of_data(files, cut))


def line(cut: tuple, sides: tuple[Tracks, Tracks, Tracks]) -> tuple[str, NDArray[np.int64]]:
    """A line of the table, and cells within, without the error of the data, and looked at.

    Counts are those in bins of one variable, then those in cells of all three.
    """
    counts = np.zeros((2, 3), int)
    for names in (*((name,) for name in EDGES), tuple(EDGES)):
        true, drawn, data = (shares(side, names) for side in sides)
        used = true.n >= LEAST
        off = np.abs(drawn.share - true.share)
        both = true.variance + drawn.variance
        within = (off < 0.02) | (off < 2.0 * np.sqrt(both + data.variance))
        strict = (off < 0.02) | (off < 2.0 * np.sqrt(both))
        counts[int(len(names) > 1)] += within[used].sum(), strict[used].sum(), used.sum()
    whole = [f"{side.passed.mean():.4f}" for side in sides[:2]]
    w, passed = sides[2].weights, sides[2].passed
    measured = float((w * passed).sum() / w.sum())
    species, _, _, _, title = cut
    told = " | ".join(f"{a}, {b} of {n}" for a, b, n in counts)
    text = f"| {species} | {title} | {whole[0]} | {whole[1]} | {measured:.4f} | {told} |"
    return text, counts


def picture(rows: list[tuple[tuple, tuple[Tracks, Tracks, Tracks]]], args) -> None:
    """Fits of the masses, and efficiencies against momentum, eta and nTracks."""
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(2, 3, figsize=(14, 8))
    for axes, (path, low, high, background) in zip(panels[0, :2], args.fit, strict=False):
        with uproot.open(path) as file:
            found = file["Tracks"].arrays(["candidate", "mass"], library="np")
        mass = found["mass"][np.unique(found["candidate"], return_index=True)[1]]
        window = float(low), float(high)
        fit = fit_mass(mass, window, "double-gauss", background, path)
        counts, edges = np.histogram(mass, 60, window)
        middle, grid = 0.5 * (edges[1:] + edges[:-1]), np.linspace(*window, 400)
        signal, below = (
            n * d * (edges[1] - edges[0])
            for n, d in zip(fit.yields, fit.densities(grid), strict=True)
        )
        axes.errorbar(middle, counts, np.sqrt(counts), fmt="k.", ms=4)
        axes.plot(grid, signal + below)
        axes.plot(grid, below, "--")
        n, error = fit.yields[0], fit.errors[0]
        axes.set(title=f"{Path(path).stem}: {n:.0f} +- {error:.0f} signal", ylabel="candidates")
        axes.set_xlabel("mass, or difference of masses [MeV]")
    for axes, name in zip((panels[0, 2], *panels[1]), ("p", "p", "eta", "n_tracks"), strict=True):
        chosen = CUTS[4:] if axes is panels[0, 2] else CUTS[:4:3] + CUTS[:1]
        _efficiencies(axes, name, [(cut, sides) for cut, sides in rows if cut in chosen])
    figure.tight_layout()
    figure.savefig(args.output / "from_data.png", dpi=100)
    plt.close(figure)


def _efficiencies(axes, name: str, rows: list[tuple[tuple, tuple[Tracks, ...]]]) -> None:
    middle = 0.5 * (EDGES[name][1:] + EDGES[name][:-1])
    middle[-1] = min(middle[-1], 1.3 * EDGES[name][-2])
    for color, (cut, sides) in enumerate(rows):
        for k, (kind, side) in enumerate(
            zip(("truth", "drawn", "weighted data"), sides, strict=True)
        ):
            found = shares(side, (name,))
            axes.errorbar(
                *(middle * (1.0 + 0.02 * k), found.share, np.sqrt(found.variance)),
                fmt=("o-", "s", "^")[k],
                color=f"C{color}",
                fillstyle=("full", "none", "full")[k],
                ms=(4, 7, 4)[k],
                alpha=(1.0, 1.0, 0.4)[k],
                label=f"{cut[0]}, {cut[4]}, {kind}",
            )
    axes.set(xlabel={"p": "p [MeV]", "eta": "eta", "n_tracks": "nTracks"}[name])
    axes.set_ylabel("share that passes")
    axes.set_ylim(0.0, 1.02 if len(rows) > 2 or name != "p" else 1.05)
    axes.legend(fontsize=6)


def main(words: list[str] | None = None, say: Callable[[str], None] = print) -> None:
    """Draw, compare, tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", nargs="+", required=True)
    parser.add_argument("--truth", type=Path, nargs="+", required=True)
    parser.add_argument("--fit", nargs=4, action="append", required=True)
    parser.add_argument("--share", type=float, default=1.0, help="of the events of each sample")
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args(words)
    args.output.mkdir(parents=True, exist_ok=True)
    rows = list(compared(args))
    head = "| species | cut | truth | drawn | weighted data | bins within | cells within |"
    lines = [head, "|" + "---|" * 7]
    total = np.zeros((2, 3), int)
    for cut, sides in rows:
        text, counts = line(cut, sides)
        total += counts
        lines.append(text)
    for what, (within, strict, n) in zip(("bins", "cells"), total, strict=True):
        lines.append(f"\n{within} of {n} {what} within; {strict} without the error of the data.")
    (args.output / "from_data.md").write_text("\n".join(lines) + "\n")
    say("\n".join(lines))
    picture(rows, args)


if __name__ == "__main__":
    main()
