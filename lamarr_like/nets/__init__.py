"""Trainable model families: arrays in, artefact files out, no physics.

Only this package and `lamarr_like.training` import Keras and TensorFlow, and only once a training
starts.
"""

from __future__ import annotations

from .classifier import fit_classifier
from .config import ArmdnConfig, BoosterConfig, GanConfig, MlpConfig
from .families import FAMILIES, Family, find_family
from .generator import fit_generator
from .trained import TrainedModel

__all__ = [
    "FAMILIES",
    "ArmdnConfig",
    "BoosterConfig",
    "Family",
    "GanConfig",
    "MlpConfig",
    "TrainedModel",
    "find_family",
    "fit_classifier",
    "fit_generator",
]
