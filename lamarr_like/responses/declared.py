"""Responses that are known by name, and how their detailed samples are made.

A response of a plug-in joins by an entry point that names a `Declared`::

    [project.entry-points."lamarr_like.responses"]
    preshower = "my_detector:PRESHOWER"

One without a detailed simulation needs no code: its declaration is a YAML file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .. import plugins
from ..arrays import Floats, Floats32, Keys
from ..errors import SchemaError
from .detectors import crystal_shower, ecal_shower, ilc_shower, tpc_pads, tpc_window, zdc
from .devices import Devices, declaration_file
from .response import Response


class Simulate(Protocol):
    """A detailed simulation, called in a process of its own."""

    def __call__(
        self, conditions: Mapping[str, Floats], keys: Keys
    ) -> Floats32 | tuple[Floats32, ...]:
        """Arrays of some particles, shape ``(n, *shape)``; of devices those of each.

        Args:
            conditions: shapes ``(n,)``.
            keys: of the random numbers of each, shape ``(n,)``; an array depends on its own only.
        """


@dataclass(frozen=True)
class Declared:
    """A response, or devices, with their detailed simulation.

    Args:
        response: declaration.
        particles: ``particles(n, seed, first)`` gives the conditions of a sample, by name.
        simulate: its detailed simulation, a function of a module.
        extra: extra of this package that it needs; empty for none.
    """

    response: Response | Devices
    particles: Callable[[int, int, int], dict[str, Floats]]
    simulate: Simulate
    extra: str = ""


RESPONSES: Mapping[str, Declared] = {
    one.response.name: one
    for one in (
        Declared(
            ecal_shower.ECAL_SHOWER, ecal_shower.particles, ecal_shower.simulate, extra="geant4"
        ),
        Declared(ilc_shower.ILC_SHOWER, ilc_shower.particles, ilc_shower.simulate, extra="geant4"),
        Declared(
            crystal_shower.CRYSTAL_SHOWER,
            crystal_shower.particles,
            crystal_shower.simulate,
            extra="geant4",
        ),
        Declared(tpc_pads.TPC_PADS, tpc_pads.particles, tpc_pads.simulate),
        Declared(tpc_pads.TPC_PADS4, tpc_pads.particles, tpc_pads.simulate),
        Declared(tpc_window.TPC_WINDOW, tpc_window.particles, tpc_window.simulate),
        Declared(tpc_window.TPC_WINDOW_1D, tpc_window.particles, tpc_window.simulate_1d),
        Declared(zdc.ZDC_NEUTRON, zdc.particles, zdc.simulate_neutron, extra="geant4"),
        Declared(zdc.ZDC_PROTON, zdc.particles, zdc.simulate_proton, extra="geant4"),
        Declared(zdc.ZDC, zdc.particles, zdc.simulate, extra="geant4"),
    )
}
"""Our responses by name."""


def find_declared(name: str) -> Declared:
    """A response with its detailed simulation: ours, or that of a plug-in.

    Raises:
        SchemaError: if there is none, with a list of those that there are.
    """
    if name in RESPONSES:
        return RESPONSES[name]
    found = plugins.load(plugins.RESPONSE_GROUP, name, SchemaError)
    if found is None:
        raise SchemaError(f"no response {name!r}; there are {', '.join(known())}")
    if not isinstance(found, Declared) or found.response.name != name:
        raise SchemaError(f"plug-in {name!r} is {found!r}, no Declared response of that name")
    return found


def find_response(name: str) -> Response | Devices:
    """A declaration by its name, or from a YAML file.

    Raises:
        SchemaError: if there is none.
        SchemaError: if the file is none.
    """
    if name.endswith((".yaml", ".yml")) or Path(name).is_file():
        return declaration_file(name)
    return find_declared(name).response


def known() -> list[str]:
    """Names of all responses."""
    return [*RESPONSES, *plugins.installed(plugins.RESPONSE_GROUP)]
