"""Clusters keep their distance: the law of pairs, and rejection sampling with it."""

import numpy as np
import pytest

from lamarr_like.engine.translator.sequences import Sources
from lamarr_like.stages import grid
from lamarr_like.stages.calorimeter import spacing as ecal_spacing
from lamarr_like.stages.calorimeter.links import ByNumber, Links, Placed, with_neighbours
from lamarr_like.stages.calorimeter.sources import BORDERS, CELLS, region_of
from lamarr_like.stages.calorimeter.spacing import (
    EDGES,
    KINDS,
    LEAK_EDGES,
    LEAK_RATIOS,
    N_FACTORS,
    corrected_factors,
    counted_pairs,
    crowded,
    hardest_near,
    leaked_parts,
    mean_parts,
    near_pairs,
    nearest_cluster,
    pair_factors,
)

DISTANCES = [0.0, 0.1, 0.2, 0.4, 0.6, 1.0, 1.0]
HARD = KINDS * DISTANCES


def events(rng, n_events=4000, n=8, side=1500.0):
    """Places in the outer region, as many in each event, and their events."""
    x, y = rng.uniform(2000.0, 2000.0 + side, n_events * n), rng.uniform(0, side, n_events * n)
    return x, y, np.repeat(np.arange(n_events), n)


def redrawn(factors, rng, rounds=40):
    """Independent places, those that are crowded drawn again."""
    x, y, event = events(rng)
    place = np.stack([x, y, np.full(len(x), CELLS[0])], axis=1)
    values = {c: np.zeros(len(x)) for c in ("dx", "dy")}
    chance = rng.random(len(x))
    for _ in range(rounds):
        again = np.flatnonzero(crowded(factors, event, place, values, chance))
        if not len(again):
            break
        place[again, 0] = rng.uniform(2000.0, 3500.0, len(again))
        place[again, 1] = rng.uniform(0.0, 1500.0, len(again))
        chance[again] = rng.random(len(again))
    return place[:, 0], place[:, 1], event


def test_independent_places_have_no_law():
    assert pair_factors(*events(np.random.default_rng(1))) == pytest.approx(
        [1.0] * N_FACTORS, abs=0.1
    )


def test_redrawn_places_follow_the_law():
    found = pair_factors(*redrawn(HARD, np.random.default_rng(2)))
    # Each redraw asks of one of the pair only, and of the others as they stand: nearly the law.
    assert found == pytest.approx(HARD, abs=0.2)
    assert found[0] == 0.0


def test_factors_are_corrected_by_what_they_gave():
    real = counted_pairs(*redrawn(HARD, np.random.default_rng(5)))
    wrong = KINDS * [0.0, 0.2, 0.1, 0.4, 1.0, 1.0, 1.0]
    factors = wrong
    for seed in range(4):
        drawn = counted_pairs(*redrawn(factors, np.random.default_rng(10 + seed)))
        factors = corrected_factors(factors, real, drawn)
    outer = np.reshape(factors, (KINDS, -1))
    touch, apart = outer[0], outer[len(CELLS)]
    assert touch[1:5] == pytest.approx(DISTANCES[1:5], abs=0.12)
    assert apart[2:5] == pytest.approx(DISTANCES[2:5], abs=0.12)
    few = np.full(N_FACTORS, 3)
    assert corrected_factors(wrong, few, few + 9) == wrong
    # Where there are none, factors fall although there is nothing to divide by.
    none = corrected_factors(wrong, np.zeros(N_FACTORS, int), np.full(N_FACTORS, 99))
    assert max(none) < 0.01


def test_pairs_are_counted_by_whether_their_cells_touch():
    side = CELLS[0]
    x = np.array([20.1, 21.9, 30.9, 32.1]) * side  # 1.8 cells within neighbours, 1.2 across one
    found = np.reshape(counted_pairs(x, np.full(4, 500.0), np.array([0, 0, 1, 1])), (KINDS, -1))
    bins = len(EDGES) - 1
    expected = np.zeros((KINDS, bins), int)
    expected[0, 4], expected[len(CELLS), 1] = 1, 1
    assert found.tolist() == expected.tolist()
    # Of two regions.
    x = np.array([BORDERS[1][0] - 30.0, BORDERS[1][0] + 70.0])
    mixed = np.reshape(counted_pairs(x, np.zeros(2), np.zeros(2, int)), (KINDS, -1))
    assert mixed[-1].sum() == mixed.sum() == 1


def test_what_touches_is_kept_apart_by_its_own_factors():
    side = CELLS[0]
    x = np.array([20.1, 21.9, 30.9, 32.1]) * side
    place = np.stack([x, np.full(4, 500.0), np.full(4, side)], axis=1)
    none = {"dx": np.zeros(4), "dy": np.zeros(4)}
    touch, apart = (np.ones((KINDS, len(EDGES) - 1)) for _ in range(2))
    touch[0], apart[len(CELLS)] = 0.0, 0.0
    event, half = np.array([0, 0, 1, 1]), np.full(4, 0.5)
    for factors, again in ((touch, [1]), (apart, [3])):
        found = crowded(factors.ravel().tolist(), event, place, none, half)
        assert np.flatnonzero(found).tolist() == again


def test_pairs_of_different_events_do_not_meet():
    x, y, _ = events(np.random.default_rng(3), n_events=1, n=300)
    values = {"dx": np.zeros(300), "dy": np.zeros(300)}
    place = np.stack([x, y, np.full(300, CELLS[0])], axis=1)
    half = np.full(300, 0.5)
    alone = crowded(HARD, np.arange(300), place, values, half)
    together = crowded(HARD, np.zeros(300, int), place, values, half)
    assert not alone.any() and together.sum() > 30


def test_the_one_farther_from_its_sources_moves():
    place = np.array([[2000.0, 500.0, 121.2], [2000.0, 530.0, 121.2]])
    values = {"dx": np.array([0.0, 0.3]), "dy": np.array([0.1, 0.0])}
    event = np.zeros(2, int)
    assert crowded(HARD, event, place, values, np.full(2, 0.5)).tolist() == [False, True]
    # Of two alike the second; nothing without a law, nothing beyond its reach.
    same = {"dx": np.zeros(2), "dy": np.zeros(2)}
    assert crowded(HARD, event, place, same, np.full(2, 0.5)).tolist() == [False, True]
    assert not crowded([], event, place, values, np.full(2, 0.5)).any()
    place[1, 1] = 500.0 + (EDGES[-1] + 0.5) * 121.2
    assert not crowded(HARD, event, place, values, np.full(2, 0.999)).any()


def test_too_few_pairs_give_no_law():
    assert pair_factors(np.zeros(0), np.zeros(0), np.zeros(0, int)) == []
    assert pair_factors(*(a[:60] for a in events(np.random.default_rng(4)))) == []


def leaking(n=3000, part=0.05):
    """Pairs of clusters two cells apart; each holds `part` of the energy of the other's owner."""
    rng = np.random.default_rng(8)
    x = np.tile([2500.0, 2500.0 + 2.1 * CELLS[0]], n)
    energy = rng.uniform(5e3, 2e4, 2 * n)
    event, owner = np.repeat(np.arange(n), 2), np.arange(2 * n)
    other = owner ^ 1
    given = {
        "cluster": np.concatenate([owner, owner]),
        "particle": np.concatenate([owner, other]),
        "energy": np.concatenate([energy, part * energy[other]]),
    }
    showers = owner % 2 == 0
    return (x, np.full(2 * n, 500.0), energy, event), owner, showers, given


def test_leakage_is_read_from_the_links():
    found = np.array(leaked_parts(*leaking())).reshape(2, len(LEAK_RATIOS) + 1, -1)
    k = np.searchsorted(LEAK_EDGES, 2.1) - 1
    assert found[..., k] == pytest.approx(0.05)
    assert found.sum() == pytest.approx(found[..., k].sum())
    assert leaked_parts(*leaking(n=100)) == []


def test_leakage_depends_on_energies_and_kinds():
    (x, y, energy, event), owner, showers, given = leaking()
    energy = np.where(owner % 4 < 2, energy, 10.0 * energy)  # of a pair both alike
    other = owner ^ 1
    hard = energy > energy[other]
    part = np.where(hard, 0.02, 0.08) + np.where(showers, 0.0, 0.01)
    given = {**given, "energy": np.concatenate([energy, part[other] * energy[other]])}
    found = leaked_parts((x, y, energy, event), owner, showers, given)
    found = np.array(found).reshape(2, len(LEAK_RATIOS) + 1, -1)
    k = np.searchsorted(LEAK_EDGES, 2.1) - 1
    # Numbers of rare bins are drawn to the mean of all.
    for kind in range(2):
        assert found[kind, [1, 2], k] == pytest.approx(
            np.array([0.09, 0.03]) - 0.01 * kind, abs=3e-3
        )


def test_neighbours_get_what_the_owner_did_not_give():
    (x, y, energy, event), owner, _, _ = leaking()
    alone = np.where(owner % 3 == 0, 1.0, 0.95)
    leak = leaked_parts(*leaking())
    links = Links(owner, owner % 2, alone)
    none = Links(np.zeros(0, int), np.zeros(0, int), np.zeros(0))
    placed = Placed(x, y, energy, event)
    n = len(x)
    sources = Sources(
        np.arange(0, n + 1, 2), np.zeros((n, 1), np.float32), x, y, 0.0 * x, energy, x < 0.0
    )
    of = ByNumber(sources, owner % 2)
    cluster, particle, weight = with_neighbours(links, placed, leak, none, of)
    total = np.bincount(cluster, weight)
    assert total.max() <= 1.0 + 1e-12
    # A cluster that is wholly its owner's stays so.
    assert (np.bincount(cluster)[alone == 1.0] == 1).all()
    neighbour = particle != cluster % 2
    expected = 0.05 * energy[cluster ^ 1] / energy[cluster]
    assert neighbour.sum() > 0.9 * (alone < 1.0).sum()
    assert (weight[neighbour] <= np.minimum(0.05, 8.0 * expected[neighbour]) + 1e-12).all()
    far = with_neighbours(links, placed._replace(x=3.0 * x), leak, none, of)
    assert len(far[0]) == len(owner)


def test_the_nearest_cluster_is_of_the_same_event():
    x, y = np.array([2500.0, 2500.0, 3500.0]), np.array([500.0, 900.0, 500.0])
    event = np.array([0, 1, 1])
    places = (np.full(3, 2500.0), np.array([500.0 + CELLS[0], 500.0, 2200.0]), np.array([0, 1, 1]))
    row, distance = nearest_cluster(x, y, event, places)
    assert row.tolist() == [0, 1, -1]
    assert distance[:2] == pytest.approx([1.0, 400.0 / CELLS[0]])
    assert nearest_cluster(x[:0], y[:0], event[:0], places)[0].tolist() == [-1, -1, -1]


def test_mean_parts_by_distance():
    rng = np.random.default_rng(9)
    distance = rng.uniform(0.0, 6.0, 5000)
    found = mean_parts(distance, np.where(distance < 1.0, 0.5, 2.0))
    assert found == pytest.approx([0.5] + [1.0] * (len(LEAK_EDGES) - 2))
    assert mean_parts(distance[:100], distance[:100]) == []


# --- many clusters in one event


@pytest.fixture(scope="module")
def many():
    """Clusters of all regions in three events, many at borders, and their distances in cells."""
    rng = np.random.default_rng(12)
    n = 600
    x, y = rng.uniform(-2500, 2500, n), rng.uniform(-1700, 1700, n)
    x[::3] = rng.choice([-1939.2, 969.6], n // 3) + rng.normal(0, 120.0, n // 3)
    event = rng.integers(0, 3, n)
    unit = np.asarray(CELLS)[region_of(x, y)]
    distance = np.hypot(x[:, None] - x, y[:, None] - y) / np.maximum(unit[:, None], unit)
    distance[event[:, None] != event] = np.inf
    np.fill_diagonal(distance, np.inf)
    return x, y, event, unit, distance


@pytest.fixture(params=[1 << 20, 50])
def pieces(request, monkeypatch):
    """Whether pairs are looked at all together or in many pieces."""
    monkeypatch.setattr(grid, "_AT_ONCE", request.param)


@pytest.mark.usefixtures("pieces")
@pytest.mark.parametrize("reach", [1.0, 2.5, 4.0])
def test_pairs_are_those_of_a_plain_search(many, reach):
    x, y, event, _, distance = many
    a, b, found = near_pairs(x, y, event, reach)
    expected = np.argwhere(np.triu(distance < reach))
    np.testing.assert_array_equal(np.stack([a, b], axis=1), expected)
    np.testing.assert_allclose(found, distance[a, b], rtol=1e-14)
    assert len(a) > 50


@pytest.mark.usefixtures("pieces")
def test_the_hardest_neighbour_is_that_of_a_plain_search(many):
    x, y, event, _, distance = many
    energy = np.random.default_rng(5).integers(1, 200, len(x)) * 10.0
    found = hardest_near(x, y, energy, event, 2.0)
    for i in range(len(x)):
        near = np.append(np.flatnonzero(distance[i] < 2.0), i)
        assert found[i] == min(near, key=lambda k: (-energy[k], k))


@pytest.mark.usefixtures("pieces")
def test_the_nearest_cluster_is_that_of_a_plain_search(many):
    x, y, event, unit, _ = many
    rng = np.random.default_rng(6)
    px, py, of = rng.uniform(-2600, 2600, 200), rng.uniform(-1700, 1700, 200), np.arange(200) % 4
    row, distance = nearest_cluster(x, y, event, (px, py, of))
    for i in range(200):
        away = np.where(event == of[i], np.hypot(x - px[i], y - py[i]), np.inf)
        k = int(np.argmin(away))
        cells = away[k] / max(
            unit[k], np.asarray(CELLS)[region_of(px[i : i + 1], py[i : i + 1])][0]
        )
        assert row[i] == (k if cells < LEAK_EDGES[-1] else -1)
        if row[i] >= 0:
            assert distance[i] == pytest.approx(cells)


@pytest.mark.usefixtures("pieces")
@pytest.mark.parametrize("dense", [-1.0, 2.0])
def test_crowds_are_those_of_a_plain_search(many, dense, monkeypatch):
    monkeypatch.setattr(ecal_spacing, "_DENSE", dense)
    x, y, event, unit, distance = many
    rng = np.random.default_rng(7)
    values = {c: rng.normal(0, 0.3, len(x)) for c in ("dx", "dy")}
    place = np.stack([x - values["dx"] * unit, y - values["dy"] * unit, unit], axis=1)
    chance = rng.random(len(x))
    factors = np.reshape(HARD, (KINDS, -1)) * np.linspace(1.0, 0.4, KINDS)[:, None]
    found = crowded(factors.ravel().tolist(), event, place, values, chance)
    far, factor = values["dx"] ** 2 + values["dy"] ** 2, np.ones(len(x))
    cell = np.floor(np.stack([x, y]) / unit)
    for a, b in np.argwhere(np.triu(distance < EDGES[-1])):
        k = np.searchsorted(EDGES, distance[a, b], "right") - 1
        touch = np.abs(cell[:, a] - cell[:, b]).max() <= 1.0
        kind = CELLS.index(unit[a]) + (0 if touch else len(CELLS))
        kind = kind if unit[a] == unit[b] else KINDS - 1
        factor[a if far[a] > far[b] else b] *= max(factors[kind, k], 1e-6)
    np.testing.assert_array_equal(found, chance > factor)
    assert 20 < found.sum() < len(x) - 20


def test_a_dense_event_is_looked_at_in_two_circles(monkeypatch):
    """What the small circle settles for all is what the large one would say."""
    rng = np.random.default_rng(21)
    n = 4000
    x, y, event = 1500.0 + rng.exponential(300.0, n), rng.normal(0, 400.0, n), rng.integers(0, 2, n)
    event.sort()
    unit = np.asarray(CELLS)[region_of(x, y)]
    values = {c: rng.normal(0, 0.3, n) for c in ("dx", "dy")}
    place = np.stack([x - values["dx"] * unit, y - values["dy"] * unit, unit], axis=1)
    chance = rng.random(n)
    shallow = KINDS * [0.00749, 0.05183, 0.15013, 0.29733, 0.58284, 1.0, 1.0]
    for factors in (HARD, shallow, [0.9] * N_FACTORS):
        found = []
        for dense in (-1.0, 0.1, 2.0):
            monkeypatch.setattr(ecal_spacing, "_DENSE", dense)
            found.append(crowded(factors, event, place, values, chance))
        np.testing.assert_array_equal(found[0], found[1])
        np.testing.assert_array_equal(found[0], found[2])
        assert 0.02 * n < found[0].sum() < 0.98 * n


def test_work_grows_with_the_clusters_and_not_with_their_square(monkeypatch):
    """Ten times as many in one spot, and no more than about ten times the pairs."""
    seen = []
    monkeypatch.setattr(ecal_spacing, "_MOST", 16)

    def counted(*arguments):
        for found in near(*arguments):
            seen[-1] += len(found[0])
            yield found

    near = ecal_spacing._near
    monkeypatch.setattr(ecal_spacing, "_near", counted)
    rng = np.random.default_rng(9)
    for n in (1000, 10000):
        seen.append(0)
        x, y = rng.uniform(2000.0, 2400.0, n), rng.uniform(0.0, 400.0, n)
        place = np.stack([x, y, np.full(n, CELLS[0])], axis=1)
        values = {"dx": rng.normal(0, 0.1, n), "dy": rng.normal(0, 0.1, n)}
        crowded(HARD, np.zeros(n, int), place, values, rng.random(n))
        hardest_near(x, y, rng.random(n), np.zeros(n, int), 1.3)
    assert seen[1] < 12 * seen[0]


def test_all_pairs_as_by_search(monkeypatch):
    """Whether all pairs are looked at or a grid is searched makes no difference, not even a bit."""
    rng = np.random.default_rng(8)
    x, y = rng.uniform(-1500.0, 1500.0, 3000), rng.uniform(-1300.0, 1300.0, 3000)
    event, energy = np.sort(rng.integers(0, 40, 3000)), rng.random(3000)
    args = (HARD, event, np.stack([x, y, np.full(3000, CELLS[0])], axis=1))
    near = ({c: rng.normal(0.0, 0.3, 3000) for c in ("dx", "dy")}, rng.random(3000))

    def found():
        pairs = near_pairs(x, y, event, 4.0)
        return *pairs, hardest_near(x, y, energy, event, 1.2), crowded(*args, *near)

    every = found()
    assert len(every[0]) > 2000 and 0.05 < every[-1].mean() < 0.95
    monkeypatch.setattr(ecal_spacing, "_FEW_PAIRS", -1)
    for a, b in zip(every, found(), strict=True):
        np.testing.assert_array_equal(a, b)
