"""Pythia's start with the tables of multiparton interactions that ship, in place of 9 s of work.

Pythia integrates them when it starts: cross sections in bins of pT, and what follows for the
overlap of the protons, for non-diffractive collisions and for diffractive systems of some masses.
They follow from beams, energy, parton densities and tune alone, and the processes known by name
have those of Pythia's own settings at 13 TeV.  So all of these start from one file, as Pythia
writes it (``MultipartonInteractions:reuseInit``), on all machines alike.  What has other settings
(a card, pile-up at another energy) starts as Pythia does.

``python tests/pythia_tables.py`` writes the file anew, and compares collisions with it and without.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

TABLES = Path(__file__).with_name("pp13000.mpi")
"""The tables, as settings of Pythia."""

VERSION = 8.317
"""That of the Pythia that made them."""

ENERGY = 13000.0
"""Energy of the collisions that they are for [GeV]."""


def use_tables(pythia: Any) -> bool:
    """Let a generator start from the tables, if they are for its version and energy.

    Args:
        pythia: with all of its settings, not started; those of its multiparton interactions,
            parton densities and diffraction are Pythia's own.

    Returns:
        Whether it will.
    """
    version, energy = (pythia.parm(key) for key in ("Pythia:versionNumber", "Beams:eCM"))
    if round(version, 3) != VERSION or energy != ENERGY:
        return False
    return bool(
        pythia.readFile(str(TABLES), False)
        and pythia.readString("MultipartonInteractions:reuseInit = -1", False)
    )
