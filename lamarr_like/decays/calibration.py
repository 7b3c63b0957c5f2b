"""Calibration samples: the tracks of candidates, each with a weight that takes the background away.

What comes out holds no truth: species are those that the decay says, momenta and vertices are
reconstructed.  Trainings read it by the mapping ``calibration``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import ks_2samp

from .. import __version__, schema
from ..arrays import Columns, Floats
from ..errors import DecayError, LamarrLikeError, SchemaError, SourceError
from ..files.output import RootOutput
from ..files.places import check_output
from ..files.yaml_json import parse_json
from ..io.ntuple_reader import damaged, open_root
from ..statistics.averaged_weights import averaged_weights
from ..statistics.binned import effective
from ..statistics.sweights import MassFit, fit_mass
from .branches import TREE
from .descriptor import parse_decay

TRACKS = "Tracks"
"""Name of the tree that is written, one entry a track."""
MOST_CANDIDATES = 3_000_000
"""Candidates that are read at the most, of all files together."""
UNLIKE = 0.001
"""Probability of equal sidebands below which they are told to differ."""

_EVENT = ("nTracks", "nSPDHits")
_OWN = ("ID", "P", "PX", "PY", "PZ", "PT", "ETA")
_FIT = ("TRACK_Type", "TRACK_CHI2NDOF", "TRACK_NDOF", "TRACK_GhostProb", "TRACK_Charge")
_GIVEN = ("rich_", "pid_", "prob_", "calo_dll", "muon_", "is_muon", "in_", "has_", "brem")
_ANSWERS = tuple(c.export for c in schema.table_columns("track") if c.name.startswith(_GIVEN))
_ALIKE = ("P", "PT", "ETA", "TRACK_CHI2NDOF", *_EVENT, *_ANSWERS)
"""Branches in which tracks are alike whose weights are averaged, as far as there are."""
_COMPARED = ("P", "ETA", "PIDK", "PIDmu")
"""Branches of a track of which both sidebands are compared."""


@dataclass(frozen=True)
class Calibration:
    """What is fitted, and which tracks are kept.

    Args:
        mass: branch of the mass, or two with ``-`` between them.
        window: range of the fit [MeV].
        signal, background: laws of the mass (`lamarr_like.statistics.sweights`).
        terms: functions of the background, 1 for sWeights.
        least: values of branches below which candidates are left out.
        tracks: names of the tracks that are kept; all if there are none.
        tree: path of the tree in the file; that of the only decay if None.
    """

    mass: str
    window: tuple[float, float]
    signal: str = "double-gauss"
    background: str = "exponential"
    terms: int = 1
    least: Mapping[str, float] = field(default_factory=dict)
    tracks: tuple[str, ...] = ()
    tree: str | None = None


@dataclass(frozen=True)
class CalibrationSummary:
    """What a run found.

    Attributes:
        fit: the mass.
        tracks: rows written.
        weights: sum of the weights of the candidates, and how many of weight one say as much.
        unlike: background of both sidebands that differs: branch, distance of Kolmogorov, p-value.
    """

    fit: MassFit
    tracks: int
    weights: tuple[float, float]
    unlike: tuple[tuple[str, float, float], ...]

    def lines(self) -> Iterator[str]:
        """What there is to tell."""
        fit = self.fit
        (signal, background), (error, _) = fit.yields, fit.errors
        yield (
            f"{signal:.0f} +- {error:.0f} signal, {background:.0f} background; peak at "
            f"{fit.mean:.2f} MeV, core {fit.width:.2f} MeV wide; chi2 {fit.chi2:.0f} of {fit.dof}"
        )
        total, size = self.weights
        yield f"weights sum to {total:.0f} and say as much as {size:.0f} of weight one"
        yield f"{self.tracks} tracks"
        for name, distance, p in self.unlike:
            yield (
                f"{name} of the background differs between the sidebands ({distance:.3f}, p = "
                f"{p:.1g}): weights may be biased; try more --terms"
            )


def weigh(
    paths: Sequence[str | Path],
    output: str | Path,
    wanted: Calibration,
    command: str = "",
    force: bool = False,
) -> CalibrationSummary:
    """Fit the mass of candidates and write their tracks with weights.

    Args:
        paths: files with trees of candidates, as ``lamarr-like decays`` and DaVinci write them.
        output: ROOT file to write.
        wanted: what to do.
        command: command line, kept in the file.
        force: replace an existing file.

    Raises:
        LamarrLikeError: naming the file, branch and what to do; nothing is left under the name.
    """
    check_output(output, paths, force=force)
    parts = [_read(Path(path), wanted) for path in paths]
    columns = {name: np.concatenate([p[name] for p, _ in parts]) for name in parts[0][0]}
    vertices = parts[0][1]
    if any(set(p) != set(columns) or v != vertices for p, v in parts):
        raise SchemaError(f"{paths[0]} and the other files hold different branches or decays")
    mass = columns.pop("mass")
    where = f"{', '.join(map(str, paths))}: {wanted.mass}"
    fit = fit_mass(mass, wanted.window, wanted.signal, wanted.background, where)
    weights = fit.weights(mass, wanted.terms)
    kept = (mass >= wanted.window[0]) & (mass <= wanted.window[1])
    tables = [
        _track(columns, name, vertex, mass, weights, kept) for name, vertex in vertices.items()
    ]
    rows = {k: np.concatenate([t[k] for t in tables]) for k in tables[0]}
    metadata = {"program": f"lamarr_like {__version__}", "command": command, "mass": wanted.mass}
    with _Output(output, metadata, force) as file:
        file.write(rows)
    side = fit.aside(mass)
    unlike = tuple(_unlike(columns, list(vertices), side))
    said = (float(weights.sum()), effective(weights[kept]))
    return CalibrationSummary(fit, len(rows["sweight"]), said, unlike)


class _Output(RootOutput):
    """The file of tracks."""

    def __init__(self, path: str | Path, metadata: Mapping[str, Any], force: bool) -> None:
        super().__init__(path, force)
        self.metadata = dict(metadata)

    def write(self, columns: Columns) -> None:
        """Write the tree."""
        self._file.mktree(TRACKS, {k: v.dtype for k, v in columns.items()}).extend(columns)

    def _finish(self) -> None:
        self._file["provenance"] = json.dumps(self.metadata, indent=1, sort_keys=True)


def _read(path: Path, wanted: Calibration) -> tuple[Columns, dict[str, str]]:
    """Branches of candidates, ``mass`` among them, and the vertex that each track comes from."""
    with open_root(path) as file:
        name = wanted.tree or only_tree(path, file)
        if name not in file:
            raise SourceError(f"{path} holds no tree {name!r}")
        tree = file[name]
        if tree.num_entries > MOST_CANDIDATES:
            raise SourceError(
                f"{path}: {tree.num_entries} candidates; {MOST_CANDIDATES} can be read at a time"
            )
        there = set(tree.keys())
        vertices = _vertices(path, file, name, there, wanted.tracks)
        terms = wanted.mass.split("-")
        if not re.fullmatch(r"\w+(-\w+)?", wanted.mass):
            raise DecayError(f"{wanted.mass!r} is no branch, nor two with - between them")
        needed = [*_EVENT, *terms, *wanted.least]
        for track, vertex in vertices.items():
            needed += [f"{track}_{k}" for k in (*_OWN, *_FIT)]
            needed += [f"{vertex}_ENDVERTEX_{a}" for a in "XYZ"]
        missing = sorted(set(needed) - there)
        if missing:
            raise SchemaError(f"{path}: {name} lacks the branches {', '.join(missing)}")
        answers = [f"{t}_{k}" for t in vertices for k in _ANSWERS]
        names = list(dict.fromkeys([*needed, *(k for k in answers if k in there)]))
        with damaged(path):
            found: Columns = dict(tree.arrays(names, library="np"))
    found["mass"] = _checked(path, found, terms)
    passed = np.ones(len(found["mass"]), dtype=np.bool_)
    for name, value in wanted.least.items():
        passed &= found[name] >= value
    return {name: values[passed] for name, values in found.items()}, vertices


def _checked(path: Path, columns: Columns, terms: list[str]) -> Floats:
    """The mass; every branch holds one finite number a candidate.

    Raises:
        SchemaError: naming the file, branch and entry where not.
    """
    n = len(columns[terms[0]])
    for name, values in columns.items():
        if values.shape != (n,) or values.dtype.kind not in "biuf":
            raise SchemaError(f"{path}: branch {name!r} holds no plain numbers")
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            raise SchemaError(f"{path}: branch {name!r} is {values[bad[0]]} in entry {bad[0]}")
    first, *other = (columns[t].astype(np.float64) for t in terms)
    return first - other[0] if other else first


def only_tree(path: Path, file: Any) -> str:
    """Path of the tree of candidates in a file that holds one.

    Raises:
        SourceError: if it holds none or several.
    """
    found = [k for k in file.keys(cycle=False) if k.split("/")[-1] == TREE]
    if len(found) != 1:
        there = ", ".join(found) or "none"
        raise SourceError(f"{path}: trees of candidates are {there}; name one by --tree")
    return str(found[0])


def _vertices(
    path: Path, file: Any, tree: str, there: set[str], tracks: Sequence[str]
) -> dict[str, str]:
    """The branch of the vertex of each track: its mother's, as the descriptor in the file says.

    In files of other programs it is the first that the tree has.
    """
    leaves = [k.removesuffix("_TRACK_Type") for k in sorted(there) if k.endswith("_TRACK_Type")]
    unknown = sorted(set(tracks) - set(leaves))
    if unknown or not leaves:
        raise SchemaError(
            f"{path}: {tree} has no track {', '.join(unknown) or 'at all'}; it has "
            f"{', '.join(leaves) or 'none'}"
        )
    mothers = _mothers(path, file, tree)
    vertices = [k.removesuffix("_ENDVERTEX_X") for k in there if k.endswith("_ENDVERTEX_X")]
    if not vertices:
        raise SchemaError(f"{path}: {tree} has no branch that ends with _ENDVERTEX_X")
    first = min(vertices)
    found = {t: mothers.get(t, first) for t in tracks or leaves}
    return {t: v if v in vertices else first for t, v in found.items()}


def _mothers(path: Path, file: Any, tree: str) -> dict[str, str]:
    """What each track stems from, by names of branches; nothing where the file does not tell."""
    if "branches" not in file:
        return {}
    try:
        texts = parse_json(str(file["branches"]), str(path), SchemaError)["decays"]
        head = parse_decay(texts[tree.split("/", maxsplit=1)[0]]).head
    except (LamarrLikeError, KeyError, TypeError):
        return {}
    return {d.branch: c.branch for c in head.composites() for d in c.daughters}


def _track(
    columns: Columns, name: str, vertex: str, mass: Floats, weights: Floats, kept: np.ndarray
) -> Columns:
    """Rows of one track of the candidates that are kept."""
    found: Columns = {
        "candidate": np.flatnonzero(kept),
        "mass": mass[kept],
        "sweight": weights[kept],
    }
    found |= {k: columns[k][kept] for k in _EVENT}
    own = (k for k in (*_OWN, *_FIT, *_ANSWERS) if f"{name}_{k}" in columns)
    found |= {k: columns[f"{name}_{k}"][kept] for k in own}
    alike = np.stack([found[k].astype(np.float64) for k in _ALIKE if k in found], axis=1)
    found["mean_sweight"] = averaged_weights(alike, found["sweight"], found["candidate"])
    return found | {f"V{a}": columns[f"{vertex}_ENDVERTEX_{a}"][kept] for a in "XYZ"}


def _unlike(
    columns: Columns, tracks: Sequence[str], side: np.ndarray
) -> Iterator[tuple[str, float, float]]:
    """Branches of which the background differs between the sidebands, with KS distance and p."""
    low, high = side == -1, side == 1
    names = [f"{t}_{k}" for t in tracks for k in _COMPARED]
    for name in [*(n for n in names if n in columns), "nTracks"]:
        if min(low.sum(), high.sum()) < 20:
            return
        test = ks_2samp(columns[name][low], columns[name][high], method="asymp")
        if test.pvalue < UNLIKE:
            yield name, float(test.statistic), float(test.pvalue)
