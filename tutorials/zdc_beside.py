"""Generators of two zero-degree calorimeters beside each other: what channels read, and time.

usage: zdc_beside.py TEST AGAIN OUTPUT MODEL...: TEST and AGAIN are two detailed draws of the same particles (samples of
`zdc` in .npz), MODEL folders or names of generators of `zdc`, `zdc_neutron` or `zdc_proton`. Prints a table in Markdown: the
distance (Wasserstein, in photons, mean of the five channels) of each device from TEST, in units of that of AGAIN, and the
processor time of a draw. Draws OUTPUT (.png): showers of both, and of models that draw in steps distance against time. Of
these it also tells the distance of photons per GeV, of hadrons that enter the device: the channels of all particles tell how
particles are spread over energies more than how showers of one energy differ.
"""

import sys
import time
from pathlib import Path

import matplotlib
import numpy as np
from scipy.stats import wasserstein_distance

from lamarr_like.responses.detectors.zdc import ZDC
from lamarr_like.responses.features import channels
from lamarr_like.responses.hits import hits_of
from lamarr_like.responses.joint import load_any
from lamarr_like.responses.samples import read_any

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

STEPS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 50)
BATCHES = (1, 100, 10_000)
DRAWS = 5
"""Draws whose distances are averaged."""


def distance(response, real, fake):
    """Mean of the Wasserstein distances of the channels [photons]."""
    one, two = (channels(response, hits_of(arrays), len(arrays)) for arrays in (real, fake))
    return float(np.mean([wasserstein_distance(one[name], two[name]) for name in one]))


def per_energy(part, fake):
    """The same of photons per GeV, of hadrons that enter the device."""
    c, rows = part.conditions, part.conditions["pdg"] != 22
    for axis in part.response.axes:
        rows = rows & (
            np.abs(c[axis.name] - axis.start - axis.size * axis.pitch / 2)
            < axis.size * axis.pitch / 2
        )
    scale = 1 / c["energy"][rows]
    one, two = (
        channels(part.response, hits_of(arrays[rows]), rows.sum()) for arrays in (part.arrays, fake)
    )
    return float(
        np.mean([wasserstein_distance(one[name] * scale, two[name] * scale) for name in one])
    )


def drawn(model, conditions, seed, steps=0):
    """Arrays by the name of their device."""
    arrays = model.draw(conditions, seed, steps=steps)
    arrays = arrays if isinstance(arrays, tuple) else (arrays,)
    responses = getattr(model.response, "responses", (model.response,))
    return {r.name: a for r, a in zip(responses, arrays, strict=True)}


def cost(model, conditions, batch, steps=0):
    """Processor time of a draw in batches of so many [ms a particle]."""
    rows = np.arange(max(batch, 30)) % len(conditions["x"])
    parts = [
        {k: v[rows[i : i + batch]] for k, v in conditions.items()}
        for i in range(0, len(rows), batch)
    ]
    model.draw(parts[0], 1, steps=steps)
    best = np.inf
    for repeat in range(3):
        began = time.process_time()
        for part in parts:
            model.draw(part, repeat, steps=steps)
        best = min(best, time.process_time() - began)
    return 1e3 * best / len(rows)


def from_part(part, fake):
    """As `distance`."""
    return distance(part.response, part.arrays, fake)


def distances(model, test, steps=0, measure=from_part):
    """Mean distance of each device over some draws, with its error."""
    found = {}
    for seed in range(DRAWS):
        for name, arrays in drawn(model, test.conditions, seed + 11, steps).items():
            part = next(p for p in test.parts if p.response.name == name)
            found.setdefault(name, []).append(measure(part, arrays))
    return {name: (np.mean(v), np.std(v) / np.sqrt(len(v) - 1)) for name, v in found.items()}


def main():
    """Judge and draw."""
    test, again = (read_any(Path(path), ZDC) for path in sys.argv[1:3])
    floor = {
        p.response.name: distance(p.response, p.arrays, a.arrays)
        for p, a in zip(test.parts, again.parts)
    }
    floor_per_energy = {
        p.response.name: per_energy(p, a.arrays) for p, a in zip(test.parts, again.parts)
    }
    halves = {}
    for part in test.parts:
        cuts = [np.random.default_rng(seed).permutation(len(test)) for seed in range(20)]
        n = len(test) // 2
        values = [
            distance(part.response, part.arrays[cut[:n]], part.arrays[cut[n:]]) for cut in cuts
        ]
        halves[part.response.name] = float(np.mean(values))
    print(
        "| | neutrons' device | over floor | protons' device | over floor | ms, "
        + " | ".join(map(str, BATCHES))
        + " |"
    )
    print("|---" * 8 + "|")
    for title, values in (
        ("detailed once more (floor)", floor),
        ("two halves of the detailed", halves),
    ):
        print(
            f"| {title} | "
            + " | ".join(f"{v:.2f} | {v / floor[k]:.2f}" for k, v in values.items())
            + " | | | |"
        )
    figure, axes = plt.subplots(1, 5, figsize=(19, 3.8), layout="constrained")
    dial = axes[4]
    for path in sys.argv[4:]:
        model, name = load_any(path), Path(path).name
        found = distances(model, test)
        times = [cost(model, test.conditions, batch) for batch in BATCHES]
        cells = []
        for device in floor:
            value, error = found.get(device, (np.nan, 0))
            cells += (
                [f"{value:.2f} +- {error:.2f}", f"{value / floor[device]:.2f}"]
                if device in found
                else ["", ""]
            )
        print(
            f"| `{name}` | "
            + " | ".join(cells)
            + " | "
            + " | ".join(f"{t:.3g}" for t in times)
            + " |",
            flush=True,
        )
        points = [
            (steps, found if not steps else distances(model, test, steps))
            for steps in (STEPS if model.steps else (0,))
        ]
        for steps in (1, *STEPS) if model.steps else ():
            values = distances(model, test, steps, per_energy)
            over = [
                f"{v / floor_per_energy[k]:.2f} +- {e / floor_per_energy[k]:.2f}"
                for k, (v, e) in values.items()
            ]
            print(
                f"  {name}, {steps} steps, photons per GeV over floor: {', '.join(over)}",
                file=sys.stderr,
            )
        x = [cost(model, test.conditions, 10_000, steps) for steps, _ in points]
        for k, device in enumerate(floor):
            if device not in found:
                continue
            y = [values[device][0] / floor[device] for _, values in points]
            style = {
                "marker": "os"[k],
                "linestyle": "-" if model.steps else "",
                "fillstyle": ("full", "none")[k],
            }
            dial.plot(x, y, label=f"{name}, {device.split('_')[1]}", **style)
            if model.steps:
                print(
                    f"  {name} {device}: "
                    + ", ".join(f"{s}: {v:.2f} ({t:.2g} ms)" for (s, _), v, t in zip(points, y, x)),
                    file=sys.stderr,
                )
    dial.axhline(1, color="grey", linestyle=":", label="detailed once more")
    dial.set(
        yscale="log",
        xlabel="processor time of a draw, 10,000 at a time [ms]",
        ylabel="distance of channels over floor",
    )
    dial.yaxis.set_major_formatter("{x:g}")
    dial.yaxis.set_minor_formatter("{x:g}")
    dial.legend(fontsize=6)
    shown = load_any(sys.argv[4])
    arrays = drawn(shown, test.conditions, 11)
    for k, part in enumerate(test.parts):
        extent = [
            v
            for axis in part.response.axes
            for v in (axis.start, axis.start + axis.size * axis.pitch)
        ]
        energy = test.conditions["energy"] * (part.arrays.sum(axis=(1, 2)) > 100)
        row = int(np.argsort(-energy)[1])
        pairs = (
            ("detailed", part.arrays[row]),
            (Path(sys.argv[4]).name, arrays.get(part.response.name, part.arrays)[row]),
        )
        for j, (title, array) in enumerate(pairs):
            axis = axes[2 * k + j]
            axis.imshow(np.log1p(array.T), origin="lower", extent=extent, aspect="auto")
            kind = {2112: "neutron", 2212: "proton", 22: "photon"}[int(test.conditions["pdg"][row])]
            axis.set(
                title=f"{kind}, {energy[row]:.0f} GeV, {title}:\n{array.sum():.0f} photons",
                xlabel="x [mm]",
                ylabel="y [mm]",
            )
    figure.savefig(sys.argv[3], dpi=110)


if __name__ == "__main__":
    main()
