"""Truth made by hand for the tests of the reference detector."""

from __future__ import annotations

import numpy as np

from lamarr_like import rng
from lamarr_like.detailed import geometry, matter, simulate, transport
from lamarr_like.events import EventBatch, Table
from lamarr_like.physics import particles


def particles_of(pdg, p, tx, ty, *, x=0.0, y=0.0, z=0.0):
    """One particle an event; every argument is a number or an array of shape (n,)."""
    pdg, p, tx, ty, x, y, z = np.broadcast_arrays(np.atleast_1d(pdg), p, tx, ty, x, y, z)
    n = len(pdg)
    pz = p / np.sqrt(1.0 + tx**2 + ty**2)
    zeros = np.zeros(n)
    columns = {
        "mcparticle_id": np.zeros(n, np.int32),
        "mc_pdg_id": pdg.astype(np.int32),
        "mc_stable": np.ones(n, np.bool_),
        "mc_px": pz * tx,
        "mc_py": pz * ty,
        "mc_pz": pz,
        "mc_energy": np.sqrt(p**2 + particles.masses(pdg) ** 2),
        "mc_vx": x + zeros,
        "mc_vy": y + zeros,
        "mc_vz": z + zeros,
        "mc_pv_id": np.zeros(n, np.int32),
        "mc_charge": particles.charges(pdg),
    }
    vertex = {"mc_pv_id": np.zeros(n, np.int32), "mc_x": zeros, "mc_y": zeros, "mc_z": zeros}
    offsets = np.arange(n + 1)
    return EventBatch(
        {
            "event": Table({"event_id": np.arange(n)}, offsets),
            "vertex": Table(vertex, offsets),
            "particle": Table(columns, offsets),
        }
    )


def muons(n, *, p, seed=1, pdg=13):
    """Muons of both charges from the origin at 2.2 < eta < 4.4 with momentum `p` [MeV]."""
    u = rng.uniforms(seed, "muons", np.arange(n), 0, 3)
    slope = 1.0 / np.sinh(2.2 + 2.2 * u[:, 0])
    phi = 2.0 * np.pi * u[:, 1]
    sign = np.where(u[:, 2] < 0.5, 1, -1)
    return particles_of(sign * pdg, p, slope * np.cos(phi), slope * np.sin(phi))


def follow(species, n, *, p, par, planes, charge=-1.0, tx=0.1, seed=1, x=10.0):
    """`n` equal particles from (x, 0, 0), outside the foil, through some planes."""
    initial = np.tile([x, 0.0, 0.0, tx, 0.0, p, float(species), charge], (n, 1))
    keys = rng.stream_keys(seed, "tests/follow", np.arange(n))
    return transport.follow(keys, initial, planes, par)


def transported(batch, seed, planes, par):
    """Rows of the particles that the detector sees, and their way through it."""
    rows, initial = simulate._visible(batch, par)
    return rows, simulate._followed(batch, rows, initial, seed, planes, par)


def sheet(x0, z=100.0, end=12300.0):
    """A sheet of matter, a plane behind it that notes the state, and the end of the detector."""
    return geometry.Planes(
        z=np.array([z, z + 1.0, end]),
        kind=np.array([geometry.PASSIVE, geometry.RICH1, geometry.SPD]),
        measurement=np.full(3, -1),
        angle=np.zeros(3),
        x0=np.array([x0, 0.0, 0.0]),
    )


MUON_MASS = float(matter.MASS[matter.MUON])
