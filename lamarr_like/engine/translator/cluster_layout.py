"""Clusters of a sequence of sources: whose they are, and what networks are told about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ...arrays import Floats, Floats32, Ints
from .sequences import Block, Pieces, Sources, ones_at, scattered, slots_of

MOST_CLUSTERS = 7
"""Clusters that a source may own."""
MOST_OWN = 3
"""From this number on, the decoder is told the same of a source that owns so many."""
_LEAST_LEFT = 0.02
"""Part of the energy of an owner that its first cluster leaves at the least, as it is told."""
CLUSTER_FEATURES = (
    *("log_energy", "log_owner_share", "number_2", "number_3", "owner_has", "absorbed"),
    *(
        "phase_x",
        "phase_y",
        "offset_x",
        "offset_y",
        "spread",
        "absorbed_logit",
        "absorbed_distance",
    ),
)
"""What `describe` tells about clusters, before the copied columns of their owner."""


class Clusters(NamedTuple):
    """Which clusters there are; in order of event, owner and number.

    Attributes:
        owner: source that owns each, shape ``(m,)``.
        number: 0 for its first cluster, and so on; shape ``(m,)``.
        has: clusters of its owner, shape ``(m,)``.
        of_source: cluster that absorbed each source, -1 for none; shape ``(n,)``.
        outcome: 0 lost, 1, 2, 3 or more owned clusters, 4 absorbed; shape ``(n,)``.
    """

    owner: Ints
    number: Ints
    has: Ints
    of_source: Ints
    outcome: Ints

    @property
    def first(self) -> Ints:
        """Row of the first cluster of each one's owner, shape ``(m,)``."""
        return np.arange(len(self.number)) - self.number


def told_of_first(
    clusters: Clusters, values: Mapping[str, Floats], followed: Sequence[str]
) -> Floats32:
    """What a head is told about the first cluster of an owner when it draws a further one.

    The two legs of a converted photon part its energy between them, and are bent to opposite sides.

    Args:
        clusters: the clusters.
        values: what was drawn of them, by name, shapes ``(m,)``; of first ones at least.
        followed: names of what is told, the first of them the log of a part of the owner's energy;
            none for a head that is told nothing.

    Returns:
        Whether each is a further one, log of the part of the energy that its first one left, and
        the values of that as arsinh; 0 for first ones themselves.  Shape
        ``(m, 2 + len(followed))``, or ``(m, 0)``.
    """
    told = np.zeros((len(clusters.number), 2 + len(followed) if followed else 0), np.float32)
    if not followed:
        return told
    further = np.flatnonzero(clusters.number > 0)
    first = clusters.first[further]
    taken = np.exp(np.minimum(values[followed[0]][first], 0.0))
    told[further, 0], told[further, 1] = 1.0, np.log(np.maximum(1.0 - taken, _LEAST_LEFT))
    for k, name in enumerate(followed):
        told[further, 2 + k] = np.arcsinh(values[name][first])
    return told


def listed(own: Ints, pointer: Ints) -> Clusters:
    """The clusters that sources own, and which of them absorbed others: the first of their owner.

    Args:
        own: number of clusters of each source, shape ``(n,)``.
        pointer: source, owner of a cluster, that absorbed it, -1 for none; shape ``(n,)``.
    """
    first = np.cumsum(own) - own
    owner = np.repeat(np.arange(len(own)), own)
    absorbed = pointer >= 0
    return Clusters(
        owner=owner,
        number=np.arange(len(owner)) - first[owner],
        has=own[owner],
        of_source=np.where(absorbed, first[pointer], -1),
        outcome=np.where(absorbed, MOST_OWN + 1, np.minimum(own, MOST_OWN)),
    )


def describe(sources: Sources, clusters: Clusters, copied: list[int]) -> tuple[Floats, Floats32]:
    """Place and features of clusters before anything of them is drawn.

    Args:
        sources: the sources.
        clusters: the clusters.
        copied: columns of the sources' features that a cluster takes over from its owner.

    Returns:
        x, y, unit, log of the energy, shape ``(m, 4)``; features, shape
        ``(m, len(CLUSTER_FEATURES) + len(copied))``.
    """
    owner, m = clusters.owner, len(clusters.owner)
    member = np.flatnonzero(clusters.of_source >= 0)
    into = clusters.of_source[member]
    e_owner, unit = sources.energy[owner], sources.unit[owner]
    e, mine = sources.energy[member], owner[into]

    def total(values: Floats) -> Floats:
        summed: Floats = np.bincount(into, values, minlength=m).astype(np.float64)
        return summed

    energy = e_owner + total(e)
    dx, dy = sources.x[member] - sources.x[mine], sources.y[member] - sources.y[mine]
    shift_x, shift_y = total(e * dx) / energy, total(e * dy) / energy
    second = total(e * (dx * dx + dy * dy)) / energy - shift_x**2 - shift_y**2
    x, y = sources.x[owner] + shift_x, sources.y[owner] + shift_y
    gained = energy - e_owner
    distance = total(e * np.hypot(dx, dy)) / np.maximum(gained, 1e-9) / unit
    columns = [
        *(np.log(energy), np.log(e_owner / energy)),
        *(clusters.number == 1, clusters.number >= 2, clusters.has),
        np.log1p(total(np.ones(len(e)))),
        *(x / unit - np.floor(x / unit) - 0.5, y / unit - np.floor(y / unit) - 0.5),
        *(shift_x / unit, shift_y / unit, np.sqrt(np.maximum(second, 0.0)) / unit),
        np.log((gained + 1.0) / (e_owner + 1.0)) * (gained > 0.0),
        np.where(gained > 0.0, distance, 0.0),
    ]
    features = np.empty((m, len(columns) + len(copied)), np.float32)
    for k, column in enumerate(columns):
        features[:, k] = column
    features[:, len(columns) :] = sources.features[owner][:, copied]
    return np.stack([x, y, unit, np.log(energy)], axis=1), features


def source_places(sources: Sources, pieces: Pieces) -> Floats32:
    """What pairs are judged by, shape ``(n, 7)``.

    x, y, unit, log energy, rank by falling energy in the piece (of equal energies the first ranks
    first: who absorbs whom must never be open), column and row of the cell.
    """
    order = np.lexsort((-sources.energy, pieces.of_source))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order)) - pieces.offsets[pieces.of_source[order]]
    x, y, unit = sources.x, sources.y, sources.unit
    columns = [x, y, unit, np.log(sources.energy), rank, *_cell(x, y, unit)]
    return np.stack(columns, axis=1).astype(np.float32)


def _cell(x: Floats, y: Floats, unit: Floats) -> tuple[Floats, Floats]:
    """Column and row of the cell; columns of cells of two sizes are far from each other."""
    return np.floor(x / unit) + 100.0 * unit, np.floor(y / unit)


def encoder_feed(block: Block, sources: Sources, places: Floats32) -> dict[str, np.ndarray]:
    """Inputs of the encoder for a block.

    Args:
        block: the pieces.
        sources: the sources.
        places: `source_places`, shape ``(n, 7)``.

    Returns:
        ``features``, shape ``(size * length, n_features)``; ``place``, shape
        ``(size, length, 7)``; ``mask``, shape ``(size, length)``.
    """
    return {
        "features": block.spread(sources.features),
        "place": block.by_piece(places),
        "mask": block.mask,
    }


class Layout:
    """Where clusters stand among the pieces.

    Args:
        sources: the sources.
        pieces: their pieces.
        clusters: the clusters.
        copied: see `describe`.

    Attributes:
        counts: clusters of each piece.
        place, features: see `describe`.
    """

    def __init__(
        self, sources: Sources, pieces: Pieces, clusters: Clusters, copied: list[int]
    ) -> None:
        self.clusters = clusters
        self.place, self.features = describe(sources, clusters, copied)
        piece = pieces.of_source[clusters.owner]
        self.counts = np.bincount(piece, minlength=len(pieces.offsets) - 1)
        self._order = np.argsort(piece, kind="stable")
        self._bounds = np.concatenate([[0], np.cumsum(self.counts)]).astype(np.int64)
        self._rank = np.empty(len(piece), np.int64)
        self._rank[self._order] = np.arange(len(piece)) - self._bounds[piece[self._order]]
        member = clusters.of_source >= 0
        self._share = np.zeros(len(member), np.float32)
        total = np.exp(self.place[clusters.of_source[member], 3])
        self._share[member] = sources.energy[member] / total
        self._slot = np.zeros(len(member), np.int64)

    def within(self, block: Block, width: int) -> tuple[Ints, Ints]:
        """Clusters of a block, their positions in ``(size * width)``; both of shape ``(k,)``."""
        at, slots = slots_of(block.pieces, self._bounds, width)
        return self._order[at], slots

    def feed(self, block: Block, width: int, places: Floats32) -> dict[str, np.ndarray]:
        """Inputs of the decoder for a block, but for the states.

        Args:
            block: the pieces.
            width: number of clusters that each is padded to.
            places: `source_places`, shape ``(n, 7)``.

        Returns:
            Of sources, ``source_place``, shape ``(size, length, 7)``, ``source_mask``, shape
            ``(size, length)``, and ``outcome``, shape ``(size * length,)``; of clusters,
            ``owner``, slot of each owner, shape ``(size * width,)``, ``features``, shape
            ``(size * width, n_features)``, ``place``, shape ``(size, width, 7)``, and ``mask``,
            shape ``(size, width)``; ``share``, what each absorbed source is of the energy of its
            cluster, shape ``(size, width, length)``.
        """
        rows, slots = self.within(block, width)
        self._slot[block.rows] = block.slots
        wide, shape = block.size * width, (block.size, width)
        share = np.zeros((*shape, block.length), np.float32)
        inner = block.rows[self.clusters.of_source[block.rows] >= 0]
        into = self._rank[self.clusters.of_source[inner]]
        piece, column = np.divmod(self._slot[inner], block.length)
        share[piece, into, column] = self._share[inner]
        owner = self.clusters.owner[rows]
        cell = _cell(*self.place[rows, :3].T)
        place = np.column_stack([self.place[rows], places[owner, 4], *cell]).astype(np.float32)
        return {
            "source_place": block.by_piece(places),
            "source_mask": block.mask,
            "outcome": block.spread(self.clusters.outcome),
            "owner": scattered(self._slot[owner], slots, wide),
            "features": scattered(self.features[rows], slots, wide),
            "place": scattered(place, slots, wide).reshape(*shape, -1),
            "mask": ones_at(slots, wide).reshape(shape),
            "share": share,
        }
