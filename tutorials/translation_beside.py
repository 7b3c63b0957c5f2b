"""Arrays of the same events by several simulations and translations, row by row.

usage: translation_beside.py OUTPUT TITLE=SAMPLE...: draws OUTPUT (.png), a row for each sample (.npz)
with its title on the left; events are the first with at least four tracks. Colours go with the root of
what a cell holds, alike in all arrays of one event.
"""

import sys
from pathlib import Path

import matplotlib
import numpy as np

from lamarr_like.responses.samples import read_sample

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

EVENTS, LEAST_TRACKS = 6, 4


def draw(output, rows):
    """One picture of samples of the same events, by title."""
    first = next(iter(rows.values()))
    chosen = np.flatnonzero(first.conditions["tracks"] >= LEAST_TRACKS)[:EVENTS]
    size = (2.3 * EVENTS + 0.6, 1.3 * len(rows) + 0.5)
    figure, grid = plt.subplots(
        len(rows), EVENTS, figsize=size, sharex=True, sharey=True, layout="constrained"
    )
    for event, column in zip(chosen, grid.T, strict=True):
        most = max(float(sample.arrays[event].max()) for sample in rows.values())
        for axes, sample in zip(column, rows.values(), strict=True):
            image = np.sqrt(sample.arrays[event])
            image = np.where(image > 0, image, np.nan)
            axes.imshow(image, vmin=0, vmax=np.sqrt(most), aspect="auto", origin="lower")
            axes.set_xticks([0, 16, 31])
            axes.set_yticks([0, 8, 15])
    for axes, title in zip(grid[:, 0], rows, strict=True):
        axes.set_ylabel(title, fontsize=9)
    figure.supxlabel("time bucket; pads upwards", fontsize=9)
    figure.savefig(output, dpi=110)


def main(words):
    """Read the samples and draw them."""
    output, *samples = words
    pairs = (word.split("=", 1) for word in samples)
    draw(Path(output), {title: read_sample(path) for title, path in pairs})


if __name__ == "__main__":
    main(sys.argv[1:])
