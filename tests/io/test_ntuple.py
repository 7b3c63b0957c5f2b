from __future__ import annotations

import json

import awkward as ak
import numpy as np
import pytest
import uproot
from hypothesis import given, settings
from hypothesis import strategies as st

from lamarr_like import schema
from lamarr_like.errors import OutputError, SchemaError, SourceError
from lamarr_like.events import EventBatch, Table, concatenate
from lamarr_like.io import ntuple
from lamarr_like.io.ntuple import (
    EventWriter,
    content_digest,
    read_events,
    read_provenance,
    read_schema,
)

FORMATS = ("ttree", "rntuple")


def make_batch(counts, seed=1, first=0):
    """Every column of the schema, filled with noise."""
    rng = np.random.default_rng(seed)
    n = len(counts)
    tables = {}
    for name in schema.TABLES:
        rows = np.ones(n, int) if name == "event" else rng.permutation(np.asarray(counts, int))
        size = int(rows.sum())
        columns = {}
        for c in schema.table_columns(name):
            kind = np.dtype(c.dtype).kind
            values = rng.normal(size=size) if kind == "f" else rng.integers(0, 2, size)
            columns[c.name] = values.astype(c.dtype)
        tables[name] = Table.from_counts(columns, rows)
    tables["event"].columns["event_id"] = np.arange(first, first + n)
    return EventBatch(tables)


def with_few_columns(batch):
    """Of every table the first four: a branch takes time whatever is in it."""
    few = {
        name: Table(dict(list(table.columns.items())[:4]), table.offsets)
        for name, table in batch.tables.items()
    }
    return EventBatch(few)


def write(path, batches, root_format="ttree", metadata=None):
    with EventWriter(path, metadata=metadata or {}, root_format=root_format, force=True) as writer:
        for batch in batches:
            writer.write(batch)
    return path


def assert_same(a, b):
    assert list(a.tables) == list(b.tables)
    for name, table in a.tables.items():
        assert np.array_equal(table.offsets, b[name].offsets)
        assert list(table.columns) == list(b[name].columns)
        for column, values in table.columns.items():
            assert values.dtype == b[name][column].dtype
            assert np.array_equal(values, b[name][column]), (name, column)


@pytest.mark.parametrize("root_format", FORMATS)
@pytest.mark.parametrize("counts", [[3, 0, 5, 1], [0, 0], [0], [200] * 30])
def test_round_trip(tmp_path, root_format, counts):
    batch = make_batch(counts)
    path = write(tmp_path / "a.root", [batch], root_format)
    back = list(read_events(path, step_size=7))
    assert [len(b) for b in back[:-1]] == [7] * (len(back) - 1)
    assert_same(concatenate(back), batch)
    assert [p.name for p in tmp_path.iterdir()] == ["a.root"]


@settings(max_examples=8, deadline=None)
@given(
    counts=st.lists(st.integers(0, 6), min_size=1, max_size=12),
    cut=st.integers(0, 12),
    rows=st.integers(1, 20),
)
def test_digest_ignores_layout(tmp_path_factory, counts, cut, rows):
    check_digests(
        tmp_path_factory.mktemp("digest"), with_few_columns(make_batch(counts)), cut, rows
    )


def test_digest_of_every_column_ignores_layout(tmp_path):
    check_digests(tmp_path, make_batch([2, 0, 3, 1]), 3, 2)


def check_digests(folder, batch, cut, rows):
    """A sample has one digest, in one piece or two and in every format."""
    whole = write(folder / "a.root", [batch])
    cut = min(cut, len(batch))
    parts = [batch.events(0, cut), batch.events(cut, len(batch))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ntuple, "BASKET_ROWS", rows)
        cuts = [write(folder / f"{f}.root", parts, f) for f in FORMATS]
    assert {content_digest(path) for path in cuts} == {content_digest(whole)}
    assert_same(concatenate(list(read_events(cuts[1]))), batch)


def test_digest_sees_every_change(tmp_path):
    batch = with_few_columns(make_batch([2, 3, 0]))
    digests = {content_digest(write(tmp_path / "a.root", [batch]))}
    for name, table in batch.tables.items():
        for column in list(table.columns)[:3]:
            values = table[column].copy()
            values[-1] = not values[-1] if values.dtype == bool else values[-1] + 1
            changed = batch.with_columns(name, **{column: values})
            digests.add(content_digest(write(tmp_path / "a.root", [changed])))
    moved = Table(batch.track.columns, batch.track.offsets[::-1][0] - batch.track.offsets[::-1])
    digests.add(content_digest(write(tmp_path / "a.root", [batch.with_table("track", moved)])))
    changes = sum(min(len(table.columns), 3) for table in batch.tables.values())
    assert len(digests) == changes + 2


@pytest.mark.parametrize("root_format", FORMATS)
def test_layout_is_that_of_nanoaod(tmp_path, root_format):
    batch = make_batch([3, 0, 5])
    with uproot.open(write(tmp_path / "a.root", [batch], root_format)) as file:
        tree = file["Events"]
        assert tree.num_entries == 3
        names = set(tree.keys())
        assert {"eventNumber", "nTrack", "Track_px", "Track_RichDLLk", "nGenPart"} <= names
        assert tree["nTrack"].array().tolist() == batch.track.counts.tolist()
        px = tree["Track_px"].array()
        assert px.tolist() == ak.unflatten(batch.track["px"], batch.track.counts).tolist()


@pytest.mark.parametrize("root_format", FORMATS)
def test_file_explains_itself(tmp_path, root_format):
    metadata = {"seed": 3, "command": "simulate", "models": {"rich": "abc"}}
    path = write(tmp_path / "a.root", [make_batch([2])], root_format, metadata)
    assert read_provenance(path) == metadata
    stored = read_schema(path)
    assert stored["schema_version"] == schema.SCHEMA_VERSION
    assert stored["counters"]["Track"] == "nTrack"
    assert stored["branches"]["Track_px"] == {
        "table": "track", "name": "px", "unit": "MeV", "dtype": "float32", "doc": "momentum, x",
    }  # fmt: skip
    with uproot.open(path) as file:
        names = set(file["Events"].keys()) - set(stored["counters"].values())
        assert names == set(stored["branches"])
        assert json.loads(str(file["provenance"])) == metadata


@pytest.mark.filterwarnings("default")  # those of PyROOT are not ours
@pytest.mark.parametrize("root_format", FORMATS)
def test_rdataframe_reads_it(tmp_path, root_format):
    ROOT = pytest.importorskip("ROOT", reason="ROOT is not installed here")
    if root_format == "rntuple" and ROOT.gROOT.GetVersionInt() < 63600:
        pytest.skip("this ROOT is older than the final format of RNTuple")
    batch = make_batch([3, 0, 5, 1])
    path = write(tmp_path / "a.root", [batch], root_format)
    frame = ROOT.RDataFrame("Events", str(path))
    assert set(read_schema(path)["branches"]) <= {str(name) for name in frame.GetColumnNames()}
    frame = frame.Define("sum_px", "Sum(Track_px)").Define("n", "(int)Track_px.size()")
    frame = frame.Define("n_stable", "(int)Nonzero(GenPart_stable).size()")
    got = frame.AsNumpy(["eventNumber", "nTrack", "n", "sum_px", "n_stable"])
    track = batch.track
    assert got["eventNumber"].tolist() == batch.event["event_id"].tolist()
    assert got["nTrack"].tolist() == got["n"].tolist() == track.counts.tolist()
    assert got["n_stable"].sum() == batch.particle["mc_stable"].sum()
    sums = np.bincount(track.event_index, track["px"], minlength=len(batch))
    np.testing.assert_allclose(got["sum_px"], sums, atol=1e-4)
    assert frame.Filter("nTrack > 0").Count().GetValue() == np.count_nonzero(track.counts)


def test_equal_runs_give_equal_contents(tmp_path):
    paths = [write(tmp_path / f"{k}.root", [make_batch([4, 5])]) for k in range(2)]
    assert content_digest(paths[0]) == content_digest(paths[1])


def test_unknown_columns_are_left_out(tmp_path):
    batch = make_batch([2, 1]).with_columns("track", my_own=np.zeros(3))
    back = next(read_events(write(tmp_path / "a.root", [batch])))
    assert "my_own" not in back.track


def test_types_are_those_declared(tmp_path):
    batch = make_batch([2, 1])
    wide = batch.with_columns("track", eta=batch.track["eta"].astype(np.float64))
    back = next(read_events(write(tmp_path / "a.root", [wide])))
    assert back.track["eta"].dtype == np.float32


def test_nothing_is_left_after_an_error(tmp_path):
    path = tmp_path / "a.root"
    with pytest.raises(ValueError, match="oops"), EventWriter(path, metadata={}) as writer:
        writer.write(make_batch([2]))
        raise ValueError("oops")
    assert list(tmp_path.iterdir()) == []
    path.write_text("precious")
    with pytest.raises(KeyboardInterrupt), EventWriter(path, metadata={}, force=True):
        raise KeyboardInterrupt
    assert path.read_text() == "precious" and len(list(tmp_path.iterdir())) == 1


def test_wrong_output(tmp_path):
    with pytest.raises(OutputError, match="is a folder"):
        write(tmp_path, [make_batch([1])])
    with pytest.raises(OutputError, match="there is no folder"):
        write(tmp_path / "x" / "a.root", [make_batch([1])])
    with pytest.raises(OutputError, match="it can be ttree"):
        write(tmp_path / "a.root", [make_batch([1])], "csv")
    with pytest.raises(OutputError, match="no events"):
        write(tmp_path / "a.root", [])
    batch = make_batch([1])
    fewer = EventBatch({k: t for k, t in batch.tables.items() if k != "track"})
    with pytest.raises(SchemaError, match="other tables"):
        write(tmp_path / "a.root", [batch, fewer])
    assert list(tmp_path.iterdir()) == []


def test_choice_of_tables(tmp_path):
    path = write(tmp_path / "a.root", [make_batch([2, 1])])
    assert list(next(read_events(path, ["track"])).tables) == ["event", "track"]
    some = next(read_events(path, {"track": ["px", "cov01"]}))
    assert sorted(some.track.columns) == ["cov01", "px"]
    assert some.event["event_id"].tolist() == [0, 1]
    two = list(read_events([path, path]))
    assert len(two) == 2
    with pytest.raises(SchemaError, match="unknown table 'tracks'"):
        next(read_events(path, ["tracks"]))
    with pytest.raises(SchemaError, match="no column 'pp'"):
        next(read_events(path, {"track": ["pp"]}))


def foreign(path, branches):
    with uproot.recreate(path) as file:
        file.mktree("Events", {k: v.type.content for k, v in branches.items()})
        file["Events"].extend(branches)
    return path


def test_foreign_file(tmp_path):
    jagged = ak.Array([[1.0, 2.0], [], [3.0]])
    path = foreign(
        tmp_path / "a.root",
        {"Track_px": jagged, "Track_type": ak.values_astype(jagged, "int64"), "mine": jagged},
    )
    batch = next(read_events(path))
    assert batch.event["event_id"].tolist() == [0, 1, 2]
    assert batch.track["track_type"].tolist() == [1, 2, 3]
    assert batch.track["track_type"].dtype == np.int8
    with pytest.raises(SchemaError, match=r"lacks the branches Track_py"):
        next(read_events(path, {"track": ["px", "py"]}))
    with pytest.raises(SchemaError, match=r"no branch of table 'particle'"):
        next(read_events(path, ["particle"]))


@pytest.mark.parametrize(
    ("branches", "message"),
    [
        ({"Track_px": ak.Array([1.0, 2.0])}, "Track_px is not a jagged branch"),
        ({"eventNumber": ak.Array([[1], [2]])}, "eventNumber is not a plain branch"),
        ({"Track_type": ak.Array([[1.5], [2.0]])}, "Track_type is float64, not int8"),
        ({"Track_type": ak.Array([[1000], [2]])}, "do not fit int8"),
        (
            {"Track_px": ak.Array([[1.0], [2.0]]), "Track_py": ak.Array([[1.0], []])},
            "Track_py has another length",
        ),
    ],
)
def test_wrong_branches(tmp_path, branches, message):
    path = foreign(tmp_path / "a.root", branches)
    with pytest.raises(SchemaError, match=message):
        next(read_events(path))


def test_unreadable_files(tmp_path):
    with pytest.raises(SourceError, match="no such file"):
        next(read_events(tmp_path / "a.root"))
    (tmp_path / "a.root").write_bytes(b"root, but not really")
    with pytest.raises(SourceError, match="not a readable ROOT file"):
        next(read_events(tmp_path / "a.root"))
    with uproot.recreate(tmp_path / "b.root") as file:
        file["x"] = "text"
    with pytest.raises(SchemaError, match="has no tree 'Events'"):
        next(read_events(tmp_path / "b.root"))
    with pytest.raises(SchemaError, match="carries no provenance"):
        read_provenance(tmp_path / "b.root")
