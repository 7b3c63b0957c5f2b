"""Whole runs: candidates of decays from ntuples on disk, in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .. import __version__
from ..files.places import check_output
from ..io.ntuple_reader import read_events, read_provenance
from .candidates import needed_columns
from .category import CATEGORIES
from .request import DecayRequest
from .writer import DecayTrees, DecayWriter

STEP_EVENTS = 500
"""Events in memory at a time."""


@dataclass(frozen=True)
class DecaySummary:
    """What a run found.

    Attributes:
        events: events read.
        counts: candidates by decay.
        codes: among them those of each BKGCAT.
    """

    events: int
    counts: dict[str, int]
    codes: dict[str, dict[int, int]] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """One line a decay, with its candidates by category."""
        out = []
        for name, n in self.counts.items():
            codes = self.codes[name]
            parts = {k: sum(codes.get(c, 0) for c in v) for k, v in CATEGORIES.items()}
            shares = ", ".join(f"{v} {k}" for k, v in parts.items() if v)
            out.append(f"{name}: {n} candidates" + (f" ({shares})" if n else ""))
        return out


def reconstruct_decays(
    paths: Sequence[str | Path],
    output: str | Path,
    requests: Sequence[DecayRequest],
    n_events: int | None = None,
    command: str = "",
    force: bool = False,
) -> DecaySummary:
    """Reconstruct decays in ntuples and write their trees.

    Args:
        paths: detailed samples or fast ntuples.
        output: ROOT file to write.
        requests: the decays.
        n_events: how many events, None for all.
        command: command line, kept in the file.
        force: replace an existing file.

    Raises:
        LamarrLikeError: naming the file, decay or column; nothing is left under the output name.
    """
    check_output(output, paths, force=force)
    trees = DecayTrees(requests)
    metadata = {
        "program": f"lamarr_like {__version__}",
        "command": command,
        "inputs": [read_provenance(path) for path in paths],
        "decays": {r.decay.name: r.decay.text for r in requests},
    }
    tables = list(needed_columns(requests))
    done = 0
    with DecayWriter(output, trees, metadata, force) as writer:
        for batch in read_events([str(p) for p in paths], tables, STEP_EVENTS):
            part = batch
            if n_events is not None:
                part = batch.events(0, min(len(batch), n_events - done))
            writer.write(part)
            done += len(part)
            if done == n_events:
                break
    return DecaySummary(done, trees.counts, trees.codes)
