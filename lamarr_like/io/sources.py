"""One way to name truth: generators, particle guns and files.

=====================================  ============================================================
``pythia:minbias|bbbar|ccbar``         Pythia 8 at 13 TeV; options in `pythia.OPTIONS`
``pythia:FILE.cmnd``                   Pythia 8 with the user's settings
``pythia:FILE.lhe``                    hard processes of a Les Houches event file, showered
``gun:pi+``, ``gun:K-?p=3-100&n=2``    particle gun; options in `gun.OPTIONS`
``decay:B0 -> K+ pi-?OPTIONS``         signal decays alone, see `lamarr_like.decays.source`
``PATH``, ``DIR``, ``*.hepmc``, ``A,B``  files, told apart by content: HepMC2 and HepMC3 text, plain
                                       or compressed, and HepMC3's ROOT trees (options in
                                       `hepmc.OPTIONS`); ROOT or Parquet;
                                       URLs (``root://``, ``https://``, ...) with wildcards, too
``SOURCE+gun:mu-,mu+?p=3-100``         any of these with a gun's particles added to each event, from
                                       its primary vertices; more than one ``+gun:`` may follow;
                                       options in `gun.PARTICLE_OPTIONS`
``SOURCE+decay:B0 -> K+ pi-``          any of these with signal decays in each event; both kinds of
                                       additions may be mixed
``NAME:...``                           a source of a plug-in (see `lamarr_like.plugins`)
=====================================  ============================================================

What stands before the colon is looked up in `BUILT_IN`, then among the entry points of plug-ins; a
new kind is a class and its line there.
"""

from __future__ import annotations

import glob
import importlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from .. import plugins
from ..errors import SourceError
from ..files.locations import Location, Url, is_url, matching
from ..rng import stage_key
from .options import split_options
from .truth import TruthSource

__all__ = ["BUILT_IN", "SourceFactory", "TruthSource", "open_source"]


class SourceKind(NamedTuple):
    """A kind of source of ours; objects are named as entry points are, and imported when used.

    Attributes:
        factory: the class of the source, derived from `TruthSource`; what the kind can do stands
            there.
        added: what adds its particles to another source, derived from
            `generators.embedding.EmbeddingSource`; nothing if they cannot be added.
    """

    factory: str
    added: str = ""


BUILT_IN = {
    "pythia": SourceKind("lamarr_like.io.generators.pythia:PythiaSource"),
    "gun": SourceKind(
        "lamarr_like.io.generators.gun:GunSource",
        added="lamarr_like.io.generators.embedding:EmbeddedSource",
    ),
    "decay": SourceKind(
        "lamarr_like.decays.source:DecaySource", added="lamarr_like.decays.source:EmbeddedDecays"
    ),
}
"""Kinds of ours by their prefix; additions are made in this order.  Plug-ins have entry points."""

_NAME = re.compile(r"[A-Za-z]\w*")
_ADDED = re.compile(rf"\+({'|'.join(name for name, kind in BUILT_IN.items() if kind.added)}):")


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
        """Open the source; a class that `takes_pileup` gets the keyword ``pileup``, too.

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
    start: int = 0,
) -> TruthSource:
    """Open a source of generated events.

    Args:
        text: what to read or generate, see the module's table.
        n_events: how many events; None for all of a file, an error for a generator.
        seed: seed of generators.
        pileup: mean number of interactions of a Pythia event, None for exactly one; of files the
            mean number of collisions that are added to each event.
        skip_bad: leave out broken events, and files that cannot be read, and count them in
            ``skipped`` instead of stopping at the first.
        start: number of the first event, that of the source in a production: no two sources of
            one share random numbers.

    Raises:
        SourceError: naming what is wrong with `text` or with the first bad file.
        DecayError: for a bad decay.
    """
    host, additions = split_additions(text)
    if not host:
        raise SourceError(f"{text}: name the source of the collisions, SOURCE{text}")
    embeddings = []
    opened = host
    for name in (name for name, kind in BUILT_IN.items() if kind.added):
        whats = [what for kind, what in additions if kind == name]
        if whats:
            embedded = _imported(BUILT_IN[name].added)
            opened, how = embedded.host_of(opened, whats)
            embeddings.append((embedded, whats, how))
    own = seed
    if start and not traits(kind_of(opened)).is_generated:  # counts from 0, but draws others
        own = int(stage_key(seed, f"source from {start}")) >> 1
    source = _open_host(opened, n_events, own, pileup, skip_bad)
    source.start = start
    for embedded, whats, how in embeddings:
        source = embedded(text, source, whats, seed, skip_bad, how)
    return source


def split_additions(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Cut ``SOURCE+gun:...+decay:...`` into the source and (kind, what) of each addition."""
    host, *rest = _ADDED.split(text)
    return host, list(zip(rest[::2], rest[1::2], strict=True))


def kind_of(text: str) -> str:
    """Prefix of a source of ours or of a plug-in; nothing for files.

    Args:
        text: the source, with or without options and additions.
    """
    kind, colon, _ = text.partition(":")
    if not colon or kind in BUILT_IN:
        return kind if colon else ""
    if not _NAME.fullmatch(kind) or is_url(text) or os.path.exists(text):
        return ""
    return kind if kind in plugins.installed(plugins.SOURCE_GROUP) else ""


def traits(kind: str) -> type[TruthSource]:
    """The class of a kind of source, for what it can do; `TruthSource` where a function opens it.

    Args:
        kind: what `kind_of` gives.

    Raises:
        SourceError: if it is that of a plug-in that cannot be imported.
    """
    factory: Any = _factory(kind) if kind else None
    return (
        factory if isinstance(factory, type) and issubclass(factory, TruthSource) else TruthSource
    )


def inputs_of(text: str, source: TruthSource) -> tuple[Location, ...]:
    """All files that the events of a source follow from, the code of a plug-in among them.

    Args:
        text: the source as `open_source` takes it.
        source: the same, opened.
    """
    kind = kind_of(text)
    code = () if kind in BUILT_IN or not kind else plugins.files(plugins.SOURCE_GROUP, kind)
    return (*source.inputs(), *code)


def _imported(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _factory(kind: str) -> Any:
    factory: SourceFactory = (
        _imported(BUILT_IN[kind].factory)
        if kind in BUILT_IN
        else plugins.load(plugins.SOURCE_GROUP, kind, SourceError)
    )
    if not callable(factory):
        raise SourceError(f"plug-in {kind!r} is {factory!r}, nothing that opens a source")
    return factory


def _open_host(
    text: str, n_events: int | None, seed: int, pileup: float | None, skip_bad: bool
) -> TruthSource:
    """A source with nothing added."""
    kind = kind_of(text)
    with_pileup: dict[str, Any] = {"pileup": pileup} if traits(kind).takes_pileup else {}
    if pileup is not None and not kind:
        from .generators.overlay import OverlaidSource

        host = _open_files(text, n_events, skip_bad, seed)
        return OverlaidSource(text, host, pileup, seed, skip_bad)
    if pileup is not None and not with_pileup:
        able = " and ".join(f"{name}:" for name in BUILT_IN if traits(name).takes_pileup)
        raise SourceError(
            f"{text}: has no pile-up; pile-up can only be generated for {able} sources and files"
        )
    if not kind:
        return _open_files(text, n_events, skip_bad, seed)
    head, options = split_options(text.partition(":")[2])
    source = _factory(kind)(
        text, head, n_events=n_events, seed=seed, options=options, skip_bad=skip_bad, **with_pileup
    )
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
    from .hepmc.source import HepmcSource
    from .tables.source import TableSource

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
        kinds = (*BUILT_IN, *plugins.installed(plugins.SOURCE_GROUP))
        listing = ", ".join(f"{kind}:..." for kind in kinds)
        raise SourceError(f"{path}: no such file (nor {listing})")
    from .hepmc.root_tree import is_hepmc_tree
    from .hepmc.text import sniff
    from .tables.source import is_table

    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise SourceError(f"{path}: the file is empty")
        if is_table(path):
            return "hepmc" if is_hepmc_tree(path) else "table"
    except FileNotFoundError:
        raise SourceError(f"{path}: no such file") from None
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error})") from None
    if sniff(path):
        return "hepmc"
    if str(path).endswith(".lhe"):
        raise SourceError(f"{path}: partons of a hard process; Pythia showers them: pythia:{path}")
    raise SourceError(f"{path}: neither HepMC text nor a ROOT or Parquet table")
