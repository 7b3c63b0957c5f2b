"""Residuals, covariance and quality of long tracks beside the published 2016 parametrisation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...arrays import Floats, Ints
from .lhcb2016 import ETA_EDGES, P_EDGES, SOURCE, SPECIES, Residuals
from .results import NAN, Origin, Row, Section, Series, relative, worst
from .weights import bins_of, cell_weights, weighted_median, weighted_quantiles, weighted_width

WIDTH_BAND, COVARIANCE_BAND = 0.15, 0.25
WIDTHS = ("dp/p", "dx", "dy", "dtx", "dty")
VARIANCES = ("var x", "var y", "var tx", "var ty", "var qop")
QUALITIES = ("chi2/ndf", "ndf", "ghostProb", "corr x tx", "corr y ty", "corr tx qop")
_TAIL = 5.0  # core widths beyond which a residual is in the tail
_HADRONS = ("mu", "pi", "K", "p")
_LOSSES = (-0.02, -0.1, -0.3)
_HISTOGRAM_P = (5e3, 2e4)  # MeV, of the distributions that are drawn

Statistic = Callable[[Floats, Floats], tuple[float, float]]


class Matched:
    """Tracks of some species of both samples, ours with the published population in cells."""

    def __init__(self, ours: Residuals, published: Residuals, species: tuple[str, ...]) -> None:
        codes = [SPECIES[s] for s in species]
        self.both = [_chosen(r, codes) for r in (ours, published)]
        cells = [_cells(r, codes) for r in self.both]
        size = len(codes) * (len(P_EDGES) - 1) * (len(ETA_EDGES) - 1)
        counts = [np.bincount(c[c >= 0], minlength=size) for c in cells]
        mine = cell_weights(cells[0], counts[1].astype(np.float64))
        known = (cells[1] >= 0) & (counts[0] >= 10)[np.maximum(cells[1], 0)]
        self.weights = [mine, known.astype(np.float64)]
        self.slices = [bins_of(r.p, P_EDGES) for r in self.both]

    def against_p(self, name: str, statistic: Statistic) -> tuple[Floats, Floats, Floats, Floats]:
        """Ours, its error, published and its error in slices of momentum."""
        out = np.full((4, len(P_EDGES) - 1), np.nan)
        for s in (0, 1):
            for i in range(len(P_EDGES) - 1):
                mine = self.slices[s] == i
                values, weights = self.both[s].values[name][mine], self.weights[s][mine]
                out[2 * s : 2 * s + 2, i] = statistic(values, weights)
        return out[0], out[1], out[2], out[3]


def _chosen(r: Residuals, codes: list[int]) -> Residuals:
    mine = np.isin(r.pdg, codes)
    return Residuals(r.pdg[mine], r.p[mine], r.eta[mine], {k: v[mine] for k, v in r.values.items()})


def _cells(r: Residuals, codes: list[int]) -> Ints:
    i, j = bins_of(r.p, P_EDGES), bins_of(r.eta, ETA_EDGES)
    s = np.select([r.pdg == c for c in codes], range(len(codes)), -1)
    place = (s * (len(P_EDGES) - 1) + i) * (len(ETA_EDGES) - 1) + j
    return np.where((i >= 0) & (j >= 0) & (s >= 0), place, -1)


def residual_section(ours: Residuals, published: Residuals) -> Section:
    """Compare prompt long tracks.

    Args:
        ours: tracks of detailed samples.
        published: those of the parametrisation.
    """
    rows: list[Row] = []
    series: list[Series] = []
    pooled = Matched(ours, published, _HADRONS)
    for name in WIDTHS:
        row, view = _ratio(pooled, name, "core width", weighted_width, WIDTH_BAND)
        rows.append(row)
        series.append(view)
    for name in VARIANCES:
        row, view = _ratio(pooled, name, "median", weighted_median, COVARIANCE_BAND)
        rows.append(row)
        series.append(view)
    rows += [_tail(pooled, name) for name in WIDTHS]
    for name in QUALITIES:
        row, view = _ratio(pooled, name, "median", weighted_median, None)
        rows.append(row)
        series.append(view)
    for species in _HADRONS:
        alone = Matched(ours, published, (species,))
        series += [
            _view(alone, n, f"{n}, core width, {species}", weighted_width) for n in WIDTHS[:2]
        ]
    series += [_histogram(pooled, name) for name in (*WIDTHS, *QUALITIES[:3])]
    electrons = Matched(ours, published, ("e",))
    rows += _losses(electrons)
    series.append(_histogram(electrons, "dp/p", "electrons, dp/p", 1.0))
    return Section(
        "tracks",
        "Residuals and covariance beside the LHCb 2016 parametrisation",
        tuple(rows),
        tuple(series),
        notes=(
            f"Prompt long tracks with ghostProb < 0.4, 2 < eta < 4.8, of {', '.join(_HADRONS)} "
            "together, weighted to the published population in cells of species, p and eta. "
            "A ratio is that of the slice of momentum furthest from 1.",
            "dx and dy are distances to the true line at the z of the reconstructed state. The "
            "published values are drawn from fitted models, which have features of their own.",
        ),
    )


def _view(matched: Matched, name: str, panel: str, statistic: Statistic) -> Series:
    values = matched.against_p(name, statistic)
    where = (P_EDGES[:-1] / 1e3, P_EDGES[1:] / 1e3)
    return Series(panel, "", "p [GeV]", panel, *where, *values, log_x=True)


def _ratio(
    matched: Matched, name: str, word: str, statistic: Statistic, band: float | None
) -> tuple[Row, Series]:
    """The worst ratio over slices of momentum, judged where there is a band."""
    view = _view(matched, name, f"{name}, {word}", statistic)
    ratio = view.ours / view.reference
    error = np.abs(ratio) * np.hypot(view.error / view.ours, view.reference_error / view.reference)
    words, n = f"{name}: {word} over published", int((matched.weights[0] > 0.0).sum())
    i = worst(ratio - 1.0, error)
    if i < 0:
        return Row(words, NAN, n=n, source=SOURCE), view
    note = (
        f"{view.low[i]:g}-{view.high[i]:g} GeV: {view.ours[i]:.4g}, published "
        f"{view.reference[i]:.4g}; mean ratio {np.nanmean(ratio):.3f}"
    )
    more: Origin = {"n": n, "source": SOURCE, "note": note}
    value = (float(ratio[i]), float(error[i]))
    if band is None:
        return Row(words, *value, target=1.0, **more), view
    return relative(words, *value, 1.0, band, **more), view


def _tail(matched: Matched, name: str) -> Row:
    """Share of residuals beyond five published core widths of their slice."""
    shares, errors = [], []
    width = matched.against_p(name, weighted_width)[2]
    for r, w, slices in zip(matched.both, matched.weights, matched.slices, strict=True):
        scale = np.where(slices >= 0, width[np.maximum(slices, 0)], np.nan)
        kept = (w > 0.0) & np.isfinite(scale)
        far = np.abs(r.values[name][kept]) > _TAIL * scale[kept]
        n = max(kept.sum(), 1)
        shares.append(float((w[kept] * far).sum() / max(w[kept].sum(), 1e-12)))
        errors.append(float(np.sqrt(shares[-1] * (1.0 - shares[-1]) / n)))
    words = f"{name}: beyond {_TAIL:g} published core widths"
    return Row(
        words,
        shares[0],
        errors[0],
        target=shares[1],
        n=int((matched.weights[0] > 0).sum()),
        source=SOURCE,
        note="no target was set",
    )


def _losses(electrons: Matched) -> list[Row]:
    """Share of electrons whose track lost more than some part of the momentum."""
    rows = []
    for cut in _LOSSES:
        shares = []
        for r, w in zip(electrons.both, electrons.weights, strict=True):
            shares.append(float((w * (r.values["dp/p"] < cut)).sum() / max(w.sum(), 1e-12)))
        n = int((electrons.weights[0] > 0.0).sum())
        error = float(np.sqrt(shares[0] * (1.0 - shares[0]) / max(n, 1)))
        words = f"e, long: dp/p < {cut:g}"
        rows.append(
            Row(words, shares[0], error, shares[1], n=n, source=SOURCE, note="no target was set")
        )
    return rows


def _histogram(
    matched: Matched, name: str, panel: str = "", half: float = 0.0, bins: int = 60
) -> Series:
    """Densities of both samples for 5 < p < 20 GeV, ends in the last bins."""
    inside = [(r.p >= _HISTOGRAM_P[0]) & (r.p < _HISTOGRAM_P[1]) for r in matched.both]
    published = matched.both[1].values[name][inside[1]]
    weights = [w[i] for w, i in zip(matched.weights, inside, strict=True)]
    low, high = weighted_quantiles(published, weights[1], np.array([0.02, 0.98]))
    if half:
        low, high = -half, half
    if not np.isfinite(low) or low == high:
        low, high = 0.0, 1.0
    edges = np.linspace(low, high, bins + 1)
    if name == "ndf":
        edges = np.arange(np.floor(low) - 0.5, np.ceil(high) + 1.0)
    densities = []
    for r, i, w in zip(matched.both, inside, weights, strict=True):
        values = np.clip(r.values[name][i], edges[0], np.nextafter(edges[-1], edges[0]))
        counts, _ = np.histogram(values, edges, weights=w)
        densities.append(counts / max(counts.sum(), 1e-12) / np.diff(edges))
    zeros = np.zeros(len(edges) - 1)
    return Series(
        *(panel or f"{name}, 5-20 GeV", "", name, "density", edges[:-1], edges[1:]),
        *(densities[0], zeros, densities[1], zeros),
        steps=True,
    )
