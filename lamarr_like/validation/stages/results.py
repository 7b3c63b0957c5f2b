"""Results of the tests of stages, as tables and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from ...files.numbers import write_tables
from ...files.tables import table_of
from ...statistics.two_sample import Auc

TESTS = (
    *("pipeline = {pipeline}", "stage = {0.stage}", "test = {0.test}"),
    *("rows a side = {0.auc.rows}", "AUC = {0.auc.value:.4f} +- {0.auc.error:.4f}"),
    "floor = {0.floor.value:.4f} +- {0.floor.error:.4f}",
)
BINS = (
    *("pipeline = {pipeline}", "stage = {0.stage}", "outcome = {0.outcome}", "bins = {0.bins}"),
    *("within 1 % or 2 sigma = {0.good:.1%}", "worst, sigma = {0.worst:.1f}"),
)
WHOLE_CHAIN = "whole chain"
"""Stands for the stage where all of a pipeline is tested."""


@dataclass(frozen=True)
class StageFidelity:
    """Two-sample test of one stage on events that it never saw.

    Args:
        model: name of the model, or of the pipeline.
        stage: name of the stage, or `WHOLE_CHAIN`.
        test: which variables the trees saw.
        auc: area under the ROC curve, fast against detailed.
        floor: the same between two draws of the detailed sample, or its halves.
    """

    model: str
    stage: str
    test: str
    auc: Auc
    floor: Auc


def mean_of_draws(draws: Sequence[Sequence[StageFidelity]]) -> list[StageFidelity]:
    """Mean figures of several draws of a chain, with the floors of the first.

    Args:
        draws: the same tests of each.  The error is that of the mean by their scatter, at least
            that of independent draws by their own errors.
    """
    means = []
    for tests in zip(*draws, strict=True):
        values = np.array([one.auc.value for one in tests])
        error = float(np.mean([one.auc.error for one in tests]))
        scatter = float(values.std(ddof=1)) if len(values) > 1 else 0.0
        error = max(error, scatter) / len(values) ** 0.5
        auc = Auc(float(values.mean()), error, min(one.auc.rows for one in tests))
        means.append(replace(tests[0], auc=auc))
    return means


@dataclass(frozen=True)
class BinFidelity:
    """Calibration of a classifier stage in bins of P, eta and nSPDHits.

    Args:
        model: name of the model.
        stage: name of the stage.
        outcome: the class looked at.
        bins: bins with enough rows.
        good: share of them where fast and detailed agree within 1 % or two standard deviations.
        worst: largest difference in standard deviations.
    """

    model: str
    stage: str
    outcome: str
    bins: int
    good: float
    worst: float


@dataclass(frozen=True)
class FidelityReport:
    """Tables of one or several pipelines.

    Args:
        samples: names of the files that were read.
        events: detailed events.
        stages: two-sample tests by pipeline.
        bins: calibration of the classifiers by pipeline.
        again: names of the files of the second draws; empty where the floor is of halves.
        digests: of the models, by name.
    """

    samples: tuple[str, ...]
    events: int
    stages: dict[str, list[StageFidelity]]
    bins: dict[str, list[BinFidelity]]
    again: tuple[str, ...] = ()
    digests: dict[str, str] = field(default_factory=dict)

    @property
    def between(self) -> str:
        """What the floor is between."""
        if not self.again:
            return "halves of them"
        return f"a second draw of the same events, {', '.join(self.again)}"

    @property
    def markdown(self) -> str:
        """Both tables as text."""
        tests, bins = (
            [(r, None, {"pipeline": name}) for name, found in parts.items() for r in found]
            for parts in (self.stages, self.bins)
        )
        head = f"{self.events} detailed events of {', '.join(self.samples)}; floor: {self.between}"
        tables = (table_of("", TESTS, tests).markdown, table_of("", BINS, bins).markdown)
        return "\n".join([head, "", *tables[0], "", *tables[1]])

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write ``fidelity.md`` and ``fidelity.json`` into a folder, made if absent.

        Raises:
            OutputError: if they cannot be written.
        """
        return write_tables(folder, "fidelity", asdict(self), self.markdown + "\n")
