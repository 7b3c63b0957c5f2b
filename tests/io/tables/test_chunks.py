"""Tables that users made are read in steps: the same events whatever the steps."""

import awkward as ak
import numpy as np
import pandas as pd
import pytest
import uproot

from lamarr_like.errors import SchemaError, SourceError
from lamarr_like.io.tables import chunks
from lamarr_like.io.tables.chunks import Steps, parquet_chunks, read_parquet_names, root_chunks

COUNTS = np.array([2, 1, 4, 3, 1])


def flat():
    n = COUNTS.sum()
    columns = {f"mc_p{a}": np.arange(n) + 10.0 * i for i, a in enumerate("xyz")}
    columns |= {f"mc_v{a}": np.zeros(n) for a in "xyz"}
    columns |= {"mc_pdg_id": np.arange(n) + 1, "event_id": np.repeat([3, 5, 6, 9, 12], COUNTS)}
    return columns


def jagged():
    return {k: ak.unflatten(v, COUNTS) for k, v in flat().items()}


def written(tmp_path, kind, columns):
    path = tmp_path / f"a.{kind.split()[0]}"
    if kind == "parquet flat":
        pd.DataFrame(columns).to_parquet(path, row_group_size=3)
    elif kind == "parquet jagged":
        ak.to_parquet(ak.zip(columns, depth_limit=1), path)
    else:
        with uproot.recreate(path) as file:
            file["tree"] = dict(columns)
    return path


def joined(found):
    found = list(found)
    columns = {k: np.concatenate([c.columns[k] for c in found]) for k in found[0].columns}
    return columns, np.concatenate([np.diff(c.offsets) for c in found])


@pytest.mark.parametrize("kind", ["parquet flat", "parquet jagged", "root flat", "root jagged"])
@pytest.mark.parametrize("steps", [Steps(1, 1), Steps(3, 2), Steps(100, 100)])
def test_events_do_not_depend_on_the_steps(tmp_path, kind, steps):
    path = written(tmp_path, kind, flat() if kind.endswith("flat") else jagged())
    read = parquet_chunks if kind.startswith("parquet") else root_chunks
    columns, counts = joined(read(path, steps))
    assert counts.tolist() == COUNTS.tolist()
    for name, values in flat().items():
        np.testing.assert_array_equal(columns[name], values)


def test_rows_out_of_order_and_without_numbers(tmp_path):
    columns = flat()
    columns["event_id"] = columns["event_id"][::-1].copy()
    with pytest.raises(SchemaError, match="not sorted by event_id"):
        joined(parquet_chunks(written(tmp_path, "parquet flat", columns), Steps(100, 100)))
    del columns["event_id"]
    with pytest.raises(SchemaError, match="needs the column event_id"):
        joined(parquet_chunks(written(tmp_path, "parquet flat", columns), Steps(100, 100)))


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("mc_vx", ak.unflatten(np.zeros(11), [1, 2, 4, 3, 1]), "mc_vx has another length than"),
        ("mc_pdg_id", ak.unflatten(np.zeros(11), COUNTS), "mc_pdg_id has the type float64"),
        ("mc_status", ak.unflatten(ak.Array([1] * 10 + [None]), COUNTS), "missing values"),
        ("mc_py", ak.Array([["a"]] * 5), "mc_py has"),
    ],
)
def test_columns_that_do_not_fit(tmp_path, column, values, message):
    path = written(tmp_path, "parquet jagged", {**jagged(), column: values})
    with pytest.raises(SchemaError, match=message):
        joined(parquet_chunks(path, Steps(100, 100)))


def test_long_events_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(chunks, "MAX_ROWS", 3)
    for kind, columns in (("parquet flat", flat()), ("root jagged", jagged())):
        read = parquet_chunks if kind.startswith("parquet") else root_chunks
        with pytest.raises(SourceError, match="more than 3 particles"):
            joined(read(written(tmp_path, kind, columns), Steps(1, 1)))


def test_a_file_without_particles_says_what_it_has(tmp_path):
    with uproot.recreate(tmp_path / "a.root") as file:
        file["other"] = {"pt": np.arange(3.0)}
    with pytest.raises(SchemaError, match="no tree has GenPart_pdgId.*other;?1? with pt"):
        joined(root_chunks(tmp_path / "a.root", Steps(1, 1)))
    (tmp_path / "b.parquet").write_bytes(b"nothing")
    with pytest.raises(SourceError, match="b.parquet: not a readable Parquet file"):
        joined(parquet_chunks(tmp_path / "b.parquet", Steps(1, 1)))


def test_names_of_weights_in_the_metadata(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"a": [1]})
    path = tmp_path / "a.parquet"
    for text, expected in ((b'["up", "down"]', ("up", "down")), (None, ())):
        pq.write_table(table.replace_schema_metadata({b"weight_names": text} if text else {}), path)
        assert read_parquet_names(path) == expected
    pq.write_table(table.replace_schema_metadata({b"weight_names": b"[1, 2]"}), path)
    with pytest.raises(SchemaError, match="a.parquet"):
        read_parquet_names(path)
