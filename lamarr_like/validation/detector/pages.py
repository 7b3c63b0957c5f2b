"""Pages of plots of the reference detector itself, one declaration each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from ... import rng
from ...arrays import Floats
from ...detailed import matter, rich
from ...detailed.parameters import DEFAULT, Parameters
from ...detailed.radiator import cherenkov_angle, radiators
from ...events import EventBatch
from ...statistics.distances import core_width
from ...statistics.matching import where
from ..bins import SPECIES
from ..series import Labels, Series, of_curve, series
from . import curves, muon_curves, tracking
from .published import KAON_ID
from .results import Section
from .sample import LONG
from .write import draw_sections

_P_EDGES = 1e3 * np.array([2, 5, 10, 15, 20, 30, 40, 50, 60, 80, 100, 130, 160, 240])  # MeV
_RICH_EDGES = 1e3 * np.array([2, 5, 8, 10, 12, 15, 20, 25, 30, 35, 40, 50, 60, 70, 80, 100])
_SPD_EDGES = np.array([0.0, 100, 200, 300, 400, 500, 600, 800, 1000, 1400])
_INVERSE_PT = np.array([0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0])  # 1/GeV
_PV_TRACKS = np.array([5.0, 8, 12, 16, 20, 25, 30, 36, 44, 56, 80])

Page = Callable[[EventBatch, Parameters], Iterable[Series]]


def draw_pages(batch: EventBatch, folder: Path, par: Parameters = DEFAULT) -> list[Path]:
    """Write every page of `PAGES` as PNG and return the files.

    Args:
        batch: events of the reference detector.
        folder: where to write; made if need be.
        par: the parameters that made the events.

    Raises:
        OutputError: if the folder cannot be written.
    """
    linked = len(curves.linked_long_tracks(batch).rows)
    told = f"{len(batch)} events, {linked} linked long tracks without e"
    sections = [
        Section(name, f"{title}; {told}", series=tuple(page(batch, par)))
        for name, (title, page) in PAGES.items()
    ]
    return draw_sections(sections, folder)


def _histogram(
    labels: Labels, values: Floats, edges: Floats, name: str = "", *, log_y: bool = False
) -> Series:
    """Density of values; entries beyond the ends stand in the last bins, none without values."""
    counts = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0]
    density = counts / max(counts.sum(), 1) / np.diff(edges)
    return series(labels, edges, density, name=name, style="steps", log_y=log_y)


def _line(labels: Labels, x: Floats, y: Floats, name: str = "") -> Series:
    return series(labels, (x, x), y, name=name, style="line")


def _efficiency(batch: EventBatch, par: Parameters) -> Iterator[Series]:
    edges = (1e3 * np.geomspace(1, 200, 16), np.arange(1.6, 5.5, 0.2), _SPD_EDGES)
    for one in tracking.long_efficiency(batch, *edges):
        yield one
        ends = np.append(one.low, one.high)
        if len(ends):
            at = np.array([ends.min(), ends.max()])
            labels = (one.panel, one.x, one.y)
            yield _line(labels, at, np.full(2, 0.96), "published, > 0.96, muons")


def _kaon_id(batch: EventBatch, par: Parameters) -> Iterator[Series]:
    linked = curves.linked_long_tracks(batch)
    dll, labels = batch.track["rich_dll_k"][linked.rows], ("DLLK", "p [GeV]", "efficiency")
    for cut, *published in KAON_ID:
        for species, value in zip(("K", "pi"), published, strict=True):
            mine = linked.pdg == SPECIES[species]
            curve = curves.share_curve(dll[mine] > cut, linked.p[mine], _RICH_EDGES)
            name = f"{species} -> K, DLLK > {cut:g}; published mean {value:g}"
            yield of_curve(labels, curve, scale=1e-3, name=name, top=1.35)


def _dll_spectra(batch: EventBatch, par: Parameters) -> Iterator[Series]:
    linked = curves.linked_long_tracks(batch)
    dll, edges = batch.track["rich_dll_k"][linked.rows], np.linspace(-100.0, 100.0, 81)
    for low, high in ((2e3, 1e4), (1e4, 4e4), (4e4, 1e5)):
        labels = (f"{low / 1e3:g} < p < {high / 1e3:g} GeV", "RichDLLk", "density")
        inside = (linked.p > low) & (linked.p < high)
        for species in ("pi", "K"):
            values = dll[inside & (linked.pdg == SPECIES[species])]
            zero = float((values == 0.0).mean()) if len(values) else 0.0
            name = f"{species}, {len(values)}, {zero:.1%} at 0"
            yield _histogram(labels, values[values != 0.0], edges, name, log_y=True)


def _cherenkov(batch: EventBatch, par: Parameters, n_tracks: int = 2000) -> Iterator[Series]:
    """Photons of lone muons of 100 GeV, and the angle of each species."""
    p = np.geomspace(1e3, 1.5e5, 200)
    for radiator, name in zip(radiators(par), ("C4F10", "CF4"), strict=True):
        slope = radiator.theta_whole
        keys = rng.stream_keys(1, f"plots/{name}", np.arange(n_tracks))
        _, theta = rich.photon_angles(keys, (slope, slope, 1e5), matter.MUON, radiator)
        angle = cherenkov_angle(1e5, matter.MASS[matter.MUON], radiator.n)
        span, width = 8.0 * radiator.sigma, 1e3 * core_width(theta - angle)
        labels = (f"{name}, muons of 100 GeV", "angle of the photon [mrad]", "density [1/mrad]")
        edges = np.linspace(1e3 * (angle - span), 1e3 * (angle + span), 81)
        label = f"{len(theta)} photons, core width {width:.3f} mrad"
        one = _histogram(labels, 1e3 * theta, edges, label)
        yield one
        at = np.full(2, 1e3 * angle)
        yield _line(labels, at, np.array([0.0, one.ours.max()]), "arccos(1 / n beta)")
        for species, word in ((matter.PION, "pi"), (matter.KAON, "K"), (matter.PROTON, "p")):
            angles = [cherenkov_angle(v, matter.MASS[species], radiator.n) for v in p]
            shown = np.where(np.array(angles) > 0.0, 1e3 * np.array(angles), np.nan)
            panel = ("Cherenkov angle", "p [GeV]", "Cherenkov angle [mrad]")
            look = f"{word} in {name}"
            yield series(panel, (p / 1e3, p / 1e3), shown, name=look, style="curve", log_x=True)


def _pulls(batch: EventBatch, par: Parameters) -> Iterator[Series]:
    linked = curves.linked_long_tracks(batch)
    grid, edges = np.linspace(-5.0, 5.0, 200), np.linspace(-5.0, 5.0, 81)
    for name, pull in curves.pulls(batch, linked).items():
        inside = np.abs(pull) < 5.0
        label = f"core width {core_width(pull):.3f}, median {np.median(pull):+.3f}"
        labels = (f"pull of {name}", f"pull of {name}", "density")
        yield _histogram(labels, pull[inside], edges, f"{label}\n{inside.mean():.2%} within 5")
        yield _line(labels, grid, np.exp(-0.5 * grid**2) / np.sqrt(2.0 * np.pi), "normal")
    chi2 = batch.track["chi2_per_dof"][linked.rows]
    labels = ("quality of the fit", "chi2 per degree of freedom", "density")
    yield _histogram(labels, chi2, np.linspace(0.0, 4.0, 81), f"mean {chi2.mean():.3f}")


def _ghosts(batch: EventBatch, par: Parameters) -> Iterator[Series]:
    track = batch.track
    long = track["track_type"] == LONG
    ghost = track["origin"][long] == tracking.GHOST
    probability = track["ghost_prob"][long].astype(np.float64)
    labels = (f"{ghost.sum()} ghosts of {len(ghost)} long tracks", "ghost probability", "density")
    cuts, edges, kept = np.linspace(0.0, 1.0, 201), np.linspace(0.0, 1.0, 51), []
    for rows, name in ((~ghost, "real"), (ghost, "ghost")):
        yield _histogram(labels, probability[rows], edges, name, log_y=True)
        kept.append(np.array([(probability[rows] < c).sum() for c in cuts]) / max(rows.sum(), 1))
    panel = ("cuts on the ghost probability", "real tracks kept", "ghosts kept")
    yield series(panel, (kept[0], kept[0]), kept[1], style="curve")
    yield from tracking.ghosts(batch, _SPD_EDGES)


def _occupancy(batch: EventBatch, par: Parameters) -> Iterator[Series]:
    spd, tracks = (batch.event[c].astype(np.float64) for c in ("n_spd_hits", "n_tracks"))
    for values, name in ((spd, "nSPDHits"), (tracks, "nTracks")):
        # Bins a whole number wide, or integers would make steps.
        step = max(1, int(np.quantile(values, 0.999)) // 50)
        edges = step * np.arange(int(values.max()) // step + 2.0) - 0.5
        yield _histogram((name, name, "density"), values, edges, f"mean {values.mean():.1f}")
    varied = np.ptp(spd) > 0 and np.ptp(tracks) > 0
    correlation = float(np.corrcoef(spd, tracks)[0, 1]) if varied else float("nan")
    labels = (f"correlation {correlation:.3f}", "nTracks", "nSPDHits")
    yield series(labels, (tracks, tracks), spd, style="dots")
    labels = ("primary vertices", "primary vertices of an event", "density")
    for counts, word in ((batch.vertex.counts, "collisions"), (batch.event["n_pvs"], "found")):
        name, values = f"{word}, mean {counts.mean():.2f}", counts.astype(np.float64)
        yield _histogram(labels, values, np.linspace(-0.5, 11.5, 13), name)


def _muons(batch: EventBatch, par: Parameters) -> Iterator[Series]:
    """What is published of muon identification, and the likelihoods of what passes."""
    tracks = muon_curves.muon_tracks(batch)
    for species in muon_curves.PUBLISHED:
        panel = "isMuon efficiency" if species == "mu" else "isMuon mis-identification"
        mine = where(tracks, tracks["species"] == SPECIES[species])
        hard, muons = where(mine, mine["p"] > muon_curves.MIN_P), where(mine, mine["is_muon"])
        curve = curves.share_curve(mine["is_muon"], mine["p"], muon_curves.P_EDGES)
        label = f"{species}, published mean {muon_curves.PUBLISHED[species]:g}"
        yield of_curve((panel, "p [GeV]", "share"), curve, scale=1e-3, name=label, log_x=True)
        curve = curves.share_curve(hard["is_muon"], hard["n_tracks"], muon_curves.TRACKS_EDGES)
        yield of_curve(("isMuon, p > 3 GeV", "nTracks", "share"), curve, name=species, log_y=True)
        curve = curves.share_curve(muons["dll"] > muon_curves.CUT, muons["p"], muon_curves.P_EDGES)
        labels = ("MuLL - BgLL > 2 among isMuon", "p [GeV]", "share")
        yield of_curve(labels, curve, scale=1e-3, name=species, log_x=True)
    edges = np.linspace(-12.0, 12.0, 49)
    for low, high in ((3e3, 1e4), (1e4, 1e5)):
        inside = tracks["is_muon"] & (tracks["p"] > low) & (tracks["p"] < high)
        panel = f"isMuon, {low / 1e3:g} < p < {high / 1e3:g} GeV"
        for species in muon_curves.PUBLISHED:
            values = tracks["dll"][inside & (tracks["species"] == SPECIES[species])]
            labels = (panel, "MuonMuLL - MuonBgLL", "density")
            yield _histogram(labels, values, edges, species)


PAGES: dict[str, tuple[str, Page]] = {
    "momentum_resolution": (
        "momentum resolution",
        lambda batch, par: [tracking.momentum_resolution(batch, _P_EDGES)],
    ),
    "impact_parameter": (
        "impact parameter",
        lambda batch, par: [tracking.impact_parameter(batch, _INVERSE_PT)],
    ),
    "primary_vertices": (
        "primary vertices",
        lambda batch, par: tracking.primary_vertices(batch, _PV_TRACKS),
    ),
    "long_efficiency": ("long-track efficiency", _efficiency),
    "kaon_identification": ("kaon identification", _kaon_id),
    "rich_dll_k": ("RichDLLk of long tracks", _dll_spectra),
    "cherenkov_angles": ("Cherenkov photons", _cherenkov),
    "track_pulls": ("pulls", _pulls),
    "ghosts": ("ghosts", _ghosts),
    "occupancy": ("occupancy", _occupancy),
    "muon_identification": ("tracks that point to M2 and M3", _muons),
}
"""Title and curves of each page, by name of its file."""
