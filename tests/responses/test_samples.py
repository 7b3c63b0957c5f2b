"""Samples: written and read, and every number looked at."""

import json

import numpy as np
import pytest
from blobs import BLOBS, blobs

from lamarr_like.errors import OutputError, SchemaError
from lamarr_like.responses.samples import (
    check_sample_output,
    checked_sample,
    read_sample,
    write_sample,
)


@pytest.fixture(scope="module")
def sample():
    return blobs(30)


def test_a_sample_comes_back(sample, tmp_path):
    path = tmp_path / "s.npz"
    write_sample(sample, path)
    for found in (read_sample(path), read_sample(path, BLOBS)):
        assert found.response == BLOBS and len(found) == 30
        assert np.array_equal(found.arrays, sample.arrays)
        assert np.array_equal(found.seen, sample.seen)
        assert found.record == sample.record
    assert [p.name for p in tmp_path.iterdir()] == ["s.npz"]


def test_a_file_of_somebody_else_needs_arrays_and_conditions(sample, tmp_path):
    path = tmp_path / "s.npz"
    np.savez(path, arrays=sample.arrays.astype(np.float64), **sample.conditions)
    assert np.array_equal(read_sample(path, BLOBS).arrays, sample.arrays)
    with pytest.raises(SchemaError, match=r"s\.npz does not say of which response"):
        read_sample(path)


def test_some_of_a_sample(sample):
    few = sample.take(slice(3, 7))
    assert len(few) == 4 and np.array_equal(few.seen, sample.seen[3:7])
    assert np.array_equal(few.hits.dense(4, BLOBS.shape), sample.arrays[3:7])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a[:, :, :5], r"shape \(30, 12, 5\).*has numbers of shape \(30, 12, 12\)"),
        (lambda a: np.where(a == a.max(), np.nan, a), r"hold nan in row \d+, cell \(\d+, \d+\)"),
        (lambda a: a - 1, "hold -.* in row 0"),
        (lambda a: a.astype(str), "have type <U"),
        (lambda a: a[:10], r"shape \(10, 12, 12\)"),
    ],
)
def test_arrays_that_do_not_fit(sample, change, message):
    with pytest.raises(SchemaError, match=message):
        checked_sample(BLOBS, sample.conditions, change(sample.arrays), "t")


def test_what_is_below_the_threshold_is_nothing(sample):
    arrays = sample.arrays + np.float32(1e-5)
    assert np.array_equal(
        checked_sample(BLOBS, sample.conditions, arrays, "t").arrays > 0, sample.arrays > 0
    )


def test_where_samples_may_be_written(sample, tmp_path):
    path = tmp_path / "s.npz"
    write_sample(sample, path)
    with pytest.raises(OutputError, match="there already"):
        write_sample(sample, path)
    write_sample(sample, path, force=True)
    for bad, message in (
        (tmp_path / "s.root", r"end in \.npz"),
        (tmp_path / "no" / "s.npz", "no folder"),
        ("/dev/stdout", r"end in \.npz"),
    ):
        with pytest.raises(OutputError, match=message):
            check_sample_output(bad)
    with pytest.raises(OutputError, match="is an input"):
        check_sample_output(path, [path], force=True)


def damage(path, sample, what):
    if what == "missing":
        return
    if what == "text":
        path.write_text("no zip")
    elif what == "cut":
        write_sample(sample, path)
        path.write_bytes(path.read_bytes()[:2000])
    elif what == "pickle":
        np.savez(path, arrays=np.array([{}], dtype=object))
    elif what == "no arrays":
        np.savez(path, **sample.conditions)
    elif what == "foreign":
        text = json.dumps({**BLOBS.to_json(), "schema_version": 9}).encode()
        np.savez(path, arrays=sample.arrays, response=np.frombuffer(text, np.uint8))
    else:
        np.savez(path, arrays=sample.arrays, response=np.zeros(3))


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("missing", "does not exist"),
        ("text", "no .npz file"),
        ("cut", "no .npz file"),
        ("pickle", "no .npz file"),
        ("no arrays", "lacks arrays"),
        ("foreign", "this version reads 1"),
        ("numbers", "is no text"),
    ],
)
def test_files_that_are_none(sample, tmp_path, what, message):
    path = tmp_path / "s.npz"
    damage(path, sample, what)
    with pytest.raises(SchemaError, match=message):
        read_sample(path)
