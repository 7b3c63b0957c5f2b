"""A plug-in of lamarr_like: a stage that adds a time of flight, a source that reads plain text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from lamarr_like import rng
from lamarr_like.errors import PipelineError, SourceError
from lamarr_like.events import EventBatch, Table
from lamarr_like.io.truth import TruthSource, check_options, make_batch
from lamarr_like.physics.particles import SPEED_OF_LIGHT, charges, masses
from lamarr_like.plugins import declare
from lamarr_like.schema import Column
from lamarr_like.stages import AbstractStage
from lamarr_like.stages.stage import keys, typed

PLANE = 9500.0
"""z of the wall [mm], behind the last tracking station."""

# New columns are declared before anybody asks for them: name, unit, type, meaning, branch.
declare(
    Column("track", "torch_time", "ns", "float32", "measured time of flight, 0 for none", "time"),
    Column("track", "torch_path", "mm", "float32", "straight way to the wall, 0 for none", "path"),
)


class Torch(AbstractStage):
    """Time of flight from the origin to a wall behind the tracker, in the manner of TORCH.

    Args:
        sigma: resolution of the time [ns].

    Raises:
        PipelineError: if the resolution is negative.
    """

    name = "torch"
    requires = keys("track", "track_id", "track_type", "mcparticle_id", "tx", "ty") | keys(
        "particle", "mc_pdg_id", "mc_px", "mc_py", "mc_pz", "mc_vz"
    )
    provides = keys("track", "torch_time", "torch_path")
    options: ClassVar[Mapping[str, Any]] = {"sigma": 0.015}

    def __init__(self, sigma: float = 0.015) -> None:
        if not sigma >= 0.0:
            raise PipelineError(f"stage 'torch': sigma is {sigma!r}, give a time in ns")
        self.sigma = sigma

    def __call__(self, batch: EventBatch, seed: int, is_gun: bool = False) -> EventBatch:
        """Add time and path of tracks of generated particles that reach the wall."""
        track = batch.track
        rows = (track["track_type"] != 4) & (track["mcparticle_id"] >= 0)
        true = {name: batch.linked(name, rows) for _, name in self.requires if name[:3] == "mc_"}
        p2 = true["mc_px"] ** 2 + true["mc_py"] ** 2 + true["mc_pz"] ** 2
        beta = np.sqrt(p2 / (p2 + masses(true["mc_pdg_id"]) ** 2))
        slopes = 1.0 + track["tx"][rows] ** 2 + track["ty"][rows] ** 2
        way = (PLANE - true["mc_vz"]) * np.sqrt(slopes)
        # A draw is a function of seed, stage, event and track: chunks and workers change nothing.
        events = batch.event_ids("track")[rows]
        noise = rng.normals(seed, self.name, events, track["track_id"][rows])[:, 0]
        time, path = np.zeros(len(track)), np.zeros(len(track))
        time[rows] = way / (beta * SPEED_OF_LIGHT) + self.sigma * noise
        path[rows] = way
        columns = {"torch_time": time, "torch_path": path}
        return batch.with_columns("track", **typed("track", columns))


class ParticleList(TruthSource):
    """``particles:FILE?scale=1000``: a particle a line, "event pdg px py pz x y z", by event.

    Args:
        name: the source as its user wrote it.
        head: name of the file.
        n_events: how many events; None for all.
        seed: not used, nothing is drawn.
        options: ``scale``, unit of the momenta in MeV.
        skip_bad: not used, a line that cannot be read stops.

    Raises:
        SourceError: if the file cannot be read.
    """

    is_gun = True

    def __init__(
        self,
        name: str,
        head: str,
        *,
        n_events: int | None,
        seed: int,
        options: Mapping[str, str],
        skip_bad: bool,
    ) -> None:
        super().__init__(name, n_events)
        check_options(name, options, {"scale": "unit of the momenta in MeV (1)"})
        try:
            self.rows = np.loadtxt(Path(head), ndmin=2)
            self.scale = float(options.get("scale", "1"))
        except (OSError, ValueError) as error:
            raise SourceError(f"{name}: {error}") from None
        if self.rows.shape[1:] != (8,) or not len(self.rows):
            raise SourceError(f"{name}: expected 8 numbers a line")

    def batches(self) -> Iterator[EventBatch]:
        """The events, all at once: lists that are typed in are short."""
        _, start, counts = np.unique(self.rows[:, 0], return_index=True, return_counts=True)
        order = np.argsort(self.rows[:, 0], kind="stable")
        start, counts = start[: self.n_events], counts[: self.n_events]
        n, rows = len(counts), self.rows[order][: counts.sum()]
        pdg_id = rows[:, 1].astype(np.int64)
        momentum = rows[:, 2:5] * self.scale
        particle = {
            "mcparticle_id": np.concatenate([np.arange(count) for count in counts]),
            "mc_pdg_id": pdg_id,
            "mc_status": np.ones(len(rows)),
            "mc_stable": np.ones(len(rows)),
            **dict(zip(("mc_px", "mc_py", "mc_pz"), momentum.T, strict=True)),
            "mc_energy": np.sqrt((momentum**2).sum(axis=1) + masses(pdg_id) ** 2),
            **dict(zip(("mc_vx", "mc_vy", "mc_vz"), rows[:, 5:].T, strict=True)),
            "mc_vt": np.zeros(len(rows)),
            "mc_mother_id": np.full(len(rows), -1),
            "mc_pv_id": np.zeros(len(rows)),
            "mc_charge": charges(pdg_id),
        }
        first = np.append(0, np.cumsum(counts)[:-1])
        origin = dict(zip(("mc_x", "mc_y", "mc_z"), rows[first, 5:].T, strict=True))
        vertex = {"mc_pv_id": np.zeros(n), **origin, "mc_t": np.zeros(n)}
        one = np.ones(n, dtype=np.int64)
        yield make_batch(
            np.arange(n),
            np.ones(n),
            Table.from_counts(vertex, one),
            Table.from_counts(particle, counts),
        )
