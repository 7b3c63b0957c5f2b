"""Particles of a user's own: heavy neutral leptons, dark photons, whatever no table has.

::

    schema_version: 1
    particles:
      N:            {id: 9900015, mass: 2000, lifetime: 1.0}
      chi+:         {id: 9000005, mass: 1500, lifetime: 0.01, charge: 1, antiparticle: chi-}

Masses and widths are in MeV, the mean lifetime is in ns; without one a particle decays where it
is made.  What names no antiparticle is its own.  A number that is in the tables replaces that
entry in generated decays and in candidates, but for what the detector follows.

The file is named by ``--particles`` or the variable `VARIABLE`, which worker processes inherit.
"""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import DecayError
from ..files.forms import Entries, Number, Record, Text, check, check_version
from ..files.yaml_json import read_yaml
from ..physics.particles import (
    NUCLEUS,
    SPEED_OF_LIGHT,
    TRACKED_SPECIES,
    Species,
    define,
)

VARIABLE = "LAMARR_LIKE_PARTICLES"

_NAME = r"[A-Za-z][A-Za-z0-9_*'()~]{0,40}[+0-]{0,2}"
_FORM = Record(
    {
        "schema_version": Number(1, 1, whole=True),
        "particles": Entries(
            Record(
                {
                    "id": Number(10, NUCLEUS - 1, whole=True),
                    "mass": Number(1e-3, 1e6),
                    "width": Number(0.0, 1e5),
                    "lifetime": Number(0.0, 1e6),
                    "charge": Number(-2, 2, whole=True),
                    "antiparticle": Text(pattern=_NAME),
                },
                required=("id", "mass"),
            ),
            least=1,
            most=1000,
            pattern=_NAME,
        ),
    },
    required=("schema_version", "particles"),
)


def read_particles(path: Path) -> dict[int, Species]:
    """Particles of a file by PDG identifier, antiparticles too.

    Args:
        path: the YAML file.

    Raises:
        DecayError: if it is none of the form that the module shows.
    """
    document, _ = read_yaml(path, DecayError)
    check_version(document, "schema_version", 1, str(path), DecayError)
    found: dict[int, Species] = {}
    names: set[str] = set()
    for name, one in check(document, _FORM, str(path), DecayError)["particles"].items():
        where = f"{path}: particles.{name}"
        number, charge = int(one["id"]), float(one.get("charge", 0))
        if number in (22, *TRACKED_SPECIES):
            raise DecayError(f"{where}: {number} is a particle that the detector follows")
        other = one.get("antiparticle")
        if charge and other is None:
            raise DecayError(f"{where}: what is charged names its antiparticle")
        width, lifetime = float(one.get("width", 0.0)), float(one.get("lifetime", 0.0))
        if width >= float(one["mass"]) or (width > 0.0 and lifetime > 0.0):
            raise DecayError(f"{where}: a width below the mass, or a lifetime, not both")
        made = Species(name, float(one["mass"]), width, lifetime * SPEED_OF_LIGHT, charge)
        both = {number: made}
        if other is not None:
            both[-number] = made._replace(name=other, charge=-charge)
        for code, species in both.items():
            if code in found or species.name in names:
                raise DecayError(f"{where}: {code} or {species.name} comes twice")
            found[code] = species
            names.add(species.name)
    return found


def use_particles(path: Path) -> None:
    """Make the particles of a file known to this process and those that it starts.

    Args:
        path: the YAML file.

    Raises:
        DecayError: if it cannot be read.
    """
    from . import names, spelling

    define(read_particles(path))
    os.environ[VARIABLE] = str(path.resolve())
    spelling.forget()
    names.forget()


def from_environment() -> None:
    """Make the particles of the file that `VARIABLE` names known, if it names one."""
    path = os.environ.get(VARIABLE)
    if path:
        define(read_particles(Path(path)))
