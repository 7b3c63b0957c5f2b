"""Mass fits and weights: yields, distributions of the signal, what a correlation does to them."""

from __future__ import annotations

import numpy as np
import pytest

from lamarr_like.errors import TrainingError

pytest.importorskip("sweights")

from lamarr_like.statistics.sweights import BACKGROUNDS, SIGNALS, fit_mass

WINDOW = (1800.0, 1930.0)
N = 4000


@pytest.fixture(scope="module")
def sample():
    """Masses, and a variable of mean 2 in the signal and 0 in the background."""
    rng = np.random.default_rng(4)
    background = WINDOW[0] + rng.exponential(90.0, 40 * N)
    background = background[background < WINDOW[1]][: 3 * N]
    mass = np.concatenate([rng.normal(1865.0, 7.0, N), background])
    return mass, np.concatenate([rng.normal(2.0, 1.0, N), rng.normal(0.0, 1.0, len(background))])


@pytest.fixture(scope="module")
def fit(sample):
    return fit_mass(sample[0], WINDOW, "gauss", "exponential")


def test_yields_and_peak(fit):
    assert abs(fit.yields[0] - N) < 4.0 * fit.errors[0] and fit.errors[0] < 0.05 * N
    assert sum(fit.yields) == pytest.approx(4 * N, rel=1e-3)
    assert fit.mean == pytest.approx(1865.0, abs=0.8) and fit.width == pytest.approx(7.0, abs=0.5)
    assert fit.chi2 / fit.dof < 1.25


def test_weights_give_the_signal(sample, fit):
    mass, x = sample
    w = fit.weights(mass)
    assert w.sum() == pytest.approx(fit.yields[0], rel=0.01) and w.min() < 0.0
    error = np.sqrt((w**2 * (x - 2.0) ** 2).sum()) / w.sum()
    assert abs((w * x).sum() / w.sum() - 2.0) < 3.5 * error < 0.2
    assert fit.weights(np.array([WINDOW[0] - 1.0, WINDOW[1] + 1.0])) == pytest.approx(0.0)


def test_a_background_that_depends_on_the_mass_needs_more_terms(sample, fit):
    mass, x = sample
    x = x.copy()
    x[N:] += 3.0 * ((mass[N:] - 1865.0) / 40.0) ** 2
    means, errors = {}, {}
    for terms in (1, 3):
        w = fit.weights(mass, terms)
        means[terms] = (w * x).sum() / w.sum()
        errors[terms] = np.sqrt((w**2 * (x - 2.0) ** 2).sum()) / w.sum()
    assert abs(means[1] - 2.0) > 6.0 * errors[1]
    assert abs(means[3] - 2.0) < 3.5 * errors[3]


def test_sidebands(sample, fit):
    side = fit.aside(np.array([1790.0, 1805.0, 1865.0, 1925.0, 1940.0]))
    assert side.tolist() == [0, -1, 0, 1, 0]


@pytest.mark.parametrize("law", [*SIGNALS.values(), *BACKGROUNDS.values()])
def test_densities_are_derivatives(law):
    x = np.linspace(0.1, 0.9, 17)
    step = 1e-5
    slope = (law.integral(x + step, **law.start) - law.integral(x - step, **law.start)) / (2 * step)
    np.testing.assert_allclose(slope, law.density(x, **law.start), rtol=1e-5, atol=1e-9)


def test_what_cannot_be_fitted(sample, fit):
    mass = sample[0]
    for arguments, message in (
        ((mass, WINDOW, "lorentz", "exponential"), "gauss, double-gauss"),
        ((mass, WINDOW, "gauss", "parabola"), "exponential, threshold"),
        ((mass, (1.0, 1.0), "gauss", "exponential"), "a window from 1.0 to 1.0"),
        ((mass[:50], WINDOW, "gauss", "exponential"), "50 candidates"),
        ((np.linspace(*WINDOW, 5000), WINDOW, "gauss", "exponential"), "finds no peak"),
    ):
        with pytest.raises(TrainingError, match=message):
            fit_mass(*arguments)
    with pytest.raises(TrainingError, match="5 terms"):
        fit.weights(mass, 5)
