"""Steps of the training of a translation."""

import numpy as np
import pytest
from smeared import sharp_sample, spread_sample

from lamarr_like.responses.translate.config import CycleGanConfig, UvcGanConfig
from lamarr_like.responses.translate.model import to_roots


def trainer(config):
    pytest.importorskip("tensorflow")
    from lamarr_like.responses.training.translation import Roots, TranslationTrainer

    one, two = to_roots(sharp_sample(64).arrays, 20.0), to_roots(spread_sample(64).arrays, 10.0)
    means = (float(one.mean()), float(two.mean()))
    return TranslationTrainer(Roots((one, two), (0.15, 0.22), means), config)


def test_pairs_stay_together_and_others_do_not():
    for paired in (True, False):
        made = trainer(CycleGanConfig(width=4, steps=3, batch=16, paired=paired))
        there = {one.tobytes(): i for i, one in enumerate(made.sample.arrays[0])}
        back = {one.tobytes(): i for i, one in enumerate(made.sample.arrays[1])}
        for a, b in made.batches():
            rows = [there[one.tobytes()] for one in a], [back[one.tobytes()] for one in b]
            assert (rows[0] == rows[1]) is paired


def test_a_penalty_holds_the_slopes_of_critics():
    import tensorflow as tf

    slopes = []
    for penalty in (0.0, 10.0):
        made = trainer(CycleGanConfig(width=4, critic_width=4, steps=30, penalty=penalty))
        for batch in made.batches():
            _, doubt = made.step(*batch)
        assert 0 < float(doubt) < 8
        seen = tf.constant(made.sample.arrays[1][..., None])
        slopes.append(float(made._slope2(seen, 1)))
    assert slopes[1] < 0.5 * slopes[0]


def test_below_the_threshold_a_cell_is_empty_and_has_a_slope():
    import tensorflow as tf

    made = trainer(UvcGanConfig(width=4, tokens=8, heads=2))
    x = tf.constant([[-0.1, 0.1, 0.3]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        found = made._read(x, 0)
    assert np.allclose(found, [[0, 0, 0.3]]) and np.allclose(tape.gradient(found, x), 1)


def test_critics_learn_alone_first():
    made = trainer(CycleGanConfig(width=4, critic_width=4, steps=4, lead=2))
    states = []
    for batch in made.batches():
        made.step(*batch)
        states.append([part[0]["in.kernel"].numpy() for part in (made.generators, made.critics)])
    generators, critics = zip(*states, strict=True)
    assert np.array_equal(generators[0], generators[1])
    assert not np.array_equal(generators[1], generators[3])  # the rate of the first step is 0
    assert not np.array_equal(critics[0], critics[1])


def test_laws_of_patches():
    """None for the same arrays in another order; more, the more they differ."""
    import tensorflow as tf

    made = trainer(CycleGanConfig(width=4))
    x = tf.constant(made.sample.arrays[0][..., None])
    same, more, most = (
        float(made._laws_apart(x, other)) for other in (x[::-1], 1.1 * x, tf.roll(x, 1, 1) + x)
    )
    assert same < 1e-6 < 0.09 < more < 0.11 < most
