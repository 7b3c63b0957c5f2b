"""Initial weights of the network of a translation (`net`)."""

from __future__ import annotations

import numpy as np

from ...engine.translator.cluster_layout import MOST_CLUSTERS, MOST_OWN
from .config import TranslatorConfig

_PAIR_FEATURES = 5


class _Initial:
    """Weights by name, drawn in the order in which they are asked for."""

    def __init__(self, config: TranslatorConfig, rng: np.random.Generator) -> None:
        self.config, self.rng = config, rng
        self.made: dict[str, np.ndarray] = {}

    def dense(self, name: str, a: int, b: int, scale: float = 1.0) -> None:
        """A dense layer of `a` inputs and `b` outputs."""
        self.made[f"{name}.kernel"] = self.rng.normal(size=(a, b)) * (scale / np.sqrt(a))
        self.made[f"{name}.bias"] = np.zeros(b)

    def norm(self, name: str) -> None:
        """A normalisation of the states."""
        d = self.config.width
        self.made[f"{name}.scale"], self.made[f"{name}.shift"] = np.ones(d), np.zeros(d)

    def pairs(self, name: str, channels: int) -> None:
        """A network of pair features."""
        # Kept with the channels first: the pairs are the columns of the product.
        h, n = self.config.pair_hidden, _PAIR_FEATURES
        self.made[f"{name}.first"] = self.rng.normal(size=(h, n)) / np.sqrt(n)
        self.made[f"{name}.first_bias"] = 0.5 * self.rng.normal(size=(h, 1))
        self.made[f"{name}.second"] = self.rng.normal(size=(channels, h)) * (0.5 / np.sqrt(h))

    def encoder(self, n_features: int) -> None:
        """What looks at the sources."""
        config, d, hidden = self.config, self.config.width, self.config.hidden
        self.dense("source.first", n_features, 2 * d, 1.4)
        self.dense("source.second", 2 * d, d)
        for i in range(config.layers):
            self.norm(f"encoder{i}.norm")
            self.dense(f"encoder{i}.in", d, 3 * d + hidden, 1.2)
            self.dense(f"encoder{i}.out", d + hidden, d, 0.4)
        if config.layers:
            self.pairs("encoder.pair", config.layers * config.heads + 1 + config.neighbours)
            self.made["neighbours.shift"] = np.full((config.neighbours, 1), -0.3)
            self.dense("neighbours", config.neighbours, d)
        self.norm("encoder.norm")
        self.dense("own", d, MOST_CLUSTERS + 1, 0.3)
        if config.pointer:
            for part in ("query", "key"):
                self.dense(f"pointer.{part}", d, config.pointer)
            self.dense("pointer.lost", d, 1)

    def decoder(self, n_cluster_features: int) -> None:
        """What looks at the clusters."""
        config, d, hidden = self.config, self.config.width, self.config.hidden
        self.dense("cluster.owner", d, d)
        self.dense("cluster.own", n_cluster_features, d, 1.4)
        self.dense("cluster.absorbed", d, d)
        self.made["cluster.outcome"] = 0.1 * self.rng.normal(size=(MOST_OWN + 2, d))
        for i in range(config.decoder_layers):
            self.norm(f"decoder{i}.norm")
            self.dense(f"decoder{i}.in", d, d + hidden, 1.2)
            self.dense(f"decoder{i}.memory", d, 2 * d)
            self.dense(f"decoder{i}.out", d + hidden, d, 0.4)
        if config.decoder_layers:
            self.pairs("decoder.pair", config.decoder_layers * config.heads)
        self.dense("cluster.mix", d, d, 1.4)
        self.norm("decoder.norm")
        self.dense("state", d, config.head_state)


def initial_weights(
    config: TranslatorConfig, n_features: int, n_cluster_features: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Initial weights by name, float32.

    Dense kernels are of shape ``(n_in, n_out)``, their biases of shape ``(n_out,)``; those of pairs
    have the channels first, shape ``(n_out, n_in)``.

    Args:
        config: settings.
        n_features: features of a source.
        n_cluster_features: features of a cluster.
        rng: source of random numbers.
    """
    initial = _Initial(config, rng)
    initial.encoder(n_features)
    initial.decoder(n_cluster_features)
    return {name: values.astype(np.float32) for name, values in initial.made.items()}
