"""Resolution of the place of clusters of detailed and generated showers, in cells of three sizes.

usage: centroids_beside.py TEST AGAIN MODEL...: TEST and AGAIN are two detailed draws of the same
particles (samples of ecal_shower in .npz). Cells are joined to those of an ECAL like LHCb's, at a
phase of each particle's own; the place is that of 3 x 3 cells about the strongest one, weighted by
logarithms, and corrected alike for all: for its bias within a cell and for the slope. Prints widths
within three of the robust ones [mm], of x and y together, and their ratios to the detailed ones.
"""

import sys
from pathlib import Path

import numpy as np

from lamarr_like.responses.model import load
from lamarr_like.responses.samples import read_sample
from lamarr_like.statistics.binned import order_width, standard_deviation

SIZES = (2, 3, 6)  # cells of 20 mm: 40, 60 and 120 mm
ENERGY = (2e3, 6e4)
LOG_LEAST = 4.0  # logarithm of the share of a cluster below which a cell has no weight


def joined(arrays, size, phase):
    """Arrays in larger cells, the first of which begins `phase` cells before the array."""
    n, side = len(arrays), arrays.shape[1] // size + 2
    found = np.zeros((n, side, side))
    for i, j in np.ndindex(size, size):
        rows = np.flatnonzero((phase[:, 0] == i) & (phase[:, 1] == j))
        room = np.zeros((len(rows), side * size, side * size), np.float32)
        room[:, i : i + arrays.shape[1], j : j + arrays.shape[2]] = arrays[rows]
        found[rows] = room.reshape(-1, side, size, side, size).sum(axis=(2, 4))
    return found


def centroids(cells):
    """Places of clusters along both axes, in cells from the border, shape ``(n, 2)``."""
    n = len(cells)
    seed = np.stack(np.unravel_index(cells.reshape(n, -1).argmax(axis=1), cells.shape[1:]), axis=1)
    room = np.pad(cells, ((0, 0), (1, 1), (1, 1)))
    near = np.arange(3)
    i, j = seed[:, 0, None, None] + near[:, None], seed[:, 1, None, None] + near
    around = room[np.arange(n)[:, None, None], i, j]
    share = around / around.sum(axis=(1, 2), keepdims=True)
    weight = np.maximum(0.0, LOG_LEAST + np.log(np.maximum(share, 1e-9)))
    weight /= weight.sum(axis=(1, 2), keepdims=True)
    away = np.stack([(weight.sum(axis=3 - k) * (near - 1)).sum(axis=1) for k in (1, 2)], axis=1)
    return seed + 0.5 + away


def explained(place, slope, log_energy):
    """What the place is corrected with, shape ``(m, k)``."""
    waves = [np.sin(2 * np.pi * m * (place % 1)) for m in (1, 2, 3)]
    columns = [np.ones_like(place), slope, slope * log_energy, *waves]
    return np.stack([*columns, waves[0] * log_energy, waves[1] * log_energy], axis=1)


def width(values):
    """Standard deviation within three of the robust ones, and its error."""
    near = np.abs(values - np.median(values)) < 3 * order_width(values)[0]
    return standard_deviation(values[near])


def main():
    """Measure and print."""
    test, again = (read_sample(Path(path)) for path in sys.argv[1:3])
    c, pitch = test.conditions, test.response.axes[0].pitch
    arrays = {"detailed": test.arrays, "detailed once more": again.arrays}
    arrays |= {Path(name).name: load(name).draw(c, 7) for name in sys.argv[3:]}
    energy = np.sqrt(c["px"] ** 2 + c["py"] ** 2 + c["pz"] ** 2)
    entry = np.stack([c["x"], c["y"]], axis=1)
    slope = np.stack([c["px"], c["py"]], axis=1) / c["pz"][:, None]
    head = ["particle", "cells [mm]", *arrays]
    print("| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|")
    for size in SIZES:
        phase = np.random.default_rng(size).integers(0, size, (len(test), 2))
        begin = test.response.axes[0].start - phase * pitch
        for code, particle in ((22, "photon"), (11, "electron")):
            rows = (np.abs(c["pdg"]) == code) & (energy > ENERGY[0]) & (energy < ENERGY[1])
            given = slope[rows].ravel(), np.repeat(np.log(energy[rows] / 5e3), 2)
            away, columns = [], []
            for drawn in arrays.values():
                place = centroids(joined(drawn[rows], size, phase[rows]))
                found = begin[rows] + place * size * pitch
                away.append((found - entry[rows]).ravel())
                columns.append(explained(place.ravel(), *given))
            detailed = np.concatenate(columns[:2]), np.concatenate(away[:2])
            correction = np.linalg.lstsq(*detailed, rcond=None)[0]
            widths = [width(a - x @ correction) for a, x in zip(away, columns, strict=True)]
            mean = np.mean([w[0] for w in widths[:2]])
            cells = [f"{w:.2f} +- {e:.2f} ({100 * (w / mean - 1):+.1f} %)" for w, e in widths]
            print(f"| {particle} | {size * pitch:.0f} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
