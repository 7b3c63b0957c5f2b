"""What analyses need of the RICH above all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..metrics import Metric
from .rich_photons import ABSENT


def _pid_k(outputs: Mapping[str, Any], conditions: Mapping[str, Any]) -> Any:
    """RichDLLk; see `rich_photons.differences`."""
    if "rich_dll_k" in outputs:
        return outputs["rich_dll_k"]
    photons = {name: conditions[f"photons_{name}"] for name in ("pi", "k")}
    gain = outputs["gain_k"] + conditions["overlap_k"] * outputs["gain_pi"]
    below = photons["pi"] * photons["pi"] - outputs["gain_pi"]
    # 0 for tracks in no radiator, which have no difference, and 1 for all others.
    apart = (outputs["gain_pi"] - ABSENT) * (outputs["gain_pi"] - ABSENT)
    return apart / (apart + _HARDLY) * (gain - photons["k"] * photons["k"] + below)


_HARDLY = 1e-10
_EDGES = tuple(float(np.log10(1000.0 * p)) for p in (3, 6, 10, 15, 20, 30, 45, 70, 100))
_PID_K: dict[str, Any] = {
    "stage": "rich",
    "value": _pid_k,
    "conditions": ("photons_pi", "photons_k", "overlap_k"),
    "cut": 5.0,
    "edges": _EDGES,
    "species": ("is_pi", "is_k", "is_p"),
}

METRICS = (
    Metric("pidk", meaning="share of pions, kaons, protons with PIDK > 5 in bins of p", **_PID_K),
    Metric(
        "pidk-learnt",
        meaning="the same, by a network that has to find out what it is",
        differentiable=False,
        **_PID_K,
    ),
)
"""Metrics of the stage `rich`."""
