from __future__ import annotations

import numpy as np
import pytest

from lamarr_like.engine.atoms import Atoms
from lamarr_like.engine.normal_scores import NormalScores
from lamarr_like.engine.translator.cluster_layout import (
    describe,
    listed,
    source_places,
    told_of_first,
)
from lamarr_like.engine.translator.sequences import (
    LENGTHS,
    Block,
    Sources,
    blocks,
    cut,
    padded_length,
)
from lamarr_like.engine.translator.translation import Translator, _absorbers, chosen
from lamarr_like.errors import ArtefactError


def scattered(n, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(0, 1000, n), rng.normal(0, 800, n)


def sources_at(x, y, energy, offsets=None):
    n = len(x)
    offsets = np.array([0, n]) if offsets is None else offsets
    one = np.ones(n)
    features = np.arange(2.0 * n).reshape(n, 2).astype(np.float32)
    return Sources(offsets, features, x, y, 10 * one, energy, np.zeros(n, bool))


def test_short_events_are_not_cut():
    x, y = scattered(30, 1)
    pieces = cut(x, y, np.array([0, 10, 10, 30]), 20)
    assert np.array_equal(pieces.offsets, [0, 10, 10, 30])
    assert np.array_equal(pieces.order, np.arange(30))
    assert np.array_equal(pieces.local, [*range(10), *range(20)])


@pytest.mark.parametrize("n", [49, 97, 500, 5000])
def test_long_events_are_cut_and_nothing_is_lost(n):
    x, y = scattered(n + 7, 2)
    pieces = cut(x, y, np.array([0, n, n + 7]), 48)
    sizes = np.diff(pieces.offsets)
    assert sizes.max() <= 48 and sizes.min() >= 7
    assert np.array_equal(np.sort(pieces.order), np.arange(n + 7))
    assert np.array_equal(
        pieces.order[pieces.offsets[pieces.of_source] + pieces.local], np.arange(n + 7)
    )
    # The last event, behind the long one, is one piece.
    assert (pieces.of_source[n:] == len(sizes) - 1).all()


def test_a_cut_goes_through_the_widest_gap():
    x = np.concatenate([np.linspace(0, 10, 9), np.linspace(15, 25, 9)])
    pieces = cut(x, np.zeros(18), np.array([0, 18]), 12)
    assert np.array_equal(np.diff(pieces.offsets), [9, 9])


def test_equal_places_are_cut_too():
    pieces = cut(np.zeros(1000), np.zeros(1000), np.array([0, 1000]), 48)
    assert np.diff(pieces.offsets).max() <= 48
    assert np.array_equal(np.sort(pieces.order), np.arange(1000))


def test_cut_of_an_event_ignores_the_others():
    x, y = scattered(200, 3)
    alone = cut(x, y, np.array([0, 200]), 48)
    x2, y2 = scattered(300, 4)
    both = cut(np.append(x2, x), np.append(y2, y), np.array([0, 300, 500]), 48)
    assert np.array_equal(both.of_source[300:] - both.of_source[300:].min(), alone.of_source)


def test_blocks_hold_every_piece_once():
    counts = np.array([0, 3, 48, 17, 8, 9, 0, 33])
    offsets = np.concatenate([[0], np.cumsum(counts)])
    pieces = cut(np.zeros(offsets[-1]), np.zeros(offsets[-1]), offsets, 48)
    found = list(blocks(pieces))
    rows = np.concatenate([b.rows for b in found])
    assert np.array_equal(np.sort(rows), np.arange(offsets[-1]))
    for block in found:
        assert isinstance(block, Block)
        assert block.length in LENGTHS and block.mask.sum() == len(block.rows)
        assert np.array_equal(
            block.by_piece(np.arange(offsets[-1])).ravel()[block.slots], block.rows
        )


def test_padded_length():
    assert np.array_equal(padded_length(np.array([0, 1, 8, 9, 96])), [8, 8, 8, 16, 96])


def test_clusters_of_outcomes():
    found = listed(np.array([1, 0, 0, 2, 0]), np.array([-1, 0, -1, -1, 3]))
    assert np.array_equal(found.owner, [0, 3, 3])
    assert np.array_equal(found.number, [0, 0, 1])
    assert np.array_equal(found.has, [1, 2, 2])
    assert np.array_equal(found.of_source, [-1, 0, -1, -1, 1])
    assert np.array_equal(found.outcome, [1, 4, 0, 2, 4])


def test_further_clusters_are_told_of_the_first():
    clusters = listed(np.array([1, 3]), np.array([-1, -1]))
    values = {"log_energy": np.log([0.3, 0.75, 9.0, 9.0]), "dx": np.sinh([1.0, 2.0, 9.0, 9.0])}
    told = told_of_first(clusters, values, ["log_energy", "dx"])
    assert np.array_equal(clusters.first, [0, 1, 1, 1])
    legs = [1.0, np.log(0.25), np.arcsinh(np.log(0.75)), 2.0]
    assert told == pytest.approx(np.array([[0.0] * 4, [0.0] * 4, legs, legs]), abs=1e-6)
    all_of_it = told_of_first(clusters, {"log_energy": np.zeros(4)}, ["log_energy"])
    assert np.isfinite(all_of_it).all()
    assert told_of_first(clusters, {}, []).shape == (4, 0)


def opposite(conditions, uniforms, normals):
    """A head whose further clusters lie opposite to their first one."""
    further, first = conditions[:, 1], np.sinh(conditions[:, 3])
    return [np.where(further > 0, -first, normals[:, 0])[:, None]]


def owning(n):
    """An encoder that lets every source own some clusters."""

    def encoder(features, place, mask):
        own = np.zeros((*mask.shape, 8), np.float32)
        own[..., n] = 1.0
        return [own, np.zeros((mask.size, 2), np.float32)]

    return encoder


def translator(n, head, **options):
    """A translator of one output, ``dx``, within 5, whose sources own `n` clusters each."""

    def decoder(features, **feed):
        return [np.zeros((len(features), 1), np.float32)]

    knots = np.linspace(-5.0, 5.0, 101)
    return Translator(
        conditions=("a", "b"), copied=(), outputs=("dx",), encoder=owning(n), decoder=decoder,
        head=head, scores=NormalScores(knots[None], np.array([5.0])),
        atoms=Atoms([[]], np.array([[-1]])), noise=(0, 1),
        longest=48, zones=False, **options,
    )  # fmt: skip


def test_legs_of_a_pair_are_drawn_one_after_the_other():
    model = translator(3, opposite, followed=("dx",))
    rng = np.random.default_rng(1)
    sources = sources_at(*scattered(20, 2), np.ones(20))

    def again(event, place, values, chance):
        # Only the last owner's first cluster, twice at the most.
        chosen = np.zeros(len(event), bool)
        chosen[-3] = chance[-3] > 0.3
        return chosen

    drawn = model.draw(
        sources, rng.random((20, 2)), lambda owner, *_: rng.random((len(owner), _[-1])), again
    )
    dx = drawn.values["dx"].reshape(20, 3)
    assert dx[:, 0].std() > 0.5
    assert dx[:, 1:] == pytest.approx(-dx[:, :1].repeat(2, axis=1), abs=1e-3)


def test_further_clusters_are_told_what_follows_from_the_first():
    """Where the head does not draw a value as it is told."""
    model = translator(2, opposite, followed=("dx",))
    noise = np.random.default_rng(3).random((20, 2))
    options = (sources_at(*scattered(20, 2), np.ones(20)), np.full((20, 2), 0.5))

    def complete(place, values):
        assert place.shape == (40, 4)
        return {"dx": 0.5 * values["dx"]}

    plain, half = (
        model.draw(*options, lambda owner, *_: noise[owner], complete=c).values["dx"]
        for c in (None, complete)
    )
    assert np.array_equal(half[::2], plain[::2])
    assert half[1::2] == pytest.approx(0.5 * plain[1::2], abs=1e-3)


def test_how_many_clusters_are_owned_may_be_chosen():
    def encoder(features, place, mask):
        own = np.zeros((*mask.shape, 8), np.float32)
        own[..., :5] = 0.2
        return [own, np.zeros((mask.size, 2), np.float32)]

    n = 400
    model = translator(1, lambda normals, **_: [normals])
    model._encoder = encoder
    sources = sources_at(*scattered(n, 2), np.ones(n))
    uniforms = np.random.default_rng(4).random((n, 2))

    def counts(choose):
        made = model.draw(
            sources, uniforms, lambda owner, *_: np.full((len(owner), _[-1]), 0.5), choose=choose
        )
        return np.bincount(made.clusters.owner, minlength=n)

    asked = []

    def fewer(chances, numbers):
        asked.append((chances, numbers))
        return np.minimum(chosen(chances, numbers), 2)

    plain = counts(None)
    assert np.array_equal(counts(fewer), np.minimum(plain, 2)) and plain.max() == 4
    ((chances, numbers),) = asked
    assert chances == pytest.approx(np.tile([0.2] * 5 + [0.0] * 3, (n, 1)))
    assert np.array_equal(numbers, uniforms[:, 0])


def drawn_in_units(widths=None, again=None, **options):
    """What sources of rising energy draw by the same numbers, one cluster each."""
    model = translator(1, lambda normals, **_: [normals], **options)
    x, y = scattered(20, 2)
    return model.draw(
        sources_at(x, y, np.arange(1.0, 21.0)),
        np.full((20, 2), 0.5),
        lambda owner, k, attempt, size: rng_numbers(owner, attempt, size),
        again,
        widths,
    ).values["dx"]


def rng_numbers(owner, attempt, size):
    return np.random.default_rng(attempt).random((20, size))[owner]


def test_pulls_are_drawn_in_units_of_their_resolution():
    def widths(place):
        return {"dx": np.exp(place[:, 3]), "others": np.zeros(len(place))}

    plain = drawn_in_units()
    assert np.array_equal(drawn_in_units(widths), plain)  # of no use where nothing is a pull
    scaled = drawn_in_units(widths, pulls={"dx": (-99.0, 99.0)})
    assert scaled == pytest.approx(plain * np.arange(1.0, 21.0))
    # What is drawn again sees values as they are, and is scaled as well.
    found = []

    def again(event, place, values, chance):
        found.append(values["dx"])
        return np.arange(20) % 2 == 0

    twice = drawn_in_units(widths, again, pulls={"dx": (-99.0, 99.0)})
    assert np.array_equal(found[0], scaled)
    assert np.array_equal(twice[1::2], scaled[1::2]) and (twice[::2] != scaled[::2]).all()


def test_pulls_stay_within_what_was_learnt():
    plain = drawn_in_units()
    wide = drawn_in_units(lambda place: {"dx": np.full(len(place), 1e3)}, pulls={"dx": (-2.0, 9.0)})
    assert np.array_equal(wide, np.where(plain > 0.0, 9.0, -2.0))


def test_pulls_without_a_resolution_are_refused():
    for widths in (None, lambda place: {"dy": np.ones(len(place))}):
        with pytest.raises(ArtefactError, match="no expected resolution is known of dx"):
            drawn_in_units(widths, pulls={"dx": (-99.0, 99.0)})
    translator(1, lambda normals, **_: [normals], pulls={"dx": (-99.0, 99.0)}).rehearse()


def test_centre_and_energy_of_merged_sources():
    sources = sources_at(np.array([0.0, 20.0, 500.0]), np.zeros(3), np.array([300.0, 100.0, 7.0]))
    place, features = describe(sources, listed(np.array([1, 0, 1]), np.array([-1, 0, -1])), [1])
    assert place[:, 0] == pytest.approx([5.0, 500.0])
    assert np.exp(place[:, 3]) == pytest.approx([400.0, 7.0])
    assert features[0, 1] == pytest.approx(np.log(0.75))
    assert np.array_equal(features[:, -1], [1.0, 5.0])
    assert np.isfinite(features).all()


def test_equal_energies_have_an_order():
    sources = sources_at(np.zeros(4), np.zeros(4), np.array([5.0, 9.0, 5.0, 9.0]))
    pieces = cut(sources.x, sources.y, sources.offsets, 48)
    assert np.array_equal(source_places(sources, pieces)[:, 4], [2, 0, 3, 1])


def test_only_owners_absorb():
    rng = np.random.default_rng(5)
    logits = rng.normal(0, 3, (1, 4, 5)).astype(np.float32)
    logits[0, 3, 1] = -1e9
    owns = np.array([[1.0, 0.0, 1.0, 0.0]])
    own, slots = np.array([1, 0, 1, 0]), np.arange(4)
    drawn = np.array([_absorbers(logits, owns, slots, own, rng.random(4)) for _ in range(4000)])
    assert (drawn[:, [0, 2]] == -1).all()
    assert set(np.unique(drawn[:, 1])) <= {-1, 0, 2}
    assert set(np.unique(drawn[:, 3])) <= {-1, 2}
    weights = np.exp(logits[0, 1, [0, 1, 3]].astype(float))
    shares = [(drawn[:, 1] == k).mean() for k in (-1, 0, 2)]
    assert shares == pytest.approx(weights / weights.sum(), abs=0.04)
