"""Les Houches event files of Z bosons, each of another mass, which is how it is known again."""

from __future__ import annotations

from pathlib import Path

import numpy as np

QUICK = tuple(f"{k} = off" for k in ("PartonLevel:MPI", "PartonLevel:ISR", "HadronLevel:all"))
"""Settings that leave little beside the hard process."""


def write_lhe(path: Path, n: int, strategy: int = -4, beam: float = 6500.0) -> Path:
    """A file of ``u ubar -> Z -> mu- mu+``; event k has a mass of 60 + k / 2 GeV.

    Args:
        path: file to write.
        n: events.
        strategy: what Pythia is to do with weights, as the standard numbers it; for 1 and 2 the
            events have weights from 0.2 to 1 that it is to take away.
        beam: energy of each beam [GeV].
    """
    lines = ['<LesHouchesEvents version="1.0">', "<init>"]
    lines += [f" 2212 2212 {beam} {beam} 0 0 0 0 {strategy} 1", " 1.0 0.1 1.0 1", "</init>"]
    for k in range(n):
        mass, x = 60.0 + 0.5 * k, 0.15
        up, down = x * beam, (60.0 + 0.5 * k) ** 2 / (4.0 * x * beam)
        energy, pz, pt = up + down, up - down, 0.4 * mass
        weight = 1.0 if abs(strategy) > 2 else 0.2 + 0.8 * (k % 5) / 4.0
        # The muons fly off at right angles in the frame of the Z.
        boost = (energy / mass, pz / mass)
        side = np.sqrt(0.25 * mass**2 - pt**2)
        rows = [
            (2, -1, 0, 0, 501, 0, 0.0, up, up, 0.0),
            (-2, -1, 0, 0, 0, 501, 0.0, -down, down, 0.0),
        ]
        rows.append((23, 2, 1, 2, 0, 0, 0.0, pz, energy, mass))
        for code, sign in ((13, 1), (-13, -1)):
            e = 0.5 * mass * boost[0] + sign * side * boost[1]
            z = 0.5 * mass * boost[1] + sign * side * boost[0]
            rows.append((code, 1, 3, 3, 0, 0, sign * pt, z, e, 0.0))
        lines += ["<event>", f" 5 1 {weight:.3f} {mass} 0.0078 0.118"]
        for code, status, m1, m2, c1, c2, px, z, e, m in rows:
            numbers = f"{px:.9e} 0. {z:.9e} {e:.9e} {m:.9e}"
            lines.append(f" {code} {status} {m1} {m2} {c1} {c2} {numbers} 0. 9.")
        lines.append("</event>")
    path.write_text("\n".join([*lines, "</LesHouchesEvents>", ""]))
    return path


def edit_event(path: Path, number: int, old: str, new: str) -> None:
    """Exchange a text in one event of a file."""
    head, *events = path.read_text().split("<event>")
    assert old in events[number]
    events[number] = events[number].replace(old, new, 1)
    path.write_text("<event>".join([head, *events]))


def write_card(path: Path, lhe: Path, *settings: str) -> Path:
    """A card that takes its hard processes from a file."""
    lines = ["Beams:frameType = 4", f"Beams:LHEF = {lhe}", *QUICK, *settings]
    path.write_text("\n".join(lines) + "\n")
    return path


def numbers_of(batch) -> np.ndarray:
    """Of each event, the number of its hard process, found from the mass of the Z."""
    p = batch.particle
    rows = np.flatnonzero(p["mc_pdg_id"] == 23)
    event, first = np.unique(p.event_index[rows], return_index=True)
    assert np.array_equal(event, np.arange(len(batch)))
    e, x, y, z = (p[c][rows[first]] for c in ("mc_energy", "mc_px", "mc_py", "mc_pz"))
    mass = np.sqrt(e**2 - x**2 - y**2 - z**2) / 1e3
    return np.rint(2.0 * (mass - 60.0)).astype(int)
