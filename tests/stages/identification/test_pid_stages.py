"""Particle identification: exact rules of each stage, the classifier behind ProbNN, neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from chain_fakes import CONFIG, FakeClassifier, FakeGenerator, fake_stage, truth_events, typed
from pid_samples import pid_sample

from lamarr_like import schema
from lamarr_like.errors import PipelineError, TrainingError
from lamarr_like.events import EventBatch, Table, concatenate, rebatch
from lamarr_like.physics.likelihoods import COMBINED, SUMMED, combined_dlls
from lamarr_like.physics.particles import SPECIES_NAMES
from lamarr_like.stages import (
    MODEL_STAGES,
    REFERENCE_STAGES,
    STAGES,
    TRAINED_STAGES,
    CaloPid,
    GlobalPid,
    MuonId,
    MuonLikelihood,
    ProbNn,
    RichPid,
    features,
)
from lamarr_like.stages.identification import conditions as pid_conditions
from lamarr_like.stages.identification import neighbours
from lamarr_like.stages.identification.prob_nn import (
    CLASSES,
    PROB_NN,
    from_log_ratios,
    from_logits,
    logits,
)
from lamarr_like.training.fits import fit_stage
from lamarr_like.training.request import Request, expanded
from lamarr_like.training.weights import balanced, species_factors

PID = ("muon_id", "muon_likelihood", "calo_pid", "global_pid")


@pytest.fixture(scope="module")
def sample():
    return pid_sample(60, seed=1)


def generated_only(batch):
    """A batch as the fast chain has it: only tracks of generated particles."""
    return batch.with_table("track", batch.track.select(batch.track["origin"] == 0))


def stage_of(name, model=None):
    stage = TRAINED_STAGES[name]
    if model is None:
        model = FakeClassifier(stage) if hasattr(stage, "target") else FakeGenerator(stage)
    return stage(model, CONFIG)


# --- combined likelihoods


def test_combined_likelihoods_are_sums_of_what_is_stored():
    rng = np.random.default_rng(3)
    columns = {name: rng.normal(0, 30, 5000) for name in SUMMED}
    columns["is_muon"] = rng.random(5000) < 0.3
    stored = typed("track", columns)
    out = combined_dlls(stored)
    assert tuple(out) == COMBINED
    assert all(v.dtype == np.float32 for v in out.values())
    np.testing.assert_array_equal(out["pid_e"], stored["rich_dll_e"] + stored["calo_dll_e"])
    np.testing.assert_array_equal(out["pid_k"], stored["rich_dll_k"])
    np.testing.assert_array_equal(out["pid_p"], stored["rich_dll_p"])
    muon = stored["is_muon"]
    without = stored["rich_dll_mu"] + stored["calo_dll_mu"]
    np.testing.assert_array_equal(out["pid_mu"][~muon], without[~muon])
    extra = stored["muon_mu_ll"].astype(float) - stored["muon_bg_ll"]
    np.testing.assert_allclose(out["pid_mu"][muon], (without + extra)[muon], rtol=1e-5, atol=1e-4)
    # Values that were not rounded to the stored type yet give the same sums.
    for name, values in combined_dlls(columns).items():
        np.testing.assert_array_equal(values, out[name])


# --- rules of the stages of the fast chain


@pytest.mark.parametrize("name", PID)
def test_stages_do_not_depend_on_chunks(name, sample):
    batch, stage = generated_only(sample), stage_of(name)
    whole = stage(batch, 5).track
    for size in (1, 7):
        parts = concatenate(stage(chunk, 5) for chunk in rebatch([batch], size)).track
        for _, column in stage.provides:
            np.testing.assert_array_equal(parts[column], whole[column])


def test_muon_decision_obeys_its_rules(sample):
    track = stage_of("muon_id")(sample, 1).track
    assert not (track["is_muon"] & ~track["in_muon"]).any()
    assert not track["is_muon"][track["p"] < 3000].any()
    assert not track["in_muon"][track["track_type"] == schema.TRACK_TYPES["upstream"]].any()
    assert track["is_muon"].any()
    # Ghosts and secondaries are not the business of the fast chain.
    assert not track["in_muon"][track["origin"] != 0].any()


def test_muon_target_takes_both_columns(sample):
    rows = MuonId.rows(sample)
    target = MuonId.targets(sample, rows)["muon_class"]
    np.testing.assert_array_equal(target == 2, sample.track["is_muon"][rows])
    np.testing.assert_array_equal(target >= 1, sample.track["in_muon"][rows])


def test_likelihoods_of_muons_only(sample):
    track = stage_of("muon_likelihood")(sample, 1).track
    muon = track["is_muon"] & (track["origin"] == 0)
    for name in ("muon_mu_ll", "muon_bg_ll"):
        assert (track[name][~muon] == 0).all()
        assert (track[name][muon] != 0).all()


class FixedGenerator(FakeGenerator):
    """The same vector for every row."""

    def __init__(self, stage, **values):
        super().__init__(stage)
        self.values = values

    def draw(self, conditions, uniforms):
        return {name: np.full(len(uniforms), float(self.values[name])) for name in self.outputs}


def test_tracks_outside_the_ecal_have_no_likelihoods(sample):
    values = {"calo_dll_e": 3.0, "calo_dll_mu": -2.0, "brem_energy": 700.0}
    outside = stage_of("calo_pid", FixedGenerator(CaloPid, in_ecal=0.4, **values))
    track = outside(sample, 1).track
    assert not track["in_ecal"].any()
    assert (track["calo_dll_e"] == 0).all()
    assert (track["calo_dll_mu"] == 0).all()
    mine = track["origin"] == 0
    # Bremsstrahlung needs no track at the ECAL.
    down = track["track_type"] == schema.TRACK_TYPES["downstream"]
    np.testing.assert_array_equal(track["has_brem"], mine & ~down)
    assert (track["brem_energy"][mine & ~down] == 700).all()
    inside = stage_of("calo_pid", FixedGenerator(CaloPid, in_ecal=1, **values))
    track = inside(sample, 1).track
    upstream = track["track_type"] == schema.TRACK_TYPES["upstream"]
    np.testing.assert_array_equal(track["in_ecal"], mine & ~upstream)
    assert (track["calo_dll_e"][mine & ~upstream] == 3).all()
    assert (track["calo_dll_e"][upstream] == 0).all()


def test_bremsstrahlung_flag_follows_its_energy(sample):
    track = stage_of("calo_pid")(sample, 1).track
    np.testing.assert_array_equal(track["has_brem"], track["brem_energy"] > 0)
    assert (track["brem_energy"] >= 0).all()
    assert 0 < track["has_brem"].mean() < 1


def test_global_identification_adds_up(sample):
    track = stage_of("global_pid")(sample, 1).track
    mine = track["origin"] == 0
    assert min(track[name][mine].min() for name in PROB_NN) > 0
    assert max(track[name][mine].max() for name in PROB_NN) <= 1
    for name, values in combined_dlls(track.columns).items():
        np.testing.assert_array_equal(track[name], values)


def test_logits_and_back():
    p = (1.0 / (1.0 + np.exp(-np.random.default_rng(2).normal(0, 5, (6, 2000))))).astype(np.float32)
    given = dict(zip(PROB_NN, p, strict=True))
    back = from_logits(logits(given))
    for name, values in given.items():
        np.testing.assert_allclose(back[name], values, rtol=1e-5, atol=1e-7)
    ends = logits(dict.fromkeys(PROB_NN, np.zeros(1)) | {"prob_nn_mu": np.ones(1)})
    assert ends["mu"] == pytest.approx(-ends["e"]) and np.isfinite(list(ends.values())).all()


class Certain:
    """A classifier so sure that its probabilities have no digits left."""

    classes = CLASSES
    conditions = ()

    def predict(self, conditions):
        n = len(next(iter(conditions.values())))
        return np.tile(np.array([0.0, 1.0, 2.98e-8, 0.5, 0.0, 1e-3]), (n, 1))


def test_certain_classifiers_leave_what_logits_can_tell(sample):
    found = stage_of("prob_nn", Certain())(sample, 1).track
    values = {name: found[name] for name in PROB_NN}
    assert min(v.min() for v in values.values()) > 0.0
    assert max(v.max() for v in values.values()) < 1.0
    back = from_logits(logits(values))
    for name, given in values.items():
        np.testing.assert_allclose(back[name].astype(np.float32), given, rtol=0.3)
        # Where fast and detailed samples have one value, both have the same.
        assert len(np.unique(back[name].astype(np.float32))) == len(np.unique(given))


def test_log_ratios_of_old_models():
    ratios = {c: np.random.default_rng(2).normal(0, 8, 2000) for c in CLASSES if c != "pi"}
    found = from_log_ratios(ratios)
    np.testing.assert_allclose(sum(found.values()), 1.0, rtol=1e-9)
    for name, values in ratios.items():
        ratio = np.log(found[f"prob_nn_{name}"]) - np.log(found["prob_nn_pi"])
        np.testing.assert_allclose(ratio, values, atol=1e-6)
    huge = {c: np.array([1e4, -1e4]) for c in CLASSES if c != "pi"}
    assert np.isfinite(list(from_log_ratios(huge).values())).all()


def test_global_targets_are_what_the_stage_undoes(sample):
    batch = generated_only(sample)
    rows = GlobalPid.rows(batch)
    back = stage_of("global_pid").reconstructed(batch, rows, GlobalPid.targets(batch, rows))
    for name in PROB_NN:
        np.testing.assert_allclose(back[name], batch.track[name], rtol=1e-5, atol=1e-7)


def test_global_conditions_hold_nothing_of_the_detailed_sample_only(sample):
    hidden = {"ecal_energy", "prs_energy", "hcal_energy"}
    for name in MODEL_STAGES:
        assert not hidden & {c for _, c in MODEL_STAGES[name].requires}
    seen = set(GlobalPid.condition_names())
    assert set(ProbNn.condition_names()) - seen == {
        *("ecal_over_p", "prs_energy", "hcal_over_p", "in_rich")
    }


# --- the classifier of the reference


@pytest.fixture(scope="module")
def prob_nn(sample):
    pytest.importorskip("tensorflow")
    model = fit_stage(pid_sample(400, seed=2), Request("prob_nn", steps=400), progress=False)
    assert sum(len(data) for data in model.files.values()) < 400_000
    return ProbNn(model.classifier(), model.config)


def test_prob_nn_learns_from_known_tracks_and_judges_all(sample, prob_nn):
    rows = ProbNn.rows(sample)
    np.testing.assert_array_equal(rows, sample.track["origin"] != 1)
    labels = ProbNn.targets(sample, rows)["true_class"]
    ghost = sample.track["origin"][rows] == 2
    np.testing.assert_array_equal(labels == CLASSES.index("ghost"), ghost)
    pdg = np.abs(sample.linked("mc_pdg_id", sample.track["origin"] == 0))
    np.testing.assert_array_equal(labels[~ghost] == CLASSES.index("k"), pdg == 321)
    track = prob_nn(sample, 1).track
    # Six questions, each answered by itself: the sum is one on average only.
    total = sum(track[name].astype(float) for name in PROB_NN)
    assert not prob_nn.model.exclusive and total.std() > 1e-3
    assert total.mean() == pytest.approx(1.0, abs=0.05)


def test_prob_nn_names_the_species(sample, prob_nn):
    track = prob_nn(sample, 1).track
    mine = track["origin"] == 0
    pdg = np.zeros(len(track))
    pdg[mine] = np.abs(sample.linked("mc_pdg_id", mine))
    for name, code in (("e", 11), ("mu", 13), ("pi", 211), ("k", 321), ("p", 2212)):
        p = track[f"prob_nn_{name}"]
        assert p[mine & (pdg == code)].mean() > p[mine & (pdg != code)].mean() + 0.1
    ghost = track["origin"] == 2
    assert track["prob_nn_ghost"][ghost].mean() > track["prob_nn_ghost"][mine].mean() + 0.1


def test_prob_nn_rises_with_the_kaon_likelihood(sample, prob_nn):
    means = []
    for dll in (-20.0, -5.0, 0.0, 5.0, 20.0):
        values = np.full(len(sample.track), dll, np.float32)
        track = prob_nn(sample.with_columns("track", rich_dll_k=values), 1).track
        means.append(track["prob_nn_k"].mean())
    assert (np.diff(means) > 0).all()


def test_prob_nn_draws_nothing_and_ignores_the_cut_of_the_batch(sample, prob_nn):
    whole = prob_nn(sample, 1).track
    again = prob_nn(sample, 2).track
    parts = concatenate(prob_nn(chunk, 1) for chunk in rebatch([sample], 7)).track
    for name in (*PROB_NN, *COMBINED):
        np.testing.assert_array_equal(whole[name], again[name])
        np.testing.assert_array_equal(whole[name], parts[name])
    empty = prob_nn(sample.events(2, 2), 1).track
    assert len(empty["prob_nn_k"]) == 0


def test_prob_nn_needs_only_what_it_declares(sample, prob_nn):
    tables = {"event": sample.event, "track": sample.track}
    for name, table in tables.items():
        kept = {k: v for k, v in table.columns.items() if (name, k) in ProbNn.requires}
        tables[name] = Table(kept, table.offsets)
    out = prob_nn(EventBatch(tables), 1).track
    np.testing.assert_array_equal(out["prob_nn_p"], prob_nn(sample, 1).track["prob_nn_p"])


def test_prob_nn_is_no_stage_of_the_chain():
    assert "prob_nn" not in STAGES
    assert "prob_nn" in TRAINED_STAGES
    assert "prob_nn" not in {r.stage for r in expanded(Request("all"))}
    assert [r.stage for r in expanded(Request("prob_nn"))] == ["prob_nn"]
    assert set(PID) <= set(MODEL_STAGES) and "prob_nn" in REFERENCE_STAGES
    with pytest.raises(PipelineError, match="another stage"):
        ProbNn(FakeClassifier(MuonId))


def test_classes_arebalanced():
    labels = np.repeat([0, 1, 2], [90, 9, 1])
    weights = np.linspace(0.5, 1.5, 100)
    sums = np.bincount(labels, balanced(weights, labels, 3))
    np.testing.assert_allclose(sums, weights.sum() / 3)
    with pytest.raises(TrainingError, match="nothing positive"):
        balanced(np.repeat([1.0, -1.0], [99, 1]), labels, 3)


def test_rare_species_weigh_more():
    pdg = np.repeat([211, 321, 11], [900, 90, 10])
    conditions = {f"is_{n.lower()}": (pdg == c) * 1.0 for c, n in SPECIES_NAMES.items()}
    factors = species_factors(conditions, np.ones(1000))
    assert factors.mean() == pytest.approx(1.0)
    assert factors[-1] / factors[0] == pytest.approx(np.sqrt(90.0))
    assert np.unique(factors[:900]).size == 1
    # What has no species of ours keeps the weight of a species alone in the sample.
    assert species_factors({k: 0.0 * v for k, v in conditions.items()}, np.ones(1000)).max() == 1.0
    assert RichPid.rare_species and CaloPid.rare_species and not MuonLikelihood.rare_species


# --- training of the stages of the fast chain


@pytest.mark.parametrize("name", PID)
def test_stages_train_on_a_small_sample(name, eager):
    model = fit_stage(pid_sample(500, seed=4), Request(name, steps=6), progress=False)
    assert model.config["conditions"] == list(TRAINED_STAGES[name].condition_names())
    run = model.classifier() if name == "muon_id" else model.generator()
    out = stage_of(name, run)(generated_only(pid_sample(20, seed=5)), 1).track
    for _, column in TRAINED_STAGES[name].provides:
        assert np.isfinite(out[column].astype(float)).all()
    if name == "calo_pid":
        # Exact values come out of the model itself: it learnt their classes.
        drawn = run.draw(
            CaloPid.conditions(b := generated_only(pid_sample(20, seed=5)), CaloPid.rows(b)),
            np.random.default_rng(0).random((len(b.track), run.n_uniforms)),
        )
        assert set(np.unique(drawn["in_ecal"])) == {0.0, 1.0}
        assert (drawn["calo_dll_e"][drawn["in_ecal"] == 0] == 0).all()
        assert (drawn["brem_energy"] == 0).any()


def test_empty_batches_have_no_neighbours():
    batch = truth_events(3)
    for stage in (MuonId, MuonLikelihood, CaloPid, GlobalPid):
        empty = fake_stage(stage.name)(generated_only(pid_sample(4)).events(2, 2), 1)
        assert len(empty.track) == 0
    there = neighbours.arriving(
        batch.events(0, 0).with_columns("particle", mc_ecal_x=np.zeros(0), mc_ecal_y=np.zeros(0))
    )
    none = np.zeros(0)
    found = neighbours.near_energy(there, none.astype(int), none.astype(int), none, none, none)
    assert found.shape == (0, 3)


# --- neighbours


def test_neighbours_are_those_of_a_plain_search(sample):
    there = neighbours.arriving(sample)
    rows = features.from_truth(sample)
    own, event = features.linked_rows(sample, rows), sample.track.event_index[rows]
    particle = sample.particle
    x, y = (particle[c][own].astype(float) for c in ("mc_ecal_x", "mc_ecal_y"))
    half = np.random.default_rng(1).uniform(50, 400, len(x))
    found = neighbours.near_energy(there, event, own, x, y, half)
    expected = np.zeros_like(found)
    kind_of = {22: 0, 11: 0, 211: 1, 321: 1, 2212: 1, 13: 2}
    absolute = np.abs(particle["mc_pdg_id"])
    for i in range(len(x)):
        near = particle["mc_stable"] & (particle["mc_pz"] > 0) & (particle.event_index == event[i])
        near &= (np.abs(particle["mc_ecal_x"]) < 4278.4) & (np.abs(particle["mc_ecal_y"]) < 3551.2)
        near &= (np.abs(particle["mc_ecal_x"].astype(float) - x[i]) < half[i]) & (
            np.abs(particle["mc_ecal_y"].astype(float) - y[i]) < half[i]
        )
        near[own[i]] = False
        for row in np.flatnonzero(near):
            if absolute[row] in kind_of:
                expected[i, kind_of[absolute[row]]] += particle["mc_energy"][row]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert (found > 0).any(axis=0).all()


def test_cells_and_planes():
    x = np.array([0.0, 969.0, 970.0, 1940.0, 9000.0])
    np.testing.assert_array_equal(
        neighbours.cell_size(x, np.zeros(5)), [40.4, 40.4, 60.6, 121.2, 121.2]
    )
    track = {"t3_x": np.array([100.0]), "t3_y": np.array([50.0])}
    track |= {"tx_after": np.array([0.1]), "ty": np.array([-0.01])}
    x, y = pid_conditions.behind_magnet(track, 15200.0)
    assert x[0] == pytest.approx(100 + 580)
    assert y[0] == pytest.approx(50 - 58)
