"""Mesons that mix: times, flavours and asymmetries beside the formulas."""

import numpy as np
import pytest
from scipy import integrate, stats

from lamarr_like.decays.models import mixing
from lamarr_like.decays.models.mixing import PDG, Mixing
from lamarr_like.errors import SourceError
from lamarr_like.io.sources import open_source

N = 40_000
IDS = np.arange(N)
BS, B0, D0 = 531, 511, 421


def law(pdg_id, **options):
    texts = {key: str(value) for key, value in options.items()}
    return Mixing.parse("x", pdg_id, {"mixing": "1", **texts})


def drawn(one, both=True, seed=1):
    return one.draw(seed, "test", IDS, 0 * IDS, both)


def follows(time, density, highest=40.0):
    grid = np.linspace(0, highest, 40_001)
    cdf = integrate.cumulative_trapezoid(density(grid), grid, initial=0.0)
    return stats.kstest(np.interp(time, grid, cdf / cdf[-1]), "uniform").pvalue


def asymmetry_fits(time, sign, expected, edges):
    """Chi2 probability of the mean of a sign in slices of time."""
    place = np.digitize(time, edges) - 1
    chi2 = n = 0
    for k in range(len(edges) - 1):
        here = place == k
        if here.sum() < 100:
            continue
        mean = expected(time[here]).mean()
        chi2 += (sign[here].mean() - mean) ** 2 / ((1 - mean**2) / here.sum())
        n += 1
    return stats.chi2(n).sf(chi2)


@pytest.mark.parametrize(("pdg_id", "period"), [(B0, 6.0), (BS, 0.7)])
def test_mixing_asymmetry_against_time(pdg_id, period):
    one = law(pdg_id)
    made = drawn(one)
    dm, dg = PDG[pdg_id]
    tau = one.tau
    assert follows(made.time, lambda t: np.exp(-t / tau) * np.cosh(dg * t / 2)) > 1e-3
    sign = np.where(made.mixed, -1, 1)
    edges = np.linspace(0, period, 25)
    expected = lambda t: np.cos(dm * t) / np.cosh(dg * t / 2)  # noqa: E731
    assert asymmetry_fits(made.time, sign, expected, edges) > 1e-3
    assert asymmetry_fits(made.time, sign, lambda t: np.cos(1.1 * dm * t), edges) < 1e-6
    assert abs(made.anti.mean() - 0.5) < 4 * 0.5 / np.sqrt(N)
    assert not drawn(one, both=False).anti.any()


def test_integrated_mixing_is_chi():
    made = drawn(law(B0))
    x = PDG[B0][0] * law(B0).tau
    chi = x**2 / (2 * (1 + x**2))
    assert abs(made.mixed.mean() - chi) < 4 * np.sqrt(chi * (1 - chi) / N)
    assert drawn(law(D0)).mixed.mean() < 3e-4


@pytest.mark.parametrize(
    ("pdg_id", "options", "period"),
    [
        (B0, {"S": 0.7}, 8.0),
        (B0, {"C": -0.5, "S": -0.6}, 8.0),
        (BS, {"S": 0.4, "A": -0.8, "dgamma": 0.2}, 0.7),
    ],
)
def test_cp_asymmetry_against_time(pdg_id, options, period):
    one = law(pdg_id, **options)
    made = drawn(one)
    c, s, a = (options.get(key, 0.0) for key in ("C", "S", "A"))
    dm, dg, tau = one.dm, one.dgamma, one.tau
    sign = np.where(made.anti, -1, 1)
    assert not made.mixed.any()

    def even(t):
        return np.cosh(dg * t / 2) + a * np.sinh(dg * t / 2)

    def odd(t):
        return c * np.cos(dm * t) - s * np.sin(dm * t)

    assert follows(made.time, lambda t: np.exp(-t / tau) * even(t)) > 1e-3
    edges = np.linspace(0, period, 25)
    assert asymmetry_fits(made.time, sign, lambda t: odd(t) / even(t), edges) > 1e-3
    assert asymmetry_fits(made.time, sign, lambda t: -odd(t) / even(t), edges) < 1e-6
    for q in (1, -1):
        rate = lambda t, q=q: np.exp(-t / tau) * (even(t) + q * odd(t))  # noqa: E731
        assert follows(made.time[sign == q], rate) > 1e-3


def test_the_record_shows_both_flavours():
    source = open_source(
        "decay:B0 -> (D- -> K+ pi- pi-) mu+ nu_mu?mixing=1&eta=2.5-4", n_events=600, seed=3
    )
    (batch,) = source
    table = batch.particle
    ids, up = table["mc_pdg_id"], table["mc_mother_id"]
    mothers = np.where(up < 0, 0, ids[table.offsets[table.event_index] + up])
    beauty = np.abs(ids) == 511
    turned = beauty & (np.abs(mothers) == 511)
    assert (ids[turned] == -mothers[turned]).all()
    share = turned.sum() / (beauty & (up == -1)).sum()
    assert 0.12 < share < 0.26  # 0.186
    muons = (np.abs(ids) == 13) & (np.abs(mothers) == 511)
    assert (np.sign(ids[muons]) == -np.sign(mothers[muons])).all()
    # The other meson starts where the first does.
    first = (table.offsets[table.event_index] + up)[turned]
    assert np.array_equal(table["mc_vz"][turned], table["mc_vz"][first])


def test_times_of_a_source_do_not_depend_on_its_cuts():
    text = "decay:B(s)0 -> (J/psi(1S) -> mu+ mu-) (phi(1020) -> K+ K-)?mixing=1&S=0.3&n=2"
    (whole,) = open_source(text, n_events=30, seed=3)
    parts = [
        b
        for k in range(30)
        for b in open_source(text, n_events=30, seed=3).events_between(k, k + 1)
    ]
    for name, values in whole.particle.columns.items():
        assert np.concatenate([b.particle[name] for b in parts]).tobytes() == values.tobytes()


@pytest.mark.parametrize(
    ("head", "options", "said"),
    [
        (521, {"mixing": "1"}, "B\\+ does not mix"),
        (511, {"mixing": "2"}, "it can be 0, 1"),
        (511, {"dm": "0.5"}, "goes with mixing=1"),
        (511, {"mixing": "1", "dm": "fast"}, "no number"),
        (511, {"mixing": "1", "dm": "nan"}, "are below"),
        (511, {"mixing": "1", "dgamma": "2"}, "are below"),
        (511, {"mixing": "1", "S": "0.8", "C": "0.8"}, "above 1"),
    ],
)
def test_bad_options(head, options, said):
    with pytest.raises(SourceError, match=said):
        Mixing.parse("x", head, options)


def test_a_law_without_end(monkeypatch):
    monkeypatch.setattr(mixing, "_MAX_TRIES", 1)
    with pytest.raises(SourceError, match="no end"):
        drawn(law(B0, S=0.5))
