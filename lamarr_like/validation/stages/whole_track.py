"""Long tracks behind the whole chain: are they told from detailed ones, group by group and jointly?

Only particles that both samples find as long tracks are compared, so that both sides have the same
generated particles to the last bit; what is tested is the law of what is reconstructed of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...arrays import Columns
from ...events import EventBatch
from ...schema import COVARIANCE_NAMES
from ...statistics.matching import where
from ...statistics.two_sample import Auc, c2st
from ..tracks import GROUPS, SIGMAS, SPECIES, tracks
from .results import WHOLE_CHAIN, StageFidelity

_STATE = GROUPS["resolution"]
_CORRELATIONS = tuple(name for name in COVARIANCE_NAMES if name[-1] != name[-2])
_COVARIANCE = (*SIGMAS, *_CORRELATIONS)
_LATER = tuple(v for name in ("muon", "calo_pid", "global_pid") for v in GROUPS[name])
TESTS: dict[str, tuple[tuple[str, ...], bool]] = {
    "state, chi2, ndf, ghost probability": (_STATE, False),
    "covariance": (_COVARIANCE, False),
    "state and covariance": ((*_STATE, *_COVARIANCE), False),
    "RICH": (GROUPS["rich"], False),
    "RICH, equality flags and differences": (GROUPS["rich"], True),
    "muon, calorimeter, global PID": (_LATER, False),
    "everything of a track jointly": ((*_STATE, *_COVARIANCE, *GROUPS["rich"], *_LATER), False),
}
"""Variables of each test, and whether trees see equality flags and differences of them, too."""
TRUTH = ("log_p", "eta", "phi", "charge", "vx", "vy", "vz", *(f"is_{name}" for name in SPECIES))
"""What trees are told of the generated particle."""


def long_tracks(batch: EventBatch) -> Columns:
    """Variables of `TESTS` and `TRUTH` of long tracks, shapes ``(n_tracks,)``.

    Covariances off the diagonal are told as correlations; ``key`` is the same number for the same
    generated particle in every draw.
    """
    found = tracks(batch, _CORRELATIONS)
    found["key"] = batch.particle.offsets[found["unit"]] + found["particle"]
    for name in _CORRELATIONS:
        i, j = int(name[-2]), int(name[-1])
        if name in found:
            sigmas = found[SIGMAS[i]].astype(np.float64) * found[SIGMAS[j]]
            found[name] = (found[name] / np.maximum(sigmas, 1e-300)).astype(np.float32)
    particle = {c: batch.particle[f"mc_{c}"][found["key"]] for c in ("px", "py", "vx", "vy", "vz")}
    truth = {"log_p": np.log10(found["p"]), "phi": np.arctan2(particle["py"], particle["px"])}
    truth |= {c: particle[c] for c in ("vx", "vy", "vz")}
    return found | truth | {f"is_{n}": (found["species"] == c) * 1.0 for n, c in SPECIES.items()}


def paired_tests(
    name: str,
    detailed: Columns,
    fast: Columns,
    again: Columns | None,
    rows: int,
    seed: int,
    *,
    floors: bool = True,
) -> Iterator[StageFidelity]:
    """Tests of a fast sample beside the detailed one, each beside the floor.

    Args:
        name: of the pipeline.
        detailed, fast: of `long_tracks`, of the same generated events.
        again: of a second detailed draw; without it there is no floor.
        rows: pairs at the most.
        seed: seed of the choice of pairs and of the folds.
        floors: measure the floors.
    """
    sides = [_pairs(detailed, other, rows, seed) for other in (fast, again) if other is not None]
    for test, (variables, extra) in TESTS.items():
        known = [v for v in variables if all(v in side for pair in sides for side in pair)]
        if not known:
            continue
        found = [_told(*pair, known, extra, seed) for pair in sides[: 1 + floors]]
        nothing = Auc(float("nan"), float("nan"), 0)
        yield StageFidelity(name, WHOLE_CHAIN, test, found[0], (*found, nothing)[1])


def _pairs(one: Columns, two: Columns, rows: int, seed: int) -> tuple[Columns, Columns]:
    """Tracks of particles that both samples find, in the same order; at most so many.

    Of a particle that has left two the first counts, as in `training.pairs.common_rows`.
    """
    _, first, second = np.intersect1d(one["key"], two["key"], return_indices=True)
    if len(first) > rows:
        chosen = np.sort(np.random.default_rng(seed).choice(len(first), rows, replace=False))
        first, second = first[chosen], second[chosen]
    return where(one, first), where(two, second)


def _told(one: Columns, two: Columns, variables: list[str], extra: bool, seed: int) -> Auc:
    sides = [{v: side[v] for v in variables} for side in (one, two)]
    truth = {c: one[c] for c in TRUTH if c != "charge"}
    charges = [truth | {"charge": side["charge"]} for side in (one, two)]
    return c2st(
        *sides,
        *charges,
        weights=one.get("weight"),
        fake_weights=two.get("weight"),
        groups=one["unit"],
        equalities=extra,
        differences=extra,
        seed=seed,
    )
