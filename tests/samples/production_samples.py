"""Small productions on tiny models, and a process that runs them."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import yaml
from chain_fakes import fake_stages, truth_events
from places import TOP
from tiny_models import write_models

from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.distributed.config import load_production
from lamarr_like.distributed.work import run_unit

GUN = "K-,pi+?p=3-100&n=3"

PROGRAM = """
import sys, typer
from lamarr_like.distributed.command import batch
from lamarr_like.errors import LamarrLikeError
app = typer.Typer(pretty_exceptions_enable=False)
app.command()(batch)
try:
    app()
except LamarrLikeError as error:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(2)
"""
"""The command on its own, as ``lamarr-like batch`` runs it."""


SHORT = ("propagation", "occupancy", "acceptance", "efficiency")
"""Stages of the chain: few, because branches of a file cost more time than events here."""


def write_tiny(folder: Path) -> Path:
    """Tiny models and a short chain of them, ``tiny.yaml``, in a folder."""
    logging.getLogger("onnx").setLevel(logging.ERROR)
    sample = Pipeline(fake_stages())(truth_events(60, seed=5), seed=1)
    folder.mkdir(exist_ok=True)
    write_models(folder, sample)
    lines = ["schema_version: 1", "name: tiny", "stages:", "  - stage: propagation"]
    for name in SHORT[1:]:
        lines += [f"  - stage: {name}", f"    model: {name}-tiny-1"]
    (folder / "tiny.yaml").write_text("\n".join(lines) + "\n")
    return folder


def write_production(folder: Path, models: Path, **items: object) -> Path:
    """A production file; its output folder is ``out`` beside it."""
    values = {
        "schema_version": 1,
        "name": "tiny",
        "seed": 7,
        "pipeline": str(models / "tiny.yaml"),
        "models": str(models),
        "output": "out",
        "unit_events": 30,
        "retries": 1,
        "sources": [{"gun": GUN, "events": 200}],
        **items,
    }
    folder.mkdir(exist_ok=True, parents=True)
    path = folder / "production.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in values.items() if v is not None}))
    return path


def production(folder: Path, models: Path, **items: object):
    """The same, loaded."""
    return load_production(write_production(folder, models, **items))


def start(path: Path, *options: str, **kwargs) -> subprocess.Popen:
    """Run the command in a process group of its own."""
    root = str(TOP)
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1"},
        **kwargs,
    )


def finish(process: subprocess.Popen, timeout: float = 60) -> tuple[int, str, str]:
    """Exit status and both streams."""
    out, err = process.communicate(timeout=timeout)
    return process.returncode, out, err


PLUGIN = '''
from lamarr_like.io.generators.gun import GunSource

def pions(name, head, *, n_events, seed, options, skip_bad):
    """A gun of another name, which has an end where its user names none."""
    return GunSource(name, "pi+", n_events or 40, seed, options)
'''
"""Code of a plug-in with a source."""


class InProcess:
    """Workers without processes: one unit at a time, in this one."""

    slots, link = 1, ""

    def __init__(self, job):
        self.job = job

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def submit(self, unit):
        return (unit, run_unit(self.job, unit))

    def wait(self, futures, timeout):
        return set(futures)

    def result(self, future):
        return future[1]


def same(a, b):
    return a.tables.keys() == b.tables.keys() and all(
        np.array_equal(a[t][c], b[t][c]) and np.array_equal(a[t].offsets, b[t].offsets)
        for t in a.tables
        for c in a[t].columns
    )
