"""Four-momenta of tracks and clusters of an ntuple as arrays of `vector`, for masses and the like.

::

    tree = uproot.open("ntuple.root")["Events"]
    track = ak.zip({n: tree[f"Track_{n}"].array() for n in ("px", "py", "pz", "charge")})
    kaon = track_momenta(track[track.charge < 0], 321)
    pion = track_momenta(track[track.charge > 0], 211)
    pairs = ak.cartesian({"kaon": kaon, "pion": pion})
    masses = (pairs.kaon + pairs.pion).mass
"""

from __future__ import annotations

from typing import Any

from ..errors import SchemaError
from ..physics.particles import species


def track_momenta(tracks: Any, pdg_id: int) -> Any:
    """Four-momenta [MeV] of tracks that are taken for a species.

    Args:
        tracks: awkward array of records with ``px``, ``py``, ``pz`` [MeV], of any shape, which is
            that of the result.
        pdg_id: the species, which gives the mass.

    Raises:
        SchemaError: if no table has the species.
    """
    found = species(int(pdg_id))
    if found is None:
        raise SchemaError(f"no particle has the number {pdg_id}, so it has no mass")
    return _four(tracks.px, tracks.py, tracks.pz, found.mass)


def photon_momenta(clusters: Any, x: Any = 0.0, y: Any = 0.0, z: Any = 0.0) -> Any:
    """Four-momenta [MeV] of clusters that are taken for photons.

    Args:
        clusters: awkward array of records with ``x``, ``y``, ``z`` [mm] and ``energy`` [MeV], of
            any shape, which is that of the result.
        x, y, z: where the photons come from [mm], numbers or one an event.
    """
    dx, dy, dz = clusters.x - x, clusters.y - y, clusters.z - z
    scale = clusters.energy / (dx**2 + dy**2 + dz**2) ** 0.5
    return _four(scale * dx, scale * dy, scale * dz, 0.0)


def _four(px: Any, py: Any, pz: Any, mass: float) -> Any:
    import awkward as ak
    import vector

    wide = [ak.values_astype(one, "float64") for one in (px, py, pz)]
    names = dict(zip(("px", "py", "pz"), wide, strict=True))
    names["mass"] = ak.full_like(wide[0], mass)
    return ak.zip(names, with_name="Momentum4D", behavior=vector.backends.awkward.behavior)
