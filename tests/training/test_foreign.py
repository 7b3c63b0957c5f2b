from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
import uproot
import yaml
from places import DATA, SHARED

from lamarr_like import schema
from lamarr_like.errors import SchemaError, SourceError
from lamarr_like.training.foreign import read_foreign, read_mapping

SAMPLE = SHARED / "data" / "lhcb2016" / "minbias.parquet"

MAPPING = {
    "mapping_schema": 1,
    "event_id": "evt",
    "tables": {
        "particle": {"columns": {"mc_px": "px", "mc_charge": {"difference": ["a", 1]}}},
        "track": {
            "rows": {"positive": ["a"]},
            "columns": {"p": {"norm": ["px", "py"]}, "tx": {"ratio": ["px", "py"]}, "ty": 0.5},
        },
    },
}


@pytest.fixture
def table():
    return pd.DataFrame(
        {"evt": [7, 3, 7, 3], "px": [3.0, 6, 9, 12], "py": [4.0, 8, 12, 16], "a": [0, 1, 2, 0]}
    )


@pytest.fixture
def mapping(tmp_path):
    path = tmp_path / "mapping.yaml"
    path.write_text(yaml.safe_dump(MAPPING))
    return path


def changed(tmp_path, column, expression):
    content = {**MAPPING, "tables": {"particle": {"columns": {column: expression}}}}
    path = tmp_path / "changed.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_rows_become_events(tmp_path, table, mapping):
    table.to_parquet(tmp_path / "t.parquet")
    batch = read_foreign(tmp_path / "t.parquet", mapping)
    assert batch.event["event_id"].tolist() == [3, 7]
    assert batch.particle["mc_px"].tolist() == [6, 12, 3, 9]
    assert batch.particle["mcparticle_id"].tolist() == [0, 1, 0, 1]
    assert batch.particle["mc_charge"].tolist() == [0, -1, -1, 1]
    assert batch.particle["mc_charge"].dtype == np.int8
    assert batch.track["p"].tolist() == [10, 15]
    assert batch.track["mcparticle_id"].tolist() == [0, 1]
    assert batch.track["track_id"].tolist() == [0, 0]
    assert batch.linked("mc_px").tolist() == [6, 9]
    np.testing.assert_allclose(
        batch.track["pz"] * np.sqrt(1 + 0.75**2 + 0.5**2), batch.track["p"], rtol=1e-6
    )


def test_columns_of_the_event(tmp_path, table):
    tables = {**MAPPING["tables"], "event": {"columns": {"n_spd_hits": {"product": ["evt", 2]}}}}
    (tmp_path / "m.yaml").write_text(yaml.safe_dump({**MAPPING, "tables": tables}))
    table.to_parquet(tmp_path / "t.parquet")
    event = read_foreign(tmp_path / "t.parquet", tmp_path / "m.yaml").event
    assert event["n_spd_hits"].tolist() == [6, 14]
    assert event["n_spd_hits"].dtype == np.int32
    assert event["event_id"].tolist() == [3, 7]


def test_root_reads_like_parquet(tmp_path, table, mapping):
    table.to_parquet(tmp_path / "t.parquet")
    with uproot.recreate(tmp_path / "t.root") as file:
        file.mktree("tuple", {k: v.dtype for k, v in table.items()})
        file["tuple"].extend({k: v.to_numpy() for k, v in table.items()})
    one, two = (read_foreign(tmp_path / f"t.{kind}", mapping) for kind in ("parquet", "root"))
    for name in one.tables:
        for column, values in one[name].columns.items():
            np.testing.assert_array_equal(values, two[name][column])


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("absent", "needs the column 'absent'"),
        ({"eval": ["px"]}, "unknown operation 'eval'"),
        ({"ratio": ["px"]}, "ratio takes a list of 2"),
        ({"sum": "px"}, "sum takes a list of some arguments, found text"),
        ({"sum": ["px"], "ratio": ["px", "py"]}, "expected one operation, found 2"),
        ([1], "expected a name, a number or one operation, found a list"),
        (True, "expected a name, a number or one operation, found true or false"),
        ({"ratio": ["px", {"sum": [None]}]}, r"mc_px\.ratio\[1\]\.sum\[0\]: expected a name"),
        ({"sum": [float("nan")]}, r"sum\[0\]: nan is not finite"),
        ({"sum": ["px"] * 1001}, "more than 1000 terms"),
        ({"ratio": ["px", {"difference": ["px", "px"]}]}, "is inf in row 0"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_bad_expressions_name_the_column(tmp_path, table, expression, message):
    table.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(SchemaError, match=message) as error:
        read_foreign(tmp_path / "t.parquet", changed(tmp_path, "mc_px", expression))
    assert re.search(r"particle\.(columns\.)?mc_px", str(error.value))


def test_unknown_columns_and_versions_are_refused(tmp_path):
    with pytest.raises(
        SchemaError,
        match=r"tables\.particle\.columns\.px is unknown; known are .*; did you mean 'mc_px'",
    ):
        read_mapping(changed(tmp_path, "px", "px"))
    (tmp_path / "old.yaml").write_text("mapping_schema: 0\n")
    with pytest.raises(SchemaError, match=r"old\.yaml: mapping_schema is 0, this version reads 1"):
        read_mapping(tmp_path / "old.yaml")
    with pytest.raises(SourceError, match="cannot be read"):
        read_mapping(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"track": [1]}, r"m\.yaml: tables\.track: expected a mapping, found a list"),
        ({"track": None}, r"tables\.track: expected a mapping, found nothing"),
        ({"track": {}}, r"tables\.track\.columns is missing"),
        ({"track": {"columns": ["p"]}}, r"tables\.track\.columns: expected a mapping, found a l"),
        ({"track": {"columns": {1: "p"}}}, "expected text as a key, found a whole number: '1'"),
        ({"track": {"columns": {"p": "p"}, "row": "p"}}, r"track\.row is unknown; .*mean 'rows'"),
        ({"event": {"columns": {"n_tracks": 1}, "rows": 1}}, r"tables\.event\.rows is unknown"),
        ({"tracks": {}}, r"tables\.tracks is unknown; known are event, particle, track; did you"),
        ({}, r"tables is empty"),
        ([], r"tables: expected a mapping, found a list"),
    ],
)
def test_mistakes_in_a_mapping_are_named(tmp_path, tables, message):
    path = tmp_path / "m.yaml"
    path.write_text(yaml.safe_dump({**MAPPING, "tables": tables}))
    with pytest.raises(SchemaError, match=message):
        read_mapping(path)


def test_a_mapping_is_read_as_all_documents_are(tmp_path):
    for text, message in (
        ("mapping_schema: 1\nmapping_schema: 1\n", "key 'mapping_schema' comes twice"),
        ("a: &a [*a]", "more than 40 lists"),
        ("<<: {a: 1}", "merge keys"),
    ):
        (tmp_path / "m.yaml").write_text(text)
        with pytest.raises(SourceError, match=rf"m\.yaml.*{message}"):
            read_mapping(tmp_path / "m.yaml")
    with pytest.raises(SchemaError, match=r"m\.yaml: tree: expected text, found a whole number"):
        (tmp_path / "m.yaml").write_text(yaml.safe_dump({**MAPPING, "tree": 1}))
        read_mapping(tmp_path / "m.yaml")


def test_columns_that_are_no_numbers_are_named(tmp_path, table, mapping):
    table["px"] = ["a", "b", "c", "d"]
    table.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(SchemaError, match="column 'px' holds no plain numbers"):
        read_foreign(tmp_path / "t.parquet", mapping)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("column-name.parquet", "is damaged"),  # the name of a column is no text
        ("branch-lengths.root", "branches have different numbers of rows"),
    ],
)
def test_damaged_tables(mapping, name, reason):
    path = DATA / "hostile" / name
    with pytest.raises(SourceError, match=rf"{name}: .*{reason}"):
        read_foreign(path, mapping)


def test_garbage_file_is_named(tmp_path, mapping):
    (tmp_path / "t.parquet").write_bytes(b"garbage")
    with pytest.raises(SourceError, match=r"t\.parquet: is damaged"):
        read_foreign(tmp_path / "t.parquet", mapping)


def test_bernoulli_is_fixed_and_fair(tmp_path):
    n = 4000
    table = pd.DataFrame({"evt": np.arange(n) // 10, "prob": np.linspace(0, 1, n)})
    table.to_parquet(tmp_path / "t.parquet")
    path = changed(tmp_path, "in_acceptance", {"bernoulli": ["prob"]})
    one, two = (read_foreign(tmp_path / "t.parquet", path) for _ in range(2))
    drawn = one.particle["in_acceptance"]
    np.testing.assert_array_equal(drawn, two.particle["in_acceptance"])
    assert drawn[: n // 2].mean() == pytest.approx(0.25, abs=0.03)
    assert drawn[n // 2 :].mean() == pytest.approx(0.75, abs=0.03)


def test_shipped_mapping_names_declared_columns():
    tables = read_mapping("lhcb2016")["tables"]
    assert set(schema.COVARIANCE_NAMES) < set(tables["track"]["columns"])


@pytest.mark.skipif(not SAMPLE.exists(), reason="needs the shared LHCb sample")
def test_lhcb_sample_reads():
    batch = read_foreign(SAMPLE, "lhcb2016")
    table = pd.read_parquet(SAMPLE)
    assert len(batch.particle) == len(table)
    assert 0 <= (table["track_type"] != 0).sum() - len(batch.track) < 200
    dx = batch.track["x"] - batch.linked("mc_ctb_x")
    kept = table[table["track_type"] != 0].dropna()
    assert np.median(np.abs(dx)) == pytest.approx(kept["dx"].abs().median(), rel=1e-3)
    accepted = batch.particle["in_acceptance"]
    assert accepted.mean() == pytest.approx(table["acceptance_prob"].mean(), abs=0.003)
    assert accepted[batch.particle["track_type"] != 0].all()
