"""Measured PIDCalib efficiencies beside both samples, in their own bins and with their cuts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ... import schema
from ...arrays import Columns, Floats
from ...errors import SourceError
from ...files.sheets import sheet_of
from ...io.ntuple_reader import open_root
from ...statistics.binned import projected_share
from ..bins import Cut, picked
from ..detector.maps import CUTS, Map
from ..page import Drawing
from ..series import draw_panel, series
from .sample import Sample

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AXES = ("reco_p", "reco_eta", "n_tracks")
TITLES = ("reconstructed P [GeV]", "reconstructed eta", "nTracks")
LEAST = 5.0
"""Tracks of both samples below which a bin is left out."""


class Measured(NamedTuple):
    """A measured map.

    Attributes:
        name: of the file.
        cut: what it is the efficiency of.
        map: sums of sWeights of the data.
    """

    name: str
    cut: Cut
    map: Map


class Counts(NamedTuple):
    """All and passing tracks in the bins of a map: of the data, the detailed and the fast sample.

    Attributes:
        total, passing: sums of weights, shape ``(3, n_p, n_eta, n_tracks)``.
        size: effective number of tracks, the same shape.
        population: of the data in the bins that both samples reach, 0 in the others.
    """

    total: Floats
    passing: Floats
    size: Floats
    population: Floats


def read_maps(folder: Path) -> list[Measured]:
    """Read all maps of a folder whose names tell a cut.

    Raises:
        SourceError: if there is none or one cannot be read.
    """
    found = []
    for path in sorted(folder.glob("*.root")):
        words = path.stem.split("-")
        cut = next((c for c in CUTS if _told(words, *c.key.split("_"))), None)
        if cut is not None:
            found.append(Measured(path.stem, cut, _read(path)))
    if not found:
        names = ", ".join(c.key.replace("_", "-") for c in CUTS)
        raise SourceError(f"{folder}: no map whose name holds one of {names}")
    return found


def _told(words: Sequence[str], sample: str, species: str) -> bool:
    samples = [word.lower() for word in words]
    return sample in samples and species in [word.split("_")[0] for word in words]


def _read(path: Path) -> Map:
    with open_root(path) as file:
        names = {n.split(";")[0] for n in file.keys()}  # noqa: SIM118
        if not {"total", "passing"} <= names:
            raise SourceError(f"{path}: has no histograms 'total' and 'passing'")
        total, passing = file["total"], file["passing"]
        edges = [np.asarray(a.edges(), dtype=np.float64) for a in total.axes]
        if len(edges) != len(AXES):
            raise SourceError(f"{path}: 'total' has {len(edges)} axes, not 3")
        held = (np.asarray(v) for v in (total.values(), passing.values(), total.variances()))
        found = Map(*edges, *held)
    if not found.total.sum() > 0.0:
        raise SourceError(f"{path}: its sWeights add up to nothing positive")
    return found


def overlays(maps: Sequence[Measured], detailed: Sample, fast: Sample) -> Iterator[Drawing]:
    """Figures of maps with both samples on top.

    Args:
        maps: of `read_maps`.
        detailed, fast: the samples.

    Raises:
        SchemaError: if a sample lacks a column.
    """
    for sample in (detailed, fast):
        where = f"{sample.name} sample, PIDCalib overlay"
        need = ("n_tracks", "is_muon", "pid_k", "pid_mu")
        schema.require("track", sample.track, need, where)
    for one in maps:
        counts = _counts(one, detailed.track, fast.track)
        n = counts.total.sum(axis=(1, 2, 3))
        caption = (
            f"{one.name}: {one.cut.name}; sWeights {n[0]:.3g}, {n[1]:.0f} detailed and {n[2]:.0f} "
            "fast tracks in the range of the map, in bins with "
            f"{counts.population.sum() / n[0]:.0%} of the data."
        )
        panel = partial(_panel, one, counts)
        draw = partial(sheet_of, range(3), panel, columns=3, width=4.2, height=3.4)
        yield Drawing(f"pidcalib-{one.name}", "pidcalib", caption, draw)


def _counts(one: Measured, *samples: Columns) -> Counts:
    """The data and the tracks of both samples in the bins of a map."""
    total, passing = [one.map.total], [one.map.passing]
    for track in samples:
        told = {**track, "is_muon": track["is_muon"] > 0.5}
        chosen = one.cut.rows(told)
        for held, mask in ((total, chosen), (passing, chosen & picked(told, one.cut.passes))):
            values = [track[a][mask] for a in AXES]
            held.append(np.histogramdd(values, one.map[:3], weights=track["weight"][mask])[0])
    reached = (total[1] >= LEAST) & (total[2] >= LEAST) & (total[0] > 0.0)
    size = [total[0] ** 2 / np.maximum(one.map.variance, 1e-300), *total[1:]]
    population = np.where(reached, total[0], 0.0)
    return Counts(np.array(total), np.array(passing), np.array(size), population)


def _panel(one: Measured, counts: Counts, axes: Axes, axis: int) -> None:
    """The three efficiencies along one axis."""
    others = tuple(i for i in range(3) if i != axis)
    edges = one.map[axis] * (1e-3 if axis == 0 else 1.0)
    edges = np.minimum(edges, 1000.0 if axis == 2 else np.inf)
    # Only bins with `LEAST` tracks of both samples count, in the data as well: all three are means
    # over the same population.
    data, detailed, fast = (
        projected_share(*part, counts.population, others)
        for part in zip(counts.passing, counts.total, counts.size, strict=True)
    )
    labels = ("", TITLES[axis], f"share, {one.cut.name}")
    first = series(labels, edges, *detailed, *data, name="detailed", beside="data", top=1.05)
    draw_panel(axes, [first, series(labels, edges, *fast, name="fast")])
