"""Widths of photons in the ECAL: detailed, a second draw, and the stage by itself with some models.

usage: photon_widths.py SAMPLE AGAIN MODEL...: SAMPLE is a detailed sample, AGAIN a second draw of
its events, MODEL the folder of a model of the stage `ecal`, which draws clusters for the tracks and
the occupancy of SAMPLE.  Prints a table in Markdown.
"""

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np

from lamarr_like.engine.artefact import read_artefact
from lamarr_like.engine.load import load_model
from lamarr_like.stages.calorimeter.ecal import Ecal
from lamarr_like.stages.geometry import BORDERS, HOLE
from lamarr_like.training.sample import read_sample

EDGES = (1, 3, 5, 10, 20, 50, 160)  # GeV
MARGIN, ALONE, WHOLE, FAR = 40.0, 0.98, 0.85, 200.0  # mm, share of the cluster, of the photon; mm
LEAST, ORIGIN = 1.0, 2000.0  # GeV; mm: photons from before it
DRAWS = 100


def photons(batch):
    """Energy [GeV], response, x [mm] less the true one, of photons alone in their cluster."""
    particle, cluster = batch.particle, batch["cluster"]
    energy = np.sqrt(sum(particle[f"mc_p{k}"].astype(float) ** 2 for k in "xyz")) / 1e3
    x, y = (np.abs(particle[f"mc_ecal_{k}"].astype(float)) for k in "xy")
    able = (particle["mc_pdg_id"] == 22) & particle["mc_stable"].astype(bool) & (energy > LEAST)
    able &= (particle["mc_pz"] > 0) & (particle["mc_vz"] < ORIGIN)
    able &= (x < BORDERS[0][0] - MARGIN) & (y < BORDERS[0][1] - MARGIN)
    able &= (x > HOLE[0] + MARGIN) | (y > HOLE[1] + MARGIN)
    main = particle.offsets[cluster.event_index] + np.maximum(cluster["mcparticle_id"], 0)
    order = np.argsort(cluster["energy"], kind="stable")
    order = order[cluster["mcparticle_id"][order] >= 0]
    row = np.full(len(particle), -1)
    row[main[order]] = order  # the hardest comes last and stays
    found = np.flatnonzero(able & (row >= 0))
    found = found[cluster["mc_share"][row[found]] > ALONE]
    row = row[found]
    residual = cluster["x"][row].astype(float) - particle["mc_ecal_x"][found]
    return energy[found], cluster["energy"][row] / (1e3 * energy[found]), residual


def half_width(values, rng):
    """Half of the central 68 % and its error."""
    if len(values) < 10:
        return "-"
    half = [
        np.subtract(*np.quantile(v, [0.84, 0.16])) / 2
        for v in (values, *rng.choice(values, (DRAWS, len(values))))
    ]
    digits = 4 if half[0] < 1.0 else 2
    return f"{half[0]:.{digits}f} +- {np.std(half[1:]):.{digits}f}"


def main():
    """The table of one sample."""
    sample, again = (read_sample([Path(name)]) for name in sys.argv[1:3])
    batches = {"detailed": sample, "second draw": again}
    for folder in sys.argv[3:]:
        model = read_artefact(Path(folder))
        batches[folder] = Ecal(load_model(model), model.config)(sample, 1)
    found, rng = {name: photons(batch) for name, batch in batches.items()}, np.random.default_rng(1)
    print(
        "| energy [GeV] | sample | photons | half width of E over true E, above 0.85 "
        "| half width of x [mm] | share below 0.85 |"
    )
    print("|---|---|---|---|---|---|")
    for low, high in pairwise(EDGES):
        for name, (energy, response, residual) in found.items():
            inside = (energy >= low) & (energy < high)
            r, x = response[inside], residual[inside]
            cells = [half_width(r[r > WHOLE], rng), half_width(x[np.abs(x) < FAR], rng)]
            print(
                "|",
                f"{low}-{high} | {name} | {len(r)} |",
                " | ".join(cells),
                f"| {np.mean(r < WHOLE):.3f} |",
            )


if __name__ == "__main__":
    main()
