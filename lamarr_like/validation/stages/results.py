"""Results of the tests of stages, as tables and as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from ... import __version__
from ...files.scratch import write_text
from ...statistics.two_sample import Auc
from ..numbers import table, write_json


@dataclass(frozen=True)
class StageFidelity:
    """Two-sample test of one stage on events that it never saw.

    Args:
        model: name of the model.
        stage: name of the stage.
        test: which variables the trees saw.
        auc: area under the ROC curve, fast against detailed.
        floor: the same between two halves of the detailed sample.
    """

    model: str
    stage: str
    test: str
    auc: Auc
    floor: Auc


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
    """

    samples: tuple[str, ...]
    events: int
    stages: dict[str, list[StageFidelity]]
    bins: dict[str, list[BinFidelity]]

    @property
    def markdown(self) -> str:
        """Both tables as text."""
        tests = [
            (name, r.stage, r.test, r.auc.rows, *(_pm(a) for a in (r.auc, r.floor)))
            for name, results in self.stages.items()
            for r in results
        ]
        bins = [
            (name, r.stage, r.outcome, r.bins, f"{r.good:.1%}", f"{r.worst:.1f}")
            for name, rows in self.bins.items()
            for r in rows
        ]
        head = ("outcome", "bins", "within 1 % or 2 sigma", "worst, sigma")
        return "\n".join(
            [
                *(f"{self.events} detailed events of {', '.join(self.samples)}", ""),
                *table(("pipeline", "stage", "test", "rows a side", "AUC", "floor"), tests),
                *("", *table(("pipeline", "stage", *head), bins)),
            ]
        )

    def write(self, folder: Path) -> list[Path]:
        """Write ``fidelity.md`` and ``fidelity.json`` into a folder, made if absent."""
        folder.mkdir(parents=True, exist_ok=True)
        text, numbers = folder / "fidelity.md", folder / "fidelity.json"
        content = {"program": f"lamarr_like {__version__}", **asdict(self)}
        return [
            write_text(text, self.markdown + "\n"),
            write_json(numbers, content),
        ]


def _pm(auc: Auc) -> str:
    return f"{auc.value:.4f} +- {auc.error:.4f}"
