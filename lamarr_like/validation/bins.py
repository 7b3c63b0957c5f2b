"""Species that all comparisons know, by the names of tables and figures."""

from __future__ import annotations

from ..physics.particles import SPECIES_NAMES

SPECIES = {name: code for code, name in SPECIES_NAMES.items()}
"""PDG codes of e, mu, pi, K and p by name, in that order."""
