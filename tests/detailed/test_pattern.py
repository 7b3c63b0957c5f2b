"""What hits suffice for, and how often it is found: definitions by hand, and the chances."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from lamarr_like.detailed import geometry, pattern
from lamarr_like.detailed.parameters import DEFAULT

N = 4000


@pytest.fixture(autouse=True)
def straight(monkeypatch):
    """Every forward search ends at the right hits: what bends is not looked at here."""
    monkeypatch.setattr(pattern, "_forward", lambda sim, rows, par: np.ones(len(rows)))


def simulated(hit, p=2e4):
    n = len(hit)
    start = np.zeros((n, 6))
    start[:, 5] = p
    rich = np.zeros((n, 2, 5))
    rich[:, 0, 2] = p
    return SimpleNamespace(hit=hit, start=start, rich=rich)


def by_hand(hit):
    """The definitions, read aloud, of one particle."""
    stations = sum(hit[2 * k] and hit[2 * k + 1] for k in range(geometry.N_VELO // 2))
    x1, u, v, x2 = hit[geometry.FIRST_TT : geometry.FIRST_T]
    t = True
    for station in range(3):
        first = geometry.FIRST_T + 8 * station
        layer = [hit[first + 2 * k] or hit[first + 2 * k + 1] for k in range(4)]
        t &= (layer[0] or layer[3]) and (layer[1] or layer[2])
    return stations >= DEFAULT.velo_min_stations, (x1 or x2) and (u or v), t


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7])
def test_definitions_are_those_of_lhcb(share):
    hit = np.random.default_rng(1).random((300, geometry.N_MEASUREMENTS)) < share
    able = pattern.reconstructible(simulated(hit), DEFAULT)
    expected = np.array([by_hand(h) for h in hit])
    np.testing.assert_array_equal(np.stack([able.velo, able.tt, able.t], axis=1), expected)
    velo, tt, t = expected.T
    np.testing.assert_array_equal(able.any_track, (velo & t) | (velo & tt) | (tt & t))


def test_more_hits_never_suffice_for_less():
    rng = np.random.default_rng(2)
    hit = rng.random((300, geometry.N_MEASUREMENTS)) < 0.4
    more = hit | (rng.random(hit.shape) < 0.2)
    for few, many in zip(*(pattern.reconstructible(simulated(h), DEFAULT) for h in (hit, more)),
                         strict=True):  # fmt: skip
        assert (many | ~few).all()


def test_all_hits_and_none():
    hit = np.zeros((2, geometry.N_MEASUREMENTS), bool)
    hit[0] = True
    able = pattern.reconstructible(simulated(hit), DEFAULT)
    for flags in able:
        assert flags.tolist() == [True, False]


def able_to(*what, n=N):
    none, every = np.zeros(n, bool), np.ones(n, bool)
    return pattern.Reconstructible(*(every if k in what else none for k in ("velo", "tt", "t")))


def found(able, *, events=None, p=2e4, par=DEFAULT, seed=3):
    n = len(able.velo)
    event = np.arange(n) if events is None else np.arange(n) % events
    u = np.random.default_rng(seed).random((n, 4))
    hit = np.zeros((n, geometry.N_MEASUREMENTS), bool)
    return pattern.find(simulated(hit, p), able, event, u, event.max() + 1, par)


def test_nothing_is_found_of_which_the_hits_do_not_suffice():
    for what, allowed in (
        ((), set()),
        (("velo",), {"velo"}),
        (("t",), {"t"}),
        (("tt",), set()),
        (("velo", "t"), {"velo", "long", "t"}),
        (("velo", "tt"), {"velo", "upstream"}),
        (("tt", "t"), {"downstream", "t"}),
        (("velo", "tt", "t"), {"velo", "long", "upstream", "downstream", "t"}),
    ):
        flags = found(able_to(*what))._asdict()
        assert {name for name, mask in flags.items() if mask.any()} == allowed, what


def test_tracks_of_the_velo_need_their_segment():
    flags = found(able_to("velo", "tt", "t"))
    assert not (flags.long & ~flags.velo).any() and not (flags.upstream & ~flags.velo).any()
    assert (flags.downstream & ~flags.velo).any()  # these need none


def test_shares_are_the_efficiencies_in_an_empty_event():
    flags = found(able_to("velo", "tt", "t"), par=replace(DEFAULT, occupancy_loss=0.0))
    error = 4.5 * 0.5 / np.sqrt(N)
    assert flags.velo.mean() == pytest.approx(DEFAULT.velo_found, abs=error)
    assert flags.long[flags.velo].mean() == pytest.approx(DEFAULT.forward_found, abs=error)


def test_efficiencies_fall_with_the_segments_of_the_event():
    shares = []
    for events in (N, 40, 10):
        flags = found(able_to("velo", "tt", "t"), events=events)
        shares.append([mask.mean() for mask in flags])
    assert (np.diff(shares, axis=0) < 0.0).all()
    keep = 1.0 - DEFAULT.occupancy_loss * (N / 40) / 100.0
    assert shares[1][0] == pytest.approx(DEFAULT.velo_found * keep, abs=0.03)


def test_so_many_segments_that_nothing_is_found():
    flags = found(able_to("velo", "tt", "t"), events=1,
                  par=replace(DEFAULT, occupancy_loss=1.0))  # fmt: skip
    assert not any(mask.any() for mask in flags)


def test_soft_particles_are_found_downstream_and_upstream_less_often():
    shares = {}
    for p in (500.0, 2e3, 1e4):
        flags = found(able_to("velo", "tt", "t"), p=p)
        shares[p] = flags.downstream.mean(), flags.upstream.mean()
    assert shares[500.0][0] < shares[2e3][0] < shares[1e4][0]
    # Upstream tracks are those that do not come to the T stations: hard ones are not looked for.
    assert shares[500.0][1] > 0.0
    hard = found(able_to("velo", "tt", "t"), p=1e6).upstream.mean()
    assert hard < max(s[1] for s in shares.values())
