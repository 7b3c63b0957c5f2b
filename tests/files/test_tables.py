"""Tables of reports: declared columns, dashes, bars, and what stands beside what."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from lamarr_like.files.tables import Table, beside, lines_of, table_of

NAN, INF = float("nan"), float("inf")


class One(NamedTuple):
    name: str
    value: float = 1.0
    pair: tuple = (1, 2)


COLUMNS = ("name = {0.name}", "value = {0.value:.2f}", "floor = {1.value:.1f}", "note = {note}")


def test_columns_are_titles_and_formats():
    table = table_of("T", COLUMNS, [(One("a"), One("a", 0.5), {"note": "x"})])
    assert table == Table("T", ("name", "value", "floor", "note"), [["a", "1.00", "0.5", "x"]])
    assert table.markdown == [
        *("| name | value | floor | note |", "|---|---|---|---|", "| a | 1.00 | 0.5 | x |"),
    ]


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_what_is_no_number_is_a_dash(value):
    rows = [(One("a", value), One("a", value), {"note": "nan is no word"})]
    assert table_of("", COLUMNS[:3], rows).rows == [["a", "-", "-"]]
    share = table_of("", ("share = {0.value:.1%}",), rows)
    assert share.rows == [["-"]] or value != value
    assert table_of("", ("with error = {0.value:.2f} +- 1.00",), rows).rows == [["-"]]


def test_words_that_begin_like_numbers_stay():
    rows = [(One("nanometre"), None, {}), (One("infrared"), None, {})]
    assert table_of("", ("name = {0.name}",), rows).rows == [["nanometre"], ["infrared"]]


def test_without_a_floor_there_are_dashes_whatever_is_asked_of_it():
    columns = ("a = {1.value:.3g}", "b = {1.pair[0]:d}", "c = {1.one.two[3].four:>9}")
    assert table_of("", columns, [(One("a"), None, {})]).rows == [["-", "-", "-"]]


def test_bars_do_not_end_a_cell():
    assert lines_of(("name = {0.name}",), [One("a|b")])[-1] == r"| a\|b |"


def test_a_table_without_rows_has_its_head():
    assert lines_of(COLUMNS[:2], []) == ["| name | value |", "|---|---|"]


@pytest.mark.parametrize("column", ["no format", "two = formats = {0}"])
def test_columns_that_are_not_declared_so(column):
    with pytest.raises(ValueError, match="unpack|argument|shorter|longer"):
        table_of("", ("name = {0.name}", column), [(One("a"), None, {})])


def test_a_name_that_was_not_worked_out():
    with pytest.raises(KeyError, match="note"):
        table_of("", COLUMNS, [(One("a"), None, {})])


def test_each_item_stands_beside_the_next_other_of_its_name():
    mine = [One("a", 1), One("b", 2), One("a", 3), One("c", 4)]
    others = [One("a", 10), One("c", 30), One("a", 20), One("a", 40)]
    found = list(beside(mine, others, "name"))
    assert [(a.value, b.value if b else None) for a, b in found] == [
        *((1, 10), (2, None), (3, 20), (4, 30)),
    ]
    assert list(beside(mine, [], "name")) == [(m, None) for m in mine]
    # Of several attributes all must be equal.
    assert next(b for _, b in beside(mine, others, "name", "pair")) == others[0]
    assert not any(b for _, b in beside(mine, [One("a", 1, (9, 9))], "name", "pair"))
