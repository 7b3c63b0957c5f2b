"""One page of plots of the reference calorimeter."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..detailed.parameters import DEFAULT, Parameters
from ..errors import OutputError
from ..events import EventBatch
from . import calorimeter_curves as curves
from . import shower_curves as showers
from .detector_curves import Curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

_REGIONS = ("outer", "middle", "inner")
_DISTANCE = np.array([0, 3, 6, 10, 14, 20, 27, 35, 45, 55, 70, 85, 100, 125, 150, 180.0])
_ENERGY = 1e3 * np.array([1, 1.5, 2.2, 3.3, 5, 7.5, 11, 16, 24, 36, 60])  # MeV
_KINDS = (("photon", "gamma", True), ("electron", "electron", False))
_BREM = {False: "without brem", True: "with brem"}


def write_page(
    path: Path,
    geant4: Path | None = None,
    electrons: EventBatch | None = None,
    rapidsim: Path | None = None,
    n: int = 20000,
    par: Parameters = DEFAULT,
) -> dict[str, float]:
    """Draw the figures of the calorimeter as one PNG.

    Args:
        path: file to write.
        geant4: folder of Geant4 showers (``gamma.npz``, ``electron.npz``), None to leave them out.
        electrons: a detailed sample with electrons, None to leave them out.
        rapidsim: ``histsE.root`` of RapidSim to compare them with.
        n: photons and pi0 to simulate.
        par: parameters.

    Returns:
        The figures that stand in the plots, by name.

    Raises:
        SourceError: if a file cannot be read.
        OutputError: if the page cannot be written.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    sheet = Figure(figsize=(15.5, 12.5), layout="constrained")
    axes = sheet.subplots(3, 3).ravel()
    figures: dict[str, float] = {}
    if geant4 is not None:
        figures |= _showers(axes[:3], geant4, par)
    figures |= _photons(axes[3:6], n, par)
    figures |= _pions(axes[6:8], n, par)
    if electrons is not None:
        _electrons(axes[8], electrons, rapidsim)
    for axis in axes:
        axis.grid(alpha=0.3)
        if axis.get_xscale() == "log":
            axis.xaxis.set_minor_formatter(NullFormatter())
        if axis.get_legend_handles_labels()[1]:
            axis.legend(fontsize=8, frameon=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sheet.savefig(path, dpi=100)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error})") from None
    return figures


def _points(axis: Axes, curve: Curve, label: str, style: str, x: float = 1.0) -> None:
    axis.errorbar(curve.x * x, curve.y, curve.error, fmt=style, ms=4, lw=1, label=label)


def _showers(axes: NDArray[np.object_], folder: Path, par: Parameters) -> dict[str, float]:
    """Lateral profile, R90 and resolution beside Geant4."""
    figures = {}
    middle = 0.5 * (_DISTANCE[1:] + _DISTANCE[:-1])
    for colour, (name, file, is_photon) in enumerate(_KINDS):
        geant4 = showers.geant4_showers(folder / f"{file}.npz")
        own = showers.own_showers(geant4, is_photon, par)
        for kind, these, style in (("Geant4", geant4, "o"), ("own", own, "-")):
            label, tint = f"{name}, {kind}", f"C{colour}{style}"
            axes[0].plot(middle, showers.lateral_profile(these, _DISTANCE), tint, ms=4, label=label)
            radius = showers.radius_90(these)
            figures[f"R90 {label}"] = float(radius.mean())
            bins = np.linspace(20.0, 120.0, 51).tolist()
            axes[1].hist(
                *(radius, bins),
                histtype="step",
                density=True,
                color=f"C{colour}",
                linestyle=":" if kind == "Geant4" else "-",
                label=f"{label}, mean {radius.mean():.1f} mm",
            )
            curve = showers.shower_resolution(these, _ENERGY)
            _points(axes[2], curve, label, tint, 1e-3)
    axes[0].set(xlabel="distance from the axis [mm]", ylabel="energy beyond", yscale="log")
    axes[1].set(xlabel="R90 [mm]", ylabel="density")
    axes[2].set(xlabel="E [GeV]", ylabel="sigma(E)/E of whole showers", xscale="log", yscale="log")
    return figures


def _photons(axes: NDArray[np.object_], n: int, par: Parameters) -> dict[str, float]:
    """Energy resolution, place resolution and efficiency of single photons."""
    photons = curves.single_photons(n, (300.0, 6e4), par)
    line = np.geomspace(1.0, 60.0, 50)
    for region, name in enumerate(_REGIONS):
        curve = curves.photon_resolution(photons, _ENERGY, region)
        _points(axes[0], curve, name, f"C{region}o", 1e-3)
        curve = curves.place_resolution(photons, _ENERGY, region)
        _points(axes[1], curve, name, f"C{region}o", 1e-3)
    for term, style in ((0.085, "k--"), (0.095, "k-")):
        label = f"{100 * term:.1f} %/sqrt(E) + 0.8 %"
        axes[0].plot(line, np.hypot(term / np.sqrt(line), 0.008), style, lw=1, label=label)
    edges = np.array([30, 50, 70, 90, 110, 140, 180, 240, 320, 450, 700, 1200, 3000, 10000.0])
    curve = curves.photon_efficiency(photons, edges)
    _points(axes[2], curve, "no material, no pile-up", "o-")
    axes[0].set(
        xlabel="E [GeV]",
        ylabel="sigma(E)/E with noise",
        xscale="log",
        yscale="log",
    )
    axes[1].set(xlabel="E [GeV]", ylabel="sigma(x) [mm]", xscale="log", yscale="log")
    axes[2].set(xlabel="ET [MeV]", ylabel="photon efficiency", xscale="log")
    return {"photon efficiency above 0.5 GeV": float(photons.found[photons.et > 500.0].mean())}


def _pions(axes: NDArray[np.object_], n: int, par: Parameters) -> dict[str, float]:
    """Mass peak of resolved pi0 and share of merged ones."""
    pions = curves.neutral_pions(n, (250.0, 1.2e4), par)
    peak = curves.pi0_peak(pions)
    label = f"resolved: {peak.median:.1f}, width {peak.width:.1f} MeV"
    bins = np.linspace(60.0, 220.0, 81).tolist()
    axes[0].hist(pions.mass[pions.resolved], bins, histtype="step", density=True, label=label)
    halves = pions.merged_mass[pions.merged & (pions.merged_mass > 0.0)]
    label = f"halves of merged: {np.median(halves) if len(halves) else 0.0:.1f} MeV"
    axes[0].hist(halves, bins, histtype="step", density=True, label=label)
    axes[0].axvline(curves.PI0_MASS, color="k", lw=1)
    curve = curves.merged_fraction(pions, np.geomspace(250.0, 1.2e4, 18))
    _points(axes[1], curve, "merged / (merged + resolved)", "o-", 1e-3)
    axes[0].set(xlabel="mass [MeV]", ylabel="density")
    axes[1].set(xlabel="pT of the pi0 [GeV]", ylabel="share", xscale="log")
    return {"pi0 peak": peak.median, "pi0 width": peak.width}


def _electrons(axis: Axes, batch: EventBatch, rapidsim: Path | None) -> None:
    """Residuals of electrons beside those that RapidSim takes from LHCb."""
    published = curves.published_residuals(rapidsim) if rapidsim is not None else {}
    for has, residual in curves.electron_residuals(batch).items():
        inside = np.abs(residual) < 0.5
        bins = np.linspace(-0.5, 0.5, 51).tolist()
        label = f"{_BREM[has]}, {len(residual)}, {1 - inside.mean():.0%} outside"
        axis.hist(
            *(residual[inside], bins),
            histtype="step",
            density=True,
            color=f"C{int(has)}",
            label=label,
        )
        if has in published:
            edges, density = published[has]
            axis.stairs(density, edges, color=f"C{int(has)}", ls=":", label=f"LHCb, {_BREM[has]}")
    axis.set(xlabel="(p + brem) / p generated - 1", ylabel="density", yscale="log")
