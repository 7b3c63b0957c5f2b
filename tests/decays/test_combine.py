"""Combinations of tracks and clusters: all pairs once, no object twice, cuts as they are told."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from decay_samples import decay_events
from hypothesis import given, settings
from hypothesis import strategies as st

from lamarr_like.decays import combine as module
from lamarr_like.decays.combine import Combinations, combine, join, matched, object_rows
from lamarr_like.decays.finder import find_generated
from lamarr_like.decays.names import properties
from lamarr_like.decays.request import DecayRequest
from lamarr_like.decays.truth import Truth
from lamarr_like.events import EventBatch

PAIR = "D0 -> K- pi+"


@pytest.fixture(scope="module")
def events():
    return decay_events(["decay:D+ -> K- pi+ pi+", "decay:D0 -> K- pi+"][0], 25)


# --- in order


def combos(event, first, conjugated):
    rows = np.full((len(event), 2, 2), -1)
    rows[:, 0, 0], rows[:, 1, 0] = first, np.array(first)[::-1]
    return Combinations(np.array(event), rows, np.array(conjugated, bool))


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.booleans()), max_size=9),
       st.integers(0, 9))  # fmt: skip
def test_joined_parts_are_in_order_whatever_parts_there_were(entries, cut):
    event, first, flag = zip(*entries, strict=True) if entries else ((), (), ())
    whole = combos(event, np.array(first, int), flag)
    cut = min(cut, len(entries))
    parts = [whole.take(np.arange(cut, len(entries))), whole.take(np.arange(cut))]
    found = join(parts, 2)
    keys = [
        (int(e), bool(c), *r.ravel().tolist())
        for e, r, c in zip(found.event, found.rows, found.conjugated, strict=True)
    ]
    assert keys == sorted(keys)
    assert len(keys) == len(entries)
    again = join([whole], 2)
    np.testing.assert_array_equal(found.rows, again.rows)


def test_no_parts_are_no_combinations():
    found = join([], 3)
    assert found.rows.shape == (0, 3, 2) and found.event.shape == (0,)


# --- no object twice


def test_tracks_and_clusters_of_one_number_are_not_the_same_object():
    rows = np.array([[[3, -1], [3, -1]], [[4, -1], [5, -1]]])
    codes = module._codes(rows, [True, False])
    assert codes[0, 0] != codes[0, 2] and (codes[:, [1, 3]] == module._FAR).all()
    same = module._codes(rows, [True, True])
    assert same[0, 0] == same[0, 2] and same[1, 0] != same[1, 2]


def by_hand(batch, species, margin=0.03):
    """All pairs of tracks of opposite charges in the mass window, each sign of the decay."""
    request = DecayRequest.parse(PAIR)
    low, high = request.window(request.decay.head)
    room = margin * properties(421).mass
    track, cuts = batch.track, request.selection
    found = []
    p = [track[c].astype(float) for c in ("px", "py", "pz")]
    good = (track["track_type"] == 3) & (track["p"] > cuts.min_p) & (track["pt"] > cuts.min_pt)
    good &= track["ghost_prob"] < cuts.max_ghost_prob
    good &= track["chi2_per_dof"] < cuts.max_track_chi2
    for i, j in itertools.permutations(np.flatnonzero(good), 2):
        if track.event_index[i] != track.event_index[j] or track["charge"][i] == track["charge"][j]:
            continue
        energy = sum(
            np.sqrt(sum(c[k] ** 2 for c in p) + properties(m).mass ** 2)
            for k, m in ((i, species[0]), (j, species[1]))
        )
        mass2 = energy**2 - sum((c[i] + c[j]) ** 2 for c in p)
        if low - room < np.sqrt(max(mass2, 0.0)) < high + room:
            found.append((int(i), int(j), bool(track["charge"][i] > 0)))
    return sorted(found)


def test_pairs_are_those_found_by_hand(events):
    request = DecayRequest.parse(PAIR)
    request = request.__class__(**{**vars(request), "selection": _without_pid(request)})
    found = combine(events, request)
    kaon, pion = found.rows[:, 0, 0], found.rows[:, 1, 0]
    told = sorted(
        (int(i), int(j), bool(c)) for i, j, c in zip(kaon, pion, found.conjugated, strict=True)
    )
    assert told == by_hand(events, (321, 211)) and len(told) >= 5


def _without_pid(request):
    selection = request.selection
    return selection.__class__(**{**vars(selection), "pid": {}})


def test_equal_daughters_are_counted_once(events):
    found = combine(events, DecayRequest.parse("D+ -> K- pi+ pi+"))
    pions = found.rows[:, 1:, 0]
    assert (pions[:, 0] < pions[:, 1]).all()
    assert len({tuple(r) for r in found.rows[:, :, 0].tolist()}) == len(found.rows)
    track = events.track
    assert (track["charge"][pions[:, 0]] == track["charge"][pions[:, 1]]).all()
    assert (track["charge"][found.rows[:, 0, 0]] == -track["charge"][pions[:, 0]]).all()
    assert (track.event_index[found.rows[:, :, 0]] == found.event[:, None]).all()


def test_its_own_conjugate_is_made_once():
    batch = decay_events("decay:K(S)0 -> pi+ pi-", 20)
    found = combine(batch, DecayRequest.parse("K(S)0 -> pi+ pi-"))
    assert len(found.event) > 5 and not found.conjugated.any()


def test_an_event_does_not_know_of_the_others(events):
    request = DecayRequest.parse(PAIR)
    whole = combine(events, request)
    for e in range(0, len(events), 6):
        alone = combine(events.events(e, e + 1), request)
        mine = whole.take(whole.event == e)
        shift = np.where(mine.rows >= 0, mine.rows - events.track.offsets[e], -1)
        np.testing.assert_array_equal(alone.rows, shift)
        np.testing.assert_array_equal(alone.conjugated, mine.conjugated)


# --- what was generated


def test_what_was_generated_is_among_all_combinations(events):
    request = DecayRequest.parse("D+ -> K- pi+ pi+")
    truth = Truth(events)
    found = matched(events, request, truth, find_generated(truth, request.decay))
    every = combine(events, request)
    keys = [{tuple([e, *sorted(r.ravel().tolist())]) for e, r in zip(c.event, c.rows, strict=True)}
            for c in (found, every)]  # fmt: skip
    assert len(keys[0]) > 10
    assert len(keys[0] - keys[1]) <= 0.2 * len(keys[0])  # but for cuts and the window


def test_a_lost_track_leaves_a_decay_unfinished(events):
    request = DecayRequest.parse("D+ -> K- pi+ pi+")
    truth = Truth(events)
    generated = find_generated(truth, request.decay)
    rows, whole = object_rows(events, request, truth, generated)
    assert whole.any()
    lost = rows[np.flatnonzero(whole)[0], 0, 0]
    kept = np.ones(len(events.track), bool)
    kept[lost] = False
    fewer: EventBatch = events.with_table("track", events.track.select(kept))
    _, now = object_rows(fewer, request, truth, generated)
    assert now.sum() == whole.sum() - 1
