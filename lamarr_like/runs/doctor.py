"""What an installation has, and whether it works: ``lamarr-like doctor``."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from .. import __version__
from ..errors import LamarrLikeError
from ..files.find import pipeline_names
from ..schema import TRACK_TYPES
from ..system.extras import EXTRAS, hint
from .config import RunConfig

SAMPLE_EVENTS = 200
"""Events of the detailed sample that is made to be tried with ``validate``."""
SELF_TEST = "gun:pi+,K+,mu+?p=10-50&eta=2.5-4.5"
"""What the self-test simulates."""
_TEST_EVENTS = 300
_LEAST_LONG = 0.5  # of these particles, most of which cross the whole detector
_PACKAGES = ("numpy", "scipy", "onnxruntime", "xgboost", "uproot", "awkward", "pandas", "pythia8mc")
_VECTORS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile")
_DISTRIBUTIONS = {"xgboost": "xgboost-cpu", "sklearn": "scikit-learn"}


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Args:
        what: what was looked at.
        text: what was found.
        good: False for what does not work, None for what is absent and need not be there.
    """

    what: str
    text: str
    good: bool | None = True


def findings(say: Callable[[str], None] = lambda line: None) -> Iterator[Finding]:
    """Look at an installation, part by part.

    Args:
        say: called before what takes its time.
    """
    yield Finding("lamarr_like", f"{__version__}, Python {platform.python_version()}")
    yield Finding("machine", _machine())
    for name in _PACKAGES:
        found = _version(name)
        yield Finding(name, found or "not installed", bool(found))
    for extra, modules in EXTRAS.items():
        lacking = [m for m in modules if find_spec(m) is None]
        text = ", ".join(f"{m} {_version(m)}".strip() for m in modules)
        if lacking:
            text = f"without {', '.join(lacking)}; {hint(extra)}"
        yield Finding(f"extra {extra}", text, None if lacking else True)
    for pipeline in pipeline_names():
        yield _pipeline(pipeline)
    say("simulating, for some seconds")
    yield _self_test()


def _machine() -> str:
    """System, processors that may be used, vector instructions, memory."""
    flags: set[str] = set()
    about = Path("/proc/cpuinfo")
    if about.is_file():
        for line in about.read_text().splitlines():
            if line.startswith(("flags", "Features")):
                flags = set(line.partition(":")[2].split())
                break
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    vectors = ", ".join(f for f in _VECTORS if f in flags) or "none that is known"
    text = (
        f"{platform.system()} {platform.machine()}, {cores} cores, vector instructions: {vectors}"
    )
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        text += f", {memory / 2**30:.0f} GiB of memory"
    return text


def _version(module: str) -> str:
    """Version of what has a module, empty if it is not there."""
    for name in (module, _DISTRIBUTIONS.get(module, ""), module.replace("_", "-")):
        if not name:
            continue
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return ""


def _pipeline(name: str) -> Finding:
    """Whether a pipeline that ships loads, its checksums and graphs verified."""
    from ..chain.pipeline import Pipeline

    try:
        chain = Pipeline.load(name)
    except LamarrLikeError as error:
        return Finding(f"pipeline {name}", " ".join(str(error).split()), False)
    models = len(chain.provenance.get("models", {}))
    return Finding(f"pipeline {name}", f"{len(chain.stages)} stages, {models} models verified")


def _self_test() -> Finding:
    """A small run from a particle gun to a file, which is read again."""
    from ..io.ntuple_reader import read_events
    from .simulate import simulate

    started = time.process_time()
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "test.root"
            simulate(RunConfig(SELF_TEST, path, n_events=_TEST_EVENTS, seed=1))
            batches = list(read_events(path))
    except (LamarrLikeError, OSError) as error:
        return Finding("self-test", " ".join(str(error).split()), False)
    events = sum(map(len, batches))
    long = sum(int((b.track["track_type"] == TRACK_TYPES["long"]).sum()) for b in batches)
    sound = all(np.isfinite(b.track["p"]).all() for b in batches)
    share, seconds = long / max(events, 1), time.process_time() - started
    text = f"{events} events, {share:.0%} of the particles with long tracks, {seconds:.1f} s"
    good = events == _TEST_EVENTS and sound and _LEAST_LONG < share <= 1.0
    return Finding("self-test", text, good)


def make_sample(path: Path) -> None:
    """A small detailed sample, to be tried with ``validate`` at once.

    Raises:
        LamarrLikeError: if the extra that it needs is not installed, or it cannot be written.
    """
    from .simulate import simulate_detailed

    command = f"lamarr-like doctor --sample {path}"
    config = RunConfig("pythia:minbias", path, n_events=SAMPLE_EVENTS, pileup=1.6, command=command)
    simulate_detailed(config)
