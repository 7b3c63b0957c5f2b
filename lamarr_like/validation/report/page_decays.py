"""Tables of named decays on the page of the report."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .decays import DecayComparison, decay_title

if TYPE_CHECKING:
    from ...statistics.influence import Shares
    from .compute import Report

DECAY_NOTES = (
    "Generated decays that were reconstructed, found again by their tracks and clusters. The "
    "efficiency is the share of those decays with all tracks in the acceptance (of the sample "
    "itself) of which a candidate can be made. Widths are half the central 68 % interval; the "
    "true mass is that of the generated particles that are reconstructed, so that radiation and "
    "neutrinos do not count. Decay times and what is derived from flight need a vertex fit: two "
    "charged lines at least. The floor is the same figure for two halves of the detailed sample.",
)
Rows = list[list[str]]


def decay_tables(report: Report) -> list[tuple[str, tuple[str, ...], Rows, int]]:
    """Title, head, rows and number of text columns of each table."""
    floors = {d.name: d for d in report.floor.decays} if report.floor is not None else {}
    yields: Rows = []
    widths: Rows = []
    shapes: Rows = []
    for one in report.whole.decays:
        floor = floors.get(one.name)
        yields += _yields(one, floor)
        widths += _widths(one, floor)
        shapes += _shapes(one, floor)
    beside = ("detailed", "fast", "ratio", "+-", "floor")
    return [
        ("Yields", ("decay", "what", "n detailed", "n fast", *beside), yields, 2),
        (
            "Widths of residuals and pulls",
            ("decay", "quantity", "n detailed", "detailed", "+-", "fast", "+-", *beside[2:]),
            widths,
            2,
        ),
        (
            "Distributions of candidates",
            *(("decay", "quantity", "n detailed", "n fast", "KS", "p", "floor", "W", "floor"),),
            shapes,
            2,
        ),
    ]


def _number(value: float, digits: int = 4) -> str:
    return f"{value:.{digits}g}" if math.isfinite(value) else "-"


def _yields(one: DecayComparison, floor: DecayComparison | None) -> Iterator[list[str]]:
    for label, name in (
        ("candidates an event", "per_event"),
        ("candidates a generated decay", "of_all"),
        ("efficiency in the acceptance", "of_accepted"),
    ):
        s: Shares = getattr(one, name)
        other = getattr(floor, name).ratio[0] if floor is not None else float("nan")
        values = (s.detailed, s.fast, s.ratio, s.ratio_error)
        sizes = (f"{n[0]:.0f}" for n in (s.n_detailed, s.n_fast))
        yield [one.name, label, *sizes, *(_number(v[0]) for v in values), _number(other)]


def _widths(one: DecayComparison, floor: DecayComparison | None) -> Iterator[list[str]]:
    others = {w.variable: w.ratio[0] for w in floor.widths} if floor is not None else {}
    for w in one.widths:
        values = (w.detailed, w.detailed_error, w.fast, w.fast_error, w.ratio, w.ratio_error)
        yield [
            *(one.name, decay_title(w.variable), f"{w.n[0]:.0f}"),
            *(_number(v[0], 3 if i % 2 else 4) for i, v in enumerate(values)),
            _number(others.get(w.variable, float("nan"))),
        ]


def _shapes(one: DecayComparison, floor: DecayComparison | None) -> Iterator[list[str]]:
    others = {d.variable: d for d in floor.distances} if floor is not None else {}
    for d in one.distances:
        other = others.get(d.variable)
        held = ["-", "-"] if other is None else [f"{other.ks:.4f}", f"{other.wasserstein:.4f}"]
        yield [
            *(one.name, decay_title(d.variable), f"{d.n_detailed:.0f}", f"{d.n_fast:.0f}"),
            *(f"{d.ks:.4f}", _number(d.ks_p, 2), held[0], f"{d.wasserstein:.4f}", held[1]),
        ]
