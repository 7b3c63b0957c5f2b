"""A toy response: blobs of light in 12 x 12 cells, whose law is known."""

import numpy as np

from lamarr_like.responses.declared import Declared
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
from lamarr_like.rng import normals, uniforms

SIZE, DEPTH, WIDTHS, SHARE = 12, 2.0, (0.8, 1.1), 0.02

BLOBS = Response(
    name="blobs",
    title="toy showers",
    axes=(Axis("x", "mm", SIZE, 1.0, -SIZE / 2), Axis("y", "mm", SIZE, 1.0, -SIZE / 2)),
    conditions=(
        Condition("kind", "", "0 or 1", 0, 1),
        Condition("energy", "GeV", "energy", 1, 20),
        Condition("tx", "", "slope", -0.4, 0.4),
        Condition("ty", "", "slope", -0.4, 0.4),
        Condition("x", "mm", "entry", -1, 1),
        Condition("y", "mm", "entry", -1, 1),
    ),
    features=(
        Feature("wide", "equals", ("kind",), 1),
        Feature("log_energy", "log", ("energy",)),
        Feature("tx", "value", ("tx",)),
        Feature("ty", "value", ("ty",)),
        Feature("x", "value", ("x",)),
        Feature("y", "value", ("y",)),
    ),
    unit="GeV",
    threshold=1e-3,
    scale="log_energy",
    mirrors=(Mirror("x", ("tx", "x")), Mirror("y", ("ty", "y"))),
    exchanges=(Exchange(("x", "y"), (("tx", "ty"), ("x", "y"))),),
    shifts=(Shift("x", "x", "tx"), Shift("y", "y", "ty")),
)


def particles(n, seed, first=0):
    """Their conditions."""
    u = uniforms(seed, "blobs", np.arange(first, first + n), 0, 6)
    return {
        "kind": (u[:, 0] < 0.5) * 1.0,
        "energy": 20.0 ** u[:, 1],
        "tx": 0.8 * u[:, 2] - 0.4,
        "ty": 0.8 * u[:, 3] - 0.4,
        "x": 2 * u[:, 4] - 1,
        "y": 2 * u[:, 5] - 1,
    }


def simulate(conditions, keys):
    """Fifty flashes for a GeV, spread normally about the path at a depth of two."""
    n = len(keys)
    arrays = np.zeros((n, SIZE, SIZE), np.float32)
    index = (keys >> np.uint64(1)).astype(np.int64)
    for i in range(n):
        draws = normals(1, "blobs", index[i : i + 1], 0, 2000)[0]
        energy = conditions["energy"][i]
        flashes = max(int(np.rint(energy / SHARE + np.sqrt(energy / SHARE) * draws[0])), 1)
        flashes = min(flashes, 999)
        width = WIDTHS[int(conditions["kind"][i])]
        for axis, (place, slope) in enumerate((("x", "tx"), ("y", "ty"))):
            middle = conditions[place][i] + DEPTH * conditions[slope][i]
            at = middle + width * draws[1 + axis * 999 : 1 + axis * 999 + flashes]
            cells = np.floor(at + SIZE / 2).astype(int)
            if axis == 0:
                first = cells
        inside = (first >= 0) & (first < SIZE) & (cells >= 0) & (cells < SIZE)
        np.add.at(arrays[i], (first[inside], cells[inside]), SHARE)
    return arrays


def blobs(n, seed=1) -> ResponseSample:
    """A detailed sample."""
    conditions = particles(n, seed)
    keys = np.arange(1, n + 1).astype(np.uint64) * np.uint64(2 * (seed + 1) + 1)
    record = {"made_by": "a toy", "seed": seed, "ms_per_particle": 1.5}
    return checked_sample(BLOBS, conditions, simulate(conditions, keys), "blobs", record)


DECLARED = Declared(BLOBS, particles, simulate)
