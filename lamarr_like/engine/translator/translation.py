"""Translation of a sequence of sources into a sequence of clusters, at run time.

A *source* is a particle that may leave a cluster, or a background zone that may hold some.  An
encoder looks at all sources of an event and gives each the probabilities of owning none, one or a
few clusters.  What owns none is lost or absorbed into the cluster of a source nearby, of those that
were drawn to own one: so two photons close to each other are one cluster or two, but never none
because both point at the other.  Then a decoder looks at the clusters together, and a head draws
what each of them measures.  Everything is one shot: no loop over sources or clusters.

Events go through the networks as *pieces*, padded to a few lengths, several of one length together;
the result of an event is the same bit for bit whichever events share the call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

import numpy as np
from scipy.special import ndtri

from ...arrays import Floats, Floats32, Ints, Mask
from ...errors import ArtefactError
from ..atoms import Atoms
from ..normal_scores import NormalScores
from .cluster_layout import (
    Clusters,
    Layout,
    encoder_feed,
    listed,
    source_places,
    told_of_first,
)
from .sequences import Block, Pieces, Sources, blocks, cut, padded_length

Graph: TypeAlias = Callable[..., list[np.ndarray]]
"""A network: arrays by name in, arrays out."""
Noise: TypeAlias = Callable[[Ints, Ints, int, int], Floats]
"""Owner, number of the cluster, attempt, size to uniform numbers ``(m, size)``."""
Again: TypeAlias = Callable[[Ints, Floats, Mapping[str, Floats], Floats], Mask]
"""Event, place, values and a uniform number of each cluster to those that are drawn again."""
Widths: TypeAlias = Callable[[Floats], Mapping[str, Floats]]
"""Place of each cluster, shape ``(m, 4)``, to expected resolutions of outputs, shapes ``(m,)``."""
Choose: TypeAlias = Callable[[Floats, Floats], Ints]
"""Probabilities of owning none, one, ... clusters, shape ``(n, k)``, and a uniform number of each
source, shape ``(n,)``, to their numbers of clusters, shape ``(n,)``."""
Complete: TypeAlias = Callable[[Floats, Mapping[str, Floats]], Mapping[str, Floats]]
"""Place and values of each cluster to all that follows from them, for `followed`."""
ATTEMPTS = 8
"""How often a cluster is measured again at the most."""


class Drawn(NamedTuple):
    """Clusters of some events.

    Attributes:
        offsets: clusters ``offsets[i]:offsets[i + 1]`` are those of event ``i``.
        clusters: which there are.
        place: x, y of the energy of owner and absorbed sources, unit, log energy; ``(m, 4)``.
        values: what is measured of each, by name, shapes ``(m,)``.
        chance: the number by which it was told whether to draw it again, shape ``(m,)``.
    """

    offsets: Ints
    clusters: Clusters
    place: Floats
    values: dict[str, Floats]
    chance: Floats


class Translator:
    """A trained translation, ready to run.

    Args:
        conditions: names of the features of sources, in order.
        copied: those that clusters take over from their owner.
        outputs: names of what is measured of a cluster.
        encoder: sources to probabilities ``(b, l, 4)`` or ``(b, l, 8)`` of the number of clusters,
            states ``(b * l, d)`` and, with pointers, logits ``(b, l, 1 + l)`` of being lost and of
            being absorbed by each, if that owns a cluster.
        decoder: clusters to conditions of the head ``(b * m, c)``.
        head: conditions, uniforms and normals to scores and the class of atoms, row by row.
        scores: normal scores of the outputs to physical values.
        atoms: exact equalities to impose.
        noise: uniform and normal numbers that the head needs for each cluster.
        longest: sources in a piece at the most.
        zones: whether background zones are among the sources.
        followed: outputs of an owner's first cluster that the head is told for its further ones,
            see `cluster_layout.told_of_first`.
        pulls: outputs that the head draws in units of their expected resolution, and the values
            between which they stay: the largest pull of one cluster is none of another's.

    Attributes:
        ranges: smallest and largest value of each output, by name, where they are known.
    """

    def __init__(
        self,
        *,
        conditions: tuple[str, ...],
        copied: tuple[str, ...],
        outputs: tuple[str, ...],
        encoder: Graph,
        decoder: Graph,
        head: Graph,
        scores: NormalScores,
        atoms: Atoms,
        noise: tuple[int, int],
        longest: int,
        zones: bool,
        followed: tuple[str, ...] = (),
        pulls: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        self.conditions = conditions
        self.outputs = outputs
        self.pulls = dict(pulls or {})
        self.zones = zones
        self.longest = longest
        self.n_uniforms = sum(noise)
        self.ranges: Mapping[str, tuple[float, float]] = {}
        self._copied = [conditions.index(name) for name in copied]
        self._encoder, self._decoder, self._head = encoder, decoder, head
        self._scores, self._atoms, self._noise = scores, atoms, noise
        self._followed = followed

    def draw(
        self,
        sources: Sources,
        uniforms: Floats,
        noise: Noise,
        again: Again | None = None,
        widths: Widths | None = None,
        choose: Choose | None = None,
        complete: Complete | None = None,
    ) -> Drawn:
        """Clusters of each event.

        Args:
            sources: the sources; features in the order of `conditions`.
            uniforms: two numbers in (0, 1) for each source, shape ``(n, 2)``.
            noise: uniform numbers for clusters.
            again: tells which clusters are measured again, `ATTEMPTS` times at the most.
            widths: expected resolutions of the `pulls`; a model without any needs none.
            choose: chooses how many clusters each source owns; None for `chosen`.
            complete: makes what further clusters of an owner are told of the first one, where the
                head does not draw it as it is told.

        Raises:
            ArtefactError: if no resolution is given of one of the `pulls`.
        """
        pieces = cut(sources.x, sources.y, sources.offsets, self.longest)
        places = source_places(sources, pieces)
        own, pointer, states = self._outcomes(sources, pieces, places, uniforms, choose or chosen)
        clusters = listed(own, pointer)
        layout = Layout(sources, pieces, clusters, self._copied)
        given = self._decoded(pieces, places, states, layout)
        units = self._units(layout.place, widths)
        offsets = np.searchsorted(clusters.owner, sources.offsets)
        event = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        values = {name: np.zeros(len(event)) for name in self.outputs}
        chance = np.zeros(len(event))
        told_by = partial(complete, layout.place) if complete else dict
        looked_at = rows = np.arange(len(event))
        size = self.n_uniforms + 1
        for attempt in range(1 + ATTEMPTS if again else 1):
            if attempt:
                assert again is not None
                seen = {name: v[looked_at] for name, v in values.items()}
                crowd = again(event[looked_at], layout.place[looked_at], seen, chance[looked_at])
                rows = self._with_followers(looked_at[crowd], clusters)
                if not len(rows):
                    break
                # Elsewhere nothing changes.
                drawn_again = np.zeros(len(offsets), dtype=bool)
                drawn_again[event[rows]] = True
                looked_at = np.flatnonzero(drawn_again[event])
            numbers = noise(clusters.owner[rows], clusters.number[rows], attempt, size)
            chance[rows] = numbers[:, -1]
            self._measure(rows, clusters, given, numbers[:, :-1], values, units, told_by)
        return Drawn(offsets, clusters, layout.place, values, chance)

    def rehearse(self) -> None:
        """Translate two sources, by numbers that make them own clusters."""
        n = 2
        place, ones = np.arange(n, dtype=np.float64), np.ones(n)
        features = np.zeros((n, len(self.conditions)), np.float32)
        sources = Sources(np.array([0, n]), features, place, place, ones, ones, ones < 0.0)
        self.draw(
            sources,
            np.full((n, 2), 1.0 - 1e-9),
            lambda owner, number, attempt, size: np.full((len(owner), size), 0.5),
            widths=lambda place: dict.fromkeys(self.pulls, np.ones(len(place))),
        )

    def _units(self, place: Floats, widths: Widths | None) -> Mapping[str, Floats]:
        """Expected resolution of each of the `pulls`, shapes ``(m,)``."""
        known = widths(place) if self.pulls and widths is not None else {}
        lacking = [name for name in self.pulls if name not in known]
        if lacking:
            raise ArtefactError(f"no expected resolution is known of {', '.join(lacking)}")
        return {name: known[name] for name in self.pulls}

    def _outcomes(
        self,
        sources: Sources,
        pieces: Pieces,
        places: Floats32,
        uniforms: Floats,
        choose: Choose,
    ) -> tuple[Ints, Ints, Floats32]:
        """Number of clusters, pointer and state of each source."""
        n = len(sources.x)
        found = [
            (block, self._encoder(**encoder_feed(block, sources, places)))
            for block in blocks(pieces)
        ]
        chances = _of_sources(found, n, 0).astype(np.float64)
        own, pointer = choose(chances, uniforms[:, 0]), np.full(n, -1)
        for block, (_, _, *pointers) in found:
            if not pointers:
                continue
            rows = block.rows
            owns = block.by_piece(((own > 0) & ~sources.zone).astype(np.float64))
            into = _absorbers(pointers[0], owns, block.slots, own[rows], uniforms[rows, 1])
            start = pieces.offsets[pieces.of_source[rows]]
            at = pieces.order[start + np.maximum(into, 0)]
            # Background zones are no particles: nothing absorbs them.
            pointer[rows] = np.where((into < 0) | sources.zone[rows], -1, at)
        return own, pointer, _of_sources(found, n, 1)

    def _decoded(
        self, pieces: Pieces, places: Floats32, states: Floats32, layout: Layout
    ) -> Floats32:
        """Conditions of the head for each cluster."""
        found = np.zeros((len(layout.place), 0), np.float32)
        widths = np.where(layout.counts > 0, padded_length(layout.counts), 0)
        for block in blocks(pieces, widths):
            width = int(widths[block.pieces[0]])
            feed = layout.feed(block, width, places)
            (given,) = self._decoder(states=block.spread(states), **feed)
            rows, slots = layout.within(block, width)
            if not found.shape[1]:
                found = np.zeros((len(found), given.shape[1]), np.float32)
            found[rows] = given[slots]
        return found

    def _with_followers(self, rows: Ints, clusters: Clusters) -> Ints:
        """Clusters that are drawn again: if an owner's first one is, its further ones too."""
        if not self._followed:
            return rows
        chosen = np.zeros(len(clusters.owner), dtype=bool)
        chosen[rows] = True
        return np.flatnonzero(chosen | chosen[clusters.first])

    def _measure(
        self,
        rows: Ints,
        clusters: Clusters,
        given: Floats32,
        numbers: Floats,
        values: dict[str, Floats],
        units: Mapping[str, Floats],
        told_by: Callable[[Mapping[str, Floats]], Mapping[str, Floats]],
    ) -> None:
        """Draw what some clusters measure, into `values`; first ones before further ones."""
        further = clusters.number[rows] > 0
        for chosen in (~further, further) if self._followed else (further | True,):
            mine = rows[chosen]
            if not len(mine):
                continue
            conditions = given[mine]
            if self._followed:
                # First ones are told nothing.
                told = np.zeros((len(mine), 2 + len(self._followed)), np.float32)
                if chosen is further:
                    told = told_of_first(clusters, told_by(values), self._followed)[mine]
                conditions = np.concatenate([conditions, told], axis=1)
            found = self._measured(conditions, numbers[chosen])
            for name, ends in self.pulls.items():
                found[name] = np.clip(found[name] * units[name][mine], *ends)
            for name, new in found.items():
                values[name][mine] = new

    def _measured(self, given: Floats32, numbers: Floats) -> dict[str, Floats]:
        if not len(numbers):
            return {name: np.zeros(0) for name in self.outputs}
        n = self._noise[0]
        drawn = self._head(
            conditions=given,
            uniforms=numbers[:, :n].astype(np.float32),
            normals=ndtri(numbers[:, n:]).astype(np.float32),
        )
        values = self._scores.inverse(drawn[0])
        if self._atoms.binds:
            atom = drawn[1][:, 0] if len(drawn) > 1 else np.zeros(len(values))
            self._atoms.impose(values, atom.astype(np.int64))
        return {name: values[:, k] for k, name in enumerate(self.outputs)}


def _absorbers(logits: np.ndarray, owns: Floats, slots: Ints, own: Ints, uniforms: Floats) -> Ints:
    """Position in its piece of what absorbs each source, -1 for none.

    Args:
        logits: ``(b, l, 1 + l)``.
        owns: 1 for sources that own a cluster, ``(b, l)``.
        slots: positions of the sources in ``(b * l)``, shape ``(n,)``.
        own: clusters that they own, shape ``(n,)``.
        uniforms: shape ``(n,)``.
    """
    result = np.full(len(slots), -1)
    free = np.flatnonzero(own == 0)
    length = owns.shape[1]
    rows = logits.reshape(-1, 1 + length)[slots[free]].astype(np.float64)
    # Bounded: no probability underflows, so that the lost share of each row stays positive.
    weights = np.exp(np.clip(rows - rows[:, :1], -700.0, 50.0))
    weights[:, 1:] *= owns[slots[free] // length]
    weights[:, 1:] *= rows[:, 1:] > -1e8
    result[free] = chosen(weights, uniforms[free]) - 1
    return result


def _of_sources(found: Sequence[tuple[Block, list[np.ndarray]]], n: int, which: int) -> Floats32:
    """An output of the encoder, of each source; shape ``(n, d)``."""
    if not found:
        return np.zeros((n, 0), np.float32)
    width = found[0][1][which].shape[-1]
    result = np.zeros((n, width), np.float32)
    for block, outputs in found:
        result[block.rows] = outputs[which].reshape(-1, width)[block.slots]
    return result


def chosen(probabilities: np.ndarray, uniforms: Floats) -> Ints:
    """Index drawn for each row, shape ``(n,)``.

    Args:
        probabilities: up to a factor, shape ``(n, k)``.
        uniforms: numbers between 0 and 1, shape ``(n,)``.
    """
    summed = np.cumsum(probabilities, axis=1, dtype=np.float64)
    drawn: Ints = (uniforms[:, None] * summed[:, -1:] > summed).sum(axis=1)
    return drawn
