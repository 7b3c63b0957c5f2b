"""Numbers of reports as text, tables and JSON."""

import enum
import json
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest

from lamarr_like.validation import numbers


class Pair(NamedTuple):
    a: float
    b: list


@dataclass
class Holder:
    pair: Pair
    array: np.ndarray


class Word(str, enum.Enum):
    yes = "yes"


def test_what_is_no_number_is_none_in_json(tmp_path):
    nested = {
        1: Holder(Pair(float("nan"), [np.inf, 2]), np.array([[1.5, -np.inf]])),
        "word": Word.yes, "flag": np.bool_(True), "count": np.int64(3), "none": None,
    }  # fmt: skip
    path = numbers.write_json(tmp_path / "a.json", nested)
    found = json.loads(path.read_text())
    assert found["1"]["array"] == [[1.5, None]]
    assert found["word"] == "yes" and found["flag"] is True and found["count"] == 3
    assert None in (found["1"]["pair"]["a"] if isinstance(found["1"]["pair"], dict)
                    else found["1"]["pair"][0],)  # fmt: skip


def test_digits_hold_for_numbers_that_are_not_whole():
    assert numbers.plain([1.23456, 123456, True], 3) == [1.23, 123456, True]
    assert numbers.plain(np.pi, 20) == np.pi and numbers.plain(np.float32(0.5)) == 0.5


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_dash_stands_for_no_number(value):
    assert numbers.number(value) == numbers.fixed(value) == "-"


def test_numbers_as_text():
    assert numbers.number(1234.56) == "1235" and numbers.number(0.000123456, 2) == "0.00012"
    assert numbers.fixed(2.0, 1) == "2.0"


def test_tables_are_markdown():
    lines = numbers.table(["a", "b"], [["x|y", 1], ["", 2.5]])
    assert lines == ["| a | b |", "|---|---|", "| x\\|y | 1 |", "|  | 2.5 |"]
    assert numbers.table(["a"], []) == ["| a |", "|---|"]


def test_equal_content_gives_equal_files(tmp_path):
    content = {"b": 1.0, "a": [1, 2]}
    one = numbers.write_json(tmp_path / "1", content).read_bytes()
    assert one == numbers.write_json(tmp_path / "2", content).read_bytes() and one.endswith(b"\n")
    flat = numbers.write_json(tmp_path / "3", content, indent=None).read_text()
    assert flat == '{"b":1.0,"a":[1,2]}\n'
