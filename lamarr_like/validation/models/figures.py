"""Figures of a model as numbers with errors, from the JSON of the commands that measure.

Those are `validate`, `fidelity` and `response compare`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ...errors import ArtefactError
from ...files.forms import Anything, Entries, Form, Items, Number, Record, Row, Text, check
from ...files.yaml_json import parse_json
from ...statistics.judgement import Status
from ..tracks import PULLS

STAGES = "stages"
"""Kind of checks of two-sample tests of single stages."""

_KS = 1.15
"""Kolmogorov's law beside a Gaussian point, as in the report's own verdict."""
_AUC = 1.5
"""Scatter of the trees' own training on top of DeLong's, as in the report's own verdict."""


class _Maybe(NamedTuple):
    """A number, or nothing where the report has none."""

    words: str = "a number or nothing"

    def check(self, value: Any, at: Any) -> float:
        return float("nan") if value is None else float(Number().check(value, at))


_NUMBER: Form = _Maybe()
_NUMBERS = Items(_NUMBER, most=10_000)
_AUC_FORM = Record(
    dict.fromkeys(("value", "error", "rows"), _NUMBER), ("value", "error", "rows"), open=True
)
_WORD = Text(most=1000)
_SHARES = ("n_detailed", "n_fast", "detailed", "fast", "ratio_error")
_REPORT = Record(
    {
        "provenance": Entries(_WORD, most=100),
        "verdict": Record({"status": Text(tuple(s.value for s in Status))}, ("status",), open=True),
        "comparison": Record(
            {
                "ratios": Items(
                    Record(
                        {
                            **dict.fromkeys(("group", "species", "label", "kind"), _WORD),
                            "all": Record(dict.fromkeys(_SHARES, _NUMBERS), _SHARES, open=True),
                        },
                        ("group", "species", "label", "kind", "all"),
                        open=True,
                    )
                ),
                "distances": Items(
                    Record(
                        {
                            **dict.fromkeys(("species", "variable"), _WORD),
                            **dict.fromkeys(("ks", "ks_scale", "n_detailed", "n_fast"), _NUMBER),
                        },
                        ("species", "variable", "ks", "ks_scale", "n_detailed", "n_fast"),
                        open=True,
                    )
                ),
                "widths": Items(
                    Record(
                        {
                            **dict.fromkeys(("species", "variable"), _WORD),
                            **dict.fromkeys(("n", "ratio", "ratio_error"), _NUMBERS),
                        },
                        ("species", "variable", "n", "ratio", "ratio_error"),
                        open=True,
                    )
                ),
                "correlations": Items(
                    Record(
                        {
                            "species": _WORD,
                            "pair": Row((_WORD, _WORD)),
                            **dict.fromkeys(("detailed", "fast", "sigma", "units"), _NUMBER),
                        },
                        ("species", "pair", "detailed", "fast", "sigma", "units"),
                        open=True,
                    )
                ),
            },
            ("ratios", "distances", "widths", "correlations"),
            open=True,
        ),
        "classifier": Items(
            Record({"group": _WORD, "auc": _AUC_FORM}, ("group", "auc"), open=True)
        ),
    },
    ("provenance", "verdict", "comparison", "classifier"),
    open=True,
)
_FIDELITY = Record(
    {
        "samples": Items(_WORD, most=10_000),
        "digests": Entries(Text(pattern="[0-9a-f]{64}"), most=1000),
        "stages": Entries(
            Items(
                Record(
                    {**dict.fromkeys(("model", "stage", "test"), _WORD), "auc": _AUC_FORM},
                    ("model", "stage", "test", "auc"),
                    open=True,
                )
            )
        ),
    },
    ("samples", "stages"),
    open=True,
)
_COMPARED = Record(
    {
        **dict.fromkeys(("response", "sample"), _WORD),
        "records": Record(
            {
                "drawn": Record(
                    {"model": _WORD, "digest": Text(pattern="([0-9a-f]{64})?")},
                    ("model",),
                    open=True,
                )
            },
            ("drawn",),
            open=True,
        ),
        "verdict": Record({"status": Text(tuple(s.value for s in Status))}, ("status",), open=True),
        "drawn": Record(
            {"c2st_features": _AUC_FORM, "c2st_arrays": Anything()},
            ("c2st_features", "c2st_arrays"),
            open=True,
        ),
    },
    ("response", "sample", "records", "verdict", "drawn"),
    open=True,
)
_USED = re.compile(r"([\w.+-]+) \(([0-9a-f]{8})\)")


@dataclass(frozen=True)
class Figure:
    """One figure of a model.

    Args:
        group: kind of check.
        subject: species, stage or group of variables.
        label: what was measured.
        value: of it.
        error: its standard deviation.
        ideal: what it would be for a perfect model.
        units: effective number of rows behind it.
        one_sided: only what is above the ideal is bad.
    """

    group: str
    subject: str
    label: str
    value: float
    error: float
    ideal: float
    units: float
    one_sided: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        """By which the same figure of two models is found."""
        return self.group, self.subject, self.label

    @property
    def loss(self) -> float:
        """How far it is from the ideal."""
        off = self.value - self.ideal
        return max(off, 0.0) if self.one_sided else abs(off)


@dataclass(frozen=True)
class FigureSet:
    """Figures of one file.

    Args:
        kind: ``"validate"``, ``"fidelity"`` or ``"compare"``.
        samples: names of the detailed samples.
        digests: digest of each model, or its first digits, by name.
        figures: all of them that have an error.
        status: verdict of `validate` or `response compare`; None for `fidelity`, which has none.
    """

    kind: str
    samples: tuple[str, ...]
    digests: Mapping[str, str]
    figures: tuple[Figure, ...]
    status: Status | None = None


def read_figures(content: bytes, where: str, model: str = "") -> FigureSet:
    """Figures from the JSON of `validate` or `response compare` (``report.json``) or `fidelity`.

    Args:
        content: the file.
        where: its name, for messages.
        model: name of the model that is asked about; those of other stages alone are left out.

    Raises:
        ArtefactError: if it is none of them.
    """
    found = parse_json(content, where, ArtefactError, finite=True)
    if not isinstance(found, dict) or not {"comparison", "stages", "response"} & found.keys():
        raise ArtefactError(
            f"{where}: no report.json of validate or response compare and no fidelity.json"
        )
    if "response" in found:
        return _of_response(found, where)
    if "comparison" in found:
        report = check(found, _REPORT, where, ArtefactError)
        told = report["provenance"]
        return FigureSet(
            "validate",
            tuple(told.get("detailed files", "").split(", ")),
            dict(_USED.findall(told.get("models", ""))),
            tuple(_of_report(report)),
            Status(report["verdict"]["status"]),
        )
    tests = check(found, _FIDELITY, where, ArtefactError)
    figures = tuple(one for one in _of_tests(tests, model) if np.isfinite(one.error))
    return FigureSet("fidelity", tuple(tests["samples"]), tests.get("digests", {}), figures)


def _of_response(found: Mapping[str, Any], where: str) -> FigureSet:
    """Figures of a generator of a response."""
    report = check(found, _COMPARED, where, ArtefactError)
    drawn, of = report["records"]["drawn"], report["response"]
    aucs = {"trees on features": report["drawn"]["c2st_features"]}
    if report["drawn"]["c2st_arrays"] is not None:
        place = f"{where}: drawn.c2st_arrays"
        net = check(report["drawn"]["c2st_arrays"], _AUC_FORM, place, ArtefactError)
        aucs["network on arrays"] = net
    figures = tuple(
        _auc(STAGES, of, label, auc["value"], auc["error"], auc["rows"])
        for label, auc in aucs.items()
    )
    return FigureSet(
        "compare",
        (f"{of} of {report['sample']}",),
        {drawn["model"]: drawn["digest"]} if drawn.get("digest") else {},
        figures,
        Status(report["verdict"]["status"]),
    )


def of_config(config: Mapping[str, Any], where: str) -> FigureSet | None:
    """Figures that `fidelity --cards` wrote into a model; None if it never did.

    Args:
        config: contents of its ``config.json``.
        where: its name, for messages.

    Raises:
        ArtefactError: if they are broken.
    """
    form = Record(
        {
            "samples": Items(_WORD, most=10_000),
            "tests": Items(
                Record(
                    {"test": _WORD, "rows": _NUMBER, "auc": Row((Number(), Number(0.0)))},
                    ("test", "rows", "auc"),
                    open=True,
                )
            ),
        },
        ("samples", "tests"),
        open=True,
    )
    if "tested" not in config:
        return None
    tested = check(config["tested"], form, where, ArtefactError)
    figures = tuple(
        _auc(STAGES, config["stage"], t["test"], t["auc"][0], t["auc"][1], t["rows"])
        for t in tested["tests"]
    )
    return FigureSet("fidelity", tuple(tested["samples"]), {}, figures)


def _auc(group: str, subject: str, label: str, value: float, error: float, rows: float) -> Figure:
    return Figure(group, subject, label, value, _AUC * error, 0.5, rows, one_sided=True)


def _of_tests(tests: Mapping[str, Any], model: str) -> Iterator[Figure]:
    for one in (one for part in tests["stages"].values() for one in part):
        if model in ("", one["model"]):
            auc = one["auc"]
            yield _auc(STAGES, one["stage"], one["test"], auc["value"], auc["error"], auc["rows"])


def _of_report(report: Mapping[str, Any]) -> Iterator[Figure]:
    """Figures of all rows together, those with an error."""
    part = report["comparison"]
    every = (*_ratios(part), *_distances(part), *_widths(part), *_correlations(part))
    classifier = (
        _auc(
            *("classifier", t["group"], "area under the ROC curve"),
            *(t["auc"]["value"], t["auc"]["error"], t["auc"]["rows"]),
        )
        for t in report["classifier"]
    )
    seen: set[tuple[str, str, str]] = set()
    for one in (*every, *classifier):
        if np.isfinite(one.value) and np.isfinite(one.error) and one.key not in seen:
            seen.add(one.key)
            yield one


def _ratios(part: Mapping[str, Any]) -> Iterator[Figure]:
    for one in part["ratios"]:
        shares = {k: v[0] if v else float("nan") for k, v in one["all"].items()}
        yield Figure(
            *(one["group"], one["species"], f"{one['label']} ({one['kind']})"),
            value=shares["fast"] - shares["detailed"],
            error=shares["ratio_error"] * shares["detailed"],
            ideal=0.0,
            units=min(shares["n_detailed"], shares["n_fast"]),
        )


def _distances(part: Mapping[str, Any]) -> Iterator[Figure]:
    for one in part["distances"]:
        yield Figure(
            *("distributions", one["species"], f"{one['variable']}, Kolmogorov distance"),
            value=one["ks"],
            error=_KS * one["ks_scale"],
            ideal=0.0,
            units=min(one["n_detailed"], one["n_fast"]),
        )


def _widths(part: Mapping[str, Any]) -> Iterator[Figure]:
    for one in part["widths"]:
        if one["ratio"] and one["ratio_error"] and one["n"]:
            yield Figure(
                "pulls" if one["variable"] in PULLS else "resolution",
                *(one["species"], f"width of {one['variable']}"),
                *(one["ratio"][0], one["ratio_error"][0], 1.0, one["n"][0]),
            )


def _correlations(part: Mapping[str, Any]) -> Iterator[Figure]:
    for one in part["correlations"]:
        yield Figure(
            *("correlations", one["species"], " and ".join(one["pair"])),
            *(one["fast"] - one["detailed"], one["sigma"], 0.0, one["units"]),
        )
