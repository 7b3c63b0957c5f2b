"""Primary vertices of the chain on the tracks of a detailed sample: what is theirs of a decay?

usage: vertices_beside.py SAMPLE DECAY [MODELS]: SAMPLE is a detailed sample with generated decays,
DECAY its descriptor, MODELS a folder of models to look in first.  The two stages of the vertices
run on the tracks of the sample itself, so that candidates differ by their primary vertex alone,
which is refitted without them.  Prints a table in Markdown; errors are those of resampled
candidates.
"""

import sys
from pathlib import Path

import numpy as np
from scipy.stats import ks_2samp

from lamarr_like.chain.pipeline import load_stage
from lamarr_like.decays.request import DecayRequest
from lamarr_like.decays.rows import decay_rows
from lamarr_like.training.sample import read_sample

STAGES = ("vertex_finding-pp13-1", "vertices-pp13-1")
SEEDS = (7, 8, 9)
COLUMNS = {"IP": "IP [um]", "log_ip_chi2": "log10 IPCHI2", "log_fd_chi2": "log10 FDCHI2"}
DRAWS = 200


def width(values):
    """Half of the central 68 %."""
    return np.subtract(*np.quantile(values, [0.84, 0.16])) / 2


def main():
    """The table of one sample."""
    sample, decay = Path(sys.argv[1]), DecayRequest.parse(f"D: {sys.argv[2]}")
    models = Path(sys.argv[3]) if len(sys.argv) > 3 else None
    batch = read_sample([sample])
    detailed = decay_rows(batch, [decay])[0].candidate
    stages = [load_stage(name, models)[0] for name in STAGES]
    fast = []
    for seed in SEEDS:
        drawn = batch
        for stage in stages:
            drawn = stage(drawn, seed)
        fast.append(decay_rows(drawn, [decay])[0].candidate)
    rng = np.random.default_rng(1)
    print(f"| {len(detailed['IP'])} candidates | detailed | fast, {len(SEEDS)} draws | distance |")
    print("|---|---|---|---|")
    for name in (*COLUMNS, "dTAU"):
        known, *drawn = (c[name][np.isfinite(c[name])] for c in (detailed, *fast))
        figure = width if name == "dTAU" else np.median
        scale = 1e3 if name in ("IP", "dTAU") else 1.0
        error = scale * np.std([figure(rng.choice(known, len(known))) for _ in range(DRAWS)])
        one, *three = (scale * figure(v) for v in (known, *drawn))
        apart = ", ".join(f"{ks_2samp(known, v).statistic:.3f}" for v in drawn)
        title = f"median of {COLUMNS[name]}" if name in COLUMNS else "half width of TAU [fs]"
        values = ", ".join(f"{v:.3f}" for v in three)
        print(f"| {title} | {one:.3f} +- {error:.3f} | {values} | {apart} |", flush=True)


if __name__ == "__main__":
    main()
