"""Candidates of decays as a classifier learns from them.

A feature that is not a number (NaN) says that the candidate has none, as its pointing angle where
no primary vertex was found: such candidates are left out, and counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Columns, Ints, Mask
from ..decays.calibration import MOST_CANDIDATES, only_tree
from ..errors import SchemaError, SourceError, TrainingError
from ..io.ntuple_reader import damaged, open_root

CLASSES = ("background", "signal")
"""Names of the classes, in the order of their numbers."""


@dataclass(frozen=True)
class Candidates:
    """Trees of candidates, and what of them is read.

    Args:
        features: branches that a classifier may see.
        signal: branch, least and largest value by which a candidate is signal.
        tree: path of the tree in the files; that of the only decay if None.
    """

    features: tuple[str, ...]
    signal: tuple[str, float, float]
    tree: str | None = None

    def labelled(
        self, paths: Sequence[Path], part: tuple[float, float] = (0.0, 1.0)
    ) -> tuple[Columns, Ints]:
        """Features and classes (1 for signal), all of shape ``(n,)``.

        Args:
            paths: files of one domain.
            part: share of the candidates of each file, from and to.

        Raises:
            SourceError: if a file cannot be read or holds no such tree.
            SchemaError: naming file and branch, if one is missing or holds infinite numbers, the
                branch of the signal holds NaN, or no candidate has all features.
            TrainingError: if a class has no candidate.
        """
        name, low, high = self.signal
        columns = self._read(paths, (*self.features, name), part)
        told = columns[name] if name in self.features else columns.pop(name)
        labels = ((told >= low) & (told <= high)).astype(np.int64)
        for label, title in enumerate(CLASSES):
            if not (labels == label).any():
                where = ", ".join(map(str, paths))
                raise TrainingError(
                    f"{where}: no candidate is {title}, which is told by {name} from {low:g} to "
                    f"{high:g}"
                )
        return columns, labels

    def unlabelled(self, paths: Sequence[Path], part: tuple[float, float] = (0.0, 1.0)) -> Columns:
        """Features alone, of shape ``(n,)``; the branch that tells the signal is not looked at.

        Args:
            paths, part: as of `labelled`.

        Raises:
            SourceError, SchemaError: as `labelled`.
        """
        return self._read(paths, self.features, part)

    def are_known(self, paths: Sequence[Path]) -> bool:
        """Whether all files tell the signal.

        Raises:
            SourceError: as `labelled`.
        """
        for path in paths:
            with open_root(path) as file:
                if self.signal[0] not in set(file[_tree(path, file, self.tree)].keys()):
                    return False
        return True

    def left_out(self, paths: Sequence[Path]) -> list[str]:
        """A sentence for each file some of whose candidates lack a feature: how many, and which.

        Args:
            paths: as of `labelled`.

        Raises:
            SourceError, SchemaError: as `labelled`.
        """
        told = []
        for path in paths:
            columns = _branches(path, self.tree, self.features, self.features)
            lacking = {name: int(np.isnan(values).sum()) for name, values in columns.items()}
            if any(lacking.values()):
                without = ~_complete(columns, self.features)
                names = ", ".join(f"{name} of {n}" for name, n in lacking.items() if n)
                told.append(
                    f"{path.name}: {without.sum()} of {len(without)} candidates left out, without "
                    f"a value of features: {names}"
                )
        return told

    def _read(
        self, paths: Sequence[Path], names: Sequence[str], part: tuple[float, float]
    ) -> Columns:
        if not self.features:
            raise TrainingError("a classifier needs at least one feature; name some by --feature")
        found = [_branches(path, self.tree, names, self.features) for path in paths]
        for i, (path, columns) in enumerate(zip(paths, found, strict=True)):
            kept = _complete(columns, self.features)
            if not kept.any():
                raise SchemaError(
                    f"{path}: no candidate has a value of all of {', '.join(self.features)}"
                )
            found[i] = {name: values[kept] for name, values in columns.items()}
        some = []
        for columns in found:
            n = len(next(iter(columns.values())))
            some.append(slice(*(round(share * n) for share in part)))
        return {
            name: np.concatenate([one[name][mine] for one, mine in zip(found, some, strict=True)])
            for name in found[0]
        }


def _tree(path: Path, file: Any, wanted: str | None) -> str:
    """Path of the tree of candidates in a file.

    Raises:
        SourceError: if there is none, or several and none is wanted.
    """
    found = wanted or only_tree(path, file)
    if found not in file:
        raise SourceError(f"{path} holds no tree {found!r}")
    return found


def _complete(columns: Columns, features: Sequence[str]) -> Mask:
    """Which candidates have all features."""
    found: Mask = np.logical_and.reduce([~np.isnan(columns[name]) for name in features])
    return found


def _branches(
    path: Path, wanted: str | None, names: Sequence[str], features: Sequence[str]
) -> Columns:
    """Branches of one file as numbers: finite, but for NaN where a candidate lacks a feature."""
    names = list(dict.fromkeys(names))
    with open_root(path) as file:
        where = _tree(path, file, wanted)
        tree = file[where]
        if tree.num_entries > MOST_CANDIDATES:
            raise SourceError(
                f"{path}: {tree.num_entries} candidates; {MOST_CANDIDATES} can be read at a time"
            )
        missing = sorted(set(names) - set(tree.keys()))
        if missing:
            raise SchemaError(f"{path}: {where} lacks the branches {', '.join(missing)}")
        with damaged(path):
            found: Columns = dict(tree.arrays(names, library="np"))
    for name, values in found.items():
        if values.ndim != 1 or values.dtype.kind not in "biuf":
            raise SchemaError(f"{path}: branch {name!r} holds no plain numbers")
        bad = np.flatnonzero(np.isinf(values) if name in features else ~np.isfinite(values))
        if len(bad):
            raise SchemaError(f"{path}: branch {name!r} is {values[bad[0]]} in entry {bad[0]}")
    return {name: found[name].astype(np.float64) for name in names}
