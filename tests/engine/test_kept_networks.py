"""What ONNX Runtime makes of the networks that ship: kept, verified, and the same bits."""

import os
import stat

import numpy as np
import onnxruntime as ort
import pytest
from onnx_networks import model_of, node

from lamarr_like.engine import onnx_session
from lamarr_like.engine.kept_networks import cache_folder, kept, place_of
from lamarr_like.engine.onnx_session import Session
from lamarr_like.files.find import shipped

NETWORKS = sorted(shipped("models").glob("*-pp13-*/*.onnx"))
AXES = {"rows": 24, "pieces": 3, "length": 8, "absorbers": 9, "width": 64, "clusters": 192}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "lamarr_like"


def some_input(session):
    """Made-up input of a network."""
    rng = np.random.default_rng(7)
    feed = {}
    for one in session._session.get_inputs():
        shape = [AXES.get(n, 128) if isinstance(n, str) else n for n in one.shape]
        kind = {"tensor(int64)": np.int64, "tensor(bool)": bool}.get(one.type, np.float32)
        values = rng.uniform(0.0, 1.0, shape)
        feed[one.name] = values.astype(kind)
    return feed


@pytest.mark.parametrize("path", NETWORKS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_a_kept_network_gives_the_same_bits(path, cache, monkeypatch):
    model = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(onnx_session, "place_of", lambda *_: None)
        plain = Session(model)
        assert not cache.exists()
    first, second = Session(model), Session(model)
    place = place_of(model, ort.__version__)
    assert [p for p in cache.iterdir() if p.suffix == ".network"] == [place] and kept(place)
    feed = some_input(plain)
    wanted = plain(**feed)
    for other in (first, second):
        for a, b in zip(wanted, other(**feed), strict=True):
            assert a.tobytes() == b.tobytes()


def test_a_damaged_one_is_made_anew(cache):
    model = NETWORKS[0].read_bytes()
    Session(model)
    place = place_of(model, ort.__version__)
    whole = place.read_bytes()
    for damaged in (b"", whole[:-1], whole[:100] + b"x" + whole[101:]):
        place.write_bytes(damaged)
        assert kept(place) is None
        Session(model)
        assert kept(place)


def test_networks_of_strangers_are_not_kept(cache):
    Session(model_of(node("Neg", "x")).SerializeToString(), sizes=[{"": 8}])
    assert not cache.exists()


def test_nothing_is_kept_where_others_may_write(cache):
    cache.mkdir(parents=True)
    cache.chmod(0o777)
    Session(NETWORKS[0].read_bytes())
    assert not list(cache.iterdir())
    cache.chmod(0o700)
    Session(NETWORKS[0].read_bytes())
    (found,) = cache.iterdir()
    assert not stat.S_IMODE(found.stat().st_mode) & 0o022


def test_a_cache_that_cannot_be_written_is_none(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    Session(NETWORKS[0].read_bytes())
    assert (tmp_path / "file").read_bytes() == b""


def test_where_the_cache_is(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", os.sep + "somewhere")
    assert str(cache_folder()) == "/somewhere/.cache/lamarr_like"
    other = place_of(NETWORKS[0].read_bytes(), "9.9")
    assert other.parent == cache_folder() and "-9.9-" in other.name
