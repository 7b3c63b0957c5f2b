"""Training samples of a translation, and the batches that are made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from ...arrays import Floats32, Ints, Mask
from ...engine.onnx_session import Session
from ...engine.translator.cluster_layout import (
    Clusters,
    Layout,
    encoder_feed,
    listed,
    source_places,
)
from ...engine.translator.sequences import Block, Pieces, Sources, blocks, cut, padded_length
from ...engine.translator.translation import Again, Drawn
from ...errors import TrainingError
from ...statistics.two_sample import Auc, c2st
from ..sample import prepare_outputs, stream
from .config import TranslatorConfig

TRAIN_LENGTHS = (16, 32, 48, 64, 80, 96)
"""Lengths that pieces are padded to in training."""


Metric = Callable[[Sources, Drawn, Drawn], Auc]
"""Sources, true clusters, drawn clusters of held-out events to a figure; less is better."""


def event_c2st(sources: Sources, real: Drawn, fake: Drawn) -> Auc:
    """AUC of number of clusters and mean outputs of events, given the number of sources."""
    n_sources = np.diff(sources.offsets)
    event = np.repeat(np.arange(len(n_sources)), n_sources)
    energy = np.bincount(event, sources.energy, minlength=len(n_sources))

    def columns(drawn: Drawn) -> dict[str, np.ndarray]:
        n = np.diff(drawn.offsets)
        index = np.repeat(np.arange(len(n)), n)
        sums = {k: np.bincount(index, v, minlength=len(n)) for k, v in drawn.values.items()}
        return {"n": n} | {k: v / np.maximum(n, 1) for k, v in sums.items()}

    conditions = {"n_sources": n_sources, "energy": np.log1p(energy)}
    return c2st(columns(real), columns(fake), conditions, folds=2, trees=100, depth=4)


@dataclass(frozen=True)
class TranslatorSample:
    """What a translation learns from.

    Args:
        sources: the sources of all events.
        own: clusters that each source owns, 0 to `MOST_CLUSTERS`; shape ``(n,)``.
        pointer: source that it was absorbed into, -1 for none; it must own a cluster.
        values: what is measured of each cluster, in order of owner and number; shapes ``(m,)``.
        conditions: names of the sources' features.
        copied: those that clusters take over from their owner.
        metric: figure on held-out events that chooses the state to keep.
        again: which clusters are drawn again, where it is judged.
    """

    sources: Sources
    own: Ints
    pointer: Ints
    values: Mapping[str, np.ndarray]
    conditions: tuple[str, ...]
    copied: tuple[str, ...]
    metric: Metric = event_c2st
    again: Again | None = None

    def __post_init__(self) -> None:
        n, m = len(self.sources.x), int(self.own.sum())
        if self.own.shape != (n,) or self.pointer.shape != (n,):
            raise TrainingError(f"a sample of {n} sources has {len(self.own)} outcomes")
        if self.sources.features.shape != (n, len(self.conditions)):
            raise TrainingError(
                f"{n} sources with {len(self.conditions)} features have an array of features of "
                f"shape {self.sources.features.shape}"
            )
        absorbed = self.pointer >= 0
        if (self.own[absorbed] > 0).any() or (self.own[self.pointer[absorbed]] == 0).any():
            raise TrainingError("an absorbed source owns a cluster, or its absorber owns none")
        for name, values in self.values.items():
            if np.shape(values) != (m,):
                raise TrainingError(f"{m} clusters have {np.shape(values)} values of {name!r}")
            if not np.isfinite(values).all():
                raise TrainingError(f"cluster value {name!r} is not finite in some rows")
        if m < 100:
            raise TrainingError(f"{m} clusters are too few to train on; 100 is the least")

    @property
    def copied_columns(self) -> list[int]:
        """Positions of the copied features."""
        return [self.conditions.index(name) for name in self.copied]

    def adapted(self, config: TranslatorConfig) -> TranslatorSample:
        """The same sample as far as the settings allow: owned clusters, pointers."""
        own, pointer = np.minimum(self.own, config.most_own), self.pointer
        if not config.pointer:
            pointer = np.full_like(pointer, -1)
        pieces = cut(self.sources.x, self.sources.y, self.sources.offsets, config.longest)
        # A pointer across the border of two pieces cannot be drawn.
        here = pieces.of_source == pieces.of_source[np.maximum(pointer, 0)]
        pointer = np.where(here, pointer, -1)
        owner = np.repeat(np.arange(len(self.own)), self.own)
        number = np.arange(len(owner)) - np.repeat(np.cumsum(self.own) - self.own, self.own)
        kept = number < config.most_own
        values = {name: np.asarray(v)[kept] for name, v in self.values.items()}
        return replace(self, own=own, pointer=pointer, values=values)

    def truth(self) -> Drawn:
        """The clusters of the sample as if they were drawn."""
        pieces = cut(self.sources.x, self.sources.y, self.sources.offsets, 96)
        clusters = listed(self.own, self.pointer)
        layout = Layout(self.sources, pieces, clusters, self.copied_columns)
        offsets = np.searchsorted(clusters.owner, self.sources.offsets)
        values = {k: np.asarray(v, np.float64) for k, v in self.values.items()}
        return Drawn(offsets, clusters, layout.place, values)

    def events(self, kept: Mask) -> TranslatorSample:
        """Some of the events."""
        counts = np.diff(self.sources.offsets)
        rows = np.repeat(kept, counts)
        moved = np.cumsum(rows) - 1
        offsets = np.concatenate([[0], np.cumsum(counts[kept])]).astype(np.int64)
        sources = self.sources.some(rows, offsets)
        pointer = np.where(self.pointer >= 0, moved[self.pointer], -1)[rows]
        mine = np.repeat(rows, self.own)
        values = {k: np.asarray(v)[mine] for k, v in self.values.items()}
        return replace(self, sources=sources, own=self.own[rows], pointer=pointer, values=values)


class Prepared:
    """A sample in pieces, with its normal scores."""

    def __init__(self, sample: TranslatorSample, config: TranslatorConfig) -> None:
        sources = sample.sources
        self.sample, self.sources = sample, sources
        self.pieces: Pieces = cut(sources.x, sources.y, sources.offsets, config.longest)
        self.places = source_places(sources, self.pieces)
        self.clusters: Clusters = listed(sample.own, sample.pointer)
        self.layout = Layout(sources, self.pieces, self.clusters, sample.copied_columns)
        local = self.pieces.local[np.maximum(sample.pointer, 0)]
        self.own = sample.own.astype(np.int32)
        self.pointer = np.where(sample.pointer >= 0, 1 + local, 0).astype(np.int32)
        outputs = np.stack([np.asarray(v, np.float64) for v in sample.values.values()], axis=1)
        self.scores, self.atoms, atom, self.y = prepare_outputs(
            outputs,
            np.zeros(outputs.shape[1], dtype=bool),
            np.ones(len(outputs)),
            knots=config.knots,
            seed=config.seed,
        )
        self.atom = atom.astype(np.int32)
        features = {"features": sources.features, "clusters": self.layout.features}
        self.scales: dict[str, np.ndarray] = {}
        for name, values in features.items():
            spread = values.std(axis=0)
            self.scales[f"{name}_mean"] = values.mean(axis=0).astype(np.float32)
            self.scales[f"{name}_scale"] = (1.0 / np.where(spread > 1e-4, spread, 1.0)).astype(
                np.float32
            )

    def batch(self, block: Block, width: int, rows: int) -> dict[str, np.ndarray]:
        """Everything that a step needs.

        Args:
            block: pieces.
            width: clusters in a piece, padded.
            rows: clusters of all pieces that take part in the likelihood, padded.
        """
        encoder = encoder_feed(block, self.sources, self.places)
        decoder = self.layout.feed(block, width, self.places)
        mine, slots = (a[:rows] for a in self.layout.within(block, width))
        taken: dict[str, np.ndarray] = {"at": slots, "y": self.y[mine], "atom": self.atom[mine]}
        taken["weight"] = np.ones(len(mine), np.float32)
        padded = {
            k: np.concatenate([v, np.zeros((rows - len(v), *v.shape[1:]), v.dtype)])
            for k, v in taken.items()
        }
        return {
            **{f"encoder_{k}": v for k, v in encoder.items()},
            **{f"decoder_{k}": v for k, v in decoder.items() if not k.startswith("source_")},
            "able": block.by_piece(((self.own > 0) & ~self.sources.zone).astype(np.float32)),
            "own": block.by_piece(self.own),
            "pointer": block.by_piece(self.pointer),
            **padded,
        }


def head_conditions(prepared: Prepared, files: Mapping[str, bytes]) -> Floats32:
    """What the head sees of each cluster of a sample, shape ``(m, ...)``.

    Args:
        prepared: the sample.
        files: the graphs of encoder and decoder.
    """
    encoder, decoder = (Session(files[f"{name}.onnx"]) for name in ("encoder", "decoder"))
    counts = prepared.layout.counts
    widths = np.where(counts > 0, padded_length(counts), 0)
    found = np.zeros((len(prepared.y), 0), np.float32)
    for block in blocks(prepared.pieces, widths):
        width = int(widths[block.pieces[0]])
        states = encoder(**encoder_feed(block, prepared.sources, prepared.places))[1]
        feed = prepared.layout.feed(block, width, prepared.places)
        (given,) = decoder(states=states, **feed)
        rows, slots = prepared.layout.within(block, width)
        if not found.shape[1]:
            found = np.zeros((len(found), given.shape[1]), np.float32)
        found[rows] = given[slots]
    return found


@dataclass(frozen=True)
class Bucket:
    """Pieces of one padded length.

    Attributes:
        pieces: which they are.
        length, width: of sources and clusters.
        size: pieces in a step.
        rows: clusters in a step.
    """

    pieces: Ints
    length: int
    width: int
    size: int
    rows: int


def buckets_of(prepared: Prepared, config: TranslatorConfig) -> list[Bucket]:
    """Pieces of a sample by padded length."""
    counts, clusters = np.diff(prepared.pieces.offsets), prepared.layout.counts
    lengths = sorted({min(t, int(padded_length(counts.max()))) for t in TRAIN_LENGTHS})
    found, low = [], 0
    for length in lengths:
        chosen = np.flatnonzero((counts > low) & (counts <= length))
        low = length
        if not len(chosen):
            continue
        size = max(min(config.tokens // length, len(chosen)), 1)
        width = int(-(-max(clusters[chosen].max(), 1) // 8) * 8)
        rows = int(-(-(1.2 * clusters[chosen].mean() * size + 16) // 32) * 32)
        found.append(Bucket(chosen, length, width, size, min(rows, size * width)))
    return found


def batches_of(
    prepared: Prepared, buckets: list[Bucket], config: TranslatorConfig
) -> Iterator[tuple[dict[str, np.ndarray]]]:
    """Batches of one bucket each, buckets as often as they have steps in an epoch."""
    rng = stream(config.seed, "order")
    share = np.array([len(b.pieces) / b.size for b in buckets])
    orders = [rng.permutation(b.pieces) for b in buckets]
    used = [0] * len(buckets)
    for i in rng.choice(len(buckets), config.steps, p=share / share.sum()):
        bucket = buckets[i]
        if used[i] + bucket.size > len(bucket.pieces):
            orders[i], used[i] = rng.permutation(bucket.pieces), 0
        chosen = orders[i][used[i] : used[i] + bucket.size]
        used[i] += bucket.size
        block = Block.of(prepared.pieces, chosen, bucket.length, bucket.size)
        yield (prepared.batch(block, bucket.width, bucket.rows),)
