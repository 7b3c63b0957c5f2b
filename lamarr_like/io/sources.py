"""One way to name truth: generators, particle guns and files.

=====================================  ============================================================
``pythia:minbias|bbbar|ccbar``         Pythia 8 at 13 TeV; options in `pythia.OPTIONS`
``pythia:FILE.cmnd``                   Pythia 8 with the user's settings
``gun:pi+``, ``gun:K-?p=3-100&n=2``    particle gun; options in `gun.OPTIONS`
``PATH``, ``DIR``, ``*.hepmc``, ``A,B``  files, told apart by content: HepMC2 and HepMC3 text, plain
                                       or gzip (options in `hepmc.OPTIONS`); ROOT or Parquet tables
``SOURCE+gun:mu-,mu+?p=3-100``         any of these with a gun's particles added to each event, from
                                       its primary vertices; more than one ``+gun:`` may follow;
                                       options in `gun.PARTICLE_OPTIONS`
=====================================  ============================================================
"""

from __future__ import annotations

import glob
import os
from pathlib import Path

from ..errors import SourceError
from .hepmc import HepmcSource
from .hepmc_text import sniff
from .tables import TableSource, is_table
from .truth import TruthSource, split_options

__all__ = ["TruthSource", "open_source"]


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
        from .embedding import EmbeddedSource

        if not host:
            raise SourceError(f"{text}: name the source of the collisions, SOURCE+gun:...")
        source = open_source(host, n_events=n_events, seed=seed, pileup=pileup, skip_bad=skip_bad)
        return EmbeddedSource(text, source, guns, seed, skip_bad)
    kind, colon, rest = text.partition(":")
    if not colon or kind not in ("pythia", "gun"):
        if pileup is not None:
            raise SourceError(f"{text}: pile-up can only be generated for pythia: sources")
        return _open_files(text, n_events, skip_bad)
    head, options = split_options(rest)
    if kind == "gun":
        from .gun import GunSource

        if pileup is not None:
            raise SourceError(f"{text}: a particle gun has no pile-up")
        return GunSource(text, head, n_events, seed, options)
    from .pythia import PythiaSource

    return PythiaSource(text, head, n_events, seed, pileup, options, skip_bad)


def _open_files(text: str, n_events: int | None, skip_bad: bool) -> TruthSource:
    # A question mark may also be a wildcard: options hold an equals sign.
    head, mark, tail = text.rpartition("?")
    options: dict[str, str] = {}
    if mark and "=" in tail and not os.path.exists(text):
        _, options = split_options(f"?{tail}")
    else:
        head = text
    kinds: dict[Path, str] = {}
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
        source = HepmcSource(text, list(kinds), n_events, options, skip_bad)
    else:
        if options:
            raise SourceError(f"{text}: a table has no options")
        source = TableSource(text, list(kinds), n_events, skip_bad)
    source.unreadable = unreadable
    for reason in strange:
        source.note(f"left out: {reason}")
    return source


def _paths(text: str) -> list[tuple[Path, bool]]:
    """Files that a text names, each once, and whether a folder rather than the user lists it."""
    found: dict[Path, bool] = {}
    # os.path, because pathlib raises for names longer than the system's, as long lists are.
    for word in [text] if os.path.exists(text) else text.split(","):
        path = Path(word)
        if os.path.isdir(path):
            inside = sorted(p for p in path.iterdir() if p.is_file() and p.name[0] != ".")
            found |= {p: True for p in inside}
        elif os.path.exists(path) or not glob.has_magic(word):
            found[path] = False
        else:
            matches = sorted(Path(p) for p in glob.glob(word) if Path(p).is_file())
            if not matches:
                raise SourceError(f"{word}: no file matches")
            found |= dict.fromkeys(matches, False)
    return list(found.items())


def _kind(path: Path) -> str:
    if not os.path.isfile(path):
        raise SourceError(f"{path}: no such file (nor pythia:..., gun:...)")
    try:
        if path.stat().st_size == 0:
            raise SourceError(f"{path}: the file is empty")
        if is_table(path):
            return "table"
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error})") from None
    if sniff(path):
        return "hepmc"
    raise SourceError(f"{path}: neither HepMC text nor a ROOT or Parquet table")
