"""Photons that zero-degree calorimeters count of neutrons and of photons, beside ALICE's own simulation.

usage: zdc_photons.py [N] [zdc_examples.csv]: simulates N neutrons of 400 GeV and as many photons of 100 GeV (default 40,
five minutes) in the middle of the neutrons' calorimeter. The file, if any, is that of https://github.com/Jot-De/ZDC_fastsim.
"""

import csv
import sys

import numpy as np

from lamarr_like.responses.detectors import zdc
from lamarr_like.rng import stream_keys

LEAST = 50
"""Photons of a particle of the file that is compared."""


def simulated(pdg, energy, n):
    """Sums of both calorimeters for particles within 3 mm of the middle."""
    rng = np.random.default_rng(3)
    entry = {name: rng.uniform(-3, 3, n) for name in ("x", "y")}
    conditions = {"pdg": np.full(n, pdg), "energy": np.full(n, energy), **entry}
    arrays = zdc.simulate(conditions, stream_keys(9, "cal", np.arange(n)))
    return [array.sum(axis=(1, 2), dtype=np.float64) for array in arrays]


def of_alice(path, pdg):
    """Photons of both devices and energy, of particles that are seen by the first."""
    found = {}
    with open(path) as file:
        for row in csv.DictReader(file):
            if int(row["Pdg"]) == pdg:
                key = (row["Event"], row["Counter"])
                found.setdefault(key, {})[row["Detector"]] = float(row["PhotonSum"])
                found[key]["energy"] = float(row["Energy"])
    rows = [
        (r["N"], r["P"], r["energy"])
        for r in found.values()
        if "N" in r and "P" in r and r["N"] > LEAST
    ]
    return np.array(rows).T


def tell(title, sums, energy):
    """A row of the table."""
    low, middle, high = np.percentile(sums[0] / energy, [16, 50, 84])
    leak = np.mean(sums[1]) / np.mean(sums[0])
    print(f"| {title} | {middle:.2f} | {low:.2f} to {high:.2f} | {1e2 * leak:.1f} % |", flush=True)


def main():
    """Print the table."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    print("| | photons for each GeV | 16 to 84 % | in the other |\n|---|---|---|---|")
    for title, pdg, energy in (
        ("neutrons of 400 GeV", 2112.0, 400.0),
        ("photons of 100 GeV", 22.0, 100.0),
    ):
        tell(title, simulated(pdg, energy, n), energy)
        if len(sys.argv) > 2:
            *sums, energies = of_alice(sys.argv[2], int(pdg))
            tell(f"ALICE's, median {np.median(energies):.0f} GeV, {len(energies)}", sums, energies)


if __name__ == "__main__":
    main()
