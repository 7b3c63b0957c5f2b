"""What is compared of a sample, as plain columns with the event of each row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ... import schema
from ...arrays import Columns, Floats, Ints, Mask
from ...events import EventBatch
from ...stages.geometry import BORDERS, CELL_Z, HOLE
from ..detector.muon_curves import muon_tracks
from ..detector.sample import long_tracks
from .declared import NEEDED, VARIABLES

PHOTON = 22
PAIR_ET = 200.0
"""Least transverse energy [MeV] of the clusters of a pair."""
MERGED_SHARE = 0.1
"""Least share of a photon in a cluster of two photons."""
ALONE = 0.9
"""Least share of a photon in a cluster that counts as its alone."""
MAX_MASS = 1000.0
"""Pairs above this mass [MeV] are left out."""
_MARGIN = 40.0  # mm of a photon from the borders of the calorimeter
_LEAST_E = 150.0  # MeV of a photon


@dataclass(frozen=True)
class Figures:
    """What is compared of a sample.

    Args:
        spd: nSPDHits of every event of the sample, shape ``(n_events,)``.
        groups: columns of ``event``, ``cluster``, ``pair`` (unmatched clusters), ``photon``
            (generated, into the ECAL), ``track`` (long, of generated particles) and
            ``muons`` (those that point to the muon system), whatever the page needs; each
            has the column ``event``.
    """

    spd: Ints
    groups: dict[str, Columns]

    @property
    def n(self) -> int:
        """Number of events."""
        return len(self.groups["event"]["event"])

    def of(self, chosen: Mask) -> Figures:
        """The chosen events, mask of shape ``(n_events,)`` over every event of the sample."""
        groups = {}
        for name, columns in self.groups.items():
            rows = chosen[columns["event"]]
            groups[name] = {k: v[rows] for k, v in columns.items()}
        return Figures(self.spd, groups)


def check(batch: EventBatch, page: str, where: str) -> None:
    """Raise `SchemaError` if a table or column that a page needs is missing from a sample."""
    for table, columns in NEEDED[page].items():
        have = batch[table].columns if table in batch.tables else ()
        hint = ""
        lacking = set(columns) - set(have)
        if lacking and all(c.startswith("prob_nn") for c in lacking):
            hint = " (lamarr-like identify adds the columns prob_nn_*)"
        schema.require(table, have, columns, f"{where}{hint}")


def figures(batch: EventBatch, page: str, where: str) -> Figures:
    """What a page compares of a sample.

    Args:
        batch: events.
        page: key of `declared.NEEDED`.
        where: name of the sample, for messages.

    Raises:
        SchemaError: if a table or column is missing.
    """
    check(batch, page, where)
    event = {"event": np.arange(len(batch))}
    spd = batch.event["n_spd_hits"] if "n_spd_hits" in batch.event else np.zeros(len(batch))
    return Figures(spd.astype(np.int64), {"event": event} | _GROUPS[page](batch))


def _clusters(batch: EventBatch) -> Columns:
    cluster, link = batch["cluster"], batch["cluster_link"]
    event, energy = cluster.event_index, cluster["energy"].astype(np.float64)
    # Links to photons with a good share; two of them in one cluster have merged.
    row = batch.particle.offsets[link.event_index] + np.maximum(link["mcparticle_id"], 0)
    good = (link["mcparticle_id"] >= 0) & (link["weight"] > MERGED_SHARE)
    good[good] = batch.particle["mc_pdg_id"][row[good]] == PHOTON
    into = cluster.offsets[link.event_index] + link["cluster_id"]
    photons = np.bincount(into[good], minlength=len(cluster))
    return {
        "event": event,
        "energy": energy,
        "log_energy": np.log10(np.maximum(energy, 1.0)),
        "log_near": np.log10(np.maximum(_nearest(batch), 1.0)),
        "free": ~cluster["is_matched"].astype(bool),
        "halves": cluster["merged_mass"] > 0.0,
        "any_photon": photons > 0,
        "photons": photons > 1,
    }


def _nearest(batch: EventBatch) -> Floats:
    """Distance to the nearest cluster [mm], NaN without another, shape ``(n,)``."""
    cluster = batch["cluster"]
    place = np.stack([cluster["x"], cluster["y"]], axis=1).astype(np.float64)
    out = np.full(len(cluster), np.nan)
    for i in range(cluster.n_events):
        mine = place[cluster.offsets[i] : cluster.offsets[i + 1]]
        if len(mine) > 1:
            distance = np.hypot(*(mine[:, None] - mine).T)
            np.fill_diagonal(distance, np.inf)
            out[cluster.offsets[i] : cluster.offsets[i + 1]] = distance.min(axis=0)
    return out


def photon_pairs(batch: EventBatch) -> Columns:
    """Pairs of unmatched clusters as photons from the origin: mass and the smaller ET [MeV]."""
    whole = batch["cluster"]
    cluster = whole.select(~whole["is_matched"].astype(bool) & (whole["et"] > PAIR_ET))
    place = np.stack([cluster[c] for c in "xyz"], axis=1).astype(np.float64)
    unit = place / np.linalg.norm(place, axis=1, keepdims=True)
    energy, et = cluster["energy"].astype(np.float64), cluster["et"].astype(np.float64)
    # The first entry is empty so that there is always something to join.
    parts = [(np.zeros(0, np.int64), np.zeros(0), np.zeros(0))]
    for i in range(cluster.n_events):
        mine = slice(cluster.offsets[i], cluster.offsets[i + 1])
        e, u, t = energy[mine], unit[mine], et[mine]
        one, two = np.triu_indices(len(e), 1)
        # The opening angle from the difference: 1 - cos would lose digits for small ones.
        mass = np.sqrt(e[one] * e[two] * ((u[one] - u[two]) ** 2).sum(axis=1))
        light = mass < MAX_MASS
        least = np.minimum(t[one], t[two])[light]
        parts.append((np.full(len(least), i), mass[light], least))
    event, mass, least = (np.concatenate(p) for p in zip(*parts, strict=True))
    return {"event": event, "mass": mass, "least_et": least}


def _photons(batch: EventBatch) -> Columns:
    """Generated photons into the ECAL, and the hardest cluster whose main source each is."""
    particle, cluster = batch.particle, batch["cluster"]
    px, py, pz, vx, vy, vz = (
        particle[f"mc_{c}"].astype(np.float64) for c in ("px", "py", "pz", "vx", "vy", "vz")
    )
    able = (particle["mc_pdg_id"] == PHOTON) & particle["mc_stable"].astype(bool)
    able &= (pz > 0.0) & (vz < CELL_Z)
    dz = np.where(able, (CELL_Z - vz) / np.where(able, pz, 1.0), 0.0)
    x, y = np.abs(vx + px * dz), np.abs(vy + py * dz)
    energy = np.sqrt(px**2 + py**2 + pz**2)
    able &= (x < BORDERS[0][0] - _MARGIN) & (y < BORDERS[0][1] - _MARGIN) & (energy > _LEAST_E)
    able &= (x > HOLE[0] + _MARGIN) | (y > HOLE[1] + _MARGIN)
    seen, share = np.zeros(len(particle)), np.zeros(len(particle))
    main = particle.offsets[cluster.event_index] + np.maximum(cluster["mcparticle_id"], 0)
    # In rising order of energy the hardest cluster of a photon is written last and stays.
    order = np.argsort(cluster["energy"], kind="stable")
    order = order[cluster["mcparticle_id"][order] >= 0]
    seen[main[order]], share[main[order]] = cluster["energy"][order], cluster["mc_share"][order]
    return {
        "event": particle.event_index[able],
        "energy": energy[able],
        "et": np.hypot(px, py)[able],
        "found": seen[able] > 0.0,
        "alone": (share > ALONE)[able],
        "response": (seen / np.maximum(energy, 1e-9))[able],
    }


def _calorimeter(batch: EventBatch) -> dict[str, Columns]:
    multiplicity = batch["cluster"].counts.astype(np.float64)
    return {
        "event": {"event": np.arange(len(batch)), "multiplicity": multiplicity},
        **{"cluster": _clusters(batch), "pair": photon_pairs(batch), "photon": _photons(batch)},
    }


_GROUPS: dict[str, Callable[[EventBatch], dict[str, Columns]]] = {
    "ecal": _calorimeter,
    "pid": lambda batch: {"track": long_tracks(batch, "is_muon", *VARIABLES)},
    "muons": lambda batch: {"muons": muon_tracks(batch)},
}
"""Groups of columns of each page."""
