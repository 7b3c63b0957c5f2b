"""What a stage of the chain is: its contract, and what training shares with run time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol, TypeAlias, cast

import numpy as np

from .. import rng, schema
from ..arrays import Columns, Floats, Ints, Mask, Rows
from ..errors import PipelineError
from ..events import EventBatch, Table
from .bounds import check_bounds
from .recipe import Recipe, recipe

ColumnKeys: TypeAlias = frozenset[tuple[str, str]]
"""Columns as (table, name)."""


_SINGLE = frozenset(
    key for key, c in schema.COLUMNS.items() if c.dtype == "float32" and not c.shape
)
"""Columns of single numbers in single precision."""
_LARGEST = float(np.finfo(np.float32).max)

ATTEMPTS = 8
"""How often a draw that the detector could not give is made again at the most."""


class Model(Protocol):
    """What every trained model tells about itself (see `lamarr_like.engine.load`)."""

    conditions: tuple[str, ...]


class Classifier(Model, Protocol):
    """A trained model that gives probabilities of classes."""

    classes: tuple[str, ...]

    def predict(self, conditions: Mapping[str, np.ndarray], /) -> Floats:
        """Probabilities, shape ``(n, n_classes)``."""


class Generator(Model, Protocol):
    """A trained model that turns uniform numbers into a joint draw of its outputs."""

    outputs: tuple[str, ...]
    n_uniforms: int

    def draw(self, conditions: Mapping[str, np.ndarray], uniforms: Floats, /) -> Columns:
        """One draw a row; `uniforms` has shape ``(n, n_uniforms)``."""


def keys(table: str, *names: str) -> ColumnKeys:
    """Declared columns of a table as keys; unknown names raise `SchemaError`."""
    return frozenset((table, schema.column(table, name).name) for name in names)


def typed(table: str, columns: Mapping[str, np.ndarray]) -> Columns:
    """Columns cast to their declared types; shapes stay."""
    single = {
        name: values
        for name, values in columns.items()
        if values.dtype == np.float64 and (table, name) in _SINGLE
    }
    done: Columns = {}
    if len({values.shape for values in single.values()}) == 1:
        # Many small columns are looked at and cast at once, if all fit.
        stack = np.stack([*single.values()])
        if not stack.size or (np.abs(stack) <= _LARGEST).all():
            done = dict(zip(single, stack.astype(np.float32), strict=True))
    return {
        name: done[name] if name in done else schema.as_declared(table, name, values)
        for name, values in columns.items()
    }


def as_stored(table: str, columns: Mapping[str, np.ndarray]) -> Columns:
    """Columns as a reader of the ntuple sees them: rounded as declared, float64, shapes kept."""
    return {name: values.astype(np.float64) for name, values in typed(table, columns).items()}


def empty_batch(columns: ColumnKeys) -> EventBatch:
    """A batch without events that has the given columns."""
    tables: dict[str, Columns] = {"event": {}}
    for table, name in columns:
        dtype = schema.column(table, name).dtype
        tables.setdefault(table, {})[name] = np.zeros(0, dtype=dtype)
    return EventBatch({k: Table(v, np.zeros(1, dtype=np.int64)) for k, v in tables.items()})


class AbstractStage(ABC):
    """One step of the chain: adds columns to a batch.

    Attributes:
        name: name in pipeline files; also the name of its stream of random numbers.
        requires: columns that it reads.
        provides: columns that it adds or replaces.
        at_times: further columns that it adds with some models only; those have them in `provides`.
        options: options that a pipeline file may set, with their default values.
    """

    name: ClassVar[str]
    requires: ColumnKeys
    provides: ColumnKeys
    at_times: ClassVar[ColumnKeys] = frozenset()
    options: ClassVar[Mapping[str, Any]] = {}

    @abstractmethod
    def __call__(self, batch: EventBatch, seed: int, is_gun: bool = False) -> EventBatch:
        """Add the columns that the stage provides.

        Args:
            batch: events with the required columns.
            seed: seed of the run; equal seeds give equal results event by event.
            is_gun: whether the events come from a particle gun and not from collisions.
        """


class AbstractModelStage(AbstractStage):
    """A stage that runs a trained model.

    `rows`, `conditions` and `targets` are what training and run time share: all physics is in
    them, and the model sees numbers only.

    Attributes:
        table: table whose rows the model answers for.
        target_columns: columns of a detailed sample that `targets` reads beyond `requires`.
        kind: kind of its model (`lamarr_like.engine.load.KINDS`), by which families can make it.
        recipes: its own recipe, then those of other families that ``train all`` trains as well.
        trained_by: name of what trains it (`lamarr_like.training.fits.FITS`, or an entry point).
        training_options: options that a training may set, each with the values that it may have,
            the default first.
        told_by: conditions that a sample need not tell, and the column that each is made of; only
            models that ask for one require its column.
        incomparable: why `fidelity` cannot test it; empty if it can, by `compared` and `answers`.
        equalities: whether `fidelity` also tests it with equality flags and differences.
        told: what the card of its model says beyond what all cards say.

    Args:
        model: the trained model.
        config: contents of ``config.json`` of its artefact.

    Raises:
        PipelineError: if the model does not belong to the stage.
        ArtefactError: if it draws what cannot be (`lamarr_like.stages.bounds`).
    """

    table: ClassVar[str]
    target_columns: ClassVar[ColumnKeys]
    kind: ClassVar[str]
    recipes: ClassVar[tuple[Recipe, ...]] = ()
    trained_by: ClassVar[str]
    training_options: ClassVar[Mapping[str, tuple[Any, ...]]] = {}
    told_by: ClassVar[Mapping[str, tuple[str, str]]] = {}
    incomparable: ClassVar[str] = "does not say what is to be compared"
    equalities: ClassVar[bool] = False
    told: ClassVar[str] = ""

    def __init__(self, model: Model, config: Mapping[str, Any] | None = None) -> None:
        self.config = dict(config or {})
        unknown = sorted(set(model.conditions) - set(self.condition_names()))
        if unknown:
            raise PipelineError(
                f"stage {self.name!r}: its model asks for the conditions {', '.join(unknown)}, "
                "which the stage does not make; the model belongs to another stage or version"
            )
        check_bounds(self.name, model)
        asked = {self.told_by[name] for name in model.conditions if name in self.told_by}
        self.requires = self.requires | asked

    @classmethod
    @abstractmethod
    def rows(cls, batch: EventBatch) -> Mask:
        """Rows of `table` that the model answers for, in training and at run; shape ``(n,)``."""

    @classmethod
    @abstractmethod
    def conditions(cls, batch: EventBatch, rows: Mask) -> Columns:
        """Conditions of the model for the rows asked for, each of shape ``(rows.sum(),)``."""

    @classmethod
    @abstractmethod
    def targets(cls, batch: EventBatch, rows: Mask) -> Columns:
        """What the model learns, from a detailed sample; shapes ``(rows.sum(),)``."""

    @classmethod
    def extra_config(cls, batch: EventBatch) -> dict[str, Any]:
        """What ``config.json`` of a model trained on `batch` must hold for the stage itself."""
        return {}

    @classmethod
    def learnt_config(
        cls, batch: EventBatch, conditions: Columns, **options: Any
    ) -> dict[str, Any]:
        """`extra_config` of a training, whose conditions and `training_options` are known."""
        return cls.extra_config(batch)

    @classmethod
    def compared(cls, batch: EventBatch, rows: Mask) -> Columns:
        """What `fidelity` compares, of a detailed sample; shapes ``(rows.sum(),)``."""
        return cls.targets(batch, rows)

    @property
    def n_uniforms(self) -> int:
        """Uniform numbers that `answers` needs for each row."""
        return 1

    def answers(self, batch: EventBatch, rows: Mask, uniforms: Floats) -> Columns:
        """The same as `compared` by the model, for conditions from the detailed sample.

        Args:
            batch: detailed events.
            rows: rows asked for.
            uniforms: shape ``(rows.sum(), n_uniforms)``.
        """
        raise PipelineError(f"stage {self.name!r} {self.incomparable}")

    @classmethod
    def condition_names(cls) -> tuple[str, ...]:
        """Names of the conditions in their order."""
        told = empty_batch(cls.requires | set(cls.told_by.values()))
        return tuple(cls.conditions(told, np.zeros(0, dtype=bool)))

    def _uniforms(
        self, batch: EventBatch, rows: Rows, index: str, seed: int, size: int, attempt: int = 0
    ) -> Floats:
        """Uniform numbers for some rows; the column `index` numbers them within the event."""
        table = batch[self.table]
        numbers = np.zeros(len(table), np.int64) if self.table == "event" else table[index]
        stream = f"{self.name}/{attempt}" if attempt else self.name
        return rng.uniforms(seed, stream, batch.event_ids(self.table)[rows], numbers[rows], size)


class AbstractClassifierStage(AbstractModelStage):
    """A stage that draws one of a few classes for each row.

    Attributes:
        classes: names of the classes; `targets` gives their positions under `target`.
        target: name of the target.
        balanced: train as if all classes were equally frequent.
    """

    kind = "classifier"
    trained_by = "classifier"
    recipes: ClassVar[tuple[Recipe, ...]] = (recipe("mlp"),)
    incomparable = ""
    classes: ClassVar[tuple[str, ...]]
    target: ClassVar[str]
    balanced: ClassVar[bool] = False

    def __init__(self, model: Model, config: Mapping[str, Any] | None = None) -> None:
        super().__init__(model, config)
        self.model = cast(Classifier, model)
        found = tuple(str(c) for c in getattr(model, "classes", ()))
        if found != self.classes:
            raise PipelineError(
                f"stage {self.name!r} needs a classifier of ({', '.join(self.classes)}), "
                f"its model gives ({', '.join(found)})"
            )

    def answers(self, batch: EventBatch, rows: Mask, uniforms: Floats) -> Columns:
        """Drawn classes; see `AbstractModelStage.answers`."""
        probabilities = self.model.predict(self.conditions(batch, rows))
        return {self.target: draw_classes(probabilities, uniforms[:, 0])}

    def _draw(self, batch: EventBatch, rows: Mask, index: str, seed: int) -> Ints:
        """Position of the drawn class of each row, shape ``(rows.sum(),)``."""
        if not rows.any():
            return np.zeros(0, dtype=np.int64)
        uniforms = self._uniforms(batch, rows, index, seed, 1)[:, 0]
        return draw_classes(self.model.predict(self.conditions(batch, rows)), uniforms)


class AbstractGeneratorStage(AbstractModelStage):
    """A stage that draws a vector of numbers for each row.

    Attributes:
        outputs: names of the targets, the most informative first.
        integers: outputs that take whole numbers only.
        pulls: outputs in units of their expected resolution.
        rare_species: whether rare species, by the conditions ``is_e`` and so on, weigh more in the
            training.  What is drawn for given conditions does not depend on that, how well it is
            learnt does.
    """

    kind = "generator"
    trained_by = "generator"
    recipes: ClassVar[tuple[Recipe, ...]] = (recipe("armdn", weight_decay=0.02),)
    incomparable = ""
    outputs: ClassVar[tuple[str, ...]]
    rare_species: ClassVar[bool] = False
    integers: ClassVar[frozenset[str]] = frozenset()
    pulls: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, model: Model, config: Mapping[str, Any] | None = None) -> None:
        super().__init__(model, config)
        self.model = cast(Generator, model)
        self._check_outputs(self.outputs)

    @classmethod
    def learnt(cls, batch: EventBatch, rows: Mask, **options: Any) -> Columns:
        """`targets` in the order in which they are drawn, shapes ``(rows.sum(),)``."""
        found = cls.targets(batch, rows)
        return {name: found[name] for name in cls.outputs}

    @classmethod
    def restored(
        cls, batch: EventBatch, rows: Mask, values: Mapping[str, np.ndarray], **options: Any
    ) -> Columns:
        """Inverse of `learnt`: columns of `table` for the rows, shapes ``(rows.sum(),)``."""
        return {name: np.asarray(values[name]) for name in cls.outputs}

    @classmethod
    def compared(cls, batch: EventBatch, rows: Mask) -> Columns:
        """The targets that are drawn; see `AbstractModelStage.compared`."""
        return cls.learnt(batch, rows)

    @property
    def n_uniforms(self) -> int:
        """Uniform numbers of a draw."""
        return self.model.n_uniforms

    def answers(self, batch: EventBatch, rows: Mask, uniforms: Floats) -> Columns:
        """The draws; see `AbstractModelStage.answers`."""
        drawn = self.model.draw(self.conditions(batch, rows), uniforms)
        return {name: np.asarray(drawn[name]) for name in self.outputs}

    def _check_outputs(self, wanted: tuple[str, ...]) -> None:
        found = tuple(getattr(self.model, "outputs", ()))
        if set(found) != set(wanted):
            raise PipelineError(
                f"stage {self.name!r} needs a generator of ({', '.join(wanted)}), "
                f"its model gives ({', '.join(found)})"
            )

    def _draw(
        self,
        batch: EventBatch,
        rows: Mask,
        index: str,
        seed: int,
        conditions: Columns | None = None,
    ) -> Columns:
        """One draw of the outputs for each row, each of shape ``(rows.sum(),)``."""
        if not rows.any():
            return {name: np.zeros(0) for name in self.model.outputs}
        uniforms = self._uniforms(batch, rows, index, seed, self.model.n_uniforms)
        return self.model.draw(conditions or self.conditions(batch, rows), uniforms)

    def _draw_within(
        self,
        batch: EventBatch,
        rows: Mask,
        index: str,
        seed: int,
        conditions: Columns,
        inside: Callable[[Columns, Rows], Mask],
    ) -> tuple[Columns, Ints]:
        """One draw for each row, made again where the detector could not give it.

        Args:
            batch: events.
            rows: rows to draw for.
            index: column that numbers them within the event.
            seed: seed of the run.
            conditions: of these rows.
            inside: tells which draws are good, for some of the rows by their position.

        Returns:
            The draws, and positions of those that are not good after `ATTEMPTS` more.
        """
        drawn = {k: v.copy() for k, v in self._draw(batch, rows, index, seed, conditions).items()}
        places = np.flatnonzero(rows)
        bad = np.flatnonzero(~inside(drawn, np.arange(len(places))))
        for attempt in range(1, ATTEMPTS + 1):
            if not len(bad):
                break
            size = self.model.n_uniforms
            uniforms = self._uniforms(batch, places[bad], index, seed, size, attempt)
            again = self.model.draw({k: v[bad] for k, v in conditions.items()}, uniforms)
            for name, values in again.items():
                drawn[name][bad] = values
            bad = bad[~inside(again, bad)]
        return drawn, bad


def draw_classes(probabilities: np.ndarray, uniforms: Floats) -> Ints:
    """Draw classes, from probabilities of shape ``(n, k)`` and uniform numbers of ``(n,)``."""
    cumulative = np.cumsum(np.asarray(probabilities, dtype=np.float64), axis=1)
    # Scaled by the sum: float32 probabilities do not add up to one exactly.
    passed = uniforms[:, None] * cumulative[:, -1:] > cumulative[:, :-1]
    result: Ints = passed.sum(axis=1)
    return result
