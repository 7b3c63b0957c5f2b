"""Declared branches: names that do not collide, types that exist, one meaning each."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from lamarr_like import schema
from lamarr_like.decays.branches import BRANCHES, FITTED, KINDS, of_kind

PARTICLES = ("track", "photon", "pi0", "composite")


@pytest.mark.parametrize("branch", [*BRANCHES, *FITTED], ids=lambda b: f"{b.kind}-{b.export}")
def test_a_branch_is_declared_whole(branch):
    assert branch.kind in (*KINDS, "event", "generated")
    assert np.dtype(branch.dtype).kind in "bif"
    assert branch.export.replace("_", "").isalnum() and branch.quantity.isidentifier()
    assert branch.doc.strip() == branch.doc and not branch.doc.endswith(".")
    assert branch.unit in ("", "MeV", "mm", "ns", "rad", "mm/ns") or branch.kind in PARTICLES


@pytest.mark.parametrize(
    "kinds",
    [
        ("event",), ("any", "track"), ("any", "photon"), ("any", "pi0"),
        ("any", "composite", "head"), ("any", "composite", "flying"),
    ],
)  # fmt: skip
def test_one_particle_has_no_name_twice(kinds):
    for declared in (BRANCHES, FITTED):
        names = Counter(b.export for b in declared if b.kind in kinds)
        assert not [name for name, n in names.items() if n > 1]
        quantities = Counter(b.quantity for b in declared if b.kind in kinds)
        assert not [name for name, n in quantities.items() if n > 1]


def test_kinds_come_in_the_order_of_declaration():
    both = of_kind("track", "any")
    assert {b.kind for b in both} == {"any", "track"}
    assert both == [b for b in BRANCHES if b in both]
    assert len(both) == len(of_kind("any")) + len(of_kind("track"))
    assert not of_kind("nothing")


def test_the_same_name_means_the_same_for_all_particles():
    by_name = itertools.groupby(sorted(BRANCHES, key=lambda b: b.export), lambda b: b.export)
    for name, group in by_name:
        found = list(group)
        assert len({(b.quantity, b.unit, b.dtype) for b in found}) == 1, name


def test_columns_of_tracks_keep_what_the_schema_says_of_them():
    columns = {c.name: c for c in schema.table_columns("track")}
    shared = [b for b in of_kind("track") if b.quantity in columns]
    assert len(shared) > 20
    for b in shared:
        column = columns[b.quantity]
        assert np.dtype(b.dtype).kind == np.dtype(column.dtype).kind or b.quantity in (
            "charge", "track_type", "n_dof",
        )  # fmt: skip


def test_a_fit_tells_what_the_candidate_tells_under_the_same_names():
    plain = {(b.quantity, b.export) for b in BRANCHES}
    own = [b for b in FITTED if (b.quantity, b.export) not in plain]
    assert {b.kind for b in own} <= {"head", "flying"}
