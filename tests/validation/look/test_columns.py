"""The dictionary of columns: what is measured, what ships, pages, and what is refused."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest
import typer
from report_samples import detector, truth_batch
from typer.testing import CliRunner

from lamarr_like import schema
from lamarr_like.chain.pipeline import TRUTH
from lamarr_like.chain.pipeline_file import load_config
from lamarr_like.errors import LamarrLikeError, OutputError, SchemaError
from lamarr_like.io.ntuple import EventWriter
from lamarr_like.stages import STAGES, TRAINED_STAGES
from lamarr_like.validation.look import columns as look
from lamarr_like.validation.look.command import columns

app = typer.Typer()
app.command()(columns)


def call(*words):
    return CliRunner().invoke(app, [str(w) for w in words], catch_exceptions=False)


@pytest.fixture(scope="module")
def ntuples(tmp_path_factory):
    folder, truth = tmp_path_factory.mktemp("columns"), truth_batch(150)
    for seed, name in ((1, "one.root"), (2, "two.root")):
        with EventWriter(folder / name, metadata={}) as writer:
            writer.write(detector(truth, seed))
    return folder / "one.root", folder / "two.root"


def test_what_the_chain_draws_ships_with_range_and_distance():
    """A column that a stage is given, or a stage that is new, asks for new figures."""
    shipped = look.Dictionary.shipped()
    names = [entry.stage for entry in load_config("reference").stages]
    for stage in ((STAGES | TRAINED_STAGES)[name] for name in names):
        for table, name in stage.provides - TRUTH:
            column = schema.column(table, name)
            assert column.branch in shipped.columns, f"{column.branch}: {_AGAIN}"
    drawn = shipped.columns["Track_RichDLLk"]
    assert drawn.low < 0 < drawn.high and 0 < drawn.distance < 0.1 and drawn.rows > 10_000
    assert set(shipped.columns) <= set(schema.by_branch()), _AGAIN
    for one in shipped.columns.values():
        assert one.low <= one.high and 0.9 < sum(one.ours) < 1.005


_AGAIN = "make lamarr_like/validation/look/columns.json anew (tutorials/look.md)"


def test_distances_and_shares_are_those_of_the_values(ntuples):
    found = look.measure(*ntuples, events=None)
    values = {path: look._values(path, None)["Track_p"] for path in ntuples}
    one, other = (np.sort(v) for v in values.values())
    both = np.concatenate([one, other])
    ranks = (np.searchsorted(v, both, side="right") / len(v) for v in (one, other))
    expected = np.abs(np.subtract(*ranks)).max()
    p = found.columns["Track_p"]
    assert p.distance == pytest.approx(expected, rel=5e-3) and p.rows == len(one)
    assert (one < p.low).mean() == pytest.approx(0.01, abs=0.005)
    assert sum(p.ours) == pytest.approx(0.98, abs=0.01)
    # The truth is the same; nothing is told of its quality.
    px = found.columns["GenPart_px"]
    assert px.distance == 0.0 and look.quality("particle", "mc_px", px) == ""
    assert look.quality("track", "p", p).startswith(f"{p.distance:.3f} (")


def test_whole_numbers_have_bins_of_their_own(ntuples):
    kinds = look.measure(ntuples[0]).columns["Track_type"]
    types = look._values(ntuples[0], look.EVENTS)["Track_type"]
    assert kinds.ours[0] == pytest.approx((types == kinds.low).mean(), rel=5e-3)
    assert len(kinds.ours) == kinds.high - kinds.low + 1
    assert kinds.theirs == () and kinds.distance != kinds.distance
    # Nothing but one value, and nothing finite.
    assert look._measured(np.full(5, 3.0), np.zeros(0)).ours == (1.0,)
    assert look.reach(look._measured(np.full(5, 3.5), np.zeros(0))) == "3.5"


def test_pictures_are_drawings(ntuples):
    drawn = look.picture(look.measure(*ntuples).columns["Track_p"])
    assert "\n" not in drawn and "|" not in drawn
    paths = [p.get("d") for p in ElementTree.fromstring(drawn)]
    numbers = [float(n) for n in re.findall(r"-?[\d.]+", " ".join(paths))]
    assert len(paths) == 2 and max(numbers) <= 96.0 and min(numbers) >= -24.0


def test_figures_are_read_as_they_were_written(ntuples, tmp_path, monkeypatch):
    path = tmp_path / "figures.json"
    assert call(*ntuples[:1], "--beside", ntuples[1], "-o", path).exit_code == 0
    monkeypatch.setattr(look, "SHIPPED", path)
    again, found = look.Dictionary.shipped(), look.measure(*ntuples)
    assert again.samples == ("one.root", "two.root") and again.text() == found.text()
    path.write_text(path.read_text().replace('"rows": ', '"rows": -'))
    with pytest.raises(SchemaError, match=r"columns\.\w+\.rows"):
        look.Dictionary.shipped()


def test_the_page_and_the_table_have_every_branch(ntuples, tmp_path):
    path = tmp_path / "page.html"
    assert call(ntuples[0], "-o", path).exit_code == 0
    text = path.read_text()
    told = call(ntuples[0]).output
    for column in schema.COLUMNS.values():
        assert f"<td>{column.branch}</td>" in text
        assert re.search(rf"^{column.branch} .*{re.escape(column.doc[:20])}", told, re.MULTILINE)
    assert "<script" not in text and "http://" not in text.replace("http://www.w3.org", "")
    some = call("--of", "Track_Rich*", "--of", "PV_x").output
    assert len(some.strip().splitlines()) == 7 and "rich" in some


def test_what_is_refused(ntuples, tmp_path):
    with pytest.raises(SchemaError, match="no branch is called 'Trak_p'"):
        call("--of", "Trak_p")
    assert call("--beside", ntuples[0]).exit_code == 2
    assert call("-o", tmp_path / "page.txt").exit_code == 2
    with pytest.raises(OutputError):
        call("-o", tmp_path / "no" / "page.html")
    with pytest.raises(LamarrLikeError, match=r"absent\.root"):
        call("absent.root")
    (tmp_path / "there.html").write_text("")
    with pytest.raises(OutputError, match="force"):
        call("-o", tmp_path / "there.html")
