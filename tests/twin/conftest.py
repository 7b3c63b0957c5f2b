"""Tests of twins: the judge grows few trees, as it does not matter how sharp it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def few_trees_for_all() -> Iterator[None]:
    from lamarr_like.statistics.two_sample import c2st

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(c2st.__kwdefaults__, "trees", 10)
        yield
