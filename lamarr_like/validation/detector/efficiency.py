"""Acceptance and efficiency beside LHCb's published 2016 parametrisation.

Both samples hold other spectra: the detailed particles get the population of the published ones in
cells of momentum and pseudorapidity.  Efficiencies are per generated particle, so that they do not
depend on what either side calls acceptance.
"""

from __future__ import annotations

import numpy as np

from ...arrays import Floats, Ints, Mask
from .lhcb2016 import ETA_EDGES, OUTCOMES, P_EDGES, SOURCE, SPECIES, Truth
from .results import Origin, Row, Section, Series, at_most, worst
from .weights import bins_of, cell_weights, weighted_share

LIMIT = 0.03
_PHI_EDGES = np.linspace(-np.pi, np.pi, 9)
_Z_EDGES = np.array([-200.0, -50.0, 0.0, 50.0, 150.0, 300.0, 500.0, 800.0, 1500.0, 2300.0])
_N_ETA, _N_P = len(ETA_EDGES) - 1, len(P_EDGES) - 1


def chosen(truth: Truth, rows: Mask) -> Truth:
    """Some of the particles."""
    pdg, p, eta, phi, vz, prompt, outcomes = truth
    return Truth(
        *(pdg[rows], p[rows], eta[rows], phi[rows], vz[rows], prompt[rows], outcomes[rows])
    )


def _cells(truth: Truth) -> Ints:
    """Cell of momentum and pseudorapidity, -1 outside; shape ``(n,)``."""
    i, j = bins_of(truth.p, P_EDGES), bins_of(truth.eta, ETA_EDGES)
    return np.where((i >= 0) & (j >= 0), i * _N_ETA + j, -1)


class _Pair:
    """The same particles of both samples, ours weighted to the published population."""

    def __init__(self, ours: Truth, published: Truth, mine: Mask, theirs: Mask) -> None:
        self.ours, self.published = chosen(ours, mine), chosen(published, theirs)
        cells = [_cells(t) for t in (self.ours, self.published)]
        size = _N_P * _N_ETA
        population = np.bincount(cells[1][cells[1] >= 0], minlength=size).astype(np.float64)
        self.weight = cell_weights(cells[0], population)
        have = np.bincount(cells[0][cells[0] >= 0], minlength=size)
        known = (cells[1] >= 0) & (have >= 10)[np.maximum(cells[1], 0)]
        self.kept = known.astype(np.float64)
        self.share = float(known.sum() / max((cells[1] >= 0).sum(), 1))

    def against(self, by: str, edges: Floats, outcome: int) -> tuple[Floats, Floats, Floats]:
        """Ours, its error and the published share in bins of a column."""
        first, second = (bins_of(getattr(t, by), edges) for t in (self.ours, self.published))
        out = np.full((3, len(edges) - 1), np.nan)
        for i in range(len(edges) - 1):
            mine, theirs = first == i, second == i
            out[:2, i] = weighted_share(self.ours.outcomes[mine, outcome], self.weight[mine])
            out[2, i] = weighted_share(self.published.outcomes[theirs, outcome], self.kept[theirs])[
                0
            ]
        return out[0], out[1], out[2]


def efficiency_section(ours: Truth, published: Truth) -> Section:
    """Compare prompt particles by species, and pions by the z of their origin.

    Args:
        ours: particles of detailed samples.
        published: those of the parametrisation.
    """
    rows: list[Row] = []
    series: list[Series] = []
    for name, pdg in SPECIES.items():
        masks = ((t.pdg == pdg) & t.prompt for t in (ours, published))
        pair = _Pair(ours, published, *masks)
        for k, outcome in enumerate(OUTCOMES):
            row, views = _species(name, outcome, k, pair)
            rows.append(row)
            series += views
    series += _by_place(ours, published)
    return Section(
        "efficiency",
        "Acceptance and efficiency beside the LHCb 2016 parametrisation",
        tuple(rows),
        tuple(series),
        notes=(
            "Prompt particles, 2 < eta < 4.8, 3 < p < 100 GeV, weighted to the published "
            "population in cells of p and eta. Efficiencies are per generated particle.",
            "The parametrisation knows electrons, muons and hadrons: it has one efficiency for "
            "pions, kaons and protons. It was made from simulated 2016 events of their own "
            "occupancy.",
        ),
    )


def _species(name: str, outcome: str, k: int, pair: _Pair) -> tuple[Row, list[Series]]:
    own, error, theirs = pair.against("p", P_EDGES, k)
    difference = own - theirs
    words = f"{name}, {outcome}: largest |difference| over slices of p"
    views = [
        Series(
            *(f"{name}, {outcome}", "", "p [GeV]", "share"),
            *(P_EDGES[:-1] / 1e3, P_EDGES[1:] / 1e3, own, error, theirs, np.zeros(len(own))),
            log_x=True,
        )
    ]
    where = (ETA_EDGES[:-1], ETA_EDGES[1:])
    values = pair.against("eta", ETA_EDGES, k)
    panel = f"{name}, {outcome}, against eta"
    views.append(Series(panel, "", "pseudorapidity", "share", *where, *values, np.zeros(_N_ETA)))
    i = worst(difference, error)
    if i < 0:
        return at_most(words, float("nan"), float("nan"), LIMIT, source=SOURCE), views
    mean = weighted_share(pair.ours.outcomes[:, k], pair.weight)
    both = weighted_share(pair.published.outcomes[:, k], pair.kept)[0]
    note = (
        f"{P_EDGES[i] / 1e3:g}-{P_EDGES[i + 1] / 1e3:g} GeV: {own[i]:.3f}, published "
        f"{theirs[i]:.3f}; over all {mean[0]:.3f}, published {both:.3f}; "
        f"cells with {pair.share:.0%} of the population"
    )
    n = int((pair.weight > 0.0).sum())
    more: Origin = {"n": n, "source": SOURCE, "note": note}
    return at_most(words, abs(float(difference[i])), float(error[i]), LIMIT, **more), views


def _by_place(ours: Truth, published: Truth) -> list[Series]:
    """Pions against azimuth, and against the z of their origin, displaced ones included."""
    pions = [t.pdg == SPECIES["pi"] for t in (ours, published)]
    near = _Pair(ours, published, pions[0] & ours.prompt, pions[1] & published.prompt)
    out = []
    where = (_PHI_EDGES[:-1], _PHI_EDGES[1:])
    values = near.against("phi", _PHI_EDGES, 1)
    zeros = np.zeros(len(_PHI_EDGES) - 1)
    out.append(Series("pi, long, against phi", "", "azimuth", "share", *where, *values, zeros))
    everywhere = _Pair(ours, published, *pions)
    where = (_Z_EDGES[:-1], _Z_EDGES[1:])
    zeros = np.zeros(len(_Z_EDGES) - 1)
    for k in (1, 3):
        panel = f"pi, {OUTCOMES[k]}, against origin"
        values = everywhere.against("vz", _Z_EDGES, k)
        out.append(Series(panel, "", "z of the origin [mm]", "share", *where, *values, zeros))
    return out
