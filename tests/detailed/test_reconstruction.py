"""From fits to a table of tracks: cuts, order, links, and numbers that follow from the state."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from lamarr_like import schema
from lamarr_like.detailed import geometry, reconstruction, trackfit
from lamarr_like.detailed.parameters import DEFAULT
from lamarr_like.detailed.reconstruction import DOWNSTREAM, LONG, UPSTREAM, Tracks
from lamarr_like.detailed.sensors import Hits
from lamarr_like.events import EventBatch, Table


def fits(n, seed=1, **fields):
    """Good fits of forward tracks."""
    rng = np.random.default_rng(seed)
    state = np.empty((n, 6))
    state[:, :3] = rng.normal(size=(n, 3))
    state[:, 3:5] = rng.uniform(-0.2, 0.2, (n, 2))
    state[:, 5] = rng.choice([-1.0, 1.0], n) / rng.uniform(2e3, 8e4, n)
    root = rng.uniform(-0.3, 0.3, (n, 5, 5)) + np.eye(5)
    root *= np.array([0.01, 0.01, 1e-4, 1e-4, 1e-7])[:, None]
    given = {
        "state": state,
        "covariance": root @ root.swapaxes(1, 2),
        "chi2": np.full((n, 3), 20.0),
        "n_dof": np.full(n, 20),
        "n_hits": np.tile([20, 4, 20], (n, 1)),
        **fields,
    }
    return trackfit.Fitted(**given)


# --- cuts


def test_good_fits_pass():
    assert reconstruction.is_good(fits(30), DEFAULT).all()


def test_chi2_is_cut_per_degree_of_freedom():
    dof = np.array([5, 20, 20, 1])
    chi2 = np.array([0.99 * 5, 0.99 * 20, 1.01 * 20, 1.01]) * DEFAULT.chi2_max
    found = fits(4, n_dof=dof, chi2=np.tile(chi2[:, None], (1, 3)))
    assert reconstruction.is_good(found, DEFAULT).tolist() == [True, True, False, False]
    loose = replace(DEFAULT, chi2_max=2.0 * DEFAULT.chi2_max)
    assert reconstruction.is_good(found, loose).all()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda f: f.n_dof.__setitem__(1, 0),
        lambda f: f.n_dof.__setitem__(1, -1),
        lambda f: f.state.__setitem__((1, 0), np.nan),
        lambda f: f.state.__setitem__((1, 5), np.inf),
        lambda f: f.state.__setitem__((1, 5), 1e-9),  # stiffer than 10 TeV
        lambda f: f.covariance.__setitem__((1, 3, 3), 0.0),
        lambda f: f.covariance.__setitem__((1, 0, 0), -1.0),
        lambda f: f.covariance.__setitem__((1, 4, 4), np.nan),
        lambda f: f.chi2.__setitem__((1, 0), np.nan),
    ],
)
def test_fits_that_went_wrong_do_not_pass(spoil):
    found = fits(3)
    spoil(found)
    assert reconstruction.is_good(found, DEFAULT).tolist() == [True, False, True]


def test_some_of_the_fits():
    found = fits(6)
    mask = np.array([True, False, True, True, False, False])
    part = reconstruction.take(found, mask)
    for name, values in part._asdict().items():
        np.testing.assert_array_equal(values, getattr(found, name)[mask], err_msg=name)


# --- order and hits


def test_tracks_come_by_event_real_ones_first():
    event = np.array([0, 0, 1, 1, 2])
    one = reconstruction._accepted(np.array([3, 0]), np.array([3, 0]), LONG, False, fits(2, 1))
    two = reconstruction._accepted(np.array([4]), np.array([4]), UPSTREAM, False, fits(1, 2))
    ghosts = reconstruction._accepted(np.array([1, 2]), np.array([0, 3]), LONG, True, fits(2, 3))
    found = reconstruction._joined([one, two, ghosts], event)
    assert event[found.velo_row].tolist() == [0, 0, 1, 1, 2]
    assert found.is_ghost.tolist() == [False, True, False, True, False]
    assert found.velo_row.tolist() == [0, 1, 3, 2, 4] and found.t_row.tolist() == [0, 0, 3, 3, 4]
    assert found.track_type.tolist() == [LONG, LONG, LONG, LONG, UPSTREAM]
    # Each fit goes with its track.
    np.testing.assert_array_equal(found.fit.state[0], one.fit.state[1])
    np.testing.assert_array_equal(found.fit.state[4], two.fit.state[0])
    np.testing.assert_array_equal(found.fit.state[3], ghosts.fit.state[1])


def simulated(n, seed=4):
    rng = np.random.default_rng(seed)
    shape = (n, geometry.N_MEASUREMENTS)
    hit = rng.random(shape) < 0.8
    hits = Hits(rng.normal(size=shape), rng.normal(size=shape), np.ones(shape), hit)
    start = rng.normal(size=(n, 6))
    start[:, 5] = rng.uniform(2e3, 5e4, n)
    return SimpleNamespace(
        row=np.arange(n),
        generation=np.zeros(n, np.int64),
        charge=rng.choice([-1, 1], n),
        start=start,
        decay_z=np.arange(n) * 1000.0,
        hit=hit,
        hits=lambda rows: Hits._make(a[rows] for a in hits),
    )


@pytest.mark.parametrize(("code", "keep"), reconstruction._MEASURED)
def test_each_type_is_fitted_with_its_own_hits(code, keep):
    sim, rows = simulated(10), np.array([7, 2, 2])
    kept = reconstruction._kept(sim, rows, keep)
    inside = np.zeros(geometry.N_MEASUREMENTS, bool)
    inside[keep] = True
    np.testing.assert_array_equal(kept.hit, sim.hit[rows] & inside)
    np.testing.assert_array_equal(kept.value, sim.hits(rows).value)
    parts = inside[[0, geometry.FIRST_TT, geometry.FIRST_T]].tolist()
    assert (
        parts
        == {
            LONG: [True, True, True],
            UPSTREAM: [True, True, False],
            DOWNSTREAM: [False, True, True],
        }[code]
    )


def test_seeds_are_the_starts_with_charge_over_momentum():
    sim, rows = simulated(10), np.array([1, 9])
    seeds = reconstruction._seeds(sim, rows)
    np.testing.assert_array_equal(seeds[:, :5], sim.start[rows, :5])
    assert seeds[:, 5] == pytest.approx(sim.charge[rows] / sim.start[rows, 5])
    assert sim.start[rows, 5].min() > 1e3  # the simulation keeps its own


# --- the table


@pytest.fixture
def made():
    """Two events: a real track and a secondary, a ghost and an upstream track, and one without."""
    counts = [3, 2, 2]
    batch = EventBatch(
        {
            "event": Table({"event_id": np.arange(3)}, np.arange(4)),
            "particle": Table.from_counts(
                {"mcparticle_id": np.array([0, 1, 2, 0, 1, 0, 1], np.int32)}, counts
            ),
        }
    )
    rows = np.array([0, 2, 3, 4])  # generated particles that were followed
    sim = simulated(5)
    sim.row = np.array([0, 1, 1, 2, 3])
    sim.generation = np.array([0, 0, 1, 0, 0])
    tracks = Tracks(
        velo_row=np.array([1, 2, 3, 4]),
        t_row=np.array([1, 2, 4, 4]),
        track_type=np.array([LONG, LONG, LONG, UPSTREAM]),
        is_ghost=np.array([False, False, True, False]),
        fit=fits(4, 7, chi2=np.array([[10.0, 1, 1], [20, 1, 1], [30, 1, 1], [8, 1, 1]]),
                 n_dof=np.array([10, 20, 20, 4])),
    )  # fmt: skip
    dll = np.arange(24.0).reshape(4, 6)
    event = np.array([0, 0, 1, 1])
    return tracks, reconstruction.track_table(batch, rows, sim, tracks, dll, event)


def test_tracks_are_counted_and_linked(made):
    _, table = made
    assert table.counts.tolist() == [2, 2, 0]
    assert table["track_id"].tolist() == [0, 1, 0, 1]
    # A secondary and a ghost have no generated particle.
    assert table["mcparticle_id"].tolist() == [2, -1, -1, 1]
    assert table["origin"].tolist() == [0, 1, 2, 0]
    # Nor a decay of it.
    assert table["decay_z"].tolist() == [1000.0, 0.0, 0.0, 4000.0]
    assert table["track_type"].tolist() == [LONG, LONG, LONG, UPSTREAM]
    assert table["chi2_per_dof"] == pytest.approx([1.0, 1.0, 1.5, 2.0])


def test_momenta_follow_from_the_state(made):
    tracks, table = made
    x, _, _, tx, ty, qop = tracks.fit.state.T
    np.testing.assert_allclose(table["p"], 1.0 / np.abs(qop), rtol=1e-6)
    np.testing.assert_array_equal(table["charge"], np.sign(qop))
    np.testing.assert_allclose(np.hypot(table["pt"], table["pz"]), table["p"], rtol=1e-6)
    np.testing.assert_allclose(table["px"] / table["pz"], tx, rtol=1e-5)
    np.testing.assert_allclose(table["py"] / table["pz"], ty, rtol=1e-5)
    np.testing.assert_allclose(np.sinh(table["eta"]), table["pz"] / table["pt"], rtol=1e-4)
    np.testing.assert_allclose(table["x"], x, rtol=1e-6)


def test_covariances_are_stored_as_they_were_fitted(made):
    tracks, table = made
    for j in range(5):
        for i in range(j + 1):
            expected = tracks.fit.covariance[:, i, j]
            np.testing.assert_allclose(table[f"cov{i}{j}"], expected, rtol=1e-12)
    assert ((table["ghost_prob"] > 0.0) & (table["ghost_prob"] < 1.0)).all()


def test_every_column_is_declared_and_the_pion_is_what_others_are_compared_with(made):
    _, table = made
    for name, values in table.columns.items():
        assert values.dtype == schema.column("track", name).dtype, name
    kept = np.stack([table[name] for name in schema.RICH_DLL_NAMES], axis=1)
    np.testing.assert_array_equal(kept, np.arange(24.0).reshape(4, 6)[:, [0, 1, 3, 4, 5]])
