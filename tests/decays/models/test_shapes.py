"""Decays by a histogram of one or two squared masses."""

import numpy as np
import pytest
import uproot
from angles import mass
from scipy import integrate, stats

from lamarr_like.decays.descriptor import parse_decay
from lamarr_like.decays.models import shapes
from lamarr_like.decays.models.shaped import with_shape
from lamarr_like.decays.models.shapes import Histogram, read_histogram
from lamarr_like.decays.names import properties
from lamarr_like.decays.phasespace import decay_tree
from lamarr_like.errors import SourceError

D = "D+ -> K- ${a}pi+ ${b}pi+"
AXES = (frozenset({"Kminus", "a"}), frozenset({"Kminus", "b"}))


def drawn(tree, n=10_000):
    ids = np.arange(n)
    momentum = np.tile([100.0, 900.0, 50_000.0], (n, 1))
    made = decay_tree(tree, momentum, 3, "test", ids, 0 * ids)
    return {node.branch: made.momentum[:, k] for k, node in enumerate(made.nodes)}


def pair(found, *names):
    return mass(sum(found[name] for name in names)) ** 2


def dalitz(bins=40):
    """A resonance in one axis and a slope in the other."""
    x = np.linspace(0.3e6, 3.0e6, bins + 1)
    middle = 0.5 * (x[1:] + x[:-1])
    wave = 1 / ((middle - 0.8e6) ** 2 + 4e9)
    return (wave[:, None] * (1 + middle / 1e6)), x, x


@pytest.mark.parametrize("turned", [False, True])
def test_a_dalitz_plot_is_that_of_the_histogram(turned):
    values, x, y = dalitz()
    tree = parse_decay(D).head
    axes = AXES[::-1] if turned else AXES
    area = np.diff(x)[:, None] * np.diff(y)
    tree = with_shape(tree, Histogram(values / area, x, y), axes, "here")
    found = drawn(tree)
    first, second = (pair(found, *sorted(axis)) for axis in axes)
    # Bins that phase space cuts are left out.
    m, k, p = (properties(i).mass for i in (411, 321, 211))
    grid = np.linspace(x[:-1], x[1:], 9).T

    def limits(s):
        root = np.sqrt(np.maximum(s, 1.0))
        e1, e2 = (s + k**2 - p**2) / (2 * root), (m**2 - s - p**2) / (2 * root)
        q1, q2 = (np.sqrt(np.maximum(e**2 - a**2, 0)) for e, a in ((e1, k), (e2, p)))
        return [(e1 + e2) ** 2 - (q1 + sign * q2) ** 2 for sign in (1, -1)]

    low, high = limits(grid)
    inside = (grid > (k + p) ** 2) & (grid < (m - p) ** 2)
    low, high = np.where(inside, low, 9e9).max(1), np.where(inside, high, 0).min(1)
    whole = (y[:-1][None, :] > low[:, None]) & (y[1:][None, :] < high[:, None])
    seen = np.histogram2d(first, second, (x, y))[0][whole]
    expected = values[whole] / values[whole].sum() * seen.sum()
    enough = expected > 5
    chi2 = ((seen - expected)[enough] ** 2 / expected[enough]).sum()
    assert enough.sum() > 100 and seen.sum() > 3000
    assert stats.chi2(enough.sum() - 1).sf(chi2) > 1e-3
    even = whole.sum() * 0 + seen.sum() / whole.sum()
    assert ((seen - even) ** 2 / even).sum() > 10 * len(seen)


def test_one_axis_is_that_of_the_histogram(tmp_path):
    edges = np.linspace(0.0, 21.5, 44)  # GeV^2
    values = np.exp(-0.5 * ((edges[1:] - 9.0) / 3.0) ** 2)
    np.savez(tmp_path / "q2.npz", values=values, x=edges)
    histogram = read_histogram(tmp_path / "q2.npz", None, 1e6)
    tree = parse_decay("B+ -> K+ mu+ mu-").head
    tree = with_shape(tree, histogram, [frozenset({"muplus", "muminus"})], "here")
    found = drawn(tree)
    q2 = pair(found, "muplus", "muminus") / 1e6
    m, k, mu = (properties(i).mass / 1e3 for i in (521, 321, 13))
    grid = np.linspace(4 * mu**2, (m - k) ** 2, 20_001)
    row = np.clip(np.searchsorted(edges, grid) - 1, 0, len(values) - 1)
    law = np.where(grid < edges[-1], values[row], 0.0)
    cdf = integrate.cumulative_trapezoid(law, grid, initial=0.0)
    assert stats.kstest(np.interp(q2, grid, cdf / cdf[-1]), "uniform").pvalue > 1e-3
    total = sum(found[name] for name in ("Kplus", "muplus", "muminus"))
    assert np.allclose(total, found["Bplus"], rtol=1e-9, atol=1e-4)


def test_histograms_of_root_files(tmp_path):
    values, x, y = dalitz(6)
    with uproot.recreate(tmp_path / "a.root") as file:
        file["one"] = values.sum(axis=1), x
        file["two"] = values, x, y
    one = read_histogram(tmp_path / "a.root", "one")
    assert one.y is None and np.allclose(one.values[:, 0] * np.diff(x), values.sum(axis=1))
    two = read_histogram(tmp_path / "a.root", "two", 1e6)
    assert np.allclose(two.x, x * 1e6) and two.values.shape == (6, 6)
    with pytest.raises(SourceError, match="say which histogram; there are one, two"):
        read_histogram(tmp_path / "a.root", None)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"values": [1.0, 2.0], "x": [0, 1]}, "do not go with the edges"),
        ({"values": [1.0, 2.0], "x": [0, 2, 1]}, "must rise"),
        ({"values": [1.0, -2.0], "x": [0, 1, 2]}, "0 or more"),
        ({"values": [0.0, 0.0], "x": [0, 1, 2]}, "not all 0"),
        ({"values": [1.0, np.nan], "x": [0, 1, 2]}, "0 or more"),
        ({"values": [1.0]}, "no arrays"),
        ({"values": [[[1.0]]], "x": [0, 1]}, "one or two axes"),
        ({"values": np.array([{}], dtype=object), "x": [0, 1]}, "cannot be read"),
    ],
)
def test_bad_histograms(tmp_path, arrays, said):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(SourceError, match=said):
        read_histogram(tmp_path / "a.npz", None)


def test_files_that_are_none(tmp_path, monkeypatch):
    for name in ("a.npz", "a.root"):
        with pytest.raises(SourceError, match="cannot be read"):
            read_histogram(tmp_path / name, None)
        (tmp_path / name).write_text("nothing")
        with pytest.raises(SourceError, match="cannot be read"):
            read_histogram(tmp_path / name, None)
    np.savez(tmp_path / "b.npz", values=np.ones(9), x=np.arange(10))
    monkeypatch.setattr(shapes, "MAX_BINS", 8)
    with pytest.raises(SourceError, match="8 bins at most"):
        read_histogram(tmp_path / "b.npz", None)


def test_files_that_unpack_to_too_much(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "a.npz", values=np.ones(9000), x=np.arange(9001))
    with uproot.recreate(tmp_path / "a.root") as file:
        file["one"] = np.ones(9000), np.arange(9001.0)
    monkeypatch.setattr(shapes, "_MAX_BYTES", 10_000)
    for name in ("a.npz", "a.root"):
        with pytest.raises(SourceError, match="10000 are the most"):
            read_histogram(tmp_path / name, None)


def test_shapes_that_cannot_be():
    tree = parse_decay(D).head
    flat = Histogram(np.ones((1, 1)), np.array([0.3e6, 3e6]), np.array([0.3e6, 3e6]))
    with pytest.raises(SourceError, match="2 axes, 1 are named"):
        with_shape(tree, flat, AXES[:1], "f")
    with pytest.raises(SourceError, match="the same pair"):
        with_shape(tree, flat, [AXES[0]] * 2, "f")
    with pytest.raises(SourceError, match="no pairs of the three"):
        with_shape(tree, flat, [AXES[0], frozenset({"a", "c"})], "f")
    with pytest.raises(SourceError, match="a law already"):
        with_shape(with_shape(tree, flat, AXES, "f"), flat, AXES, "f")
    far = flat._replace(x=np.array([4e6, 5e6]))
    with pytest.raises(SourceError, match="nothing within phase space"):
        with_shape(tree, far, AXES, "f")
    narrow = flat._replace(x=np.array([0.8e6, 0.80001e6]))
    with pytest.raises(SourceError, match="wider bins"):
        with_shape(tree, narrow, AXES, "f")
