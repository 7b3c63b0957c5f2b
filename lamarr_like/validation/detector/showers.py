"""Showers of the reference calorimeter beside Geant4's for the same particles."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from ...arrays import Floats
from ...detailed.parameters import DEFAULT, Parameters
from ..series import Series, of_curve, series
from . import shower_curves as showers
from .results import NAN, Row, Section, absolute, relative, worst
from .shower_curves import Showers

SOURCE = "Geant4 11.4.1 shashlik"
BAND, CONTAINMENT_BAND = 0.05, 0.02

_DISTANCE = np.array([0.0, 10, 20, 30, 45, 60, 80, 100, 130])  # mm
_ENERGY = 1e3 * np.array([1.0, 2, 4, 8, 16, 32, 60])  # MeV
_RADIUS = np.linspace(20.0, 120.0, 51)  # mm
_KINDS = (("photon", "gamma", True), ("electron", "electron", False))
_CELLS = ((2, "40 mm"), (3, "60 mm"), (6, "120 mm"))  # bins of an image, name


def shower_section(folder: Path, par: Parameters = DEFAULT, limit: int | None = None) -> Section:
    """Showers of the reference calorimeter beside Geant4's.

    Args:
        folder: of ``gamma.npz`` and ``electron.npz``.
        par: parameters.
        limit: showers of each kind at most.

    Raises:
        SourceError: if a file cannot be read.
    """
    rows: list[Row] = []
    views: list[Series] = []
    for name, file, is_photon in _KINDS:
        every = showers.geant4_showers(folder / f"{file}.npz")
        geant4 = Showers(*(a[:limit] for a in every))
        both = (showers.own_showers(geant4, is_photon, par), geant4)
        for part in (_profile, _resolution, _radius):
            row, view = part(name, both)
            rows.append(row)
            views.append(view)
        rows += [_containment(name, *cell, both) for cell in _CELLS]
    notes = (
        "The same particles in both; energies of the images without noise. Containment is the "
        "energy in 3 x 3 cells about the hottest one over that of the image.",
    )
    return Section("showers", "Showers beside Geant4", tuple(rows), tuple(views), notes)


Both = tuple[Showers, Showers]
"""Showers of ours and of Geant4."""


def _profile(name: str, both: Both) -> tuple[Row, Series]:
    ours, theirs = (showers.lateral_profile(s, _DISTANCE) for s in both)
    errors = []
    for one in both:
        blocks = (Showers(*(a[i::8] for a in one)) for i in range(8))
        spread = np.std([showers.lateral_profile(s, _DISTANCE) for s in blocks], axis=0)
        errors.append(spread / np.sqrt(8))
    ratio = ours / theirs
    error = ratio * np.hypot(errors[0] / ours, errors[1] / theirs)
    i = worst(ratio - 1.0, error)
    note = (
        f"{_DISTANCE[i]:g}-{_DISTANCE[i + 1]:g} mm: {ours[i]:.4f} beyond, Geant4 {theirs[i]:.4f}; "
        f"mean ratio {ratio.mean():.3f}"
    )
    words = f"{name}: energy beyond a line, worst ratio to Geant4"
    value, n = (float(ratio[i]), float(error[i]), 1.0), len(both[0].energy)
    labels = ("energy beyond a line", "distance from the axis [mm]", "share of the energy")
    view = series(labels, _DISTANCE, ours, errors[0], theirs, errors[1], name=name)
    return relative(words, *value, BAND, n=n, source=SOURCE, note=note), view


def _resolution(name: str, both: Both) -> tuple[Row, Series]:
    first, second = (showers.shower_resolution(s, _ENERGY) for s in both)
    ratio = first.y / second.y
    error = ratio * np.hypot(first.error / first.y, second.error / second.y)
    weight = 1.0 / error**2
    mean = float((ratio * weight).sum() / weight.sum()) if len(ratio) else NAN
    sigma = float(1.0 / np.sqrt(weight.sum())) if len(ratio) else NAN
    note, n = "ratios by energy: " + ", ".join(f"{r:.2f}" for r in ratio), len(both[0].energy)
    words = f"{name}: resolution of whole showers, mean ratio to Geant4"
    labels = ("resolution of whole showers", "E [GeV]", "sigma(E)/E")
    view = of_curve(labels, first, second.y, second.error, scale=1e-3, name=name, log_x=True)
    return relative(words, mean, sigma, 1.0, BAND, n=n, source=SOURCE, note=note), view


def _radius(name: str, both: Both) -> tuple[Row, Series]:
    radii = [showers.radius_90(s) for s in both]
    value = _means(radii)
    densities = [np.histogram(r, _RADIUS, density=True)[0] for r in radii]
    labels = ("radius of 90 % of the energy", "R90 [mm]", "density")
    view = series(labels, _RADIUS, densities[0], reference=densities[1], name=name, style="steps")
    return relative(f"{name}: mean R90 [mm]", *value, BAND, n=len(radii[0]), source=SOURCE), view


def _means(values: list[Floats]) -> tuple[float, float, float]:
    """Mean of ours, the error of the difference, and the mean of Geant4's."""
    means = [float(v.mean()) for v in values]
    errors = [float(v.std() / np.sqrt(len(v))) for v in values]
    return means[0], float(np.hypot(errors[0], errors[1])), means[1]


def contained(shower: Showers, bins: int) -> Floats:
    """Share of the energy in 3 x 3 cells about the hottest one, shape ``(n,)``.

    Args:
        shower: the showers.
        bins: bins of an image along a cell.
    """
    n, side = len(shower.images), shower.images.shape[1] // bins
    cells = shower.images.reshape(n, side, bins, side, bins).sum(axis=(2, 4))
    hottest = cells.reshape(n, -1).argmax(axis=1)
    padded = np.pad(cells, ((0, 0), (1, 1), (1, 1)))
    row, column = np.divmod(hottest, side)
    total = np.zeros(n)
    for i, j in itertools.product(range(3), repeat=2):
        total += padded[np.arange(n), row + i, column + j]
    result: Floats = total / cells.sum(axis=(1, 2))
    return result


def _containment(name: str, bins: int, cell: str, both: Both) -> Row:
    shares = [contained(s, bins) for s in both]
    words, n = f"{name}: in 3 x 3 cells of {cell}", len(shares[0])
    return absolute(words, *_means(shares), CONTAINMENT_BAND, n=n, source=SOURCE)
