"""Two toy devices beside each other: counts of a blob in one, and what leaks into the other."""

import numpy as np

from lamarr_like.responses.declared import Declared
from lamarr_like.responses.devices import Devices
from lamarr_like.responses.response import Axis, Condition, Feature, Mirror, Response, Shift
from lamarr_like.responses.samples import joint_sample
from lamarr_like.rng import key_uniforms, stream_keys, uniforms

LEAK = 0.3
"""Largest share that leaks."""

_CONDITIONS = (
    Condition("energy", "GeV", "energy", 20, 200),
    Condition("x", "mm", "entry", -5, 16),
    Condition("y", "mm", "entry", -4, 4),
)


def _device(name, start, size):
    return Response(
        name=name,
        title=f"toy device {name}",
        axes=(Axis("x", "mm", size, 1.0, start), Axis("y", "mm", 8, 1.0, -4.0)),
        conditions=_CONDITIONS,
        features=(
            Feature("log_energy", "log", ("energy",)),
            Feature("x", "value", ("x",)),
            Feature("y", "value", ("y",)),
            Feature("right", "above", ("x",), 6.0),
        ),
        unit="counts",
        values="counts",
        threshold=1.0,
        origin="global",
        scale="log_energy",
        mirrors=(Mirror("x", ("x",)), Mirror("y", ("y",))),
        shifts=(Shift("x", "x"), Shift("y", "y")),
        kinds=("right",),
        channels="towers",
    )


LEFT, RIGHT = _device("left", -5.0, 10), _device("right", 8.0, 8)
TWINS = Devices("twins", "two toy devices", (LEFT, RIGHT))


def particles(n, seed, first=0):
    """Half enter the one, half the other."""
    u = uniforms(seed, "twins", np.arange(first, first + n), 0, 4)
    x = np.where(u[:, 0] < 0.5, 10 * u[:, 1] - 5, 8 + 8 * u[:, 1])
    return {"energy": 20 * 10 ** u[:, 2], "x": x, "y": 8 * u[:, 3] - 4}


def simulate(conditions, keys):
    """Poisson counts of a blob of one millimetre; a share leaks evenly into the other device."""
    u = key_uniforms(keys, 1)[:, 0]
    right = conditions["x"] > 6
    arrays = []
    for number, device in enumerate((LEFT, RIGHT)):
        into = right == (number == 1)
        share = np.where(into, 1 - LEAK * u, LEAK * u)
        places = [axis.centres for axis in device.axes]
        far = [places[k][None, :] - conditions["xy"[k]][:, None] for k in (0, 1)]
        blob = np.exp(-0.5 * far[0][:, :, None] ** 2 - 0.5 * far[1][:, None, :] ** 2)
        flat = np.ones_like(blob)
        shape = np.where(into[:, None, None], blob, flat)
        shape = shape / shape.sum(axis=(1, 2), keepdims=True)
        rng = [np.random.default_rng([int(k >> np.uint64(1)), number]) for k in keys]
        mean = (conditions["energy"] * share)[:, None, None] * shape
        arrays.append(np.stack([r.poisson(m) for r, m in zip(rng, mean, strict=True)]))
    return tuple(a.astype(np.float32) for a in arrays)


DECLARED = Declared(TWINS, particles, simulate)


def twins(n, seed=1, draw=1):
    """A sample; `draw` tells second draws of the same particles apart."""
    conditions = particles(n, seed)
    arrays = simulate(conditions, stream_keys(draw, "twins detailed", np.arange(n)))
    return joint_sample(TWINS, conditions, arrays, "twins", {"seed": seed})
