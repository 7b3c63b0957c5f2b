"""What several stages work out once: as if each had done it, and anew when something changes."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from lamarr_like.events import Table
from lamarr_like.stages.kept import Kept


def table(n=3):
    return Table({"x": np.arange(float(n)), "y": np.ones(n)}, np.array([0, n]))


def test_the_last_result_of_the_same_columns():
    kept, one = Kept(), table()
    columns = [one["x"], one.offsets]
    assert kept.get(one, columns) is None
    assert kept.put(one, columns, "first") == "first"
    assert kept.get(one, [one["x"], one.offsets]) == "first"
    kept.put(one, columns, "second")
    assert kept.get(one, columns) == "second"


@pytest.mark.parametrize("others", [lambda t: [t["y"], t.offsets], lambda t: [t["x"]]])
def test_other_columns_have_no_result(others):
    kept, one = Kept(), table()
    kept.put(one, [one["x"], one.offsets], 1)
    assert kept.get(one, others(one)) is None
    assert kept.get(one, [one["x"].copy(), one.offsets]) is None  # equal, but not the same


def test_other_tables_have_no_result_and_nothing_outlives_its_table():
    kept, one, two = Kept(), table(), table()
    kept.put(one, [one["x"]], 1)
    assert kept.get(two, [one["x"]]) is None
    del one
    gc.collect()
    assert len(kept._of) == 0
