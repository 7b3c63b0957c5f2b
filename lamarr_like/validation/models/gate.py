"""The gate: a candidate passes by itself, and no figure is worse than of the model approved last.

A figure is worse by how much further it is from its ideal, beyond the errors of both and a
tolerance; how many figures are looked at is allowed for, as in the verdict of `validate`, whose
machinery judges.  Both models are measured on the same detailed samples, so the error of the
difference is rather smaller than the sum in squares that is taken: who is refused is worse.

A model that learnt from much less is not always seen to be worse, by samples of the size that there
are: what it learnt from is asked for by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import ArtefactError
from ...files.numbers import number, table
from ...statistics.judgement import Measurement, Status, Threshold
from ..verdict import GROUPS, Verdict, VerdictConfig, judge, load_thresholds
from .figures import STAGES, Figure, FigureSet

KINDS = (STAGES, *GROUPS)
"""Kinds of checks, in the order in which they are shown."""
FILE = "verdict-models.yaml"
SHOWN = 30
"""Rows of the table of figures."""


@dataclass(frozen=True)
class Change:
    """The same figure of two models.

    Args:
        old, new: of the model approved last, and of the candidate.
    """

    old: Figure
    new: Figure

    @property
    def worse(self) -> float:
        """By how much the new one is further from the ideal."""
        return self.new.loss - self.old.loss

    @property
    def sigma(self) -> float:
        """Standard deviation of that."""
        return float(np.hypot(self.old.error, self.new.error))


@dataclass(frozen=True)
class Gate:
    """What became of a candidate.

    Args:
        candidate: its name.
        approved: name of the model that it was held against; empty where there is none yet.
        own: by what it was judged by itself, and the outcomes.
        verdict: of what is worse; None without an approved model.
        changes: figures of both, the most significantly worse first.
        lost: figures that the approved model has and the candidate lacks.
        notes: what else is to be known.
        data: whether it learnt from enough, and from how much.
    """

    candidate: str
    approved: str
    own: Mapping[str, tuple[Status, str]]
    verdict: Verdict | None
    changes: tuple[Change, ...] = ()
    lost: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    data: tuple[Status, str] = (Status.passed, "")

    @property
    def status(self) -> Status:
        """Of all together."""
        found = [status for status, _ in self.own.values()]
        found += [self.data[0], *([] if self.verdict is None else [self.verdict.status])]
        if Status.failed in found:
            return Status.failed
        unknown = self.lost or Status.unknown in found or not self.own
        return Status.unknown if unknown else Status.passed

    @property
    def lines(self) -> list[str]:
        """What a hurried reader is told."""
        words = {
            Status.passed: "APPROVED",
            Status.failed: "REFUSED",
            Status.unknown: "NOT APPROVED, the figures cannot tell",
        }
        against = f"beside {self.approved}" if self.approved else "the first of its line"
        told = [f"{words[self.status]}: {self.candidate}, {against}."]
        told += [f"{label}: {status.value}, {text}" for label, (status, text) in self.own.items()]
        if self.data[1]:
            told.append(f"Training data: {self.data[0].value}, {self.data[1]}")
        if self.verdict is not None:
            good, bad, unknown = (self.verdict.of(status) for status in Status)
            told.append(
                f"Worse than before: {len(bad)} checks; not worse: {len(good)}; cannot tell: "
                f"{len(unknown)}."
            )
            told += [
                f"Worse: {c.group} of {c.subject}, {c.worst}, by {c.deviation:+.3g} +- "
                f"{c.sigma:.2g}"
                for c in bad[:5]
            ]
        if self.lost:
            told.append(f"Not measured again: {'; '.join(self.lost[:5])}.")
        return told + list(self.notes)

    @property
    def markdown(self) -> str:
        """The regression report: old beside new."""
        lines = [f"# {self.candidate} beside {self.approved or 'nothing'}", ""]
        lines += [f"- {line}" for line in self.lines]
        if self.verdict is not None:
            lines += ["", "## Checks", "", *_checks(self.verdict)]
            lines += ["", f"## Figures, of {len(self.changes)} the most significantly worse", ""]
            lines += _figures(self.changes[:SHOWN], self.approved, self.candidate)
        return "\n".join(lines) + "\n"


def thresholds(path: Path | None = None) -> VerdictConfig:
    """Thresholds of the gate.

    Args:
        path: a file of the user's, the shipped one where None.

    Raises:
        PipelineError: naming the file and the item that is wrong.
    """
    return load_thresholds(path, KINDS, FILE)


def gate(
    candidate: str,
    new: Mapping[str, FigureSet],
    approved: str = "",
    old: Mapping[str, FigureSet] | None = None,
    config: VerdictConfig | None = None,
    limits: VerdictConfig | None = None,
    lineage: tuple[Mapping[str, Any], Mapping[str, Any]] | None = None,
) -> Gate:
    """Judge a candidate.

    Args:
        candidate: its name.
        new: its figures by label, such as ``validate-test-minbias``.
        approved: name of the model approved last; empty for none.
        old: figures of that one.
        config: thresholds of what is worse, the shipped ones where None.
        limits: thresholds of `validate` for single stages by themselves, the shipped ones where
            None; reports of `validate` and of `response compare` have their own verdict.
        lineage: of the model approved last and of the candidate, as in the registry.

    Raises:
        ArtefactError: if there are no figures.
    """
    if not new:
        raise ArtefactError(f"{candidate}: give its figures, of validate or fidelity")
    own = {label: _own(one, limits or load_thresholds()) for label, one in new.items()}
    if not approved:
        return Gate(candidate, "", own, None)
    old, config = old or {}, config or thresholds()
    found = {label: compared(old[label], new[label]) for label in old if label in new}
    changes = [change for pair in found.values() for change in pair[0]]
    lost = [f"{label}, {one}" for label, pair in found.items() for one in pair[1]]
    lost += [f"all of {label}" for label in old if label not in new]
    if not old:
        lost.append(f"{approved} has no figures in the registry")
    return Gate(
        candidate,
        approved,
        own,
        verdict_of(changes, config),
        tuple(sorted(changes, key=lambda c: -(c.worse / c.sigma if c.sigma > 0.0 else 0.0))),
        tuple(lost),
        tuple(_notes(old, new, {candidate, approved})),
        learnt_from(*lineage, config.least_data) if lineage else (Status.passed, ""),
    )


def learnt_from(old: Mapping[str, Any], new: Mapping[str, Any], least: float) -> tuple[Status, str]:
    """Whether a candidate learnt from enough, and from how much.

    Args:
        old, new: lineage of the model approved last and of the candidate: events and rows.
        least: share of the old one's that it has to have; 0 where that is not asked.
    """
    status, told = Status.passed, []
    for what in ("events", "rows"):
        if not least or not old.get(what):
            continue
        if new.get(what) is None:
            told.append(f"{what} are not told")
            status = Status.unknown if status is Status.passed else status
            continue
        told.append(f"{new[what]} of {old[what]} {what}")
        if new[what] < least * old[what]:
            status = Status.failed
    return status, ", ".join(told)


def compared(old: FigureSet, new: FigureSet) -> tuple[list[Change], list[str]]:
    """Figures that both have, and those that only the old one has.

    Args:
        old, new: of the same samples, or of an old and a new sample.
    """
    there = {one.key: one for one in new.figures}
    changes = [Change(one, there[one.key]) for one in old.figures if one.key in there]
    return changes, [", ".join(one.key) for one in old.figures if one.key not in there]


def verdict_of(changes: Iterable[Change], config: VerdictConfig) -> Verdict:
    """Judge what is worse.

    Args:
        changes: figures of both.
        config: thresholds; kinds of which there is no figure are left out.
    """
    parts: dict[tuple[str, str], list[Change]] = {}
    for one in changes:
        parts.setdefault((one.new.group, one.new.subject), []).append(one)
    measured = [_measurement(change) for part in parts.values() for change in part]
    checks: dict[str, Threshold] = {}
    for group, threshold in config.checks.items():
        subjects = tuple(subject for kind, subject in parts if kind == group)
        if subjects:
            # Each stage that is tested alone counts, whatever its name.
            needs = subjects if group == STAGES else threshold.needs
            checks[group] = replace(threshold, needs=needs)
    verdict = judge(measured, replace(config, checks=checks))
    return verdict if measured else replace(verdict, status=Status.unknown)


def _measurement(change: Change) -> Measurement:
    one = change.new
    units = min(one.units, change.old.units)
    return _one_sided(one, one.group, change.worse, change.sigma, 0.0, units)


def _one_sided(figure: Figure, group: str, *numbers: float) -> Measurement:
    """What the verdict sees: deviation, uncertainty, reference and effective number of rows."""
    deviation, sigma, reference, units = np.array(numbers, dtype=np.float64)[:, None]
    return Measurement(
        group=group,
        subject=figure.subject,
        label=figure.label,
        deviation=deviation,
        sigma=sigma,
        reference=reference,
        units=units,
        one_sided=True,
    )


def _own(one: FigureSet, limits: VerdictConfig) -> tuple[Status, str]:
    """Whether figures are good by themselves."""
    if one.status is not None:
        return one.status, f"{one.kind} on {', '.join(one.samples)}"
    classifier = (limits if "classifier" in limits.checks else load_thresholds()).checks[
        "classifier"
    ]
    subjects = tuple(dict.fromkeys(f.subject for f in one.figures))
    config = replace(limits, checks={"classifier": replace(classifier, needs=subjects)})
    tests = [
        _one_sided(f, "classifier", f.value - f.ideal, f.error, f.ideal, f.units)
        for f in one.figures
    ]
    if not tests:
        return Status.unknown, "fidelity without a figure of this model"
    worst = max(one.figures, key=lambda f: f.value)
    text = f"fidelity on {', '.join(one.samples)}, AUC up to {worst.value:.4f} ({worst.label})"
    return judge(tests, config).status, text


def _notes(
    old: Mapping[str, FigureSet], new: Mapping[str, FigureSet], own: set[str]
) -> Iterable[str]:
    """Models of the chain that were others, too, when the figures were taken."""
    for label in old.keys() & new.keys():
        sides = (old[label], new[label])
        pair = [{n: d[:8] for n, d in one.digests.items() if n not in own} for one in sides]
        if pair[0] != pair[1]:
            others = sorted({n for n, _ in set(pair[0].items()) ^ set(pair[1].items())})
            yield f"{label}: other models of the chain differ, too: {', '.join(others[:10])}"


def _checks(verdict: Verdict) -> list[str]:
    head = ("check", "subject", "outcome", "figures", "most significant", "worse by", "+-", "p")
    rows: Sequence[Sequence[object]] = [
        (
            *(c.group, c.subject, c.status.value, c.judged, c.worst or "-"),
            *(number(c.deviation, 3), number(c.sigma, 3), number(c.p, 3)),
        )
        for c in verdict.checks
    ]
    return table(head, rows)


def _figures(changes: Iterable[Change], old: str, new: str) -> list[str]:
    head = ("check", "subject", "figure", "ideal", old, "+-", new, "+-", "worse by")
    rows = [
        (
            *(c.new.group, c.new.subject, c.new.label, number(c.new.ideal)),
            *(number(c.old.value), number(c.old.error, 2), number(c.new.value)),
            *(number(c.new.error, 2), number(c.worse, 2)),
        )
        for c in changes
    ]
    return table(head, rows)
