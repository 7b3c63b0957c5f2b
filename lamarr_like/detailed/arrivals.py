"""What reaches the calorimeters, and the tracks that point there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import rng
from ..arrays import Floats, Ints
from . import geometry, transport
from .compiled import kernel
from .field import propagate
from .parameters import Parameters
from .reconstruction import UPSTREAM, Tracks


class Arrivals(NamedTuple):
    """Particles at the SPD, in order of event; arrays of shape ``(n,)``.

    Attributes:
        event: position of the event in the batch.
        number: number of the particle within its event, for random streams.
        mcparticle_id: generated particle that it is or stems from.
        x, y, tx, ty: place [mm] and slopes at the SPD.
        p: momentum [MeV].
        species: code of `matter`, there (a pion may have become a muon).
        charge: charge, of the species at its start.
    """

    event: Ints
    number: Ints
    mcparticle_id: Ints
    x: Floats
    y: Floats
    tx: Floats
    ty: Floats
    p: Floats
    species: Ints
    charge: Ints


class Pointing(NamedTuple):
    """Reconstructed tracks as the calorimeters and the muon system use them; in order of event.

    Attributes:
        event: position of the event in the batch, shape ``(n,)``.
        number: number of the track within its event, shape ``(n,)``.
        track_type: 3 long, 4 upstream, 5 downstream.
        x, y, tx, ty: T segment extrapolated to the SPD [mm]; NaN for upstream tracks.
        p: reconstructed momentum [MeV].
        charge: reconstructed charge.
        origin: x, y, z [mm], tx, ty of the state closest to the beam, shape ``(n, 5)``.
        mcparticle_id: generated particle behind the T segment, for links.
    """

    event: Ints
    number: Ints
    track_type: Ints
    x: Floats
    y: Floats
    tx: Floats
    ty: Floats
    p: Floats
    charge: Ints
    origin: Floats
    mcparticle_id: Ints


def arrivals(
    sim: transport.Simulated,
    event: Ints,
    local: Ints,
    link: Ints,
) -> Arrivals:
    """The followed particles that come to the SPD.

    Args:
        sim: the followed particles.
        event: position of the event of each, shape ``(n,)``.
        local: its number within the event, shape ``(n,)``.
        link: ``mcparticle_id`` of the generated particle of each, shape ``(n,)``.
    """
    there = np.flatnonzero(np.isfinite(sim.spd[:, 0]))
    x, y, tx, ty, p = sim.spd[there].T
    return Arrivals(
        event=event[there],
        number=local[there],
        mcparticle_id=link[there],
        **{"x": x, "y": y, "tx": tx, "ty": ty, "p": p},
        species=sim.spd_species[there],
        charge=sim.charge[there],
    )


def pointing(
    sim: transport.Simulated,
    tracks: Tracks,
    event: Ints,
    event_id: Ints,
    link: Ints,
    seed: int,
    par: Parameters,
) -> Pointing:
    """Extrapolation of the tracks' T segments through the end of the field, smeared.

    Args:
        sim: the followed particles.
        tracks: the accepted tracks.
        event: position of the event of each track, shape ``(n,)``.
        event_id: its identifier, shape ``(n,)``.
        link: ``mcparticle_id`` of the generated particle of each followed one.
        seed: seed of the run.
        par: parameters.
    """
    first = np.searchsorted(event, event)
    number = np.arange(len(event)) - first
    t2 = sim.t2[tracks.t_row].copy()
    t2[tracks.track_type == UPSTREAM] = np.nan
    g = rng.normals(seed, "detailed/pointing", event_id, number, 4)
    place, slope = par.t_segment_error
    errors = np.array([*place, *slope])
    qop = np.ascontiguousarray(tracks.fit.state[:, 5])  # of one type, however many there are
    magnet = geometry.magnet(par)
    x, y, tx, ty = _carried(t2 + errors * g, qop, _t2_layer(par), par.spd_z, magnet).T
    return Pointing(
        event=event,
        number=number,
        track_type=tracks.track_type,
        **{"x": x, "y": y, "tx": tx, "ty": ty},
        p=1.0 / np.abs(qop),
        charge=np.sign(qop).astype(np.int64),
        origin=tracks.fit.state[:, :5],
        mcparticle_id=link[tracks.t_row],
    )


def _t2_layer(par: Parameters) -> float:
    """Layer [mm] of `transport.Simulated.t2`, which is the first of its two monolayers."""
    return par.t_centres[1] + par.t_layer_dz[0]


@kernel
def _carried(states, qop, z1, z2, magnet):  # type: ignore[no-untyped-def]
    """States (x, y, tx, ty) at another plane; NaN stays NaN."""
    out = np.empty(states.shape)
    for i in range(len(states)):
        for column in range(4):
            out[i, column] = np.nan
        if not np.isnan(states[i, 0]):
            s = states[i]
            x, y, tx, ty = propagate(s[0], s[1], s[2], s[3], qop[i], z1, z2, magnet)
            out[i, 0], out[i, 1], out[i, 2], out[i, 3] = x, y, tx, ty
    return out
