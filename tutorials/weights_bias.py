"""What weights make of a background that depends on the mass: a toy with a known answer.

    python tutorials/weights_bias.py figure.png

Kaons of D0 pass a cut on identification with 0.90, the background with 0.20 at the peak and more
aside of it.  Needs the extras ``fit`` and ``plot``.
"""

from __future__ import annotations

import sys

import matplotlib.pyplot as plt
import numpy as np

from lamarr_like.statistics.sweights import fit_mass

WINDOW, PEAK, WIDTH = (1800.0, 1930.0), 1865.0, 7.0
SIGNAL, BACKGROUND, EFFICIENCY = 6000, 18_000, 0.90


def sample(slope: float, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Masses, and what passes; `slope` says how much more of the background passes aside."""
    rng = np.random.default_rng(seed)
    below = WINDOW[0] + rng.exponential(90.0, 10 * BACKGROUND)
    below = below[below < WINDOW[1]][:BACKGROUND]
    mass = np.concatenate([rng.normal(PEAK, WIDTH, SIGNAL), below])
    passes = np.full(len(mass), EFFICIENCY)
    passes[SIGNAL:] = 0.2 + slope * ((below - PEAK) / 50.0) ** 2
    return mass, rng.random(len(mass)) < passes


def main(path: str) -> None:
    """Fit, weigh, tell and draw."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8))
    for k, slope in enumerate((0.0, 0.3)):
        mass, passed = sample(slope)
        fit = fit_mass(mass, WINDOW, "gauss", "exponential")
        for terms in (1, 2, 3, 4):
            w = fit.weights(mass, terms)
            share = (w * passed).sum() / w.sum()
            error = np.sqrt((w**2 * (passed - share) ** 2).sum()) / w.sum()
            words = "depends on the mass" if slope else "does not"
            print(f"background {words}, {terms} terms: {share:.4f} +- {error:.4f}")
            right.errorbar(
                terms + 0.12 * k,
                share,
                error,
                fmt="os"[k],
                color=f"C{k}",
                label=words * (terms < 2),
            )
    counts, edges = np.histogram(mass, 65, WINDOW)
    grid = np.linspace(*WINDOW, 400)
    signal, background = (n * d * (edges[1] - edges[0]) for n, d in
                          zip(fit.yields, fit.densities(grid), strict=True))  # fmt: skip
    left.errorbar(0.5 * (edges[1:] + edges[:-1]), counts, np.sqrt(counts), fmt="k.", ms=4)
    left.plot(grid, signal + background)
    left.plot(grid, background, "--")
    left.set(xlabel="m(K pi) [MeV]", ylabel="candidates / 2 MeV")
    right.axhline(EFFICIENCY, color="0.5")
    right.set(xlabel="functions of the background", ylabel="share of kaons that passes")
    right.legend(title="what passes of the background")
    figure.tight_layout()
    figure.savefig(path, dpi=90)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "weights_bias.png")
