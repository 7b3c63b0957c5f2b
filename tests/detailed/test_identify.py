"""Likeness of clusters and likelihoods of tracks: tables, limits and what they rise with."""

from __future__ import annotations

import numpy as np
import pytest

from lamarr_like.detailed.calorimeter.identify import (
    FEATURES,
    LIKENESS,
    cluster_features,
    cluster_likeness,
)
from lamarr_like.physics import calo_likelihoods
from lamarr_like.physics.calo_likelihoods import P_KNOTS, Likelihood, track_likelihoods

TABLES = {n: t for n, t in vars(calo_likelihoods).items() if isinstance(t, Likelihood)}
N = 400


def clusters(**columns):
    n = max(np.size(v) for v in columns.values()) if columns else 1
    usual = {
        **{"energy": 5e3, "prs_energy": 20.0, "spd": 0.0, "width": 1.0},
        **{"hcal_energy": 100.0, "match_chi2": 500.0},
    }
    return {k: np.broadcast_to(np.asarray(columns.get(k, v), float), n) for k, v in usual.items()}


def tracks(**columns):
    n = max(np.size(v) for v in columns.values()) if columns else 1
    usual = {"in_ecal": 1.0, "ecal_energy": 1e4, "prs_energy": 30.0, "hcal_energy": 100.0}
    return {k: np.broadcast_to(np.asarray(columns.get(k, v), float), n) for k, v in usual.items()}


# --- tables


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_rising_and_complete(name):
    table = TABLES[name]
    assert (np.diff(table.x) > 0.0).all() and len(table.table) == len(P_KNOTS)
    assert all(len(row) == len(table.x) for row in table.table)
    assert np.abs(table.table).max() < 10.0


@pytest.mark.parametrize("name", TABLES)
def test_at_the_knots_a_table_has_its_own_values(name):
    table = TABLES[name]
    for p, row in zip(P_KNOTS, table.table, strict=True):
        found = table(np.array(table.x, float), np.full(len(table.x), p))
        assert found == pytest.approx(row, abs=1e-9)


@pytest.mark.parametrize("name", TABLES)
def test_between_them_it_is_between_its_neighbours(name):
    table = TABLES[name]
    rng = np.random.default_rng(1)
    value, p = rng.uniform(table.x[0], table.x[-1], N), np.exp(rng.uniform(8.0, 10.6, N))
    found = table(value, p)
    rows = np.array(table.table)
    k = np.clip(np.searchsorted(table.x, value) - 1, 0, len(table.x) - 2)
    j = np.clip(np.searchsorted(P_KNOTS, p) - 1, 0, len(P_KNOTS) - 2)
    corners = np.stack([rows[j + a, k + b] for a in (0, 1) for b in (0, 1)])
    assert (found >= corners.min(axis=0) - 1e-9).all()
    assert (found <= corners.max(axis=0) + 1e-9).all()


@pytest.mark.parametrize("name", TABLES)
def test_beyond_its_ends_a_table_stays(name):
    table = TABLES[name]
    ends = np.array([table.x[0], table.x[-1]], float)
    for p in (P_KNOTS[0], P_KNOTS[-1]):
        same = np.full(2, p)
        assert table(ends + np.array([-1e3, 1e3]), same) == pytest.approx(table(ends, same))
    for p, knot in ((10.0, P_KNOTS[0]), (1e7, P_KNOTS[-1])):
        value = np.array([np.mean(table.x)])
        assert table(value, np.array([p])) == pytest.approx(table(value, np.array([knot])))


def test_a_table_is_continuous():
    table = TABLES["E_OVER_P"]
    value = np.linspace(0.0, 2.5, 5001)
    for p in (3e3, 7e3, 1e4 * (1 - 1e-9), 1e4, 3e4):
        step = np.abs(np.diff(table(value, np.full(len(value), p)))).max()
        assert step < 0.05
    near = table(np.full(2, 0.9), np.array([1e4 * (1 - 1e-9), 1e4 * (1 + 1e-9)]))
    assert near[0] == pytest.approx(near[1], abs=1e-6)


# --- tracks


def test_electrons_leave_their_momentum_and_muons_a_little():
    p = np.full(3, 2e4)
    told = track_likelihoods(
        tracks(
            ecal_energy=[2e4, 500.0, 4e3],  # electron, muon, pion
            prs_energy=[120.0, 2.0, 4.0],
            hcal_energy=[50.0, 2000.0, 9e3],
        ),
        p,
    )
    electron, muon = told["calo_dll_e"], told["calo_dll_mu"]
    assert electron[0] > 3.0 > 0.0 > electron[1:].max()
    assert muon[1] > 1.0 > 0.0 > max(muon[0], muon[2])


def test_differences_are_bounded_and_nothing_outside():
    rng = np.random.default_rng(2)
    energy = {f"{d}_energy": 10.0 ** rng.uniform(-3, 7, N) for d in ("ecal", "prs", "hcal")}
    inside = rng.random(N) < 0.5
    told = track_likelihoods(tracks(in_ecal=inside, **energy), 10.0 ** rng.uniform(2, 6, N))
    for values in told.values():
        assert np.isfinite(values).all() and np.abs(values).max() <= calo_likelihoods._LIMIT
        assert (values[~inside] == 0.0).all() and (values[inside] != 0.0).mean() > 0.99


def test_no_tracks_have_no_likelihoods():
    none = np.zeros(0)
    told = track_likelihoods(tracks(in_ecal=none, ecal_energy=none, prs_energy=none,
                                    hcal_energy=none), none)  # fmt: skip
    assert {v.shape for v in told.values()} == {(0,)}


# --- clusters


def test_likeness_is_a_probability_and_every_weight_is_used():
    rng = np.random.default_rng(3)
    wild = clusters(
        energy=10.0 ** rng.uniform(-2, 6, N), prs_energy=10.0 ** rng.uniform(-3, 4, N),
        spd=rng.integers(0, 2, N), width=10.0 ** rng.uniform(-3, 2, N),
        hcal_energy=10.0 ** rng.uniform(-3, 6, N), match_chi2=10.0 ** rng.uniform(-4, 9, N),
    )  # fmt: skip
    assert cluster_features(wild).shape == (N, len(FEATURES))
    told = cluster_likeness(wild)
    assert list(told) == list(LIKENESS)
    for name, values in told.items():
        assert ((values >= 0.0) & (values <= 1.0)).all(), name
        assert len(LIKENESS[name]) == len(FEATURES) + 1


@pytest.mark.parametrize(
    ("column", "values", "name", "sign"),
    [
        ("spd", [0.0, 1.0], "photon_id", -1),  # a charged particle lit the pad in front
        ("match_chi2", [1.0, 10.0, 100.0], "photon_id", 1),  # no track points there
        ("width", [0.5, 1.0, 2.0], "photon_id", -1),
        ("prs_energy", [0.0, 10.0, 100.0], "is_not_h", 1),  # it began to shower in the lead
        ("hcal_energy", [0.0, 500.0, 5e3], "is_not_h", -1),  # and has ended in the ECAL
        ("match_chi2", [1.0, 10.0, 100.0], "is_not_e", 1),
    ],
)
def test_what_speaks_for_and_against(column, values, name, sign):
    told = cluster_likeness(clusters(**{column: values}))[name]
    assert (sign * np.diff(told) > 0.0).all()


@pytest.mark.parametrize(
    ("column", "beyond", "end"),
    [("width", 50.0, 5.0), ("width", 0.01, 0.2), ("match_chi2", 1e9, 1e4), ("energy", 1.0, 100.0)],
)
def test_beyond_what_the_regressions_saw_features_stay(column, beyond, end):
    two = clusters(**{column: [beyond, end], "hcal_energy": 0.0})
    found = cluster_features(two)
    assert found[0] == pytest.approx(found[1])
