"""The calorimeter beside Geant4 and published figures, electrons beside RapidSim's histograms."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from ...arrays import Floats
from ...detailed.parameters import DEFAULT, Parameters
from ...errors import SourceError
from ...events import EventBatch
from . import calorimeter_curves as curves
from . import shower_curves as showers
from .results import NAN, Origin, Row, Section, Series, absolute, relative, series_of, worst
from .shower_curves import Showers
from .weights import weighted_quantiles

GEANT4, RAPIDSIM = "Geant4 11.4.1 shashlik", "RapidSim histsE.root (LHCb)"
SHOWER_BAND, CONTAINMENT_BAND = 0.05, 0.02

RAPIDSIM_P = 1e3 * np.array([0.0, 7.7, 11, 14.5, 18.3, 22.8, 28.2, 35.5, 46.3, 66.1, 200.0])
"""Edges [MeV] of the momentum bins of RapidSim's histograms, from its file ``config/smear``."""

_DISTANCE = np.array([0.0, 10, 20, 30, 45, 60, 80, 100, 130])  # mm
_ENERGY = 1e3 * np.array([1.0, 2, 4, 8, 16, 32, 60])  # MeV
_KINDS = (("photon", "gamma", True), ("electron", "electron", False))
_CELLS = ((2, "40 mm"), (3, "60 mm"), (6, "120 mm"))  # bins of an image, name
_QUANTILES = (0.05, 0.16, 0.50, 0.84, 0.95)
_LEAST_ELECTRONS = 50


def shower_section(folder: Path, par: Parameters = DEFAULT, limit: int | None = None) -> Section:
    """Showers of the reference calorimeter beside Geant4's.

    Args:
        folder: of ``gamma.npz`` and ``electron.npz``.
        par: parameters.
        limit: showers of each kind at most.

    Raises:
        SourceError: if a file cannot be read.
    """
    rows: list[Row] = []
    series: list[Series] = []
    for name, file, is_photon in _KINDS:
        every = showers.geant4_showers(folder / f"{file}.npz")
        geant4 = Showers(*(a[:limit] for a in every))
        own = showers.own_showers(geant4, is_photon, par)
        for part in (_profile, _resolution, _radius):
            row, view = part(name, own, geant4)
            rows.append(row)
            series.append(view)
        rows += [_containment(name, *cell, own, geant4) for cell in _CELLS]
    notes = (
        "The same particles in both; energies of the images without noise. Containment is the "
        "energy in 3 x 3 cells about the hottest one over that of the image.",
    )
    return Section("showers", "Showers beside Geant4", tuple(rows), tuple(series), notes)


def _profile(name: str, own: Showers, geant4: Showers) -> tuple[Row, Series]:
    ours, theirs = (showers.lateral_profile(s, _DISTANCE) for s in (own, geant4))
    blocks = [
        [showers.lateral_profile(Showers(*(a[i::8] for a in s)), _DISTANCE) for i in range(8)]
        for s in (own, geant4)
    ]
    errors = [np.std(b, axis=0) / np.sqrt(8) for b in blocks]
    ratio = ours / theirs
    error = ratio * np.hypot(errors[0] / ours, errors[1] / theirs)
    i = worst(ratio - 1.0, error)
    note = (
        f"{_DISTANCE[i]:g}-{_DISTANCE[i + 1]:g} mm: {ours[i]:.4f} beyond, Geant4 {theirs[i]:.4f}; "
        f"mean ratio {ratio.mean():.3f}"
    )
    words = f"{name}: energy beyond a line, worst ratio to Geant4"
    more: Origin = {"n": len(own.energy), "source": GEANT4, "note": note}
    row = relative(words, float(ratio[i]), float(error[i]), 1.0, SHOWER_BAND, **more)
    view = Series(
        *("energy beyond a line", name, "distance from the axis [mm]", "share of the energy"),
        *(_DISTANCE[:-1], _DISTANCE[1:], ours, errors[0], theirs, errors[1]),
    )
    return row, view


def _resolution(name: str, own: Showers, geant4: Showers) -> tuple[Row, Series]:
    first, second = (showers.shower_resolution(s, _ENERGY) for s in (own, geant4))
    ratio = first.y / second.y
    error = ratio * np.hypot(first.error / first.y, second.error / second.y)
    weight = 1.0 / error**2
    mean = float((ratio * weight).sum() / weight.sum()) if len(ratio) else NAN
    sigma = float(1.0 / np.sqrt(weight.sum())) if len(ratio) else NAN
    note = "ratios by energy: " + ", ".join(f"{r:.2f}" for r in ratio)
    words = f"{name}: resolution of whole showers, mean ratio to Geant4"
    more: Origin = {"n": len(own.energy), "source": GEANT4, "note": note}
    view = series_of(
        *(first, "resolution of whole showers", "E [GeV]", "sigma(E)/E"),
        name=name,
        scale=1e-3,
        reference=second.y,
        reference_error=second.error,
        log_x=True,
    )
    return relative(words, mean, sigma, 1.0, SHOWER_BAND, **more), view


def _radius(name: str, own: Showers, geant4: Showers) -> tuple[Row, Series]:
    radii = [showers.radius_90(s) for s in (own, geant4)]
    means = [float(r.mean()) for r in radii]
    errors = [float(r.std() / np.sqrt(len(r))) for r in radii]
    edges = np.linspace(20.0, 120.0, 51)
    densities = [np.histogram(r, edges, density=True)[0] for r in radii]
    zeros = np.zeros(len(edges) - 1)
    view = Series(
        *("radius of 90 % of the energy", name, "R90 [mm]", "density", edges[:-1], edges[1:]),
        *(densities[0], zeros, densities[1], zeros),
        steps=True,
    )
    words = f"{name}: mean R90 [mm]"
    more: Origin = {"n": len(radii[0]), "source": GEANT4}
    return relative(
        words, means[0], float(np.hypot(errors[0], errors[1])), means[1], SHOWER_BAND, **more
    ), view


def contained(shower: Showers, bins: int) -> Floats:
    """Share of the energy in 3 x 3 cells about the hottest one, shape ``(n,)``.

    Args:
        shower: the showers.
        bins: bins of an image along a cell.
    """
    n, side = len(shower.images), shower.images.shape[1] // bins
    cells = shower.images.reshape(n, side, bins, side, bins).sum(axis=(2, 4))
    hottest = cells.reshape(n, -1).argmax(axis=1)
    padded = np.pad(cells, ((0, 0), (1, 1), (1, 1)))
    row, column = np.divmod(hottest, side)
    total = np.zeros(n)
    for i, j in itertools.product(range(3), repeat=2):
        total += padded[np.arange(n), row + i, column + j]
    return total / cells.sum(axis=(1, 2))


def _containment(name: str, bins: int, cell: str, own: Showers, geant4: Showers) -> Row:
    shares = [contained(s, bins) for s in (own, geant4)]
    first, second = (float(s.std() / np.sqrt(len(s))) for s in shares)
    error = float(np.hypot(first, second))
    words = f"{name}: in 3 x 3 cells of {cell}"
    more: Origin = {"n": len(shares[0]), "source": GEANT4}
    return absolute(
        words, shares[0].mean(), error, float(shares[1].mean()), CONTAINMENT_BAND, **more
    )


def electron_section(batch: EventBatch, histograms: Path) -> Section:
    """Momenta of electron tracks, with the bremsstrahlung that was found, beside RapidSim's.

    Args:
        batch: detailed events.
        histograms: ``histsE.root``.

    Raises:
        SourceError: if the file cannot be read.
    """
    published = _published(histograms)
    own = curves.electron_tracks(batch)
    rows: list[Row] = []
    series: list[Series] = []
    for has, word in ((False, "no photon added"), (True, "photon added")):
        mine = (own.has_brem == has) & (np.abs(own.residual) < 0.5)
        place = np.searchsorted(RAPIDSIM_P, own.p, side="right") - 1
        counts = np.bincount(place[mine & (place < 10)], minlength=10)
        edges, densities = published[has]
        kept = counts >= _LEAST_ELECTRONS
        used = mine & (place < 10) & kept[np.minimum(place, 9)]
        theirs = (densities[kept] * counts[kept, None]).sum(axis=0) / max(counts[kept].sum(), 1)
        rows += _quantile_rows(word, own.residual[used], edges, theirs)
        series.append(_electron_series(word, own.residual[used], edges, theirs))
    inside = own.p < RAPIDSIM_P[-1]
    share = float(own.has_brem[inside].mean()) if inside.any() else NAN
    rows.append(Row("e, long: share with a photon added", share, n=int(inside.sum())))
    notes = (
        "Residuals within 0.5; RapidSim's histograms by momentum, mixed as the simulated "
        "electrons are. No target was set.",
    )
    title = "Electrons beside RapidSim's LHCb histograms"
    return Section("electrons", title, tuple(rows), tuple(series), notes)


def _published(path: Path) -> dict[bool, tuple[Floats, Floats]]:
    """Edges and shares of the bins, shape ``(10, n)``, without and with a photon added."""
    import uproot

    result = {}
    try:
        with uproot.open(path) as file:
            for has in (False, True):
                parts = [file[f"P{i}_Brem{int(has)}_e"].to_numpy() for i in range(10)]
                values = np.stack([np.clip(v, 0.0, None) / v.sum() for v, _ in parts])
                result[has] = (parts[0][1].astype(np.float64), values.astype(np.float64))
    except (OSError, KeyError, ValueError) as error:
        raise SourceError(f"{path}: not histograms of electron residuals ({error})") from None
    return result


def _quantile_rows(word: str, residual: Floats, edges: Floats, shares: Floats) -> list[Row]:
    rows = []
    n = len(residual)
    cumulative = np.concatenate([[0.0], np.cumsum(shares)])
    for q in _QUANTILES:
        words = f"e, {word}: {q:.0%} quantile of dp/p"
        if n < _LEAST_ELECTRONS:
            rows.append(Row(words, NAN, n=n, source=RAPIDSIM))
            continue
        step = np.sqrt(q * (1.0 - q) / n)
        at = np.clip(np.array([q - step, q, q + step]), 0.0, 1.0)
        low, middle, high = weighted_quantiles(residual, np.ones(n), at)
        target = float(np.interp(q, cumulative / max(cumulative[-1], 1e-12), edges))
        rows.append(
            Row(words, float(middle), 0.5 * float(high - low), target, n=n, source=RAPIDSIM)
        )
    return rows


def _electron_series(word: str, residual: Floats, edges: Floats, shares: Floats) -> Series:
    counts, _ = np.histogram(residual, edges)
    width = np.diff(edges)
    zeros = np.zeros(len(width))
    return Series(
        *(f"e, {word}", "", "(p + photon) / generated p - 1", "density", edges[:-1], edges[1:]),
        *(counts / max(counts.sum(), 1) / width, zeros, shares / width, zeros),
        steps=True,
    )


def calorimeter_rows(n: int, par: Parameters = DEFAULT) -> tuple[list[Row], list[Series]]:
    """Energy resolution of photons and the pi0 peaks beside published figures.

    Args:
        n: photons, and pi0, to simulate.
        par: parameters.
    """
    photons = curves.single_photons(n, (800.0, 6e4), par)
    edges = 1e3 * np.geomspace(1.0, 60.0, 9)
    curve = curves.photon_resolution(photons, edges)
    series = [
        series_of(
            *(curve, "photon resolution", "E [GeV]", "sigma(E)/E"),
            scale=1e-3,
            reference=np.hypot(0.09 / np.sqrt(curve.x / 1e3), 0.008),
            reference_error=0.0056 / np.sqrt(curve.x / 1e3),
            log_x=True,
        ),
        series_of(
            curves.photon_efficiency(photons, np.array([50.0, 90, 140, 240, 450, 900, 3000, 1e4])),
            *("photon efficiency", "ET [MeV]", "share with a cluster"),
            log_x=True,
        ),
    ]
    rows = [_stochastic(photons, edges)]
    pions = curves.neutral_pions(n, (250.0, 1.2e4), par)
    peak = curves.pi0_peak(pions)
    error = 1.18 * peak.width / np.sqrt(max(peak.n, 1))
    rows.append(
        absolute(
            "pi0 peak, resolved [MeV]",
            peak.median,
            0.0,
            curves.PI0_MASS,
            2.0,
            n=peak.n,
            source="PDG",
        )
    )
    note = "no material and no other particles in front of the calorimeter"
    more: Origin = {"n": peak.n, "source": "[P] sec. 4", "note": note}
    rows.append(relative("pi0 width, resolved [MeV]", peak.width, error, 8.0, 0.10, **more))
    bins = np.linspace(60.0, 220.0, 65)
    density = np.histogram(pions.mass[pions.resolved], bins, density=True)[0]
    zeros = np.zeros(len(density))
    series.append(
        Series(
            *("resolved pi0", "", "mass [MeV]", "density", bins[:-1], bins[1:]),
            density,
            zeros,
            steps=True,
        )
    )
    merged = curves.merged_fraction(pions, np.geomspace(250.0, 1.2e4, 13))
    series.append(series_of(merged, "merged pi0", "pT [GeV]", "share", scale=1e-3, log_x=True))
    return rows, series


def _stochastic(photons: curves.Photons, edges: Floats) -> Row:
    """Stochastic term of the resolution, beside a noise of transverse energy and a constant term.

    The published law is s / sqrt(E) + 0.003 / (E sin(theta)) + 0.8 % in quadrature [D, sec. 6.2.2;
    P]: electronic noise is a number of counts, and these are of transverse energy.  It is fitted to
    widths in bins of energy and region with the mean of each term in the bin.
    """
    words = "ECAL, stochastic term [% sqrt(GeV)]"
    terms, squares, errors = [], [], []
    for region in range(3):
        curve = curves.photon_resolution(photons, edges, region)
        mine = photons.region == region
        place = np.searchsorted(edges, photons.energy[mine], "right") - 1
        for x, y, error in zip(curve.x, curve.y, curve.error, strict=True):
            inside = place == np.searchsorted(edges, x, "right") - 1
            e, et = (1e-3 * v[mine][inside] for v in (photons.energy, photons.et))
            terms.append([np.mean(1.0 / e), np.mean(1.0 / et**2)])
            squares.append(y**2 - 0.008**2)
            errors.append(2.0 * y * error)
    if len(terms) < 3:
        return Row(words, NAN)
    weight = 1.0 / np.array(errors)
    matrix = np.array(terms) * weight[:, None]
    covariance = np.linalg.inv(matrix.T @ matrix)
    found = covariance @ matrix.T @ (np.array(squares) * weight)
    chi2 = float(((matrix @ found - np.array(squares) * weight) ** 2).sum())
    term, noise = np.sqrt(np.clip(found, 1e-12, None))
    # The law leaves out some physics (borders, energy in the lead): the spread counts.
    scale = max(chi2 / max(len(terms) - 2, 1), 1.0)
    error = 0.5 * float(np.sqrt(covariance[0, 0] * scale)) / term
    return Row(
        *(words, 100.0 * float(term), 100.0 * error, 9.0, 8.5, 9.5),
        n=int(photons.found.sum()),
        source="[P] sec. 4",
        note=f"photons of 1-60 GeV; constant term 0.8 %, noise {1e3 * noise:.0f} MeV of transverse "
        f"energy; chi2 {chi2:.0f} for {len(terms) - 2} degrees of freedom",
    )
