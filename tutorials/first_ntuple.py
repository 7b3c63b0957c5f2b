"""From proton-proton collisions to a first look at an ntuple, in under a minute.

python tutorials/first_ntuple.py [N_EVENTS] [FOLDER]

The picture needs matplotlib: pip install -e '.[plot]'.
"""

from __future__ import annotations

import sys
from pathlib import Path

import awkward as ak
import matplotlib.pyplot as plt
import numpy as np
import uproot

from lamarr_like.simulate import RunConfig, simulate


def main(n_events: int = 500, folder: Path = Path(".")) -> Path:
    """Simulate, open the file with uproot, draw; returns the picture."""
    folder.mkdir(parents=True, exist_ok=True)
    ntuple = folder / "first.root"
    summary = simulate(RunConfig("pythia:minbias", ntuple, n_events=n_events, pileup=1.6))
    print(f"{summary.events} events, {summary.rate:.0f} a second, tracks: {summary.tracks}")
    tree = uproot.open(ntuple)["Events"]
    # Any branch is one array per event; all of a kind at once:
    track = tree.arrays(["Track_type", "Track_p", "Track_RichDLLk", "Track_genPartIdx"])
    particle = tree.arrays(["GenPart_pdgId"])
    long = track["Track_type"] == 3
    # The link to the truth counts rows of GenPart in the same event.
    pdg = abs(particle["GenPart_pdgId"][track["Track_genPartIdx"]])[long]
    dll, p = track["Track_RichDLLk"][long], track["Track_p"][long] / 1e3
    figure, axis = plt.subplots()
    for code, name in ((211, "pions"), (321, "kaons")):
        chosen = (pdg == code) & (p > 5) & (p < 40)
        values = ak.to_numpy(ak.flatten(dll[chosen]))
        bins = np.linspace(-60, 60, 61)
        axis.hist(values, bins, density=True, histtype="step", label=f"{len(values)} {name}")
    axis.set(xlabel="RichDLLk", ylabel="density", title="long tracks, 5 < p < 40 GeV")
    axis.legend()
    picture = folder / "first.png"
    figure.savefig(picture)
    print(f"long tracks with RichDLLk > 5: {ak.sum(dll > 5)} of {ak.sum(long)}")
    return picture


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    main(count, Path(sys.argv[2]) if len(sys.argv) > 2 else Path("."))
