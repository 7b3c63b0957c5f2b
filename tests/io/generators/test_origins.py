"""Where added particles come from: a collision each, with the chances asked for; in their place."""

import numpy as np
import pytest
from chain_fakes import truth_events
from lhe_samples import write_card, write_lhe

from lamarr_like.io.generators.embedding import origins, with_particles
from lamarr_like.io.generators.lhe import HardEvents
from lamarr_like.io.generators.pythia_card import read_card
from lamarr_like.io.truth import PARTICLE_COLUMNS


@pytest.fixture(scope="module")
def batch():
    return truth_events(400, mean=3)


def place(batch, found):
    """Row of the collision of each."""
    return batch.vertex.offsets[found.event] + found.pv_id


def test_each_comes_from_a_collision_of_its_event(batch):
    found = origins(batch, 3, 1, "test")
    assert found.number.tolist() == [0, 1, 2] * 400
    np.testing.assert_array_equal(found.event, np.repeat(np.arange(400), 3))
    row = place(batch, found)
    for i, name in enumerate(("mc_x", "mc_y", "mc_z", "mc_t")):
        np.testing.assert_array_equal(found.point[:, i], batch.vertex[name][row])
    # All collisions of an event alike.
    counts = batch.vertex.counts[found.event]
    for n in (2, 3):
        share = np.bincount(found.pv_id[counts == n], minlength=n) / (counts == n).sum()
        assert np.abs(share - 1 / n).max() < 5 * np.sqrt(0.25 / (counts == n).sum())


def test_collisions_of_no_weight_are_not_drawn(batch):
    weight = np.zeros(len(batch.vertex))
    last = batch.vertex.offsets[1:] - 1
    weight[last] = 0.2
    found = origins(batch, 2, 1, "test", weight)
    np.testing.assert_array_equal(place(batch, found), last[found.event])
    none = origins(batch, 2, 1, "test", np.zeros(len(batch.vertex)))
    np.testing.assert_array_equal(none.pv_id, origins(batch, 2, 1, "test").pv_id)


def test_draws_do_not_depend_on_the_batch(batch):
    whole = origins(batch, 2, 1, "test")
    part = origins(batch.events(100, 150), 2, 1, "test")
    np.testing.assert_array_equal(part.pv_id, whole.pv_id[200:300])
    assert (origins(batch, 2, 2, "test").pv_id != whole.pv_id).any()
    assert (origins(batch, 2, 1, "other").pv_id != whole.pv_id).any()


def test_particles_go_behind_those_of_their_event(batch):
    event = np.array([5, 0, 5, 399])
    added = {name: np.array([1, 2, 3, 4]) for name in batch.particle.columns}
    assert set(PARTICLE_COLUMNS) <= set(added)
    made = with_particles(batch, added, event)
    grown = made.particle.counts - batch.particle.counts
    assert grown[[0, 5, 399]].tolist() == [1, 2, 1] and grown.sum() == 4
    ends = made.particle.offsets[1:]
    assert made.particle["mc_pdg_id"][[ends[0] - 1, ends[5] - 2, ends[5] - 1, -1]].tolist() == [
        2, 1, 3, 4,
    ]  # fmt: skip
    kept = np.ones(len(made.particle), bool)
    kept[[ends[0] - 1, ends[5] - 2, ends[5] - 1, -1]] = False
    np.testing.assert_array_equal(made.particle["mc_px"][kept], batch.particle["mc_px"])


def test_hard_events_are_a_function_of_their_numbers(tmp_path):
    card, _, _ = read_card(write_card(tmp_path / "z.cmnd", write_lhe(tmp_path / "z.lhe", 12)))
    for line in ("Print:quiet = on", "Random:setSeed = on"):
        assert card.readString(line)
    assert card.init()
    events = HardEvents(card, 12, "z")

    def masses(first, stop):
        found = events.take(first, stop, 5)
        assert found.numbers == list(range(first, stop)) and not found.unreadable
        return [float(c.prt.m[c.prt.id == 23][0]) for c in found.collisions]

    assert masses(0, 4) == pytest.approx([60.0 + 0.5 * k for k in range(4)], abs=1e-3)
    onwards = masses(6, 9)
    assert masses(2, 4) == pytest.approx([61.0, 61.5], abs=1e-3)  # the file is read anew
    assert masses(6, 9) == onwards
