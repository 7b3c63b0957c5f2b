"""Showers of the reference calorimeter beside those of Geant4: profiles, R90, resolution."""

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
from .curves import width_curve

_SIDE, _CELLS = 20.0, 30  # of the Geant4 images


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
    images = shower_images(keys, like.energy, is_photon, like.place, par, _SIDE, _CELLS)
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
    border = (np.arange(1, _CELLS + 1) - 0.5 * _CELLS) * _SIDE
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
    middle = (np.arange(_CELLS) - 0.5 * (_CELLS - 1)) * _SIDE
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
