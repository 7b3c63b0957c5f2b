"""Devices that are built alike are filled in one pass: each as alone, bit for bit."""

from dataclasses import replace

import numpy as np
import pytest
from twins import TWINS, twins

from lamarr_like.engine.onnx_session import Network
from lamarr_like.nets.onnx_graph import Graph
from lamarr_like.responses.blocks import Layout, Shells
from lamarr_like.responses.coded import CodedBlocks
from lamarr_like.responses.codes import KINDS_APART, Codes, Particles, scaled
from lamarr_like.responses.filling import OUTPUTS
from lamarr_like.responses.frame import Frame
from lamarr_like.responses.stack import Stack, alike
from lamarr_like.rng import stream_keys

SHELLS = Shells(1, (2,), 1)


def network(n_given, odds):
    """Shares of the first half with these odds on the mean."""
    law = np.zeros(OUTPUTS)
    law[:2], law[5:8] = -2.0, odds
    graph = Graph()
    weight = np.zeros((3 * 2 + 1 + 1 + n_given + 1, OUTPUTS))
    graph.output("law", graph.dense(graph.input("node", len(weight)), weight, law), OUTPUTS)
    return Network(graph.build())


@pytest.fixture(scope="module")
def made():
    """Blocks of both devices, the particles in their frames, random scores and keys."""
    sample, parts, placements = twins(800), [], []
    for k, part in enumerate(sample.parts):
        frame = Frame(part.response, np.zeros((2, 2)))
        placement, layout = frame.place(part.seen), Layout(part.response, SHELLS)
        hits = placement.to_frame(part.hits)
        amounts = layout.amounts(layout.energies(hits, len(sample)))
        amounts = scaled(part.response, amounts, placement.given)
        codes = Codes.fit(amounts, Particles.of(part.response, placement.given))
        mean = placement.given.mean(axis=0)
        filling = network(len(mean), (-1.0, 1.0)[k])
        parts.append(CodedBlocks(layout, codes, mean, np.ones(len(mean)), filling))
        placements.append(placement)
    rng = np.random.default_rng(3)
    scores = [rng.normal(size=(len(sample), part.n_codes)) for part in parts]
    keys = [stream_keys(1, f"device {k}", np.arange(len(sample))) for k in (0, 1)]
    given = [part.given(placement) for part, placement in zip(parts, placements, strict=True)]
    return parts, [placements, given, scores, keys]


def test_each_device_is_filled_as_alone(made):
    parts, columns = made
    assert list(alike(parts)) == [[0, 1]]
    together = Stack(parts).hits(*columns)
    for k, part in enumerate(parts):
        (alone,) = Stack([part]).hits(*([column[k]] for column in columns))
        assert all(np.array_equal(a, b) for a, b in zip(together[k], alone, strict=True))
        assert len(alone.row) > 1000 and (np.diff(alone.row) >= 0).all()
    # With the other's network each sends what it shares to the other side.
    others = [replace(part, filling=parts[1 - k].filling) for k, part in enumerate(parts)]
    swapped = Stack(others).hits(*columns)
    assert side(together[0]) > side(swapped[0]) and side(together[1]) < side(swapped[1])


def side(hits):
    return np.average(hits.cell[:, 0], weights=hits.value)


def test_devices_built_otherwise_stand_alone(made):
    parts, _ = made
    other = replace(TWINS.responses[1], threshold=2.0)
    assert list(alike([parts[0], replace(parts[1], layout=Layout(other, SHELLS))])) == [[0], [1]]
    wide = replace(parts[1], layout=Layout(parts[1].layout.response, Shells(1, (4,), 1)))
    assert list(alike([parts[0], wide, parts[1]])) == [[0, 2], [1]]
    assert list(alike([parts[0], replace(parts[1], filling=None)])) == [[0], [1]]


def test_kinds_of_joined_tables_are_kept_apart(made):
    parts, columns = made
    joined = Codes.joined([part.codes for part in parts])
    for k, part in enumerate(parts):
        particles = Particles.of(part.layout.response, columns[0][k].given)
        moved = particles._replace(kind=particles.kind + k * KINDS_APART)
        found = joined.tables_of(moved)
        alone = part.codes.tables_of(particles)
        assert np.array_equal(found[0] - k * len(parts[0].codes.kinds), alone[0])
        assert np.array_equal(found[2], alone[2])
