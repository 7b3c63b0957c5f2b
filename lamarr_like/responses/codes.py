"""Energies as normal scores at each scale, those of empty blocks among them.

A block may be empty: such atoms become an interval at the lower end of a normal law, into which
they are spread evenly (the randomised quantile residuals of Dunn and Smyth, J. Comput. Graph. Stat.
5 (1996) 236).  So any generator of smooth vectors can draw them.

How often a block is empty, and how little one may hold, changes much with the energy of the
particle: the tables are those of several scales, and a law in between is between theirs.  With one
table for all, the scores of weak showers leave a gap between what is empty and the least that a
block holds there, which no smooth generator leaves.  So it is with kinds of particles whose arrays
have little in common: each has tables of its own.

Whole numbers (`counts`) are spread evenly over the unit interval about each before they are coded,
and what is drawn is rounded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from ..arrays import Floats, Ints
from .response import Response

KNOTS = 100
"""Values of a table."""

SCALES = 10
"""Most scales that there are tables of."""

MOST_KINDS = 1 << 4
"""Most kinds of particles."""

KINDS_APART = 4 * MOST_KINDS
"""Between the numbers of the kinds of two responses whose tables are joined."""

MOST_LOG = 300.0
"""Greatest logarithm of an energy."""

_REACH = 4.5
_LEAST_ROWS = 50
"""Rows of a table."""


class Particles(NamedTuple):
    """What tells which tables a particle has.

    Args:
        scale: logarithm of its expected sum, zero where none is declared, shape ``(n,)``.
        kind: number of its kind, shape ``(n,)``.
    """

    scale: Floats
    kind: Ints

    @classmethod
    def alike(cls, n: int) -> Particles:
        """So many of one kind and scale."""
        return cls(np.zeros(n), np.zeros(n, dtype=np.int64))

    @classmethod
    def of(cls, response: Response, given: Floats) -> Particles:
        """Of particles in the common frame.

        Args:
            response: declaration.
            given: as of `lamarr_like.responses.frame.Placement`, shape ``(n, n_given)``.
        """
        n = len(given)
        scale = given[:, response.feature(response.scale)] if response.scale else np.zeros(n)
        kind = np.zeros(n, dtype=np.int64)
        for name in response.kinds:
            kind = 2 * kind + (given[:, response.feature(name)] > 0.5)
        return cls(scale, kind)


@dataclass(frozen=True)
class Codes:
    """Scores of energies.

    Args:
        scales: that the tables are of, ascending within a kind, shape ``(n_tables,)``.
        knots: logarithms of the energies at scores spaced evenly over ``[-4.5, 4.5]`` within their
            range, shape ``(n_tables, n_codes, n_knots)``.
        empty: probability of nothing, shape ``(n_tables, n_codes)``.
        kinds: of the particles that each table is of, ascending, shape ``(n_tables,)``.
    """

    scales: Floats
    knots: Floats
    empty: Floats
    kinds: Ints

    @classmethod
    def fit(cls, amounts: Floats, particles: Particles, n_knots: int = KNOTS) -> Codes:
        """From a sample.

        Args:
            amounts: as of `Layout.amounts`, shape ``(n, n_codes)``.
            particles: what tells which table a particle has.
            n_knots: knots of each table.
        """
        tables = []
        for number in np.unique(particles.kind):
            rows = np.flatnonzero(particles.kind == number)
            scale = particles.scale[rows]
            flat = np.ptp(scale) == 0
            most = 1 if flat else max(len(rows) // _LEAST_ROWS, 1)
            for part in np.array_split(np.argsort(scale, kind="stable"), min(SCALES, most)):
                tables.append((scale[part].mean(), *_tables(amounts[rows[part]], n_knots), number))
        scales, knots, empty, kinds = (np.stack(t) for t in zip(*tables, strict=True))
        return cls(scales, knots, empty, kinds)

    @classmethod
    def joined(cls, parts: Sequence[Codes]) -> Codes:
        """Tables of several, the kinds of each `KINDS_APART` above those of the one before."""
        kinds = [part.kinds + KINDS_APART * k for k, part in enumerate(parts)]
        return cls(
            np.concatenate([part.scales for part in parts]),
            np.concatenate([part.knots for part in parts]),
            np.concatenate([part.empty for part in parts]),
            np.concatenate(kinds),
        )

    def scores(self, amounts: Floats, uniforms: Floats, particles: Particles) -> Floats:
        """Scores of energies, shape ``(n, n_codes)``.

        Args:
            amounts: as for `fit`.
            uniforms: numbers in (0, 1) that spread the empty ones, shape ``(n, n_codes)``.
            particles: as for `fit`.
        """
        found = np.empty_like(amounts)
        below, above, part = self.tables_of(particles)
        for k in range(amounts.shape[1]):
            values, u = amounts[:, k], uniforms[:, k].copy()
            empty = _mixed(self.empty[below, k], self.empty[above, k], part)
            free = np.flatnonzero(values > 0)
            u[values <= 0] *= empty[values <= 0]
            low, high = self.knots[below[free], k], self.knots[above[free], k]
            within = ndtr(_position(_mixed(low, high, part[free][:, None]), np.log(values[free])))
            u[free] = empty[free] + (1 - empty[free]) * within
            found[:, k] = ndtri(np.clip(u, 1e-9, 1 - 1e-9))
        return found

    def amounts(self, scores: Floats, particles: Particles) -> Floats:
        """The opposite of `scores`."""
        knots, n_knots = self.knots, self.knots.shape[2]
        below, above, part = self.tables_of(particles)
        row, other, weight = below[:, None], above[:, None], part[:, None]
        empty = _mixed(self.empty[below], self.empty[above], weight)
        u = ndtr(scores)
        within = ndtri(np.clip((u - empty) / np.maximum(1 - empty, 1e-12), 1e-6, 1 - 1e-6))
        position = np.clip(0.5 * (within / _REACH + 1), 0, 1) * (n_knots - 1)
        cell = np.minimum(position.astype(np.int64), n_knots - 2)
        columns, table = np.arange(knots.shape[1]), knots.ravel()
        at, above_at = ((r * knots.shape[1] + columns) * n_knots + cell for r in (row, other))
        low, high = (_mixed(table.take(at + k), table.take(above_at + k), weight) for k in (0, 1))
        found: Floats = np.exp(low + (position - cell) * (high - low))
        found[u < empty] = 0.0
        return found

    def tables_of(self, particles: Particles) -> tuple[Ints, Ints, Floats]:
        """Numbers of the tables below and above each particle, and how far it is on the way.

        Shapes ``(n,)``.
        """
        scale, kind = particles
        first = np.searchsorted(self.kinds, kind)
        count = np.searchsorted(self.kinds, kind, side="right") - first
        # Complex numbers are ordered by their first part, then by the second.
        place = np.searchsorted(self.kinds + 1j * self.scales, kind + 1j * scale)
        below = first + np.clip(place - first - 1, 0, np.maximum(count - 2, 0))
        above = np.minimum(below + 1, first + count - 1)
        # Of a kind that was not in the sample nothing is known: the first table is as good.
        below[count == 0] = above[count == 0] = 0
        step = np.maximum(self.scales[above] - self.scales[below], 1e-12)
        part = np.clip((scale - self.scales[below]) / step, 0, 1)
        return below, above, part

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Arrays for an ``.npz`` file."""
        return {
            "code_scales": self.scales,
            "code_knots": self.knots.astype(np.float32),
            "code_empty": self.empty,
            "code_kinds": self.kinds.astype(np.float64),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Codes:
        """The opposite of `to_arrays`."""
        scales = arrays["code_scales"]
        kinds = arrays.get("code_kinds", np.zeros(len(scales)))
        knots = arrays["code_knots"].astype(np.float64)
        return cls(scales, knots, arrays["code_empty"], kinds.astype(np.int64))


def _tables(amounts: Floats, n_knots: int) -> tuple[Floats, Floats]:
    """Knots and empty ones of one scale, shapes ``(n_codes, n_knots)`` and ``(n_codes,)``."""
    n_codes = amounts.shape[1]
    knots, empty = np.zeros((n_codes, n_knots)), np.zeros(n_codes)
    grid = ndtr(np.linspace(-_REACH, _REACH, n_knots))
    for k in range(n_codes):
        values = amounts[:, k]
        free = values[values > 0]
        empty[k] = 1 - len(free) / max(len(values), 1)
        if len(free):
            knots[k] = np.quantile(np.log(free), grid)
    return knots, empty


def _mixed(low: Floats, high: Floats, part: Floats) -> Floats:
    mixed: Floats = low + part * (high - low)
    return mixed


def _position(knots: Floats, values: Floats) -> Floats:
    """Where on the grid of scores values lie, shape ``(m,)``.

    Args:
        knots: ascending, shape ``(m, n_knots)``.
        values: shape ``(m,)``.
    """
    n = knots.shape[1]
    above = (knots < values[:, None]).sum(axis=1)
    cell = np.clip(above - 1, 0, n - 2)
    every = np.arange(len(values))
    low, high = knots[every, cell], knots[every, cell + 1]
    part = np.clip((values - low) / np.maximum(high - low, 1e-12), 0, 1)
    found: Floats = _REACH * (2 * (cell + part) / (n - 1) - 1)
    return found


def scaled(response: Response, amounts: Floats, given: Floats, back: bool = False) -> Floats:
    """Energies in units of the response's scale (or, `back`, in its own unit).

    Args:
        response: declaration.
        amounts: as of `Layout.amounts`, shape ``(n, n_codes)``.
        given: as of `Placement.given`, shape ``(n, n_given)``.
        back: from those units.
    """
    if not response.scale:
        return amounts
    log_scale = given[:, [response.feature(response.scale)]]
    factor = np.exp(np.clip(log_scale, -MOST_LOG, MOST_LOG))
    found: Floats = amounts * factor if back else amounts / factor
    return found


def spread_whole(amounts: Floats, uniforms: Floats) -> Floats:
    """Whole numbers spread evenly over the unit interval about each, zeros as they are.

    Args:
        amounts: shape ``(n, n_codes)``.
        uniforms: of that shape.
    """
    found: Floats = amounts + np.where(amounts > 0, uniforms - 0.5, 0.0)
    return found


def to_whole(energies: Floats, sums: Floats, uniforms: Floats) -> Floats:
    """Whole numbers in blocks that add to whole numbers in all, shape ``(n, n_blocks)``.

    Each is the nearest one; what is then left or too much is spread by what blocks hold.

    Args:
        energies: what blocks hold, shape ``(n, n_blocks)``.
        sums: of all blocks, shape ``(n,)``.
        uniforms: where that begins, in (0, 1), shape ``(n,)``.
    """
    found = np.rint(energies)
    left = np.rint(sums) - found.sum(axis=1)
    total = np.maximum(energies.sum(axis=1, keepdims=True), 1e-30)
    along = np.cumsum(energies, axis=1) / total * left[:, None]
    reached = np.floor(along + uniforms[:, None])
    steps = np.diff(reached, axis=1, prepend=0.0)
    whole: Floats = np.maximum(found + steps, 0.0)
    return whole
