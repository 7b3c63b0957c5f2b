"""Sheets of panels: grids, style, files."""

from __future__ import annotations

import pytest

matplotlib = pytest.importorskip("matplotlib")
pytest.importorskip("mplhep")

from lamarr_like.files.sheets import DPI, new_sheet, sheet_of, style, write_sheet  # noqa: E402


def draw(axes, item):
    axes.plot([0, 1], [0, item])
    axes.set_title(str(item))


@pytest.mark.parametrize(("n", "size"), [(0, (3, 2)), (1, (3, 2)), (2, (6, 2)), (5, (9, 4))])
def test_a_panel_for_each_item(n, size):
    sheet = sheet_of(range(n), draw, columns=3, width=3.0, height=2.0)
    assert [a.get_title() for a in sheet.axes] == [str(i) for i in range(n)]
    assert tuple(sheet.get_size_inches()) == size


def test_style_ends_with_the_sheet():
    before = dict(matplotlib.rcParams)
    with style():
        assert matplotlib.rcParams["xtick.direction"] == "in"
        assert matplotlib.rcParams["font.size"] < 12  # many panels, not one large one
    assert dict(matplotlib.rcParams) == before


def test_files_and_their_sizes(tmp_path):
    paths = [tmp_path / "new" / name for name in ("a.png", "a.pdf")]
    sheet = write_sheet(lambda: sheet_of([1, 2], draw, columns=2), *paths)
    assert [len(a.lines) for a in sheet.axes] == [1, 1]
    png, pdf = (p.read_bytes() for p in paths)
    width, height = (int.from_bytes(png[i : i + 4], "big") for i in (16, 20))
    assert (width, height) == (6 * DPI, 2.5 * DPI)
    assert pdf.startswith(b"%PDF") and b"CreationDate" not in pdf
    write_sheet(lambda: sheet_of([1, 2], draw, columns=2), *paths)
    assert (png, pdf) == tuple(p.read_bytes() for p in paths)  # nothing depends on the time


def test_what_cannot_be_drawn_leaves_no_file_and_no_style(tmp_path):
    before = dict(matplotlib.rcParams)

    def broken():
        new_sheet(1, 1).subplots().plot([1, 2], [1])

    with pytest.raises(ValueError, match="dimension"):
        write_sheet(broken, tmp_path / "a.png")
    assert not list(tmp_path.iterdir()) and dict(matplotlib.rcParams) == before


def test_a_title_gives_way_to_an_exponent_only(tmp_path):
    def panel(axes, top):
        axes.plot([0.0, 1.0], [0.0, top])
        axes.set_title("a title that is as wide as the panel and reaches over its left end")

    sheet = write_sheet(lambda: sheet_of([1.0, 1e9], panel, columns=2), tmp_path / "a.png")
    plain, powers = (axes.title.get_position()[1] for axes in sheet.axes)
    assert plain == 1.0 < powers
