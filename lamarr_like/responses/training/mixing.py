"""How properties depend on bridging latents: a matrix with a learnt mask.

The mask layer of CorrVAE (Wang et al., arXiv:2210.01796): each property depends on some latents
only, which it may share with others.  As the properties of an array are known, the matrix can be
learnt before anything is drawn, by the likelihood of their normal scores: latents are normal, so
that scores ``y = A w`` have the covariance ``A A^T``.  Each connection has a probability, drawn
with Gumbel noise (Jang et al., arXiv:1611.01144), and costs some likelihood: where properties go
together by less than that is worth, they share nothing.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ...arrays import Floats
from ...nets.layers import adam
from ...nets.sample import stream
from ..config import CorrVaeConfig

_STEPS, _RATE = 1000, 2e-2
_TEMPERATURE = 0.5
_NOISE = 0.02
"""Variance of a score that no latent explains, which keeps the likelihood finite."""


def learn_mixing(scores: Floats, config: CorrVaeConfig) -> Floats:
    """Matrix ``A``, rows of unit norm, shape ``(k, k + shared)``.

    Each property begins with a latent of its own; ``shared`` more are free.  In the first half of
    the steps connections come and go, in the second those more likely than not stay.

    Args:
        scores: normal scores of properties, shape ``(n, k)``.
        config: settings.
    """
    k = scores.shape[1]
    n_latents = k + config.shared
    own = np.eye(k, n_latents, dtype=np.float32)
    start = stream(config.seed, "mixing").normal(size=(k, n_latents))
    weights = tf.Variable((own + 0.1 * start).astype(np.float32))
    logits = tf.Variable(np.where(own > 0, 4.0, 0.0).astype(np.float32))
    fixed = tf.Variable(0.0)
    covariance = np.corrcoef(scores, rowvar=False).reshape(k, k).astype(np.float32)
    optimizer = adam(_RATE, 50, _STEPS)
    optimizer.build([weights, logits])
    count = tf.Variable(0, dtype=tf.int32)

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def step() -> None:
        count.assign_add(1)
        seed = tf.stack([config.seed, count])
        u = tf.random.stateless_uniform((k, n_latents), seed=seed, minval=1e-4, maxval=1 - 1e-4)
        with tf.GradientTape() as tape:
            drawn = tf.sigmoid((logits + tf.math.log(u) - tf.math.log(1 - u)) / _TEMPERATURE)
            mask = fixed * tf.cast(logits > 0, tf.float32) + (1 - fixed) * drawn
            matrix = unit_rows(tf.maximum(mask, own * 1e-3) * weights)
            loss = negative_likelihood(matrix, covariance)
            loss += config.sparsity * tf.reduce_sum(tf.sigmoid(logits))
        optimizer.apply(tape.gradient(loss, [weights, logits]), [weights, logits])

    for i in range(_STEPS):
        if i == _STEPS // 2:
            # Its own latent is never taken from a property: the matrix must be of full rank.
            logits.assign(tf.where(logits + 8 * own > 0, 9.0, -9.0))
            fixed.assign(1.0)
        step()
    kept = logits.numpy() > 0
    return merged(unit_rows(tf.constant(weights.numpy() * kept)).numpy().astype(np.float64))


def merged(matrix: Floats) -> Floats:
    """The same covariance with fewer latents, rows of unit norm, shape ``(k, m)``.

    Two latents that one and the same property alone depends on are as one.  Latents have the sign
    of the property whose own they are.

    Args:
        matrix: shape ``(k, n_latents)``, the first `k` latents each property's own.
    """
    found, k = matrix.copy(), len(matrix)
    for j in range(k, found.shape[1]):
        rows = np.flatnonzero(found[:, j])
        if len(rows) == 1 and (np.delete(found[:, rows[0]], rows[0]) == 0).all():
            found[rows[0], rows[0]] = np.hypot(found[rows[0], rows[0]], found[rows[0], j])
            found[:, j] = 0.0
    found[:, :k] *= np.where(np.diag(found[:, :k]) < 0, -1.0, 1.0)
    found = found[:, (found != 0).any(axis=0)] + 0.0
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


def unit_rows(matrix: tf.Tensor) -> tf.Tensor:
    """Rows of unit norm, shape ``(k, m)``."""
    return matrix / tf.sqrt(tf.reduce_sum(tf.square(matrix), 1, keepdims=True) + 1e-9)


def negative_likelihood(matrix: tf.Tensor, covariance: tf.Tensor) -> tf.Tensor:
    """Of scores of some covariance for a mixing matrix: of one row, without the constant.

    Args:
        matrix: shape ``(k, m)``.
        covariance: shape ``(k, k)``.
    """
    k = covariance.shape[0]
    told = tf.matmul(matrix, matrix, transpose_b=True) + _NOISE * tf.eye(k)
    factor = tf.linalg.cholesky(told)
    log_det = 2 * tf.reduce_sum(tf.math.log(tf.linalg.diag_part(factor)))
    trace = tf.linalg.trace(tf.linalg.cholesky_solve(factor, covariance + _NOISE * tf.eye(k)))
    return 0.5 * (log_det + trace)
