"""The HTML page: tables of the report beside its figures, in one file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import NamedTuple

from ...statistics.influence import Chi2, trials
from ...system.extras import need
from .compute import Part, Report
from .distributions import title
from .efficiency import Ratio
from .page_decays import DECAY_NOTES, decay_tables
from .verdict import Status

_MARKS = {Status.passed: "pass", Status.failed: "fail", Status.unknown: "unknown"}
_NO_MARKS: Mapping[str, str] = {}


class Image(NamedTuple):
    """A figure of the page.

    Attributes:
        name: of its files in ``plots/``.
        section: where it stands.
        caption: below it.
        width, height: pixels.
        data: the PNG in base64; empty if it only lies beside the page.
    """

    name: str
    section: str
    caption: str
    width: int
    height: int
    data: str


class Table(NamedTuple):
    """A table of the page; `text` columns from the left hold words."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    text: int = 1
    marks: Mapping[str, str] = _NO_MARKS


class Section(NamedTuple):
    """A section of the page."""

    id: str
    title: str
    notes: Sequence[str]
    tables: Sequence[Table]
    figures: Sequence[Image]
    others: Sequence[str]


def page(report: Report, images: Iterable[Image]) -> str:
    """The page as text.

    Args:
        report: the numbers.
        images: its figures.
    """
    need("report", "jinja2")
    from jinja2 import Environment

    source = files(__package__).joinpath("page.html.j2").read_text()
    template = Environment(autoescape=True).from_string(source)
    return template.render(
        status=report.verdict.status.value,
        kind=_MARKS[report.verdict.status],
        lines=report.verdict.lines,
        facts=_facts(report),
        sections=_sections(report, list(images)),
    )


def number(value: float, digits: int = 3) -> str:
    """A number for a table; a dash where there is none."""
    return f"{value:.{digits}g}" if math.isfinite(value) else "-"


def _fixed(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else "-"


def _facts(report: Report) -> list[tuple[str, str]]:
    rows = []
    for s in (report.detailed, report.fast):
        text = f"{s.n_events} events, {len(s.track['unit'])} long tracks of known species"
        if s.out_of_range is not None:
            text += f", {s.out_of_range} of them outside the training sample of the models"
        rows.append((f"{s.name} sample", text))
    rows.append(("events of both", f"{report.common}: the same generated particles in both"))
    rows += [(str(k), str(v)) for k, v in report.provenance.items()]
    if report.missing:
        rows.append(("not compared", f"the fast sample lacks {', '.join(report.missing)}"))
    return rows


def _sections(report: Report, images: list[Image]) -> list[Section]:
    parts: list[tuple[str, str, Sequence[str], Sequence[Table]]] = [
        ("verdict", "Verdict", _VERDICT_NOTES, [_checks(report)]),
        ("tracking", "Acceptance and tracking", _RATIO_NOTES, [_ratios(report, False)]),
        ("identification", "Cuts on identification", _RATIO_NOTES[:1], [_ratios(report, True)]),
        ("distributions", "Distributions and correlations", _DISTANCE_NOTES, _distances(report)),
        ("classifier", "Can a classifier tell?", _CLASSIFIER_NOTES, _tellings(report)),
        ("physics", "Physics", _PHYSICS_NOTES, []),
        ("decays", "Decays", DECAY_NOTES, [Table(*t) for t in decay_tables(report)]),
        ("pages", "Distributions in boxes of P and eta", [], []),
        ("pidcalib", "Measured calibration data", _PIDCALIB_NOTES, []),
    ]
    found = []
    for name, heading, notes, tables in parts:
        mine = [i for i in images if i.section == name]
        if not mine and not any(t.rows for t in tables):
            continue
        shown = [i for i in mine if i.data]
        found.append(
            Section(name, heading, notes, tables, shown, [i.name for i in mine if not i.data])
        )
    return found


_VERDICT_NOTES = (
    "A check fails if the samples differ by more than the tolerance allows, beyond chance: p is "
    "the probability of a deviation this large if the true one is within the tolerance, times "
    "the number of deviations that were looked at. 'Would see' is the deviation that would have "
    "failed: of all rows together, and in the middle one of the bins. A check that would not see "
    "enough cannot tell.",
)
_RATIO_NOTES = (
    "Efficiencies of the detailed and the fast sample and their ratio. The uncertainty of the "
    "difference adds what each generated event contributes to it, so that common truth, weights "
    "and tracks of one event are accounted for (influence functions; McNemar 1947, Obuchowski "
    "1998). chi2 takes the covariance of the bins and Hotelling's law; 'p of all' is the smallest "
    "p of the seven ways of binning, corrected for their number. The floor is the chi2 over bins "
    "in P between two halves of the detailed sample.",
)
_DISTANCE_NOTES = (
    "KS is the largest distance of the cumulative distributions, W the area between them in "
    "standard deviations of the detailed sample, chi2 that of twenty bins of equal population. "
    "The floor is the same figure for two halves of the detailed sample, half as many tracks a "
    "side. Joint vectors are projected on random directions, each variable in units of its width: "
    "a wrong dependence between variables that agree one by one shows there.",
)
_CLASSIFIER_NOTES = (
    "Gradient-boosted trees are trained to tell fast from detailed tracks and judged on events "
    "that they have not seen. They see the generated momentum, pseudorapidity and species, charge "
    "and nSPDHits beside the variables. 0.5 means that they cannot.",
)
_PHYSICS_NOTES = (
    "Widths are half the central 68 % interval of residuals (reconstructed less generated) and "
    "pulls. dx and dy, taken at the reconstructed point closest to the beam, are the projections "
    "of the impact parameter to the generated line.",
)
_PIDCALIB_NOTES = (
    "Measured efficiencies of LHCb calibration data in their own bins of reconstructed P, eta and "
    "nTracks and with their cuts, beside both samples. All three are means over the population of "
    "the data, in the bins that both samples reach.",
)


def _checks(report: Report) -> Table:
    head = (
        *("check", "subject", "outcome", "looked at", "most significant deviation", "off by"),
        *("+-", "allowed", "p", "would see", "in bins"),
    )
    rows = []
    for c in report.verdict.checks:
        numbers = (c.deviation, c.sigma, c.tolerance, c.p, c.sensitivity, c.in_bins)
        texts = [number(v) for v in numbers]
        first = c.subject + (" *" if c.needed else "")
        rows.append([c.group, first, c.status.value, str(c.judged), c.worst, *texts])
    note = f"Thresholds: {report.verdict.thresholds}; * needed for a verdict"
    return Table(note, head, rows, 5, {s.value: m for s, m in _MARKS.items()})


def _ratios(report: Report, cuts: bool) -> Table:
    floor = _floors(report.floor)
    rows = []
    for r in report.whole.ratios:
        if (r.group == "identification") is not cuts:
            continue
        rows.append(_ratio_row(r, floor))
    head = ("species", "cut", "kind", "detailed", "fast", "ratio", "+-", "chi2 in P", "floor")
    return Table("", (*head, "chi2 in P, eta", "p of all"), rows, 3)


def _ratio_row(r: Ratio, floor: Mapping[tuple[str, str, str], list[str]]) -> list[str]:
    def chi2(*axes: str) -> str:
        one = r.schemes.get(axes)
        return "-" if one is None else _chi2(one.chi2)

    ps = [b.chi2.p for b in r.schemes.values() if math.isfinite(b.chi2.p)]
    p = trials(min(ps), len(ps)) if ps else float("nan")
    held = floor.get((r.species, r.variable, r.kind), [])
    own = held.pop(0) if held else "-"
    w = r.whole
    return [
        *(r.species, r.label, r.kind, _fixed(w.detailed[0]), _fixed(w.fast[0])),
        *(_fixed(w.ratio[0]), _fixed(w.ratio_error[0]), chi2("p"), own),
        *(chi2("p", "eta"), number(p, 2)),
    ]


def _chi2(chi2: Chi2) -> str:
    return f"{chi2.value:.1f} / {chi2.bins}" if chi2.bins else "-"


def _floors(part: Part | None) -> dict[tuple[str, str, str], list[str]]:
    """chi2 in P of the halves, in the order of the cuts of each variable."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for r in part.ratios if part is not None else ():
        if ("p",) in r.schemes:
            key = (r.species, r.variable, r.kind)
            found.setdefault(key, []).append(_chi2(r.schemes["p",].chi2))
    return found


def _distances(report: Report) -> list[Table]:
    floor = {}
    if report.floor is not None:
        floor = {(d.species, d.variable): d for d in report.floor.distances}
    rows = []
    for d in report.whole.distances:
        other = floor.get((d.species, d.variable))
        ndf = d.chi2.value / d.chi2.bins if d.chi2.bins else float("nan")
        rows.append(
            [
                *(d.species, title(d.variable), f"{d.n_detailed:.0f}", f"{d.n_fast:.0f}"),
                *(f"{d.ks:.4f}", number(d.ks_p, 2), "-" if other is None else f"{other.ks:.4f}"),
                *(f"{d.wasserstein:.4f}", "-" if other is None else f"{other.wasserstein:.4f}"),
                *(number(ndf), number(d.chi2.p, 2), number(d.mean[0], 4), number(d.mean[1], 4)),
            ]
        )
    head = (
        *("species", "variable", "n detailed", "n fast", "KS", "p", "floor", "W", "floor"),
        *("chi2/ndf", "p", "mean detailed", "mean fast"),
    )
    pairs = sorted(
        report.whole.correlations, key=lambda c: -abs(c.fast - c.detailed) / max(c.sigma, 1e-9)
    )
    worst = [
        [
            *(c.species, title(c.pair[0]), title(c.pair[1]), f"{c.detailed:+.3f}"),
            *(f"{c.fast:+.3f}", f"{c.fast - c.detailed:+.3f}", number(c.sigma, 2)),
        ]
        for c in pairs[:15]
    ]
    names = ("species", "one", "other", "detailed", "fast", "difference", "+-")
    return [
        Table("", head, rows, 2),
        Table("Correlations, the most significant differences", names, worst, 3),
        _slices(report),
    ]


def _slices(report: Report) -> Table:
    floor = {(s.species, s.group): s for s in report.floor.slices} if report.floor else {}
    rows = []
    for s in report.whole.slices:
        other = floor.get((s.species, s.group))
        held = ["-"] * 2 if other is None else [f"{other.mean:.4f}", f"{other.worst:.4f}"]
        parts = sorted(zip(s.direction, s.variables, strict=True), key=lambda p: -abs(p[0]))
        along = " ".join(f"{c:+.2f} {title(name)}" for c, name in parts[:3])
        rows.append(
            [
                *(s.species, s.group, along, f"{s.n_detailed:.0f}", f"{s.n_fast:.0f}"),
                *(f"{s.mean:.4f}", held[0], f"{s.worst:.4f}", held[1]),
            ]
        )
    head = ("species", "joint vector", "worst direction", "n detailed", "n fast")
    return Table(
        "Joint vectors on random directions",
        (*head, "mean W", "floor", "worst W", "floor"),
        rows,
        3,
    )


def _tellings(report: Report) -> list[Table]:
    rows, places = [], []
    for t in report.tellings:
        used = ", ".join(f"{name} {share:.0%}" for name, share in t.used[:4])
        auc, floor = (f"{a.value:.4f} +- {a.error:.4f}" for a in (t.auc, t.floor))
        rows.append([t.group, str(t.auc.rows), auc, floor, used])
        for r in t.regions[:1]:
            p, eta = (f"{a:.3g}-{b:.3g}" for a, b in ((r.p[0] / 1e3, r.p[1] / 1e3), r.eta))
            auc = f"{r.auc.value:.4f} +- {r.auc.error:.4f}"
            places.append([t.group, p, eta, str(r.auc.rows), auc])
    head = ("variables", "tracks a side", "AUC", "floor", "what the trees used most")
    return [
        Table("", head, rows, 1),
        Table(
            "The worst box of momentum and pseudorapidity",
            ("variables", "P [GeV]", "eta", "tracks a side", "AUC"),
            places,
        ),
    ]
