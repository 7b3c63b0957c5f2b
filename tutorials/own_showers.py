"""Bring the showers of a detector of your own, train, compare and use a generator.

usage: own_showers.py [N] [FOLDER]: N showers, a few minutes and 4000 of them if not given
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from lamarr_like.responses.model import load
from lamarr_like.responses.drawing import draw_sample
from lamarr_like.responses.fit import Request, fit
from lamarr_like.responses.response import response_file
from lamarr_like.responses.samples import checked_sample, read_sample, write_sample
from lamarr_like.validation.responses.compute import KINDS, compare
from lamarr_like.validation.responses.write import write_report
from lamarr_like.validation.verdict import load_thresholds

n_showers = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
folder = Path(sys.argv[2]) if len(sys.argv) > 2 else Path("own-showers")
declaration = Path(__file__).parent / "own_showers" / "crystals.yaml"
crystals = response_file(declaration)
folder.mkdir(exist_ok=True)


def your_simulation(n, seed):
    """Stands for what you have: conditions and arrays of n photons in caesium iodide.

    Two thirds of the energy in a core, the rest in a halo, with shares that fluctuate from shower
    to shower; five hundred quanta a GeV.
    """
    rng = np.random.default_rng(seed)
    energy = 50 * 40 ** rng.random(n)
    x, y = rng.uniform(-12.5, 12.5, (2, n))
    arrays = np.zeros((n, 11, 11))
    edges = crystals.axes[0].start + crystals.axes[0].pitch * np.arange(12)
    for i in range(n):
        quanta = rng.poisson(60 + 0.5 * energy[i])
        core = rng.random(quanta) < rng.beta(8, 4)
        radius = np.where(core, 9.0, 32.0) * rng.exponential(size=quanta)
        angle = rng.uniform(0, 2 * np.pi, quanta)
        at = np.histogram2d(
            x[i] + radius * np.cos(angle), y[i] + radius * np.sin(angle), (edges, edges)
        )[0]
        arrays[i] = at * 0.95 * energy[i] / max(quanta, 1) * rng.normal(1, 0.02)
    return {"energy": energy, "x": x, "y": y}, arrays


# 1. Your arrays and conditions in one file.
for name, n, seed in (("train", n_showers, 1), ("test", n_showers // 2, 2)):
    conditions, arrays = your_simulation(n, seed)
    sample = checked_sample(crystals, conditions, arrays, name, {"made_by": "our simulation"})
    write_sample(sample, folder / f"{name}.npz", force=True)

# 2. Train a generator.
train, test = (read_sample(folder / f"{name}.npz") for name in ("train", "test"))
model = fit(train, Request(family="library"), folder / "models", force=True)

# 3. Draw for the particles of the test sample, and compare.
generator = load(str(model))
drawn = draw_sample(generator, test.conditions, seed=3, model=model.name)
write_sample(drawn, folder / "drawn.npz", force=True)
thresholds = load_thresholds(None, KINDS, "verdict-responses.yaml")
result = compare(test, drawn, thresholds, model=generator, images=False)
write_report(result, test, drawn, None, folder / "report")
print("\n".join(result.verdict.lines))


# 4. Use it: how well does the centre of gravity tell where the photon came in?
def position_error(sample):
    """Centre of gravity with logarithmic weights, less the true place [mm]."""
    share = sample.arrays / sample.arrays.sum(axis=(1, 2), keepdims=True)
    weight = np.maximum(0, 4.0 + np.log(np.maximum(share, 1e-9)))
    across = weight.sum(axis=2) / weight.sum(axis=(1, 2))[:, None]
    return across @ crystals.axes[0].centres - sample.conditions["x"]


figure, axis = plt.subplots(figsize=(6, 4))
bins = np.linspace(-12, 12, 49)
errors = {"your simulation": position_error(test), "generator": position_error(drawn)}
for name, error in errors.items():
    width = 0.5 * np.diff(np.quantile(error, (0.16, 0.84)))[0]
    axis.hist(error, bins, histtype="step", label=f"{name}: {width:.2f} mm")
axis.set(xlabel="x of the centre of gravity - x of the photon [mm]", ylabel="photons")
axis.legend()
figure.savefig(folder / "own_showers.png", dpi=110, bbox_inches="tight")
