"""Acceptance and efficiency beside LHCb's published 2016 parametrisation.

Both samples hold other spectra: the detailed particles get the population of the published ones in
cells of momentum and pseudorapidity.  Efficiencies are per generated particle, so that they do not
depend on what either side calls acceptance.
"""

from __future__ import annotations

import numpy as np

from ...arrays import Columns
from ...statistics.binned import weighted_share
from ...statistics.matching import Matched, where
from ..bins import SPECIES
from ..series import Series, series
from .lhcb2016 import CELLS, ETA_EDGES, OUTCOMES, P_EDGES, SOURCE
from .results import NAN, Row, Section, at_most, worst

LIMIT = 0.03
"""Largest difference that is accepted."""
_PHI_EDGES = np.linspace(-np.pi, np.pi, 9)
_Z_EDGES = np.array([-200.0, -50.0, 0.0, 50.0, 150.0, 300.0, 500.0, 800.0, 1500.0, 2300.0])
_PIONS = (SPECIES["pi"],)
_AXES = {
    "p": ("p [GeV]", P_EDGES, 1e3),
    "eta": ("pseudorapidity", ETA_EDGES, 1.0),
    "phi": ("azimuth", _PHI_EDGES, 1.0),
    "vz": ("z of the origin [mm]", _Z_EDGES, 1.0),
}
"""Label, bins and unit of the axis, by column."""


def efficiency_section(ours: Columns, published: Columns) -> Section:
    """Compare prompt particles by species, and pions by the z of their origin.

    Args:
        ours: particles of detailed samples, see `lhcb2016.own_truth`.
        published: those of the parametrisation.
    """
    rows: list[Row] = []
    views: list[Series] = []
    near = (where(ours, ours["prompt"]), where(published, published["prompt"]))
    for name, pdg in SPECIES.items():
        pair = Matched(*near, (pdg,), *CELLS)
        for outcome in OUTCOMES:
            views += [_view(pair, name, outcome, by) for by in ("p", "eta")]
            rows.append(_row(pair, name, outcome, views[-2]))
    views.append(_view(Matched(*near, _PIONS, *CELLS), "pi", "long", "phi"))
    everywhere = Matched(ours, published, _PIONS, *CELLS)
    views += [_view(everywhere, "pi", outcome, "vz") for outcome in ("long", "downstream")]
    return Section(
        "efficiency",
        "Acceptance and efficiency beside the LHCb 2016 parametrisation",
        tuple(rows),
        tuple(views),
        notes=(
            "Prompt particles, 2 < eta < 4.8, 3 < p < 100 GeV, weighted to the published "
            "population in cells of p and eta. Efficiencies are per generated particle.",
            "The parametrisation knows electrons, muons and hadrons: it has one efficiency for "
            "pions, kaons and protons. It was made from simulated 2016 events of their own "
            "occupancy.",
        ),
    )


def _view(pair: Matched, name: str, outcome: str, by: str) -> Series:
    label, edges, unit = _AXES[by]
    ours, error, theirs, _ = pair.against(by, edges, outcome, weighted_share)
    against = {"p": "", "vz": ", against origin"}.get(by, f", against {by}")
    labels = (f"{name}, {outcome}{against}", label, "share")
    return series(labels, edges / unit, ours, error, theirs, log_x=by == "p")


def _row(pair: Matched, name: str, outcome: str, view: Series) -> Row:
    """The largest difference over slices of momentum."""
    own, error, theirs = view.ours, view.error, view.reference
    words = f"{name}, {outcome}: largest |difference| over slices of p"
    i = worst(own - theirs, error)
    if i < 0:
        return at_most(words, NAN, NAN, LIMIT, source=SOURCE)
    both = [
        weighted_share(columns[outcome], weights)[0]
        for columns, weights in zip(pair.both, pair.weights, strict=True)
    ]
    note = (
        f"{view.low[i]:g}-{view.high[i]:g} GeV: {own[i]:.3f}, published "
        f"{theirs[i]:.3f}; over all {both[0]:.3f}, published {both[1]:.3f}; "
        f"cells with {pair.share:.0%} of the population"
    )
    value = (abs(float(own[i] - theirs[i])), float(error[i]))
    return at_most(words, *value, LIMIT, n=pair.n, source=SOURCE, note=note)
