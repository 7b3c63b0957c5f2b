"""The validation report: planted defects turn the verdict, halves pass; files, bad input."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
from report_samples import detector, gathered, samples, truth_batch, typed

from lamarr_like.errors import PipelineError, SchemaError, SourceError
from lamarr_like.events import Table
from lamarr_like.io.ntuple import EventWriter
from lamarr_like.statistics.distances import halves
from lamarr_like.statistics.judgement import Measurement, Status
from lamarr_like.statistics.matching import where
from lamarr_like.validation.report import command
from lamarr_like.validation.report.columns import signatures
from lamarr_like.validation.report.compute import ReportConfig, compare
from lamarr_like.validation.report.efficiency import WorkingPoint
from lamarr_like.validation.report.gather import Gatherer, paired, read_samples
from lamarr_like.validation.report.measure import JUDGED_SCHEMES
from lamarr_like.validation.report.tables import facts
from lamarr_like.validation.report.tell_apart import TreeConfig
from lamarr_like.validation.tracks import SPECIES
from lamarr_like.validation.verdict import judge, load_thresholds

QUICK = ReportConfig(
    species=("pi", "K"),
    variables=("rich_dll_k", "rich_dll_p", "is_muon"),
    schemes=JUDGED_SCHEMES,
    classify=False,
    floor=False,
)
"""What the planted defects are looked for in."""


@pytest.fixture(scope="module")
def thresholds():
    """Shipped thresholds; the toys have no use for the classifier."""
    found = load_thresholds()
    checks = {k: v for k, v in found.checks.items() if k != "classifier"}
    return type(found)(found.name, found.false_alarm, checks)


DEFECTS = {
    "dll_shift": (0.3, 24_000, "identification"),
    "too_good": (0.95, 5000, "resolution"),
    "corner": (0.02, 40_000, "tracking"),
    "independent": (True, 2000, "correlations"),
    "duplicated": (0.01, 2000, "duplicates"),
    "blind": (True, 2000, "identification"),
    "wrong_species": (True, 2000, "identification"),
}
"""Strength, events of the toy, and the check that must find it."""


KEPT = ("unit", "weight", "species", "p", "eta", "n_spd_hits", "rich_dll_k", "dx", "dy")


@pytest.mark.parametrize("defect", DEFECTS)
def test_planted_defects_turn_the_verdict(defect, thresholds):
    strength, events, group = DEFECTS[defect]
    config = QUICK if events < 10_000 else ReportConfig(
        species=("pi",),
        variables=("rich_dll_k",) if group == "identification" else (),
        schemes=(("p", "eta"),),
        classify=False,
        floor=False,
    )  # fmt: skip
    pair = samples(events, **{defect: strength})
    if group == "tracking":
        # The defect is in the particles; fewer tracks save time.
        pair = [replace(s, track=where(s.track, s.track["unit"] < 3000)) for s in pair]
    elif defect == "dll_shift":
        # Nothing else is to be looked at in that many tracks.
        pair = [replace(s, track={k: s.track[k] for k in KEPT}) for s in pair]
    verdict = compare(*pair, thresholds, config).verdict
    assert verdict.status is Status.failed
    assert group in {c.group for c in verdict.of(Status.failed)}
    assert verdict.lines[0].startswith("FAIL")
    assert verdict.exit_status == 1


def test_two_draws_of_one_law_pass(thresholds):
    report = compare(*samples(5000, seed=3), thresholds, QUICK)
    assert report.verdict.status is Status.passed
    assert report.common == 5000
    p = [b.chi2.p for r in report.whole.ratios for b in r.schemes.values()]
    assert (np.array(p) < 0.01).mean() < 0.1
    # The classifier is needed by the shipped thresholds: without it nobody can tell.
    assert compare(*samples(300), load_thresholds(), QUICK).verdict.exit_status == 2


def test_halves_of_one_sample_pass(thresholds):
    whole = gathered("detailed", detector(truth_batch(2400), 5))
    whole = paired(whole, whole)[0]
    failed = 0
    for seed in range(4):
        first = halves(whole.n_events, seed)
        parts = whole.of_units(first, "one"), whole.of_units(~first, "two")
        failed += compare(*parts, thresholds, QUICK).verdict.status is Status.failed
    assert failed == 0


def test_a_second_draw_is_the_floor(thresholds):
    truth = truth_batch(400)
    names = ("detailed", "fast", "second draw")
    draws = (gathered(name, detector(truth, seed)) for seed, name in enumerate(names))
    one, fast, two = paired(*draws)
    assert np.array_equal(one.event["unit"], two.event["unit"])
    config = replace(QUICK, floor=True, classify=True, trees=TreeConfig(10_000, 20, 3, 2))
    drawn = compare(one, fast, thresholds, config, again=two)
    halved = compare(one, fast, thresholds, config)
    assert (drawn.draws, halved.draws) == (True, False)
    size = {r.draws: r.floor.distances[0].n_detailed for r in (drawn, halved)}
    assert size[True] == drawn.whole.distances[0].n_detailed > 1.8 * size[False]
    # The verdict does not depend on it, and each table names what the floor is.
    assert drawn.verdict.lines == halved.verdict.lines
    assert drawn.tellings[0].floor.rows > 1.5 * halved.tellings[0].floor.rows
    assert ("floor", "detailed once more") in list(facts(drawn))
    assert ("floor", "two halves of detailed") in list(facts(halved))


def test_too_few_tracks_cannot_tell(thresholds):
    verdict = compare(*samples(60), thresholds, QUICK).verdict
    assert verdict.status is Status.unknown
    assert verdict.exit_status == 2
    assert verdict.lines[0].startswith("CANNOT TELL")
    assert "pi" in verdict.lines[2]


def test_common_events_are_found():
    truth = truth_batch(50)
    one, two = gathered("detailed", detector(truth, 1)), gathered("fast", detector(truth, 2))
    a, b = paired(one, two)
    assert (a.event["unit"] == b.event["unit"]).all()
    other = gathered("fast", detector(truth_batch(50, seed=9), 2))
    a, b = paired(one, other)
    assert not set(a.event["unit"]) & set(b.event["unit"])
    assert one.duplicates == 0
    assert gathered("fast", detector(truth, 2, duplicated=0.5)).duplicates > 100


def test_signatures_tell_generated_events_apart():
    truth = truth_batch(200)
    one, two = (signatures(detector(truth, seed)) for seed in (1, 2))
    assert np.array_equal(one, two) and len(np.unique(one)) == 200
    moved = truth.particle["mc_px"].copy()
    moved[truth.particle.offsets[7]] *= 1.1
    other = signatures(detector(truth.with_columns("particle", mc_px=moved), 1))
    assert np.flatnonzero(other != one).tolist() == [7]


def test_batches_add_up():
    batch = detector(truth_batch(40), 1)
    whole, parts = gathered("detailed", batch), Gatherer("detailed")
    for start in range(0, 40, 7):
        parts.add(batch.events(start, min(start + 7, 40)))
    for group in ("event", "particle", "track"):
        one, two = getattr(whole, group), getattr(parts.sample(), group)
        assert one.keys() == two.keys()
        for name in one:
            np.testing.assert_array_equal(one[name], two[name])


def test_pulls_of_the_toy_are_normal():
    track = gathered("detailed", detector(truth_batch(800), 1)).track
    for name in ("pull_x", "pull_y", "pull_tx", "pull_ty", "pull_qop"):
        assert abs(track[name].mean()) < 0.05
        assert track[name].std() == pytest.approx(1.0, abs=0.05)


# --- verdict


def measured(deviation, sigma=0.001, n=1, **options):
    one = np.full(n, deviation), np.full(n, sigma), np.ones(n), np.full(n, 1000.0)
    return Measurement("tracking", "pi", "long track", *one, **options)


def test_verdict_of_single_measurements(tmp_path):
    path = tmp_path / "one.yaml"
    path.write_text(
        "schema_version: 1\nfalse_alarm: 0.01\nchecks:\n"
        "  tracking: {relative: 0.01, absolute: 0.0, limit: 0.05, needs: [pi]}\n"
    )
    config = load_thresholds(path)
    assert judge([measured(0.009)], config).status is Status.passed
    assert judge([measured(0.02)], config).status is Status.failed
    assert judge([measured(-0.02)], config).status is Status.failed
    assert judge([measured(-0.02, one_sided=True)], config).status is Status.passed
    assert judge([measured(0.02, sigma=0.05)], config).status is Status.unknown
    assert judge([measured(float("nan"))], config).status is Status.unknown
    assert judge([], config).status is Status.unknown
    places = ["all", "P 1-2", "P 2-5"]
    (check,) = judge([measured(0.03, n=3, places=places)], config).checks
    assert check.worst == "long track at all" and check.judged == 3
    assert check.in_bins > 0.01


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "is no YAML"),
        ("schema_version: 2", "schema_version is 2, this version reads 1"),
        ("schema_version: 1\nfalse_alarm: 2\nchecks: {pulls: {}}", "false_alarm: 2 is not within"),
        (
            "schema_version: 1\nfalse_alarm: 0.1\nchecks: {jets: 1}",
            r"checks\.jets is unknown",
        ),
        (
            "schema_version: 1\nfalse_alarm: 0.1\nchecks: {tracking: 1}",
            "expected a mapping",
        ),
        ("schema_version: 1\nfalse_alarm: 0.1\nextra: 1\nchecks: {}", "extra is unknown"),
        (
            "schema_version: 1\nfalse_alarm: 0.1\n"
            "checks: {tracking: {relative: -1, absolute: 0, limit: 1}}",
            r"tracking\.relative: -1 is not within 0",
        ),
    ],
)
def test_wrong_thresholds(tmp_path, text, message):
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(PipelineError, match=rf"wrong\.yaml.*{message}"):
        load_thresholds(path)
    with pytest.raises(PipelineError, match="cannot be read"):
        load_thresholds(tmp_path / "none.yaml")


def test_working_points():
    assert WorkingPoint.parse("PIDK > 5") == WorkingPoint("pid_k", True, 5.0)
    assert WorkingPoint.parse("RichDLLk<-1.5").label == "RichDLLk < -1.5"
    assert WorkingPoint.parse("isMuon").label == "isMuon"
    for text in ("PIDX > 5", "PIDK >", "PIDK > 1-2", "", "PIDK > 5 or isMuon"):
        with pytest.raises(SchemaError, match="cut"):
            WorkingPoint.parse(text)


# --- the command


def written(path, batch, drop=()):
    for table, name in drop:
        columns = {k: v for k, v in batch[table].columns.items() if k != name}
        batch = batch.with_table(table, Table(columns, batch[table].offsets))
    with EventWriter(path, metadata={"source": "toy"}, force=True) as writer:
        writer.write(batch)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    truth = truth_batch(450)
    one, two = detector(truth, 11), detector(truth, 12)
    return {
        "first": written(folder / "first.root", one.events(0, 300)),
        "second": written(folder / "second.root", one.events(300, 450)),
        "fast": written(folder / "fast.root", two),
        "folder": folder,
    }


@pytest.fixture
def validate(monkeypatch, capsys):
    """The command as a program of its own, with errors as `lamarr-like` shows them."""
    from lamarr_like.errors import LamarrLikeError

    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(command.validate)

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["validate", *(str(w) for w in words)])
        try:
            status = app(standalone_mode=False)
        except LamarrLikeError as error:
            return 2, str(error)
        return status, capsys.readouterr().out

    return call


SMALL = {
    "species": ("K",),
    "points": (WorkingPoint.parse("PIDK > 5"),),
    "variables": ("pid_k",),
    "schemes": (("p",), ("p", "eta")),
    "trees": TreeConfig(rows=2000, trees=5, depth=3, folds=2),
}
"""Fewer cuts and bins, and smaller trees: drawing takes the time."""


@pytest.fixture(scope="module")
def report(files):
    """Status, what is printed and the folder of a report that one process made."""
    for module in ("matplotlib", "hist", "jinja2"):
        pytest.importorskip(module)
    from lamarr_like.validation.report import compute

    def config(species, points, trees, seed):
        assert points == SMALL["points"]
        return ReportConfig(**SMALL)

    out, printed = files["folder"] / "new" / "out", io.StringIO()
    words = [files["first"], files["second"], "--fast", files["fast"], "-o", out]
    app = typer.Typer()
    app.command()(command.validate)
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setattr(compute, "ReportConfig", config)
        status = app([*map(str, words), "--cut", "PIDK > 5"], standalone_mode=False)
    return status, printed.getvalue(), out


def test_command_writes_a_report(report):
    import uproot

    status, printed, out = report
    assert status in (0, 2)
    assert printed.splitlines()[0].startswith(("PASS", "CANNOT TELL"))
    assert {p.name for p in out.iterdir()} == {
        "index.html", "report.json", "histograms.root", "plots",
    }  # fmt: skip
    html = (out / "index.html").read_text()
    assert len(html) < 15e6
    assert not re.search(r'(src|href)="(?!data:|#)', html)
    for word in ("RichDLLk", "PIDK &gt; 5", "AUC", "450 events", "The floor", "whole chain"):
        assert word in html
    assert "nan" not in re.sub(r"base64,[^\"]*", "", html)
    numbers = json.loads((out / "report.json").read_text())
    assert numbers["schema_version"] == 1
    assert numbers["common_events"] == 450
    assert numbers["samples"]["detailed"]["events"] == 450
    assert numbers["verdict"]["exit_status"] == status
    named = [r for r in numbers["comparison"]["ratios"] if r["kind"] == "working point"]
    assert {r["species"] for r in named} == {"K"}
    boxes = numbers["comparison"]["bins"][named[0]["schemes"]["p*eta"]["bins"]]["boxes"]
    assert len(boxes) == len(named[0]["schemes"]["p*eta"]["pull"])
    plots = [p.name for p in (out / "plots").iterdir()]
    assert len(plots) > 8 and all(p.endswith(".png") for p in plots)
    with uproot.open(out / "histograms.root") as file:
        ratio = file["ratio/K/pid_k_3/p/ratio"]
        assert ratio.values() == pytest.approx(1.0, abs=0.7)
        assert (ratio.errors() > 0.0).all()


def test_workers_share_the_report(files, report):
    status, _, one = report
    two, detailed = files["folder"] / "two", [files["first"], files["second"]]
    config = ReportConfig(**SMALL)
    assert status == command.run(detailed, [files["fast"]], two, config, workers=2)
    kinds = ("index.html", "report.json", "plots/*.png")
    names = [sorted(p.relative_to(out) for k in kinds for p in out.glob(k)) for out in (one, two)]
    assert names[0] == names[1] and len(names[0]) > 10
    for name in names[0]:
        assert (one / name).read_bytes() == (two / name).read_bytes(), name


def test_workers_run_the_same_chain():
    from lamarr_like.chain.pipeline import Pipeline
    from lamarr_like.io.sources import open_source
    from lamarr_like.runs.recipe import Recipe

    chain = Pipeline.load("reference")
    batch = next(iter(open_source("gun:pi+", n_events=30, seed=2)))
    assert chain.recipe is not None
    one, two = chain(batch, seed=3, is_gun=True), Recipe("reference", seed=3, is_gun=True)(batch)
    for name, table in one.tables.items():
        for column, values in table.columns.items():
            np.testing.assert_array_equal(values, two[name][column])


def test_workers_end_with_a_killed_parent():
    text = (
        "import os, time\n"
        "from lamarr_like.system.processes import executor\n"
        "if __name__ == '__main__':\n"
        "    pool = executor(1)\n"
        "    print(pool.submit(os.getpid).result(), flush=True)\n"
        "    time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout:
        worker = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
    end = time.monotonic() + 60.0
    while time.monotonic() < end and is_running(worker):
        time.sleep(0.1)
    assert not is_running(worker)


def is_running(pid):
    """Whether a process is there and no zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.is_file() and stat.read_text().rsplit(")", 1)[1].split()[0] == "Z")


def test_command_tells_what_is_wrong(validate, files, tmp_path):
    good, out = files["first"], tmp_path / "out"
    batch = detector(truth_batch(20), 1)
    bare = written(tmp_path / "bare.root", batch, [("particle", "in_acceptance")])
    status, text = validate(bare, "--fast", good, "-o", out)
    assert status == 2 and "bare.root" in text and "GenPart_inAcceptance" in text
    status, text = validate(good, "--fast", tmp_path / "none.root", "-o", out)
    assert status == 2 and "none.root: no such file" in text
    columns = {"p": batch.track["p"].copy()}
    columns["p"][3] = np.nan
    broken = written(tmp_path / "nan.root", batch.with_columns("track", **columns))
    status, text = validate(good, "--fast", broken, "-o", out)
    assert status == 2 and re.search(r"nan\.root: track\.p is nan in event \d+", text)
    weights = typed("event", {"mc_weight": np.full(20, -1.0)})
    negative = written(tmp_path / "negative.root", batch.with_columns("event", **weights))
    status, text = validate(good, "--fast", negative, "-o", out)
    assert status == 2 and "fast sample" in text and "positive in sum" in text
    status, text = validate(good, "--fast", good, "-o", out, "--species", "tau")
    assert status == 2 and "no species 'tau'" in text
    status, text = validate(good, "--fast", good, "-o", out, "--cut", "PIDZ > 1")
    assert status == 2 and "PIDZ" in text
    import uproot

    with uproot.recreate(tmp_path / "other.root") as file:
        file["DecayTree"] = {"x": np.zeros(3)}
    status, text = validate(good, "--fast", tmp_path / "other.root", "-o", out)
    assert status == 2 and "has no tree 'Events'; it has DecayTree" in text
    lone = typed("particle", {"mc_pdg_id": np.full(len(batch.particle), 22)})
    photons = written(tmp_path / "photons.root", batch.with_columns("particle", **lone))
    status, text = validate(good, "--fast", photons, "-o", out)
    assert status == 2 and "fast sample: has no long track" in text
    assert not out.exists()


def test_negative_weights_with_a_positive_sum(thresholds):
    rng = np.random.default_rng(1)
    parts = []
    for sample in samples(1500):
        weight = rng.choice([1.1, -0.3], len(sample.track["unit"]), p=[0.9, 0.1])
        track = {**sample.track, "weight": weight}
        parts.append(replace(sample, track=track))
    report = compare(*parts, thresholds, QUICK)
    assert report.verdict.status is not Status.failed
    whole = next(r for r in report.whole.ratios if r.group == "identification").whole
    assert whole.n_detailed[0] < 0.9 * (parts[0].track["species"] == SPECIES["pi"]).sum()


def test_fast_chain_runs_on_the_truth(files):
    from lamarr_like.chain.pipeline import TRUTH, Pipeline
    from lamarr_like.stages.stage import AbstractStage

    class Toy(AbstractStage):
        name = "toy"
        requires = frozenset({("particle", "mc_px")})
        provides = frozenset({("track", "p")})

        def __call__(self, batch, seed, is_gun=False):
            assert {(t, c) for t in ("event", "particle") for c in batch[t].columns} <= TRUTH
            return detector(batch, seed)

    done = []
    one, two = read_samples(
        [files["first"]], Pipeline([Toy()], "toy"), seed=4, events=100, progress=done.append
    )
    assert (one.n_events, two.n_events, sum(done)) == (100, 100, 100)
    assert (one.event["unit"] == two.event["unit"]).all()
    first = [files["first"]]
    *_, second = read_samples(first, first, again=first, events=100)
    assert np.array_equal(second.event["unit"], one.event["unit"])
    with pytest.raises(SchemaError, match="its generated events are not those of the detailed"):
        read_samples(first, first, again=[files["second"]], events=100)
    with pytest.raises(SourceError, match="holds no events"):
        Gatherer("fast").sample()
