"""The verb ``tpc``: tables, verdict and pictures of detailed and of drawn tracks."""

import json

import numpy as np
import pytest

from lamarr_like import cli
from lamarr_like.errors import PipelineError, SchemaError
from lamarr_like.responses.config import TableConfig
from lamarr_like.responses.families import find_response_family
from lamarr_like.responses.making import make_sample
from lamarr_like.responses.model import load
from lamarr_like.responses.training.library import fit_table
from lamarr_like.validation.tpc import command, compute, draw, write
from lamarr_like.validation.tpc.compute import DETAILED, KINDS, compare_events
from lamarr_like.validation.verdict import load_thresholds

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Two tables of a small sample, with six and with four conditions."""
    folder = tmp_path_factory.mktemp("models")
    sample = make_sample("tpc_pads", 1500, 1, progress=False)
    for name in ("tpc_pads", "tpc_pads4"):
        given = make_sample(name, 1500, 1, progress=False) if name[-1] == "4" else sample
        trained = fit_table(given, TableConfig(size=1500), progress=False)
        trained.save(folder, stage=name, sample="table", version="1", card="# Pads\n")
    assert find_response_family("table").name == "table"
    return folder


@pytest.fixture(scope="module")
def comparison(models):
    named = {name: load(name, models) for name in ("tpc_pads-table-1", "tpc_pads4-table-1")}
    config = load_thresholds(None, KINDS, "verdict-tpc.yaml")
    return compare_events(named, 2, 30, 1, config, progress=False)


def test_rows_of_all_simulations_and_bins(comparison):
    names = [DETAILED, compute.AGAIN, "tpc_pads-table-1", "tpc_pads4-table-1"]
    assert [row.simulation for row in comparison.rows] == list(np.repeat(names, 5))
    for row in comparison.rows:
        assert row.low < row.high and row.hits > 0.9
    first = comparison.rows[0]
    assert first.tracks == 60 == sum(row.tracks for row in comparison.rows[1:5])
    assert 100 < first.x < 5000 and 0.7 < first.chi2 < 1.5 and first.efficiency > 0.9


def test_tables_are_faster(comparison):
    cost = {c.simulation: c.responses + c.sums for c in comparison.costs}
    assert cost["tpc_pads-table-1"] < 0.4 * cost[DETAILED]
    assert {t.simulation for t in comparison.costs} == set(comparison.samples)


def test_the_first_generator_is_judged(comparison):
    assert {c.subject for c in comparison.verdict.checks} == {"tpc_pads-table-1"}
    assert {c.group for c in comparison.verdict.checks} == set(KINDS)


def test_measurements_see_a_worse_resolution(comparison):
    rows = [row for row in comparison.rows if row.simulation in (DETAILED, "tpc_pads-table-1")]
    many = [row._replace(tracks=100 * row.tracks) for row in rows]
    worse = [
        row._replace(x=1.2 * row.x) if row.simulation != DETAILED else row
        for row in (*many[:5], *(row._replace(simulation="tpc_pads-table-1") for row in many[:5]))
    ]
    config = load_thresholds(None, KINDS, "verdict-tpc.yaml")
    found = list(compute._measurements(worse, ["tpc_pads-table-1"]))
    verdict = compute.judge(found, config)
    (failed,) = [c for c in verdict.checks if c.status.value == "fail"]
    assert failed.group == "resolution" and failed.worst.startswith("x")


def test_the_verb_writes_a_report(models, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.app(
            [
                *("tpc", "tpc_pads-table-1", "--beside", "tpc_pads4-table-1"),
                *("--models", str(models), "-n", "1", "--tracks", "12", "-o", str(tmp_path / "r")),
            ]
        )
    assert ended.value.code in (0, 2)
    told = json.loads((tmp_path / "r/report.json").read_text())
    assert told["tracks"] == 12 and len(told["rows"]) == 20
    page = (tmp_path / "r/index.html").read_text()
    assert "chi2/NDF" in page and "tpc_pads4-table-1" in page and write.HEADING in page
    assert {p.stem for p in (tmp_path / "r/plots").glob("*.png")} == {
        "against-pt",
        "chi2",
        "sector",
    }
    assert "wrote" in capsys.readouterr().out


def test_figures_have_their_panels(comparison):
    sheets = {one.name: one.draw() for one in draw.drawings(comparison)}
    assert len(sheets["against-pt"].axes) == 6 and len(sheets["sector"].axes) == 5


def test_bad_input(models, tmp_path):
    config = load_thresholds(None, KINDS, "verdict-tpc.yaml")
    with pytest.raises(SchemaError, match="lacks the conditions pdg"):
        compare_events({"e": load("ecal_shower-library-1")}, 1, 5, 1, config, progress=False)
    (tmp_path / "v.yaml").write_text("schema_version: 1\nfalse_alarm: 0.1\nchecks: {sums: 1}\n")
    with pytest.raises(PipelineError, match="sums"):
        command.tpc(
            "tpc_pads-table-1",
            tmp_path / "r",
            models=models,
            thresholds=tmp_path / "v.yaml",
        )
