"""Statistics of the report: pulls of toys, chi2, bins, widths and correlations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from lamarr_like.errors import SchemaError
from lamarr_like.statistics.adaptive_bins import adaptive_bins
from lamarr_like.statistics.influence import Cells, Rows, quadratic_test, trials
from lamarr_like.validation.report.distributions import distance, width_by
from lamarr_like.validation.report.joint import correlations, sliced
from lamarr_like.validation.report.sample import Sample

N_BINS = 10


def toy(kind, rng, n):
    """Two samples of one law with about `n` rows a bin; efficiencies from 8 to 95 %.

    ``truth`` has common truth, with efficiencies that differ inside a bin; ``weights`` the same
    with sWeights; ``clusters`` an efficiency common to the tracks of an event in each sample.
    """
    events = N_BINS * n // 4
    unit, size = np.repeat(np.arange(events), 4), events * 4
    place = rng.integers(0, N_BINS, size)
    weight = rng.choice([1.2, -0.4], size, p=[0.85, 0.15]) if kind == "weights" else np.ones(size)
    hidden = rng.normal(size=size)
    sides = []
    for sample in (0, 1):
        if sample and kind == "independent":
            place, hidden = rng.integers(0, N_BINS, size), rng.normal(size=size)
            unit = unit + events
        z = stats.norm.ppf(np.linspace(0.08, 0.95, N_BINS))[place] * np.sqrt(2.0) + hidden
        if kind == "clusters":
            z = z + np.repeat(rng.normal(size=events), 4)
        kept = rng.random(size) < 0.8
        passed = rng.random(size) < stats.norm.cdf(z)
        sides.append((Rows(unit[kept], weight[kept]), place[kept], passed[kept]))
    (one, b1, p1), (two, b2, p2) = sides
    return Cells(one, two, (b1, b2), N_BINS).compare(p1, p2)


@pytest.mark.parametrize("kind", ["independent", "truth", "weights", "clusters"])
@pytest.mark.parametrize("n", [60, 250])
def test_pulls_are_gaussian(kind, n):
    rng = np.random.default_rng(5)
    results = [toy(kind, rng, n) for _ in range(120)]
    pulls = np.concatenate([r.pull for r in results])
    pulls = pulls[np.isfinite(pulls)]
    assert len(pulls) > 500
    assert abs(pulls.mean()) < 0.1
    assert abs(pulls.std() - 1.0) < 0.1
    assert (np.abs(pulls) > 3.0).mean() < 0.01
    p = np.array([r.chi2().p for r in results])
    assert (p < 0.05).mean() < 0.12
    good = [r.judged & (r.ratio_error > 0.0) for r in results]
    ratios = [(r.ratio[g] - 1.0) / r.ratio_error[g] for r, g in zip(results, good, strict=True)]
    ratios = np.concatenate(ratios)
    assert abs(ratios[np.isfinite(ratios)].std() - 1.0) < 0.15


def test_few_tracks_are_not_judged_rather_than_wrongly():
    rng = np.random.default_rng(6)
    results = [toy("independent", rng, 25) for _ in range(150)]
    pulls = np.concatenate([r.pull for r in results])
    judged = np.isfinite(pulls)
    assert 0.3 < judged.mean() < 0.9
    assert abs(pulls[judged].mean()) < 0.1
    assert abs(pulls[judged].std() - 1.0) < 0.1
    p = np.concatenate([r.beyond() for r in results])
    assert (p[np.isfinite(p)] < 0.001).mean() < 0.003


def test_special_cases():
    unit, one = np.arange(100), np.ones(100)
    rows, zero = Rows(unit, one), np.zeros(100, np.int64)
    passed = unit < 40
    # One row a unit in both samples: McNemar's test of the discordant pairs.
    other = passed.copy()
    other[:30], other[50:65] = False, True
    result = Cells(rows, rows, (zero, zero), 1).compare(passed, other)
    assert result.pull[0] == pytest.approx((15 - 30) / np.sqrt(45), rel=0.02)
    assert result.units[0] == pytest.approx(45)
    same = Cells(rows, rows, (zero, zero), 1).compare(passed, passed)
    assert np.isnan(same.pull[0]) and same.ratio[0] == 1.0 and not same.judged[0]
    # Independent samples: the binomial error of the common share.
    apart = Cells(rows, Rows(unit + 100, one), (zero, zero), 1).compare(passed, unit < 50)
    assert apart.sigma[0] == pytest.approx(np.sqrt(0.45 * 0.55 * 2 / 100), rel=0.02)
    assert apart.beyond(0.2)[0] == 1.0
    assert apart.beyond()[0] > 0.1
    weighted = Cells(Rows(unit, 3.0 * one), rows, (zero, zero), 1)
    assert weighted.effective[0][0] == pytest.approx(100)
    assert weighted.compare(passed, other).pull[0] == pytest.approx(result.pull[0])
    with pytest.raises(SchemaError, match="weight is not a number"):
        Cells(Rows(unit, one * np.nan), rows, (zero, zero), 1)
    with pytest.raises(SchemaError, match="different lengths"):
        Cells(rows, rows, (zero, zero[:5]), 1)


def test_chi2_and_trials():
    rng = np.random.default_rng(2)
    law = np.array([[2.0, 1.0, 0.0], [1.0, 3.0, 0.5], [0.0, 0.5, 1.0]])
    p = []
    for _ in range(300):
        x = rng.multivariate_normal(np.zeros(3), law, 40)
        p.append(quadratic_test(x.sum(axis=0), x.T @ x, 40).p)
    assert stats.kstest(p, "uniform").pvalue > 0.01
    # A direction without variance carries no freedom.
    flat = np.array([[1.0, -1.0], [-1.0, 1.0]])
    assert quadratic_test(np.array([1.0, -1.0]), flat, 100).bins == 1
    assert np.isnan(quadratic_test(np.zeros(0), np.zeros((0, 0)), 100).p)
    assert quadratic_test(np.ones(3), law, 5).value == pytest.approx(1 / 2 + 1 / 3 + 1)
    assert trials(0.01, 10) == pytest.approx(0.0956, abs=1e-3)
    assert trials(1e-12, 100) == pytest.approx(1e-10, rel=1e-3)
    assert np.isnan(trials(0.1, 0))


def test_bins_are_populated_and_cover_everything():
    rng = np.random.default_rng(1)
    n = 5000
    columns = {
        "p": rng.exponential(1e4, n),
        "eta": rng.uniform(2, 5, n),
        "n_spd_hits": rng.poisson(3, n).astype(float),
    }
    for axes in (("p",), ("n_spd_hits",), ("p", "eta"), ("p", "eta", "n_spd_hits")):
        bins = adaptive_bins(axes, columns, least=150.0)
        counts = np.bincount(bins.place(columns), minlength=len(bins))
        assert counts.sum() == n and counts.min() >= 75 and len(bins) > 3
        place = bins.place(columns)
        for i in range(len(bins)):
            for k, axis in enumerate(axes):
                low, high = bins.boxes[i, k]
                inside = columns[axis][place == i]
                assert (inside >= low).all() and (inside < high).all()
    far = {k: np.array([-1e9, 1e9]) for k in columns}
    place = adaptive_bins(("p", "eta"), columns).place(far)
    assert place[0] == 0 and place[1] > 10
    negative = np.where(rng.random(n) < 0.1, -0.5, 1.0)
    assert len(adaptive_bins(("p",), columns, negative)) > 5
    assert len(adaptive_bins(("p",), {"p": np.zeros(0)})) == 1
    assert len(adaptive_bins(("p",), {"p": np.ones(5000)})) == 1


def tracks(rng, n, values, units=None):
    return {
        **values,
        "unit": np.arange(n) if units is None else units,
        "weight": np.ones(n),
        "p": rng.uniform(1e3, 1e5, n),
        "species": np.full(n, 211),
    }


def test_distances_know_of_clusters():
    """Values common to the tracks of an event: p-values stay flat where plain KS has none."""
    rng = np.random.default_rng(4)
    p, plain, chi2 = [], [], []
    for _ in range(120):
        sides = []
        for first in (0, 1000):
            shared = np.repeat(rng.normal(size=150), 6)
            x = {"x": 0.8 * shared + 0.6 * rng.normal(size=900)}
            sides.append(tracks(rng, 900, x, np.repeat(np.arange(150), 6) + first))
        one = distance("pi", "x", *sides)
        p.append(one.ks_p)
        chi2.append(one.chi2.p)
        plain.append(stats.ks_2samp(sides[0]["x"], sides[1]["x"]).pvalue)
    assert (np.array(plain) < 0.05).mean() > 0.2
    assert (np.array(p) < 0.05).mean() < 0.12
    assert (np.array(chi2) < 0.05).mean() < 0.12


def test_distances_of_atoms_and_constants():
    rng = np.random.default_rng(4)
    x = np.where(rng.random(3000) < 0.6, 0.0, rng.normal(size=3000))
    y = np.where(rng.random(3000) < 0.6, 0.0, rng.normal(size=3000))
    one = distance("pi", "x", tracks(rng, 3000, {"x": x}), tracks(rng, 3000, {"x": y}))
    assert one.ks_p > 1e-3 and one.chi2.p > 1e-3
    far = distance("pi", "x", tracks(rng, 3000, {"x": x}), tracks(rng, 3000, {"x": y + 0.05}))
    assert far.ks_p < 1e-10 and far.chi2.p < 1e-10
    flat = tracks(rng, 500, {"x": np.ones(500)})
    same = distance("pi", "x", flat, flat)
    assert (same.ks, same.ks_p, same.wasserstein) == (0.0, 1.0, 0.0)


def test_widths():
    rng = np.random.default_rng(8)
    pulls = []
    for _ in range(120):
        one, two = (tracks(rng, 800, {"dx": rng.standard_t(4, 800)}) for _ in range(2))
        two["unit"] = two["unit"] + 800
        width = width_by("pi", "dx", one, two, "p", least=400.0)
        pulls.append((width.ratio - 1.0) / width.ratio_error)
    found = np.concatenate(pulls)
    assert abs(found.mean()) < 0.2
    assert 0.8 < found.std() < 1.15
    assert len(width.ratio) == 3
    small = tracks(rng, 50, {"dx": np.zeros(50)})
    assert np.isnan(width_by("pi", "dx", small, small, "p").ratio).all()


def test_bins_of_widths_have_enough_rows_of_the_smaller_sample():
    rng = np.random.default_rng(8)
    many, few = (tracks(rng, n, {"dx": rng.normal(size=n)}) for n in (8000, 2400))
    for one, two in ((many, few), (few, many)):
        width = width_by("pi", "dx", one, two, "p", least=600.0)
        assert len(width.ratio) == 5 and np.isfinite(width.ratio).all()


def sample(track):
    none = np.zeros(0)
    return Sample("toy", {}, {}, track, {}, {}, none.astype(np.uint64), none.astype(np.uint64))


def test_correlations():
    rng = np.random.default_rng(9)
    pulls = []
    for _ in range(120):
        sides = []
        for first in (0, 600):
            x = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 600)
            values = {"pid_k": np.exp(x[:, 0]), "pid_p": x[:, 1]}
            sides.append(sample(tracks(rng, 600, values, np.arange(600) + first)))
        (one,) = correlations(*sides, species=("pi",), variables=("pid_k", "pid_p"))
        assert one.detailed == pytest.approx(0.6, abs=0.12)
        pulls.append((one.fast - one.detailed) / one.sigma)
    assert abs(np.mean(pulls)) < 0.3
    assert 0.8 < np.std(pulls) < 1.2


def test_joint_vectors_show_a_wrong_dependence():
    """Two variables that agree one by one, with the sign of their correlation turned."""
    rng = np.random.default_rng(12)

    def side(correlation):
        x = rng.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], 6000)
        values = {"rich_dll_k": 10.0 * x[:, 0], "rich_dll_p": x[:, 1] + 5.0}
        return sample(tracks(rng, 6000, values))

    one = side(0.6)
    (same,) = sliced(one, side(0.6), species=("pi",))
    (other,) = sliced(one, side(-0.6), species=("pi",))
    for variable in ("rich_dll_k", "rich_dll_p"):
        assert distance("pi", variable, one.track, side(-0.6).track).ks_p > 1e-3
    assert same.worst < 0.05 < 5 * same.mean < other.mean
    a, b = other.direction
    # The widths differ most along the diagonals.
    assert abs(abs(a) - abs(b)) < 0.4
    assert not list(sliced(sample(tracks(rng, 50, {"rich_dll_k": np.zeros(50)})), one, ("pi",)))
