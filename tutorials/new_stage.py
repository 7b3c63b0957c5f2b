"""A stage of one's own in the chain: times of flight, and the masses that they give.

pip install -e tutorials/new_stage      # the plug-in, once
python tutorials/new_stage.py [N_EVENTS] [FOLDER]

The picture needs matplotlib: pip install -e '.[plot]'.
"""

from __future__ import annotations

import sys
from pathlib import Path

import awkward as ak
import matplotlib.pyplot as plt
import numpy as np
import uproot
import yaml

from lamarr_like.files.find import find_pipeline
from lamarr_like.runs.simulate import RunConfig, simulate


def with_torch(folder: Path, sigma: float = 0.015) -> Path:
    """A copy of the pipeline `reference` with the new stage at its end."""
    document = yaml.safe_load(find_pipeline("reference").read_text())
    document["name"] = "with-torch"
    document["stages"].append({"stage": "torch", "options": {"sigma": sigma}})
    path = folder / "with-torch.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


def main(n_events: int = 300, folder: Path = Path(".")) -> Path:
    """Simulate with the new stage, read its branches, draw; returns the picture."""
    folder.mkdir(parents=True, exist_ok=True)
    ntuple = folder / "torch.root"
    config = RunConfig("pythia:minbias", ntuple, n_events=n_events, pileup=1.6, force=True)
    simulate(config, with_torch(folder))
    tree = uproot.open(ntuple)["Events"]
    names = ("type", "p", "time", "path", "genPartIdx")
    track = tree.arrays([f"Track_{name}" for name in names])
    species = abs(tree["GenPart_pdgId"].array()[track["Track_genPartIdx"]])
    # Secondaries and ghosts (-1) have no time: they come from events of a library.
    long = (track["Track_type"] == 3) & (track["Track_genPartIdx"] >= 0)
    p, time, path, species = (
        ak.to_numpy(ak.flatten(a[long]))
        for a in (track["Track_p"], track["Track_time"], track["Track_path"], species)
    )
    # m^2 = p^2 (1 / beta^2 - 1), negative for tracks that seem faster than light.
    mass2 = (p / 1e3) ** 2 * ((299.792458 * time / path) ** 2 - 1.0)
    figure, axis = plt.subplots()
    for code, name in ((211, "pions"), (321, "kaons"), (2212, "protons")):
        chosen = (species == code) & (p < 12e3)
        axis.plot(p[chosen] / 1e3, mass2[chosen], ".", ms=3, label=f"{chosen.sum()} {name}")
    axis.set(xlabel="p [GeV]", ylabel="mass squared [GeV^2]", xlim=(1, 12), ylim=(-0.5, 1.7))
    axis.legend()
    picture = folder / "torch.png"
    figure.savefig(picture)
    slow = (p > 2e3) & (p < 5e3)
    for code, name in ((211, "pions"), (321, "kaons")):
        median = np.median(mass2[slow & (species == code)])
        print(f"{name} of 2-5 GeV: mass squared {median:.3f} GeV^2")
    return picture


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    main(count, Path(sys.argv[2]) if len(sys.argv) > 2 else Path("."))
