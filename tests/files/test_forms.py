"""Documents of strangers: what is read, and how a wrong item is named."""

import os

import pytest

from lamarr_like.errors import PipelineError
from lamarr_like.files.forms import (
    Anything,
    Entries,
    Flag,
    Items,
    Number,
    Record,
    Row,
    Text,
    check,
    check_version,
)
from lamarr_like.files.yaml_json import MAX_ITEMS, parse_json, parse_yaml, read_bytes, read_yaml

FORM = Record(
    {
        "name": Text(pattern="[a-z]+", most=8),
        "kind": Text(choices=("ttree", "rntuple")),
        "rate": Number(0.0, 1.0),
        "count": Number(1, 10, whole=True),
        "on": Flag(),
        "cuts": Items(Record({"low": Number()}, ("low",)), 1, 3),
        "names": Items(Text(), once=True),
        "tables": Entries(Entries(Text()), ("event", "track"), least=1, most=2),
        "rest": Anything(),
    },
    ("name",),
)
SOUND = {"name": "a", "kind": "ttree", "rate": 1, "count": 10, "on": False, "cuts": [{"low": -1.5}]}
SOUND |= {"names": [], "tables": {"track": {"p": "q"}}, "rest": [{}, None]}


def read(text):
    return parse_yaml(text.encode(), "f.yaml", PipelineError)


def test_what_has_the_form_comes_back():
    assert check(SOUND, FORM, "f.yaml", PipelineError) == SOUND
    assert check({"name": "a"}, FORM, "f.yaml", PipelineError) == {"name": "a"}
    left = check({"a": 1, "b": 2}, Record({"a": Number()}, open=True), "f.yaml", PipelineError)
    assert left == {"a": 1}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nam": 1}, "nam is unknown; known are name, kind, .*; did you mean 'name'?"),
        ({"name": None}, "name: expected text, found nothing"),
        ({"name": "A"}, "name: 'A' does not look like"),
        ({"name": "a" * 9}, "name: 9 letters; 8 are the most"),
        ({"kind": "tree"}, "kind: 'tree' is unknown; known are ttree, rntuple; did you mean 'ttr"),
        ({"rate": "1"}, "rate: expected a number, found text"),
        ({"rate": True}, "rate: expected a number, found true or false"),
        ({"rate": 1.5}, "rate: 1.5 is not within 0 and 1"),
        ({"rate": float("nan")}, "rate: nan is not finite"),
        ({"count": 1.0}, "count: expected a whole number, found a number"),
        ({"count": 0}, "count: 0 is not within 1 and 10"),
        ({"on": 1}, "on: expected true or false, found a whole number"),
        ({"cuts": []}, "cuts is empty"),
        ({"cuts": {}}, "cuts: expected a list, found a mapping"),
        ({"cuts": [{"low": 1}] * 4}, "cuts: 4 items; there must be 1-3"),
        ({"cuts": [{"low": 1}, {}]}, r"cuts\[1\]\.low is missing"),
        ({"cuts": [{"low": 1}, {"low": []}]}, r"cuts\[1\]\.low: expected a number, found a list"),
        ({"names": ["a", "b", "a"]}, r"names\[2\]: 'a' comes twice"),
        ({"tables": {"track": [1]}}, "tables.track: expected a mapping, found a list"),
        ({"tables": {"tracks": {}}}, "tables.tracks is unknown; .* did you mean 'track'?"),
        ({"tables": {}}, "tables is empty"),
        ({"tables": {1: {}}}, "tables: expected text as a key, found a whole number: '1'"),
        ({"name\n" * 50: 1}, r"name\?name.*\.\.\. is unknown"),
    ],
)
def test_what_is_wrong_is_named_with_its_path(change, message):
    with pytest.raises(PipelineError, match=f"^f.yaml: {message}"):
        check({**SOUND, **change}, FORM, "f.yaml", PipelineError)


def test_another_version_is_told_first():
    for document, message in (
        ({"v": 2, "other": 1}, "f.yaml: v is 2, this version reads 1"),
        ({"v": True}, "f.yaml: v: expected a whole number"),
        ({}, "f.yaml: v is missing"),
        (None, "f.yaml: expected a mapping, found nothing"),
    ):
        with pytest.raises(PipelineError, match=message):
            check_version(document, "v", 1, "f.yaml", PipelineError)
    check_version({"v": 1, "other": 1}, "v", 1, "f.yaml", PipelineError)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e3", 1000.0), ("-1.5E-3", -0.0015), (".5", 0.5), ("2.", 2.0), ("1_000", 1000),
        ("0x1f", 31), ("0b11", 3), ("0", 0), ("-7", -7), ("yes", True), ("~", None),
        # In YAML 1.1 these are 8, 45000, 5400 and a date.
        ("010", "010"), ("12:30:00", "12:30:00"), ("1:30", "1:30"), ("2020-01-02", "2020-01-02"),
    ],
)  # fmt: skip
def test_numbers_are_what_they_look_like(text, value):
    found = read(f"a: {text}")["a"]
    assert found == value and type(found) is type(value)


BILLION = "a: &a [x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n"
    for a, b in zip("abcdefghij", "bcdefghijk", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2", "the key 'a' comes twice"),
        ("{a: {b: 1, b: 1}}", "the key 'b' comes twice"),
        ("a: &a {b: 1}\nc: {<<: *a}", "merge keys"),
        ("? [1]\n: 2", "a key that is no text"),
        ("a: !!set {b}", "no text, number, flag"),
        ("a: !!binary aGVsbG8=", "no text, number, flag"),
        ("a: !!timestamp 2020-01-02", "no text, number, flag"),
        ("a: !!omap [b: 1]", "no text, number, flag"),
        ("a: &a [*a]", "more than 40 lists"),
        ("[" * 60 + "]" * 60, "more than 40 lists"),
        (BILLION, f"more than {MAX_ITEMS} values"),
        ("a: 0x" + "f" * 1000, "more than 128 bits"),
        ("a: " + "9" * 5000, "is no YAML"),
        ("--- 1\n--- 2", "is no YAML"),
        ("x" * 1_000_001, "1000000 are the most"),
    ],
)
def test_tricks_of_yaml(text, message):
    with pytest.raises(PipelineError, match=message):
        read(text)


def test_texts_that_are_repeated_count_each_time():
    with pytest.raises(PipelineError, match="letters"):
        read("a: &a " + "x" * 100_000 + "\nb: [" + "*a, " * 2000 + "]")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "a": 2}', "the key 'a' comes twice"),
        ("[" * 100_000, "is no JSON"),
        ("[" * 60 + "]" * 60, "more than 40 lists"),
        ('{"a": NaN}', "not finite"),
        ('{"a": 1e400}', "not finite"),
        ('{"a": ' + "9" * 5000 + "}", "is no JSON"),
        ('{"a": ' + "9" * 50 + "}", "more than 128 bits"),
        ("\xff", "is no JSON"),
    ],
)
def test_tricks_of_json(text, message):
    with pytest.raises(PipelineError, match=message):
        parse_json(text.encode("latin-1"), "f.json", PipelineError, finite=True)


def test_only_plain_files_are_read(tmp_path):
    (tmp_path / "f").write_bytes(b"abc")
    assert read_bytes(tmp_path / "f", 3, PipelineError) == b"abc"
    with pytest.raises(PipelineError, match="has 3 bytes; 2 are the most"):
        read_bytes(tmp_path / "f", 2, PipelineError)
    (tmp_path / "link").symlink_to(tmp_path / "f")
    assert read_bytes(tmp_path / "link", 3, PipelineError) == b"abc"
    os.mkfifo(tmp_path / "pipe")
    for path, links in ((tmp_path / "link", False), (tmp_path / "pipe", True), (tmp_path, True)):
        with pytest.raises(PipelineError, match="is no plain file"):
            read_bytes(path, 3, PipelineError, links)
    with pytest.raises(PipelineError, match="is no plain file"):
        read_yaml(tmp_path / "pipe", PipelineError)
    for name in ("absent", "a\0b"):
        with pytest.raises(PipelineError, match="cannot be read"):
            read_yaml(tmp_path / name, PipelineError)


PAIRS = Record(
    {
        "skipped": Items(Row((Number(-1, whole=True), Text()))),
        "dropped": Entries(Number(0, whole=True), pattern="-?[0-9]{1,10}"),
    }
)


def test_rows_and_keys_of_a_pattern():
    given = {"skipped": [[3, "a"], [-1, "b"]], "dropped": {"-13": 2}}
    found = check(given, PAIRS, "f.json", PipelineError)
    assert found == {"skipped": [(3, "a"), (-1, "b")], "dropped": {"-13": 2}}
    for change, message in (
        ({"skipped": [[3]]}, r"skipped\[0\]: 1 items; there must be 2"),
        ({"skipped": [[3, "a"], {"a": 1}]}, r"skipped\[1\]: expected a list, found a mapping"),
        ({"skipped": [[True, "a"]]}, r"skipped\[0\]\[0\]: expected a whole number"),
        ({"skipped": [[-2, "a"]]}, r"skipped\[0\]\[0\]: -2 is not within"),
        ({"dropped": {"13a": 1}}, "dropped.13a: does not look like"),
        ({"dropped": {"13": -1}}, "dropped.13: -1 is not within"),
    ):
        with pytest.raises(PipelineError, match=f"f.json: {message}"):
            check({**given, **change}, PAIRS, "f.json", PipelineError)


def test_more_values_than_asked_for():
    assert len(parse_json("[1, 2, 3]", "f.json", PipelineError, most=4)) == 3
    with pytest.raises(PipelineError, match="more than 3 values"):
        parse_json("[1, 2, 3]", "f.json", PipelineError, most=3)
