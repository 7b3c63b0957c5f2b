"""Branches that a user names, and what is derived of candidates: laws, words, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from decay_samples import decay_events

from lamarr_like.decays.candidates import make_candidates
from lamarr_like.decays.expressions import FUNCTIONS, boosted, closest_approach
from lamarr_like.decays.names import properties
from lamarr_like.decays.prongs import Prongs
from lamarr_like.decays.request import DecayRequest
from lamarr_like.errors import DecayError

TEXT = "B0 -> (J/psi(1S) -> mu+ mu-) (K*(892)0 -> K+ pi-)"
WANTED = (
    *("mkpi=M(K+,pi-)", "swapped=M(K+:pi+, pi-:K-)", "q2=M2(J/psi(1S))", "q2b=M2(mu+,mu-)"),
    *("pt=PT(K+, pi-)", "p=P(B0)", "opening=ANGLE(mu+,mu-)", "doca=DOCA(mu+,mu-)"),
    *("cos_l=COSHEL(mu+, J/psi(1S))", "cos_k=COSHEL(Kplus, Kst_892_0)"),
    "chi=CHI(mu+,mu-,K+,pi-)",
)


@pytest.fixture(scope="module")
def table():
    request = DecayRequest.parse(TEXT, branches=WANTED)
    events = decay_events(f"decay:{TEXT}", 500, seed=3)
    return make_candidates(events, [request])[request.decay.name]


def momenta(table, branch):
    return np.stack([table[f"{branch}_{c}"] for c in ("PX", "PY", "PZ", "PE")], axis=1)


def mass(*momenta):
    total = np.sum(momenta, axis=0)
    return np.sqrt(total[:, 3] ** 2 - (total[:, :3] ** 2).sum(axis=1))


def test_masses_are_those_of_the_momenta(table):
    kaon, pion = momenta(table, "Kplus"), momenta(table, "piminus")
    assert table["mkpi"] == pytest.approx(mass(kaon, pion))
    muons = mass(momenta(table, "muplus"), momenta(table, "muminus"))
    assert table["q2b"] == pytest.approx(muons**2)
    assert np.sqrt(table["q2"]) == pytest.approx(table["J_psi_1S_M"])
    for p, code in ((kaon, 211), (pion, 321)):
        p[:, 3] = np.sqrt((p[:, :3] ** 2).sum(axis=1) + properties(code).mass ** 2)
    assert table["swapped"] == pytest.approx(mass(kaon, pion))
    assert table["pt"] == pytest.approx(np.hypot(*(kaon + pion)[:, :2].T))
    assert table["p"] == pytest.approx(table["B0_P"])


def test_phase_space_has_flat_angles(table):
    """Decays are isotropic: cosines are uniform, and so is the angle between the planes."""
    from scipy import stats

    # Acceptance bends them a little: the toy wants pz > 0 alone.
    for name, low, width in (("cos_l", -1, 2), ("cos_k", -1, 2), ("chi", -np.pi, 2 * np.pi)):
        assert (np.abs(table[name]) <= width / 2 + 1e-9).all()
        assert stats.kstest(table[name], stats.uniform(low, width).cdf).pvalue > 1e-4, name
    assert ((table["opening"] > 0) & (table["opening"] < np.pi)).all()


def test_a_boost_to_rest_is_one():
    rng = np.random.default_rng(1)
    p = rng.normal(0, 1000, (50, 3))
    frame = np.column_stack([p, np.sqrt((p**2).sum(axis=1) + 500.0**2)])
    assert boosted(frame, frame) == pytest.approx(0.0, abs=1e-9)
    at_rest = np.tile([0.0, 0.0, 0.0, 300.0], (50, 1))
    assert boosted(frame, at_rest) == pytest.approx(p)
    other = np.column_stack([-p, frame[:, 3]])
    # Two of one mass back to back: in the frame of one the other has gamma = 2 gamma^2 - 1.
    gamma = frame[:, 3] / 500.0
    energy = np.sqrt((boosted(other, frame) ** 2).sum(axis=1) + 500.0**2)
    assert energy == pytest.approx(500.0 * (2 * gamma**2 - 1))


def line(x, y, z, tx, ty):
    state = np.zeros((1, 6))
    state[0, :4] = x, y, tx, ty
    return Prongs(state, np.array([float(z)]), np.zeros((1, 6, 6)))


def test_closest_approach_of_lines():
    assert closest_approach(line(0, 0, 0, 0, 0), line(1, 0, 5, 0, 0)) == pytest.approx(1.0)
    assert closest_approach(line(0, 2, 0, 0.1, 0), line(0, 0, 0, -0.1, 0)) == pytest.approx(2.0)
    assert closest_approach(line(1, 1, 10, 0.1, 0.1), line(0, 0, 0, 0.2, 0.2)) == pytest.approx(0)


def test_what_is_derived_of_candidates(table):
    assert (
        table["B0_MAXDOCA"] == pytest.approx(np.maximum(table["doca"], table["B0_MAXDOCA"]))
        and (table["J_psi_1S_MAXDOCA"] == table["doca"]).all()
    )
    assert (table["doca"] < 0.5).all()
    flown = np.isfinite(table["B0_FD_OWNPV"])
    assert flown.mean() > 0.9
    assert (table["B0_MCORR"][flown] > table["B0_M"][flown] - 1e-6).all()
    # Of what is seen whole hardly anything is missing across the flight, once it has flown.
    far = flown & (table["B0_FDCHI2_OWNPV"] > 1e4)
    assert np.median(table["B0_MCORR"][far] - table["B0_M"][far]) < 150.0
    for branch in ("Kplus", "muplus"):
        assert (table[f"{branch}_MINIPCHI2"] <= table[f"{branch}_IPCHI2_OWNPV"] + 1e-9).all()
        assert (table[f"{branch}_MINIP"] <= table[f"{branch}_IP_OWNPV"] + 1e-9).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("M(K+,pi-)", "not of the form NAME=M"),
        ("x=M(K+,pi-", "not of the form NAME=M"),
        ("1x=M(K+)", "not of the form NAME=M"),
        ("x=MASS(K+)", "no 'MASS'; there are M, M2, P, PT, ANGLE, DOCA, COSHEL, CHI"),
        ("x=M(K-)", "no particle 'K-'; there are B0, J_psi_1S, muplus, muminus"),
        ("x=M()", "no particle ''"),
        ("x=M(pion)", "no particle 'pion'"),
        ("x=ANGLE(K+)", "ANGLE takes 2 to 2 particles, not 1"),
        ("x=DOCA(K+,J/psi(1S))", "DOCA is that of two tracks"),
        ("x=M(J/psi(1S):pi+)", "a track alone can be taken for another"),
        ("x=M(K+:gamma)", "a track alone can be taken for another"),
        ("x=M(K+:kaon)", "unknown particle 'kaon'"),
        ("x=M(K+);import os", "not of the form"),
    ],
)
def test_expressions_that_make_no_sense(text, message):
    with pytest.raises(DecayError, match=message):
        DecayRequest.parse(TEXT, branches=[text])


def test_names_are_taken_once():
    with pytest.raises(DecayError, match="more than one branch is called 'x'"):
        DecayRequest.parse(TEXT, branches=["x=M(K+)", "x=P(K+)"])
    with pytest.raises(DecayError, match="65 times branch; at most 64"):
        DecayRequest.parse(TEXT, branches=[f"x{k}=M(K+)" for k in range(65)])
    request = DecayRequest.parse(TEXT, branches=["B0_M=M(K+)"])
    with pytest.raises(DecayError, match="branch 'B0_M=M\\(K\\+\\)': there is one of this name"):
        make_candidates(decay_events(f"decay:{TEXT}", 20, seed=3), [request])
    with pytest.raises(DecayError, match="more than one particle 'pi\\+'"):
        DecayRequest.parse("D+ -> K- pi+ pi+", branches=["x=M(K-,pi+)"])
    assert set(FUNCTIONS) == {"M", "M2", "P", "PT", "ANGLE", "DOCA", "COSHEL", "CHI"}
