"""Tracks reconstructed from detailed and from drawn responses of the same particles.

Resolutions of the point of closest approach, chi2/NDF and efficiency in bins of the transverse
momentum are what MPD's fast simulation is judged by (Maevskiy et al., arXiv:2012.04595).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ...arrays import Floats, Ints
from ...responses.model import ResponseModel
from ...statistics.binned import share_error
from ...statistics.judgement import ALL, Measurement
from ...system.progress import progress as progress_bar
from ...tpc.events import Errors, Event, fit_tracks, measure_errors, run_and_match
from ...tpc.fit import PARAMETERS, Fitted
from ...tpc.geometry import SECTORS
from ...tpc.readout import Responder, detailed, generated
from ...tpc.tracks import PT, Segments, Tracks, make_tracks, segments
from ..verdict import Verdict, VerdictConfig, judge

KINDS = ("resolution", "fit", "efficiency")
"""Kinds of checks, in the order in which they are shown."""

EDGES = np.array([PT[0], 0.35, 0.6, 1.0, PT[1]])
"""Bins of the transverse momentum [GeV]."""

DETAILED, AGAIN = "detailed", "detailed again"

KEPT = 2 / 3
"""Share of its rows of which a track must have hits that fit, to count as found."""

_QUANTILE = 0.6827
_OF_QUANTILE = 0.964  # standard deviation of that quantile, times the root of the number


class Row(NamedTuple):
    """Figures of one simulation in one bin.

    Attributes:
        simulation: its name.
        low, high: of the transverse momentum [GeV].
        tracks: how many.
        x, y, z: resolution of the point of closest approach: 68 % are nearer [um].
        chi2: median of chi2/NDF.
        efficiency: share of tracks with hits that fit in two thirds of their rows.
        hits: share of crossed rows with a hit.
        pull_d0, pull_z: 68 % of the pulls are smaller.
    """

    simulation: str
    low: float
    high: float
    tracks: int
    x: float
    y: float
    z: float
    chi2: float
    efficiency: float
    hits: float
    pull_d0: float
    pull_z: float


class Cost(NamedTuple):
    """Processor time of one core for an event [ms].

    Attributes:
        simulation: its name.
        responses: of all segments.
        sums: of them in the readout.
        hits: their search, and the match with tracks is not in it.
    """

    simulation: str
    responses: float
    sums: float
    hits: float


class Reconstructed(NamedTuple):
    """Tracks of one simulation, shapes ``(n,)``; NaN where there is no fit.

    Attributes:
        dca: point of closest approach less the true one, in x, y, z [um]; shape ``(n, 3)``.
        chi2: over the degrees of freedom.
        found: whether the track counts as found.
        hits: share of its rows with a hit.
        pulls: of d0 and z, shape ``(n, 2)``.
    """

    dca: Floats
    chi2: Floats
    found: np.ndarray
    hits: Floats
    pulls: Floats


class TpcComparison(NamedTuple):
    """Everything that is told.

    Attributes:
        events, tracks: how many.
        rows: of all simulations and bins, the first of each over all momenta.
        costs: of all simulations.
        samples: their tracks.
        pt: transverse momenta of the tracks [GeV], shape ``(n,)``.
        examples: readout and hits of the first events, by simulation.
        verdict: of the first generator.
    """

    events: int
    tracks: int
    rows: list[Row]
    costs: list[Cost]
    samples: Mapping[str, Reconstructed]
    pt: Floats
    examples: Mapping[str, Event]
    verdict: Verdict


def compare_events(
    models: Mapping[str, ResponseModel],
    events: int,
    each: int,
    seed: int,
    config: VerdictConfig,
    *,
    progress: bool = True,
) -> TpcComparison:
    """Simulate the same events with all, and compare their tracks.

    Args:
        models: generators by name; the first is judged, the others stand beside it.
        events: how many.
        each: tracks of an event.
        seed: of the events.
        config: thresholds.
        progress: show a progress bar.

    Raises:
        SchemaError: if a generator needs conditions that segments do not have.
    """
    responders: dict[str, tuple[Responder, int]] = {
        DETAILED: (detailed, seed),
        AGAIN: (detailed, seed + 1),
        **{name: (generated(model), seed) for name, model in models.items()},
    }
    tracks = make_tracks(events, each, seed)
    crossed = segments(tracks)
    samples, costs, examples = {}, [], {}
    errors: Errors | None = None
    with progress_bar(len(responders), "events", "simulations", shown=progress) as bar:
        for name, (respond, of) in responders.items():
            event, matched = run_and_match(tracks, crossed, respond, of)
            errors = errors or measure_errors(crossed, matched)
            numbers, fitted = fit_tracks(tracks, crossed, matched, errors)
            samples[name] = _reconstructed(tracks, crossed, matched.hit, numbers, fitted)
            costs.append(Cost(name, *(1e3 * s / events for s in event.seconds)))
            examples[name] = event
            bar.advance(1)
    rows = [row for name, one in samples.items() for row in _rows(name, one, tracks.pt)]
    verdict = judge(_measurements(rows, list(models)[:1]), config)
    return TpcComparison(events, len(tracks), rows, costs, samples, tracks.pt, examples, verdict)


def _reconstructed(
    tracks: Tracks, crossed: Segments, hit: np.ndarray, numbers: Ints, fitted: Fitted
) -> Reconstructed:
    n = len(tracks)
    d0, angle, _, z, _ = fitted.parameters.T
    birth = tracks.birth[numbers]
    away = d0 - (birth[:, 0] * np.cos(angle) - birth[:, 1] * np.sin(angle))
    azimuth = 2 * np.pi * (tracks.sector[numbers] + 0.5) / SECTORS + angle
    errors = np.sqrt(fitted.covariance[:, [0, 3], [0, 3]])
    z_away = z - birth[:, 2]
    dca, pulls, chi2 = np.full((n, 3), np.nan), np.full((n, 2), np.nan), np.full(n, np.nan)
    dca[numbers] = 1e4 * np.stack([-away * np.sin(azimuth), away * np.cos(azimuth), z_away], axis=1)
    pulls[numbers] = np.stack([away, z_away], axis=1) / errors
    chi2[numbers] = fitted.chi2 / fitted.ndf
    rows = np.bincount(crossed.track, minlength=n)
    share = np.bincount(crossed.track, weights=hit, minlength=n) / np.maximum(rows, 1)
    fits = np.zeros(n)
    fits[numbers] = 0.5 * (fitted.ndf + PARAMETERS)
    return Reconstructed(dca, chi2, fits >= KEPT * np.maximum(rows, 1), share, pulls)


def _rows(name: str, one: Reconstructed, pt: Floats) -> Iterator[Row]:
    for low, high in ((EDGES[0], EDGES[-1]), *pairwise(EDGES)):
        some = (pt >= low) & (pt <= high)
        fitted = some & np.isfinite(one.chi2)
        chi2 = one.chi2[fitted]
        yield Row(
            simulation=name,
            low=float(low),
            high=float(high),
            tracks=int(some.sum()),
            x=_width(one.dca[fitted, 0]),
            y=_width(one.dca[fitted, 1]),
            z=_width(one.dca[fitted, 2]),
            chi2=float(np.median(chi2)) if len(chi2) else float("nan"),
            efficiency=float(one.found[some].mean()),
            hits=float(one.hits[some].mean()),
            pull_d0=_width(one.pulls[fitted, 0]),
            pull_z=_width(one.pulls[fitted, 1]),
        )


def _width(values: Floats) -> float:
    return float(np.quantile(np.abs(values), _QUANTILE)) if len(values) else float("nan")


def figure_error(label: str, value: Floats, n: Floats) -> Floats:
    """Statistical error of a figure, shape of `value`.

    Args:
        label: as of `Row`.
        value: the figure.
        n: tracks behind it.
    """
    if label == "efficiency":
        return share_error(value * n, n)
    # The median of chi2/NDF of 100 degrees of freedom, its spread a seventh.
    relative = 0.25 if label == "chi2" else _OF_QUANTILE
    return np.asarray(relative * value / np.sqrt(n))


def _measurements(rows: list[Row], models: list[str]) -> Iterator[Measurement]:
    """Generators beside the detailed simulation, over all momenta and in bins."""
    real = [row for row in rows if row.simulation == DETAILED]
    places = [ALL, *(f"{row.low:g} to {row.high:g} GeV" for row in real[1:])]
    for name in models:
        drawn = [row for row in rows if row.simulation == name]
        n = np.array([row.tracks for row in real], dtype=np.float64)
        for group, label in (
            *(("resolution", axis) for axis in "xyz"), ("fit", "chi2"), ("efficiency", "efficiency")
        ):  # fmt: skip
            a, b = (np.array([getattr(row, label) for row in side]) for side in (real, drawn))
            error = np.sqrt(2) * figure_error(label, a, n)
            yield Measurement(group, name, label, b - a, error, a, n, places)
