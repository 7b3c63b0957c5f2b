"""Columns whose rows hold arrays: in memory, in files of both kinds, and in the wrong shape."""

import awkward as ak
import numpy as np
import pytest
import uproot
from chain_fakes import truth_events

from lamarr_like import plugins, schema
from lamarr_like.chain.pipeline import check_finite
from lamarr_like.errors import SchemaError
from lamarr_like.events import EventBatch, Table, concatenate, rebatch
from lamarr_like.io.digest import ContentHash
from lamarr_like.io.memory import read_memory
from lamarr_like.io.ntuple import EventWriter, content_digest, read_events, read_schema
from lamarr_like.io.truth import select_events
from lamarr_like.runs.oversampling import oversampled

IMAGE = schema.Column("particle", "image", "MeV", "float32", "an image", "image", (3, 2))
CODES = schema.Column("vertex", "codes", "", "int8", "some codes", "codes", (4,))
MAP = schema.Column("event", "map", "", "float64", "a map", "someMap", (2, 2))
OURS = (IMAGE, CODES, MAP)


@pytest.fixture(autouse=True)
def declared(monkeypatch):
    monkeypatch.setattr(schema, "COLUMNS", dict(schema.COLUMNS))
    plugins.declare(*OURS)


@pytest.fixture
def batch():
    """Events of different lengths, every number of them another one."""
    batch = truth_events(25, seed=3)
    empty = np.arange(len(batch)) % 7 == 3  # some events without a particle
    particle = batch.particle.select(~empty[batch.particle.event_index])
    batch = batch.with_table("particle", particle)
    for c in OURS:
        n = len(batch[c.table])
        values = np.arange(n * c.size).reshape(n, *c.shape) % 120
        batch = batch.with_columns(c.table, **{c.name: values.astype(c.dtype)})
    return batch


def assert_same(one, two):
    assert list(one.tables) == list(two.tables)
    for name, table in one.tables.items():
        np.testing.assert_array_equal(table.offsets, two[name].offsets)
        for column, values in table.columns.items():
            np.testing.assert_array_equal(values, two[name][column], err_msg=column)
            assert values.dtype == two[name][column].dtype


def test_cutting_and_joining(batch):
    assert_same(concatenate(list(rebatch([batch, batch], 4))), concatenate([batch, batch]))
    mask = np.arange(len(batch)) % 3 != 0
    kept = select_events(batch, mask)
    assert kept.particle["image"].shape == (len(kept.particle), 3, 2)
    pieces = [batch.events(k, k + 1) for k in np.flatnonzero(mask)]
    assert_same(kept, concatenate(pieces))
    twice = oversampled(batch, 2)
    assert_same(select_events(batch, mask).with_table("event", kept.event), kept)
    np.testing.assert_array_equal(twice.event["map"][::2], batch.event["map"])
    first = select_events(twice, np.arange(len(twice)) % 2 == 0)
    np.testing.assert_array_equal(first.particle["image"], batch.particle["image"])


def test_awkward_and_pandas(batch):
    array = batch.to_awkward()
    assert str(array.particle.image.type.content.content) == "3 * 2 * float32"
    back = EventBatch.from_awkward(array)
    assert_same(back, EventBatch({k: batch[k] for k in back.tables}))
    frames = {name: batch.to_pandas(name) for name in batch.tables}
    assert frames["particle"]["image"][0].shape == (3, 2)
    back = EventBatch.from_pandas(**frames)
    assert_same(back, EventBatch({k: batch[k] for k in back.tables}))


@pytest.mark.parametrize("root_format", ["ttree", "rntuple"])
def test_files(tmp_path, batch, root_format):
    path = tmp_path / "a.root"
    told = ContentHash()
    with EventWriter(path, metadata={}, root_format=root_format) as writer:
        for part in rebatch([batch], 10):
            writer.write(part)
            writer._flush()  # as for many events
            told.update(part)
    back = concatenate(list(read_events(path, step_size=7)))
    assert_same(EventBatch({k: batch[k] for k in back.tables}), back)
    assert content_digest(path) == told.hexdigest()
    about = read_schema(path)["branches"]
    assert about["GenPart_image"]["shape"] == [3, 2] and "shape" not in about["GenPart_px"]
    with uproot.open(path) as file:
        particle, event = file["Events"]["GenPart_image"].array(), file["Events"]["someMap"].array()
    assert str(event.type) == "25 * 2 * 2 * float64"
    if root_format == "rntuple":
        assert str(particle.type) == "25 * var * 3 * 2 * float32"
    else:  # uproot cannot write jagged branches with inner axes; ours has its own counter
        assert ak.num(particle).tolist() == (6 * batch.particle.counts).tolist()


def test_digest_sees_values_and_lengths(batch):
    def digest(changed):
        told = ContentHash()
        told.update(changed)
        return told.hexdigest()

    values = batch.particle["image"].copy()
    values[-1, 2, 1] += 1
    assert digest(batch) != digest(batch.with_columns("particle", image=values))
    assert digest(batch) == digest(batch.with_columns("particle", image=batch.particle["image"]))


def test_wrong_shapes_are_refused(batch):
    n = len(batch.particle)
    for shape in ((n,), (n, 2, 3), (n, 3, 2, 1)):
        with pytest.raises(SchemaError, match=r"particle.image has the shape .*, not \(n, 3, 2\)"):
            batch.with_columns("particle", image=np.zeros(shape, np.float32))
    with pytest.raises(SchemaError, match=r"event.mc_weight has the shape \(25, 2\), not \(n,\)"):
        batch.with_columns("event", mc_weight=np.zeros((25, 2)))
    with pytest.raises(SchemaError, match=r"not \(n, 4\); it is some codes"):
        schema.as_declared("vertex", "codes", np.zeros((2, 3)))
    ragged = ak.Array([[{"image": [1.0]}, {"image": [1.0, 2.0]}]])
    with pytest.raises(SchemaError, match="'particle' is no table of columns"):
        EventBatch.from_awkward(ak.zip({"particle": ragged}, depth_limit=1))
    frame = batch.to_pandas("particle")
    frame.at[1, "image"] = np.zeros(3)
    with pytest.raises(SchemaError, match="particle.image: the arrays of its rows differ"):
        EventBatch.from_pandas(particle=frame)
    for shape in ([3], (0,), (True,), (-1, 2), 3):
        bad = schema.Column("track", "bad", "", "int8", "bad", "bad", shape)
        with pytest.raises(SchemaError, match="no tuple of positive whole numbers"):
            plugins.declare(bad)
    other = schema.Column("particle", "image", "MeV", "float32", "an image", "image", (2, 3))
    with pytest.raises(SchemaError, match="another meaning"):
        plugins.declare(other)


@pytest.mark.parametrize(
    ("branch", "values", "message"),
    [
        (
            "GenPart_image",
            [[0.0] * 6, [0.0] * 7],
            "1 numbers behind the last whole row",
        ),
        ("GenPart_image", [0.0, 1.0], r"is not a jagged branch of arrays of shape \(3, 2\)"),
        ("someMap", [[1.0], [2.0]], r"is not a plain branch of arrays of shape \(2, 2\)"),
        ("someMap", np.zeros((2, 3, 2)), r"event.map has the shape \(2, 3, 2\), not \(n, 2, 2\)"),
        ("GenPart_px", np.zeros((2, 3, 2)), "is not a jagged branch of numbers"),
    ],
)
def test_files_of_other_shapes(tmp_path, branch, values, message):
    with uproot.recreate(tmp_path / "a.root") as file:
        array = values if isinstance(values, np.ndarray) else ak.Array(values)
        file.mkrntuple("Events", {branch: ak.Array(array).type.content}).extend(
            {branch: ak.Array(array)}
        )
    with pytest.raises(SchemaError, match=message):
        list(read_events(tmp_path / "a.root"))


def test_numbers_that_are_not_finite(batch):
    values = batch.particle["image"].copy()
    values[5, 1, 1] = np.nan
    event = batch.event_ids("particle")[5]
    with pytest.raises(SchemaError, match=f"image is nan in event {event}"):
        check_finite(batch.with_columns("particle", image=values), {("particle", "image")}, "x")


def test_a_table_of_arrays_alone(tmp_path, batch):
    alone = EventBatch(
        {
            "event": Table({"event_id": batch.event["event_id"]}, batch.event.offsets),
            "particle": Table({"image": batch.particle["image"]}, batch.particle.offsets),
        }
    )
    for root_format in ("ttree", "rntuple"):
        path = tmp_path / f"{root_format}.root"
        with EventWriter(path, metadata={}, root_format=root_format) as writer:
            writer.write(alone)
        assert_same(concatenate(list(read_events(path))), alone)
        assert read_schema(path)["branches"].keys() == {"eventNumber", "GenPart_image"}
        told = ContentHash()
        told.update(alone)
        assert content_digest(path) == told.hexdigest()


def test_given_in_memory(batch):
    """Columns of events and collisions come in; those of particles that no source has do not."""
    tables = ("event", "vertex", "particle")
    given = EventBatch({name: batch[name] for name in tables})
    frames = {name: given.to_pandas(name) for name in tables}
    for events in (given.to_awkward(), frames):
        found, _ = read_memory(events)
        np.testing.assert_array_equal(found.vertex["codes"], batch.vertex["codes"])
        np.testing.assert_array_equal(found.event["map"], batch.event["map"])
        assert "image" not in found.particle
    wrong = {**frames, "vertex": frames["vertex"].assign(codes=1)}
    with pytest.raises(SchemaError, match="codes has lists, where arrays of 1 axes are wanted"):
        read_memory(wrong)
    wrong["vertex"] = frames["vertex"].assign(codes=list(batch.vertex["codes"][:, :2]))
    with pytest.raises(SchemaError, match=r"vertex.codes has the shape .*, not \(n, 4\)"):
        read_memory(wrong)
