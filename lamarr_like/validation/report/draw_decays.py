"""Figures of named decays: mass, pulls, impact and flight chi2, efficiency against decay time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ...arrays import Columns
from ...files.sheets import new_sheet, sheet_of
from ...statistics.binned_shares import Binned
from ..page import Drawing
from ..series import draw_panel
from .canvas import SAMPLES, of_shares, shapes, storeys
from .compute import Report
from .decays import DecayComparison, decay_title, known, plain
from .efficiency import MIN_PARTICLES
from .sample import effective

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ...decays.rows import DecayRows

FIGURES = {
    "mass": ("mass and its residual", ("M", "dM")),
    "pulls": (
        "pulls, with a normal law (dashed)",
        ("pull_M", "pull_X", "pull_Y", "pull_Z", "pull_TAU"),
    ),
    "chi2": (
        "impact and flight",
        ("log_ip_chi2", "log_fd_chi2", "log_least_ip_chi2", "log_angle"),
    ),
    "vertex": (
        "impact parameter, vertex and decay time",
        ("IP", "chi2", "dX", "dY", "dZ", "dTAU"),
    ),
}
"""Title of each figure of a decay and the columns of candidates in it."""
_BINS = 41
_REACH = 8.0
"""Half widths about the middle that an axis shows: decays with a foreign primary vertex are far."""
_EFFICIENCY = "efficiency in the acceptance"

_Pair = tuple[Columns, Columns]


def decay_drawings(report: Report) -> Iterator[Drawing]:
    """Figures of the decays that were asked for, five each at the most."""
    for one, *sides in zip(
        report.whole.decays, report.detailed.decays, report.fast.decays, strict=True
    ):
        pair = sides[0].candidate, sides[1].candidate
        sizes = f"{one.candidates[0]} detailed (grey) and {one.candidates[1]} fast (blue)"
        for name, (what, kinds) in FIGURES.items():
            columns = [v for k in kinds for v in pair[0] if plain(v) == k]
            panels = _panels(pair, one, columns)
            if panels:
                caption = f"{one.text}: {what} of {sizes} candidates."
                draw = partial(sheet_of, panels, _panel, columns=6, height=2.6)
                yield Drawing(f"decay-{one.name}-{name}", "decays", caption, draw)
        if one.by_tau is not None:
            s = one.of_accepted
            caption = (
                f"{one.text}: {_EFFICIENCY} against the true decay time, "
                f"{s.n_detailed[0]:.0f} detailed and {s.n_fast[0]:.0f} fast decays. Band: 2 %."
            )
            draw = partial(_by_tau, one.by_tau)
            yield Drawing(f"decay-{one.name}-efficiency", "decays", caption, draw)


def decay_summary(one: DecayComparison, detailed: DecayRows, fast: DecayRows) -> Figure:
    """Mass, impact, flight, decay time and their pulls in one figure, as far as there are any.

    Args:
        one: the comparison of both.
        detailed, fast: the decay in each sample.
    """
    head = (f"{one.head}:dM", f"{one.head}:pull_M")
    columns = (*head, "IP", "log_ip_chi2", "log_fd_chi2", "dTAU", "pull_TAU")
    panels: list[_Panel] = _panels((detailed.candidate, fast.candidate), one, columns)
    if one.by_tau is not None:
        above = replace(of_shares(one.by_tau)[0], y=_EFFICIENCY)
        panels.append(partial(draw_panel, shown=[above]))
    return sheet_of(panels, _panel, columns=4)


_Panel = Callable[["Axes"], None]


def _panel(axes: Axes, draw: _Panel) -> None:
    draw(axes)


def _panels(pair: _Pair, one: DecayComparison, columns: Sequence[str]) -> list[_Panel]:
    """What draws each of some columns of candidates that enough of them have."""
    found: list[_Panel] = []
    for variable in columns:
        sides = known(pair[0], variable), known(pair[1], variable)
        if min(effective(c) for c in sides) >= MIN_PARTICLES:
            label, text = decay_title(variable), _text(one, variable)
            found.append(partial(_overlay, sides, variable, label, text, not found))
    return found


def _text(one: DecayComparison, variable: str) -> str:
    """Widths of residuals and pulls, distances of the others."""
    for width in one.widths:
        if width.variable == variable:
            if not np.isfinite(width.ratio[0]):
                return "too few for a width"
            ratio = f"ratio {width.ratio[0]:.3f} +- {width.ratio_error[0]:.3f}"
            return f"widths {width.detailed[0]:.3g}, {width.fast[0]:.3g}; {ratio}"
    found = (d for d in one.distances if d.variable == variable)
    return "".join(f"KS {d.ks:.3f}, W {d.wasserstein:.3f}" for d in found)


def _overlay(sides: _Pair, variable: str, label: str, text: str, legend: bool, axes: Axes) -> None:
    """Both samples; pulls with a normal law, what is positive on an axis in powers of ten."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    values, weights = ([c[k] for c in sides] for k in (variable, "weight"))
    powers = label.startswith("lg ") or variable == "IP"
    if variable == "IP":
        values = [np.log10(np.maximum(v, 1e-9)) for v in values]
    edges = _edges(values, 0.002 if powers else 0.01)
    if plain(variable).startswith("pull_"):
        edges = np.linspace(-5.0, 5.0, _BINS)
        x = np.linspace(-5.0, 5.0, 200)
        normal = np.exp(-0.5 * x**2) / np.sqrt(2.0 * np.pi) * (edges[1] - edges[0])
        axes.plot(x, normal, "--", color="0.2", linewidth=0.8)
    if powers:
        label = label.removeprefix("lg ").removeprefix("(").replace(")", "", 1)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"$10^{{{x:.0f}}}$"))
    names = [f"{name}, {len(w)}" for name, w in zip(SAMPLES, weights, strict=True)]
    shapes(axes, (text, label, ""), edges, values, weights, names if legend else ("", ""))


def _edges(values: Sequence[np.ndarray], tail: float) -> np.ndarray:
    shares = [tail, 0.16, 0.5, 0.84, 1.0 - tail]
    low, left, middle, right, high = np.quantile(np.concatenate(values), shares)
    low = max(low, middle - _REACH * (middle - left))
    high = min(high, middle + _REACH * (right - middle))
    return np.linspace(low, high if high > low else low + 1.0, _BINS)


def _by_tau(binned: Binned) -> Figure:
    figure = new_sheet(1, 1, 4.6, 4.2)
    storeys(figure, of_shares(binned), _EFFICIENCY)
    return figure
