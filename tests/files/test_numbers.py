"""Numbers as text, tables and JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest

from lamarr_like.errors import OutputError
from lamarr_like.files.numbers import (
    PROGRAM,
    number,
    plain,
    report_folder,
    table,
    write_json,
    write_tables,
)
from lamarr_like.physics.particles import TRACKED_SPECIES
from lamarr_like.validation.bins import SPECIES


class Pair(NamedTuple):
    one: float
    two: object


@dataclass
class Held:
    pair: Pair
    values: np.ndarray


def test_what_is_no_number_is_a_dash():
    assert number(1.23456) == "1.235" and number(0.00012345, 2) == "0.00012"
    for value in (float("nan"), float("inf"), -float("inf")):
        assert number(value) == "-"


def test_tables_keep_their_columns():
    lines = table(["a", "b"], [[1, "|x|"], ["", 2.5]])
    assert lines == ["| a | b |", "|---|---|", r"| 1 | \|x\| |", "|  | 2.5 |"]


def test_plain_takes_apart_everything():
    held = Held(Pair(float("nan"), (1, np.float32(0.5))), np.array([[1.0, np.inf], [2.0, 3.0]]))
    assert plain(held) == {
        "pair": {"one": None, "two": [1, 0.5]},
        "values": [[1.0, None], [2.0, 3.0]],
    }
    assert plain({1: np.int64(7), "b": np.bool_(True)}) == {"1": 7, "b": True}
    assert type(plain(np.int64(7))) is int
    assert plain([1.23456789, 123456789, "x", None], 3) == [1.23, 123456789, "x", None]


def test_json_has_no_nan(tmp_path):
    path = write_json(tmp_path / "a.json", {"x": [float("nan"), 1 / 3]}, digits=4)
    assert json.loads(path.read_text()) == {"x": [None, 0.3333]}
    assert "\n" in path.read_text().strip()
    path = write_json(tmp_path / "a.json", {"x": (1, 2)}, indent=None)
    assert path.read_text() == '{"x":[1,2]}\n'
    with pytest.raises(TypeError):
        write_json(path, {"x": object()})


def test_species_are_those_that_leave_tracks():
    assert tuple(SPECIES.values()) == TRACKED_SPECIES
    assert SPECIES["K"] == 321


def test_a_report_is_its_text_and_its_numbers(tmp_path):
    text, numbers = write_tables(tmp_path / "new" / "deep", "own", {"x": [1.5, np.nan]}, "| a |\n")
    assert (text.name, numbers.name) == ("own.md", "own.json") and text.read_text() == "| a |\n"
    assert json.loads(numbers.read_text()) == {"program": PROGRAM, "x": [1.5, None]}
    assert next(iter(json.loads(numbers.read_text()))) == "program"
    write_tables(text.parent, "own", {"program": "another"}, "")  # what a report says of itself
    assert json.loads(numbers.read_text())["program"] == "another"


def test_what_the_system_refuses_is_told_with_the_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file/report: cannot be written"):
        write_tables(tmp_path / "file" / "report", "own", {}, "")
    with pytest.raises(ValueError, match="own"), report_folder(tmp_path / "folder"):
        raise ValueError("own")  # other errors stay what they are
    assert (tmp_path / "folder").is_dir()
