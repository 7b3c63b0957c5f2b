"""Truth of events as HepMC3 text, plain or packed by gzip.

An event becomes one GenEvent in MeV and mm.  Each collision is a vertex from which come the
particles that have no mother.  HepMC3's own reader takes no vertex that nothing enters, so what
enters is one beam of the code for a system, with the sum of their momenta.  The daughters of a
particle come from the vertex in which it ends.  What was not kept of a generator's record (partons,
beams, what flies outside of the acceptance, see `selection`) is not there, so momenta do not add up
in decays of which something is lost.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import numpy as np

from ... import __version__
from ...arrays import Ints
from ...errors import OutputError, SourceError
from ...events import EventBatch
from ...files.places import check_free, check_parent, refuse_inputs
from ...files.scratch import whole
from ...physics.particles import SPEED_OF_LIGHT
from ..truth import TruthSource
from .writing import END, GenEvent, event_text, listing_head

STABLE, DECAYED, BEAM = 1, 2, 4
"""Status codes of HepMC."""
SYSTEM = 90
"""Code of what enters a collision: Pythia's for the system of an event as a whole."""
ENDINGS = (".hepmc", ".hepmc3", ".hepmc.gz", ".hepmc3.gz")
"""Of names of files that are written."""


def write_hepmc(
    source: TruthSource,
    path: Path,
    progress: Callable[[int], None] = lambda n: None,
    force: bool = False,
) -> int:
    """Write the events of a source; returns how many.

    Args:
        source: the events.
        path: file to write, packed where it ends in ``.gz``.
        progress: called with the number of events done.
        force: replace an existing file.

    Raises:
        OutputError: if the file must not be written.
        LamarrLikeError: as the source does; nothing is left under the name of the file.
    """
    if not path.name.endswith(ENDINGS):
        raise OutputError(f"{path}: HepMC3 is written to names that end in {', '.join(ENDINGS)}")
    check_parent(path)
    refuse_inputs([path], source.inputs())
    check_free(path, force)
    done, known = 0, np.zeros(0, np.int64)
    about = ("lamarr_like", __version__, "truth of events")
    with whole(path) as new, _opened(new) as file:
        for batch in source:
            if not done:
                known = _weight_ids(batch, 0)
                named = source.weight_names or [str(k) for k in range(max(known, default=-1) + 1)]
                names = [named[k] for k in known]
                numbered = names == [str(k) for k in range(len(names))]
                file.write(listing_head([] if numbered else names, about))
            for k, event in enumerate(gen_events(batch)):
                if not np.array_equal(_weight_ids(batch, k), known):
                    raise SourceError(
                        f"{source.name}: event {batch.event['event_id'][k]} has other weights than "
                        "the first; HepMC3 names them once for all"
                    )
                file.write(event_text(event))
            done += len(batch)
            progress(len(batch))
        if not done:
            raise SourceError(f"{source.name}: holds no event to write")
        file.write(END)
    return done


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    """A file for text; packed ones hold neither name nor time: equal truth gives equal files."""
    with path.open("wb") as raw:
        if path.suffix == ".gz":
            with gzip.GzipFile("", "wb", 6, raw, 0) as packed, io.TextIOWrapper(packed) as text:
                yield text
        else:
            with io.TextIOWrapper(raw) as text:
                yield text


def _weight_ids(batch: EventBatch, k: int) -> Ints:
    first, last = batch["weight"].offsets[k : k + 2]
    found: Ints = batch["weight"]["mc_weight_id"][first:last]
    return found


def gen_events(batch: EventBatch) -> Iterator[GenEvent]:
    """Each event of a batch with the tables event, weight, vertex and particle of a source."""
    particle, vertex, weight = batch.particle, batch.vertex, batch["weight"]
    momentum = np.column_stack([particle[f"mc_{a}"] for a in ("px", "py", "pz", "energy")])
    made = np.column_stack([particle[f"mc_v{a}"] for a in "xyzt"]).astype(np.float64)
    met = np.column_stack([vertex[f"mc_{a}"] for a in "xyzt"]).astype(np.float64)
    made[:, 3] *= SPEED_OF_LIGHT
    met[:, 3] *= SPEED_OF_LIGHT
    for k in range(len(batch)):
        rows, collisions, weights = (
            slice(*t.offsets[k : k + 2]) for t in (particle, vertex, weight)
        )
        made_at, ends_in, position = _vertices(
            particle["mc_mother_id"][rows], made[rows], particle["mc_pv_id"][rows], met[collisions]
        )
        # Where nothing ends a system does, with the momenta of what comes out.
        open_ = np.setdiff1d(np.arange(len(position)), ends_in)
        sums = np.zeros((len(position), 4))
        np.add.at(sums, made_at, momentum[rows])
        stable, status = particle["mc_stable"][rows], particle["mc_status"][rows]
        other = np.where(status == STABLE, DECAYED, status)
        p = np.concatenate([sums[open_], momentum[rows]])
        yield GenEvent(
            number=int(batch.event["generator_event"][k]),
            units=("MEV", "MM"),
            weights=weight["mc_weight_value"][weights].tolist(),
            place=np.zeros(4),
            pdg_id=np.concatenate([np.full(len(open_), SYSTEM), particle["mc_pdg_id"][rows]]),
            status=np.concatenate(
                [np.full(len(open_), BEAM), np.where(stable & (ends_in < 0), STABLE, other)]
            ),
            made_at=np.concatenate([np.full(len(open_), -1), made_at]),
            ends_in=np.concatenate([open_, ends_in]),
            momentum=p,
            mass=np.sqrt(np.maximum(p[:, 3] ** 2 - (p[:, :3] ** 2).sum(axis=1), 0.0)),
            position=position,
        )


def _vertices(
    mother: Ints, made: np.ndarray, pv_id: Ints, met: np.ndarray
) -> tuple[Ints, Ints, np.ndarray]:
    """Production and end vertex of each particle, and where the vertices are.

    The collisions come first, in their order, then the vertices of decays, and last the places of
    their own of particles without a mother.
    """
    n_met = len(met)
    mothers, which = np.unique(mother[mother >= 0], return_inverse=True)
    ends_in = np.full(len(mother), -1)
    ends_in[mothers] = n_met + np.arange(len(mothers))
    made_at = np.where(mother >= 0, 0, pv_id)
    made_at[mother >= 0] = n_met + which.ravel()
    decay = np.zeros((len(mothers), 4))
    decay[which.ravel()[::-1]] = made[mother >= 0][::-1]  # the first daughter's
    own = np.flatnonzero((mother < 0) & (made != met[np.minimum(made_at, n_met - 1)]).any(axis=1))
    places, place = np.unique(made[own], axis=0, return_inverse=True)
    made_at[own] = n_met + len(mothers) + place.ravel()
    return made_at, ends_in, np.concatenate([met, decay, places])
