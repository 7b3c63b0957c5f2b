"""Joining the parts of a production into one file, in the order of the units."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import OutputError
from ..files.scratch import whole
from ..io.digest import ContentHash
from ..io.ntuple import EventWriter, content_digest, read_events
from ..io.ntuple_reader import read_weight_names
from ..io.weights import WeightNames, renamed

STEP = 1000
"""Events in memory at a time."""


def merge_parts(
    parts: Sequence[Path],
    output: Path,
    metadata: Mapping[str, Any],
    root_format: str = "ttree",
    each: Callable[[int], None] = lambda n: None,
) -> tuple[int, str]:
    """Write the events of the parts into one file, which is read back and compared.

    Args:
        parts: files in the order in which their events are to come.
        output: file to write; an existing one is replaced at the end.
        metadata: provenance.
        root_format: ``"ttree"`` or ``"rntuple"``.
        each: called with the number of events of each piece; may raise to stop.

    Returns:
        Events in the file, and their digest: that of a single run over all of them.

    Raises:
        SourceError: if a part cannot be read.
        OutputError: if the file cannot be written, or reads back differently.
    """
    written = ContentHash()
    names = WeightNames(str(output))
    with whole(output) as temporary:
        with EventWriter(
            temporary, metadata=metadata, root_format=root_format, weight_names=names
        ) as writer:
            for part in parts:
                own = read_weight_names(part)
                for given in read_events(part, step_size=STEP):
                    batch = renamed(given, own, names)
                    each(len(batch))
                    writer.write(batch)
                    written.update(batch)
        found = content_digest(temporary)
        if found != written.hexdigest():
            raise OutputError(f"{output}: what was written reads back differently")
    return written.events, found
