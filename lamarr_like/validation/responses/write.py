"""The report of a comparison of responses: ``index.html``, ``report.json`` and ``plots/``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...files.numbers import PROGRAM, number, report_folder, write_json
from ...files.tables import Table
from ...responses.samples import ResponseSample
from ..page import Section, draw_all, verdict_table, write_page
from .compute import Compared, Comparison, Memory
from .draw import drawings

SCHEMA = 1
HEADING = "Is the drawn response the detailed one?"


def write_report(
    comparison: Comparison,
    detailed: ResponseSample,
    drawn: ResponseSample,
    again: ResponseSample | None,
    folder: Path,
    command: str = "",
) -> list[Path]:
    """Write everything into a folder, made if absent; returns the files.

    Args:
        comparison: the numbers.
        detailed, drawn, again: the samples that were compared.
        folder: where to.
        command: by which the report was made.

    Raises:
        MissingExtraError: without the extra ``report``.
        OutputError: if the folder cannot be written.
    """
    with report_folder(folder):
        images = draw_all(drawings(comparison, detailed, drawn, again), folder / "plots")
        numbers = write_json(folder / "report.json", contents(comparison, detailed, drawn, command))
        facts = [
            ("response", f"{comparison.response.name}: {comparison.response.title}"),
            ("detailed sample", f"{detailed.where}, {comparison.n} particles"),
            ("drawn sample", f"{drawn.where}, {drawn.record.get('model', 'unknown model')}"),
            ("command", command),
        ]
        if again is not None:
            facts.insert(2, ("floor", f"{again.where}: the same particles in detail once more"))
        page = write_page(
            folder / "index.html",
            HEADING,
            list(sections(comparison)),
            images,
            comparison.verdict,
            [f for f in facts if f[1]],
        )
    return [page, numbers, folder / "plots"]


def contents(
    comparison: Comparison, detailed: ResponseSample, drawn: ResponseSample, command: str
) -> dict[str, object]:
    """What ``report.json`` holds."""
    return {
        "program": PROGRAM,
        "schema_version": SCHEMA,
        "command": command,
        "response": comparison.response.name,
        "sample": Path(detailed.where.removesuffix(f": {comparison.response.name}")).name,
        "n": comparison.n,
        "records": {"detailed": dict(detailed.record), "drawn": dict(drawn.record)},
        "verdict": comparison.verdict.numbers,
        "drawn": _told(comparison.drawn),
        "floor": None if comparison.floor is None else _told(comparison.floor),
        "cross_table": comparison.cross,
        "memory": comparison.memory,
        "milliseconds": comparison.times,
    }


def _told(compared: Compared) -> dict[str, object]:
    return {
        "features": compared.rows,
        "c2st_features": compared.trees,
        "c2st_arrays": compared.images,
        "correlation": compared.correlation,
    }


def sections(comparison: Comparison) -> Iterator[Section]:
    """Sections of the page."""
    yield Section(
        "verdict",
        "Verdict",
        "Each check compares a deviation with its tolerance, beyond what chance explains.",
        [verdict_table(comparison.verdict)],
    )
    yield Section(
        "classifiers",
        "Classifiers",
        "Area under the ROC curve of classifiers that are to tell drawn from detailed; 0.5 where "
        "they cannot. The floor is a second detailed draw of the same particles.",
        list(_classifiers(comparison)),
    )
    yield Section(
        "features",
        "Features",
        "Kolmogorov distance, Wasserstein distance in standard deviations, difference of the means "
        "and ratio of the standard deviations.",
        [_features(comparison)],
    )
    yield Section("arrays", "Arrays", "", [])
    yield Section(
        "cost",
        "Cost",
        "Processor time of one core for one particle.",
        [_times(comparison)] if comparison.times else [],
    )
    if comparison.memory is not None:
        yield Section(
            "memory",
            "Memory",
            "Distance to the nearest array that the generator was trained on, in features: a "
            "generator that draws new arrays is as far as detailed ones that it has not seen.",
            [_memory(comparison.memory)],
        )


def _classifiers(comparison: Comparison) -> Iterator[Table]:
    rows = []
    for name, one in (("drawn", comparison.drawn), ("floor", comparison.floor)):
        if one is None:
            continue
        images = "-" if one.images is None else _auc(one.images.value, one.images.error)
        rows.append([name, _auc(one.trees.value, one.trees.error), images])
    yield Table("", ["sample", "trees on features", "network on arrays"], rows)
    if comparison.cross:
        cells = [[c.trained, number(c.detailed), number(c.drawn)] for c in comparison.cross]
        head = ["species told apart by trees trained on", "tested on detailed", "tested on drawn"]
        yield Table("Cross table", head, cells)


def _auc(value: float, error: float) -> str:
    return f"{value:.4f} +- {error:.4f}"


def _features(comparison: Comparison) -> Table:
    floor = comparison.floor.rows if comparison.floor else [None] * len(comparison.drawn.rows)
    head = ["feature", "KS", "floor", "Wasserstein", "floor", "mean", "sd ratio"]
    rows = []
    for one, other in zip(comparison.drawn.rows, floor, strict=True):
        beside = (
            ("-", "-") if other is None else (number(other.ks, 2), number(other.wasserstein, 2))
        )
        rows.append(
            [
                *(one.name, number(one.ks, 2), beside[0]),
                *(number(one.wasserstein, 2), beside[1]),
                *(number(one.mean, 3), number(one.sd, 4)),
            ]
        )
    return Table("", head, rows)


def _times(comparison: Comparison) -> Table:
    rows = [
        ["detailed" if not t.batch else f"drawn, {t.batch} at a time", number(t.ms, 3)]
        for t in comparison.times
    ]
    return Table("", ["simulation", "ms"], rows)


def _memory(memory: Memory) -> Table:
    rows = [
        ["median distance of the drawn", number(memory.drawn, 3)],
        ["median distance of the detailed", number(memory.detailed, 3)],
        ["share of the drawn below the first percentile of the detailed", number(memory.closer, 3)],
        ["share of copies", number(memory.copies, 3)],
    ]
    return Table("", ["quantity", "value"], rows)
