"""Curves, pages, widths and peaks of toy samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from report_samples import samples

from lamarr_like.validation.report.physics import CURVES, PAGES, physics
from lamarr_like.validation.report.sample import where
from lamarr_like.validation.tracks import SPECIES


@pytest.fixture(scope="module")
def pair():
    return samples(900)


@pytest.fixture(scope="module")
def shown(pair):
    return physics(*pair)


def test_curves_fall_and_are_shares_above_the_cuts(pair, shown):
    curve = next(c for c in shown.curves if c.name == "K beside pi, PIDK")
    for shares in (*curve.efficiency, *curve.misidentification):
        assert (np.diff(shares) <= 1e-12).all()
        assert shares.min() + 1e-12 >= 0.0 and shares.max() <= 1.0
    for i, sample in enumerate(pair):
        for name, shares in (("K", curve.efficiency), ("pi", curve.misidentification)):
            mine = sample.track["species"] == SPECIES[name]
            values, weight = sample.track["pid_k"][mine], sample.track["weight"][mine]
            wanted = [(weight * (values > cut)).sum() / weight.sum() for cut in curve.cuts]
            assert shares[i] == pytest.approx(wanted, abs=1e-9)
    assert (curve.efficiency >= curve.misidentification - 0.02).all()


def test_only_what_both_samples_have_is_shown(pair, shown):
    names = {c.name for c in shown.curves}
    assert names == {n for n, (*_, v) in CURVES.items() if v in ("pid_k", "rich_dll_k")}
    few = physics(*pair, species=("pi",))
    assert not few.curves and {p.species for p in few.pages} <= {"pi"}
    without = {k: v for k, v in pair[1].track.items() if k != "pid_k"}
    part = physics(pair[0], replace(pair[1], track=without))
    assert "K beside pi, PIDK" not in {c.name for c in part.curves}
    assert {p.variable for p in part.pages}.isdisjoint({"pid_k"})


def test_too_few_tracks_show_nothing(pair):
    few = [replace(s, track=where(s.track, s.track["unit"] < 5)) for s in pair]
    found = physics(*few)
    assert found.impact == found.curves == found.pages == ()


def test_pages_hold_the_tracks_inside_their_axes(pair, shown):
    assert shown.pages and {(p.species, p.variable) for p in shown.pages} <= set(PAGES)
    for page in shown.pages:
        assert page.counts.shape == (2, len(page.bins), len(page.edges) - 1)
        mine = pair[0].track["species"] == SPECIES[page.species]
        whole = pair[0].track["weight"][mine].sum()
        assert page.counts[0].sum() == pytest.approx(0.99 * whole, rel=0.005)
        assert (page.squares >= 0).all() and (page.squares[page.counts == 0] == 0).all()


def test_impact_widths_are_of_tracks_that_do_not_radiate(pair, shown):
    assert [w.variable for w in shown.impact] == ["dx", "dy"]
    track = pair[0].track
    electrons = track["species"] == SPECIES["e"]
    soft = 1e-3 * track["p"] / np.cosh(track["eta"]) <= 0.2
    assert electrons.any()
    changed = {**track, "dx": np.where(electrons | soft, 1e6, track["dx"])}
    again = physics(replace(pair[0], track=changed), pair[1])
    assert again.impact[0].detailed.tolist() == shown.impact[0].detailed.tolist()
    assert shown.impact[0].n[0] == (~electrons & ~soft).sum()


def test_masses_are_per_event_and_of_hard_pairs(pair):
    rng = np.random.default_rng(1)
    mass = np.concatenate([rng.normal(135.0, 9.0, 6000), rng.uniform(0, 800, 20_000)])
    columns = {"mass": mass, "least_et": np.full(len(mass), 1000.0)}
    soft = {"mass": np.full(5000, 120.0), "least_et": np.full(5000, 100.0)}
    both = {k: np.concatenate([columns[k], soft[k]]) for k in columns}
    one, two = replace(pair[0], pair=columns), replace(pair[1], pair=both)
    pi0, eta = physics(one, two).peaks
    assert (pi0.name, eta.name) == ("pi0", "eta") and pi0.events == (900, 900)
    assert np.array_equal(*pi0.counts)
    inside = (mass >= pi0.edges[0]) & (mass <= pi0.edges[-1])
    assert 900 * pi0.counts[0].sum() == pytest.approx(inside.sum())
    assert pi0.detailed.mean == pytest.approx(135.0, abs=1.0)
    assert 900 * pi0.detailed.yields == pytest.approx(6000, rel=0.05)
    nothing = replace(pair[1], pair={k: v[:0] for k, v in columns.items()})
    assert physics(one, nothing).peaks == ()
