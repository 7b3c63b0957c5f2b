"""A search without a twin: that of ``train --search``."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ..system.processes import executor, one_thread
from .config import TwinModel
from .search import Search, Trial, begin, run_trials, trials_of


def search_alone(
    model: TwinModel, data: list[Path], columns: Path | None, workers: int = 1
) -> list[Trial]:
    """Search settings for a model; the trials that are done.

    Args:
        model: what is trained, with its search.
        data: samples to train and judge on.
        columns: mapping file of foreign samples.
        workers: processes that share the trials.

    Raises:
        TwinError, TrainingError: if it cannot be searched or trained.
    """
    assert model.search is not None
    with tempfile.TemporaryDirectory(prefix="lamarr-like-search-") as folder:
        search = Search(model.request, model.search, data, columns, Path(folder))
        begin(search, resume=False)
        with one_thread(), executor(workers) as pool:
            futures = [pool.submit(run_trials, search, i, workers, _say) for i in range(workers)]
            for one in futures:
                one.result()
        return trials_of(search)


def _say(line: str) -> None:
    import sys

    print(line, file=sys.stderr, flush=True)
