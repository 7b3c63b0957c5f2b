"""One way to name truth: generators, particle guns and files.

=====================================  ============================================================
``pythia:minbias|bbbar|ccbar``         Pythia 8 at 13 TeV; options in `pythia.OPTIONS`
``pythia:FILE.cmnd``                   Pythia 8 with the user's settings
``gun:pi+``, ``gun:K-?p=3-100&n=2``    particle gun; options in `gun.OPTIONS`
``PATH``, ``DIR``, ``*.hepmc``, ``A,B``  files, told apart by content: HepMC2 and HepMC3 text, plain
                                       or gzip (options in `hepmc.OPTIONS`); ROOT or Parquet tables;
                                       URLs (``root://``, ``https://``, ...) with wildcards, too
``SOURCE+gun:mu-,mu+?p=3-100``         any of these with a gun's particles added to each event, from
                                       its primary vertices; more than one ``+gun:`` may follow;
                                       options in `gun.PARTICLE_OPTIONS`
``NAME:...``                           a source of a plug-in (see `lamarr_like.plugins`)
=====================================  ============================================================
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from .. import plugins
from ..errors import SourceError
from ..files.locations import Location, Url, is_url, matching
from .hepmc.source import HepmcSource
from .hepmc.text import sniff
from .tables.source import TableSource, is_table
from .truth import TruthSource, split_options

__all__ = ["GENERATORS", "SourceFactory", "TruthSource", "open_source"]

GENERATORS = ("pythia", "gun", "decay")
"""Generators of ours, of which an event can be made without those before it."""

_NAME = re.compile(r"[A-Za-z]\w*")


class SourceFactory(Protocol):
    """What an entry point of a source names: a class derived from `TruthSource`, or a function."""

    def __call__(
        self,
        name: str,
        head: str,
        *,
        n_events: int | None,
        seed: int,
        options: Mapping[str, str],
        skip_bad: bool,
    ) -> TruthSource:
        """Open the source.

        Args:
            name: the source as its user wrote it, for messages.
            head: what stands between the colon and the options.
            n_events: how many events; None for all that there are.
            seed: seed of the run.
            options: what stands behind ``?``, to be checked with `truth.check_options`.
            skip_bad: count broken events in ``skipped`` rather than stop at the first.
        """


def open_source(
    text: str,
    *,
    n_events: int | None,
    seed: int,
    pileup: float | None = None,
    skip_bad: bool = False,
) -> TruthSource:
    """Open a source of generated events.

    Args:
        text: what to read or generate, see the module's table.
        n_events: how many events; None for all of a file, an error for a generator.
        seed: seed of generators.
        pileup: mean number of interactions of a Pythia event, None for exactly one.
        skip_bad: leave out broken events, and files that cannot be read, and count them in
            ``skipped`` instead of stopping at the first.

    Raises:
        SourceError: naming what is wrong with `text` or with the first bad file.
    """
    host, *guns = text.split("+gun:")
    if guns:
        from .generators.embedding import EmbeddedSource

        if not host:
            raise SourceError(f"{text}: name the source of the collisions, SOURCE+gun:...")
        source = open_source(host, n_events=n_events, seed=seed, pileup=pileup, skip_bad=skip_bad)
        return EmbeddedSource(text, source, guns, seed, skip_bad)
    kind, colon, rest = text.partition(":")
    if not colon or kind not in ("pythia", "gun"):
        if pileup is not None:
            raise SourceError(f"{text}: pile-up can only be generated for pythia: sources")
        added = _open_plugin(text, n_events, seed, skip_bad)
        return _open_files(text, n_events, skip_bad, seed) if added is None else added
    head, options = split_options(rest)
    if kind == "gun":
        from .generators.gun import GunSource

        if pileup is not None:
            raise SourceError(f"{text}: a particle gun has no pile-up")
        return GunSource(text, head, n_events, seed, options)
    from .generators.pythia import PythiaSource

    return PythiaSource(text, head, n_events, seed, pileup, options, skip_bad)


def _open_plugin(text: str, n_events: int | None, seed: int, skip_bad: bool) -> TruthSource | None:
    """The source of a plug-in; None where the text names none, files among them."""
    kind, colon, rest = text.partition(":")
    if not colon or not _NAME.fullmatch(kind) or is_url(text) or os.path.exists(text):
        return None
    factory: SourceFactory | None = plugins.load(plugins.SOURCE_GROUP, kind, SourceError)
    if factory is None:
        return None
    if not callable(factory):
        raise SourceError(f"{text}: plug-in {kind!r} is {factory!r}, nothing that opens a source")
    head, options = split_options(rest)
    source = factory(text, head, n_events=n_events, seed=seed, options=options, skip_bad=skip_bad)
    if not isinstance(source, TruthSource):
        given = type(source).__name__
        raise SourceError(f"{text}: plug-in {kind!r} gave a {given}, which is no TruthSource")
    return source


def _open_files(text: str, n_events: int | None, skip_bad: bool, seed: int) -> TruthSource:
    # A question mark may also be a wildcard: options hold an equals sign.
    head, mark, tail = text.rpartition("?")
    options: dict[str, str] = {}
    if mark and "=" in tail and not os.path.exists(text):
        _, options = split_options(f"?{tail}")
    else:
        head = text
    kinds: dict[Location, str] = {}
    unreadable: list[tuple[int, str]] = []
    strange: list[str] = []
    for path, is_listed in _paths(head):
        try:
            kinds[path] = _kind(path)
        except SourceError as error:
            if is_listed:
                strange.append(str(error))
            elif skip_bad:
                unreadable.append((-1, str(error)))
            else:
                raise
    if len(set(kinds.values())) > 1:
        raise SourceError(f"{text}: HepMC files and tables cannot be read as one source")
    if not kinds:
        reasons = "; ".join([reason for _, reason in unreadable] + strange)
        raise SourceError(f"{text}: no readable file ({reasons or 'the folder is empty'})")
    source: TruthSource
    if "hepmc" in kinds.values():
        source = HepmcSource(text, list(kinds), n_events, options, skip_bad, seed)
    else:
        if options:
            raise SourceError(f"{text}: a table has no options")
        source = TableSource(text, list(kinds), n_events, skip_bad, seed)
    source.unreadable = unreadable
    for reason in strange:
        source.note(f"left out: {reason}")
    return source


def _paths(text: str) -> list[tuple[Location, bool]]:
    """Files that a text names, each once, and whether a folder rather than the user lists it."""
    found: dict[Location, bool] = {}
    # os.path, because pathlib raises for names longer than the system's, as long lists are.
    for word in [text] if os.path.exists(text) else text.split(","):
        path = Path(word)
        if is_url(word):
            found |= dict.fromkeys(_some(word), False)
        elif os.path.isdir(path):
            inside = sorted(p for p in path.iterdir() if p.is_file() and p.name[0] != ".")
            found |= {p: True for p in inside}
        elif os.path.exists(path) or not glob.has_magic(word):
            found[path] = False
        else:
            found |= dict.fromkeys(_some(word), False)
    return list(found.items())


def _some(pattern: str) -> list[Location]:
    matches = matching(pattern)
    if not matches:
        raise SourceError(f"{pattern}: no file matches")
    return matches


def _kind(path: Location) -> str:
    if not isinstance(path, Url) and not os.path.isfile(path):
        kinds = ("pythia", "gun", *plugins.installed(plugins.SOURCE_GROUP))
        listing = ", ".join(f"{kind}:..." for kind in kinds)
        raise SourceError(f"{path}: no such file (nor {listing})")
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise SourceError(f"{path}: the file is empty")
        if is_table(path):
            return "table"
    except FileNotFoundError:
        raise SourceError(f"{path}: no such file") from None
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error})") from None
    if sniff(path):
        return "hepmc"
    raise SourceError(f"{path}: neither HepMC text nor a ROOT or Parquet table")
