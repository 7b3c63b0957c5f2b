"""What was made is found again, what was altered is not, and records of strangers are refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lamarr_like.errors import OutputError, TrainingError, TwinError
from lamarr_like.twin.graph import Step
from lamarr_like.twin.store import RECORD, Store, read_record, reasons

FIRST = Step("sample", "one", {"seed": 1, "files": {}}, {"detailed/*": "a" * 16})
SECOND = Step("train", "m-1", {"settings": {"depth": 3}}, {}, (FIRST,))


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "work")


def make(store, step, text="x"):
    def work(folder):
        (folder / "sub").mkdir()
        (folder / "sub" / "a.txt").write_text(text)
        return {"n": 1}

    return store.make(step, work)


def test_what_was_made_is_found(store):
    assert store.find(FIRST) is None and reasons(FIRST, store) == ["not made yet"]
    made = make(store, FIRST)
    assert store.find(FIRST, thorough=True) == made and made.result == {"n": 1}
    assert list(made.files) == ["sub/a.txt"]
    assert [p.name for p in store.steps.iterdir()] == [made.folder.name]


def test_what_was_altered_is_made_again(store):
    path = make(store, FIRST).folder / "sub" / "a.txt"
    path.write_text("y")
    assert store.find(FIRST) is not None  # of the same length
    assert store.find(FIRST, thorough=True) is None
    assert reasons(FIRST, store) == ["sub/a.txt was altered or is gone"]
    make(store, FIRST)
    assert store.find(FIRST, thorough=True) is not None
    path.unlink()
    assert store.find(FIRST) is None
    path.symlink_to("/etc/hostname")
    assert store.find(FIRST) is None


def test_reasons_name_what_changed(store):
    make(store, FIRST)
    make(store, SECOND)
    other = replace(FIRST, settings={"seed": 2, "files": {}}, code={"detailed/*": "b" * 16})
    assert reasons(other, store) == ["seed 1 -> 2", "code detailed/* changed"]
    deep = replace(SECOND, settings={"settings": {"depth": 4}}, inputs=(other,))
    assert reasons(deep, store) == ["settings.depth 3 -> 4", "sample/one changed"]


def test_nothing_is_left_where_the_work_fails(store):
    def fails(folder):
        (folder / "a").write_text("x")
        raise TrainingError("no rows")

    with pytest.raises(TrainingError, match="no rows"):
        store.make(FIRST, fails)
    assert not list(store.steps.iterdir())
    store.place(FIRST).mkdir()  # of somebody else
    with pytest.raises(TwinError, match="no step of a twin"):
        make(store, FIRST)


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "work").write_text("a file")
    with pytest.raises(OutputError, match="cannot be written"):
        make(Store(tmp_path / "work"), FIRST)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("step_schema", 2),
        ("key", "../x"),
        ("files", {"../../etc/passwd": ["a" * 64, 1]}),
        ("files", {"/etc/passwd": ["a" * 64, 1]}),
        ("files", {"a": ["a" * 64, -1]}),
        ("ingredients", {"settings": {}}),
        ("result", []),
    ],
)
def test_hostile_records(store, key, value):
    path = make(store, FIRST).folder / RECORD
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(TwinError):
        read_record(path.parent)
    assert store.find(FIRST) is None


def test_a_record_of_another_step_does_not_count(store):
    make(store, FIRST)
    other = replace(FIRST, settings={"seed": 2})
    store.place(FIRST).rename(store.place(other))
    assert store.find(other) is None
