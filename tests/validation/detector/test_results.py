"""Curves of a section: what they hold, and that every style of them is drawn."""

from __future__ import annotations

import numpy as np
import pytest

from lamarr_like.errors import OutputError
from lamarr_like.validation import series
from lamarr_like.validation.detector import curves, results, write

LABELS = ("panel", "x", "y")
EDGES = np.array([1.0, 2.0, 4.0, 8.0])


def test_a_series_fills_in_what_is_not_given():
    one = series.series(LABELS, EDGES, np.ones(3))
    assert one.low.tolist() == [1.0, 2.0, 4.0]
    assert one.high.tolist() == [2.0, 4.0, 8.0]
    assert one.error.tolist() == [0.0] * 3
    assert len(one.reference) == len(one.reference_error) == 0
    beside = series.series(LABELS, EDGES, np.ones(3), 0.1 * np.ones(3), np.full(3, 2.0), name="a")
    assert beside.reference_error.tolist() == [0.0] * 3
    assert (beside.name, beside.style) == ("a", "points")


def test_a_curve_becomes_a_series_in_other_units():
    by = np.repeat([1500.0, 3000.0], [100, 30])
    curve = curves.share_curve(by > 2000.0, by, 1e3 * EDGES)
    one = series.of_curve(LABELS, curve, np.full(2, 0.5), np.full(2, 0.1), scale=1e-3, log_x=True)
    assert one.low == pytest.approx([1.0, 2.0])
    assert one.high == pytest.approx([2.0, 4.0])
    assert one.ours.tolist() == [0.0, 1.0]
    assert (one.error > 0.0).all()
    assert one.reference_error.tolist() == [0.1, 0.1]
    assert one.log_x


def _section(panels=1):
    """A section with every style in each panel, and gaps in one of them."""
    values = np.array([0.5, np.nan, 2.0])
    shown = [
        series.series((f"panel {i}", "x", "y"), EDGES, values, reference=values, style=style)
        for i in range(panels)
        for style in series.STYLES
    ]
    return results.Section("key", "A title that is longer than one panel is wide", series=shown)


def test_every_style_is_drawn_on_as_many_pages_as_there_is_room_on(tmp_path):
    pytest.importorskip("mplhep")
    files = write.draw_sections([_section(17)], tmp_path / "new")
    assert [f.name for f in files] == ["key.png", "key-2.png"]
    assert all(f.read_bytes().startswith(b"\x89PNG") for f in files)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write.draw_sections([_section()], tmp_path / "file")


def test_what_is_not_finite_is_null_in_json():
    report = results.CheckReport((results.SampleInfo("a.root", 3, "gun"),), (_section(),))
    curve = write.as_json(report)["sections"][0]["curves"][0]
    assert curve["ours"] == [0.5, None, 2.0]
    assert set(curve) == {
        *("panel", "name", "x", "y", "low", "high"),
        *("ours", "error", "reference", "reference_error"),
    }
