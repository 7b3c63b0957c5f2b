"""Quantities of candidates: kinematics, vertices, and who is above whom in a decay."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from lamarr_like.decays import quantities
from lamarr_like.decays.descriptor import parse_decay
from lamarr_like.decays.pointing import Choices, Origins, impact
from lamarr_like.decays.prongs import Composite, Prongs
from lamarr_like.decays.quantities import Filler

N = 60


def momenta(mass=1864.8, seed=1):
    rng = np.random.default_rng(seed)
    p = rng.uniform([-4e3, -4e3, 5e3], [4e3, 4e3, 1e5], (N, 3))
    return np.concatenate([p, np.sqrt((p**2).sum(axis=1) + mass**2)[:, None]], axis=1)


def test_kinematics_belong_together():
    found = quantities._kinematics(momenta())
    np.testing.assert_allclose(found["mass"], 1864.8, rtol=1e-6)
    np.testing.assert_allclose(np.hypot(found["pt"], found["pz"]), found["p"])
    np.testing.assert_allclose(np.hypot(found["p"], found["mass"]), found["energy"])
    np.testing.assert_allclose(found["pt"] * np.cos(found["phi"]), found["px"], atol=1e-6)
    np.testing.assert_allclose(found["pt"] * np.sin(found["phi"]), found["py"], atol=1e-6)
    np.testing.assert_allclose(found["p"] / np.cosh(found["eta"]), found["pt"])
    light = quantities._kinematics(momenta() * [1.0, 1.0, 1.0, 0.9])
    assert (light["mass"] == 0.0).any() and np.isfinite(light["mass"]).all()


def composite(n_dof):
    root = np.random.default_rng(2).normal(size=(N, 7, 7))
    position = np.arange(3.0 * N).reshape(N, 3)
    return Composite(position, momenta(), root @ root.swapaxes(1, 2), np.ones(N), n_dof)


def test_without_a_fit_there_is_no_vertex():
    n_dof = np.arange(N) % 3
    found = composite(n_dof)
    told = quantities._vertex(found)
    fitted = n_dof > 0
    for i, a in enumerate("xyz"):
        np.testing.assert_array_equal(told[a][fitted], found.position[fitted, i])
        error = np.sqrt(found.covariance[fitted, i, i])
        np.testing.assert_array_equal(told[f"{a}_error"][fitted], error)
        assert np.isnan(told[a][~fitted]).all() and np.isnan(told[f"{a}_error"][~fitted]).all()
    np.testing.assert_array_equal(told["vertex_dof"], n_dof)
    np.testing.assert_array_equal(told["mass_error"], found.mass_error)


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("D0 -> K- pi+", 0),
        ("B0 -> (J/psi(1S) -> mu+ mu-) (K(S)0 -> pi+ pi-)", 2),
        ("B0 -> (D- -> K+ pi- pi-) pi+", 1),
        # A D* decays at once: what is below it flies from the vertex above.
        ("B0 -> (D*(2010)- -> (D~0 -> K+ pi-) pi-) mu+ nu_mu", 2),
    ],
)
def test_the_nearest_vertex_above(text, n):
    head = parse_decay(text).head
    found = quantities._mothers(head)
    assert len(found) == n
    assert set(found.values()) <= {head.branch}
    below = [n.branch for n in head.walk() if not n.is_leaf and n is not head]
    assert sorted(found) == sorted(below)


def test_a_flying_mother_is_the_origin_of_what_is_below():
    head = parse_decay("Lambda(b)0 -> (Lambda(c)+ -> (Lambda0 -> p pi-) pi+) pi-").head
    found = quantities._mothers(head)
    flying = next(n for n in head.walk() if n.pdg_id == 4122)
    strange = next(n for n in head.walk() if n.pdg_id == 3122)
    assert found[flying.branch] == head.branch and found[strange.branch] == flying.branch


# --- impacts


def lines(n):
    rng = np.random.default_rng(3)
    state = np.zeros((n, 6))
    state[:, 2:4] = rng.uniform(-0.2, 0.2, (n, 2))
    state[:, 4], state[:, 5] = 1e-4, 139.6
    return Prongs(state, np.zeros(n), np.broadcast_to(1e-4 * np.eye(6), (n, 6, 6)))


def filler(owner, position, n):
    """A filler with nothing but vertices."""
    found = object.__new__(Filler)
    spread = np.broadcast_to(1e-4 * np.eye(3), (len(owner), 3, 3))
    vertices = Choices(np.array(owner), np.arange(len(owner)), Origins(position, spread), n)
    found.fitted = SimpleNamespace(vertices=vertices)
    return found


def test_least_impacts_are_those_of_all_vertices():
    rng = np.random.default_rng(4)
    owner = [0, 0, 0, 2, 2]
    position = rng.normal(size=(5, 3)) * [0.5, 0.5, 30.0]
    line = lines(3)
    found = filler(owner, position, 3).least_impacts(line)
    for k in (0, 2):
        mine = np.flatnonzero(np.array(owner) == k)
        spread = np.broadcast_to(1e-4 * np.eye(3), (len(mine), 3, 3))
        ip, chi2 = impact(line.take(np.full(len(mine), k)), Origins(position[mine], spread))
        assert found["least_ip"][k] == ip.min() and found["least_ip_chi2"][k] == chi2.min()
    # An event without a vertex has none.
    assert np.isnan(found["least_ip"][1]) and np.isnan(found["least_ip_chi2"][1])


def test_a_vertex_that_is_not_known_does_not_count():
    position = np.array([[0.4, 0.0, 0.0], [np.nan] * 3])
    found = filler([0, 0], position, 1).least_impacts(lines(1))
    assert np.isfinite(found["least_ip"]).all()
    only = filler([0], position[1:], 1).least_impacts(lines(1))
    assert np.isnan(only["least_ip"]).all()
