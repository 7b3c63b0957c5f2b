"""Control in training: what codes say of properties, their law, and the mask that is learnt."""

import numpy as np
import pytest
from spots import SPOTS, spots
from twins import twins

from lamarr_like.errors import TrainingError
from lamarr_like.responses import properties as names
from lamarr_like.responses.blocks import Layout, Shells
from lamarr_like.responses.codes import Codes, Particles
from lamarr_like.responses.config import CorrVaeConfig
from lamarr_like.responses.frame import Frame

tf = pytest.importorskip("tensorflow")

from lamarr_like.responses.training.corrvae import fit_corrvae  # noqa: E402
from lamarr_like.responses.training.mixing import learn_mixing, merged  # noqa: E402
from lamarr_like.responses.training.properties import (  # noqa: E402
    block_places,
    fit_law,
    learn_properties,
)

CONFIG = CorrVaeConfig()


@pytest.fixture(scope="module")
def prepared():
    """Layout, codes, scores, placement, hits, amounts and what is learnt of properties."""
    sample = spots(1500, seed=1)
    placement = Frame.fit(SPOTS, sample.seen, sample.arrays).place(sample.seen)
    hits = placement.to_frame(sample.hits)
    layout = Layout(SPOTS, Shells(2, (2,), 1))
    amounts = layout.amounts(layout.energies(hits, len(sample)))
    amounts /= sample.conditions["energy"][:, None]
    particles = Particles.of(SPOTS, placement.given)
    codes = Codes.fit(amounts, particles)
    u = np.random.default_rng(1).random(amounts.shape)
    scores = codes.scores(amounts, u, particles).astype(np.float32)
    given = placement.given - placement.given.mean(axis=0)
    given /= np.maximum(given.std(axis=0), 1e-9)
    learnt = learn_properties(layout, codes, particles, placement, hits, given, CONFIG)
    return layout, codes, particles, scores, placement, hits, learnt


def test_reading_makes_the_amounts_that_codes_make(prepared):
    _, codes, particles, scores, *_, learnt = prepared
    scores = scores + np.random.default_rng(2).normal(size=scores.shape).astype(np.float32)
    scores = np.clip(scores, -4, 4)
    found = learnt.reading._amounts(tf.constant(scores), learnt.reading.split(learnt.columns))
    expected = codes.amounts(scores.astype(float), particles)
    assert found.numpy() == pytest.approx(expected, rel=5e-3, abs=2e-3)


def test_codes_tell_the_properties_of_their_arrays(prepared):
    *_, scores, placement, hits, learnt = prepared
    of = learnt.reading.split(learnt.columns)
    found, there = learnt.reading(tf.constant(scores), of)
    exact = names.of_hits(SPOTS, placement, hits)
    kept = np.isfinite(exact).all(axis=1)
    assert (there.numpy()[kept] == 1).mean() > 0.99
    for k, least in enumerate((0.999, 0.97, 0.97, 0.95)):
        assert np.corrcoef(found.numpy()[kept, k], exact[kept, k])[0, 1] > least
    # And where in its block a cell is on average is no bias.
    away = (found.numpy() - exact)[kept].mean(axis=0) / exact[kept].std(axis=0)
    assert np.abs(away).max() < 0.1


def test_scores_do_not_depend_on_conditions(prepared):
    *_, placement, _, learnt = prepared
    scores = learnt.reading.split(learnt.columns).scores.numpy()
    assert scores.mean(axis=0) == pytest.approx(0, abs=0.1)
    assert scores.std(axis=0) == pytest.approx(1, abs=0.1)
    together = np.corrcoef(scores.T, placement.given[:, :4].T)[:4, 4:]
    assert np.abs(together).max() < 0.12


def test_a_slope_leads_to_what_is_wanted(prepared):
    """Codes moved along the gradient get a wanted total and width."""
    *_, scores, _, _, learnt = prepared
    of = learnt.reading.split(learnt.columns)
    codes = tf.Variable(scores)
    wanted = learnt.reading(codes, of)[0].numpy() + 0.5 * of.sd.numpy()
    away = []
    for _ in range(60):
        with tf.GradientTape() as tape:
            far = (learnt.reading(codes, of)[0] - wanted) / of.sd
            loss = tf.reduce_sum(tf.minimum(tf.square(far), 1.0))
        slope = tape.gradient(loss, codes)
        assert np.isfinite(slope.numpy()).all()
        codes.assign_sub(0.05 * tf.clip_by_value(slope, -1.0, 1.0))
        away.append(np.median(np.abs(far.numpy()), axis=0))
    assert away[0] == pytest.approx(0.5, abs=1e-3)
    assert (away[-1] < 0.1).all()


def test_blocks_have_the_mean_place_of_their_cells(prepared):
    layout, *_, hits, _ = prepared
    means, square = block_places(layout, hits)
    inner = layout.high - layout.low == 1
    single = inner.all(axis=1)
    assert means[single] == pytest.approx(layout.low[single] * 1.0)
    assert square[single] == pytest.approx((layout.low[single] ** 2).sum(axis=1))
    assert ((means >= layout.low) & (means <= layout.high - 1)).all()


def test_the_law_finds_mean_and_spread():
    rng = np.random.default_rng(1)
    given = rng.normal(size=(3000, 2))
    sd = np.exp(0.3 * given)
    values = np.stack([10 + 2 * given[:, 0], given[:, 1] ** 2], axis=1)
    values = values + sd * rng.normal(size=(3000, 2))
    law, _ = fit_law(given, values, CONFIG)
    mean, found = law.moments(given)
    assert np.median(np.abs(mean[:, 0] - 10 - 2 * given[:, 0])) < 0.15
    assert np.median(np.abs(found / sd - 1)) < 0.12
    assert law.scores(given, values).std(axis=0) == pytest.approx(1, abs=0.05)


def test_properties_that_have_nothing_in_common_share_nothing():
    scores = np.random.default_rng(1).normal(size=(4000, 4))
    assert np.array_equal(learn_mixing(scores, CONFIG), np.eye(4))


def test_properties_that_go_together_share_a_latent():
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(4000, 3))
    scores[:, 2] = 0.6 * scores[:, 0] + 0.8 * scores[:, 2]
    found = learn_mixing(scores, CONFIG)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1)
    told = found @ found.T
    assert told == pytest.approx(np.corrcoef(scores.T), abs=0.06)
    # The second has no part in it.
    others = found[[0, 2]] != 0
    assert not (others & (found[1] != 0)).any()
    assert (others.all(axis=0)).any()


def test_latents_of_one_property_are_merged_where_that_changes_nothing():
    matrix = np.array([[-0.8, 0, 0, 0.6, 0], [0, 0.6, 0, 0, 0.8], [0, 0.6, 0.8, 0, 0]])
    found = merged(matrix)
    # The second's own latent is the third's as well: its further one stays.
    assert found == pytest.approx(np.array([[1, 0, 0, 0], [0, 0.6, 0, 0.8], [0, 0.6, 0.8, 0]]))
    assert found @ found.T == pytest.approx(matrix @ matrix.T)


def test_it_draws_one_array():
    with pytest.raises(TrainingError, match=r"corrvae draws one array; train on one of the dev"):
        fit_corrvae(twins(400), CorrVaeConfig(), progress=False)
