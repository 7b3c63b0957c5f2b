"""Bring a full simulation of one's own, train on it, simulate with the model.

python tutorials/own_simulation.py [STEPS] [FOLDER]

Training needs the extra ``train`` and the picture ``plot``: pip install -e '.[train,plot]'.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import yaml

from lamarr_like import Pipeline
from lamarr_like.io.sources import open_source
from lamarr_like.physics.kinematics import closest_to_beam
from lamarr_like.training.train import Request, train

HERE = Path(__file__).parent
GUN = "gun:pi+,pi-?p=3-60&eta=2.2-4.5&n=8"


def full_simulation(n_events: int, path: Path) -> None:
    """What stands for your full simulation: a detector that measures momenta to 1.8 %.

    One row a generated particle, in GeV and cm, its track beside it where there is one (`found`).
    """
    rng = np.random.default_rng(5)
    tables = []
    for batch in open_source(GUN, n_events=n_events, seed=11):
        true = batch.particle
        hits = np.clip(rng.lognormal(5, 0.7, len(batch)), 10, 900).astype(int)
        px, py, pz = (true[f"mc_p{axis}"] / 1e3 for axis in "xyz")
        x, y, z = (true[f"mc_v{axis}"] / 10 for axis in "xyz")
        p = np.sqrt(px**2 + py**2 + pz**2)
        tx, ty = (slope + rng.normal(0, 3e-4, len(p)) for slope in (px / pz, py / pz))
        seen = (place + rng.normal(0, 3e-3, len(p)) for place in (x, y))
        near = closest_to_beam(*seen, z, tx, ty)
        tables.append(
            pd.DataFrame(
                {
                    "evt": batch.event_ids("particle"),
                    "spd": np.repeat(hits, true.counts),
                    "tracks": np.repeat(hits * 2 // 5, true.counts),
                    "true_id": true["mc_pdg_id"],
                    "charge": true["mc_charge"],
                    **{f"true_p{a}": v for a, v in zip("xyz", (px, py, pz), strict=True)},
                    **{f"true_{a}": v for a, v in zip("xyz", (x, y, z), strict=True)},
                    "found": rng.random(len(p)) < 0.95,
                    **{f"reco_{a}": v for a, v in zip("xyz", near, strict=True)},
                    "reco_tx": tx,
                    "reco_ty": ty,
                    "reco_p": p * (1 + rng.normal(0, 0.015 + 2e-4 * p)),
                    "chi2": rng.gamma(15, 1 / 15, len(p)),
                    "ndof": rng.integers(25, 36, len(p)),
                }
            )
        )
    pd.concat(tables).astype({"found": "int8"}).to_parquet(path)


def pipeline(folder: Path) -> Path:
    """The first five stages of `reference`, with the new models of occupancy and resolution."""
    names = ("propagation", "occupancy", "acceptance", "efficiency", "resolution")
    stages = [{"stage": name, "model": f"{name}-pp13-1"} for name in names]
    del stages[0]["model"]
    stages[1]["model"] = "occupancy-mine-1"
    stages[4]["model"] = "resolution-mine-1"
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump({"schema_version": 1, "name": "mine", "stages": stages}))
    return path


def pulls(chain: Pipeline, n_events: int) -> np.ndarray:
    """Relative error of the momentum [%] of long tracks of the fast chain."""
    found = []
    for batch in open_source(GUN, n_events=n_events, seed=12):
        events = chain(batch, seed=3, is_gun=True)
        long = events.track["track_type"] == 3
        parts = [events.linked(f"mc_p{axis}", long) for axis in "xyz"]
        true = np.sqrt(sum(part**2 for part in parts))
        found.append(100 * (events.track["p"][long] / true - 1))
    return np.concatenate(found)


def main(steps: int = 800, folder: Path = Path("."), n_events: int = 3000) -> Path:
    """Make a foreign sample, train on it, run the chain, draw; returns the picture."""
    folder.mkdir(parents=True, exist_ok=True)
    sample = folder / "full.parquet"
    full_simulation(n_events, sample)
    columns = HERE / "own_simulation" / "columns.yaml"
    for stage, share in (("occupancy", 0.2), ("resolution", 1.0)):
        request = Request(stage, sample="mine", steps=max(1, int(share * steps)), long_only=True)
        settings = {"output": folder, "request": request, "columns": columns, "force": True}
        for model in train(stage, [sample], progress=False, **settings):
            print(f"trained {model.name}")
    mine = pulls(Pipeline.load(pipeline(folder), models=folder), n_events // 3)
    ours = pulls(Pipeline.load("reference"), min(n_events // 3, 300))
    table = pd.read_parquet(sample).query("found == 1")
    true = np.sqrt(table.true_px**2 + table.true_py**2 + table.true_pz**2)
    full = (100 * (table.reco_p / true - 1)).to_numpy()
    figure, axis = plt.subplots()
    bins = np.linspace(-8, 8, 65)
    axis.hist(full, bins, density=True, alpha=0.3, label="full simulation of one's own")
    axis.hist(mine, bins, density=True, histtype="step", label="fast, trained on it")
    axis.hist(ours, bins, density=True, histtype="step", label="fast, pipeline reference")
    axis.set(xlabel="error of the momentum [%]", ylabel="density", xlim=(-8, 8))
    axis.legend(loc="upper right", fontsize="small")
    picture = folder / "own_simulation.png"
    figure.savefig(picture)
    for name, values in (("full", full), ("fast, mine", mine), ("fast, reference", ours)):
        low, high = np.percentile(values, [16, 84])
        print(f"{name}: momenta within {(high - low) / 2:.2f} %")
    return picture


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 800
    main(count, Path(sys.argv[2]) if len(sys.argv) > 2 else Path("."))
