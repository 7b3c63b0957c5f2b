"""Columns of named decays: by hand, of ideal events, and of several batches."""

from __future__ import annotations

import numpy as np
import pytest
from decay_samples import decay_events
from report_samples import typed

from lamarr_like.decays.request import DecayRequest
from lamarr_like.decays.rows import (
    candidate_columns,
    decay_rows,
    joined,
    joined_rows,
)
from lamarr_like.errors import DecayError
from lamarr_like.events import Table

REQUEST = DecayRequest.parse("J/psi(1S) -> mu+ mu-")


@pytest.fixture(scope="module")
def batch():
    batch = decay_events("decay:J/psi(1S) -> mu+ mu-?n=2", 30)
    inside = np.arange(len(batch.particle)) % 5 > 0
    return batch.with_columns("particle", **typed("particle", {"in_acceptance": inside}))


@pytest.fixture(scope="module")
def rows(batch):
    return decay_rows(batch, [REQUEST])[0]


def test_rows_of_ideal_events(rows, batch):
    made, found = rows.generated, rows.candidate
    assert rows.event["unit"].tolist() == list(range(30))
    assert rows.event["candidates"].sum() == made["found"].sum() == len(found["unit"]) > 40
    assert 0 < made["accepted"].sum() < len(made["unit"])
    assert (made["p"] > 0).all() and (made["tau"] >= 0).all()
    # Of the visible decays the momentum is that of the head: nothing is lost.
    whole = made["p"][made["found"]]
    assert np.sort(found["p"]) == pytest.approx(np.sort(whole), rel=1e-4)
    head = next(k for k in found if k.endswith(":M"))[:-2]
    assert np.median(found[f"{head}:M"]) == pytest.approx(3096.9, abs=15)
    assert found[f"{head}:M"] - found[f"{head}:dM"] == pytest.approx(3096.9, abs=1.0)


def test_columns_by_hand():
    decay = REQUEST.decay
    head, (one, two) = decay.head.branch, [leaf.branch for leaf in decay.leaves]
    table = {f"{head}_M": 3.0, f"{head}_MERR": 0.5, f"{head}_TAU": 3e-3, f"{head}_TRUETAU": 1e-3}
    table |= {f"{head}_TAUERR": 1e-3, f"{head}_IP_OWNPV": 0.25, f"{head}_IPCHI2_OWNPV": 100.0}
    table |= {
        f"{head}_FDCHI2_OWNPV": 0.0,
        f"{head}_DIRA_OWNPV": 0.99,
        f"{head}_ENDVERTEX_CHI2": 3.0,
    }
    table |= {f"{head}_ENDVERTEX_NDOF": 1.5}
    for i, axis in enumerate("XYZ"):
        table |= {f"{head}_ENDVERTEX_{axis}": 2.0 + i, f"{head}_TRUEENDVERTEX_{axis}": 1.0}
        table[f"{head}_ENDVERTEX_{axis}ERR"] = 0.5
    for leaf, chi2, z in ((one, 10.0, 2.0), (two, 1000.0, -2.0)):
        table |= {f"{leaf}_IPCHI2_OWNPV": chi2, f"{leaf}_TRUEP_X": 0.0, f"{leaf}_TRUEP_Y": 3.0}
        table |= {f"{leaf}_TRUEP_Z": z, f"{leaf}_TRUEP_E": 5.0}
    columns = {k: np.array([v]) for k, v in table.items()}
    found = candidate_columns(Table.from_counts(columns, np.array([0, 1])), decay)
    told = {k: v.tolist()[0] for k, v in found.items()}
    assert told.pop("unit") == 1
    assert told == pytest.approx(
        {
            **{"p": 6.0, f"{head}:M": 3.0, f"{head}:dM": -5.0, f"{head}:pull_M": -10.0},
            **{"dX": 1.0, "dY": 2.0, "dZ": 3.0, "pull_X": 2.0, "pull_Y": 4.0, "pull_Z": 6.0},
            **{"dTAU": 2.0, "pull_TAU": 2.0, "IP": 0.25, "chi2": 2.0, "log_ip_chi2": 2.0},
            **{"log_fd_chi2": -9.0, "log_angle": -2.0, "log_least_ip_chi2": 1.0},
        }
    )


def test_parts_join_to_the_whole(rows, batch):
    parts = [decay_rows(batch.events(a, b), [REQUEST])[0] for a, b in ((0, 11), (11, 30))]
    shifted = parts[1].mapped(lambda c: {**c, "unit": c["unit"] + 11})
    whole = joined_rows("fast", [parts[0], shifted])
    for group, columns in rows.groups.items():
        assert list(columns) == list(whole.groups[group])
        for name, values in columns.items():
            np.testing.assert_array_equal(values, whole.groups[group][name])
    assert joined([{"a": np.array([1])}, {"a": np.array([2, 3])}])["a"].tolist() == [1, 2, 3]


def test_a_decay_that_does_not_occur(batch):
    request = DecayRequest.parse("phi(1020) -> K+ K-")
    with pytest.raises(DecayError, match="fast sample: none of its 30 events holds .*phi"):
        joined_rows("fast", decay_rows(batch, [request]))


def test_two_decays_of_one_name(batch):
    with pytest.raises(DecayError):
        decay_rows(batch, [REQUEST, REQUEST])
