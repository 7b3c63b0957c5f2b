"""What stages tell their models about particles, against geometry done by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamarr_like import schema
from lamarr_like.events import EventBatch, Table
from lamarr_like.physics import particles
from lamarr_like.physics.kinematics import closest_to_beam
from lamarr_like.stages import Propagation, features
from lamarr_like.stages.geometry import (
    ECAL_Z,
    INNER_TRACKER,
    T3_Z,
    T_STATION_Z,
    VELO_INNER,
    VELO_OUTER,
    VELO_STATIONS,
)

N = 300


def generated(seed=1, n=N, **columns):
    """Forward particles after the propagation."""
    rng = np.random.default_rng(seed)
    pdg = rng.choice([11, -11, 13, 211, -211, 321, -2212], n)
    given = {
        "mcparticle_id": np.arange(n, dtype=np.int32),
        "mc_pdg_id": pdg.astype(np.int32),
        "mc_charge": particles.charges(pdg),
        "mc_px": rng.normal(0.0, 800.0, n),
        "mc_py": rng.normal(0.0, 800.0, n),
        "mc_pz": rng.uniform(3e3, 6e4, n),
        "mc_vx": rng.normal(0.0, 1.0, n),
        "mc_vy": rng.normal(0.0, 1.0, n),
        "mc_vz": rng.normal(0.0, 60.0, n),
        **columns,
    }
    batch = EventBatch(
        {
            "event": Table({"event_id": np.array([0])}, np.array([0, 1])),
            "particle": Table(given, np.array([0, n])),
        }
    )
    return Propagation()(batch, 0).particle


def everything(particle):
    return features.truth(particle, np.ones(len(particle), bool))


# --- directions


@given(st.floats(-1e5, 1e5), st.floats(-1e5, 1e5), st.floats(1.0, 1e6))
def test_directions_are_those_of_the_momentum(px, py, pz):
    one = {k: v[0] for k, v in features.direction(*np.array([[px], [py], [pz]])).items()}
    pt = math.hypot(px, py)
    if pt > 1e-2:
        assert one["cos_phi"] ** 2 + one["sin_phi"] ** 2 == pytest.approx(1.0)
        assert math.atan2(one["sin_phi"], one["cos_phi"]) == pytest.approx(math.atan2(py, px))
        assert 10.0 ** one["log_pt"] == pytest.approx(pt)
    assert 10.0 ** one["log_p"] == pytest.approx(math.hypot(pt, pz), rel=1e-6)
    assert (one["tx"], one["ty"]) == (pytest.approx(px / pz), pytest.approx(py / pz))
    assert one["eta"] == pytest.approx(math.asinh(pz / max(pt, 1e-3)))


def test_directions_of_what_does_not_move_forward_are_finite():
    found = features.direction(*np.array([[0.0, 0.0, 5.0], [0.0, 0.0, 0.0], [0.0, -1e4, -3.0]]))
    assert all(np.isfinite(values).all() for values in found.values())


# --- flags


def test_every_species_and_type_has_one_flag():
    pdg = np.array([11, -13, 211, -321, 2212, 22, 3112])
    flags = features.species(pdg)
    assert list(flags) == ["is_e", "is_mu", "is_pi", "is_k", "is_p"]
    table = np.stack(list(flags.values()))
    np.testing.assert_array_equal(table, np.concatenate([np.eye(5), np.zeros((5, 2))], axis=1))
    codes = np.array([schema.TRACK_TYPES[k] for k in ("long", "upstream", "downstream", "none")])
    types = np.stack(list(features.track_flags(codes).values()))
    np.testing.assert_array_equal(types, np.eye(3, 4))


# --- lines


@given(st.floats(-50.0, 50.0), st.floats(-math.pi, math.pi))
def test_signed_distances_are_those_of_their_definition(d, phi):
    x, y = np.array([-d * math.sin(phi)]), np.array([d * math.cos(phi)])
    assert features.signed_distance(x, y, np.array([phi]))[0] == pytest.approx(d, abs=1e-9)
    turned = features.signed_distance(x, y, np.array([phi + math.pi]))[0]
    assert turned == pytest.approx(-d, abs=1e-9)  # the other way along the same line


def test_stations_of_the_velo_are_counted_as_by_hand():
    table = generated()
    found = everything(table)
    px, py, pz = (table[c] for c in features.MOMENTUM)
    vx, vy, vz = (table[c] for c in features.VERTEX)
    for i in range(N):
        z = VELO_STATIONS[vz[i] < VELO_STATIONS]
        r = np.hypot(vx[i] + px[i] / pz[i] * (z - vz[i]), vy[i] + py[i] / pz[i] * (z - vz[i]))
        # Behind the point closest to the beam: a line that comes in from far out is an exception.
        behind = z > found["ctb_z"][i]
        hit = z[(r > VELO_INNER) & (r < VELO_OUTER) & behind]
        assert found["velo_stations"][i] == len(hit), i
        if len(hit):
            assert found["velo_first_z"][i] == hit[0]
            slope = math.hypot(px[i], py[i]) / pz[i]
            lever = (hit[-1] - hit[0]) * math.sqrt(1.0 + slope**2)
            assert found["velo_lever"][i] == pytest.approx(lever)


def test_the_velo_alone_is_as_with_all_the_rest():
    table = generated(3)
    rows = np.arange(N) % 3 == 0
    whole, part = features.truth(table, rows), features.velo(table, rows)
    assert list(part) == [k for k in whole if k.startswith("velo_")]
    for name, values in part.items():
        np.testing.assert_allclose(values, whole[name], err_msg=name)


def test_rows_may_be_a_mask_or_their_numbers():
    table = generated(4)
    mask = np.arange(N) % 4 == 1
    one, two = features.truth(table, mask), features.truth(table, np.flatnonzero(mask))
    for name, values in one.items():
        np.testing.assert_array_equal(values, two[name], err_msg=name)
        assert values.shape == (mask.sum(),)


def test_a_turn_about_the_beam_keeps_what_has_no_direction():
    """Of the VELO and the angles; what lies behind the magnet knows x from y."""
    table = generated(5)
    angle = 0.9
    turned = {}
    for a, b in (("mc_px", "mc_py"), ("mc_vx", "mc_vy")):
        x, y = table[a], table[b]
        turned[a] = np.cos(angle) * x - np.sin(angle) * y
        turned[b] = np.sin(angle) * x + np.cos(angle) * y
    one, two = everything(table), everything(generated(5, **turned))
    for name in ("log_p", "log_pt", "eta", "log_vr", "velo_stations", "velo_first_z", "velo_lever"):
        np.testing.assert_allclose(two[name], one[name], rtol=1e-6, atol=1e-6, err_msg=name)
    np.testing.assert_allclose(two["ctb_d"], one["ctb_d"], atol=1e-3)
    np.testing.assert_allclose(two["ctb_z"], one["ctb_z"], atol=0.5)


def test_places_behind_the_magnet_are_on_one_line():
    table = generated(6)
    found = everything(table)
    reach = ECAL_Z - T3_Z
    at_ecal = found["t3_x"] + found["tx_after"] * reach
    np.testing.assert_allclose(at_ecal, table["mc_ecal_x"], rtol=1e-6)
    neutral = generated(6, mc_charge=np.zeros(N, np.int8))
    straight = everything(neutral)
    np.testing.assert_allclose(straight["tx_after"], straight["tx"], rtol=1e-3, atol=1e-5)


def test_silicon_is_where_the_cross_of_the_inner_tracker_is():
    reach = np.linspace(-1200.0, 1200.0, 41)
    x, y = (a.ravel() for a in np.meshgrid(reach, reach))
    zero = np.zeros(len(x))
    track = {"t3_x": x, "t3_y": y, "tx_after": zero, "ty": zero}
    found = features.silicon_stations(track)["t_silicon"]
    inside = np.any([(np.abs(x) < a) & (np.abs(y) < b) for a, b in INNER_TRACKER], axis=0)
    np.testing.assert_array_equal(found, len(T_STATION_Z) * inside)
    # A slanting track crosses the silicon of some stations only.
    slant = {"t3_x": zero[:1] + 700.0, "t3_y": zero[:1], "tx_after": zero[:1] + 0.1, "ty": zero[:1]}
    assert features.silicon_stations(slant)["t_silicon"].tolist() == [2.0]


def test_a_complete_track_has_the_hits_of_what_it_crosses():
    """By hand: stations in the VELO, layers of the TT, silicon and straws of the T stations."""
    names = ("tx", "ty", "tt_x", "tt_y", "t3_x", "t3_y", "tx_after")
    track = {name: np.zeros(6) for name in names}
    track["velo_stations"] = np.full(6, 9.0)
    kinds = ("long", "upstream", "downstream")
    which = (0, 0, 1, 2, 0, 0)
    track |= {f"is_{kind}": 1.0 * (np.array(which) == k) for k, kind in enumerate(kinds)}
    # Straws; silicon; straws, of which an upstream and a downstream track count a part; nothing
    # within the openings; a track that leaves the TT between its second and third layer.
    track["t3_x"] = np.array([1500.0, 400.0, 1500.0, 1500.0, 10.0, 400.0])
    track["tt_x"] = np.array([300.0, 300.0, 300.0, 300.0, 5.0, 750.0])
    track["tx"] = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.1])
    found = features.expected_hits(track)
    assert found["expected_hits"].tolist() == [46.0, 34.0, 22.0, 28.0, 18.0, 32.0]
    assert found["tt_layers"].tolist() == [4.0, 4.0, 4.0, 4.0, 0.0, 2.0]
    assert found["t_silicon"].tolist() == [0.0, 3.0, 0.0, 0.0, 0.0, 3.0]


def test_flight_in_units_of_the_decay_length():
    table = generated(7)
    track = everything(table)
    found = features.decay_length(track)["decay_length"]
    p = 10.0 ** track["log_p"]
    pdg = np.abs(table["mc_pdg_id"])
    for one, (mass, ctau) in {211: (139.57, 7804.5), 321: (493.68, 3711.0)}.items():
        mine = pdg == one
        expected = (T3_Z - track["vz"][mine]) * mass / (p[mine] * ctau)
        np.testing.assert_allclose(found[mine], expected, rtol=1e-4)
    assert (found[~np.isin(pdg, (211, 321))] == 0.0).all() and (found >= 0.0).all()


# --- tables


def test_tracks_lead_to_the_rows_of_their_particles():
    batch = EventBatch(
        {
            "event": Table({"event_id": np.arange(3)}, np.arange(4)),
            "particle": Table.from_counts({"mc_px": np.arange(6.0)}, [2, 1, 3]),
            "track": Table.from_counts(
                {
                    "mcparticle_id": np.array([1, 0, 2, -1, 0]),
                    "origin": np.array([0, 0, 0, 2, 1]),
                },
                [1, 1, 3],
            ),
        }
    )
    rows = features.from_truth(batch)
    assert rows.tolist() == [True, True, True, False, False]
    assert features.linked_rows(batch, rows).tolist() == [1, 2, 5]
    counted = batch.with_columns(
        "event", n_spd_hits=np.array([5, 6, 7]), n_tracks=np.array([1, 1, 3])
    )
    found = features.occupancy(counted, "track", rows)
    assert found["n_spd_hits"].tolist() == [5.0, 6.0, 7.0] and found["n_tracks"].dtype == np.float64


# --- the propagation behind them


def test_the_propagation_starts_where_the_particle_is_nearest_to_the_beam():
    table = generated(8)
    slopes = table["mc_px"] / table["mc_pz"], table["mc_py"] / table["mc_pz"]
    expected = closest_to_beam(*(table[c] for c in features.VERTEX), *slopes)
    for name, values in zip(features.CLOSEST, expected, strict=True):
        np.testing.assert_allclose(table[name], values, rtol=1e-5, atol=1e-5)


def test_charges_bend_to_opposite_sides_by_the_inverse_momentum():
    n = 5
    still = {"mc_px": np.zeros(n), "mc_py": np.zeros(n)}
    still |= {name: np.zeros(n) for name in features.VERTEX}
    p = np.array([2e4, 4e4, 8e4, 1.6e5, 3.2e5])
    x = {
        q: generated(9, n, mc_charge=np.full(n, q, np.int8), mc_pz=p, **still)["mc_t3_x"]
        for q in (-1, 0, 1)
    }
    assert (x[0] == 0.0).all()
    np.testing.assert_allclose(x[1], -x[-1])
    np.testing.assert_allclose(x[1][:-1] / x[1][1:], 2.0, rtol=2e-3)
    turned = generated(9, n, mc_charge=np.ones(n, np.int8), mc_pz=p, **still)
    assert (turned["mc_ecal_y"] == 0.0).all()


def test_mirror_images_fly_as_mirror_images():
    table = generated(10)
    up = generated(10, mc_py=-table["mc_py"], mc_vy=-table["mc_vy"])
    np.testing.assert_array_equal(up["mc_t3_x"], table["mc_t3_x"])
    np.testing.assert_array_equal(up["mc_ecal_y"], -table["mc_ecal_y"])
    # Left and right only together with the charge.
    right = generated(
        10, mc_px=-table["mc_px"], mc_vx=-table["mc_vx"], mc_charge=-table["mc_charge"]
    )
    np.testing.assert_array_equal(right["mc_ecal_x"], -table["mc_ecal_x"])
    np.testing.assert_array_equal(right["mc_ecal_y"], table["mc_ecal_y"])


def batch_of_tracks(rows, seed=1):
    """A batch of one event with a track of some of the generated particles."""
    particle = generated(seed)
    n = len(rows)
    track = {"mcparticle_id": np.asarray(rows, np.int32), "origin": np.zeros(n, np.int8)}
    event = {"event_id": np.zeros(1, np.int64)}
    tables = {"event": Table(event, np.array([0, 1])), "track": Table(track, np.array([0, n]))}
    return EventBatch({**tables, "particle": particle})


def test_the_truth_of_tracks_is_that_of_their_particles_whoever_asked_before():
    batch = batch_of_tracks(np.arange(0, N, 3))
    n = len(batch.track)
    everything, few = np.ones(n, bool), np.arange(n) % 5 == 0
    for rows in (everything, few, everything, few[::-1].copy(), everything):
        wanted = features.truth(batch.particle, features.linked_rows(batch, rows))
        found = features.linked_truth(batch, rows)
        assert list(found) == list(wanted)
        for name, values in wanted.items():
            np.testing.assert_array_equal(found[name], values)
        del found["eta"]  # each caller has a dictionary of its own


def test_the_truth_of_tracks_follows_its_columns():
    batch = batch_of_tracks(np.arange(20))
    rows = np.ones(20, bool)
    before = features.linked_truth(batch, rows)["log_p"]
    assert not before.flags.writeable
    harder = batch.with_columns(
        "particle", **{c: 10.0 * batch.particle[c] for c in features.MOMENTUM}
    )
    np.testing.assert_allclose(features.linked_truth(harder, rows)["log_p"], before + 1.0)
    np.testing.assert_array_equal(features.linked_truth(batch, rows)["log_p"], before)
