"""The law of mixtures: a density, of the earlier outputs only, and draws that follow it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from lamarr_like.engine.onnx_session import Network
from lamarr_like.nets.onnx_graph import Graph

tf = pytest.importorskip("tensorflow")

from lamarr_like.nets.layers import Mlp  # noqa: E402
from lamarr_like.nets.mixture_law import MixtureLaw, add_atom_choice  # noqa: E402

GIVEN, OUTPUTS, COMPONENTS = 2, 3, 3


@pytest.fixture(scope="module")
def law():
    """A law whose outputs depend on each other."""
    rng = np.random.default_rng(1)
    law = MixtureLaw(rng, GIVEN, OUTPUTS, hidden=[8, 8], components=COMPONENTS)
    law.net.kernels[-1].assign_add(0.3 * rng.normal(size=law.net.kernels[-1].shape))
    return law


def rows(n, seed=2):
    rng = np.random.default_rng(seed)
    given, y = rng.normal(size=(n, GIVEN)), rng.normal(size=(n, OUTPUTS))
    return given.astype(np.float32), y.astype(np.float32)


def density(law, given, y):
    """Density of each output, ``(n_outputs, rows)``; the law leaves out the constant factor."""
    found = law.log_density(*law.parts(given, y)).numpy()
    return np.exp(found) / np.sqrt(2.0 * np.pi)


def test_density_of_each_output_is_normalised(law):
    at = np.linspace(-12, 12, 8001, dtype=np.float32)
    given, y = rows(1)
    for k in range(OUTPUTS):
        line = np.repeat(y, len(at), axis=0)
        line[:, k] = at
        found = density(law, np.repeat(given, len(at), axis=0), line)[k]
        assert np.trapezoid(found, at) == pytest.approx(1.0, abs=1e-3)


def test_an_output_depends_on_the_earlier_ones_only(law):
    given, y = rows(20)
    before = np.array(law.parts(given, y)[0])
    for j in range(OUTPUTS):
        moved = y.copy()
        moved[:, j] += 1.0
        changed = (np.array(law.parts(given, moved)[0]) != before).any(axis=(1, 2))
        assert changed.tolist() == [k > j for k in range(OUTPUTS)]


def test_log_density_is_bounded_from_below(law):
    given, y = rows(1)
    assert (law.log_density(*law.parts(given, y + 1e6)).numpy() == -20.0).all()


def drawn(law, given, uniforms, errors, free=None, **options):
    graph = Graph()
    x = graph.input("conditions", GIVEN)
    u, e = graph.input("uniforms", OUTPUTS), graph.input("normals", OUTPUTS)
    mask = "" if free is None else graph.constant(free)
    arrays = [v.numpy() for v in law.net.variables]
    scores = law.outputs(graph, x, uniforms=u, errors=e, arrays=arrays, free=mask, **options)
    graph.output("scores", scores, OUTPUTS)
    return Network(graph.build())(conditions=given, uniforms=uniforms, normals=errors)[0]


def test_draws_follow_the_density(law):
    n = 4000
    given, errors = rows(n)
    uniforms = np.random.default_rng(5).random((n, OUTPUTS)).astype(np.float32)
    y = drawn(law, given, uniforms, errors)
    # The cumulative distribution of the density, at the draws, is flat.
    logit, _, z = (part.numpy() for part in law.parts(given, y))
    share = np.exp(logit - logit.max(axis=2, keepdims=True))
    share /= share.sum(axis=2, keepdims=True)
    flat = (share * stats.norm.cdf(z)).sum(axis=2)
    inside = (np.abs(y) < 5.0).T
    for k in range(OUTPUTS):
        assert inside[k].mean() > 0.98
        assert stats.kstest(flat[k], "uniform").pvalue > 1e-3
    assert np.abs(np.corrcoef(flat) - np.eye(OUTPUTS)).max() < 0.06


def test_outputs_that_are_not_free_are_nought(law):
    given, errors = rows(10)
    uniforms = np.full((10, OUTPUTS), 0.3, np.float32)
    y = drawn(law, given, uniforms, errors, free=[[1.0, 0.0, 1.0]])
    assert (y[:, 1] == 0.0).all() and (y[:, [0, 2]] != 0.0).all()
    whole = drawn(law, given, uniforms, errors)
    assert np.array_equal(y[:, 0], whole[:, 0]) and not np.array_equal(y[:, 2], whole[:, 2])


def test_nothing_is_computed_for_outputs_that_are_never_free(law):
    given, errors = rows(50)
    uniforms = np.random.default_rng(6).random((50, OUTPUTS)).astype(np.float32)
    masked = drawn(law, given, uniforms, errors, free=[[1.0, 0.0, 1.0]])
    assert np.array_equal(drawn(law, given, uniforms, errors, bound=[1]), masked)


def test_classes_of_atoms_are_as_frequent_as_the_network_says():
    free = np.array([[1, 1], [0, 1], [0, 0]], np.float32)
    net = Mlp(np.random.default_rng(1), [GIVEN, 8, 3])
    graph = Graph()
    x, u = graph.input("conditions", GIVEN), graph.input("uniforms", 2)
    arrays = [v.numpy() for v in net.variables]
    index, given, mask = add_atom_choice(graph, x, u, arrays, free)
    graph.output("atom", graph.op("Cast", index, to=1), 1)
    graph.output("given", given, GIVEN + 3)
    graph.output("free", mask, 2)
    x = np.repeat(rows(3)[0], 1000, axis=0)
    uniforms = np.zeros((3000, 2), np.float32)
    uniforms[:, 0] = np.tile((np.arange(1000) + 0.5) / 1000, 3)
    atom, given, mask = Network(graph.build())(conditions=x, uniforms=uniforms)
    atom = atom[:, 0].astype(int)
    wanted = tf.nn.softmax(net(x)).numpy()[::1000]
    for i, shares in enumerate(wanted):
        found = np.bincount(atom[1000 * i : 1000 * (i + 1)], minlength=3) / 1000
        assert found == pytest.approx(shares, abs=0.0021)
    assert len(set(atom)) == 3
    assert np.array_equal(given, np.hstack([x, np.eye(3, dtype=np.float32)[atom]]))
    assert np.array_equal(mask, free[atom])
