"""Networks that ship as ONNX Runtime has rewritten them, kept in the user's cache.

ONNX Runtime folds and fuses a graph each time that it loads one, which is most of the loading.  The
result of it is the same each time, and is kept for the next process by the digest of the network
and the version of ONNX Runtime; what is in the file is verified.  Networks of strangers are not
kept: they are checked and rewritten each time.
"""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import OutputError
from ..files.scratch import whole
from .shipped_networks import SHIPPED

_SUM = hashlib.sha256().digest_size


def cache_folder() -> Path:
    """Folder of this package in the user's cache: in ``XDG_CACHE_HOME``, or ``~/.cache``."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(given) if os.path.isabs(given) else Path.home() / ".cache") / "lamarr_like"


def place_of(model: bytes, version: str) -> Path | None:
    """Where the rewritten network is kept; None for one that does not ship, or without a home.

    Args:
        model: serialised network.
        version: that of ONNX Runtime.
    """
    digest = hashlib.sha256(model).hexdigest()
    if digest not in SHIPPED:
        return None
    try:
        return cache_folder() / f"{digest[:32]}-{version}-{platform.machine()}.network"
    except RuntimeError:  # no home
        return None


def kept(place: Path | None) -> bytes | None:
    """A rewritten network, as verified; None if there is none or it was damaged."""
    try:
        content = b"" if place is None else place.read_bytes()
    except OSError:
        return None
    network = content[_SUM:]
    return network if network and hashlib.sha256(network).digest() == content[:_SUM] else None


@contextmanager
def keeping(place: Path | None) -> Iterator[str]:
    """Name of a file to write a rewritten network to, which is kept when this is over.

    Nothing where it cannot be kept, or in a folder that others may write to.
    """
    if place is None or not _is_own(place.parent):
        yield ""
        return
    with suppress(OutputError), whole(place, durable=False) as kept_one:
        made = kept_one.with_suffix(".onnx")
        yield str(made)
        network = made.read_bytes()
        kept_one.write_bytes(hashlib.sha256(network).digest() + network)


def _is_own(folder: Path) -> bool:
    """Whether a folder is there, or can be made, and is the user's alone to write to."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError:
        return False
    return status.st_uid == os.getuid() and not status.st_mode & 0o022
