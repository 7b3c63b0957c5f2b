"""Tables of multiparton interactions that ship: write them anew, or compare with a fresh start.

    python tests/pythia_tables.py                               # writes the file
    python tests/pythia_tables.py --check minbias bbbar --collisions 4000

The comparison is of independent collisions: means, and p-values of Kolmogorov and Smirnov.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import awkward as ak
import numpy as np
from scipy.stats import ks_2samp

from lamarr_like.io.generators.multiparton import ENERGY, TABLES, VERSION, use_tables
from lamarr_like.io.generators.pythia import _COMMON, PROCESSES
from lamarr_like.io.generators.pythia_card import BEAMS, new_pythia

HEAD = f"""\
! Multiparton interactions of Pythia {VERSION}, pp at {ENERGY:.0f} GeV, its own settings.
! Written by tests/pythia_tables.py; see lamarr_like/io/generators/multiparton.py.
"""


def started(process: str, *lines: str, tables: bool = False):
    """A generator of a process known by name, with some more settings."""
    pythia = new_pythia()
    for line in (*BEAMS, *PROCESSES[process], *_COMMON, *lines):
        assert pythia.readString(line, False), line
    assert use_tables(pythia) if tables else True
    assert pythia.init()
    return pythia


def write() -> None:
    """Make the tables; inelastic collisions have those of all systems."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "tables"
        lines = (f"MultipartonInteractions:{k}" for k in ("reuseInit = 1", f"initFile = {made}"))
        pythia = started("minbias", *lines)
        assert round(pythia.parm("Pythia:versionNumber"), 3) == VERSION
        TABLES.write_text(HEAD + made.read_text())


def sample(process: str, seed: int, n: int, *, tables: bool) -> dict[str, np.ndarray]:
    """What is compared, of each collision, or of each charged particle with 2 < eta < 5."""
    pythia = started(process, tables=tables)
    pythia.rndm.init(seed)
    interactions, codes = [], []
    for _ in range(n // 2):
        if pythia.next():
            info = pythia.infoPython()
            interactions.append(info.nMPI())
            codes.append(info.code())
    prt = pythia.nextBatch(n).prt
    flat, event = ak.flatten(prt), np.repeat(np.arange(len(prt)), ak.to_numpy(ak.num(prt)))
    px, py, pz = (ak.to_numpy(flat.p[k]) for k in ("px", "py", "pz"))
    code, pt = np.abs(ak.to_numpy(flat.id)), np.hypot(px, py)
    charged = (ak.to_numpy(flat.status) > 0) & np.isin(code, (11, 13, 211, 321, 2212))
    forward = charged & (pz > np.sinh(2.0) * pt) & (pz < np.sinh(5.0) * pt)
    return {
        "interactions": np.array(interactions),
        "process": np.array(codes),
        "particles": np.bincount(event, minlength=len(prt)),
        "charged": np.bincount(event[charged], minlength=len(prt)),
        "forward": np.bincount(event[forward], minlength=len(prt)),
        "forward K": np.bincount(event[forward & (code == 321)], minlength=len(prt)),
        "pT / GeV": pt[forward],
        "pz / GeV": pz[forward],
        "sigma / mb": np.array([info.sigmaGen(0)]),
    }


def check(process: str, n: int) -> None:
    """Print each quantity with the tables and after a fresh start."""
    shipped, fresh = (sample(process, 11 + k, n, tables=not k) for k in (0, 1))
    print(f"{process:16}{'tables':>12}{'fresh':>12}{'error':>10}{'KS p':>8}")
    for name, a in shipped.items():
        b = fresh[name]
        error = np.hypot(a.std() / len(a) ** 0.5, b.std() / len(b) ** 0.5)
        p = ks_2samp(a, b).pvalue if len(a) > 1 else np.nan
        print(f"{name:16}{a.mean():12.5g}{b.mean():12.5g}{error:10.2g}{p:8.3f}", flush=True)


def main() -> None:
    """Write or check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", nargs="+", choices=PROCESSES, help="processes to compare")
    parser.add_argument("--collisions", type=int, default=4000)
    given = parser.parse_args()
    if not given.check:
        return write()
    for process in given.check:
        check(process, given.collisions)


if __name__ == "__main__":
    main()
