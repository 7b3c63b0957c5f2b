"""Generated signal decays as a source of truth, alone or inside collisions.

=====================================  ============================================================
``decay:B0 -> K+ pi-?OPTIONS``         signal decays alone, one event each, with no collision and
                                       so hardly ever a primary vertex; options in `OPTIONS`
``decay:FILE.dec?OPTIONS``             the decays of an EvtGen file, see `models.decfile`
``decay:FILE.config?OPTIONS``          a decay of RapidSim, see `rapidsim`
``SOURCE+decay:B0 -> K+ pi-?OPTIONS``  the events of another source with signal decays added, each
                                       from a collision that could have made it, see `collisions`
=====================================  ============================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Floats, Ints, Mask
from ..errors import SourceError
from ..events import EventBatch, Table
from ..files.locations import Location
from ..io.generators.beam import collision_points
from ..io.generators.embedding import EmbeddingSource, origins, with_particles
from ..io.options import check_options, parse_choice, parse_count, parse_range, split_options
from ..io.selection import RawTruth, select_particles
from ..io.truth import TruthSource, make_batch
from ..io.unstable import decayed
from ..physics.particles import SPEED_OF_LIGHT
from ..rng import uniforms
from .collisions import QUIET, activity, give_way, host_of, weights
from .descriptor import Node
from .models.mixing import OPTIONS as MIXING
from .models.mixing import Mixing, Oscillated
from .names import conjugate, properties
from .phasespace import Decayed, decay_tree
from .plan import Note, is_file, plan_of
from .spectra import ENERGIES, ETA_RANGE, MAX_PT, spectrum_of

BLOCK = 1000
"""Events made together."""

OPTIONS = {
    "n": "decays per event (1)",
    "pt": f"transverse momentum of the head in GeV, a range (0-{MAX_PT:g})",
    "eta": "pseudorapidity of the head, a range (2-5)",
    "ecm": f"energy of the collisions in TeV, {ENERGIES[0]:g} to {ENERGIES[1]:g} (13)",
    "cc": "1 or 0: half of the decays are the charge conjugate (1)",
    "shape": "FILE.npz or FILE.root:NAME: a histogram that a decay of three bodies follows",
    "x": "its first axis [MeV^2], as in M2(K-,pi+)",
    "y": "its second axis, for a Dalitz plot",
    **MIXING,
    "head": "of a decay file: the particle that decays, by its name there",
}
"""Options of a source of decays and their meaning."""

Drop = Callable[[int, Mapping[int, int]], None]

_MAX_PER_EVENT = 1000
_MAX_QUIET = 0.03


class DecayGenerator:
    """Decays of heads with the spectrum of their flavour.

    Args:
        name: the source as its user wrote it.
        text: descriptor of the decay, or a decay file.
        options: see `OPTIONS`.
        note: takes remarks for the user.

    Raises:
        DecayError: for a decay that cannot be read or cannot happen.
        SourceError: for unknown options, values out of range and files that cannot be read.
    """

    def __init__(
        self, name: str, text: str, options: Mapping[str, str], note: Note = lambda _: None
    ) -> None:
        check_options(name, options, OPTIONS)
        self.plan = plan_of(name, text, options, note)
        options = {**self.plan.defaults, **options}
        self.pt = parse_range(name, "pt", options.get("pt", f"0-{MAX_PT:g}"))
        self.eta = parse_range(name, "eta", options.get("eta", "2-5"))
        if self.pt[0] < 0.0 or self.pt[1] > MAX_PT or self.pt[0] == self.pt[1]:
            raise SourceError(f"{name}: pt must be a range within 0-{MAX_PT:g} GeV")
        if self.eta[0] < ETA_RANGE[0] or self.eta[1] > ETA_RANGE[1] or self.eta[0] == self.eta[1]:
            raise SourceError(f"{name}: eta must be a range within {ETA_RANGE[0]:g}-6")
        self.n = parse_count(name, "n", options.get("n", "1"), _MAX_PER_EVENT, "decays")
        energy = parse_range(name, "ecm", options.get("ecm", "13"))[0]
        self.spectrum = spectrum_of(self.plan.pdg_id, energy)
        flip = parse_choice(name, "cc", options.get("cc", "1"), ("0", "1")) == "1"
        self.both = flip and self.plan.both
        self.mixing = Mixing.parse(name, self.plan.pdg_id, options)

    def generate(
        self,
        seed: int,
        stage: str,
        event_id: Ints,
        index: Ints,
        point: Floats,
        pv_id: Ints,
        drop: Drop | None = None,
    ) -> Table:
        """Decays as a table of particles; its events are those of `event_id`, in their order.

        Args:
            seed: seed of the run.
            stage: name of the stream of random numbers.
            event_id: event of each decay, grouped, shape ``(n,)``.
            index: number of each decay in its event, shape ``(n,)``.
            point: x, y, z [mm] and t [ns] it comes from, shape ``(n, 4)``.
            pv_id: collision it belongs to, shape ``(n,)``.
            drop: takes event and numbers of particles that cannot be decayed.
        """
        u = uniforms(seed, f"{stage}/head", event_id, index, 4)
        pt, eta = self.spectrum.draw(u[:, :2], self.pt, self.eta)
        phi = 2.0 * np.pi * u[:, 2]
        head = np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)], axis=1)
        flip = (u[:, 3] < 0.5) & self.both
        made_as: Oscillated | None = None
        if self.mixing is not None:
            made_as = self.mixing.draw(seed, f"{stage}/mixing", event_id, index, self.both)
            flip = made_as.anti ^ made_as.mixed
        parts = []
        for rows, tree, flipped in self.plan.groups(seed, stage, event_id, index, flip):
            keys = event_id[rows], index[rows]
            made = decay_tree(tree, head[rows], seed, f"{stage}/decay", *keys)
            ids = np.array([node.pdg_id for node in made.nodes])
            other = np.array([conjugate(int(i)) for i in ids])
            pdg_id = np.where(flipped[:, None], other, ids)
            life = uniforms(seed, f"{stage}/life", *keys, len(ids))
            if made_as is not None and self.mixing is not None:
                life[:, 0] = np.exp(-made_as.time[rows] / self.mixing.tau)
            origin = _origins(made.nodes, made.mother, made.momentum, point[rows], life)
            part = _Part(rows, made, pdg_id, origin)
            parts += [part] if made_as is None else _split(part, made_as.mixed[rows])
        raw = _together(parts, event_id, pv_id)
        if self.plan.is_open:
            ids = np.unique(event_id)
            raw, lost = decayed(raw, seed, ids, (), f"{stage}/unstable")
            for k, particles in lost.items():
                if drop is not None:
                    drop(int(ids[k]), particles)
        return select_particles(raw)[0]


class _Part(NamedTuple):
    """Decays of one tree: which they are, momenta, identifiers and production points."""

    rows: Ints
    made: Decayed
    pdg_id: Ints
    origin: Floats


def _split(part: _Part, mixed: Mask) -> list[_Part]:
    """Decays that did not mix, and those that did below the other meson, as EvtGen writes them."""
    kept, turned = (
        _Part(
            part.rows[mask],
            part.made._replace(momentum=part.made.momentum[mask]),
            part.pdg_id[mask],
            part.origin[mask],
        )
        for mask in (~mixed, mixed)
    )
    nodes, mother, momentum = turned.made
    made = Decayed(
        [nodes[0], *nodes],
        [-1, 0, *(m + 1 for m in mother[1:])],
        np.concatenate([momentum[:, :1], momentum], axis=1),
    )
    other = np.array([[conjugate(int(i))] for i in turned.pdg_id[:, 0]]).reshape(-1, 1)
    turned = _Part(
        turned.rows,
        made,
        np.concatenate([other, turned.pdg_id], axis=1),
        np.concatenate([turned.origin[:, :1], turned.origin], axis=1),
    )
    return [one for one in (kept, turned) if len(one.rows)]


def _origins(
    nodes: list[Node], mother: list[int], momentum: Floats, point: Floats, life: Floats
) -> Floats:
    """Production points x, y, z [mm], t [ns] of all particles, shape ``(n, n_nodes, 4)``."""
    origin = np.zeros((*momentum.shape[:2], 4))
    end = np.zeros_like(origin)
    for k, node in enumerate(nodes):
        origin[:, k] = point if mother[k] < 0 else end[:, mother[k]]
        if node.daughters:
            p = momentum[:, k]
            mass = np.sqrt(np.maximum(p[:, 3] ** 2 - (p[:, :3] ** 2).sum(axis=1), 1e-12))
            flown = -np.log(life[:, k]) * properties(node.pdg_id).ctau / mass
            end[:, k] = origin[:, k] + flown[:, None] * p * [1.0, 1.0, 1.0, 1.0 / SPEED_OF_LIGHT]
    return origin


def _together(parts: Sequence[_Part], event_id: Ints, pv_id: Ints) -> RawTruth:
    """All particles in the order of the decays; one event for each different identifier."""
    counts = np.zeros(len(event_id), dtype=np.int64)
    for part in parts:
        counts[part.rows] = len(part.made.nodes)
    first = np.cumsum(counts) - counts
    total = int(counts.sum())
    names = ("px", "py", "pz", "energy", "vx", "vy", "vz", "vt")
    columns: dict[str, Any] = {name: np.zeros(total) for name in names}
    for name in ("pdg_id", "status", "mother"):
        columns[name] = np.zeros(total, dtype=np.int64)
    for rows, made, pdg_id, origin in parts:
        place = first[rows][:, None] + np.arange(len(made.nodes))
        for i, name in enumerate(names):
            columns[name][place] = (made.momentum, origin)[i // 4][..., i % 4]
        above = np.array(made.mother)
        columns["pdg_id"][place] = pdg_id
        columns["status"][place] = [2 if node.daughters else 1 for node in made.nodes]
        columns["mother"][place] = np.where(above < 0, -1, first[rows][:, None] + above)
    new = np.flatnonzero(np.diff(event_id, prepend=event_id[:1] - 1))
    return RawTruth(
        offsets=np.append(first[new], total),
        stable=columns["status"] == 1,
        pv_id=np.repeat(pv_id, counts),
        **columns,
    )


class DecaySource(TruthSource):
    """Events of signal decays alone, from the luminous region.

    There is no collision around them, so there is hardly ever a primary vertex, and what is
    measured from one (IP, FD, DIRA, TAU) is not a number.

    Args:
        name: the source as its user wrote it.
        text: descriptor of the decay, or a decay file.
        n_events: how many events to give.
        seed: seed of the run.
        options: see `OPTIONS`.
        skip_bad: of no account: no event of decays alone is broken.

    Raises:
        DecayError, SourceError: see `DecayGenerator`.
    """

    is_gun = True
    is_generated = True

    def __init__(
        self,
        name: str,
        text: str,
        n_events: int | None,
        seed: int,
        options: Mapping[str, str],
        skip_bad: bool = False,
    ) -> None:
        super().__init__(name, n_events)
        if n_events is None:
            raise SourceError(f"{name}: decays have no end; say how many events you want (-n)")
        self.seed = seed
        self.generator = DecayGenerator(name, text, options, self.note)
        self.note(
            "no collision around the decays, so most have no primary vertex, and IP, DIRA and TAU "
            f"are NaN; for these write pythia:minbias+{name}"
        )

    def inputs(self) -> tuple[Location, ...]:
        """The decay file."""
        return self.generator.plan.inputs

    @classmethod
    def located(cls, head: str, folder: Path) -> str:
        """A decay, or the path of a decay file."""
        if not is_file(head):
            return head
        if not (folder / head).is_file():
            raise SourceError(f"no file {head!r}")
        return str(folder / head)

    def batches(self) -> Iterator[EventBatch]:
        """The events, `BLOCK` at a time."""
        assert self.n_events is not None
        return self.numbered(self.start, self.start + self.n_events)

    def numbered(self, first: int, stop: int) -> Iterator[EventBatch]:
        """Just the events from `first` to before `stop`."""
        for start in range(first, stop, BLOCK):
            yield self._batch(np.arange(start, min(start + BLOCK, stop), dtype=np.int64))

    def _batch(self, ids: Ints) -> EventBatch:
        """The events of these numbers."""
        point = collision_points(self.seed, ids, np.zeros_like(ids))
        n = self.generator.n
        event, index = np.repeat(ids, n), np.tile(np.arange(n), len(ids))
        particle = self.generator.generate(
            seed=self.seed,
            stage="decay/0",
            event_id=event,
            index=index,
            point=np.repeat(point, n, axis=0),
            pv_id=np.zeros_like(event),
            drop=self.drop,
        )
        columns = dict(zip(("mc_x", "mc_y", "mc_z", "mc_t"), point.T, strict=True))
        one = np.ones_like(ids)
        vertex = Table.from_counts({"mc_pv_id": np.zeros_like(ids), **columns}, one)
        return make_batch(ids, np.ones(len(ids)), vertex, particle)


class EmbeddedDecays(EmbeddingSource):
    """The events of another source with signal decays added, each from one of its collisions.

    Args:
        name: the source as its user wrote it.
        host: the source that decays are added to.
        decays: ``DESCRIPTOR?OPTIONS`` or ``FILE.dec?OPTIONS`` of each decay.
        seed: seed of the run.
        skip_bad: leave out events without a primary vertex rather than stop.
        how: how a signal finds its collision, see `collisions.host_of`.

    Raises:
        DecayError, SourceError: see `DecayGenerator`.
        BadEventError: while iterating, for the first event without a primary vertex unless
            `skip_bad`.
    """

    no_vertex = "there is no primary vertex that a decay could come from"

    def __init__(
        self,
        name: str,
        host: TruthSource,
        decays: Sequence[str],
        seed: int,
        skip_bad: bool = False,
        how: str = "any",
    ) -> None:
        super().__init__(name, host, seed, skip_bad)
        self.generators = [
            DecayGenerator(f"decay:{d}", *split_options(d), self.note) for d in decays
        ]
        self.how = how

    def inputs(self) -> tuple[Location, ...]:
        """Those of the host, and decay files."""
        return (*super().inputs(), *(f for g in self.generators for f in g.plan.inputs))

    @classmethod
    def host_of(cls, text: str, additions: Sequence[str]) -> tuple[str, str]:
        """A source with collisions that could have made the signals, see `collisions.host_of`."""
        return host_of(text, additions)

    def added(self, batch: EventBatch) -> EventBatch:
        """The events with the decays added."""
        if self.how == "any":
            self._look_at(batch)
        for k, generator in enumerate(self.generators):
            batch = embed(batch, generator, self.seed, f"decay_embedded/{k}", self.how, self.drop)
        return batch

    def _look_at(self, batch: EventBatch) -> None:
        """Say it where collisions are too quiet for signals."""
        busiest = np.zeros(len(batch))
        np.maximum.at(busiest, batch.vertex.event_index, activity(batch))
        if (busiest < QUIET).mean() > _MAX_QUIET and not self.is_gun:
            self.note(
                f"more than {_MAX_QUIET:.0%} of the events have no collision that sends {QUIET} "
                "charged particles forward: decays added to them mostly find no primary vertex, "
                "and IP, DIRA and TAU are NaN"
            )


def embed(
    batch: EventBatch,
    generator: DecayGenerator,
    seed: int,
    stage: str,
    how: str = "any",
    drop: Drop | None = None,
) -> EventBatch:
    """Add decays to each event, behind the particles that are there.

    Args:
        batch: events as a source gives them, with at least one vertex each.
        generator: what to add.
        seed: seed of the run.
        stage: name of the stream of random numbers; two generators need two names.
        how: how a signal finds its collision, see `collisions.host_of`.
        drop: takes event and numbers of particles that cannot be decayed.
    """
    head = generator.plan.pdg_id
    if how == "replace":
        batch = give_way(batch, head, generator.n)
    start = origins(batch, generator.n, seed, stage, weights(batch, head, how))
    added = generator.generate(
        seed=seed,
        stage=stage,
        event_id=start.event_id,
        index=start.number,
        point=start.point,
        pv_id=start.pv_id,
        drop=drop,
    )
    new = dict(added.columns)
    before = batch.particle.counts[added.event_index]
    new["mcparticle_id"] = new["mcparticle_id"] + before
    mother = new["mc_mother_id"]
    new["mc_mother_id"] = np.where(mother < 0, -1, mother + before)
    return with_particles(batch, new, added.event_index)
