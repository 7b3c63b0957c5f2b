"""Resolutions of energy and place of detailed and generated showers, by their cells alone.

usage: centroids_beside.py TEST AGAIN MODEL...: TEST and AGAIN are two detailed draws of the same
particles (samples of ecal_shower in .npz). The energy is the sum of all cells, corrected alike for
all for how it goes with energy and slope, in units of 10 %/sqrt(E/GeV) (+) 1 %. For the place cells
are joined to those of an ECAL like LHCb's, at a phase of each particle's own; it is that of 3 x 3
cells about the strongest one, weighted by logarithms, and corrected alike for all: for its bias
within a cell and for the slope. Prints widths within three of the robust ones (places in mm, x
and y together), those of models as means of some draws, and their ratios to the detailed ones.
"""

import sys
from pathlib import Path

import numpy as np

from lamarr_like.responses.model import load
from lamarr_like.responses.samples import read_sample
from lamarr_like.statistics.binned import order_width, standard_deviation

SIZES = (2, 3, 6)  # cells of 20 mm: 40, 60 and 120 mm
ENERGY = ((2e3, 6e4), (3e3, 1e4), (1e4, 6e4))  # MeV
DRAWS = 2
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


def corrected(values, columns):
    """What is left of values of each array, corrected by what the detailed ones say."""
    detailed = np.concatenate(columns[:2]), np.concatenate(values[:2])
    correction = np.linalg.lstsq(*detailed, rcond=None)[0]
    return [v - x @ correction for v, x in zip(values, columns, strict=True)]


def energies(arrays, energy, slope):
    """What is left of the sums, in units of the expected resolution; shapes ``(n,)``."""
    log_energy = np.log(energy / 5e3)
    columns = np.stack(
        [np.ones_like(energy), log_energy, log_energy**2, (slope**2).sum(axis=1)], axis=1
    )
    expected = np.hypot(0.1 / np.sqrt(energy / 1e3), 0.01)
    shares = [drawn.sum(axis=(1, 2)) / energy for drawn in arrays]
    mean = np.mean(shares[:2])
    return [left / (mean * expected) for left in corrected(shares, [columns] * len(arrays))]


def places(arrays, size, phase, entry, slope, energy, axis):
    """What is left of the places along both axes [mm], shapes ``(2 n,)``."""
    given = slope.ravel(), np.repeat(np.log(energy / 5e3), 2)
    begin = axis.start - phase * axis.pitch
    away, columns = [], []
    for drawn in arrays:
        place = centroids(joined(drawn, size, phase))
        away.append((begin + place * size * axis.pitch - entry).ravel())
        columns.append(explained(place.ravel(), *given))
    return corrected(away, columns)


def told(title, left, energy, names):
    """A row for each range of energies."""
    for low, high in ENERGY:
        inside = (energy > low) & (energy < high)
        widths = [width(values[inside]) for values in left]
        mean = np.mean([w for w, _ in widths[:2]])
        cells = []
        for name in dict.fromkeys(names):
            some = [w for w, of in zip(widths, names, strict=True) if of == name]
            w, e = np.mean([v for v, _ in some]), np.mean([v for _, v in some]) / np.sqrt(len(some))
            cells.append(f"{w:.3g} +- {e:.2g} ({100 * (w / mean - 1):+.1f} %)")
        print(f"| {title} | {low / 1e3:g}-{high / 1e3:g} | " + " | ".join(cells) + " |", flush=True)


def main():
    """Measure and print."""
    test, again = (read_sample(Path(path)) for path in sys.argv[1:3])
    c = test.conditions
    names, arrays = ["detailed", "detailed once more"], [test.arrays, again.arrays]
    for name in sys.argv[3:]:
        model = load(name)
        names += [Path(name).name] * DRAWS
        arrays += [model.draw(c, 7 + k) for k in range(DRAWS)]
    energy = np.sqrt(c["px"] ** 2 + c["py"] ** 2 + c["pz"] ** 2)
    entry = np.stack([c["x"], c["y"]], axis=1)
    slope = np.stack([c["px"], c["py"]], axis=1) / c["pz"][:, None]
    head = ["of", "energy [GeV]", *dict.fromkeys(names)]
    print("| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|")
    for code, particle in ((22, "photons"), (11, "electrons")):
        rows = (np.abs(c["pdg"]) == code) & (energy > ENERGY[0][0]) & (energy < ENERGY[0][1])
        some = [drawn[rows] for drawn in arrays]
        told(f"energy, {particle}", energies(some, energy[rows], slope[rows]), energy[rows], names)
        for size in SIZES:
            phase = np.random.default_rng(size).integers(0, size, (len(test), 2))[rows]
            axis = test.response.axes[0]
            left = places(some, size, phase, entry[rows], slope[rows], energy[rows], axis)
            title = f"place, {particle}, {size * axis.pitch:.0f} mm"
            told(title, left, np.repeat(energy[rows], 2), names)


if __name__ == "__main__":
    main()
