"""Particles before the calorimeter, and what it makes of them."""

from __future__ import annotations

import dataclasses

import numpy as np

from lamarr_like import rng
from lamarr_like.detailed import matter
from lamarr_like.detailed.arrivals import Arrivals, Pointing
from lamarr_like.detailed.calorimeter import alone
from lamarr_like.detailed.calorimeter.simulate import simulate_calorimeter
from lamarr_like.detailed.parameters import DEFAULT

QUIET = dataclasses.replace(DEFAULT, calo_stray=0.0)
"""Without energy of the crossing before, so that every cluster has a particle."""


def arrivals(event, x, y, p, species=matter.PHOTON, charge=0, particle=None):
    """Particles pointing back at the origin; x, y at the plane of the clusters."""
    event, x, y, p, species, charge = np.broadcast_arrays(
        np.atleast_1d(event), x, y, p, species, charge
    )
    tx, ty = x / DEFAULT.calo_plane_z, y / DEFAULT.calo_plane_z
    number = np.arange(len(event)) - np.searchsorted(event, event)
    z = DEFAULT.spd_z
    return Arrivals(
        *(event, number, number if particle is None else particle),
        *(tx * z, ty * z, tx, ty, p.astype(float), species, charge),
    )


def pointing(arrived, track_type=3):
    """Perfect tracks of some arrivals."""
    n = len(arrived.event)
    origin = np.zeros((n, 5))
    origin[:, 3], origin[:, 4] = arrived.tx, arrived.ty
    return Pointing(
        *(arrived.event, arrived.number, np.full(n, track_type)),
        *(arrived.x, arrived.y, arrived.tx, arrived.ty, arrived.p, arrived.charge),
        *(origin, arrived.mcparticle_id),
    )


def simulate(arrived, tracks=None, n=None, par=QUIET, seed=1):
    n = int(arrived.event.max()) + 1 if n is None else n
    return simulate_calorimeter(arrived, tracks or alone.no_tracks(), np.arange(n), seed, par)


def spots(n, seed=1):
    """Places in the middle region [mm]."""
    u = rng.uniforms(seed, "tests/spots", np.arange(n), 0, 2)
    return 1100.0 + 700.0 * u[:, 0], -600.0 + 1200.0 * u[:, 1]


def gun(n, p, species, charge, seed=1, with_tracks=True):
    x, y = spots(n, seed)
    arrived = arrivals(np.arange(n), x, y, p, species, charge)
    tracks = pointing(arrived) if with_tracks else None
    return simulate(arrived, tracks, n, seed=seed)
