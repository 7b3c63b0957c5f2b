"""The five RICH log-likelihood differences of each track, drawn as one vector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ... import schema
from ...arrays import Columns, Floats, Mask
from ...errors import ArtefactError
from ...events import EventBatch
from ...physics.kinematics import momentum_components
from .. import features
from ..kept import Kept
from ..recipe import recipe
from ..stage import AbstractGeneratorStage, Model, keys, typed
from . import rich_photons
from .rich_photons import MASSES, saturation, true_mass


class Radiator(NamedTuple):
    """Published numbers of one radiator (EPJC 73 (2013) 2431; JINST 3 (2008) S08005).

    Attributes:
        n: refractive index.
        photons: photons of a saturated track.
        resolution: of the angle of one photon [rad], as published.  The detailed simulation has
            the width of the core instead, which with its tail comes out at this.
        inner: smallest angle to the beam [rad].
        outer: largest slopes in x and y.
    """

    n: float
    photons: float
    resolution: float
    inner: float
    outer: tuple[float, float]


RADIATORS = {
    "c4f10": Radiator(1.0014, 20.0, 1.618e-3, 0.025, (0.300, 0.250)),
    "cf4": Radiator(1.0005, 16.0, 0.68e-3, 0.015, (0.120, 0.100)),
}

# Rough edges of the acceptance, over its published limits, which earlier models were trained with.
# They are not those of the detailed simulation, which `rich_photons` has.
_INNER_START, _INNER_WIDTH = 0.7, 0.6
_OUTER_END, _OUTER_WIDTH = 1.05, 0.12


LAWS = ("gains", "differences")
"""What a model may draw: what photons add (`rich_photons`), or RichDLL themselves."""


class RichPid(AbstractGeneratorStage):
    """Draws RichDLLe, RichDLLmu, RichDLLk, RichDLLp and RichDLLbt jointly."""

    name = "rich"
    table = "track"
    requires = (
        features.TRUTH_COLUMNS
        | keys("event", "event_id", "n_spd_hits", "n_tracks")
        | keys("track", "mcparticle_id", "track_type", "origin", "p", "tx", "ty", "charge")
        | keys("track", "chi2_per_dof", "ghost_prob")
    )
    provides = keys("track", *schema.RICH_DLL_NAMES)
    target_columns = provides
    outputs = ("rich_dll_bt", "rich_dll_k", "rich_dll_p", "rich_dll_mu", "rich_dll_e")
    rare_species = True
    equalities = True
    told_by = features.DECAYS
    recipes = (
        recipe("armdn", hidden=96, steps=48_000, weight_decay=0.02),
        recipe("gan", steps=24_000),
    )
    training_options: ClassVar[Mapping[str, tuple[Any, ...]]] = {"law": LAWS}

    def __init__(self, model: Model, config: Mapping[str, Any] | None = None) -> None:
        # Models of earlier versions draw the differences themselves.
        self.law = str((config or {}).get("law", "differences"))
        if self.law not in LAWS:
            raise ArtefactError(
                f"stage 'rich': config.json of its model has law {self.law!r}, "
                f"known are {', '.join(LAWS)}"
            )
        super().__init__(model, config)
        self.exact = {"seen_c4f10", "seen_cf4"} <= set(model.conditions)

    def _check_outputs(self, wanted: tuple[str, ...]) -> None:
        super()._check_outputs(rich_photons.OUTPUTS if self.law == "gains" else wanted)

    @classmethod
    def rows(cls, batch: EventBatch) -> Mask:
        """Tracks of generated particles."""
        return features.from_truth(batch)

    @classmethod
    def conditions(cls, batch: EventBatch, rows: Mask) -> Columns:
        """Reconstructed track, true species, occupancy, and what Cherenkov's law expects."""
        return cls._conditions(batch, rows, exact=True)

    @classmethod
    def _conditions(cls, batch: EventBatch, rows: Mask, exact: bool) -> Columns:
        """See `conditions`; `exact` has the edges of the detailed simulation.

        Models that do not ask for what is seen of a ring learnt from edges that are rough.
        """
        track = batch.track
        linked = features.linked_truth(batch, rows)
        p = track["p"][rows]
        out = features.direction(*momentum_components(p, track["tx"][rows], track["ty"][rows]))
        out |= {name: linked[name] for name in linked if name.startswith("is_")}
        out["charge"] = track["charge"][rows].astype(np.float64)
        out["log_vr"], out["vz"] = linked["log_vr"], linked["vz"]
        out["tx_after"] = linked["tx_after"]
        out["log_p_ratio"] = linked["log_p"] - out["log_p"]
        # A kaon or pion that decays on its way shows the ring of its muon.
        out |= features.decay_length(linked) | features.decay_in_flight(batch, rows)
        out |= {c: track[c][rows].astype(np.float64) for c in ("chi2_per_dof", "ghost_prob")}
        out |= features.track_flags(track["track_type"][rows])
        out |= features.occupancy(batch, "track", rows)
        expected = _expected(batch, rows, linked)
        shares = expected.seen if exact else _rough_shares(out)
        out |= cherenkov(p, 10.0 ** linked["log_p"], true_mass(out), shares)
        return out | expected.conditions

    @classmethod
    def targets(cls, batch: EventBatch, rows: Mask) -> Columns:
        """The five differences of the detailed sample."""
        return {name: batch.track[name][rows].astype(np.float64) for name in cls.outputs}

    @classmethod
    def learnt(cls, batch: EventBatch, rows: Mask, **options: Any) -> Columns:
        """What photons add to the likelihoods, or the differences."""
        found = cls.targets(batch, rows)
        return (
            found
            if options["law"] == "differences"
            else rich_photons.gains(found, _expected(batch, rows))
        )

    @classmethod
    def learnt_config(
        cls, batch: EventBatch, conditions: Columns, **options: Any
    ) -> dict[str, Any]:
        """The ``law``."""
        return {"law": options["law"]}

    @classmethod
    def compared(cls, batch: EventBatch, rows: Mask) -> Columns:
        """The differences, whatever the law of the model."""
        return cls.targets(batch, rows)

    def answers(self, batch: EventBatch, rows: Mask, uniforms: Floats) -> Columns:
        """The draws; see `AbstractModelStage.answers`."""
        drawn = self.model.draw(self._conditions(batch, rows, self.exact), uniforms)
        return self.restored(batch, rows, drawn, law=self.law)

    @classmethod
    def restored(
        cls, batch: EventBatch, rows: Mask, values: Mapping[str, np.ndarray], **options: Any
    ) -> Columns:
        """The differences."""
        if options["law"] == "gains":
            values = rich_photons.differences(dict(values), _expected(batch, rows))
        return {name: np.asarray(values[name]) for name in cls.outputs}

    def __call__(self, batch: EventBatch, seed: int, is_gun: bool = False) -> EventBatch:
        """Add the five differences."""
        rows = self.rows(batch)
        conditions = self._conditions(batch, rows, self.exact)
        drawn = self._draw(batch, rows, "mcparticle_id", seed, conditions)
        found = self.restored(batch, rows, drawn, law=self.law)
        return batch.with_columns("track", **typed("track", found))


_kept: Kept[tuple[Mask, rich_photons.Expected]] = Kept()


def _expected(batch: EventBatch, rows: Mask, truth: Columns | None = None) -> rich_photons.Expected:
    """`rich_photons.expected`, which conditions and draws both need."""
    columns = [batch.track[name] for name in ("p", "track_type", "mcparticle_id")]
    columns += [batch.track.offsets, *features.truth_columns(batch.particle)]
    known = _kept.get(batch.track, columns)
    if known is not None and np.array_equal(known[0], rows):
        return known[1]
    truth = features.linked_truth(batch, rows) if truth is None else truth
    found = rich_photons.expected(batch, rows, truth)
    return _kept.put(batch.track, columns, (rows, found))[1]


def _rough_shares(track: Columns) -> Columns:
    """What is seen of a ring, by radiator, as models of before were told."""
    return {
        "c4f10": (1.0 - track["is_downstream"]) * _share("c4f10", track["tx"], track["ty"]),
        "cf4": (1.0 - track["is_upstream"]) * _share("cf4", track["tx_after"], track["ty"]),
    }


def _share(radiator: str, tx: Floats, ty: Floats) -> Floats:
    """Share of the ring that the photon detectors see, by the track's slopes in the radiator."""
    wanted = RADIATORS[radiator]
    inner = (np.hypot(tx, ty) - _INNER_START * wanted.inner) / (_INNER_WIDTH * wanted.inner)
    share = np.clip(inner, 0.0, 1.0)
    for slope, outer in ((tx, wanted.outer[0]), (ty, wanted.outer[1])):
        rim = (_OUTER_END * outer - np.abs(slope)) / (_OUTER_WIDTH * outer)
        share = share * np.clip(rim, 0.0, 1.0)
    return share


def cherenkov(p: Floats, true_p: Floats, true_mass: Floats, shares: Columns) -> Columns:
    """Cherenkov yields and expected log-likelihood differences in both radiators.

    Args:
        p: reconstructed momentum [MeV], which the mass hypotheses are tried with; shape ``(n,)``.
        true_p: true momentum [MeV], which the photons come from.
        true_mass: true mass [MeV].
        shares: share of the ring that is seen, by radiator.

    Returns:
        For each radiator the seen photons of each hypothesis over those of a saturated track
        (``sat_k_cf4``), and the expected log-likelihood of each relative to the pion
        (``exp_k_cf4``), compressed by asinh.
    """
    out: Columns = {}
    for radiator, numbers in RADIATORS.items():
        share = shares[radiator]
        photons = numbers.photons * share
        separation = np.arccos(1.0 / numbers.n) / numbers.resolution
        true = saturation(true_p, true_mass, numbers.n)
        score = {"bt": np.zeros_like(true)}
        for name, mass in MASSES.items():
            tried = saturation(p, mass, numbers.n)
            out[f"sat_{name}_{radiator}"] = share * tried
            score[name] = photons * _score(true, tried, separation)
        for name in ("e", "mu", "k", "p", "bt"):
            out[f"exp_{name}_{radiator}"] = np.arcsinh(score[name] - score["pi"])
    return out


def _score(true: Floats, tried: Floats, separation: float) -> Floats:
    """Rough expected log-likelihood of a hypothesis for each photon of a saturated track.

    The photons of the true track support a ring at the tried angle as far as they lie on it:
    with a distance of s standard deviations the gain of each falls as exp(-s^2 / 4), while photons
    that are expected and missing cost one unit each.
    """
    # Small angles: theta / theta_max is the square root of the saturated fraction.
    distance = separation * (np.sqrt(true) - np.sqrt(tried))
    gain = 4.0 * np.sqrt(true * tried) * np.exp(-0.25 * np.minimum(distance**2, 100.0))
    score: Floats = gain - tried
    return score
