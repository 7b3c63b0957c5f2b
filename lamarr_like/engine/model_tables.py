"""Tables of a model, and checks of what it draws."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from ..errors import ArtefactError
from .artefact import MAX_BYTES
from .atoms import FREE, Atoms
from .model_config import MAX_KNOT, MAX_WHOLE
from .normal_scores import ConditionTransform, NormalScores

MAX_EXCESS = 1e-3
"""How far from 1 the sum of probabilities may be: they are float32."""
MAX_LIMIT = 10.0
"""Greatest normal score that a table may end at."""
MAX_TABLES = 16
"""Most tables in ``transforms.npz``."""


def read_scores(
    arrays: Mapping[str, np.ndarray], prefix: str, n: int, where: str, whole: Sequence[bool] = ()
) -> NormalScores:
    """Tables of `n` columns, of which some may be whole numbers.

    Args:
        arrays: knots, shape ``(n, m)``, and limits, shape ``(n,)``, by name.
        prefix: of their names.
        n: number of columns.
        where: what is read, for messages.
        whole: whether each column is of whole numbers; none is if it is empty.

    Raises:
        ArtefactError: if they are of another shape or out of bounds.
    """
    table = f"{where}: {prefix} in transforms.npz"
    knots, limits = (arrays[f"{prefix}_{name}"] for name in ("knots", "limits"))
    if knots.dtype.kind != "f" or limits.dtype.kind != "f" or limits.shape != (n,):
        raise ArtefactError(f"{table} are no tables of {n} columns")
    if knots.ndim != 2 or len(knots) != n or knots.shape[1] < 2:
        raise ArtefactError(f"{table} have the shape {knots.shape}, expected ({n}, m)")
    most = np.full(n, MAX_KNOT)
    most[np.flatnonzero(whole)] = MAX_WHOLE
    # Written so that NaN fails.
    if not (np.abs(knots) <= most[:, None]).all() or not (np.diff(knots, axis=1) >= 0).all():
        raise ArtefactError(f"{table} are not finite, too large or in disorder")
    if not ((limits > 0.0) & (limits <= MAX_LIMIT)).all():
        raise ArtefactError(f"{table} end at scores that are not within 0 and {MAX_LIMIT}")
    return NormalScores(knots, limits)


def read_transform(
    arrays: Mapping[str, np.ndarray], flags: Sequence[bool], where: str
) -> ConditionTransform:
    """The transform of conditions, of which some are flags.

    Args:
        arrays: tables of the `k` conditions that are no flags, of the shapes of `read_scores`.
        flags: whether each condition is a flag.
        where: what is read, for messages.
    """
    scores = read_scores(arrays, "conditions", len(flags) - sum(flags), where)
    return ConditionTransform(list(flags), scores)


def read_arrays(files: Mapping[str, bytes], where: str) -> dict[str, np.ndarray]:
    """The tables in ``transforms.npz``, of whatever shape is written there."""
    return read_tables(file_of(files, "transforms.npz", where), "transforms.npz", where)


def read_tables(
    content: bytes, file: str, where: str, names: Collection[str] = ()
) -> dict[str, np.ndarray]:
    """Arrays of a file of a stranger, of whatever shape is written there.

    Args:
        content: the file, as of `numpy.savez`.
        file: its name, and
        where: that of its model, for messages.
        names: names that the arrays must have, these and no others; any where empty.

    Raises:
        ArtefactError: if there are other arrays, too many of them, or they unpack to too much.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        entries = packed.infolist()
        if names and {e.filename for e in entries} != {f"{name}.npy" for name in names}:
            raise ArtefactError(f"{where}: {file} holds other tables than {', '.join(names)}")
        if len(entries) > MAX_TABLES:
            raise ArtefactError(f"{where}: {file} holds {len(entries)} tables")
        if sum(entry.file_size for entry in entries) > MAX_BYTES:
            raise ArtefactError(f"{where}: {file} unpacks to more than {MAX_BYTES} bytes")
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return dict(archive)


def file_of(files: Mapping[str, bytes], name: str, where: str) -> bytes:
    """A file of a model."""
    if name not in files:
        raise ArtefactError(f"{where} lacks {name}")
    return files[name]


def check_probabilities(
    found: np.ndarray, where: str, classes: Sequence[object] = (), *, exclusive: bool = True
) -> None:
    """Refuse what a model gives for probabilities, shape ``(..., n)``, and is none.

    Args:
        found: what it gives.
        where: name of the model, for messages.
        classes: names of the classes.
        exclusive: whether they must add up to one.

    Raises:
        ArtefactError: naming the model and the class.
    """
    # Written so that NaN fails.
    fits = (found >= 0.0) & (found <= 1.0 + MAX_EXCESS)
    if not fits.all():
        place = np.argwhere(~fits)[0]
        name = classes[place[-1]] if len(classes) else place[-1]
        value = found[tuple(place)]
        raise ArtefactError(f"{where}: the probability of class {name!r} is {value}")
    sums = found.sum(axis=-1, dtype=np.float64)
    if exclusive and len(sums) and not (np.abs(sums - 1.0) <= MAX_EXCESS).all():
        worst = sums.flat[int(np.abs(sums - 1.0).argmax())]
        raise ArtefactError(f"{where}: the probabilities of a row add up to {worst}, not to 1")


def drawn_ranges(
    outputs: Sequence[str], scores: NormalScores, atoms: Atoms
) -> dict[str, tuple[float, float]]:
    """Smallest and largest value that each output can be drawn with."""
    ends = [[float(ks[0]), float(ks[-1]), *atoms.values[k]] for k, ks in enumerate(scores.knots)]
    for k in range(len(ends)):
        copied = {-2 - int(code) for code in atoms.patterns[:, k] if code < FREE}
        ends[k] += [one for j in copied for one in (min(ends[j]), max(ends[j]))]
    return {name: (min(e), max(e)) for name, e in zip(outputs, ends, strict=True)}


def check_atoms(found: np.ndarray, n: int, where: str) -> None:
    """Refuse classes of atoms, shape ``(n_rows,)``, that are none of `n`.

    Raises:
        ArtefactError: naming the model.
    """
    wrong = ~((found >= 0) & (found < n) & (found == np.rint(found)))
    if wrong.any():
        raise ArtefactError(f"{where}: class {found[wrong][0]} of its atoms, there are {n}")
