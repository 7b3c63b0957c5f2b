"""Muon identification of a sample: isMuon, mis-identification and likelihoods against momentum.

Works on events of the reference detector and of the fast chain alike.  Published: [M] JINST 8
(2013) P10020, arXiv:1306.0249; [P] arXiv:1412.6352.
"""

from __future__ import annotations

import numpy as np

from ... import schema
from ...arrays import Columns
from ...events import EventBatch
from ...statistics.matching import where
from .sample import long_tracks

NEEDED = {
    "event": ("event_id", "n_tracks"),
    "particle": ("mcparticle_id", "mc_pdg_id"),
    "track": (
        *("mcparticle_id", "track_type", "origin", "p", "eta"),
        *("in_muon", "is_muon", "muon_mu_ll", "muon_bg_ll"),
    ),
}
"""Columns that this module reads."""

PUBLISHED = {"mu": 0.98, "pi": 0.01, "K": 0.01, "p": 0.006}
"""IsMuon efficiency and mean mis-identification by species [M], [P]."""
WITH_LIKELIHOOD = (0.93, 0.006)
"""Share of muons with isMuon and a cut on the likelihoods; of hadrons that pass at most [M]."""
P_EDGES = 1e3 * np.array([3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 40, 60, 100])
"""Edges [MeV] of the bins in momentum."""
MIN_P = 3000.0
"""Momentum [MeV] below which isMuon is never true."""
CUT = 2.0
"""On MuonMuLL - MuonBgLL."""
TRACKS_EDGES = np.array([0, 20, 50, 80, 120, 160, 240, 400])
"""Bins of the tracks of the event."""


def muon_tracks(batch: EventBatch) -> Columns:
    """Long tracks of generated particles that point to M2 and M3.

    Returns:
        Those of `long_tracks`, and ``dll``: MuonMuLL - MuonBgLL.

    Raises:
        SchemaError: if a column is missing.
    """
    for table, columns in NEEDED.items():
        schema.require(table, batch[table].columns, columns, "muon identification")
    tracks = long_tracks(batch, "in_muon", "is_muon", "muon_mu_ll", "muon_bg_ll")
    mu, background = (tracks.pop(c).astype(np.float64) for c in ("muon_mu_ll", "muon_bg_ll"))
    return where({**tracks, "dll": mu - background}, tracks["in_muon"])
