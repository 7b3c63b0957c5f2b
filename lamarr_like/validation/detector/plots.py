"""Plots of the reference detector from a detailed sample."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ... import rng
from ...detailed import matter, rich
from ...detailed.parameters import DEFAULT, Parameters
from ...errors import OutputError
from ...events import EventBatch
from ...files.places import fresh
from ...statistics.distances import core_width
from ...system.extras import need
from . import curves
from .curves import Curve, Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Sheet

_KAON, _PION, _GHOST = 321, 211, 2
_P_EDGES = 1e3 * np.array([2, 5, 10, 15, 20, 30, 40, 50, 60, 80, 100, 130, 160, 240])  # MeV
_SPD_EDGES = np.array([0, 100, 200, 300, 400, 500, 600, 800, 1000, 1400])
_STYLE: dict[Any, Any] = {
    "font.size": 11,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
}
_AXIS_LABELS = {"x": "x", "y": "y", "tx": "$t_x$", "ty": "$t_y$", "qop": "q/p"}


def draw_pages(batch: EventBatch, folder: Path, par: Parameters = DEFAULT) -> list[Path]:
    """Write every plot of `PLOTS` as PNG and return the files.

    Args:
        batch: events of the reference detector.
        folder: where to write; made if need be.
        par: the parameters that made the events.

    Raises:
        OutputError: if the folder cannot be written.
    """
    need("plot", "matplotlib")
    import matplotlib

    files = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with matplotlib.rc_context(_STYLE):
            for name, draw in PLOTS.items():
                files.append(folder / f"{name}.png")
                draw(batch, par).savefig(fresh(files[-1]), dpi=110)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error})") from None
    return files


def _sheet(columns: int, title: str, rows: int = 1) -> tuple[Sheet, Any]:
    """A sheet without pyplot, which would keep global state."""
    from matplotlib.figure import Figure as Sheet

    sheet = Sheet(figsize=(5.2 * columns, 4.2 * rows), layout="constrained")
    sheet.suptitle(title, fontsize=11)
    return sheet, sheet.subplots(rows, columns, squeeze=False).ravel()


def _draw(
    ax: Axes, curve: Curve, label: str | None = None, scale: float = 1.0, x: float = 1.0
) -> None:
    across = np.array([curve.x - curve.low, curve.high - curve.x]) * x
    ax.errorbar(
        *(curve.x * x, curve.y * scale),
        yerr=curve.error * scale,
        xerr=across,
        fmt="o",
        ms=4,
        lw=1,
        label=label,
    )


def _labels(ax: Axes, x: str, y: str, *, legend: bool = True) -> None:
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    if legend and ax.get_legend_handles_labels()[1]:
        ax.legend(fontsize=9)


def _momentum(batch: EventBatch, par: Parameters) -> Sheet:
    linked = curves.linked_long_tracks(batch)
    sheet, (ax,) = _sheet(1, f"momentum resolution, {len(linked.rows)} long tracks without e")
    residual = batch.track["p"][linked.rows] / linked.p - 1.0
    _draw(ax, curves.width_curve(residual, linked.p, _P_EDGES), "reference detector", 100, 1e-3)
    ax.plot([5, 20], [0.5, 0.5], "k-", label="published (arXiv:1412.6352)")
    ax.plot([100, 200], [0.8, 1.0], "ks")
    ax.set_ylim(0)
    _labels(ax, "p [GeV]", "core width of dp/p [%]")
    return sheet


def _impact(batch: EventBatch, par: Parameters) -> Sheet:
    linked = curves.linked_long_tracks(batch)
    track, rows = batch.track, linked.rows
    vx = track["x"][rows] - linked.dx - linked.tx * track["z"][rows]  # generated line at z = 0
    dz = _origin_z(batch, linked)
    residual = track["x"][rows] + track["tx"][rows] * (dz - track["z"][rows]) - vx - linked.tx * dz
    inverse = 1e3 / linked.pt
    sheet, (ax,) = _sheet(1, f"impact parameter, {len(rows)} long tracks without e")
    edges = np.array([0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0])
    _draw(ax, curves.width_curve(residual, inverse, edges), "reference detector", 1e3)
    line = np.array([0.0, 3.0])
    ax.plot(line, 11.6 + 23.4 * line, "k-", label="published, 11.6 + 23.4 / pT")
    ax.set_ylim(0)
    _labels(ax, "1 / pT [1/GeV]", "core width of IPx at the production vertex [um]")
    return sheet


def _origin_z(batch: EventBatch, linked: curves.Linked) -> Floats:
    wanted = np.zeros(len(batch.track), np.bool_)
    wanted[linked.rows] = True
    return batch.linked("mc_vz", wanted).astype(np.float64)


def _vertices(batch: EventBatch, par: Parameters) -> Sheet:
    n, residuals = curves.vertex_residuals(batch)
    sheet, axes = _sheet(2, f"primary vertices, {len(n)} linked of {len(batch['reco_vertex'])}")
    edges = np.array([5, 8, 12, 16, 20, 25, 30, 36, 44, 56, 80])
    for ax, names, published in ((axes[0], "xy", 13.0), (axes[1], "z", 71.0)):
        for name in names:
            curve = curves.width_curve(residuals[name], n.astype(np.float64), edges)
            _draw(ax, curve, name, 1e3)
        ax.plot([25], [published], "ks", label="published, 25 tracks")
        ax.set_ylim(0)
        _labels(ax, "tracks in the vertex", "core width of the residual [um]")
    return sheet


def _efficiency(batch: EventBatch, par: Parameters) -> Sheet:
    able = curves.reconstructible_long(batch)
    sheet, axes = _sheet(3, f"long-track efficiency, {len(able.p)} reconstructible without e")
    inside = (able.p > 5e3) & (able.p < 2e5) & (able.eta > 2.0) & (able.eta < 5.0)
    everything = np.ones(len(able.p), np.bool_)
    views: tuple[tuple[Floats, Any, str, NDArray[np.bool_], float], ...] = (
        (able.p, 1e3 * np.geomspace(1, 200, 16), "p [GeV]", everything, 1e-3),
        (able.eta, np.arange(1.6, 5.5, 0.2), "eta (p > 5 GeV)", able.p > 5e3, 1.0),
        (able.n_spd_hits, _SPD_EDGES, "nSPDHits (5 < p < 200 GeV, 2 < eta < 5)", inside, 1.0),
    )
    for ax, (by, edges, label, rows, x) in zip(axes, views, strict=True):
        _draw(ax, curves.share_curve(able.found[rows], by[rows], edges), None, 1.0, x)
        ax.axhline(0.96, color="k", ls="--", lw=1, label="published, > 0.96")
        ax.set_ylim(0.5, 1.02)
        _labels(ax, label, "efficiency")
    axes[0].set_xscale("log")
    axes[0].set_ylim(0.0, 1.02)
    return sheet


def _kaon_id(batch: EventBatch, par: Parameters) -> Sheet:
    linked = curves.linked_long_tracks(batch)
    dll, p = batch.track["rich_dll_k"][linked.rows], linked.p
    counts = [int((linked.pdg == i).sum()) for i in (_KAON, _PION)]
    sheet, (ax,) = _sheet(1, f"RICH, {counts[0]} kaons and {counts[1]} pions, long tracks")
    edges = 1e3 * np.array([2, 5, 8, 10, 12, 15, 20, 25, 30, 35, 40, 50, 60, 70, 80, 100])
    for cut, published in ((0.0, (0.95, 0.10)), (5.0, (0.85, 0.03))):
        for pdg, name, value in zip((_KAON, _PION), ("K -> K", "pi -> K"), published, strict=True):
            mine = linked.pdg == pdg
            curve = curves.share_curve(dll[mine] > cut, p[mine], edges)
            _draw(ax, curve, f"{name}, DLLK > {cut:g}; published mean {value:g}", 1.0, 1e-3)
    ax.set_ylim(-0.02, 1.25)
    _labels(ax, "p [GeV]", "efficiency")
    return sheet


def _dll_spectra(batch: EventBatch, par: Parameters) -> Sheet:
    linked = curves.linked_long_tracks(batch)
    dll = batch.track["rich_dll_k"][linked.rows]
    ranges = ((2e3, 1e4), (1e4, 4e4), (4e4, 1e5))
    sheet, axes = _sheet(3, "RichDLLk, long tracks")
    for ax, (low, high) in zip(axes, ranges, strict=True):
        inside = (linked.p > low) & (linked.p < high)
        for pdg, name in ((_PION, "pi"), (_KAON, "K")):
            values = dll[inside & (linked.pdg == pdg)]
            zero = float((values == 0.0).mean()) if len(values) else 0.0
            _histogram(
                ax,
                values[values != 0.0],
                (-100, 100, 80),
                f"{name}, {len(values)}, {zero:.1%} at 0",
            )
        ax.set_title(f"{low / 1e3:g} < p < {high / 1e3:g} GeV", fontsize=10)
        ax.set_yscale("log")
        _labels(ax, "RichDLLk", "density")
    return sheet


def _histogram(
    ax: Axes, values: Floats, binning: tuple[float, float, int], label: str | None = None
) -> None:
    if not len(values):
        return
    low, high, n = binning
    # Entries beyond the ends are shown in the last bins.
    inside = np.clip(values, low, high)
    ax.hist(
        inside, np.linspace(low, high, n + 1).tolist(), histtype="step", density=True, label=label
    )


def _cherenkov(batch: EventBatch, par: Parameters, n_tracks: int = 2000) -> Sheet:
    sheet, axes = _sheet(3, f"Cherenkov photons of {n_tracks} lone muons of 100 GeV")
    for ax, radiator, name in zip(axes, rich.radiators(par), ("C4F10", "CF4"), strict=False):
        slope = 2.0 * radiator.theta_min
        keys = rng.stream_keys(1, f"plots/{name}", np.arange(n_tracks))
        _, theta = rich.photon_angles(keys, (slope, slope, 1e5), matter.MUON, radiator)
        angle = rich.cherenkov_angle(1e5, matter.MASS[matter.MUON], radiator.n)
        width = core_width(theta - angle)
        label = f"{len(theta)} photons, core width {1e3 * width:.3f} mrad"
        span = 8e3 * radiator.sigma
        _histogram(ax, 1e3 * theta, (1e3 * angle - span, 1e3 * angle + span, 80), label)
        ax.axvline(1e3 * angle, color="k", ls="--", lw=1, label="arccos(1 / n beta)")
        ax.set_title(name, fontsize=10)
        _labels(ax, "angle of the photon [mrad]", "density [1/mrad]")
        ax.set_ylim(0, 1.35 * ax.get_ylim()[1])
    p = np.geomspace(1e3, 1.5e5, 200)
    for name, species in (("pi", matter.PION), ("K", matter.KAON), ("p", matter.PROTON)):
        for i, radiator in enumerate(rich.radiators(par)):
            angles = [rich.cherenkov_angle(v, matter.MASS[species], radiator.n) for v in p]
            shown = np.where(np.array(angles) > 0.0, angles, np.nan)
            label, style = (name, "-") if i == 0 else ("", "--")
            colour = f"C{matter.PROTON - species}"
            axes[2].plot(p / 1e3, 1e3 * shown, style, color=colour, label=label)
    axes[2].set_xscale("log")
    axes[2].set_title("C4F10 full, CF4 dashed", fontsize=10)
    _labels(axes[2], "p [GeV]", "Cherenkov angle [mrad]")
    return sheet


def _pulls(batch: EventBatch, par: Parameters) -> Sheet:
    linked = curves.linked_long_tracks(batch)
    sheet, axes = _sheet(3, f"pulls of {len(linked.rows)} long tracks without e", rows=2)
    grid = np.linspace(-5, 5, 200)
    for ax, (name, pull) in zip(axes, curves.pulls(batch, linked).items(), strict=False):
        inside = float((np.abs(pull) < 5.0).mean())
        label = f"core width {core_width(pull):.3f}, median {np.median(pull):+.3f}"
        kept = pull[np.abs(pull) < 5.0]
        _histogram(ax, kept, (-5, 5, 80), f"{label}\n{inside:.2%} within 5")
        ax.plot(grid, np.exp(-0.5 * grid**2) / np.sqrt(2 * np.pi), "k--", lw=1, label="normal")
        _labels(ax, f"pull of {_AXIS_LABELS[name]}", "density")
        ax.set_ylim(0, 0.62)
    chi2 = batch.track["chi2_per_dof"][linked.rows]
    _histogram(axes[5], chi2, (0, 4, 80), f"mean {chi2.mean():.3f}")
    _labels(axes[5], "chi2 per degree of freedom", "density")
    return sheet


def _ghosts(batch: EventBatch, par: Parameters) -> Sheet:
    track = batch.track
    long = track["track_type"] == 3
    ghost = track["origin"][long] == _GHOST
    probability = track["ghost_prob"][long].astype(np.float64)
    spd = batch.event_column("track", "n_spd_hits")[long].astype(np.float64)
    sheet, axes = _sheet(3, f"ghosts: {ghost.sum()} of {len(ghost)} long tracks")
    _histogram(axes[0], probability[~ghost], (0, 1, 50), "real")
    _histogram(axes[0], probability[ghost], (0, 1, 50), "ghost")
    axes[0].set_yscale("log")
    _labels(axes[0], "ghost probability", "density")
    cuts = np.linspace(0, 1, 201)
    kept = [
        [float((probability[k] < c).mean()) if k.any() else 0.0 for c in cuts]
        for k in (~ghost, ghost)
    ]
    axes[1].plot(*kept)
    _labels(axes[1], "real tracks kept", "ghosts kept")
    for cut in (1.0, 0.4):
        mine = probability <= cut
        _draw(
            axes[2], curves.share_curve(ghost[mine], spd[mine], _SPD_EDGES), f"ghostProb <= {cut:g}"
        )
    axes[2].set_ylim(0)
    _labels(axes[2], "nSPDHits", "ghost share of long tracks")
    return sheet


def _occupancy(batch: EventBatch, par: Parameters) -> Sheet:
    event = batch.event
    spd, tracks = event["n_spd_hits"], event["n_tracks"]
    varied = np.ptp(spd) > 0 and np.ptp(tracks) > 0
    correlation = float(np.corrcoef(spd, tracks)[0, 1]) if varied else float("nan")
    sheet, axes = _sheet(4, f"occupancy of {len(batch)} events")
    for ax, values, name in ((axes[0], spd, "nSPDHits"), (axes[1], tracks, "nTracks")):
        # Bins a whole number wide, or integers would make steps.
        step = max(1, int(np.quantile(values, 0.999)) // 50)
        top = step * (int(values.max()) // step + 1)
        label = f"mean {values.mean():.1f}"
        _histogram(ax, values.astype(np.float64), (-0.5, top - 0.5, top // step), label)
        _labels(ax, name, "density")
    axes[2].plot(tracks, spd, ".", ms=2, alpha=0.3)
    axes[2].set_title(f"correlation {correlation:.3f}", fontsize=10)
    _labels(axes[2], "nTracks", "nSPDHits")
    made = batch.vertex.counts
    for values, name in ((made, "collisions"), (event["n_pvs"], "reconstructed")):
        edges = np.arange(-0.5, 12.0)
        axes[3].hist(
            values, edges, histtype="step", density=True, label=f"{name}, mean {values.mean():.2f}"
        )
    _labels(axes[3], "primary vertices of an event", "density")
    return sheet


PLOTS: dict[str, Callable[[EventBatch, Parameters], Sheet]] = {
    "momentum_resolution": _momentum,
    "impact_parameter": _impact,
    "primary_vertices": _vertices,
    "long_efficiency": _efficiency,
    "kaon_identification": _kaon_id,
    "rich_dll_k": _dll_spectra,
    "cherenkov_angles": _cherenkov,
    "track_pulls": _pulls,
    "ghosts": _ghosts,
    "occupancy": _occupancy,
}
"""What draws each plot, by name of its file."""
