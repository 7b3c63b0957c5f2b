"""Every particle by every rule of spelling, and what is not clear."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from particle import Particle
from particle.converters import EvtGenName2PDGIDBiMap
from particle.exceptions import MatchingIDNotFound
from particle.lhcb import LHCbName2PDGIDBiMap

from lamarr_like.decays.names import branch_name, identify
from lamarr_like.decays.spelling import candidates, nearest_names
from lamarr_like.errors import DecayError
from lamarr_like.physics.particle_gaps import GAPS
from lamarr_like.physics.particles import antiparticle, species

ALIASES = {200443: 9000443, 130443: 9010443, 500443: 9020443, 9920443: 120443}
"""Numbers of a state that has another one: their name is that of the other."""

OTHERS = {"D_s1(2536)+": 10433, "a_4(2040)": 119}


def all_ids():
    found = {int(p.pdgid) for p in Particle.all() if p.pdgid.is_hadron or p.pdgid.is_lepton}
    found |= {i for gap in GAPS for i in (gap, antiparticle(gap))}
    return sorted(i for i in found if abs(i) < 1_000_000_000)


def own(i):
    return ALIASES.get(i, i)


NAMES = {i: species(i).name for i in all_ids()}


def subscripted(name):
    """``Lambda(c)(2595)~-`` as ``Lambda_c(2595)~-``: the first parentheses, if of letters."""
    return re.sub(r"\(([a-zA-Z]\w*|\d)\)(?=.)", r"_\1", name, count=1)


def davinci(name):
    """With the star before the subscript: ``D*_s2(2573)+``."""
    return re.sub(r"^([A-Za-z]+)(_\w+?)\*", r"\1*\2", subscripted(name))


def with_anti(name):
    """``anti-`` in front instead of the tilde."""
    return f"anti-{name.replace('~', '')}" if "~" in name else name


def with_bar(name):
    """``bar`` in place of the tilde."""
    return name.replace("~", "bar")


def tilde_last(name):
    return f"{name.replace('~', '')}~" if "~" in name else name


def with_prime(name):
    """``_prime`` behind the stem for the quote of eta' and Xi(c)'."""
    return re.sub(r"^([A-Za-z]+)((?:\(\w+\))?)'", r"\1\2_prime", name)


def with_sig(name):
    return f"{name}sig"


RULES = (str, subscripted, davinci, with_anti, with_bar, tilde_last, with_prime, with_sig)


@pytest.mark.parametrize("rule", RULES)
def test_every_particle_has_its_own_number(rule):
    for i, name in NAMES.items():
        assert candidates(rule(name)) == [own(i)], (rule(name), i)


def test_rules_together():
    for i, name in NAMES.items():
        for second in (with_anti, with_bar, with_sig):
            assert candidates(second(davinci(name))) == [own(i)], (name, second)


@pytest.mark.parametrize("table", [EvtGenName2PDGIDBiMap, LHCbName2PDGIDBiMap])
def test_names_of_evtgen_and_davinci(table):
    n = 0
    for i in NAMES:
        try:
            name = table[Particle.from_pdgid(i).pdgid]
        except (MatchingIDNotFound, Exception):
            continue
        n += 1
        assert candidates(name) == [own(i)], (name, i)
    assert n > 400


@pytest.mark.parametrize(
    ("name", "pdg_id"),
    [
        *[("nu_mu~", -14), ("B_s~0", -531), ("Lambda~0", -3122), ("Lambda_b~0", -5122)],
        *[("Lambda_c~-", -4122), ("Lambda_c-", -4122), ("n~0", -2112), ("p~-", -2212)],
        *[("D*~0", -423), ("anti-B0", -511), ("eta_prime", 331), ("eta'", 331)],
        *[("eta_c(1S)", 441), ("f_0(980)", 9010221), ("f_2(1270)", 225), ("K_1(1270)+", 10323)],
        *[("K*_0(1430)0", 10311), ("a_1(1260)+", 20213), ("chi_c1(1P)", 20443)],
        *[("X_1(3872)", 120443), ("X(3872)", 120443), ("chi_c1(3872)", 120443), ("D*_s+", 433)],
        *[("D_s*+", 433), ("D_s1(2536)+", 10433), ("D*_2(2460)0", 425), ("D_1(2420)0", 10423)],
        *[("Lambda_c(2595)+", 14122), ("Xi_cc++", 4422), ("Xi_cc~--", -4422)],
        *[("Omega_b-", 5332), ("Omega_b~+", -5332), ("Sigma_c++", 4222), ("Xi_c'+", 4322)],
        *[("phi(1020)", 333), ("phi", 333), ("rho(770)0", 113), ("omega(782)", 223)],
        *[("K*(892)0", 313), ("K*(892)~0", -313), ("KS0", 310), ("KL0", 130), ("K_S0", 310)],
        *[("K_S", 310), ("J/psi(1S)", 443), ("J/psi", 443), ("psi(2S)", 100443)],
        *[("Upsilon(1S)", 553), ("B0sig", 511), ("anti-B0sig", -511), ("D*+", 413)],
        *[("anti-K*0", -313), ("K_10", 10313), ("a_1+", 20213), ("D_s2*+", 435)],
        *[("D0bar", -421), ("Dbar0", -421), ("pbar", -2212), ("chi_c0", 10441)],
        *[("psi(4040)", 9000443), ("Sigma-", 3112), ("Sigma~-", -3222), ("Delta--", -2224)],
        *[("anti-Lambda_b0", -5122), ("Lambda(1520)0", 3124), ("B_c(2S)+", 100541)],
    ],
)
def test_spellings(name, pdg_id):
    assert identify(name) == pdg_id
    assert re.fullmatch(r"[A-Za-z]\w*", branch_name(pdg_id))


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("K*(892)", ["K*(892)0", "K*(892)+", "K*(892)-"]),
        ("pi", ["pi0", "pi+", "pi-"]),
        ("mu", ["mu-", "mu+"]),
        ("D*", ["D*(2010)+", "D*(2007)0"]),
        ("psi", ["psi(3770)", "psi(2S)"]),
    ],
)
def test_what_may_be_several_is_refused_with_all_of_them(name, named):
    with pytest.raises(DecayError, match="say which") as caught:
        identify(name)
    assert all(one in str(caught.value) for one in named)


@pytest.mark.parametrize("name", ["K~+", "D*_0(9999)0", "Pi-", "u", "d", "g", "(", "", "~", "sig"])
def test_unknown_names(name):
    with pytest.raises(DecayError, match="unknown particle"):
        identify(name)


def test_near_names():
    assert "D(0)*(2300)0" in nearest_names("D(0)*(2400)0")
    assert nearest_names("x" * 5000) == []
    with pytest.raises(DecayError) as caught:
        identify("x" * 5000)
    assert len(str(caught.value)) < 200


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="anti-KDBLambdpsi_*'~()c10892+-", max_size=24))
def test_any_name_is_one_particle_or_refused(name):
    try:
        found = identify(name)
    except DecayError:
        return
    assert species(found) is not None
