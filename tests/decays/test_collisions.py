"""Collisions of generated signals: which, how busy, and what gives way to the signal."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from chain_fakes import truth_events

from lamarr_like import schema
from lamarr_like.decays.collisions import QUIET, activity, flavour_of, host_of, weights
from lamarr_like.decays.descriptor import parse_decay
from lamarr_like.decays.finder import find_generated
from lamarr_like.decays.source import EmbeddedDecays
from lamarr_like.decays.truth import Truth
from lamarr_like.errors import SourceError
from lamarr_like.events import concatenate
from lamarr_like.io.generators.pythia import PythiaSource, _has_forward, _n_forward, _turned
from lamarr_like.io.sources import open_source
from lamarr_like.io.truth import TruthSource

BPLUS = "B+ -> (J/psi(1S) -> mu+ mu-) K+"
BUSY = "pythia:nondiffractive?busy=30"
N = 54


@cache
def bbbar():
    """A source that is started once: an event is a function of its number."""
    return PythiaSource("x", "bbbar", N, 3, None, {"forward": "turned"})


@cache
def signals():
    return concatenate(EmbeddedDecays("x", bbbar(), [BPLUS], 3, how="replace"))


@pytest.mark.parametrize(
    ("decay", "host"),
    [
        (BPLUS, "pythia:bbbar?forward=turned"),
        ("Upsilon(1S) -> mu+ mu-", "pythia:bbbar?forward=turned"),
        ("[D0 -> K- pi+]cc?n=2", BUSY),
        ("J/psi -> mu+ mu-", BUSY),
        ("tau- -> mu- mu- mu+", BUSY),
        ("K_S0 -> pi+ pi-", "pythia:nondiffractive?busy=10"),
    ],
)
def test_minimum_bias_gives_way_to_collisions_that_make_such_hadrons(decay, host):
    assert host_of("pythia:minbias", [decay]) == (host, "replace")
    assert host_of("pythia:bbbar", [decay]) == ("pythia:bbbar", "first")
    assert host_of("a.hepmc", [decay]) == ("a.hepmc", "any")
    assert host_of("pythia:minbias", []) == ("pythia:minbias", "any")


def test_the_heaviest_head_decides():
    host, _ = host_of("pythia:minbias", ["D0 -> K- pi+", BPLUS, "K_S0 -> pi+ pi-"])
    assert host == "pythia:bbbar?forward=turned"


def test_flavours():
    assert flavour_of(521) == (5, 1) and flavour_of(541) == (5, 1) and flavour_of(-5122) == (5, 1)
    assert flavour_of(553) == (5, 2) and flavour_of(443) == (4, 2) and flavour_of(4422) == (4, 2)
    assert flavour_of(15) == (4, 1) and flavour_of(310) == flavour_of(22) == (0, 0)


def heads(batch, flavour=5):
    """Uppermost hadrons of a flavour."""
    truth = Truth(batch)
    own = truth.has_flavour(flavour)
    above = np.where(truth.mother < 0, False, own[truth.mother])
    return np.flatnonzero(own & ~above)


def test_one_of_the_pair_gives_way():
    signal, host = signals(), concatenate(list(bbbar()))
    assert np.array_equal(signal.vertex["mc_z"], host.vertex["mc_z"])
    p, old = signal.particle, host.particle
    assert np.array_equal(p["mcparticle_id"], np.arange(len(p)) - p.offsets[p.event_index])
    assert (p["mc_mother_id"] < p["mcparticle_id"]).all()
    truth = Truth(signal)
    made = find_generated(truth, parse_decay(BPLUS)).head
    assert len(made) > 0.5 * N and (p["mc_pv_id"][made] == 0).all()
    ours = np.isin(heads(signal), made)
    rest = heads(signal)[~ours]
    before = np.bincount(old.event_index[heads(host)], minlength=N)
    after = np.bincount(truth.event[rest], minlength=N)
    # A decay outside the acceptance leaves its head, or nothing, behind.
    whole = np.isin(np.arange(N), truth.event[made])
    assert (after[whole] == before[whole] - 1).all()
    # What is left is what was there, and no particle of it lost its mother.
    left = np.isin(old["mc_px"], p["mc_px"])
    assert 0.6 < left.mean() < 1.0
    assert (activity(signal) < QUIET).mean() <= 0.05
    assert (p["mc_mother_id"] < 0).sum() >= (old["mc_mother_id"][left] < 0).sum()


def test_events_do_not_depend_on_the_cut():
    source = EmbeddedDecays("x", bbbar(), [BPLUS], 3, how="replace")
    part, whole = concatenate(source.events_between(46, 53)), signals().events(46, 53)
    for table in ("event", "vertex", "particle"):
        for name, values in part[table].columns.items():
            assert np.array_equal(values, whole[table][name]), name


def test_collisions_of_the_process_are_those_of_the_signal():
    batch = truth_events(40, mean=3)
    first = batch.vertex.offsets[:-1]
    assert np.array_equal(np.flatnonzero(weights(batch, 521, "first")), first)
    both = concatenate(EmbeddedDecays("x", _Given(batch), [BPLUS], 3, how="first"))
    made = find_generated(Truth(both), parse_decay(BPLUS)).head
    assert len(made) > 20 and (both.particle["mc_pv_id"][made] == 0).all()


class _Given(TruthSource):
    def __init__(self, batch):
        super().__init__("given", len(batch))
        self.batch = batch

    def batches(self):
        yield self.batch


def test_busy_collisions_are_drawn_in_proportion():
    source = PythiaSource("x", "nondiffractive", 250, 3, None, {})
    source._main = source._start(("SoftQCD:nonDiffractive = on",))
    plain = source._generate(source._main, "p", 0, 200)
    source.busy = 30
    drawn = source._generate(source._main, "pythia", 0, 200)
    n, m = _n_forward(plain.prt), _n_forward(drawn.prt)
    weight = np.minimum(n, 30)
    expected = (weight * n).sum() / weight.sum()
    error = np.hypot(m.std() / len(m) ** 0.5, 1.5 * n.std() / len(n) ** 0.5)
    assert m.mean() == pytest.approx(expected, abs=4 * error) and m.mean() > 1.3 * n.mean()
    assert m.min() > 0 and (m < QUIET).mean() < 0.04 < (n < QUIET).mean()


def test_turned_collisions():
    source = bbbar()
    source.made(0)
    pythia = source._main
    pythia.rndm.init(5)
    batch = pythia.nextBatch(80)
    forward, backward = (_has_forward(batch.prt, 5, side) for side in (1.0, -1.0))
    turned = _turned(batch, backward & ~forward)
    assert np.array_equal(_has_forward(turned.prt, 5), forward | backward)
    assert len(source._forward(batch)) == (forward | backward).sum() > forward.sum()
    for old, new in zip(
        batch.prt[~forward & backward], turned.prt[~forward & backward], strict=True
    ):
        assert np.array_equal(new.p.pz, -old.p.pz) and np.array_equal(new.p.px, old.p.px)
        assert np.array_equal(new.p.py, -old.p.py)


def test_collisions_of_files():
    batch = truth_events(40, mean=3)
    by_activity = weights(batch, 421, "any")
    assert np.array_equal(by_activity, activity(batch))
    assert np.array_equal(weights(batch, 521, "any"), activity(batch) ** 2)
    # One collision with a b hadron is the only one of its event.
    event = int(np.flatnonzero(batch.vertex.counts > 1)[0])
    row = batch.particle.offsets[event]
    pdg_id = batch.particle["mc_pdg_id"].copy()
    pdg_id[row] = 511
    column = schema.as_declared("particle", "mc_pdg_id", pdg_id)
    with_b = batch.with_columns("particle", mc_pdg_id=column)
    chance = weights(with_b, 521, "any")[batch.vertex.offsets[event] :][
        : batch.vertex.counts[event]
    ]
    assert (chance > 0).sum() == 1 and chance[batch.particle["mc_pv_id"][row]] >= 1.0


def test_what_lacks_is_said():
    alone = open_source("decay:D0 -> K- pi+", n_events=1, seed=1)
    assert any("no primary vertex" in note and "pythia:minbias+" in note for note in alone.notes)
    with pytest.raises(SourceError, match="busy=x"):
        open_source("pythia:minbias?busy=x", n_events=1, seed=1)
    with pytest.raises(SourceError, match="it can be 0, 1, turned"):
        open_source("pythia:bbbar?forward=2", n_events=1, seed=1)
