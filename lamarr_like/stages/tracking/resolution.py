"""The reconstructed state of each track: position, slopes, momentum, charge, fit quality."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from ...arrays import Columns, Floats, Integers, Ints, Mask, Rows
from ...errors import ArtefactError
from ...events import EventBatch
from ...physics.kinematics import momentum, momentum_components
from .. import features
from ..recipe import recipe
from ..stage import AbstractGeneratorStage, Model, keys, typed
from ..training_range import Ranges, outside, training_range
from .detector_range import MOST_P, checked, detector_range, limits_of, within
from .fringe_field import carried
from .ideal_fit import expected_covariance
from .mirrors import FLAGS, Mirrors
from .residual_frames import FRAMES, PERIGEE, Scales, TrackState, ideal_scales, residuals, smeared

_STATE = ("x", "y", "z", "tx", "ty", "p", "charge")
_IDEAL = ("u_rad", "u_tan", "t_rad", "t_tan", "qop")
_QUALITY = ("n_dof", "chi2_per_dof", "ghost_prob")
_ROOM = {"x": 1.0, "y": 1.0, "z": 100.0, "tx": 0.005, "ty": 0.005}
"""Distance [mm] from the truth that a state may always have, however far out the particle is."""
_HALVINGS = 60
_DEFAULT = next(iter(FRAMES))


class Resolution(AbstractGeneratorStage):
    """Draws the residuals of the state closest to the beam and the quality of the fit.

    They are those of the images of all tracks in one quadrant (`mirrors`); earlier models, which do
    not ask for the flags of the mirrors, see tracks where they are.

    The frame of the residuals (`frames`) is ``frame`` in the configuration of the artefact, and
    ``training_range`` what it was trained on; without it every track counts as out of range.  No
    state leaves ``detector_range`` (see the module of that name).

    Raises:
        ArtefactError: if that frame is unknown.
    """

    name = "resolution"
    table = "track"
    requires = (
        features.TRUTH_COLUMNS
        | keys("event", "event_id", "n_spd_hits", "n_tracks")
        | keys("track", "mcparticle_id", "track_type", "origin")
    )
    provides = keys("track", *_STATE, *_QUALITY, "px", "py", "pz", "pt", "eta", "out_of_range")
    target_columns = keys("track", *_STATE, *_QUALITY)
    outputs = (*_QUALITY[:2], *PERIGEE, _QUALITY[2])
    integers = frozenset({"n_dof"})
    pulls = frozenset(PERIGEE)
    told_by = features.DECAYS
    recipes = (
        recipe("armdn", steps=24_000, learning_rate=8e-3, weight_decay=0.02, orthogonal=True),
        recipe("gan", steps=24_000),
    )
    training_options: ClassVar[Mapping[str, tuple[Any, ...]]] = {"frame": tuple(FRAMES)}

    def __init__(self, model: Model, config: Mapping[str, Any] | None = None) -> None:
        self.frame = str((config or {}).get("frame", "perigee"))
        if self.frame not in FRAMES:
            raise ArtefactError(
                f"stage 'resolution': config.json of its model has frame {self.frame!r}, "
                f"known are {', '.join(FRAMES)}"
            )
        self.ranges: Ranges = (config or {}).get("training_range", {})
        self.detector = checked(config or {}, self.name)
        self.mirrored = set(FLAGS) <= set(model.conditions)
        super().__init__(model, config)

    def _check_outputs(self, wanted: tuple[str, ...]) -> None:
        super()._check_outputs(self.outputs_in(self.frame))

    @classmethod
    def outputs_in(cls, frame: str) -> tuple[str, ...]:
        """Outputs of a model that was trained in another frame than the default."""
        return (*_QUALITY[:2], *FRAMES[frame], _QUALITY[2])

    @classmethod
    def rows(cls, batch: EventBatch) -> Mask:
        """Tracks of generated particles."""
        return features.from_truth(batch)

    @classmethod
    def conditions(cls, batch: EventBatch, rows: Mask) -> Columns:
        """True particle, type of track and occupancy."""
        return _conditions(batch, rows, _scales(batch, rows), _mirrors(batch, rows))

    @classmethod
    def targets(cls, batch: EventBatch, rows: Mask, frame: str = _DEFAULT) -> Columns:
        """Residuals of the images in a frame, and fit quality.

        Args:
            batch: detailed events.
            rows: tracks asked for.
            frame: frame of the residuals; ``config.json`` must have it.
        """
        track = batch.track
        truth = _aim(batch, rows, frame)
        scales = _scales(batch, rows)
        reco = reconstructed_state(batch, rows)
        out = {c: track[c][rows].astype(np.float64) for c in _QUALITY}
        return out | _mirrors(batch, rows).image(residuals(frame, truth, reco, scales))

    def __call__(self, batch: EventBatch, seed: int, is_gun: bool = False) -> EventBatch:
        """Add the state, the momentum, the fit quality and the flag of the training range.

        All later models of tracks see what this one sees and what was drawn from it: the flag
        holds for the whole chain.
        """
        rows = self.rows(batch)
        truth = _aim(batch, rows, self.frame)
        scales = _scales(batch, rows)
        mirrors = _mirrors(batch, rows, self.mirrored)
        conditions = _conditions(batch, rows, scales, mirrors)
        track_type = batch.track["track_type"][rows]

        def inside(drawn: Columns, at: Rows) -> Mask:
            image = mirrors.some(at).image(drawn)
            state = self._state(image, truth.some(at), scales.some(at))
            quality = {name: np.asarray(drawn[name]) for name in _QUALITY}
            figures = quality | _figures(truth.some(at), state, scales.some(at))
            good = within(figures, self.detector, track_type[at], _always(truth.some(at)))
            return good & (state.p <= np.maximum(MOST_P, 2.0 * truth.p[at]))

        drawn, left = self._draw_within(batch, rows, "mcparticle_id", seed, conditions, inside)
        self._force(drawn, left, track_type, inside)
        columns = self._columns(drawn, self._state(mirrors.image(drawn), truth, scales))
        columns["out_of_range"] = outside(conditions, self.ranges)
        return batch.with_columns("track", **typed("track", columns))

    @classmethod
    def extra_config(cls, batch: EventBatch) -> dict[str, Any]:
        """``detector_range``: what states, residuals and fits the sample has."""
        return cls._range(batch, _DEFAULT)

    @classmethod
    def _range(cls, batch: EventBatch, frame: str) -> dict[str, Any]:
        rows, track = cls.rows(batch), batch.track
        truth, reco = _aim(batch, rows, frame), reconstructed_state(batch, rows)
        figures = {name: track[name][rows] for name in _QUALITY}
        figures |= _figures(truth, reco, _scales(batch, rows))
        return {"detector_range": detector_range(figures, track["track_type"][rows])}

    @classmethod
    def learnt(cls, batch: EventBatch, rows: Mask, **options: Any) -> Columns:
        """Targets in the frame of the options."""
        frame = str(options["frame"])
        found = cls.targets(batch, rows, frame)
        return {name: found[name] for name in cls.outputs_in(frame)}

    @classmethod
    def learnt_config(
        cls, batch: EventBatch, conditions: Columns, **options: Any
    ) -> dict[str, Any]:
        """The ``detector_range``, the ``frame`` and the ``training_range``."""
        frame = str(options["frame"])
        learnt = {"frame": frame, "training_range": training_range(conditions)}
        return cls._range(batch, frame) | learnt

    @classmethod
    def compared(cls, batch: EventBatch, rows: Mask) -> Columns:
        """Residuals in fixed directions, whatever the frame of the model, and fit quality."""
        return cls.targets(batch, rows, "cartesian")

    def answers(self, batch: EventBatch, rows: Mask, uniforms: Floats) -> Columns:
        """The same of a drawn state."""
        mirrors = _mirrors(batch, rows, self.mirrored)
        conditions = _conditions(batch, rows, _scales(batch, rows), mirrors)
        drawn = self.model.draw(conditions, uniforms)
        table = {k: v.copy() for k, v in batch.track.columns.items()}
        for name, values in self.reconstructed(batch, rows, drawn).items():
            table[name] = table[name].astype(np.float64)
            table[name][rows] = values
        return self.compared(batch.with_columns("track", **table), rows)

    def _force(
        self,
        drawn: Columns,
        left: Ints,
        track_type: Integers,
        inside: Callable[[Columns, Rows], Mask],
    ) -> None:
        """Bring draws that were never inside nearer to the truth, until they are."""
        for name in _QUALITY:
            low, high = limits_of(self.detector, name, track_type[left])
            drawn[name][left] = np.clip(drawn[name][left], low, high)
        for _ in range(_HALVINGS):
            if not len(left):
                break
            left = left[~inside({k: v[left] for k, v in drawn.items()}, left)]
            for name in FRAMES[self.frame]:
                drawn[name][left] *= 0.5

    def _state(
        self, drawn: Mapping[str, np.ndarray], truth: TrackState, scales: Scales
    ) -> TrackState:
        drawn = {k: np.asarray(v, dtype=np.float64) for k, v in drawn.items()}
        return smeared(self.frame, truth, drawn, scales)

    def reconstructed(
        self, batch: EventBatch, rows: Mask, drawn: Mapping[str, np.ndarray]
    ) -> Columns:
        """Columns of the tracks asked for, from a draw of the model; shapes ``(rows.sum(),)``."""
        truth = _aim(batch, rows, self.frame)
        image = _mirrors(batch, rows, self.mirrored).image(drawn)
        return self._columns(drawn, self._state(image, truth, _scales(batch, rows)))

    def _columns(self, drawn: Mapping[str, np.ndarray], state: TrackState) -> Columns:
        px, py, pz = momentum_components(state.p, state.tx, state.ty)
        pt = np.hypot(px, py)
        columns = state._asdict()
        columns |= {"px": px, "py": py, "pz": pz, "pt": pt}
        columns["eta"] = np.arcsinh(pz / np.maximum(pt, 1e-3))
        columns["n_dof"] = np.maximum(np.rint(drawn["n_dof"]), 1.0)
        columns["chi2_per_dof"] = np.maximum(drawn["chi2_per_dof"], 0.0)
        columns["ghost_prob"] = np.clip(drawn["ghost_prob"], 0.0, 1.0)
        return columns


def _figures(truth: TrackState, reco: TrackState, scales: Scales) -> Columns:
    """What has a range: the state, and its distance from the truth in units of an ideal fit."""
    state = {name: getattr(reco, name) for name in ("p", *_ROOM)}
    # Where the charge is wrong, 1/p went through zero.
    ratio = reco.charge * truth.charge * truth.p / reco.p
    state |= {"dz": reco.z - truth.z, "qop_ratio": ratio}
    return state | residuals("perigee", truth, reco, scales)


def _always(truth: TrackState) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """States that are allowed in any case: those near the truth."""
    around = {k: (getattr(truth, k) - room, getattr(truth, k) + room) for k, room in _ROOM.items()}
    return around | {"p": (0.98 * truth.p, 2.0 * truth.p)}


def reconstructed_state(batch: EventBatch, rows: Mask) -> TrackState:
    """Reconstructed states of some tracks, shapes ``(rows.sum(),)``."""
    return TrackState(**{c: batch.track[c][rows].astype(np.float64) for c in _STATE})


def true_state(batch: EventBatch, rows: Mask) -> TrackState:
    """True states closest to the beam of what made some tracks, shapes ``(rows.sum(),)``."""
    particle, linked = batch.particle, features.linked_rows(batch, rows)
    px, py, pz = (particle[c][linked] for c in features.MOMENTUM)
    x, y, z = (particle[c][linked] for c in features.CLOSEST)
    charge = particle["mc_charge"][linked].astype(np.float64)
    p, forward = momentum(px, py, pz), np.maximum(pz, 1e-3)
    return TrackState(x, y, z, px / forward, py / forward, p, charge)


def _mirrors(batch: EventBatch, rows: Mask, taken: bool = True) -> Mirrors:
    """What takes some tracks to the images that a model sees, by the true slopes."""
    return Mirrors.of(true_state(batch, rows), taken)


def _conditions(batch: EventBatch, rows: Mask, scales: Scales, mirrors: Mirrors) -> Columns:
    """See `Resolution.conditions`; `scales` and `mirrors` are those of the tracks."""
    out = features.linked_truth(batch, rows)
    out |= {f"log_{name}": np.log(getattr(scales, name)) for name in _IDEAL}
    out |= {"lever_rad": scales.lever_rad, "lever_tan": scales.lever_tan}
    # What decays on its way is measured too slow.
    out |= features.decay_length(out) | features.decay_in_flight(batch, rows)
    out |= features.track_flags(batch.track["track_type"][rows])
    # How many measurements there are changes by steps at the openings about the beam; models learn
    # silicon as if it had none.
    out |= features.expected_hits(out) | features.silicon_stations(out)
    out |= features.occupancy(batch, "track", rows)
    return mirrors.image(out) | mirrors.flags()


def _aim(batch: EventBatch, rows: Mask, frame: str) -> TrackState:
    """True states that residuals of a frame are taken from."""
    truth = true_state(batch, rows)
    if frame != "carried":
        return truth
    return carried(truth, batch.particle, features.linked_rows(batch, rows))


def _scales(batch: EventBatch, rows: Mask) -> Scales:
    """Resolutions of ideal fits of the particles behind some tracks."""
    linked = features.linked_truth(batch, rows)
    kind = batch.track["track_type"][rows]
    ideal = expected_covariance(linked | {"track_type": kind})
    return ideal_scales(true_state(batch, rows), ideal, kind)
