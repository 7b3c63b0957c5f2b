"""Named decays in the validation report: planted defects turn the check, equal laws pass."""

from __future__ import annotations

import json
import re
import runpy
from dataclasses import replace

import numpy as np
import pytest
import typer
from decay_samples import reconstructed
from places import TOP
from report_samples import gathered, typed
from typer.testing import CliRunner

from lamarr_like.decays.request import DecayRequest
from lamarr_like.errors import DecayError, SchemaError
from lamarr_like.events import Table, concatenate
from lamarr_like.io.ntuple import EventWriter
from lamarr_like.io.sources import open_source
from lamarr_like.statistics.judgement import Status
from lamarr_like.validation.report import command
from lamarr_like.validation.report.compute import ReportConfig, compare
from lamarr_like.validation.report.decays import compare_decay, decay_measurements
from lamarr_like.validation.report.gather import Gatherer, needed_columns, paired, read_samples
from lamarr_like.validation.report.tables import decay_tables
from lamarr_like.validation.verdict import judge, load_thresholds

BPLUS = "B+ -> (J/psi(1S) -> mu+ mu-) K+"
KSTG = "radiative: B0 -> (K*(892)0 -> K+ pi-) gamma"
PI0 = "pi0 -> gamma gamma"
LB = "Lambda(b)0 -> (Lambda(c)+ -> p K- pi+) mu- nu(mu)~"
LOST = 0.1
"""Share of the kaons that the toy loses."""


def generated(text, n, seed=1):
    return concatenate(list(open_source(text, n_events=n, seed=seed)))


def toy(truth, seed, **options):
    """Ideal reconstruction with what the report needs beside it; a tenth is out of acceptance."""
    batch = reconstructed(truth, seed, **{"lost": LOST, **options})
    table = batch.particle
    inside = np.random.default_rng(seed).random(len(table)) < 0.9
    columns = {"in_acceptance": inside, "track_type": 3 * inside}
    return batch.with_columns("particle", **typed("particle", columns))


def gather(name, batch, *texts, fits=()):
    gatherer = Gatherer(name, [DecayRequest.parse(t, fits=fits) for t in texts])
    gatherer.add(batch)
    return gatherer.sample()


def both(truth, *texts, **defects):
    one = gather("detailed", toy(truth, 11), *texts)
    return paired(one, gather("fast", toy(truth, 12, **defects), *texts))


@pytest.fixture(scope="module")
def truth():
    return generated(f"decay:{BPLUS}?n=5", 2000)


@pytest.fixture(scope="module")
def one(truth):
    return gather("detailed", toy(truth, 11), BPLUS)


@pytest.fixture(scope="module")
def limits():
    """The thresholds of decays, with as little of the false alarms as in a whole report."""
    found = load_thresholds()
    return replace(
        found, false_alarm=found.false_alarm / 40, checks={"decays": found.checks["decays"]}
    )


def compared(one, truth, **defects):
    pair = paired(one, gather("fast", toy(truth, 12, **defects), BPLUS))
    return compare_decay(pair[0].decays[0], pair[1].decays[0])


def test_two_draws_of_one_law_pass(one, truth, limits):
    found = compared(one, truth)
    verdict = judge(decay_measurements([found]), limits)
    assert verdict.status is Status.passed and verdict.checks[0].status is Status.passed
    n = found.generated[0]
    assert found.generated == (n, n) and 8000 < n < 10_000  # some are not in the angular cut
    assert found.of_accepted.detailed[0] == pytest.approx(1 - LOST, abs=0.015)
    assert found.per_event.detailed[0] == pytest.approx(n / 2000 * (1 - LOST), rel=0.02)
    for name in ("pull_M", "pull_X", "pull_Z", "pull_TAU"):
        width = found.width(name)
        assert width.detailed[0] == pytest.approx(1.0, abs=0.04)
        assert abs(width.ratio[0] - 1.0) < 4.0 * width.ratio_error[0] < 0.08
    assert {w.variable for w in found.widths} >= {"Bplus:dM", "J_psi_1S:dM", "dZ", "dTAU"}
    assert all(d.ks_p > 1e-4 for d in found.distances)
    assert len(found.by_tau.bins) == 10 and found.by_tau.chi2.p > 1e-4


@pytest.mark.parametrize(
    ("defect", "word", "size"),
    [({"scale": 0.9}, "width of M", -0.1), ({"lost": LOST + 0.09}, "efficiency|candidates", -0.1)],
)
def test_planted_defects_turn_the_check(one, truth, limits, defect, word, size):
    (check,) = judge(decay_measurements([compared(one, truth, **defect)]), limits).checks
    assert check.status is Status.failed
    assert check.group == "decays" and re.search(word, check.worst)
    assert check.deviation == pytest.approx(size, abs=0.03)


def test_the_error_of_the_width_knows_of_chance(one, truth):
    """Ratios of twelve parts scatter as their errors say."""
    two = gather("fast", toy(truth, 12), BPLUS)
    pair = paired(one, two)
    pulls = []
    for part in range(12):
        chosen = np.arange(len(truth)) % 12 == part
        sides = [s.of_units(chosen, s.name).decays[0] for s in pair]
        width = compare_decay(*sides).width("dM")
        pulls.append((width.ratio[0] - 1.0) / width.ratio_error[0])
    assert 0.5 < np.std(pulls) < 1.7


def test_kinds_of_decays():
    """Photons have no vertex, prompt decays no decay time, neutrinos do not count."""
    bare = KSTG.partition(": ")[2]
    truth = generated(f"decay:{PI0}?n=4+decay:{bare}+decay:{LB}", 150)
    detailed, fast = both(truth, PI0, KSTG, LB)
    assert [len(s.decays) for s in (detailed, fast)] == [3, 3]
    pi0, radiative, beauty = (
        compare_decay(*p) for p in zip(detailed.decays, fast.decays, strict=True)
    )
    assert {w.variable for w in pi0.widths} == {"pi0:dM", "pi0:pull_M"}
    assert {d.variable for d in pi0.distances} == {"pi0:M"}
    assert pi0.by_tau is None and pi0.generated[0] > 500
    assert pi0.of_accepted.n_detailed[0] == pi0.generated[0]  # no tracks
    assert radiative.name == "radiative" and radiative.width("dM") is not None
    assert radiative.by_tau is not None
    assert {"Lambda_b0:dM", "Lambda_cplus:dM", "pull_TAU"} <= {w.variable for w in beauty.widths}
    residual = detailed.decays[2].candidate["Lambda_b0:dM"]
    assert abs(np.median(residual)) < 5.0  # of the visible mass, not of the Lambda_b


def test_what_fits_of_the_tree_gain(truth):
    """The mass of the J/psi in the fit: narrower by a factor that a worse sample has as well."""
    part = truth.events(0, 600)
    fits = ("J/psi(1S)=mass,PV", "loose: PV")
    sides = (gather("detailed", toy(part, 11), BPLUS, fits=fits),
             gather("fast", toy(part, 12, scale=1.2), BPLUS, fits=fits))  # fmt: skip
    found = compare_decay(*(s.decays[0] for s in paired(*sides)))
    gains = {g.variable: g for g in found.gains}
    assert set(gains) == {
        *("Bplus by DTF:dM", "Bplus by DTF:dTAU", "Bplus by loose:dM", "Bplus by loose:dTAU"),
        "J_psi_1S by loose:dM",
    }
    mass = gains["Bplus by DTF:dM"]
    assert 0.4 < mass.detailed < 0.7 and abs(mass.ratio - 1.0) < 4.0 * mass.ratio_error < 0.15
    assert gains["Bplus by loose:dM"].detailed == pytest.approx(1.0, abs=0.03)
    assert found.width("Bplus by DTF:pull_M").detailed[0] == pytest.approx(1.0, abs=0.06)
    assert found.width("Bplus by DTF:dM").ratio[0] == pytest.approx(1.2, abs=0.08)
    before, after = found.width("dM"), found.width("Bplus by DTF:dM")
    assert after.detailed[0] / before.detailed[0] == pytest.approx(mass.detailed, rel=1e-6)
    names = [m.label for m in decay_measurements([found])]
    assert "width of M - true M of Bplus by DTF" in names
    tutorial = runpy.run_path(str(TOP / "tutorials" / "decays_check.py"))
    rows = list(tutorial["gains"](tutorial["Compared"](found, found, None)))
    assert len(rows) == 5 and {len(row) for row in rows} == {len(tutorial["GAINS"])}
    assert rows[0][1] == "M - true M of Bplus by DTF [MeV]"
    assert rows[0][5] == f"{mass.detailed:.3f} / {mass.fast:.3f}"


def test_batches_add_up_and_units_are_common(truth):
    batch = toy(truth.events(0, 60), 11)
    whole, parts = (
        gather("detailed", batch, BPLUS),
        Gatherer("detailed", [DecayRequest.parse(BPLUS)]),
    )
    for start in range(0, 60, 25):
        parts.add(batch.events(start, min(start + 25, 60)))
    for name, columns in whole.decays[0].groups.items():
        for key, values in parts.sample().decays[0].groups[name].items():
            np.testing.assert_array_equal(columns[key], values)
    a, b = paired(whole, gather("fast", toy(truth.events(0, 60), 12), BPLUS))
    assert (a.decays[0].event["unit"] == b.decays[0].event["unit"]).all()
    weights = {"mc_weight": np.full(60, 2.0)}
    heavy = gather("detailed", batch.with_columns("event", **typed("event", weights)), BPLUS)
    assert (heavy.decays[0].candidate["weight"] == 2.0).all()


def test_few_candidates_cannot_tell(truth, limits):
    pair = both(truth.events(0, 6), BPLUS)
    found = compare_decay(pair[0].decays[0], pair[1].decays[0])
    assert not found.widths and not found.distances and found.width("dM") is None
    verdict = judge(decay_measurements([found]), limits)
    # Not needed: a verdict that could tell the rest stands.
    assert verdict.checks[0].status is Status.unknown and verdict.status is Status.passed


def test_a_sample_is_itself(one):
    found = compare_decay(one.decays[0], one.decays[0])
    assert found.of_all.ratio[0] == found.width("dM").ratio[0] == 1.0
    assert found.width("dM").ratio_error[0] == found.of_all.ratio_error[0] == 0.0
    assert {d.ks for d in found.distances} == {0.0}


def test_absent_decays_and_missing_columns(truth):
    batch = toy(truth.events(0, 10), 1)
    with pytest.raises(DecayError, match=r"none of its 10 events holds a generated decay 'D0 -> "):
        gather("detailed", batch, "D0 -> K- pi+")
    columns = {k: v for k, v in batch.particle.columns.items() if k != "mc_mother_id"}
    bare = batch.with_table("particle", Table(columns, batch.particle.offsets))
    with pytest.raises(SchemaError, match="mc_mother_id"):
        gather("detailed", bare, BPLUS)
    assert gathered("detailed", bare).decays == ()
    request = DecayRequest.parse(BPLUS)
    with pytest.raises(DecayError, match="two decays are called"):
        read_samples([], [], decays=[request, request])


# --- the command

app = typer.Typer()
app.command()(command.validate)


def validate(*words):
    return CliRunner().invoke(app, [str(w) for w in words], catch_exceptions=False)


def written(path, batch):
    with EventWriter(path, metadata={"source": "toy"}, force=True) as writer:
        writer.write(batch)
    return path


@pytest.fixture(scope="module")
def files(truth, tmp_path_factory):
    folder = tmp_path_factory.mktemp("decays")
    part = truth.events(0, 120)
    return [written(folder / f"{seed}.root", toy(part, seed)) for seed in (11, 12)]


def test_only_the_columns_of_the_decays_are_read(files):
    plain = needed_columns(files, False)
    more = needed_columns(files, False, [DecayRequest.parse(BPLUS)])
    assert "mc_mother_id" in more["particle"] and "mc_mother_id" not in plain["particle"]
    assert {"cov01", "cov34"} <= set(more["track"]) and "cov01" not in plain["track"]
    assert "cluster_link" not in more
    assert "cluster_link" in needed_columns(files, False, [DecayRequest.parse(KSTG)])


def test_command_writes_a_section(files, tmp_path, monkeypatch):
    for module in ("matplotlib", "hist", "jinja2"):
        pytest.importorskip(module)
    from lamarr_like.validation.report import compute, write
    from lamarr_like.validation.report.draw_decays import decay_drawings

    quick = {"variables": (), "schemes": (("p",),), "classify": False, "species": ("K",)}
    monkeypatch.setattr(compute, "ReportConfig", lambda **_: ReportConfig(**quick))
    # The other figures are tested elsewhere and take long.
    monkeypatch.setattr(write, "drawings", lambda report, every: decay_drawings(report))
    detailed, fast = files
    words = ("--fast", fast, "--decay", f"mine: {BPLUS}", "-o", tmp_path / "out", "--pdf")
    words = (*words, "--fit", "J/psi(1S)=mass,PV")
    assert validate(detailed, *words).exit_code in (1, 2)
    html = (tmp_path / "out" / "index.html").read_text()
    assert 'id="decays"' in html and "efficiency in the acceptance" in html
    assert "nan" not in re.sub(r"base64,[^\"]*", "", html)
    numbers = json.loads((tmp_path / "out" / "report.json").read_text())
    (found,) = numbers["comparison"]["decays"]
    assert found["name"] == "mine" and found["generated"][0] > 450
    assert found["of_accepted"]["ratio"][0] == pytest.approx(1.0, abs=0.1)
    assert len(found["by_tau"]["boxes"]) == len(found["by_tau"]["ratio"])
    assert numbers["floor"]["decays"][0]["name"] == "mine"
    assert {g["variable"] for g in found["gains"]} == {"Bplus by DTF:dM", "Bplus by DTF:dTAU"}
    assert "Widths after a fit of the whole tree" in html and "Bplus by DTF" in html
    plots = {p.name for p in (tmp_path / "out" / "plots").iterdir()}
    for name in ("mass", "pulls", "chi2", "vertex", "efficiency"):
        assert {f"decay-mine-{name}.png", f"decay-mine-{name}.pdf"} <= plots


def test_command_tells_what_is_wrong(files, tmp_path):
    detailed, fast = files
    for text, message in (
        ("B+ -> K+ pii0", "unknown particle 'pii0'"),
        ("D0 -> K- pi+", "detailed sample: none of its 120 events"),
    ):
        with pytest.raises(DecayError, match=message):
            validate(detailed, "--fast", fast, "--decay", text, "-o", tmp_path / "out")
    with pytest.raises(DecayError, match="two decays are called"):
        validate(detailed, "--decay", BPLUS, "--decay", BPLUS, "-o", tmp_path / "out")
    with pytest.raises(SchemaError, match="--fit needs a --decay"):
        validate(detailed, "--fast", fast, "--fit", "PV", "-o", tmp_path / "out")
    with pytest.raises(DecayError, match="no 'D0' decays in it"):
        words = ("--fast", fast, "--decay", BPLUS, "--fit", "D0=mass")
        validate(detailed, *words, "-o", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_page_of_the_tutorial(truth, tmp_path, capsys):
    script = TOP / "tutorials" / "decays_check.py"
    tutorial = runpy.run_path(str(script))
    for name, (text, _) in tutorial["DECAYS"].items():
        DecayRequest.parse(text, fits=tutorial["FITS"].get(name, ()))
    # A sample that is there is taken; the toy is not what the models were trained on.
    written(tmp_path / "Bplus_JpsiK.root", toy(truth.events(0, 120), 11))
    words = [str(tmp_path), "-o", str(tmp_path / "page"), "--decay", "Bplus_JpsiK"]
    text = tutorial["main"]([*words, "--decays", "240"])
    assert (tmp_path / "page" / "check.md").read_text() == text
    assert (tmp_path / "page" / "Bplus_JpsiK.png").stat().st_size > 10_000
    assert "240 generated decays of each kind, 2 in each of 120 events" in text
    assert re.search(r"Models: occupancy-pp13-1 \([0-9a-f]{8}\), ", text)
    tables = [part.split("\n\n")[0].splitlines() for part in text.split("\n\n|")[1:]]
    rows = [[c.strip() for c in line.strip("|").split("|")] for t in tables for line in t]
    heads = [row for row in rows if row[0] == "decay"]
    assert len(heads) == 4  # too few for a width
    (yields, *others) = (row for row in rows if row[0] == f"`{BPLUS}`")
    assert len(yields) == len(heads[0]) == 7
    assert {len(row) for row in others} <= {len(head) for head in heads}
    assert re.fullmatch(r"\d+ / \d+", yields[2])
    assert re.fullmatch(r"[\d.]+ \+- [\d.]+", yields[4])
    assert yields[6] in {"pass", "fail", "cannot tell"}


def test_decay_times_of_the_tutorial(truth, tmp_path):
    tutorial = runpy.run_path(str(TOP / "tutorials" / "decay_times.py"))
    for text, _ in tutorial["DECAYS"].values():
        DecayRequest.parse(text)
    assert tutorial["DECAYS"]["Bp"][0] == BPLUS
    written(tmp_path / "Bp.root", toy(truth.events(0, 120), 11))
    cells = tutorial["row"]("Bp", tmp_path / "Bp.root")
    assert len(cells) == len(tutorial["HEAD"]) and cells[0] == f"`{BPLUS}`"
    assert int(cells[1]) > 60
    pull, error = map(float, cells[2].split(" +- "))
    assert pull == pytest.approx(1.0, abs=0.1 + 4.0 * error) and 0.0 < error < 0.3
    # What the parts give adds up to the whole.
    late, *parts = (float(c.split(" +- ")[0]) for c in (cells[7], *cells[8].split("; ")))
    assert np.linalg.norm(parts) == pytest.approx(late, rel=0.5)


def test_report_without_decays_has_no_section(truth):
    pair = [gathered("detailed", toy(truth.events(0, 60), s)) for s in (11, 12)]
    quick = ReportConfig(variables=(), schemes=(("p",),), classify=False, species=("K",))
    report = compare(*paired(*pair), load_thresholds(), quick)
    assert not any(table.rows for table in decay_tables(report))
    assert "decays" not in {c.group for c in report.verdict.checks}
