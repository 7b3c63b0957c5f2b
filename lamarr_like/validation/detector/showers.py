"""Showers of the reference calorimeter beside Geant4's for the same particles."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ... import rng
from ...arrays import Floats
from ...detailed.calorimeter.shower import shower_images
from ...detailed.parameters import DEFAULT, Parameters
from ...errors import SourceError
from ...statistics.binned import Curve
from ..series import Series, of_curve, series
from .curves import width_curve
from .results import NAN, Row, Section, absolute, relative, worst

SOURCE = "Geant4 11.4.1 shashlik"
BAND, CONTAINMENT_BAND = 0.05, 0.02

_DISTANCE = np.array([0.0, 10, 20, 30, 45, 60, 80, 100, 130])  # mm
_ENERGY = 1e3 * np.array([1.0, 2, 4, 8, 16, 32, 60])  # MeV
_RADIUS = np.linspace(20.0, 120.0, 51)  # mm
_KINDS = (("photon", "gamma", True), ("electron", "electron", False))
_CELLS = ((2, "40 mm"), (3, "60 mm"), (6, "120 mm"))  # bins of an image, name
_SIDE, _N_CELLS = 20.0, 30  # of the Geant4 images


class Showers(NamedTuple):
    """Images of showers in cells of 20 mm; `n` showers.

    Attributes:
        images: energies over their mean sampling fraction [MeV], rows are y, ``(n, 30, 30)``.
        energy: energy of the particles [MeV].
        place: x, y [mm from the centre], tx, ty at the face, shape ``(n, 4)``.
    """

    images: Floats
    energy: Floats
    place: Floats


def geant4_showers(path: Path) -> Showers:
    """Read showers of Geant4: ``images`` (axis 1 is x), ``energy``, ``px``, ``py``, ``pz``, x, y.

    Raises:
        SourceError: if the file is not there or lacks an array.
    """
    names = ("images", "energy", "px", "py", "pz", "x", "y")
    try:
        with np.load(path, allow_pickle=False) as data:
            images, energy, px, py, pz, x, y = (data[n].astype(np.float64) for n in names)
    except (OSError, KeyError, ValueError) as error:
        raise SourceError(f"{path}: not a file of showers ({error})") from None
    images = images.transpose(0, 2, 1) / (images.sum() / energy.sum())
    return Showers(images, energy, np.stack([x, y, px / pz, py / pz], axis=1))


def own_showers(
    like: Showers, is_photon: bool, par: Parameters = DEFAULT, seed: int = 1
) -> Showers:
    """Showers of the reference calorimeter for the particles of other ones."""
    keys = rng.stream_keys(seed, "validation/showers", np.arange(len(like.energy)))
    images = shower_images(keys, like.energy, is_photon, like.place, par, _SIDE, _N_CELLS)
    return Showers(images * (like.energy.sum() / images.sum()), like.energy, like.place)


def lateral_profile(showers: Showers, edges: Floats) -> Floats:
    """Mean share of the energy beyond a line at a distance from the axis, shape ``(bins,)``.

    Lines are borders of cells along x, the axis is that of the incoming particle, 130 mm deep;
    only particles with a small slope across the lines count.

    Args:
        showers: the showers.
        edges: bins of the distance [mm].
    """
    flat = np.abs(showers.place[:, 3]) < 0.06
    rows = showers.images[flat].sum(axis=2)
    below = np.cumsum(rows, axis=1) / rows.sum(axis=1, keepdims=True)
    border = (np.arange(1, _N_CELLS + 1) - 0.5 * _N_CELLS) * _SIDE
    axis = showers.place[flat, 1] + 130.0 * showers.place[flat, 3]
    distance = border[None, :] - axis[:, None]
    beyond = np.where(distance < 0.0, below, 1.0 - below)
    distance = np.abs(distance)
    return np.array(
        [
            beyond[(distance >= low) & (distance < high)].mean()
            for low, high in itertools.pairwise(edges)
        ]
    )


def radius_90(showers: Showers) -> Floats:
    """Radius about the barycentre that holds 90 % of the energy [mm], shape ``(n,)``."""
    middle = (np.arange(_N_CELLS) - 0.5 * (_N_CELLS - 1)) * _SIDE
    images = showers.images / showers.images.sum(axis=(1, 2), keepdims=True)
    x, y = images.sum(axis=1) @ middle, images.sum(axis=2) @ middle
    result = np.zeros(len(images))
    for i, image in enumerate(images):
        distance = np.hypot(middle[None, :] - x[i], middle[:, None] - y[i]).ravel()
        order = np.argsort(distance)
        inside = np.cumsum(image.ravel()[order])
        result[i] = np.interp(0.9, inside, distance[order])
    return result


def shower_resolution(showers: Showers, edges: Floats) -> Curve:
    """Relative width of the summed energy in bins of the energy [MeV].

    Args:
        showers: the showers.
        edges: of the bins [MeV], shape ``(n_bins + 1,)``.
    """
    return width_curve(showers.images.sum(axis=(1, 2)) / showers.energy, showers.energy, edges)


# --- ours beside Geant4's


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
        every = geant4_showers(folder / f"{file}.npz")
        geant4 = Showers(*(a[:limit] for a in every))
        both = (own_showers(geant4, is_photon, par), geant4)
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
    ours, theirs = (lateral_profile(s, _DISTANCE) for s in both)
    errors = []
    for one in both:
        blocks = (Showers(*(a[i::8] for a in one)) for i in range(8))
        spread = np.std([lateral_profile(s, _DISTANCE) for s in blocks], axis=0)
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
    first, second = (shower_resolution(s, _ENERGY) for s in both)
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
    radii = [radius_90(s) for s in both]
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
