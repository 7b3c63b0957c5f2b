"""Classifiers of candidates in two domains: scores side by side, and ROC curves in the target.

    python tutorials/blind_beside.py TITLE=MODEL ... --source TREE --target TREE \
        --signal D0_BKGCAT:0-10 -o figure.png

Models are those that ``lamarr-like classify`` writes; candidates of both trees are known to be
signal or background, and the last ones of each are looked at, which no model learnt from.  Needs the
extra ``plot``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from lamarr_like.decays.command import parse_masses
from lamarr_like.engine.load import load_model
from lamarr_like.statistics.two_sample import weighted_auc
from lamarr_like.training.candidates import Candidates

BINS = np.linspace(0.0, 1.0, 31)


def ranks(scores: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Scores as shares of some others that are below, so that models are drawn alike."""
    return np.searchsorted(np.sort(among), scores) / len(among)


def main(words: list[str] | None = None) -> Path:
    """Score, draw, tell the areas."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", metavar="TITLE=MODEL")
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--target", type=Path, required=True)
    parser.add_argument("--signal", required=True)
    parser.add_argument("--judged", type=float, default=0.4, help="share of the candidates, the last")
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args(words)
    ((name, (low, high)),) = parse_masses([args.signal]).items()
    n = len(args.models)
    figure, panels = plt.subplots(1, n + 1, figsize=(4.2 * (n + 1), 3.9))
    for k, text in enumerate(args.models):
        title, path = text.split("=", 1)
        model, axes = load_model(path), panels[k]
        reader = Candidates(tuple(model.conditions), (name, low, high))
        sides = {}
        for domain, tree in (("source", args.source), ("target", args.target)):
            columns, labels = reader.labelled([tree], (1.0 - args.judged, 1.0))
            sides[domain] = model.predict(columns)[:, 1], labels == 1
        among = sides["source"][0]
        for domain, (scores, is_signal) in sides.items():
            for what, mask in (("signal", is_signal), ("background", ~is_signal)):
                axes.hist(
                    ranks(scores[mask], among),
                    BINS,
                    density=True,
                    histtype="stepfilled" if domain == "source" else "step",
                    alpha=0.35 if domain == "source" else 1.0,
                    color="C3" if what == "signal" else "C0",
                    label=f"{what}, {domain}",
                )
        axes.set(title=title, xlabel="score, as share of the source below", ylabel="density")
        scores, is_signal = sides["target"]
        order = np.argsort(-scores)
        kept = np.cumsum(is_signal[order]) / is_signal.sum()
        passed = np.cumsum(~is_signal[order]) / (~is_signal).sum()
        parts = scores[is_signal], scores[~is_signal]
        area, _ = weighted_auc(*parts, *(np.ones(len(part)) for part in parts))
        print(f"{title}: AUC {area:.4f} in the target")
        panels[n].plot(passed, kept, label=f"{title}: {area:.4f}")
    panels[0].legend(fontsize=7)
    panels[n].set(
        xscale="log", xlim=(1e-3, 1.0), xlabel="background kept", ylabel="signal kept",
        title="in the target",
    )  # fmt: skip
    panels[n].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(args.output, dpi=100)
    plt.close(figure)
    return args.output


if __name__ == "__main__":
    main()
