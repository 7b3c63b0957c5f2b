"""Files of truth that would take all memory or time: refused, in bounds, or read in steps."""

import gzip
import os
import signal
import struct
import subprocess
import sys
import time

import numpy as np
import pytest
from places import DATA, TOP

from lamarr_like.errors import (
    LamarrLikeError,
    SourceError,
)
from lamarr_like.io.hepmc.text import MAX_EVENT
from lamarr_like.io.sources import open_source
from lamarr_like.io.tables.parquet_footer import column_sizes

pytestmark = pytest.mark.usefixtures("no_hang")

SECONDS = 20


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit}))
from lamarr_like.errors import LamarrLikeError
from lamarr_like.io.sources import open_source
try:
    for batch in open_source(sys.argv[1], n_events=None, seed=1, skip_bad={skip}):
        pass
except LamarrLikeError as error:
    print(type(error).__name__, error)
"""


LIMIT = 4 << 30
"""Address space of the process [bytes]; importing the libraries takes half of it."""


def limited(path, skip=False):
    start = time.monotonic()
    code = LIMITED.format(limit=LIMIT, skip=skip)
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(TOP)},
    )
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - start < 50
    return done.stdout


HEAD3 = b"HepMC::Version 3.02\nHepMC::Asciiv3-START_EVENT_LISTING\n"


@pytest.mark.parametrize(
    ("unit", "message"),
    [
        (b"\0", "longer than 32 MiB"),
        (b"E 0 1 1\n" + b"P " + b" " * 100, "longer than 32 MiB"),
    ],
)
def test_gzip_bomb(tmp_path, unit, message):
    path = tmp_path / "bomb.hepmc.gz"
    with gzip.open(path, "wb", compresslevel=9) as file:
        file.write(HEAD3 + unit)
        for _ in range(300):
            file.write(unit[-1:] * (1 << 20))
    assert path.stat().st_size < 1_000_000
    assert message in limited(path)


def test_long_event_with_dense_text(tmp_path):
    """Text in which each byte costs most: fields of one letter."""
    path = tmp_path / "dense.hepmc.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(HEAD3 + b"E 0 1 1\nU GEV MM\n")
        file.write(b"P 1 1 1 1 1 1 1 1 1\n" * (MAX_EVENT // 20 - 10))
        file.write(b"E 1 1 1\n")
    assert "GenEvent 0" in limited(path)


def test_chain_of_a_million_mothers(tmp_path):
    """Mothers behind their daughters, one for each generation: a loop over them would not end."""
    n = 300_000
    path = tmp_path / "chain.hepmc"
    lines = [f"P {k + 1} {k + 2 if k + 1 < n else 0} 211 1 1 9 9.2 0.1 1\n" for k in range(n)]
    path.write_text(f"{HEAD3.decode()}E 0 0 {n}\nU GEV MM\n{''.join(lines)}")
    assert "generations of mothers" in limited(path)


def test_parquet_bomb(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    n = 30_000_000
    one = pa.array(np.ones(n, np.int32))
    names = ("event_id", "mc_pdg_id", "mc_px", "mc_py", "mc_pz", "mc_vx", "mc_vy", "mc_vz")
    path = tmp_path / "bomb.parquet"
    pq.write_table(pa.table(dict.fromkeys(names, one)), path, row_group_size=n)
    assert path.stat().st_size < 1_000_000
    assert "more than 1000000 particles" in limited(path)


def jagged_parquet(path, counts):
    """Lists of ones, which take a few bytes however long they are."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    ends = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))
    ones = pa.array(np.ones(sum(counts), np.int8))
    lists = pa.LargeListArray.from_arrays(ends, ones)
    names = ("mc_pdg_id", "mc_px", "mc_py", "mc_pz", "mc_vx", "mc_vy", "mc_vz")
    pq.write_table(pa.table(dict.fromkeys(names, lists)), path, row_group_size=len(counts))
    assert path.stat().st_size < 100_000
    return path


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([1_000_000] * 30, "row group 0 holds 30000000 particles in"),
        ([30_000_000], "row group 0 holds 30000000 particles in"),
        ([1] * 500 + [1_500_000] + [1] * 499, "more than 1000000 particles"),
        ([0] * 10_000, "more than 5000 events hold no particle"),
    ],
    ids=["many large events", "one huge event", "among small ones", "events of nothing"],
)
def test_jagged_parquet_bomb(tmp_path, monkeypatch, counts, message):
    monkeypatch.setattr("lamarr_like.io.tables.source.MAX_EMPTY", 5000)
    path = jagged_parquet(tmp_path / "bomb.parquet", counts)
    if len(counts) == 1:
        assert message in limited(path)
        return
    signal.alarm(SECONDS)
    with pytest.raises(SourceError, match=message):
        for _ in open_source(str(path), n_events=None, seed=1):
            pass


def test_steps_of_a_jagged_parquet_file(tmp_path, monkeypatch):
    """Large row groups are read in smaller steps, with the same events."""
    from lamarr_like.events import concatenate
    from lamarr_like.io.tables import parquet_steps
    from lamarr_like.io.tables import source as tables

    counts = [3, 0, 40, 1, 1, 1, 30, 2, 2, 2, 2, 2]
    path = jagged_parquet(tmp_path / "a.parquet", counts)
    whole = concatenate(open_source(str(path), n_events=None, seed=1))
    monkeypatch.setattr(parquet_steps, "MAX_STEP_ROWS", 40)
    batches = list(open_source(str(path), n_events=None, seed=1))
    assert len(batches) > 2
    assert max(len(batch) for batch in batches) < len(counts)
    for name, values in concatenate(batches).particle.columns.items():
        assert np.array_equal(values, whole.particle[name])
    monkeypatch.setattr(parquet_steps, "MAX_RATIO", 0)
    with pytest.raises(SourceError, match="row group 0 holds 87 particles"):
        list(open_source(str(path), n_events=None, seed=1))
    monkeypatch.setattr(parquet_steps, "_SMALL", 10)
    with pytest.raises(SourceError, match="unpacks from"):
        list(open_source(str(path), n_events=None, seed=1))
    assert tables.STEP_EVENTS > 3


@pytest.mark.parametrize("kind", ["list of lists", "text", "struct"])
def test_parquet_columns_of_other_kinds(tmp_path, kind):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = jagged_parquet(tmp_path / "a.parquet", [2, 1])
    table = pq.read_table(path)
    values = {
        "list of lists": [[[1.0], [2.0]], [[3.0]]],
        "text": ["1", "2"],
        "struct": [{"x": 1.0}, {"x": 2.0}],
    }[kind]
    at = table.column_names.index("mc_vx")
    pq.write_table(table.set_column(at, "mc_vx", pa.array(values)), path)
    with pytest.raises(LamarrLikeError, match="column mc_vx has the type|lacks the columns mc_vx "):
        list(open_source(str(path), n_events=None, seed=1))


def test_sizes_of_parquet_columns_are_those_of_arrow(tmp_path):
    import pyarrow.parquet as pq

    path = jagged_parquet(tmp_path / "a.parquet", [2, 0, 1] * 50)
    pq.write_table(pq.read_table(path), path, row_group_size=40)
    meta = pq.ParquetFile(path).metadata
    groups = [meta.row_group(g) for g in range(meta.num_row_groups)]
    columns = [[group.column(k) for k in range(group.num_columns)] for group in groups]
    assert len(groups) == 4
    assert column_sizes(path) == [
        [
            (
                *(column.path_in_schema.split(".")[0], column.num_values),
                *(column.total_uncompressed_size, column.total_compressed_size),
            )
            for column in group
        ]
        for group in columns
    ]


def test_statistics_that_end_arrow():
    """Arrow ends the process where it is asked for the sizes of a column of this file."""
    path = DATA / "hostile" / "size-statistics.parquet"
    with pytest.raises(LamarrLikeError, match="size-statistics.parquet: is damaged"):
        list(open_source(str(path), n_events=None, seed=1))


@pytest.mark.parametrize("footer", [b"", b"\x00", b"\x19\xff\xff\xff\xff\x0f", b"\x1c" * 99])
def test_footers_that_are_none(tmp_path, footer):
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1" + footer + struct.pack("<I", len(footer)) + b"PAR1")
    with pytest.raises(SourceError, match="not a readable Parquet file"):
        column_sizes(path)


EMPTY = b"E 0 0 0\nU GEV MM\n"


SOUND = b"E 0 0 1\nU GEV MM\nP 1 0 211 1 1 9 9.2 0.1 1\n"


@pytest.mark.parametrize(
    ("unit", "message"),
    [
        (EMPTY, "broken events and 0 sound ones, this is of no use; the first: "),
        (SOUND + 30 * b"E x\n", "broken events and "),
        (b"E 0 0 1\nU GEV MM\nP 1 0 211 1 1 9 9.2 0.1\n", "fewer than 10 fields"),
    ],
    ids=["empty", "some sound", "cut lines"],
)
def test_a_great_many_broken_events(tmp_path, unit, message):
    path = tmp_path / "bomb.hepmc.gz"
    with gzip.open(path, "wb", compresslevel=9) as file:
        file.write(HEAD3)
        for _ in range(20):
            file.write(unit * 10_000)
    assert path.stat().st_size < 2_000_000
    signal.alarm(SECONDS)
    with pytest.raises(SourceError, match=message):
        for _ in open_source(str(path), n_events=None, seed=1, skip_bad=True):
            pass


def test_the_first_reasons_are_kept(tmp_path, monkeypatch):
    from lamarr_like.io import truth

    monkeypatch.setattr(truth, "KEPT_REASONS", 10)
    path = tmp_path / "a.hepmc"
    path.write_bytes(HEAD3 + 70 * (SOUND + EMPTY))
    source = open_source(str(path), n_events=None, seed=1, skip_bad=True)
    assert sum(len(batch) for batch in source) == 70
    assert [k for k, _ in source.skipped] == list(range(1, 140, 2))
    assert all("no particles" in reason for _, reason in source.skipped[:10])
    assert len({reason for _, reason in source.skipped[10:]}) == 1
    monkeypatch.setattr(truth, "MAX_SKIPPED", 50)
    with pytest.raises(SourceError, match="broken events and"):
        list(source)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"W" + b" 1" * 600_000, "a line is longer than 1 MiB"),
        (b"V -1 0 [" + b"1," * 300_000 + b"1]", "more particles end in vertices than there are"),
        (b"W 1 " + b"9" * 900_000 + b"x", "lacks a field or a number"),
        (b"W 1" + b" 1" * 20_000, "it has 20001 weights, more than 10000"),
    ],
    ids=["weights", "daughters", "number", "too many weights"],
)
def test_long_lines(tmp_path, body, message):
    signal.alarm(SECONDS)
    path = tmp_path / "a.hepmc"
    path.write_bytes(HEAD3 + SOUND.replace(b"MM\n", b"MM\n" + body + b"\n"))
    with pytest.raises(SourceError, match=message):
        list(open_source(str(path), n_events=None, seed=1))


@pytest.mark.parametrize(
    "text",
    [
        "gun:pi+?p=" + "1" * 200_000 + "x",
        "gun:pi+?p=" + "1" * 200_000 + "-" + "1" * 200_000 + "x",
        "gun:pi+?n=" + "9" * 5000,
        "gun:" + "9" * 5000,
        "gun:+-+211",
        "gun:\u0662\u0661\u0661",
        "gun:pi+?n=\u0663",
        "decay:B0 -> K+ pi-?n=" + "9" * 5000,
        "decay:B0 -> K+ pi-?pt=" + "1" * 100_000 + "e",
    ],
    ids=range(9),
)
def test_numbers_in_the_text_of_a_source(text):

    signal.alarm(SECONDS)
    with pytest.raises(LamarrLikeError) as caught:
        open_source(text, n_events=1, seed=1)
    assert caught.type is not LamarrLikeError


@pytest.mark.parametrize("kind", ["ttree", "rntuple"])
def test_root_bomb(tmp_path, monkeypatch, kind):
    import uproot

    from lamarr_like.io import root_steps

    n = 40_000
    path = tmp_path / "a.root"
    with uproot.recreate(path, compression=uproot.LZMA(9)) as file:
        names = ("mc_pdg_id", "mc_px", "mc_py", "mc_pz", "mc_vx", "mc_vy", "mc_vz")
        data = dict.fromkeys((*names, "event_id"), np.zeros(n))
        data |= {"event_id": np.arange(n)}
        make = file.mktree if kind == "ttree" else file.mkrntuple
        make("T", {k: v.dtype for k, v in data.items()}).extend(data)
    monkeypatch.setattr(root_steps, "_SMALL", 1 << 16)
    monkeypatch.setattr(root_steps, "MAX_RATIO", 3)
    with pytest.raises(SourceError, match=r"entry 0 of its tree unpacks from \d+ bytes to"):
        list(open_source(str(path), n_events=None, seed=1))


@pytest.mark.parametrize("kind", ["ttree", "rntuple"])
def test_steps_of_our_own_files(tmp_path, sound, monkeypatch, kind):
    from lamarr_like.io import root_steps
    from lamarr_like.io.ntuple import read_events

    path = tmp_path / "a.root"
    path.write_bytes(sound["root table" if kind == "ttree" else "rntuple table"])
    (whole,) = list(read_events(path))
    assert len(whole) == 3
    # What is in one basket comes at once, however few its entries.
    monkeypatch.setattr(root_steps, "MAX_STEP_BYTES", 0)
    with pytest.raises(SourceError, match="entry 0"):
        list(read_events(path))
    blocks = root_steps._Blocks([0, 2, 0], [2, 3, 3], [(9.0, 1.0), (5.0, 1.0), (1.0, 1.0)])
    monkeypatch.setattr(root_steps, "MAX_STEP_BYTES", 10)
    assert not root_steps._too_large(blocks, 0, 2) and not root_steps._too_large(blocks, 2, 3)
    assert root_steps._too_large(blocks, 1, 3)


def test_a_truth_file_that_is_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe.hepmc")
    signal.alarm(SECONDS)
    with pytest.raises(SourceError, match="no such file"):
        open_source(str(tmp_path / "pipe.hepmc"), n_events=None, seed=1)
