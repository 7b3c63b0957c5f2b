"""What all families share in training: the head of their configuration and the held-out figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...engine.load import build_model
from ...nets.config import AbstractConfig
from ...statistics.two_sample import Auc, c2st
from ..features import features
from ..hits import hits_of
from ..model import ResponseModel
from ..response import Response
from ..samples import ResponseSample


def base_spec(response: Response, settings: AbstractConfig) -> dict[str, Any]:
    """What every configuration of a response model starts with."""
    return {
        "kind": "response",
        "family": settings.family,
        "conditions": [c.name for c in response.conditions],
        "response": response.to_json(),
    }


class HeldOut:
    """Draws for held-out particles, with the same seed for every state, and judges the features.

    Args:
        spec: configuration of the model.
        files: those of its files that are the same in all states.
        sample: the particles and their detailed arrays.
        settings: of the training; ``judged`` limits the particles, where they have it.
    """

    def __init__(
        self,
        spec: Mapping[str, Any],
        files: Mapping[str, bytes],
        sample: ResponseSample,
        settings: AbstractConfig,
    ) -> None:
        self.spec, self.files = spec, files
        self.sample = sample.take(slice(0, getattr(settings, "judged", 3000)))
        self.seed = settings.seed
        self.real = features(sample.response, self.sample.seen, self.sample.hits)

    def __call__(self, files: Mapping[str, bytes]) -> Auc:
        """AUC of trees that are shown the features."""
        if len(self.sample) < 20:
            return Auc(float("nan"), 0.0, len(self.sample))
        model = build_model(self.spec, {**self.files, **files}, "model in training")
        assert isinstance(model, ResponseModel)
        drawn = model.draw(self.sample.conditions, self.seed)
        response, seen = self.sample.response, self.sample.seen
        fake = features(response, seen, hits_of(drawn))
        given = {f.name: seen[:, k] for k, f in enumerate(response.features)}
        found = c2st(self.real, fake, given, trees=100, seed=self.seed)
        return found if np.isfinite(found.value) else Auc(1.0, 0.0, len(drawn))
