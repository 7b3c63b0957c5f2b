"""The command ``lamarr-like detailed-check``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from ...system.command_line import Force

if TYPE_CHECKING:
    from .results import CheckReport


def detailed_check(
    samples: Annotated[
        list[Path],
        typer.Argument(metavar="SAMPLE...", help="Detailed samples.", show_default=False),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for tables and plots.")],
    data: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            help="Folder of foreign data: lhcb2016/, geant4_showers/, rapidsim/; what is not "
            "there is skipped."
        ),
    ] = None,
    photons: Annotated[
        int, typer.Option(min=0, help="Photons and pi0 to simulate for the calorimeter.")
    ] = 20000,
    pages: Annotated[
        bool, typer.Option(help="Draw the plots of the detector itself as well.")
    ] = True,
    force: Force = False,
) -> None:
    """Compare detailed samples with published and measured LHCb: tables, plots and a JSON."""
    from ...files.places import check_report
    from ...system.extras import need

    need("detailed")
    need("plot", "matplotlib", "mplhep")
    from .check import CheckConfig, check_detector
    from .pages import draw_pages
    from .sample import together
    from .write import draw_sections, write_report

    drawn = [path.name for path in output.glob("*.png")]
    inputs = samples if data is None else [*samples, data]
    others = ["detailed_check.md", "detector", *drawn]
    check_report(output, "detailed_check.json", others, inputs, force=force)
    report, read = check_detector(CheckConfig(samples, data, photons), typer.echo)
    files = [*write_report(report, output), *draw_sections(report.sections, output)]
    if pages:
        files += draw_pages(together(read), output / "detector")
    _tell(report)
    typer.echo(f"wrote {len(files)} files to {output}")


def _tell(report: CheckReport) -> None:
    """Verdicts by section, what misses, and the targets."""
    from .results import MISSED, NOT_JUDGED, PASS, judgements
    from .write import accepted, with_error

    for section in report.sections:
        if section.skipped:
            typer.echo(f"{section.title}: skipped, {section.skipped}")
            continue
        counts = ", ".join(
            f"{sum(r.verdict == k for r in section.rows)} {k}" for k in (PASS, MISSED, NOT_JUDGED)
        )
        typer.echo(f"{section.title}: {counts}")
        for row in section.rows:
            if row.verdict == MISSED:
                ours = with_error(row.ours, row.error)
                typer.echo(f"  missed: {row.quantity}: {ours}, accepted {accepted(row)}")
    for j in judgements(report):
        typer.echo(f"{j.verdict:10s} {j.comparison} ({j.passed} of {j.passed + j.missed} figures)")
