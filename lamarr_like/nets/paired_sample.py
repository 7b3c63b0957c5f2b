"""Two samples as a network that refines sees them, and the judge of its states."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..arrays import Columns, Floats, ReadColumns
from ..engine.load import build_model
from ..engine.normal_scores import ConditionTransform
from ..engine.refiner import N_CHOICES, Refiner, one_hot, prepared
from ..errors import TrainingError
from ..statistics.two_sample import Auc, c2st
from .config import RefinerConfig
from .loop import Files
from .partition import Partition, partitions
from .sample import (
    PairedRows,
    checked_columns,
    checked_weights,
    prepare_outputs,
    split,
    stream,
)

_HELD_OUT = 30_000


class RefinerSample:
    """Both samples as the network sees them.

    Args:
        rows: both samples.
        config: settings.

    Attributes:
        transform, scores, atoms: those of the detailed sample.
        x, y, atom: network input, scores and classes of both samples: shapes ``(2, n, ...)``, the
            fast one first.
        weights: mean one, shape ``(n,)``.
        held: rows held out, shape ``(n,)``.

    Raises:
        TrainingError: if a column cannot be used, or the samples do not fit each other.
    """

    def __init__(self, rows: PairedRows, config: RefinerConfig) -> None:
        names = list(rows.conditions), list(rows.fast)
        if names != (list(rows.detailed_conditions), list(rows.detailed)) or not all(names):
            raise TrainingError("both samples need the same conditions and outputs, of each some")
        n = len(next(iter(rows.fast.values())))
        if n < 1000:
            raise TrainingError(f"{n} pairs of rows are too few to learn from; 1000 is the least")
        self.weights = checked_weights(rows.weights, n).astype(np.float32)
        if (self.weights < 0.0).any():
            raise TrainingError("a refinement cannot learn from negative weights")
        values = [_table(columns, n) for columns in (rows.fast, rows.detailed)]
        conditions = [_table(c, n) for c in (rows.conditions, rows.detailed_conditions)]
        whole = np.zeros(len(names[1]), dtype=bool)
        self.scores, self.atoms, _, _ = prepare_outputs(
            values[1].copy(),
            whole,
            self.weights.astype(np.float64),
            knots=config.knots,
            seed=config.seed,
        )
        self.transform = ConditionTransform.fit(list(conditions[1].T), self.weights)
        self.x = np.stack([self.transform(c.T) for c in conditions])
        pairs = [prepared(v, self.scores, self.atoms) for v in values]
        self.y, self.atom = (np.stack([pair[i] for pair in pairs]) for i in range(2))
        self.held = split(n, config.holdout, config.seed, _HELD_OUT)
        self.are_pairs = rows.are_pairs

    @property
    def n_atoms(self) -> int:
        """Classes of atoms."""
        return len(self.atoms)

    def batches(self, config: RefinerConfig) -> Iterator[tuple[np.ndarray, ...]]:
        """One batch for each step; see `RefinerTrainer.step`."""
        choice = stream(config.seed, "order")
        used = np.flatnonzero(~self.held)
        cells = partitions(self, used, config)
        for _ in range(config.steps):
            cell = cells[choice.integers(len(cells))]
            yield self._batch(cell, choice, config)

    def _batch(
        self, cell: Partition, choice: np.random.Generator, config: RefinerConfig
    ) -> tuple[np.ndarray, ...]:
        at = cell.choose(choice, config.groups)
        fast, detailed = (cell.rows(side, at, choice, config.rows) for side in (0, 1))
        shape = fast.shape
        k = self.y.shape[2]
        return (
            self.x[0, fast],
            self.y[0, fast],
            one_hot(self.atom[0, fast], self.n_atoms),
            self.weights[fast],
            self.y[1, fast],
            one_hot(self.atom[1, fast], self.n_atoms),
            self.x[1, detailed],
            self.y[1, detailed],
            one_hot(self.atom[1, detailed], self.n_atoms),
            self.weights[detailed],
            cell.scale[at],
            choice.random((*shape, N_CHOICES), dtype=np.float32),
            choice.normal(size=(*shape, k)).astype(np.float32),
        )


def _table(columns: ReadColumns, n: int) -> Floats:
    return np.stack(list(checked_columns(columns, n, "column").values()), axis=1)


class HeldOutPairs:
    """Refines the held-out rows, with the same numbers for every state, and measures them."""

    def __init__(
        self, spec: dict[str, Any], tables: bytes, rows: PairedRows, sample: RefinerSample
    ) -> None:
        self.spec, self.tables, self.held = spec, tables, sample.held
        self.weights = sample.weights[sample.held].astype(np.float64)
        columns = (rows.conditions, rows.fast, rows.detailed_conditions, rows.detailed)
        self.conditions, self.fast, self.own, self.detailed = (self._part(c) for c in columns)
        size = N_CHOICES + len(rows.fast)
        numbers = stream(1, "judge").random((len(self.weights), size))
        self.uniforms = np.clip(numbers, 1e-12, 1 - 1e-12)
        self.unrefined = self._told(self.fast)

    def _part(self, columns: ReadColumns) -> Columns:
        return {k: np.asarray(v)[self.held] for k, v in columns.items()}

    def _told(self, values: ReadColumns) -> Auc:
        options: dict[str, Any] = {"folds": 2, "trees": 100, "depth": 5, "equalities": True}
        options |= {"weights": self.weights, "fake_weights": self.weights}
        options["groups"] = np.arange(len(self.weights))
        return c2st(self.detailed, values, self.own, self.conditions, **options)

    def __call__(self, files: Files) -> Auc:
        """The area under the ROC curve of a state."""
        whole = {**files, "transforms.npz": self.tables}
        model = build_model(self.spec, whole, "state in training")
        assert isinstance(model, Refiner)
        return self._told(model.refine(self.conditions, self.fast, self.uniforms))
