"""Training samples as the networks see them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..arrays import Floats, Floats32, Ints, Ints32, Mask
from ..engine.atoms import Atoms
from ..engine.normal_scores import ConditionTransform, NormalScores, dequantise
from ..errors import TrainingError
from ..rng import stage_key
from ..statistics.two_sample import Auc, c2st

_ROUNDING = 1e-12
"""Relative spread up to which a column is constant: a model must not learn from its digits."""

Columns = Mapping[str, np.ndarray]
Metric = Callable[[Columns, Columns, Columns, np.ndarray], Auc]
"""Real outputs, drawn outputs, conditions, weights of held-out rows to a figure with its error;
less is better."""


def quick_c2st(real: Columns, fake: Columns, conditions: Columns, weights: np.ndarray) -> Auc:
    """AUC of a two-fold classifier two-sample test with equality flags.

    Columns and weights are of shape ``(n,)``.
    """
    return c2st(
        real, fake, conditions, weights=weights, equalities=True, folds=2, trees=100, depth=5
    )


@dataclass(frozen=True)
class LabelledRows:
    """What a classifier learns from.

    Args:
        conditions: arrays of shape ``(n,)``; the model asks for them by these names.
        labels: position of the class of each row, shape ``(n,)``.
        classes: names of the classes.
        weights: shape ``(n,)``, possibly negative; None for ones.
        target: conditions of rows of another domain, whose classes nobody tells, arrays of shape
            ``(m,)``; for families that become blind to the domain.
    """

    conditions: Columns
    labels: np.ndarray
    classes: Sequence[str]
    weights: np.ndarray | None = None
    target: Columns | None = None


class Number(Protocol):
    """A number of each row that a training can emphasise: `lamarr_like.stages.metrics.Metric`."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def conditions(self) -> tuple[str, ...]:
        """Conditions that it is made of."""

    @property
    def value(self) -> Callable[[Mapping[str, Any], Mapping[str, Any]], Any]:
        """Outputs and conditions to the number."""

    @property
    def cut(self) -> float | None:
        """Where it is whether the value is above this."""

    @property
    def softness(self) -> float:
        """Width of the cut where a slope is needed."""

    @property
    def differentiable(self) -> bool:
        """Whether `value` takes tensors."""

    @property
    def n_cells(self) -> int:
        """Cells in which its mean and spread have to be right."""

    def numbers(self, outputs: Columns, conditions: Columns) -> Floats:
        """The number of each row, shape ``(n,)``."""


class Emphasis(NamedTuple):
    """What a training is to get right above all.

    Attributes:
        number: the number.
        cells: cell of each row, -1 for none, shape ``(n,)``.
    """

    number: Number
    cells: np.ndarray


@dataclass(frozen=True)
class VectorRows:
    """What a generator learns from.

    Args:
        conditions: arrays of shape ``(n,)``; the model asks for them by these names.
        targets: arrays of shape ``(n,)``, in the order in which they are to be drawn (from the
            most informative).
        weights: shape ``(n,)``, possibly negative; None for ones.
        integers: targets that are integers.
        pulls: targets in units of their expected resolution, see `NormalScores.fit`.
        metric: figure on held-out rows that chooses the state to keep.
        emphasis: what is to be right above all, of families that can.
    """

    conditions: Columns
    targets: Columns
    weights: np.ndarray | None = None
    integers: frozenset[str] = frozenset()
    pulls: frozenset[str] = frozenset()
    metric: Metric = quick_c2st
    emphasis: Emphasis | None = None


@dataclass(frozen=True)
class PairedRows:
    """What a refiner learns from: rows of two samples of the same generated things.

    Args:
        conditions: of the rows to be refined, arrays of shape ``(n,)``.
        fast: what was drawn for them, shapes ``(n,)``.
        detailed_conditions: of the rows to refine to, the same names and shapes.
        detailed: what these have, the same names and shapes.
        weights: shape ``(n,)``, none negative; None for ones.
        are_pairs: whether a row of one sample is the same generated thing as that of the other.
    """

    conditions: Columns
    fast: Columns
    detailed_conditions: Columns
    detailed: Columns
    weights: np.ndarray | None = None
    are_pairs: bool = True


def stream(seed: int, purpose: str) -> np.random.Generator:
    """A generator of random numbers of its own for each purpose.

    Two uses of one seed must not share numbers: noise that repeats the numbers a toy sample was
    made of would be learnt as a correlation.
    """
    return np.random.default_rng(int(stage_key(seed, f"nets {purpose}")))


def checked_columns(columns: Mapping[str, np.ndarray], n: int, what: str) -> dict[str, Floats]:
    """Float64 copies of training columns, shape ``(n,)``; what differs by rounding alone is equal.

    Raises:
        TrainingError: for another length than ``n`` or values that are not finite.
    """
    result = {}
    for name, values in columns.items():
        array = np.asarray(values, dtype=np.float64)
        if array.shape != (n,):
            raise TrainingError(f"{what} {name!r} has shape {array.shape}, expected ({n},)")
        bad = np.flatnonzero(~np.isfinite(array))
        if len(bad):
            raise TrainingError(f"{what} {name!r} is {array[bad[0]]} in row {bad[0]}")
        if n and np.ptp(array) <= _ROUNDING * max(float(np.abs(array).max()), 1.0):
            array = np.full(n, array[0])
        result[name] = array
    return result


def checked_weights(weights: np.ndarray | None, n: int) -> Floats:
    """Weights scaled to a mean of one; ones for None; shape ``(n,)``.

    Raises:
        TrainingError: if they do not fit or do not sum to something positive.
    """
    if weights is None:
        return np.ones(n)
    w = checked_columns({"weight": weights}, n, "column")["weight"]
    if not w.sum() > 0:
        raise TrainingError("the weights of the training sample sum to nothing positive")
    result: Floats = w * (n / w.sum())
    return result


def data_digest(*tables: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of the names, types, shapes and values of training columns."""
    digest = hashlib.sha256()
    for table in tables:
        for name, column in table.items():
            values = np.asarray(column)
            digest.update(f"{name} {values.dtype.str} {values.shape}\n".encode())
            digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def archive(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Arrays of any shape as the bytes of an ``.npz`` file."""
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **dict(arrays))
    return stream.getvalue()


def split(n: int, share: float, seed: int, most: int = 30_000) -> Mask:
    """Which rows are held out, shape ``(n,)``."""
    held = np.zeros(n, dtype=bool)
    held[stream(seed, "split").permutation(n)[: min(int(n * share), most)]] = True
    return held


@dataclass(frozen=True)
class GeneratorSample:
    """A training sample of a conditional generator.

    Args:
        transform: conditions to network input.
        scores: outputs to normal scores.
        atoms: classes of exact equalities.
        integer: whether each output is an integer.
        x: network input, shape ``(n, n_conditions)``.
        atom: class of each row, shape ``(n,)``.
        y: normal scores of the outputs, zero where they are not free; shape ``(n, n_outputs)``.
        weights: mean one, shape ``(n,)``.
        rows: the sample as it came, where it did.
    """

    transform: ConditionTransform
    scores: NormalScores
    atoms: Atoms
    integer: Mask
    x: Floats32
    atom: Ints32
    y: Floats32
    weights: Floats32
    rows: VectorRows | None = None


def prepare_generator_sample(rows: VectorRows, *, knots: int, seed: int) -> GeneratorSample:
    """Fit the transforms and apply them.

    Args:
        rows: the sample.
        knots: knots of the transforms of the targets.
        seed: seed of the dequantisation.

    Raises:
        TrainingError: if a column cannot be used.
    """
    conditions, targets = rows.conditions, rows.targets
    if not targets or not conditions:
        raise TrainingError("a generator needs at least one condition and one target")
    n = len(next(iter(targets.values())))
    if n < 100:
        raise TrainingError(f"{n} rows are too few to train a generator on; 100 is the least")
    x = list(checked_columns(conditions, n, "condition").values())
    outputs = np.stack(list(checked_columns(targets, n, "target").values()), axis=1)
    w = checked_weights(rows.weights, n)
    integer = np.array([name in rows.integers for name in targets])
    places = [k for k, name in enumerate(targets) if name in rows.pulls]
    scores, atoms, atom, y = prepare_outputs(
        outputs, integer, w, knots=knots, seed=seed, pulls=places
    )
    transform = ConditionTransform.fit(x, w)
    return GeneratorSample(
        transform=transform,
        scores=scores,
        atoms=atoms,
        integer=integer,
        x=transform(x),
        atom=atom.astype(np.int32),
        y=y,
        weights=w.astype(np.float32),
        rows=rows,
    )


def prepare_outputs(
    outputs: Floats,
    integer: Mask,
    w: Floats,
    *,
    knots: int,
    seed: int,
    pulls: Collection[int] = (),
) -> tuple[NormalScores, Atoms, Ints, Floats32]:
    """Transforms, classes of atoms, class of each row and normal scores of outputs.

    Args:
        outputs: shape ``(n, k)``; integers in it are dequantised in place.
        integer: whether each is an integer, shape ``(k,)``.
        w: weights, shape ``(n,)``.
        knots: knots of the transforms.
        seed: seed of the dequantisation.
        pulls: outputs in units of their expected resolution.
    """
    n = len(outputs)
    atoms = Atoms.detect(outputs, integer, w)
    atom = atoms.classify(outputs, integer)
    free = atoms.free[atom]
    rng = stream(seed, "dequantise")
    for k in np.flatnonzero(integer):
        outputs[:, k] = dequantise(outputs[:, k], rng.random(n))
    # A column that is free in no class still needs a table; it is overwritten in every draw.
    rows = [f if f.any() else np.ones(n, dtype=bool) for f in free.T]
    scores = NormalScores.fit(
        [outputs[r, k] for k, r in enumerate(rows)], [w[r] for r in rows], knots, pulls
    )
    y = np.stack([scores.forward_column(k, outputs[:, k]) for k in range(len(rows))], axis=1)
    return scores, atoms, atom, np.where(free, y, 0.0).astype(np.float32)
