"""The muon system: range, fields of interest, isMuon, mis-identification, likelihoods."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from detector_samples import transported

from lamarr_like import rng
from lamarr_like.detailed import geometry, matter, pattern, reconstruction
from lamarr_like.detailed.arrivals import Arrivals, Pointing, arrivals, pointing
from lamarr_like.detailed.muon import (
    Matched,
    field_of_interest,
    log_likelihoods,
    match,
    passes_is_muon,
    simulate_muons,
)
from lamarr_like.detailed.muon_hits import _go, muon_hits
from lamarr_like.detailed.muon_system import mean_loss, region_of, system
from lamarr_like.detailed.parameters import DEFAULT
from lamarr_like.errors import SchemaError
from lamarr_like.events import EventBatch, Table
from lamarr_like.io.sources import open_source
from lamarr_like.statistics.matching import where
from lamarr_like.validation.detector import muon_curves
from lamarr_like.validation.detector.curves import share_curve

QUIET = replace(DEFAULT, muon_stray=(0.0,) * 4, muon_noise=(0.0,) * 4)
IDEAL = replace(QUIET, muon_efficiency=1.0)
SYSTEM = system(DEFAULT)


def incoming(n, *, p, species=matter.MUON, tx=0.10, ty=0.06, shift=0.0):
    """One particle an event, from the origin; p may be an array."""
    z = DEFAULT.spd_z
    whole = (np.arange(n), np.zeros(n, np.int64), np.zeros(n, np.int64))
    state = (tx * z + shift, ty * z, tx, ty, p)
    x, y, tx, ty, p = (np.broadcast_to(np.asarray(v, np.float64), n) for v in state)
    kind = np.broadcast_to(np.asarray(species, np.int64), n)
    return Arrivals(*whole, x, y, tx, ty, p, kind, np.ones(n, np.int64))


def tracks_of(arrived):
    """Tracks that point exactly along the particles."""
    n = len(arrived.event)
    return Pointing(
        *(arrived.event, np.arange(n), np.full(n, 3)),
        *(arrived.x, arrived.y, arrived.tx, arrived.ty, arrived.p),
        *(arrived.charge, np.zeros((n, 5)), arrived.mcparticle_id),
    )


def fired(arrived, par=IDEAL, seed=1):
    """Whether each event has hits in each station, shape (n, 4)."""
    n = len(arrived.event)
    hits = muon_hits(arrived, np.arange(n), seed, par)
    has = np.zeros((n, 4), bool)
    has[np.repeat(np.arange(n), np.diff(hits.offsets)), hits.station] = True
    return has


def simulated(source, n, seed=1):
    """Arrivals and tracks of a gun through the whole detector, and the species of the tracks."""
    (batch,) = open_source(source, n_events=n, seed=seed).batches()
    planes = geometry.build_planes(DEFAULT)
    rows, sim = transported(batch, seed, planes, DEFAULT)
    event = batch.particle.event_index[rows[sim.row]]
    offsets = np.searchsorted(event, np.arange(n + 1))
    ids = batch.event["event_id"].astype(np.int64)
    local = np.arange(len(event)) - offsets[event]
    link = batch.particle["mcparticle_id"][rows[sim.row]].astype(np.int64)
    u = rng.uniforms(seed, "detailed/pattern", ids[event], local, 4)
    able = pattern.reconstructible(sim, DEFAULT)
    found = pattern.find(sim, able, event, u, n, DEFAULT)
    ghosts = pattern.find_ghosts(sim, found, offsets, ids[event], seed, DEFAULT)
    tracks = reconstruction.reconstruct(
        sim, found, ghosts, event, ids[event], seed, planes, DEFAULT
    )
    owner = event[tracks.velo_row]
    to = pointing(sim, tracks, owner, ids[owner], link, seed, DEFAULT)
    pdg = np.abs(batch.particle["mc_pdg_id"][rows[sim.row[tracks.t_row]]])
    real = (sim.generation[tracks.t_row] == 0) & ~tracks.is_ghost & (tracks.track_type == 3)
    return ids, arrivals(sim, event, local, link), to, np.where(real, pdg, 0)


@pytest.fixture(scope="module")
def muon_gun():
    return simulated("gun:mu+,mu-?p=3-100&eta=2.1-4.6&n=4", 900)


@pytest.fixture(scope="module")
def hadron_gun():
    return simulated("gun:pi+,pi-,K+,K-,p,p~?p=3-60&eta=2.1-4.6&n=20", 600)


# --- range and matter


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        (1.2e3, (0, 0, 0, 0)),
        (2.3e3, (1, 0, 0, 0)),
        (3.3e3, (1, 1, 0, 0)),
        (4.4e3, (1, 1, 1, 0)),
        (6e3, (1, 1, 1, 1)),
        (5e4, (1, 1, 1, 1)),
    ],
)
def test_range_of_muons(p, expected):
    assert fired(incoming(300, p=p)).mean(axis=0) == pytest.approx(expected, abs=0.07)


def test_three_and_six_gev_are_the_thresholds_of_the_logic():
    share = fired(incoming(4000, p=np.geomspace(2e3, 8e3, 4000)))
    p = np.geomspace(2e3, 8e3, 4000)
    assert share[p > 3e3, 1].mean() > 0.98
    assert share[p > 6e3].mean() > 0.98
    assert not share[p < 3e3, 2].any()


def test_loss_of_energy():
    mass = matter.MASS[matter.MUON]
    assert mean_loss(360.0, mass, 100.0) == pytest.approx(100.0, rel=0.01)
    # Iron, over the minimum of 1.451 MeV cm2/g: 10 GeV 1.9 (with radiation), 100 GeV 2.5 [PDG]
    assert mean_loss(1e4, mass, 1.451) == pytest.approx(1.83, rel=0.05)
    assert mean_loss(1e5, mass, 1.451) == pytest.approx(2.5, rel=0.05)
    # Slow particles lose as 1 / beta^2, whatever their mass.
    for kind in (matter.MUON, matter.PION, matter.PROTON):
        slow = matter.MASS[kind]  # beta^2 = 1/2
        assert mean_loss(slow, matter.MASS[kind], 1.0) == pytest.approx(2.0, rel=0.01)


def test_scattering_falls_with_momentum_as_highland_says():
    def width(p):
        n = 4000
        a = incoming(n, p=p)
        hits = muon_hits(a, np.arange(n), 3, IDEAL)
        m2 = hits.station == 0
        event = np.repeat(np.arange(n), np.diff(hits.offsets))[m2]
        dz = SYSTEM.z[0] - DEFAULT.spd_z
        return np.std(hits.place[m2, 0] - a.x[event] - a.tx[event] * dz)

    # ECAL and HCAL by hand: angle times distance of the middle to M2, and the spread inside.
    p = 2e4
    blocks = np.array(DEFAULT.muon_matter[:2])
    theta = 13.6 / p * np.sqrt(blocks[:, 2]) * (1 + 0.038 * np.log(blocks[:, 2])) * 1.007
    lever = SYSTEM.z[0] - blocks[:, :2].mean(axis=1)
    thick = blocks[:, 1] - blocks[:, 0]
    expected = np.sqrt(np.sum(theta**2 * (lever**2 + thick**2 / 12.0)) + 25.0**2 / 12.0)
    assert width(p) == pytest.approx(expected, rel=0.08)
    assert width(5e3) / width(1e5) > 3.0


# --- pads and hits


def test_published_pads():
    first = SYSTEM.pad
    expected = [(6.3, 31), (6.7, 34), (29, 36), (31, 39)]
    for station in range(4):
        assert first[station] == pytest.approx(expected[station], abs=0.6)
    assert first[0] * 8 == pytest.approx((50, 250))


def test_regions():
    inner = DEFAULT.muon_inner
    for factor, region in (
        (0.9, -1),
        (1.1, 0),
        (2.1, 1),
        (4.1, 2),
        (8.1, 3),
        (15.9, 3),
        (16.1, -1),
    ):
        assert region_of(factor * inner[0], 0.0, 0, SYSTEM) == region
        assert region_of(0.0, -factor * inner[1], 0, SYSTEM) == region
        # Projective: the same direction meets the same region everywhere.
        scale = SYSTEM.z[3] / SYSTEM.z[0]
        assert region_of(factor * inner[0] * scale, 0.0, 3, SYSTEM) == region


def test_hits_sit_on_pads(hadron_gun):
    ids, arrived, _, _ = hadron_gun
    hits = muon_hits(arrived, ids, 1, DEFAULT)
    assert hits.offsets[-1] == len(hits.station) == len(hits.place) > 1000
    assert (np.diff(hits.offsets) >= 0).all()
    for (x, y, wx, wy), s in zip(hits.place[:500], hits.station[:500], strict=True):
        scale = 2.0 ** region_of(x, y, s, SYSTEM)
        assert (2 * wx, 2 * wy) == pytest.approx(SYSTEM.pad[s] * scale)
        assert x / (2 * wx) % 1 == pytest.approx(0.5)
        assert y / (2 * wy) % 1 == pytest.approx(0.5)


def test_station_efficiency():
    share = fired(incoming(20000, p=5e4), QUIET).mean(axis=0)
    assert share == pytest.approx(np.full(4, DEFAULT.muon_efficiency), abs=0.002)


def test_electrons_and_photons_stop():
    kinds = np.repeat([matter.ELECTRON, matter.PHOTON], 200)
    assert not fired(incoming(400, p=5e4, species=kinds)).any()


def test_hadrons_leak_less_behind_more_iron_and_more_at_high_momentum():
    low, high = (fired(incoming(6000, p=p, species=matter.PION)).mean(axis=0) for p in (1e4, 6e4))
    assert (np.diff(low) <= 0).all()
    assert low[0] > 5 * low[1]
    assert (high[:3] > low[:3]).all()
    assert 0.02 < low[0] < 0.2
    assert 0.2 < high[0] < 0.7
    proton = fired(incoming(6000, p=1e4, species=matter.PROTON)).mean(axis=0)
    assert proton[0] < low[0]  # shorter interaction length


def test_decays_on_the_way():
    """A muon of a kaon takes its place where it decays, with a kink of at most 236 MeV / p."""
    z0, z, p = 12_320.0, 15_200.0, 8e3
    kinks, kinds = [], []
    for key in rng.stream_keys(1, "tests/decay", np.arange(400), 0):
        ray = np.array([100.0, 0.0, 0.1, 0.0, p, z0])
        kind, later = _go(ray, z, matter.KAON, 13_000.0, np.array([key]))
        assert later == matter.NEVER and ray[5] == z and ray[4] < p
        start = 100.0 + 0.1 * (13_000.0 - z0)
        assert ray[0] == pytest.approx(start + ray[2] * (z - 13_000.0))
        kinds.append(kind)
        kinks.append(ray[4] * np.hypot(ray[2] - 0.1, ray[3]))
    kinks, kinds = np.array(kinks), np.array(kinds)
    assert (kinds == matter.MUON).mean() == pytest.approx(0.636, abs=0.08)
    # Slopes about 0.1 are longer than angles by up to 1 + 0.1^2.
    assert 200.0 < kinks[kinds == matter.MUON].max() < 1.02 * 236.0
    ray = np.array([100.0, 0.0, 0.1, 0.0, p, z0])
    assert _go(ray, z, matter.KAON, z + 1.0, rng.stream_keys(1, "t", np.arange(1), 0)) == (
        matter.KAON,
        z + 1.0,
    )
    assert ray[4] == p and ray[0] == pytest.approx(100.0 + 0.1 * (z - z0))


def test_kaons_decay_in_front_of_the_muon_system_more_often_than_pions():
    """Without leakage, hits in M2 and M3 are those of decays and of what never showers."""
    clean = replace(IDEAL, muon_leak=0.0, muon_cascade=0.0)
    found = {}
    for kind in (matter.PION, matter.KAON, matter.PROTON):
        has = fired(incoming(40_000, p=12e3, species=kind), clean)
        found[kind] = (has[:, 0] & has[:, 1]).mean()
    # 0.6 m on average until they interact, of a decay length of 90 m; muons above 4 GeV of 0.636
    assert found[matter.KAON] - found[matter.PROTON] == pytest.approx(0.0035, abs=0.0015)
    # pions: 670 m, all to muons, which keep at least 0.57 of the momentum
    assert found[matter.PION] - found[matter.PROTON] == pytest.approx(0.0015, abs=0.0012)


def test_stray_hits_follow_the_hadrons_and_fall_with_the_radius():
    n = 400
    few, many = incoming(n, p=3e3, species=matter.PROTON), incoming(10 * n, p=3e3, species=4)
    many = many._replace(event=np.repeat(np.arange(n), 10))
    counts = [muon_hits(a, np.arange(n), 1, DEFAULT) for a in (few, many)]
    per_event = [len(h.station) / n for h in counts]
    expected = 9 * sum(DEFAULT.muon_stray)
    assert per_event[1] - per_event[0] == pytest.approx(expected, rel=0.25)
    loud = replace(DEFAULT, muon_noise=(200.0,) * 4)
    hits = muon_hits(few, np.arange(n), 1, loud)
    r = np.hypot(*hits.place[hits.station == 0, :2].T)
    inside = [((r > a) & (r < 2 * a)).sum() for a in (600.0, 1200.0, 2400.0)]
    assert np.std(inside) / np.mean(inside) < 0.1  # a density of 1 / r^2


# --- isMuon


@pytest.mark.parametrize("hits", range(16))
def test_is_muon_logic(hits):
    m2, m3, m4, m5 = (bool(hits >> i & 1) for i in range(4))
    both = m2 and m3
    table = {
        2999.9: False,
        3000.0: both,
        5999.9: both,
        6000.0: both and (m4 or m5),
        9999.9: both and (m4 or m5),
        10000.0: both and m4 and m5,
        1e6: both and m4 and m5,
    }
    for p, expected in table.items():
        assert bool(passes_is_muon(p, m2, m3, m4, m5)) == expected


def test_field_of_interest():
    row = np.array([2.0, 10.0, 0.1])
    assert field_of_interest(1e4, row) == pytest.approx(2.0 + 10.0 * np.exp(-1.0))
    assert field_of_interest(1e9, row) == pytest.approx(2.0)


def test_hits_outside_the_field_do_not_count():
    near = incoming(500, p=5e4)
    for shift, expected in ((0.0, 0.97), (400.0, 0.0)):
        tracks = tracks_of(near)._replace(x=near.x + shift)
        columns = simulate_muons(near, tracks, np.arange(500), 1, QUIET)
        assert columns["is_muon"].mean() == pytest.approx(expected, abs=0.03)
        assert columns["in_muon"].all()


def test_efficiency(muon_gun):
    ids, arrived, tracks, pdg = muon_gun
    columns = simulate_muons(arrived, tracks, ids, 1, DEFAULT)
    mine = (pdg == 13) & columns["in_muon"]
    for low, high, least, most in ((3e3, 1e4, 0.955, 0.995), (1e4, 1e5, 0.97, 0.992)):
        inside = mine & (tracks.p > low) & (tracks.p < high)
        assert inside.sum() > 800
        assert least < columns["is_muon"][inside].mean() < most
    assert not columns["is_muon"][tracks.p < 3e3].any()


def test_mis_identification(hadron_gun):
    ids, arrived, tracks, pdg = hadron_gun
    columns = simulate_muons(arrived, tracks, ids, 1, DEFAULT)

    def share(kinds, low, high):
        inside = np.isin(pdg, kinds) & columns["in_muon"] & (tracks.p > low) & (tracks.p < high)
        assert inside.sum() > 400
        return columns["is_muon"][inside].mean()

    assert 0.015 < share([211, 321], 3e3, 6e3) < 0.08
    assert 0.003 < share([211, 321], 1e4, 6e4) < 0.025
    assert share([2212], 3e3, 6e4) < 0.015
    # Decays in flight: protons have none.
    assert share([2212], 3e3, 6e4) < share([211, 321], 3e3, 6e4)


def test_mis_identification_grows_with_random_hits(hadron_gun):
    ids, arrived, tracks, pdg = hadron_gun
    shares = []
    for factor in (0.0, 5.0, 25.0):  # the gun's events are emptier than collisions
        stray = tuple(factor * v for v in DEFAULT.muon_stray)
        par = replace(DEFAULT, muon_stray=stray)
        columns = simulate_muons(arrived, tracks, ids, 1, par)
        shares.append(columns["is_muon"][(pdg != 0) & columns["in_muon"]].mean())
    assert shares[0] < shares[1] < shares[2]
    assert shares[2] > 2 * shares[0]


# --- likelihoods


def matched(d2, region=1, missing=0, around=0, is_muon=True):
    d2 = np.asarray(d2, np.float64)
    n = len(d2)
    flags = (np.ones(n, bool), np.full(n, is_muon))
    counts = (np.full(n, v) for v in (missing, around))
    return Matched(*flags, np.full(n, region), d2, *counts)


@pytest.mark.parametrize("region", range(4))
@pytest.mark.parametrize("p", [4e3, 8e3, 5e4])
def test_likelihoods_are_smooth_and_opposite_in_d2(region, p):
    d2 = np.geomspace(0.1, 1e3, 200)
    mu, background = log_likelihoods(np.full(200, p), matched(d2, region), DEFAULT)
    assert (np.diff(mu) < 0).all() and (np.diff(background) > 0).all()
    assert np.abs(np.diff(mu)).max() < 0.2
    assert (mu < 0).all() and (background < 0).all()


def test_likelihoods_know_of_other_hits():
    p = np.full(1, 8e3)
    mu, background = log_likelihoods(p, matched([3.0]), DEFAULT)
    for change in ({"around": 4}, {"missing": 1}):
        less, more = log_likelihoods(p, matched([3.0], **change), DEFAULT)
        assert less - more < mu - background
    # Above 10 GeV no station may be missing, below 6 GeV none is asked for.
    for momentum in (5e3, 2e4):
        p = np.full(1, momentum)
        same = [log_likelihoods(p, matched([3.0], missing=m), DEFAULT)[0] for m in (0, 1)]
        assert same[0] == same[1]


def test_no_likelihood_without_is_muon():
    for values in log_likelihoods(np.full(3, 2e4), matched([0.0] * 3, -1, is_muon=False), DEFAULT):
        assert (values == 0.0).all()


def test_share_of_muons_is_uniform(muon_gun):
    ids, arrived, tracks, pdg = muon_gun
    columns = simulate_muons(arrived, tracks, ids, 1, DEFAULT)
    found = match(muon_hits(arrived, ids, 1, DEFAULT), tracks, SYSTEM, DEFAULT)
    plain = found._replace(around=np.zeros_like(found.around), missing=np.zeros_like(found.missing))
    # Without further hits the share of muons with a larger D^2 is left, times a constant.
    constant = np.log1p(DEFAULT.muon_around[0])
    share = np.exp(log_likelihoods(tracks.p, plain, DEFAULT)[0] + constant)
    mine = (pdg == 13) & columns["is_muon"] & (tracks.p > 1e4)
    assert share[mine].mean() == pytest.approx(0.5, abs=0.04)


def test_likelihoods_separate(muon_gun, hadron_gun):
    differences = {}
    for sample, kind in ((muon_gun, 13), (hadron_gun, 2212), (hadron_gun, 211)):
        ids, arrived, tracks, pdg = sample
        found = []
        for seed in range(4):
            columns = simulate_muons(arrived, tracks, ids, seed, DEFAULT)
            mine = (pdg == kind) & columns["is_muon"]
            found.append((columns["muon_mu_ll"] - columns["muon_bg_ll"])[mine])
            assert np.isfinite(columns["muon_mu_ll"]).all()
            assert (columns["muon_mu_ll"][columns["is_muon"]] < 0.0).all()
            assert (columns["muon_bg_ll"][~columns["is_muon"]] == 0.0).all()
        differences[kind] = np.concatenate(found)
    mu, pi, p = (differences[k] for k in (13, 211, 2212))
    assert np.median(mu) > np.median(pi) > np.median(p)
    assert np.mean(np.sort(p)[:, None] < np.median(mu)) > 0.85


def test_likelihoods_are_no_functions_of_one_another(muon_gun):
    ids, arrived, tracks, pdg = muon_gun
    columns = simulate_muons(arrived, tracks, ids, 1, DEFAULT)
    mine = (pdg == 13) & columns["is_muon"] & (tracks.p > 1e4)
    mu, background = (columns[c][mine] for c in ("muon_mu_ll", "muon_bg_ll"))
    correlation = np.corrcoef(np.argsort(np.argsort(mu)), np.argsort(np.argsort(background)))[0, 1]
    assert -0.95 < correlation < 0.0


# --- batches


def part_of(sample, first, last):
    ids, arrived, tracks, _ = sample

    def cut(rows):
        inside = (rows.event >= first) & (rows.event < last)
        kept = type(rows)(*(v[inside] for v in rows))
        return kept._replace(event=kept.event - first)

    return ids[first:last], cut(arrived), cut(tracks)


def test_events_do_not_depend_on_chunks(hadron_gun):
    ids, arrived, tracks, _ = hadron_gun
    whole = simulate_muons(arrived, tracks, ids, 5, DEFAULT)
    parts = []
    for first, last in ((0, 1), (1, 250), (250, 250), (250, 600)):
        i, a, t = part_of(hadron_gun, first, last)
        parts.append(simulate_muons(a, t, i, 5, DEFAULT))
    for name, values in whole.items():
        assert np.array_equal(values, np.concatenate([p[name] for p in parts]))
    other = simulate_muons(arrived, tracks, ids, 6, DEFAULT)
    assert (whole["muon_mu_ll"] != other["muon_mu_ll"]).any()


def test_hits_do_not_depend_on_the_tracks(hadron_gun):
    ids, arrived, tracks, _ = hadron_gun
    whole = simulate_muons(arrived, tracks, ids, 5, DEFAULT)
    some = np.arange(len(tracks.event)) % 3 == 0
    few = simulate_muons(arrived, Pointing(*(v[some] for v in tracks)), ids, 5, DEFAULT)
    assert np.array_equal(few["muon_bg_ll"], whole["muon_bg_ll"][some])


def test_empty_inputs():
    nothing = incoming(0, p=1e4)
    for n_events in (0, 3):
        columns = simulate_muons(nothing, tracks_of(nothing), np.arange(n_events), 1, DEFAULT)
        assert [v.shape for v in columns.values()] == [(0,)] * 4
    lonely = tracks_of(incoming(2, p=2e4))
    columns = simulate_muons(nothing, lonely, np.arange(2), 1, QUIET)
    assert columns["in_muon"].all() and not columns["is_muon"].any()
    assert columns["muon_mu_ll"].tolist() == [0.0, 0.0]
    assert (columns["in_muon"].dtype, columns["muon_mu_ll"].dtype) == (np.bool_, np.float64)


def test_tracks_outside():
    a = incoming(5, p=2e4)
    tracks = tracks_of(a)
    x = a.x.copy()
    x[:3] = np.nan, 5500.0, 50.0
    tx, y, ty = a.tx.copy(), a.y.copy(), a.ty.copy()
    tx[1:3] = 0.4, 0.0
    y[2], ty[2] = 50.0, 0.0
    columns = simulate_muons(
        a, tracks._replace(x=x, tx=tx, y=y, ty=ty), np.arange(5), 1, replace(IDEAL, muon_leak=0.0)
    )
    assert columns["in_muon"].tolist() == [False, False, False, True, True]
    assert not columns["is_muon"][:3].any()


# --- curves


def sample_with_columns(sample):
    """Events with what the curves need."""
    ids, arrived, tracks, pdg = sample
    columns = simulate_muons(arrived, tracks, ids, 1, DEFAULT)
    n = len(ids)
    offsets = np.searchsorted(tracks.event, np.arange(n + 1))
    rows = Table({"mcparticle_id": np.arange(len(pdg)) - offsets[tracks.event]}, offsets)
    origin = tracks.origin
    eta = np.arcsinh(1.0 / np.hypot(origin[:, 3], origin[:, 4]))
    track = rows.with_columns(
        track_type=tracks.track_type,
        origin=np.where(pdg > 0, 0, 2),
        p=tracks.p,
        eta=eta,
        **columns,
    )
    event = {"event_id": ids, "n_tracks": np.diff(offsets)}
    return EventBatch(
        {
            "event": Table(event, np.arange(n + 1)),
            "particle": rows.with_columns(mc_pdg_id=pdg),
            "track": track,
        }
    )


def test_curves(hadron_gun, muon_gun):
    tracks = muon_curves.muon_tracks(sample_with_columns(hadron_gun))
    assert set(np.unique(tracks["species"])) == {211, 321, 2212}
    pions = where(tracks, tracks["species"] == 211)
    shares = share_curve(pions["is_muon"], pions["p"], muon_curves.P_EDGES).y
    assert shares[0] > shares[-1]
    mu = muon_curves.muon_tracks(sample_with_columns(muon_gun))
    assert set(np.unique(mu["species"])) == {13}
    mu = where(mu, mu["is_muon"])
    above = share_curve(mu["dll"] > muon_curves.CUT, mu["p"], muon_curves.P_EDGES)
    assert above.y[-1] > 0.7
    for sample in (pions, mu):
        shares = share_curve(sample["is_muon"], sample["n_tracks"], muon_curves.TRACKS_EDGES).y
        assert (shares <= 1.0).all()


def test_curves_name_missing_columns(muon_gun):
    batch = sample_with_columns(muon_gun)
    poor = {k: v for k, v in batch.track.columns.items() if k != "is_muon"}
    with pytest.raises(SchemaError, match="is_muon"):
        muon_curves.muon_tracks(batch.with_table("track", Table(poor, batch.track.offsets)))
