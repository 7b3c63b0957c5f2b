"""Clusters, PID and muons, detailed beside fast: equal laws agree, others do not; the command."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from object_samples import Toy, toy_chain, toy_truth, write_sample

from lamarr_like import cli
from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.errors import PipelineError, SchemaError, SourceError
from lamarr_like.events import Table
from lamarr_like.runs.redraw import run_fast, truth_of
from lamarr_like.statistics.binned import share_of
from lamarr_like.statistics.lines import line, line_distance, spread
from lamarr_like.statistics.mass_peak import WINDOWS, find_peak
from lamarr_like.validation.objects import compare as objects
from lamarr_like.validation.objects.declared import LINES, OCCUPANCY, SPECTRA, Curve
from lamarr_like.validation.objects.engine import ecal_report, muon_report
from lamarr_like.validation.objects.results import DETAILED, FLOOR, HALVES
from lamarr_like.validation.objects.samples import figures as figures_of

N = 900


@pytest.fixture(scope="module")
def truth():
    return toy_truth(N)


@pytest.fixture(scope="module")
def detailed(truth):
    return toy_chain()(truth, seed=10**5)


@pytest.fixture(scope="module")
def same(truth):
    return toy_chain()(truth, seed=2 * 10**5)


@pytest.fixture(scope="module")
def report(detailed, same, truth):
    shifted = toy_chain(1.1)(truth, seed=3 * 10**5)
    return ecal_report(detailed, {"same": same, "shifted": shifted}, folds=2)


def spectrum(report, quantity, occupancy="all"):
    return next(s for s in report.spectra if (s.quantity, s.occupancy) == (quantity, occupancy))


def test_one_law_cannot_be_told_from_itself(report):
    for auc in (report.tests[0].auc, report.tests[0].floor):
        assert abs(auc.value - 0.5) < 4 * auc.error
        assert auc.error < 0.03
    for one in report.lines:
        for name in ("same", FLOOR):
            assert one.distances[name].chi2 < 3.0
        # Few photons of the toy are in the tail: its chi2 judges them.
        if one.name.startswith("photon") and one.name != "photon tail":
            assert one.distances["same"].ratio == pytest.approx(1.0, abs=0.03)
    for s in report.spectra:
        n = s.distances["same"].n
        assert s.distances["same"].ks < 2.0 * np.sqrt(sum(n) / n[0] / n[1])


def test_a_wrong_energy_is_found(report):
    auc = report.tests[1].auc
    assert auc.value - 0.5 > 4 * auc.error
    response = next(one for one in report.lines if one.name == "photon response")
    assert response.distances["shifted"].ratio == pytest.approx(1.1, abs=0.02)
    assert response.distances["shifted"].chi2 > 10.0
    energy = spectrum(report, "energy").distances
    assert energy["shifted"].mean[1] - energy["same"].mean[1] == pytest.approx(0.0414, abs=0.02)
    assert energy["shifted"].ks > 2.0 * energy["same"].ks
    # The number of clusters did not change.
    assert spectrum(report, "multiplicity").distances["shifted"].ks < 0.1


def test_every_bin_of_every_quantity_is_there(report, detailed):
    places = [(s.quantity, s.occupancy) for s in report.spectra]
    assert places == [(q, o) for o in OCCUPANCY for q in SPECTRA]
    assert [one.name for one in report.lines] == list(LINES)
    assert {(p.name, p.occupancy) for p in report.peaks} == {
        (w, o) for w in WINDOWS for o in OCCUPANCY
    }
    events = [spectrum(report, "multiplicity", o).distances["same"].n[0] for o in OCCUPANCY]
    assert events[0] == sum(events[1:]) == N
    assert min(events) > 0.25 * N
    shown = spectrum(report, "multiplicity")
    assert sum(shown.histograms[DETAILED]) == pytest.approx(1.0, abs=0.01)
    text = report.markdown
    for name in ("same", "shifted", FLOOR, *SPECTRA, *LINES, "pi0", "eta"):
        assert name in text
    assert "nan" not in text


def test_figures_of_a_sample(detailed):
    figures = figures_of(detailed, "ecal", "sample")
    cluster = detailed["cluster"]
    assert figures.groups["event"]["multiplicity"].sum() == len(cluster)
    one = detailed.events(5, 6)["cluster"]
    place = np.stack([one["x"], one["y"]], axis=1).astype(np.float64)
    distance = np.linalg.norm(place[:, None] - place, axis=2) + 1e9 * np.eye(len(place))
    mine = figures.groups["cluster"]["event"] == 5
    near = figures.groups["cluster"]["log_near"][mine]
    assert near == pytest.approx(np.log10(distance.min(axis=1)))
    # The toy tells by its links which clusters hold two photons.
    merged, halves = figures.groups["cluster"]["photons"], figures.groups["cluster"]["halves"]
    assert halves[merged].mean() > 0.9
    photon = figures.groups["photon"]
    assert 0.5 < photon["found"].mean() < 1.0
    assert (photon["response"][~photon["found"]] == 0).all()
    part = figures.of(np.arange(N) < 10)
    assert part.n == 10
    assert part.groups["photon"]["event"].max() < 10


def test_peaks():
    rng = np.random.default_rng(4)
    background = rng.uniform(0, 400, 40_000)
    mass = np.concatenate([rng.normal(137.0, 9.0, 3000), background])
    peak = find_peak(mass, 1000, WINDOWS["pi0"])
    assert abs(peak.mean - 137.0) < 4 * peak.mean_error < 4.0
    assert abs(peak.width - 9.0) < 4 * peak.width_error < 4.0
    assert abs(peak.yields - 3.0) < 4 * peak.yield_error < 0.6
    none = find_peak(background, 1000, WINDOWS["pi0"])
    assert abs(none.yields) < 4 * none.yield_error
    assert np.isnan(none.mean) or none.mean_error > 0
    few = find_peak(mass[:10], 5, WINDOWS["pi0"])
    assert np.isnan(few.yields)
    assert np.isnan(find_peak(np.zeros(0), 0, WINDOWS["eta"]).width)


def test_lines_and_distributions():
    rng = np.random.default_rng(1)
    by = rng.uniform(0, 3, 3000)
    first = line(rng.random(3000) < 0.5, by, (0, 1, 2, 3, 4), share_of)
    assert first.value[:3] == pytest.approx([0.5] * 3, abs=0.08)
    assert np.isnan(first.value[3])
    distance = line_distance(first, line(rng.random(3000) < 0.6, by, (0, 1, 2, 3, 4), share_of))
    assert distance.bins == 3
    assert distance.ratio == pytest.approx(1.2, abs=0.1)
    assert distance.chi2 > 3
    empty = line(np.zeros(0, bool), np.zeros(0), (0, 1), share_of)
    assert line_distance(empty, empty).bins == 0
    x = rng.normal(size=4000)
    assert spread(x, x + 0.5).wasserstein == pytest.approx(0.5, abs=0.02)
    assert spread(x, x).ks == 0
    assert spread(np.ones(30), np.ones(30)).wasserstein == 0
    assert np.isnan(spread(x, x[:3]).ks)


def test_muons(detailed, same):
    report = muon_report(detailed, same)
    results = {(r.species, r.quantity): r for r in report.results}
    muon = results["mu", "isMuon"]
    assert muon.shares["fast"] == pytest.approx(0.95, abs=0.03)
    assert muon.distances["fast"].ratio == pytest.approx(1.0, abs=0.03)
    assert results["pi", "isMuon"].shares[DETAILED] == pytest.approx(0.1, abs=0.03)
    assert "| mu | isMuon |" in report.markdown
    flipped = same.with_columns("track", is_muon=~same.track["is_muon"])
    wrong = {(r.species, r.quantity): r for r in muon_report(detailed, flipped).results}
    assert wrong["mu", "isMuon"].distances["fast"].chi2 > 100


def test_an_object_is_one_declaration(detailed, same, monkeypatch):
    """What is declared is computed for all samples and the floor, and told in the table."""
    soft, edges = (lambda t: t["energy"] < 5e3), (1e3, 1e4)
    curve = Curve("soft clusters", "cluster", share_of, soft, "energy", edges, among="free")
    monkeypatch.setitem(LINES, curve.name, curve)
    few = [batch.events(0, 60) for batch in (detailed, same)]
    report = ecal_report(few[0], {"same": few[1]})
    found = next(one for one in report.lines if one.name == curve.name)
    assert set(found.distances) == {"same", FLOOR}
    clusters = figures_of(few[0], "ecal", "sample").groups["cluster"]
    energy = clusters["energy"][clusters["free"]]
    inside = energy[(energy >= 1e3) & (energy < 1e4)]
    assert found.lines[DETAILED].value[0] == pytest.approx((inside < 5e3).mean())
    halves = [found.lines[name].n[0] for name in HALVES]
    assert sum(halves) == found.lines[DETAILED].n[0] == len(inside)
    assert "| soft clusters | 1 |" in report.markdown


def test_samples_that_do_not_fit(detailed, same):
    with pytest.raises(SchemaError, match="events are not those"):
        ecal_report(detailed, {"fast": same.with_columns("event", event_id=np.arange(N) + 1)})
    poor = {k: v for k, v in same["cluster"].columns.items() if k != "merged_mass"}
    lacking = same.with_table("cluster", Table(poor, same["cluster"].offsets))
    with pytest.raises(SchemaError, match="'fast'.*merged_mass"):
        ecal_report(detailed, {"fast": lacking})
    with pytest.raises(SchemaError, match="with events"):
        ecal_report(detailed, {})
    few = ecal_report(detailed.events(0, 3), {"fast": same.events(0, 3)})
    assert np.isnan(few.tests[0].auc.value)
    assert "nan" not in few.markdown


# --- the command


@pytest.fixture(scope="module")
def written(detailed, tmp_path_factory):
    return write_sample(tmp_path_factory.mktemp("objects") / "detailed.root", detailed)


@pytest.fixture
def run(monkeypatch, capsys, few_trees):
    """Call the command with the toy in place of trained models."""

    def load(cls, name, models=None):
        return toy_chain()

    def load_stage(name, models=None):
        stage = Toy(1.05)
        if name.startswith("rich"):
            stage.name = "rich"
        return stage, SimpleNamespace(folder=Path(name), digest="0")

    monkeypatch.setattr(Pipeline, "load", classmethod(load))
    monkeypatch.setattr(objects, "load_stage", load_stage)

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["lamarr-like", "objects", *(str(w) for w in words)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        printed = capsys.readouterr()
        return stop.value.code, printed.out, printed.err

    return call


def test_command_writes_tables_and_pages(run, written, tmp_path):
    pytest.importorskip("matplotlib")
    out = tmp_path / "new" / "out"
    code, printed, err = run(written, "--baseline", "ecal-k-to-k-1", "-n", 150, "-o", out)
    assert (code, err) == (0, "")
    assert "fast chain: 150 of 150 events" in printed
    names = {"objects.md", "objects.json", "ecal.png", "pid.png", "pid_floor.png", "muons.png"}
    assert {p.name for p in out.iterdir()} == names
    assert printed.count("wrote") == len(names)
    text = (out / "objects.md").read_text()
    for word in ("## ECAL", "## Muons", "floor", "Baseline: ecal-k-to-k-1", "ecal-toy-1"):
        assert word in text
    numbers = json.loads((out / "objects.json").read_text())
    assert numbers["events"] == 150
    assert numbers["ecal"]["versions"] == ["ecal-toy-1", "ecal-k-to-k-1"]
    tests = {t["version"] for t in numbers["ecal"]["tests"]}
    assert {"ecal-toy-1, stage alone", "ecal-k-to-k-1, stage alone"} < tests
    for name in names:
        if name.endswith("png"):
            assert (out / name).read_bytes()[:4] == b"\x89PNG"


def test_command_takes_a_second_draw_as_the_floor(run, written, same, detailed, tmp_path):
    pytest.importorskip("matplotlib")
    second = write_sample(tmp_path / "second.root", same)
    out = tmp_path / "out"
    code, _, err = run(written, "--again", second, "-n", 150, "--page", "muons", "-o", out)
    assert (code, err) == (0, "")
    text = (out / "objects.md").read_text()
    assert "a second draw of the same events, second.root" in text
    shown = json.loads((out / "objects.json").read_text())
    first, other = (
        muon_report(d.events(0, 150), d.events(0, 150)).results[0].lines[DETAILED]
        for d in (detailed, same)
    )
    lines = shown["muons"]["results"][0]["lines"]
    for name, line_of in zip(HALVES, (first, other), strict=True):
        assert lines[name]["n"] == list(line_of.n)
    # Other generated events are none.
    moved = same.with_columns("event", event_id=same.event["event_id"] + 1)
    wrong = write_sample(tmp_path / "wrong.root", moved)
    code, _, err = run(written, "--again", wrong, "--page", "muons", "-o", tmp_path / "new")
    assert code == 2 and "wrong.root: event" in err
    code, _, err = run(written, "--again", tmp_path / "none.root", "-o", tmp_path / "new")
    assert code == 2 and "none.root: no such file" in err and "--showers" in err


def test_the_chain_sees_only_the_truth(detailed):
    truth = truth_of(detailed)
    assert set(truth.tables) == {"event", "vertex", "particle"}
    assert "n_spd_hits" not in truth.event
    assert "track_type" not in truth.particle
    said = []
    fast = run_fast(toy_chain(), truth.events(0, 20), 3, False, said.append)
    assert len(fast) == 20
    assert said == ["fast chain: 20 of 20 events"]


def test_command_tells_what_is_wrong(run, written, detailed, tmp_path):
    out = tmp_path / "out"
    poor = {k: v for k, v in detailed.track.columns.items() if k != "prob_nn_k"}
    lacking = detailed.events(0, 20).with_table(
        "track", Table(poor, detailed.track.offsets).events(0, 20)
    )
    path = write_sample(tmp_path / "poor.root", lacking)
    code, _, err = run(path, "-o", out)
    assert code == 2
    assert "poor.root" in err and "prob_nn_k" in err and "identify" in err
    code, printed, _ = run(path, "-o", out, "--page", "muons")
    assert code == 0 and "muons.png" in printed
    code, _, err = run(written, "-o", out, "--page", "jets")
    assert code == 2 and "jets" in err
    code, _, err = run(written, "-o", out, "--baseline", "rich-1")
    assert code == 2 and "trained for 'rich'" in err
    blocked = tmp_path / "file"
    blocked.write_text("")
    code, _, err = run(written, "-o", blocked / "out", "-n", 30, "--page", "muons")
    assert code == 2 and "cannot be written" in err


def test_other_bad_inputs(tmp_path, monkeypatch):
    with pytest.raises(SourceError, match="no such file"):
        objects.read_detailed(tmp_path / "none.root")
    monkeypatch.setattr(objects, "read_events", lambda path: iter(()))
    with pytest.raises(SourceError, match=r"none\.root: holds no events"):
        objects.read_detailed(tmp_path / "none.root")
    chain = toy_chain()
    chain.stages[0].provides = frozenset()
    with pytest.raises(PipelineError, match=r"makes no .*cluster\.energy.*page 'ecal'"):
        objects._check_chain(chain, ("ecal",))
