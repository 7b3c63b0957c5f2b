"""Combinatorial background, detailed beside fast: pairs of tracks, and the tracks that nobody made.

    python tutorials/extra_tracks.py DETAILED.root [--again SECOND.root] [--pipeline reference]
        [-n EVENTS] [-o PAGE.md]

Four samples stand beside the detailed one: a second detailed draw of the same generated events
(the floor), the detailed tracks of generated particles with the extra tracks of the stage in place
of the detailed ones, the whole chain, and the chain without the stage.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.decays.pointing import best_vertex, choices, impact
from lamarr_like.decays.prongs import track_prongs
from lamarr_like.events import EventBatch, Table, concatenate
from lamarr_like.io.ntuple import read_events
from lamarr_like.physics.particles import masses
from lamarr_like.runs.redraw import first_events, run_fast, truth_of
from lamarr_like.stages.tracking.extra_tracks import ExtraTracks
from lamarr_like.statistics.distances import weighted_ks

MASS_LIMIT = 6000.0
"""Largest mass of a pair that is looked at [MeV]."""
SPECTRA = {"p": "p", "pt": "pT", "ghost_prob": "ghostProb", "pid_k": "PIDK", "ip_chi2": "IPCHI2"}
"""Variables of extra long tracks and their titles."""
KINDS = {"n_secondary_long": "long secondaries", "n_ghosts": "ghosts"} | {
    f"n_secondary_{name}": f"{name} secondaries" for name in ("upstream", "downstream")
}


class Pairs:
    """Masses of pairs of long tracks, K pi of opposite charge and opposite muons.

    Kaons have PIDK > 5, pions PIDK < 0, muons isMuon.

    Attributes:
        mass: by kind of pair [MeV], shape ``(n,)``.
        number: pairs an event.
    """

    def __init__(self, batch: EventBatch) -> None:
        track = batch.track
        track = track.select(track["track_type"] == 3)
        kaon, pion = track["pid_k"] > 5.0, track["pid_k"] < 0.0
        muon, plus = track["is_muon"].astype(bool), track["charge"] > 0
        k_pi = [pairs(track, kaon & side, pion & ~side, (321, 211)) for side in (plus, ~plus)]
        self.mass = {
            "K pi": np.concatenate(k_pi),
            "mu mu": pairs(track, muon & plus, muon & ~plus, (13, 13)),
        }
        self.number = {name: len(mass) / len(batch) for name, mass in self.mass.items()}


def pairs(track: Table, one: np.ndarray, two: np.ndarray, pdg: tuple[int, int]) -> np.ndarray:
    """Masses of all pairs of one track of each kind in the same event [MeV]."""
    momenta = []
    for mask, code in ((one, pdg[0]), (two, pdg[1])):
        rows = np.flatnonzero(mask)
        vector = np.stack([track[c][rows].astype(np.float64) for c in ("px", "py", "pz")], axis=1)
        energy = np.sqrt((vector**2).sum(axis=1) + masses(np.array([code])) ** 2)
        momenta.append((track.event_index[rows], np.column_stack([vector, energy])))
    (event_a, a), (event_b, b) = momenta
    first = np.searchsorted(event_b, event_a)
    n = np.searchsorted(event_b, event_a, side="right") - first
    left = np.repeat(np.arange(len(a)), n)
    right = first[left] + np.arange(len(left)) - np.repeat(np.cumsum(n) - n, n)
    total = a[left] + b[right]
    mass = np.sqrt(np.maximum(total[:, 3] ** 2 - (total[:, :3] ** 2).sum(axis=1), 0.0))
    return mass[mass < MASS_LIMIT]


def spectra(batch: EventBatch, edges: np.ndarray) -> list[dict[str, np.ndarray]]:
    """`SPECTRA` of the extra long tracks in each bin of SPD hits."""
    track = batch.track
    rows = np.flatnonzero((track["origin"] > 0) & (track["track_type"] == 3))
    found = {name: track[name][rows] for name in SPECTRA if name != "ip_chi2"}
    lines = track_prongs(track, rows, 211)
    origin = best_vertex(lines, choices(batch["reco_vertex"], track.event_index[rows]))
    found["ip_chi2"] = np.nan_to_num(impact(lines, origin)[1], nan=-1.0)
    slot = np.searchsorted(edges, batch.event_column("track", "n_spd_hits")[rows], side="right")
    return [{k: v[slot == i] for k, v in found.items()} for i in range(len(edges) + 1)]


def replaced(batch: EventBatch, stage: ExtraTracks, seed: int) -> EventBatch:
    """Detailed events with extra tracks of the stage in place of theirs."""
    kept = batch.track.select(batch.track["origin"] == 0)
    known = {c for _, c in stage.provides}
    columns = {name: values for name, values in kept.columns.items() if name in known}
    return stage(batch.with_table("track", Table(columns, kept.offsets)), seed)


def row(cells: Iterable[object]) -> str:
    """A row of a table."""
    return f"| {' | '.join(map(str, cells))} |"


def tables(samples: Mapping[str, EventBatch]) -> Iterator[str]:
    """Lines of the page; the first sample is what the others are compared with."""
    names, detailed = list(samples), next(iter(samples.values()))
    found = {name: Pairs(batch) for name, batch in samples.items()}
    kinds = {
        name: ExtraTracks.targets(batch, np.ones(len(batch), dtype=bool))
        for name, batch in samples.items()
    }
    yield row(["an event", *names])
    yield row(["---"] * (1 + len(names)))
    for kind, title in KINDS.items():
        yield row([title, *(f"{kinds[name][kind].mean():.3f}" for name in names)])
    for pair, number in found[names[0]].number.items():
        numbers = [found[name].number[pair] for name in names]
        yield row([f"{pair} pairs", *(f"{n:.3f} ({_ratio(n, number)})" for n in numbers)])
        distances = (_distance(found[names[0]].mass[pair], found[n].mass[pair]) for n in names)
        yield row([f"{pair} mass, Kolmogorov distance", *distances])
    edges = np.quantile(detailed.event["n_spd_hits"], [0.5, 0.8])
    yield ""
    yield row(["extra long tracks", "nSPDHits", *names[1:-1]])
    yield row(["---"] * len([0, 0, *names[1:-1]]))
    binned = [spectra(samples[name], edges) for name in names[:-1]]
    limits = [0, *edges.astype(int), "more"]
    for variable, title in SPECTRA.items():
        for i in range(len(limits) - 1):
            theirs, *mine = (parts[i][variable] for parts in binned)
            distances = (_distance(theirs, values) for values in mine)
            yield row([title, f"{limits[i]} to {limits[i + 1]}", *distances])


def _ratio(one: float, two: float) -> str:
    return f"{one / two:.3f}" if two else "-"


def _distance(one: np.ndarray, two: np.ndarray) -> str:
    return f"{weighted_ks(one, two):.4f}" if len(one) and len(two) else "-"


def main(words: list[str] | None = None) -> str:
    """Compare, write and print the page; returns its text."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("detailed", type=Path)
    parser.add_argument("--again", type=Path)
    parser.add_argument("--pipeline", default="reference")
    parser.add_argument("--models", type=Path)
    parser.add_argument("-n", type=int, dest="events")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", type=Path, dest="output")
    asked = parser.parse_args(words)
    files = {"detailed": asked.detailed} | ({"again": asked.again} if asked.again else {})
    samples = {
        name: concatenate(first_events(read_events(path), asked.events))
        for name, path in files.items()
    }
    chain = Pipeline.load(asked.pipeline, asked.models)
    (stage,) = (one for one in chain.stages if isinstance(one, ExtraTracks))
    samples["own tracks and stage"] = replaced(samples["detailed"], stage, asked.seed)
    fast = run_fast(chain, truth_of(samples["detailed"]), asked.seed, False)
    found = fast.track.select(fast.track["origin"] == 0)
    samples |= {"chain": fast, "chain without": fast.with_table("track", found)}
    speed = 1e3 * chain.seconds[stage.name] / len(fast)
    lines = [
        f"{len(fast)} events of {asked.detailed.name}, pipeline `{asked.pipeline}`; the stage "
        f"takes {speed:.3f} ms an event.",
        "",
        *tables(samples),
    ]
    text = "\n".join(lines) + "\n"
    if asked.output:
        asked.output.write_text(text)
    print(text)
    return text


if __name__ == "__main__":
    main()
