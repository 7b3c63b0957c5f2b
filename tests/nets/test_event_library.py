"""Which events a library stores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from family_toys import TOYS

from lamarr_like.errors import TrainingError
from lamarr_like.nets.config import EventLibraryConfig
from lamarr_like.nets.event_library import fit_event_library, rounded

SAMPLE = TOYS["event_library"].sample(4000)


def test_rare_events_are_stored_more_often():
    model = fit_event_library(SAMPLE, EventLibraryConfig(rows=2000, trials=4)).model()
    stored = np.concatenate([model._tree.data[:, 0]])
    tail = np.quantile(SAMPLE.conditions["root_n"], 0.95)
    assert (stored > tail).mean() > 2 * 0.05
    assert model.counts.sum() <= 2000 and model.counts.sum() > 1900


def test_figures_are_of_events_that_are_not_stored():
    model = fit_event_library(SAMPLE, EventLibraryConfig(rows=4000))
    assert model.figures["held_out_events"] == 400
    assert model.figures["n_drawn_over_held_out"] == pytest.approx(1.0, abs=0.1)
    assert model.figures["held_out_misfit"] < 0.1


def test_what_cannot_be_stored():
    with pytest.raises(TrainingError, match="no event of the sample has as few as 0 rows"):
        fit_event_library(
            replace(
                SAMPLE,
                counts=SAMPLE.counts[SAMPLE.counts > 0],
                conditions={"root_n": SAMPLE.conditions["root_n"][SAMPLE.counts > 0]},
                kinds={"n": SAMPLE.kinds["n"][SAMPLE.counts > 0]},
            ),
            EventLibraryConfig(rows=0),
        )
    few = replace(
        SAMPLE, counts=np.zeros(3, int), conditions={"root_n": np.zeros(3)}, columns={"a": []}
    )
    with pytest.raises(TrainingError, match="3 events are too few"):
        fit_event_library(few, EventLibraryConfig())


def test_rounded_numbers_are_as_near_as_their_digits():
    values = np.array([0.0, 1.0, -1.0, np.pi, -1e-20, 6.5e6, 3.0])
    found = rounded(values, 14).astype(np.float64)
    assert np.array_equal(found[:3], values[:3]) and found[6] == 3.0
    assert np.allclose(found, values, rtol=2.0**-14, atol=0.0)
    assert (found.astype(np.float32).view(np.uint32) & 0x1FF == 0).all()
