"""Generated decays are found all at once as they are found one by one."""

from __future__ import annotations

import numpy as np
import pytest

from lamarr_like.decays.descriptor import parse_decay
from lamarr_like.decays.finder import _Finder, find_generated
from lamarr_like.decays.truth import Truth
from lamarr_like.events import EventBatch, Table, concatenate
from lamarr_like.io.sources import open_source

B0 = "B0 -> (K*(892)0 -> K+ pi-) (J/psi(1S) -> mu+ mu-)"
SOURCES = (
    f"decay:{B0}?n=2",
    "decay:Lambda(c)+ -> (K*(892)~0 -> K- pi+) p",
    "decay:B- -> (D0 -> K- pi+) mu- nu(mu)~",
    "decay:D0 -> K- pi+ pi0",
    "decay:B- -> (D0 -> K- pi+) gamma pi-",
)
SOUGHT = (
    B0,
    "B0 -> K+ pi- (J/psi(1S) -> mu+ mu-)",
    "B0 -> K+ pi- mu+ mu-",
    "Lambda(c)+ -> p K- pi+",
    "B- -> (D0 -> K- pi+) mu- nu(mu)~",
    "D0 -> K- pi+",
    "D0 -> K- pi+ pi0",
    "B- -> (D0 -> K- pi+) pi-",
    "J/psi(1S) -> mu+ mu-",
)


@pytest.fixture(scope="module")
def events():
    return [concatenate(open_source(text, n_events=80, seed=4)) for text in SOURCES]


def spoilt(batch: EventBatch, seed: int) -> EventBatch:
    """The same with species, mothers and energies of some particles changed, mothers before."""
    random = np.random.default_rng(seed)
    table, columns = batch.particle, dict(batch.particle.columns)
    some = random.random(len(table)) < 0.05
    columns["mc_pdg_id"] = np.where(
        some, random.permutation(columns["mc_pdg_id"]), columns["mc_pdg_id"]
    )
    mother = columns["mc_mother_id"]
    up = (random.random(len(table)) < 0.05) & (mother > 0)
    columns["mc_mother_id"] = np.where(up, mother - 1, mother)
    weak = np.where(random.random(len(table)) < 0.05, 0.7, 1.0)
    columns["mc_energy"] = columns["mc_energy"] * weak
    return batch.with_table("particle", Table(columns, table.offsets))


@pytest.mark.parametrize("text", SOUGHT)
def test_all_at_once_as_one_by_one(events, text):
    decay, found = parse_decay(text), 0
    for batch in (*events, *(spoilt(batch, k) for k, batch in enumerate(events))):
        for flip in (False, True):
            finder = _Finder(Truth(batch), decay, flip)
            plausible = finder._plausible()
            leaves = finder._only_ones(plausible)
            assert np.array_equal(leaves, finder._chosen(plausible))
            found += int((leaves >= 0).all(axis=1).sum())
    assert found > 50


def test_what_is_found_is_whole_and_remembered(events):
    truth, decay = Truth(events[3]), parse_decay(SOUGHT[6])
    found = find_generated(truth, decay)
    assert find_generated(truth, decay) is found
    # All but those with a particle beyond the acceptance of the sources.
    assert 65 < len(found.head) <= 80 and (np.diff(found.head) > 0).all()
    assert 0.3 < found.conjugated.mean() < 0.7
    ends = truth.momentum[found.leaves].sum(axis=1)
    np.testing.assert_allclose(ends, truth.momentum[found.head], rtol=1e-9, atol=1e-5)
    # A lost particle, or energy that nobody has, makes it another decay.
    assert not len(find_generated(truth, parse_decay("D0 -> K- pi+")).head)
    columns = dict(events[3].particle.columns)
    columns["mc_energy"] = columns["mc_energy"] * np.where(columns["mc_pdg_id"] == 111, 0.5, 1.0)
    less = events[3].with_columns("particle", **columns)
    assert len(find_generated(Truth(less), decay).head) < len(found.head)


def test_a_neutrino_may_take_its_part(events):
    assert len(find_generated(Truth(events[2]), parse_decay(SOUGHT[4])).head) > 50
    assert not len(find_generated(Truth(events[0]), parse_decay(SOUGHT[4])).head)
