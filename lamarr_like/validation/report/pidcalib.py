"""Measured PIDCalib efficiencies beside both samples, in their own bins and with their cuts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ... import schema
from ...errors import SourceError
from ...io.ntuple_reader import open_root
from ...statistics.influence import Floats
from ..sheets import sheet_of
from .canvas import DETAILED, FAST, Drawing
from .columns import SPECIES, Columns, Mask
from .gather import Sample

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Cut(NamedTuple):
    """What a map is the efficiency of.

    Attributes:
        species: true species.
        text: the cut.
        passes: which tracks pass.
        among: of which tracks the efficiency is a share, all where None.
    """

    species: str
    text: str
    passes: Callable[[Columns], Mask]
    among: Callable[[Columns], Mask] | None = None


def _no_muon(t: Columns) -> Mask:
    return t["is_muon"] < 0.5


CUTS = {
    "rdx-K": Cut("K", "DLLK > 4 and not isMuon", lambda t: (t["pid_k"] > 4.0) & _no_muon(t)),
    "rdx-Pi": Cut("pi", "DLLK < 2 and not isMuon", lambda t: (t["pid_k"] < 2.0) & _no_muon(t)),
    "JpsiK-K": Cut("K", "DLLK > 4", lambda t: t["pid_k"] > 4.0),
    "JpsiK-Mu": Cut(
        "mu", "DLLmu > 2 of isMuon", lambda t: t["pid_mu"] > 2.0, lambda t: t["is_muon"] > 0.5
    ),
}
"""Cuts of maps by what their names hold."""
AXES = ("reco_p", "reco_eta", "n_tracks")
TITLES = ("reconstructed P [GeV]", "reconstructed eta", "nTracks")
LEAST = 5.0
"""Tracks of both samples below which a bin is left out."""


@dataclass
class CalibrationMap:
    """A measured map, and the same of both samples.

    Args:
        name: of the file.
        kind: one of `CUTS`.
        edges: bins of P [MeV], eta and nTracks.
        total, passing: sWeights of the data, then tracks of the detailed and the fast sample,
            each of the shape of the bins.
    """

    name: str
    kind: str
    edges: tuple[Floats, Floats, Floats]
    total: list[Floats]
    passing: list[Floats]
    variance: Floats = field(default_factory=lambda: np.zeros(0))


def read_maps(folder: Path) -> list[CalibrationMap]:
    """Read all maps of a folder whose names tell a cut.

    Raises:
        SourceError: if there is none or one cannot be read.
    """
    found = []
    for path in sorted(folder.glob("*.root")):
        kind = next((k for k in CUTS if _told(path.stem, k)), None)
        if kind is None:
            continue
        with open_root(path) as file:
            names = {n.split(";")[0] for n in file.keys()}  # noqa: SIM118
            if not {"total", "passing"} <= names:
                raise SourceError(f"{path}: has no histograms 'total' and 'passing'")
            total, passing = file["total"], file["passing"]
            edges = tuple(np.asarray(a.edges(), dtype=np.float64) for a in total.axes)
            if len(edges) != len(AXES):
                raise SourceError(f"{path}: 'total' has {len(edges)} axes, not 3")
            one = CalibrationMap(
                *(path.stem, kind, (edges[0], edges[1], edges[2])),
                *([np.asarray(total.values())], [np.asarray(passing.values())]),
            )
            one.variance = np.asarray(total.variances())
        if not one.total[0].sum() > 0.0:
            raise SourceError(f"{path}: its sWeights add up to nothing positive")
        found.append(one)
    if not found:
        raise SourceError(f"{folder}: no map whose name holds one of {', '.join(CUTS)}")
    return found


def _told(stem: str, kind: str) -> bool:
    sample, species = kind.split("-")
    words = stem.split("-")
    return sample in words and any(w.split("_")[0] == species for w in words)


def overlays(maps: Sequence[CalibrationMap], detailed: Sample, fast: Sample) -> Iterator[Drawing]:
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
        for sample in (detailed, fast):
            _fill(one, sample.track)
        yield _drawing(one)


def _fill(one: CalibrationMap, track: Columns) -> None:
    """Add the tracks of a sample."""
    cut = CUTS[one.kind]
    chosen = track["species"] == SPECIES[cut.species]
    if cut.among is not None:
        chosen = chosen & cut.among(track)
    good = chosen & cut.passes(track)
    for held, mask in ((one.total, chosen), (one.passing, good)):
        values = [track[a][mask] for a in AXES]
        weight = track["weight"][mask]
        held.append(np.histogramdd(values, one.edges, weights=weight)[0])


def _projected(one: CalibrationMap, i: int, others: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Efficiency along one axis, with the population of the data along the others.

    Only bins with `LEAST` tracks of both samples count, in the data as well: all three are means
    over the same population.
    """
    shared = (one.total[1] >= LEAST) & (one.total[2] >= LEAST) & (one.total[0] > 0.0)
    population = np.where(shared, one.total[0], 0.0)
    n = np.where(shared, one.total[i], 1.0)
    share = np.where(shared, one.passing[i], 0.0) / n
    size = n**2 / np.maximum(one.variance, 1e-300) if i == 0 else n
    square = population**2 * np.clip(share * (1.0 - share), 0.0, None) / size
    whole = population.sum(axis=others)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (population * share).sum(axis=others) / whole
        return mean, np.sqrt(square.sum(axis=others)) / whole


def _drawing(one: CalibrationMap) -> Drawing:
    cut = CUTS[one.kind]
    n = [t.sum() for t in one.total]
    shared = one.total[0][(one.total[1] >= LEAST) & (one.total[2] >= LEAST)].sum() / n[0]
    caption = (
        f"{one.name}: {cut.text}, {cut.species}; sWeights {n[0]:.3g}, {n[1]:.0f} detailed and "
        f"{n[2]:.0f} fast tracks in the range of the map, in bins with {shared:.0%} of the data."
    )
    draw = partial(sheet_of, range(3), partial(_panel, one), columns=3, width=4.2, height=3.4)
    return Drawing(f"pidcalib-{one.name}", "pidcalib", caption, draw)


def _panel(one: CalibrationMap, axes: Axes, axis: int) -> None:
    """The three efficiencies along one axis."""
    others = tuple(i for i in range(3) if i != axis)
    edges = one.edges[axis] * (1e-3 if axis == 0 else 1.0)
    edges = np.minimum(edges, 1000.0 if axis == 2 else np.inf)
    middle = 0.5 * (edges[1:] + edges[:-1])
    for i, (style, colour, label) in enumerate(
        (("*", "#d55e00", "data"), ("s", DETAILED, "detailed"), ("o", FAST, "fast"))
    ):
        share, error = _projected(one, i, others)
        known = np.isfinite(share)
        axes.errorbar(
            *(middle[known], share[known], error[known]),
            xerr=0.5 * np.diff(edges)[known], fmt=style, color=colour,
            fillstyle="none" if i == 1 else "full", linewidth=1, label=label,
        )  # fmt: skip
    axes.set(xlabel=TITLES[axis], ylabel=f"share with {CUTS[one.kind].text}", ylim=(0.0, 1.05))
    axes.legend()
