"""Pile-up and a luminous region for events of files: numbers, links, seeds, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hepmc_samples import write_sample

from lamarr_like.errors import SourceError
from lamarr_like.events import concatenate
from lamarr_like.io.generators.beam import SIGMA_XY, SIGMA_Z
from lamarr_like.io.generators.overlay import OverlaidSource, joined
from lamarr_like.io.sources import open_source

MEAN = 1.5


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_sample(tmp_path_factory.mktemp("overlay") / "a.hepmc", 80)


def opened(path, seed=3, pileup=MEAN, **options):
    return open_source(str(path), n_events=options.pop("n", None), seed=seed, pileup=pileup)


@pytest.fixture(scope="module")
def both(path):
    return concatenate(list(opened(path, pileup=None))), concatenate(list(opened(path)))


def test_a_poisson_number_of_collisions_is_added(both):
    plain, busy = both
    added = busy.vertex.counts - plain.vertex.counts
    assert abs(added.mean() - MEAN) < 4 * np.sqrt(MEAN / len(added))
    assert abs((added == 0).mean() - np.exp(-MEAN)) < 0.15
    assert (busy.particle.counts > plain.particle.counts).sum() == (added > 0).sum()


def test_what_was_there_stays_and_links_lead_on(both):
    plain, busy = both
    for k in range(len(busy)):
        one, other = plain.events(k, k + 1), busy.events(k, k + 1)
        n, m = len(one.particle), len(one.vertex)
        for name, values in one.particle.columns.items():
            np.testing.assert_array_equal(values, other.particle[name][:n])
        np.testing.assert_array_equal(one.vertex["mc_z"], other.vertex["mc_z"][:m])
        particle = other.particle
        np.testing.assert_array_equal(particle["mcparticle_id"], np.arange(len(particle)))
        np.testing.assert_array_equal(other.vertex["mc_pv_id"], np.arange(len(other.vertex)))
        mother, own = particle["mc_mother_id"][n:], particle["mc_pv_id"][n:]
        assert ((mother < 0) | (mother >= n)).all() and ((own < 0) | (own >= m)).all()
        assert (own < len(other.vertex)).all() and (mother < len(particle)).all()
    np.testing.assert_array_equal(plain.event["mc_weight"], busy.event["mc_weight"])


def test_an_event_follows_from_its_number(path, both):
    part = concatenate(list(opened(path).events_between(37, 61)))
    expected = both[1].events(37, 61)
    for table in ("vertex", "particle"):
        for name, values in expected[table].columns.items():
            np.testing.assert_array_equal(values, part[table][name])
    other = concatenate(list(opened(path, seed=4)))
    assert (other.vertex.counts != both[1].vertex.counts).any()
    assert any("minimum-bias collisions" in note for note in opened(path).notes)


def test_guests_are_put_behind_the_rows_of_their_event(both):
    plain, _ = both
    guests = plain.events(0, 2)
    found = joined(plain.events(0, 4), guests, np.array([1, 3]))
    sizes = plain.particle.counts
    np.testing.assert_array_equal(
        found.particle.counts, [sizes[0], sizes[1] + sizes[0], sizes[2], sizes[3] + sizes[1]]
    )


def test_smearing_moves_collisions_as_a_whole(path, both):
    plain = both[0]
    source = open_source(f"{path}?smear=1", n_events=None, seed=3)
    moved = concatenate(list(source))
    shift = {}
    for axis, width in (("x", SIGMA_XY), ("y", SIGMA_XY), ("z", SIGMA_Z), ("t", None)):
        shift[axis] = moved.vertex[f"mc_{axis}"] - plain.vertex[f"mc_{axis}"]
        if width:
            assert shift[axis].std() == pytest.approx(width, rel=0.25)
        by = shift[axis][moved.particle.event_index]  # one collision an event
        vertex = plain.particle[f"mc_v{axis}"]
        np.testing.assert_allclose(moved.particle[f"mc_v{axis}"], vertex + by, atol=1e-9)
    assert abs(np.corrcoef(shift["x"], shift["z"])[0, 1]) < 0.4
    again = concatenate(list(open_source(f"{path}?smear=1", n_events=None, seed=5)))
    assert (again.vertex["mc_z"] != moved.vertex["mc_z"]).all()


def test_what_makes_no_sense(path):
    for mean in (0.0, -1.0, 1e4, float("nan")):
        with pytest.raises(SourceError, match="makes no sense"):
            opened(path, pileup=mean)
    with pytest.raises(SourceError, match="smear"):
        open_source(f"{path}?smear=yes", n_events=None, seed=1)
    assert isinstance(opened(path), OverlaidSource)
