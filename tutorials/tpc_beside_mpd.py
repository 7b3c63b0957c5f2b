"""Our detailed pad rows beside the public responses of MPD's own simulation.

    python tutorials/tpc_beside_mpd.py tpc_v4plus_fixedpt.npz tpc_mpd.png

The file (images, and params: crossing angle, dip angle, drift, pad coordinate, row, pT) is made of
https://github.com/SiLiKhon/TPC-FastSim; it is compared with, nothing is trained on it.
"""

import sys

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np

from lamarr_like.responses.detectors.drift_chamber import Ionisation, pad_responses
from lamarr_like.responses.detectors.tpc_pads import TPC_PADS
from lamarr_like.responses.features import features
from lamarr_like.responses.hits import hits_of
from lamarr_like.rng import stream_keys
from lamarr_like.statistics.two_sample import c2st

NAMES = ("crossing", "dip", "drift", "pad", "row", "pt")
MOMENTS = (
    *("response", "hits", "strongest", "centroid_pad", "centroid_time"),
    *("width_pad", "width_time", "correlation_pad_time"),
)
PANELS = (
    *(("response", "dip"), ("width_pad", "drift"), ("width_time", "drift"), ("hits", "dip")),
    *(("width_pad", "crossing"), ("width_time", "dip"), ("correlation_pad_time", "crossing")),
)


def main(data: str, picture: str) -> None:
    with np.load(data) as file:
        arrays, params = file["images"], file["params"]
    given = {name: params[:, k] for k, name in enumerate(NAMES)}
    seen = TPC_PADS.seen(given, data)
    mpd = features(TPC_PADS, seen, hits_of(arrays))
    four = {name: given[name] for name in NAMES[:4]}
    for name, chosen in (
        ("published", Ionisation(clusters=25.3, scale=2.14)),
        ("chosen", Ionisation()),
    ):
        aucs = []
        for seed in (1, 2, 3):
            keys = stream_keys(seed, "beside MPD", np.arange(len(arrays)))
            ours = pad_responses(given, keys, chosen)
            found = features(TPC_PADS, seen, hits_of(ours))
            auc = c2st({k: mpd[k] for k in MOMENTS}, {k: found[k] for k in MOMENTS}, four)
            aucs.append(auc.value)
        print(f"{name}: AUC of moments {np.mean(aucs):.3f} +- {auc.error:.3f}, three draws {aucs}")
    draw(given, {"MPD": (arrays, mpd), "ours": (ours, found)}, picture)


def draw(given, samples, picture):
    figure, axes = plt.subplots(2, 5, figsize=(17, 6), layout="constrained")
    for ax, (name, (arrays, _)) in zip(axes[:, 0], samples.items(), strict=True):
        mean = np.log10(np.maximum(arrays.mean(axis=0), 1e-3)).T
        shown = ax.imshow(mean, origin="lower", aspect="auto", vmin=-2, vmax=2.2)
        ax.set(title=f"{name}: mean amplitude", xlabel="pad", ylabel="time [bucket]")
        figure.colorbar(shown, ax=ax, label="log10 [ADC]")
    rest = axes[:, 1:].ravel()
    for name, (arrays, _) in samples.items():
        rest[0].hist(np.log10(arrays[arrays > 0]), 80, range=(0, 4), histtype="step", label=name)
    rest[0].set(xlabel="log10 amplitude [ADC]", yscale="log")
    rest[0].legend()
    for ax, (feature, against) in zip(rest[1:], PANELS, strict=True):
        x = given[against]
        edges = np.quantile(x, np.linspace(0, 1, 11))
        place = np.digitize(x, edges[1:-1])
        for marker, (name, (_, found)) in zip("so", samples.items(), strict=True):
            inside = [found[feature][place == k] for k in range(10)]
            middle = [x[place == k].mean() for k in range(10)]
            (line,) = ax.plot(middle, [v.mean() for v in inside], marker + "-", ms=4, label=name)
            spread = [v.std() for v in inside]
            ax.plot(middle, spread, marker + ":", ms=3, color=line.get_color())
        ax.set(xlabel=against, ylabel=f"{feature}: mean, spread (dotted)")
    figure.savefig(picture, dpi=70)


if __name__ == "__main__":
    main(*sys.argv[1:])
