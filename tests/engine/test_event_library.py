"""Libraries of whole events: what is found, and tables of strangers."""

from __future__ import annotations

import io

import numpy as np
import pytest

from lamarr_like.engine.event_library import FILE, MAX_ROWS, EventLibrary, EventLibrarySpec
from lamarr_like.engine.load import build_model
from lamarr_like.errors import ArtefactError, SchemaError


def tables(**changed):
    """Three events at 0, 1 and 10 with 2, 0 and 1 rows of two columns."""
    found = {
        "features": np.array([[0.0], [1.0], [10.0]], np.float32),
        "counts": np.array([2, 0, 1], np.int32),
        "numbers": np.array([[1.0, 2.0, 3.0], [-1.0, -2.0, -3.0]], np.float32),
    }
    return {k: v for k, v in (found | changed).items() if v is not None}


def packed(content):
    stream = io.BytesIO()
    np.savez(stream, **content)
    return stream.getvalue()


def library(neighbours=1, **changed):
    return EventLibrary.read(packed(tables(**changed)), ("x",), ("a", "b"), neighbours, "model")


def test_the_nearest_events_are_found_alike_often():
    found = library(neighbours=2)
    assert np.array_equal(found.offsets, [0, 2, 2, 3])
    assert np.array_equal(found.columns["b"], [-1.0, -2.0, -3.0])
    assert found.ranges == {"a": (1.0, 3.0), "b": (-3.0, -1.0)}
    u = np.random.default_rng(1).random((10_000, 1))
    event = found.find({"x": np.full(len(u), 0.2)}, u)
    assert (event == 0).mean() == pytest.approx(0.5, abs=0.02) and event.max() == 1
    assert np.array_equal(found.find({"x": np.array([9.0])}, np.array([[0.1]])), [2])
    # More neighbours than events are all of them.
    everything = library(neighbours=50)
    assert len(np.unique(everything.find({"x": np.zeros(len(u))}, u))) == 3


def test_what_is_asked_for_is_checked():
    found = library()
    with pytest.raises(SchemaError, match="condition 'x' is nan"):
        found.find({"x": np.array([np.nan])}, np.full((1, 1), 0.5))
    with pytest.raises(SchemaError, match="lacks the conditions x"):
        found.find({}, np.full((1, 1), 0.5))
    with pytest.raises(SchemaError, match="uniforms have shape"):
        found.find({"x": np.zeros(2)}, np.full((2, 2), 0.5))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"numbers": None}, "holds other tables than features, counts, numbers"),
        ({"counts": np.array([2.0, 0.0, 1.0])}, "no table 'counts' of numbers of its kind"),
        ({"counts": np.array([2, 0, 2])}, "numbers of rows do not fit"),
        ({"counts": np.array([4, -2, 1])}, "numbers of rows do not fit"),
        (
            {
                "counts": np.array([MAX_ROWS + 1, 0, 0]),
                "numbers": np.zeros((2, MAX_ROWS + 1), np.float32),
            },
            "numbers of rows do not fit",
        ),
        ({"counts": np.zeros(0, int)}, "0 events"),
        ({"features": np.zeros((3, 2))}, "features do not fit"),
        ({"features": np.array([[0.0], [np.nan], [1.0]])}, "a feature is not finite"),
        ({"numbers": np.full((2, 3), np.inf)}, "a number is not finite"),
        ({"numbers": np.zeros((3, 3))}, "its rows have no 2 columns"),
    ],
)
def test_tables_of_strangers(changed, message):
    with pytest.raises(ArtefactError, match=message):
        library(**changed)


def test_configuration():
    config = {"kind": "event_library", "conditions": ["x"], "outputs": ["a", "b"], "neighbours": 1}
    files = {FILE: packed(tables())}
    assert isinstance(build_model(config, files, "model"), EventLibrary)
    assert EventLibrarySpec.read(config, "model").neighbours == 1
    for wrong in ({"neighbours": 0}, {"neighbours": 10**6}, {"outputs": ["a", "a"]}):
        with pytest.raises(ArtefactError, match=next(iter(wrong))):
            build_model(config | wrong, files, "model")
    for broken in ({}, {FILE: b"PK"}, {FILE: packed(tables())[:-40]}):
        with pytest.raises(ArtefactError):
            build_model(config, broken, "model")
