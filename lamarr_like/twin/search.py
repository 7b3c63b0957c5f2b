"""Search for settings: trials by `optuna`, judged on events kept apart, fidelity against time.

Each trial trains with other settings on one part of the events and is judged on the other: by the
area under the ROC curve of trees that try to tell its draws from the detailed sample, and by the
microseconds a row that its size makes it cost.  Settings are chosen by the tree-structured Parzen
estimator with both figures as objectives; the first trial has those of the recipe.

The time is reckoned, not measured: a measured one is another one in each run, and the same seed
would not choose the same settings.  What was measured is told beside it.

The trials are kept in one file that many processes, also of several machines, write at once.  Which
settings come next depends on the seed and on the trials that are done, and on nothing else, so a
search by one worker that was killed and is gone on with ends as if it had not been.
"""

from __future__ import annotations

import hashlib
import math
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import TrainingError, TwinError
from ..events import EventBatch
from ..nets.trained import TrainedModel
from ..system.extras import need
from ..training.fits import fit_stage
from ..training.request import Request
from ..training.sample import read_sample
from ..validation.stages.fidelity import SampleConfig, told_apart
from .config import SearchConfig
from .space import Space, recipe_in, space_of

JOURNAL = "trials.log"
"""File of the trials in the folder of a search."""

_US_PER_MFLOP, _US_PER_LEVEL = 25.0, 0.002
"""What a network and a level of a tree cost a row on one core, about [us]."""
_TOLD = ("error", "measured", "seconds")
"""What is kept of a trial beside its settings and objectives."""


@dataclass(frozen=True)
class Search:
    """A search for the settings of a model.

    Args:
        request: what is trained, its `part` that of the samples.
        config: how many trials, and what they may change.
        data: samples to train and judge on.
        columns: mapping file of foreign samples.
        folder: where the trials are kept.
    """

    request: Request
    config: SearchConfig
    data: Sequence[Path]
    columns: Path | None
    folder: Path

    @property
    def space(self) -> Space:
        """What is searched."""
        return space_of(self.request, self.config.space)

    def check(self) -> None:
        """See whether it can be done.

        Raises:
            TwinError: if there is nothing to search, or no test of the stage.
            MissingExtraError: without the extra ``twin``.
        """
        need("twin", "optuna")
        stage = self.request.stage_class
        if stage.incomparable:
            raise TwinError(f"stage {stage.name!r} cannot be searched: it {stage.incomparable}")
        if not self.space:
            raise TwinError(f"stage {stage.name!r}: nothing is left to search")


@dataclass(frozen=True)
class Trial:
    """A trial that is done.

    Args:
        settings: those that it had.
        auc, error: area under the ROC curve of the judge, and its standard deviation.
        us: what its size makes it cost [us a row].
        measured: what drawing cost here [us a row].
        seconds: processor time of training and judging; 0 where the settings were tried before.
    """

    settings: Mapping[str, float]
    auc: float
    error: float
    us: float
    measured: float
    seconds: float = 0.0

    def beats(self, other: Trial) -> bool:
        """Whether it is no worse in both figures, and better in one."""
        mine, theirs = (self.auc, self.us), (other.auc, other.us)
        return mine != theirs and mine[0] <= theirs[0] and mine[1] <= theirs[1]


def begin(search: Search, resume: bool) -> None:
    """Make the file of the trials; what a killed process was at counts as failed.

    Nobody else may be at this search.

    Args:
        search: the search.
        resume: go on with what is there, instead of beginning anew.

    Raises:
        TwinError: if it cannot be done.
    """
    search.check()
    import optuna

    search.folder.mkdir(parents=True, exist_ok=True)
    journal = search.folder / JOURNAL
    if resume and journal.is_file():
        # The last line is cut short where a process was killed in it.
        whole = journal.read_bytes().rpartition(b"\n")[0]
        os.truncate(journal, len(whole) + 1 if whole else 0)
    for path in search.folder.glob(f"{JOURNAL}*"):
        if path != journal or not resume:  # locks of the dead
            path.unlink()
    study = _study(search)
    for trial in study.get_trials(deepcopy=False):
        if trial.state == optuna.trial.TrialState.RUNNING:
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    if not study.get_trials(deepcopy=False):
        study.enqueue_trial(recipe_in(search.request, search.space))


def run_trials(
    search: Search, worker: int = 0, workers: int = 1, say: Callable[[str], None] = lambda _: None
) -> None:
    """Try settings until there are enough trials or no time is left, with others who do the same.

    Args:
        search: the search, which was begun.
        worker, workers: number of this process, and how many there are.
        say: called with a line of text after each trial.

    Raises:
        TrainingError: if no settings can be trained.
    """
    import optuna

    state = optuna.trial.TrialState
    study, batches = _study(search), None
    space = {
        name: optuna.distributions.IntDistribution(int(r.low), int(r.high), log=r.log)
        if r.whole
        else optuna.distributions.FloatDistribution(r.low, r.high, log=r.log)
        for name, r in search.space.items()
    }
    while len(trials := _counted(study)) < search.config.trials and not _spent(
        study, search.config
    ):
        done = sum(one.state == state.COMPLETE for one in trials)
        study.sampler = _sampler(search.config, done, worker, workers)
        trial = study.ask(space)
        before = sum(one.number < trial.number for one in _counted(study))
        if before >= search.config.trials:  # others were quicker
            study.tell(trial, state=state.FAIL)
            break
        try:
            batches = batches or _batches(search)
            found = _same(study, trial.params) or _timed(search, trial.params, batches)
        except TrainingError as error:
            study.tell(trial, state=state.FAIL)
            failed = [t for t in study.get_trials(deepcopy=False) if t.state == state.FAIL]
            if len(failed) > 2 * search.config.trials:
                raise TrainingError(f"no settings of the search can be trained: {error}") from None
            continue
        for name in _TOLD:
            trial.set_user_attr(name, getattr(found, name))
        study.tell(trial, (found.auc, found.us))
        say(f"trial {before + 1} of {search.config.trials}: AUC {found.auc:.4f}, {found.us:.3g} us")


def trials_of(search: Search) -> list[Trial]:
    """The trials that are done, in their order.

    Raises:
        TwinError: if there is none.
    """
    found = list(_done(_study(search)))[: search.config.trials]
    if not found:
        raise TwinError(f"{search.folder}: no trial of the search is done")
    return found


def front(trials: Sequence[Trial]) -> list[Trial]:
    """Trials that no other beats, the cheapest first.

    Args:
        trials: all of them.
    """
    kept = [one for one in trials if not any(other.beats(one) for other in trials)]
    return sorted(kept, key=lambda one: (one.us, one.auc))


def chosen(trials: Sequence[Trial]) -> Trial:
    """The cheapest trial of the front that is as good as the best one within its error.

    Args:
        trials: all of them.
    """
    best = min(trials, key=lambda one: (one.auc, one.us))
    return next(one for one in front(trials) if one.auc <= best.auc + best.error)


def reckoned(model: TrainedModel) -> float:
    """What the size of a model makes it cost, in microseconds a row on one core, about.

    Args:
        model: of ONNX networks or trees.

    Raises:
        TwinError: if it is neither.
    """
    levels = flops = 0.0
    for name, content in model.files.items():
        if name.endswith(".ubj"):
            import xgboost

            booster = xgboost.Booster(model_file=bytearray(content))
            text = booster.get_dump(dump_format="text")
            levels += sum(1 + max(line.count("\t") for line in tree.splitlines()) for tree in text)
        elif name.endswith(".onnx"):
            import onnx

            weights = onnx.load_from_string(content).graph.initializer
            flops += sum(2.0 * math.prod(one.dims) for one in weights if len(one.dims) > 1)
    if not levels and not flops:
        raise TwinError("the cost of such a model is not known: it has no network and no trees")
    return _US_PER_MFLOP * flops / 1e6 + _US_PER_LEVEL * levels


def _study(search: Search) -> Any:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        storage = JournalStorage(JournalFileBackend(str(search.folder / JOURNAL)))
        return optuna.create_study(
            storage=storage,
            study_name="search",
            directions=["minimize", "minimize"],
            load_if_exists=True,
        )


def _sampler(config: SearchConfig, done: int, worker: int, workers: int) -> Any:
    """The sampler of the next trial, which depends on how many are done and not on the past."""
    import optuna

    text = f"{config.seed}/{done}/{worker if workers > 1 else 0}"
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
    return optuna.samplers.TPESampler(
        seed=seed,
        n_startup_trials=min(10, max(3, config.trials // 3)),
        constant_liar=workers > 1,
    )


def _counted(study: Any) -> list[Any]:
    """Trials that are done or being done."""
    import optuna

    kinds = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.RUNNING)
    return [one for one in study.get_trials(deepcopy=False) if one.state in kinds]


def _done(study: Any) -> Iterator[Trial]:
    import optuna

    for one in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,)):
        auc, us = one.values
        yield Trial(dict(one.params), auc, us=us, **{k: one.user_attrs[k] for k in _TOLD})


def _spent(study: Any, config: SearchConfig) -> bool:
    """Whether the time of the search is over."""
    seconds = sum(one.seconds for one in _done(study)) if config.minutes else 0.0
    return seconds > 0.0 and seconds >= 60.0 * config.minutes


def _same(study: Any, settings: Mapping[str, float]) -> Trial | None:
    """A trial of the same settings, which need not be trained twice."""
    found = next((one for one in _done(study) if one.settings == settings), None)
    return None if found is None else replace(found, seconds=0.0)


def _batches(search: Search) -> tuple[EventBatch, EventBatch]:
    """Events to train on, and those that judge."""
    low, high = search.request.part
    cut = high - (high - low) * search.config.apart
    parts = ((low, cut), (cut, high))
    first, second = (read_sample(search.data, search.columns, part) for part in parts)
    return first, second


def _timed(
    search: Search, settings: Mapping[str, Any], batches: tuple[EventBatch, EventBatch]
) -> Trial:
    """Train and judge, and tell the processor time."""
    start = time.process_time()
    found = _tried(search, settings, batches)
    return replace(found, seconds=time.process_time() - start)


def _tried(
    search: Search, settings: Mapping[str, Any], batches: tuple[EventBatch, EventBatch]
) -> Trial:
    """Train and judge."""
    request = replace(search.request, settings={**search.request.settings, **settings})
    model = fit_stage(batches[0], request, progress=False)
    stage = request.stage_class(model.model(), model.config)
    sample = SampleConfig(
        search.data,
        long_only=request.long_only,
        seed=search.config.seed,
        max_rows=search.config.rows,
    )
    auc = told_apart(stage, batches[1], sample)
    if not math.isfinite(auc.value):
        raise TrainingError(f"stage {stage.name!r}: the rows kept apart are too few to judge by")
    return Trial(
        settings, float(auc.value), float(auc.error), reckoned(model), _measured(stage, batches[1])
    )


def _measured(stage: Any, batch: EventBatch) -> float:
    """Time of a draw [us a row], conditions included."""
    rows = stage.rows(batch)
    places = np.flatnonzero(rows)
    uniforms = np.random.default_rng(1).random((len(places), stage.n_uniforms))
    start = time.perf_counter()
    stage.answers(batch, rows, uniforms)
    return 1e6 * (time.perf_counter() - start) / max(len(places), 1)
