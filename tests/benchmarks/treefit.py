"""Speed of the fit of whole decay trees on one core: python tests/benchmarks/treefit.py.

Prints fits a second of candidates with ideal errors, without what is done to find and fill them.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "samples"))
from decay_samples import decay_events

from lamarr_like.decays.combine import matched
from lamarr_like.decays.finder import find_generated
from lamarr_like.decays.reconstruct import reconstruct
from lamarr_like.decays.request import DecayRequest
from lamarr_like.decays.treefit import fit_tree
from lamarr_like.decays.truth import Truth

N = 4000
FITS = {
    "B+ -> (J/psi(1S) -> mu+ mu-) K+": ("PV", "J/psi(1S)=mass,PV"),
    "Lambda(b)0 -> (Lambda(c)+ -> p K- pi+) pi-": ("Lambda(c)+=mass,PV",),
    "Lambda_b0 -> (J/psi(1S) -> mu+ mu-) (Lambda0 -> p+ pi-)": (
        "Lambda0=mass,J/psi(1S)=mass,PV",
        "Lambda_b0=mass,Lambda0=mass,J/psi(1S)=mass,PV",
    ),
}


def main() -> None:
    """Fit candidates of each decay three times; the best counts."""
    for text, fits in FITS.items():
        request = DecayRequest.parse(text, fits=[f"f{i}: {f}" for i, f in enumerate(fits)])
        batch = decay_events(f"decay:{text}", N, seed=3)
        truth = Truth(batch)
        combos = matched(batch, request, truth, find_generated(truth, request.decay))
        found = reconstruct(batch, request, combos)
        combos = combos.take(np.flatnonzero(found.good))
        found = reconstruct(batch, request, combos)
        for fit, words in zip(request.fits, fits, strict=True):
            seconds = []
            for _ in range(3):
                start = time.process_time()
                done = fit_tree(batch, request, fit, combos, found)
                seconds.append(time.process_time() - start)
            n = len(combos.event)
            print(
                f"{text}, {words}: {n / min(seconds):,.0f} fits/s of {n}, "
                f"{done.converged.mean():.1%} converged"
            )


if __name__ == "__main__":
    main()
