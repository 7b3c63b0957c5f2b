"""The classifier that *defines* ProbNN in the reference, as LHCb's own is one.

It is trained on the detailed sample and run over it.  The fast chain runs the same classifier where
`calo_pid` draws the energies about a track in ECAL, preshower and HCAL, three of its inputs.  For
samples that do not have them, or whose ProbNN is of another classifier, `global_pid` draws ProbNN.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import expit

from ... import schema
from ...arrays import Columns, Floats, Mask
from ...events import EventBatch
from ...physics.likelihoods import COMBINED, SUMMED, combined_dlls
from .. import features
from ..recipe import recipe
from ..stage import AbstractClassifierStage, keys, typed

CLASSES = ("e", "mu", "pi", "k", "p", "ghost")
"""The six hypotheses, in the order of the classifier."""

PROB_NN = tuple(f"prob_nn_{name}" for name in CLASSES)
"""Their columns."""

_LEAST = 1e-7  # of a probability and of what it lacks to one, about the step of a stored one
_CODES = {11: 0, 13: 1, 211: 2, 321: 3, 2212: 4}
_PLAIN = (
    *("chi2_per_dof", "n_dof", "ghost_prob", *schema.RICH_DLL_NAMES, "in_ecal"),
    *("calo_dll_e", "calo_dll_mu", "has_brem", "in_muon", "is_muon", "muon_mu_ll", "muon_bg_ll"),
)

VISIBLE = keys("event", "n_tracks") | keys("track", "track_type", "p", "pt", "brem_energy", *_PLAIN)
"""Columns that `visible` reads."""


def visible(batch: EventBatch, rows: Mask) -> Columns:
    """Inputs of the classifier that detailed and fast tracks both have, shapes ``(rows.sum(),)``.

    Args:
        batch: events with tracks after all other steps of identification.
        rows: tracks asked for, a mask of shape ``(n_tracks,)``.
    """
    track = batch.track
    p = np.maximum(track["p"][rows].astype(np.float64), 1.0)
    out: Columns = {
        "log_p": np.log10(p),
        "log_pt": np.log10(np.maximum(track["pt"][rows].astype(np.float64), 1e-3)),
    }
    out |= features.track_flags(track["track_type"][rows])
    out |= {name: track[name][rows].astype(np.float64) for name in _PLAIN}
    out["brem_over_p"] = track["brem_energy"][rows] / p
    out["n_tracks"] = batch.event_column("track", "n_tracks")[rows].astype(np.float64)
    return out


def logits(probabilities: Mapping[str, np.ndarray]) -> dict[str, Floats]:
    """ln(p / (1 - p)) of the six probabilities, by class, shapes ``(n,)``.

    Args:
        probabilities: the columns `PROB_NN`, shape ``(n,)``.
    """
    out = {}
    for name in CLASSES:
        p = np.asarray(probabilities[f"prob_nn_{name}"], np.float64)
        p = np.clip(p, _LEAST, 1.0 - _LEAST)
        out[name] = np.log(p) - np.log1p(-p)
    return out


def from_logits(values: Mapping[str, np.ndarray]) -> dict[str, Floats]:
    """Inverse of `logits`: six probabilities, each by itself, shapes ``(n,)``."""
    return {f"prob_nn_{c}": expit(np.asarray(values[c], np.float64)) for c in CLASSES}


def from_log_ratios(ratios: Mapping[str, np.ndarray]) -> dict[str, Floats]:
    """Six probabilities that add up to one, from the logarithms of the others over the pion's.

    Models of version 0.1 draw these, shapes ``(n,)``.
    """
    logs = {c: np.asarray(ratios[c], np.float64) for c in CLASSES if c != "pi"}
    logs["pi"] = np.zeros_like(logs["k"])
    largest = np.max(list(logs.values()), axis=0)
    parts = {c: np.exp(logs[c] - largest) for c in CLASSES}
    # Added one by one in a fixed order: numpy may sum an axis differently by length.
    total = np.zeros_like(largest)
    for part in parts.values():
        total = total + part
    return {f"prob_nn_{c}": part / total for c, part in parts.items()}


class ProbNn(AbstractClassifierStage):
    """Six probabilities of each track of the detailed sample, and the combined likelihoods.

    As LHCb's (arXiv:1412.6352, sec. 5): one network a species, trained to tell it from all other
    tracks of the sample in the mixture in which they come, which for LHCb's are those of inclusive
    b events.  Each is the probability of its species for such a track; the six need not add up to
    one.  Detectors that saw nothing say so by flags.  Nothing is drawn.

    `rows` are the tracks of known truth, from which it learns: those of generated particles and
    ghosts.  Secondaries of the material have no truth of their own in the sample; they get
    probabilities, too.
    """

    name = "prob_nn"
    table = "track"
    requires = (
        VISIBLE | keys("track", "ecal_energy", "prs_energy", "hcal_energy") | keys("track", *SUMMED)
    )
    provides = keys("track", *PROB_NN, *COMBINED)
    target_columns = keys("track", "mcparticle_id", "origin") | keys("particle", "mc_pdg_id")
    target = "true_class"
    classes = CLASSES
    recipes = (recipe("one-vs-rest", hidden=24, depth=2, steps=16_000),)
    told = """
The classes come as often as in the sample: train it on inclusive b events, as LHCb's are, and not
on those of a gun.  Cuts beside LHCb's measured efficiencies: tutorials/detector/detailed_check.md,
made by `lamarr-like detailed-check`.
"""
    incomparable = "defines variables of the detailed sample: there is nothing to compare it with"

    @classmethod
    def rows(cls, batch: EventBatch) -> Mask:
        """Tracks of generated particles of the five species, and ghosts."""
        track = batch.track
        known = features.from_truth(batch)
        pdg = np.abs(batch.particle["mc_pdg_id"][features.linked_rows(batch, known)])
        known[known] = np.isin(pdg, list(_CODES))
        ghosts: Mask = track["origin"] == 2
        return known | ghosts

    @classmethod
    def conditions(cls, batch: EventBatch, rows: Mask) -> Columns:
        """What is reconstructed, and nothing else."""
        out, track = visible(batch, rows), batch.track
        p = np.maximum(track["p"][rows].astype(np.float64), 1.0)
        out["ecal_over_p"] = track["ecal_energy"][rows] / p
        out["prs_energy"] = track["prs_energy"][rows].astype(np.float64)
        out["hcal_over_p"] = track["hcal_energy"][rows] / p
        seen = [track[name][rows] != 0.0 for name in schema.RICH_DLL_NAMES]
        out["in_rich"] = np.any(seen, axis=0).astype(np.float64)
        return out

    @classmethod
    def targets(cls, batch: EventBatch, rows: Mask) -> Columns:
        """Position of the true class in `CLASSES`."""
        label = np.full(len(rows), CLASSES.index("ghost"))
        true = rows & features.from_truth(batch)
        pdg = np.abs(batch.particle["mc_pdg_id"][features.linked_rows(batch, true)])
        label[true] = [_CODES[int(code)] for code in pdg]
        return {cls.target: label[rows]}

    def __call__(self, batch: EventBatch, seed: int, is_gun: bool = False) -> EventBatch:
        """Add the probabilities and the combined likelihoods of all tracks."""
        rows = np.ones(len(batch.track), dtype=bool)
        # Networks in single precision give exact zeros and steps of 3e-8: what is below is no news.
        p = np.clip(self.model.predict(self.conditions(batch, rows)), _LEAST, 1.0 - _LEAST)
        columns: Columns = {name: p[:, k] for k, name in enumerate(PROB_NN)}
        columns |= combined_dlls(batch.track.columns)
        return batch.with_columns("track", **typed("track", columns))
