"""Stability: the RICH model learns from one sample and is applied to another.

    python tutorials/stability.py --minbias TRAIN ... --further TRAIN ... \
        --apply NAME=SAMPLE ... -o FOLDER

Three models of the same short length are trained: on the minimum-bias samples alone, on their
tracks below `--below` GeV alone, and on all samples.  They and the model that ships draw the RICH
anew for the detailed tracks of each sample they are applied to, everything else left as it is, so
that what differs is the RICH.  FOLDER/stability.md gets the efficiency ratios fast/detailed, by
sample, origin of the track, species and cut; FOLDER/stability.png those against momentum.  The idea
is that of Mokhnenko et al., arXiv:2204.09947, who applied a model of the RICH to decays that it had
not seen.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lamarr_like.chain.pipeline import load_stage
from lamarr_like.events import EventBatch, concatenate
from lamarr_like.stages import AbstractModelStage
from lamarr_like.stages.features import from_truth
from lamarr_like.training.sample import read_sample
from lamarr_like.training.train import Request, card, fit_stage
from lamarr_like.validation.report.efficiency import Ratio, WorkingPoint, cut_ratios
from lamarr_like.validation.report.gather import Gatherer, paired

Mask = NDArray[np.bool_]

CUTS = {"RichDLLk > 0": ("pi", "K", "p"), "RichDLLp > 0": ("pi", "K", "p")}
"""Cuts and the species that they are looked at for."""


@dataclass(frozen=True)
class Row:
    """One line of the table: where, what, and the ratio of each model."""

    sample: str
    group: str
    ratios: dict[str, Ratio]


def of_b_hadrons(batch: EventBatch) -> Mask:
    """Tracks of particles that come from the decay of a hadron with a b quark."""
    particle, track = batch.particle, batch.track
    start = particle.offsets[particle.event_index]
    mother = np.where(particle["mc_mother_id"] < 0, -1, particle["mc_mother_id"] + start)
    digits = np.abs(particle["mc_pdg_id"])
    beauty = ((digits // 100 % 10 == 5) | (digits // 1000 % 10 == 5)) & (digits < 1_000_000)
    found, at = np.zeros(len(particle), bool), np.arange(len(particle))
    while (at >= 0).any():
        found |= (at >= 0) & beauty[at]
        at = np.where(at >= 0, mother[at], -1)
    known = track["mcparticle_id"] >= 0
    row = np.where(known, particle.offsets[track.event_index] + track["mcparticle_id"], 0)
    result: Mask = known & found[row]
    return result


def groups(batch: EventBatch, below: float) -> dict[str, Mask]:
    """Tracks of a sample by origin and momentum."""
    beauty, low = of_b_hadrons(batch), batch.track["p"] < 1e3 * below
    found = {"all": np.full(len(low), True), f"P < {below:g} GeV": low}
    found[f"P > {below:g} GeV"] = ~low
    return found | {"from b hadrons": beauty} if beauty.any() else found


def with_tracks(batch: EventBatch, mask: Mask) -> EventBatch:
    """The events with some of their tracks."""
    return batch.with_table("track", batch.track.select(mask))


def trained(name: str, batch: EventBatch, args: argparse.Namespace) -> AbstractModelStage:
    """A RICH model that learnt from a sample, kept in the folder."""
    request = Request("rich", sample=name, steps=args.steps)
    model = fit_stage(batch, request, progress=False)
    facts = {"data": [p.name for p in args.minbias], "events": len(batch), "command": ""}
    folder = model.save(
        args.output,
        stage="rich",
        sample=name,
        version="1",
        card=card(request, model, facts),
        provenance=facts,
        overwrite=True,
    )
    return load_stage(str(folder))[0]


def models(args: argparse.Namespace) -> dict[str, AbstractModelStage]:
    """The models that are compared, by title."""
    part = (0.0, args.share)
    minbias = read_sample(args.minbias, part=part)
    everything = minbias
    if args.further:
        everything = concatenate([minbias, read_sample(args.further, part=part)])
    found = {"shipped": load_stage("rich-pp13-1")[0]}
    found["all samples"] = trained("all", everything, args)
    found["minimum bias"] = trained("minbias", minbias, args)
    low = with_tracks(minbias, minbias.track["p"] < 1e3 * args.below)
    found[f"minimum bias, P < {args.below:g} GeV"] = trained("slow", low, args)
    return found


def ratios(detailed: EventBatch, fast: EventBatch, mask: Mask) -> dict[tuple[str, str], Ratio]:
    """Efficiency ratios of the cuts for some tracks, by species and cut."""
    pair = []
    for name, batch in (("detailed", detailed), ("fast", fast)):
        gatherer = Gatherer(name)
        gatherer.add(with_tracks(batch, mask))
        pair.append(gatherer.sample())
    points = [WorkingPoint.parse(text) for text in CUTS]
    found = cut_ratios(
        *paired(*pair),
        sorted({s for species in CUTS.values() for s in species}),
        points,
        variables=[p.variable for p in points],
        schemes=(("p",), ("p", "eta")),
    )
    return {(r.species, r.label): r for r in found if r.kind == "working point"}


def compared(
    samples: Mapping[str, Path],
    stages: Mapping[str, AbstractModelStage],
    below: float,
    part: tuple[float, float],
) -> Iterator[Row]:
    """All lines of the table."""
    for sample, path in samples.items():
        detailed = read_sample([path], part=part)
        detailed = with_tracks(detailed, from_truth(detailed))  # the fast chain has no ghosts
        fast = {title: stage(detailed, seed=1) for title, stage in stages.items()}
        for group, mask in groups(detailed, below).items():
            found = {title: ratios(detailed, batch, mask) for title, batch in fast.items()}
            first = next(iter(found.values()))
            for key in first:
                yield Row(sample, group, {title: each[key] for title, each in found.items()})


def table(rows: list[Row]) -> str:
    """The lines in Markdown: ratio, its error, and chi2 over the number of bins of P and eta."""
    titles = list(rows[0].ratios)
    heads = ["sample", "tracks", "species", "cut", "detailed", *titles]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for row in rows:
        one = row.ratios[titles[0]]
        cells = [row.sample, row.group, one.species, one.label, f"{one.whole.detailed[0]:.3f}"]
        for title in titles:
            whole, chi2 = row.ratios[title].whole, row.ratios[title].schemes["p", "eta"].chi2
            cells.append(
                f"{whole.ratio[0]:.3f} +- {whole.ratio_error[0]:.3f}"
                f" ({chi2.value:.0f} / {chi2.bins})"
            )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def picture(rows: list[Row], path: Path) -> None:
    """Ratios of kaons against momentum, a panel for each sample."""
    import matplotlib.pyplot as plt

    shown = [r for r in rows if r.group == "all" and _is(r, "K", "RichDLLk > 0")]
    figure, panels = plt.subplots(1, len(shown), figsize=(5 * len(shown), 4), squeeze=False)
    for axes, row in zip(panels[0], shown, strict=True):
        for k, (title, ratio) in enumerate(row.ratios.items()):
            binned = ratio.schemes["p",]
            edges = binned.bins.seen[:, 0] / 1e3
            middle = np.sqrt(edges[:, 0] * edges[:, 1]) * (1.0 + 0.03 * k)
            shares = binned.shares
            axes.errorbar(
                *(middle, shares.ratio, shares.ratio_error),
                fmt="osD^"[k % 4],
                color=("0.0", "#0072b2", "#d55e00", "#cc79a7")[k % 4],
                label=title,
                markersize=4,
            )
        axes.axhline(1.0, color="0.6", linewidth=1)
        axes.set_xscale("log")
        axes.set_xlabel("P [GeV]")
        axes.set_ylabel("efficiency of RichDLLk > 0, fast / detailed")
        n = row.ratios["shipped"].whole.n_detailed[0]
        axes.set_title(f"{row.sample}: {n:.0f} true kaons")
    panels[0][0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _is(row: Row, species: str, label: str) -> bool:
    one = next(iter(row.ratios.values()))
    return (one.species, one.label) == (species, label)


def parse(words: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minbias", type=Path, nargs="+", required=True)
    parser.add_argument("--further", type=Path, nargs="*", default=[])
    parser.add_argument("--apply", nargs="+", required=True, metavar="NAME=SAMPLE")
    parser.add_argument("--share", type=float, default=1.0, help="of the events to train on")
    parser.add_argument("--apply-share", type=float, default=1.0, help="of those to apply to")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--below", type=float, default=20.0, help="P [GeV]")
    parser.add_argument("-o", "--output", type=Path, required=True)
    return parser.parse_args(words)


def main(words: list[str] | None = None, say: Callable[[str], None] = print) -> Path:
    """Train, apply, write; returns the table."""
    args = parse(words)
    args.output.mkdir(parents=True, exist_ok=True)
    samples = dict(text.split("=", 1) for text in args.apply)
    paths = {name: Path(text) for name, text in samples.items()}
    rows = list(compared(paths, models(args), args.below, (0.0, args.apply_share)))
    path: Path = args.output / "stability.md"
    path.write_text(table(rows))
    picture(rows, args.output / "stability.png")
    say(path.read_text())
    return path


if __name__ == "__main__":
    main()
