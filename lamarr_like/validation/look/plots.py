"""What ``lamarr-like plot`` shows of an ntuple, kind by kind, from the columns that it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...arrays import Floats
from ...errors import SchemaError, SourceError
from ...events import EventBatch, concatenate
from ...io.ntuple_reader import TREE, branch_names, open_root, read_events
from ...runs.redraw import first_events
from ...schema import COLUMNS
from ...statistics.binned import Curve, curve, gaussian_width, share_of
from ..bins import SPECIES
from ..series import Series, of_curve, series
from ..tracks import tracks

P_EDGES = (2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 35.0, 60.0, 100.0)
"""Bins of momentum [GeV]."""
PT_EDGES = (0.1, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
"""Bins of the inverse of the transverse momentum [1/GeV]."""
MOST_CANDIDATES = 1_000_000
"""Candidates of a decay that a mass is drawn of."""
_LONG = 3
_BINS = 50


class Kind(NamedTuple):
    """One kind of plots.

    Attributes:
        title: above its sheet.
        needs: columns by table; without one of them there is no such sheet.
        draw: makes its series.
        further: columns of tracks that it also shows, where they are there.
    """

    title: str
    needs: dict[str, tuple[str, ...]]
    draw: Callable[[EventBatch], Iterator[Series]]
    further: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ntuple:
    """An ntuple as far as it is plotted.

    Args:
        name: of the file.
        batch: its events with the columns that the plots need and it has.
        masses: masses of the heads of its decays [MeV], by ``decay: branch``.
    """

    name: str
    batch: EventBatch
    masses: dict[str, Floats]


def read_ntuple(path: Path, kinds: Sequence[str], events: int | None = None) -> Ntuple:
    """Read what plots of some kinds need.

    Args:
        path: an ntuple, fast or detailed.
        kinds: some of `KINDS`.
        events: how many, None for all.

    Raises:
        SourceError: if it cannot be read or holds no event.
        SchemaError: if it has nothing that these plots show.
    """
    with open_root(path) as file:
        if TREE not in file:
            raise SchemaError(f"{path}: has no tree {TREE!r}; it has {', '.join(file.keys())}")
        there = set(branch_names(file[TREE]))
        masses = dict(_masses(file)) if "masses" in kinds else {}
    wanted: dict[str, list[str]] = {"event": ["event_id"]}
    for kind in kinds:
        own = [*KINDS[kind].needs.items(), ("track", KINDS[kind].further)]
        for table, names in own:
            have = wanted.setdefault(table, [])
            have += [n for n in names if n not in have and COLUMNS[table, n].branch in there]
    wanted = {table: names for table, names in wanted.items() if names}
    parts = list(first_events(read_events(path, wanted), events))
    if not sum(map(len, parts)):
        raise SourceError(f"{path}: holds no events")
    return Ntuple(path.name, concatenate(parts), masses)


def _masses(file: Any) -> Iterator[tuple[str, Floats]]:
    """Masses of the heads of all decays in a file; a head's branch is the first that has a mass."""
    for key in file.keys(cycle=False):
        folder, _, tree = key.rpartition("/")
        if tree == "DecayTree" and folder:
            branch = next((b for b in branch_names(file[key]) if b.endswith("_M")), None)
            if branch is not None:
                values = file[key][branch].array(library="np", entry_stop=MOST_CANDIDATES)
                yield f"{folder}: {branch}", np.asarray(values, np.float64)


def sheets(kind: str, ours: Ntuple, beside: Ntuple | None) -> list[Series]:
    """All series of a kind, ours and those of another ntuple as their reference.

    Args:
        kind: key of `KINDS`.
        ours: what is shown.
        beside: what it is shown beside, if anything.
    """
    found = _of_one(kind, ours)
    if beside is None:
        return found
    others = {(one.panel, one.name): one for one in _of_one(kind, beside)}
    return [_beside(one, others.get((one.panel, one.name)), beside.name) for one in found]


def _of_one(kind: str, ntuple: Ntuple) -> list[Series]:
    if kind == "masses":
        return list(_of_masses(ntuple.masses))
    needs = KINDS[kind].needs
    batch = ntuple.batch
    lacking = [t for t, names in needs.items() for n in names
               if t not in batch.tables or n not in batch[t]]  # fmt: skip
    return [] if lacking else list(KINDS[kind].draw(batch))


def _beside(one: Series, other: Series | None, name: str) -> Series:
    """A series with another as its reference; what is binned otherwise is left out."""
    if other is None or len(other.ours) != len(one.ours):
        return one
    return Series(**{**vars(one), "reference": other.ours, "reference_error": other.error,
                     "beside": f"{one.name}, {name}".strip(", ")})  # fmt: skip


# --- kinds


def _histogram(
    labels: tuple[str, str, str], values: Floats, edges: Floats, n_events: int, **look: Any
) -> Series:
    """Entries per event and bin."""
    counts, _ = np.histogram(values, edges)
    return series(labels, edges, counts / max(n_events, 1), style="steps", **look)


def _occupancy(batch: EventBatch) -> Iterator[Series]:
    columns = {"n_tracks": ("nTracks", 400), "n_spd_hits": ("nSPDHits", 900), "n_pvs": ("nPVs", 9)}
    for name, (title, most) in columns.items():
        step = max(most // _BINS, 1)
        edges = np.arange(-0.5, most + step, step)
        labels = (title, title, "share of the events")
        yield _histogram(labels, batch.event[name], edges, len(batch))


def _spectra(batch: EventBatch) -> Iterator[Series]:
    track = batch.track
    long = track["track_type"] == _LONG
    quantities = {
        "p": ("p [GeV]", 1e-3, np.geomspace(1.0, 200.0, _BINS), True),
        "pt": ("pT [GeV]", 1e-3, np.geomspace(0.05, 10.0, _BINS), True),
        "eta": ("eta", 1.0, np.linspace(1.5, 5.5, _BINS), False),
    }
    for name, (label, scale, edges, log) in quantities.items():
        if name in track:
            labels = (f"long tracks, {label.partition(' ')[0]}", label, "tracks per event")
            values = scale * track[name][long]
            yield _histogram(labels, values, edges, len(batch), log_x=log, log_y=log)


def _resolutions(batch: EventBatch) -> Iterator[Series]:
    found = tracks(batch)
    p = found["p"] / 1e3
    soft = found["species"] != SPECIES["e"]
    labels = ("momentum resolution", "p [GeV]", "core width of dp/p")
    yield of_curve(labels, _curve(found["dp"][soft], p[soft]), log_x=True)
    softness = 1e3 * np.cosh(found["eta"][soft]) / found["p"][soft]
    ip = curve(1e3 * found["dx"][soft], softness, PT_EDGES, gaussian_width, 50).known
    yield of_curve(("impact parameter in x", "1/pT [1/GeV]", "core width [um]"), ip)
    for name, title in (("pull_x", "pull of x"), ("pull_qop", "pull of q/p")):
        if name in found:
            labels = (title, title, "share of the tracks")
            values = found[name][soft]
            edges_of_pull = np.linspace(-5.0, 5.0, _BINS + 1)
            yield _histogram(labels, values, edges_of_pull, len(values))


def _curve(values: Floats, p: Floats) -> Curve:
    return curve(values, p, P_EDGES, gaussian_width, 50).known


_PID = (
    ("kaons by PIDK > 0", "pid_k", 0.0, (("K as K", "K"), ("pi as K", "pi"))),
    ("protons by PIDp > 0", "pid_p", 0.0, (("p as p", "p"), ("pi as p", "pi"))),
    ("muons by isMuon", "is_muon", 0.5, (("mu as mu", "mu"), ("pi as mu", "pi"), ("K as mu", "K"))),
    ("electrons by PIDe > 0", "pid_e", 0.0, (("e as e", "e"), ("pi as e", "pi"))),
)


def _identification(batch: EventBatch) -> Iterator[Series]:
    found = tracks(batch)
    for panel, column, cut, shown in _PID:
        if column not in found:
            continue
        for name, species in shown:
            mine = found["species"] == SPECIES[species]
            passed = found[column][mine] > cut
            points = curve(passed, found["p"][mine] / 1e3, P_EDGES, share_of, 20).known
            labels = (panel, "p [GeV]", "share of the long tracks")
            yield of_curve(labels, points, name=name, log_x=True)


def _of_masses(masses: dict[str, Floats]) -> Iterator[Series]:
    for name, values in masses.items():
        good = values[np.isfinite(values)]
        if not len(good):
            continue
        low, high = np.quantile(good, [0.005, 0.995])
        edges = np.linspace(low, max(high, low + 1.0), _BINS + 1)
        counts, _ = np.histogram(good, edges)
        labels = (f"{name}, {len(good)} candidates", "mass [MeV]", "candidates")
        yield series(labels, edges, counts.astype(np.float64), style="steps")


_TRUTH = {
    "particle": (
        *("mcparticle_id", "mc_pdg_id", "mc_stable", "mc_px", "mc_py", "mc_pz"),
        *("mc_vx", "mc_vy", "mc_vz"),
    ),
    "track": ("mcparticle_id", "track_type", "origin", "charge", "x", "y", "z", "tx", "ty", "p"),
    "event": ("n_spd_hits",),
}
KINDS: dict[str, Kind] = {
    "occupancy": Kind("Occupancy", {"event": ("n_tracks", "n_spd_hits", "n_pvs")}, _occupancy),
    "spectra": Kind("Long tracks", {"track": ("track_type", "p")}, _spectra, ("pt", "eta")),
    "resolutions": Kind(
        "Resolutions, against generated particles",
        *(_TRUTH, _resolutions, tuple(f"cov{i}{i}" for i in range(5))),
    ),
    "identification": Kind(
        "Identification, against generated particles",
        *(_TRUTH, _identification, ("pid_k", "pid_p", "pid_e", "is_muon")),
    ),
    "masses": Kind("Masses of candidates", {}, lambda batch: iter(())),
}
"""Kinds of plots by name."""
