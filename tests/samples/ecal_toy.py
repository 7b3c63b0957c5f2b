"""A toy calorimeter: photons and hadrons that are lost, merge, split, and noise, with links."""

from __future__ import annotations

import numpy as np

from lamarr_like import schema
from lamarr_like.events import EventBatch, Table
from lamarr_like.stages.calorimeter.sources import CELL_Z, CELLS, region_of
from lamarr_like.stages.features import ECAL_Z, T3_Z

MERGE, WIDTH = 1.5, 0.15
"""Distance in cells at which half of the pairs merge, and the width of that edge."""


def merge_probability(distance):
    return 1.0 / (1.0 + np.exp((distance - MERGE) / WIDTH))


def particles(n_events, seed, mean=8.0, pairs=0.5):
    """Photons, some in pairs, and pions; columns and numbers per event."""
    rng = np.random.default_rng(seed)
    n = rng.poisson(rng.gamma(4.0, mean / 4.0, n_events))
    event = np.repeat(np.arange(n_events), n)
    m = len(event)
    x = rng.choice([-1, 1], m) * rng.uniform(330, 3800, m)
    y = rng.uniform(-3000, 3000, m)
    close = rng.random(m) < 0.15
    x[close] = np.sign(x[close]) * rng.uniform(330, 900, close.sum())
    y[close] = rng.uniform(-700, 700, close.sum())
    pdg = np.where(rng.random(m) < 0.6, 22, 211)
    p = np.exp(rng.normal(8.0, 0.8, m))
    twin = np.flatnonzero((rng.random(m) < pairs) & (pdg == 22))
    unit = np.asarray(CELLS)[region_of(x, y)][twin]
    r, phi = unit * rng.uniform(0.3, 4.0, len(twin)), rng.uniform(0, 2 * np.pi, len(twin))
    event = np.concatenate([event, event[twin]])
    x, y = np.append(x, x[twin] + r * np.cos(phi)), np.append(y, y[twin] + r * np.sin(phi))
    pdg = np.append(pdg, np.full(len(twin), 22))
    p = np.append(p, p[twin] * np.exp(rng.normal(0, 0.5, len(twin))))
    order = np.argsort(event, kind="stable")
    return event[order], pdg[order], x[order], y[order], p[order]


def truth_batch(event, pdg, x, y, p, n_events, first_id=0):
    """A batch with what the ECAL stage reads; everything comes straight from the origin."""
    counts = np.bincount(event, minlength=n_events)
    k = ECAL_Z / CELL_Z
    x, y = x * k, y * k
    norm = np.sqrt(x * x + y * y + ECAL_Z**2)
    zero = np.zeros(len(x))
    columns = {
        "mcparticle_id": np.arange(len(x)) - np.repeat(np.cumsum(counts) - counts, counts),
        "mc_pdg_id": pdg,
        "mc_charge": (pdg == 211) * 1,
        "mc_stable": np.ones(len(x), bool),
        "track_type": np.where(pdg == 211, 3, 0),
        **{"mc_px": p * x / norm, "mc_py": p * y / norm, "mc_pz": p * ECAL_Z / norm},
        **{"mc_vx": zero, "mc_vy": zero, "mc_vz": zero},
        **{"mc_t3_x": x * T3_Z / ECAL_Z, "mc_ecal_x": x, "mc_ecal_y": y},
    }
    columns = {c: schema.as_declared("particle", c, v) for c, v in columns.items()}
    head = {
        "event_id": first_id + np.arange(n_events),
        "n_spd_hits": (20 * counts).astype(np.int32),
        "n_tracks": counts.astype(np.int32),
    }
    tables = {
        "event": Table(head, np.arange(n_events + 1)),
        "particle": Table.from_counts(columns, counts),
    }
    return EventBatch(tables)


def _event(rng, pdg, x, y, p):
    """Clusters of one event: rows of energy, x, y, members with their energies."""
    e = np.where(pdg == 22, p, rng.normal(350, 40, len(p)).clip(100))
    showers = (pdg != 22) & (rng.random(len(p)) < 0.35)
    e = np.where(showers, p * rng.uniform(0.1, 0.9, len(p)), e)
    unit = np.asarray(CELLS)[region_of(x, y)]
    label = np.arange(len(p))
    distance = np.hypot(x[:, None] - x, y[:, None] - y) / np.maximum(unit[:, None], unit)
    joined = np.triu(rng.random(distance.shape) < merge_probability(distance), 1)
    for i, j in zip(*np.nonzero(joined), strict=True):
        label[label == label[j]] = label[i]
    rows = []
    for group in np.unique(label):
        mine = np.flatnonzero(label == group)
        total = e[mine].sum()
        cx, cy = (np.average(v[mine], weights=e[mine]) for v in (x, y))
        seen = total * (1 + rng.normal() * 0.1 / np.sqrt(total / 1000.0))
        et = seen * np.hypot(cx, cy) / ECAL_Z
        if rng.random() > 1 / (1 + np.exp(-(et - 120) / 15)) or et < 75:
            continue
        s = unit[mine[0]]
        cx, cy = cx + 0.1 * s * rng.normal(), cy + 0.1 * s * rng.normal()
        charged = (pdg[mine] != 22).any()
        if seen > 5000 and rng.random() < 0.08:
            rows.append((0.25 * seen, cx + 2.2 * s, cy, mine, e[mine], charged))
            seen = 0.75 * seen
        rows.append((seen, cx, cy, mine, e[mine], charged))
    for _ in range(rng.poisson(0.7)):
        rows.append((rng.exponential(800) + 1500, rng.uniform(500, 3500), rng.uniform(-3e3, 3e3),
                     np.zeros(0, int), np.zeros(0), False))  # fmt: skip
    return rows


def detailed_batch(n_events, seed, **options):
    """A batch with clusters and links."""
    event, pdg, x, y, p = particles(n_events, seed, **options)
    return cluster_batch(truth_batch(event, pdg, x, y, p, n_events), event, pdg, x, y, p, seed)


def cluster_batch(batch, event, pdg, x, y, p, seed):
    """Add clusters and links to a batch of particles."""
    rng = np.random.default_rng(seed + 10**6)
    bounds = np.searchsorted(event, np.arange(len(batch) + 1))
    out = {c.name: [] for c in schema.table_columns("cluster")}
    links = {c.name: [] for c in schema.table_columns("cluster_link")}
    counts, link_counts = [], []
    for i in range(len(batch)):
        s = slice(bounds[i], bounds[i + 1])
        rows = _event(rng, pdg[s], x[s], y[s], p[s])
        before = len(links["weight"])
        for number, (energy, cx, cy, mine, given, charged) in enumerate(rows):
            share = given / given.sum() if len(given) else given
            lead = int(np.argmax(given)) if len(given) else -1
            r = np.hypot(cx, cy)
            k = ECAL_Z / CELL_Z
            values = {
                **{"cluster_id": number, "x": cx * k, "y": cy * k, "z": ECAL_Z, "energy": energy},
                "et": energy * r / np.hypot(r, CELL_Z),
                "sigma_energy": 1000 * np.sqrt(0.0081 * energy / 1000 + (0.008e-3 * energy) ** 2),
                **{"sigma_x": 2.0, "region": region_of(np.array([cx]), np.array([cy]))[0]},
                **{"spread": 20 + 10 * len(mine) + rng.normal()},
                "prs_energy": rng.exponential(20) * (rng.random() < 0.7),
                **{"photon_id": rng.uniform(0.3, 1) if not charged else rng.uniform(0, 0.5)},
                **{"is_not_h": rng.uniform(), "is_not_e": rng.uniform()},
                **{"is_matched": charged, "merged_mass": 135.0 + rng.normal() * (len(mine) > 1)},
                "mcparticle_id": mine[lead] if lead >= 0 else -1,
                "mc_share": share[lead] if lead >= 0 else 0.0,
            }
            values["merged_mass"] *= len(mine) > 1
            for name, column in out.items():
                column.append(values[name])
            for particle, w in zip(mine, share, strict=True):
                for name, v in (("cluster_id", number), ("mcparticle_id", particle), ("weight", w)):
                    links[name].append(v)
        counts.append(len(rows))
        link_counts.append(len(links["weight"]) - before)
    for name, columns, number in (("cluster", out, counts), ("cluster_link", links, link_counts)):
        typed = {k: schema.as_declared(name, k, np.array(v)) for k, v in columns.items()}
        batch = batch.with_table(name, Table.from_counts(typed, number))
    return batch


def photon_pairs(n, distance, seed, energy=5000.0):
    """Events of two photons at some distance in cells of the middle region."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(1100, 1800, n), rng.uniform(-1000, 1000, n)
    phi, unit = rng.uniform(0, 2 * np.pi, n), CELLS[1]
    x2, y2 = x + distance * unit * np.cos(phi), y + distance * unit * np.sin(phi)
    event = np.repeat(np.arange(n), 2)
    pdg, p = np.full(2 * n, 22), energy * np.exp(rng.normal(0, 0.4, 2 * n))
    both = np.stack([x, x2], axis=1).ravel(), np.stack([y, y2], axis=1).ravel()
    return truth_batch(event, pdg, *both, p, n, first_id=10**6)
