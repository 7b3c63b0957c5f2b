"""Measured maps of ProbNN: efficiencies with the population of the maps that ship."""

from __future__ import annotations

import numpy as np
import pytest
import uproot
from detector_samples import muons

from lamarr_like.detailed.simulate import simulate_detailed
from lamarr_like.errors import SourceError
from lamarr_like.validation.detector.maps import load_map
from lamarr_like.validation.detector.prob_nn import MAPS, PROB_NN, prob_nn_section, read_map


@pytest.fixture(scope="module")
def batch():
    return simulate_detailed(muons(20, p=1e4), seed=1)


def written(path, values, errors, edges):
    import hist

    axes = [hist.axis.Variable(e) for e in edges]
    one = hist.Hist(*axes, storage=hist.storage.Weight())
    one.view().value, one.view().variance = values, errors**2
    with uproot.recreate(path) as file:
        file["eff"] = one
    return path


def test_a_map_has_the_population_of_the_other(tmp_path):
    pytest.importorskip("hist")
    population = load_map("rdx_K")
    shape = population.total.shape
    values, errors = np.full(shape, 0.25), np.full(shape, 0.01)
    values[0, 0, 0], errors[0, 0, 0] = 0.0, 0.0
    values[1, 0, 0] = 1.2
    found = read_map(written(tmp_path / "m.root", values, errors, population[:3]), population)
    assert found.total is population.total
    assert found.passing[0, 0, 0] == found.passing[1, 0, 0] == -1.0
    assert found.passing[2] == pytest.approx(0.25 * population.total[2])
    other = [population[0] * 2.0, *population[1:3]]
    path = written(tmp_path / "other.root", values, errors, other)
    with pytest.raises(SourceError, match=r"other\.root: 'eff' has other bins"):
        read_map(path, population)
    (tmp_path / "none.root").write_bytes(b"no file of ROOT")
    with pytest.raises(SourceError, match=r"none\.root: no map of efficiencies named 'eff'"):
        read_map(tmp_path / "none.root", population)


def test_samples_without_prob_nn_are_skipped(batch, tmp_path):
    assert prob_nn_section(batch, tmp_path).skipped == "the samples were made without ProbNN"
    share = np.full(len(batch.track), 0.5, np.float32)
    told = batch.with_columns("track", **dict.fromkeys(PROB_NN, share))
    with pytest.raises(SourceError, match="no map of efficiencies"):
        prob_nn_section(told, tmp_path)
    assert {cut.species for cut, _ in MAPS} == {"K", "pi"}
