"""A convolutional network that is to tell drawn arrays from detailed ones."""

from __future__ import annotations

import keras
import numpy as np

from ...arrays import Floats, Floats32, Ints
from ...nets.layers import use_threads
from ...statistics.two_sample import Auc, weighted_auc
from ..response import Response
from ..samples import ResponseSample

FOLDS = 2
EPOCHS = 8
BATCH = 128
_WIDTHS = (12, 24, 32)
_AT_ONCE = 1024


def images_auc(
    real: ResponseSample, fake: ResponseSample, *, epochs: int = EPOCHS, seed: int = 1
) -> Auc:
    """AUC of the network, cross-fitted; particles with equal conditions are in one fold.

    The network sees the logarithm of each cell and the normalised features of the particle.

    Args:
        real, fake: samples of the same particles.
        epochs: passes over the sample.
        seed: of weights and folds.
    """
    use_threads(1)
    response = real.response
    unit = max(response.threshold, 1e-30)
    if not response.threshold:
        unit = float(np.median(real.hits.value)) / 100 if len(real.hits.value) else 1.0
    x = np.concatenate([_seen(s.arrays, unit) for s in (real, fake)])
    given = np.concatenate([real.seen, fake.seen])
    given = (given - given.mean(axis=0)) / np.maximum(given.std(axis=0), 1e-9)
    label = np.repeat([1.0, 0.0], [len(real), len(fake)]).astype(np.float32)
    part: Ints = np.random.default_rng(seed).permutation(len(real)) % FOLDS
    part = np.concatenate([part, part])
    scores = np.zeros(len(x))
    values, variances = [], []
    for fold in range(FOLDS):
        keras.utils.set_random_seed(seed + fold)
        net = _network(response, given.shape[1])
        rows = np.flatnonzero(part != fold)
        net.fit([x[rows], given[rows]], label[rows], batch_size=BATCH, epochs=epochs, verbose=0)
        held = part == fold
        scores[held] = _scores(net, x[held], given[held])
        sides = [scores[held & (label == s)] for s in (1.0, 0.0)]
        value, error = weighted_auc(*sides, *(np.ones(len(s)) for s in sides))
        values.append(value)
        variances.append(error**2)
    return Auc(float(np.mean(values)), float(np.sqrt(np.sum(variances)) / FOLDS), len(real))


def _scores(net: keras.Model, x: Floats32, given: Floats) -> Floats:
    """What the network makes of some rows, shape ``(n,)``."""
    parts = range(0, len(x), _AT_ONCE)
    found = [np.asarray(net([x[i : i + _AT_ONCE], given[i : i + _AT_ONCE]])) for i in parts]
    return np.concatenate(found)[:, 0].astype(np.float64)


def _seen(arrays: np.ndarray, unit: float) -> Floats32:
    """Cells as the network sees them, with one channel."""
    found: Floats32 = (np.log1p(arrays / unit) / np.log(1e5)).astype(np.float32)[..., None]
    return found


def _network(response: Response, n_given: int) -> keras.Model:
    """Convolutions with halved sides, then a dense layer that also sees the particle."""
    layer = {1: keras.layers.Conv1D, 2: keras.layers.Conv2D, 3: keras.layers.Conv3D}
    convolution = layer[len(response.shape)]
    image = keras.Input((*response.shape, 1))
    given = keras.Input((n_given,))
    h = image
    for width in _WIDTHS:
        h = convolution(width, 3, strides=2, padding="same", activation="relu")(h)
    h = keras.layers.Concatenate()([keras.layers.Flatten()(h), given])
    h = keras.layers.Dense(48, activation="relu")(h)
    net = keras.Model([image, given], keras.layers.Dense(1, activation="sigmoid")(h))
    net.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy")
    return net
