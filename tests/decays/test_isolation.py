"""Isolation of candidates: cones counted by hand, vertices beside full fits, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from decay_samples import decay_events
from scipy import stats

from lamarr_like.decays.candidates import make_candidates
from lamarr_like.decays.isolation import MOST_RADII, Others, check_radii, radius_name
from lamarr_like.decays.pointing import Origins, impact
from lamarr_like.decays.prongs import stack, track_prongs
from lamarr_like.decays.request import DecayRequest
from lamarr_like.decays.vertexfit import fit_vertices
from lamarr_like.errors import DecayError

D0 = "D0 -> K- pi+"


@pytest.fixture(scope="module")
def batch():
    # Two decays an event: each sees the tracks of the other, far from its vertex.
    return decay_events(f"decay:{D0}?n=3&pt=1-8", 150, seed=5)


@pytest.fixture(scope="module")
def pair(batch):
    """Rows of the two tracks of one decay in each event, and the fit of their vertex."""
    first = batch.track.offsets[:-1][batch.track.counts > 2]
    rows = np.stack([first, first + 1], axis=1)
    prongs = [
        track_prongs(batch.track, rows[:, k], code, False) for k, code in ((0, 321), (1, 211))
    ]
    fit = fit_vertices(stack(prongs))
    good = fit.converged
    event = batch.track.event_index[first]
    return event[good], rows[good], fit.composite(), good


def composite(pair):
    _, _, found, good = pair
    return found._make(a[good] for a in found)


def momenta(track, rows):
    p, tx, ty = (track[c][rows].astype(float) for c in ("p", "tx", "ty"))
    pz = p / np.sqrt(1 + tx**2 + ty**2)
    return np.stack([pz * tx, pz * ty, pz], axis=-1)


def eta_phi(p):
    return np.arctanh(p[..., 2] / np.linalg.norm(p, axis=-1)), np.arctan2(p[..., 1], p[..., 0])


def test_cones_are_those_counted_one_by_one(batch, pair):
    event, rows, *_ = pair
    found, track = composite(pair), batch.track
    values = Others(batch, event, rows).isolation(found, (0.5, 3.0))
    seen = 0
    for k in range(0, len(event), 7):
        others = np.arange(track.offsets[event[k]], track.offsets[event[k] + 1])
        p = momenta(track, np.setdiff1d(others, rows[k]))
        mine = found.momentum[k, :3]
        (eta, phi), (eta0, phi0) = eta_phi(p), eta_phi(mine)
        turn = np.abs(np.angle(np.exp(1j * (phi - phi0))))
        for radius in (0.5, 3.0):
            inside = np.hypot(eta - eta0, turn) < radius
            total, name = p[inside].sum(axis=0), radius_name(radius)
            seen += inside.sum()
            assert values[f"cone_tracks_{name}"][k] == inside.sum()
            assert values[f"cone_p_{name}"][k] == pytest.approx(np.linalg.norm(total))
            pt, cone = np.hypot(*mine[:2]), np.hypot(*total[:2])
            asymmetry = (pt - cone) / (pt + cone)
            assert values[f"cone_pt_asymmetry_{name}"][k] == pytest.approx(asymmetry)
    assert seen > 20
    assert (values["cone_tracks_3_00"] >= values["cone_tracks_0_50"]).all()


def test_the_rise_of_chi2_is_that_of_a_full_fit(batch, pair):
    """Where the track nearly fits, the filter step and the fit of three tracks agree."""
    event, rows, *_ = pair
    found = composite(pair)
    three = batch.track.offsets[event] + 2
    three = np.where((three == rows[:, 0]) | (three == rows[:, 1]), rows[:, 0], three)
    lines = [track_prongs(batch.track, r, 211, False) for r in (rows[:, 0], rows[:, 1], three)]
    # Brought to the vertex, a few of its errors off.
    last = lines[2]
    state = last.state.copy()
    state[:, :2] = found.position[:, :2] + (last.z - found.position[:, 2])[:, None] * state[:, 2:4]
    state[:, 0] += np.linspace(0, 0.1, len(state))
    lines[2] = last._replace(state=state)
    whole = fit_vertices(stack(lines))
    step = impact(lines[2], Origins(found.position, found.covariance[:, :3, :3]))[1]
    rise = whole.chi2 - found.chi2
    small = (rise < 9) & whole.converged
    assert small.sum() > 40
    assert step[small] == pytest.approx(rise[small], rel=0.05, abs=0.02)


def test_a_track_from_the_vertex_raises_chi2_by_two_degrees_of_freedom():
    batch = decay_events("decay:D+ -> K- pi+ pi+?cc=0", 400, seed=3)
    whole = batch.track.counts == 3
    rows = batch.track.offsets[:-1][whole][:, None] + np.arange(2)
    prongs = [track_prongs(batch.track, r, 211, False) for r in rows.T]
    found = fit_vertices(stack(prongs)).composite()
    values = Others(batch, np.flatnonzero(whole), rows).isolation(found, ())
    rise = values["least_rise"]
    assert len(rise) > 150 and np.isfinite(rise).all()
    assert stats.kstest(rise, stats.chi2(2).cdf).pvalue > 1e-3


def test_branches_of_candidates(batch):
    plain = DecayRequest.parse(D0)
    asked = DecayRequest.parse(D0, cones=(0.5, 1.0))
    (before,) = make_candidates(batch, [plain]).values()
    (table,) = make_candidates(batch, [asked]).values()
    new = set(table.columns) - set(before.columns)
    assert {"D0_CONEMULT_0_50", "D0_PTASY_1_00", "D0_SMALLESTDELTACHI2"} <= new and len(new) == 13
    for name, values in before.columns.items():
        np.testing.assert_array_equal(values, table[name])
    least = table["D0_SMALLESTDELTACHI2"]
    some = np.isfinite(least)
    assert some.mean() > 0.9 and (least[some] >= 0).all()
    assert ((table["D0_NOPARTWITHINDCHI2WDW"] > 0) == (some & (least < 9))).all()
    assert (table["D0_SMALLESTDELTACHI2MASS"][some] > table["D0_M"][some]).all()


def test_alone_is_alone():
    batch = decay_events(f"decay:{D0}", 40, seed=2)
    (table,) = make_candidates(batch, [DecayRequest.parse(D0, cones=(2.0,))]).values()
    assert len(table) > 10
    assert (table["D0_CONEMULT_2_00"] == 0).all() and (table["D0_PTASY_2_00"] == 1.0).all()
    assert np.isnan(table["D0_SMALLESTDELTACHI2"]).all()
    # Photons have no tracks, and nothing where nothing was found.
    none = DecayRequest.parse("pi0 -> gamma gamma", cones=(1.0,))
    (table,) = make_candidates(batch, [none]).values()
    assert len(table) == 0 and "pi0_CONEPT_1_00" in table.columns


@pytest.mark.parametrize(
    ("radii", "says"),
    [
        ((0.0,), "a cone of 0"),
        ((-1.0,), "a cone of -1"),
        ((float("nan"),), "a cone of nan"),
        ((9.0,), "a cone of 9"),
        ((0.5, 0.5), "two cones are called 0_50"),
        (tuple(0.1 * k for k in range(1, MOST_RADII + 2)), "9 cones; at most 8"),
    ],
)
def test_cones_that_make_no_sense(radii, says):
    with pytest.raises(DecayError, match=says):
        check_radii(radii)
    with pytest.raises(DecayError, match=says):
        DecayRequest.parse(D0, cones=radii)
