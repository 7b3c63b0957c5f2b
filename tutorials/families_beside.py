"""Generators of one response beside each other: a table, and quality against time.

usage: families_beside.py TEST AGAIN OUTPUT MODEL...: TEST and AGAIN are two detailed draws of the same
particles (samples in .npz), MODEL folders or names of generators. Prints a table in Markdown and draws
OUTPUT (.png): AUC of the features against processor time, of generators that draw in steps for several
numbers of them.
"""

import sys
import time
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np

from lamarr_like.responses.features import features
from lamarr_like.responses.hits import hits_of
from lamarr_like.responses.model import load
from lamarr_like.responses.samples import read_sample
from lamarr_like.responses.training.images import images_auc
from lamarr_like.statistics.distances import weighted_ks
from lamarr_like.statistics.two_sample import c2st

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

STEPS = (1, 2, 3, 4, 8, 16, 32)
TIMES = tuple(a * b for b in (1e-3, 1e-2, 0.1, 1, 10, 100) for a in (1, 2, 3, 5))
AUCS = (0.501, 0.502, 0.505, 0.51, 0.52, 0.53, 0.55, 0.6, 0.7, 0.8, 0.9, 1.0)
ASYMMETRIES = ("longitudinal_asymmetry", "transverse_asymmetry")


def cost(model, sample, batch, steps=0):
    """Processor time of a draw in batches of so many [ms a particle]."""
    n = min(len(sample), max(batch, 50))
    rows = [slice(i, i + batch) for i in range(0, n, batch)]
    parts = [{k: v[row] for k, v in sample.conditions.items()} for row in rows]
    model.draw(parts[0], 1, steps=steps)
    began = time.process_time()
    for part in parts:
        model.draw(part, 1, steps=steps)
    return 1e3 * (time.process_time() - began) / n


class Bench:
    """Judges draws beside one detailed sample."""

    def __init__(self, test):
        self.test, self.response = test, test.response
        self.real = features(self.response, test.seen, test.hits)
        self.given = {f.name: test.seen[:, k] for k, f in enumerate(self.response.features)}

    def features(self, arrays):
        """AUC of the features with its error, and KS of the asymmetries."""
        fake = features(self.response, self.test.seen, hits_of(arrays))
        auc = c2st(self.real, fake, self.given)
        names = [n for n in ASYMMETRIES if n in fake]
        return auc, [weighted_ks(self.real[n], fake[n]) for n in names]

    def row(self, name, sample, times):
        """A row of the table."""
        auc, asymmetries = self.features(sample.arrays)
        images = images_auc(self.test, sample)
        cells = [name, f"{auc.value:.3f} +- {auc.error:.3f}"]
        cells += [f"{images.value:.3f} +- {images.error:.3f}"]
        cells += [f"{d:.3f}" for d in asymmetries] + [f"{ms:.2g}" for ms in times]
        print("| " + " | ".join(cells) + " |", flush=True)
        return auc


def judged(bench, name):
    """A row of the table; points of the figure: steps, time, AUC and its error."""
    model, test = load(name), bench.test
    times = [cost(model, test, batch) for batch in (1, 100, 10_000)]
    drawn = replace(test, arrays=model.draw(test.conditions, 7))
    auc = bench.row(Path(name).name, drawn, times)
    if not model.steps:
        return [(0, times[2], auc.value, auc.error)]
    points = []
    for steps in STEPS:
        value = bench.features(model.draw(test.conditions, 7, steps=steps))[0]
        points.append((steps, cost(model, test, 10_000, steps), value.value, value.error))
        print(f"  {steps} steps: {points[-1][1]:.3f} ms, {value.value:.4f}", file=sys.stderr)
    return points


def plot(points, floor, path):
    """AUC against time.

    points: by name of the model, as of `judged`; floor: AUC of a second detailed draw.
    """
    figure, axes = plt.subplots(figsize=(6.5, 4.2))
    for name, found in points.items():
        steps, x, y, e = zip(*found, strict=True)
        style = {"marker": "o", "markersize": 5, "capsize": 2, "linestyle": "-" if steps[0] else ""}
        axes.errorbar(x, np.array(y) - 0.5, e, label=name.split("-")[1], **style)
        for step, a, b in zip(steps, x, y, strict=True):
            if step:
                near = {"textcoords": "offset points", "xytext": (6, 2), "fontsize": 8}
                axes.annotate(f"{step}", (a, b - 0.5), **near)
    axes.axhline(floor - 0.5, color="grey", linestyle=":", label="second detailed draw")
    axes.set_xlabel("processor time of a draw, 10,000 at a time [ms]")
    axes.set_ylabel("AUC of features")
    for scale, axis, ticks, zero in (
        (axes.set_xscale, axes.xaxis, TIMES, 0.0),
        (axes.set_yscale, axes.yaxis, AUCS, 0.5),
    ):
        scale("log")
        low, high = axis.get_view_interval()
        shown = [t for t in ticks if low <= t - zero <= high]
        axis.set_ticks([t - zero for t in shown], [f"{t:g}" for t in shown])
        axis.set_ticks([], minor=True)
    axes.legend(fontsize=8, loc="lower left", bbox_to_anchor=(0.0, 0.08))
    figure.tight_layout()
    figure.savefig(path, dpi=100)


def main():
    """Judge and draw."""
    test, again = (read_sample(Path(path)) for path in sys.argv[1:3])
    bench = Bench(test)
    known = [f"KS of {n.replace('_', ' ')}" for n in ASYMMETRIES if n in bench.real]
    head = ["family", "AUC of features", "AUC of arrays", *known]
    head += [f"ms, {b} at a time" for b in (1, 100, 10_000)]
    print("| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|")
    detailed = float(test.record["ms_per_particle"])
    floor = bench.row("detailed once more (floor)", again, 3 * [detailed])
    points = {Path(name).name: judged(bench, name) for name in sys.argv[4:]}
    plot(points, floor.value, sys.argv[3])


if __name__ == "__main__":
    main()
