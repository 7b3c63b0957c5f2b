"""Photons and pi0 in the reference calorimeter with three kinds of showers beside each other.

usage: showers_beside.py [N] [MODEL]: N photons and as many pi0; prints a table in Markdown
"""

import sys
import time

import numpy as np

from lamarr_like.detailed.calorimeter.alone import neutral_pions, single_photons
from lamarr_like.detailed.calorimeter.showers import Rule, Showers
from lamarr_like.statistics.binned import order_width

ENERGY, PT = (2e3, 6e4), (600.0, 2500.0)  # MeV, log-flat


def told(values):
    """A median or width with its error."""
    return "{:.3g} +- {:.1g}".format(*values)


def main():
    """Simulate and print."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    model = sys.argv[2] if len(sys.argv) > 2 else "ecal_shower-library-1"
    head = ["showers by", "photons found", "energy / generated", "resolution [%]"]
    head += ["x resolution [mm]", "pi0 mass [MeV]", "pi0 width [MeV]", "ms a photon"]
    print("| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|")
    for by in ("parametrisation", model, "geant4"):
        showers = Showers((Rule(by),))
        showers.check()
        single_photons(2, ENERGY, showers=showers)  # compiles, starts Geant4
        began = time.process_time()
        photons = single_photons(n, ENERGY, seed=5, showers=showers)
        cost = 1e3 * (time.process_time() - began) / n
        pions = neutral_pions(n, PT, seed=5, showers=showers)
        ratio = (photons.measured / photons.energy)[photons.found]
        mass = pions.mass[pions.resolved]
        near = mass[np.abs(mass - 135) < 40]
        width = order_width(ratio)
        cells = [by, f"{photons.found.mean():.3f}", f"{np.median(ratio):.4f}"]
        cells += [told([100 * w for w in width]), told(order_width(photons.dx[photons.found]))]
        cells += [f"{np.median(near):.2f}", told(order_width(near)), f"{cost:.2g}"]
        print("| " + " | ".join(cells) + " |", flush=True)
    print(dict(showers.counts))


main()
