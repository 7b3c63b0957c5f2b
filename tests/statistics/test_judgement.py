"""Checks against tolerances: how often equal laws fail, what bins may hide, what cannot be told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from lamarr_like.statistics.influence import LEAST_UNITS
from lamarr_like.statistics.judgement import ALL, Check, Measurement, Status, Threshold, checked

STRICT = Threshold(relative=0.0, absolute=0.0, limit=10.0)
MANY = 1e9
"""Events behind a deviation: it is normal."""


def measured(deviation, sigma=1.0, *, places=(), one_sided=False, units=MANY, reference=1.0,
             group="shares", subject="pi"):  # fmt: skip
    deviation = np.atleast_1d(np.asarray(deviation, float))
    columns = (np.broadcast_to(np.asarray(v, float), deviation.shape)
               for v in (sigma, reference, units))  # fmt: skip
    return Measurement(group, subject, "share", deviation, *columns, places, one_sided)


def check(*found, threshold=STRICT, false_alarm=0.05):
    (one,) = checked(found, {"shares": threshold}, false_alarm)
    return one


@pytest.mark.parametrize("one_sided", [False, True])
@pytest.mark.parametrize("n", [1, 20])
def test_equal_laws_fail_as_often_as_is_allowed(n, one_sided):
    rng = np.random.default_rng(1)
    failed = [
        check(measured(rng.normal(size=n), one_sided=one_sided), false_alarm=0.2).status
        is Status.failed
        for _ in range(250)
    ]
    assert np.mean(failed) == pytest.approx(0.2, abs=4 * np.sqrt(0.16 / 250))


def test_all_rows_and_bins_share_the_false_alarm():
    rng = np.random.default_rng(2)
    places = (ALL, *(f"bin {k}" for k in range(15)))
    failed = [
        check(measured(rng.normal(size=16), places=places), false_alarm=0.2).status is Status.failed
        for _ in range(250)
    ]
    assert np.mean(failed) == pytest.approx(0.2, abs=4 * np.sqrt(0.16 / 250))


def test_many_checks_share_it_too():
    rng = np.random.default_rng(3)
    subjects = [f"species {k}" for k in range(8)]
    failed = 0
    for _ in range(150):
        found = [measured(rng.normal(), subject=s) for s in subjects]
        checks = checked(found, {"shares": STRICT}, 0.2)
        assert len(checks) == 8
        failed += any(c.status is Status.failed for c in checks)
    assert failed / 150 == pytest.approx(1.0 - (1.0 - 0.2 / 8) ** 8, abs=4 * np.sqrt(0.16 / 150))


def test_a_shift_of_all_rows_is_not_hidden_by_many_bins():
    """Half of the false alarm is kept for it, however many bins there are."""
    bins = np.zeros(500)
    deviation = np.append(3.2, bins)
    places = (ALL, *("bin",) * 500)
    told = check(measured(deviation, places=places))
    assert told.status is Status.failed and told.worst == "share at all"
    as_bin = check(measured(deviation, places=("bin", ALL, *("bin",) * 499)))
    assert as_bin.status is Status.passed


def test_p_values_are_those_of_students_law():
    for units in (12.0, 50.0, MANY):
        found = check(measured(2.5, units=units))
        assert found.p == pytest.approx(2.0 * stats.t.sf(2.5, units))
        assert check(measured(2.5, units=units, one_sided=True)).p == pytest.approx(
            stats.t.sf(2.5, units)
        )


def test_only_what_is_beyond_the_tolerance_counts():
    loose = Threshold(relative=0.1, absolute=0.5, limit=99.0)
    assert loose.tolerance(np.array([-20.0, 1.0, 0.0])).tolist() == [2.0, 0.5, 0.5]
    for deviation in (0.0, 0.5, -0.5):
        assert check(measured(deviation), threshold=loose).p == 1.0
    inside, beyond = (check(measured(d, 0.1), threshold=loose) for d in (0.6, 1.5))
    assert (inside.status, beyond.status) == (Status.passed, Status.failed)
    wide = check(measured(1.5, 0.1, reference=20.0), threshold=loose)
    assert wide.status is Status.passed and wide.tolerance == 2.0


def test_one_sided_deviations_may_be_as_negative_as_they_like():
    assert check(measured(-50.0, one_sided=True)).status is Status.passed
    assert check(measured(-50.0)).status is Status.failed


def test_what_could_not_have_been_seen_cannot_be_told():
    threshold = replace(STRICT, limit=0.5)
    blind, sharp = (check(measured(0.0, s), threshold=threshold) for s in (1.0, 0.1))
    assert (blind.status, sharp.status) == (Status.unknown, Status.passed)
    assert blind.sensitivity == pytest.approx(10.0 * sharp.sensitivity)
    # Sensitivity is the deviation that would just have failed.
    for shift, status in ((0.999, Status.passed), (1.001, Status.failed)):
        assert check(measured(shift * sharp.sensitivity, 0.1)).status is status
    # A failure is one, whatever else could have been seen.
    assert check(measured(50.0, 1.0), threshold=threshold).status is Status.failed


@pytest.mark.parametrize(
    "changes",
    [
        {"deviation": np.nan},
        {"deviation": 1.0, "sigma": np.nan},
        {"deviation": 1.0, "sigma": 0.0},
        {"deviation": 1.0, "units": 0.99 * LEAST_UNITS},
        {"deviation": np.inf},
    ],
)
def test_what_cannot_be_judged_is_left_out(changes):
    alone = check(measured(**changes))
    assert (alone.status, alone.judged) == (Status.unknown, 0)
    beside = check(measured(**changes), measured(0.3))
    assert (beside.status, beside.judged) == (Status.passed, 1)
    assert beside.p == check(measured(0.3)).p


def test_bins_alone_tell_nothing():
    """Without all rows together nobody knows what would have been seen."""
    assert check(measured([9.0, 9.0], places=("a", "b"))).status is Status.unknown


def test_the_worst_of_all_measurements_is_told():
    found = check(
        measured([0.1, -0.3], places=(ALL, "left")),
        replace(measured([0.2, 4.0], places=(ALL, "right")), label="other share"),
    )
    assert found.worst == "other share at right" and found.deviation == 4.0
    assert found.judged == 4 and found.in_bins > 0.0


def test_kinds_come_in_the_order_of_their_thresholds():
    thresholds = {"widths": replace(STRICT, needs=("K",)), "shares": STRICT}
    found = [measured(0.0), measured(0.0, group="widths"), measured(0.0, group="others")]
    checks = checked(found, thresholds, 0.05)
    assert [(c.group, c.subject) for c in checks] == [
        *(("widths", "K"), ("widths", "pi"), ("shares", "pi"))
    ]
    # What is needed and was not measured is there, and cannot be told.
    assert checks[0] == Check("widths", "K", Status.unknown, 0, needed=True)
    assert not checks[1].needed and checks[1].status is Status.passed
    assert checked([], {"shares": STRICT}, 0.05) == ()
