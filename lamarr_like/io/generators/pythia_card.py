"""Files of Pythia settings (cards): the files that they name, and what one run may not do.

A path in a card is taken as Pythia takes it: from the current folder, an included card also from
the folders of ``PYTHIA8CMND`` and from those of Pythia itself.
"""

from __future__ import annotations

import functools
import gzip
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ...errors import SourceError

BEAMS = ("Beams:eCM = 13000.0",)
"""What a card may overrule; spelt as for pile-up, so that it shares a generator."""

# Whatever may follow an event's tag; the tag is the first word of its line, as Pythia wants it.
_EVENT = re.compile(rb"(?m)^[ \t\v\f\r]*<event(?=>|\s)")
_INCLUDE = re.compile(r"(?mi)^\s*include\b\s*=?\s*(\S.*?)\s*$")
_PIECE = 1 << 22
_MAX_CARD = 10_000_000
_FOLDERS = ("xmldoc", "pdfdata", "tunes", "setups", "settings")
_LIMITS = ("limitTau0", "limitTau", "limitRadius")
_UNREAD = ("xmlpath", "main:spareword1", "main:spareword2", "main:spareword3")
_REUSE = (
    ("MultipartonInteractions:reuseInit", "MultipartonInteractions:initFile"),
    ("HeavyIon:SigFitReuseInit", "HeavyIon:SigFitInitFile"),
    ("HeavyIon:SasdMpiReuseInit", "HeavyIon:SasdMpiInitFile"),
)


def new_pythia() -> Any:
    """A generator with Pythia's own settings, silent."""
    import pythia8mc

    return pythia8mc.Pythia("", False)


LHE = ".lhe"
"""Ending of Les Houches event files."""


def read_card(path: Path) -> tuple[Any, tuple[Path, ...], list[str]]:
    """A generator with the settings of a card, not started.

    Args:
        path: the card, or a Les Houches event file (``.lhe``) whose events are showered with
            Pythia's own settings.

    Returns:
        The generator, all files that it will read, and remarks on settings that are not followed.

    Raises:
        SourceError: if it cannot be read, includes itself, or Pythia does not take it.
    """
    pythia = new_pythia()
    for line in BEAMS:
        pythia.readString(line)
    if path.suffix == LHE:
        return _showered(pythia, path)
    cards = tuple(_cards(path, Path(pythia.word("xmlPath")), ()))  # before Pythia goes in circles
    decaying = _decaying(pythia)
    if not pythia.readFile(str(path), False):
        raise SourceError(f"{path}: Pythia does not take a setting in it")
    remarks = _tame(pythia)
    if changed := _let_decay(pythia, decaying):
        remarks.append(
            f"{path}: particles that decay are to decay, so it is read without {', '.join(changed)}"
        )
    return pythia, tuple(dict.fromkeys((*cards, *_named(pythia)))), remarks


def _showered(pythia: Any, path: Path) -> tuple[Any, tuple[Path, ...], list[str]]:
    """A generator that takes its hard processes from a file, as `read_card` gives it."""
    if len(str(path).split()) != 1:
        raise SourceError(f"{path}: Pythia takes no path with a space in it; rename the file")
    for line in ("Beams:frameType = 4", f"Beams:LHEF = {path}"):
        pythia.readString(line)
    return pythia, tuple(dict.fromkeys(_named(pythia))), _tame(pythia)


def data_folders() -> tuple[Path, ...]:
    """Folders of Pythia's own settings, particles and parton densities."""
    share = _xml_path(os.environ.get("PYTHIA8DATA", "")).resolve().parent
    return tuple(share / name for name in _FOLDERS if (share / name).is_dir())


@functools.lru_cache(maxsize=4)
def _xml_path(variable: str) -> Path:
    """Where Pythia finds its data while ``PYTHIA8DATA`` is as given."""
    return Path(new_pythia().word("xmlPath"))


def hard_events(pythia: Any, card: Path) -> Path | None:
    """The Les Houches event file that a card names; None if Pythia makes the hard processes.

    Raises:
        SourceError: if there is none under that name, or events would come from another program.
    """
    frame = pythia.mode("Beams:frameType")
    if frame == 5:
        raise SourceError(
            f"{card}: Beams:frameType = 5 takes events from another program; write them to a Les "
            "Houches event file (Beams:frameType = 4, Beams:LHEF)"
        )
    if frame != 4:
        return None
    path = Path(pythia.word("Beams:LHEF"))
    if not path.is_file():
        raise SourceError(
            f"{card}: Beams:LHEF names {str(path)!r}, and no such file is there; paths in a card "
            "count from the current folder"
        )
    return path


def _tame(pythia: Any) -> list[str]:
    """Switch off what would make an event depend on those before it, or write files.

    Returns:
        Remarks for the user.
    """
    remarks = []
    if pythia.flag("PhaseSpace:increaseMaximum"):
        pythia.readString("PhaseSpace:increaseMaximum = off")
        remarks.append(
            "PhaseSpace:increaseMaximum was switched off: events would depend on those before them"
        )
    for mode, word in _REUSE:
        value = pythia.mode(mode)
        if value == 3 and Path(pythia.word(word)).is_file():
            pythia.readString(f"{mode} = 2")  # the same, but never written
        elif value in (1, 3, -2):
            pythia.readString(f"{mode} = 0")
            remarks.append(
                f"{mode} = {value} was set to 0: Pythia would write {pythia.word(word)!r}, which "
                "other processes may read meanwhile"
            )
    return remarks


def _decaying(pythia: Any) -> list[int]:
    """PDG identifiers of what decays as Pythia comes."""
    data, found, code = pythia.particleData, [], 1
    while code := data.nextId(code):
        if data.canDecay(code) and data.mayDecay(code):
            found.append(code)
    return found


def _let_decay(pythia: Any, decaying: Iterable[int]) -> list[str]:
    """Undo settings that leave undecayed what decays; returns what was undone.

    The chain follows e, mu, pi, K, p and photons alone: a K_S would be lost, and its daughters.
    """
    changed = []
    for key in _LIMITS:
        if pythia.flag(f"ParticleDecays:{key}"):
            pythia.readString(f"ParticleDecays:{key} = off")
            changed.append(f"ParticleDecays:{key} = on")
    if not pythia.flag("HadronLevel:Decay"):
        pythia.readString("HadronLevel:Decay = on")
        changed.append("HadronLevel:Decay = off")
    for code in decaying:
        if not pythia.particleData.mayDecay(code):
            pythia.readString(f"{code}:mayDecay = on")
            changed.append(f"{code}:mayDecay = off")
    return changed if len(changed) <= 10 else [*changed[:10], f"{len(changed) - 10} more"]


def count_hard_events(path: Path) -> int:
    """Events in a Les Houches event file, plain or gzip; those that cannot be read count, too.

    Raises:
        SourceError: if it cannot be read or holds none.
    """
    count, rest = 0, b""
    try:
        with path.open("rb") as raw:
            is_gzip = raw.read(2) == b"\x1f\x8b"
        with gzip.open(path) if is_gzip else path.open("rb") as file:
            while piece := file.read(_PIECE):
                # Whole lines only, so that no tag is cut in two.
                text, newline, rest = (rest + piece).rpartition(b"\n")
                count += len(_EVENT.findall(text + newline))
    except (OSError, EOFError) as error:
        raise SourceError(f"{path}: cannot be read ({error})") from None
    count += len(_EVENT.findall(rest))
    if not count:
        raise SourceError(f"{path}: holds no <event>, as a Les Houches event file does")
    return count


def _cards(path: Path, xml: Path, outer: tuple[Path, ...]) -> Iterator[Path]:
    """A card and those that it includes; comments that hide an include are not looked at."""
    here = path.resolve()
    if here in outer:
        raise SourceError(f"{path}: includes itself")
    yield path
    try:
        with path.open(encoding="latin-1") as file:
            text = file.read(_MAX_CARD + 1)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error})") from None
    if len(text) > _MAX_CARD:
        raise SourceError(f"{path}: is longer than {_MAX_CARD} bytes, no file of settings")
    for value in _INCLUDE.findall(text):
        found = _included(value.split("!")[0].strip(" \t\"'{}"), xml)
        if found is not None:
            yield from _cards(found, xml, (*outer, here))


def _included(name: str, xml: Path) -> Path | None:
    folders = [Path(), *map(Path, filter(None, os.environ.get("PYTHIA8CMND", "").split(":")))]
    own = [xml.parent / folder for folder in ("settings", "setups", "tunes", "")]
    words = dict.fromkeys((name, *name.split(maxsplit=1)[:1]))
    found = (folder / word for word in words if word for folder in (*folders, *own))
    return next((path for path in found if path.is_file()), None)


def _named(pythia: Any) -> Iterator[Path]:
    """Files that settings name; a name that no file has is a word like any other."""
    xml = Path(pythia.word("xmlPath"))
    words = pythia.settings.getWordMap("").items()
    values = [value.valNow for key, value in words if key not in _UNREAD]
    for _, vector in pythia.settings.getWVecMap("").items():
        # A plug-in is LIBRARY::CLASS::KEY::CARD::SUBRUN.
        values += [word for value in vector.valNow for word in value.split("::")]
    for value in filter(None, values):
        head, colon, tail = value.partition(":")
        if colon and head.upper() in ("LHAPDF5", "LHAPDF6"):
            yield from _lhapdf(tail.partition("/")[0])
            continue
        grid = head.upper() == "LHAGRID1"
        folders = (Path(), xml.parent / "pdfdata", xml) if grid else (Path(),)
        found = (folder / (tail if grid else value) for folder in folders)
        path = next((path for path in found if _is_file(path)), None)
        if path is not None:
            yield path


def _lhapdf(name: str) -> Iterator[Path]:
    """Folders of a set of LHAPDF, wherever there is one."""
    for variable in ("LHAPDF_DATA_PATH", "LHAPATH"):
        for folder in filter(None, os.environ.get(variable, "").split(":")):
            if name and (Path(folder) / name).is_dir():
                yield Path(folder) / name


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a word that no file system takes for a name
        return False
