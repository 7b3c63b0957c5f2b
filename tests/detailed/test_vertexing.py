"""The primary-vertex finder on tracks made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from velo_toys import vertex_tracks as toy

from lamarr_like.detailed.figures import core_width
from lamarr_like.detailed.parameters import DEFAULT
from lamarr_like.detailed.vertexing import VertexTracks, find_vertices, vertex_table


def test_unbiased_with_normal_pulls():
    rng = np.random.default_rng(1)
    true = np.array([0.02, -0.03, 12.0])
    pulls, widths = [], []
    for _ in range(400):
        found = find_vertices(*toy(rng, 25, true), DEFAULT)
        assert len(found.n_tracks) == 1
        assert found.n_tracks[0] >= 22
        pulls.append((found.position[0] - true) / np.sqrt(np.diagonal(found.covariance[0])))
        widths.append(found.position[0] - true)
    for i in range(3):
        pull = np.array(pulls)[:, i]
        assert abs(pull.mean()) < 4 / np.sqrt(400) * pull.std()
        # Tukey weights cost a little precision that the covariance does not know of.
        assert core_width(pull) == pytest.approx(1.0, abs=0.12)
    assert core_width(np.array(widths)[:, 2]) > core_width(np.array(widths)[:, 0])


def test_resolution_improves_as_1_over_root_n():
    rng = np.random.default_rng(2)

    def width(n):
        found = [find_vertices(*toy(rng, n, (0.0, 0.0, 0.0)), DEFAULT) for _ in range(300)]
        return core_width(np.array([f.position[0, 0] for f in found]))

    assert width(10) / width(40) == pytest.approx(2.0, rel=0.2)


def test_two_vertices_are_told_apart():
    rng = np.random.default_rng(3)
    for _ in range(20):
        a, b = toy(rng, 20, (0.0, 0.02, -25.0)), toy(rng, 15, (0.03, 0.0, 8.0))
        found = find_vertices(np.concatenate([a[0], b[0]]), np.concatenate([a[1], b[1]]), DEFAULT)
        assert len(found.n_tracks) == 2
        np.testing.assert_allclose(np.sort(found.position[:, 2]), [-25.0, 8.0], atol=0.5)
        first = int(np.argmin(found.position[:, 2]))
        assert (found.owner[:20] == first).mean() > 0.9
        assert (found.owner[20:] == 1 - first).mean() > 0.85


def test_no_vertex_from_noise_or_too_few_tracks():
    rng = np.random.default_rng(4)
    for _ in range(20):
        states, covariance = toy(rng, 20, (0.0, 0.0, 0.0))
        states[:, 2] = rng.uniform(-150, 150, 20)
        states[:, :2] += rng.uniform(-3, 3, (20, 2))
        assert len(find_vertices(states, covariance, DEFAULT).n_tracks) == 0
    found = find_vertices(*toy(rng, DEFAULT.pv_min_tracks - 1, (0.0, 0.0, 0.0)), DEFAULT)
    assert len(found.n_tracks) == 0
    assert len(find_vertices(np.zeros((0, 6)), np.zeros((0, 5, 5)), DEFAULT).n_tracks) == 0


def test_displaced_tracks_do_not_pull_the_vertex():
    rng = np.random.default_rng(5)
    states, covariance = toy(rng, 25, (0.0, 0.0, 0.0))
    far, far_covariance = toy(rng, 4, (0.8, 0.5, 9.0))
    found = find_vertices(
        np.concatenate([states, far]), np.concatenate([covariance, far_covariance]), DEFAULT
    )
    assert len(found.n_tracks) == 1
    assert (found.owner[25:] == -1).all()
    assert np.abs(found.position[0, :2]).max() < 0.05


def test_table_links_to_the_collision_of_most_tracks():
    rng = np.random.default_rng(6)
    a, b = toy(rng, 20, (0.0, 0.0, -40.0)), toy(rng, 20, (0.0, 0.0, 30.0))
    states, covariance = (np.concatenate([u, v]) for u, v in zip(a, b, strict=True))
    tracks = VertexTracks(
        np.concatenate([states, a[0]]),
        np.concatenate([covariance, a[1]]),
        np.repeat([0, 2], [40, 20]),
        np.concatenate([np.repeat([1, 0], 20), np.full(20, -1)]),
    )
    table = vertex_table(tracks, 3, DEFAULT)
    assert table.counts.tolist() == [2, 0, 1]
    by_z = np.argsort(table["z"][:2])
    assert table["mc_pv_id"][:2][by_z].tolist() == [1, 0]
    assert table["mc_pv_id"][2] == -1
    assert table["pv_id"].tolist() == [0, 1, 0]
    assert (table["sigma_z"] > table["sigma_x"]).all()


def test_a_second_vertex_near_the_first_is_not_made():
    rng = np.random.default_rng(7)

    def found(few, gap):
        parts = [toy(rng, 30, (0.0, 0.0, 0.0)), toy(rng, few, (0.25, 0.2, gap))]
        states, covariance = (np.concatenate(each) for each in zip(*parts, strict=True))
        return len(find_vertices(states, covariance, DEFAULT).n_tracks)

    # Decays of a b hadron make one; what is a few millimetres away is a collision of its own.
    assert np.mean([found(5, 0.6) for _ in range(30)]) == 1.0
    assert np.mean([found(20, 8.0) for _ in range(30)]) > 1.9
