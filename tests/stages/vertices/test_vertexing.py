"""Primary vertices: which collisions have one, and its place, uncertainties and tracks."""

import numpy as np
import pytest
from chain_fakes import CONFIG, FakeGenerator, fake_stages, truth_events

from lamarr_like.chain.pipeline import Pipeline
from lamarr_like.events import Table
from lamarr_like.stages.vertices import vertexing
from lamarr_like.stages.vertices.vertexing import VertexFinding, VertexResolution


@pytest.fixture(scope="module")
def batch():
    return Pipeline(fake_stages())(truth_events(40), seed=3)


def test_one_vertex_for_each_collision_found(batch):
    vertex = batch["reco_vertex"]
    found = VertexFinding.targets(batch, VertexFinding.rows(batch))[VertexFinding.target]
    assert 0 < found.sum() == len(vertex) < len(batch.vertex)
    np.testing.assert_array_equal(batch.event["n_pvs"], vertex.counts)
    per_event = np.bincount(batch.vertex.event_index[found == 1], minlength=len(batch))
    np.testing.assert_array_equal(per_event, vertex.counts)
    assert vertex["pv_id"][vertex.offsets[:-1][vertex.counts > 0]].max() == 0


def test_conditions_do_not_depend_on_the_batch(batch):
    whole = VertexFinding.conditions(batch, VertexFinding.rows(batch))
    for i in (0, 7, 39):
        one = batch.events(i, i + 1)
        rows = slice(batch.vertex.offsets[i], batch.vertex.offsets[i + 1])
        alone = VertexFinding.conditions(one, VertexFinding.rows(one))
        assert all(np.array_equal(alone[k], v[rows]) for k, v in whole.items())


def test_the_nearest_collision_of_the_same_event():
    table = Table.from_counts({"mc_z": np.array([0.0, 50.0, -10.0, 7.0])}, np.array([3, 1]))
    found = vertexing._neighbour(table, np.array([5.0, 6.0, 7.0, 8.0]))
    assert found["neighbour_gap"].tolist() == [10.0, 50.0, 10.0, 1e3]
    assert found["neighbour_size"].tolist() == [7.0, 5.0, 5.0, 0.0]


def test_of_two_vertices_of_a_collision_the_larger_counts(batch):
    vertex = batch["reco_vertex"]
    twice = np.repeat(np.arange(len(vertex)), 2)
    columns = {k: v[twice] for k, v in vertex.columns.items()}
    columns["n_tracks"] = np.tile([10, 30], len(vertex)).astype(columns["n_tracks"].dtype)
    split = batch.with_table("reco_vertex", Table.from_counts(columns, 2 * vertex.counts))
    np.testing.assert_array_equal(VertexResolution.rows(split), columns["n_tracks"] == 30)
    # Ghost vertices are none of a collision.
    columns["mc_pv_id"][:2] = -1
    split = batch.with_table("reco_vertex", Table.from_counts(columns, 2 * vertex.counts))
    assert not VertexResolution.rows(split)[:2].any()


class Fixed(FakeGenerator):
    """Gives the targets of a sample back."""

    def __init__(self, targets):
        super().__init__(VertexResolution)
        self.targets = targets

    def draw(self, conditions, uniforms):
        return self.targets


def test_targets_are_undone(batch):
    targets = VertexResolution.targets(batch, VertexResolution.rows(batch))
    bare = batch["reco_vertex"]
    bare = Table({k: bare[k] for k in ("pv_id", "mc_pv_id")}, bare.offsets)
    stage = VertexResolution(Fixed(targets), CONFIG)
    again = stage(batch.with_table("reco_vertex", bare), 1)["reco_vertex"]
    for name in ("x", "y", "z", "sigma_x", "sigma_y", "sigma_z"):
        np.testing.assert_allclose(again[name], batch["reco_vertex"][name], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(again["n_tracks"], batch["reco_vertex"]["n_tracks"])
