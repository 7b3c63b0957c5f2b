"""Codes of candidates, by events that are made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lamarr_like.decays.category import CATEGORIES, categories
from lamarr_like.decays.descriptor import parse_decay
from lamarr_like.decays.names import properties
from lamarr_like.decays.truth import Generated, Truth
from lamarr_like.events import EventBatch, Table

DECAY = parse_decay("D0 -> K- pi+")


def truth(particles):
    """Particles of one event as (species, mother, collision); mothers have what daughters have."""
    n = len(particles)
    pdg, mother, pv = (np.array(c) for c in zip(*particles, strict=True))
    rng = np.random.default_rng(1)
    momentum = np.zeros((n, 4))
    for k in reversed(range(n)):
        below = np.flatnonzero(mother == k)
        if len(below):
            momentum[k] = momentum[below].sum(axis=0)
        else:
            momentum[k, :3] = rng.uniform(1e3, 2e4, 3)
            mass = properties(int(pdg[k])).mass
            momentum[k, 3] = np.sqrt((momentum[k, :3] ** 2).sum() + mass**2)
    columns = {"mc_pdg_id": pdg, "mc_mother_id": mother, "mc_pv_id": pv}
    columns |= {f"mc_{a}": momentum[:, i] for i, a in enumerate(("px", "py", "pz", "energy"))}
    columns |= {f"mc_v{a}": np.zeros(n) for a in "xyz"}
    event = Table({"event_id": np.zeros(1, int)}, np.array([0, 1]))
    return Truth(EventBatch({"event": event, "particle": Table(columns, np.array([0, n]))}))


def code(particles, rows, generated=(), conjugated=False):
    """Of one candidate with its kaon and its pion."""
    heads, leaves = zip(*generated, strict=True) if generated else ((), ())
    made = Generated(
        np.array(heads, int), np.array(leaves, int).reshape(-1, 2), np.zeros(len(heads), bool)
    )
    found = categories(truth(particles), DECAY, made, np.array([rows]), np.array([conjugated]))
    return int(found[0])


D0 = [(421, -1, 0), (-321, 0, 0), (211, 0, 0)]


@pytest.mark.parametrize(
    ("particles", "rows", "expected"),
    [
        (D0, (1, 2), 10),  # not among those that were found, but the same head and ends
        ([(423, -1, 0), *[(s, m, 0) for s, m in ((-321, 0), (211, 0))]], (1, 2), 20),
        ([(421, -1, 0), (-211, 0, 0), (211, 0, 0)], (1, 2), 30),  # a pion taken for the kaon
        (D0, (2, 1), 30),  # both for each other
        ([(421, -1, 0), (-321, 0, 0), (211, 0, 0), (111, 0, 0)], (1, 2), 40),
        ([(521, -1, 0), (421, 0, 0), (-321, 1, 0), (211, 1, 0), (211, 0, 0)], (2, 4), 40),
        (D0, (1, -1), 60),
        ([(-321, -1, 0), (211, -1, 1)], (0, 1), 100),
        ([(-321, -1, 0), (521, -1, 0), (211, 1, 0)], (0, 2), 110),
        ([(-321, -1, 0), (411, -1, 0), (211, 1, 0)], (0, 2), 120),
        ([(-321, -1, 0), (211, -1, 0)], (0, 1), 130),
        # What comes from a b hadron by way of a charmed one counts as of the b hadron.
        ([(-321, -1, 0), (521, -1, 0), (421, 1, 0), (211, 2, 0)], (0, 3), 110),
        # Different collisions weigh more than flavours, a ghost more than both.
        ([(-321, -1, 0), (521, -1, 1), (211, 1, 1)], (0, 2), 100),
        ([(-321, -1, 0), (521, -1, 1), (211, 1, 1)], (-1, 2), 60),
    ],
)
def test_codes_by_hand(particles, rows, expected):
    assert code(particles, rows) == expected
    assert expected in [c for codes in CATEGORIES.values() for c in codes]


def test_what_was_generated_is_signal():
    assert code(D0, (1, 2), [(0, (1, 2))]) == 0
    two = [*D0, (421, -1, 0), (-321, 3, 0), (211, 3, 0)]
    both = [(0, (1, 2)), (3, (4, 5))]
    assert code(two, (1, 2), both) == code(two, (4, 5), both) == 0
    assert code(two, (1, 5), both) == 120  # of two signals half each


def test_conjugates_have_conjugate_ends():
    bar = [(-s, m, pv) for s, m, pv in D0]
    assert code(bar, (1, 2), conjugated=True) == 10
    assert code(bar, (1, 2), conjugated=False) == 30
    assert code(D0, (1, 2), conjugated=True) == 30


def test_a_little_radiation_is_no_loss():
    soft = truth([*D0, (22, 0, 0)])
    radiated = soft.momentum.copy()
    for share, expected in ((0.01, 10), (0.2, 40)):
        # Let the photon have a share of the energy of the rest.
        photon = radiated[3] / radiated[3, 3] * share * radiated[1:3, 3].sum()
        soft.momentum[3] = photon
        soft.momentum[0] = radiated[1:3].sum(axis=0) + photon
        none = Generated(np.zeros(0, int), np.zeros((0, 2), int), np.zeros(0, bool))
        found = categories(soft, DECAY, none, np.array([[1, 2]]), np.zeros(1, bool))
        assert found.tolist() == [expected]
