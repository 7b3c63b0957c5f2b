"""Pins: a model by name, versions and digest, as in ``rich@>=2`` or ``rich-pp13-1#SHA256``.

::

    NAME[@VERSIONS][#DIGEST]

``NAME`` is ``stage-sample``, or the stage alone for models of its own recipe, or, with a digest
only, the whole name of an artefact.  ``VERSIONS`` is one version, or a range as of Python packages
(``>=2``, ``>=1.2,<2``, ``~=1.2``; PEP 440).  ``DIGEST`` is that of ``lamarr-like models show``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from ..engine.artefact import NAME
from ..errors import ArtefactError
from ..files.forms import shown

MAX_PIN = 400
"""Longest text of a pin."""

_PARTS = re.compile(rf"(?P<name>{NAME})(?:@(?P<versions>[^#]+))?(?:#(?P<digest>[0-9a-f]{{64}}))?")
_RANGE = re.compile(r"\s*[<>=!~]")


class Known(NamedTuple):
    """A model that a pin may mean.

    Attributes:
        stage, sample, version, family: as in its ``config.json``.
        digest: of the artefact.
        place: its folder; of one that is in a registry only, that of the registry.
        life: its stage of life where a registry tells one, else empty.
    """

    stage: str
    sample: str
    version: str
    family: str
    digest: str
    place: Path = Path()
    life: str = ""

    @property
    def line(self) -> str:
        """What its versions have in common."""
        return f"{self.stage}-{self.sample}"

    @property
    def name(self) -> str:
        """Name of the artefact."""
        return f"{self.line}-{self.version}"

    @property
    def is_own(self) -> bool:
        """Whether it is of its stage's own recipe; others name their family in the sample."""
        return not self.sample.startswith(f"{self.family}-")


@dataclass(frozen=True)
class Pin:
    """Which models will do.

    Args:
        text: as it was given.
        name: stage, stage and sample, or all of the name.
        versions: one version or a range; empty for any.
        digest: of the artefact; empty for any.
    """

    text: str
    name: str
    versions: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> Pin:
        """Read a pin.

        Raises:
            ArtefactError: if it is none, saying what one looks like.
        """
        found = _PARTS.fullmatch(text) if len(text) <= MAX_PIN else None
        if found is None:
            raise ArtefactError(
                f"{shown(text)} is no pin: write NAME@VERSIONS, as in rich@>=2, or NAME#DIGEST "
                "with all 64 digits"
            )
        pin = cls(text, found["name"], (found["versions"] or "").strip(), found["digest"] or "")
        if pin.is_range:
            try:
                SpecifierSet(pin.versions)
            except InvalidSpecifier as error:
                raise ArtefactError(f"{shown(text)}: {error}") from None
        return pin

    @property
    def is_range(self) -> bool:
        """Whether several versions will do."""
        return bool(_RANGE.match(self.versions))

    def allows(self, model: Known) -> bool:
        """Whether a model will do; in ranges, only one that no registry calls unfit."""
        if self.digest and model.digest != self.digest:
            return False
        names = {model.line, model.name}
        if self.name not in names and not (self.name == model.stage and model.is_own):
            return False
        if not self.versions:
            return bool(self.digest) or self.name == model.name or self._fits(model)
        if not self.is_range:
            return self.versions == model.version
        return self._fits(model)

    def _fits(self, model: Known) -> bool:
        """Whether a model is in the range and fit for use; no release candidate unasked."""
        version, allowed = _version(model.version), SpecifierSet(self.versions)
        if version is None:
            return not self.versions and model.life in ("", "approved")
        fit = bool(self.digest) or model.life in ("", "approved")
        return fit and allowed.contains(version, prereleases=bool(allowed.prereleases))

    def choose(self, models: Iterable[Known]) -> Known | None:
        """The model of the highest version that will do, the first of equal ones; None without any.

        Raises:
            ArtefactError: if models of several samples will do.
        """
        fit = [one for one in models if self.allows(one)]
        lines = sorted({one.line for one in fit})
        if len(lines) > 1:
            raise ArtefactError(
                f"pin {shown(self.text)} fits models of {len(lines)} samples; name one of "
                + ", ".join(lines[:10])
            )
        return max(fit, key=lambda one: order(one.version), default=None)


def order(version: str) -> tuple[bool, Version]:
    """By which versions are compared; those that are no numbers come before all others."""
    found = _version(version)
    return found is not None, found or Version("0")


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None
