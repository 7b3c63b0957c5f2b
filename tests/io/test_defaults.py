"""Columns of the truth that may be absent, the names they go by, and what no event can be."""

import numpy as np
import pytest
from chain_fakes import truth_events

from lamarr_like import schema
from lamarr_like.errors import SchemaError
from lamarr_like.events import EventBatch, Table
from lamarr_like.io import naming
from lamarr_like.io.defaults import collisions, completed, with_defaults
from lamarr_like.io.truth_checks import check_truth, numbered
from lamarr_like.physics.particles import masses

OFFSETS = np.array([0, 3, 3, 5])
"""Three events: of three particles, of none and of two."""


def given(**more):
    """Columns without a default; the last particle of the first event stems from the first."""
    numbers = np.arange(5.0)
    columns = {f"mc_v{a}": numbers + i for i, a in enumerate("xyz")}
    columns |= {"mc_px": numbers, "mc_py": 0 * numbers, "mc_pz": 1e3 + numbers}
    return columns | {"mc_pdg_id": np.array([521, -13, 211, 22, 2212]), **more}


MOTHERS = np.array([-1, -1, 0, -1, -1])


def test_defaults_are_those_of_the_documentation():
    columns = with_defaults(given(mc_mother_id=MOTHERS), OFFSETS, "here")
    assert columns["mcparticle_id"].tolist() == [0, 1, 2, 0, 1]
    assert columns["mc_stable"].tolist() == [False, True, True, True, True]
    assert set(columns["mc_status"]) == {1} and set(columns["mc_pv_id"]) == {0}
    p2 = sum(columns[f"mc_p{a}"] ** 2 for a in "xyz")
    np.testing.assert_allclose(columns["mc_energy"] ** 2 - p2, masses(columns["mc_pdg_id"]) ** 2,
                               rtol=1e-6, atol=1e-6)  # fmt: skip


def test_what_is_given_stays():
    own = {"mc_energy": np.full(5, 7.0), "mc_stable": np.zeros(5, bool), "mc_vt": np.ones(5)}
    columns = with_defaults(given(**own), OFFSETS, "here")
    assert all(columns[name] is values for name, values in own.items())


def test_one_of_several_collisions_must_be_named():
    vertex = Table.from_counts({"mc_x": np.zeros(3)}, np.array([1, 0, 2]))
    with pytest.raises(SchemaError, match="here: .* lacks the column mc_pv_id"):
        with_defaults(given(), OFFSETS, "here", vertex)
    one = Table.from_counts({"mc_x": np.zeros(1)}, np.array([1, 0, 0]))
    assert with_defaults(given(), OFFSETS, "here", one)["mc_pv_id"].tolist() == [0, 0, 0, -1, -1]


def test_collisions_lie_where_their_first_particle_without_a_mother_was_made():
    mothers = np.array([1, -1, -1, -1, -1])
    pv = np.array([0, 0, 1, 0, 0])
    columns = with_defaults(given(mc_mother_id=mothers, mc_pv_id=pv), OFFSETS, "here")
    table = collisions(columns, OFFSETS)
    assert table.counts.tolist() == [2, 0, 1]
    assert table["mc_pv_id"].tolist() == [0, 1, 0]
    assert table["mc_x"].tolist() == [1.0, 2.0, 3.0] and table["mc_z"].tolist() == [3.0, 4.0, 5.0]
    # What is said of the collisions counts more.
    columns |= {f"mc_{a}": np.full(5, 9.0) for a in "xyz"}
    assert set(collisions(columns, OFFSETS)["mc_y"]) == {9.0}


def test_complete_events_stay_as_they_are():
    batch = truth_events(4)
    again = completed(batch)
    assert all(again[t][c] is batch[t][c] for t in ("particle", "vertex") for c in batch[t].columns)
    bare = {n: batch.particle[n] for n in naming.REQUIRED}
    tables = {"event": batch.event, "particle": Table(bare, batch.particle.offsets)}
    filled = completed(EventBatch(tables))
    for name, values in filled.particle.columns.items():
        assert values.dtype == schema.column("particle", name).dtype, name
    np.testing.assert_array_equal(filled.particle["mc_charge"], batch.particle["mc_charge"])
    check_truth(filled, "here")
    with pytest.raises(SchemaError, match="no table 'particle'"):
        completed(EventBatch({"event": batch.event}))


# --- names


@pytest.mark.parametrize("table", ["particle", "vertex", "event"])
def test_every_column_is_found_under_each_of_its_names(table):
    for column in schema.table_columns(table):
        key = (table, column.name)
        for name in (column.branch, f"{table}_{column.name}"):
            assert naming.named({name: ()}, "x") == {key: (name,)}
            assert naming.may_hold_truth(name)
        for record in (table, schema.EXPORT_PREFIX.get(table)):
            for name in (column.name, column.export, column.branch) if record else ():
                assert naming.named({record: [name]}, "x") == {key: (record, name)}
        assert naming.column_in(table, column.export) == column.name


def test_foreign_names_are_left_out_and_double_ones_refused():
    assert naming.named({"muons": (), "beam": ["px"]}, "x") == {}
    assert naming.column_in("particle", "colour") == "colour"
    assert not naming.may_hold_truth("muons") and naming.table_of("muons") is None
    with pytest.raises(SchemaError, match="x: mc_px and GenPart_px are the same column"):
        naming.named({"mc_px": (), "GenPart_px": ()}, "x")
    assert naming.holds_particles(["a", "GenPart_pdgId"]) and naming.holds_particles(["particle"])
    assert not naming.holds_particles(["mc_px", "vertex"])


def test_a_place_without_prefix_is_that_of_the_collision_of_a_particle():
    assert naming.named({"mc_x": ()}, "x") == {("particle", "mc_x"): ("mc_x",)}
    assert naming.take({"a": {"b": 3}}, ("a", "b")) == 3


def test_missing_columns_are_named_by_both_names():
    with pytest.raises(SchemaError, match=r"lacks the columns mc_py, mc_vz \(or GenPart_py, "):
        naming.require_particles(set(naming.REQUIRED) - {"mc_py", "mc_vz"}, "x")
    naming.require_particles(naming.REQUIRED, "x")


def test_what_is_reconstructed_is_not_read_as_truth():
    assert naming.is_truth("particle", "mc_px") and naming.is_truth("particle", "colour")
    assert not naming.is_truth("particle", "mc_charge") and not naming.is_truth("event", "n_tracks")
    assert naming.is_truth("event", "mc_weight") and naming.is_truth("vertex", "mc_z")


# --- what no event can be


@pytest.mark.parametrize(
    ("table", "column", "value", "message"),
    [
        ("particle", "mc_px", np.nan, r"particle\.mc_px is not finite: nan in event 101"),
        ("particle", "mc_energy", -1.0, r"mc_energy is negative: -1\.0 in event 101"),
        ("particle", "mc_mother_id", 9999, "mc_mother_id is no row of the event: 9999"),
        ("particle", "mc_mother_id", -2, "mc_mother_id is no row of the event: -2"),
        ("particle", "mc_mother_id", 0, "mc_mother_id leads in a circle"),
        ("particle", "mc_pv_id", 50, "mc_pv_id is no collision of the event: 50"),
        ("particle", "mcparticle_id", 7, "mcparticle_id does not count the rows"),
        ("vertex", "mc_pv_id", 3, "vertex.mc_pv_id does not count the rows"),
        ("vertex", "mc_z", np.inf, r"vertex\.mc_z is not finite: inf in event 101"),
        ("event", "mc_weight", np.nan, "event.mc_weight is not finite"),
    ],
)
def test_impossible_truth_is_refused(table, column, value, message):
    batch = truth_events(3)
    check_truth(batch, "file")
    values = batch[table][column].copy()
    values[batch[table].offsets[1]] = value
    with pytest.raises(SchemaError, match="^file: .*" + message):
        check_truth(batch.with_columns(table, **{column: values}), "file")


def test_events_with_one_number_are_refused():
    batch = truth_events(3)
    ids = np.array([5, 6, 5], batch.event["event_id"].dtype)
    with pytest.raises(SchemaError, match="event_id 5 is there twice"):
        check_truth(batch.with_columns("event", event_id=ids), "file")
    assert numbered(Table.from_counts({"a": np.zeros(3)}, np.array([2, 0, 1]))).tolist() == [
        0,
        1,
        0,
    ]
