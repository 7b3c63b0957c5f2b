"""Training samples of a translation, and the batches that are made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from ...arrays import Ints, Mask
from ...engine.translator.cluster_layout import Layout, listed
from ...engine.translator.sequences import Sources, cut
from ...engine.translator.translation import Again, Complete, Drawn, Widths
from ...errors import TrainingError
from ...statistics.two_sample import Auc, c2st
from .config import TranslatorConfig

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
        followed: values of an owner's first cluster that further ones are told; see
            `engine.translator.cluster_layout.told_of_first`.
        metric: figure on held-out events that chooses the state to keep.
        again: which clusters are drawn again, where it is judged.
        pulls: values that the head learns in units of their expected resolution.
        widths: these resolutions, by the place of a cluster.
        complete: what further clusters are told of the first one, see `Translator.draw`.
        trusted: sources whose outcome is learnt from, shape ``(n,)``; None for all.
        pure: clusters whose values are learnt from, shape ``(m,)``; None for all.
    """

    sources: Sources
    own: Ints
    pointer: Ints
    values: Mapping[str, np.ndarray]
    conditions: tuple[str, ...]
    copied: tuple[str, ...]
    followed: tuple[str, ...] = ()
    metric: Metric = event_c2st
    again: Again | None = None
    pulls: tuple[str, ...] = ()
    widths: Widths | None = None
    complete: Complete | None = None
    trusted: Mask | None = None
    pure: Mask | None = None

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
        for found, size in ((self.trusted, n), (self.pure, m)):
            if found is not None and found.shape != (size,):
                raise TrainingError(f"{size} sources or clusters have {len(found)} marks")
        for name, values in self.values.items():
            if np.shape(values) != (m,):
                raise TrainingError(f"{m} clusters have {np.shape(values)} values of {name!r}")
            if not np.isfinite(values).all():
                raise TrainingError(f"cluster value {name!r} is not finite in some rows")
        if not set(self.pulls) <= set(self.values) or (self.pulls and self.widths is None):
            raise TrainingError(f"no expected resolution is known of {', '.join(self.pulls)}")
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
        followed = self.followed if config.most_own > 1 else ()
        pure = None if self.pure is None else self.pure[kept]
        return replace(self, own=own, pointer=pointer, values=values, followed=followed, pure=pure)

    def truth(self) -> Drawn:
        """The clusters of the sample as if they were drawn."""
        pieces = cut(self.sources.x, self.sources.y, self.sources.offsets, 96)
        clusters = listed(self.own, self.pointer)
        layout = Layout(self.sources, pieces, clusters, self.copied_columns)
        offsets = np.searchsorted(clusters.owner, self.sources.offsets)
        values = {k: np.asarray(v, np.float64) for k, v in self.values.items()}
        return Drawn(offsets, clusters, layout.place, values, np.zeros(len(layout.place)))

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
        return replace(
            self,
            sources=sources,
            own=self.own[rows],
            pointer=pointer,
            values=values,
            trusted=None if self.trusted is None else self.trusted[rows],
            pure=None if self.pure is None else self.pure[mine],
        )
