"""What stands on the page of ``validate``: its sections, and what was compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from ...errors import PipelineError
from ...files.yaml_json import read_yaml
from ..page import Section, verdict_table
from ..tables import Table
from . import tables
from .compute import Report

HEADING = "Is the fast sample the detailed sample?"


def sections(report: Report) -> list[Section]:
    """All sections, in the order of ``sections.yaml``, which has their titles and notes."""
    held: Mapping[str, Sequence[Table]] = {
        "verdict": [verdict_table(report.verdict)],
        "tracking": [tables.ratios(report, cuts=False)],
        "identification": [tables.ratios(report, cuts=True)],
        "distributions": tables.distances(report),
        "classifier": tables.tellings(report),
        "decays": tables.decay_tables(report),
    }
    texts, _ = read_yaml(Path(str(files(__package__) / "sections.yaml")), PipelineError)
    return [Section(key, **text, tables=held.get(key, ())) for key, text in texts.items()]


def facts(report: Report) -> Iterator[tuple[str, str]]:
    """Name and text of what is to be known of the samples."""
    for s in (report.detailed, report.fast):
        text = f"{s.n_events} events, {len(s.track['unit'])} long tracks of known species"
        if s.out_of_range is not None:
            text += f", {s.out_of_range} of them outside the training sample of the models"
        yield f"{s.name} sample", text
    yield "events of both", f"{report.common}: the same generated particles in both"
    yield from ((str(k), str(v)) for k, v in report.provenance.items())
    if report.missing:
        yield "not compared", f"the fast sample lacks {', '.join(report.missing)}"
