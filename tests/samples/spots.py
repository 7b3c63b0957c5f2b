"""Spots of 8 x 8 cells: a response of a known law that families of responses are tested on."""

from __future__ import annotations

import numpy as np

from lamarr_like.responses.response import (
    Axis,
    Condition,
    Exchange,
    Feature,
    Mirror,
    Response,
    Shift,
)
from lamarr_like.responses.samples import ResponseSample, checked_sample

POINTS = 40
"""Points that the sum of a spot is spread over."""

SPOTS = Response(
    name="spots",
    title="round spots of some width",
    axes=(Axis("x", "mm", 8, 1.0, -4.0), Axis("y", "mm", 8, 1.0, -4.0)),
    conditions=(
        Condition("energy", "MeV", "expected sum", 10, 1000),
        Condition("x", "mm", "middle", -1.5, 1.5),
        Condition("y", "mm", "middle", -1.5, 1.5),
        Condition("spread", "mm", "width of the spot", 0.5, 1.5),
    ),
    features=(
        Feature("log_energy", "log", ("energy",)),
        Feature("x", "value", ("x",)),
        Feature("y", "value", ("y",)),
        Feature("spread", "value", ("spread",)),
    ),
    unit="MeV",
    threshold=0.01,
    scale="log_energy",
    mirrors=(Mirror("x", ("x",)), Mirror("y", ("y",))),
    exchanges=(Exchange(("x", "y"), (("x", "y"),)),),
    shifts=(Shift("x", "x"), Shift("y", "y")),
)


def spots(n: int, seed: int) -> ResponseSample:
    """A sample: the sum is spread by a tenth, and over points that lie normally about the middle.

    Points outside of the cells are lost.
    """
    rng = np.random.default_rng(seed)
    conditions = {
        "energy": np.exp(rng.uniform(np.log(10), np.log(1000), n)),
        "x": rng.uniform(-1.5, 1.5, n),
        "y": rng.uniform(-1.5, 1.5, n),
        "spread": rng.uniform(0.5, 1.5, n),
    }
    value = rng.gamma(1.0, size=(n, POINTS))
    total = conditions["energy"] * np.exp(0.1 * rng.normal(size=n))
    value *= (total / value.sum(axis=1))[:, None]
    middle = np.stack([conditions["x"], conditions["y"]], axis=1)[:, None]
    place = middle + conditions["spread"][:, None, None] * rng.normal(size=(n, POINTS, 2))
    cell = np.floor(place + 4).astype(int)
    inside = ((cell >= 0) & (cell < 8)).all(axis=2)
    row = np.broadcast_to(np.arange(n)[:, None], inside.shape)[inside]
    arrays = np.zeros((n, 8, 8))
    np.add.at(arrays, (row, *cell[inside].T), value[inside])
    arrays[arrays < SPOTS.threshold] = 0.0
    return checked_sample(SPOTS, conditions, arrays, "spots")
