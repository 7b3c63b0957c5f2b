"""Efficiency ratios: acceptance, tracking and cuts on the variables of a track."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...arrays import Columns, Mask
from ...errors import SchemaError
from ...schema import TRACK_TYPES, table_columns
from ...statistics.adaptive_bins import SCHEMES
from ...statistics.binned_shares import Binned, Binner
from ...statistics.influence import Shares
from ...statistics.matching import where
from ..tracks import SPECIES
from .sample import Sample, by_species, effective, of_species

QUANTILES = (0.1, 0.5, 0.9)
"""Cuts stand at these quantiles of the detailed tracks of the species."""
FLAGS = ("is_muon", "has_brem")
"""Variables that are true or false."""
AMONG = {"muon_mu_ll": "is_muon", "muon_bg_ll": "is_muon", "brem_energy": "has_brem"}
"""Variables that only tracks with a flag have."""
VARIABLES = (
    *("rich_dll_e", "rich_dll_mu", "rich_dll_k", "rich_dll_p", "rich_dll_bt"),
    *("calo_dll_e", "calo_dll_mu", "is_muon", "muon_mu_ll", "muon_bg_ll"),
    *("pid_e", "pid_mu", "pid_k", "pid_p"),
    *(f"prob_nn_{name}" for name in ("e", "mu", "pi", "k", "p", "ghost")),
    *("ghost_prob", "chi2_per_dof"),
)
"""Variables that are cut on."""
EXPORT = {c.export: c.name for c in table_columns("track")}
"""Column by the name that analysts know."""
TITLE = {c.name: c.export for c in table_columns("track")}
"""Name that analysts know by column."""
MIN_PARTICLES = 50.0
"""Effective number of rows of a species below which it is not looked at."""


@dataclass(frozen=True)
class WorkingPoint:
    """A cut that the user named, such as ``PIDK > 5``.

    Args:
        variable: column of a track.
        above: whether tracks above the cut pass.
        cut: the cut.
    """

    variable: str
    above: bool
    cut: float

    @classmethod
    def parse(cls, text: str) -> WorkingPoint:
        """Read ``NAME > NUMBER``, ``NAME < NUMBER`` or the name of a flag.

        Raises:
            SchemaError: if it is none of these or the name is unknown.
        """
        match = re.fullmatch(r"(\w+)\s*(?:([<>])\s*([-+.\deE]+))?", text.strip())
        name = EXPORT.get(match[1], match[1]) if match else ""
        if match is None or name not in TITLE:
            raise SchemaError(f"cut {text!r}: write it as 'PIDK > 5' or 'isMuon'")
        try:
            cut = 0.5 if match[3] is None else float(match[3])
        except ValueError:
            raise SchemaError(f"cut {text!r}: {match[3]!r} is not a number") from None
        return cls(name, match[2] != "<", cut)

    @property
    def label(self) -> str:
        """As text."""
        if self.variable in FLAGS:
            return TITLE[self.variable]
        return f"{TITLE[self.variable]} {'>' if self.above else '<'} {self.cut:.4g}"

    def passes(self, columns: Mapping[str, np.ndarray]) -> Mask:
        """Whether each row passes, shape ``(n,)``."""
        values = columns[self.variable]
        result: Mask = values > self.cut if self.above else values < self.cut
        return result


@dataclass(frozen=True)
class Ratio:
    """Efficiency ratio of one cut and species.

    Args:
        group: ``acceptance``, ``tracking`` or ``identification``.
        species: true species.
        label: the cut as text.
        kind: where it comes from: ``quantile``, ``working point`` or ``step``.
        variable: column that is cut on, or the step.
        whole: all rows in one bin.
        schemes: by axes.
    """

    group: str
    species: str
    label: str
    kind: str
    variable: str
    whole: Shares
    schemes: dict[tuple[str, ...], Binned]


def _enough(one: Columns, two: Columns) -> bool:
    return min(effective(one), effective(two)) >= MIN_PARTICLES


def step_ratios(
    detailed: Sample,
    fast: Sample,
    species: Sequence[str] = tuple(SPECIES),
    *,
    schemes: Sequence[tuple[str, ...]] = SCHEMES,
    least: float = 200.0,
) -> Iterator[Ratio]:
    """Acceptance of all particles, and of the accepted ones the tracks of each and of any type.

    Args:
        detailed, fast: the samples, after `gather.paired`.
        species: some of `SPECIES`.
        schemes: axes of the bins.
        least: effective number of detailed rows in a bin.
    """
    pair = detailed.particle, fast.particle
    for name, one, two in by_species(*pair, species, MIN_PARTICLES):
        inside = one["in_acceptance"], two["in_acceptance"]
        whole, found = Binner(one, two, schemes, least).compare(*inside)
        yield Ratio("acceptance", name, "in acceptance", "step", "in_acceptance", whole, found)
        accepted = where(one, inside[0]), where(two, inside[1])
        if not _enough(*accepted):
            continue
        binner = Binner(*accepted, schemes, least)
        for kind, code in {**TRACK_TYPES, "any": None}.items():
            if code != 0:
                types = (c["track_type"] for c in binner.sides)
                whole, found = binner.compare(*(t == code if code else t > 0 for t in types))
                yield Ratio("tracking", name, f"{kind} track", "step", kind, whole, found)


def cut_ratios(
    detailed: Sample,
    fast: Sample,
    species: Sequence[str] = tuple(SPECIES),
    points: Sequence[WorkingPoint] = (),
    *,
    variables: Sequence[str] = VARIABLES,
    schemes: Sequence[tuple[str, ...]] = SCHEMES,
    least: float = 200.0,
) -> Iterator[Ratio]:
    """Cuts on the variables of long tracks: at quantiles of the detailed sample, and named ones.

    Args:
        detailed, fast: the samples, after `gather.paired`.
        species: some of `SPECIES`.
        points: cuts that the user named.
        variables: variables that are cut on; those that a sample lacks are left out.
        schemes: axes of the bins.
        least: effective number of detailed rows in a bin.
    """
    both = set(detailed.track) & set(fast.track)
    for name in species:
        tracks = of_species(detailed.track, name), of_species(fast.track, name)
        binners: dict[str, Binner | None] = {}
        for variable in (v for v in variables if v in both):
            flag = AMONG.get(variable, "")
            if flag and flag not in both:
                continue
            if flag not in binners:
                chosen = (where(t, t[flag] > 0.5) for t in tracks) if flag else tracks
                one, two = chosen
                binners[flag] = Binner(one, two, schemes, least) if _enough(one, two) else None
            binner = binners[flag]
            if binner is None:
                continue
            for kind, point in _points(variable, binner.sides[0], points):
                whole, found = binner.compare(*(point.passes(c) for c in binner.sides))
                label = point.label + (f" of {TITLE[flag]}" if flag else "")
                yield Ratio("identification", name, label, kind, variable, whole, found)


def _points(
    variable: str, one: Columns, points: Sequence[WorkingPoint]
) -> Iterator[tuple[str, WorkingPoint]]:
    if variable in FLAGS:
        yield "flag", WorkingPoint(variable, True, 0.5)
        return
    for cut in dict.fromkeys(float(np.quantile(one[variable], q)) for q in QUANTILES):
        yield "quantile", WorkingPoint(variable, True, cut)
    for point in points:
        if point.variable == variable:
            yield "working point", point
