"""The files that a card of Pythia settings names: those it includes, events and masses it reads."""

from __future__ import annotations

import re
from pathlib import Path

_SETTING = re.compile(r"\s*([A-Za-z][\w:]*)\s*[= ]\s*(\S.*?)\s*$")


def card_files(card: Path) -> list[Path]:
    """The card itself and every file that it or a card that it includes names, as far as is there.

    Args:
        card: file of settings; paths in it count from the current folder or from its own.
    """
    found: dict[Path, None] = {card: None}
    waiting = [card]
    while waiting:
        one = waiting.pop()
        try:
            text = one.read_text(errors="replace")
        except OSError:
            continue
        for key, value in re.findall(_SETTING.pattern, text, re.MULTILINE):
            name = value.strip("\"'{} ")
            for path in (Path(name), one.parent / name):
                if "\0" in name or path in found or not _is_file(path):
                    continue
                found[path] = None
                if "include" in key.lower():
                    waiting.append(path)
    return list(found)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
