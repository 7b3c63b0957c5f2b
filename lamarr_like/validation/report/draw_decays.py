"""Figures of named decays: mass, pulls, impact and flight chi2, efficiency against decay time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from ...arrays import Columns
from .canvas import DETAILED, FAST, Drawing, new_figure, points, ratio_band
from .compute import Report
from .decays import DecayComparison, decay_title, known, plain
from .distributions import Width
from .efficiency import MIN_PARTICLES, Binned, effective

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .decay_rows import DecayRows

_Pair = tuple[Columns, Columns]
_Panel = Callable[["Axes", _Pair, str], None]
PULLS = ("pull_M", "pull_X", "pull_Y", "pull_Z", "pull_TAU")
LOGS = ("log_ip_chi2", "log_fd_chi2", "log_least_ip_chi2", "log_angle")
OTHERS = ("IP", "chi2", "dX", "dY", "dZ", "dTAU")
_BINS = 41
_REACH = 8.0
"""Half widths about the middle that an axis shows: decays with a foreign primary vertex are far."""


def decay_drawings(report: Report) -> Iterator[Drawing]:
    """Figures of the decays that were asked for, four each at the most."""
    for one, *sides in zip(
        report.whole.decays, report.detailed.decays, report.fast.decays, strict=True
    ):
        pair = sides[0].candidate, sides[1].candidate
        sizes = f"{one.candidates[0]} detailed (grey) and {one.candidates[1]} fast (blue)"
        for name, what, kinds, panel in (
            ("mass", "Mass and its residual", ("M", "dM"), _overlay),
            ("pulls", "Pulls, with a normal law (dashed)", PULLS, _pull),
            ("chi2", "Impact and flight", LOGS, _logarithm),
            ("vertex", "Impact parameter, vertex and decay time", OTHERS, _overlay),
        ):
            figure = _panels(pair, one, kinds, panel)
            if figure is not None:
                caption = f"{one.text}: {what[0].lower()}{what[1:]} of {sizes} candidates."
                yield Drawing(f"decay-{one.name}-{name}", "decays", caption, figure)
        if one.by_tau is not None:
            s = one.of_accepted
            caption = (
                f"{one.text}: efficiency in the acceptance against the true decay time, "
                f"{s.n_detailed[0]:.0f} detailed and {s.n_fast[0]:.0f} fast decays. Band: 2 %."
            )
            figure = _by_tau(one.by_tau)
            yield Drawing(f"decay-{one.name}-efficiency", "decays", caption, figure)


def decay_summary(one: DecayComparison, detailed: DecayRows, fast: DecayRows) -> Figure:
    """Mass, impact, flight, decay time and their pulls in one figure, as far as there are any.

    Args:
        one: the comparison of both.
        detailed, fast: the decay in each sample.
    """
    head = one.head
    panels: dict[str, _Panel] = {
        **{f"{head}:dM": _overlay, f"{head}:pull_M": _pull, "IP": _powers},
        **dict.fromkeys(("log_ip_chi2", "log_fd_chi2"), _logarithm),
        **{"dTAU": _overlay, "pull_TAU": _pull},
    }
    pair = detailed.candidate, fast.candidate
    sides = {v: (known(pair[0], v), known(pair[1], v)) for v in panels}
    have = [v for v in panels if min(effective(c) for c in sides[v]) >= MIN_PARTICLES]
    n = len(have) + (one.by_tau is not None)
    columns = min(max(n, 1), 4)
    figure = new_figure(max(-(-n // 4), 1), columns, 3.0, 2.5)
    grid = [figure.add_subplot(-(-n // 4), columns, i + 1) for i in range(n)]
    for axes, variable in zip(grid, have, strict=False):
        panels[variable](axes, sides[variable], variable)
        _labels(axes, one, variable)
    if have:
        grid[0].legend(frameon=False, fontsize=7)
    if one.by_tau is not None:
        _efficiency(grid[-1], one.by_tau)
        grid[-1].set_xlabel("true decay time [ps]", fontsize=8)
        grid[-1].tick_params(labelsize=7)
    return figure


def _panels(
    pair: _Pair, one: DecayComparison, kinds: tuple[str, ...], panel: _Panel
) -> Figure | None:
    """A panel for each column of some kinds that enough candidates have."""
    found = []
    for variable in sorted((v for v in pair[0] if plain(v) in kinds), key=_order(kinds)):
        sides = known(pair[0], variable), known(pair[1], variable)
        if min(effective(c) for c in sides) >= MIN_PARTICLES:
            found.append((variable, sides))
    if not found:
        return None
    columns = min(len(found), 6)
    height = -(-len(found) // columns)
    figure = new_figure(height, columns, 3.0, 2.6)
    for i, (variable, sides) in enumerate(found):
        axes = figure.add_subplot(height, columns, i + 1)
        (_powers if variable == "IP" else panel)(axes, sides, variable)
        _labels(axes, one, variable)
        if i == 0:
            axes.legend(frameon=False, fontsize=7)
    return figure


def _order(kinds: tuple[str, ...]) -> Callable[[str], int]:
    return lambda variable: kinds.index(plain(variable))


def _labels(axes: Axes, one: DecayComparison, variable: str) -> None:
    """Title of the axis and of the panel; the axis of a logarithm shows powers of ten."""
    label = decay_title(variable)
    if label.startswith("lg "):
        label = label.removeprefix("lg ").removeprefix("(").replace(")", "", 1)
    axes.set_xlabel(label, fontsize=8)
    axes.tick_params(labelsize=7)
    _figures(axes, one, variable)


def _figures(axes: Axes, one: DecayComparison, variable: str) -> None:
    """Title of a panel: widths of residuals and pulls, distances of the others."""
    for width in one.widths:
        if width.variable == variable:
            axes.set_title(_width_text(width), fontsize=8)
            return
    for d in one.distances:
        if d.variable == variable:
            axes.set_title(f"KS {d.ks:.3f}, W {d.wasserstein:.3f}", fontsize=8)


def _width_text(width: Width) -> str:
    if not np.isfinite(width.ratio[0]):
        return "too few for a width"
    ratio = f"ratio {width.ratio[0]:.3f} +- {width.ratio_error[0]:.3f}"
    return f"widths {width.detailed[0]:.3g}, {width.fast[0]:.3g}; {ratio}"


def _stairs(axes: Axes, sides: _Pair, variable: str, edges: np.ndarray) -> None:
    for columns, fast in zip(sides, (False, True), strict=True):
        weight = columns["weight"]
        counts = np.histogram(columns[variable], edges, weights=weight / weight.sum())[0]
        axes.stairs(
            counts, edges, fill=not fast, color=FAST if fast else DETAILED,
            linewidth=1.2 if fast else 0.0, alpha=1.0 if fast else 0.45,
            label=f"{'fast' if fast else 'detailed'}, {len(weight)}",
        )  # fmt: skip
    axes.set_yticks([])


def _edges(sides: _Pair, variable: str, tail: float) -> np.ndarray:
    both = np.concatenate([c[variable] for c in sides])
    low, left, middle, right, high = np.quantile(both, [tail, 0.16, 0.5, 0.84, 1.0 - tail])
    low = max(low, middle - _REACH * (middle - left))
    high = min(high, middle + _REACH * (right - middle))
    return np.linspace(low, high if high > low else low + 1.0, _BINS)


def _overlay(axes: Axes, sides: _Pair, variable: str) -> None:
    _stairs(axes, sides, variable, _edges(sides, variable, 0.01))


def _logarithm(axes: Axes, sides: _Pair, variable: str) -> None:
    """Equal bins of the logarithm, the axis in powers of ten."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    _stairs(axes, sides, variable, _edges(sides, variable, 0.002))
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"$10^{{{x:.0f}}}$"))


def _powers(axes: Axes, sides: _Pair, variable: str) -> None:
    """The logarithm of what is positive."""
    one, two = ({**c, variable: np.log10(np.maximum(c[variable], 1e-9))} for c in sides)
    _logarithm(axes, (one, two), variable)


def _pull(axes: Axes, sides: _Pair, variable: str) -> None:
    edges = np.linspace(-5.0, 5.0, _BINS)
    _stairs(axes, sides, variable, edges)
    x = np.linspace(-5.0, 5.0, 200)
    normal = np.exp(-0.5 * x**2) / np.sqrt(2.0 * np.pi) * (edges[1] - edges[0])
    axes.plot(x, normal, "--", color="0.2", linewidth=0.8)


def _by_tau(binned: Binned) -> Figure:
    figure = new_figure(1, 1, 4.6, 4.2)
    upper, lower = figure.subplots(2, 1, height_ratios=(2, 1), sharex=True)
    s, edges = binned.shares, _efficiency(upper, binned)
    good = s.judged & np.isfinite(s.ratio)
    error = np.where(good, s.ratio_error, np.nan)
    points(lower, edges, np.where(good, s.ratio, np.nan), error, fast=True, shift=False)
    ratio_band(lower)
    lower.set_xlabel("true decay time [ps]")
    chi2 = binned.chi2
    text = f"chi2 {chi2.value:.1f} / {chi2.bins}, p = {chi2.p:.2g}"
    lower.set_title(text if chi2.bins else "too few to judge", fontsize=8)
    return figure


def _efficiency(axes: Axes, binned: Binned) -> np.ndarray:
    """Efficiency of both samples against the decay time; returns the edges of the bins [ps]."""
    from matplotlib.ticker import NullFormatter

    s = binned.shares
    edges = np.concatenate([binned.bins.seen[:, 0, 0], binned.bins.seen[-1:, 0, 1]])
    # Decay times reach down to nothing; the axis is logarithmic.
    edges[0] = max(edges[0], 0.02 * edges[1])
    for share, n, fast in ((s.detailed, s.n_detailed, False), (s.fast, s.n_fast, True)):
        error = np.sqrt(np.clip(share * (1.0 - share), 1e-6, None) / np.maximum(n, 1.0))
        points(axes, edges, share, error, fast=fast, shift=True)
    axes.set_ylabel("efficiency in the acceptance", fontsize=9)
    axes.set_ylim(0.0, 1.3 * axes.get_ylim()[1])
    axes.set_xscale("log")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.legend(frameon=False, fontsize=7)
    return edges
