"""Photons, electrons and pi0 in the reference calorimeter alone.

They come from the origin without any material in front of the SPD and without other particles, so
that what is measured of them is the calorimeter.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ... import rng
from ...arrays import Floats, Ints, Mask
from ..arrivals import Arrivals, Pointing
from ..matter import ELECTRON, PHOTON
from ..parameters import DEFAULT, Parameters
from .showers import NONE, Showers
from .simulate import CaloResult, simulate_calorimeter

PI0_MASS = 134.977
"""[MeV], PDG 2024."""
_MARGIN = 40.0  # mm of a photon from the borders of the calorimeter


def from_origin(direction: Floats, event: Ints, par: Parameters, species: int = PHOTON) -> Arrivals:
    """Photons or electrons that come straight from the origin.

    Args:
        direction: their momenta [MeV], shape ``(n, 3)``; the z component must be positive.
        event: event of each, in order, shape ``(n,)``.
        par: parameters.
        species: code of `matter`: `PHOTON` or `ELECTRON`.
    """
    n = len(event)
    number = np.arange(n) - np.searchsorted(event, event)
    tx, ty = direction[:, 0] / direction[:, 2], direction[:, 1] / direction[:, 2]
    p = np.linalg.norm(direction, axis=1)
    return Arrivals(
        event=event,
        number=number,
        mcparticle_id=number,
        **{"x": tx * par.spd_z, "y": ty * par.spd_z, "tx": tx, "ty": ty, "p": p},
        species=np.full(n, species),
        charge=np.full(n, -1 if species == ELECTRON else 0),
    )


def no_tracks() -> Pointing:
    """`Pointing` of events without tracks."""
    whole, real = np.zeros(0, np.int64), np.zeros(0)
    return Pointing(
        event=whole,
        number=whole,
        track_type=whole,
        x=real,
        y=real,
        tx=real,
        ty=real,
        p=real,
        charge=whole,
        origin=np.zeros((0, 5)),
        mcparticle_id=whole,
    )


def hits_face(direction: Floats, par: Parameters) -> Mask:
    """Whether photons from the origin hit the ECAL well inside, shape of all but the last axis."""
    slope = np.abs(direction[..., :2]) / direction[..., 2:]
    at = slope * par.calo_plane_z
    outer, inner = par.calo_ecal_regions[0], par.calo_ecal_regions[-1]
    half = 0.5 * outer[0] * np.array(outer[1:3]) - _MARGIN
    hole = 0.5 * inner[0] * np.array(inner[3:5]) + _MARGIN
    result: Mask = (direction[..., 2] > 0.0) & (at < half).all(axis=-1) & (at > hole).any(axis=-1)
    return result


class Singles(NamedTuple):
    """Single photons or electrons and their reconstruction, arrays of shape ``(n,)``.

    Attributes:
        energy, et: generated [MeV].
        region: region of the cell that they point at, by their cluster; -1 if lost.
        found: whether a cluster holds most of the particle.
        measured: its energy [MeV], 0 if lost.
        dx: its x less the generated one [mm], 0 if lost.
    """

    energy: Floats
    et: Floats
    region: Ints
    found: Mask
    measured: Floats
    dx: Floats


def single_particles(
    n: int,
    energy: tuple[float, float],
    par: Parameters = DEFAULT,
    seed: int = 1,
    showers: Showers = NONE,
    species: int = PHOTON,
) -> Singles:
    """At most `n` photons or electrons with log-flat energies [MeV] over the face, one an event."""
    u = rng.uniforms(seed, "validation/photons", np.arange(n), 0, 3)
    e = energy[0] * (energy[1] / energy[0]) ** u[:, 0]
    direction = _direction(1.8 + 2.7 * u[:, 1], 2.0 * np.pi * u[:, 2]) * e[:, None]
    direction = direction[hits_face(direction, par)]
    n = len(direction)
    event = np.arange(n)
    arrived = from_origin(direction, event, par, species)
    result = simulate_calorimeter(arrived, no_tracks(), event, seed, par, showers)
    row = main_clusters(result, n)
    found = (row[:, 0] >= 0) & _kept(result, row, direction[:, None, :])
    row = row[:, 0]
    cluster, at = result.cluster, np.maximum(row, 0)
    e = np.linalg.norm(direction, axis=1)
    x = direction[:, 0] / direction[:, 2] * par.calo_plane_z
    return Singles(
        energy=e,
        et=np.hypot(direction[:, 0], direction[:, 1]),
        region=np.where(found, cluster["region"][at], -1).astype(np.int64),
        found=found,
        measured=np.where(found, cluster["energy"][at], 0.0).astype(np.float64),
        dx=np.where(found, cluster["x"][at] - x, 0.0),
    )


def main_clusters(result: CaloResult, n_events: int, n_particles: int = 1) -> Ints:
    """Row of the cluster that holds most of each particle, -1 for none.

    Args:
        result: reconstructed calorimeters.
        n_events: events of the batch.
        n_particles: generated particles of each event.

    Returns:
        Rows of the table of clusters, shape ``(n_events, n_particles)``.
    """
    link, cluster = result.link, result.cluster
    row = cluster.offsets[link.event_index] + link["cluster_id"]
    given = link["weight"] * cluster["energy"][row]
    best = np.full((n_events, n_particles), -1)
    order = np.argsort(given, kind="stable")
    best[link.event_index[order], link["mcparticle_id"][order]] = row[order]
    return best


def _direction(eta: Floats, phi: Floats) -> Floats:
    across = np.stack([np.cos(phi), np.sin(phi), np.sinh(eta)], axis=1)
    unit: Floats = across / np.cosh(eta)[:, None]
    return unit


def decay_pi0(momentum: Floats, u: Floats) -> Floats:
    """Momenta of the two photons of pi0 decays [MeV], shape ``(n, 2, 3)``.

    Args:
        momentum: momenta of the pi0 [MeV], shape ``(n, 3)``.
        u: two uniform numbers for each, shape ``(n, 2)``.
    """
    p = np.linalg.norm(momentum, axis=1)
    along = momentum / p[:, None]
    first = np.cross(along, np.array([0.0, 1.0, 0.0]))
    first /= np.linalg.norm(first, axis=1)[:, None]
    second = np.cross(along, first)
    cos, phi = 2.0 * u[:, 0] - 1.0, 2.0 * np.pi * u[:, 1]
    sin = np.sqrt(1.0 - cos**2)
    across = (np.cos(phi) * sin)[:, None] * first + (np.sin(phi) * sin)[:, None] * second
    energy = np.sqrt(p**2 + PI0_MASS**2)
    photons = [
        0.5 * ((p + sign * energy * cos)[:, None] * along + sign * PI0_MASS * across)
        for sign in (1.0, -1.0)
    ]
    return np.stack(photons, axis=1)


class Pi0(NamedTuple):
    """Neutral pions with both photons in the ECAL, arrays of shape ``(n,)``.

    Attributes:
        pt: generated transverse momentum [MeV].
        resolved: both photons have a cluster of their own.
        merged: one cluster holds most of both.
        mass: mass of the two clusters where resolved, else 0 [MeV].
        merged_mass: that of the halves of the cluster where merged, else 0.
    """

    pt: Floats
    resolved: Mask
    merged: Mask
    mass: Floats
    merged_mass: Floats


def neutral_pions(
    n: int,
    pt: tuple[float, float],
    par: Parameters = DEFAULT,
    seed: int = 1,
    showers: Showers = NONE,
) -> Pi0:
    """pi0 from the origin at 2.1 < eta < 4.4 with log-flat transverse momenta [MeV]."""
    u = rng.uniforms(seed, "validation/pi0", np.arange(n), 0, 5)
    eta, value = 2.1 + 2.3 * u[:, 0], pt[0] * (pt[1] / pt[0]) ** u[:, 1]
    momentum = _direction(eta, 2.0 * np.pi * u[:, 2]) * (value * np.cosh(eta))[:, None]
    photons = decay_pi0(momentum, u[:, 3:])
    both = hits_face(photons, par).all(axis=1)
    photons, value = photons[both], value[both]
    n = len(photons)
    events = np.arange(n)
    arrived = from_origin(photons.reshape(-1, 3), np.repeat(events, 2), par)
    result = simulate_calorimeter(arrived, no_tracks(), events, seed, par, showers)
    row = main_clusters(result, n, 2)
    kept = _kept(result, row, photons)
    found = (row >= 0).all(axis=1) & kept
    apart = row[:, 0] != row[:, 1]
    merged_mass = result.cluster["merged_mass"][np.maximum(row[:, 0], 0)]
    return Pi0(
        pt=value,
        resolved=found & apart,
        merged=found & ~apart,
        mass=np.where(found & apart, _pair_mass(result, row), 0.0),
        merged_mass=np.where(found & ~apart, merged_mass, 0.0),
    )


def _kept(result: CaloResult, row: Ints, photons: Floats) -> Mask:
    """Whether the clusters hold more than half of each photon, shape ``(n,)``."""
    link, cluster = result.link, result.cluster
    of = cluster.offsets[link.event_index] + link["cluster_id"]
    mine = row[link.event_index, link["mcparticle_id"]] == of
    given = np.zeros(row.shape)
    given[link.event_index[mine], link["mcparticle_id"][mine]] = (
        link["weight"] * cluster["energy"][of]
    )[mine]
    kept: Mask = (given > 0.5 * np.linalg.norm(photons, axis=2)).all(axis=1)
    return kept


def _pair_mass(result: CaloResult, row: Ints) -> Floats:
    """Mass of pairs of clusters as photons from the origin [MeV], shape ``(n,)``."""
    at = np.maximum(row, 0)
    place = np.stack([result.cluster[c][at] for c in "xyz"], axis=2).astype(np.float64)
    unit = place / np.linalg.norm(place, axis=2, keepdims=True)
    energy = result.cluster["energy"][at].astype(np.float64)
    opening2 = ((unit[:, 0] - unit[:, 1]) ** 2).sum(axis=1)
    found: Floats = np.sqrt(energy.prod(axis=1) * opening2)
    return found
