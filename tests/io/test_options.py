"""Options of sources: cut, checked and read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamarr_like.errors import SourceError
from lamarr_like.io import truth
from lamarr_like.io.options import (
    check_options,
    parse_choice,
    parse_count,
    parse_range,
    split_options,
)

NAME = st.text("abcdefgh_", min_size=1, max_size=8)
VALUE = st.text("abc0123456789.-:>, ()*", min_size=1, max_size=12)


@given(st.text("abc:/->() ", max_size=20), st.dictionaries(NAME, VALUE, max_size=4))
def test_what_is_joined_is_cut_again(head, options):
    text = head + ("?" if options else "") + "&".join(f"{k}={v}" for k, v in options.items())
    assert split_options(text) == (head, options)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a?b", "option 'b' is not of the form name=value"),
        ("a?b=", "option 'b=' is not of the form"),
        ("a?b=1&b=2", "option 'b' is given twice"),
    ],
)
def test_texts_that_cannot_be_cut(text, message):
    with pytest.raises(SourceError, match=message):
        split_options(text)


def test_unknown_options_list_those_there_are():
    check_options("gun:K-", {"p": "3"}, {"p": "momentum"})
    with pytest.raises(SourceError, match="gun:K-: unknown option 'q'; there are p: momentum"):
        check_options("gun:K-", {"q": "3"}, {"p": "momentum"})


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_ranges_come_back(low, width):
    high = low + width
    assert parse_range("x", "p", f"{low!r}:{high!r}") == (low, high)
    assert parse_range("x", "p", repr(low)) == (low, low)


def test_numbers_and_choices():
    assert parse_range("x", "p", "3-100") == (3.0, 100.0)
    assert parse_range("x", "z", "-5:5") == (-5.0, 5.0)
    assert parse_count("x", "n", "7", 10, "things") == 7
    assert parse_choice("x", "cc", "1", ("0", "1")) == "1"
    for bad in ("", "3-", "a", "1e", "3--", "9" * 61):
        with pytest.raises(SourceError, match="neither a number nor a range"):
            parse_range("x", "p", bad)
    with pytest.raises(SourceError, match="p=5-3 ends below its start"):
        parse_range("x", "p", "5-3")
    for bad in ("0", "11", "-1", "1.0", "²", "9" * 5000):
        with pytest.raises(SourceError, match="not a number of things from 1 to 10"):
            parse_count("x", "n", bad, 10, "things")
    with pytest.raises(SourceError, match="cc=2; it can be 0, 1"):
        parse_choice("x", "cc", "2", ("0", "1"))


def test_plugins_find_them_beside_the_source():
    """Where the tutorial of a source imports them from."""
    assert truth.split_options is split_options and truth.check_options is check_options
