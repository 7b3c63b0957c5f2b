"""Counts of the generated event, and the occupancy that is drawn from them."""

import numpy as np
import pytest
from chain_fakes import CONFIG, FakeGenerator, fake_stage, truth_events

from lamarr_like.errors import ArtefactError
from lamarr_like.stages.occupancy import ETA_EDGES, MOMENTUM_EDGES, Occupancy
from lamarr_like.stages.tracking.propagation import Propagation

ALL = slice(None)


@pytest.fixture(scope="module")
def truth():
    return Propagation()(truth_events(30), 1)


def counts(batch):
    return Occupancy.conditions(batch, Occupancy.rows(batch))


def test_slices_hold_each_charged_particle_once(truth):
    found, particle = counts(truth), truth.particle
    px, py, pz = (particle[f"mc_p{a}"].astype(np.float64) for a in "xyz")
    eta = np.arcsinh(pz / np.hypot(px, py))
    charged = (particle["mc_charge"] != 0) & particle["mc_stable"].astype(bool)
    for low, high, name, edges in (
        (ETA_EDGES[0], ETA_EDGES[-1], "eta", ETA_EDGES),
        (2.0, 5.0, "p", MOMENTUM_EDGES),
    ):
        mine = charged & (eta > low) & (eta < high)
        total = sum(found[f"n_{name}_{i}"] for i in range(len(edges) - 1))
        np.testing.assert_array_equal(total, np.bincount(particle.event_index[mine], minlength=30))
    np.testing.assert_array_equal(found["n_collisions"], truth.vertex.counts)


def test_counts_do_not_depend_on_the_batch(truth):
    whole = counts(truth)
    for i in (0, 2, 17):  # the third event is empty
        alone = counts(truth.events(i, i + 1))
        assert all(alone[name][0] == values[i] for name, values in whole.items())
    assert all(values[2] == 0 for name, values in whole.items() if name != "n_collisions")


def test_what_decays_before_the_detector_is_not_counted(truth):
    none = np.zeros(len(truth.particle), bool)
    found = counts(truth.with_columns("particle", mc_stable=none))
    assert all((values == 0).all() for name, values in found.items() if name != "n_collisions")


def test_guns_draw_pairs_of_the_training_sample(truth):
    out = fake_stage("occupancy")(truth, 1, is_gun=True)
    pairs = np.stack([out.event["n_spd_hits"], out.event["n_tracks"]], axis=1).tolist()
    assert {tuple(p) for p in pairs} == {tuple(p) for p in CONFIG["reference_pairs"]}
    again = fake_stage("occupancy")(truth.events(5, 9), 1, is_gun=True)
    np.testing.assert_array_equal(again.event["n_tracks"], out.event["n_tracks"][5:9])


def test_drawn_counts_are_whole_and_not_negative(truth):
    out = fake_stage("occupancy")(truth, 1)
    for name in Occupancy.outputs:
        assert out.event[name].dtype.kind == "i" and (out.event[name] >= 0).all()


@pytest.mark.parametrize("pairs", [None, [], [[1]], [[1, -2]], [[1, 2.5]], [["a", 1]]])
def test_models_without_sound_pairs_are_refused(pairs):
    config = {} if pairs is None else {"reference_pairs": pairs}
    with pytest.raises(ArtefactError, match="reference_pairs"):
        Occupancy(FakeGenerator(Occupancy), config)


def test_pairs_are_those_of_the_sample(truth):
    out = fake_stage("occupancy")(truth, 1)
    pairs = Occupancy.extra_config(out)["reference_pairs"]
    assert pairs == np.stack([out.event[n] for n in Occupancy.outputs], axis=1).tolist()
    Occupancy(FakeGenerator(Occupancy), {"reference_pairs": pairs})
