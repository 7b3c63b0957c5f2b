"""Trainable model families: arrays in, artefact files out, no physics.

Only this package and `lamarr_like.training` import Keras and TensorFlow, and only once a training
starts.
"""

from __future__ import annotations

from .booster import fit_booster
from .classifier import fit_classifier
from .config import BoosterConfig, ClassifierConfig, GeneratorConfig
from .generator import fit_generator
from .trained import TrainedModel

__all__ = [
    "BoosterConfig",
    "ClassifierConfig",
    "GeneratorConfig",
    "TrainedModel",
    "fit_booster",
    "fit_classifier",
    "fit_generator",
]
