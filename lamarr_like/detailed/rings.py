"""What shines in the RICH detectors and what is known of it: emitters and tracks of each event."""

from __future__ import annotations

import numpy as np

from .. import rng
from ..arrays import Floats, Ints
from ..events import EventBatch
from . import geometry, rich
from .parameters import Parameters
from .pattern import Found
from .reconstruction import DOWNSTREAM, UPSTREAM, Tracks
from .transport import Simulated


def emitters(sim: Simulated, planes: geometry.Planes, par: Parameters) -> Floats:
    """All followed particles as the RICH detectors see them, shape ``(n, 2, 6)``.

    Electrons of conversions start inside the gas and others end there: they shine over a part of
    the path only.

    Args:
        sim: the followed particles.
        planes: the detector.
        par: its parameters.

    Returns:
        tx, ty, p [MeV], x/z, y/z and share of the radiator, as `rich.rich_dlls` takes them.
    """
    out = np.zeros((len(sim.row), 2, 6))
    out[:, :, :5] = sim.rich
    for r, kind in enumerate((geometry.RICH1, geometry.RICH2)):
        out[:, r, 3:5] /= planes.z[planes.kind == kind][0]
        low, high = par.rich_gas[r]
        flight = np.minimum(sim.end_z, high) - np.maximum(sim.start[:, 2], low)
        out[:, r, 5] = np.clip(flight / (high - low), 0.0, 1.0)
    return out


def seeds(sim: Simulated, found: Found, tracks: Tracks) -> Ints:
    """Particles that have a segment in the T stations and no track through RICH 2.

    Args:
        sim: the followed particles.
        found: segments found.
        tracks: the accepted tracks.

    Returns:
        Their entries in `sim`, shape ``(k,)``.
    """
    used = np.zeros(len(sim.row), np.bool_)
    used[tracks.t_row[tracks.track_type != UPSTREAM]] = True
    return np.flatnonzero(found.t & ~used & (sim.rich[:, 1, 2] > 0.0))


def rich_of_tracks(
    batch: EventBatch,
    sim: Simulated,
    found: Found,
    tracks: Tracks,
    event: Ints,
    seed: int,
    planes: geometry.Planes,
    par: Parameters,
) -> Floats:
    """RICH log-likelihood differences of all tracks, shape ``(n, 6)``.

    The likelihood also knows the segments in the T stations that belong to no track: their rings
    in RICH 2 are explained as at LHCb, which takes part with all types of track.

    Args:
        batch: the generated events.
        sim: the followed particles.
        found: segments found.
        tracks: the accepted tracks.
        event: position of the event of each followed particle, shape ``(n,)``.
        seed: seed of the run.
        planes: the detector.
        par: its parameters.
    """
    shining = emitters(sim, planes, par)
    measured = np.stack([shining[tracks.velo_row, 0], shining[tracks.t_row, 1]], axis=1)
    p = 1.0 / np.abs(tracks.fit.state[:, 5])
    measured[:, :, 2] = np.where(measured[:, :, 2] > 0.0, p[:, None], 0.0)
    measured[tracks.track_type == DOWNSTREAM, 0, 2] = 0.0
    measured[tracks.track_type == UPSTREAM, 1, 2] = 0.0
    more = seeds(sim, found, tracks)
    others = shining[more]
    others[:, 0, 2] = 0.0
    edges = np.arange(len(batch) + 1)
    place = np.searchsorted(event, edges)
    track_place = np.searchsorted(event[tracks.velo_row], edges)
    seed_place = np.searchsorted(event[more], edges)
    ids = batch.event["event_id"]
    keys = np.stack([rng.stream_keys(seed, "detailed/rich", ids, r) for r in (0, 1)], axis=1)
    parts = [np.zeros((0, len(rich.HYPOTHESES)))]
    for e in range(len(batch)):
        here = slice(place[e], place[e + 1])
        mine = slice(track_place[e], track_place[e + 1])
        known = np.concatenate([measured[mine], others[seed_place[e] : seed_place[e + 1]]])
        dll = rich.rich_dlls(keys[e], shining[here], sim.rich_species[here], known, par)
        parts.append(dll[: mine.stop - mine.start])
    return np.concatenate(parts)
