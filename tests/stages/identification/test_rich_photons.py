"""What photons add to the likelihoods: the way there and back, and the laws it makes simple."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from chain_fakes import CONFIG, FakeGenerator, fake_stages, truth_events

from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.errors import ArtefactError
from lamarr_like.io.ntuple_reader import read_events
from lamarr_like.stages import Propagation, RichPid, features
from lamarr_like.stages.identification import rich_photons
from lamarr_like.stages.identification.rich_photons import LIGHT, MASSES, NEXT, OUTPUTS


def known_of(batch, rows):
    truth = features.truth(batch.particle, features.linked_rows(batch, rows))
    return rich_photons.expected(batch, rows, truth)


@pytest.fixture(scope="module")
def simulated():
    return Pipeline(fake_stages())(truth_events(60), seed=3)


@pytest.fixture(scope="module")
def detailed(minbias):
    batch = Propagation()(next(iter(read_events(minbias))), seed=0)
    rows = RichPid.rows(batch)
    return batch, rows, RichPid.targets(batch, rows), known_of(batch, rows)


def test_there_and_back(simulated):
    rows = RichPid.rows(simulated)
    known, rng = known_of(simulated, rows), np.random.default_rng(1)
    found = {name: rng.normal(0.0, 20.0, rows.sum()) for name in RichPid.outputs}
    gain = rich_photons.gains(found, known)
    assert tuple(gain) == OUTPUTS
    back = rich_photons.differences(gain, known)
    assert set(back) == set(found)
    for name, values in found.items():
        assert back[name] == pytest.approx(values, abs=2.5 * rich_photons.NOTHING)
    # What is not taken for nothing comes back to rounding.
    assert np.median(np.abs(back["rich_dll_e"] - found["rich_dll_e"])) < 1e-12


def test_tracks_in_no_radiator_are_a_class_of_their_own(detailed):
    """Some of which photons are expected end before the second radiator."""
    _, _, found, known = detailed
    nothing = np.all([values == 0.0 for values in found.values()], axis=0)
    assert 0 < nothing.sum() < 0.2 * len(nothing)
    gain = rich_photons.gains(found, known)
    for name in OUTPUTS:
        assert (gain[name][nothing] == rich_photons.ABSENT).all()
    assert (np.stack([gain[n] for n in OUTPUTS])[:, ~nothing] != rich_photons.ABSENT).any(0).all()
    for values in rich_photons.differences(gain, known).values():
        assert (values[nothing] == 0.0).all()
    # They are fixed by the class alone, whatever photons are expected.
    absent = {name: np.full(len(nothing), rich_photons.ABSENT) for name in OUTPUTS}
    assert all((v == 0.0).all() for v in rich_photons.differences(absent, known).values())
    assert (known.photons["pi"] > 0.0).any()


def test_what_is_below_threshold_is_exactly_equal(simulated):
    rows = RichPid.rows(simulated)
    known = known_of(simulated, rows)
    nothing = {name: np.zeros(rows.sum()) for name in OUTPUTS}
    drawn = rich_photons.differences(nothing, known)
    below = known.photons["p"] == 0.0
    assert 0 < below.sum() < len(below)
    same = drawn["rich_dll_p"].astype(np.float32) == drawn["rich_dll_bt"].astype(np.float32)
    assert np.array_equal(same, below)
    # No photon anywhere: every hypothesis is out by what it expects.
    for name in ("e", "mu", "k", "p"):
        apart = known.photons["pi"] - known.photons[name]
        assert drawn[f"rich_dll_{name}"] == pytest.approx(apart, abs=1e-9)


def test_photons_follow_thresholds_and_edges(simulated):
    rows = RichPid.rows(simulated)
    known = known_of(simulated, rows)
    p = simulated.track["p"][rows]
    most = sum(light.photons for light in LIGHT.values())
    order = ("e", "mu", "pi", "k", "p")
    for lighter, heavier in itertools.pairwise(order):
        assert (known.photons[lighter] >= known.photons[heavier]).all()
    for name, mass in MASSES.items():
        assert (known.photons[name] <= most + 1e-9).all()
        threshold = mass / np.sqrt(LIGHT["c4f10"].n ** 2 - 1.0)
        assert (known.photons[name][p < 0.999 * threshold] == 0.0).all()
    for name, other in NEXT.items():
        overlap = known.overlap[name]
        assert ((overlap >= 0.0) & (overlap <= 1.0 + 1e-9)).all()
        assert (overlap[known.photons[name] == 0.0] == 0.0).all()
        slow, fast = p < 3e3, p > 4e4
        if (known.photons[other][slow] > 0).any():
            assert overlap[fast].mean() > overlap[slow].mean()


def test_gains_of_the_detailed_simulation_are_none_or_positive(detailed):
    """The places of tracks are known well enough that nothing is nothing."""
    batch, rows, found, known = detailed
    p = batch.track["p"][rows]
    below = found["rich_dll_bt"]
    for name in ("e", "mu", "k", "p"):
        gain = found[f"rich_dll_{name}"] - below + known.photons[name]
        there = known.photons[name] > 0.5
        assert (gain[there] < -0.05).mean() < 0.03
        slow = p < 0.999 * MASSES[name] / np.sqrt(LIGHT["c4f10"].n ** 2 - 1.0)
        assert (np.abs(gain[slow]) < rich_photons.NOTHING).all()
    quiet = np.abs(known.photons["k"] + found["rich_dll_k"] - below) < rich_photons.NOTHING
    assert (quiet & (known.photons["k"] > 0.5)).sum() > 20


def test_a_stage_draws_by_the_law_of_its_model(simulated):
    rows = RichPid.rows(simulated)
    stage = RichPid(FakeGenerator(RichPid, OUTPUTS), {**CONFIG, "law": "gains"})
    track = stage(simulated, 3).track
    drawn = stage._draw(simulated, rows, "mcparticle_id", 3)
    wanted = rich_photons.differences(drawn, known_of(simulated, rows))
    for name, values in wanted.items():
        assert np.array_equal(track[name][rows], values.astype(np.float32))
    # Models of before draw the differences themselves.
    old = RichPid(FakeGenerator(RichPid), CONFIG)
    first = old._draw(simulated, rows, "mcparticle_id", 3)["rich_dll_k"]
    assert np.array_equal(old(simulated, 3).track["rich_dll_k"][rows], first.astype(np.float32))
    with pytest.raises(ArtefactError, match="has law 'odds', known are gains, differences"):
        RichPid(FakeGenerator(RichPid), {**CONFIG, "law": "odds"})
    assert set(RichPid.learnt(simulated, rows, law="gains")) == set(OUTPUTS)
    assert set(RichPid.learnt(simulated, rows, law="differences")) == set(RichPid.outputs)
