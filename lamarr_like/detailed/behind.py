"""What lies behind the trackers, run once for a muon in an empty detector.

``python -m lamarr_like.detailed.behind`` is what `compiled.shared` starts beside the first
simulation: the kernels of the calorimeters, the muon system and the vertices are compiled there
while that of the trackers is compiled here.
"""

from __future__ import annotations

import numpy as np

from . import muon, vertexing
from .arrivals import Arrivals, Pointing
from .calorimeter.simulate import simulate_calorimeter
from .matter import MUON
from .parameters import DEFAULT, Parameters
from .reconstruction import LONG

_STATE = (0.0, 0.0, 0.0, 0.1, 0.1)  # x, y, z [mm], tx, ty
_QOP = 1e-4  # 1/MeV


def run_behind(par: Parameters = DEFAULT) -> None:
    """Call every kernel behind the trackers, with arguments of the types of a simulation.

    Args:
        par: parameters.
    """
    none, one = np.zeros(1, np.int64), np.ones(1, np.int64)
    state = np.array([_STATE])
    slope, p = state[:, 3], np.array([1.0 / _QOP])
    place = {"x": slope * par.spd_z, "y": slope * par.spd_z, "tx": slope, "ty": slope, "p": p}
    arrived = Arrivals(
        event=none, number=none, mcparticle_id=none, **place, species=MUON * one, charge=one
    )
    track = Pointing(
        event=none,
        number=none,
        track_type=LONG * one,
        **place,
        charge=one,
        origin=state,
        mcparticle_id=none,
    )
    simulate_calorimeter(arrived, track, none, 1, par)
    # Vertices before muons: the simulation comes to them last.
    whole = np.concatenate([state, [[_QOP]]], axis=1)
    tracks = vertexing.VertexTracks(whole, np.eye(5)[None], none, none)
    vertexing.vertex_table(vertexing.joined(tracks, tracks), 1, par)
    muon.simulate_muons(arrived, track, none, 1, par)


if __name__ == "__main__":
    run_behind()
