"""Files by path or by URL: ``root://``, ``https://``, ``s3://`` and all else that fsspec opens.

`Url` has of `pathlib.Path` what the readers use, and the same errors: whatever a protocol raises
becomes an `OSError` that tells an absent file from a server that does not answer, and a package
that it needs and that is not there a `SourceError`.
"""

from __future__ import annotations

import asyncio
import glob
import io
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from ..errors import SourceError
from ..system.extras import hint

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_T = TypeVar("_T")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(::[A-Za-z0-9+.-]+)*://")
_PACKAGES = {"root": "fsspec-xrootd", "roots": "fsspec-xrootd", "http": "aiohttp requests"}
_PACKAGES |= {"https": "aiohttp requests", "s3": "s3fs", "gs": "gcsfs", "dav": "webdav4"}
_BUFFER = 1 << 20

_WEB = ("http", "https")
_FAULTS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    (ConnectionRefusedError, "nobody answers there"),
    (socket.gaierror, "there is no such host"),
    (ssl.SSLCertVerificationError, "the server's certificate is not trusted"),
    (ssl.SSLError, "no encrypted connection"),
    ((TimeoutError, asyncio.TimeoutError), "no answer in time"),
    (ConnectionError, "the connection broke"),
)
"""What stands between us and a file, the special before the general."""

CONNECT_SECONDS, READ_SECONDS = 20.0, 60.0
"""How long a web server may take to answer, and to send anything more."""


class Status(NamedTuple):
    """What is known of a remote file, called as in `os.stat_result`; 0 for what is not."""

    st_size: int
    st_mtime_ns: int


@dataclass(frozen=True)
class Url:
    """A file that fsspec opens.

    Args:
        text: its URL.
    """

    text: str

    def __str__(self) -> str:
        return self.text

    @property
    def name(self) -> str:
        """What follows the last slash."""
        return self.text.rstrip("/").rpartition("/")[2]

    def open(self, mode: str = "rb") -> io.BufferedReader:
        """Open it for reading.

        Raises:
            OSError: if it cannot be opened; later, if it cannot be read.
            SourceError: if a package is missing.
        """
        system, path = self.system()
        with _os_errors():
            return io.BufferedReader(_Raw(_opened(system, path, mode)), _BUFFER)

    def stat(self) -> Status:
        """Size and time of the last change.

        Raises:
            OSError: if there is no such file.
            SourceError: if a package is missing.
        """
        system, path = self.system()
        with _os_errors():
            size = int(system.info(path).get("size") or 0)
        try:
            changed = int(system.modified(path).timestamp() * 1e9)
        except Exception:  # few protocols tell
            changed = 0
        return Status(size, changed)

    def matches(self) -> list[Url]:
        """Files that the URL names as a pattern, sorted.

        Raises:
            SourceError: if they cannot be listed, or a package is missing.
        """
        system, path = self.system()
        try:
            with _os_errors():
                found = sorted(system.glob(path))
        except OSError as error:
            raise SourceError(f"{self}: cannot be listed ({error})") from None
        return [Url(system.unstrip_protocol(one)) for one in found]

    def system(self) -> tuple[Any, str]:
        """The file system of fsspec and the path in it.

        Raises:
            SourceError: if there is none for the protocol, or it lacks a package.
        """
        import fsspec

        protocol = self.text.partition(":")[0]
        try:
            system, path = fsspec.core.url_to_fs(self.text, **self._options())
        except ImportError as error:
            package = _PACKAGES.get(protocol, f"fsspec[{protocol}]")
            extra = f", or {hint('url')}" if protocol in _WEB else ""
            raise SourceError(
                f"{self}: {protocol}:// needs {package}: pip install {package}{extra} ({error})"
            ) from None
        except Exception as error:  # each protocol has errors of its own
            raise SourceError(f"{self}: cannot be opened ({_one_line(error)})") from None
        return system, str(path)

    def _options(self) -> dict[str, Any]:
        """Options of the protocols in the URL: limits of time for those of the web."""
        used = [name for name in _WEB if re.search(rf"(^|::){name}://", self.text)]
        if not used:
            return {}
        import aiohttp

        connect, read = CONNECT_SECONDS, READ_SECONDS
        limits = aiohttp.ClientTimeout(None, connect, sock_connect=connect, sock_read=read)
        return {name: {"client_kwargs": {"timeout": limits}} for name in used}


Location: TypeAlias = Path | Url
"""Where a file is."""


def is_url(text: object) -> bool:
    """Whether a text is a URL rather than a path."""
    return bool(_URL.match(str(text)))


def location(text: str | Path | Url) -> Location:
    """A path, or a URL where the text is one."""
    if isinstance(text, (Path, Url)):
        return text
    return Url(text) if is_url(text) else Path(text)


def local_path(text: str | Path | Url) -> Path | None:
    """The path of a file of this machine, also of one named as ``file://``; None for others."""
    if isinstance(text, Path):
        return text
    head, mark, tail = str(text).rpartition("://")
    if mark and head.rpartition(":")[2] not in ("file", "local"):
        return None
    return Path(tail)


def matching(text: str) -> list[Location]:
    """The files that a path or URL with wildcards names, sorted; itself without wildcards.

    Raises:
        SourceError: if a remote folder cannot be listed.
    """
    if is_url(text):
        url = Url(text)
        return list(url.matches()) if glob.has_magic(text) else [url]
    return [p for p in map(Path, sorted(glob.glob(text))) if p.is_file()]


def _opened(system: Any, path: str, mode: str) -> Any:
    """A file of fsspec; a cache that has none asks the file system behind it why."""
    try:
        return system.open(path, mode)
    except FileNotFoundError:
        behind = getattr(system, "fs", None)
        if behind is not None:
            behind.info(path)
        raise


class _Raw(io.RawIOBase):
    """A file of fsspec, its errors made ours."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return bool(_checked(self._file.seekable))

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        data = _checked(lambda: self._file.read(len(view)))
        view[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return int(_checked(lambda: self._file.seek(offset, whence)))

    def tell(self) -> int:
        return int(self._file.tell())

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


@contextmanager
def _os_errors() -> Iterator[None]:
    try:
        yield
    except SourceError:
        raise
    except Exception as error:  # each protocol has errors of its own
        reason = _reason(error)
        if reason:
            raise OSError(reason) from None
        if isinstance(error, OSError):
            raise
        raise OSError(_one_line(error)) from None


def _reason(error: BaseException) -> str:
    """What went wrong on the way to the file; empty if nothing says that it is not just absent.

    fsspec says of whatever happens that there is no such file; the cause is behind that.
    """
    chain: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in chain:
        chain.append(one)
        one = one.__cause__ or one.__context__
    for found in reversed(chain):
        status = getattr(found, "status", None)
        if isinstance(status, int) and status >= 400 and status not in (404, 410):
            return f"the server answers {status} {getattr(found, 'message', '')}".rstrip()
        for kinds, text in _FAULTS:
            if isinstance(found, kinds):
                return f"{text}: {_one_line(found)}"
    return ""


def _checked(call: Callable[[], _T]) -> _T:
    with _os_errors():
        return call()


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
