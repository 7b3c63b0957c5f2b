"""Metrics of arrays in the frame: those of the comparison, blind to symmetries."""

from __future__ import annotations

import numpy as np
import pytest
from spots import SPOTS, spots

from lamarr_like.responses.detectors.ecal_shower import ECAL_SHOWER, particles
from lamarr_like.responses.features import features
from lamarr_like.responses.frame import Frame
from lamarr_like.responses.samples import ResponseSample, checked_sample

pytest.importorskip("tensorflow")

from lamarr_like.responses.training.metrics import metrics


def leaning(n, seed):
    """Showers of a kind, which lie along the slopes of their particles."""
    rng = np.random.default_rng(seed)
    conditions = particles(n, seed)
    middle = np.stack([conditions["x"], conditions["y"]], axis=1)[:, None]
    slope = np.stack([conditions["px"], conditions["py"]], axis=1) / conditions["pz"][:, None]
    depth = rng.gamma(4.0, 40.0, size=(n, 60, 1))
    place = middle + depth * slope[:, None] + 15 * rng.normal(size=(n, 60, 2))
    cell = np.clip(np.floor(place / 20 + 15).astype(int), 0, 29)
    arrays = np.zeros((n, 30, 30))
    np.add.at(arrays, (np.arange(n)[:, None], *np.moveaxis(cell, 2, 0)), rng.gamma(1, 10, (n, 60)))
    arrays[arrays < ECAL_SHOWER.threshold] = 0.0
    return checked_sample(ECAL_SHOWER, conditions, arrays, "leaning")


def metrics_of(sample, frame):
    placement = frame.place(sample.seen)
    return metrics(sample.response, placement, placement.to_frame(sample.hits))


def frame_of(sample):
    return Frame.fit(sample.response, sample.seen, sample.arrays)


def test_they_are_those_of_the_comparison():
    sample = leaning(500, seed=1)
    found = metrics_of(sample, frame_of(sample))
    known = features(ECAL_SHOWER, sample.seen, sample.hits)
    assert found.shape == (500, 6) and found.dtype == np.float32
    # Distances from the impact change their sides with the frame; the others may, or not.
    for k, name in enumerate(("longitudinal_width", "longitudinal_asymmetry"), 2):
        true = (known[name] - known[name].mean()) / known[name].std()
        assert found[:, k] == pytest.approx(np.clip(true, -5, 5), abs=1e-4)
    true = known["transverse_asymmetry"] / known["transverse_asymmetry"].std()
    assert abs(np.corrcoef(np.abs(true), np.abs(found[:, 5]))[0, 1]) > 0.9


def test_mirrored_arrays_have_the_same():
    sample = leaning(300, seed=2)
    # One depth for both axes, which differ by chance.
    frame = Frame(ECAL_SHOWER, frame_of(sample).depth[[0, 0]])
    c = sample.conditions
    arrays = np.ascontiguousarray(sample.arrays[:, ::-1])
    mirrored = ResponseSample(ECAL_SHOWER, {**c, "px": -c["px"], "x": -c["x"]}, arrays)
    exchanged = ResponseSample(
        ECAL_SHOWER,
        {**c, "px": c["py"], "py": c["px"], "x": c["y"], "y": c["x"]},
        np.ascontiguousarray(sample.arrays.transpose(0, 2, 1)),
    )
    plain = metrics_of(sample, frame)
    assert metrics_of(mirrored, frame) == pytest.approx(plain, abs=1e-4)
    assert metrics_of(exchanged, frame) == pytest.approx(plain, abs=1e-4)


def test_without_slopes_they_are_widths_and_skews():
    sample = spots(300, seed=3)
    found = metrics_of(sample, frame_of(sample))
    known = features(SPOTS, sample.seen, sample.hits)
    assert found.shape == (300, 9)
    widths = np.sort(np.stack([known["width_x"], known["width_y"]]), axis=0).sum(axis=0)
    mine = found[:, 3] + found[:, 6]
    assert np.corrcoef(widths, mine)[0, 1] > 0.99
