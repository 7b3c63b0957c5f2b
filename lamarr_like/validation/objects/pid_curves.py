"""Particle identification, detailed beside fast: efficiency ratios, misidentification, joint cuts.

The results are those of `pid_results`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from ... import schema
from ...arrays import Floats, Ints, Mask
from ...errors import SchemaError
from ...events import EventBatch
from ...stages.features import from_truth
from .pid_results import TOLERANCE, Comparison, Curve, PidReport, RatioResult, Share, share_error

Cut = Callable[[dict[str, np.ndarray]], Mask]

P_EDGES = (3e3, 6e3, 1e4, 1.5e4, 2.5e4, 4e4, 1e5)
"""Bins of reconstructed momentum [MeV]."""
ETA_EDGES = (2.0, 3.0, 3.5, 4.0, 5.0)
"""Bins of reconstructed pseudorapidity."""
SPD_SHARES = (0.0, 1 / 3, 2 / 3, 1.0)
"""The bins of nSPDHits are quantiles of the detailed tracks at these shares."""
QUANTILES = (0.1, 0.5, 0.9)
"""Cuts stand at these quantiles of the detailed sample."""

SPECIES = {"e": 11, "mu": 13, "pi": 211, "K": 321, "p": 2212}
VARIABLES = (
    *("rich_dll_k", "pid_k", "pid_e", "pid_mu", "pid_p"),
    *(f"prob_nn_{name}" for name in ("e", "mu", "pi", "k", "p", "ghost")),
)
"""Variables whose efficiency ratios are taken."""

COLUMNS = ("p", "eta", "track_type", "mcparticle_id", "origin", "is_muon", *VARIABLES)
"""Track columns that both samples must have."""

MISIDENTIFICATION: dict[str, tuple[str, Cut, Cut | None]] = {
    "pi as K: PIDK > 0": ("pi", lambda t: t["pid_k"] > 0.0, None),
    "pi as K: PIDK > 5": ("pi", lambda t: t["pid_k"] > 5.0, None),
    "pi as K: ProbNNk > 0.3": ("pi", lambda t: t["prob_nn_k"] > 0.3, None),
    "K as pi: PIDK < 0": ("K", lambda t: t["pid_k"] < 0.0, None),
    "K as pi: ProbNNpi > 0.3": ("K", lambda t: t["prob_nn_pi"] > 0.3, None),
    "pi as mu: isMuon": ("pi", lambda t: t["is_muon"], None),
    "pi as mu: PIDmu > 2 of isMuon": ("pi", lambda t: t["pid_mu"] > 2.0, lambda t: t["is_muon"]),
    "e as pi: PIDe < 0": ("e", lambda t: t["pid_e"] < 0.0, None),
    "e as pi: ProbNNpi > 0.3": ("e", lambda t: t["prob_nn_pi"] > 0.3, None),
}
"""Name to true species, what passes, and among which tracks (all where None)."""

JOINT: dict[str, Cut] = {
    "PIDK > 5, ProbNNk > 0.3, not isMuon": lambda t: (
        (t["pid_k"] > 5.0) & (t["prob_nn_k"] > 0.3) & ~t["is_muon"]
    ),
    "PIDK < 0, ProbNNpi > 0.3, not isMuon": lambda t: (
        (t["pid_k"] < 0.0) & (t["prob_nn_pi"] > 0.3) & ~t["is_muon"]
    ),
    "isMuon, PIDmu > 0, ProbNNmu > 0.3": lambda t: (
        t["is_muon"] & (t["pid_mu"] > 0.0) & (t["prob_nn_mu"] > 0.3)
    ),
    "PIDe > 0, ProbNNe > 0.3": lambda t: (t["pid_e"] > 0.0) & (t["prob_nn_e"] > 0.3),
    "PIDp > 5, ProbNNp > 0.3, PIDp > PIDK": lambda t: (
        (t["pid_p"] > 5.0) & (t["prob_nn_p"] > 0.3) & (t["pid_p"] > t["pid_k"])
    ),
}
"""Cuts on several variables of one track."""


def pid_report(
    detailed: EventBatch,
    fast: EventBatch,
    *,
    track_type: str = "long",
    min_rows: int = 100,
) -> PidReport:
    """Compare two samples of the same generated events.

    The floor is the same report of two halves of a detailed sample, see `floor_report`.

    Args:
        detailed: events of the detailed simulation.
        fast: events of the fast chain.
        track_type: type of the tracks compared.
        min_rows: bins with fewer tracks in either sample are left out.

    Raises:
        SchemaError: if a column is missing.
    """
    first, second = _tracks(detailed, track_type, "detailed"), _tracks(fast, track_type, "fast")
    ratios: list[RatioResult] = []
    for name, pdg in SPECIES.items():
        one, two = (_where(t, t["species"] == pdg) for t in (first, second))
        if len(one["p"]) and len(two["p"]):
            ratios += _ratios(name, one, two, min_rows)
    curves = tuple(_curve(name, first, second) for name in MISIDENTIFICATION)
    joint = tuple(
        _comparison(name, species, cut, first, second)
        for name, cut in JOINT.items()
        for species in SPECIES
    )
    return PidReport(tuple(ratios), curves, joint)


def floor_report(detailed: EventBatch, **options: object) -> PidReport:
    """`pid_report` between the even and the odd events of one sample: what chance alone does.

    Args:
        detailed: events of the detailed simulation.
        options: passed on to `pid_report`.
    """
    index = detailed.track.event_index % 2
    halves = [
        detailed.with_table("track", detailed.track.select(index == parity)) for parity in (0, 1)
    ]
    return pid_report(halves[0], halves[1], **options)  # type: ignore[arg-type]


def _tracks(batch: EventBatch, track_type: str, where: str) -> dict[str, np.ndarray]:
    """Columns of the tracks of generated particles, with their true species and nSPDHits."""
    schema.require("track", batch.track.columns, COLUMNS, f"{where} sample")
    schema.require("event", batch.event.columns, ["n_spd_hits"], f"{where} sample")
    if track_type not in schema.TRACK_TYPES:
        raise SchemaError(f"no track type {track_type!r}; there are {list(schema.TRACK_TYPES)}")
    rows = from_truth(batch) & (batch.track["track_type"] == schema.TRACK_TYPES[track_type])
    out = {name: batch.track[name][rows] for name in COLUMNS}
    out["is_muon"] = out["is_muon"].astype(bool)
    out["species"] = np.abs(batch.linked("mc_pdg_id", rows))
    out["n_spd_hits"] = batch.event_column("track", "n_spd_hits")[rows]
    return out


def _where(tracks: dict[str, np.ndarray], mask: Mask) -> dict[str, np.ndarray]:
    return {name: values[mask] for name, values in tracks.items()}


def _bins(tracks: dict[str, np.ndarray], spd_edges: Floats) -> Ints:
    """Bin of each track, -1 outside; shape ``(n,)``."""
    place, inside = np.zeros(len(tracks["p"]), np.int64), np.ones(len(tracks["p"]), bool)
    for name, edges in (("p", P_EDGES), ("eta", ETA_EDGES), ("n_spd_hits", spd_edges)):
        slot = np.searchsorted(edges, tracks[name], side="right") - 1
        inside &= (slot >= 0) & (slot < len(edges) - 1)
        place = place * (len(edges) - 1) + np.clip(slot, 0, len(edges) - 2)
    place[~inside] = -1
    return place


def _ratios(
    species: str, one: dict[str, np.ndarray], two: dict[str, np.ndarray], min_rows: int
) -> list[RatioResult]:
    """Ratios of all cuts on one species."""
    spd = np.quantile(one["n_spd_hits"], SPD_SHARES)
    spd[0], spd[-1] = -np.inf, np.inf
    size = (len(P_EDGES) - 1) * (len(ETA_EDGES) - 1) * (len(spd) - 1)
    # The last slot takes what lies outside all bins.
    places = [np.where(b < 0, size, b) for b in (_bins(one, spd), _bins(two, spd))]
    total = [np.bincount(b, minlength=size + 1)[:size].astype(np.float64) for b in places]
    full = (total[0] >= min_rows) & (total[1] >= min_rows)
    results: list[RatioResult] = []
    for variable in VARIABLES if full.any() else ():
        for quantile in QUANTILES:
            cut = float(np.quantile(one[variable], quantile))
            above = [one[variable] > cut, two[variable] > cut]
            shares, errors = [], []
            for place, passes, n in zip(places, above, total, strict=True):
                k = np.bincount(place, passes, minlength=size + 1)[:size].astype(np.float64)
                shares.append(k[full] / n[full])
                errors.append(share_error(k[full], n[full]))
            sigma = np.hypot(errors[0], errors[1])
            difference = np.abs(shares[1] - shares[0])
            good = difference <= np.maximum(TOLERANCE * shares[0], 2.0 * sigma)
            results.append(
                RatioResult(
                    *(species, variable, quantile, cut),
                    detailed=Share(int(above[0].sum()), len(above[0])),
                    fast=Share(int(above[1].sum()), len(above[1])),
                    bins=int(full.sum()),
                    good=float(good.mean()),
                    worst=float((difference / sigma).max()),
                )
            )
    return results


def _comparison(
    name: str,
    species: str,
    cut: Cut,
    one: dict[str, np.ndarray],
    two: dict[str, np.ndarray],
    among: Cut | None = None,
) -> Comparison:
    shares = []
    for tracks in (one, two):
        chosen = tracks["species"] == SPECIES[species]
        if among is not None:
            chosen = chosen & among(tracks)
        shares.append(Share(int((chosen & cut(tracks)).sum()), int(chosen.sum())))
    return Comparison(name, species, shares[0], shares[1])


def _curve(name: str, one: dict[str, np.ndarray], two: dict[str, np.ndarray]) -> Curve:
    species, cut, among = MISIDENTIFICATION[name]
    points = []
    for low, high in itertools.pairwise(P_EDGES):
        a, b = (_where(t, (t["p"] >= low) & (t["p"] < high)) for t in (one, two))
        points.append(_comparison(name, species, cut, a, b, among))
    whole = _comparison(name, species, cut, one, two, among)
    return Curve(name, P_EDGES, tuple(points), whole)
