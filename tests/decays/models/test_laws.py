"""Angular distributions of models of two-body decays beside their formulas."""

import numpy as np
import pytest
from angles import helicity_cosine, plane_angle
from scipy import integrate, stats

from lamarr_like.decays.descriptor import Node
from lamarr_like.decays.models import helicity
from lamarr_like.decays.models.law import TwoBody, small_d
from lamarr_like.decays.models.registry import MismatchError, law_of
from lamarr_like.decays.phasespace import decay_tree
from lamarr_like.errors import SourceError

N = 10_000
B0, JPSI, KST, PHI, DST = 511, 443, 313, 333, 413


def node(pdg_id, *daughters, model="PHSP", parameters=()):
    below = [d if isinstance(d, Node) else Node(d) for d in daughters]
    law, order = law_of(model, pdg_id, [d.pdg_id for d in below], parameters)
    return Node(pdg_id, daughters=tuple(below[i] for i in order), law=law)


def drawn(tree, n=N, seed=1):
    ids = np.arange(n)
    momentum = np.tile([500.0, -300.0, 60_000.0], (n, 1))
    return decay_tree(tree, momentum, seed, "test", ids, 0 * ids).momentum.transpose(1, 0, 2)


def fits(values, density, low=-1.0, high=1.0):
    """Kolmogorov's p-value of values and a density that is not normalised."""
    grid = np.linspace(low, high, 2001)
    total = integrate.cumulative_trapezoid(density(grid), grid, initial=0.0)
    return stats.kstest(np.interp(values, grid, total / total[-1]), "uniform").pvalue


@pytest.mark.parametrize(
    ("model", "vector", "law"),
    [
        ("VLL", node(JPSI, -13, 13, model="VLL"), lambda c: 1 - c**2),
        ("VSS", node(DST, 421, 211, model="VSS"), lambda c: c**2),
        ("VSP_PWAVE", node(DST, 411, 22, model="VSP_PWAVE"), lambda c: 1 - c**2),
        ("PHSP", node(DST, 421, 211), lambda c: 1 + 0 * c),
        ("HELAMP", node(DST, 421, 211, model="HELAMP", parameters=[1.0, 0.3]), lambda c: c**2),
    ],
)
def test_vectors_without_helicity(model, vector, law):
    other, mother = (321, 521) if vector.pdg_id == JPSI else (-211, 511)
    head, meson, first, *_ = drawn(node(mother, vector, other, model="SVS"))
    assert fits(helicity_cosine(first, meson, head), law) > 1e-3
    assert fits(helicity_cosine(first, meson, head), lambda c: 3 + c) < 1e-3


def test_a_tensor_without_helicity():
    f2 = node(225, 211, -211, model="TSS")
    head, meson, first, *_ = drawn(node(511, f2, 311, model="STS"))
    assert fits(helicity_cosine(first, meson, head), lambda c: (3 * c**2 - 1) ** 2) > 1e-3


def test_heavy_leptons_are_flatter():
    tree = node(511, node(100443, -15, 15, model="VLL"), 311, model="SVS")
    head, meson, first, *_ = drawn(tree)
    r = 4 * 1776.93**2 / 3686.1**2
    assert fits(helicity_cosine(first, meson, head), lambda c: 1 - c**2 + r * c**2) > 1e-3


def test_an_unpolarised_head_decays_evenly():
    head, first, _ = drawn(node(JPSI, -13, 13, model="VLL"))
    lab = helicity_cosine(first, head, np.tile([0.0, 0.0, 0.0, 1.0], (N, 1)))
    assert fits(lab, lambda c: 1 + 0 * c) > 1e-3


AMPLITUDES = np.array([0.35, 0.80, 0.60]) * np.exp(1j * np.array([0.4, 0.0, 1.1]))
HELAMP = [f for a in AMPLITUDES for f in (abs(a), np.angle(a))]


@pytest.mark.parametrize("conjugate", [False, True])
def test_two_vectors_to_scalars_have_the_whole_angular_law(conjugate):
    first = node(PHI, 321, -321, model="VSS")
    second = node(KST, 321, -211, model="VSS")
    tree = node(B0, first, second, model="SVV_HELAMP", parameters=HELAMP)
    tree = tree.conjugated() if conjugate else tree
    head, phi, k1, _, kst, k2, _ = drawn(tree)
    c1, c2 = helicity_cosine(k1, phi, head), helicity_cosine(k2, kst, head)
    # The conjugate is the mirror image.
    chi = plane_angle(k2, k1, phi, kst, head) * (-1 if conjugate else 1)
    plus, zero, minus = AMPLITUDES
    total = (np.abs(AMPLITUDES) ** 2).sum()
    share = abs(zero) ** 2 / total
    for c in (c1, c2):
        assert fits(c, lambda x: 1.5 * share * x**2 + 0.75 * (1 - share) * (1 - x**2)) > 1e-3
    cross = plus * np.conj(minus)
    law = lambda x: total + 2 * (cross * np.exp(2j * x)).real  # noqa: E731
    assert fits(chi, law, -np.pi, np.pi) > 1e-3
    assert fits(-chi, law, -np.pi, np.pi) < 1e-6
    # Helicity 0 interferes with the others: a moment that is 0 without that.
    s = np.sqrt((1 - c1**2) * (1 - c2**2))
    check(c1 * c2 * s * np.cos(chi))


def check(found):
    """A moment beside its integral over the amplitudes squared, within four errors."""
    plus, zero, minus = AMPLITUDES
    c, w = np.polynomial.legendre.leggauss(12)
    x = np.linspace(-np.pi, np.pi, 49)[:-1]
    a, b, f = np.meshgrid(c, c, x, indexing="ij")
    weight = w[:, None, None] * w[None, :, None]
    s = np.sqrt((1 - a**2) * (1 - b**2))
    density = np.abs(zero * a * b + 0.5 * s * (plus * np.exp(1j * f) + minus * np.exp(-1j * f)))
    density = weight * density**2
    mean = (density * a * b * s * np.cos(f)).sum() / density.sum()
    assert abs(found.mean() - mean) < 4 * found.std() / np.sqrt(len(found))
    assert abs(mean) > 8 * found.std() / np.sqrt(len(found))


def two_vectors():
    return node(
        B0,
        node(JPSI, -13, 13, model="VLL"),
        node(KST, 321, -211, model="VSS"),
        model="SVV_HELAMP",
        parameters=HELAMP,
    )


def test_two_vectors_to_leptons_and_scalars():
    head, jpsi, mu, _, kst, kaon, _ = drawn(two_vectors())
    share = abs(AMPLITUDES[1]) ** 2 / (np.abs(AMPLITUDES) ** 2).sum()
    cosine = helicity_cosine(mu, jpsi, head)
    assert fits(cosine, lambda x: share * (1 - x**2) + (1 - share) * (1 + x**2) / 2) > 1e-3
    cosine = helicity_cosine(kaon, kst, head)
    assert fits(cosine, lambda x: 2 * share * x**2 + (1 - share) * (1 - x**2)) > 1e-3


def test_a_polarised_photon_leaves_a_transverse_vector():
    vector = node(KST, 321, -211, model="VSS")
    tree = node(B0, vector, 22, model="SVP_HELAMP", parameters=[1.0, 0.0, 0.1, 0.0])
    head, kst, kaon, *_ = drawn(tree)
    assert fits(helicity_cosine(kaon, kst, head), lambda c: 1 - c**2) > 1e-3


def test_a_baryon_with_helicities_has_an_asymmetry():
    # Lambda_c+ -> Lambda pi+, Lambda -> p pi-: 1 + alpha alpha_c cos(theta).
    a, b = (np.sqrt([1 + x, 1 - x]) for x in (-0.8, 0.7))
    inner = node(3122, 2212, -211, model="HELAMP", parameters=[b[0], 0, b[1], 0])
    tree = node(4122, inner, 211, model="HELAMP", parameters=[a[0], 0, a[1], 0])
    head, hyperon, proton, *_ = drawn(tree)
    cosine = helicity_cosine(proton, hyperon, head)
    assert fits(cosine, lambda c: 1 - 0.8 * 0.7 * c) > 1e-3
    head, hyperon, proton, *_ = drawn(tree.conjugated())
    assert fits(helicity_cosine(proton, hyperon, head), lambda c: 1 - 0.8 * 0.7 * c) > 1e-3


@pytest.mark.parametrize("spin2", [1, 2, 3, 4])
def test_d_functions_are_rotations(spin2):
    cosine = np.array([-1.0, -0.3, 0.2, 1.0])
    d = small_d(spin2, cosine)
    assert np.allclose(d @ d.transpose(0, 2, 1), np.eye(spin2 + 1))
    assert np.allclose(d[-1], np.eye(spin2 + 1))
    twice = small_d(spin2, 2 * cosine[1:3] ** 2 - 1)
    once = small_d(spin2, np.abs(cosine[1:3]))
    assert np.allclose(once @ once, twice)


def test_momenta_are_conserved_and_on_their_shells():
    head, jpsi, mu, anti, kst, kaon, pion = drawn(two_vectors(), 500)
    for whole, parts in ((head, (jpsi, kst)), (jpsi, (mu, anti)), (kst, (kaon, pion))):
        assert np.allclose(sum(parts), whole, rtol=1e-9, atol=1e-5)


@pytest.mark.parametrize(
    ("model", "mother", "daughters", "parameters", "said"),
    [
        ("VSS", B0, (211, -211), (), "spins"),
        ("SVV_HELAMP", B0, (JPSI, KST), (1.0, 0.0), "6 parameters"),
        ("SVV_HELAMP", B0, (JPSI, KST), (0.0,) * 6, "are 0"),
        ("VLL", JPSI, (-13, 13, 22), (), "two bodies"),
        ("SVP_HELAMP", B0, (22, KST), (1, 0, 1, 0), "photon"),
        ("HELAMP", B0, (13, 211), (1, 0), "add up"),
        ("VSS", KST, (321, -211), (1.0,), "no parameters"),
        ("ISGW2", B0, (-411, 211), (), "neutrino"),
        ("ISGW2", B0, (-10411, -13, 14), (), "form factors"),
    ],
)
def test_models_say_what_does_not_fit(model, mother, daughters, parameters, said):
    with pytest.raises(MismatchError, match=said):
        law_of(model, mother, daughters, parameters)


def test_a_law_that_accepts_nothing_is_an_error(monkeypatch):
    monkeypatch.setattr(helicity, "_MAX_TRIES", 30)

    class Never(TwoBody):
        def greatest(self, mass):
            return np.full(len(mass), 1e12)

    tree = Node(JPSI, daughters=(Node(-13), Node(13)), law=Never(2, np.eye(2)))
    with pytest.raises(SourceError, match="hardly any direction"):
        drawn(tree, 5)
