"""Gather a sample: stream its files, keep what the report needs as flat columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path

import numpy as np

from ... import schema
from ...arrays import Columns, Floats, Ints
from ...chain.pipeline import TRUTH, Pipeline, check_finite
from ...decays.candidates import check_names
from ...decays.candidates import needed_columns as decay_columns
from ...decays.request import DecayRequest
from ...decays.rows import decay_rows, joined, joined_rows
from ...errors import SchemaError, SourceError
from ...events import EventBatch
from ...io.ntuple_reader import TREE, branch_names, open_root, read_events
from ...runs.loop import in_order
from ...runs.recipe import Recipe
from ...runs.redraw import first_events, truth_of
from ...system.processes import Inline
from ..tracks import GROUPS, SPECIES, tracks
from . import columns as columns_of
from .sample import TABLES, Sample, of_species

_REQUIRED = {
    "event": ("event_id", "n_spd_hits"),
    "particle": (
        *("mcparticle_id", "mc_pdg_id", "mc_stable", "mc_px", "mc_py", "mc_pz"),
        *("mc_vx", "mc_vy", "mc_vz", "in_acceptance", "track_type"),
    ),
    "track": ("mcparticle_id", "track_type", "origin", "charge", "x", "y", "z", "tx", "ty", "p"),
}
_OPTIONAL = {
    "event": ("mc_weight", "n_tracks", "n_pvs", "polarity"),
    "track": (
        *("weight", "out_of_range", *(v for names in GROUPS.values() for v in names)),
        *(f"cov{i}{i}" for i in range(5)),
    ),
    "vertex": ("mc_x", "mc_y", "mc_z"),
    "reco_vertex": ("mc_pv_id", "x", "y", "z", "n_tracks"),
    "cluster": ("x", "y", "z", "energy", "et", "is_matched"),
}


def needed_columns(
    paths: Sequence[Path], truth: bool, decays: Sequence[DecayRequest] = ()
) -> dict[str, list[str]]:
    """Columns to read from files: all required ones and the optional ones that all have.

    Args:
        paths: the files.
        truth: whether a chain is to run on the generated events.
        decays: decays that are to be reconstructed.

    Raises:
        SourceError: if a file cannot be read.
        SchemaError: if a file has no tree of events.
    """
    common: set[str] | None = None
    for path in paths:
        with open_root(path) as file:
            if TREE not in file:
                there = ", ".join(file.keys()) or "nothing"
                raise SchemaError(f"{path}: has no tree {TREE!r}; it has {there}")
            names = set(branch_names(file[TREE]))
        common = names if common is None else common & names
    wanted: dict[str, list[str]] = {t: list(names) for t, names in _REQUIRED.items()}
    for table, columns in schema.COLUMNS:
        branch = schema.COLUMNS[table, columns].branch
        asked = columns in _OPTIONAL.get(table, ()) or (truth and (table, columns) in TRUTH)
        if asked and branch in (common or ()) and columns not in wanted.get(table, ()):
            wanted.setdefault(table, []).append(columns)
    for table in ("vertex", "reco_vertex", "cluster"):
        if table in wanted and set(_OPTIONAL[table]) - set(wanted[table]):
            del wanted[table]
    if "vertex" not in wanted:
        wanted.pop("reco_vertex", None)
    for table, needed in (decay_columns(decays) if decays else {}).items():
        have = wanted.setdefault(table, [])
        have.extend(c for c in needed if c not in have)
    return wanted


def stream(
    paths: Sequence[Path], truth: bool = False, decays: Sequence[DecayRequest] = ()
) -> Iterator[EventBatch]:
    """Events of files with the columns that the report needs.

    Args:
        paths: the files.
        truth: whether a chain is to run on the generated events.
        decays: decays that are to be reconstructed.

    Raises:
        SourceError: if a file cannot be read or holds no events.
        SchemaError: naming the file, event and column that is missing or not a number.
    """
    wanted = needed_columns(paths, truth, decays)
    for path in paths:
        n = 0
        for batch in read_events(path, wanted):
            keys = {(t, c) for t, names in wanted.items() for c in names}
            check_finite(batch, keys, str(path))
            n += len(batch)
            yield batch
        if not n:
            raise SourceError(f"{path}: holds no events")


class Gatherer:
    """Collects the columns of a sample batch by batch.

    Args:
        name: name of the sample.
        decays: decays to reconstruct in its events.
    """

    def __init__(self, name: str, decays: Sequence[DecayRequest] = ()) -> None:
        self.name = name
        self.n_events = 0
        self._decays = tuple(decays)
        self._parts: list[Sample] = []

    def add(self, batch: EventBatch) -> None:
        """Take what is needed of some events.

        Raises:
            SchemaError: if a required table or column is missing.
        """
        for table, names in _REQUIRED.items():
            have = batch[table].columns if table in batch.tables else ()
            schema.require(table, have, names, f"{self.name} sample")
        weight = np.ones(len(batch))
        if "mc_weight" in batch.event:
            weight = batch.event["mc_weight"].astype(np.float64)
        part = Sample(
            self.name,
            event=columns_of.events(batch),
            particle=columns_of.particles(batch),
            track=tracks(batch),
            vertex=columns_of.vertices(batch),
            pair=columns_of.pairs(batch),
            signature=columns_of.signatures(batch),
            fingerprint=columns_of.fingerprints(batch),
            decays=tuple(decay_rows(batch, self._decays)) if self._decays else (),
        )
        self._parts.append(part.mapped(partial(_numbered, weight=weight, first=self.n_events)))
        self.n_events += len(batch)

    def sample(self) -> Sample:
        """The sample so far.

        Raises:
            SourceError: if it has no events.
            SchemaError: if the weights do not add up to something positive.
            DecayError: if none of the generated decays is one that was asked for.
        """
        if not self.n_events:
            raise SourceError(f"{self.name} sample: holds no events")
        decays = zip(*(p.decays for p in self._parts), strict=True)
        sample = Sample(
            self.name,
            **{name: joined([getattr(p, name) for p in self._parts]) for name in TABLES},
            signature=np.concatenate([p.signature for p in self._parts]),
            fingerprint=np.concatenate([p.fingerprint for p in self._parts]),
            decays=tuple(joined_rows(self.name, parts) for parts in decays),
        )
        _check_weights(sample)
        return sample


def _numbered(columns: Columns, weight: Floats, first: int) -> Columns:
    """Columns with the weight of their event, times their own, and its number in the sample."""
    unit = columns["unit"]
    return {**columns, "weight": weight[unit] * columns.get("weight", 1.0), "unit": unit + first}


def _check_weights(sample: Sample) -> None:
    """Weights may be negative (sWeights), but a species must have a positive sum."""
    for group in ("particle", "track"):
        columns = getattr(sample, group)
        for name in SPECIES:
            weight = of_species(columns, name)["weight"]
            if len(weight) and not float(weight.sum()) > 0.0:
                raise SchemaError(
                    f"{sample.name} sample: the weights of its {len(weight)} {group} rows of "
                    f"species {name} add up to {weight.sum():.3g}; they must be positive in sum"
                )


def read_samples(
    detailed: Sequence[Path],
    fast: Sequence[Path] | Pipeline,
    *,
    again: Sequence[Path] = (),
    seed: int = 1,
    is_gun: bool = False,
    events: int | None = None,
    decays: Sequence[DecayRequest] = (),
    pool: Executor | None = None,
    ahead: int = 0,
    progress: Callable[[int], None] = lambda n: None,
) -> tuple[Sample, ...]:
    """Read the detailed sample and the fast one, or make it from the same generated events.

    Args:
        detailed: files of the detailed sample.
        fast: files of the fast one, or the chain that makes it.
        again: files of a second detailed draw of the same generated events.
        seed: seed of the chain.
        is_gun: whether the events come from a particle gun.
        events: how many of the detailed and of the fast events to take, None for all.
        decays: decays to reconstruct in both.
        pool: processes that run the chain, this one if None.
        ahead: batches of events that they have under way at the most.
        progress: called with the number of events done.

    Returns:
        Both, and the second draw if there is one, with common numbers of the events that are the
        same.

    Raises:
        SourceError, SchemaError: for files that cannot be compared, or a second draw that is not of
            the events of the first.
        DecayError: for decays with one name, or that a sample does not hold.
    """
    check_names(decays)
    one, two = Gatherer("detailed", decays), Gatherer("fast", decays)
    if isinstance(fast, Pipeline):
        run: Callable[[EventBatch], EventBatch] = partial(fast, seed=seed, is_gun=is_gun)
        if pool is not None and fast.recipe is not None:
            name, models = str(fast.recipe[0]), fast.recipe[1]
            folder = None if models is None else Path(models)
            run = Recipe(name, folder, seed=seed, is_gun=is_gun)
        else:
            pool = Inline()
        truth = _truth(first_events(stream(detailed, True, decays), events), one)
        for batch in in_order(pool, run, truth, ahead):
            two.add(batch)
            progress(len(batch))
        read = []
    else:
        read = [(one, detailed), (two, fast)]
    second = Gatherer("second draw", decays)
    if again:
        read.append((second, again))
    for gatherer, paths in read:
        for batch in first_events(stream(paths, decays=decays), events):
            gatherer.add(batch)
            progress(len(batch))
    if not again:
        return paired(one.sample(), two.sample())
    samples = paired(one.sample(), two.sample(), second.sample())
    if not np.array_equal(np.sort(samples[0].signature), np.sort(samples[2].signature)):
        raise SchemaError(
            f"{', '.join(map(str, again))}: its generated events are not those of the detailed "
            "sample; a second draw is made by lamarr-like detailed FIRST.root --seed 2"
        )
    return samples


def _truth(batches: Iterable[EventBatch], gatherer: Gatherer) -> Iterator[EventBatch]:
    """What is generated of events that a gatherer takes as they are."""
    for batch in batches:
        gatherer.add(batch)
        yield truth_of(batch)


def paired(*samples: Sample) -> tuple[Sample, ...]:
    """Give events with the same generated particles the same unit in all samples.

    Events that occur twice in a sample keep one number; all other events have one of their own.
    """
    every = np.concatenate([s.signature for s in samples])
    number = np.unique(every, return_inverse=True)[1].ravel().astype(np.int64)
    parts = np.split(number, np.cumsum([s.n_events for s in samples])[:-1])
    return tuple(map(_renumbered, samples, parts))


def _renumbered(sample: Sample, number: Ints) -> Sample:
    return sample.mapped(lambda c: {**c, "unit": number[c["unit"]]})
