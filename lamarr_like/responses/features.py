"""Summary features of arrays: what they are compared by.

Sums, widths, asymmetries, sparsity and the distance of centroid and impact are those of the studies
of LHCb's calorimeter images (Chekalina et al., EPJ Web Conf. 214 (2019) 02034; Rogachev and
Ratnikov, arXiv:2207.06329); shares of the core and the spectrum of the cells are those of CaloGAN
(Paganini et al., arXiv:1712.10321) and BIB-AE (Buhmann et al., arXiv:2005.05334).
"""

from __future__ import annotations

import numpy as np

from ..arrays import Floats, Ints
from .hits import Hits
from .response import Response

RINGS = (1, 2, 4)
"""Distances from the strongest cell, in cells, within which the share of the sum is taken."""

LEVELS = (1e-2, 1e-3, 1e-4)
"""Shares of the sum above which cells are counted."""

EMPTY = -1.0
"""Features of an array without a hit."""


def features(response: Response, seen: Floats, hits: Hits) -> dict[str, Floats]:
    """Features by name, shapes ``(n,)``.

    Args:
        response: declaration.
        seen: features of the particles, shape ``(n, n_features)``.
        hits: their arrays.
    """
    n = len(seen)
    row, value = hits.row, hits.value.astype(np.float64)

    def total(weights: Floats) -> Floats:
        return np.bincount(row, weights=weights, minlength=n).astype(np.float64)

    count = np.bincount(row, minlength=n).astype(np.float64)
    sums = total(value)
    filled = sums > 0
    share = value / np.where(filled, sums, 1.0)[row]
    scale = seen[:, response.feature(response.scale)] if response.scale else 0.0
    found: dict[str, Floats] = {
        "response": np.log(np.where(filled, sums, 1.0)) - scale,
        "hits": count,
    }
    places = [axis.centres[hits.cell[:, k]] for k, axis in enumerate(response.axes)]
    found |= axis_moments(response, row, share, places, n)
    found |= about_impact(response, seen, row, share, places, n)
    found |= _core(hits.cell, row, value, share, n)
    for level in LEVELS:
        found[f"cells_above_{level:g}"] = total((share > level).astype(np.float64))
    log_value = np.log(np.maximum(value, 1e-30))
    mean = total(log_value) / np.maximum(count, 1)
    found["cell_log_mean"] = mean
    found["cell_log_sd"] = np.sqrt(total((log_value - mean[row]) ** 2) / np.maximum(count, 1))
    found = {name: np.where(filled, values, EMPTY) for name, values in found.items()}
    return found | channels(response, hits, n)


def channels(response: Response, hits: Hits, n: int) -> dict[str, Floats]:
    """What each channel of a response of towers reads, by name, shapes ``(n,)``; none of others.

    Of neighbouring cells, like the fields of a board, one is of the common channel and the other of
    the tower of its quarter.

    Args:
        response: declaration.
        hits: of the arrays.
        n: number of particles.
    """
    if not response.channels:
        return {}
    x, y = hits.cell[:, 0], hits.cell[:, 1]
    quarter = 1 + 2 * (x >= response.shape[0] // 2) + (y >= response.shape[1] // 2)
    channel = np.where((x + y) % 2 == 0, 0, quarter)
    sums = np.bincount(hits.row * 5 + channel, weights=hits.value, minlength=5 * n)
    names = ("common", "tower_1", "tower_2", "tower_3", "tower_4")
    return dict(zip(names, sums.reshape(n, 5).astype(np.float64).T, strict=True))


def axis_moments(
    response: Response, row: Ints, share: Floats, places: list[Floats], n: int
) -> dict[str, Floats]:
    """Centroid, width and skew along each axis and correlations of two, shapes ``(n,)``.

    Args:
        response: declaration.
        row: particle of each hit, shape ``(m,)``.
        share: of its array's sum, shape ``(m,)``.
        places: of the hits along each axis, shapes ``(m,)``.
        n: number of particles.
    """

    def total(weights: Floats) -> Floats:
        return np.bincount(row, weights=weights, minlength=n).astype(np.float64)

    found: dict[str, Floats] = {}
    middles = []
    for axis, place in zip(response.axes, places, strict=True):
        middle = total(share * place)
        away = place - middle[row]
        width: Floats = np.sqrt(total(share * away**2))
        found[f"centroid_{axis.name}"] = middle
        found[f"width_{axis.name}"] = width
        found[f"skew_{axis.name}"] = total(share * away**3) / np.maximum(width, 1e-9) ** 3
        middles.append(away)
    for a in range(len(middles)):
        for b in range(a):
            names = f"{response.axes[b].name}_{response.axes[a].name}"
            found[f"correlation_{names}"] = total(share * middles[a] * middles[b])
    return found


def about_impact(
    response: Response, seen: Floats, row: Ints, share: Floats, places: list[Floats], n: int
) -> dict[str, Floats]:
    """Centroid, width and asymmetry along the slope of the particle and across, from its impact.

    Args:
        response, row, share, places, n: as for `axis_moments`.
        seen: features of the particles, shape ``(n, n_features)`` or wider.
    """
    tilted = [shift for shift in response.shifts if shift.slope]
    found: dict[str, Floats] = {}
    away = {}
    for shift in response.shifts:
        k = response.axis(shift.axis)
        away[k] = places[k] - seen[row, response.feature(shift.feature)]
        mean = np.bincount(row, weights=share * away[k], minlength=n).astype(np.float64)
        found[f"from_impact_{shift.axis}"] = mean
    if len(tilted) != 2:
        return found
    a, b = (response.axis(shift.axis) for shift in tilted)
    slope = seen[:, [response.feature(shift.slope) for shift in tilted]]
    unit = slope / np.maximum(np.hypot(*slope.T), 1e-12)[:, None]
    along = away[a] * unit[row, 0] + away[b] * unit[row, 1]
    across = away[b] * unit[row, 0] - away[a] * unit[row, 1]
    for name, distance in (("longitudinal", along), ("transverse", across)):
        mean = np.bincount(row, weights=share * distance, minlength=n).astype(np.float64)
        square = np.bincount(row, weights=share * distance**2, minlength=n)
        sides = np.bincount(row, weights=share * np.sign(distance), minlength=n).astype(np.float64)
        found[f"{name}_width"] = np.sqrt(np.maximum(square - mean**2, 0))
        found[f"{name}_asymmetry"] = sides
    return found


def _core(cell: Ints, row: Ints, value: Floats, share: Floats, n: int) -> dict[str, Floats]:
    """Share of the strongest cell, and within some cells of it."""
    order = np.lexsort((value, row))
    last = np.flatnonzero(np.diff(row[order], append=-1))
    strongest = np.zeros((n, cell.shape[1]), dtype=np.int64)
    top = np.zeros(n)
    strongest[row[order[last]]] = cell[order[last]]
    top[row[order[last]]] = share[order[last]]
    far = np.abs(cell - strongest[row]).max(axis=1)
    found = {"strongest": top}
    for ring in RINGS:
        inside = np.bincount(row, weights=share * (far <= ring), minlength=n)
        found[f"within_{ring}"] = inside.astype(np.float64)
    found["farthest"] = np.zeros(n)
    np.maximum.at(found["farthest"], row, far)
    return found
