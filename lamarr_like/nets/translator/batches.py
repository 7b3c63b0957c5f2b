"""A sample of a translation as its networks see it: pieces of one padded length, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ...arrays import Floats32, Ints, Mask
from ...engine.onnx_session import Session
from ...engine.translator.cluster_layout import (
    Clusters,
    Layout,
    encoder_feed,
    listed,
    source_places,
    told_of_first,
)
from ...engine.translator.sequences import Block, Pieces, blocks, cut, padded_length
from ..sample import prepare_outputs, stream
from .config import TranslatorConfig
from .sample import TranslatorSample

TRAIN_LENGTHS = (16, 32, 48, 64, 80, 96)
"""Lengths that pieces are padded to in training."""


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
        self.pulls = {
            name: [float(np.min(sample.values[name])), float(np.max(sample.values[name]))]
            for name in sample.pulls
        }
        units = sample.widths(self.layout.place) if sample.widths else {}
        outputs = np.stack(
            [
                np.asarray(v, np.float64) / (units[name] if name in sample.pulls else 1.0)
                for name, v in sample.values.items()
            ],
            axis=1,
        )
        self.scores, self.atoms, atom, self.y = prepare_outputs(
            outputs,
            np.zeros(outputs.shape[1], dtype=bool),
            np.ones(len(outputs)),
            knots=config.knots,
            seed=config.seed,
            pulls=[k for k, name in enumerate(sample.values) if name in sample.pulls],
        )
        self.atom = atom.astype(np.int32)
        self.trusted = _marks(sample.trusted, len(self.own))
        self.pure = _marks(sample.pure, len(self.y))
        known = sample.values
        if sample.complete:
            known = sample.complete(self.layout.place, known)
        self.told = told_of_first(self.clusters, known, sample.followed)
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

        Returns:
            What `encoder_feed` gives after ``encoder_``, and `Layout.feed`, but for ``source_``,
            after ``decoder_``, of the same shapes; of sources ``able``, ``own``, ``pointer`` and
            ``trusted``, shape ``(size, length)``; of the clusters in the likelihood ``at``, their
            slots, ``atom`` and ``weight``, shape ``(rows,)``, ``told``, shape ``(rows, n_told)``,
            and ``y``, shape ``(rows, n_outputs)``.
        """
        encoder = encoder_feed(block, self.sources, self.places)
        decoder = self.layout.feed(block, width, self.places)
        mine, slots = (a[:rows] for a in self.layout.within(block, width))
        taken: dict[str, np.ndarray] = {"at": slots, "y": self.y[mine], "atom": self.atom[mine]}
        taken["told"] = self.told[mine]
        taken["weight"] = self.pure[mine]
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
            "trusted": block.by_piece(self.trusted),
            **padded,
        }


def _marks(found: Mask | None, n: int) -> Floats32:
    """1 for what is learnt from, 0 for what is not, shape ``(n,)``."""
    return np.ones(n, np.float32) if found is None else found.astype(np.float32)


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
    return np.concatenate([found, prepared.told], axis=1)


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
    """Batches of one bucket each, buckets as often as they have steps in an epoch.

    Arrays are of the shapes of `Prepared.batch`.
    """
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
