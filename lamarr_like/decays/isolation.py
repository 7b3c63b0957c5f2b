"""How alone a candidate is: tracks about its momentum, and tracks that would join its vertex.

Both look at the long tracks of the event that are not in the candidate, of whatever origin, below
the cut on ``ghost_prob`` that tracks of candidates pass.

A cone holds the tracks within a distance in eta and phi of the momentum (``TupleToolConeIsolation``
and ``RelInfoConeVariables`` of DaVinci).  A track that is added to a vertex fit raises its chi2 by
what the filter step says that puts it in, its impact chi2 with the covariances of both (R.
Fruehwirth, NIM A262 (1987) 444), so that no vertex is fitted again (``TupleToolVtxIsoln``).
"""

from __future__ import annotations

import numpy as np

from ..arrays import Columns, Floats, Ints, Mask
from ..errors import DecayError
from ..events import EventBatch
from ..physics.kinematics import pseudorapidity
from ..schema import TRACK_TYPES
from .pointing import Origins, impact
from .prongs import Composite, four_momenta, track_prongs

MOST_RADII = 8
"""Most cones that may be asked for."""
LARGEST_RADIUS = 5.0
WINDOW = 9.0
"""Rise of the chi2 below which a track counts as one that may belong to the vertex."""
_STEP = 500
"""Candidates at a time: each meets all tracks of its event."""
_PION = 211


def check_radii(radii: tuple[float, ...]) -> None:
    """Refuse cones that make no sense.

    Raises:
        DecayError: for a radius that is not within 0 and `LARGEST_RADIUS`, one that has the name of
            another, or too many.
    """
    if len(radii) > MOST_RADII:
        raise DecayError(f"{len(radii)} cones; at most {MOST_RADII}")
    for radius in radii:
        if not 0.005 <= radius <= LARGEST_RADIUS:
            raise DecayError(f"a cone of {radius:g}; there are those from 0.01 to {LARGEST_RADIUS}")
    names = [radius_name(radius) for radius in radii]
    if len(set(names)) < len(names):
        raise DecayError(f"two cones are called {max(names, key=names.count)}")


def radius_name(radius: float) -> str:
    """What stands behind the branches of a cone: ``0_50`` for 0.5."""
    return f"{radius:.2f}".replace(".", "_")


class Others:
    """The tracks beside candidates, to be looked at by any of their particles.

    Args:
        batch: the events.
        event: position of the event of each candidate, shape ``(n,)``.
        used: rows of the tracks of each candidate, shape ``(n, k)``.
        max_ghost_prob: cut on all tracks.
    """

    def __init__(
        self, batch: EventBatch, event: Ints, used: Ints, max_ghost_prob: float = 1.0
    ) -> None:
        self.track, self.event, self.used = batch.track, event, used
        good = self.track["track_type"] == TRACK_TYPES["long"]
        if "ghost_prob" in self.track:
            good = good & (self.track["ghost_prob"] < max_ghost_prob)
        self.rows: Ints = np.flatnonzero(good)
        self.first: Ints = np.searchsorted(
            self.track.event_index[self.rows], np.arange(len(batch) + 1)
        )

    def pairs(self, start: int, stop: int) -> tuple[Ints, Ints]:
        """Candidates, from 0 for `start`, and rows of tracks that are not theirs, ``(m,)`` each."""
        event = self.event[start:stop]
        counts = self.first[event + 1] - self.first[event]
        owner = np.repeat(np.arange(stop - start), counts)
        begin = np.cumsum(counts) - counts
        rows = self.rows[self.first[event][owner] + np.arange(len(owner)) - begin[owner]]
        foreign: Mask = (self.used[start:stop][owner] != rows[:, None]).all(axis=1)
        return owner[foreign], rows[foreign]

    def isolation(self, found: Composite, radii: tuple[float, ...]) -> Columns:
        """The branches of one particle, by the names in `branches`, those of cones with radius.

        Args:
            found: the particle in each candidate, leading shape ``(n,)``.
            radii: of the cones.
        """
        parts = []
        n = len(self.event)
        for start in range(0, max(n, 1), _STEP):
            stop = min(start + _STEP, n)
            owner, rows = self.pairs(start, stop)
            particle = Composite._make(a[start:stop] for a in found)
            cones = _cones(particle, owner, self._momenta(rows), radii)
            parts.append(cones | self._vertex(particle, owner, rows))
        return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}

    def _momenta(self, rows: Ints) -> Floats:
        p, tx, ty = (self.track[c][rows].astype(np.float64) for c in ("p", "tx", "ty"))
        pz = p / np.sqrt(1.0 + tx * tx + ty * ty)
        return np.stack([pz * tx, pz * ty, pz], axis=1)

    def _vertex(self, particle: Composite, owner: Ints, rows: Ints) -> Columns:
        n = len(particle.chi2)
        lines = track_prongs(self.track, rows, _PION, brem=False)
        where = Origins(particle.position[owner], particle.covariance[owner, :3, :3])
        rise = impact(lines, where)[1]
        # A particle that was not fitted has no chi2 that could rise.
        rise = np.where(np.isfinite(rise) & (particle.n_dof[owner] > 0), rise, np.inf)
        order = np.lexsort((rise, owner))
        have, first = np.unique(owner[order], return_index=True)
        nearest = order[first]
        least, mass = np.full(n, np.nan), np.full(n, np.nan)
        fitted = np.isfinite(rise[nearest])
        have, nearest = have[fitted], nearest[fitted]
        least[have] = rise[nearest]
        added = four_momenta(lines.state[nearest])[0] + particle.momentum[have]
        mass[have] = np.sqrt(np.maximum(added[:, 3] ** 2 - (added[:, :3] ** 2).sum(axis=1), 0.0))
        close = np.bincount(owner[rise < WINDOW], minlength=n)
        return {"least_rise": least, "least_rise_mass": mass, "close_tracks": close}


def _cones(particle: Composite, owner: Ints, p: Floats, radii: tuple[float, ...]) -> Columns:
    px, py, pz = particle.momentum[:, :3].T
    phi = np.arctan2(p[:, 1], p[:, 0]) - np.arctan2(py, px)[owner]
    phi = np.abs((phi + np.pi) % (2.0 * np.pi) - np.pi)
    distance = np.hypot(pseudorapidity(*p.T) - pseudorapidity(px, py, pz)[owner], phi)
    out: Columns = {}
    for radius in radii:
        inside = distance < radius
        total = np.zeros((len(px), 3))
        np.add.at(total, owner[inside], p[inside])
        name = radius_name(radius)
        out[f"cone_tracks_{name}"] = np.bincount(owner[inside], minlength=len(px))
        for what, mine, theirs in (
            ("p", np.linalg.norm(particle.momentum[:, :3], axis=1), np.linalg.norm(total, axis=1)),
            ("pt", np.hypot(px, py), np.hypot(total[:, 0], total[:, 1])),
        ):
            out[f"cone_{what}_{name}"] = theirs
            out[f"cone_{what}_asymmetry_{name}"] = (mine - theirs) / (mine + theirs)
    return out
