"""Steps through a tree: every entry once, never more memory than is bounded."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from lamarr_like.errors import SourceError
from lamarr_like.io import root_steps
from lamarr_like.io.root_steps import entry_steps

KILO = 1 << 10


class Branch:
    """A branch with baskets of some entries, sizes unpacked and packed, and branches within."""

    def __init__(self, entries, unpacked, packed, within=()):
        self.entry_offsets = [sum(entries[:k]) for k in range(len(entries) + 1)]
        self.num_baskets = len(entries)
        self._sizes, self._within = (unpacked, packed), within

    def basket_uncompressed_bytes(self, k):
        return self._sizes[0][k]

    def basket_compressed_bytes(self, k):
        return self._sizes[1][k]

    def itervalues(self, recursive):
        assert recursive
        return iter(self._within)


class Tree(dict):
    """A TTree."""

    branches = True

    def __init__(self, num_entries, **branches):
        super().__init__(branches)
        self.num_entries = num_entries


def cluster(first, n, numbers, packed):
    """A cluster of an RNTuple with one page, and its pages."""
    page = SimpleNamespace(num_elements=numbers, locator=SimpleNamespace(num_bytes=packed))
    summary = SimpleNamespace(num_first_entry=first, num_entries=n)
    return summary, [SimpleNamespace(pages=[page])]


def ntuple(num_entries, *clusters):
    summaries, pages = zip(*clusters, strict=True)
    return SimpleNamespace(
        num_entries=num_entries, cluster_summaries=summaries, page_link_list=pages
    )


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Limits of some kilobytes, so that what is made by hand reaches them."""
    monkeypatch.setattr(root_steps, "_SMALL", 10 * KILO)
    monkeypatch.setattr(root_steps, "MAX_STEP_BYTES", 100 * KILO)


def even(baskets, unpacked=KILO, packed=KILO, entries=10):
    return Branch([entries] * baskets, [unpacked] * baskets, [packed] * baskets)


def covered(steps, n):
    assert [start for start, _ in steps] == [0, *(stop for _, stop in steps)][: len(steps)]
    assert (steps[-1][1] if steps else 0) == n


@pytest.mark.parametrize("step", [1, 7, 10, 33, 1000])
def test_every_entry_comes_once_in_steps_of_the_size_asked_for(step):
    tree = Tree(80, x=even(8))
    steps = list(entry_steps("file", tree, ["x"], step))
    covered(steps, 80)
    assert all(stop - start <= step for start, stop in steps)
    assert [b - a for a, b in steps[:-1]] == [step] * (len(steps) - 1)


def test_large_baskets_make_short_steps():
    tree = Tree(80, x=even(8, unpacked=60 * KILO, packed=50 * KILO))
    steps = list(entry_steps("file", tree, ["x"], 80))
    covered(steps, 80)
    # Two baskets together are more than may be unpacked; a part of one is its whole.
    for start, stop in steps:
        assert stop <= (start // 10 + 1) * 10


def test_all_branches_count_those_within_a_branch_as_well():
    within = Branch([80], [70 * KILO], [60 * KILO])
    tree = Tree(80, x=Branch([80], [40 * KILO], [40 * KILO], [within]), y=even(8))
    with pytest.raises(SourceError, match="file: entry 0 of its tree unpacks from 10"):
        list(entry_steps("file", tree, ["x"], 10))
    covered(list(entry_steps("file", tree, ["y"], 10)), 80)  # what is not read does not count


def test_an_entry_that_unpacks_to_very_much_is_refused():
    """A bomb: some bytes that unpack to more than 200 times as much."""
    baskets = Branch([10, 10, 10], [KILO, 90 * KILO, KILO], [KILO, 20, KILO])
    steps = []
    with pytest.raises(SourceError, match=r"f\.root: entry 10 of its tree unpacks from 20 bytes"):
        for step in entry_steps("f.root", Tree(30, x=baskets), ["x"], 10):
            steps.append(step)
    assert steps == [(0, 10)]  # what came before was given
    # The same size is allowed where the file is as large, and any ratio where it is small.
    honest = Branch([10, 10, 10], [KILO, 90 * KILO, KILO], [KILO, KILO, KILO])
    covered(list(entry_steps("f", Tree(30, x=honest), ["x"], 10)), 30)
    tiny = Branch([10], [9 * KILO], [1])
    covered(list(entry_steps("f", Tree(10, x=tiny), ["x"], 10)), 10)


def test_clusters_of_an_ntuple():
    tree = ntuple(30, cluster(0, 10, 5 * KILO, 30 * KILO), cluster(10, 20, 8 * KILO, 60 * KILO))
    steps = list(entry_steps("file", tree, ["x"], 30))
    covered(steps, 30)
    assert all(stop <= 10 or start >= 10 for start, stop in steps)  # 40 and 64 kB: one at a time
    with pytest.raises(SourceError, match="entry 0 of its tree unpacks"):
        list(entry_steps("file", ntuple(30, cluster(0, 30, 20 * KILO, 160 * KILO)), ["x"], 5))


def test_no_entries_no_steps():
    assert list(entry_steps("file", Tree(0, x=Branch([], [], [])), ["x"], 5)) == []
