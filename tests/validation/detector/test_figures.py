"""The table of published figures and the plots behind it."""

from __future__ import annotations

import numpy as np
import pytest
from detector_samples import muons

from lamarr_like.detailed.figures import published_figures
from lamarr_like.detailed.simulate import simulate_detailed
from lamarr_like.errors import OutputError
from lamarr_like.io.ntuple import read_events
from lamarr_like.statistics.distances import core_width
from lamarr_like.validation.detector import curves, occupancy, pages, tracking
from lamarr_like.validation.detector.calibration import COLUMNS
from lamarr_like.validation.detector.published import kaon_rows
from lamarr_like.validation.detector.sample import long_tracks

PNG = b"\x89PNG\r\n"


@pytest.fixture(scope="module")
def sample(minbias):
    (batch,) = read_events(minbias, step_size=1000)
    return batch


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
        # Published for muons; hadrons that scatter off nuclei are found less often.
        ("long efficiency, 5-200 GeV, 2 < eta < 4.9", 0.78, 0.97),
        ("kaon ID, DLLK > 0, 2-100 GeV", 0.93, 1.05),
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


def test_pions_taken_for_kaons(sample):
    """With the spectrum of the calibration sample: slow pions look like kaons more often."""
    rows = {row.quantity: row for row in kaon_rows(long_tracks(sample, *COLUMNS))}
    row = rows["pion mis-ID, DLLK > 0, 3-100 GeV"]
    assert row.n > 100 and row.error < 0.025
    # 0.066 in a sample of 700 b events with a gun of all species.
    assert abs(row.ours - 0.066) < 3.0 * row.error


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


def test_tracks_and_vertices_stand_beside_published_values(sample):
    momenta = tracking.momentum_resolution(sample, 1e3 * np.array([2.0, 5, 10, 20, 40]))
    assert momenta.low == pytest.approx([2.0, 5.0, 10.0, 20.0])
    expected = [np.nan, 0.005, 0.005, np.nan]
    np.testing.assert_array_equal(momenta.reference, expected)
    impact = tracking.impact_parameter(sample, np.array([0.2, 0.6, 1.0, 2.0]))
    middle = 0.5 * (impact.low + impact.high)
    assert impact.reference == pytest.approx(11.6 + 23.4 * middle, rel=0.15)
    assert impact.ours == pytest.approx(impact.reference, rel=0.4)
    for one in tracking.primary_vertices(sample, np.array([5.0, 10, 20, 30, 60])):
        at_25 = (one.low <= 25.0) & (one.high > 25.0)
        assert one.reference[at_25] == pytest.approx([tracking.VERTEX[one.name]])
        assert np.isnan(one.reference[~at_25]).all()


def test_a_cut_on_the_ghost_probability_leaves_fewer_ghosts(sample):
    every, kept = tracking.ghosts(sample, np.array([0.0, 200, 400, 2000]))
    assert (kept.ours < every.ours).all()
    edges = (1e3 * np.array([5.0, 20, 100]), np.array([2.0, 5.0]), np.array([0.0, 2000.0]))
    for one in tracking.long_efficiency(sample, *edges):
        assert (one.ours > 0.6).all()
        assert one.log_x == one.panel.endswith("against p")


def test_shares_of_occupancy_are_shares():
    edges, ours, error, theirs = occupancy.calibration_shares(np.array([10.0, 60.0, 5000.0]))
    assert len(edges) - 1 == len(ours) == len(error) == len(theirs)
    assert ours.sum() == pytest.approx(1.0)
    assert theirs.sum() == pytest.approx(1.0)
    assert (error > 0.0).all()


def test_plots_are_drawn(sample, tmp_path):
    files = pages.draw_pages(sample, tmp_path / "new")
    assert {f.name for f in files} == {f"{n}.png" for n in pages.PAGES}
    for path in files:
        assert path.read_bytes().startswith(PNG)
        assert path.stat().st_size > 10_000


def test_plots_of_hardly_anything(tmp_path):
    """A few muons have no kaons, no vertices and no ghosts; every plot is still drawn."""
    batch = simulate_detailed(muons(30, p=1e4), seed=1)
    files = pages.draw_pages(batch, tmp_path)
    with pytest.raises(OutputError, match="cannot be written"):
        pages.draw_pages(batch, files[0])
