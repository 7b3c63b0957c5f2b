"""Fits of whole decay trees: what holds, an independent minimiser, pulls, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from decay_samples import decay_events
from scipy import optimize, stats

from lamarr_like.decays import treefit
from lamarr_like.decays.candidates import make_candidates
from lamarr_like.decays.names import properties
from lamarr_like.decays.request import DecayRequest
from lamarr_like.decays.treefit import MASS_TOLERANCE
from lamarr_like.decays.treefit_measured import flying, from_vertex, mother
from lamarr_like.decays.treefit_request import TreeFit
from lamarr_like.errors import DecayError
from lamarr_like.events import Table
from lamarr_like.physics.particles import SPEED_OF_LIGHT

BPLUS = "B+ -> (J/psi(1S) -> mu+ mu-) K+"
FITS = ("J/psi(1S)=mass,PV", "loose: PV", "M: J/psi(1S)=mass")


@pytest.fixture(scope="module")
def events():
    return decay_events(f"decay:{BPLUS}", 500, seed=3)


def fitted(events, text=BPLUS, fits=FITS):
    request = DecayRequest.parse(text, fits=fits)
    return make_candidates(events, [request])[request.decay.name]


@pytest.fixture(scope="module")
def table(events):
    return fitted(events)


def columns(table, branch, *names):
    return np.stack([table[f"{branch}_{name}"] for name in names], axis=1)


def test_what_is_asked_for_holds(table):
    assert table["Bplus_DTF_CONVERGED"].mean() > 0.99
    mass = properties(443).mass
    assert table["J_psi_1S_DTF_M"] == pytest.approx(mass, abs=2 * MASS_TOLERANCE)
    assert table["J_psi_1S_M_M"] == pytest.approx(mass, abs=1e-3)
    assert np.abs(table["J_psi_1S_loose_M"] - mass).std() > 3.0
    assert table["J_psi_1S_DTF_MERR"] == pytest.approx(0.0, abs=1e-3)
    # Four-momenta add up, and the B flies along its momentum from the primary vertex.
    p = [columns(table, f"{b}_DTF", "PX", "PY", "PZ", "PE") for b in ("muplus", "muminus", "Kplus")]
    assert sum(p) == pytest.approx(columns(table, "Bplus_DTF", "PX", "PY", "PZ", "PE"), rel=1e-9)
    way = columns(table, "Bplus_DTF", *(f"ENDVERTEX_{a}" for a in "XYZ"))
    way = way - columns(table, "Bplus_DTF", *(f"PV_{a}" for a in "XYZ"))
    momentum = columns(table, "Bplus_DTF", "PX", "PY", "PZ")
    along = (way * momentum).sum(axis=1) / np.linalg.norm(momentum, axis=1)
    assert np.linalg.norm(np.cross(way, momentum), axis=1) == pytest.approx(
        0.0, abs=1e-6 * np.linalg.norm(momentum, axis=1).max()
    )
    ctau = along * table["Bplus_DTF_M"] / np.linalg.norm(momentum, axis=1)
    assert table["Bplus_DTF_CTAU"] == pytest.approx(ctau, rel=1e-6, abs=1e-7)
    # No primary vertex, no flight from it.
    assert "Bplus_M_CTAU" not in table.columns and "Bplus_M_PV_X" not in table.columns


def test_chi2_and_pulls_follow_their_laws(table):
    for name, n_dof in (("DTF", 6), ("loose", 5), ("M", 4)):
        assert (table[f"Bplus_{name}_NDOF"] == n_dof).all()
        p = stats.kstest(table[f"Bplus_{name}_CHI2"], stats.chi2(n_dof).cdf).pvalue
        assert p > 1e-3, name
        pull = (table[f"Bplus_{name}_M"] - properties(521).mass) / table[f"Bplus_{name}_MERR"]
        assert stats.kstest(pull, stats.norm.cdf).pvalue > 1e-3, name
    late = table["Bplus_DTF_CTAU"] - table["Bplus_TRUETAU"] * SPEED_OF_LIGHT
    assert stats.kstest(late / table["Bplus_DTF_CTAUERR"], stats.norm.cdf).pvalue > 1e-3


def test_constraints_make_it_better(table):
    """The mass of the J/psi takes its muons' errors out of the mass of the B."""
    width = {name: np.std(table[f"Bplus_{name}"]) for name in ("M", "loose_M", "DTF_M")}
    assert width["DTF_M"] < 0.7 * width["M"]
    assert width["loose_M"] == pytest.approx(width["M"], rel=0.05)
    assert (table["Bplus_DTF_CHI2"] > table["Bplus_loose_CHI2"] - 1e-6).all()
    assert (table["Bplus_DTF_CHI2"] > table["Bplus_M_CHI2"] - 1e-6).all()


def test_an_independent_minimiser_finds_the_same(events, table):
    """scipy's minimum of the chi2 written out for this decay, with the mass as a constraint."""
    track, pv = events.track, events["reco_vertex"]
    kaon, muon = properties(321).mass, properties(13).mass
    wanted = ((-13, muon), (13, muon), (321, kaon))
    # Those of which no track was in the primary vertex, so that it is the one of the event.
    untouched = table["Bplus_OWNPV_X"] == pv["x"][table.event_index]
    untouched &= table["Bplus_OWNPV_ZERR"] == pv["sigma_z"][table.event_index]
    assert untouched.sum() > 50
    for k in np.flatnonzero(untouched)[:4]:
        event = table.event_index[k]
        mine = np.flatnonzero(track.event_index == event)
        pdg = events.linked("mc_pdg_id", mine)
        sign = np.sign(table["Bplus_ID"][k])
        rows = [mine[pdg == sign * code][0] for code, _ in wanted]
        states = np.stack([track[c][rows] for c in ("x", "y", "tx", "ty")], axis=1)
        states = np.column_stack([states, track["charge"][rows] / track["p"][rows]])
        weights = []
        for r in rows:
            v = np.array([[track[f"cov{min(i, j)}{max(i, j)}"][r] for j in range(5)]
                          for i in range(5)])  # fmt: skip
            weights.append(np.linalg.inv(v))
        point = np.array([pv[a][event] for a in "xyz"])
        errors = np.array([pv[f"sigma_{a}"][event] for a in "xyz"])

        def parts(theta, states=states, rows=rows):
            p = []
            for i in range(3):
                tx, ty, qop = theta[4 + 3 * i : 7 + 3 * i]
                p.append(np.array([tx, ty, 1.0]) / (abs(qop) * np.sqrt(1 + tx**2 + ty**2)))
            energy = [np.sqrt(q @ q + m**2) for q, (_, m) in zip(p, wanted, strict=True)]
            return np.array(p), np.array(energy)

        def chi2(theta, states=states, weights=weights, point=point, errors=errors, rows=rows):
            p, _ = parts(theta)
            vertex = theta[:3] + theta[3] * p.sum(axis=0)
            total = (((theta[:3] - point) / errors) ** 2).sum()
            for i, row in enumerate(rows):
                tx, ty, qop = theta[4 + 3 * i : 7 + 3 * i]
                dz = track["z"][row] - vertex[2]
                expected = [vertex[0] + dz * tx, vertex[1] + dz * ty, tx, ty, qop]
                rest = states[i] - expected
                total += rest @ weights[i] @ rest
            return total

        def miss(theta, parts=parts):
            p, energy = parts(theta)
            mass = np.sqrt(energy[:2].sum() ** 2 - (p[:2].sum(axis=0) ** 2).sum())
            return mass - properties(443).mass

        # From the measurement, in units of its errors.
        start = np.concatenate([point, [0.0], states[:, 2:].ravel()])
        b = columns(table, "Bplus", "PX", "PY", "PZ")[k]
        end = columns(table, "Bplus", *(f"ENDVERTEX_{a}" for a in "XYZ"))[k]
        start[3] = (end - point) @ b / (b @ b)
        own = np.sqrt([np.diag(np.linalg.inv(w))[2:] for w in weights]).ravel()
        scale = np.concatenate([errors, [0.1 / np.linalg.norm(b)], own])
        found = start
        for _ in range(3):
            best = optimize.minimize(
                lambda u, at=found, f=chi2, s=scale: f(at + s * u),
                np.zeros(13),
                method="SLSQP",
                constraints={
                    "type": "eq",
                    "fun": lambda u, at=found, f=miss, s=scale: f(at + s * u),
                },
                options={"ftol": 1e-10, "maxiter": 300},
            )
            found = found + scale * best.x
        assert abs(miss(found)) < 1e-4
        assert best.fun == pytest.approx(table["Bplus_DTF_CHI2"][k], abs=2e-3)
        p, energy = parts(found)
        mass = np.sqrt(energy.sum() ** 2 - (p.sum(axis=0) ** 2).sum())
        assert mass == pytest.approx(table["Bplus_DTF_M"][k], abs=0.02)


def test_chains_of_flight_and_photons():
    text = "Lambda_b0 -> (J/psi(1S) -> mu+ mu-) (Lambda0 -> p+ pi-)"
    table = fitted(decay_events(f"decay:{text}", 200, seed=4), text,
                   ["Lambda0=mass,J/psi(1S)=mass,PV"])  # fmt: skip
    assert (table["Lambda_b0_DTF_NDOF"] == 8).all() and table["Lambda_b0_DTF_CONVERGED"].all()
    assert stats.kstest(table["Lambda_b0_DTF_CHI2"], stats.chi2(8).cdf).pvalue > 1e-3
    assert table["Lambda_DTF_CTAU"].mean() == pytest.approx(78.9, rel=0.3)
    assert table["Lambda_DTF_M"] == pytest.approx(properties(3122).mass, abs=1e-3)
    text = "B0 -> (K*(892)0 -> K+ pi-) gamma"
    table = fitted(decay_events(f"decay:{text}", 200, seed=5), text, ["PV"])
    assert (table["B0_DTF_NDOF"] == 3).all() and table["B0_DTF_CONVERGED"].all()
    pull = (table["B0_DTF_M"] - properties(511).mass) / table["B0_DTF_MERR"]
    assert stats.kstest(pull, stats.norm.cdf).pvalue > 1e-3
    text = "D0 -> K- pi+ pi0"
    table = fitted(decay_events(f"decay:{text}", 300, seed=6), text, ["pi: PV", "D0=mass,PV"])
    assert table["D0_pi_CONVERGED"].mean() > 0.95
    kept = table["D0_DTF_CONVERGED"]
    assert table["D0_DTF_M"][kept] == pytest.approx(properties(421).mass, abs=1e-3)


def test_without_a_primary_vertex_there_is_no_fit_from_it(events):
    few = events.events(0, 20)
    pv = few["reco_vertex"]
    empty = Table({k: v[:0] for k, v in pv.columns.items()}, np.zeros(21, np.int64))
    table = fitted(few.with_table("reco_vertex", empty))
    assert not table["Bplus_DTF_CONVERGED"].any() and table["Bplus_M_CONVERGED"].all()
    assert np.isnan(table["Bplus_DTF_M"]).all() and np.isnan(table["Bplus_DTF_CHI2"]).all()


def test_one_candidate_is_fitted_as_among_others(events, table):
    alone = fitted(events.events(0, 3))
    for name in (n for n in alone.columns if "_DTF_" in n):
        assert alone[name] == pytest.approx(table[name][: len(alone)], rel=1e-6, abs=1e-6), name


def test_blocks_and_none_at_all(events, table, monkeypatch):
    monkeypatch.setattr(treefit, "BLOCK", 7)
    few = fitted(events.events(0, 30))
    assert len(few) > 3 * 7
    for name in (n for n in few.columns if "_DTF_" in n or "_loose_" in n):
        assert few[name] == pytest.approx(table[name][: len(few)], rel=1e-6, abs=1e-6), name
    assert len(fitted(events.events(0, 30), "D0 -> K- pi+", ["PV"])) == 0


def test_what_has_no_solution_is_told(events):
    """Singular equations are those of one candidate and leave the others as they are."""
    few = events.events(0, 30)
    broken = {f"cov{i}{j}": few.track[f"cov{i}{j}"].copy() for j in range(5) for i in range(j + 1)}
    muon = np.flatnonzero(np.abs(events.linked("mc_pdg_id", np.arange(len(few.track)))) == 13)[0]
    for values in broken.values():
        values[muon] = 0.0
    table, sound = fitted(few.with_columns("track", **broken)), fitted(few)
    event = few.track.event_index[muon]
    hit = table.event_index == event
    assert not table["Bplus_DTF_CONVERGED"][hit].any() and np.isnan(table["Bplus_DTF_M"][hit]).all()
    others = sound.event_index != event
    assert (table["Bplus_DTF_M"][~hit] == sound["Bplus_DTF_M"][others]).all()


def test_vertices_of_a_tree():
    """Resonances decay where they are made, the rest where its mother's flight ends."""
    head = DecayRequest.parse("B0 -> (D*(2010)- -> (D~0 -> K+ pi-) pi-) mu+ nu_mu").decay.head
    dst = head.daughters[0]
    d0 = dst.daughters[0]
    assert flying(head) == [head, d0]
    assert [n.branch for n in from_vertex(head)] == ["piminus0", "muplus"]
    assert [n.branch for n in from_vertex(d0)] == ["Kplus", "piminus"]
    assert mother(head, d0) is head


def test_words_of_a_fit():
    decay = DecayRequest.parse(BPLUS).decay
    assert TreeFit.parse("PV", decay) == TreeFit("DTF", (), True)
    assert TreeFit.parse(" two : J_psi_1S=mass , PV", decay) == TreeFit("two", ("J_psi_1S",), True)
    assert TreeFit.parse("B+=mass,B-=mass", decay).masses == ("Bplus",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' is neither PV nor"),
        ("PV,", "'' is neither PV nor"),
        ("pv", "'pv' is neither PV nor"),
        ("J/psi(1S)=vertex", "is neither PV nor of the form"),
        ("D0=mass", "no 'D0' decays in it; there are Bplus, J_psi_1S"),
        ("K+=mass", "no 'K\\+' decays in it"),
        ("nonsense=mass", "no 'nonsense' decays in it"),
    ],
)
def test_fits_that_make_no_sense(text, message):
    with pytest.raises(DecayError, match=message):
        DecayRequest.parse(BPLUS, fits=[text])


def test_fits_that_cannot_be():
    with pytest.raises(DecayError, match="more than one fit is called 'DTF'"):
        DecayRequest.parse(BPLUS, fits=["PV", "J/psi(1S)=mass"])
    with pytest.raises(DecayError, match="what is not seen cannot be fitted"):
        DecayRequest.parse("B0 -> (D- -> K+ pi- pi-) mu+ nu_mu", fits=["PV"])
