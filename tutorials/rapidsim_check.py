"""Eight of RapidSim's validation decays: its own smearing beside our chain.

    python tutorials/rapidsim_check.py FOLDER -o PAGE --smear RAPIDSIM/rootfiles/smear [--decays N]

Each decay is generated once, through the source of `lamarr-like rapidsim`, without collisions.
RapidSim's masses are those of the generated particles after its smearing `LHCbGeneric`, written out
below from its source with its file `smear12.root`, and its acceptance is `AllIn` of its geometry
`LHCb`; ours are those of the candidates.  PAGE/check.md gets the table, PAGE/masses.png the spectra.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import uproot

from lamarr_like.arrays import Columns, Floats
from lamarr_like.decays.names import properties
from lamarr_like.decays.rapidsim import RapidSim
from lamarr_like.decays.request import DecayRequest
from lamarr_like.runs.simulate import RunConfig, simulate
from lamarr_like.statistics.distances import core_width
from lamarr_like.files.sheets import sheet_of, write_sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DECAYS = {
    "JPsi2MuMu": "Jpsi -> mu- mu+",
    "D02Kpi": "D0 -> K- pi+",
    "Ds2KKpi": "Ds+ -> K+ K- pi+",
    "Dst2D0pi": "D*+ -> { D0 -> K- pi+ } pi+",
    "Bs2Jpsiphi": "Bs0 -> { Jpsi -> mu+ mu- } { phi -> K+ K- }",
    "Bd2D0rho0": "B0 -> { D0b -> K+ pi- } { rho0 -> pi+ pi- }",
    "Bs2D0Kpi": "Bs0 -> { D0b -> K+ pi- } K- pi+",
    "B2DplusD0": "B+ -> { D+ -> K- pi+ pi+ } { D0b -> K+ pi- }",
}
"""Those with muons and hadrons only, which all have this smearing; by phase space."""
HEAD = (
    *("decay", "width by RapidSim, all in [MeV]", "of those that we find", "ours", "ours / its"),
    *("mean less PDG, RapidSim / ours [MeV]", "all in, RapidSim [%]", "all tracks found [%]"),
)


class Rapid(NamedTuple):
    """RapidSim's smearing `LHCbGeneric`: dp/p (second) by momentum [MeV] (first)."""

    momentum: Floats
    relative: Floats

    @classmethod
    def read(cls, path: Path) -> Rapid:
        """From its `smear12.root`."""
        with uproot.open(path) as file:
            graph = file["Graph"]
            x, y = (np.asarray(graph.member(k), np.float64) for k in ("fX", "fY"))
        order = np.argsort(x)
        return cls(x[order], y[order])

    def smeared(self, p: Floats, rng: np.random.Generator) -> Floats:
        """Momenta ``(n, 3)`` [MeV] after it.

        Slopes are moved by their resolution as RapidSim moves them, always by plus one standard
        deviation: its `Gaus(1, 0)` is a mean of one and no width.
        """
        size = np.linalg.norm(p, axis=1)
        # TGraph::Eval goes on along the last two points.
        x, y = self.momentum, self.relative
        at = np.clip(np.searchsorted(x, size) - 1, 0, len(x) - 2)
        sigma = y[at] + (size - x[at]) * (y[at + 1] - y[at]) / (x[at + 1] - x[at])
        slopes = p[:, :2] / p[:, 2:]
        slopes = slopes + np.hypot(6.2e-5, 2.1 / size)[:, None]
        size = size * (1.0 + sigma * rng.normal(size=len(p)))
        norm = np.sqrt(1.0 + (slopes**2).sum(axis=1)) * np.sign(p[:, 2])
        smeared: Floats = np.column_stack([slopes, np.ones(len(p))]) * (size / norm)[:, None]
        return smeared


def inside(p: Floats) -> Floats:
    """Whether momenta ``(n, 3)`` are in RapidSim's geometry `LHCb`."""
    tx, ty = p[:, 0] / p[:, 2], p[:, 1] / p[:, 2]
    found: Floats = (np.abs(tx) < 0.3) & (np.abs(ty) < 0.25) & (np.hypot(tx, ty) > 0.01)
    return found & (p[:, 2] > 0)


class Found(NamedTuple):
    """One decay: masses [MeV] by RapidSim (all in), of what we find, and ours; shares; PDG's."""

    rapid: Floats
    common: Floats
    ours: Floats
    all_in: float
    tracks: float
    pdg: float


def masses(table: Columns, leaves: list[str], rapid: Rapid, seed: int) -> tuple[Floats, Floats]:
    """Masses by RapidSim of generated decays, and whether all are in its acceptance."""
    rng = np.random.default_rng(seed)
    total, good = np.zeros((len(table[f"{leaves[0]}_TRUEP_X"]), 4)), np.bool_(True)
    for leaf in leaves:
        true = np.column_stack([table[f"{leaf}_TRUEP_{a}"] for a in "XYZE"])
        mass2 = np.maximum(true[:, 3] ** 2 - (true[:, :3] ** 2).sum(axis=1), 0.0)
        p = rapid.smeared(true[:, :3], rng)
        total += np.column_stack([p, np.sqrt(mass2 + (p**2).sum(axis=1))])
        good = good & inside(true[:, :3])
    return np.sqrt(total[:, 3] ** 2 - (total[:, :3] ** 2).sum(axis=1)), good


def run(name: str, rapid: Rapid, args: argparse.Namespace) -> Found:
    """Generate, simulate, and smear as RapidSim does."""
    config = args.folder / f"{name}.config"
    config.with_suffix(".decay").write_text(DECAYS[name] + "\n")
    config.write_text("geometry : LHCb\n")
    found = RapidSim.read(config)
    request = DecayRequest.parse(found.decay.text)
    path = args.folder / f"{name}.root"
    if not path.exists():
        run_config = RunConfig(f"decay:{config}", path, args.decays, args.seed, decays=(request,))
        simulate(run_config, args.pipeline)
    decay = request.decay
    leaves = [leaf.branch for leaf in decay.leaves]
    with uproot.open(path) as file:
        made, seen = (
            file[f"{decay.name}/{tree}"].arrays(library="np")
            for tree in ("MCDecayTree", "DecayTree")
        )
    mass, good = masses(made, leaves, rapid, args.seed)
    head = decay.head.branch
    return Found(
        *(mass[good], mass[made[f"{head}_Reconstructed"].astype(bool)], seen[f"{head}_M"]),
        *(good.sum() / args.decays, len(seen[f"{head}_M"]) / args.decays),
        properties(decay.head.pdg_id).mass,
    )


def row(name: str, one: Found) -> list[str]:
    """Row of the table."""
    sets = (one.rapid, one.common, one.ours)
    widths = [(core_width(m), 1.5 / math.sqrt(max(len(m), 1))) for m in sets]
    cells = [f"{w:.2f} +- {w * e:.2f}" for w, e in widths]
    ratio = widths[2][0] / widths[1][0] if widths[1][0] else math.nan
    error = math.hypot(widths[1][1], widths[2][1])
    means = [np.median(m) - one.pdg for m in (one.common, one.ours)]
    shares = [f"{100 * s:.1f}" for s in (one.all_in, one.tracks)]
    text = f"`{DECAYS[name]}`"
    ratios = f"{ratio:.2f} +- {ratio * error:.2f}"
    return [text, *cells, ratios, f"{means[0]:+.2f} / {means[1]:+.2f}", *shares]


def main(words: list[str] | None = None) -> str:
    """Make what is missing, compare, write; returns the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="of the samples")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the page")
    parser.add_argument("--smear", type=Path, required=True, help="RapidSim's rootfiles/smear")
    parser.add_argument("--decays", type=int, default=5000, help="generated decays of each kind")
    parser.add_argument("--decay", choices=list(DECAYS), action="append", help="all if not given")
    parser.add_argument("--pipeline", default="reference")
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args(words)
    for folder in (args.folder, args.output):
        folder.mkdir(parents=True, exist_ok=True)
    rapid = Rapid.read(args.smear / "smear12.root")
    found = {name: run(name, rapid, args) for name in args.decay or DECAYS}
    lines = [
        "# RapidSim's validation decays, its smearing beside our chain",
        "",
        f"Made by `python tutorials/rapidsim_check.py`: {args.decays} decays of each kind, seed "
        f"{args.seed}, without collisions; widths are half the central 68 % interval.",
        "",
        *(f"| {' | '.join(r)} |" for r in (HEAD, ["---"] * len(HEAD))),
        *(f"| {' | '.join(row(name, one))} |" for name, one in found.items()),
        *("", "![Masses, RapidSim and ours](masses.png)", ""),
    ]
    write_sheet(lambda: drawn(found), args.output / "masses.png", dpi=80)
    text = "\n".join(lines)
    (args.output / "check.md").write_text(text)
    return text


def drawn(found: dict[str, Found]) -> Figure:
    """Spectra of the decays that we find, by RapidSim and ours."""

    def panel(axes: Axes, item: tuple[str, Found]) -> None:
        name, one = item
        width = core_width(one.ours)
        edges = np.linspace(one.pdg - 5 * width, one.pdg + 5 * width, 41)
        for values, label in ((one.common, "RapidSim"), (one.ours, "ours")):
            axes.hist(values, edges, histtype="step", label=label)
        axes.set_title(DECAYS[name], fontsize="small")
        axes.set_xlabel("M [MeV]")
        axes.legend()

    return sheet_of(list(found.items()), panel, columns=4)


if __name__ == "__main__":
    print(main())
