"""Constants of the passage of charged particles through fields and matter."""

from __future__ import annotations

CURVATURE = 0.299792458
"""p [MeV] = CURVATURE B [T] R [mm] for a charge of 1: the speed of light in m/ns."""

HIGHLAND = 13.6
"""Scale [MeV] of multiple scattering in Highland's formula (Lynch and Dahl, NIM B58 (1991) 6): the
projected angle is HIGHLAND / (beta p) sqrt(t) (1 + HIGHLAND_LOG ln t) in t radiation lengths."""
HIGHLAND_LOG = 0.038
HIGHLAND_PATH = 0.9125
"""The factor with the logarithm, 1 + HIGHLAND_LOG ln 0.1, at a tenth of a radiation length, the
order of the whole path through the trackers: applied to each thin sheet by itself it would make the
sum depend on how the material is cut."""
