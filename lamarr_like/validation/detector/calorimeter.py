"""Energy resolution of photons and the pi0 peaks beside published figures."""

from __future__ import annotations

import numpy as np

from ...arrays import Floats
from ...detailed.calorimeter.alone import PI0_MASS, Pi0, Singles, neutral_pions, single_particles
from ...detailed.parameters import DEFAULT, Parameters
from ...statistics.binned import Curve, bins_of, width_error
from ...statistics.distances import core_width
from ..series import Series, of_curve, series
from .curves import share_curve, width_curve
from .results import NAN, Row, absolute, relative

STOCHASTIC, CONSTANT = 0.09, 0.008
"""Published terms of the resolution, [P] sec. 4: of 1/sqrt(E/GeV), and constant."""
_ACCEPTED = (8.5, 9.5)  # % sqrt(GeV), as published
_REFERENCE_ERROR = 0.0056  # of the resolution that this range leaves, of 1/sqrt(E/GeV)
_ENERGY = 1e3 * np.geomspace(1.0, 60.0, 9)  # MeV
_ET = np.array([50.0, 90, 140, 240, 450, 900, 3000, 1e4])  # MeV
_PT = np.geomspace(250.0, 1.2e4, 13)  # MeV
_MASS = np.linspace(60.0, 220.0, 65)  # MeV


def calorimeter_rows(n: int, par: Parameters = DEFAULT) -> tuple[list[Row], list[Series]]:
    """Energy resolution of photons and the pi0 peaks beside published figures.

    Args:
        n: photons, and pi0, to simulate.
        par: parameters.
    """
    photons = single_particles(n, (800.0, 6e4), par)
    pions = neutral_pions(n, (250.0, 1.2e4), par)
    mass = pions.mass[pions.resolved]
    n_found, width = len(mass), core_width(mass)
    median = float(np.median(mass)) if n_found else NAN
    error = float(width_error(width, float(n_found)))
    note = "no material and no other particles in front of the calorimeter"
    words = ("pi0 peak, resolved [MeV]", "pi0 width, resolved [MeV]")
    rows = [
        _stochastic(photons),
        absolute(words[0], median, 0.0, PI0_MASS, 2.0, n=n_found, source="PDG"),
        relative(words[1], width, error, 8.0, 0.10, n=n_found, source="[P] sec. 4", note=note),
    ]
    curve = photon_resolution(photons, _ENERGY)
    root = np.sqrt(curve.x / 1e3)
    law = (np.hypot(STOCHASTIC / root, CONSTANT), _REFERENCE_ERROR / root)
    found, merged = share_curve(photons.found, photons.et, _ET), merged_fraction(pions, _PT)
    density = np.histogram(mass, _MASS, density=True)[0]
    labels = ("photon resolution", "E [GeV]", "sigma(E)/E")
    views = [
        of_curve(labels, curve, *law, scale=1e-3, log_x=True),
        of_curve(("photon efficiency", "ET [MeV]", "share with a cluster"), found, log_x=True),
        series(("resolved pi0", "mass [MeV]", "density"), _MASS, density, style="steps"),
        of_curve(("merged pi0", "pT [GeV]", "share"), merged, scale=1e-3, log_x=True),
    ]
    return rows, views


def _stochastic(photons: Singles) -> Row:
    """Stochastic term of the resolution, beside a noise of transverse energy and a constant term.

    The published law is s / sqrt(E) + 0.003 / (E sin(theta)) + 0.8 % in quadrature [D, sec. 6.2.2;
    P]: electronic noise is a number of counts, and these are of transverse energy.  It is fitted to
    widths in bins of energy and region with the mean of each term in the bin.
    """
    words = "ECAL, stochastic term [% sqrt(GeV)]"
    terms, squares, errors = _terms(photons)
    if len(terms) < 3:
        return Row(words, NAN)
    weight = 1.0 / errors
    matrix = terms * weight[:, None]
    covariance = np.linalg.inv(matrix.T @ matrix)
    found = covariance @ matrix.T @ (squares * weight)
    chi2 = float(((matrix @ found - squares * weight) ** 2).sum())
    term, noise = np.sqrt(np.clip(found, 1e-12, None))
    # The law leaves out some physics (borders, energy in the lead): the spread counts.
    scale = max(chi2 / max(len(terms) - 2, 1), 1.0)
    error = 0.5 * float(np.sqrt(covariance[0, 0] * scale)) / term
    note = (
        f"photons of 1-60 GeV; constant term 0.8 %, noise {1e3 * noise:.0f} MeV of transverse "
        f"energy; chi2 {chi2:.0f} for {len(terms) - 2} degrees of freedom"
    )
    value = (100.0 * float(term), 100.0 * error, 100.0 * STOCHASTIC)
    n = int(photons.found.sum())
    return Row(words, *value, *_ACCEPTED, n=n, source="[P] sec. 4", note=note)


def _terms(photons: Singles) -> tuple[Floats, Floats, Floats]:
    """Means of 1/E and 1/ET^2 in bins of energy and region, squared widths and their errors."""
    terms, squares, errors = [], [], []
    for region in range(3):
        curve = photon_resolution(photons, _ENERGY, region)
        mine = photons.region == region
        place = bins_of(photons.energy[mine], _ENERGY)
        for x, y, error in zip(bins_of(curve.x, _ENERGY), curve.y, curve.error, strict=True):
            e, et = (1e-3 * v[mine][place == x] for v in (photons.energy, photons.et))
            terms.append([np.mean(1.0 / e), np.mean(1.0 / et**2)])
            squares.append(y**2 - CONSTANT**2)
            errors.append(2.0 * y * error)
    return np.array(terms), np.array(squares), np.array(errors)


def photon_resolution(photons: Singles, edges: Floats, region: int | None = None) -> Curve:
    """Core width of the measured over the generated energy, in bins of the energy [MeV].

    Args:
        photons: the photons.
        edges: of the bins [MeV], shape ``(n_bins + 1,)``.
        region: only those in it, None for all.
    """
    mine = photons.found if region is None else photons.region == region
    return width_curve(photons.measured[mine] / photons.energy[mine], photons.energy[mine], edges)


def merged_fraction(pions: Pi0, edges: Floats) -> Curve:
    """Merged over merged and resolved pi0, in bins of the transverse momentum [MeV].

    Args:
        pions: the pi0.
        edges: of the bins [MeV], shape ``(n_bins + 1,)``.
    """
    seen = pions.merged | pions.resolved
    return share_curve(pions.merged[seen], pions.pt[seen], edges)
