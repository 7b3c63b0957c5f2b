"""Particles of a user's own, and how far they fly."""

import numpy as np
import pytest
from scipy import stats

from lamarr_like.decays import names
from lamarr_like.decays.descriptor import parse_decay
from lamarr_like.decays.names import conjugate, identify, is_long_lived, properties
from lamarr_like.decays.own_particles import (
    VARIABLE,
    from_environment,
    read_particles,
    use_particles,
)
from lamarr_like.decays.spelling import forget
from lamarr_like.errors import DecayError
from lamarr_like.io.sources import open_source
from lamarr_like.physics.particles import SPEED_OF_LIGHT, charges, define, own_particles

OWN = """
schema_version: 1
particles:
  N: {id: 9900015, mass: 2000, lifetime: 1.0}
  chi+: {id: 9000005, mass: 1500, lifetime: 0.01, charge: 1, antiparticle: chi-}
  Zwide: {id: 9000007, mass: 3000, width: 40}
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    path = tmp_path / "own.yaml"
    path.write_text(OWN)
    monkeypatch.setenv(VARIABLE, "")
    use_particles(path)
    yield path
    define({})
    forget()
    names.forget()


def test_they_have_names_and_numbers(own):
    assert [identify(n) for n in ("N", "chi+", "chi-")] == [9900015, 9000005, -9000005]
    assert conjugate(9900015) == 9900015 and conjugate(9000005) == -9000005
    assert properties(9900015).ctau == pytest.approx(SPEED_OF_LIGHT)
    assert properties(9000007).width == 40 and not is_long_lived(9000007)
    assert is_long_lived(9900015)
    assert charges(np.array([9000005, -9000005, 9900015])).tolist() == [1, -1, 0]
    assert parse_decay("B+ -> (N -> mu- pi+) mu+").head.daughters[0].has_own_vertex


def test_they_are_gone_when_they_are_forgotten(own):
    define({})
    forget()
    with pytest.raises(DecayError, match="unknown particle 'chi"):
        identify("chi+")


def test_a_process_that_is_started_knows_them(own):
    define({})
    from_environment()
    assert {9900015, 9000005, -9000005} <= own_particles().keys()


def flown(text, number, n, seed=2):
    """Ways [mm] and momenta [MeV] of particles of which something is kept."""
    (batch,) = open_source(text, n_events=n, seed=seed)
    table = batch.particle
    up = table.offsets[table.event_index] + table["mc_mother_id"]
    below = np.flatnonzero(
        (table["mc_mother_id"] >= 0) & (table["mc_pdg_id"][np.maximum(up, 0)] == number)
    )
    below = below[np.unique(up[below], return_index=True)[1]]
    above = up[below]
    way = np.sqrt(sum((table[f"mc_v{a}"][below] - table[f"mc_v{a}"][above]) ** 2 for a in "xyz"))
    return way, np.sqrt(sum(table[f"mc_p{a}"][above].astype(float) ** 2 for a in "xyz"))


def test_they_fly_metres(own):
    way, _ = flown("decay:B+ -> (N -> mu- pi+) mu+?eta=2-5", 9900015, 400)
    assert np.median(way) > 1000.0 and way.max() > 5000.0


def test_they_live_as_long_as_they_should(own):
    # Some millimetres, so that every decay is in the detector.
    way, p = flown("decay:chi+ -> K+ pi- pi+?eta=3-4&cc=0", 9000005, 900)
    proper = way / p * 1500.0 / (0.01 * SPEED_OF_LIGHT)
    assert len(proper) > 850
    assert stats.kstest(proper, "expon").pvalue > 1e-3


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("X: {id: 13, mass: 100}", "the detector follows"),
        ("X: {id: 9900015, mass: -1}", "mass"),
        ("X: {id: 9900015}", "mass is missing"),
        ("X: {id: 9900015, mass: 10, charge: 1}", "names its antiparticle"),
        ("X: {id: 9900015, mass: 10, width: 1, lifetime: 1}", "not both"),
        ("X: {id: 9900015, mass: 10, width: 11}", "below the mass"),
        ("X: {id: 9900015, mass: 10, colour: red}", "colour"),
        ("X: {id: 9900015, mass: 10}\n  Y: {id: 9900015, mass: 10}", "comes twice"),
        ("'->': {id: 9900015, mass: 10}", "does not look like"),
    ],
)
def test_bad_files(tmp_path, line, said):
    path = tmp_path / "own.yaml"
    path.write_text(f"schema_version: 1\nparticles:\n  {line}\n")
    with pytest.raises(DecayError, match=said):
        read_particles(path)
