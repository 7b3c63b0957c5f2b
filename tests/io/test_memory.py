"""Events in memory, of whatever kind and under whatever names: right tracks or a SchemaError."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pandas as pd
import pytest
import uproot
from chain_fakes import fake_stages, truth_events

from lamarr_like import schema
from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.errors import SchemaError
from lamarr_like.events import EventBatch, Table, concatenate
from lamarr_like.io.memory import read_memory
from lamarr_like.io.naming import may_hold_truth
from lamarr_like.io.ntuple import EventWriter, read_events
from lamarr_like.io.sources import open_source
from lamarr_like.io.truth import PARTICLE_COLUMNS
from lamarr_like.plugins import declare


@pytest.fixture(scope="module")
def chain():
    return Pipeline(fake_stages())


@pytest.fixture(scope="module")
def truth():
    batch = truth_events(6, seed=3, mean=20)
    event = {**batch.event.columns, "run_number": np.full(6, 7, np.int32)}
    return batch.with_table("event", Table(event, np.arange(7)))


@pytest.fixture(scope="module", params=["ttree", "rntuple"])
def file(request, truth, tmp_path_factory, chain):
    """A file as `simulate` writes it: truth and all that the chain makes."""
    path = tmp_path_factory.mktemp("memory") / f"{request.param}.root"
    with EventWriter(path, metadata={}, root_format=request.param) as writer:
        writer.write(chain(truth, seed=4))
    return path


def frames(batch):
    return {name: batch.to_pandas(name) for name in ("event", "vertex", "particle")}


def flat(batch):
    """One frame of particles, with what they know of event and collision."""
    frame = batch.to_pandas("particle")
    row = batch.vertex.offsets[batch.particle.event_index] + batch.particle["mc_pv_id"]
    for name in ("mc_x", "mc_y", "mc_z", "mc_t"):
        frame[name] = batch.vertex[name][row]
    for name in ("mc_weight", "run_number"):
        frame[name] = batch.event_column("particle", name)
    return frame


def exported(frame, table="particle"):
    names = {c.name: c.branch for c in schema.table_columns(table)} | {"event_id": "eventNumber"}
    return frame.rename(columns=names)


def columns(result, table):
    """Columns of a table of a result of whatever kind."""
    if isinstance(result, dict):
        return {k: result[table][k].to_numpy() for k in result[table] if k != "event_id"}
    array = result[table]
    return {k: ak.to_numpy(ak.flatten(array[k])) for k in array.fields}


def assert_tracks(result, expected):
    for table in ("track", "reco_vertex"):
        found = columns(result, table)
        for name, values in expected[table].columns.items():
            assert np.array_equal(found[name], values), (table, name)


def records(batch, flat_names):
    """Records that are called as the prefixes of the branches."""
    fields = {"eventNumber": batch.event["event_id"]}
    for table in ("particle", "vertex"):
        inner = {
            schema.column(table, k).export if flat_names else schema.column(table, k).branch: v
            for k, v in batch[table].columns.items()
        }
        counts = batch[table].counts
        fields[schema.EXPORT_PREFIX[table]] = ak.unflatten(ak.zip(inner), counts)
    return ak.zip(fields, depth_limit=1)


LISTS = {
    "own names": lambda b: b.to_awkward(),
    "records by prefix": lambda b: records(b, True),
    "records with branch names": lambda b: records(b, False),
    "dict of object arrays": lambda b: {
        "eventNumber": b.event["event_id"],
        **{
            schema.column(t, k).branch: np.array([*np.split(v, b[t].offsets[1:-1])], dtype=object)
            for t in ("particle", "vertex")
            for k, v in b[t].columns.items()
        },
    },
}

ROWS = {
    "dict of frames": frames,
    "dict of frames, exported": lambda b: {
        schema.EXPORT_PREFIX.get(k, k): exported(v, k) for k, v in frames(b).items()
    },
    "dict of dicts": lambda b: {k: {c: v[c].to_numpy() for c in v} for k, v in frames(b).items()},
}

ONE_FRAME = {
    "frame": flat,
    "frame, exported": lambda b: exported(flat(b)),
    "frame, indexed": lambda b: flat(b).set_index("event_id"),
    "frame, nullable": lambda b: flat(b).convert_dtypes(),
    "record array": lambda b: flat(b).to_records(index=False),
    "dict of arrays": lambda b: {k: v.to_numpy() for k, v in flat(b).items()},
    "dict of lists": lambda b: {k: v.tolist() for k, v in flat(b).items()},
    "flat awkward": lambda b: ak.zip({k: v.to_numpy() for k, v in flat(b).items()}),
}


@pytest.mark.parametrize("kind", [*LISTS, *ROWS])
def test_kinds_and_names(kind, chain, truth):
    given = (LISTS | ROWS)[kind](truth)
    result = chain(given, seed=4)
    assert isinstance(result, ak.Array if kind in LISTS else dict)
    assert_tracks(result, chain(truth, seed=4))


@pytest.mark.parametrize("kind", ONE_FRAME)
def test_one_table_of_particles(kind, chain, truth):
    """Events without particles are not in such a table, so one of them is missing."""
    full = np.flatnonzero(truth.particle.counts)
    result = chain(ONE_FRAME[kind](truth), seed=4)
    assert result["event"]["event_id"].tolist() == truth.event["event_id"][full].tolist()
    assert (result["event"]["run_number"] == 7).all()
    # A collision that made no particle is not there either, which changes the occupancy.
    assert np.array_equal(result["particle"]["mc_px"], truth.particle["mc_px"])
    again = chain(open_frame(flat(truth)), seed=4)
    assert_tracks(result, again)


def open_frame(frame):
    """Events of a frame, cut by hand."""
    ids, counts = np.unique(frame["event_id"], return_counts=True)
    names = [c.name for c in schema.table_columns("particle") if c.name in frame]
    particle = Table.from_counts({k: frame[k].to_numpy() for k in names}, counts)
    event = {"event_id": ids, "run_number": np.full(len(ids), 7, np.int32)}
    rows = []
    for _, one in frame.groupby("event_id"):
        n = one["mc_pv_id"].max() + 1
        for k in range(n):
            mine = one[one["mc_pv_id"] == k]
            place = (
                mine.iloc[0] if len(mine) else dict.fromkeys(("mc_x", "mc_y", "mc_z", "mc_t"), 0)
            )
            rows.append((k, *(place[a] for a in ("mc_x", "mc_y", "mc_z", "mc_t")), n))
    numbers = np.array(rows)
    vertex = dict(zip(("mc_pv_id", "mc_x", "mc_y", "mc_z", "mc_t"), numbers.T[:5], strict=True))
    vertex = {k: schema.as_declared("vertex", k, v) for k, v in vertex.items()}
    n_vertices = frame.groupby("event_id")["mc_pv_id"].max() + 1
    event["mc_weight"] = np.ones(len(ids))
    return EventBatch(
        {
            "event": Table(event, np.arange(len(ids) + 1)),
            "particle": particle,
            "vertex": Table.from_counts(vertex, n_vertices.to_numpy()),
        }
    )


@pytest.mark.parametrize("library", ["ak", "np", "some branches"])
def test_file_of_ours_read_back_by_uproot(file, library, chain):
    """The same tracks as the file holds, bit for bit, whatever else is read."""
    with uproot.open(file) as opened:
        tree = opened["Events"]
        if library == "some branches":
            names = [n for n in tree.keys() if "." not in n]  # noqa: SIM118
            given = tree.arrays([n for n in names if n.startswith(("GenP", "eventNumber"))])
        else:
            given = tree.arrays(library=library)
    (expected,) = read_events(file)
    result = chain(given, seed=4)
    assert_tracks(result, expected)


def test_defaults_are_those_of_files(tmp_path, truth):
    """What is left out is filled as `simulate` fills it in a table of the same content."""
    kept = ("event_id", "mc_pdg_id", "mc_px", "mc_py", "mc_pz", "mc_vx", "mc_vy", "mc_vz")
    frame = truth.to_pandas("particle")[list(kept)]
    forward = (frame["mc_pz"] > 3 * np.hypot(frame["mc_px"], frame["mc_py"]).abs()) & (
        frame["mc_pdg_id"].abs() != 130
    )
    frame = frame[forward].astype({"mc_px": "float32"}).reset_index(drop=True)
    frame.to_parquet(tmp_path / "t.parquet")
    expected = concatenate(open_source(str(tmp_path / "t.parquet"), n_events=None, seed=1))
    batch, is_flat = read_memory(frame)
    assert is_flat
    for table, names in (
        ("particle", PARTICLE_COLUMNS),
        ("vertex", ("mc_pv_id", "mc_x", "mc_y", "mc_z", "mc_t")),
        ("event", ("run_number", "mc_weight")),
    ):
        assert np.array_equal(batch[table].offsets, expected[table].offsets)
        for name in names:
            assert batch[table][name].dtype == expected[table][name].dtype
            assert np.array_equal(batch[table][name], expected[table][name]), name


def test_columns_of_the_user_stay(chain, truth):
    array = truth.to_awkward()
    array["particle", "mine"] = 2 * array.particle.mc_px
    array["lumi"] = np.arange(6)
    result = chain(array, seed=4)
    assert ak.all(result.particle.mine == 2 * array.particle.mc_px)
    assert result.lumi.tolist() == list(range(6))
    frame = flat(truth).assign(mine=3)
    assert (chain(frame, seed=4)["particle"]["mine"] == 3).all()


@pytest.mark.parametrize("kind", ["lists", "rows", "tables"])
def test_no_events(kind, chain, truth):
    given = {
        "lists": truth.to_awkward()[:0],
        "rows": flat(truth).iloc[:0],
        "tables": {k: v.iloc[:0] for k, v in frames(truth).items()},
    }[kind]
    result = chain(given, seed=4)
    assert len(result["track"]) == 0


def lists(truth, **changed):
    array = truth.to_awkward()
    for name, value in changed.items():
        array["particle", name] = value(array.particle) if callable(value) else value
    return array


def with_branches(truth, **changed):
    fields = {
        schema.column(t, k).branch: ak.unflatten(v, truth[t].counts)
        for t in ("particle", "vertex")
        for k, v in truth[t].columns.items()
    }
    return ak.zip({**fields, **{k: v(fields) for k, v in changed.items()}}, depth_limit=1)


BROKEN = {
    "a list": (lambda t: [1, 2], "a builtins.list cannot be read; give an awkward array"),
    "nothing": (lambda t: None, "cannot be read; give"),
    "no fields": (lambda t: ak.Array([]), "lacks the columns mc_pdg_id, .*GenPart_pdgId"),
    "an empty dict": (lambda t: {}, "lacks the columns mc_pdg_id"),
    "other names": (lambda t: ak.Array({"GenPart_pt": [[1.0]]}), "mc_px.*GenPart_pdgId"),
    "a misspelt table": (lambda t: {"particles": flat(t)}, "no table 'particle'; there are partic"),
    "no vertices": (
        lambda t: flat(t).drop(columns="mc_vx"),
        "lacks the columns mc_vx .or GenPart_",
    ),
    "no event": (lambda t: flat(t).drop(columns="event_id"), "needs the column event_id"),
    "no event in a table": (
        lambda t: {**frames(t), "vertex": t.to_pandas("vertex").drop(columns="event_id")},
        "table 'vertex' has no column 'event_id'",
    ),
    "not grouped": (lambda t: flat(t).iloc[::-1], "not grouped by 'event_id'.*sort_values"),
    "an unknown event": (
        lambda t: {**frames(t), "event": t.to_pandas("event").iloc[:3]},
        "has event_id 103, which table 'event' lacks",
    ),
    "an event twice": (
        lambda t: ak.with_field(t.to_awkward(), np.zeros(6, int), "event_id"),
        "event_id 0 is there twice",
    ),
    "words": (lambda t: flat(t).assign(mc_pdg_id="pi"), "mc_pdg_id .* has the type"),
    "floats for numbers": (
        lambda t: flat(t).astype({"mc_pdg_id": float}),
        "mc_pdg_id of table 'particle' has the type float64, not int32",
    ),
    "unsigned identifiers": (
        lambda t: flat(t).assign(mc_pdg_id=t.particle["mc_pdg_id"].astype("uint32")),
        "mc_pdg_id .* do not fit int32",
    ),
    "a flag of 2": (lambda t: flat(t).assign(mc_stable=2), "mc_stable .* do not fit bool"),
    "not a number": (
        lambda t: flat(t).assign(mc_vt=np.nan),
        "mc_vt is not finite: nan in event 100",
    ),
    "a negative energy": (lambda t: flat(t).assign(mc_energy=-1.0), "mc_energy is negative"),
    "a far mother": (lambda t: lists(t, mc_mother_id=9999), "mc_mother_id is no row .*event 100"),
    "its own mother": (
        lambda t: lists(t, mc_mother_id=lambda p: p.mcparticle_id),
        "mc_mother_id leads in a circle",
    ),
    "a far collision": (lambda t: lists(t, mc_pv_id=9), "mc_pv_id is no collision .*event 100"),
    "collisions unsaid": (
        lambda t: {**frames(t), "particle": t.to_pandas("particle").drop(columns="mc_pv_id")},
        "lacks the column mc_pv_id .or GenPart_pvIdx.",
    ),
    "a selection": (
        lambda t: ak.with_field(
            t.to_awkward(), lists(t).particle[lists(t).particle.mc_pz > 0], "particle"
        ),
        "mcparticle_id does not count the rows of the event",
    ),
    "missing values": (
        lambda t: with_branches(
            t, GenPart_px=lambda f: ak.mask(f["GenPart_px"], f["GenPart_px"] > 0)
        ),
        "column mc_px has a missing value",
    ),
    "missing lists": (
        lambda t: with_branches(t, GenPart_px=lambda f: ak.mask(f["GenPart_px"], np.arange(6) < 4)),
        "mc_px .its lists. has a missing value in row 4",
    ),
    "masked values": (
        lambda t: {
            k: np.ma.masked_array(v.to_numpy(), mask=np.arange(len(v)) == 3)
            for k, v in flat(t).items()
        },
        "has a missing value in row 3",
    ),
    "numbers and lists": (
        lambda t: with_branches(
            t, GenPart_px=lambda f: ak.concatenate([f["GenPart_px"][:3], np.zeros(3)])
        ),
        "column",
    ),
    "another length": (
        lambda t: with_branches(t, GenPart_py=lambda f: f["GenPart_py"][:, :1]),
        "mc_py has 1 entries in event 0 of the array, mc_px has",
    ),
    "a column twice": (
        lambda t: flat(t).assign(GenPart_px=1.0),
        "mc_px and GenPart_px are the same column",
    ),
    "a weight that changes": (
        lambda t: flat(t).assign(mc_weight=np.arange(len(t.particle), dtype=float)),
        "column mc_weight changes within an event",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_wrong_is_said(what, chain, truth):
    make, message = BROKEN[what]
    with pytest.raises(SchemaError, match=r"(?s)" + message):
        chain(make(truth), seed=4)


def test_batches_and_their_frames(truth):
    again = EventBatch.from_pandas(**{name: truth.to_pandas(name) for name in truth.tables})
    for name, table in truth.tables.items():
        assert np.array_equal(again[name].offsets, table.offsets)
        assert all(np.array_equal(again[name][k], v) for k, v in table.columns.items())
    # Rows of events in the order of the event frame, whatever their numbers.
    event = pd.DataFrame({"event_id": [5, 2]})
    batch = EventBatch.from_pandas(
        event=event, particle=pd.DataFrame({"event_id": [5, 5, 2], "x": 1})
    )
    assert batch.particle.counts.tolist() == [2, 1]
    with pytest.raises(SchemaError, match="event_id 3, which table 'event' lacks"):
        EventBatch.from_pandas(event=event, particle=pd.DataFrame({"event_id": [3], "x": 1}))
    with pytest.raises(SchemaError, match="field 'GenPart_px' is no column of the event"):
        EventBatch.from_awkward(ak.Array({"GenPart_px": [[1.0], [2.0, 3.0]]}))


def test_columns_declared_later_are_known(monkeypatch):
    monkeypatch.setattr(schema, "COLUMNS", dict(schema.COLUMNS))
    assert not may_hold_truth("GenPart_spin")
    declare(schema.Column("particle", "spin", "", "float32", "its spin", "spin"))
    assert may_hold_truth("GenPart_spin")
