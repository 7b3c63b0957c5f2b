"""Secondaries and ghosts of stored events: what becomes of them in another event."""

from __future__ import annotations

import numpy as np
import pytest
from chain_fakes import fake_stages, truth_events

from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.errors import ArtefactError, PipelineError, SchemaError
from lamarr_like.events import EventBatch, Table, concatenate, rebatch
from lamarr_like.nets.config import EventLibraryConfig
from lamarr_like.nets.event_library import EventRows, fit_event_library
from lamarr_like.physics.calo_likelihoods import ENERGIES
from lamarr_like.schema import COVARIANCE_NAMES
from lamarr_like.stages import ExtraTracks
from lamarr_like.stages.tracking.extra_tracks import SHIFT, STORED


@pytest.fixture(scope="module")
def plain():
    """Events of the chain without extra tracks."""
    return Pipeline(fake_stages())(truth_events(60), seed=3)


@pytest.fixture(scope="module")
def detailed(plain):
    """The same with sensible tracks, every third of which is a secondary or a ghost."""
    track, rng = plain.track, np.random.default_rng(7)
    n = len(track)
    extra = np.arange(n) % 3 == 0
    origin = np.where(extra, 1 + (track["track_type"] == 3), 0).astype(np.int8)
    link = np.where(extra, -1, track["mcparticle_id"]).astype(np.int32)
    tx, ty = rng.uniform(-0.25, 0.25, (2, n))
    scale = np.array([0.03, 0.03, 1e-3, 1e-3, 1e-6])
    factor = np.tril(0.4 * rng.normal(size=(n, 5, 5)), -1) + np.eye(5)
    covariance = (factor @ factor.swapaxes(1, 2)) * np.outer(scale, scale)
    vectors = {name: covariance[:, int(name[4]), int(name[3])] for name in COVARIANCE_NAMES}
    state = dict(zip("xyz", rng.normal(0, [[0.1], [0.1], [50.0]], (3, n)), strict=True))
    charge = rng.choice([-1, 1], n).astype(np.int8)
    state |= {"tx": tx, "ty": ty, "p": rng.uniform(2e3, 5e4, n), "charge": charge}
    return plain.with_columns("track", origin=origin, mcparticle_id=link, **state, **vectors)


class Same:
    """A library that gives each of its events its own tracks back."""

    n_uniforms = 1

    def __init__(self, batch):
        self.columns, self.counts = ExtraTracks.stored(batch)
        self.conditions, self.outputs = ExtraTracks.condition_names(), tuple(self.columns)
        self.offsets = np.concatenate([[0], np.cumsum(self.counts)])

    def find(self, conditions, uniforms):
        return np.arange(len(uniforms))


def found_only(batch):
    return batch.with_table("track", batch.track.select(batch.track["origin"] == 0))


def library(batch, **changed):
    events = np.ones(len(batch), bool)
    columns, counts = ExtraTracks.stored(batch)
    rows = EventRows(
        ExtraTracks.conditions(batch, events),
        columns | changed,
        counts,
        ExtraTracks.targets(batch, events),
    )
    return fit_event_library(rows, EventLibraryConfig(trials=1, holdout=0.1)).model()


def extra(batch):
    return batch.track.select(batch.track["origin"] > 0)


def test_stored_tracks_come_back_in_their_event(detailed):
    out = ExtraTracks(Same(detailed))(found_only(detailed), seed=4)
    mine, theirs = extra(out), extra(detailed)
    assert np.array_equal(mine.offsets, theirs.offsets)
    for name in ("origin", "track_type", "charge", "rich_dll_k", "prob_nn_e", "pid_k", "n_dof"):
        assert np.array_equal(mine[name], theirs[name]), name
    assert (mine["mcparticle_id"] == -1).all()
    sigma = np.sqrt(theirs["cov00"])
    assert ((mine["x"] - theirs["x"]) / sigma).std() == pytest.approx(SHIFT, rel=0.2)
    assert np.allclose(mine["z"], theirs["z"], atol=1e-6)
    up = mine["ty"] * theirs["ty"] > 0
    # Whole events are mirrored, about half of them, with their positions and covariances.
    share = np.bincount(mine.event_index, up, minlength=len(out)) / np.maximum(mine.counts, 1)
    assert ((share > 0.9) | (share < 0.1))[mine.counts > 3].all() and 0.3 < up.mean() < 0.7
    sign = np.where(up, 1.0, -1.0)
    assert np.allclose(mine["cov01"], sign * theirs["cov01"], rtol=1e-6, atol=1e-12)
    assert np.allclose(mine["cov04"], theirs["cov04"], rtol=1e-6, atol=1e-15)
    assert np.allclose(mine["cov33"], theirs["cov33"], rtol=1e-6)


def test_energies_are_stored_where_the_sample_has_them(detailed):
    rng = np.random.default_rng(8)
    energies = {n: rng.exponential(1e3, len(detailed.track)).astype(np.float32) for n in ENERGIES}
    told = detailed.with_columns("track", **energies)
    assert set(ExtraTracks.stored(told)[0]) == {*STORED, *ENERGIES}
    assert set(ExtraTracks.stored(detailed)[0]) == set(STORED)
    out = ExtraTracks(Same(told))(found_only(told), seed=4)
    for name in ENERGIES:
        assert np.array_equal(extra(out)[name], extra(told)[name]), name
    # A chain that draws none does without; a library without them cannot serve one that does.
    assert ENERGIES[0] not in ExtraTracks(Same(told))(found_only(detailed), seed=4).track
    with pytest.raises(SchemaError, match=r"has no ecal_energy, .* or make the library"):
        ExtraTracks(Same(detailed))(found_only(told), seed=4)


def test_other_polarity_mirrors_x_and_keeps_charges(detailed):
    start = found_only(detailed)
    down, up = (extra(ExtraTracks(Same(detailed), None, p)(start, 4)) for p in (-1, 1))
    assert np.array_equal(down["charge"], up["charge"])
    assert np.corrcoef(down["tx"], up["tx"])[0, 1] < -0.99
    assert np.allclose(down["cov04"], -up["cov04"]) and np.allclose(down["cov34"], up["cov34"])
    with pytest.raises(PipelineError, match="polarity is 1 or -1, not 0"):
        ExtraTracks(Same(detailed), None, 0)


def test_tracks_move_with_their_vertex(detailed):
    start, stage = found_only(detailed), ExtraTracks(Same(detailed))
    away = {c: start["reco_vertex"][c] + d for c, d in (("x", 0.5), ("y", -0.2), ("z", 30.0))}
    with_pv = start["reco_vertex"].counts[extra(stage(start, 4)).event_index] > 0
    here, there = (extra(stage(b, 4)) for b in (start, start.with_columns("reco_vertex", **away)))
    for name, distance in (("x", 0.5), ("y", -0.2), ("z", 30.0)):
        assert np.allclose(there[name] - here[name], np.where(with_pv, distance, 0.0)), name
    assert np.array_equal(there["tx"], here["tx"])


def test_table_stays_in_order_and_knows_nothing_else(detailed):
    start = found_only(detailed)
    out = ExtraTracks(library(detailed))(start, seed=4)
    local = np.arange(len(out.track)) - out.track.offsets[out.track.event_index]
    first = out.track.select(local < start.track.counts[out.track.event_index])
    for name, values in start.track.columns.items():
        assert np.array_equal(first[name], values), name
    added = local[out.track["origin"] > 0]
    assert np.array_equal(extra(out)["track_id"], added)
    assert set(out.tables) == set(start.tables)
    most = np.maximum(start.event["n_tracks"], out.track.counts)
    assert np.array_equal(out.event["n_tracks"], most)
    matrix = np.zeros((len(out.track), 5, 5))
    for name in COVARIANCE_NAMES:
        i, j = int(name[4]), int(name[3])
        matrix[:, i, j] = matrix[:, j, i] = out.track[name]
    sigma = np.sqrt(np.diagonal(matrix, axis1=1, axis2=2))
    correlation = matrix / (sigma[:, :, None] * sigma[:, None, :])
    assert (np.linalg.eigvalsh(correlation) > 0.0).all()
    states = np.stack([out.track[c] for c in ("x", "tx", "p")], axis=1)
    assert len(np.unique(states, axis=0)) == len(states)


def test_same_seed_same_tracks_in_any_batch(detailed):
    start, stage = found_only(detailed), ExtraTracks(library(detailed))
    whole = stage(start, seed=4).track
    for size in (1, 7):
        parts = concatenate(stage(b, seed=4) for b in rebatch([start], size)).track
        assert np.array_equal(parts.offsets, whole.offsets)
        for name, values in whole.columns.items():
            assert np.array_equal(parts[name], values), name
    assert len(stage(start.events(3, 3), seed=4).track) == 0
    assert len(stage(start, seed=5).track) != len(whole)


def test_guns_get_none(detailed):
    start = found_only(detailed)
    assert ExtraTracks(library(detailed))(start, 4, is_gun=True) is start


def test_events_without_tracks_or_vertices(detailed):
    start = found_only(detailed)
    empty = {
        name: Table({k: v[:0] for k, v in start[name].columns.items()}, np.zeros(61, int))
        for name in ("track", "reco_vertex")
    }
    bare = EventBatch({**start.tables, **empty})
    out = ExtraTracks(library(detailed))(bare, 4)
    assert np.isfinite(out.track["z"]).all()


def test_what_is_compared(detailed):
    events = np.ones(len(detailed), bool)
    real = ExtraTracks.compared(detailed, events)
    kinds = [v.sum() for name, v in real.items() if "muon" not in name]
    assert sum(kinds) == (detailed.track["origin"] > 0).sum()
    answers = ExtraTracks(Same(detailed)).answers(detailed, events, np.zeros((len(detailed), 1)))
    assert all(np.array_equal(real[k], answers[k]) for k in real)


def test_columns_of_strangers_are_told(detailed):
    start = found_only(detailed)
    strange = start.track.with_columns(glow=np.zeros(len(start.track)))
    with pytest.raises(SchemaError, match="no glow for the tracks that it adds; put the stage"):
        ExtraTracks(library(detailed))(start.with_table("track", strange), 4)
    wrong = Same(detailed)
    wrong.outputs = STORED[1:]
    with pytest.raises(PipelineError, match="needs a library of vertex, track_type"):
        ExtraTracks(wrong)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("p", -5.0, "draws p from -5"),
        ("factor33", 0.0, "draws factor33 from 0"),
        ("ghost_prob", 2.0, "draws ghost_prob from .* to 2"),
        ("origin", 0.0, "draws origin from 0"),
        ("charge", 0.0, "charge of a stored track is no such"),
        ("track_type", 3.5, "track_type of a stored track is no such"),
    ],
)
def test_stored_tracks_that_cannot_be(detailed, name, value, message):
    n = int((detailed.track["origin"] > 0).sum())
    model = library(detailed, **{name: np.full(n, value)})
    with pytest.raises(ArtefactError, match=message):
        ExtraTracks(model)
