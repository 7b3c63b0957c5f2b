"""Toy arrays to translate: spots of single cells, and the same spots spread over three cells."""

from dataclasses import replace

import numpy as np

from lamarr_like.nets.onnx_graph import Graph
from lamarr_like.responses.response import Axis, Condition, Feature, Response
from lamarr_like.responses.samples import checked_sample
from lamarr_like.rng import uniforms

SHAPE = (8, 8)
SHARES = (0.3, 0.5, 0.2)
"""Of a spot, in the cell before its own along the first axis, in it and behind it."""

SHARP = Response(
    name="sharp",
    title="spots",
    axes=(Axis("x", "mm", SHAPE[0], 1.0, 0.0), Axis("y", "mm", SHAPE[1], 1.0, 0.0)),
    conditions=(Condition("event", "", "number of the event", 0, 1e9),),
    features=(Feature("event", "value", ("event",)),),
    unit="keV",
    threshold=0.5,
    origin="global",
)
SPREAD = replace(SHARP, name="spread", title="spots, spread")


def spots(events):
    """Sharp arrays of events, shape ``(n, 8, 8)``."""
    u = uniforms(1, "spots", np.asarray(events), 0, 9)
    arrays = np.zeros((len(u), *SHAPE), np.float32)
    for k in range(3):
        x, y = (np.floor(SHAPE[a] * u[:, 3 * k + a]).astype(int) for a in (0, 1))
        np.add.at(arrays, (np.arange(len(u)), x, y), (20 * 4 ** u[:, 3 * k + 2]).astype("f"))
    return arrays


def spread(arrays):
    """What the other response makes of sharp arrays, the same shape."""
    found = SHARES[1] * arrays
    found[:, :-1] += SHARES[0] * arrays[:, 1:]
    found[:, 1:] += SHARES[2] * arrays[:, :-1]
    return found


def sharp_sample(n, first=0):
    """Events from the first one on, by the sharp response."""
    events = np.arange(first, first + n)
    given = {"event": events.astype(float)}
    return checked_sample(SHARP, given, spots(events), "sharp", {"made_by": "a toy", "seed": 1})


def spread_sample(n, first=0):
    """Events from the first one on, by the other response."""
    one = sharp_sample(n, first)
    return checked_sample(SPREAD, one.conditions, spread(one.arrays), "spread", one.record)


def scaling(factor=2.0, cells=64):
    """A network that multiplies the roots of cells, as a file."""
    graph = Graph()
    found = graph.op("Mul", graph.input("cells", cells), graph.constant([factor]))
    graph.output("translated", found, cells)
    return graph.build()


def scaling_model(first=SHARP, second=SPREAD):
    """Configuration and files of a translation that scales cells."""
    spec = {
        "kind": "array_translator",
        "family": "scaling",
        "conditions": ["event"],
        "responses": [first.to_json(), second.to_json()],
        "units": [20.0, 10.0],
    }
    return spec, {"forward.onnx": scaling(1.5), "backward.onnx": scaling(0.5)}
