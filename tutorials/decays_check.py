"""Detailed beside fast for eight decays: masses, pulls, decay times and efficiencies in a table.

    python tutorials/decays_check.py FOLDER [--decays N] [--decay NAME ...]

For each decay a detailed sample of minimum-bias events with the decay in them is made (kept, and
taken from there the next time), the fast chain runs on the same generated events, and a report is
written to FOLDER/NAME.  What is printed is the table of `tutorials/decays.md`.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

from lamarr_like.decays.request import DecayRequest
from lamarr_like.pipeline import Pipeline
from lamarr_like.report.command import run
from lamarr_like.report.compute import ReportConfig
from lamarr_like.simulate import RunConfig, simulate_detailed

DECAYS = {
    "D0": ("D0 -> K- pi+", ""),
    "Jpsi": ("J/psi(1S) -> mu+ mu-", ""),
    "B0_Kstmumu": ("B0 -> (K*(892)0 -> K+ pi-) mu+ mu-", ""),
    "Lb_Lcmunu": ("Lambda(b)0 -> (Lambda(c)+ -> p K- pi+) mu- nu(mu)~", ""),
    "Bplus_JpsiK": ("B+ -> (J/psi(1S) -> mu+ mu-) K+", ""),
    "KS": ("K(S)0 -> pi+ pi-", ""),
    "pi0": ("pi0 -> gamma gamma", "&pt=0.5-20"),
    "B0_Kstgamma": ("B0 -> (K*(892)0 -> K+ pi-) gamma", ""),
}
"""Name, descriptor and further options of the source."""
HEAD = (
    *("decay", "candidates detailed / fast", "mass width [MeV] detailed / fast", "ratio"),
    *("mass pull detailed / fast", "TAU pull detailed / fast", "efficiency ratio", "check"),
)


def sample(name: str, folder: Path, args: argparse.Namespace) -> Path:
    """Detailed sample of a decay, made if it is not there."""
    path = folder / f"{name}.root"
    if not path.exists():
        text, options = DECAYS[name]
        source = f"{args.collisions}+decay:{text}?n={args.per_event}{options}"
        events = math.ceil(args.decays / args.per_event)
        config = RunConfig(
            *(source, path, events), seed=args.seed, chunk_size=100, pileup=args.pileup
        )
        simulate_detailed(config, args.workers)
    return path


def compared(name: str, folder: Path, args: argparse.Namespace) -> list[str]:
    """Report of a decay; its row of the table."""
    request = DecayRequest.parse(f"{name}: {DECAYS[name][0]}")
    path = sample(name, folder, args)
    chain = Pipeline.load(args.pipeline, args.models)
    # The decay is what is asked here: no cuts, no classifier.
    config = ReportConfig(variables=(), schemes=(("p",),), classify=False, seed=args.seed)
    run([path], chain, folder / name, config, decays=[request])
    return row(json.loads((folder / name / "report.json").read_text()), name)


def row(report: dict[str, Any], name: str) -> list[str]:
    """Row of the table from the numbers of a report."""
    one = next(d for d in report["comparison"]["decays"] if d["name"] == name)
    widths = {w["variable"]: w for w in one["widths"]}

    def pair(variable: str, digits: str) -> str:
        found = widths.get(variable)
        values = [found[k][0] if found else None for k in ("detailed", "fast")]
        return " / ".join("-" if v is None else format(v, digits) for v in values)

    def ratio(value: float | None, error: float | None) -> str:
        return "-" if value is None or error is None else f"{value:.3f} +- {error:.3f}"

    mass = widths.get(f"{one['head']}:dM", {"ratio": [None], "ratio_error": [None]})
    share = one["of_accepted"]
    checks = report["verdict"]["checks"]
    check = next(c for c in checks if c["group"] == "decays" and c["subject"] == name)
    return [
        f"`{one['text'].partition(': ')[2] or one['text']}`",
        " / ".join(str(n) for n in one["candidates"]),
        pair(f"{one['head']}:dM", ".2f"),
        ratio(mass["ratio"][0], mass["ratio_error"][0]),
        pair(f"{one['head']}:pull_M", ".3f"),
        pair("pull_TAU", ".3f"),
        ratio(share["ratio"][0], share["ratio_error"][0]),
        check["status"],
    ]


def main(words: list[str] | None = None) -> str:
    """Make the samples and reports that are asked for; returns the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
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
    args.folder.mkdir(parents=True, exist_ok=True)
    lines = [f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|"]
    for name in args.decay or DECAYS:
        lines.append(f"| {' | '.join(compared(name, args.folder, args))} |")
        print(f"{name} done", flush=True)
    table = "\n".join(lines)
    (args.folder / "decays.md").write_text(table + "\n")
    print(table)
    return table


if __name__ == "__main__":
    main()
