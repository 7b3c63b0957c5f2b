"""A sample as flat columns: what the report compares, whole or in parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...arrays import Columns, Keys, Mask
from ...decays.rows import DecayRows
from ...statistics.binned import effective as effective_number
from ...statistics.matching import where
from ..tracks import GROUPS, PULLS, SPECIES

TABLES = ("event", "particle", "track", "vertex", "pair")
"""Groups of columns of a sample."""


@dataclass(frozen=True)
class Sample:
    """What the report needs of a sample; every group has ``unit`` and ``weight``.

    Args:
        name: for titles.
        event: one row an event: ``n_spd_hits``, and ``n_tracks``, ``n_pvs`` where there.
        particle: charged stable particles: ``species``, ``p``, ``eta``, ``n_spd_hits``,
            ``in_acceptance``, ``track_type``.
        track: long tracks of such particles: the same, ``reco_p``, ``reco_eta``, and the variables
            of `GROUPS` and `PULLS`.
        vertex: residuals ``x``, ``y``, ``z`` [mm] and ``n_tracks`` of primary vertices.
        pair: ``mass`` and ``least_et`` [MeV] of pairs of unmatched clusters.
        signature: number that tells generated events apart, shape ``(n_events,)``.
        fingerprint: the same for reconstructed tracks of any kind, shape ``(n_tracks,)``.
        decays: the decays that were asked for.
    """

    name: str
    event: Columns
    particle: Columns
    track: Columns
    vertex: Columns
    pair: Columns
    signature: Keys
    fingerprint: Keys
    decays: tuple[DecayRows, ...] = ()

    def without_pairs(self) -> Sample:
        """The same without pairs of clusters, which are most of it."""
        return replace(self, pair={name: values[:0] for name, values in self.pair.items()})

    @property
    def n_events(self) -> int:
        """Number of events."""
        return len(self.signature)

    @property
    def out_of_range(self) -> int | None:
        """Long tracks outside the training sample of the models; None where nothing tells."""
        flags = self.track.get("out_of_range")
        return None if flags is None else int(flags.sum())

    @property
    def duplicates(self) -> int:
        """Tracks that are the same as another one to the last bit."""
        return len(self.fingerprint) - len(np.unique(self.fingerprint))

    @property
    def variables(self) -> tuple[str, ...]:
        """Variables of `GROUPS` and `PULLS` that the tracks have."""
        known = (*(v for names in GROUPS.values() for v in names), *PULLS)
        return tuple(v for v in known if v in self.track)

    def mapped(self, change: Callable[[Columns], Columns], **others: Any) -> Sample:
        """The same with every group changed, those of the decays as well, and other fields."""
        groups: dict[str, Any] = {name: change(getattr(self, name)) for name in TABLES}
        decays = tuple(d.mapped(change) for d in self.decays)
        return replace(self, **groups, decays=decays, **others)

    def of_units(self, chosen: Mask, name: str) -> Sample:
        """Some of the events.

        Args:
            chosen: by unit, shape ``(n_units,)``; units are those after `paired`.
            name: name of the part.
        """
        signature = self.signature[chosen[self.event["unit"]]]
        return self.mapped(lambda c: where(c, chosen[c["unit"]]), name=name, signature=signature)


def of_species(columns: Columns, species: str) -> Columns:
    """Rows of one of `SPECIES`."""
    return where(columns, columns["species"] == SPECIES[species])


def effective(columns: Columns) -> float:
    """Effective number of rows, ``(sum w)^2 / sum w^2``."""
    return effective_number(columns["weight"])


def by_species(
    one: Columns, two: Columns, species: Sequence[str], least: float
) -> Iterator[tuple[str, Columns, Columns]]:
    """Rows of each species that both have enough of.

    Args:
        one, two: the same group of columns of both samples.
        species: some of `SPECIES`.
        least: effective number of rows of each.
    """
    for name in species:
        mine = of_species(one, name), of_species(two, name)
        if min(map(effective, mine)) >= least:
            yield name, *mine
