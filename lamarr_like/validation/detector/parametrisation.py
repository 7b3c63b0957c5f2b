"""Acceptance, efficiency and long tracks beside LHCb's published 2016 parametrisation.

Both samples hold other spectra: the detailed particles get the population of the published ones in
cells of momentum and pseudorapidity.  Efficiencies are per generated particle, so that they do not
depend on what either side calls acceptance.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...arrays import Columns
from ...statistics.binned import (
    bins_of,
    wald_error,
    weighted_median,
    weighted_quantiles,
    weighted_share,
    weighted_width,
)
from ...statistics.matching import Matched, Statistic, where
from ..bins import SPECIES
from ..series import Series, series
from .lhcb2016 import CELLS, ETA_EDGES, OUTCOMES, P_EDGES, SOURCE
from .results import NAN, Row, Section, absolute, at_most, relative, worst

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

WIDTHS = ("dp/p", "dx", "dy", "dtx", "dty")
VARIANCES = ("var x", "var y", "var tx", "var ty", "var qop")
QUALITIES = ("chi2/ndf", "ndf", "ghostProb", "corr x tx", "corr y ty", "corr tx qop")
"""Of these the ghost probability comes of a network of its own; the last goes through zero, so that
differences are compared."""
MEASURED: tuple[tuple[tuple[str, ...], str, Statistic, float | None], ...] = (
    (WIDTHS, "core width", weighted_width, 0.15),
    (VARIANCES, "median", weighted_median, 0.25),
    (QUALITIES[:1], "median", weighted_median, 0.25),
    (QUALITIES[1:2], "median", weighted_median, 0.10),
    (QUALITIES[3:5], "median", weighted_median, 0.10),
    (QUALITIES[2:3], "median", weighted_median, 0.25),
    (QUALITIES[5:], "median", weighted_median, None),
)
"""Columns, what is measured of them, how, and the share by which it may differ; None: by
`CORRELATION_LIMIT`."""

CORRELATION_LIMIT = 0.1
"""By how much a correlation that is about zero may differ: as much as those near one may."""
_TAIL = 5.0  # core widths beyond which a residual is in the tail
TAIL_BAND = 0.25
"""Share by which a tail may differ from the published one: that of the variances."""
_HADRONS = ("mu", "pi", "K", "p")
_LOSSES = (-0.02, -0.1, -0.3)
_LOSS_BAND = 0.05  # in the share of electrons that lost more
_HISTOGRAM_P = (5e3, 2e4)  # MeV, of the distributions that are drawn


# --- acceptance and efficiency


def efficiency_section(ours: Columns, published: Columns) -> Section:
    """Compare prompt particles by species, and pions by the z of their origin.

    Args:
        ours: particles of detailed samples, see `lhcb2016.own_truth`.
        published: those of the parametrisation.
    """
    rows: list[Row] = []
    views: list[Series] = []
    near = (where(ours, ours["prompt"]), where(published, published["prompt"]))
    species: dict[str, tuple[int, ...]] = {name: (pdg,) for name, pdg in SPECIES.items()}
    species["hadrons"] = tuple(SPECIES[name] for name in _HADRONS[1:])
    for name, pdg in species.items():
        pair = Matched(*near, pdg, *CELLS)
        for outcome in OUTCOMES:
            views += [_share_view(pair, name, outcome, by) for by in ("p", "eta")]
            rows.append(_share_row(pair, name, outcome, views[-2]))
    views.append(_share_view(Matched(*near, _PIONS, *CELLS), "pi", "long", "phi"))
    everywhere = Matched(ours, published, _PIONS, *CELLS)
    views += [_share_view(everywhere, "pi", outcome, "vz") for outcome in ("long", "downstream")]
    return Section(
        "efficiency",
        "Acceptance and efficiency beside the LHCb 2016 parametrisation",
        tuple(rows),
        tuple(views),
        notes=(
            "Prompt particles, 2 < eta < 4.8, 3 < p < 100 GeV, weighted to the published "
            "population in cells of p and eta. Efficiencies are per generated particle.",
            "The parametrisation knows electrons, muons and hadrons: it has one efficiency for "
            "pions, kaons and protons, so that it is their mixture (hadrons) that can agree in "
            "full; kaons decay and protons interact more than it says. It was made from simulated "
            "2016 events of their own occupancy.",
        ),
    )


def _share_view(pair: Matched, name: str, outcome: str, by: str) -> Series:
    label, edges, unit = _AXES[by]
    ours, error, theirs, _ = pair.against(by, edges, outcome, weighted_share)
    against = {"p": "", "vz": ", against origin"}.get(by, f", against {by}")
    labels = (f"{name}, {outcome}{against}", label, "share")
    return series(labels, edges / unit, ours, error, theirs, log_x=by == "p")


def _share_row(pair: Matched, name: str, outcome: str, view: Series) -> Row:
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


# --- residuals, covariance and quality of tracks


def residual_section(ours: Columns, published: Columns) -> Section:
    """Compare prompt long tracks.

    Args:
        ours: tracks of detailed samples, see `lhcb2016.own_residuals`.
        published: those of the parametrisation.
    """
    pooled, *alone = (
        Matched(ours, published, [SPECIES[s] for s in species], *CELLS)
        for species in (_HADRONS, *((s,) for s in _HADRONS), ("e",))
    )
    electrons = alone.pop()
    rows: list[Row] = []
    views: list[Series] = []
    for names, word, statistic, band in MEASURED:
        for name in names:
            views.append(_view(pooled, name, f"{name}, {word}", statistic))
            rows.append(_against(pooled, f"{name}: {word}", views[-1], band))
        if names is VARIANCES:
            rows += [_tail(pooled, name) for name in WIDTHS]
    for species, matched in zip(_HADRONS, alone, strict=True):
        panels = [(n, f"{n}, core width, {species}") for n in WIDTHS[:2]]
        views += [_view(matched, n, panel, weighted_width) for n, panel in panels]
    views += [_histogram(pooled, name) for name in (*WIDTHS, *QUALITIES[:3])]
    views.append(_histogram(electrons, "dp/p", "electrons, dp/p", 1.0))
    return Section(
        "tracks",
        "Residuals and covariance beside the LHCb 2016 parametrisation",
        (*rows, *_losses(electrons)),
        tuple(views),
        notes=(
            f"Prompt long tracks with ghostProb < 0.4, 2 < eta < 4.8, of {', '.join(_HADRONS)} "
            "together, weighted to the published population in cells of species, p and eta. "
            "A ratio is that of the slice of momentum furthest from 1.",
            "dx and dy are distances to the true line at the z of the reconstructed state. The "
            "published values are drawn from fitted models, which have features of their own.",
        ),
    )


def _view(matched: Matched, name: str, panel: str, statistic: Statistic) -> Series:
    values = matched.against("p", P_EDGES, name, statistic)
    return series((panel, "p [GeV]", panel), P_EDGES / 1e3, *values, log_x=True)


def _against(matched: Matched, words: str, view: Series, band: float | None) -> Row:
    """The ratio furthest from 1 over slices of momentum, without a band the largest difference."""
    errors, n = (view.error, view.reference_error), matched.n
    if band is None:
        words = f"{words}, largest |difference| over slices of p"
        far, error = view.ours - view.reference, np.hypot(*errors)
    else:
        words, ratio = f"{words} over published", view.ours / view.reference
        far = ratio - 1.0
        error = np.abs(ratio) * np.hypot(errors[0] / view.ours, errors[1] / view.reference)
    if (i := worst(far, error)) < 0:
        return Row(words, NAN, n=n, source=SOURCE)
    note = (
        f"{view.low[i]:g}-{view.high[i]:g} GeV: {view.ours[i]:.4g}, published "
        f"{view.reference[i]:.4g}"
    )
    if band is None:
        value = (abs(float(far[i])), float(error[i]))
        return at_most(words, *value, CORRELATION_LIMIT, n=n, source=SOURCE, note=note)
    note += f"; mean ratio {1.0 + np.nanmean(far):.3f}"
    value = (1.0 + float(far[i]), float(error[i]))
    return relative(words, *value, 1.0, band, n=n, source=SOURCE, note=note)


def _tail(matched: Matched, name: str) -> Row:
    """Share of residuals beyond five published core widths of their slice."""
    found = []
    width = matched.against("p", P_EDGES, name, weighted_width)[2]
    for columns, w in zip(matched.both, matched.weights, strict=True):
        slices = bins_of(columns["p"], P_EDGES)
        scale = np.where(slices >= 0, width[np.maximum(slices, 0)], np.nan)
        kept = (w > 0.0) & np.isfinite(scale)
        far = np.abs(columns[name][kept]) > _TAIL * scale[kept]
        found.append(weighted_share(far.astype(np.float64), w[kept]))
    (ours, error), (published, its_error) = found
    words = f"{name}: beyond {_TAIL:g} published core widths"
    value = (ours, float(np.hypot(error, its_error)), published)
    return relative(words, *value, TAIL_BAND, n=matched.n, source=SOURCE)


def _losses(electrons: Matched) -> Iterator[Row]:
    """Share of electrons whose track lost more than some part of the momentum."""
    for cut in _LOSSES:
        ours, published = (
            float((w * (columns["dp/p"] < cut)).sum() / max(w.sum(), 1e-12))
            for columns, w in zip(electrons.both, electrons.weights, strict=True)
        )
        value = (ours, float(wald_error(ours, float(electrons.n))), published)
        words = f"e, long: dp/p < {cut:g}"
        yield absolute(words, *value, _LOSS_BAND, n=electrons.n, source=SOURCE)


def _histogram(
    matched: Matched, name: str, panel: str = "", half: float = 0.0, bins: int = 60
) -> Series:
    """Densities of both samples for 5 < p < 20 GeV, ends in the last bins."""
    low, high = _HISTOGRAM_P
    inside = [(c["p"] >= low) & (c["p"] < high) for c in matched.both]
    values = [c[name][rows] for c, rows in zip(matched.both, inside, strict=True)]
    weights = [w[rows] for w, rows in zip(matched.weights, inside, strict=True)]
    low, high = weighted_quantiles(values[1], weights[1], np.array([0.02, 0.98]))
    if half:
        low, high = -half, half
    if not np.isfinite(low) or low == high:
        low, high = 0.0, 1.0
    edges = np.linspace(low, high, bins + 1)
    if name == "ndf":
        edges = np.arange(np.floor(low) - 0.5, np.ceil(high) + 1.0)
    densities = []
    for v, w in zip(values, weights, strict=True):
        shown = np.clip(v, edges[0], np.nextafter(edges[-1], edges[0]))
        counts, _ = np.histogram(shown, edges, weights=w)
        densities.append(counts / max(counts.sum(), 1e-12) / np.diff(edges))
    labels = (panel or f"{name}, 5-20 GeV", name, "density")
    return series(labels, edges, densities[0], reference=densities[1], style="steps")
