"""What a command does not import, each in a process of its own: this one imports everything."""

import subprocess
import sys

import pytest
from hepmc_samples import write_sample
from plugin_fakes import install

from lamarr_like.system import quick_start

UNUSED = {
    *("numba", "pandas", "particle", "pyarrow", "pyhepmc", "pythia8mc", "sklearn", "vector"),
    *("awkward.operations.str.akstr_upper", "numpy.f2py.f2py2e", "numpy.testing._private"),
    *("scipy.optimize", "scipy.sparse", "scipy.spatial", "scipy.special._basic", "scipy.stats"),
    *("lamarr_like.decays.candidates", "lamarr_like.detailed", "lamarr_like.io.hepmc.source"),
    *("lamarr_like.io.generators.pythia", "lamarr_like.io.tables.source", "xgboost"),
}
"""Modules that the simulation of a gun does without: seconds of processor time."""

RUN = """
import sys
from lamarr_like import cli
sys.argv = ["lamarr-like", "simulate", *sys.argv[1:]]
try:
    cli.main()
except SystemExit as stop:
    assert not stop.code
print("modules", *sys.modules)
"""


def modules(*words):
    """What a run of ``lamarr-like simulate`` has imported at its end."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def test_a_gun_does_without_what_it_does_not_use(tmp_path):
    found = modules("gun:pi+", "-n", "1", "-o", str(tmp_path / "x.root"))
    assert {"uproot", "onnxruntime", "lamarr_like.io.generators.gun"} <= found
    assert not found & UNUSED


@pytest.mark.parametrize("version", [2, 3])
def test_hepmc_files_are_read_without_pandas(version, tmp_path):
    given = write_sample(tmp_path / "x.hepmc", version=version)
    found = modules(str(given), "-o", str(tmp_path / "x.root"))
    assert "pyarrow._csv" in found and "pandas" not in found


def test_what_is_put_off_works_when_it_is_used():
    code = """
from lamarr_like.system.quick_start import put_off
put_off()
put_off()
import sys
import scipy.special, numpy
scipy.special.ndtri(0.5)
late = {"numpy.f2py.f2py2e", "numpy.testing._private", "scipy.special._basic"}
assert not late & set(sys.modules)
numpy.testing.assert_allclose(scipy.special.ndtri(0.5), 0.0)
from numpy.f2py import crackfortran
import numpy.testing.overrides
assert numpy.f2py.get_include() and crackfortran.f2pyenhancementspattern
from scipy.special import expit, comb, softmax
assert comb(5, 2) == 10.0 and scipy.special.ndtri is scipy.special._ufuncs.ndtri
import scipy.stats
from scipy.special import *
import awkward
assert "awkward.operations.str.akstr_upper" not in sys.modules
assert awkward.str.upper(awkward.Array(["a"])).to_list() == ["A"]
assert scipy.special.spence(1.0) == 0.0 and type(scipy.special) is type(sys)
assert sum(type(one).__name__ == "LazyModules" for one in sys.meta_path) == 1
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_xgboost_without_scikit_learn():
    code = """
import sys
from importlib.util import find_spec
from lamarr_like.system.quick_start import import_xgboost, put_off
import_xgboost()
assert "xgboost" not in sys.modules  # a library leaves it whole
put_off()
import_xgboost()
assert "xgboost" in sys.modules and "sklearn" not in sys.modules
import xgboost, numpy
data = xgboost.DMatrix(numpy.arange(20.0).reshape(10, 2), numpy.arange(10.0))
assert len(xgboost.train({"nthread": 1}, data, 2).predict(data)) == 10
assert "sklearn" not in sys.modules
if find_spec("sklearn"):
    import sklearn
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_awkward_without_arrow():
    code = """
import sys
from lamarr_like.system.quick_start import import_awkward, put_off
put_off()
import_awkward()
assert "awkward" in sys.modules and "pyarrow" not in sys.modules
import awkward, pyarrow.parquet
assert awkward.to_list(awkward.Array([[1, 2], []])) == [[1, 2], []]
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("load", "names"),
    [
        (quick_start.import_xgboost, ("xgboost", "sklearn")),
        (quick_start.import_awkward, ("awkward", "pyarrow")),
    ],
)
def test_a_plug_in_may_want_what_is_left_out(load, names, tmp_path, monkeypatch):
    install(monkeypatch, tmp_path, "some_plugin", stages={"depth": "some_plugin:Depth"})
    monkeypatch.setattr(quick_start, "_is_put_off", lambda: True)
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    load()
    assert names[0] not in sys.modules


END = """
import atexit, ctypes, sys, threading
from lamarr_like.system.quick_start import quick_end
class Late:
    def __del__(self):
        print("taken apart")
keep = Late()
keep.me = keep  # left for the end of Python
atexit.register(print, "registered")
print("printed")
ctypes.CDLL(None).puts(b"by C")
if sys.argv[1:] == ["thread"]:
    threading.Thread(target=lambda: threading.Event().wait(0.2)).start()
quick_end(3 if sys.argv[1:] == ["failed"] else None)
sys.exit(3 if sys.argv[1:] == ["failed"] else 0)
"""


@pytest.mark.parametrize(("word", "status"), [("", 0), ("thread", 0), ("failed", 3)])
def test_a_process_that_ends_at_once_has_written_everything(word, status):
    done = subprocess.run(
        [sys.executable, "-c", END, *word.split()], capture_output=True, text=True, check=False
    )
    assert done.returncode == status and not done.stderr
    told = set(done.stdout.splitlines())
    assert told >= {"printed", "by C", "registered"}
    assert ("taken apart" in told) == bool(word)


def test_the_command_ends_with_its_status(tmp_path):
    for words, status in ((("--version",), 0), (("simulate", "gun:top", "-n", "1"), 2)):
        command = [sys.executable, "-m", "lamarr_like", *words, *("-o", "x.root")[: 2 * status]]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == status and done.stdout + done.stderr


def test_garbage_is_looked_for_late_once_and_then_more_often():
    code = """
import gc
from lamarr_like.system.quick_start import FIRST_GARBAGE, GARBAGE, put_off
rest, before = gc.get_threshold()[1:], len(gc.callbacks)
put_off()
put_off()
assert gc.get_threshold() == (FIRST_GARBAGE, *rest) and len(gc.callbacks) == before + 1
kept = [[] for _ in range(FIRST_GARBAGE + 10)]
assert gc.get_threshold() == (GARBAGE, *rest) and len(gc.callbacks) == before
put_off()
gc.collect()
assert gc.get_threshold() == (GARBAGE, *rest) and len(gc.callbacks) == before
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
