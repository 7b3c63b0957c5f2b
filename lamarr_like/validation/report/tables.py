"""What stands on the page: tables of each kind of result, the floor beside the whole; sections."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from ...errors import PipelineError
from ...files.tables import Row, Table, beside, table_of
from ...files.yaml_json import read_yaml
from ...statistics.influence import trials
from ..page import Section, verdict_table
from .compute import Report
from .decays import decay_title
from .distributions import title
from .efficiency import Ratio

HEADING = "Is the fast sample the detailed sample?"
RATIOS = (
    *("species = {0.species}", "cut = {0.label}", "kind = {0.kind}"),
    *("detailed = {0.whole.detailed[0]:.4f}", "fast = {0.whole.fast[0]:.4f}"),
    *("ratio = {0.whole.ratio[0]:.4f}", "+- = {0.whole.ratio_error[0]:.4f}"),
    *("chi2 in P = {p}", "floor = {floor}", "chi2 in P, eta = {flat}", "p of all = {least:.2g}"),
)
_SIZES = ("n detailed = {0.n_detailed:.0f}", "n fast = {0.n_fast:.0f}")
_DISTANCE = (
    *(*_SIZES, "KS = {0.ks:.4f}", "p = {0.ks_p:.2g}", "floor = {1.ks:.4f}"),
    *("W = {0.wasserstein:.4f}", "floor = {1.wasserstein:.4f}"),
)
DISTANCES = (
    *("species = {0.species}", "variable = {name}", *_DISTANCE, "chi2/ndf = {per_bin:.3g}"),
    *("p = {0.chi2.p:.2g}", "mean detailed = {0.mean[0]:.4g}", "mean fast = {0.mean[1]:.4g}"),
)
CORRELATIONS = (
    *("species = {0.species}", "one = {one}", "other = {other}", "detailed = {0.detailed:+.3f}"),
    *("fast = {0.fast:+.3f}", "difference = {difference:+.3f}", "+- = {0.sigma:.2g}"),
)
SLICES = (
    *("species = {0.species}", "joint vector = {0.group}", "worst direction = {along}", *_SIZES),
    *("mean W = {0.mean:.4f}", "floor = {1.mean:.4f}"),
    *("worst W = {0.worst:.4f}", "floor = {1.worst:.4f}"),
)
TELLINGS = (
    *("variables = {0.group}", "tracks a side = {0.auc.rows}"),
    "AUC = {0.auc.value:.4f} +- {0.auc.error:.4f}",
    *("floor = {0.floor.value:.4f} +- {0.floor.error:.4f}", "what the trees used most = {used}"),
)
REGIONS = (
    *("variables = {group}", "P [GeV] = {low:.3g}-{high:.3g}"),
    *("eta = {0.eta[0]:.3g}-{0.eta[1]:.3g}", "tracks a side = {0.auc.rows}"),
    "AUC = {0.auc.value:.4f} +- {0.auc.error:.4f}",
)
YIELDS = (
    *("decay = {decay}", "what = {what}"),
    *("n detailed = {0.n_detailed[0]:.0f}", "n fast = {0.n_fast[0]:.0f}"),
    *("detailed = {0.detailed[0]:.4g}", "fast = {0.fast[0]:.4g}", "ratio = {0.ratio[0]:.4g}"),
    *("+- = {0.ratio_error[0]:.4g}", "floor = {1.ratio[0]:.4g}"),
)
WIDTHS = (
    *("decay = {0.species}", "quantity = {name}", "n detailed = {0.n[0]:.0f}"),
    *("detailed = {0.detailed[0]:.4g}", "+- = {0.detailed_error[0]:.3g}"),
    *("fast = {0.fast[0]:.4g}", "+- = {0.fast_error[0]:.3g}", "ratio = {0.ratio[0]:.4g}"),
    *("+- = {0.ratio_error[0]:.3g}", "floor = {1.ratio[0]:.4g}"),
)
GAINS = (
    *("decay = {0.species}", "quantity = {name}", "n detailed = {0.n:.0f}"),
    *("after / before, detailed = {0.detailed:.4f}", "fast = {0.fast:.4f}"),
    *("ratio = {0.ratio:.4f}", "+- = {0.ratio_error:.2g}", "floor = {1.ratio:.4f}"),
)
SHAPES = ("decay = {0.species}", "quantity = {name}", *_DISTANCE)


def floor_name(report: Report) -> str:
    """What the floor is between, in words."""
    return "detailed once more" if report.draws else "two halves of detailed"


def _floor(report: Report, name: str) -> tuple[Any, ...]:
    return () if report.floor is None else getattr(report.floor, name)


def ratios(report: Report, cuts: bool) -> Table:
    """Efficiency ratios: of cuts on identification, or of acceptance and tracking."""
    key = ("species", "variable", "kind")
    rows = []
    for r, other in beside(report.whole.ratios, _floor(report, "ratios"), *key):
        ps = [b.chi2.p for b in r.schemes.values() if math.isfinite(b.chi2.p)]
        least = trials(min(ps), len(ps)) if ps else math.nan
        texts = {"p": _chi2(r, "p"), "floor": _chi2(other, "p"), "flat": _chi2(r, "p", "eta")}
        if (r.group == "identification") is cuts:
            rows.append((r, other, {**texts, "least": least}))
    return table_of("", RATIOS, rows, 3)


def _chi2(ratio: Ratio | None, *axes: str) -> str:
    chi2 = ratio.schemes[axes].chi2 if ratio is not None and axes in ratio.schemes else None
    return f"{chi2.value:.1f} / {chi2.bins}" if chi2 is not None and chi2.bins else "-"


def distances(report: Report) -> list[Table]:
    """Distributions, correlations and joint vectors."""
    rows = []
    both = beside(report.whole.distances, _floor(report, "distances"), "species", "variable")
    for d, other in both:
        per_bin = d.chi2.value / d.chi2.bins if d.chi2.bins else math.nan
        rows.append((d, other, {"name": title(d.variable), "per_bin": per_bin}))
    found = sorted(
        report.whole.correlations, key=lambda c: -abs(c.fast - c.detailed) / max(c.sigma, 1e-9)
    )
    worst = []
    for c in found[:15]:
        names = {"one": title(c.pair[0]), "other": title(c.pair[1])}
        worst.append((c, None, {**names, "difference": c.fast - c.detailed}))
    slices = []
    for s, other in beside(report.whole.slices, _floor(report, "slices"), "species", "group"):
        parts = sorted(zip(s.direction, s.variables, strict=True), key=lambda p: -abs(p[0]))
        along = " ".join(f"{c:+.2f} {title(name)}" for c, name in parts[:3])
        slices.append((s, other, {"along": along}))
    return [
        table_of("", DISTANCES, rows, 2),
        table_of("Correlations, the most significant differences", CORRELATIONS, worst, 3),
        table_of("Joint vectors on random directions", SLICES, slices, 3),
    ]


def tellings(report: Report) -> list[Table]:
    """What the classifiers tell, and where they tell most."""
    rows: list[Row] = []
    places: list[Row] = []
    for t in report.tellings:
        used = ", ".join(f"{name} {share:.0%}" for name, share in t.used[:4])
        rows.append((t, None, {"used": used}))
        for r in t.regions[:1]:
            names = {"group": t.group, "low": r.p[0] / 1e3, "high": r.p[1] / 1e3}
            places.append((r, None, names))
    where = "The worst box of momentum and pseudorapidity"
    return [table_of("", TELLINGS, rows, 1), table_of(where, REGIONS, places, 1)]


def decay_tables(report: Report) -> list[Table]:
    """Yields, widths and distributions of the decays that were asked for."""
    yields: list[Row] = []
    widths: list[Row] = []
    shapes: list[Row] = []
    gains: list[Row] = []
    for one, floor in beside(report.whole.decays, _floor(report, "decays"), "name"):
        for what, name in (
            ("candidates an event", "per_event"),
            ("candidates a generated decay", "of_all"),
            ("efficiency in the acceptance", "of_accepted"),
        ):
            names = {"decay": one.name, "what": what}
            yields.append((getattr(one, name), getattr(floor, name, None), names))
        for rows, kind in ((widths, "widths"), (shapes, "distances"), (gains, "gains")):
            both = beside(getattr(one, kind), getattr(floor, kind, ()), "variable")
            rows += [(w, other, {"name": decay_title(w.variable)}) for w, other in both]
    return [
        table_of("Yields", YIELDS, yields, 2),
        table_of("Widths of residuals and pulls", WIDTHS, widths, 2),
        table_of("Distributions of candidates", SHAPES, shapes, 2),
        table_of("Widths after a fit of the whole tree", GAINS, gains, 2),
    ]


# --- the page


def sections(report: Report) -> list[Section]:
    """All sections, in the order of ``sections.yaml``, which has their titles and notes."""
    held: Mapping[str, Sequence[Table]] = {
        "verdict": [verdict_table(report.verdict)],
        "tracking": [ratios(report, cuts=False)],
        "identification": [ratios(report, cuts=True)],
        "distributions": distances(report),
        "classifier": tellings(report),
        "decays": decay_tables(report),
    }
    texts, _ = read_yaml(Path(str(files(__package__) / "sections.yaml")), PipelineError)
    return [Section(key, **text, tables=held.get(key, ())) for key, text in texts.items()]


def facts(report: Report) -> Iterator[tuple[str, str]]:
    """Name and text of what is to be known of the samples."""
    for s in (report.detailed, report.fast):
        text = f"{s.n_events} events, {len(s.track['unit'])} long tracks of known species"
        if s.out_of_range is not None:
            text += f", {s.out_of_range} of them outside the training sample of the models"
        yield f"{s.name} sample", text
    yield "events of both", f"{report.common}: the same generated particles in both"
    yield "floor", floor_name(report)
    yield from ((str(k), str(v)) for k, v in report.provenance.items())
    if report.missing:
        yield "not compared", f"the fast sample lacks {', '.join(report.missing)}"
