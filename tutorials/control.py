"""Control of a generator of family corrvae: what its latents move, and how wanted values are hit.

usage: control.py MODEL TEST OUTPUT: MODEL is the folder or name of a generator, TEST a detailed sample
(.npz) of its response. Prints the correlation of each latent with each property of the arrays drawn (their
normal scores, so that the conditions do not count), and how near to wanted values draws come; draws OUTPUT
(.png): that matrix, and arrays of one particle while one latent goes from -2 to 2, means of 64 draws. Of
the matrices the first is of all particles, as decoded and aimed, the last of those whose detailed array
has at least ten cells.
"""

import sys
from pathlib import Path

import matplotlib
import numpy as np

from lamarr_like.responses import control as control_module
from lamarr_like.responses.model import load
from lamarr_like.responses.samples import read_sample

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

WAY = (-2.0, -1.0, 0.0, 1.0, 2.0)
DRAWS = 64
MANY = 10
INSIDE = 3.0
"""Wanted are values with normal scores within this."""


def correlations(model, test, aimed=True):
    """One latent asked for, all else free: its correlation with each property, (latents, properties).

    Without aiming what the decoder gives at once.
    """
    rng, rows = np.random.default_rng(1), []
    for name in model.control.latents:
        latent = np.clip(rng.normal(size=len(test)), -4, 4)
        with_aims, control_module.AIMS = control_module.AIMS, control_module.AIMS if aimed else 0
        arrays = model.draw(test.conditions, 3, wanted={name: latent})
        control_module.AIMS = with_aims
        scores = model.measured(test.conditions, arrays)[1]
        there = np.isfinite(scores).all(axis=1)
        rows.append(np.corrcoef(latent[there], scores[there].T)[0, 1:])
    return np.array(rows), int(there.sum())


def hits(model, test):
    """Rows of a table: what is wanted, of how many particles, and how near draws come to it."""
    there, scores = model.measured(test.conditions, test.arrays)
    inside = (np.abs(scores) < INSIDE).all(axis=1)
    some = {name: values[inside] for name, values in test.conditions.items()}
    names = model.control.names
    free = model.measured(some, model.draw(some, 4))[0]
    for asked in [(name,) for name in names] + [names]:
        wanted = {name: there[name][inside] for name in asked}
        found = model.measured(some, model.draw(some, 4, wanted=wanted))[0]
        for name in asked:
            cells = [name if len(asked) == 1 else f"{name}, with all others", f"{inside.sum()}"]
            for drawn in (found, free):
                away = np.abs(drawn[name] - wanted[name])
                away = away / wanted[name] if name in ("total", "width") else away
                middle, most = np.nanquantile(away, (0.5, 0.84))
                relative = name in ("total", "width")
                form = (lambda v: f"{100 * v:.1f} %") if relative else (lambda v: f"{v:.2f}")
                cells += [form(middle), form(most)]
            print("| " + " | ".join(cells) + " |", flush=True)


def traversal(model, test):
    """Means of draws of one particle, shape (latents, len(WAY), *shape), and its conditions.

    It is near the middle of the array, and stronger than most.
    """
    there, scores = model.measured(test.conditions, test.arrays)
    good = np.flatnonzero((np.abs(scores) < 1).all(axis=1))
    middle = np.array([axis.start + axis.size * axis.pitch / 2 for axis in model.response.axes])
    half = np.array([axis.size * axis.pitch / 2 for axis in model.response.axes])
    place = np.stack([there[name][good] for name in model.control.names[1:-1]], axis=1)
    good = good[(np.abs(place - middle) < 0.5 * half).all(axis=1)]
    row = good[np.argsort(there["total"][good])[int(0.8 * len(good))]]
    one = {name: np.full(DRAWS, values[row]) for name, values in test.conditions.items()}
    latents = model.control.latents
    rows = [
        [
            model.draw(one, 5, wanted={**dict.fromkeys(latents, 0.0), name: w}).mean(axis=0)
            for w in WAY
        ]
        for name in latents
    ]
    return np.array(rows), {name: values[0] for name, values in one.items()}


def picture(matrix, names, latents, rows, one, response, path):
    """Matrix on the left, traversals on the right."""
    x, y = (response.axis(shift.axis) for shift in response.shifts)
    extent = [
        response.axes[k].start + d
        for k in (x, y)
        for d in (0, response.axes[k].size * response.axes[k].pitch)
    ]
    figure = plt.figure(figsize=(12, 1.9 * len(latents)))
    grid = figure.add_gridspec(len(latents), 9, width_ratios=[4.5, 0.3, 0.3, *[1.6] * 5, 0.15])
    axes = figure.add_subplot(grid[:, 0])
    axes.imshow(matrix, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    for (i, k), value in np.ndenumerate(matrix):
        axes.text(
            k,
            i,
            f"{value:.2f}",
            ha="center",
            va="center",
            color="white" if abs(value) > 0.6 else "black",
        )
    axes.set_xticks(range(len(names)), [n.replace("_", "\n") for n in names], fontsize=9)
    axes.set_yticks(range(len(latents)), latents)
    axes.set_title("correlation of latents\nand properties drawn")
    most = rows.max()
    for i, name in enumerate(latents):
        for j, w in enumerate(WAY):
            panel = figure.add_subplot(grid[i, 3 + j])
            shown = panel.imshow(
                rows[i, j].T, origin="lower", extent=extent, norm="log", vmin=most / 300, vmax=most
            )
            panel.plot(one["x"], one["y"], "r+", markersize=6)
            panel.set_xticks([]), panel.set_yticks([])
            panel.set_facecolor(plt.get_cmap()(0.0))
            if i == 0:
                panel.set_title(f"{w:+.0f}")
            if j == 0:
                panel.set_ylabel(name)
    figure.colorbar(
        shown,
        cax=figure.add_subplot(grid[:, 8]),
        label=f"{response.unit} a cell, mean of {DRAWS} draws",
    )
    figure.savefig(path, dpi=110, bbox_inches="tight")


def main():
    """Measure, print and draw."""
    model = load(sys.argv[1])
    test = read_sample(Path(sys.argv[2]), model.response)
    names, latents = model.control.names, model.control.latents
    print(f"mixing\n{model.control.mixing.round(3)}")
    many = (test.arrays > 0).sum(axis=tuple(range(1, test.arrays.ndim))) >= MANY
    for title, some, aimed in (
        ("all particles, as decoded", test, False),
        ("all particles, aimed", test, True),
        (f"particles with {MANY} cells or more in detail, aimed", test.take(many), True),
    ):
        matrix, n = correlations(model, some, aimed)
        print(f"\n{title}: {n} of {len(some)} arrays have properties")
        print("| latent | " + " | ".join(names) + " |\n|---" + "|---" * len(names) + "|")
        for name, row in zip(latents, matrix, strict=True):
            print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in row) + " |")
    own = [abs(matrix[int(np.abs(row).argmax()), k]) for k, row in enumerate(model.control.mixing)]
    cross = np.abs(matrix)[np.abs(model.control.mixing.T) < 1e-9].max()
    print(f"least own correlation {min(own):.3f}, largest cross correlation {cross:.3f}")
    print(
        "\n| wanted | particles | median distance | 84 % | of free draws | 84 % |\n|---|---|---|---|---|---|"
    )
    hits(model, test)
    rows, one = traversal(model, test)
    picture(matrix, names, latents, rows, one, model.response, sys.argv[3])


if __name__ == "__main__":
    main()
