"""What a run writes and what it says of that."""

import numpy as np
import pytest

from lamarr_like.errors import OutputError
from lamarr_like.events import concatenate
from lamarr_like.io.ntuple import read_events, read_provenance
from lamarr_like.io.sources import open_source
from lamarr_like.runs.config import RunConfig, RunSummary
from lamarr_like.runs.record import record
from lamarr_like.schema import TRACK_TYPES

GUN = "gun:K-,pi+?p=3-100&n=3"


def run(tmp_path, n=7, asked=None, **options):
    config = RunConfig(GUN, tmp_path / "a.root", asked or n, seed=4, command="told", **options)
    source = open_source(GUN, n_events=n, seed=4)
    whole = concatenate(list(source))
    told = []
    batches = (whole.events(i, min(i + 3, n)) for i in range(0, n, 3))
    return record(config, source, batches, {"pipeline": "p"}, told.append), told


def test_everything_is_written_counted_and_told(tmp_path):
    summary, told = run(tmp_path)
    assert told == [3, 3, 1] and summary.events == 7 and summary.particles == 21
    assert summary.tracks == dict.fromkeys((k for k, code in TRACK_TYPES.items() if code), 0)
    assert summary.missing == 0 and summary.decays is None and summary.skipped == ()
    assert 0.0 < summary.seconds["writing"] <= summary.wall
    (path,) = summary.outputs
    batch = concatenate(read_events(path))
    np.testing.assert_array_equal(batch.event["event_id"], np.arange(7))
    told = read_provenance(path)
    assert {k: told[k] for k in ("source", "seed", "pipeline", "command")} == {
        "source": GUN, "seed": 4, "pipeline": "p", "command": "told",
    }  # fmt: skip
    assert "pileup" not in told and "oversample" not in told


def test_numbered_files_hold_the_same(tmp_path):
    summary, _ = run(tmp_path, split_events=3)
    assert [p.name for p in summary.outputs] == [f"a-00000{i}.root" for i in range(3)]
    assert sum(len(concatenate(read_events(p))) for p in summary.outputs) == 7


def test_events_that_did_not_come_are_missed(tmp_path):
    assert run(tmp_path, asked=10)[0].missing == 3


def test_what_is_there_is_kept(tmp_path):
    run(tmp_path)
    with pytest.raises(OutputError, match=r"a\.root.*--force"):
        run(tmp_path)
    assert run(tmp_path, force=True)[0].events == 7


@pytest.mark.parametrize(("size", "draws", "chunk"), [(1000, 1, 1000), (1000, 7, 142), (3, 10, 1)])
def test_all_draws_of_a_chunk_fit_into_it(size, draws, chunk):
    config = RunConfig(GUN, None, chunk_size=size, oversample=draws)
    assert config.generated_chunk == chunk


def test_rate():
    assert RunSummary(10, 0, {}, 2.0).rate == 5.0 and RunSummary(10, 0, {}, 0.0).rate == 0.0
