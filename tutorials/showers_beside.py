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


def told(values):
    """A median or width with its error."""
    return "{:.4g} +- {:.2g}".format(*values)


def measured(single):
    """Share that is found, median and width of energy over generated energy, width in x."""
    ratio = (single.measured / single.energy)[single.found]
    cells = [f"{single.found.mean():.3f}", f"{np.median(ratio):.4f}"]
    widths = [order_width(100 * ratio), order_width(single.dx[single.found])]
    return [*cells, *map(told, widths)]


def main():
    """Simulate and print."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    model = sys.argv[2] if len(sys.argv) > 2 else "ecal_shower-library-1"
    head = ["showers by"]
    for name in ("photons", "electrons"):
        head += [f"{name} found", "energy / generated", "resolution [%]", "x resolution [mm]"]
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
        cells += [f"{np.median(near):.2f}", told(order_width(near)), f"{cost:.2g}"]
        print("| " + " | ".join(cells) + " |", flush=True)
    print(dict(showers.counts))


main()
