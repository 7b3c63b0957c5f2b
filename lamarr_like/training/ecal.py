"""Training of the translation of particles into clusters of the ECAL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..arrays import Floats, Ints
from ..engine.artefact import Artefact, read_artefact
from ..engine.load import build_model, load_model
from ..engine.translator.cluster_layout import Layout, listed
from ..engine.translator.sequences import Sources, cut
from ..engine.translator.translation import Drawn, Translator
from ..errors import TrainingError
from ..events import EventBatch, Table
from ..nets.families import find_family
from ..nets.sample import stream
from ..nets.trained import TrainedModel
from ..nets.translator.config import TranslatorConfig
from ..nets.translator.sample import TranslatorSample
from ..stages.calorimeter.ecal import Ecal
from ..stages.calorimeter.image import IMAGE
from ..stages.calorimeter.links import ByNumber
from ..stages.calorimeter.numbers import NUMBERS, Hits, arrived
from ..stages.calorimeter.placing import completed, placed
from ..stages.calorimeter.sources import (
    COPIED,
    OWNER_KINDS,
    make_sources,
    numbered,
    owner_kinds,
    source_kinds,
    source_rows,
)
from ..stages.calorimeter.spacing import corrected_factors, counted_pairs
from ..stages.calorimeter.tables import (
    FOLLOWED,
    ODDS,
    OUTPUTS,
    PULLS,
    Rules,
    cluster_tables,
)
from ..stages.calorimeter.truth import cluster_values, hits_by_number, outcomes
from ..stages.stage import AbstractModelStage
from ..statistics.two_sample import Auc, c2st
from .request import Request

_SPACED, _ROUNDS, _ENOUGH, _STEP = 8000, 4, 30, (0.5, 2.0)
"""Events and rounds in which distances and numbers of drawn clusters are brought to those learnt,
sources of a kind below which their numbers are left as they are, and by what factor a round may
change what hits say of the numbers."""


def ecal_sample(
    batch: EventBatch,
    zones: bool = True,
    names: tuple[str, ...] | None = None,
    copied: tuple[str, ...] = COPIED,
) -> TranslatorSample:
    """What the ECAL stage learns from a detailed sample.

    Args:
        batch: sample with the tables ``particle``, ``cluster`` and ``cluster_link``, after the
            propagation.
        zones: whether to add background zones.
        names: features of sources; None for all.
        copied: those that clusters take over.

    Raises:
        TrainingError: if a table or column is missing or there is too little in it.
    """
    needed = sorted(Ecal.requires | Ecal.target_columns)
    missing = [f"{t}.{c}" for t, c in needed if t not in batch.tables or c not in batch[t]]
    if missing:
        raise TrainingError(
            f"stage 'ecal' cannot be trained: the sample lacks {', '.join(missing)}"
        )
    names, rows = names or Ecal.condition_names(), source_rows(batch)
    sources = make_sources(batch, rows, names, zones)
    found = outcomes(batch, rows, zones=zones)
    clusters = listed(found.own, found.pointer)
    pieces = cut(sources.x, sources.y, sources.offsets, 96)
    layout = Layout(sources, pieces, clusters, [])
    values = cluster_values(batch, found, layout.place)
    assert tuple(values) == OUTPUTS
    return TranslatorSample(
        *(sources, found.own, found.pointer, values, names, copied, FOLLOWED),
        trusted=found.alone,
        pure=found.pure,
    )


def event_features(tables: Mapping[str, Table]) -> dict[str, np.ndarray]:
    """Figures of the clusters of each event, shape ``(n_events,)``: what an analyst would see.

    Args:
        tables: with ``cluster``.

    Returns:
        Multiplicities (all, matched, merged, by region), sums and maxima of energies, smallest and
        mean distance to the nearest cluster, and masses of pairs of unmatched clusters.
    """
    cluster = tables["cluster"]
    n, event = cluster.n_events, cluster.event_index

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(event, values.astype(np.float64), minlength=n)

    et, energy = cluster["et"].astype(np.float64), cluster["energy"].astype(np.float64)
    count = np.maximum(cluster.counts, 1)
    out = {"n": cluster.counts.astype(np.float64), "sum_e": np.log1p(total(energy))}
    out["sum_et"] = np.log1p(total(et))
    out["n_matched"] = total(cluster["is_matched"])
    out["n_merged"] = total(cluster["merged_mass"] > 0)
    for region in (1, 2):
        out[f"n_region{region}"] = total(cluster["region"] == region)
    out["n_hard"] = total(et > 500.0)
    for name in ("prs_energy", "photon_id", "is_not_h"):
        out[f"mean_{name}"] = total(cluster[name]) / count
    top = np.zeros(n)
    np.maximum.at(top, event, et)
    out["max_et"] = np.log1p(top)
    return out | _pairs(cluster)


def _pairs(cluster: Table) -> dict[str, np.ndarray]:
    """Distances to the nearest cluster, and masses of pairs of unmatched clusters."""
    n = cluster.n_events
    out = {k: np.zeros(n) for k in ("near", "near_mean", "n_pi0", "n_wide")}
    x, y, energy = (cluster[c].astype(np.float64) for c in ("x", "y", "energy"))
    place = np.stack([x, y, cluster["z"].astype(np.float64)], axis=1)
    unit = place / np.linalg.norm(place, axis=1, keepdims=True)
    free = ~cluster["is_matched"].astype(bool)
    for i in range(n):
        mine = slice(cluster.offsets[i], cluster.offsets[i + 1])
        if mine.stop - mine.start < 2:
            continue
        distance = np.hypot(x[mine, None] - x[mine], y[mine, None] - y[mine])
        np.fill_diagonal(distance, 1e4)
        nearest = np.log(np.minimum(distance.min(axis=1), 1e4) + 1.0)
        out["near"][i], out["near_mean"][i] = nearest.min(), nearest.mean()
        e, u = energy[mine][free[mine]], unit[mine][free[mine]]
        mass2 = 2.0 * e[:, None] * e * np.maximum(1.0 - u @ u.T, 0.0)
        mass = np.sqrt(mass2[np.triu_indices(len(e), 1)])
        out["n_pi0"][i] = ((mass > 105.0) & (mass < 165.0)).sum()
        out["n_wide"][i] = (mass < 500.0).sum()
    return out


class _EventFigure:
    """C2ST of the clusters of held-out events, with what is known of the events beside them."""

    def __init__(self, rules: Rules, names: tuple[str, ...]) -> None:
        self.rules, self.names = rules, names

    def __call__(self, sources: Sources, real: Drawn, fake: Drawn) -> Auc:
        """See `nets.translator.sample.Metric`."""
        number = np.arange(len(sources.x))
        # Masses of halves are learnt below their threshold as well.
        as_they_are = Rules(
            self.rules.resolution,
            merged_et=self.rules.merged_et,
            near_track=self.rules.near_track,
        )
        one, two = (
            event_features(cluster_tables(sources, drawn, number, rules, self.names))
            for drawn, rules in ((real, as_they_are), (fake, self.rules))
        )
        n = len(sources.offsets) - 1
        event = np.repeat(np.arange(n), np.diff(sources.offsets))
        conditions = {
            "n_sources": np.diff(sources.offsets),
            "energy": np.log1p(np.bincount(event, sources.energy, minlength=n)),
        }
        return c2st(one, two, conditions, folds=2, trees=100, depth=4)


def fit_ecal(
    batch: EventBatch,
    config: TranslatorConfig | None = None,
    *,
    start: Artefact | None = None,
    progress: bool = True,
) -> TrainedModel:
    """Train the model of the ECAL stage.

    Args:
        batch: detailed sample after the propagation.
        config: settings; `KToKConfig` for the baseline.
        start: model of the stage that gets a new head; None to train everything.
        progress: show a progress bar.

    Raises:
        TrainingError: if the sample cannot support the training.
    """
    config = config or TranslatorConfig()
    if start is None:
        # Each source by itself is told nothing of the others.
        told = set() if config.layers else set(IMAGE)
        names, copied = (
            tuple(n for n in known if n not in told) for known in (Ecal.condition_names(), COPIED)
        )
        sample = ecal_sample(batch, config.zones, names, copied)
    else:
        old = start.config
        config = replace(config, longest=old["longest"], zones=old["zones"])
        sample = ecal_sample(batch, config.zones, tuple(old["conditions"]), tuple(old["copied"]))
    extra = Ecal.extra_config(batch)
    if not config.layers:
        # Its clusters know nothing of each other.
        extra |= {"least_distance": 0.0, "spacing": [], "far": 0.0}
        sample = replace(sample, trusted=None, pure=None)
    rules = Rules.of(extra)
    sample = replace(
        sample,
        metric=_EventFigure(rules, sample.conditions),
        again=rules.again,
        pulls=PULLS,
        widths=rules.widths,
        complete=completed,
    )
    kept = {"start": start.files} if start else {}
    model = find_family(config.family).fit(sample, config, **kept, progress=progress)
    if rules.spacing:
        number = numbered(batch, source_rows(batch), config.zones)
        led = ByNumber(sample.sources, number).led(batch["cluster"])
        found = _calibrated(model, sample, rules, config.seed, number=number, led=led)
        extra |= {name: getattr(found, name) for name in ("spacing", "odds", "hits")}
    return replace(model, config={**model.config, **extra})


def _calibrated(
    model: TrainedModel,
    sample: TranslatorSample,
    rules: Rules,
    seed: int,
    *,
    number: Ints,
    led: Ints,
) -> Rules:
    """Rules with which a model draws as many clusters as there are, and pairs by distance.

    Args:
        model: the trained model.
        sample: what it was trained on, of which the first events are drawn.
        rules: the rules without.
        seed: seed of the training.
        number: number of each source in its event (`sources.numbered`), shape ``(n_sources,)``.
        led: clusters of which each gave the largest share, shape ``(n_sources,)``.
    """
    counts = np.diff(sample.sources.offsets)
    # Without background zones there may be events without any source.
    chosen = (np.arange(len(counts)) < _SPACED) & (counts > 0)
    of_chosen = np.repeat(chosen, counts)
    sample, number, led = sample.events(chosen), number[of_chosen], led[of_chosen]
    translator = build_model(model.config, model.files, "trained model")
    assert isinstance(translator, Translator)
    rng, sources = stream(seed, "spacing"), sample.sources
    log_hits = sources.features[sources.offsets[:-1], sample.conditions.index("log_n_spd_hits")]
    lit = np.expm1(log_hits.astype(np.float64))
    hits = hits_by_number(sources, sample.conditions, sample.own, lit)
    rules = rules._replace(odds=np.ones((OWNER_KINDS, NUMBERS)).tolist(), hits=hits._asdict())
    real = _counts(sample, sample.truth(), Rules(), lit, hits, led)
    of = ByNumber(sources, number)
    for _ in range(_ROUNDS):
        drawn = translator.draw(
            sources,
            rng.random((len(sources.x), 2)),
            lambda owner, _, __, size: np.clip(rng.random((len(owner), size)), 1e-12, 1 - 1e-12),
            rules.again,
            rules.widths,
            rules.numbers(sources, sample.conditions, lit, rng.normal(size=len(lit))),
            completed,
        )
        made = cluster_tables(sources, drawn, number, rules, sample.conditions)
        found = _counts(sample, drawn, rules, lit, hits, of.led(made["cluster"]))
        ratio = (real.owned + 0.5) / (found.owned + 0.5)
        few = np.maximum(real.owned, found.owned) < _ENOUGH
        odds = np.array(rules.odds) * np.where(few, 1.0, ratio)
        # The network knows a part of what the hits say of the numbers.
        part = np.clip(real.with_hits / found.with_hits, *_STEP) if found.with_hits > 0.0 else 1.0
        table = np.array(rules.hits["table"]) * part
        rules = rules._replace(
            spacing=corrected_factors(rules.spacing, real.pairs, found.pairs),
            odds=np.clip(odds, *ODDS).round(5).tolist(),
            hits={**rules.hits, "table": table.round(4).tolist()},
        )
    return rules


class _Counts(NamedTuple):
    """What is counted in clusters.

    Attributes:
        pairs: pairs by kind and distance (`counted_pairs`), shape ``(N_FACTORS,)``.
        owned: sources of each kind by the number of clusters which they gave the largest share of,
            as that is what is looked at; zones by that of their own; shape
            ``(OWNER_KINDS, NUMBERS)``.
        with_hits: covariance of the number of clusters of an event with the SPD hits beyond what
            the generated particles let expect.
    """

    pairs: Ints
    owned: Ints
    with_hits: float


def _counts(
    sample: TranslatorSample, drawn: Drawn, rules: Rules, lit: Floats, hits: Hits, led: Ints
) -> _Counts:
    """What is counted in drawn clusters of the sources of a sample.

    Args:
        sample: the sample.
        drawn: clusters of its sources.
        rules: what holds for them.
        lit: SPD hits of each event, shape ``(n_events,)``.
        hits: what sources let expect.
        led: clusters of which each source gave the largest share, shape ``(n_sources,)``.
    """
    sources = sample.sources
    made = placed(drawn, rules)
    there = np.flatnonzero(made.root == np.arange(len(made.root)))
    order = there[np.argsort(made.event[there], kind="stable")]
    pairs = counted_pairs(made.x[order], made.y[order], made.event[order])
    owned = np.bincount(drawn.clusters.owner[there], minlength=len(sources.x))
    kinds = source_kinds(sources, sample.conditions)
    seen = np.minimum(np.where(sources.zone, owned, led), NUMBERS - 1)
    cell = owner_kinds(sources, sample.conditions) * NUMBERS + seen
    counts = np.bincount(cell, minlength=OWNER_KINDS * NUMBERS).reshape(OWNER_KINDS, NUMBERS)
    event = np.repeat(np.arange(len(lit)), np.diff(sources.offsets))
    expected = np.bincount(event, np.array(hits.expected)[kinds])
    number, beyond = np.bincount(event, owned), arrived(lit, hits.cells) - expected
    # Beyond the mean number for so many expected hits, in which large events would be hidden.
    usual = np.polyval(np.polyfit(expected, number, 2), expected)
    return _Counts(pairs, counts, float(np.mean((number - usual) * beyond)))


def fit_ecal_stage(
    stage: type[AbstractModelStage], batch: EventBatch, request: Request, *, progress: bool
) -> TrainedModel:
    """Train the ECAL stage; see `lamarr_like.training.fits.Fit`."""
    config = request.config(0)
    assert isinstance(config, TranslatorConfig)
    start = None
    if request.start is not None:
        # As a model that the stage can use, before anything is learnt.
        start = read_artefact(request.start)
        Ecal(load_model(start), start.config)
        if request.steps:
            config = replace(config, head_steps=request.steps)
    return fit_ecal(batch, config, start=start, progress=progress)
