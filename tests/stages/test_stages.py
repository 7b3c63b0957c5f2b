"""Laws that every stage obeys, and the physics of the analytic ones."""

from __future__ import annotations

import numpy as np
import pytest
from chain_fakes import (
    CHAIN,
    CONFIG,
    FakeClassifier,
    FakeGenerator,
    fake_stage,
    fake_stages,
    truth_events,
)

from lamarr_like import schema
from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.errors import ArtefactError, PipelineError, SchemaError
from lamarr_like.events import EventBatch, Table
from lamarr_like.stages import (
    MODEL_STAGES,
    Acceptance,
    Efficiency,
    Occupancy,
    Propagation,
    Resolution,
    RichPid,
    VertexFinding,
)
from lamarr_like.stages.identification.rich import cherenkov, saturation
from lamarr_like.stages.stage import draw_classes, typed
from lamarr_like.stages.tracking.propagation import FAR, KICK
from lamarr_like.stages.training_range import outside, training_range
from lamarr_like.training.sample import read_sample


def restricted(batch, columns):
    """A batch with the given columns only."""
    tables = {}
    for name, table in batch.tables.items():
        kept = {k: v for k, v in table.columns.items() if (name, k) in columns}
        if kept or name == "event" or any(t == name for t, _ in columns):
            tables[name] = Table(kept, table.offsets)
    return EventBatch(tables)


@pytest.fixture(scope="module")
def simulated():
    return Pipeline(fake_stages())(truth_events(40), seed=3)


@pytest.mark.parametrize("name", CHAIN)
def test_stage_needs_only_what_it_declares(name, simulated):
    stage = fake_stage(name)
    # Tables that the stage itself starts must not be there before.
    out = stage(restricted(simulated, stage.requires), 3)
    for table, column in stage.provides:
        assert column in out[table]
        assert out[table][column].dtype == schema.column(table, column).dtype
        np.testing.assert_array_equal(out[table][column], simulated[table][column])


@pytest.mark.parametrize("name", CHAIN)
def test_stage_takes_empty_batches(name, simulated):
    stage = fake_stage(name)
    out = stage(simulated.events(2, 2), 3)
    for table, column in stage.provides:
        assert len(out[table][column]) == 0


@pytest.mark.parametrize("name", [n for n in CHAIN if n in MODEL_STAGES])
def test_training_reads_the_columns_it_declares(name, simulated):
    stage = MODEL_STAGES[name]
    told = set(stage.told_by.values())
    batch = restricted(simulated, stage.requires | stage.target_columns | told)
    rows = stage.rows(batch)
    conditions, targets = stage.conditions(batch, rows), stage.targets(batch, rows)
    assert tuple(conditions) == stage.condition_names()
    for values in (*conditions.values(), *targets.values()):
        assert values.shape == (rows.sum(),)
        assert np.isfinite(values).all()
    wanted = {stage.target} if hasattr(stage, "target") else set(stage.outputs)
    assert set(targets) == wanted


@pytest.mark.parametrize("name", [n for n in MODEL_STAGES if hasattr(MODEL_STAGES[n], "target")])
def test_classes_survive_the_round_trip(name, simulated):
    stage = MODEL_STAGES[name]
    target = stage.targets(simulated, stage.rows(simulated))[stage.target]
    assert target.min() >= 0
    assert target.max() < len(stage.classes)
    assert len(np.unique(target)) == len(stage.classes)


def test_targets_follow_the_options_of_the_training(simulated):
    rows = Resolution.rows(simulated)
    for frame in Resolution.training_options["frame"]:
        learnt = Resolution.learnt(simulated, rows, frame=frame)
        assert tuple(learnt) == Resolution.outputs_in(frame)
        conditions = Resolution.conditions(simulated, rows)
        config = Resolution.learnt_config(simulated, conditions, frame=frame)
        assert config["frame"] == frame
        assert {"detector_range", "training_range"} <= set(config)
    assert RichPid.learnt_config(simulated, {}, law="gains") == {"law": "gains"}
    assert RichPid.extra_config(simulated) == {}


def test_models_of_another_stage_are_refused():
    with pytest.raises(PipelineError, match=r"'acceptance'.*conditions n_spd_hits, n_tracks"):
        Acceptance(FakeClassifier(Efficiency))
    with pytest.raises(PipelineError, match=r"'rich' needs a generator of \(rich_dll_bt"):
        RichPid(FakeGenerator(RichPid, outputs=("rich_dll_k",)))
    model = FakeClassifier(VertexFinding)
    model.classes = ("no", "yes")
    with pytest.raises(PipelineError, match=r"'vertex_finding' needs a classifier of \(lost"):
        VertexFinding(model)


def test_resolution_checks_its_frame():
    with pytest.raises(ArtefactError, match="frame 'cylinder'"):
        Resolution(FakeGenerator(Resolution), {"frame": "cylinder"})
    outputs = Resolution.outputs_in("cartesian")
    Resolution(FakeGenerator(Resolution, outputs), {"frame": "cartesian"})
    with pytest.raises(PipelineError, match="needs a generator"):
        Resolution(FakeGenerator(Resolution), {"frame": "cartesian"})


def test_tracks_outside_the_training_sample_are_flagged(simulated):
    rows = Resolution.rows(simulated)
    conditions = Resolution.conditions(simulated, rows)
    ranges = training_range(conditions)
    assert not outside(conditions, ranges).any()
    fast = dict(conditions)
    fast["log_p"] = np.where(np.arange(rows.sum()) == 3, 7.0, conditions["log_p"])
    assert np.flatnonzero(outside(fast, ranges)).tolist() == [3]
    # A species that the training never saw has no range at all; one model knows nothing of others.
    del ranges["is_pi"]
    assert (outside(conditions, ranges) == (conditions["is_pi"] > 0.5)).all()
    stage = Resolution(FakeGenerator(Resolution), {"training_range": training_range(conditions)})
    assert not stage(simulated, 1).track["out_of_range"].any()
    assert Resolution(FakeGenerator(Resolution))(simulated, 1).track["out_of_range"].all()


def test_resolution_is_told_how_many_measurements_there_may_be(minbias):
    """Openings about the beam change their number by steps, which a network has to be told of."""
    batch = read_sample([minbias])
    rows = Resolution.rows(batch)
    conditions = Resolution.conditions(batch, rows)
    measured = batch.track["n_dof"][rows] + 5.0
    assert set(np.unique(conditions["tt_layers"])) == {0.0, 1.0, 2.0, 3.0, 4.0}
    # Some are lost, and a stray one may take their place.
    assert (measured <= conditions["expected_hits"] + 2.0).mean() > 0.95
    assert np.corrcoef(measured, conditions["expected_hits"])[0, 1] > 0.95


def test_prompt_is_prompt(simulated):
    """Made on the beam line itself, which no particle of a sample is, but no farther away."""
    rows = Resolution.rows(simulated)
    conditions = Resolution.conditions(simulated, rows)
    ranges = training_range(conditions)
    on_line = dict(conditions) | {"log_vr": np.full(rows.sum(), -3.0)}
    assert min(low for flag in ranges.values() for low in flag["log_vr"]) > -3.0
    assert not outside(on_line, ranges).any()
    far = dict(conditions) | {"log_vr": np.full(rows.sum(), 9.0)}
    assert outside(far, ranges).all()


def test_draw_classes_follows_the_probabilities():
    rng = np.random.default_rng(1)
    p = np.array([0.2, 0.0, 0.5, 0.3], dtype=np.float32)
    drawn = draw_classes(np.tile(p, (100_000, 1)), rng.random(100_000))
    share = np.bincount(drawn, minlength=4) / 100_000
    np.testing.assert_allclose(share, p, atol=5 * np.sqrt(0.25 / 100_000))
    assert share[1] == 0


def one_particle(charge=1, **columns):
    values = {"mc_px": 300.0, "mc_py": -200.0, "mc_pz": 10_000.0}
    values |= {"mc_vx": 0.1, "mc_vy": -0.2, "mc_vz": 30.0, **columns}
    table = {k: np.array([v]) for k, v in values.items()}
    table["mc_charge"] = np.array([charge], dtype=np.int8)
    event = Table({"event_id": np.array([0])}, np.array([0, 1]))
    return EventBatch({"event": event, "particle": Table(table, np.array([0, 1]))})


def propagated(*args, polarity=-1, **columns):
    return Propagation(polarity)(one_particle(*args, **columns), 0).particle


def test_neutral_particles_fly_straight():
    p = propagated(0)
    assert p["mc_ecal_x"][0] == pytest.approx(0.1 + 0.03 * (12689 - 30))
    assert p["mc_ecal_y"][0] == pytest.approx(-0.2 - 0.02 * (12689 - 30))
    assert p["mc_ctb_x"][0] * 0.03 + p["mc_ctb_y"][0] * -0.02 == pytest.approx(0, abs=1e-12)


def test_dipole_kicks_by_charge_and_polarity():
    straight = propagated(0)["mc_ecal_x"][0]
    shift = propagated(1)["mc_ecal_x"][0] - straight
    # Small angles: kick over momentum times the distance behind the magnet.
    assert shift == pytest.approx(KICK / 10_000 * (12689 - 5200), rel=0.02)
    assert propagated(-1)["mc_ecal_x"][0] < straight
    up = propagated(1, polarity=1)["mc_ecal_x"][0]
    assert up < straight
    assert propagated(1)["mc_t3_x"][0] - propagated(0)["mc_t3_x"][0] == pytest.approx(
        KICK / 10_000 * (9400 - 5200), rel=0.02
    )
    with pytest.raises(PipelineError, match="polarity is 1 or -1"):
        Propagation(0)


def test_kick_keeps_the_momentum():
    p = propagated(1, mc_px=0.0, mc_py=0.0, mc_vx=0.0, mc_vy=0.0, mc_pz=2000.0)
    slope = p["mc_t3_x"][0] / (9400 - 5200)
    assert slope / np.sqrt(1 + slope**2) == pytest.approx(KICK / 2000.0, rel=1e-6)


@pytest.mark.parametrize(
    "columns",
    [
        {"mc_pz": -5000.0},
        {"mc_pz": 0.0},
        {"mc_px": 0.0, "mc_py": 0.0, "mc_pz": 0.0},
        {"mc_px": 0.0, "mc_py": 0.0, "mc_pz": 900.0},
        {"mc_vz": 13_000.0},
        {"mc_px": 1e-300, "mc_py": 0.0},
    ],
)
def test_particles_that_never_arrive_have_finite_positions(columns):
    p = propagated(1, **columns)
    for name in ("mc_ecal_x", "mc_ecal_y", "mc_t3_x", "mc_ctb_x", "mc_ctb_z"):
        assert np.isfinite(p[name][0])
    assert abs(p["mc_ecal_x"][0]) <= FAR


def test_no_kick_behind_the_magnet():
    args = {"mc_vz": 6000.0}
    assert propagated(1, **args)["mc_ecal_x"][0] == propagated(0, **args)["mc_ecal_x"][0]


def test_only_stable_forward_tracked_particles_are_candidates():
    batch = Propagation()(truth_events(40), 0)
    rows = Acceptance.rows(batch)
    p = batch.particle
    assert p["mc_stable"][rows].all()
    assert (p["mc_pz"][rows] > 0).all()
    assert set(np.abs(p["mc_pdg_id"][rows])) == {11, 13, 211, 321, 2212}
    inside = fake_stage("acceptance")(batch, 1).particle["in_acceptance"]
    assert inside.any()
    assert not inside[~rows].any()


def test_tracks_follow_the_particles(simulated):
    particle, track = simulated.particle, simulated.track
    assert len(track) == (particle["track_type"] > 0).sum() > 50
    np.testing.assert_array_equal(simulated.linked("track_type"), track["track_type"])
    assert simulated.linked("in_acceptance").all()
    for e in range(len(simulated)):
        np.testing.assert_array_equal(
            track.events(e, e + 1)["track_id"], np.arange(track.counts[e])
        )


def test_gun_occupancy_comes_from_the_reference_pairs():
    batch = truth_events(3000, mean=2)
    stage = Occupancy(FakeGenerator(Occupancy), CONFIG)
    event = stage(Propagation()(batch, 0), 1, is_gun=True).event
    pairs, counts = np.unique(
        np.stack([event["n_spd_hits"], event["n_tracks"]], axis=1), axis=0, return_counts=True
    )
    assert pairs.tolist() == sorted(CONFIG["reference_pairs"])
    np.testing.assert_allclose(counts, 1000, atol=5 * np.sqrt(1000))
    with pytest.raises(ArtefactError, match="reference_pairs"):
        Occupancy(FakeGenerator(Occupancy), {})


def test_occupancy_reference_is_stored_with_the_model(simulated):
    extra = Occupancy.extra_config(simulated)
    first = [int(simulated.event[n][0]) for n in ("n_spd_hits", "n_tracks")]
    assert extra["reference_pairs"][0] == first
    assert RichPid.extra_config(simulated) == {}


def test_occupancy_counts_add_up():
    batch = Propagation()(truth_events(30), 0)
    c = Occupancy.conditions(batch, Occupancy.rows(batch))
    p = batch.particle.select(batch.particle["mc_stable"] & (batch.particle["mc_charge"] != 0))
    eta = np.arcsinh(p["mc_pz"] / np.hypot(p["mc_px"], p["mc_py"]))
    in_2_5 = np.bincount(p.event_index, (eta >= 2) & (eta < 5), minlength=30)
    slices = sum(c[f"n_eta_{i}"] for i in range(2, 8))
    np.testing.assert_array_equal(slices, in_2_5)
    np.testing.assert_array_equal(sum(c[f"n_p_{i}"] for i in range(5)), in_2_5)
    np.testing.assert_array_equal(c["n_collisions"], batch.vertex.counts)


def test_vertices_lie_near_their_collisions(simulated):
    vertex = simulated["reco_vertex"]
    np.testing.assert_array_equal(simulated.event["n_pvs"], vertex.counts)
    place = simulated.vertex.offsets[vertex.event_index] + vertex["mc_pv_id"]
    for axis in "xyz":
        near = np.abs(vertex[axis] - simulated.vertex[f"mc_{axis}"][place])
        assert near.max() < 20
        assert (vertex[f"sigma_{axis}"] > 0).all()


def test_nearest_collision():
    batch = truth_events(1)
    z = np.array([10.0, -5.0, 11.5])
    vertex = {f"mc_{a}": np.zeros(3) for a in "xyt"} | {"mc_z": z, "mc_pv_id": np.arange(3)}
    batch = batch.with_table("vertex", Table(vertex, np.array([0, 3])))
    batch = batch.with_columns("event", n_tracks=np.array([1]), n_spd_hits=np.array([1]))
    particle = batch.particle
    batch = batch.with_columns("particle", track_type=np.zeros(len(particle), np.int8))
    batch = Propagation()(
        batch.with_columns("particle", mc_pv_id=np.zeros(len(particle)).astype(int)), 0
    )
    gap = VertexFinding.conditions(batch, np.ones(3, bool))["neighbour_gap"]
    np.testing.assert_allclose(gap, [1.5, 15.0, 1.5])


def test_cherenkov_thresholds_and_saturation():
    p = np.array([9_000.0, 10_000.0, 200_000.0])
    kaon = saturation(p, 493.677, 1.0014)
    assert kaon[0] == 0  # threshold m / sqrt(n^2 - 1) = 9.33 GeV
    assert 0 < kaon[1] < 0.2
    assert kaon[2] == pytest.approx(1, abs=0.01)
    exact = 1 - 1 / (1.0014 * p[2] / np.hypot(p[2], 493.677)) ** 2
    assert kaon[2] * (1 - 1 / 1.0014**2) == pytest.approx(exact)


def test_expected_likelihood_prefers_the_truth():
    p, ones = np.full(4, 20_000.0), np.ones(4)
    mass = np.array([0.51, 139.57, 493.68, 938.27])
    out = cherenkov(p, p, mass, {"c4f10": ones, "cf4": ones})
    total = {h: out[f"exp_{h}_c4f10"] + out[f"exp_{h}_cf4"] for h in ("e", "k", "p", "bt")}
    assert total["k"][2] > 0 > total["k"][1]
    assert total["p"][3] > 0 > total["p"][1]
    assert total["bt"][1] < 0
    blind = cherenkov(p, p, mass, {"c4f10": 0 * ones, "cf4": 0 * ones})
    assert all((values == 0).all() for values in blind.values())


@pytest.mark.parametrize("n", [0, 1, 7])
def test_columns_cast_together_are_those_cast_one_by_one(n):
    rng = np.random.default_rng(5)
    columns = {
        **{name: rng.normal(size=n) for name in ("px", "py", "eta")},
        **{
            "pt": rng.uniform(1e3, 1e5, n),
            "x": rng.normal(size=n),
            "n_dof": np.full(n, 30.0),
            "is_muon": np.ones(n, bool),
        },
    }
    found = typed("track", columns)
    assert list(found) == list(columns)
    for name, values in columns.items():
        wanted = schema.as_declared("track", name, values)
        assert found[name].dtype == wanted.dtype and found[name].flags.c_contiguous
        np.testing.assert_array_equal(found[name], wanted)


def test_a_number_that_does_not_fit_is_named_among_others_that_do():
    columns = {"px": np.ones(3), "py": np.array([0.0, 1e39, 0.0]), "pz": np.zeros(3)}
    with pytest.raises(SchemaError, match=r"track\.py = 1e\+39 does not fit float32"):
        typed("track", columns)
    kept = typed("track", {**columns, "py": np.array([np.nan, np.inf, -np.inf])})
    assert np.isnan(kept["py"][0]) and np.isinf(kept["py"][1:]).all()
