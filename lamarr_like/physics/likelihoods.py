"""Combined log-likelihood differences of a track: sums over the sub-detectors.

As LHCb's combined DLL (arXiv:1412.6352, section 5): RICH, calorimeters and muon system are taken as
independent, so their differences to the pion add up.  The calorimeters separate electrons and muons
from hadrons, the muon system muons from the rest; only the RICH tells pions, kaons and protons.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .. import schema
from ..arrays import Columns

SUMMED = (
    *("rich_dll_e", "rich_dll_mu", "rich_dll_k", "rich_dll_p", "calo_dll_e", "calo_dll_mu"),
    *("is_muon", "muon_mu_ll", "muon_bg_ll"),
)
"""Track columns that `combined_dlls` reads."""

COMBINED = ("pid_e", "pid_mu", "pid_k", "pid_p")
"""Track columns that it gives."""


def combined_dlls(columns: Mapping[str, np.ndarray]) -> Columns:
    """Combined differences of the log likelihoods of electron, muon, kaon and proton to the pion.

    Args:
        columns: the columns `SUMMED` of tracks, shape ``(n,)``.

    Returns:
        ``pid_e``, ``pid_mu``, ``pid_k``, ``pid_p`` of shape ``(n,)`` and declared type.  They are
        sums of the values *as stored*, rounded once, so that readers of a file get the same.
    """
    stored = {c: schema.as_declared("track", c, columns[c]).astype(np.float64) for c in SUMMED}
    muon = np.where(stored["is_muon"] > 0.0, stored["muon_mu_ll"] - stored["muon_bg_ll"], 0.0)
    sums = {
        "pid_e": stored["rich_dll_e"] + stored["calo_dll_e"],
        "pid_mu": stored["rich_dll_mu"] + stored["calo_dll_mu"] + muon,
        "pid_k": stored["rich_dll_k"],
        "pid_p": stored["rich_dll_p"],
    }
    return {name: schema.as_declared("track", name, values) for name, values in sums.items()}
