"""Draw the fast chain beside the detailed simulation on the same generated events.

    python tutorials/detailed_beside_fast.py SAMPLE.root figure.png [pipeline]

SAMPLE.root is a detailed sample that the models were not trained on, for instance from
`lamarr-like detailed pythia:minbias -n 2000 --pileup 1.6 --seed 202 -o SAMPLE.root`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import mplhep
import numpy as np

from lamarr_like import EventBatch, Pipeline
from lamarr_like.chain.pipeline import TRUTH
from lamarr_like.events import concatenate
from lamarr_like.io.ntuple import read_events
from lamarr_like.statistics.distances import core_width

EDGES = np.geomspace(2.0, 100.0, 13)


def truth_of(batch: EventBatch) -> EventBatch:
    """The generated part of detailed events."""
    tables = {}
    for name in ("event", "vertex", "particle"):
        table = batch[name]
        columns = {c: v for c, v in table.columns.items() if (name, c) in TRUTH}
        tables[name] = type(table)(columns, table.offsets)
    return EventBatch(tables)


def long_tracks(batch: EventBatch) -> dict[str, np.ndarray]:
    """Quantities of long tracks of generated particles."""
    track = batch.track
    rows = (track["track_type"] == 3) & (track["origin"] == 0)
    momentum = np.stack([batch.linked(f"mc_p{a}", rows) for a in "xyz"])
    dz = batch.linked("mc_vz", rows) - track["z"][rows]
    ip = track["x"][rows] + track["tx"][rows] * dz - batch.linked("mc_vx", rows)
    return {
        "pdg": np.abs(batch.linked("mc_pdg_id", rows)),
        "p": np.sqrt((momentum**2).sum(axis=0)) / 1e3,
        "pt": np.hypot(momentum[0], momentum[1]) / 1e3,
        "reco_p": track["p"][rows] / 1e3,
        "ip": ip * 1e3,
        **{name: track[name][rows] for name in ("rich_dll_k", "rich_dll_p")},
    }


def binned(values: np.ndarray, x: np.ndarray, edges: np.ndarray, what) -> tuple:  # type: ignore[no-untyped-def]
    """What(values) and its error in bins of x."""
    place = np.digitize(x, edges) - 1
    rows = [values[place == i] for i in range(len(edges) - 1)]
    return tuple(np.array(r) for r in zip(*(what(r) for r in rows), strict=True))


def width(values: np.ndarray) -> tuple[float, float]:
    w = core_width(values)
    return w, 1.18 * w / np.sqrt(max(len(values), 1))


def share(passed: np.ndarray) -> tuple[float, float]:
    n = max(len(passed), 1)
    e = float(passed.sum()) / n
    return e, np.sqrt(max(e * (1 - e), 1 / n) / n)


def main() -> None:
    sample, output = sys.argv[1:3]
    pipeline = sys.argv[3] if len(sys.argv) > 3 else "reference"
    detailed = concatenate(read_events(sample))
    fast = Pipeline.load(pipeline)(truth_of(detailed), seed=1)
    both = {"detailed": long_tracks(detailed), f"fast ({pipeline})": long_tracks(fast)}
    mplhep.style.use("LHCb2")
    figure, axes = plt.subplots(1, 3, figsize=(30, 9))
    styles = (
        {"color": "black", "marker": "o", "mfc": "none"},
        {"color": "tab:blue", "marker": "s"},
    )
    for (name, t), style in zip(both.items(), styles, strict=True):
        label = f"{name}, {len(t['p'])} long tracks"
        hadron = t["pdg"] != 11
        y, e = binned(100 * (t["reco_p"] / t["p"] - 1)[hadron], t["p"][hadron], EDGES, width)
        centres = np.sqrt(EDGES[1:] * EDGES[:-1])
        axes[0].errorbar(centres, y, e, ls="", label=label, **style)
        inverse = np.linspace(0.2, 3.0, 12)
        y, e = binned(t["ip"][hadron], 1 / t["pt"][hadron], inverse, width)
        axes[1].errorbar(0.5 * (inverse[1:] + inverse[:-1]), y, e, ls="", label=label, **style)
        for pdg, particle, fill in ((321, "K", True), (211, "pi", False)):
            rows = t["pdg"] == pdg
            y, e = binned(t["rich_dll_k"][rows] > 0, t["reco_p"][rows], EDGES, share)
            kind = dict(style) if fill else {**style, "marker": "^", "alpha": 0.6}
            word = "$K$" if particle == "K" else r"$\pi \to K$"
            axes[2].errorbar(centres, y, e, ls="", label=f"{name}, {word}", **kind)
    for axis, (x, y) in zip(
        axes,
        (
            ("$p$ [GeV]", r"$\sigma(p)/p$ [%]"),
            (r"$1/p_T$ [GeV$^{-1}$]", r"$\sigma(IP_x)$ [$\mu$m]"),
            ("$p$ [GeV]", "share with RichDLLk > 0"),
        ),
        strict=True,
    ):
        axis.set(xlabel=x, ylabel=y)
        axis.legend(fontsize=18)
    for axis in (axes[0], axes[2]):
        axis.set_xscale("log")
        axis.set_xlim(1.9, 105)
    axes[1].set_xlim(0.2, 3.0)
    axes[1].set_ylim(0, None)
    axes[0].set_ylim(0, 1.5)
    axes[2].set_ylim(0, 1.25)
    figure.suptitle(f"Reference detector (not LHCb), {Path(sample).stem}", fontsize=26)
    figure.tight_layout()
    figure.savefig(output, dpi=50)


if __name__ == "__main__":
    main()
