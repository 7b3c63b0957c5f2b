"""Generator weights: all of an event, each with the number of its name.

The names are those of a source or of a file, in the order in which its events had them first; the
table ``weight`` has the place of its name in that list for each weight.  So events with other sets
of weights may follow each other, and a name is stored once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import SchemaError, SourceError
from ..events import EventBatch, Table

WEIGHT_COLUMNS = ("mc_weight_id", "mc_weight_value")
"""Columns of the table of weights that a source fills."""

MAX_NAMES = 10_000
"""Most names that the weights of a source may have between them."""

MAX_NAME = 500
"""Longest name of a weight [characters]; what is longer is cut."""


class WeightNames(list[str]):
    """Names of weights by their ``mc_weight_id``; grows as names come.

    Args:
        where: the source or file, for messages.
    """

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where = where
        self._known: dict[tuple[str, ...], list[int]] = {}

    def ids(self, names: tuple[str, ...]) -> list[int]:
        """``mc_weight_id`` of the weights of these names; new ones are entered.

        Raises:
            SourceError: if there are too many.
        """
        if names not in self._known:
            place = {name: k for k, name in enumerate(self)}
            new = [name for name in dict.fromkeys(names) if name not in place]
            if len(self) + len(new) > MAX_NAMES:
                raise SourceError(f"{self.where}: weights have more than {MAX_NAMES} names")
            place |= {name: len(self) + k for k, name in enumerate(new)}
            self += new
            if len(self._known) >= 100:  # as a rule there is one set, and sets may be long
                self._known.clear()
            self._known[names] = [place[name] for name in names]
        return self._known[names]


def numbered_names(n: int) -> tuple[str, ...]:
    """Names of `n` weights that nothing has named: ``0``, ``1``, ..."""
    return tuple(map(str, range(n)))


def parse_names(found: object, where: str) -> tuple[str, ...]:
    """Names of weights as a document holds them.

    Raises:
        SchemaError: if they are no list of texts.
    """
    listed = found if isinstance(found, list) and len(found) <= MAX_NAMES else [None]
    if not all(isinstance(name, str) for name in listed):
        raise SchemaError(f"{where}: weight_names is no list of at most {MAX_NAMES} texts")
    return tuple(str(name)[:MAX_NAME] for name in listed)


def renamed(batch: EventBatch, names: Sequence[str], known: WeightNames) -> EventBatch:
    """Events whose ``mc_weight_id`` counts other names.

    Args:
        batch: the events.
        names: names of the weights by their ``mc_weight_id``.
        known: the other names; those that are new are entered.
    """
    if not names or "weight" not in batch.tables or list(names) == known:
        return batch
    ids = np.array(known.ids(tuple(names)), dtype=np.int32)
    return batch.with_columns("weight", mc_weight_id=ids[batch["weight"]["mc_weight_id"]])


def bad_weights(weight: Table, names: Sequence[str]) -> dict[int, str]:
    """Reason by position of each event with a weight that is no number.

    Args:
        weight: all weights.
        names: name of each ``mc_weight_id``.
    """
    bad: dict[int, str] = {}
    for row in np.flatnonzero(~np.isfinite(weight["mc_weight_value"])):
        k = int(np.searchsorted(weight.offsets, row, "right")) - 1
        number, name = row - weight.offsets[k], names[weight["mc_weight_id"][row]]
        which = f"weight {number} ({name!r})" if name != str(number) else f"weight {number}"
        bad.setdefault(k, f"{which}: mc_weight = {weight['mc_weight_value'][row]}")
    return bad
