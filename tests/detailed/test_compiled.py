"""Kernels compile once, with a word, and run where nothing can be kept."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import pytest
from detector_samples import muons
from places import TOP

pytest.importorskip("numba")

from lamarr_like.detailed import arrivals, muon, muon_hits, vertexing
from lamarr_like.detailed.behind import run_behind
from lamarr_like.detailed.calorimeter import shape, simulate
from lamarr_like.detailed.compiled import _cores, _Flags
from lamarr_like.detailed.simulate import simulate_detailed

SOURCE = """
import math

import numpy as np

from lamarr_like.detailed.compiled import inlined, inner, kernel


@inner
def scaled(x, factor):
    return x * factor


@inlined
def both(x):
    # A constant and a number: one function serves both.
    return scaled(x, 2) + scaled(x, x)


@kernel
def total(values):
    found = 0.0
    for i in range(len(values)):
        found += both(values[i])
    return found


@kernel
def checked(values, n):
    return total(values) / n
"""

RUN = """
import sys
import numpy as np
import toy
print(toy.total(np.arange(4.0)), toy.both(3.0), len(toy.scaled.overloads))
print(toy.total.stats.cache_hits.total(), toy.total.stats.cache_misses.total())
try:
    toy.checked(np.arange(4.0), 0)
except ZeroDivisionError:
    print("division")
"""


def run(folder, code=RUN, **environment):
    """Run some code with the toy kernels in another process."""
    path = os.pathsep.join([str(folder), str(TOP)])
    cleared = {
        k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")
    }
    done = subprocess.run(
        [sys.executable, "-B", "-c", code],
        env={**cleared, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), done.stderr


SHARED = """
import os
import time
import numpy as np
import toy
from lamarr_like.detailed.compiled import _KernelCompiler, shared
with shared("helper"):
    print(toy.both(3.0))
    process = _KernelCompiler.helper._process
    print(process is not None)
    while process is not None and process.poll() is None:
        time.sleep(0.1)
    print(toy.total(np.arange(4.0)))
print(toy.total.stats.cache_hits.total(), toy.total.stats.cache_misses.total())
"""


@pytest.fixture
def toy(tmp_path):
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "toy.py").write_text(SOURCE)
    return folder


def test_compiled_once_with_a_word(toy, tmp_path):
    cache = tmp_path / "cache"
    lines, said = run(toy, NUMBA_CACHE_DIR=str(cache))
    assert lines == ["26.0 15.0 2", "0 1", "division"]
    assert said.count("compiling the detailed simulation") == 1 and len(said.splitlines()) == 1
    assert list(cache.rglob("*.nbc"))
    again, said = run(toy, NUMBA_CACHE_DIR=str(cache))
    assert again == ["26.0 15.0 0", "1 0", "division"] and not said
    # Kept code that cannot be read is made anew.
    for path in cache.rglob("*.nb[ci]"):
        path.write_bytes(b"damaged")
    lines, said = run(toy, NUMBA_CACHE_DIR=str(cache))
    assert lines == ["26.0 15.0 2", "0 1", "division"] and "compiling" in said


def test_the_word_can_be_silenced(toy, tmp_path):
    quiet = "import logging\nlogging.getLogger('lamarr_like').setLevel('ERROR')\n"
    _, said = run(toy, quiet + RUN, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    assert not said


def unwritable(toy, tmp_path):
    """Nothing beside the package and nothing at home; that holds for root, too."""
    (toy / "__pycache__").write_text("")
    nowhere = tmp_path / "file"
    nowhere.write_text("")
    return {"HOME": str(nowhere / "home"), "XDG_CACHE_HOME": str(nowhere / "cache")}


def test_package_and_home_that_cannot_be_written(toy, tmp_path):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    places = unwritable(toy, tmp_path)
    lines, said = run(toy, TMPDIR=str(temporary), **places)
    assert lines == ["26.0 15.0 2", "0 1", "division"] and "compiling" in said
    assert not list(temporary.iterdir())  # taken away at the end


def test_workers_share_the_temporary_folder(toy, tmp_path):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    child = (
        f"import subprocess, sys\nsubprocess.run([sys.executable, '-B', '-c', {RUN!r}], check=True)"
    )
    lines, _ = run(
        toy,
        f"{RUN}\nsys.stdout.flush()\n{child}",
        TMPDIR=str(temporary),
        **unwritable(toy, tmp_path),
    )
    assert lines[1] == "0 1" and lines[4] == "1 0"


def test_nowhere_to_keep_anything(toy, tmp_path):
    places = unwritable(toy, tmp_path)
    code = "import tempfile\ndef none(*a, **k): raise FileNotFoundError\ntempfile.mkdtemp = none\n"
    lines, said = run(toy, code + RUN, **places)
    assert lines[0] == "26.0 15.0 2" and lines[2] == "division" and "compiling" in said


def test_processes_wait_for_the_one_that_compiles(toy, tmp_path):
    path = os.pathsep.join([str(toy), str(TOP)])
    environment = os.environ | {"PYTHONPATH": path, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "-B", "-c", RUN]
    pair = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, cwd="/")
        for _ in range(2)
    ]
    lines = [process.communicate()[0].splitlines() for process in pair]
    assert sorted(line[1] for line in lines) == ["0 1", "1 0"]
    assert {line[0].rsplit(" ", 1)[0] for line in lines} == {"26.0 15.0"}


@pytest.mark.skipif(_cores() < 2, reason="one core")
def test_another_process_compiles_a_part(toy, tmp_path):
    (toy / "helper.py").write_text("import numpy as np\nimport toy\ntoy.total(np.arange(4.0))\n")
    cache = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    lines, said = run(toy, SHARED, **cache)
    assert lines == ["15.0", "True", "26.0", "1 0"] and said.count("compiling") == 1
    lines, said = run(toy, SHARED, **cache)  # nothing to compile
    assert lines == ["15.0", "False", "26.0", "1 0"] and not said


def test_one_core_compiles_alone(toy, tmp_path):
    (toy / "helper.py").write_text("")
    alone = "from lamarr_like.detailed import compiled\ncompiled._cores = lambda: 1\n"
    lines, _ = run(toy, alone + SHARED, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    assert lines == ["15.0", "False", "26.0", "0 1"]


def test_a_helper_ends_with_what_it_helps(toy, tmp_path):
    (toy / "helper.py").write_text("import time\ntime.sleep(600)\n")
    code = """
import toy
from lamarr_like.detailed.compiled import _KernelCompiler, shared
try:
    with shared("helper"):
        toy.both(3.0)
        process = _KernelCompiler.helper._process
        raise KeyError
except KeyError:
    print(process is None or process.returncode < 0, _KernelCompiler.helper)
"""
    lines, _ = run(toy, code, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    assert lines == ["True None"]


def test_what_a_helper_calls_has_the_types_of_a_simulation():
    """Each kernel is compiled once, for few and many; all that come late are called."""
    for n in (1, 4):
        simulate_detailed(muons(n, p=1e4), seed=1)
    late = (simulate._kernel, shape._mean_cells, vertexing._find, muon_hits._fill, muon._match_all)
    before = [list(kernel.signatures) for kernel in late]
    run_behind()
    assert [list(kernel.signatures) for kernel in late] == before
    assert all(len(signatures) == 1 for signatures in before)
    assert len(arrivals._carried.signatures) == 1


def test_flags_are_equal_by_their_values():
    from numba.core.compiler import Flags

    one, other, plain = _Flags(), _Flags(Flags()), Flags()
    assert one == other == plain and hash(one) == hash(other) == hash(plain)
    one.forceinline, other.nrt = False, True  # the first as by default, the second not
    assert one == plain != other and one != other
    assert type(one.copy()) is _Flags


def test_changed_sources_are_compiled_anew(monkeypatch):
    from lamarr_like.detailed import compiled, field

    cache = compiled.kernel(field.propagate.py_func)._cache
    codegen = field.propagate.targetctx.codegen()
    before = cache._index_key((), codegen)
    assert before == cache._index_key((), codegen)
    monkeypatch.setattr(compiled, "_sources", lambda: "other")
    assert cache._index_key((), codegen) != before


def test_python_calls_of_inner_functions_give_the_same_numbers():
    from lamarr_like.detailed.field import field, propagate

    magnet = (1.1, 5000.0, 1700.0)
    assert field(10.0, 5000.0, magnet) == field.py_func(10.0, 5000.0, magnet)
    found = propagate(1.0, 2.0, 0.01, 0.02, 1e-4, 0.0, 9000.0, magnet)
    assert all(math.isfinite(v) for v in found)
