"""Figures of efficiencies, distributions and classifiers: detailed grey, fast blue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ...files.sheets import new_sheet, sheet_of
from ..page import Drawing
from ..tracks import SPECIES
from .canvas import (
    DETAILED,
    FAST,
    chi2_text,
    map_of,
    of_shares,
    shapes,
    storeys,
    with_unit,
)
from .compute import Report
from .distributions import Distance, title
from .draw_decays import decay_drawings
from .draw_physics import physics_drawings
from .efficiency import Ratio
from .joint import Correlation
from .tables import floor_name
from .tell_apart import Telling

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAIN = {("pi", "pid_k"), ("K", "pid_k"), ("p", "pid_p"), ("mu", "is_muon"), ("e", "pid_e")}
"""Species and variables whose efficiency ratios are always drawn."""
_WORST = 6


def drawings(report: Report, every: bool = False) -> Iterator[Drawing]:
    """Figures of a report; each is drawn when it is written.

    Args:
        report: the numbers.
        every: draw every efficiency ratio, not only the `MAIN` and the worst ones.
    """
    yield from _efficiencies(report, every)
    for part in (_distributions, _correlations, _classifiers, physics_drawings, decay_drawings):
        yield from part(report)


# --- efficiencies


def _key(ratio: Ratio) -> tuple[str, str]:
    """Species, and the step of the chain or the variable that is cut on: one figure each."""
    cut = ratio.group == "identification"
    return ratio.species, ratio.variable if cut else ratio.group


def _worth(ratios: Sequence[Ratio]) -> set[tuple[str, str]]:
    """Figures to draw: steps, main ones, named cuts and those with the least probable ratios."""
    cuts = [r for r in ratios if r.group == "identification"]
    named = {_key(r) for r in ratios if r not in cuts or r.kind == "working point"}

    def least(ratio: Ratio) -> float:
        return min((b.chi2.p for b in ratio.schemes.values() if b.chi2.bins), default=1.0)

    ranked = dict.fromkeys(_key(r) for r in sorted(cuts, key=least))
    return named | MAIN | set(list(ranked)[:_WORST])


def _efficiencies(report: Report, every: bool) -> Iterator[Drawing]:
    ratios = report.whole.ratios
    wanted = _worth(ratios)
    for species, what in dict.fromkeys(map(_key, ratios)):
        if not every and (species, what) not in wanted:
            continue
        mine = [r for r in ratios if _key(r) == (species, what)]
        cut = mine[0].group == "identification"
        n = mine[0].whole
        caption = (
            f"{'; '.join(r.label for r in mine)}: true {species}, "
            f"{n.n_detailed[0]:.0f} detailed and {n.n_fast[0]:.0f} fast "
            f"{'long tracks' if cut else 'particles'}. "
            "Band: 2 %. Right: pulls in bins of P and eta."
        )
        section = "identification" if cut else "tracking"
        yield Drawing(f"ratio-{species}-{what}", section, caption, partial(_ratio_figure, mine))


def _ratio_figure(ratios: Sequence[Ratio]) -> Figure:
    figure = new_sheet(len(ratios), 4, 3.6, 3.6, fitted=False)
    grid = figure.subfigures(len(ratios), 4, squeeze=False)
    for row, ratio in zip(grid, ratios, strict=True):
        for cell, axis in zip(row, ("p", "eta", "n_spd_hits"), strict=False):
            if (axis,) in ratio.schemes:
                storeys(cell, of_shares(ratio.schemes[axis,]), "efficiency", ratio.label)
        flat = ratio.schemes.get(("p", "eta"))
        if flat is not None:
            axes = row[3].subplots()
            map_of(axes, flat.bins, flat.shares.pull, 5.0)
            axes.set_title(f"{'pulls, ' if flat.chi2.bins else ''}{chi2_text(flat.chi2, 0)}")
    return figure


# --- distributions


def _distributions(report: Report) -> Iterator[Drawing]:
    for species, code in SPECIES.items():
        rows = [d for d in report.whole.distances if d.species == species]
        if not rows:
            continue
        sides = [(s.track, s.track["species"] == code) for s in (report.detailed, report.fast)]
        caption = (
            f"Variables of long tracks of true {species}, {rows[0].n_detailed:.0f} detailed (grey) "
            f"and {rows[0].n_fast:.0f} fast (blue); both normalised to one."
        )
        draw = partial(sheet_of, rows, partial(_overlay, sides), columns=5, height=2.3)
        yield Drawing(f"distributions-{species}", "distributions", caption, draw)


def _overlay(sides: Sequence[tuple[Any, np.ndarray]], axes: Axes, row: Distance) -> None:
    values, weights = ([c[k][mine] for c, mine in sides] for k in (row.variable, "weight"))
    low, high = np.quantile(np.concatenate(values), [0.005, 0.995])
    edges = np.linspace(low, high if high > low else low + 1.0, 41)
    title_of = f"KS {row.ks:.3f}, W {row.wasserstein:.3f}"
    labels = (title_of, with_unit(title(row.variable), row.variable), "")
    shapes(axes, labels, edges, values, weights)


def _correlations(report: Report) -> Iterator[Drawing]:
    """Difference of the correlations of all pairs of variables, by species."""
    for species in SPECIES:
        rows = [c for c in report.whole.correlations if c.species == species]
        if not rows:
            continue
        caption = (
            f"Correlations of normal scores of true {species} in per cent: above the diagonal the "
            "detailed ones, below it fast less detailed."
        )
        draw = partial(_matrix, rows)
        yield Drawing(f"correlations-{species}", "distributions", caption, draw)


def _matrix(rows: Sequence[Correlation]) -> Figure:
    from matplotlib.colors import Normalize

    names = list(dict.fromkeys(v for c in rows for v in c.pair))
    table = np.full((len(names), len(names)), np.nan)
    for c in rows:
        i, j = names.index(c.pair[0]), names.index(c.pair[1])
        table[j, i], table[i, j] = c.fast - c.detailed, c.detailed
    figure = new_sheet(1, 1, 8.5, 7.5)
    axes = figure.subplots()
    lower = np.tril(np.ones_like(table, bool), -1)
    image = axes.imshow(np.where(lower, table, np.nan), cmap="PuOr", norm=Normalize(-0.1, 0.1))
    axes.imshow(np.where(lower, np.nan, table), cmap="Greys", norm=Normalize(-1, 1), alpha=0.4)
    for i, j in np.argwhere(np.isfinite(table)):
        dark = i > j and abs(table[i, j]) > 0.07
        axes.text(
            *(j, i, f"{100 * table[i, j]:.0f}"),
            ha="center", va="center", fontsize=6, color="white" if dark else "black",
        )  # fmt: skip
    shown = [title(n) for n in names]
    axes.tick_params(length=0.0)
    axes.set_xticks(range(len(names)), shown, rotation=90)
    axes.set_yticks(range(len(names)), shown)
    figure.colorbar(image, label="fast less detailed", shrink=0.7)
    return figure


# --- classifier


def _classifiers(report: Report) -> Iterator[Drawing]:
    told = report.tellings
    if not told:
        return
    caption = (
        f"Classifier tests with {told[0].auc.rows} tracks a side, conditions included, "
        "cross-fitted."
    )
    yield Drawing("classifier", "classifier", caption, partial(_areas, told, floor_name(report)))
    caption = "What the trees used: share of their gain by feature, the six largest."
    columns = (len(told) + 1) // 2
    draw = partial(sheet_of, told, _used, columns=columns, width=4.0, height=2.6)
    yield Drawing("classifier-features", "classifier", caption, draw)


def _areas(told: Sequence[Telling], floor: str) -> Figure:
    figure = new_sheet(1, 1, 7.0, 0.5 * len(told) + 1.6)
    axes = figure.subplots()
    y = np.arange(len(told))
    for found, label, colour, marker, fill, shift in (
        ([t.floor for t in told], floor, DETAILED, "s", "none", 0.0),
        ([t.auc for t in told], "fast beside detailed", FAST, "o", "full", 0.12),
    ):
        axes.errorbar(
            *([a.value for a in found], y - shift), xerr=[a.error for a in found],
            fmt=marker, color=colour, fillstyle=fill, label=label,
        )  # fmt: skip
    axes.axvline(0.5, color="0.5", linewidth=0.8)
    axes.set_yticks(y, [t.group for t in told])
    axes.invert_yaxis()
    axes.set_xlabel("area under the ROC curve (0.5: trees cannot tell)")
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def _used(axes: Axes, told: Telling) -> None:
    names, shares = zip(*told.used[:6], strict=True) if told.used else ((), ())
    axes.barh(range(len(names)), shares, color=FAST)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_title(f"{told.group}, AUC {told.auc.value:.3f}")
