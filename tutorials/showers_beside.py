"""Photons, electrons and pi0 in the reference calorimeter with three kinds of showers.

usage: showers_beside.py [N] [MODEL]: N photons, and as many electrons and pi0; prints a table in Markdown
"""

import sys
import time

import numpy as np

from lamarr_like.detailed.calorimeter.alone import neutral_pions, single_particles
from lamarr_like.detailed.calorimeter.showers import Rule, Showers
from lamarr_like.detailed.matter import ELECTRON
from lamarr_like.statistics.binned import order_width

ENERGY, PT = (2e3, 6e4), (600.0, 2500.0)  # MeV, log-flat


def told(value, error):
    """A width with its error."""
    return f"{value:.4g} +- {error:.2g}"


def width(values):
    """Standard deviation within three of the robust ones, and its statistical error."""
    middle, robust = np.median(values), order_width(values)[0]
    core = values[np.abs(values - middle) < 3 * robust]
    sd = core.std()
    fourth = ((core - core.mean()) ** 4).mean() / sd**4
    return sd, sd * np.sqrt((fourth - 1) / (4 * len(core)))


def measured(single):
    """Share that is found, median and width of energy over generated energy, width in x.

    The width is in units of 10 %/sqrt(E/GeV) (+) 1 %, so that all energies count alike.
    """
    energy = single.energy[single.found]
    ratio = single.measured[single.found] / energy
    expected = np.hypot(0.1 / np.sqrt(energy / 1e3), 0.01)
    cells = [f"{single.found.mean():.3f}", f"{np.median(ratio):.4f}"]
    widths = [width((ratio - np.median(ratio)) / expected), width(single.dx[single.found])]
    return [*cells, *(told(*w) for w in widths)]


def main():
    """Simulate and print."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    model = sys.argv[2] if len(sys.argv) > 2 else "ecal_shower-library-1"
    head = ["showers by"]
    for name in ("photons", "electrons"):
        head += [
            f"{name} found",
            "energy / generated",
            "resolution / expected",
            "x resolution [mm]",
        ]
    head += ["pi0 mass [MeV]", "pi0 width [MeV]", "ms a photon"]
    print("| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|")
    for by in ("parametrisation", model, "geant4"):
        showers = Showers((Rule(by),))
        showers.check()
        single_particles(2, ENERGY, showers=showers)  # compiles, starts Geant4
        began = time.process_time()
        photons = single_particles(n, ENERGY, seed=5, showers=showers)
        cost = 1e3 * (time.process_time() - began) / n
        electrons = single_particles(n, ENERGY, seed=6, showers=showers, species=ELECTRON)
        pions = neutral_pions(n, PT, seed=5, showers=showers)
        mass = pions.mass[pions.resolved]
        near = mass[np.abs(mass - 135) < 40]
        cells = [by, *measured(photons), *measured(electrons)]
        cells += [f"{np.median(near):.2f}", told(*width(near)), f"{cost:.2g}"]
        print("| " + " | ".join(cells) + " |", flush=True)
    print(dict(showers.counts))


main()
