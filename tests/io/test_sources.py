from __future__ import annotations

import awkward as ak
import numpy as np
import pandas as pd
import pytest
import uproot
from hepmc_samples import write_sample
from places import SHARED

from lamarr_like import schema
from lamarr_like.errors import BadEventError, SchemaError, SourceError
from lamarr_like.events import concatenate
from lamarr_like.io.ntuple import EventWriter
from lamarr_like.io.selection import RawTruth, is_particle, nearest, select_particles
from lamarr_like.io.sources import open_source
from lamarr_like.io.truth import PARTICLE_COLUMNS, VERTEX_COLUMNS, parse_range, split_options

DATA = SHARED / "data" / "lhcb2016"


def read(source, **options):
    opened = open_source(str(source), n_events=options.pop("n_events", None), seed=1, **options)
    return opened, concatenate(list(opened))


@pytest.fixture
def truth(tmp_path):
    return read(write_sample(tmp_path / "truth.hepmc", 6))[1]


def assert_same_particles(a, b):
    for table in ("vertex", "particle"):
        assert np.array_equal(a[table].offsets, b[table].offsets)
        for name, values in a[table].columns.items():
            assert np.array_equal(values, b[table][name]), name


def test_every_source_fills_the_same_columns(truth):
    gun = next(iter(open_source("gun:pi+", n_events=2, seed=1)))
    for batch in (truth, gun):
        assert tuple(batch.particle.columns) == PARTICLE_COLUMNS
        assert tuple(batch["vertex"].columns) == VERTEX_COLUMNS
        for name, table in batch.tables.items():
            for column, values in table.columns.items():
                assert values.dtype == schema.column(name, column).dtype


@pytest.mark.parametrize("root_format", ["ttree", "rntuple"])
def test_our_own_ntuple_is_a_source(tmp_path, truth, root_format):
    path = tmp_path / "own.root"
    with EventWriter(path, metadata={}, root_format=root_format) as writer:
        writer.write(truth)
    _, back = read(path)
    assert_same_particles(truth, back)
    assert np.array_equal(back.event["mc_weight"], truth.event["mc_weight"])
    other = tmp_path / "other.root"
    other.write_bytes(path.read_bytes())
    _, two = read(f"{path},{other}", n_events=9)
    assert two.event["event_id"].tolist() == list(range(9))


def as_frame(batch):
    frame = batch.to_pandas("particle")
    row = batch["vertex"].offsets[batch.particle.event_index] + batch.particle["mc_pv_id"]
    for name in ("mc_x", "mc_y", "mc_z", "mc_t"):
        frame[name] = batch["vertex"][name][row]
    frame["mc_weight"] = batch.event_column("particle", "mc_weight")
    return frame


def test_flat_parquet(tmp_path, truth, monkeypatch):
    path = tmp_path / "flat"
    as_frame(truth).to_parquet(path)
    assert_same_particles(truth, read(path)[1])
    # Events that lie across the parts that are read at a time stay whole.
    monkeypatch.setattr("lamarr_like.io.tables.source.STEP_ROWS", 4)
    back = read(path)[1]
    assert_same_particles(truth, back)
    assert np.array_equal(back.event["mc_weight"], truth.event["mc_weight"])


def test_jagged_parquet(tmp_path, truth):
    path = tmp_path / "jagged.parquet"
    columns = {k: ak.unflatten(v, truth.particle.counts) for k, v in truth.particle.columns.items()}
    ak.to_parquet(ak.zip(columns, depth_limit=1), path)
    assert_same_particles(truth, read(path)[1])


def jagged_tables(truth):
    """The same events in the layouts that others write."""
    names = {t: schema.EXPORT_PREFIX[t] for t in ("particle", "vertex")}
    branches, exported, own = {}, {}, {}
    for table, prefix in names.items():
        columns, counts = truth[table].columns, truth[table].counts
        inner = {schema.column(table, k): v for k, v in columns.items()}
        branches |= {c.branch: ak.unflatten(v, counts) for c, v in inner.items()}
        exported[prefix] = ak.unflatten(ak.zip({c.export: v for c, v in inner.items()}), counts)
        own[table] = ak.unflatten(ak.zip({c.name: v for c, v in inner.items()}), counts)
    event = {"genWeight": truth.event["mc_weight"]}
    return {
        "branches": ak.zip({**branches, **event}, depth_limit=1),
        "records by prefix": ak.zip({**exported, **event}, depth_limit=1),
        "records by table": ak.zip({**own, **event}, depth_limit=1),
    }


@pytest.mark.parametrize("layout", ["branches", "records by prefix", "records by table"])
@pytest.mark.parametrize("kind", ["parquet", "small lists", "root"])
def test_jagged_layouts(tmp_path, truth, layout, kind):
    """Names of branches, records, and a table of collisions beside the particles."""
    path, array = tmp_path / "t", jagged_tables(truth)[layout]
    if kind == "root":
        if layout != "branches":
            pytest.skip("uproot makes branches of records")
        with uproot.recreate(path) as file:
            file["tree"] = {k: array[k] for k in array.fields}
    else:
        ak.to_parquet(array, path, list_to32=kind == "small lists")
    batch = read(path)[1]
    assert_same_particles(truth, batch)
    for name in ("mc_pv_id", "mc_x", "mc_y", "mc_z", "mc_t"):
        assert np.array_equal(batch.vertex[name], truth.vertex[name])
    assert np.array_equal(batch.event["mc_weight"], truth.event["mc_weight"])


def test_jagged_collisions_that_do_not_fit(tmp_path, truth):
    array = jagged_tables(truth)["branches"]
    path = tmp_path / "t.parquet"
    ak.to_parquet(array[[f for f in array.fields if f != "GenPart_pvIdx"]], path)
    if (truth.vertex.counts > 1).any():
        with pytest.raises(SchemaError, match="lacks the column mc_pv_id .or GenPart_pvIdx."):
            read(path)
    ak.to_parquet(array[[f for f in array.fields if f != "GenPV_z"]], path)
    with pytest.raises(SchemaError, match="table 'vertex' lacks the columns mc_z"):
        read(path)
    array["GenPart_pvIdx"] = array["GenPart_pvIdx"] + 50
    ak.to_parquet(array, path)
    with pytest.raises(BadEventError, match="mc_pv_id is no number of a collision"):
        read(path)
    both = ak.with_field(jagged_tables(truth)["branches"], array.GenPart_px, "mc_px")
    ak.to_parquet(both, path)
    with pytest.raises(SchemaError, match="are the same column"):
        read(path)


@pytest.mark.parametrize("kind", ["parquet", "root"])
def test_foreign_names_are_answered_with_those_that_are_read(tmp_path, kind):
    path = tmp_path / "t"
    array = ak.Array({"MCParticle_PX": [[1.0], [2.0, 3.0]], "MCParticle_ID": [[13], [13, 211]]})
    if kind == "root":
        with uproot.recreate(path) as file:
            file["MCTree"] = {k: array[k] for k in array.fields}
        wanted = "GenPart_pdgId or mc_pdg_id.*MCTree.* MCParticle_PX.*own_simulation.md"
    else:
        ak.to_parquet(array, path)
        wanted = "mc_pdg_id, mc_px, .*GenPart_pdgId, GenPart_px.*ak.to_parquet"
    with pytest.raises(SchemaError, match=f"(?s){wanted}"):
        read(path)


@pytest.mark.parametrize("jagged", [False, True])
def test_root_table(tmp_path, truth, jagged):
    path = tmp_path / "table.root"
    with uproot.recreate(path) as file:
        if jagged:
            counts = truth.particle.counts
            data = {k: ak.unflatten(v, counts) for k, v in truth.particle.columns.items()}
        else:
            frame = as_frame(truth)
            data = {k: frame[k].to_numpy() for k in frame}
        types = {k: getattr(v, "dtype", None) or v.type.content for k, v in data.items()}
        file.mktree("particles", types)
        file["particles"].extend(data)
    assert_same_particles(truth, read(path)[1])


def minimal(n=4):
    return pd.DataFrame(
        {
            "event_id": np.arange(n) // 2 * 10,
            "mc_pdg_id": [211, -321] * (n // 2),
            "mc_px": 500.0,
            "mc_py": 0.0,
            "mc_pz": 9000.0,
            "mc_vx": 0.1,
            "mc_vy": 0.2,
            "mc_vz": np.arange(n) // 2 * 5.0,
        }
    )


def test_defaults_of_a_table(tmp_path):
    minimal().to_parquet(tmp_path / "a")
    _, batch = read(tmp_path / "a")
    assert batch.event["event_id"].tolist() == [0, 1]
    p = batch.particle
    assert p["mc_stable"].all() and (p["mc_mother_id"] == -1).all()
    assert p["mc_energy"][0] == pytest.approx(np.sqrt(500**2 + 9000**2 + 139.57**2))
    assert p["mc_charge"].tolist() == [1, -1, 1, -1]
    assert batch["vertex"]["mc_z"].tolist() == [0.0, 5.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mc_px": np.nan}, "mc_px = nan"),
        ({"mc_vz": np.inf}, "mc_vz = inf"),
        ({"mc_energy": -5.0}, "mc_energy = -5"),
        ({"mc_mother_id": 7}, "mc_mother_id points outside"),
        ({"mc_mother_id": 0}, "circle"),
        ({"mc_pv_id": 10_000_000}, "mc_pv_id is no number"),
    ],
)
def test_bad_rows(tmp_path, change, message):
    frame = minimal(6).assign(mc_energy=9100.0, mc_mother_id=-1, mc_pv_id=0)
    for name, value in change.items():
        frame[name] = frame[name].astype(type(value))
        frame.loc[2, name] = value
    frame.to_parquet(tmp_path / "a")
    with pytest.raises(BadEventError, match="event 1") as caught:
        read(tmp_path / "a")
    assert message in str(caught.value) and str(tmp_path / "a") in str(caught.value)
    source, batch = read(tmp_path / "a", skip_bad=True)
    assert batch.event["event_id"].tolist() == [0, 2] and source.skipped[0][0] == 1


def test_wrong_tables(tmp_path):
    path = tmp_path / "a"
    minimal().drop(columns="mc_vx").to_parquet(path)
    with pytest.raises(SchemaError, match="lacks the columns mc_vx"):
        read(path)
    minimal().drop(columns="event_id").to_parquet(path)
    with pytest.raises(SchemaError, match="needs the column event_id"):
        read(path)
    minimal().iloc[::-1].to_parquet(path)
    with pytest.raises(SchemaError, match="not sorted by event_id"):
        read(path)
    minimal().assign(mc_pdg_id="pi").to_parquet(path)
    with pytest.raises(SchemaError, match="mc_pdg_id"):
        read(path)
    minimal().astype({"mc_px": "float32"}).iloc[:0].to_parquet(path)
    with pytest.raises(SourceError, match="holds no events"):
        read(path)
    path.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(SourceError, match="not a readable Parquet file"):
        read(path)
    with uproot.recreate(path) as file:
        file.mktree("T", {"x": np.dtype("f8")})
    with pytest.raises(SchemaError, match="no tree has GenPart_pdgId or mc_pdg_id"):
        read(path)


@pytest.mark.skipif(not DATA.is_dir(), reason="shared data are absent")
def test_foreign_table(tmp_path):
    frame = pd.read_parquet(DATA / "minbias.parquet").iloc[:5000]
    names = {k: f"mc_{k}" for k in ("pdg_id", "px", "py", "pz", "vx", "vy", "vz")}
    names |= {"pvx": "mc_x", "pvy": "mc_y", "pvz": "mc_z"}
    frame[["event_id", *names]].rename(columns=names).to_parquet(tmp_path / "a")
    _, batch = read(tmp_path / "a")
    assert len(batch) == frame["event_id"].nunique()
    assert len(batch.particle) > 0.9 * len(frame)
    assert batch["vertex"]["mc_z"][0] == pytest.approx(frame["pvz"].iloc[0])


def test_ways_to_name_files(tmp_path):
    for name in ("b", "a", "c"):
        write_sample(tmp_path / name, {"a": 1, "b": 2, "c": 3}[name])
    assert len(read(tmp_path)[1]) == 6
    assert len(read(f"{tmp_path}/[ab]")[1]) == 3
    assert len(read(f"{tmp_path}/?")[1]) == 6
    assert len(read(f"{tmp_path}/?" + "?collisions=file")[1]) == 3
    assert read(f"{tmp_path}/c,{tmp_path}/a")[1]["vertex"]["mc_z"].tolist() == [10, 20, 30, 10]
    # A folder may hold other files; the user hears of it.
    (tmp_path / "readme").write_text("hello")
    (tmp_path / ".hidden").write_text("hello")
    source, batch = read(tmp_path)
    assert len(batch) == 6 and "readme" in source.notes[0] and "hidden" not in str(source.notes)


def test_unreadable_files(tmp_path):
    good = write_sample(tmp_path / "good", 2)
    garbage = tmp_path / "garbage"
    garbage.write_bytes(bytes(range(256)) * 10)
    zipped = tmp_path / "zipped"
    zipped.write_bytes(b"\x1f\x8b" + bytes(range(256)))
    empty = tmp_path / "empty"
    empty.touch()
    for path, message in [
        (garbage, "neither HepMC text nor"),
        (zipped, "cannot be read"),
        (empty, "is empty"),
        (tmp_path / "none", "no such file"),
    ]:
        with pytest.raises(SourceError, match=message) as caught:
            read(path)
        assert str(path) in str(caught.value)
        source, batch = read(f"{path},{good}", skip_bad=True)
        assert len(batch) == 2 and source.skipped[0][0] == -1 and str(path) in source.skipped[0][1]
        with pytest.raises(SourceError, match="no readable file"):
            read(path, skip_bad=True)
    with pytest.raises(SourceError, match="no file matches"):
        read(f"{tmp_path}/*.hepmc")
    minimal().to_parquet(tmp_path / "table")
    with pytest.raises(SourceError, match="cannot be read as one source"):
        read(f"{good},{tmp_path / 'table'}")
    with pytest.raises(SourceError, match="a table has no options"):
        read(f"{tmp_path / 'table'}?collisions=file")
    with pytest.raises(SourceError, match="no such file"):
        read("absent.hepmc," * 40)  # longer than any file name may be
    with pytest.raises(SourceError, match="no such file"):
        read("x" * 300 + "?units=MEV-MM")
    with pytest.raises(SourceError, match="no such file"):
        read("pythia8")


def test_options():
    assert split_options("a?b=1&c=x?y=2") == ("a", {"b": "1", "c": "x?y=2"})
    assert split_options("a") == ("a", {})
    assert parse_range("", "p", "3-100") == (3.0, 100.0)
    assert parse_range("", "p", "-5--2.5") == (-5.0, -2.5)
    assert parse_range("", "p", "1e-3:1e3") == (1e-3, 1e3)
    assert parse_range("", "p", "4") == (4.0, 4.0)


def test_what_is_a_particle():
    yes = [11, -15, 16, 22, 23, 24, 111, 130, 310, 421, 511, 5122, 10441, 100443, 9010221, 300553]
    # New physics, nuclei, and what nobody knows: daughters keep such mothers.
    yes += [32, -34, 36, 1023, 1000022, 2000011, 4900111, 9000006, 9900012, 1000020040, 10**15]
    yes += [-(2**63)]
    no = [0, 1, -5, 21, 81, 92, 990, 110, 2101, 3303, 9902210, 9941003, 9900110, 911, 2903, 9990]
    assert is_particle(np.array(yes)).all()
    assert not is_particle(np.array(no)).any()


def raw_truth(pdg_id, mother, **columns):
    n = len(pdg_id)
    values = {
        k: np.full(n, v)
        for k, v in {
            "status": 2, "stable": False, "pv_id": 0, "px": 0.0, "py": 0.0, "pz": 9e3,
            "energy": 1e4, "vx": 0.0, "vy": 0.0, "vz": 0.0, "vt": 0.0,
        }.items()
    }  # fmt: skip
    values |= {k: np.asarray(v) for k, v in columns.items()}
    return RawTruth(
        offsets=np.array([0, n]), pdg_id=np.array(pdg_id), mother=np.array(mother), **values
    )


def test_partons_are_walked_through():
    # proton -> u -> string -> pi+ has no mother; B+ -> cbar -> string -> K+ has the B+.
    pdg = [2212, 2, 92, 211, 521, -4, 92, 321]
    mother = [-1, 0, 1, 2, 1, 4, 5, 6]
    stable = np.isin(pdg, [211, 321])
    table, bad = select_particles(raw_truth(pdg, mother, stable=stable))
    assert not bad
    assert table["mc_pdg_id"].tolist() == [211, 521, 321]
    assert table["mc_mother_id"].tolist() == [-1, -1, 1]


def test_mothers_come_first_whatever_the_order():
    pdg = [211, 310, 511, -211]
    table, _ = select_particles(raw_truth(pdg, [1, 2, -1, 1], stable=[True, False, False, True]))
    assert table["mc_pdg_id"].tolist() == [511, 310, 211, -211]
    assert table["mc_mother_id"].tolist() == [-1, 0, 1, 1]
    assert table["mcparticle_id"].tolist() == [0, 1, 2, 3]


def test_window_of_stable_particles():
    n = 7
    raw = raw_truth(
        [211] * 6 + [22],
        [-1] * n,
        stable=[True] * n,
        pz=[9e3, -9e3, 1e2, 9e3, 9e3, 9e3, 40.0],
        px=[0.0, 0.0, 2e2, 0.0, 0.0, 0.0, 0.0],
        vz=[0.0, 0.0, 0.0, 2e4, -3e3, 0.0, 0.0],
        vx=[0.0, 0.0, 0.0, 0.0, 0.0, 5e3, 0.0],
        energy=[1e4] * 6 + [40.0],
    )
    table, _ = select_particles(raw)
    assert table["mcparticle_id"].tolist() == [0] and table["mc_pz"].tolist() == [9e3]


def test_nearest():
    found, circular = nearest(
        np.array([-1, 0, 1, 2, 5, 4]), np.array([True, False, False, True, False, False])
    )
    assert found.tolist() == [0, 0, 0, 3, -1, -1]
    assert circular.tolist() == [False] * 4 + [True] * 2
    long = np.arange(-1, 5000)
    assert (nearest(long, long < 0)[0] == 0).all()
