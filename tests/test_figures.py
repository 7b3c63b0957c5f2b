"""The table of published figures and the plots behind it."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from detector_samples import muons

from lamarr_like import cli
from lamarr_like.detailed.figures import core_width, published_figures
from lamarr_like.detailed.simulate import simulate_detailed
from lamarr_like.errors import OutputError, SchemaError
from lamarr_like.events import concatenate
from lamarr_like.io.ntuple import EventWriter
from lamarr_like.io.sources import open_source
from lamarr_like.validation import detector_curves as curves
from lamarr_like.validation import detector_plots

PNG = b"\x89PNG\r\n"


@pytest.fixture(scope="module")
def sample():
    truth = concatenate(open_source("pythia:minbias", n_events=400, seed=11, pileup=1.6))
    return simulate_detailed(truth, seed=11)


@pytest.fixture(scope="module")
def figures(sample):
    return {f.quantity: f for f in published_figures(sample)}


@pytest.mark.parametrize(
    ("quantity", "low", "high"),
    [
        ("dp/p, long, 5-20 GeV [%]", 0.85, 1.15),
        ("IPx, constant [um]", 0.6, 1.4),
        ("IPx, slope [um GeV]", 0.8, 1.2),
        ("PV x, 23-27 tracks [um]", 0.7, 1.5),
        ("PV y, 23-27 tracks [um]", 0.7, 1.5),
        ("PV z, 23-27 tracks [um]", 0.7, 1.7),
        ("long efficiency, 5-200 GeV, 2 < eta < 4.9", 0.96, 1.04),
        ("kaon ID, DLLK > 0, 2-100 GeV", 0.93, 1.05),
        ("pion mis-ID, DLLK > 0", 0.7, 1.3),
        ("kaon ID, DLLK > 5", 0.7, 1.1),
        ("photons, C4F10", 0.95, 1.05),
        ("photons, CF4", 0.95, 1.05),
        ("angle per photon, C4F10 [mrad]", 0.95, 1.05),
        ("angle per photon, CF4 [mrad]", 0.95, 1.05),
    ],
)
def test_published_figures(figures, quantity, low, high):
    figure = figures[quantity]
    assert figure.n >= 20
    assert low < figure.ratio < high


def test_ghosts_are_there_and_few(figures):
    assert 0.005 < figures["ghost share of long tracks"].ours < 0.2


@pytest.mark.parametrize(
    ("p", "quantity", "published"),
    [(1e5, "dp/p, long, 80-120 GeV [%]", 0.8), (2e5, "dp/p, long, 160-240 GeV [%]", 1.0)],
)
def test_momentum_resolution_at_high_momentum(p, quantity, published):
    batch = simulate_detailed(muons(1200, p=p), seed=5)
    figure = {f.quantity: f for f in published_figures(batch)}[quantity]
    assert figure.published == published
    assert figure.error < 0.05 * figure.ours
    assert figure.ratio == pytest.approx(1.0, abs=0.25)


def test_core_width_ignores_tails():
    values = np.random.default_rng(1).normal(size=20_000)
    values[:200] = 100.0
    assert core_width(values) == pytest.approx(1.0, abs=0.03)
    assert core_width(values[:5]) == 0.0


def test_curves():
    rng = np.random.default_rng(2)
    by = rng.uniform(0, 3, 6000)
    curve = curves.width_curve(rng.normal(size=6000) * (1 + by), by, [0, 1, 2, 3, 4])
    assert len(curve.x) == 3  # the last bin is empty
    np.testing.assert_allclose(curve.y, [1.5, 2.5, 3.5], rtol=0.1)
    assert (np.abs(curve.y - 1 - curve.x) < 5 * curve.error).all()
    share = curves.share_curve(rng.uniform(size=6000) < 0.3, by, [0, 1, 2, 3])
    np.testing.assert_allclose(share.y, 0.3, atol=5 * share.error.max())
    assert share.n.sum() == 6000
    nothing = curves.share_curve(np.zeros(0, np.bool_), np.zeros(0), [0, 1])
    assert len(nothing.x) == 0
    assert (curves.share_curve(np.ones(30, np.bool_), np.zeros(30), [0, 1]).error > 0).all()


def test_pulls_of_a_real_sample(sample):
    linked = curves.linked_long_tracks(sample)
    for name, pull in curves.pulls(sample, linked).items():
        assert core_width(pull) == pytest.approx(1.0, abs=0.15), name


def test_write_plots(sample, tmp_path):
    rows, files = detector_plots.write_plots(sample, tmp_path / "new")
    assert {f.name for f in files} == {f"{n}.png" for n in detector_plots.PLOTS} | {"figures.json"}
    for path in files[:-1]:
        assert path.read_bytes().startswith(PNG)
        assert path.stat().st_size > 10_000
    table = json.loads(files[-1].read_text())
    assert table["events"] == len(sample)
    assert [r["quantity"] for r in table["figures"]] == [f.quantity for f in rows]
    assert table["figures"][0]["ratio"] == pytest.approx(rows[0].ratio)


def test_plots_of_hardly_anything(tmp_path):
    """A few muons have no kaons, no vertices and no ghosts; every plot is still drawn."""
    batch = simulate_detailed(muons(30, p=1e4), seed=1)
    detector_plots.write_plots(batch, tmp_path)
    with pytest.raises(OutputError, match="cannot be written"):
        detector_plots.write_plots(batch, tmp_path / "figures.json")


def _run(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["lamarr-like", *map(str, words)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return stop.value.code, capsys.readouterr()


def test_command(monkeypatch, capsys, tmp_path, sample):
    path = tmp_path / "sample.root"
    with EventWriter(path, metadata={}) as writer:
        writer.write(sample.events(0, 100))
    code, printed = _run(monkeypatch, capsys, "figures", path)
    assert code == 0
    assert "100 events of the reference detector" in printed.out
    for figure in published_figures(sample.events(0, 100)):
        assert figure.quantity in printed.out
    code, printed = _run(monkeypatch, capsys, "figures", path, "-o", tmp_path / "plots")
    assert code == 0
    assert "wrote 11 files" in printed.out
    assert (tmp_path / "plots" / "track_pulls.png").is_file()


def test_command_refuses_a_fast_or_truth_file(monkeypatch, capsys, tmp_path):
    path = tmp_path / "truth.root"
    with EventWriter(path, metadata={}) as writer:
        writer.write(muons(3, p=1e4))
    code, printed = _run(monkeypatch, capsys, "figures", path)
    assert code == 2
    assert "truth.root" in printed.err
    with pytest.raises(SchemaError):
        detector_plots.read_sample(path)
    code, printed = _run(monkeypatch, capsys, "figures", tmp_path / "absent.root")
    assert code == 2
    assert "no such file" in printed.err
