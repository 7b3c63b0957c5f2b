"""The RICH detectors: thresholds, yields, resolution and the global likelihood."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lamarr_like import rng
from lamarr_like.detailed import geometry, matter, rich, rings, transport
from lamarr_like.detailed.parameters import DEFAULT

C4F10, CF4 = rich.radiators(DEFAULT)
E, MU, PI, K, P, BT = range(6)
HONEST = replace(
    DEFAULT,
    rich_tail=0.0,
    rich_shadow=0.0,
    rich_ring_error=(0.0, 0.0),
    rich_assumed=(1.0, 1.0),
    rich_expected=DEFAULT.rich_yield,
    rich_cluster=(0.0, 0.0),
    rich_unexplained=(1.0, 1.0),
)


@pytest.mark.parametrize("radiator", [C4F10, CF4])
@pytest.mark.parametrize("species", range(5))
def test_threshold_and_saturation(radiator, species):
    mass = matter.MASS[species]
    threshold = mass / np.sqrt(radiator.n**2 - 1.0)
    assert rich.cherenkov_angle(0.999 * threshold, mass, radiator.n) == 0.0
    assert rich.expected_yield(0.999 * threshold, mass, radiator) == 0.0
    assert rich.cherenkov_angle(1.001 * threshold, mass, radiator.n) > 0.0
    assert rich.expected_yield(1e7, mass, radiator) == pytest.approx(radiator.yield_, rel=1e-3)


@pytest.mark.parametrize(("radiator", "published"), [(C4F10, 24.5), (CF4, 17.6)])
def test_yield_follows_frank_and_tamm(radiator, published):
    mass = matter.MASS[matter.KAON]
    assert radiator.yield_ == published
    threshold = mass / np.sqrt(radiator.n**2 - 1.0)
    for p in threshold * np.array([1.1, 1.5, 3.0]):
        # sin^2(theta) / sin^2(theta_max) = 1 - (p_threshold / p)^2
        expected = published * (1.0 - (threshold / p) ** 2)
        assert rich.expected_yield(p, mass, radiator) == pytest.approx(expected, rel=1e-9)
        keys = rng.stream_keys(1, "tests/yield", np.arange(4000))
        slope = radiator.theta_whole
        counts, theta = rich.photon_angles(keys, (slope, slope, p), matter.KAON, radiator)
        assert counts.mean() == pytest.approx(expected, abs=4 * np.sqrt(expected / 4000))
        assert counts.var() == pytest.approx(expected, rel=0.12)
        assert len(theta) == counts.sum()


@pytest.mark.parametrize(("radiator", "published"), [(C4F10, 1.618e-3), (CF4, 0.68e-3)])
def test_angle_per_photon(radiator, published):
    keys = rng.stream_keys(1, "tests/angle", np.arange(2000))
    slope = radiator.theta_whole
    _, theta = rich.photon_angles(keys, (slope, slope, 1e5), matter.MUON, radiator)
    expected = rich.cherenkov_angle(1e5, matter.MASS[matter.MUON], radiator.n)
    low, middle, high = np.quantile(theta, [0.15865, 0.5, 0.84135])
    assert middle == pytest.approx(expected, abs=3e-5)
    assert (high - low) / 2.0 == pytest.approx(published, rel=0.03)


def test_acceptance():
    for radiator in (C4F10, CF4):
        inner, whole = radiator.theta_min, radiator.theta_whole
        assert rich.acceptance(whole, 0.0, radiator) == 1.0
        assert rich.acceptance(0.0, 0.5 * (inner + whole), radiator) == pytest.approx(0.5)
        assert rich.acceptance(inner, 0.0, radiator) == 0.0
        end, width = radiator.outer_end, radiator.outer_width
        inside = (end - width) * radiator.slope_x
        assert rich.acceptance(inside, 0.0, radiator) == pytest.approx(1.0)
        assert rich.acceptance(end * radiator.slope_x, 0.0, radiator) == 0.0
        assert rich.acceptance(0.0, end * radiator.slope_y, radiator) == 0.0


def dlls(species, p, *, n=200, others=0, known=None, par=DEFAULT, seed=1):
    """DLLs of one track of `species` in each of `n` events with `others` further pions.

    The likelihood knows `known` of these, all where not given.
    """
    directions = rng.uniforms(seed, "tests/dll", np.arange(n), 0, 2 + 3 * others)
    out = np.empty((n, 6))
    for e in range(n):
        u = directions[e]
        tracks = np.ones((1 + others, 2, 6))
        angles = 2.0 * np.pi * np.append(u[0], u[2::3])
        slopes = np.append(0.06, 0.02 + 0.1 * u[3::3])
        tracks[:, :, 0] = (slopes * np.cos(angles))[:, None]
        tracks[:, :, 1] = (slopes * np.sin(angles))[:, None]
        tracks[:, :, 2] = np.append(p, 4e3 + 3e4 * u[4::3])[:, None]
        tracks[:, :, 3:5] = tracks[:, :, :2]
        kinds = np.full(1 + others, matter.PION)
        kinds[0] = species
        keys = rng.stream_keys(seed, "tests/dll-event", np.full(2, e), np.arange(2))
        seen = tracks if known is None else tracks[: 1 + known]
        out[e] = rich.rich_dlls(keys, tracks, np.stack([kinds, kinds], axis=1), seen, par)[0]
    return out


def test_hypotheses_below_threshold_are_exactly_equal():
    # At 5 GeV kaon and proton are below both thresholds, at 2.3 GeV the pion as well.
    dll = dlls(matter.PION, 5000.0)
    assert (dll[:, K] == dll[:, P]).all()
    assert (dll[:, K] == dll[:, BT]).all()
    assert (dll[:, MU] != dll[:, K]).any()
    dll = dlls(matter.PION, 2300.0)
    assert (dll[:, [PI, K, P, BT]] == 0.0).all()
    assert (dll[:, [E, MU]] != 0.0).all()
    # Between the kaon and the proton threshold of C4F10 only the proton is below.
    dll = dlls(matter.PION, 12_000.0)
    assert (dll[:, P] == dll[:, BT]).all()
    assert (dll[:, K] != dll[:, P]).any()


def test_no_radiator_no_information():
    tracks = np.zeros((3, 2, 6))
    tracks[0, :, :] = (0.06, 0.0, 2e4, 0.06, 0.0, 1.0)
    keys = rng.stream_keys(1, "tests/none", np.zeros(2, np.int64), np.arange(2))
    emitters = tracks.copy()
    tracks[1, :, :] = (0.06, 0.0, 0.0, 0.06, 0.0, 1.0)  # never came
    tracks[2, :, :] = (0.06, 0.0, 2e4, 0.5, 0.5, 1.0)  # outside
    dll = rich.rich_dlls(keys, emitters, np.full((3, 2), matter.PION), tracks, DEFAULT)
    assert (dll[0, [E, MU, K, P, BT]] != 0.0).all()
    assert (dll[1:] == 0.0).all()
    assert (dll[:, PI] == 0.0).all()


def test_no_tracks():
    keys = rng.stream_keys(1, "tests/none", np.zeros(2, np.int64), np.arange(2))
    nobody = np.zeros((0, 2, 6))
    assert rich.rich_dlls(keys, nobody, np.zeros((0, 2), np.int64), nobody, DEFAULT).shape == (0, 6)


def separation(p, **options):
    """Distance of the means of kaons and pions over their spread."""
    kaon = dlls(matter.KAON, p, seed=1, **options)[:, K]
    pion = dlls(matter.PION, p, seed=2, **options)[:, K]
    return (kaon.mean() - pion.mean()) / np.sqrt(0.5 * (kaon.var() + pion.var()))


def test_separation_falls_with_momentum():
    values = [separation(p) for p in (20e3, 40e3, 70e3, 110e3)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 4.0
    assert 0.3 < values[-1] < 2.0


def test_separation_falls_with_occupancy():
    quiet, crowded = separation(30e3, n=100), separation(30e3, n=100, others=80)
    assert crowded < 0.9 * quiet


def test_kaons_are_told_from_pions():
    kaon, pion = (dlls(s, 25e3, others=20)[:, K] for s in (matter.KAON, matter.PION))
    assert (kaon > 0).mean() > 0.93
    assert (pion > 0).mean() < 0.1


def test_each_species_likes_itself_best_on_average():
    for species, mine in ((matter.KAON, K), (matter.PROTON, P), (matter.PION, PI)):
        mean = dlls(species, 25e3).mean(axis=0)
        assert mean[mine] == max(mean[[PI, K, P]])


def test_the_likelihood_is_honest_where_the_model_is():
    """P(DLLK > c | pion) <= exp(-c) P(DLLK > c | kaon) for a true likelihood ratio."""
    kaon = dlls(matter.KAON, 90e3, n=1500, par=HONEST, seed=1)[:, K]
    pion = dlls(matter.PION, 90e3, n=1500, par=HONEST, seed=2)[:, K]
    for cut in (1.0, 2.0):
        assert (pion > cut).mean() < 1.6 * np.exp(-cut) * (kaon > cut).mean() + 0.01


def test_errors_that_the_likelihood_does_not_know_of_make_it_overconfident():
    shares = {}
    for name, par in (("honest", HONEST), ("shipped", DEFAULT)):
        kaon = dlls(matter.KAON, 90e3, n=600, par=par, seed=1)[:, K]
        pion = dlls(matter.PION, 90e3, n=600, par=par, seed=2)[:, K]
        shares[name] = (pion > 2.0).mean(), (kaon > 4.0).mean()
    # Both grow: the wrong-side tail of pions and the efficiency of a hard cut.
    assert shares["shipped"][0] > 2.0 * shares["honest"][0]
    assert shares["shipped"][1] > shares["honest"][1]


def test_hidden_rings_look_like_kaons():
    """Below the kaon threshold a pion without photons is taken for a kaon."""
    clear, hidden = (
        (dlls(matter.PION, 7e3, n=500, par=replace(DEFAULT, rich_shadow=s))[:, K] > 5.0).mean()
        for s in (0.0, 0.5)
    )
    assert clear < 0.01
    assert 0.03 < hidden < 0.3


def test_clusters_of_hits():
    """They come in bunches of 1 + size hits that lie together, near the particle."""
    radiator = C4F10._replace(cluster=1.0)
    emitter = np.array([0.05, -0.02, 2e4, 0.05, -0.02, 1.0])
    photons = np.empty((200, 3))
    keys = rng.stream_keys(1, "tests/clusters", np.arange(4000), 0)
    counts = np.array(
        [rich._clusters(photons, 0, emitter, radiator, keys[i : i + 1]) for i in range(4000)]
    )
    # A Poisson number of mean 1; the size is exponential and Poisson, so its variance is known.
    size = radiator.cluster_size
    assert (counts == 0).mean() == pytest.approx(np.exp(-1.0), abs=0.03)
    assert counts.mean() == pytest.approx(1.0 + size, rel=0.08)
    assert counts.var() == pytest.approx((1.0 + size) ** 2 + size + size**2, rel=0.2)
    few = C4F10._replace(cluster=0.02)
    for key in rng.stream_keys(2, "tests/clusters", np.arange(300), 0):
        n = rich._clusters(photons, 0, emitter, few, np.array([key]))
        slopes = photons[:n, :2] / photons[:n, 2:]
        assert (np.abs(slopes - emitter[:2]) < 2.3 * 0.053 + 6e-3).all()
    assert C4F10.cluster > 0.0
    assert rich._clusters(photons, 0, emitter, C4F10._replace(cluster=0.0), keys[:1]) == 0


def test_a_larger_believed_yield_makes_missing_rings_worth_more():
    """Kaons below the threshold are told by what a pion should have given."""
    par = replace(DEFAULT, rich_expected=DEFAULT.rich_yield)
    fewer, more = (dlls(matter.KAON, 7e3, others=40, par=q)[:, K].mean() for q in (par, DEFAULT))
    assert more > 1.2 * fewer > 0.0


def test_rings_without_a_track_cost_separation():
    known, unknown = (separation(40e3, n=300, others=60, known=k) for k in (60, 0))
    assert unknown < 0.97 * known


def test_emitters_shine_over_their_path():
    sim = transport._empty(4)
    sim.rich[:] = (0.05, 0.02, 2e4, 100.0, 40.0)
    sim.start[1, 2] = 1525.0  # half of the first radiator
    sim.start[2, 2] = 3000.0
    sim.end_z[3] = 10_600.0  # half of the second one
    planes = geometry.build_planes(DEFAULT)
    out = rings.emitters(sim, planes, DEFAULT)
    assert out.shape == (4, 2, 6)
    assert out[:, 0, 5].tolist() == pytest.approx([1.0, 0.5, 0.0, 1.0])
    assert out[:, 1, 5].tolist() == pytest.approx([1.0, 1.0, 1.0, 0.5])
    z = [planes.z[planes.kind == kind][0] for kind in (geometry.RICH1, geometry.RICH2)]
    assert out[0, :, 3] == pytest.approx(100.0 / np.array(z))
    assert out[0, :, 4] == pytest.approx(40.0 / np.array(z))


def test_a_short_path_looks_like_no_ring():
    """A pion that shines over a quarter of the gas is taken for a kaon below its threshold."""
    means = []
    for share in (1.0, 0.25):
        tracks = np.zeros((1, 2, 6))
        tracks[0, :] = (0.06, 0.0, 7e3, 0.06, 0.0, share)
        kinds = np.full((1, 2), matter.PION)
        keys = rng.stream_keys(1, "tests/path", np.repeat(np.arange(200), 2), np.tile([0, 1], 200))
        pairs = keys.reshape(-1, 2)
        means.append(
            np.mean([rich.rich_dlls(k, tracks, kinds, tracks, HONEST)[0, K] for k in pairs])
        )
    assert means[0] < -20.0
    assert means[1] > 5.0
