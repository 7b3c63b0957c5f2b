"""The whole reference detector: contracts, edges, and the same result however it is cut."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from detector_samples import muons, particles_of

from lamarr_like import schema
from lamarr_like.detailed import occupancy
from lamarr_like.detailed.parameters import DEFAULT
from lamarr_like.detailed.simulate import REQUIRED, simulate_detailed
from lamarr_like.errors import SchemaError
from lamarr_like.events import EventBatch, Table, concatenate
from lamarr_like.io.ntuple import EventWriter, content_digest, read_events
from lamarr_like.io.sources import open_source
from lamarr_like.runs.simulate import RunConfig
from lamarr_like.runs.simulate import simulate_detailed as run


def assert_equal(a, b):
    assert a.tables.keys() == b.tables.keys()
    for name, table in a.tables.items():
        np.testing.assert_array_equal(table.offsets, b[name].offsets)
        for column, values in table.columns.items():
            np.testing.assert_array_equal(values, b[name][column], err_msg=f"{name}.{column}")


@pytest.fixture(scope="module")
def truth():
    return concatenate(open_source("pythia:minbias", n_events=24, seed=5, pileup=1.6))


@pytest.fixture(scope="module")
def whole(truth):
    return simulate_detailed(truth, seed=3)


@pytest.mark.parametrize("size", [1, 7])
def test_result_does_not_depend_on_the_batch(truth, whole, size):
    cuts = range(0, len(truth), size)
    parts = [simulate_detailed(truth.events(i, min(i + size, len(truth))), seed=3) for i in cuts]
    assert_equal(concatenate(parts), whole)


def test_result_does_not_depend_on_what_else_is_there(truth, whole):
    turned = [truth.events(i, i + 1) for i in reversed(range(len(truth)))]
    back = simulate_detailed(concatenate(turned), seed=3)
    again = concatenate([back.events(i, i + 1) for i in reversed(range(len(truth)))])
    assert_equal(again, whole)


def test_seed_matters(truth, whole):
    other = simulate_detailed(truth.events(0, 4), seed=4)
    assert len(other.track) != len(whole.events(0, 4).track) or not np.array_equal(
        other.track["x"], whole.events(0, 4).track["x"]
    )


def test_tables_are_consistent(whole):
    track, table = whole.track, whole.particle
    linked = track["origin"] == 0
    np.testing.assert_array_equal(track["mcparticle_id"] >= 0, linked)
    assert set(np.unique(track["track_type"])) <= {3, 4, 5}
    np.testing.assert_array_equal(whole.linked("track_type", linked), track["track_type"][linked])
    assert (table["track_type"] > 0).sum() == linked.sum()
    assert not (table["reconstructible_long"] & ~table["in_acceptance"]).any()
    assert (whole.event["n_tracks"] >= track.counts).all()
    np.testing.assert_array_equal(whole.event["n_pvs"], whole["reco_vertex"].counts)
    np.testing.assert_allclose(track["pt"], np.hypot(track["px"], track["py"]), rtol=1e-6)
    assert ((track["ghost_prob"] >= 0) & (track["ghost_prob"] <= 1)).all()
    ghost = track["origin"] == 2
    assert (track["track_type"][ghost] == 3).all()
    for name, column in track.columns.items():
        assert np.isfinite(column.astype(np.float64)).all(), name


def test_interactions_and_decays_are_no_matter_of_acceptance():
    n, p = 300, 4000.0
    slope, phi = 1.0 / np.sinh(3.2), np.linspace(0, 2 * np.pi, n, endpoint=False)
    shares = {}
    for pdg in (13, 211, 321):
        out = simulate_detailed(
            particles_of(pdg, p, slope * np.cos(phi), slope * np.sin(phi)), seed=1
        )
        shares[pdg] = [out.particle[c].mean() for c in ("in_acceptance", "reconstructible_long")]
    for pdg in (211, 321):
        assert shares[pdg][0] == pytest.approx(shares[13][0], abs=0.01)
        assert shares[pdg][1] < shares[13][1] - 0.1
    # Beside the detector and made behind TT nothing is in acceptance.
    wide = simulate_detailed(particles_of(211, p, np.full(50, 0.6), 0.0), seed=1)
    late = simulate_detailed(particles_of(211, p, np.full(50, 0.1), 0.0, z=4000.0, x=400.0), 1)
    assert not wide.particle["in_acceptance"].any()
    assert not late.particle["in_acceptance"].any()


def test_stray_segments_have_a_source_of_their_own():
    ids = np.arange(20_000)
    none = occupancy.stray_segments(np.zeros(len(ids), np.int64), ids, 1, DEFAULT)
    # A Poisson number of collisions, each an exponential number: variance 2 n m^2 + n m.
    n, m = 2.0 * DEFAULT.spill_collisions, DEFAULT.spill_segments
    variance = 2.0 * n * m**2 + n * m
    assert none.mean() == pytest.approx(n * m, abs=4 * np.sqrt(variance / len(ids)))
    assert none.var() == pytest.approx(variance, rel=0.1)
    busy = occupancy.stray_segments(np.full(len(ids), 200), ids, 1, DEFAULT)
    own = 200 * DEFAULT.clone_share + 400 * DEFAULT.ghost_segments
    assert busy.mean() - none.mean() == pytest.approx(own, abs=0.2)


def test_occupancy_follows_the_event(whole):
    charged = np.bincount(
        whole.particle.event_index[whole.particle["in_acceptance"]], minlength=len(whole)
    )
    for name in ("n_tracks", "n_spd_hits"):
        assert np.corrcoef(charged, whole.event[name])[0, 1] > 0.8


def test_workers_and_chunks_give_the_same_file(truth, tmp_path):
    source = tmp_path / "truth.root"
    with EventWriter(source, metadata={}) as writer:
        writer.write(truth)
    digests = []
    for chunk, workers in ((100, 1), (5, 2)):
        path = tmp_path / f"{workers}.root"
        summary = run(RunConfig(str(source), path, seed=3, chunk_size=chunk), workers)
        assert summary.events == len(truth)
        digests.append(content_digest(path))
    assert digests[0] == digests[1]
    assert set(schema.TABLES) == set(concatenate(read_events(path)).tables)


@pytest.mark.parametrize("column", REQUIRED)
def test_missing_column(column):
    batch = muons(2, p=1e4)
    columns = {k: v for k, v in batch.particle.columns.items() if k != column}
    with pytest.raises(SchemaError, match=f"detailed simulation.*{column}"):
        simulate_detailed(batch.with_table("particle", Table(columns, batch.particle.offsets)), 1)


def test_no_events():
    out = simulate_detailed(muons(3, p=1e4).events(0, 0), seed=1)
    assert len(out) == 0
    assert len(out.track) == len(out["reco_vertex"]) == 0
    assert "rich_dll_k" in out.track


def empty_events(n):
    """Events without particles."""
    one = muons(n, p=1e4)
    nothing = np.zeros(n + 1, np.int64)
    tables = dict(one.tables)
    for name in ("particle", "vertex"):
        tables[name] = Table({k: v[:0] for k, v in one[name].columns.items()}, nothing)
    return EventBatch(tables)


def test_events_without_particles():
    out = simulate_detailed(empty_events(40), seed=1)
    assert len(out.track) == 0
    # What is left of neighbouring crossings, and nothing else.
    spilt = 2.0 * DEFAULT.spill_collisions * DEFAULT.spill_segments
    spread = np.sqrt(spilt * (1.0 + 2.0 * DEFAULT.spill_segments) / len(out))
    assert out.event["n_tracks"].mean() == pytest.approx(spilt, abs=4 * spread)
    without = simulate_detailed(empty_events(40), 1, replace(DEFAULT, spill_segments=0.0))
    assert (without.event["n_tracks"] == 0).all()
    assert (out.event["n_pvs"] == 0).all()
    assert 0 < out.event["n_spd_hits"].mean() < 4  # noise


def test_event_without_charged_particles():
    out = simulate_detailed(particles_of(22, 3e3, np.full(50, 0.1), 0.02), seed=1)
    assert (out.particle["track_type"] == 0).all()
    assert not out.particle["in_acceptance"].any()
    assert (out.track["origin"] >= 1).all()  # conversions, and ghosts of them
    out = simulate_detailed(particles_of(2112, 3e3, np.full(3, 0.1), 0.02), seed=1)
    assert len(out.track) == 0


@pytest.mark.parametrize(
    "where",
    [
        {"z": 13_000.0},  # behind everything
        {"z": 12_000.0},
        {"x": 20_000.0},
        {"tx": 1.4, "ty": 1.4},
        {"tx": 0.001},  # in the beam pipe
    ],
)
def test_particles_that_nothing_sees(where):
    arguments = {"tx": 0.1, "ty": 0.0} | where
    out = simulate_detailed(particles_of([13, -13], 2e4, **arguments), seed=1)
    assert len(out.track) == 0
    assert not out.particle["in_acceptance"].any()


def test_backward_and_parallel_particles():
    batch = particles_of([13, 211], 2e4, 0.0, 0.0)
    backward = batch.with_columns("particle", mc_pz=-batch.particle["mc_pz"])
    out = simulate_detailed(concatenate([batch, backward]), seed=1)
    assert len(out.track) == 0
    for axis in "xyz":
        assert np.isfinite(out.particle[f"mc_ctb_{axis}"]).all()
    sideways = batch.with_columns("particle", mc_pz=np.zeros(2), mc_px=np.full(2, 1e3))
    assert len(simulate_detailed(sideways, seed=1).track) == 0


def test_unstable_particles_are_left_alone():
    batch = muons(50, p=2e4)
    batch = batch.with_columns("particle", mc_stable=np.zeros(50, np.bool_))
    assert len(simulate_detailed(batch, seed=1).track) == 0
