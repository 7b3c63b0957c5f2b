"""The events of a run in numbered files: all of them, in order, or no file at all."""

import numpy as np
import pytest
from chain_fakes import truth_events

from lamarr_like.errors import OutputError
from lamarr_like.events import concatenate
from lamarr_like.io.ntuple import EventWriter, read_events
from lamarr_like.io.numbered import NumberedWriter, check_numbered


def writer(path):
    return EventWriter(path, metadata={})


def written(path, n_events, batches, **options):
    with NumberedWriter(path, n_events, writer, **options) as files:
        for batch in batches:
            files.write(batch)
    return files.outputs


@pytest.mark.parametrize("chunk", [1, 4, 10])
def test_whatever_the_chunks_the_files_are_the_same(tmp_path, chunk):
    batch = truth_events(10, mean=5)
    chunks = [batch.events(i, min(i + chunk, 10)) for i in range(0, 10, chunk)]
    files = written(tmp_path / "a.root", 4, chunks)
    assert [f.name for f in files] == [f"a-00000{i}.root" for i in range(3)]
    parts = [concatenate(read_events(f)) for f in files]
    assert [len(p) for p in parts] == [4, 4, 2]
    whole = concatenate(parts)
    for name in ("mc_px", "mc_pdg_id"):
        np.testing.assert_array_equal(whole.particle[name], batch.particle[name])
    np.testing.assert_array_equal(whole.event["event_id"], batch.event["event_id"])
    assert sorted(tmp_path.iterdir()) == files


def test_files_are_replaced_on_request_only(tmp_path):
    path, batch = tmp_path / "a.root", truth_events(4, mean=5)
    written(path, 1, [batch])
    with pytest.raises(OutputError, match=r"a-000000\.root: is there already.*--force"):
        written(path, 2, [batch])
    with pytest.raises(OutputError, match="--force"):
        check_numbered(path)
    check_numbered(path, force=True)
    files = written(path, 2, [batch], force=True)
    assert sorted(tmp_path.iterdir()) == files  # those that were too many are gone


def test_a_run_that_fails_leaves_nothing(tmp_path):
    with (
        pytest.raises(RuntimeError, match="on purpose"),
        NumberedWriter(tmp_path / "a.root", 1, writer) as files,
    ):
        files.write(truth_events(3, mean=5))
        raise RuntimeError("on purpose")
    assert not list(tmp_path.iterdir()) and not files.outputs


def test_bad_requests(tmp_path):
    with pytest.raises(OutputError, match="files of 0 events"):
        NumberedWriter(tmp_path / "a.root", 0, writer)
    with pytest.raises(OutputError, match="no folder"):
        written(tmp_path / "no" / "a.root", 1, [])
    (tmp_path / "a-000007.root").write_text("")
    with pytest.raises(OutputError, match="a-000007.root"):
        check_numbered(tmp_path / "a.root", [tmp_path / "a-000007.root"], force=True)
