"""From one line to the fit of a mass: J/psi -> mu mu among all pairs of muons.

python tutorials/decay_to_mass_fit.py [N_EVENTS] [FOLDER]

The picture needs matplotlib: pip install -e '.[plot]'.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import uproot
from scipy.optimize import minimize

from lamarr_like.decays.request import DecayRequest
from lamarr_like.simulate import RunConfig, simulate

DECAY = "J/psi(1S) -> mu+ mu-"
WINDOW = (2950.0, 3250.0)


def density(mass: np.ndarray, share: float, mean: float, sigma: float) -> np.ndarray:
    """Gaussian peak on a flat background, normalised in the window, per MeV."""
    peak = np.exp(-0.5 * ((mass - mean) / sigma) ** 2) / (sigma * np.sqrt(2.0 * np.pi))
    return share * peak + (1.0 - share) / (WINDOW[1] - WINDOW[0])


def fit(mass: np.ndarray) -> np.ndarray:
    """Share, mean and width of the peak, by an unbinned likelihood."""

    def loss(parameters: np.ndarray) -> float:
        share, mean, log_sigma = parameters
        found = density(mass, np.clip(share, 0.0, 1.0), mean, np.exp(log_sigma))
        return -float(np.log(np.maximum(found, 1e-12)).sum())

    best = minimize(loss, (0.8, np.median(mass), np.log(15.0)), method="Nelder-Mead").x
    return np.array([best[0], best[1], np.exp(best[2])])


def main(n_events: int = 1000, folder: Path = Path(".")) -> Path:
    """Simulate, combine, fit, draw; returns the picture."""
    folder.mkdir(parents=True, exist_ok=True)
    ntuple = folder / "jpsi.root"
    # One J/psi in each event; candidates are all pairs of muons of opposite charge.
    request = DecayRequest.parse(DECAY, combinatorial=True)
    source = f"pythia:minbias+decay:{DECAY}?n=1"
    simulate(RunConfig(source, ntuple, n_events=n_events, pileup=1.6, decays=(request,)))
    head = request.decay.head.branch
    tree = uproot.open(ntuple)[f"{request.decay.name}/DecayTree"]
    mass = tree[f"{head}_M"].array(library="np")
    mass = mass[(mass > WINDOW[0]) & (mass < WINDOW[1])]
    share, mean, sigma = fit(mass)
    print(f"{len(mass)} candidates, peak at {mean:.1f} MeV, {sigma:.1f} MeV wide")
    figure, axis = plt.subplots()
    bins = np.linspace(*WINDOW, 61)
    counts, _ = np.histogram(mass, bins)
    centre, width = 0.5 * (bins[1:] + bins[:-1]), bins[1] - bins[0]
    axis.errorbar(centre, counts, np.sqrt(counts), fmt="k.", label=f"{len(mass)} candidates")
    axis.plot(centre, len(mass) * width * density(centre, share, mean, sigma), label="fit")
    axis.set(xlabel="m(mu mu) [MeV]", ylabel=f"candidates / {width:.0f} MeV")
    axis.legend()
    picture = folder / "jpsi.png"
    figure.savefig(picture)
    return picture


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    main(count, Path(sys.argv[2]) if len(sys.argv) > 2 else Path("."))
