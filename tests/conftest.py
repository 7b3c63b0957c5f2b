"""What all tests share: samples that are made once, the order of the files, the marker ``fast``.

With several workers (``pytest -n 2``) each file is run by one of them, so that what its fixtures
make is made once; files that take long start first.  Samples that several files read are made once
for all workers.
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
from schedule import FAST, LONG

# Networks of tests are trained for seconds; to compile their steps takes longer than it saves.
os.environ.setdefault("LAMARR_LIKE_XLA", "0")

# A machine that is busy is no fault of what is tested.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

TESTS = Path(__file__).resolve().parent


def _name(path: Path) -> str:
    """A file as in `LONG` and `FAST`."""
    return path.relative_to(TESTS).as_posix() if path.is_relative_to(TESTS) else ""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With ``-m fast`` the other files are not even imported: that alone takes half a minute."""
    if config.option.markexpr == "fast" and collection_path.suffix == ".py":
        return _name(collection_path) not in FAST or None
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark fast tests; put files that take long first."""
    place = {name: i for i, name in enumerate(LONG)}
    for item in items:
        if _name(item.path) in FAST:
            item.add_marker(pytest.mark.fast)
    items.sort(key=lambda item: place.get(_name(item.path), len(LONG)))


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``made_once(name, build)``: a folder that ``build(folder)`` fills, the same for all workers.

    It is for reading only.
    """
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    shared.mkdir(exist_ok=True)

    def folder(name: str, build: Callable[[Path], object]) -> Path:
        with open(shared / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (shared / name).exists():
                part = shared / f"{name}.part"
                part.mkdir()
                build(part)
                part.rename(shared / name)
        return shared / name

    return folder


@pytest.fixture(scope="session")
def models(made_once: Callable[..., Path]) -> Path:
    """Tiny models and a short chain of them, ``tiny.yaml``."""
    from production_samples import write_tiny

    return made_once("short", write_tiny)


@pytest.fixture(scope="session")
def minbias(made_once: Callable[..., Path]) -> Path:
    """A detailed sample of 400 collisions, ``detailed.root``."""
    from lamarr_like.runs.simulate import RunConfig, simulate_detailed

    def build(folder: Path) -> None:
        path = folder / "detailed.root"
        simulate_detailed(RunConfig("pythia:minbias", path, n_events=400, seed=5, pileup=1.6))

    return made_once("minbias", build) / "detailed.root"


@pytest.fixture(scope="session")
def whole_chain(made_once: Callable[..., Path]) -> Path:
    """Tiny models of all stages but the ECAL's, and the chain of them, ``tiny.yaml``."""
    from chain_fakes import fake_stages, truth_events
    from tiny_models import write_models

    from lamarr_like.chain.pipeline import Pipeline

    def build(folder: Path) -> None:
        logging.getLogger("onnx").setLevel(logging.ERROR)
        sample = Pipeline(fake_stages())(truth_events(60, seed=5), seed=1)
        write_models(folder, sample, folder / "tiny.yaml")

    return made_once("whole", build)


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Sound input of every reader, by its name."""
    import readers

    return readers.samples(tmp_path_factory.mktemp("sound"))


@pytest.fixture
def eager() -> Iterator[None]:
    """No step of a training is compiled: for trainings of a few steps."""
    pytest.importorskip("tensorflow")
    from eager import eagerly

    with eagerly():
        yield


@pytest.fixture
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two-sample tests of few trees, where it does not matter how sharp they are."""
    from lamarr_like.statistics.two_sample import c2st

    monkeypatch.setitem(c2st.__kwdefaults__, "trees", 40)


@pytest.fixture
def no_hang() -> Iterator[None]:
    """A test that sets an alarm and takes longer fails, and the alarm ends with it."""

    def late(signum: int, frame: object) -> None:
        raise TimeoutError("longer than the seconds allowed")

    before = signal.signal(signal.SIGALRM, late)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
