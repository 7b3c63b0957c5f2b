"""RichDLLk of kaons and pions, detailed beside fast and refined.

usage: refined_beside.py DETAILED FAST REFINED OUTPUT: three samples (.root) of the same generated
events; draws OUTPUT (.png).
"""

import sys

import matplotlib
import numpy as np

from lamarr_like.events import concatenate
from lamarr_like.io.ntuple import read_events

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

NAMES = ("detailed", "fast", "refined")
EDGES = np.linspace(-60.0, 80.0, 71)


def likelihoods(path):
    """RichDLLk of long tracks, by species."""
    batch = concatenate(list(read_events(path)))
    track = batch.track
    long = (track["track_type"] == 3) & (track["mcparticle_id"] >= 0)
    pdg = np.abs(batch.linked("mc_pdg_id", long))
    return {name: track["rich_dll_k"][long][pdg == code] for name, code in SPECIES.items()}


SPECIES = {"pions": 211, "kaons": 321, "protons": 2212}


def main(paths, output):
    """Draw the picture."""
    found = [likelihoods(path) for path in paths]
    figure, panels = plt.subplots(
        2, 3, figsize=(11, 5), sharex=True, height_ratios=(3, 1), constrained_layout=True
    )
    for (above, below), species in zip(panels.T, SPECIES, strict=True):
        counts = [np.histogram(one[species], EDGES, density=True)[0] for one in found]
        for name, values, style in zip(NAMES, counts, ("k-", "C1-", "C0-"), strict=True):
            above.stairs(values, EDGES, color=style[:-1], label=name, lw=1.2)
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = np.where(counts[0] > 2e-4, values / counts[0], np.nan)
            below.stairs(ratio, EDGES, color=style[:-1], lw=1.2)
        above.set(title=species, yscale="log", ylim=(1e-5, None))
        below.set(xlabel="RichDLLk", ylim=(0.5, 1.5))
    panels[0, 0].legend(frameon=False)
    panels[0, 0].set_ylabel("tracks, normalised")
    panels[1, 0].set_ylabel("over detailed")
    figure.savefig(output, dpi=110)


if __name__ == "__main__":
    main(sys.argv[1:4], sys.argv[4])
