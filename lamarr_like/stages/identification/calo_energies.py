"""The energies about a track in the calorimeters, in the form in which they are learnt.

Likelihoods of the calorimeters and ProbNN are functions of these energies and of what else the
track has.  A table folds energies to a likelihood, many to one, with a kink at each knot; the
energies themselves have plain laws.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...arrays import Columns, Floats, Mask
from ...events import Table
from ...physics.calo_likelihoods import ENERGIES, track_likelihoods
from ..stage import as_stored

OUTPUTS = ("in_ecal", "ecal_height", "hcal_energy", "prs_energy", "brem_energy")
"""What a model draws in this form, the most informative first."""

NOTHING = -10.0
"""``ecal_height`` of no energy at all."""

_MIP, _LEAST, _SOFT = 340.0, 10.0, 1500.0  # MeV: of a muon, added in logarithms, least momentum
_MOST = 1e6  # MeV, of a drawn energy
_CLOSE = 1e-2  # of likelihoods that are those of the energies, in single precision


def height(energy: Floats, p: Floats) -> Floats:
    """Energy in the ECAL on a logarithmic scale: 0 where muons are, 1 at the track's momentum.

    So the two ridges of the law, minimum-ionising particles and electrons, stand at the same
    height at all momenta.

    Args:
        energy: in the ECAL about the track [MeV], shape ``(n,)``.
        p: reconstructed momentum [MeV].

    Returns:
        `NOTHING` where the energy is none.
    """
    found = np.log((np.maximum(energy, 0.0) + _LEAST) / (_MIP + _LEAST)) / _scale(p)
    result: Floats = np.where(energy > 0.0, found, NOTHING)
    return result


def energy_at(height: Floats, p: Floats) -> Floats:
    """Inverse of `height`, shape ``(n,)``."""
    exponent = np.minimum(height * _scale(p), np.log(_MOST / (_MIP + _LEAST)))
    energy = np.maximum((_MIP + _LEAST) * np.exp(exponent) - _LEAST, 0.0)
    result: Floats = np.where(height > NOTHING, energy, 0.0)
    return result


def _scale(p: Floats) -> Floats:
    result: Floats = np.log((np.maximum(p, _SOFT) + _LEAST) / (_MIP + _LEAST))
    return result


def follow(track: Table, rows: Mask) -> bool:
    """Whether the sample has the energies, and its likelihoods are those of our tables.

    Args:
        track: tracks of a sample.
        rows: tracks to look at, a mask of shape ``(n,)``.
    """
    if any(name not in track for name in ENERGIES):
        return False
    ours = track_likelihoods(_columns(track, rows), track["p"][rows].astype(np.float64))
    return all(np.allclose(track[name][rows], v, rtol=0.0, atol=_CLOSE) for name, v in ours.items())


def learnt(track: Table, rows: Mask) -> Columns:
    """The columns `OUTPUTS` of tracks, shapes ``(rows.sum(),)``."""
    found = _columns(track, rows)
    p = track["p"][rows].astype(np.float64)
    found["ecal_height"] = height(found["ecal_energy"], p)
    found["brem_energy"] = track["brem_energy"][rows].astype(np.float64)
    return {name: found[name] for name in OUTPUTS}


def drawn(values: Mapping[str, np.ndarray], p: Floats, points: Mask) -> Columns:
    """Energies and likelihoods of a draw.

    Args:
        values: the columns `OUTPUTS`, shape ``(n,)``.
        p: reconstructed momentum [MeV].
        points: tracks that point to the ECAL.

    Returns:
        `ENERGIES` as they are stored, ``calo_dll_e`` and ``calo_dll_mu``; all 0 for the others.
    """
    found: Columns = {
        "ecal_energy": energy_at(np.asarray(values["ecal_height"], np.float64), p),
        **{name: np.asarray(values[name], np.float64) for name in ENERGIES[1:]},
    }
    found = {name: np.where(points, np.maximum(v, 0.0), 0.0) for name, v in found.items()}
    found = as_stored("track", found)
    return found | track_likelihoods({**found, "in_ecal": points.astype(np.float64)}, p)


def _columns(track: Table, rows: Mask) -> Columns:
    return {name: track[name][rows].astype(np.float64) for name in ("in_ecal", *ENERGIES)}
