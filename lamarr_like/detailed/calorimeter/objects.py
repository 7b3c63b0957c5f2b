"""From shared cells to clusters: energy, position, what is in front and behind, tracks, masses."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ...arrays import Floats
from ..compiled import inner
from ..parameters import Parameters
from .cells import cell_at
from .clusters import share_cells
from .shape import at_place

CLUSTER = (
    *("x", "y", "energy", "et", "sigma_energy", "sigma_x", "region", "spread"),
    *("prs_energy", "spd", "hcal_energy", "width", "match_chi2", "merged_mass"),
)
"""Columns of the cluster kernels, in order."""

_X, _Y, _E, _ET, _SE, _SX, _REGION, _SPREAD, _PRS, _SPD, _HCAL, _WIDTH, _CHI2, _MASS = range(
    len(CLUSTER)
)

NO_TRACK = 1e6
"""``match_chi2`` of a cluster in an event without tracks."""

_PRS_BOX = 12.0  # mm about a point: preshower cells that count
_HCAL_BOX = 60.0  # the same of the HCAL
_HCAL_DEPTH = 200.0  # mm behind its face, where its cells are looked up (chosen)
_USUAL_PRS, _TRACK_PRS = 20.0, 50.0  # MeV in the preshower, of which nothing is known yet: of a
# cluster, and of a track that showers (chosen)
_LEAST_E = 100.0  # MeV, of showers of which depth and loss are told
_DEPTH_AT, _WEIGHT_AT = 1250.0, 5000.0  # MeV: what `depth` and `prs_weight` refer to
_CLUSTER_NOISE = 3.6  # of a cluster over that of a cell: as of 13 cells (chosen)


class Reconstruction(NamedTuple):
    """Numbers of `Parameters` for the kernels of this module, see there."""

    seed_et: float
    cluster_et: float
    energy_scale: tuple[float, float, float]
    prs_weight: tuple[float, float]
    depth: tuple[float, float, float]
    place: Floats
    track_error: tuple[float, float, float]
    match_chi2: float
    merged_et: float
    merged_width: float
    merged_scale: float
    brem_window: float
    sampling: float
    constant: float
    noise: float


def reconstruction(par: Parameters) -> Reconstruction:
    """Collect the numbers of the kernels."""
    return Reconstruction(
        seed_et=par.calo_seed_et,
        cluster_et=par.calo_cluster_et,
        energy_scale=par.calo_energy_scale,
        prs_weight=par.calo_prs_weight,
        depth=par.calo_depth,
        place=np.array(par.calo_place),
        track_error=par.calo_track_error,
        match_chi2=par.calo_match_chi2,
        merged_et=par.calo_merged_et,
        merged_width=par.calo_merged_width,
        merged_scale=par.calo_merged_scale,
        brem_window=par.calo_brem_window,
        sampling=par.calo_resolution[0],
        constant=par.calo_resolution[1],
        noise=_CLUSTER_NOISE * par.calo_noise * par.calo_count,
    )


@inner
def shower_depth(energy, prs, rec):  # type: ignore[no-untyped-def]
    """Mean depth of a shower behind the face [mm]; those that start in the lead are shallow."""
    depth = rec.depth[0] + rec.depth[1] * math.log(max(energy, _LEAST_E) / _DEPTH_AT)
    return depth + rec.depth[2] * math.log(1.0 + max(prs, 0.0))


@inner
def _full_energy(bare, prs, rec):  # type: ignore[no-untyped-def]
    """Energy with what was lost in the lead, which the preshower tells."""
    weight = rec.prs_weight[0] + rec.prs_weight[1] * math.log(max(bare, _LEAST_E) / _WEIGHT_AT)
    return bare + max(weight, 0.0) * prs


@inner
def box_sum(values, x, y, reach, cells):  # type: ignore[no-untyped-def]
    """Sum over the distinct cells at the corners of a box about (x, y), at most four."""
    total = 0.0
    seen = (-1, -1, -1)
    for i in range(4):
        dx = reach if i & 1 else -reach
        dy = reach if i & 2 else -reach
        c = cell_at(x + dx, y + dy, cells)
        if c >= 0 and c != seen[0] and c != seen[1] and c != seen[2]:
            total += values[c]
            seen = (seen[1], seen[2], c)
    return total


@inner
def _fill_cluster(k, found, signals, resp, rec, out):  # type: ignore[no-untyped-def]
    """Energy and position of cluster k, and what lies in front of it and behind."""
    region = resp.ecal.region[found.seed[k]]
    bare = found.raw[k] / found.inside[k] * rec.energy_scale[region]
    # Photons point at the origin, and so do the cells of the preshower.
    front = resp.face_z / (resp.face_z + shower_depth(bare, _USUAL_PRS, rec))
    px, py = found.x[k] * front, found.y[k] * front
    prs = box_sum(signals.prs, px, py, _PRS_BOX, resp.ecal)
    energy = _full_energy(bare, prs, rec)
    z = resp.face_z + shower_depth(energy, prs, rec)
    x, y = found.x[k] * resp.plane_z / z, found.y[k] * resp.plane_z / z
    r2 = x * x + y * y
    sin = math.sqrt(r2 / (r2 + resp.plane_z**2))
    gev = max(energy, 1.0) / 1000.0
    row = out[k]
    row[_X], row[_Y], row[_E], row[_ET] = x, y, energy, energy * sin
    variance = rec.sampling**2 * gev + (rec.constant * gev) ** 2 + (rec.noise / sin / 1000.0) ** 2
    row[_SE] = 1000.0 * math.sqrt(variance)
    row[_SX] = math.hypot(rec.place[region, 0], rec.place[region, 1] / math.sqrt(gev))
    row[_REGION], row[_SPREAD], row[_PRS] = region, found.spread[k], prs
    row[_WIDTH] = found.width[k]
    c = cell_at(px, py, resp.ecal)
    row[_SPD] = 1.0 if c >= 0 and signals.spd[c] else 0.0
    back = (resp.hcal_z + _HCAL_DEPTH) / z
    row[_HCAL] = box_sum(signals.hcal, found.x[k] * back, found.y[k] * back, _HCAL_BOX, resp.hcal)


@inner
def _match(k, found, tracks, resp, rec, out):  # type: ignore[no-untyped-def]
    """Least chi2 of the distance to a track; columns of `tracks` are x, y, tx, ty, p."""
    depth = resp.face_z + shower_depth(out[k, _E], out[k, _PRS], rec) - resp.spd_z
    place2 = out[k, _SX] ** 2
    best = NO_TRACK
    for t in range(len(tracks)):
        if math.isnan(tracks[t, 0]):
            continue
        scatter = (rec.track_error[2] / tracks[t, 4]) ** 2
        dx = found.x[k] - tracks[t, 0] - tracks[t, 2] * depth
        dy = found.y[k] - tracks[t, 1] - tracks[t, 3] * depth
        chi2 = dx * dx / (place2 + rec.track_error[0] ** 2 + scatter)
        chi2 += dy * dy / (place2 + rec.track_error[1] ** 2 + scatter)
        best = min(best, chi2)
    out[k, _CHI2] = best


@inner
def _split_mass(k, found, signals, resp, rec, shape, out):  # type: ignore[no-untyped-def]
    """Mass of the cluster as two photons about its two highest cells, 0 if it has only one."""
    cells, second = resp.ecal, -1
    for i in range(1, len(found.cell[k])):
        c = found.cell[k, i]
        if c < 0 or signals.ecal[c] <= 0.0 or cells.region[c] != int(out[k, _REGION]):
            continue
        if second < 0 or signals.ecal[c] > signals.ecal[second]:
            second = c
    if second < 0:
        return 0.0
    two = np.empty(2, np.int64)
    two[0], two[1] = found.seed[k], second
    pair = share_cells(two, signals.ecal, cells, shape, resp.mat)
    if min(pair.raw[0], pair.raw[1]) <= 0.0:
        return 0.0
    z = resp.face_z + shower_depth(out[k, _E], out[k, _PRS], rec)
    product = 1.0
    for i in range(2):
        product *= pair.raw[i] / pair.inside[i]
    both = pair.raw[0] / pair.inside[0] + pair.raw[1] / pair.inside[1]
    product *= (out[k, _E] / both) ** 2
    n0 = math.sqrt(pair.x[0] ** 2 + pair.y[0] ** 2 + z * z)
    n1 = math.sqrt(pair.x[1] ** 2 + pair.y[1] ** 2 + z * z)
    dx = pair.x[0] / n0 - pair.x[1] / n1
    dy = pair.y[0] / n0 - pair.y[1] / n1
    dz = z / n0 - z / n1
    return rec.merged_scale * math.sqrt(product * (dx * dx + dy * dy + dz * dz))


@inner
def cluster_rows(found, signals, tracks, resp, rec, shape):  # type: ignore[no-untyped-def]
    """The quantities `CLUSTER` of all clusters of an event, shape ``(n, len(CLUSTER))``.

    Args:
        found: `clusters.Found`.
        signals: `response.Signals` as read out.
        tracks: x, y [mm], tx, ty at the SPD and p [MeV], shape ``(t, 5)``; NaN for none there.
        resp: `Response`.
        rec: `Reconstruction`.
        shape: `Shape`.
    """
    out = np.zeros((len(found.seed), len(CLUSTER)))
    for k in range(len(found.seed)):
        _fill_cluster(k, found, signals, resp, rec, out)
        _match(k, found, tracks, resp, rec, out)
        wide = out[k, _WIDTH] > rec.merged_width
        if out[k, _CHI2] > rec.match_chi2 and out[k, _ET] > rec.merged_et and wide:
            out[k, _MASS] = _split_mass(k, found, signals, resp, rec, shape, out)
    return out


TRACK = ("in_ecal", "ecal_energy", "prs_energy", "hcal_energy", "has_brem", "brem_energy")
"""Columns of `track_rows`, in order."""


@inner
def track_rows(tracks, lines, clusters, signals, resp, rec, shape):  # type: ignore[no-untyped-def]
    """Energies about the extrapolated tracks and clusters of their bremsstrahlung.

    Args:
        tracks: as for `cluster_rows`.
        lines: x, y at the plane of the clusters [mm] of the line of the first state; NaN for
            tracks without VELO, shape ``(t, 2)``.
        clusters: rows of the selected clusters.
        signals: `response.Signals` as read out.
        resp: `Response`.
        rec: `Reconstruction`.
        shape: `Shape`.

    Returns:
        The quantities `TRACK`, shape ``(t, 6)``.
    """
    out = np.zeros((len(tracks), len(TRACK)))
    for t in range(len(tracks)):
        if not math.isnan(tracks[t, 0]):
            _about_track(tracks[t], signals, resp, rec, shape, out[t])
        best = rec.brem_window
        for k in range(len(clusters)):
            if clusters[k, _CHI2] > rec.match_chi2:
                side = resp.ecal.size[int(clusters[k, _REGION])]
                d = math.hypot(clusters[k, _X] - lines[t, 0], clusters[k, _Y] - lines[t, 1]) / side
                if d < best:
                    best = d
                    out[t, 4], out[t, 5] = 1.0, clusters[k, _E]
    return out


@inner
def _about_track(track, signals, resp, rec, shape, row):  # type: ignore[no-untyped-def]
    """Whether the track points at a cell, and the energies of ECAL, preshower and HCAL there."""
    cells = resp.ecal
    lever = resp.face_z + shower_depth(track[4], _TRACK_PRS, rec) - resp.spd_z
    x, y = track[0] + lever * track[2], track[1] + lever * track[3]
    seed = cell_at(x, y, cells)
    if seed < 0:
        return
    row[0] = 1.0
    total = signals.ecal[seed]
    for j in range(cells.first[seed], cells.first[seed + 1]):
        total += signals.ecal[cells.neighbour[j]]
    scale = resp.face_z / resp.spd_z
    prs = box_sum(signals.prs, track[0] * scale, track[1] * scale, _PRS_BOX, cells)
    region = cells.region[seed]
    side = cells.size[region]
    u, v = (x - cells.x[seed]) / side, (y - cells.y[seed]) / side
    total *= rec.energy_scale[region] / at_place(u, v, shape.contained[region])
    row[1] = max(_full_energy(total, prs, rec), 0.0)
    row[2] = prs
    lever = resp.hcal_z + _HCAL_DEPTH - resp.spd_z
    x, y = track[0] + lever * track[2], track[1] + lever * track[3]
    row[3] = max(box_sum(signals.hcal, x, y, _HCAL_BOX, resp.hcal), 0.0)
