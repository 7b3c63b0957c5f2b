"""Speed of the vertex fit on one core: python tests/benchmarks/vertexfit.py.

Prints candidates a second of the fit with masses and their errors, for two to five prongs.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "samples"))
from vertex_toys import toys

from lamarr_like.decays.vertexfit import fit_vertices

N = 20_000


def main() -> None:
    """Fit toys of each number of prongs five times; the best counts."""
    for k in range(2, 6):
        prongs = toys(N, k)[0]
        seconds = []
        for _ in range(5):
            start = time.process_time()
            fit = fit_vertices(prongs).composite()
            assert fit.mass_error.min() > 0.0
            seconds.append(time.process_time() - start)
        print(f"{k} prongs: {N / min(seconds):,.0f} candidates/s")


if __name__ == "__main__":
    main()
