"""A second draw of the same generated events: read, made on demand, refused where it cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from report_samples import detector, truth_batch

from lamarr_like.errors import SchemaError, SourceError
from lamarr_like.io.ntuple import EventWriter
from lamarr_like.io.ntuple_reader import read_events, read_provenance
from lamarr_like.runs import redraw
from lamarr_like.training.pairs import check_same_events


def _write(path, batch, **provenance):
    with EventWriter(path, metadata=provenance) as out:
        out.write(batch)
    return path


def test_what_is_there_is_taken_as_it_is(tmp_path):
    path = tmp_path / "second.root"
    path.write_text("")
    assert redraw.second_draws([tmp_path / "first.root"], [path]) == [path]
    assert redraw.second_draws([tmp_path / "first.root"], []) == []
    with pytest.raises(SourceError, match="1 second draws of 2 detailed samples"):
        redraw.second_draws([path, path], [path])


def test_a_second_draw_is_made_with_the_next_seed(minbias, tmp_path):
    pytest.importorskip("numba")
    few = tmp_path / "few.root"
    batch = next(iter(read_events(minbias))).events(0, 3)
    provenance = read_provenance(minbias)
    _write(few, batch, **provenance)
    said = []
    (path,) = redraw.second_draws([few], [tmp_path / "second.root"], said.append)
    assert "seed 6" in said[0]
    again = next(iter(read_events(path)))
    check_same_events(batch, again, "second")
    assert not np.array_equal(again.track["p"], batch.track["p"])
    assert read_provenance(path)["seed"] == provenance["seed"] + 1
    assert read_provenance(path)["models"] == provenance["models"]


@pytest.mark.parametrize(
    "provenance", [{}, {"pipeline": "detailed"}, {"pipeline": "detailed", "seed": 1, "showers": []}]
)
def test_what_others_made_is_not_made_anew(tmp_path, provenance):
    batch = detector(truth_batch(5), 3)
    first = _write(tmp_path / "first.root", batch, **provenance)
    with pytest.raises(SourceError, match=r"second\.root: no such file, and .*first\.root"):
        redraw.second_draws([first], [tmp_path / "second.root"])
    assert not (tmp_path / "second.root").exists()


def test_other_events_are_found_out():
    truth = truth_batch(20)
    one, two = detector(truth, 3), detector(truth, 4)
    check_same_events(one, two, "second.root")
    with pytest.raises(SchemaError, match="has 19 events where the first draw has 20"):
        check_same_events(one, two.events(0, 19), "second.root")
    px = two.particle["mc_px"].copy()
    px[two.particle.offsets[7]] *= 1.5
    moved = two.with_columns("particle", mc_px=px)
    with pytest.raises(SchemaError, match=r"second\.root: event 1007 is not the generated event"):
        check_same_events(one, moved, "second.root")
    other = detector(truth_batch(20, seed=2), 4)
    with pytest.raises(SchemaError, match="event 1000 is not"):
        check_same_events(one, other, "second.root")
