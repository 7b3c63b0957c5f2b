"""Initial weights of a translation: those that its network asks for."""

from __future__ import annotations

import numpy as np
import pytest
from family_toys import sequence_law

tf = pytest.importorskip("tensorflow")

from lamarr_like.nets.translator.batches import (  # noqa: E402
    Prepared,
    batches_of,
    buckets_of,
)
from lamarr_like.nets.translator.config import KToKConfig, TranslatorConfig  # noqa: E402
from lamarr_like.nets.translator.net import Network  # noqa: E402
from lamarr_like.nets.translator.ops import TensorFlowOps  # noqa: E402
from lamarr_like.nets.translator.trainer import TranslatorTrainer  # noqa: E402
from lamarr_like.nets.translator.weights import initial_weights  # noqa: E402

SIZES = dict(
    **{"width": 16, "heads": 2, "hidden": 24, "head_state": 8, "head_hidden": 12, "knots": 100},
    **{"steps": 30, "tokens": 256, "warm_up": 5, "longest": 16, "head_depth": 1},
)
SHORT = {"layers": 1, "decoder_layers": 0, "pointer": 0}


class Asked(dict):
    """Weights that remember which were asked for."""

    def __init__(self, made):
        super().__init__(made)
        self.names = set()

    def __getitem__(self, name):
        self.names.add(name)
        return super().__getitem__(name)


def weights(config, seed=1, n_features=5, n_cluster_features=9):
    rng = np.random.default_rng(seed)
    return initial_weights(config, n_features, n_cluster_features, rng)


@pytest.mark.parametrize(
    "config", [TranslatorConfig(**SIZES), TranslatorConfig(**SIZES | SHORT), KToKConfig(**SIZES)]
)
def test_the_network_asks_for_all_but_one_kind(config):
    prepared = Prepared(sequence_law(40).adapted(config), config)
    (batch,) = next(batches_of(prepared, buckets_of(prepared, config), config))
    parts = [
        {k.removeprefix(p): tf.constant(v) for k, v in batch.items() if k.startswith(p)}
        for p in ("encoder_", "decoder_")
    ]
    encoder, decoder = parts
    scales = TranslatorTrainer(prepared, config).scales
    sizes = [scales[f"{name}_mean"].shape[-1] for name in ("features", "clusters")]
    made = Asked(weights(config, 1, *sizes))
    net = Network(TensorFlowOps(made), config, scales)
    _, states, _ = net.encode(**encoder)
    net.decode(states=states, source_place=encoder["place"], source_mask=encoder["mask"], **decoder)
    # Of the two ways of looking at the clusters one is drawn in vain, for the sake of the others.
    mix = {"cluster.mix.kernel", "cluster.mix.bias"}
    vain = mix if config.decoder_layers else {"cluster.outcome"}
    assert set(made) - made.names == vain


def test_weights_are_repeatable_and_of_the_size_of_their_inputs():
    config = TranslatorConfig(**SIZES | {"width": 64, "hidden": 96})
    one, two, other = weights(config), weights(config), weights(config, 2)
    assert all(v.dtype == np.float32 and np.array_equal(v, two[k]) for k, v in one.items())
    assert any(not np.array_equal(v, other[k]) for k, v in one.items())
    for name, values in one.items():
        if name.endswith(".bias") or (name.endswith(".shift") and name != "neighbours.shift"):
            assert (values == 0.0).all(), name
    assert one["source.first.kernel"].shape == (5, 128)
    assert one["cluster.own.kernel"].shape == (9, 64)
    scale = one["decoder0.in.kernel"].std() * np.sqrt(64)
    assert scale == pytest.approx(1.2, rel=0.05)
    assert one["encoder0.out.kernel"].std() * np.sqrt(64 + 96) == pytest.approx(0.4, rel=0.05)
    assert (one["encoder.norm.scale"] == 1.0).all()


def test_parts_that_are_left_out_have_no_weights():
    whole, short = (weights(TranslatorConfig(**SIZES | changes)) for changes in ({}, SHORT))
    gone = {name.split(".")[0] for name in set(whole) - set(short)}
    assert {"pointer", "decoder0"} <= gone and "encoder0" not in gone
    assert set(short) < set(whole)
