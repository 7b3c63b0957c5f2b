"""Generated signal decays as a source of truth, alone or inside collisions.

=====================================  ============================================================
``decay:B0 -> K+ pi-?OPTIONS``         signal decays alone, one event each, with no collision and
                                       so hardly ever a primary vertex; options in `OPTIONS`
``SOURCE+decay:B0 -> K+ pi-?OPTIONS``  the events of another source with signal decays added, each
                                       from a collision that could have made it, see `collisions`
=====================================  ============================================================
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..arrays import Floats, Ints
from ..errors import SourceError
from ..events import EventBatch, Table
from ..io.generators.beam import collision_points
from ..io.generators.embedding import EmbeddingSource, origins, with_particles
from ..io.options import check_options, parse_choice, parse_count, parse_range, split_options
from ..io.selection import RawTruth, select_particles
from ..io.truth import TruthSource, make_batch
from ..physics.particles import SPEED_OF_LIGHT
from ..rng import uniforms
from .collisions import QUIET, activity, give_way, host_of, weights
from .descriptor import Node, parse_decay
from .names import PHOTON, PI0, conjugate, properties
from .phasespace import decay_tree
from .spectra import ENERGIES, ETA_RANGE, MAX_PT, spectrum_of

BLOCK = 1000
"""Events made together."""

OPTIONS = {
    "n": "decays per event (1)",
    "pt": f"transverse momentum of the head in GeV, a range (0-{MAX_PT:g})",
    "eta": "pseudorapidity of the head, a range (2-5)",
    "ecm": f"energy of the collisions in TeV, {ENERGIES[0]:g} to {ENERGIES[1]:g} (13)",
    "cc": "1 or 0: half of the decays are the charge conjugate (1)",
}
"""Options of a source of decays and their meaning."""

_MAX_PER_EVENT = 1000
_MAX_QUIET = 0.03


class DecayGenerator:
    """Phase-space decays of heads with the spectrum of their flavour.

    Args:
        name: the source as its user wrote it.
        text: descriptor of the decay; a pi0 that it ends in decays to two photons.
        options: see `OPTIONS`.

    Raises:
        DecayError: for a decay that cannot be read or cannot happen.
        SourceError: for unknown options and values out of range.
    """

    def __init__(self, name: str, text: str, options: Mapping[str, str]) -> None:
        check_options(name, options, OPTIONS)
        self.decay = parse_decay(text)
        self.tree = _to_the_end(self.decay.head)
        self.pt = parse_range(name, "pt", options.get("pt", f"0-{MAX_PT:g}"))
        self.eta = parse_range(name, "eta", options.get("eta", "2-5"))
        if self.pt[0] < 0.0 or self.pt[1] > MAX_PT or self.pt[0] == self.pt[1]:
            raise SourceError(f"{name}: pt must be a range within 0-{MAX_PT:g} GeV")
        if self.eta[0] < ETA_RANGE[0] or self.eta[1] > ETA_RANGE[1] or self.eta[0] == self.eta[1]:
            raise SourceError(f"{name}: eta must be a range within {ETA_RANGE[0]:g}-6")
        self.n = parse_count(name, "n", options.get("n", "1"), _MAX_PER_EVENT, "decays")
        energy = parse_range(name, "ecm", options.get("ecm", "13"))[0]
        self.spectrum = spectrum_of(self.tree.pdg_id, energy)
        flip = parse_choice(name, "cc", options.get("cc", "1"), ("0", "1")) == "1"
        self.both = flip and self.decay.head.signature() != self.decay.head.signature(True)

    def generate(
        self, seed: int, stage: str, event_id: Ints, index: Ints, point: Floats, pv_id: Ints
    ) -> Table:
        """Decays as a table of particles; its events are those of `event_id`, in their order.

        Args:
            seed: seed of the run.
            stage: name of the stream of random numbers.
            event_id: event of each decay, grouped, shape ``(n,)``.
            index: number of each decay in its event, shape ``(n,)``.
            point: x, y, z [mm] and t [ns] it comes from, shape ``(n, 4)``.
            pv_id: collision it belongs to, shape ``(n,)``.
        """
        u = uniforms(seed, f"{stage}/head", event_id, index, 4)
        pt, eta = self.spectrum.draw(u[:, :2], self.pt, self.eta)
        phi = 2.0 * np.pi * u[:, 2]
        head = np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)], axis=1)
        made = decay_tree(self.tree, head, seed, f"{stage}/decay", event_id, index)
        flip = (u[:, 3] < 0.5) & self.both
        ids = np.array([node.pdg_id for node in made.nodes])
        other = np.array([conjugate(int(i)) for i in ids])
        pdg_id = np.where(flip[:, None], other, ids)
        life = uniforms(seed, f"{stage}/life", event_id, index, len(ids))
        origin = _origins(made.nodes, made.mother, made.momentum, point, life)
        return _table(made.nodes, made.mother, pdg_id, made.momentum, origin, event_id, pv_id)


def _to_the_end(head: Node) -> Node:
    """The tree with every pi0 decayed."""
    daughters = tuple(_to_the_end(d) for d in head.daughters)
    if head.pdg_id == PI0 and not daughters:
        daughters = (Node(PHOTON), Node(PHOTON))
    return replace(head, daughters=daughters)


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


def _table(
    nodes: list[Node],
    mother: list[int],
    pdg_id: Ints,
    momentum: Floats,
    origin: Floats,
    event_id: Ints,
    pv_id: Ints,
) -> Table:
    """The particles that matter, as sources keep them; one event for each different identifier."""
    n, k = pdg_id.shape
    stable = np.array([not node.daughters for node in nodes])
    above = np.array(mother)
    first = np.arange(n)[:, None] * k
    new = np.flatnonzero(np.diff(event_id, prepend=event_id[:1] - 1))
    raw = RawTruth(
        offsets=np.append(new, n) * k,
        pdg_id=pdg_id.ravel(),
        status=np.tile(np.where(stable, 1, 2), n),
        stable=np.tile(stable, n),
        mother=np.where(above < 0, -1, first + above).ravel(),
        pv_id=np.repeat(pv_id, k),
        **{c: momentum[..., i].ravel() for i, c in enumerate(("px", "py", "pz", "energy"))},
        **{c: origin[..., i].ravel() for i, c in enumerate(("vx", "vy", "vz", "vt"))},
    )
    return select_particles(raw)[0]


class DecaySource(TruthSource):
    """Events of signal decays alone, from the luminous region.

    There is no collision around them, so there is hardly ever a primary vertex, and what is
    measured from one (IP, FD, DIRA, TAU) is not a number.

    Args:
        name: the source as its user wrote it.
        text: descriptor of the decay.
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
        self.generator = DecayGenerator(name, text, options)
        self.note(
            "no collision around the decays, so most have no primary vertex, and IP, DIRA and TAU "
            f"are NaN; for these write pythia:minbias+{name}"
        )

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
        decays: ``DESCRIPTOR?OPTIONS`` of each decay.
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
        self.generators = [DecayGenerator(f"decay:{d}", *split_options(d)) for d in decays]
        self.how = how

    @classmethod
    def host_of(cls, text: str, additions: Sequence[str]) -> tuple[str, str]:
        """A source with collisions that could have made the signals, see `collisions.host_of`."""
        return host_of(text, additions)

    def added(self, batch: EventBatch) -> EventBatch:
        """The events with the decays added."""
        if self.how == "any":
            self._look_at(batch)
        for k, generator in enumerate(self.generators):
            batch = embed(batch, generator, self.seed, f"decay_embedded/{k}", self.how)
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
    batch: EventBatch, generator: DecayGenerator, seed: int, stage: str, how: str = "any"
) -> EventBatch:
    """Add decays to each event, behind the particles that are there.

    Args:
        batch: events as a source gives them, with at least one vertex each.
        generator: what to add.
        seed: seed of the run.
        stage: name of the stream of random numbers; two generators need two names.
        how: how a signal finds its collision, see `collisions.host_of`.
    """
    head = generator.tree.pdg_id
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
    )
    new = dict(added.columns)
    before = batch.particle.counts[added.event_index]
    new["mcparticle_id"] = new["mcparticle_id"] + before
    mother = new["mc_mother_id"]
    new["mc_mother_id"] = np.where(mother < 0, -1, mother + before)
    return with_particles(batch, new, added.event_index)
