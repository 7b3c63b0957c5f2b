"""HepMC3's ROOT trees: the same events as its text, and trees that are none."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
from places import TESTS

from lamarr_like.errors import BadEventError, SourceError
from lamarr_like.events import concatenate
from lamarr_like.io.hepmc import root_tree
from lamarr_like.io.hepmc.root_tree import is_hepmc_tree, tree_texts
from lamarr_like.io.hepmc.text import MalformedTextError
from lamarr_like.io.sources import open_source

TREE, TEXT = (TESTS / "data" / f"hepmc_tree.{ending}" for ending in ("root", "hepmc"))
"""Written by tests/data/hepmc_tree.py with ROOT."""


def read(path, n=None):
    source = open_source(str(path), n_events=n, seed=1)
    return source, concatenate(list(source))


def test_the_tree_is_the_text():
    source, tree = read(TREE)
    _, text = read(TEXT)
    assert len(tree) == 3 and source.inputs() == (TREE,)
    for name, table in text.tables.items():
        for column, values in table.columns.items():
            np.testing.assert_array_equal(tree[name][column], values, err_msg=column)
    assert list(source.weight_names) == ["nominal"]
    assert len(read(TREE, 2)[1]) == 2


def test_steps_do_not_matter(monkeypatch):
    whole = list(tree_texts(TREE))
    monkeypatch.setattr(root_tree, "STEP", 1)
    assert list(tree_texts(TREE)) == whole and len(whole) == 3


def test_what_is_a_tree_of_hepmc(tmp_path):
    assert is_hepmc_tree(TREE) and not is_hepmc_tree(TEXT)
    with uproot.recreate(tmp_path / "other.root") as file:
        file["Events"] = {"x": np.arange(3)}
    assert not is_hepmc_tree(tmp_path / "other.root")
    (tmp_path / "cut.root").write_bytes(TREE.read_bytes()[:200])
    assert not is_hepmc_tree(tmp_path / "cut.root")
    with pytest.raises(SourceError):
        read(tmp_path / "cut.root")


def test_a_tree_without_its_branches(tmp_path):
    with uproot.recreate(tmp_path / "a.root") as file:
        file["hepmc3_tree"] = {"x": np.arange(3)}
    with pytest.raises(SourceError, match="its tree hepmc3_tree has no branch hepmc3_event/event"):
        read(tmp_path / "a.root")


def test_a_broken_entry_is_named(monkeypatch):
    whole, links = read(TREE)[1], root_tree._links
    calls = []

    def second(*parts):
        calls.append(parts)
        if len(calls) == 2:
            raise MalformedTextError("a link of 9 and 9, which are not there")
        return links(*parts)

    monkeypatch.setattr(root_tree, "_links", second)
    with pytest.raises(BadEventError, match="hepmc_tree.root, GenEvent 1.*a link of 9 and 9"):
        read(TREE)
    calls.clear()
    source = open_source(str(TREE), n_events=None, seed=1, skip_bad=True)
    found = concatenate(list(source))
    assert len(found) == 1 and "a link of 9" in source.skipped[0][1]
    assert found.particle["mc_px"].tolist() == whole.events(0, 1).particle["mc_px"].tolist()


def test_damage_is_told(tmp_path):
    data = bytearray(TREE.read_bytes())
    told = 0
    for place in range(400, len(data), 211):
        broken = Path(tmp_path / f"{place}.root")
        broken.write_bytes(bytes(data[:place]) + bytes([data[place] ^ 0xFF]) + data[place + 1 :])
        try:
            read(broken)
        except SourceError as error:
            assert str(broken) in str(error)
            told += 1
    assert told > 3


def numbers(**changes):
    """Branches of two events, of one particle that ends in a vertex from which another comes."""
    found = {
        **{"event_number": [1, 2], "momentum_unit": [1, 0], "length_unit": [0, 1]},
        **{"weights": [[2.0], []], "links1": [[1, -1]] * 2, "links2": [[-1, 2]] * 2},
        **{"particles.pid": [[511, 211]] * 2, "particles.status": [[2, 1]] * 2},
        **{f"particles.{n}": [[1.0, 0.5]] * 2 for n in ("mass", "momentum.m_v1", "momentum.m_v2")},
        **{f"particles.momentum.{a}": [[9.0, 8.0]] * 2 for a in ("m_v3", "m_v4")},
        **{f"vertices.position.{a}": [[0.25]] * 2 for a in ("m_v1", "m_v2", "m_v3", "m_v4")},
        **{f"event_pos.{a}": [0.0, 1.0] for a in ("m_v1", "m_v2", "m_v3", "m_v4")},
    }
    return root_tree._Flat({k: ak.Array(v) for k, v in (found | changes).items()})


def test_an_entry_by_hand():
    one, two = (numbers().event(k) for k in (0, 1))
    assert one.units == ("GEV", "MM") and two.units == ("MEV", "CM")
    assert (one.number, one.weights, two.weights) == (1, [2.0], [1.0])
    assert one.ends_in.tolist() == [0, -1] and one.made_at.tolist() == [-1, 0]
    assert not one.place.any() and two.place.tolist() == [1.0] * 4
    assert one.momentum.tolist() == [[1.0, 1.0, 9.0, 9.0], [0.5, 0.5, 8.0, 8.0]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"momentum_unit": [7, 0]}, "units 7 and 0, which are neither 0 nor 1"),
        ({"links1": [[1, -1, 1]] * 2}, "3 first and 2 second numbers of links"),
        ({"links2": [[-9, 2]] * 2}, "a link of 1 and -9, which are not there"),
        ({"links2": [[-1, 0]] * 2}, "a link of -1 and 0"),
        ({"particles.mass": [[1.0]] * 2}, "differ in length"),
    ],
)
def test_entries_that_no_event_can_be(changes, message):
    with pytest.raises(MalformedTextError, match=message):
        numbers(**changes).event(0)
