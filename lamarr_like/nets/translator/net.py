"""The network of a translation: encoder with pointers, decoder.

Vaswani et al., "Attention is all you need", arXiv:1706.03762, with normalisation first (Xiong et
al., arXiv:2002.04745); pointers as in Vinyals et al., "Pointer networks", arXiv:1506.03134.  What
two elements are to each other (distance in cells, neighbouring cells, ratio of energies) enters
every attention as a bias, as in "Particle transformer" (Qu et al., arXiv:2202.03772): whether two
showers merge is decided by millimetres on metres.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.translator.cluster_layout import MOST_CLUSTERS
from .config import TranslatorConfig
from .ops import Ops

FAR = -1e9
"""Logit of what cannot be."""
PLACE = 7
"""Columns of places: x, y, unit, log energy, rank by energy, column and row of the cell."""
_NEAR2, _MIDDLE2, _PEAK = 0.4, 4.0, 4.0
_BOUND = 6.0
"""Standardised features are bounded here: beyond, nothing has been learnt."""


class Network:
    """Encoder and decoder over some operations.

    Args:
        ops: TensorFlow or ONNX.
        config: settings.
        scales: mean and inverse width of the features of sources (``features_mean``,
            ``features_scale``) and of clusters (``clusters_mean``, ``clusters_scale``).
    """

    def __init__(self, ops: Ops, config: TranslatorConfig, scales: dict[str, np.ndarray]) -> None:
        self.ops, self.config, self.scales = ops, config, scales

    def encode(self, features: Any, place: Any, mask: Any) -> tuple[Any, Any, Any]:
        """Logits of the number of clusters, states, logits of absorption.

        Args:
            features: shape ``(b * l, n_features)``.
            place: see `PLACE`, ``(b, l, 7)``.
            mask: 1 for sources, 0 for padding, shape ``(b, l)``.

        Returns:
            Logits ``(b, l, 8)``; states ``(b * l, width)``; logits of being lost and of being
            absorbed by each source, ``(b, l, 1 + l)``, or None without pointers.
        """
        ops, config = self.ops, self.config
        h = self._dense(self._scaled(features, "features"), "source.first")
        h = self._dense(self._silu(h), "source.second")
        pairs, middle = None, None
        if config.layers:
            planes, gone = self._planes(place, place, mask)
            middle = planes[1]
            pairs = self._bias(planes, gone, "encoder.pair")
            h = ops.binary("Add", h, self._neighbours(pairs))
        for i in range(config.layers):
            h = self._layer(h, f"encoder{i}", self._channels(pairs, i), mask)
        states = ops.norm(h, "encoder.norm")
        logits = ops.like(self._dense(states, "own"), mask, [MOST_CLUSTERS + 1])
        allowed = np.zeros(MOST_CLUSTERS + 1, np.float32)
        allowed[1 + config.most_own :] = FAR
        logits = ops.binary("Add", logits, ops.constant(allowed))
        if not config.pointer:
            return logits, states, None
        pointers = self._pointers(states, mask, pairs, middle)
        lost = ops.like(self._dense(states, "pointer.lost"), mask, [1])
        return logits, states, ops.concat([lost, pointers], 2)

    def decode(self, **inputs: Any) -> Any:
        """Conditions of the head for clusters, shape ``(b * m, head_state + n_features)``.

        Args:
            inputs: ``states`` of the sources ``(b * l, width)``, their ``source_place``
                ``(b, l, 7)``, ``source_mask`` ``(b, l)`` and ``outcome`` ``(b * l,)``; of the
                clusters ``owner`` (position in ``b * l``), ``features`` ``(b * m, ...)``, ``place``
                ``(b, m, 7)``, ``mask`` ``(b, m)``, and ``share`` ``(b, m, l)``, the part of the
                energy that each absorbed source brings.
        """
        ops, config = self.ops, self.config
        states = inputs["states"]
        features = self._scaled(inputs["features"], "clusters")
        by_piece = ops.like(states, inputs["source_mask"], [config.width])
        absorbed = ops.reshape(ops.matmul(inputs["share"], by_piece), [-1, config.width])
        h = self._dense(ops.gather(states, inputs["owner"]), "cluster.owner")
        h = ops.binary("Add", h, self._dense(features, "cluster.own"))
        h = ops.binary("Add", h, self._dense(absorbed, "cluster.absorbed"))
        if config.decoder_layers:
            h = self._look_around(h, inputs)
        else:
            h = self._dense(self._silu(h), "cluster.mix")
        state = self._dense(ops.norm(h, "decoder.norm"), "state")
        return ops.concat([state, features], 1)

    def _look_around(self, h: Any, inputs: dict[str, Any]) -> Any:
        """Layers in which clusters see each other, and the sources with what became of them."""
        ops, config = self.ops, self.config
        known = ops.gather(ops.weight("cluster.outcome"), inputs["outcome"])
        sources = ops.binary("Add", inputs["states"], known)
        sources = ops.like(sources, inputs["source_mask"], [config.width])
        everywhere = ops.concat([inputs["place"], inputs["source_place"]], 1)
        mask = ops.concat([inputs["mask"], inputs["source_mask"]], 1)
        pairs = self._bias(*self._planes(inputs["place"], everywhere, mask), "decoder.pair")
        d = config.width
        for i in range(config.decoder_layers):
            name = f"decoder{i}"
            x = ops.norm(h, f"{name}.norm")
            clusters = ops.like(x, inputs["mask"], [d])
            memory = ops.reshape(ops.concat([clusters, sources], 1), [-1, d])
            kv = self._dense(memory, f"{name}.memory")
            k, v = (self._heads(ops.slice(kv, j * d, (j + 1) * d, 1), mask) for j in (0, 1))
            x = self._dense(x, f"{name}.in")
            q = self._heads(ops.slice(x, 0, d, 1), inputs["mask"])
            found = self._attention(q, k, v, self._channels(pairs, i))
            h = self._joined(h, found, ops.slice(x, d, d + config.hidden, 1), name)
        return h

    def _scaled(self, values: Any, which: str) -> Any:
        ops = self.ops
        mean, scale = (ops.constant(self.scales[f"{which}_{k}"]) for k in ("mean", "scale"))
        scaled = ops.binary("Mul", ops.binary("Sub", values, mean), scale)
        return ops.clip(scaled, -_BOUND, _BOUND)

    def _dense(self, x: Any, name: str) -> Any:
        ops = self.ops
        product = ops.matmul(x, ops.weight(f"{name}.kernel"))
        return ops.binary("Add", product, ops.weight(f"{name}.bias"))

    def _silu(self, x: Any) -> Any:
        return self.ops.binary("Mul", x, self.ops.unary("Sigmoid", x))

    def _layer(self, h: Any, name: str, bias: Any, mask: Any) -> Any:
        """Self-attention and a dense block side by side (Wang and Komatsuzaki, GPT-J, 2021)."""
        ops, d = self.ops, self.config.width
        x = self._dense(ops.norm(h, f"{name}.norm"), f"{name}.in")
        q, k, v = (self._heads(ops.slice(x, j * d, (j + 1) * d, 1), mask) for j in range(3))
        found = self._attention(q, k, v, bias)
        return self._joined(h, found, ops.slice(x, 3 * d, 3 * d + self.config.hidden, 1), name)

    def _joined(self, h: Any, found: Any, up: Any, name: str) -> Any:
        both = self.ops.concat([found, self._silu(up)], 1)
        return self.ops.binary("Add", h, self._dense(both, f"{name}.out"))

    def _heads(self, x: Any, mask: Any) -> Any:
        """``(b * l, width)`` to ``(b, heads, l, width / heads)``."""
        ops, heads = self.ops, self.config.heads
        split = ops.like(x, mask, [heads, self.config.width // heads])
        return ops.transpose(split, [0, 2, 1, 3])

    def _attention(self, q: Any, k: Any, v: Any, bias: Any) -> Any:
        """Dense attention; ``(b * l, width)``."""
        ops, config = self.ops, self.config
        scores = ops.matmul(q, ops.transpose(k, [0, 1, 3, 2]))
        factor = ops.constant(1.0 / np.sqrt(config.width // config.heads))
        weights = ops.softmax(ops.binary("Add", ops.binary("Mul", scores, factor), bias))
        merged = ops.transpose(ops.matmul(weights, v), [0, 2, 1, 3])
        return ops.reshape(merged, [-1, config.width])

    def _channels(self, pairs: Any, layer: int) -> Any:
        heads = self.config.heads
        return self.ops.slice(pairs, layer * heads, (layer + 1) * heads, 1)

    def _planes(self, a: Any, b: Any, mask: Any) -> tuple[list[Any], Any]:
        """Features of pairs and whether b is padding, each ``(b, l, m)``.

        The features: two measures of nearness that fall with the squared distance in the larger
        unit, steps between the cells (far for cells of two sizes), ratio of energies, who ranks
        first.
        """
        ops = self.ops
        mine = [ops.slice(a, k, k + 1, 2) for k in range(PLACE)]
        other = ops.transpose(b, [0, 2, 1])
        others = [ops.slice(other, k, k + 1, 1) for k in range(PLACE)]

        def difference(k: int) -> Any:
            return ops.binary("Sub", others[k], mine[k])

        # Padding has no unit: keep the division finite.
        unit = ops.binary("Max", ops.binary("Max", mine[2], ops.constant(1.0)), others[2])
        dx, dy = (ops.binary("Div", difference(k), unit) for k in (0, 1))
        distance2 = ops.binary("Add", ops.binary("Mul", dx, dx), ops.binary("Mul", dy, dy))
        steps = ops.binary("Max", *(ops.unary("Abs", difference(k)) for k in (5, 6)))
        planes = [
            *(self._nearness(distance2, scale2) for scale2 in (_NEAR2, _MIDDLE2)),
            ops.clip(steps, 0.0, 4.0),
            ops.clip(difference(3), -_BOUND, _BOUND),
            ops.clip(difference(4), -1.0, 1.0),
        ]
        gone = ops.binary("Sub", ops.constant(1.0), ops.like(mask, mask, [1]))
        nothing = ops.binary("Sub", mine[0], mine[0])
        return planes, ops.binary("Add", ops.transpose(gone, [0, 2, 1]), nothing)

    def _nearness(self, distance2: Any, scale2: float) -> Any:
        ops = self.ops
        shifted = ops.binary("Add", distance2, ops.constant(scale2))
        return ops.binary("Div", ops.constant(_PEAK * scale2), shifted)

    def _bias(self, planes: list[Any], gone: Any, name: str) -> Any:
        """One plane a channel from the features of pairs, ``(b, channels, l, m)``."""
        ops = self.ops
        stacked = ops.concat([ops.reshape(p, [0, 1, -1]) for p in planes], 1)
        h = ops.matmul(ops.weight(f"{name}.first"), stacked)
        h = ops.unary("Relu", ops.binary("Add", h, ops.weight(f"{name}.first_bias")))
        h = ops.concat([h, ops.reshape(gone, [0, 1, -1])], 1)
        second = ops.weight(f"{name}.second")
        far = ops.binary("Mul", ops.slice(second, 0, 1, 1), ops.constant(0.0))
        far = ops.binary("Add", far, ops.constant(FAR))
        return ops.unfold(ops.matmul(ops.concat([second, far], 1), h), gone)

    def _neighbours(self, pairs: Any) -> Any:
        """Sums over the sources nearby, ``(b * l, width)``: attention averages, it cannot count."""
        ops, config = self.ops, self.config
        first = config.layers * config.heads + 1
        own = ops.slice(pairs, first, first + config.neighbours, 1)
        shift = ops.reshape(ops.weight("neighbours.shift"), [0, 0, 1])
        own = ops.unary("Relu", ops.binary("Add", own, shift))
        sums = ops.transpose(ops.total(own), [0, 2, 1])
        return self._dense(ops.reshape(sums, [-1, config.neighbours]), "neighbours")

    def _pointers(self, states: Any, mask: Any, pairs: Any, middle: Any) -> Any:
        """Logits of being absorbed by each source of the piece, ``(b, l, l)``."""
        ops, config = self.ops, self.config
        q, k = (
            ops.like(self._dense(states, f"pointer.{part}"), mask, [config.pointer])
            for part in ("query", "key")
        )
        scores = ops.matmul(q, ops.transpose(k, [0, 2, 1]))
        scores = ops.binary("Mul", scores, ops.constant(1.0 / np.sqrt(config.pointer)))
        last = config.layers * config.heads
        bias = ops.like(ops.slice(pairs, last, last + 1, 1), middle, [])
        # What is out of reach has a nearness below that at the reach.
        least = _PEAK * _MIDDLE2 / (config.reach**2 + _MIDDLE2)
        beyond = ops.binary("Sub", middle, ops.constant(least))
        beyond = ops.clip(ops.binary("Mul", beyond, ops.constant(1e12)), FAR, 0.0)
        return ops.binary("Add", ops.binary("Add", scores, bias), beyond)
