"""Figures of efficiencies, distributions and classifiers: detailed grey, fast blue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .canvas import (
    DETAILED,
    FAST,
    SCALE,
    UNIT,
    Drawing,
    map_of,
    new_figure,
    points,
    ratio_band,
    set_range,
)
from .columns import SPECIES
from .compute import Report
from .distributions import Distance, title
from .draw_decays import decay_drawings
from .draw_physics import physics_drawings
from .efficiency import Binned, Ratio
from .tell_apart import Telling

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAIN = {("pi", "pid_k"), ("K", "pid_k"), ("p", "pid_p"), ("mu", "is_muon"), ("e", "pid_e")}
"""Species and variables whose efficiency ratios are always drawn."""
_WORST = 6


def drawings(report: Report, every: bool = False) -> Iterator[Drawing]:
    """Figures of a report, one at a time; each is to be written and dropped.

    Args:
        report: the numbers.
        every: draw every efficiency ratio, not only the `MAIN` and the worst ones.
    """
    yield from _efficiencies(report, every)
    for part in (_distributions, _classifiers, physics_drawings, decay_drawings):
        yield from part(report)


def _one_axis(upper: Axes, lower: Axes, binned: Binned) -> None:
    """Efficiencies and their ratio in bins of one quantity."""
    axis, s = binned.bins.axes[0], binned.shares
    edges = np.concatenate([binned.bins.seen[:, 0, 0], binned.bins.seen[-1:, 0, 1]])
    edges = edges * SCALE.get(axis, 1.0)
    error = [
        np.sqrt(np.clip(e * (1.0 - e), 1e-6, None) / np.maximum(n, 1.0))
        for e, n in ((s.detailed, s.n_detailed), (s.fast, s.n_fast))
    ]
    points(upper, edges, s.detailed, error[0], fast=False, shift=True)
    points(upper, edges, s.fast, error[1], fast=True, shift=True)
    good = s.judged & np.isfinite(s.ratio)
    values = np.where(good, s.ratio, np.nan)
    points(lower, edges, values, np.where(good, s.ratio_error, np.nan), fast=True, shift=False)
    ratio_band(lower)
    upper.set_ylim(0.0, max(1e-3, 1.4 * float(np.nanmax([s.detailed, s.fast], initial=1e-3))))
    spread = np.nanmax(np.abs(values - 1.0) + s.ratio_error, initial=0.05, where=good)
    lower.set_ylim(1.0 - min(1.1 * spread, 1.0), 1.0 + min(1.1 * spread, 1.0))
    for axes in (upper, lower):
        set_range(axes, axis, edges)
    chi2 = binned.chi2
    text = f"chi2 {chi2.value:.1f} / {chi2.bins}, p = {chi2.p:.2g}"
    lower.set_title(text if chi2.bins else "too few to judge", fontsize=8)


# --- efficiencies


def _worth(report: Report) -> set[tuple[str, str]]:
    """Species and variables to draw: steps, main ones, named cuts and the least probable ones."""
    cuts = [r for r in report.whole.ratios if r.group == "identification"]
    found = {(r.species, r.group) for r in report.whole.ratios} | MAIN
    found |= {(r.species, r.variable) for r in cuts if r.kind == "working point"}

    def least(ratio: Ratio) -> float:
        return min((b.chi2.p for b in ratio.schemes.values() if b.chi2.bins), default=1.0)

    ranked = dict.fromkeys((r.species, r.variable) for r in sorted(cuts, key=least))
    return found | set(list(ranked)[:_WORST])


def _efficiencies(report: Report, every: bool) -> Iterator[Drawing]:
    wanted = _worth(report)
    by: dict[tuple[str, str], list[Ratio]] = {}
    for ratio in report.whole.ratios:
        if ratio.group == "identification":
            by.setdefault((ratio.species, ratio.variable), []).append(ratio)
        else:
            by.setdefault((ratio.species, ratio.group), []).append(ratio)
    for (species, what), ratios in by.items():
        if not every and (species, what) not in wanted:
            continue
        figure = _ratio_figure(ratios)
        n = ratios[0].whole
        section = "tracking" if ratios[0].group != "identification" else "identification"
        caption = (
            f"{'; '.join(r.label for r in ratios)}: true {species}, "
            f"{n.n_detailed[0]:.0f} detailed and {n.n_fast[0]:.0f} fast "
            f"{'particles' if section == 'tracking' else 'long tracks'}. "
            "Band: 2 %. Right: pulls in bins of P and eta."
        )
        yield Drawing(f"ratio-{species}-{what}", section, caption, figure)


def _ratio_figure(ratios: Sequence[Ratio]) -> Figure:
    figure = new_figure(len(ratios), 4, 3.6, 3.6)
    grids = figure.subfigures(len(ratios), 4, squeeze=False)
    for row, ratio in zip(grids, ratios, strict=True):
        for cell, axis in zip(row, ("p", "eta", "n_spd_hits"), strict=False):
            binned = ratio.schemes.get((axis,))
            if binned is None:
                continue
            upper, lower = cell.subplots(2, 1, height_ratios=(2, 1), sharex=True)
            _one_axis(upper, lower, binned)
            upper.set_xlabel("")
            upper.set_ylabel("efficiency")
            upper.set_title(ratio.label, fontsize=9)
            upper.legend(frameon=False, fontsize=7)
        flat = ratio.schemes.get(("p", "eta"))
        if flat is not None:
            axes = row[3].subplots()
            map_of(axes, flat.bins, flat.shares.pull, 5.0)
            chi2 = flat.chi2
            text = f"pulls, chi2 {chi2.value:.0f} / {chi2.bins}"
            axes.set_title(text if chi2.bins else "too few to judge", fontsize=9)
    return figure


# --- distributions


def _distributions(report: Report) -> Iterator[Drawing]:
    for species, code in SPECIES.items():
        rows = [d for d in report.whole.distances if d.species == species]
        if not rows:
            continue
        sides = [(s.track, s.track["species"] == code) for s in (report.detailed, report.fast)]
        columns = 5
        figure = new_figure(-(-len(rows) // columns), columns, 3.0, 2.3)
        for i, row in enumerate(rows):
            axes = figure.add_subplot(-(-len(rows) // columns), columns, i + 1)
            _overlay(
                axes, row, [c[row.variable][m] for c, m in sides],
                [c["weight"][m] for c, m in sides],
            )  # fmt: skip
        caption = (
            f"Variables of long tracks of true {species}, {rows[0].n_detailed:.0f} detailed (grey) "
            f"and {rows[0].n_fast:.0f} fast (blue); both normalised to one."
        )
        yield Drawing(f"distributions-{species}", "distributions", caption, figure)
    yield from _matrices(report)


def _overlay(
    axes: Axes, row: Distance, values: list[np.ndarray], weights: list[np.ndarray]
) -> None:
    low, high = np.quantile(np.concatenate(values), [0.005, 0.995])
    edges = np.linspace(low, high if high > low else low + 1.0, 41)
    for v, w, fast in zip(values, weights, (False, True), strict=True):
        counts = np.histogram(v, edges, weights=w / w.sum())[0]
        colour, width = (FAST, 1.2) if fast else (DETAILED, 0.0)
        axes.stairs(
            counts, edges, fill=not fast, color=colour, linewidth=width, alpha=1 if fast else 0.45
        )
    unit = f" [{UNIT[row.variable]}]" if row.variable in UNIT else ""
    axes.set_xlabel(title(row.variable) + unit, fontsize=8)
    axes.set_title(f"KS {row.ks:.3f}, W {row.wasserstein:.3f}", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.set_yticks([])


def _matrices(report: Report) -> Iterator[Drawing]:
    """Difference of the correlations of all pairs of variables, by species."""
    from matplotlib.colors import Normalize

    for species in SPECIES:
        rows = [c for c in report.whole.correlations if c.species == species]
        names = list(dict.fromkeys(v for c in rows for v in c.pair))
        if len(names) < 2:
            continue
        table = np.full((len(names), len(names)), np.nan)
        for c in rows:
            i, j = names.index(c.pair[0]), names.index(c.pair[1])
            table[j, i], table[i, j] = c.fast - c.detailed, c.detailed
        figure = new_figure(1, 1, 8.5, 7.5)
        axes = figure.subplots()
        lower = np.tril(np.ones_like(table, bool), -1)
        image = axes.imshow(np.where(lower, table, np.nan), cmap="PuOr", norm=Normalize(-0.1, 0.1))
        axes.imshow(np.where(lower, np.nan, table), cmap="Greys", norm=Normalize(-1, 1), alpha=0.4)
        for i in range(len(names)):
            for j in range(len(names)):
                if np.isfinite(table[i, j]):
                    text = f"{100 * table[i, j]:.0f}"
                    dark = i > j and abs(table[i, j]) > 0.07
                    colour = "white" if dark else "black"
                    axes.text(j, i, text, ha="center", va="center", fontsize=6, color=colour)
        shown = [title(n) for n in names]
        axes.set_xticks(range(len(names)), shown, rotation=90, fontsize=7)
        axes.set_yticks(range(len(names)), shown, fontsize=7)
        figure.colorbar(image, label="fast less detailed", shrink=0.7)
        caption = (
            f"Correlations of normal scores of true {species} in per cent: above the diagonal the "
            "detailed ones, below it fast less detailed."
        )
        yield Drawing(f"correlations-{species}", "distributions", caption, figure)


# --- classifier


def _classifiers(report: Report) -> Iterator[Drawing]:
    if not report.tellings:
        return
    figure = new_figure(1, 1, 7.0, 0.5 * len(report.tellings) + 1.6)
    axes = figure.subplots()
    y = np.arange(len(report.tellings))
    for key, marker, colour, shift in (("floor", "s", DETAILED, 0.0), ("auc", "o", FAST, 0.12)):
        found = [getattr(t, key) for t in report.tellings]
        axes.errorbar(
            *([a.value for a in found], y - shift),
            xerr=[a.error for a in found], fmt=marker, color=colour,
            fillstyle="none" if key == "floor" else "full",
            label="two halves of detailed" if key == "floor" else "fast beside detailed",
        )  # fmt: skip
    axes.axvline(0.5, color="0.5", linewidth=0.8)
    axes.set_yticks(y, [t.group for t in report.tellings])
    axes.invert_yaxis()
    axes.set_xlabel("area under the ROC curve (0.5: trees cannot tell)")
    axes.legend(frameon=False, fontsize=8)
    rows = report.tellings[0].auc.rows
    caption = f"Classifier tests with {rows} tracks a side, conditions included, cross-fitted."
    yield Drawing("classifier", "classifier", caption, figure)
    figure = new_figure(2, (len(report.tellings) + 1) // 2, 4.0, 2.6)
    for i, told in enumerate(report.tellings):
        _used(figure.add_subplot(2, (len(report.tellings) + 1) // 2, i + 1), told)
    caption = "What the trees used: share of their gain by feature, the six largest."
    yield Drawing("classifier-features", "classifier", caption, figure)


def _used(axes: Axes, told: Telling) -> None:
    names, shares = zip(*told.used[:6], strict=True) if told.used else ((), ())
    axes.barh(range(len(names)), shares, color=FAST)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.invert_yaxis()
    axes.set_title(f"{told.group}, AUC {told.auc.value:.3f}", fontsize=9)
