"""Truth from Pythia 8 in this process: proton-proton collisions with pile-up at an LHCb-like spot.

Events are generated in blocks of fixed size, and the generator is seeded anew for each block from
(seed, purpose, block).  So an event depends on its number only, not on how a production is cut, and
a worker can start at any block.  Pythia takes seeds from 1 to 900 000 000, each the start of its
own stream; consecutive blocks take consecutive seeds from a start that is hashed from the run's
seed, so no two blocks of one run and purpose share one before 4.5e10 events.  Runs with different
seeds start at different places of the same 900 000 000, so two long ones can overlap: with B blocks
each the chance is about 2 B / 9e8 a pair.

A card may take its hard processes from a Les Houches event file, which no seed turns back.  Then
event k is event k of that file, each is taken once, those that Pythia does not finish leave a gap,
and the source ends where the file does.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...arrays import Floats, Ints, Mask
from ...errors import BadEventError, SourceError
from ...events import EventBatch, Table
from ...files.locations import Location
from ...physics.particles import SPEED_OF_LIGHT, is_tracked
from ...rng import poisson_quantile, stage_key, uniforms
from ..options import check_options, parse_choice
from ..selection import KEPT_STABLE, SILENT, RawTruth, in_reach, select_particles
from ..truth import TruthSource, drop_bad, make_batch
from ..unstable import DECAY_VOLUME, Lost, lost_particles
from ..weights import MAX_NAME, bad_weights, numbered_names
from .beam import collision_points
from .lhe import HardEvents
from .multiparton import TABLES, use_tables
from .pythia_card import BEAMS, count_hard_events, data_folders, hard_events, new_pythia, read_card

if TYPE_CHECKING:
    import awkward as ak

BLOCK = 50
"""Events between two seedings of the generator."""

PROCESSES = {
    "minbias": ("SoftQCD:inelastic = on",),
    "nondiffractive": ("SoftQCD:nonDiffractive = on",),
    # With massive quarks the matrix elements are finite, so pTHatMin may be 0; every event has a
    # pair, where most of SoftQCD would be thrown away.  Gluon splitting and flavour excitation
    # are left out as sources of the pair.
    "bbbar": ("HardQCD:hardbbbar = on", "PhaseSpace:pTHatMin = 0."),
    "ccbar": ("HardQCD:hardccbar = on", "PhaseSpace:pTHatMin = 0."),
}
"""Pythia settings of the processes known by name."""

OPTIONS = {
    "forward": "1 or 0: ask for a b (c) hadron with 2 < eta < 5, or turned: the same, but one with "
    "-5 < eta < -2 will do, and the collision is turned round; 1 unless said otherwise for bbbar "
    "and ccbar, of no meaning for other processes",
    "busy": "a number: collisions of the process are taken in proportion to their charged "
    "particles with 2 < eta < 5 and pT > 0.2 GeV, up to so many; 0, the default, for all alike",
}
"""Options of a Pythia source and their meaning."""

_COMMON = (
    "Print:quiet = on",
    "Random:setSeed = on",
    "Random:seed = 1",
    "Beams:allowVertexSpread = off",
    # K_S, Lambda and the like that leave the detector first are left to it.
    "ParticleDecays:limitCylinder = on",
    f"ParticleDecays:xyMax = {DECAY_VOLUME[0]}",
    f"ParticleDecays:zMax = {DECAY_VOLUME[1]}",
)
_N_SEEDS = 900_000_000
_MAX_EMPTY = 20
_MAX_BUSY = 100
_SIGNAL_FLAVOUR = {"bbbar": 5, "ccbar": 4}


class PythiaSource(TruthSource):
    """Events of Pythia 8 proton-proton collisions.

    With a mean number of interactions (`pileup`) mu, a minimum-bias event has a Poisson number of
    collisions, at least one; an event of another process has one of that process and a Poisson
    number of minimum-bias ones.  Without, an event is one collision.

    Args:
        name: the source as its user wrote it.
        process: a key of `PROCESSES`, or the path of a file of Pythia settings (``.cmnd``), whose
            seeds and vertex spread are overruled, or of a Les Houches event file (``.lhe``).
        n_events: how many events to give.
        seed: seed of the run.
        pileup: mean number of interactions mu, or None for exactly one.
        options: see `OPTIONS`.
        skip_bad: leave out broken events rather than stop.

    Raises:
        SourceError: for unknown processes or options, a missing file, or settings that Pythia
            does not take.
    """

    is_generated, takes_pileup, names_file = True, True, True
    block = BLOCK
    program = "Pythia"
    packages = ("pythia8mc",)

    def __init__(
        self,
        name: str,
        process: str,
        n_events: int | None,
        seed: int,
        pileup: float | None,
        options: Mapping[str, str],
        skip_bad: bool = False,
    ) -> None:
        super().__init__(name, n_events)
        check_options(name, options, OPTIONS)
        if n_events is None:
            raise SourceError(f"{name}: a generator has no end; say how many events you want (-n)")
        if pileup is not None and not 0 < pileup < 1000:
            raise SourceError(f"{name}: a mean of {pileup} interactions makes no sense")
        if process not in PROCESSES and not Path(process).is_file():
            known = ", ".join(PROCESSES)
            raise SourceError(f"{name}: no process and no file {process!r}; it can be {known}")
        self.process = process
        self.seed = seed
        self.pileup = pileup
        self.skip_bad = skip_bad
        choices = ("0", "1", "turned")
        forward = parse_choice(name, "forward", options.get("forward", "1"), choices)
        self.flavour = _SIGNAL_FLAVOUR.get(process, 0) if forward != "0" else 0
        self.may_turn = forward == "turned"
        self.busy = _busy(name, options.get("busy", "0"))
        if self.flavour:
            self.note(
                f"only events with a {'b' if self.flavour == 5 else 'c'} hadron in 2 < eta < 5 "
                "(?forward=0 for all)"
            )
        self._card: Any = None
        self.n_given = 0
        self._main: Any = None
        self._overlay: Any = None
        self._hard: HardEvents | None = None
        self._lhe: Path | None = None
        self._files: tuple[Path, ...] = ()
        if process not in PROCESSES:
            self._read_card(Path(process), n_events)

    def _read_card(self, card: Path, n_events: int) -> None:
        self._card, self._files, remarks = read_card(card)
        for remark in remarks:
            self.note(remark)
        self._lhe = hard_events(self._card, card)
        if self._lhe is None:
            return
        skipped = int(self._card.mode("Beams:nSkipLHEFatInit"))
        self.length = max(count_hard_events(self._lhe) - skipped, 0)
        if not self.length:
            raise SourceError(f"{card}: Beams:nSkipLHEFatInit leaves no event of {self._lhe}")
        short = f", fewer than the {n_events} asked for" if self.length < n_events else ""
        self.note(
            f"hard processes are the {self.length} events of {self._lhe}{short}; each is taken "
            "once, in order"
        )

    def inputs(self) -> tuple[Location, ...]:
        """The card, what it includes and names, tables, and the folders of Pythia's own data."""
        return (*self._files, TABLES, *data_folders())

    def batches(self) -> Iterator[EventBatch]:
        """The events, a block at a time."""
        assert self.n_events is not None
        return self.numbered(self.start, self.start + self.n_events)

    def numbered(self, first: int, stop: int) -> Iterator[EventBatch]:
        """Whole blocks of events, so that none of `first` to `stop` is missing."""
        if self.length is not None:
            stop = min(stop, self.length + self.start)
        for block in range(first // BLOCK, -(-stop // BLOCK)):
            batch = self.made(block)
            if batch is not None:
                yield batch

    @classmethod
    def located(cls, head: str, folder: Path) -> str:
        """The name of a process, or the path of a card."""
        if head in PROCESSES:
            return head
        if not (folder / head).is_file():
            known = ", ".join(PROCESSES)
            raise SourceError(f"no process and no file {head!r}; it can be {known}")
        return str(folder / head)

    @classmethod
    def streams(cls, head: str, pileup: float | None) -> tuple[str, ...]:
        """That of the collisions, and that of pile-up where it is made apart from them."""
        apart = pileup is not None and head != "minbias"
        return ("pythia", "pythia_pileup") if apart else ("pythia",)

    def made(self, block: int) -> EventBatch | None:
        """The events of the block of a number, without those before it; None if there is none."""
        assert self.n_events is not None
        if self._main is None:
            self._main = self._start(PROCESSES.get(self.process))
        ids = np.arange(
            block * BLOCK, min((block + 1) * BLOCK, self.start + self.n_events), dtype=np.int64
        )
        if self._lhe is not None:
            ids, main = self._finished(ids, block)
            n_main, n_overlay = self._multiplicities(ids)
        else:
            n_main, n_overlay = self._multiplicities(ids)
            main = self._generate(self._main, "pythia", block, int(n_main.sum()))
        if main is None:
            return None
        overlay = None
        if n_overlay.any():
            if self._overlay is None:
                self._overlay = self._start(PROCESSES["minbias"])
            overlay = self._generate(self._overlay, "pythia_pileup", block, int(n_overlay.sum()))
        batch, bad = self._batch(ids, n_main, n_overlay, main, overlay)
        names = np.full(len(ids), self.name, dtype=object)
        batch, skipped = drop_bad(batch, bad, names, self.skip_bad)
        self.n_given += len(batch)
        self.skip(skipped, self.n_given)
        return batch

    def _finished(self, ids: Ints, block: int) -> tuple[Ints, ak.Array | None]:
        """Of the events of a block, those that Pythia finishes; the others are skipped."""
        assert self.length is not None
        shift = self.start  # the number of the event that takes the first of the file
        ids = ids[(ids >= shift) & (ids < shift + self.length)]
        if not len(ids):
            return ids, None
        if self._hard is None:
            self._hard = HardEvents(self._main, self.length, self.name)
        first = int(ids[0]) - shift
        found = self._hard.take(first, first + len(ids), self._seed("pythia", block))
        if found.unreadable and not self.skip_bad:
            why = f"event {found.unreadable[0]} of {self._lhe} cannot be read; mend or skip it"
            raise BadEventError(self.name, found.unreadable[0] + shift, why)
        for number in sorted({*range(first, first + len(ids))} - {*found.numbers}):
            what = "cannot be read" if number in found.unreadable else "was not finished by Pythia"
            self.enter(number + shift, f"event {number} of {self._lhe} {what}")
        return np.array(found.numbers, dtype=np.int64) + shift, found.collisions

    def _multiplicities(self, ids: Ints) -> tuple[Ints, Ints]:
        """Collisions of the process and of the minimum-bias overlay, for each event."""
        one = np.ones(len(ids), dtype=np.int64)
        if self.pileup is None:
            return one, np.zeros_like(one)
        u = uniforms(self.seed, "pileup", ids)[:, 0]
        if self.process == "minbias":
            none = np.exp(-self.pileup)
            n = poisson_quantile(none + (1 - none) * u, self.pileup).astype(np.int64)
            return np.maximum(n, 1), np.zeros_like(one)
        return one, poisson_quantile(u, self.pileup).astype(np.int64)

    def _start(self, settings: tuple[str, ...] | None) -> Any:
        """An initialised generator; `settings` None stands for the user's file."""
        if settings is None:
            return self._initialised(self._card, _COMMON)
        # Pile-up comes at the energy of the signal.
        lines = BEAMS if self._main is None else (f"Beams:eCM = {_energy(self._main)}",)
        words = (*lines, *settings, *_COMMON)
        try:
            pythia = _IDLE.setdefault(words, []).pop()
        except IndexError:
            pythia = self._initialised(new_pythia(), words, tables=True)
        weakref.finalize(self, _put_by, words, pythia).atexit = False
        return pythia

    def _initialised(self, pythia: Any, lines: Sequence[str], tables: bool = False) -> Any:
        """A generator, started with some settings, and with the tables that ship if they are all.

        Raises:
            SourceError: if Pythia does not take a setting, or does not start with them.
        """
        for line in lines:
            if not pythia.readString(line, False):
                raise SourceError(f"{self.name}: Pythia does not take {line!r}")
        if tables:
            use_tables(pythia)
        if not pythia.init():
            raise SourceError(f"{self.name}: Pythia cannot be initialised with these settings")
        return pythia

    def _generate(self, pythia: Any, purpose: str, block: int, n: int) -> ak.Array:
        """The first `n` collisions of a block, those that do not pass the forward cut left out."""
        import awkward as ak

        pythia.rndm.init(self._seed(purpose, block))
        parts: list[ak.Array] = []
        n_have, n_empty, n_seen = 0, 0, 0
        while n_have < n:
            batch = pythia.nextBatch(n - n_have)
            n_empty = 0 if len(batch) else n_empty + 1
            if n_empty == _MAX_EMPTY:
                raise SourceError(f"{self.name}: Pythia stopped giving events in block {block}")
            tried, n_seen = n_seen + np.arange(len(batch)), n_seen + len(batch)
            if purpose == "pythia" and self.busy and len(batch):
                u = uniforms(self.seed, "pythia_busy", np.full(len(tried), block), tried)[:, 0]
                batch = batch[u * self.busy < _n_forward(batch.prt)]
            if purpose == "pythia" and self.flavour and len(batch):
                batch = self._forward(batch)
            parts.append(batch)
            n_have += len(batch)
        return ak.concatenate(parts) if len(parts) > 1 else parts[0]

    def _seed(self, purpose: str, block: int) -> int:
        start = int(stage_key(self.seed, purpose)) % _N_SEEDS
        return 1 + (start + block) % _N_SEEDS

    def _forward(self, batch: ak.Array) -> ak.Array:
        """The collisions with a hadron of the flavour in the acceptance, turned where allowed."""
        passed = _has_forward(batch.prt, self.flavour)
        if self.may_turn:
            turned = ~passed & _has_forward(batch.prt, self.flavour, -1.0)
            batch = _turned(batch, turned)
            passed |= turned
        return batch[passed]

    def _batch(
        self,
        ids: Ints,
        n_main: Ints,
        n_overlay: Ints,
        main: ak.Array,
        overlay: ak.Array | None,
    ) -> tuple[EventBatch, dict[int, str]]:
        import awkward as ak

        n_collisions = n_main + n_overlay
        event_of = np.repeat(np.arange(len(ids)), n_collisions)
        first = np.concatenate([[0], np.cumsum(n_collisions)])
        pv_id = np.arange(len(event_of)) - first[event_of]
        collisions = main
        if overlay is not None:
            both = ak.concatenate([main, overlay])
            place = np.empty(len(event_of), dtype=np.int64)
            is_main = pv_id < n_main[event_of]
            place[is_main] = np.arange(len(main))
            place[~is_main] = len(main) + np.arange(len(overlay))
            collisions = both[place]
        points = collision_points(self.seed, ids[event_of], pv_id)
        # The weights of an event are those of its own process, which comes first.
        weight = self._weights(collisions.info.weights[first[:-1]])
        raw = _raw(collisions.prt, points, pv_id, first)
        particle, bad = select_particles(raw)
        bad = bad_weights(weight, self.weight_names) | bad
        for k, counts in self._lost(raw).items():
            if k not in bad:
                self.drop(int(ids[k]), counts)
        columns = dict(zip(("mc_x", "mc_y", "mc_z", "mc_t"), points.T, strict=True))
        vertex = Table.from_counts({"mc_pv_id": pv_id, **columns}, n_collisions)
        return make_batch(ids, weight, vertex, particle), bad

    def _weights(self, given: ak.Array) -> Table:
        """All weights of some events, the nominal one first."""
        import awkward as ak

        counts = ak.to_numpy(ak.num(given, axis=1))
        info = self._main.infoPython()
        names = tuple(str(name)[:MAX_NAME] for name in info.weightNameVector())
        ids: list[int] = []
        for n in counts.tolist():
            ids += self.weight_names.ids(names if len(names) == n else numbered_names(n))
        value = ak.to_numpy(ak.flatten(given, axis=1)).astype(np.float64)
        return Table.from_counts({"mc_weight_id": np.array(ids), "mc_weight_value": value}, counts)

    def _lost(self, raw: RawTruth) -> Lost:
        """What Pythia left stable and the detector might have seen, but is not simulated.

        What decays, but flew out of the detector first, is none of it.
        """
        lost = raw.stable & ~np.isin(np.abs(raw.pdg_id), (*KEPT_STABLE, *SILENT))
        rows = np.flatnonzero(lost)
        data = self._main.particleData
        decays = {c: data.mayDecay(c) and data.canDecay(c) for c in set(raw.pdg_id[rows].tolist())}
        lost[rows] = [not decays[c] for c in raw.pdg_id[rows].tolist()]
        return lost_particles(raw, lost & in_reach(raw))


_IDLE: dict[tuple[str, ...], list[Any]] = {}
"""Generators of sources that are gone, by their settings.

To start one takes seconds of processor time, and as each block seeds it anew, it does not matter
what it made before.
"""


def _put_by(words: tuple[str, ...], pythia: Any) -> None:
    """Keep a generator for the next source with the same settings; one of a kind will do."""
    if not _IDLE[words]:
        _IDLE[words].append(pythia)


def _energy(pythia: Any) -> float:
    """Energy of the collisions of a started generator [GeV]."""
    if pythia.mode("Beams:frameType") == 1:
        return float(pythia.parm("Beams:eCM"))
    return float(pythia.infoPython().eCM())


def _busy(name: str, text: str) -> int:
    if not text.isdecimal() or int(text) > _MAX_BUSY:
        raise SourceError(f"{name}: busy={text} is not a number from 0 to {_MAX_BUSY}")
    return int(text)


def _n_forward(prt: ak.Array) -> Ints:
    """Charged particles in the acceptance of each collision."""
    import awkward as ak

    counts = ak.to_numpy(ak.num(prt))
    flat = ak.flatten(prt)
    rows = np.flatnonzero(ak.to_numpy(flat.status) > 0)
    rows = rows[is_tracked(ak.to_numpy(flat.id)[rows])]
    px, py, pz = (ak.to_numpy(flat.p[k])[rows] for k in ("px", "py", "pz"))
    pt = np.hypot(px, py)
    seen = (pt > 0.2) & (pz > np.sinh(2.0) * pt) & (pz < np.sinh(5.0) * pt)
    event = np.repeat(np.arange(len(counts)), counts)[rows][seen]
    return np.bincount(event, minlength=len(counts))


def _turned(batch: ak.Array, which: Mask) -> ak.Array:
    """Collisions, some of them turned about the x axis, which exchanges the beams."""
    import awkward as ak

    sign = np.where(which, -1.0, 1.0)
    prt = batch.prt
    for field in ("p", "vProd"):
        vector = prt[field]
        for axis in ("py", "pz"):
            vector = ak.with_field(vector, vector[axis] * sign, axis)
        prt = ak.with_field(prt, vector, field)
    return ak.with_field(batch, prt, "prt")


def _has_forward(prt: ak.Array, flavour: int, side: float = 1.0) -> Mask:
    import awkward as ak

    counts = ak.to_numpy(ak.num(prt))
    flat = ak.flatten(prt)
    code = np.abs(ak.to_numpy(flat.id).astype(np.int64))
    # Hadrons of the flavour: its digit is the highest of the meson or baryon code.
    short = code % 10_000
    heaviest = np.where(short >= 1000, short // 1000, short // 100)
    hadron = (code > 100) & (code < 1_000_000) & (heaviest == flavour) & (short // 10 % 10 != 0)
    px, py, pz = (ak.to_numpy(flat.p[k])[hadron] for k in ("px", "py", "pz"))
    pt, pz = np.hypot(px, py), side * pz
    forward = (pz > np.sinh(2.0) * pt) & (pz < np.sinh(5.0) * pt)
    event = np.repeat(np.arange(len(counts)), counts)[hadron][forward]
    passed: Mask = np.bincount(event, minlength=len(counts)) > 0
    return passed


def _raw(
    prt: ak.Array,
    points: Floats,
    pv_id: Ints,
    first: Ints,
) -> RawTruth:
    """Arrays in MeV, mm and ns, moved to the collision points.

    Args:
        prt: particles of each collision as Pythia's ``nextBatch`` gives them (GeV, mm).
        points: x, y, z, t of the collisions, shape ``(n_collisions, 4)``.
        pv_id: position of each collision in its event.
        first: number of the first collision of each event, and of the end.
    """
    import awkward as ak

    sizes = ak.to_numpy(ak.num(prt))
    start = np.concatenate([[0], np.cumsum(sizes)])
    flat = ak.flatten(prt)
    point = np.repeat(points, sizes, axis=0)
    # A particle without a vertex is made at the collision itself.
    has_vertex = ~ak.to_numpy(ak.is_none(flat.vProd))
    vertices = ak.drop_none(flat.vProd, axis=0)
    made = {k: np.zeros(len(flat)) for k in ("px", "py", "pz", "e")}
    for k, values in made.items():
        values[has_vertex] = ak.to_numpy(vertices[k])
    mother = ak.to_numpy(flat.mother1).astype(np.int64)
    final = ak.to_numpy(flat.status) > 0
    beam = ak.to_numpy(flat.status) == -12
    # Row 0 of each collision stands for the whole of it and is nobody's mother.
    return RawTruth(
        offsets=start[first],
        pdg_id=ak.to_numpy(flat.id).astype(np.int64),
        status=np.where(final, 1, np.where(beam, 4, 2)),
        stable=final,
        mother=np.where(mother > 0, mother + np.repeat(start[:-1], sizes), -1),
        pv_id=np.repeat(pv_id, sizes),
        px=ak.to_numpy(flat.p.px) * 1e3,
        py=ak.to_numpy(flat.p.py) * 1e3,
        pz=ak.to_numpy(flat.p.pz) * 1e3,
        energy=ak.to_numpy(flat.p.e) * 1e3,
        vx=made["px"] + point[:, 0],
        vy=made["py"] + point[:, 1],
        vz=made["pz"] + point[:, 2],
        vt=made["e"] / SPEED_OF_LIGHT + point[:, 3],
    )
