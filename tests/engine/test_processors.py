"""The chain gives the same numbers on processors with other instructions."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

import lamarr_like.stages

_RUN = """
import hashlib
from chain_fakes import truth_events
from lamarr_like.chain.pipeline import Pipeline
batch = Pipeline.load("reference")(truth_events(8, seed=2), seed=1)
for name, table in batch.tables.items():
    for column, values in sorted(table.columns.items()):
        print(name, column, hashlib.sha256(values.tobytes()).hexdigest())
"""


def columns(**environment):
    """Digest of every column of a run in a process of its own."""
    path = os.pathsep.join(sys.path)
    env = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **environment}
    done = subprocess.run(
        [sys.executable, "-c", _RUN], env=env, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_linear_algebra_and_vector_instructions_do_not_matter():
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    switched = " ".join(f for f in __cpu_dispatch__ if __cpu_features__.get(f))
    other = {"OPENBLAS_CORETYPE": "Prescott", "NPY_DISABLE_CPU_FEATURES": switched}
    usual = columns()
    assert len(usual) > 100
    assert columns(**other) == usual


def test_stages_multiply_no_matrices_by_library():
    """Its sums have another order on every kind of processor."""
    allowed = {"truth.py"}  # training only
    for path in Path(lamarr_like.stages.__file__).parent.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        found = re.search(r"np\.(dot|matmul|tensordot|inner|linalg)\b| @ ", text)
        assert path.name in allowed or not found, f"{path.name}: {found[0] if found else ''}"


def test_own_functions_agree_with_numpy():
    from lamarr_like.stages.tracking.covariance_numbers import cholesky, solve, tanh

    x = np.linspace(-20.0, 20.0, 1001)
    np.testing.assert_allclose(tanh(x), np.tanh(x), rtol=1e-14)
    rng = np.random.default_rng(1)
    root = rng.normal(size=(50, 3, 3))
    matrix = root @ root.swapaxes(1, 2) + 0.1 * np.eye(3)
    vector = rng.normal(size=(50, 3))
    expected = np.linalg.solve(matrix, vector[:, :, None])[:, :, 0]
    np.testing.assert_allclose(solve(cholesky(matrix), vector), expected, rtol=1e-10)
    assert solve(np.zeros((0, 3, 3)), np.zeros((0, 3), int)).shape == (0, 3)
