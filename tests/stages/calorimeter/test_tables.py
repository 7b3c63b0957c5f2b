"""Rules of all clusters, resolutions, and columns of what was drawn."""

from __future__ import annotations

import numpy as np
import pytest

from lamarr_like.engine.translator.cluster_layout import listed
from lamarr_like.engine.translator.translation import Drawn
from lamarr_like.errors import ArtefactError
from lamarr_like.stages.calorimeter import placing, tables
from lamarr_like.stages.calorimeter.sources import OWNER_KINDS, SOURCE_KINDS
from lamarr_like.stages.calorimeter.spacing import KINDS, LEAK_EDGES, N_FACTORS, N_LEAKS
from lamarr_like.stages.calorimeter.tables import RESOLUTION, Rules
from lamarr_like.stages.geometry import CELL_Z, CELLS


def test_widths_of_pulls_are_the_expected_resolutions():
    x, y = np.array([1000.0, 2500.0, 500.0, 500.0]), np.array([0.0, 100.0, 300.0, 300.0])
    unit, energy = np.array([60.6, 121.2, 40.4, 40.4]), np.array([1e3, 4e3, 1e4, 1e5])
    found = Rules().widths(np.stack([x, y, unit, np.log(energy)], axis=1))
    assert set(found) == set(tables.PULLS)
    assert found["log_energy"] == pytest.approx(
        np.sqrt(0.09**2 / (energy / 1e3) + 0.008**2), rel=1e-9
    )
    assert found["dx"] == pytest.approx(0.045 / np.sqrt(energy / 1e3), rel=1e-9)
    assert np.array_equal(found["dx"], found["dy"])
    noisy = Rules({**RESOLUTION, "energy": [0.0, 0.0, 1e-4]}).widths(
        np.array([[300.0, 400.0, 40.4, np.log(1e3)]])
    )
    assert noisy["log_energy"] == pytest.approx(0.01 * np.hypot(500.0, CELL_Z) / 500.0)


def test_resolutions_follow_their_law():
    energy, sine = 10.0 ** np.linspace(1, 6, 40), np.full(40, 0.2)
    region = np.arange(40) % 3
    found = tables._resolutions(energy, sine, region, RESOLUTION)
    gev = energy / 1e3
    relative = found["sigma_energy"] / energy
    np.testing.assert_allclose(relative, np.hypot(0.09 / np.sqrt(gev), 0.008), rtol=1e-9)
    expected = 0.09 * np.array(CELLS)[region] / 2.0 / np.sqrt(gev)
    np.testing.assert_allclose(found["sigma_x"], expected, rtol=1e-9)
    assert (np.diff(relative) < 0.0).all()
    noisy = {**RESOLUTION, "energy": [0.0, 0.0, 4.0]}
    noise = tables._resolutions(energy, sine, region, noisy)["sigma_energy"]
    np.testing.assert_allclose(noise, 1e3 * 2.0 / 0.2)  # in transverse energy the same everywhere
    none = {"energy": [-1.0, 0.0, 0.0], "place": [[-1.0, 0.0]] * 3}
    for values in tables._resolutions(energy, sine, region, none).values():
        assert (values > 0.0).all()


def test_rules_of_a_model_that_tells_none():
    assert Rules.of({}) == Rules() and Rules.of({"least_et": 75.0}).least_et == 75.0
    full = {"spacing": [0.1] * N_FACTORS, "leak": [0.0] * N_LEAKS}
    assert Rules.of({**full, "family": "translator"}).spacing == full["spacing"]
    # Earlier models had one law for all pairs.
    assert Rules.of({"spacing": [0.1] * 6 + [0.9]}).spacing == ([0.1] * 6 + [0.9]) * KINDS
    odds = [[1.0, 0.9, 1.1, 2.0]] * OWNER_KINDS
    assert Rules.of({"odds": odds}).odds == odds
    # They had one leakage for all energies and particles, and odds for photons of any energy.
    leak = [0.01 * k for k in range(len(LEAK_EDGES) - 1)]
    assert np.array_equal(np.reshape(Rules.of({"leak": leak}).leak, (-1, len(leak)))[7], leak)
    odds = [[1.0 + k, 1.0, 1.0, 1.0] for k in range(SOURCE_KINDS)]
    found = np.array(Rules.of({"odds": odds}).odds)
    assert found.shape == (OWNER_KINDS, 4)
    assert found[:, 0].tolist() == [1.0] * 5 + [2.0] * 5 + [3.0] * 5 + [
        4.0,
        5.0,
        6.0,
        7.0,
        8.0,
        9.0,
    ]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"least_et": -1.0}, "least_et"),
        ({"least_distance": 99.0}, "least_distance"),
        ({"spacing": [0.1]}, "spacing: 1 numbers, not"),
        ({"odds": [[1.0] * 4] * 3}, "odds: 3 numbers, not 21"),
        ({"odds": [[1.0] * 3] * SOURCE_KINDS}, r"odds\[0\]"),
        ({"odds": [[1.0, 1.0, 1.0, 0.0]] * SOURCE_KINDS}, r"odds\[0\]\[3\]"),
        ({"merged_et": -1.0}, "merged_et"),
        ({"hits": {"expected": [1.0] * SOURCE_KINDS}}, "hits: lacks cells, spread, table"),
        ({"hits": {"expected": [1.0]}}, "hits.expected"),
        ({"near_track": {"photon_id": "x"}}, "near_track.photon_id"),
        ({"near_track": {"is_not_h": 1.0}}, "near_track"),
        ({"leak": [0.1, 0.2]}, "leak: 2 numbers, not"),
        ({"stray": ["x"] * (len(LEAK_EDGES) - 1)}, "stray"),
        ({"resolution": {"energy": [1.0, 2.0], "place": [[0.0, 1.0]] * 3}}, "energy"),
        ({"resolution": {"energy": [1.0, 2.0, 3.0], "place": [[0.0, 1.0]] * 2}}, "place"),
        ({"resolution": {"energy": [1.0, 2.0, 3.0]}}, "place"),
    ],
)
def test_rules_that_make_no_sense(config, message):
    with pytest.raises(ArtefactError, match=f"stage 'ecal': config.json of its model.*{message}"):
        Rules.of(config)


def drawn_of(x, log_energy, y=0.0, unit=60.6, **values):
    """Drawn clusters of one event, each of one source of 1 GeV at its place."""
    n = len(x)
    place = np.stack([x, np.broadcast_to(y, n), np.full(n, unit), np.full(n, np.log(1e3))], axis=1)
    found = {name: np.zeros(n) for name in tables.OUTPUTS} | {"log_energy": np.array(log_energy)}
    found |= {name: np.asarray(v, float) for name, v in values.items()}
    clusters = listed(np.ones(n, int), np.full(n, -1))
    return Drawn(np.array([0, n]), clusters, place, found, np.full(n, 0.5))


def test_far_clusters_stand_where_they_are_drawn():
    log_et = np.log(90.0)
    far = {"is_far": [0.0, 1.0], "x_far": [0.0, 2.0], "y_far": [0.0, -1.5]}
    drawn = drawn_of([1500.0, 1600.0], [0.2, 0.0], dx=[0.5, 0.0], log_et_far=[0, log_et], **far)
    made = placing.placed(drawn, Rules())
    assert made.x == pytest.approx([1500.0 + 30.3, 2000.0]) and made.y == pytest.approx([0, -1500])
    sine = placing.sine_at(made.x, made.y)
    assert made.energy == pytest.approx([1e3 * np.exp(0.2), 90.0 / sine[1]])
    known = placing.completed(drawn.place, drawn.values)
    assert set(known) == set(tables.FOLLOWED)
    assert known["dx"] == pytest.approx([0.5, 400.0 / 60.6])
    assert known["log_energy"][1] == pytest.approx(np.log(made.energy[1] / 1e3))
    # A model of before has no far clusters of their own.
    before = {name: drawn.values[name] for name in ("log_energy", "dx", "dy")}
    assert placing.placed(drawn._replace(values=before), Rules()).x[1] == 1600.0


def test_what_is_below_the_threshold_is_drawn_again():
    drawn = drawn_of([1500.0, 1500.0, 1500.0], np.log([1.0, 0.5, 0.2]), y=[0.0, 500.0, 900.0])
    et = np.exp(drawn.values["log_energy"]) * 1e3 * placing.sine_at(*drawn.place[:, :2].T)
    least = 70.0
    found = Rules(least_et=least).again(np.zeros(3, int), drawn.place, drawn.values, drawn.chance)
    assert found.tolist() == (et < least).tolist() == [False, True, True]
    # What stays below after all attempts is mirrored.
    again = placing.placed(drawn, Rules(least_et=least))
    assert (again.energy * placing.sine_at(again.x, again.y) >= least * (1.0 - 1e-12)).all()


def test_a_mass_of_halves_is_there_above_the_threshold_alone():
    energy = np.array([40e3, 4e3, 40e3, 40e3])
    mass, matched = np.array([90.0, 90.0, 90.0, 0.0]), np.array([0.0, 0.0, 1.0, 0.0])
    drawn = drawn_of(
        [1500.0, 1900.0, 2300.0, 2900.0], np.log(energy / 1e3), merged_mass=mass, is_matched=matched
    )
    for rules, expected in ((Rules(), mass), (Rules(merged_et=2000.0), [90.0, 0.0, 0.0, 0.0])):
        made = placing.placed(drawn, rules)
        found = tables._columns(drawn.values, made, rules)
        assert found["merged_mass"].tolist() == list(expected)


def test_two_showers_in_one_cluster_have_the_mass_of_two_photons():
    x = np.array([1500.0, 1545.0])
    rules = Rules(least_distance=0.8, merged_et=2000.0)
    drawn = drawn_of(x, np.log([30.0, 20.0]))
    made = placing.placed(drawn, rules)
    assert made.root.tolist() == [0, 0] and 0.9 < made.inside[1] <= 1.0
    found = tables._columns(drawn.values, made, rules)["merged_mass"][0]
    angle = 45.0 / np.hypot(CELL_Z, 1500.0)
    assert found == pytest.approx(np.sqrt(3e4 * 2e4 * made.inside[1]) * angle, rel=1e-3)


@pytest.mark.parametrize(("where", "matched"), [(2.0, True), (40.0, False)])
def test_a_track_is_matched_while_its_cluster_is_hardly_moved(where, matched):
    """Of two showers in one cell the softer one's track is lost, unless they are at one place."""
    rules = Rules(least_distance=0.9)
    drawn = drawn_of([1500.0, 1500.0 + where], np.log([8.0, 6.0]), is_matched=[0.0, 1.0])
    made = placing.placed(drawn, rules)
    assert tables._columns(drawn.values, made, rules)["is_matched"][0] == matched
