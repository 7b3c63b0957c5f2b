"""Form factors: limits of heavy quarks, what they fall with, and which mesons have any."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from lamarr_like.decays.models.form_factors import Cln, Isgw2, quarks
from lamarr_like.decays.names import properties

KNOWN = [
    *((511, -411), (511, -413), (521, -421), (521, -423), (531, -431), (531, -433)),
    *((511, -211), (511, -213), (521, 111), (521, 113), (531, -321), (531, -323)),
    *((411, -311), (411, -313), (421, -321), (421, -323), (431, 333)),
]
PSEUDOSCALARS = [pair for pair in KNOWN if abs(pair[1]) % 10 == 1]
VECTORS = [pair for pair in KNOWN if abs(pair[1]) % 10 == 3]


def masses(mother, meson):
    return tuple(properties(abs(i)).mass / 1e3 for i in (mother, meson))


def factors(mother, meson, n=50):
    m, x = masses(mother, meson)
    q2 = np.linspace(0.0, (m - x) ** 2, n)
    return q2, Isgw2(mother, meson).factors(q2, np.full(n, m), np.full(n, x))


@pytest.mark.parametrize(("mother", "meson"), KNOWN)
def test_known_decays_have_finite_factors(mother, meson):
    form = Isgw2(mother, meson)
    assert form.known() and form.is_vector == (abs(meson) % 10 == 3)
    _, found = factors(mother, meson)
    assert len(found) == (4 if form.is_vector else 2)
    assert all(np.isfinite(f).all() for f in found)


@pytest.mark.parametrize(
    ("mother", "meson"),
    [
        (511, -421 - 100_000),  # a radial excitation
        (511, 443),  # two quarks would change
        (511, -311 - 10_000),
        (531, -411),  # the spectator is another
        (411, -13),  # no meson
        (211, 111),  # no heavy quark
        (541, 443),
        (511, -415),  # a tensor
    ],
)
def test_others_have_none(mother, meson):
    assert not Isgw2(mother, meson).known()


@pytest.mark.parametrize(("mother", "meson"), PSEUDOSCALARS)
def test_the_vector_factor_rises_to_where_the_meson_rests(mother, meson):
    """And f- has the other sign."""
    _, (plus, minus) = factors(mother, meson)
    assert (plus > 0.0).all() and (np.diff(plus) > 0.0).all()
    assert (minus < 0.0).all()
    assert 0.05 < plus[0] < 1.0 < 1.5 * plus[-1]


@pytest.mark.parametrize(("mother", "meson"), VECTORS)
def test_axial_factors_of_vectors(mother, meson):
    _, (f, g, plus, minus) = factors(mother, meson)
    assert (f > 0.0).all() and (g > 0.0).all() and (np.diff(g) > 0.0).all()
    assert (plus < 0.0).all() and (minus > 0.0).all()  # signs of Isgur and Wise


@pytest.mark.parametrize(("mother", "meson"), KNOWN)
def test_conjugates_have_the_same_factors(mother, meson):
    _, one = factors(mother, meson)
    _, two = factors(-mother, -meson)
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


def test_isospin():
    """Charged and neutral B differ by their masses alone."""
    for (a, b), (c, d) in (((511, -411), (521, -421)), ((511, -413), (521, -423))):
        for one, two in zip(factors(a, b)[1], factors(c, d)[1], strict=True):
            np.testing.assert_allclose(one, two, rtol=0.02)


def test_beyond_the_end_of_q2_factors_stay():
    """A light particle off its mass can leave no room: the recoil is none, not negative."""
    m, x = masses(511, -411)
    end = (m - x) ** 2
    found = Isgw2(511, -411).factors(np.array([end, end + 1.0]), np.full(2, m), np.full(2, x))
    assert all(f[0] == f[1] for f in found)


# --- heavy quarks


@pytest.mark.parametrize("rho2", [0.9, 1.3])
def test_heavy_quark_factors_fall_from_where_the_meson_rests(rho2):
    m, x = masses(511, -413)
    q2 = np.linspace(1e-3, (m - x) ** 2, 60)
    one = np.full(60, m), np.full(60, x)
    f, g, plus, _ = Cln(True, rho2, 0.9).factors(q2, *one)
    assert (np.diff(f) > 0.0).all() and (np.diff(g) > 0.0).all() and (plus < 0.0).all()
    steeper = Cln(True, rho2 + 0.3, 0.9).factors(q2, *one)[0]
    assert (steeper[:-1] < f[:-1]).all() and steeper[-1] == pytest.approx(f[-1])


def test_slope_of_the_heavy_quark_factors_at_rest():
    """h_A1 = h (1 - rho2 (w - 1) + ...) with w the product of the velocities."""
    m, x = masses(511, -413)
    rho2, w = 1.2, 1.0 + np.array([0.0, 1e-4])
    q2 = m**2 + x**2 - 2.0 * m * x * w
    f = Cln(True, rho2, 0.9).factors(q2, np.full(2, m), np.full(2, x))[0]
    h = f / (np.sqrt(m * x) * (w + 1.0))
    assert h[0] == pytest.approx(0.9)
    assert (h[0] - h[1]) / (h[0] * 1e-4) == pytest.approx(rho2, rel=0.01)


def test_ratios_of_the_vector_are_those_that_are_given():
    m, x = masses(511, -413)
    end = np.array([(m - x) ** 2])
    ratio = 2.0 * np.sqrt(m * x) / (m + x)
    f, g, plus, _ = Cln(True, 1.2, 0.9, 1.4, 0.85).factors(end, np.array([m]), np.array([x]))
    a1 = f / (m + x)
    v, a2 = g * (m + x), -plus * (m + x)
    assert a1[0] == pytest.approx(ratio * 0.9)
    assert (v / a1 * ratio**2)[0] == pytest.approx(1.4)
    assert (a2 / a1 * ratio**2)[0] == pytest.approx(0.85)


def test_size_is_a_factor():
    m, x = masses(511, -411)
    q2 = np.linspace(0.1, 11.0, 9)
    one, two = (Cln(False, 1.1, s).factors(q2, np.full(9, m), np.full(9, x)) for s in (0.5, 1.0))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_allclose(b, 2.0 * a, rtol=1e-9)


# --- quarks


def test_quarks_of_mesons_do_not_depend_on_spin_or_charge():
    for code, found in {
        51: (5, 1),
        52: (5, 1),
        53: (5, 3),
        41: (4, 1),
        43: (4, 3),
        32: (3, 1),
    }.items():
        for spin, sign in itertools.product((1, 3, 5), (-1, 1)):
            assert quarks(sign * (10 * code + spin)) == found
    assert quarks(211) == quarks(113) == quarks(221) == (1, 1)
    assert quarks(11) == quarks(22) == (0, 0)
