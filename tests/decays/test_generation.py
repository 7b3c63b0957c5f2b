"""Generated decays: phase space, resonances, spectra, lifetimes, and how they join collisions."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from chain_fakes import truth_events
from places import SHARED
from scipy import integrate, stats

from lamarr_like.decays.descriptor import parse_decay
from lamarr_like.decays.finder import find_generated
from lamarr_like.decays.names import properties
from lamarr_like.decays.phasespace import boost, decay_tree
from lamarr_like.decays.source import DecayGenerator, embed
from lamarr_like.decays.spectra import spectrum_of
from lamarr_like.decays.truth import Truth
from lamarr_like.errors import DecayError, LamarrLikeError, SourceError
from lamarr_like.events import concatenate
from lamarr_like.io.ntuple import EventWriter
from lamarr_like.io.sources import open_source
from lamarr_like.io.truth import PARTICLE_COLUMNS

FONLL = SHARED / "data" / "rapidsim" / "fonll"
B0 = "B0 -> (K*(892)0 -> K+ pi-) (J/psi(1S) -> mu+ mu-)"


@cache
def decayed(text, n=20_000, p=0.0):
    momentum = np.tile([0.0, 0.0, p], (n, 1))
    ids = np.arange(n)
    return decay_tree(parse_decay(text).head, momentum, 1, "test", ids, 0 * ids)


def mass(momentum):
    return np.sqrt(np.maximum(momentum[..., 3] ** 2 - (momentum[..., :3] ** 2).sum(-1), 0))


@pytest.mark.parametrize(
    "text", [B0, "D0 -> K- pi+", "D+ -> K- pi+ pi+", "B+ -> pi+ pi- K+ pi- pi+"]
)
def test_four_momentum_is_conserved_at_every_step(text):
    made = decayed(text, 2000, 20_000.0)
    for k, node in enumerate(made.nodes):
        below = [j for j, m in enumerate(made.mother) if m == k]
        if below:
            total = made.momentum[:, below].sum(axis=1)
            assert np.allclose(total, made.momentum[:, k], rtol=1e-9, atol=1e-6)
        else:
            assert np.allclose(mass(made.momentum[:, k]), properties(node.pdg_id).mass, atol=0.01)
    assert np.allclose(made.momentum[:, 0, 2], 20_000.0)


def break_up(m, a, b):
    return np.sqrt(np.maximum((m**2 - (a + b) ** 2) * (m**2 - (a - b) ** 2), 0)) / (2 * m)


def test_three_bodies_fill_the_dalitz_plot_evenly():
    made = decayed("D+ -> K- pi+ pi+")
    k, a, b = (made.momentum[:, i] for i in (1, 2, 3))
    first, second = mass(k + a) ** 2, mass(k + b) ** 2
    # For a given first mass the second is flat between its limits.
    m, mk, mp = (properties(i).mass for i in (411, 321, 211))
    root = np.sqrt(first)
    e_pi, e_k = (m**2 - first - mp**2) / (2 * root), (first + mk**2 - mp**2) / (2 * root)
    p_pi, p_k = np.sqrt(e_pi**2 - mp**2), np.sqrt(e_k**2 - mk**2)
    low, high = ((e_pi + e_k) ** 2 - (p_pi + s * p_k) ** 2 for s in (1, -1))
    assert stats.kstest((second - low) / (high - low), "uniform").pvalue > 1e-3
    # And the first follows the width of the plot there.
    grid = np.linspace(mk + mp, m - mp, 2000)
    density = break_up(m, grid, mp) * break_up(grid, mk, mp)
    total = np.concatenate([[0], integrate.cumulative_trapezoid(density, grid)])
    cdf = np.interp(root, grid, total / total[-1])
    assert stats.kstest(cdf, "uniform").pvalue > 1e-3


def test_directions_are_isotropic():
    made = decayed("D0 -> K- pi+")
    p = made.momentum[:, 1, :3]
    unit = p / np.linalg.norm(p, axis=1)[:, None]
    for axis in range(3):
        assert stats.kstest(0.5 * (unit[:, axis] + 1), "uniform").pvalue > 1e-3


def test_resonances_follow_breit_wigner_times_phase_space():
    made = decayed(B0)
    kst = mass(made.momentum[:, 1])
    found = properties(313)
    m0, width = found.mass, found.width
    low = properties(321).mass + properties(211).mass
    grid = np.linspace(low, m0 + 10 * width, 4000)
    law = 2 * grid / ((grid**2 - m0**2) ** 2 + (m0 * width) ** 2)
    law *= break_up(grid, 493.677, 139.57039) / grid
    law *= break_up(5279.72, grid, properties(443).mass)
    total = np.concatenate([[0], integrate.cumulative_trapezoid(law, grid)])
    assert stats.kstest(np.interp(kst, grid, total / total[-1]), "uniform").pvalue > 1e-3
    assert np.ptp(mass(made.momentum[:, 4])) < 20 * properties(443).width


def test_four_bodies_agree_with_weights():
    made = decayed("D0 -> K- pi+ pi+ pi-", 10_000)
    pair = mass(made.momentum[:, 2] + made.momentum[:, 3])
    # The same by brute force: masses of the chain drawn flat, with weights.
    rng = np.random.default_rng(3)
    m, mk, mp = 1864.84, 493.677, 139.57039
    two = 2 * mp + (m - 3 * mp - mk) * rng.random(400_000)
    three = 2 * mp + mp + (m - 3 * mp - mk) * rng.random(400_000)
    weight = np.where(three > two + mp, break_up(two, mp, mp) * break_up(three, two, mp), 0)
    weight = weight * break_up(m, three, mk)
    edges = np.linspace(2 * mp, m - mp - mk, 15)
    expected = np.histogram(two, edges, weights=weight)[0]
    seen = np.histogram(pair, edges)[0]
    expected *= seen.sum() / expected.sum()
    enough = expected > 20
    chi2 = ((seen - expected)[enough] ** 2 / expected[enough]).sum()
    assert stats.chi2(enough.sum() - 1).sf(chi2) > 1e-3


def test_near_threshold_decays_are_made():
    made = decayed("D*(2010)+ -> (D0 -> K- pi+) pi+", 500)
    assert np.isfinite(made.momentum).all()


def test_boosts():
    own = np.array([[0.0, 0.0, 0.0, 5.0]])
    frame = np.array([[0.0, 3.0, 0.0, 5.0]])
    assert np.allclose(boost(own, frame, np.array([4.0])), 1.25 * frame)


@cache
def events(text, n=2000, seed=1):
    return concatenate(list(open_source(text, n_events=n, seed=seed)))


def test_heads_lifetimes_and_conjugates():
    batch = events(f"decay:{B0}?pt=1-20&eta=2-4.5")
    truth = Truth(batch)
    generated = find_generated(truth, parse_decay(B0))
    assert len(generated.head) > 1500
    p = truth.momentum[generated.head]
    pt, eta = np.hypot(p[:, 0], p[:, 1]), np.arcsinh(p[:, 2] / np.hypot(p[:, 0], p[:, 1]))
    assert pt.min() >= 1000 and pt.max() <= 20_000 and eta.min() >= 2 and eta.max() <= 4.5
    assert stats.kstest(truth.tau(generated.head), stats.expon(scale=1.5114e-3).cdf).pvalue > 1e-3
    assert stats.binomtest(int(generated.conjugated.sum()), len(generated.head)).pvalue > 1e-3
    assert not find_generated(
        Truth(events(f"decay:{B0}?cc=0", 200)), parse_decay(B0)
    ).conjugated.any()
    # All are born at the collision.
    at = batch.vertex.offsets[truth.event[generated.head]]
    assert np.allclose(truth.position(generated.head)[:, 2], batch.vertex["mc_z"][at])


def test_events_do_not_depend_on_the_cut():
    text = f"decay:{B0}?n=2"
    whole, start = events(text, 1500), events(text, 30)
    for name, values in start.particle.columns.items():
        assert np.array_equal(values, whole.events(0, 30).particle[name]), name
    assert list(start.particle.columns) == list(PARTICLE_COLUMNS)
    assert not np.array_equal(events(text, 30, 2).particle["mc_px"], start.particle["mc_px"])


def test_decays_join_collisions():
    host = truth_events(200, mean=2)
    generator = DecayGenerator("x", "D0 -> K- pi+ pi0", {"n": "2"})
    both = embed(host, generator, 1, "x")
    p, old = both.particle, host.particle
    local = np.arange(len(p)) - p.offsets[p.event_index]
    assert np.array_equal(p["mcparticle_id"], local)
    for event in (0, 57, 199):
        for name in PARTICLE_COLUMNS:
            here, there = (
                both.events(event, event + 1).particle,
                host.events(event, event + 1).particle,
            )
            assert np.array_equal(here[name][: len(there)], there[name])
    assert (p["mc_mother_id"] < p["mcparticle_id"]).all()
    truth = Truth(both)
    generated = find_generated(truth, parse_decay("D0 -> K- pi+ pi0"))
    assert len(generated.head) > 300
    place = both.vertex.offsets[truth.event[generated.head]] + p["mc_pv_id"][generated.head]
    assert np.array_equal(p["mc_vz"][generated.head], both.vertex["mc_z"][place])
    # Whatever chunks the host comes in.
    part = embed(host.events(50, 60), generator, 1, "x")
    assert np.array_equal(part.particle["mc_px"], both.events(50, 60).particle["mc_px"])
    assert len(p) > len(old)


def test_sources_by_name(tmp_path):
    path = tmp_path / "a+b.root"
    with EventWriter(path, metadata={}) as writer:
        writer.write(truth_events(50, mean=2))
    text = f"{path}+gun:mu-?p=3-100+decay:K(S)0 -> pi+ pi-?n=2+decay:D0 -> K- pi+"
    batch = events(text, 40)
    assert len(batch) == 40
    truth = Truth(batch)
    assert len(find_generated(truth, parse_decay("K(S)0 -> pi+ pi-")).head) > 60
    assert len(find_generated(truth, parse_decay("D0 -> K- pi+")).head) > 30
    assert (batch.particle["mc_pdg_id"] == 13).sum() >= 40
    plain = events(str(path), 40)
    assert len(plain) == 40 and len(plain.particle) < len(batch.particle)
    assert len(events("decay:D0 -> K- pi++gun:mu-", 5).particle) > 5


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("decay:D0 -> K- pi", "unknown particle 'pi'"),
        ("decay:D0 -> K- pi+?q=1", "unknown option 'q'"),
        ("decay:D0 -> K- pi+?pt=5-200", "pt must be a range"),
        ("decay:D0 -> K- pi+?eta=2-9", "eta must be a range"),
        ("decay:D0 -> K- pi+?n=0", "not a number of decays"),
        ("decay:D0 -> K- pi+?ecm=100", "spectra are known from 7 to 14"),
        ("decay:D0 -> K- pi+?cc=2", "it can be 0, 1"),
        ("+decay:D0 -> K- pi+", "name the source"),
        ("gun:pi++decay:D0 -> K+ K- pi+", "charge is not conserved"),
    ],
)
def test_bad_sources(text, says):
    with pytest.raises(LamarrLikeError, match=says):
        open_source(text, n_events=1, seed=1)
    with pytest.raises(SourceError, match="no end"):
        open_source("decay:D0 -> K- pi+", n_events=None, seed=1)
    assert issubclass(DecayError, LamarrLikeError)


def test_spectra():
    u = np.random.default_rng(1).random((50_000, 2))
    means = {}
    for pdg_id in (511, 421, 443, 310, 111):
        pt, eta = spectrum_of(pdg_id).draw(u, (0, 100), (2, 5))
        assert eta.min() >= 2 and eta.max() <= 5 and pt.min() >= 0
        means[pdg_id] = pt.mean()
    # In 2 < eta < 5 at 13 TeV Pythia 8.317 has 4.4 GeV for b, 1.7 for c, 0.69 and 0.46 for light.
    assert means[511] == pytest.approx(4900, rel=0.15)
    assert means[421] == pytest.approx(2000, rel=0.25)
    assert means[310] == pytest.approx(690, rel=0.25)
    assert means[111] == pytest.approx(460, rel=0.25)
    assert means[421] < means[443] < means[511]
    assert spectrum_of(511, 13.6).draw(u, (0, 100), (2, 5))[0].mean() > means[511]
    part = spectrum_of(511).draw(u, (3, 6), (2, 3))[0]
    assert part.min() >= 3000 and part.max() <= 6000


@pytest.mark.skipif(not FONLL.is_dir(), reason="needs ../shared/data")
@pytest.mark.parametrize(
    ("name", "pdg_id", "energy"),
    [("LHCb13", 511, 13.0), ("LHCb7", 511, 7.0), ("LHCc14", 421, 14.0), ("LHCc8", 421, 8.0)],
)
def test_spectra_are_those_of_fonll(name, pdg_id, energy):
    import uproot

    spectrum = spectrum_of(pdg_id, energy)
    with uproot.open(FONLL / f"{name}.root") as file:
        table, edges = file["pT"].to_numpy()
        eta_table, eta_edges = file["eta"].to_numpy()
    x = 0.5 * (edges[1:] + edges[:-1])
    law = x / (1 + (x / spectrum.p0) ** spectrum.a) ** spectrum.n
    gap = np.cumsum(table) / table.sum() - np.cumsum(law) / law.sum()
    assert np.abs(gap).max() < 0.01
    x = 0.5 * (eta_edges[1:] + eta_edges[:-1])
    use = (x > 2) & (x < 5)
    law = np.exp(spectrum.k2 * x**2 + spectrum.k4 * x**4)[use]
    gap = np.cumsum(eta_table[use]) / eta_table[use].sum() - np.cumsum(law) / law.sum()
    assert np.abs(gap).max() < 0.01
