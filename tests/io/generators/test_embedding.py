"""Guns inside collisions: what is added, what stays, and how it is drawn."""

from __future__ import annotations

import numpy as np
import pytest
from chain_fakes import truth_events
from hepmc_samples import write_sample
from scipy import stats

from lamarr_like import schema
from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.errors import BadEventError, SourceError
from lamarr_like.events import concatenate, rebatch
from lamarr_like.io.ntuple import EventWriter, content_digest, read_events, read_provenance
from lamarr_like.io.sources import open_source
from lamarr_like.io.truth import PARTICLE_COLUMNS
from lamarr_like.physics.kinematics import momentum, pseudorapidity
from lamarr_like.runs.simulate import RunConfig, simulate, simulate_detailed

MINBIAS = "pythia:minbias"


def read(text, n_events=None, seed=1, **options):
    return concatenate(list(open_source(str(text), n_events=n_events, seed=seed, **options)))


def added(batch, n):
    """The last n rows of each event."""
    p = batch.particle
    return p.select(p["mcparticle_id"] >= np.repeat(p.counts, p.counts) - n)


def assert_equal(a, b):
    assert np.array_equal(a.offsets, b.offsets)
    assert list(a.columns) == list(b.columns)
    for name, values in a.columns.items():
        assert values.dtype == b[name].dtype
        assert np.array_equal(values, b[name]), name


@pytest.fixture(scope="module")
def collisions(tmp_path_factory):
    """A file of 3000 events with one to three collisions; its name holds a plus sign."""
    path = tmp_path_factory.mktemp("a+b") / "b+gun.root"
    with EventWriter(path, metadata={}) as writer:
        writer.write(truth_events(3000, mean=2))
    return path


@pytest.fixture(scope="module")
def embedded(collisions):
    return read(f"{collisions}+gun:mu-,e+?p=3-100&eta=2-5&n=2")


def test_the_collisions_stay_as_they_are(collisions, embedded):
    alone = read(collisions)
    assert_equal(embedded.event, alone.event)
    assert_equal(embedded.vertex, alone.vertex)
    p = embedded.particle
    old = p["mcparticle_id"] < np.repeat(alone.particle.counts, p.counts)
    assert_equal(p.select(old), alone.particle)
    assert (p.counts == alone.particle.counts + 2).all()
    local = np.arange(len(p)) - p.offsets[p.event_index]
    assert np.array_equal(p["mcparticle_id"], local)


def test_particles_come_from_a_vertex_of_their_event(embedded):
    gun, vertex = added(embedded, 2), embedded.vertex
    assert (gun["mc_mother_id"] == -1).all() and gun["mc_stable"].all()
    place = vertex.offsets[gun.event_index] + gun["mc_pv_id"]
    assert (gun["mc_pv_id"] < vertex.counts[gun.event_index]).all()
    for a in "xyzt":
        assert np.array_equal(gun[f"mc_v{a}"], vertex[f"mc_{a}"][place])
    for n in (2, 3):
        chosen = gun["mc_pv_id"][vertex.counts[gun.event_index] == n]
        assert stats.chisquare(np.bincount(chosen, minlength=n)).pvalue > 1e-3
    # Two particles of one event choose apart from each other.
    first, second = gun["mc_pv_id"].reshape(-1, 2)[vertex.counts == 3].T
    assert stats.chi2_contingency(np.histogram2d(first, second, 3)[0]).pvalue > 1e-3


def test_species_and_momenta_are_those_asked_for(embedded):
    gun = added(embedded, 2)
    ids, counts = np.unique(gun["mc_pdg_id"], return_counts=True)
    assert ids.tolist() == [-11, 13]
    assert stats.chisquare(counts).pvalue > 1e-3
    assert np.array_equal(gun["mc_charge"], np.where(gun["mc_pdg_id"] == 13, -1, 1))
    p = [gun[f"mc_p{a}"] for a in "xyz"]
    spread = np.log(momentum(*p) / 3e3) / np.log(100 / 3)
    assert stats.kstest(spread, "uniform").pvalue > 1e-3
    assert stats.kstest((pseudorapidity(*p) - 2) / 3, "uniform").pvalue > 1e-3
    for name in PARTICLE_COLUMNS:
        assert gun[name].dtype == schema.column("particle", name).dtype


def test_guns_draw_apart_from_each_other(collisions):
    batch = read(f"{collisions}+gun:mu-?n=2+gun:mu-+gun:pi+", 1000)
    gun = added(batch, 4)
    assert gun["mc_pdg_id"].reshape(-1, 4).tolist() == [[13, 13, 13, 211]] * 1000
    pz = gun["mc_pz"].reshape(-1, 4).T
    alone = read("gun:mu-", 1000).particle["mc_pz"]
    correlation = np.abs(stats.spearmanr([*pz, alone], axis=1).statistic - np.eye(5))
    assert correlation.max() < 0.15


def test_events_do_not_depend_on_cuts(collisions, embedded, monkeypatch):
    text = f"{collisions}+gun:mu-,e+?p=3-100&eta=2-5&n=2"
    assert_equal(read(text, 7).particle, embedded.events(0, 7).particle)
    monkeypatch.setattr("lamarr_like.io.tables.source.STEP_EVENTS", 17)
    source = open_source(text, n_events=None, seed=1)
    for _ in range(2):  # a source may be iterated twice
        parts = list(rebatch(source, 100))
        assert len(parts) == 30
        assert_equal(concatenate(parts).particle, embedded.particle)
    other = added(read(text, 7, seed=2), 2)
    assert not np.isin(other["mc_px"], embedded.particle["mc_px"]).any()


def test_pythia_with_pile_up():
    source = open_source(f"{MINBIAS}+gun:K-?pt=1", n_events=8, seed=3, pileup=2.0)
    assert not source.is_gun
    assert source.name == f"{MINBIAS}+gun:K-?pt=1"
    batch = concatenate(list(source))
    alone = read(MINBIAS, 8, seed=3, pileup=2.0)
    assert_equal(batch.event, alone.event)
    assert_equal(batch.vertex, alone.vertex)
    gun = added(batch, 1)
    assert (gun["mc_pdg_id"] == -321).all()
    assert np.hypot(gun["mc_px"], gun["mc_py"]) == pytest.approx(1000.0)


def test_hepmc_with_options(tmp_path):
    path = write_sample(tmp_path / "c++.hepmc", 3)
    source = open_source(f"{path}?collisions=file+gun:e-", n_events=None, seed=1)
    (batch,) = source
    assert len(batch) == 1 and batch.vertex.counts.tolist() == [3]
    assert batch.particle["mc_pdg_id"][-1] == 11
    assert source.notes == open_source(str(path), n_events=1, seed=1).notes
    assert batch.event["mc_weight"][0] == read(f"{path}?collisions=file").event["mc_weight"][0]


def test_a_gun_in_a_gun_stays_a_gun():
    source = open_source("gun:pi+?n=2+gun:gamma", n_events=5, seed=1)
    assert source.is_gun
    p = concatenate(list(source)).particle
    assert p["mc_pdg_id"].reshape(-1, 3).tolist() == [[211, 211, 22]] * 5
    assert (np.ptp(p["mc_vz"].reshape(-1, 3), axis=1) == 0).all()


def test_event_without_a_vertex(tmp_path):
    batch = truth_events(4, mean=10)
    vertex = batch.vertex.select(batch.vertex.event_index != 1)
    lonely = np.where(batch.particle.event_index == 1, -1, batch.particle["mc_pv_id"])
    batch = batch.with_columns("particle", mc_pv_id=lonely.astype(np.int32))
    path = tmp_path / "a.root"
    with EventWriter(path, metadata={}) as writer:
        writer.write(batch.with_table("vertex", vertex))
    text = f"{path}+gun:mu-"
    with pytest.raises(BadEventError, match="no primary vertex") as caught:
        read(text)
    assert text in str(caught.value) and "event 1" in str(caught.value)
    source = open_source(text, n_events=None, seed=1, skip_bad=True)
    for _ in range(2):
        assert concatenate(list(source)).event["event_id"].tolist() == [0, 2, 3]
        assert [event for event, _ in source.skipped] == [1]


def test_what_the_host_skips_is_known(tmp_path, collisions):
    absent = tmp_path / "absent"
    source = open_source(f"{absent},{collisions}+gun:mu-", n_events=3, seed=1, skip_bad=True)
    for _ in range(2):
        assert len(concatenate(list(source))) == 3
        assert len(source.skipped) == 1 and str(absent) in source.skipped[0][1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{MINBIAS}+gun:muon", "gun:muon: no gun for 'muon'"),
        (f"{MINBIAS}+gun:", "no gun for ''"),
        (f"{MINBIAS}+gun:mu-?energy=3", "gun:mu-?energy=3: unknown option 'energy'; there are p:"),
        (f"{MINBIAS}+gun:mu-?z=3", "gun:mu-?z=3: no z here; an embedded gun shoots from a"),
        (f"{MINBIAS}+gun:mu-+gun:e-?n=0", "gun:e-?n=0: n=0 is not a number of particles"),
        (f"{MINBIAS}?foward=1+gun:mu-", "unknown option 'foward'"),
        ("pythia:no+gun:mu-", "pythia:no: no process"),
        ("+gun:mu-", "name the source of the collisions"),
        ("absent+gun:mu-", "absent: no such file"),
    ],
)
def test_mistakes(text, message):
    with pytest.raises(SourceError) as caught:
        open_source(text, n_events=3, seed=1)
    assert message in str(caught.value)


def test_runs_take_it(tmp_path, whole_chain, monkeypatch):
    models = whole_chain
    text = f"{MINBIAS}+gun:mu-,mu+?p=3-100&eta=2.5-4"
    told = []
    plain = Pipeline.__call__

    def watched(self, events, seed=1, is_gun=False):
        told.append(is_gun)
        return plain(self, events, seed, is_gun)

    monkeypatch.setattr(Pipeline, "__call__", watched)
    digests = set()
    for size in (4, 100):
        fast = tmp_path / "fast.root"
        config = RunConfig(text, fast, n_events=12, chunk_size=size, force=True)
        simulate(config, models / "tiny.yaml", models)
        digests.add(content_digest(fast))
    assert len(digests) == 1
    assert not any(told)
    assert read_provenance(fast)["source"] == text
    detailed = tmp_path / "detailed.root"
    simulate_detailed(RunConfig(text, detailed, n_events=12))
    batch = concatenate(read_events(detailed))
    assert (np.abs(added(batch, 1)["mc_pdg_id"]) == 13).all()
    assert (added(batch, 1)["track_type"] == 3).mean() > 0.7
    assert batch.event["n_tracks"].mean() > 5
