"""Pictures of single events: what was reconstructed of them, and what was generated.

Three views: the bending plane (x against z), the other (y against z), and the face of the ECAL.
Lines are straight but for one kick in the middle of the dipole.  Circles of Cherenkov light are
those that RICH 2 would see of each long track, at the angle of its species or hypothesis, drawn
where the photon detectors would see them: as directions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ... import schema
from ...arrays import Floats
from ...errors import SchemaError, SourceError
from ...events import EventBatch
from ...io.ntuple_reader import TREE, branch_names, open_root, read_events
from ...physics.particles import MASSES, SPECIES_NAMES, charges
from ...stages.geometry import (
    BORDERS,
    ECAL_Z,
    KICK,
    MAGNET_Z,
    MUON_STATION_Z,
    T_STATION_Z,
    TT_Z,
)

NEEDED: dict[str, tuple[str, ...]] = {
    "event": ("event_id",),
    "track": ("track_type", "charge", "x", "y", "z", "tx", "ty", "p"),
}
FURTHER: dict[str, tuple[str, ...]] = {
    "event": ("n_tracks", "n_spd_hits", "n_pvs"),
    "particle": (
        *("mc_pdg_id", "mc_stable", "mc_px", "mc_py", "mc_pz", "mc_vx", "mc_vy", "mc_vz"),
    ),
    "track": ("pid_k", "pid_p", "pid_e", "is_muon", "mcparticle_id"),
    "reco_vertex": ("x", "y", "z", "n_tracks"),
    "cluster": ("x", "y", "energy", "is_matched"),
}
"""Columns that are drawn, and those that are where they are there."""
BEND = 1.0
"""Sign of the bend of positive particles along x in the shipped detector, magnet down."""
LEAST_P = 1500.0
"""Momentum [MeV] of generated charged particles that are drawn."""
_WIDTH, _HEIGHT, _GAP = 1180.0, 330.0, 46.0
_Z, _XY = (-300.0, 19500.0), 4200.0
_CF4 = 1.0005
_RICH_SPAN = 0.15  # rad, half the side of the view of RICH 2
_TYPES = {code: name for name, code in schema.TRACK_TYPES.items() if code}


def read_event(path: Path, number: int) -> EventBatch:
    """One event of an ntuple with what of it is drawn.

    Args:
        path: an ntuple, fast or detailed.
        number: position of the event in the file.

    Raises:
        SourceError: if it cannot be read or has no such event.
        SchemaError: naming the columns of `NEEDED` that it lacks.
    """
    with open_root(path) as file:
        if TREE not in file:
            raise SchemaError(f"{path}: has no tree {TREE!r}; it has {', '.join(file.keys())}")
        there = set(branch_names(file[TREE]))
    wanted = {table: list(names) for table, names in NEEDED.items()}
    for table, names in FURTHER.items():
        have = [n for n in names if schema.COLUMNS[table, n].branch in there]
        if table in NEEDED or len(have) == len(names):
            wanted[table] = wanted.get(table, []) + have
    first = 0
    for batch in read_events(path, wanted):
        if number < first + len(batch):
            return batch.events(number - first, number - first + 1)
        first += len(batch)
    raise SourceError(f"{path}: has {first} events, and none at position {number}")


class View(NamedTuple):
    """A panel: what the axes are in mm, and where it stands on the sheet."""

    title: str
    low: tuple[float, float]
    high: tuple[float, float]
    left: float
    top: float
    width: float
    height: float

    def at(self, u: float, v: float) -> tuple[float, float]:
        """Place on the sheet."""
        across = (u - self.low[0]) / (self.high[0] - self.low[0])
        up = (v - self.low[1]) / (self.high[1] - self.low[1])
        return self.left + across * self.width, self.top + (1.0 - up) * self.height


def _views() -> tuple[View, View, View, View]:
    long = ((_Z[0], -_XY), (_Z[1], _XY))
    half = (_WIDTH - _GAP) / 2.0
    third = 2.0 * (_HEIGHT + _GAP) + 30.0
    ecal = (BORDERS[0][0] * 1.03, BORDERS[0][1] * 1.03)
    side = _HEIGHT * 1.25
    return (
        View("bending plane, x against z", *long, 0.0, 30.0, _WIDTH, _HEIGHT),
        View("y against z", *long, 0.0, 30.0 + _HEIGHT + _GAP, _WIDTH, _HEIGHT),
        View("ECAL, x and y", (-ecal[0], -ecal[1]), ecal, 0.0, third, half, side),
        View("RICH 2, directions", (-_RICH_SPAN, -_RICH_SPAN), (_RICH_SPAN, _RICH_SPAN),
             half + _GAP, third, side, side),
    )  # fmt: skip


def event_svg(event: EventBatch) -> str:
    """One event as SVG.

    Args:
        event: a batch of one event with the columns of `NEEDED`, and maybe those of `FURTHER`.
    """
    xz, yz, ecal, rich = views = _views()
    height = views[-1].top + views[-1].height + 20.0
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-30 0 {_WIDTH + 60:.0f} {height:.0f}" '
        f'font-family="DejaVu Sans, sans-serif" font-size="12">',
        f"<style>{_STYLE}</style>",
    ]
    for number, view in enumerate(views):
        parts.append(
            f'<clipPath id="v{number}"><rect x="{view.left}" y="{view.top}" '
            f'width="{view.width}" height="{view.height}"/></clipPath>'
        )
        parts.append(
            f'<rect class="frame" x="{view.left}" y="{view.top}" width="{view.width}" '
            f'height="{view.height}"/><text x="{view.left}" y="{view.top - 6}">{view.title}</text>'
        )
    parts += [*_detector(xz), *_detector(yz), *_calorimeter(ecal)]
    for number, view in ((0, xz), (1, yz)):
        parts.append(f'<g clip-path="url(#v{number})">')
        parts += [*_generated(event, view, number), *_tracks(event, view, number)]
        parts += _vertices(event, view, number)
        parts.append("</g>")
    parts += [f'<g clip-path="url(#v2)">{"".join(_clusters(event, ecal))}</g>']
    parts += [f'<g clip-path="url(#v3)">{"".join(_rings(event, rich))}</g>', "</svg>"]
    return "\n".join(parts)


_STYLE = (
    ".frame{fill:none;stroke:#999} .plane{stroke:#ccc;stroke-width:1.5} .name{fill:#888}"
    " .track{fill:none;stroke-width:1.1} .long{stroke:#0072b2} .upstream{stroke:#e69f00}"
    " .downstream{stroke:#009e73} .truth{fill:none;stroke:#999;stroke-width:.8;"
    "stroke-dasharray:3 3} .pv{fill:#d55e00} .photon{fill:#d55e00;fill-opacity:.55}"
    " .matched{fill:#0072b2;fill-opacity:.4} .ring{fill:none;stroke-width:1.2}"
    " .e{stroke:#e69f00} .mu{stroke:#009e73} .pi{stroke:#0072b2} .K{stroke:#d55e00}"
    " .p{stroke:#cc79a7} .line:hover,.ring:hover,.track:hover,.truth:hover{stroke:#000;"
    "stroke-width:2.5}"
)


def _detector(view: View) -> Iterator[str]:
    planes = {"VELO": 300.0, "TT": TT_Z, "dipole": MAGNET_Z, "ECAL": ECAL_Z}
    planes |= {f"T{k}": z for k, z in enumerate(T_STATION_Z, start=1)}
    planes |= {name.upper(): z for name, z in MUON_STATION_Z.items()}
    for name, z in planes.items():
        (x, low), (_, high) = view.at(z, 0.95 * view.low[1]), view.at(z, 0.9 * view.high[1])
        yield f'<line class="plane" x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}"/>'
        at = f'x="{x:.1f}" y="{high - 4:.1f}"'
        yield f'<text class="name" text-anchor="middle" {at}>{name}</text>'


def _calorimeter(view: View) -> Iterator[str]:
    for width, height in BORDERS:
        (left, top), (right, bottom) = view.at(-width, height), view.at(width, -height)
        yield (
            f'<rect class="plane" fill="none" x="{left:.1f}" y="{top:.1f}" '
            f'width="{right - left:.1f}" height="{bottom - top:.1f}"/>'
        )


def _path(view: View, points: Floats) -> str:
    return "M" + " L".join("{:.1f} {:.1f}".format(*view.at(u, v)) for u, v in points)


def _bent(z0: float, x0: float, slope: float, kick: float, end: float) -> Floats:
    """Points of a line from z0 to the end, with a kick of the slope in the dipole."""
    if end <= MAGNET_Z or z0 >= MAGNET_Z:
        return np.array([[z0, x0], [end, x0 + slope * (end - z0)]])
    middle = x0 + slope * (MAGNET_Z - z0)
    return np.array(
        [[z0, x0], [MAGNET_Z, middle], [end, middle + (slope + kick) * (end - MAGNET_Z)]]
    )


def _tracks(event: EventBatch, view: View, axis: int) -> Iterator[str]:
    track = event.track
    ends = {"long": ECAL_Z, "upstream": MAGNET_Z, "downstream": ECAL_Z}
    begins = {"downstream": TT_Z}
    for i in range(len(track)):
        kind = _TYPES.get(int(track["track_type"][i]), "long")
        x, slope = (float(track[c][i]) for c in (("x", "tx"), ("y", "ty"))[axis])
        z, p = float(track["z"][i]), float(track["p"][i])
        kick = BEND * float(track["charge"][i]) * KICK / p if axis == 0 else 0.0
        start = begins.get(kind, z)
        points = _bent(start, x + slope * (start - z), slope, kick, ends[kind])
        text = escape(f"{kind} track {i}: p {p / 1e3:.1f} GeV, {_hypothesis(event, i)}")
        yield (f'<path class="track {kind}" d="{_path(view, points)}"><title>{text}</title></path>')


def _hypothesis(event: EventBatch, i: int) -> str:
    """The species that the identification of a track speaks for, in words."""
    track = event.track
    if "is_muon" in track and track["is_muon"][i]:
        return "mu"
    scores = {"K": "pid_k", "p": "pid_p", "e": "pid_e"}
    found = {name: float(track[c][i]) for name, c in scores.items() if c in track}
    best = max(found, key=found.__getitem__, default="pi")
    return best if found.get(best, 0.0) > 0.0 else "pi"


def _generated(event: EventBatch, view: View, axis: int) -> Iterator[str]:
    """Charged stable particles, as they fly without matter."""
    if "particle" not in event.tables or "mc_px" not in event.particle:
        return
    particle = event.particle
    q = charges(particle["mc_pdg_id"])
    p = np.sqrt(sum(particle[f"mc_p{c}"].astype(np.float64) ** 2 for c in "xyz"))
    drawn = particle["mc_stable"].astype(bool) & (q != 0) & (p > LEAST_P)
    for i in np.flatnonzero(drawn & (particle["mc_pz"] > 0.0)):
        slope = float(particle["mc_px" if axis == 0 else "mc_py"][i] / particle["mc_pz"][i])
        z, x = float(particle["mc_vz"][i]), float(particle["mc_vx" if axis == 0 else "mc_vy"][i])
        kick = BEND * float(q[i]) * KICK / float(p[i]) if axis == 0 else 0.0
        name = SPECIES_NAMES.get(abs(int(particle["mc_pdg_id"][i])), str(particle["mc_pdg_id"][i]))
        text = escape(f"generated {name}, p {p[i] / 1e3:.1f} GeV")
        path = _path(view, _bent(z, x, slope, kick, ECAL_Z))
        yield f'<path class="truth" d="{path}"><title>{text}</title></path>'


def _vertices(event: EventBatch, view: View, axis: int) -> Iterator[str]:
    if "reco_vertex" not in event.tables:
        return
    vertex = event["reco_vertex"]
    for i in range(len(vertex)):
        u, v = view.at(float(vertex["z"][i]), float(vertex["xy"[axis]][i]))
        text = f"primary vertex of {vertex['n_tracks'][i]} tracks"
        yield f'<circle class="pv" cx="{u:.1f}" cy="{v:.1f}" r="3.5"><title>{text}</title></circle>'


def _clusters(event: EventBatch, view: View) -> Iterator[str]:
    """Clusters, their area by the root of the energy."""
    if "cluster" not in event.tables:
        return
    cluster = event["cluster"]
    for i in range(len(cluster)):
        u, v = view.at(float(cluster["x"][i]), float(cluster["y"][i]))
        energy = float(cluster["energy"][i])
        kind = "matched" if cluster["is_matched"][i] else "photon"
        radius = 1.5 + 2.0 * (energy / 1e3) ** 0.25
        text = f"{'with a track' if kind == 'matched' else 'neutral'}, {energy / 1e3:.2f} GeV"
        yield (
            f'<circle class="{kind}" cx="{u:.1f}" cy="{v:.1f}" r="{radius:.1f}">'
            f"<title>{text}</title></circle>"
        )


def _rings(event: EventBatch, view: View) -> Iterator[str]:
    """Rings that long tracks would leave in CF4 as what they are identified for."""
    track, masses = event.track, {SPECIES_NAMES[pdg]: m for pdg, m in MASSES.items()}
    for i in np.flatnonzero(track["track_type"] == schema.TRACK_TYPES["long"]):
        p, name = float(track["p"][i]), _hypothesis(event, int(i))
        cosine = math.hypot(p, masses[name]) / (_CF4 * p)
        kick = BEND * float(track["charge"][i]) * KICK / p
        u, v = view.at(float(track["tx"][i]) + kick, float(track["ty"][i]))
        yield f'<circle class="{name}" cx="{u:.1f}" cy="{v:.1f}" r="1.5"/>'
        if cosine < 1.0:
            radius = math.acos(cosine) / (2.0 * _RICH_SPAN) * view.height
            text = escape(f"track {i} as {name}, p {p / 1e3:.1f} GeV")
            yield (
                f'<circle class="ring {name}" cx="{u:.1f}" cy="{v:.1f}" r="{radius:.1f}">'
                f"<title>{text}</title></circle>"
            )


def event_page(event: EventBatch, name: str) -> str:
    """One event as a page that opens offline: what is shown can be chosen, dragged and enlarged.

    Args:
        event: as of `event_svg`.
        name: of the file.
    """
    head = {c: int(event.event[c][0]) for c in NEEDED["event"] + FURTHER["event"]
            if c in event.event}  # fmt: skip
    facts = ", ".join(f"{schema.column('event', c).export} {n}" for c, n in head.items())
    source = files(__package__).joinpath("display.html").read_text()
    return (
        source.replace("{{ title }}", escape(f"{name}, event {head['event_id']}"))
        .replace("{{ facts }}", escape(facts))
        .replace("{{ svg }}", event_svg(event))
    )
