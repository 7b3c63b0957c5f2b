"""What all families share in training: the head of their configuration and the held-out figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...arrays import Floats
from ...engine.load import build_model
from ...nets.config import AbstractConfig
from ...statistics.two_sample import Auc, c2st
from ..devices import Devices
from ..features import features
from ..hits import hits_of
from ..joint import JointModel
from ..model import ResponseModel
from ..response import Response
from ..samples import AnySample, parts_of


def base_spec(declaration: Response | Devices, settings: AbstractConfig) -> dict[str, Any]:
    """What every configuration of a model of a response, or of devices, starts with."""
    joint = isinstance(declaration, Devices)
    return {
        "kind": "devices" if joint else "response",
        "family": settings.family,
        "conditions": [c.name for c in declaration.conditions],
        "devices" if joint else "response": declaration.to_json(),
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
        sample: AnySample,
        settings: AbstractConfig,
    ) -> None:
        self.spec, self.files = spec, files
        self.sample = sample.take(slice(0, getattr(settings, "judged", 3000)))
        self.seed = settings.seed
        self.parts = parts_of(self.sample)
        self.real = self._features([part.arrays for part in self.parts])

    def __call__(self, files: Mapping[str, bytes]) -> Auc:
        """AUC of trees that are shown the features, of devices those of all."""
        if len(self.sample) < 20:
            return Auc(float("nan"), 0.0, len(self.sample))
        model = build_model(self.spec, {**self.files, **files}, "model in training")
        assert isinstance(model, (ResponseModel, JointModel))
        drawn = model.draw(self.sample.conditions, self.seed)
        fake = self._features(drawn if isinstance(drawn, tuple) else (drawn,))
        seen = self.parts[0].seen
        given = {f.name: seen[:, k] for k, f in enumerate(self.parts[0].response.features)}
        found = c2st(self.real, fake, given, trees=100, seed=self.seed)
        return found if np.isfinite(found.value) else Auc(1.0, 0.0, len(self.sample))

    def _features(self, arrays: Sequence[np.ndarray]) -> dict[str, Floats]:
        found: dict[str, Floats] = {}
        for k, (part, array) in enumerate(zip(self.parts, arrays, strict=True)):
            table = features(part.response, part.seen, hits_of(array))
            found |= {f"{name} {k}" if k else name: values for name, values in table.items()}
        return found
