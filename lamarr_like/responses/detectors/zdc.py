"""Neutrons, protons and photons in two zero-degree calorimeters of fibres, like ALICE's.

A particle comes along the fibres, somewhere on the plane of the front faces.  It showers in the
calorimeter that it enters, and what leaves this one at the side may shower in the other.  Responses
are photons counted at the end of each fibre (`lamarr_like.responses.geant4.fibres` has the
calorimeters): `ZDC_NEUTRON` those of the calorimeter of neutrons, `ZDC_PROTON` those of the
calorimeter of protons.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...arrays import Floats, Floats32, Keys
from ...rng import GOLDEN, mix, poisson_quantile, uniforms, unit
from ..devices import Devices
from ..geant4.application import MASSES, event_seeds, run
from ..geant4.fibres import APART, FIBRES, NEUTRON, NEUTRON_PITCH, PROTON, PROTON_PITCH
from ..response import Axis, Condition, Feature, Mirror, Response, Shift
from .spectrum import power

LOW, HIGH = 20.0, 2500.0
"""Range of the energy [GeV]."""

YIELD = 19.3
"""Photons counted for a unit of light: neutrons of 400 GeV in the middle of their calorimeter then
give 0.70 for each GeV, the median of ALICE's own simulation (https://github.com/Jot-De/ZDC_fastsim).
Photons of 100 GeV give 1.06, those of that simulation 1.05.
"""

_STEEPNESS = 0.75
"""Power with which the density of the energy's logarithm falls in samples."""

_HALF = tuple(
    (n * pitch / 2, m * pitch / 2)
    for (n, m), pitch in ((NEUTRON, NEUTRON_PITCH), (PROTON, PROTON_PITCH))
)
_MISS = 0.04
"""Part of the particles of a sample that pass between the calorimeters."""

_CONDITIONS = (
    Condition("pdg", "", "PDG number: 2112, 2212 or 22", 22, 2212),
    Condition("energy", "GeV", "energy of the particle", LOW, HIGH),
    Condition(
        "x", "mm", "entry, from the middle of the neutrons' calorimeter",
        -_HALF[0][0], APART + _HALF[1][0],
    ),
    Condition("y", "mm", "entry, from the middle of both", -_HALF[1][1], _HALF[1][1]),
)  # fmt: skip


def _declared(name: str, title: str, which: int) -> Response:
    """The response of one of the calorimeters."""
    cells, pitch = (NEUTRON, PROTON)[which], (NEUTRON_PITCH, PROTON_PITCH)[which]
    middle, (wide, high) = which * APART, _HALF[which]
    # Where the other begins, seen from the neutrons'; where it begins itself, of the protons'.
    edge = APART - wide if which else wide
    return Response(
        name=name,
        title=title,
        axes=(
            Axis("x", "mm", cells[0], pitch, middle - wide),
            Axis("y", "mm", cells[1], pitch, -high),
        ),
        conditions=_CONDITIONS,
        features=(
            Feature("photon", "equals", ("pdg",), 22),
            Feature("neutron", "equals", ("pdg",), 2112),
            Feature("log_energy", "log", ("energy",)),
            Feature("x", "value", ("x",)),
            Feature("y", "value", ("y",)),
            Feature("beyond", "above", ("x",), edge),
        ),
        unit="photons",
        values="counts",
        threshold=1.0,
        scale="log_energy",
        mirrors=(Mirror("x", ("x",)), Mirror("y", ("y",))),
        origin="global",
        shifts=(Shift("x", "x"), Shift("y", "y")),
        kinds=("photon", "beyond"),
        channels="towers",
    )


ZDC_NEUTRON = _declared(
    "zdc_neutron", "hadron or photon at the zero-degree calorimeter of neutrons, 44 x 44 fibres", 0
)
"""The calorimeter of neutrons."""

ZDC_PROTON = _declared(
    "zdc_proton", "hadron or photon at the zero-degree calorimeter of protons, 56 x 30 fibres", 1
)
"""The calorimeter of protons."""

ZDC = Devices(
    "zdc", "hadron or photon at two zero-degree calorimeters beside each other",
    (ZDC_NEUTRON, ZDC_PROTON),
)  # fmt: skip
"""Both."""


def particles(n: int, seed: int, first: int = 0) -> dict[str, Floats]:
    """Particles of a sample, shapes ``(n,)``.

    Half are neutrons, a quarter protons, a quarter photons.  Of a hundred four go between the
    calorimeters; of the others three quarters of the neutrons, a quarter of the protons and half of
    the photons enter that of neutrons, anywhere on its face.

    Args:
        n: how many.
        seed: of the sample.
        first: number of the first one; a particle depends on seed and number only.
    """
    u = uniforms(seed, "zdc", np.arange(first, first + n), 0, 5)
    pdg = np.select([u[:, 0] < 0.5, u[:, 0] < 0.75], [2112.0, 2212.0], 22.0)
    to_neutron = np.select([pdg == 2112, pdg == 2212], [0.75, 0.25], 0.5)
    missed = u[:, 1] < _MISS
    second = (u[:, 1] - _MISS) / (1 - _MISS) >= to_neutron
    (wide, high), (wider, higher) = _HALF
    left = np.select([missed, second], [wide, APART - wider], -wide)
    right = np.select([missed, second], [APART - wider, APART + wider], wide)
    top = np.where(second | missed, higher, high)
    return {
        "pdg": pdg,
        "energy": np.clip(power(u[:, 2], LOW, HIGH, _STEEPNESS), LOW, HIGH),
        "x": left + (right - left) * u[:, 3],
        "y": top * (2 * u[:, 4] - 1),
    }


def light(conditions: Mapping[str, Floats], keys: Keys) -> tuple[Floats32, ...]:
    """Geant4's light in the fibres of both, shapes ``(n, 44, 44)`` and ``(n, 56, 30)``.

    Args:
        conditions: shapes ``(n,)``.
        keys: of the random numbers of each, shape ``(n,)``.
    """
    pdg = conditions["pdg"].astype(np.int64)
    mass = np.array([MASSES[int(one)] for one in pdg])
    along = np.sqrt((1e3 * conditions["energy"]) ** 2 - mass**2)
    p = np.stack([np.zeros(len(pdg)), np.zeros(len(pdg)), along], axis=1)
    entry = np.stack([conditions[name] for name in ("x", "y")], axis=1)
    return run(FIBRES, pdg, p, entry, event_seeds(keys))


def counted(light: Floats32, keys: Keys) -> Floats32:
    """Photons that are counted, of the shape of `light`: a Poisson number in each fibre."""
    found = np.zeros_like(light)
    row, *cell = np.nonzero(light)
    number = np.ravel_multi_index(tuple(cell), light.shape[1:]).astype(np.uint64)
    with np.errstate(over="ignore"):
        u = unit(mix(mix(keys[row] ^ GOLDEN) + (number + np.uint64(1)) * GOLDEN))
    found[(row, *cell)] = poisson_quantile(u, YIELD * light[(row, *cell)].astype(np.float64))
    return found


def simulate(conditions: Mapping[str, Floats], keys: Keys) -> tuple[Floats32, ...]:
    """Photons counted in both, shapes ``(n, 44, 44)`` and ``(n, 56, 30)``.

    Args:
        conditions: shapes ``(n,)``.
        keys: of the random numbers of each, shape ``(n,)``.
    """
    neutron, proton = light(conditions, keys)
    with np.errstate(over="ignore"):
        return counted(neutron, mix(keys + GOLDEN)), counted(
            proton, mix(keys + GOLDEN * np.uint64(2))
        )


def simulate_neutron(conditions: Mapping[str, Floats], keys: Keys) -> Floats32:
    """Photons counted in the calorimeter of neutrons, shape ``(n, 44, 44)``; as `simulate`."""
    return simulate(conditions, keys)[0]


def simulate_proton(conditions: Mapping[str, Floats], keys: Keys) -> Floats32:
    """Photons counted in the calorimeter of protons, shape ``(n, 56, 30)``; as `simulate`."""
    return simulate(conditions, keys)[1]
