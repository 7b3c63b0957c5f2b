"""Options that verbs of the command line share, and what they say of the command itself."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Optional

import typer

Output = Annotated[Path, typer.Option("--output", "-o", help="ROOT file to write.")]
# typer reads these at run time on Python 3.10, hence Optional and not a union.
Events = Annotated[Optional[int], typer.Option("-n", "--events", min=1, help="How many events.")]  # noqa: UP045
Seed = Annotated[int, typer.Option(help="Equal seeds give equal files, bit for bit.")]
Chunk = Annotated[int, typer.Option(min=1, help="Events in memory at a time.")]
OwnChunk = Annotated[
    int | None,
    typer.Option(min=1, help="Events in memory at a time; 1000, or more of small ones."),
]
Pileup = Annotated[
    Optional[float],  # noqa: UP045
    typer.Option(min=0.0, help="Mean number of collisions an event; of files, added to each."),
]
SkipBad = Annotated[
    bool, typer.Option("--skip-bad", help="Count broken events and go on; stop at none.")
]
Models = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(help="Folder of your own models, searched before those that ship."),
]
ColumnMap = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(help="YAML that maps the columns of a foreign flat sample to ours."),
]
Pipeline = Annotated[str, typer.Option(help="Shipped pipeline or YAML file.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes that share the events.")]
Force = Annotated[bool, typer.Option("--force", help="Replace an output that is there.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Tell nothing but errors, and draw no bar.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Check everything, tell what would be done, and end.")
]
Again = Annotated[
    Optional[list[Path]],  # noqa: UP045
    typer.Option(
        help="Second detailed draw of the same generated events, the floor of every figure; made "
        "if it is not there. One for each detailed sample; halves of the sample without it.",
    ),
]
LongOnly = Annotated[bool, typer.Option("--long-only", help="Take long tracks only.")]
Part = Annotated[
    tuple[float, float], typer.Option(help="Share of the events of each file, from and to.")
]


def command_line(without: Sequence[str] = ()) -> str:
    """The command as it was given, to be kept beside what it made.

    Args:
        without: options that are left out with their values: where something was written says
            nothing about it.
    """
    words = sys.argv[1:]
    kept = [
        word
        for before, word in zip(["", *words], words, strict=False)
        if word not in without and before not in without
    ]
    return shlex.join(["lamarr-like", *kept])


def tell_shorter(what: str, missing: int, asked: int | None) -> None:
    """Say on the error stream that something held fewer events than were asked for.

    Args:
        what: where they were read from.
        missing: events that did not come, none below 1.
        asked: events asked for.
    """
    if asked is not None and missing > 0:
        text = f"{what}: ended after {asked - missing} of the {asked} events asked for (-n)"
        typer.echo(text, err=True)
