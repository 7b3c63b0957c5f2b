"""What of the settings of a family a search may change, and within which bounds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Range:
    """Values that a setting may take in a search.

    Args:
        low, high: bounds, allowed themselves; whole numbers for a setting that is one.
        log: whether equal factors count as equal steps, rather than equal differences.
    """

    low: float
    high: float
    log: bool = True

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are meant."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def holds(self, value: float) -> bool:
        """Whether a value is within the bounds."""
        return self.low <= value <= self.high

    def within(self, value: float) -> float:
        """The nearest value that is within the bounds."""
        return min(max(value, self.low), self.high)
