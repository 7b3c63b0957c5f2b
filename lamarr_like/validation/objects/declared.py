"""What is compared between fast and detailed samples: one declaration each.

`engine` computes every declaration for the detailed sample, the fast ones and the floor, `results`
tells it in tables, `draw` on a page for each group.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...arrays import Columns, Mask
from ...statistics.binned import Statistic, median_of, order_width, share_of
from ..bins import SPECIES, Cut, Pick, rows_of
from ..detector import muon_curves

OCCUPANCY = ("all", "low nSPDHits", "middle nSPDHits", "high nSPDHits")
"""All events, and the terciles of nSPDHits of the detailed sample."""


@dataclass(frozen=True)
class Spectrum:
    """A distribution, compared in bins of occupancy.

    Args:
        group: group of columns, see `samples.Figures`.
        column: what is filled.
        label: of its axis, with the unit.
    """

    group: str
    column: str
    label: str


@dataclass(frozen=True)
class Curve:
    """A share, median or width in bins of another column.

    Args:
        name: of the curve; several species may have it.
        group: group of columns, see `samples.Figures`.
        statistic: what is taken in each bin.
        values: what it is taken of.
        by: column of the bins.
        edges: of the bins, in the unit of ``by``.
        among: rows that count, all where None.
        x, y: labels of the axes.
        species: key of `bins.SPECIES`, empty for all.
    """

    name: str
    group: str
    statistic: Statistic
    values: Pick
    by: str
    edges: tuple[float, ...]
    among: Pick | None = None
    x: str = ""
    y: str = ""
    species: str = ""

    def rows(self, columns: Columns) -> Mask:
        """Which rows count, shape ``(n,)``."""
        return rows_of(columns, self.species, self.among)


ET_EDGES = (50.0, 100.0, 150.0, 200.0, 300.0, 400.0, 600.0, 900.0, 1400.0, 2200.0, 4000.0)
"""Bins of transverse energy of generated photons [MeV]."""
E_EDGES = (1e3, 2e3, 3e3, 5e3, 8e3, 1.2e4, 2e4, 3.5e4, 6e4, 1.2e5)
"""Bins of energy [MeV]."""

SPECTRA = {
    "multiplicity": Spectrum("event", "multiplicity", "clusters of an event"),
    "energy": Spectrum("cluster", "log_energy", "log10(energy / MeV)"),
    "nearest cluster": Spectrum("cluster", "log_near", "log10(distance / mm)"),
    "mass": Spectrum("pair", "mass", "mass of unmatched pairs, ET > 200 MeV [MeV]"),
}
"""Distributions of clusters by name."""

_WHOLE = 0.85
"""Share of a photon's energy in its cluster above which it counts as measured whole."""
_OF_PHOTON, _OF_CLUSTER = "energy of the photon [MeV]", "energy of the cluster [MeV]"
LINES = {curve.name: curve for curve in (
    Curve("photon efficiency", "photon", share_of, "found", by="et", edges=ET_EDGES,
          x="ET of the photon [MeV]", y="share with a cluster of its own"),
    Curve("photon response", "photon", median_of, "response", by="energy", edges=E_EDGES,
          among="alone", x=_OF_PHOTON, y="median of E / generated, share > 90 %"),
    Curve("photon resolution", "photon", order_width, "response", by="energy", edges=E_EDGES,
          among="alone", x=_OF_PHOTON, y="core width of E / generated, share > 90 %"),
    # The width of all hangs on how many photons convert before the ECAL: peak and tail apart.
    Curve("photon peak", "photon", order_width, "response", by="energy", edges=E_EDGES,
          among=lambda t: t["alone"] & (t["response"] > _WHOLE), x=_OF_PHOTON,
          y=f"core width above {_WHOLE}, share > 90 %"),
    Curve("photon tail", "photon", share_of, lambda t: t["response"] < _WHOLE, by="energy",
          edges=E_EDGES, among="alone", x=_OF_PHOTON,
          y=f"E / generated below {_WHOLE}, share > 90 %"),
    Curve("merged mass", "cluster", share_of, "halves", by="energy", edges=E_EDGES,
          among="free", x=_OF_CLUSTER, y="unmatched with a mass of halves"),
    Curve("two photons", "cluster", share_of, "photons", by="energy", edges=E_EDGES,
          among="any_photon", x=_OF_CLUSTER, y="with photons, two of them > 10 %"),
)}  # fmt: skip
"""Curves of clusters and photons by name."""

MUON_QUANTITIES: dict[str, tuple[Pick, Pick | None]] = {
    "isMuon": ("is_muon", None),
    "MuLL - BgLL > 2 among isMuon": (lambda t: t["dll"] > muon_curves.CUT, "is_muon"),
}
"""What is drawn against momentum for each species: what passes, and among which tracks."""
_MUON_EDGES = tuple(muon_curves.P_EDGES.tolist())
MUONS = tuple(
    Curve(name, "muons", share_of, passes, by="p", edges=_MUON_EDGES, among=among,
          x="p [MeV]", y=name, species=species)
    for name, (passes, among) in MUON_QUANTITIES.items()
    for species in muon_curves.PUBLISHED
)  # fmt: skip
"""Shares of tracks that point to the muon system."""

P_EDGES = (3e3, 6e3, 1e4, 1.5e4, 2.5e4, 4e4, 1e5)
"""Bins of reconstructed momentum [MeV]."""
ETA_EDGES = (2.0, 3.0, 3.5, 4.0, 5.0)
"""Bins of reconstructed pseudorapidity."""
SPD_SHARES = (0.0, 1 / 3, 2 / 3, 1.0)
"""The bins of nSPDHits are quantiles of the detailed tracks at these shares."""
QUANTILES = (0.1, 0.5, 0.9)
"""Cuts stand at these quantiles of the detailed sample."""
VARIABLES = (
    *("rich_dll_k", "pid_k", "pid_e", "pid_mu", "pid_p"),
    *(f"prob_nn_{name}" for name in ("e", "mu", "pi", "k", "p", "ghost")),
)
"""Variables whose efficiency ratios are taken."""

MISIDENTIFICATION = tuple(
    Cut(*row)
    for row in (
        ("pi as K: PIDK > 0", lambda t: t["pid_k"] > 0.0, "pi"),
        ("pi as K: PIDK > 5", lambda t: t["pid_k"] > 5.0, "pi"),
        ("pi as K: ProbNNk > 0.3", lambda t: t["prob_nn_k"] > 0.3, "pi"),
        ("K as pi: PIDK < 0", lambda t: t["pid_k"] < 0.0, "K"),
        ("K as pi: ProbNNpi > 0.3", lambda t: t["prob_nn_pi"] > 0.3, "K"),
        ("pi as mu: isMuon", "is_muon", "pi"),
        ("pi as mu: PIDmu > 2 of isMuon", lambda t: t["pid_mu"] > 2.0, "pi", "is_muon"),
        ("e as pi: PIDe < 0", lambda t: t["pid_e"] < 0.0, "e"),
        ("e as pi: ProbNNpi > 0.3", lambda t: t["prob_nn_pi"] > 0.3, "e"),
    )
)
"""Drawn against momentum."""

_JOINT: dict[str, Pick] = {
    "PIDK > 5, ProbNNk > 0.3, not isMuon": lambda t: (
        (t["pid_k"] > 5.0) & (t["prob_nn_k"] > 0.3) & ~t["is_muon"]
    ),
    "PIDK < 0, ProbNNpi > 0.3, not isMuon": lambda t: (
        (t["pid_k"] < 0.0) & (t["prob_nn_pi"] > 0.3) & ~t["is_muon"]
    ),
    "isMuon, PIDmu > 0, ProbNNmu > 0.3": lambda t: (
        t["is_muon"] & (t["pid_mu"] > 0.0) & (t["prob_nn_mu"] > 0.3)
    ),
    "PIDe > 0, ProbNNe > 0.3": lambda t: (t["pid_e"] > 0.0) & (t["prob_nn_e"] > 0.3),
    "PIDp > 5, ProbNNp > 0.3, PIDp > PIDK": lambda t: (
        (t["pid_p"] > 5.0) & (t["prob_nn_p"] > 0.3) & (t["pid_p"] > t["pid_k"])
    ),
}
JOINT = tuple(Cut(name, cut, species) for name, cut in _JOINT.items() for species in SPECIES)
"""Cuts on several variables of one track, for each species."""

TRACK_COLUMNS = ("p", "eta", "track_type", "mcparticle_id", "origin", "is_muon", *VARIABLES)
"""Track columns that the cuts need."""
NEEDED: dict[str, dict[str, tuple[str, ...]]] = {
    "ecal": {
        "event": ("event_id", "n_spd_hits"),
        "particle": (
            *("mcparticle_id", "mc_pdg_id", "mc_stable", "mc_charge"),
            *("mc_px", "mc_py", "mc_pz", "mc_vx", "mc_vy", "mc_vz"),
        ),
        "cluster": (
            *("cluster_id", "x", "y", "z", "energy", "et", "region", "prs_energy", "photon_id"),
            *("is_not_h", "is_matched", "merged_mass", "mcparticle_id", "mc_share"),
        ),
        "cluster_link": ("cluster_id", "mcparticle_id", "weight"),
    },
    "pid": {"event": ("n_spd_hits",), "track": TRACK_COLUMNS},
    "muons": muon_curves.NEEDED,
}
"""Columns that both samples must have, by page and table."""
