"""First ntuple.

Made from first_ntuple.md by site/notebook.py; files go to the current folder.
"""

from lamarr_like.runs.simulate import RunConfig, simulate

summary = simulate(RunConfig("pythia:minbias", "first.root", n_events=300, pileup=1.6, force=True))
print(f"{summary.events} events, tracks: {summary.tracks}")

from lamarr_like.io.ntuple import read_provenance, read_schema

branches = read_schema("first.root")["branches"]
for name in ("nSPDHits", "GenPart_pdgId", "Track_p", "Track_RichDLLk", "PV_sigmaZ"):
    column = branches[name]
    print(f"{name:16} {column['unit']:4} {column['doc']}")
print(read_provenance("first.root")["pipeline"])

import uproot

tree = uproot.open("first.root")["Events"]
track = tree.arrays(["Track_type", "Track_p", "Track_RichDLLk", "Track_genPartIdx"])
particle = tree.arrays(["GenPart_pdgId"])
long = (track["Track_type"] == 3) & (track["Track_genPartIdx"] >= 0)
print(track["Track_p"][:2])

pdg = abs(particle["GenPart_pdgId"][track["Track_genPartIdx"]])[long]
dll, p = track["Track_RichDLLk"][long], track["Track_p"][long] / 1e3

import awkward as ak
import matplotlib.pyplot as plt
import numpy as np

figure, axis = plt.subplots()
for code, name in ((211, "pions"), (321, "kaons")):
    chosen = (pdg == code) & (p > 5) & (p < 40)
    values = ak.to_numpy(ak.flatten(dll[chosen]))
    bins = np.linspace(-60, 60, 61)
    axis.hist(values, bins, density=True, histtype="step", label=f"{len(values)} {name}")
axis.set(xlabel="RichDLLk", ylabel="density", title="long tracks, 5 < p < 40 GeV")
axis.legend()
figure.savefig("first.png")
print(f"long tracks with RichDLLk > 5: {ak.sum(dll > 5)} of {ak.sum(long)}")
