"""Under which conditions events are taken to have been recorded: polarity and run number."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import SchemaError

if TYPE_CHECKING:
    from ..events import EventBatch


class Polarity(str, Enum):
    """Of the magnet."""

    up = "up"
    down = "down"


SIGNS = {"up": 1, "down": -1}
"""Of the field along y; the detector and all shipped models are those of -1."""


class Conditions(NamedTuple):
    """What is noted with each event; nothing is where it is None.

    Attributes:
        polarity: ``up`` or ``down``; None for down, which is then not noted.
        run: number of the run; None for 0.
    """

    polarity: str | None = None
    run: int | None = None

    def check(self) -> None:
        """Refuse what cannot be.

        Raises:
            SchemaError: if the polarity has another name or the number does not fit its column.
        """
        if self.polarity not in (None, *SIGNS):
            raise SchemaError(f"polarity {self.polarity!r}: it is up or down")
        if self.run is not None and not 0 <= self.run < 1 << 31:
            raise SchemaError(f"run {self.run}: ask for 0 to {(1 << 31) - 1}")

    def of(self, batch: EventBatch) -> EventBatch:
        """Events that note these conditions."""
        import numpy as np

        from ..schema import as_declared

        noted: dict[str, int] = {}
        if self.polarity is not None:
            noted["polarity"] = SIGNS[self.polarity]
        if self.run is not None:
            noted["run_number"] = self.run
        n = len(batch)
        columns = {k: as_declared("event", k, np.full(n, v)) for k, v in noted.items()}
        return batch.with_columns("event", **columns) if columns else batch

    def noted(self) -> dict[str, Any]:
        """Those that are given, for the provenance."""
        return {k: v for k, v in self._asdict().items() if v is not None}
