"""A twin that is killed again and again, beside one that is not: the same registry.

    python tests/benchmarks/twin_kills.py tutorials/small-twin.yaml --kills 20 --seed 1

Each life lasts as long as a start and up to half of the time that the whole takes; SIGKILL ends
it, ``--resume`` begins the next; a twin that is made before the kills are is followed by another.
Compared are digests, stages of life and figures of all models.
Told is how many steps were made at each kill.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lamarr_like.registry.store import read_index


def command(twin: Path, work: Path, *further: str) -> subprocess.Popen[bytes]:
    """A life of the twin, in a process of its own."""
    words = [sys.executable, "-m", "lamarr_like", "twin", str(twin), "--work", str(work), *further]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def state(work: Path) -> dict[str, tuple[str, str, dict[str, tuple[str, int]]]]:
    """What there is in the registry, without dates."""
    models = read_index(work / "registry").models
    return {name: (e.digest, e.life, dict(e.reports)) for name, e in models.items()}


def main() -> int:
    """Run both and compare; 1 if they differ."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("twin", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    rng = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole"
        start = time.monotonic()
        command(asked.twin, whole).wait()
        took = time.monotonic() - start
        start = time.monotonic()
        command(asked.twin, Path(folder) / "plan", "--plan").wait()
        begun = time.monotonic() - start
        kills = twins = 0
        alike = True
        while kills < asked.kills:  # a twin may be made before it was killed as often
            killed = Path(folder) / f"killed{twins}"
            made: list[int] = []
            while len(made) < asked.kills - kills:
                life = command(asked.twin, killed, "--resume")
                try:
                    life.wait(timeout=begun + rng.uniform(0.0, 0.5 * took))
                    break
                except subprocess.TimeoutExpired:
                    life.kill()
                    life.wait()
                    made.append(len(list(killed.glob("steps/*/step.json"))))
            command(asked.twin, killed, "--resume").wait()
            same = state(whole) == state(killed)
            left = [p.name for p in (killed / "steps").iterdir() if p.name.startswith(".")]
            print(
                f"twin {twins}: {len(made)} kills; {len(state(whole))} models: "
                f"{'the same registry' if same else 'ANOTHER REGISTRY'}, {len(left)} parts left; "
                f"steps made at the kills: {made}",
                flush=True,
            )
            if not same:
                print(f"whole: {state(whole)}\nkilled: {state(killed)}")
            alike &= same and not left
            kills, twins = kills + len(made), twins + 1
        print(f"{kills} kills of {twins} twins, {took:.0f} s for one that is not killed")
        return int(not alike)


if __name__ == "__main__":
    raise SystemExit(main())
