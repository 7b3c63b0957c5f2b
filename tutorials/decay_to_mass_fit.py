"""From a decay to a mass fit.

Made from decay_to_mass_fit.md by site/notebook.py; files go to the current folder.
"""

from lamarr_like.decays.request import DecayRequest
from lamarr_like.runs.simulate import RunConfig, simulate

decay = "J/psi(1S) -> mu+ mu-"
request = DecayRequest.parse(decay, combinatorial=True)
source = f"pythia:minbias+decay:{decay}?n=1"
simulate(RunConfig(source, "jpsi.root", n_events=800, pileup=1.6, decays=(request,), force=True))

import numpy as np
import uproot

tree = uproot.open("jpsi.root")[f"{request.decay.name}/DecayTree"]
table = tree.arrays(["J_psi_1S_M", "J_psi_1S_MERR", "J_psi_1S_BKGCAT"], library="np")
window = (2950.0, 3250.0)
inside = (table["J_psi_1S_M"] > window[0]) & (table["J_psi_1S_M"] < window[1])
mass = table["J_psi_1S_M"][inside]
signal = table["J_psi_1S_BKGCAT"][inside] == 0
print(f"{len(mass)} candidates in the window, {signal.sum()} of them J/psi")

from iminuit import Minuit, cost


def density(m, n_signal, n_background, mean, sigma):
    """Number of candidates in the window, and candidates per MeV."""
    peak = np.exp(-0.5 * ((m - mean) / sigma) ** 2) / (sigma * np.sqrt(2.0 * np.pi))
    flat = 1.0 / (window[1] - window[0])
    return n_signal + n_background, n_signal * peak + n_background * flat


fit = Minuit(
    cost.ExtendedUnbinnedNLL(mass, density),
    n_signal=0.8 * len(mass),
    n_background=0.2 * len(mass),
    mean=3097.0,
    sigma=15.0,
)
fit.limits["n_signal", "n_background"] = (0.0, None)
fit.limits["sigma"] = (3.0, 60.0)
fit.migrad()
fit.hesse()
for name in fit.parameters:
    print(f"{name:12} {fit.values[name]:8.1f} +- {fit.errors[name]:.1f}")

import matplotlib.pyplot as plt

figure, axis = plt.subplots()
counts, edges = np.histogram(mass, np.linspace(*window, 61))
centre, width = 0.5 * (edges[1:] + edges[:-1]), edges[1] - edges[0]
axis.errorbar(centre, counts, np.sqrt(counts), fmt="k.", label=f"{len(mass)} candidates")
grid = np.linspace(*window, 400)
axis.plot(grid, width * density(grid, *fit.values)[1], label="fit")
axis.hist(mass[~signal], edges, alpha=0.4, label="background, by BKGCAT")
axis.set(xlabel="m(mu mu) [MeV]", ylabel=f"candidates / {width:.0f} MeV")
axis.legend()
figure.savefig("jpsi.png")
