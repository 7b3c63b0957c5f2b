"""Whole runs of a menu over an ntuple, in bounded memory."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...files.places import check_output
from ...io.ntuple import EventWriter
from ...io.ntuple_reader import read_events, read_provenance, read_weight_names
from .menu import Menu

STEP_EVENTS = 500
"""Events in memory at a time."""


@dataclass(frozen=True)
class TriggerSummary:
    """What fired.

    Attributes:
        menu: name of the menu.
        events: events read.
        fired: events that fired each line, by name.
    """

    menu: str
    events: int
    fired: dict[str, int]

    def rates(self) -> dict[str, tuple[int, float, float]]:
        """Events, their share and its standard deviation (that of n + 1 of N + 2) by line."""
        total = max(self.events, 1)
        guess = {name: (n + 1) / (total + 2) for name, n in self.fired.items()}
        return {
            name: (n, n / total, float(np.sqrt(guess[name] * (1.0 - guess[name]) / total)))
            for name, n in self.fired.items()
        }


def run_trigger(
    path: str | Path,
    output: str | Path | None = None,
    menu: str | Path | Menu | None = None,
    n_events: int | None = None,
    force: bool = False,
) -> TriggerSummary:
    """Ask a menu of the events of an ntuple.

    Args:
        path: detailed sample or fast ntuple.
        output: ROOT file to write: the events with a branch for each decision; None for none.
        menu: the lines, or their YAML; those of LHCb in 2016 if None.
        n_events: how many events, None for all.
        force: replace an output that is there; the ntuple is never replaced.

    Raises:
        LamarrLikeError: naming the file and column; nothing is left under the output name.
    """
    found = menu if isinstance(menu, Menu) else Menu.load(menu)
    found.declare()
    fired = {line.name: 0 for line in found.lines}
    writer: EventWriter | nullcontext[None] = nullcontext()
    if output is not None:
        inputs = [path] if menu is None or isinstance(menu, Menu) else [path, menu]
        check_output(output, inputs, force=force)
        writer = EventWriter(
            output,
            metadata={**read_provenance(path), "trigger": found.name},
            force=force,
            weight_names=read_weight_names(path),
        )
    # What is not written need not be read.
    tables = None if output is not None else found.needed
    done = 0
    with writer as file:
        for batch in read_events(str(path), tables, STEP_EVENTS):
            part = batch
            if n_events is not None:
                part = batch.events(0, min(len(batch), n_events - done))
            decisions = found.decisions(part)
            for line in found.lines:
                fired[line.name] += int(decisions[line.column.name].sum())
            if file is not None:
                file.write(part.with_columns("event", **decisions))
            done += len(part)
            if done == n_events:
                break
    return TriggerSummary(found.name, done, fired)
