"""Family trees of generated particles, against walks from daughter to mother in plain Python."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamarr_like.decays.truth import Truth
from lamarr_like.events import EventBatch, Table
from lamarr_like.physics.particles import SPEED_OF_LIGHT

SPECIES = (511, -511, 521, 421, 411, 443, 211, -211, 321, 22, 111, 5122, 4122)


def truth(events, **columns):
    """Particles of some events as (species, mother within the event) each."""
    counts = [len(e) for e in events]
    flat = [one for event in events for one in event]
    n = len(flat)
    given = {
        "mc_pdg_id": np.array([s for s, _ in flat], np.int32),
        "mc_mother_id": np.array([m for _, m in flat], np.int32),
        **{f"mc_{a}": np.zeros(n) for a in ("px", "py", "pz", "energy", "vx", "vy", "vz")},
        **columns,
    }
    return Truth(
        EventBatch(
            {
                "event": Table({"event_id": np.arange(len(events))}, np.arange(len(events) + 1)),
                "particle": Table.from_counts(given, counts),
            }
        )
    )


@st.composite
def forests(draw):
    """Events of particles whose mothers stand before them."""
    events = []
    for _ in range(draw(st.integers(1, 3))):
        n = draw(st.integers(0, 9))
        events.append(
            [(draw(st.sampled_from(SPECIES)), draw(st.integers(-1, k - 1))) for k in range(n)]
        )
    return events


def mothers(events):
    """Row of the mother of each particle of all events, -1 for none."""
    first, rows = 0, []
    for event in events:
        rows += [-1 if m < 0 else first + m for _, m in event]
        first += len(event)
    return rows


def line(above, row):
    """What a particle stems from, nearest first."""
    found = []
    while (row := above[row]) >= 0:
        found.append(row)
    return found


@settings(max_examples=60)
@given(forests())
def test_mothers_and_daughters(events):
    found, above = truth(events), mothers(events)
    species = [s for event in events for s, _ in event]
    assert found.mother.tolist() == above
    for row in range(len(above)):
        daughters = [k for k, m in enumerate(above) if m == row]
        assert found.first_child[row] == (daughters[0] if daughters else -1)
        assert found.n_children[row] == sum(species[k] != 22 for k in daughters)


@settings(max_examples=60)
@given(forests())
def test_the_first_of_a_line_of_equal_particles(events):
    found, above = truth(events), mothers(events)
    species = [abs(s) for event in events for s, _ in event]
    for row in range(len(above)):
        first = row
        while above[first] >= 0 and species[above[first]] == species[row]:
            first = above[first]
        assert found.origin[row] == first


@settings(max_examples=60)
@given(forests(), st.data())
def test_the_nearest_common_ancestor(events, data):
    found, above = truth(events), mothers(events)
    if not above:
        return
    rows = np.array(
        data.draw(
            st.lists(st.lists(st.integers(-1, len(above) - 1), min_size=3, max_size=3), min_size=1)
        )
    )
    for mine, ancestor in zip(rows.tolist(), found.common_ancestor(rows).tolist(), strict=True):
        if min(mine) < 0:
            assert ancestor == -1
            continue
        shared = set.intersection(*(set(line(above, k)) for k in mine))
        assert ancestor == next((k for k in line(above, mine[0]) if k in shared), -1)


@settings(max_examples=60)
@given(forests(), st.data())
def test_lines_lead_from_a_head_to_an_end(events, data):
    found, above = truth(events), mothers(events)
    if not above:
        return
    end = data.draw(st.integers(0, len(above) - 1))
    for head in line(above, end):
        (way,) = found.lines(np.array([end]), np.array([head])).tolist()
        between = line(above, end)
        expected = between[: between.index(head)][::-1]
        assert [k for k in way if k >= 0] == expected
    (none,) = found.lines(np.array([-1]), np.array([end])).tolist()
    assert set(none) <= {-1}


@settings(max_examples=60)
@given(forests(), st.sampled_from([4, 5]))
def test_flavours_are_inherited(events, flavour):
    found, above = truth(events), mothers(events)
    own = {4: {421, 411, 443, 4122}, 5: {511, 521, 5122}}[flavour]
    species = [abs(s) for event in events for s, _ in event]
    has = found.has_flavour(flavour)
    for row in range(len(above)):
        assert has[row] == any(species[k] in own for k in (row, *line(above, row)))


@pytest.mark.parametrize(
    ("pdg_id", "flavour"),
    [
        *((511, 5), (10511, 5), (20513, 5), (553, 5), (100553, 5), (541, 5), (5122, 5), (5554, 5)),
        *((421, 4), (10433, 4), (443, 4), (4122, 4), (4422, 4), (104122, 4)),
        *((130, None), (310, None), (3122, None), (22, None), (13, None), (5, None), (4, None)),
        *((1_000_020_040, None), (2212, None), (3334, None)),
    ],
)
def test_the_heaviest_quark_of_a_hadron(pdg_id, flavour):
    for sign in (-1, 1):
        one = truth([[(sign * pdg_id, -1)]])
        assert [f for f in (4, 5) if one.has_flavour(f)[0]] == ([flavour] if flavour else [])


def test_places_and_times_of_decays():
    """A B0 that flies 10 mm, turns into a B~0 where it is made, and decays to two pions."""
    mass, p = 5279.7, np.array([3000.0, -1000.0, 50_000.0])
    start = np.array([0.1, 0.2, 30.0])
    end = start + 10.0 * p / np.linalg.norm(p)
    vertex = np.stack([start, start, end, end])
    momentum = np.array([p, p, 0.5 * p, 0.5 * p])
    columns = {f"mc_v{a}": vertex[:, i] for i, a in enumerate("xyz")}
    columns |= {f"mc_p{a}": momentum[:, i] for i, a in enumerate("xyz")}
    energy = np.sqrt((momentum**2).sum(axis=1) + np.array([mass, mass, 139.6, 139.6]) ** 2)
    found = truth([[(511, -1), (-511, 0), (211, 1), (-211, 1)]], mc_energy=energy, **columns)
    rows = np.array([0, 1, 2, -1])
    assert found.position(rows)[:3] == pytest.approx(vertex[:3])
    assert found.end(rows)[:2] == pytest.approx(np.stack([start, end]))
    assert np.isnan(found.end(rows)[2:]).all() and np.isnan(found.position(rows)[3]).all()
    tau = found.tau(rows)
    assert tau[0] == 0.0  # the B0 was a B0 for no time
    assert tau[1] == pytest.approx(10.0 * mass / np.linalg.norm(p) / SPEED_OF_LIGHT, rel=1e-6)
    assert np.isnan(tau[2:]).all()
