"""Detailed beside fast for nine decays: masses, pulls, decay times, efficiencies and fits.

    python tutorials/decays_check.py FOLDER -o PAGE [--decays N] [--decay NAME ...]

For each decay a detailed sample of minimum-bias events with the decay in them is made in FOLDER
(kept, and taken from there the next time), the fast chain runs on the same generated events, and
both are compared as `lamarr-like validate --decay` does it.  PAGE/check.md gets the tables and
PAGE/NAME.png a picture of each decay.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.decays.request import DecayRequest
from lamarr_like.decays.rows import BY
from lamarr_like.runs.simulate import RunConfig, simulate_detailed
from lamarr_like.statistics.distances import halves
from lamarr_like.validation.report.decays import (
    DecayComparison,
    compare_decay,
    decay_measurements,
    decay_title,
)
from lamarr_like.validation.report.draw_decays import decay_summary
from lamarr_like.validation.report.gather import read_samples
from lamarr_like.files.sheets import write_sheet
from lamarr_like.statistics.judgement import Check
from lamarr_like.validation.verdict import judge, load_thresholds

DECAYS = {
    "D0": ("D0 -> K- pi+", ""),
    "Jpsi": ("J/psi(1S) -> mu+ mu-", ""),
    "B0_Kstmumu": ("B0 -> (K*(892)0 -> K+ pi-) mu+ mu-", ""),
    "Lb_Lcmunu": ("Lambda(b)0 -> (Lambda(c)+ -> p K- pi+) mu- nu(mu)~", ""),
    "Bplus_JpsiK": ("B+ -> (J/psi(1S) -> mu+ mu-) K+", ""),
    "KS": ("K(S)0 -> pi+ pi-", ""),
    "pi0": ("pi0 -> gamma gamma", "&pt=0.5-20"),
    "B0_Kstgamma": ("B0 -> (K*(892)0 -> K+ pi-) gamma", ""),
    "Lb_Lcpi": ("Lambda(b)0 -> (Lambda(c)+ -> p K- pi+) pi-", ""),
}
"""Name, descriptor and further options of the source."""
FITS = {
    "Bplus_JpsiK": ("J/psi(1S)=mass,PV", "loose: PV"),
    "Lb_Lcpi": ("Lambda(c)+=mass,PV", "loose: PV"),
}
"""Fits of the whole tree."""

YIELDS = (
    *("decay", "generated", "candidates detailed / fast", "ratio of candidates an event"),
    *("ratio of efficiencies in the acceptance", "efficiency against decay time, chi2", "check"),
)
MASSES = (
    *("decay", "particle", "width of the mass detailed / fast [MeV]", "ratio", "floor"),
    "pull of the mass detailed / fast",
)
PULLS = (
    *("decay", "pull of x", "pull of y", "pull of z", "pull of the decay time"),
    *("decay time [ps]", "its ratio"),
)
GAINS = (
    *("decay", "residual", "width detailed / fast", "ratio", "floor"),
    *("narrower by, detailed / fast", "ratio", "pull detailed / fast", "its ratio"),
)
DISTANCES = {
    **{"M": "M", "IP": "IP", "log_ip_chi2": "IPCHI2", "log_fd_chi2": "FDCHI2"},
    **{"dTAU": "TAU less the true one", "chi2": "chi2 of the vertex"},
}
"""Columns of candidates and their titles."""


class Compared(NamedTuple):
    """One decay: fast beside detailed, two halves of the detailed sample, and the verdict."""

    whole: DecayComparison
    floor: DecayComparison
    check: Check


def sample(name: str, args: argparse.Namespace) -> Path:
    """Detailed sample of a decay, made if it is not there."""
    path: Path = args.folder / f"{name}.root"
    if not path.exists():
        text, options = DECAYS[name]
        source = f"{args.collisions}+decay:{text}?n={args.per_event}{options}"
        events = math.ceil(args.decays / args.per_event)
        config = RunConfig(
            *(source, path, events), seed=args.seed, chunk_size=100, pileup=args.pileup
        )
        simulate_detailed(config, args.workers)
    return path


def compared(name: str, chain: Pipeline, args: argparse.Namespace) -> Compared:
    """Compare a decay and draw it."""
    request = DecayRequest.parse(f"{name}: {DECAYS[name][0]}", fits=FITS.get(name, ()))
    detailed, fast = read_samples([sample(name, args)], chain, seed=args.seed, decays=[request])
    whole = compare_decay(detailed.decays[0], fast.decays[0])
    first = halves(int(detailed.event["unit"].max()) + 1, args.seed)
    parts = (detailed.of_units(chosen, "half").decays[0] for chosen in (first, ~first))
    floor = compare_decay(*parts)
    write_sheet(
        lambda: decay_summary(whole, detailed.decays[0], fast.decays[0]),
        args.output / f"{name}.png",
        dpi=80,
    )
    checks = judge(decay_measurements([whole]), load_thresholds()).checks
    check = next(c for c in checks if c.group == "decays")
    return Compared(whole, floor, check)


def ratio(value: float, error: float) -> str:
    """A ratio with its error."""
    return "-" if math.isnan(value * error) else f"{value:.3f} +- {error:.3f}"


def pair(one: DecayComparison, variable: str, digits: str) -> str:
    """Widths of a residual or pull, detailed and fast."""
    found = one.width(variable)
    if found is None or math.isnan(found.ratio[0]):
        return "-"
    return f"{found.detailed[0]:{digits}} / {found.fast[0]:{digits}}"


def yields(found: Compared) -> list[str]:
    """Row of the table of yields."""
    one, by_tau = found.whole, found.whole.by_tau
    tau = "-"
    if by_tau is not None and by_tau.chi2.bins:
        tau = f"{by_tau.chi2.value:.1f} / {by_tau.chi2.bins}, p = {by_tau.chi2.p:.2g}"
    return [
        *(descriptor(one), str(one.generated[0]), " / ".join(map(str, one.candidates))),
        ratio(one.per_event.ratio[0], one.per_event.ratio_error[0]),
        ratio(one.of_accepted.ratio[0], one.of_accepted.ratio_error[0]),
        *(tau, found.check.status.value),
    ]


def masses(found: Compared) -> Iterator[list[str]]:
    """Rows of the table of masses: the head and what decays below it."""
    for width in found.whole.widths:
        particle, _, name = width.variable.rpartition(":")
        if name != "dM" or math.isnan(width.ratio[0]) or BY in particle:
            continue
        floor = found.floor.width(width.variable)
        yield [
            *(descriptor(found.whole), f"`{particle}`"),
            f"{width.detailed[0]:.2f} / {width.fast[0]:.2f}",
            ratio(width.ratio[0], width.ratio_error[0]),
            "-" if floor is None else ratio(floor.ratio[0], floor.ratio_error[0]),
            pair(found.whole, f"{particle}:pull_M", ".3f"),
        ]


def pulls(found: Compared) -> list[str]:
    """Row of the table of pulls."""
    names = ("pull_X", "pull_Y", "pull_Z", "pull_TAU", "dTAU")
    cells = [pair(found.whole, n, ".3f") for n in names]
    width = found.whole.width("dTAU")
    last = "-" if width is None else ratio(width.ratio[0], width.ratio_error[0])
    return [descriptor(found.whole), *cells, last]


def gains(found: Compared) -> Iterator[list[str]]:
    """Rows of the table of fits: masses and decay times of what the fit does not hold."""
    for gain in found.whole.gains:
        of, _, name = gain.variable.rpartition(":")
        width, pull = (
            found.whole.width(f"{of}:{kind}") for kind in (name, name.replace("d", "pull_"))
        )
        floor = found.floor.width(gain.variable)
        if width is None or pull is None:
            continue
        yield [
            *(descriptor(found.whole), decay_title(gain.variable)),
            pair(found.whole, gain.variable, ".2f" if name == "dM" else ".4f"),
            ratio(width.ratio[0], width.ratio_error[0]),
            "-" if floor is None else ratio(floor.ratio[0], floor.ratio_error[0]),
            f"{gain.detailed:.3f} / {gain.fast:.3f}",
            ratio(gain.ratio, gain.ratio_error),
            pair(found.whole, pull.variable, ".3f"),
            ratio(pull.ratio[0], pull.ratio_error[0]),
        ]


def distances(found: Compared) -> list[str]:
    """Row of the table of distributions: Kolmogorov distance, its p-value, and the floor."""
    floors = {d.variable: d for d in found.floor.distances}
    head = found.whole.head
    cells = []
    for name in DISTANCES:
        variable = f"{head}:M" if name == "M" else name
        known = [d for d in found.whole.distances if d.variable == variable]
        floor = f" ({floors[variable].ks:.3f})" if variable in floors else ""
        cells += [f"{d.ks:.3f}{floor}, p = {d.ks_p:.1g}" for d in known] or ["-"]
    return [descriptor(found.whole), *cells]


def descriptor(one: DecayComparison) -> str:
    """The decay as it was asked for."""
    return f"`{one.text.partition(': ')[2] or one.text}`"


def table(head: Iterable[str], rows: Iterable[list[str]]) -> list[str]:
    """Lines of a Markdown table."""
    head = list(head)
    return ["", *(f"| {' | '.join(r)} |" for r in (head, ["---"] * len(head), *rows))]


def page(found: dict[str, Compared], chain: Pipeline, args: argparse.Namespace) -> str:
    """The page of all decays."""
    models = ", ".join(
        f"{m['model']} ({m['digest'][:8]})" for m in chain.provenance.get("models", {}).values()
    )
    n_events = math.ceil(args.decays / args.per_event)
    lines = [
        "# Decays, detailed beside fast",
        "",
        f"Made by `python tutorials/decays_check.py`: {args.decays} generated decays of each kind, "
        f"{args.per_event} in each of {n_events} events of `{args.collisions}` with "
        f"{args.pileup} collisions in the mean, seed {args.seed}; the fast chain (`{args.pipeline}`"
        f") ran on the same generated events. Models: {models or 'none'}.",
        "",
        "Widths are half the central 68 % interval, residuals are against generated values, ratios "
        "fast over detailed with errors that know of the common events; the floor is the same of "
        "two halves of the detailed sample. Decay times of a decay with a neutrino lack "
        "its momentum in both. The check is that of `lamarr-like validate --decay`: masses "
        "and efficiencies within 3 % beyond chance.",
        *("", "## Yields", *table(YIELDS, map(yields, found.values()))),
        *("", "## Masses", *table(MASSES, (r for f in found.values() for r in masses(f)))),
        *("", "## Vertices and decay times", "", "Widths of pulls and residuals, detailed / fast."),
        *table(PULLS, map(pulls, found.values())),
        *("", "## Distributions", "", "Kolmogorov distance, (floor), and its p-value."),
        *table(("decay", *DISTANCES.values()), map(distances, found.values())),
    ]
    if any(one.whole.gains for one in found.values()):
        lines += ["", "## Fits of the whole tree", ""]
        lines += [
            "Fits: " + "; ".join(f"`{f}` of {n}" for n in found for f in FITS.get(n, ())) + ". "
            "Residuals after the fit; narrower by: their width over that before the fit, of the "
            "same candidates."
        ]
        lines += table(GAINS, (row for one in found.values() for row in gains(one)))
    for name, one in found.items():
        sizes = f"{one.whole.candidates[0]} detailed (grey), {one.whole.candidates[1]} fast (blue)"
        lines += ["", f"## {name}", "", f"{descriptor(one.whole)}: {sizes}.", ""]
        lines += [f"![{name}]({name}.png)"]
    return "\n".join(lines) + "\n"


def main(words: list[str] | None = None) -> str:
    """Make the samples that are missing, compare, write; returns the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="of the samples")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the page")
    parser.add_argument("--decays", type=int, default=20_000, help="generated decays of each kind")
    parser.add_argument("--per-event", type=int, default=2, help="of them in one event")
    parser.add_argument("--decay", choices=list(DECAYS), action="append", help="all if not given")
    parser.add_argument("--collisions", default="pythia:minbias", help="source of the events")
    parser.add_argument("--pileup", type=float, default=1.6)
    parser.add_argument("--pipeline", default="reference")
    parser.add_argument("--models", type=Path, help="folder of your own models")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args(words)
    for folder in (args.folder, args.output):
        folder.mkdir(parents=True, exist_ok=True)
    chain = Pipeline.load(args.pipeline, args.models)
    found = {}
    for name in args.decay or DECAYS:
        start = time.process_time()
        found[name] = compared(name, chain, args)
        print(f"{name}: {time.process_time() - start:.0f} s", flush=True)
    text = page(found, chain, args)
    (args.output / "check.md").write_text(text)
    return text


if __name__ == "__main__":
    print(main())
