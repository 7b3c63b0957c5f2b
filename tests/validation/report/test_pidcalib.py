"""Measured maps: cuts by names of files, both samples in their bins, bad files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from report_samples import detector, gathered, truth_batch

from lamarr_like.errors import SchemaError, SourceError
from lamarr_like.statistics.binned import projected_share
from lamarr_like.validation.report.pidcalib import AXES, _counts, overlays, read_maps

hist = pytest.importorskip("hist")
uproot = pytest.importorskip("uproot")

EDGES = ([1e3, 5e3, 2e4, 4e5], [1.5, 3.0, 5.5], [0.0, 20.0, 500.0])


def with_columns(name, seed):
    """A toy sample with the columns that maps are in."""
    sample = gathered(name, detector(truth_batch(250), seed))
    track = sample.track
    more = {"n_tracks": track["n_spd_hits"] / 14.0, "pid_mu": track["rich_dll_mu"]}
    return replace(sample, track={**track, **more})


@pytest.fixture(scope="module")
def one():
    return with_columns("detailed", 1)


def written(path, total, passing, edges=EDGES):
    with uproot.recreate(path) as file:
        for name, values in (("total", total), ("passing", passing)):
            made = hist.Hist(*(hist.axis.Variable(e) for e in edges), storage=hist.storage.Weight())
            made.view().value, made.view().variance = values, np.abs(values)
            file[name] = made
    return path


def counted(sample, species, passes):
    """Tracks of a species of a sample in the bins, and those that pass."""
    track = sample.track
    for mask in (track["species"] == species, (track["species"] == species) & passes(track)):
        yield np.histogramdd([track[a][mask] for a in AXES], EDGES)[0]


def test_a_sample_agrees_with_a_map_of_itself(one, tmp_path):
    kaons = counted(one, 321, lambda t: (t["pid_k"] > 4.0) & (t["is_muon"] < 0.5))
    written(tmp_path / "kaons-rdx-K_2016.root", *kaons)
    muons = counted(one, 13, lambda t: t["is_muon"] > 0.5)
    written(tmp_path / "JpsiK-Mu.root", *muons)
    (tmp_path / "notes.root").write_text("no map: nothing in its name")
    maps = read_maps(tmp_path)
    assert [(m.name, m.cut.species) for m in maps] == [
        ("JpsiK-Mu", "mu"),
        ("kaons-rdx-K_2016", "K"),
    ]
    counts = _counts(maps[1], one.track, with_columns("fast", 2).track)
    np.testing.assert_array_equal(counts.total[0], counts.total[1])
    np.testing.assert_array_equal(counts.passing[0], counts.passing[1])
    for axis in range(3):
        others = tuple(i for i in range(3) if i != axis)
        (data, _), (ours, error), (fast, _) = (
            projected_share(*part, counts.population, others)
            for part in zip(counts.passing, counts.total, counts.size, strict=True)
        )
        np.testing.assert_allclose(data, ours)
        assert np.abs(fast - ours).max() < 6.0 * error.max() < 0.5
    # Of the muons only those with isMuon count.
    assert _counts(maps[0], one.track, one.track).total[1].sum() < muons_of(one)


def muons_of(sample):
    return (sample.track["species"] == 13).sum()


def test_overlays_tell_sizes(one, tmp_path):
    pytest.importorskip("mplhep")
    written(tmp_path / "rdx-Pi.root", np.full((3, 2, 2), 50.0), np.full((3, 2, 2), 40.0))
    (drawing,) = overlays(read_maps(tmp_path), one, with_columns("fast", 2))
    assert drawing.name == "pidcalib-rdx-Pi" and drawing.section == "pidcalib"
    n = (one.track["species"] == 211).sum()
    assert f"sWeights 600, {n} detailed" in drawing.caption
    axes = drawing.draw().axes
    assert len(axes) == 3 and all(len(a.containers) == 3 for a in axes)
    data = axes[0].containers[0].lines[0].get_ydata()
    np.testing.assert_allclose(data, 0.8)


def test_bad_maps(one, tmp_path):
    with pytest.raises(SourceError, match="no map whose name holds one of rdx-K, rdx-Pi"):
        read_maps(tmp_path)
    path = tmp_path / "rdx-K.root"
    written(path, np.zeros((3, 2, 2)), np.zeros((3, 2, 2)))
    with pytest.raises(SourceError, match=r"rdx-K\.root: its sWeights add up to nothing"):
        read_maps(tmp_path)
    written(path, np.ones((3, 2)), np.ones((3, 2)), EDGES[:2])
    with pytest.raises(SourceError, match="'total' has 2 axes, not 3"):
        read_maps(tmp_path)
    with uproot.recreate(path) as file:
        file["total"] = np.histogram([1.0])
    with pytest.raises(SourceError, match="no histograms 'total' and 'passing'"):
        read_maps(tmp_path)
    written(path, np.ones((3, 2, 2)), np.ones((3, 2, 2)))
    bare = gathered("fast", detector(truth_batch(20), 3))
    with pytest.raises(SchemaError, match=r"fast sample, PIDCalib overlay.*n_tracks"):
        list(overlays(read_maps(tmp_path), one, bare))
