"""All generator weights with their names, and the generator's event numbers, through a run."""

from __future__ import annotations

import json

import awkward as ak
import numpy as np
import pandas as pd
import pytest
from hepmc_samples import write_sample

from lamarr_like import schema
from lamarr_like.distributed.merge import merge_parts
from lamarr_like.errors import BadEventError, SchemaError, SourceError
from lamarr_like.events import concatenate, rebatch
from lamarr_like.io.ntuple import EventWriter, read_events
from lamarr_like.io.ntuple_reader import read_weight_names
from lamarr_like.io.sources import open_source
from lamarr_like.io.weights import WeightNames
from lamarr_like.runs.oversampling import oversampled


def write(path, version, events, names=None, first=0):
    """Events of one pion with these weights, by pyhepmc, the reference for the format."""
    import pyhepmc

    info = pyhepmc.GenRunInfo()
    if names is not None:
        info.weight_names = list(names)
    with pyhepmc.open(str(path), "w", format=None if version == 3 else "hepmc2") as file:
        for k, weights in enumerate(events):
            event = pyhepmc.GenEvent(pyhepmc.Units.GEV, pyhepmc.Units.MM)
            event.run_info = info
            event.event_number = first + k
            vertex = pyhepmc.GenVertex((0.0, 0.0, 10.0, 0.0))
            vertex.add_particle_in(pyhepmc.GenParticle((0, 0, 6500, 6500.1), 2212, 4))
            vertex.add_particle_out(pyhepmc.GenParticle((0.3, 0.1, 5.0, 5.02), 211, 1))
            event.add_vertex(vertex)
            event.weights = list(weights)
            file.write(event)
    return path


def read(text, **options):
    source = open_source(str(text), n_events=options.pop("n_events", None), seed=1, **options)
    return source, concatenate(list(source))


def named(source, batch):
    """Weights by name, for each event."""
    names, table = source.weight_names, batch["weight"]
    pairs = [(names[i], v) for i, v in zip(*table.columns.values(), strict=True)]
    return [dict(pairs[a:b]) for a, b in zip(table.offsets[:-1], table.offsets[1:], strict=True)]


NAMES = ("nominal", "muR=0.5 muF=2", 'odd "name"', "c|d\\e")
EVENTS = [(0.5 + k, 1.0 + k, -2.0 * k, 1e-300) for k in range(5)]


@pytest.mark.parametrize("version", [2, 3])
def test_all_weights_have_their_names(tmp_path, version):
    source, batch = read(write(tmp_path / "a", version, EVENTS, NAMES, first=17))
    assert source.weight_names == list(NAMES)
    assert named(source, batch) == [dict(zip(NAMES, w, strict=True)) for w in EVENTS]
    assert batch.event["mc_weight"].tolist() == [w[0] for w in EVENTS]
    assert batch.event["generator_event"].tolist() == list(range(17, 22))
    assert batch.event["event_id"].tolist() == list(range(5))
    source, batch = read(f"{tmp_path / 'a'}?weights=first")
    assert named(source, batch) == [{"nominal": w[0]} for w in EVENTS]


@pytest.mark.parametrize("version", [2, 3])
def test_weights_without_names_are_numbered(tmp_path, version):
    source, batch = read(write(tmp_path / "a", version, [(3.0,), (4.0,)]))
    assert named(source, batch) == [{"0": 3.0}, {"0": 4.0}]


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("ends", [True, False])
def test_joined_files_keep_their_weights(tmp_path, version, ends):
    """Also with other names, and where the line that ends the first listing was cut off."""
    one = write(tmp_path / "1", version, [(0.25, 0.5), (1.25, 0.6)], ["a", "b"]).read_bytes()
    two = write(tmp_path / "2", version, [(0.75, 9.0), (1.75, 8.0)], ["a", "c"]).read_bytes()
    if not ends:
        one = one[: one.index(b"-END_") - len(b"HepMC::Asciiv3")]
        one = one[: one.rindex(b"\n") + 1]
    path = tmp_path / "both"
    path.write_bytes(one + two)
    source, batch = read(path)
    assert batch.event["mc_weight"].tolist() == [0.25, 1.25, 0.75, 1.75]
    assert named(source, batch) == [
        *({"a": 0.25, "b": 0.5}, {"a": 1.25, "b": 0.6}),
        *({"a": 0.75, "c": 9.0}, {"a": 1.75, "c": 8.0}),
    ]
    # As two files.
    assert named(*read(f"{tmp_path / '1'},{tmp_path / '2'}")) == named(source, batch)


def test_versions_joined_in_one_file(tmp_path):
    two = write_sample(tmp_path / "2", 2, version=2).read_bytes()
    three = write_sample(tmp_path / "3", 2, version=3).read_bytes()
    path = tmp_path / "both"
    path.write_bytes(two + three)
    with pytest.raises(BadEventError, match="event 2: HepMC2 and HepMC3 are joined"):
        read(path)
    source, batch = read(path, skip_bad=True)
    assert len(batch) == 2 and len(source.skipped) == 1


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e400"])
@pytest.mark.parametrize("version", [2, 3])
def test_a_weight_that_is_no_number(tmp_path, version, value):
    path = write(tmp_path / "a", version, EVENTS, NAMES)
    old = "3.0000000000000000" if version == 2 else "3.0000000000000000000000e+00"
    text = path.read_text()
    assert text.count(old) == 1  # the second weight of event 2
    path.write_text(text.replace(old + "e+00" * (version == 2), value).replace(old, value))
    with pytest.raises(BadEventError, match=r"a, GenEvent 2, event 2: weight 1 \('muR=0.5") as e:
        read(path)
    assert "mc_weight = " in str(e.value)
    source, batch = read(path, skip_bad=True)
    assert batch.event["generator_event"].tolist() == [0, 1, 3, 4]
    assert [k for k, _ in source.skipped] == [2]


def test_names_that_do_not_fit(tmp_path):
    path = write(tmp_path / "a", 3, EVENTS, NAMES)
    path.write_text(path.read_text().replace("W nominal", "W extra\\|nominal"))
    source, batch = read(path)
    assert named(source, batch)[1] == dict(zip("0123", EVENTS[1], strict=True))
    assert "5 names for 4 weights" in str(source.notes)


def test_counts_of_weights(tmp_path):
    path = write(tmp_path / "a", 2, EVENTS, NAMES)
    text = path.read_text()
    for old, new, message in (
        (" 0 4 5.0", " 0 5 5.0", "announces 5 weights and has 4"),
        (" 0 4 5.0", " 0 -4 5.0", "a count is -4"),
        (" 0 4 5.0", " 0 99999999 5.0", "announces 99999999 weights, more than 10000"),
        (" 0 4 5.0", " -1 4 5.0", "a count is -1"),
    ):
        path.write_text(text.replace(old, new, 1))
        with pytest.raises(BadEventError, match=message):
            read(path)


def test_too_many_names():
    known = WeightNames("a.hepmc")
    known.ids(tuple(map(str, range(9000))))
    with pytest.raises(SourceError, match=r"a.hepmc: weights have more than 10000 names"):
        known.ids(tuple(map(str, range(9000, 10001))))


@pytest.mark.parametrize("kind", ["ttree", "rntuple"])
def test_weights_through_a_file_and_back(tmp_path, kind):
    source, batch = read(write(tmp_path / "a", 3, EVENTS, NAMES, first=30))
    path = tmp_path / "a.root"
    with EventWriter(
        path, metadata={}, root_format=kind, weight_names=source.weight_names
    ) as writer:
        for part in rebatch(iter([batch]), 2):
            writer.write(part)
    assert read_weight_names(path) == NAMES
    again, back = read(path)
    assert named(again, back) == named(source, batch)
    assert back.event["generator_event"].tolist() == list(range(30, 35))
    many = oversampled(batch, 2)
    assert many["weight"].counts.tolist() == [4] * 10
    assert many["weight"]["mc_weight_value"][:8].tolist() == [0.25, 0.5, 0.0, 5e-301] * 2
    assert many.event["generator_event"].tolist() == [k for k in range(30, 35) for _ in range(2)]
    # Embedding adds particles and nothing else.
    assert named(*read(f"{tmp_path / 'a'}+gun:mu-?p=5")) == named(source, batch)


def test_parts_with_other_names_are_merged(tmp_path):
    parts = []
    for k, names in enumerate((("a", "b"), ("b", "c"), ("a", "b"))):
        source, batch = read(write(tmp_path / f"{k}", 3, [(k + 1.0, k + 0.5)], names))
        parts.append(tmp_path / f"{k}.root")
        with EventWriter(parts[-1], metadata={}, weight_names=source.weight_names) as writer:
            writer.write(batch)
    merge_parts(parts, tmp_path / "all.root", {})
    assert read_weight_names(tmp_path / "all.root") == ("a", "b", "c")
    (batch,) = read_events(tmp_path / "all.root")
    assert batch["weight"]["mc_weight_id"].tolist() == [0, 1, 1, 2, 0, 1]
    assert batch["weight"]["mc_weight_value"].tolist() == [1.0, 0.5, 2.0, 1.5, 3.0, 2.5]
    found = named(*read(tmp_path / "all.root"))
    assert found == [{"a": 1.0, "b": 0.5}, {"b": 2.0, "c": 1.5}, {"a": 3.0, "b": 2.5}]


def test_damaged_names_in_a_file(tmp_path):
    _, batch = read(write(tmp_path / "a", 3, EVENTS, NAMES))
    path = tmp_path / "a.root"
    for names in (["a"], [1, 2, 3, 4], "nominal", {"a": 1}, None):
        with EventWriter(path, metadata={"weight_names": names}, force=True) as writer:
            writer.write(batch)
        with pytest.raises(SchemaError, match="weight_names"):
            read(path)


def columns(n=3):
    one = np.ones(n)
    frame = dict.fromkeys(("mc_px", "mc_py", "mc_vx", "mc_vy", "mc_vz"), one)
    return {"mc_pdg_id": np.full(n, 211), "mc_pz": 9e3 * one, **frame}


def test_weights_of_jagged_tables(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    # An event without particles has its number and weights, too.
    lists = {k: ak.unflatten(v, [2, 0, 1]) for k, v in columns().items()}
    lists |= {"mc_weight_value": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], "event_id": [7, 9, 8]}
    table = pa.table({k: ak.to_arrow(ak.Array(v), extensionarray=False) for k, v in lists.items()})
    path = tmp_path / "a.parquet"
    pq.write_table(table, path)
    source, batch = read(path)
    assert named(source, batch)[1] == {"0": 3.0, "1": 4.0}
    assert batch.event["generator_event"].tolist() == [7, 9, 8]
    assert batch.event["mc_weight"].tolist() == [1.0, 3.0, 5.0]
    names = {"weight_names": json.dumps(["up", "down"])}
    pq.write_table(table.replace_schema_metadata(names), path)
    assert named(*read(path))[2] == {"up": 5.0, "down": 6.0}
    pq.write_table(table.replace_schema_metadata({"weight_names": "[1]"}), path)
    with pytest.raises(SchemaError, match="weight_names is no list"):
        read(path)


BAD = {
    "mc_weight": (np.nan, "weight 0: mc_weight = nan"),
    "mc_pdg_id": (2**40, "mc_pdg_id = 1099511627776, which does not fit 32 bits"),
    "mc_status": (2**31, "mc_status = 2147483648, which does not fit 32 bits"),
    "mc_pz": (1e20, "mc_pz = 1e+20, beyond 1e+10"),
    "mc_vt": (np.inf, "mc_vt = inf"),
    "mc_x": (np.nan, "a collision has mc_x = nan"),
    "mc_t": (1e20, "a collision has mc_t = 1e+20"),
    "mc_energy": (10.0, "mc_energy = 10.0, less than its momentum"),
    "mc_stable": (7, "mc_stable is neither 0 nor 1"),
    "mc_pv_id": (np.uint64(2**64 - 1), "mc_pv_id is no whole number of 64 bits"),
}


@pytest.mark.parametrize("column", BAD)
def test_values_that_no_event_has(tmp_path, column):
    """Of every truth column, not only of those that a stage asks for."""
    value, message = BAD[column]
    n = 6
    frame = pd.DataFrame(columns(n)).assign(event_id=np.arange(n) // 2)
    for name in ("mc_x", "mc_y", "mc_z", "mc_t", "mc_vt"):
        frame[name] = 1.0
    kind = np.float64 if isinstance(value, float) else type(value)
    defaults = {"mc_energy": 9001.0, "mc_weight": 1.0, "mc_stable": 1, "mc_status": 1}
    filled = frame[column] if column in frame else np.full(n, defaults.get(column, 0))
    frame[column] = np.asarray(filled).astype(np.int64 if kind is int else kind)
    frame.loc[2, column] = value
    frame.to_parquet(tmp_path / "a")
    with pytest.raises(BadEventError, match="event 1: ") as caught:
        read(tmp_path / "a")
    assert message in str(caught.value)
    source, batch = read(tmp_path / "a", skip_bad=True)
    assert batch.event["event_id"].tolist() == [0, 2] and len(source.skipped) == 1


def test_casts_that_would_wrap_around():
    good = np.array([1, -(2**31), 2**31 - 1])
    assert schema.as_declared("particle", "mc_pdg_id", good).dtype == np.int32
    for values in (
        np.array([2**31]),
        np.array([2**63], dtype=np.uint64),
        np.array([np.nan]),
        np.array([-3e9]),
    ):
        with pytest.raises(schema.SchemaError, match=r"particle.mc_pdg_id = .* does not fit int32"):
            schema.as_declared("particle", "mc_pdg_id", values)
    with pytest.raises(schema.SchemaError, match="does not fit float32"):
        schema.as_declared("track", "px", np.array([1e300]))
    assert schema.as_declared("event", "event_id", np.array([2.0**62]))[0] == 2**62
    with pytest.raises(schema.SchemaError, match="does not fit int64"):
        schema.as_declared("event", "event_id", np.array([2.0**63]))
    for dtype in (np.float32, np.float64):
        with pytest.raises(schema.SchemaError, match="does not fit int32"):
            schema.as_declared("particle", "mc_pdg_id", np.array([2.0**31], dtype))
        assert schema.as_declared("particle", "mc_pdg_id", np.array([-(2.0**31)], dtype))[0] < 0


@pytest.mark.parametrize(
    ("table", "column", "value", "message"),
    [
        ("vertex", "mc_z", np.nan, "a collision has mc_z = nan"),
        ("vertex", "mc_pv_id", 5, "mc_pv_id does not count the collisions"),
        ("particle", "mc_pv_id", 5, "mc_pv_id is no number of a collision"),
        ("weight", "mc_weight_value", np.inf, "weight 0 .'nominal'.: mc_weight = inf"),
    ],
)
def test_our_own_files_are_checked_too(tmp_path, table, column, value, message):
    source, batch = read(write(tmp_path / "a", 3, EVENTS, NAMES))
    values = batch[table][column].copy()
    values[batch[table].offsets[2]] = value
    changed = batch.with_columns(table, **{column: values})
    with EventWriter(tmp_path / "a.root", metadata={}, weight_names=source.weight_names) as writer:
        writer.write(changed)
    with pytest.raises(BadEventError, match=f"event 2: {message}"):
        read(tmp_path / "a.root")
    _, batch = read(tmp_path / "a.root", skip_bad=True)
    assert batch.event["event_id"].tolist() == [0, 1, 3, 4]
