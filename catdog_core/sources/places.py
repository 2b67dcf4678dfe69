"""Where photos and shards lie: a folder of this machine, or one elsewhere that a URL names. Light.

Elsewhere is read and written through `fsspec`, which knows object stores by their protocols: the
package behind one is imported when the first such URL is opened. Who one is there, is told as
that package has it told: by the environment, such as ``AWS_ACCESS_KEY_ID``, or by the files of
fsspec's configuration. A URL with a password is refused, since URLs stand in records, on pages and
in logs.
"""

from __future__ import annotations

import hashlib
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import urlsplit
from uuid import uuid4

from .. import files
from ..errors import CatDogError, DatasetError, DownloadError

PACKAGES = {
    "s3": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "hdfs": "pyarrow",
    "sftp": "paramiko",
    "http": "aiohttp",
    "https": "aiohttp",
    "file": "fsspec",
    "memory": "fsspec",
}
"""The protocols a URL may have, each with the package to install for it. Others of fsspec's nest
URLs in each other, or run what a URL names."""
_WHOLE_OR_NOT = ("s3", "gs", "gcs", "az", "abfs", "memory")  # stores that show no half an object
_HOSTS = ("http", "https")
_SILENCE = 20.0  # seconds without a byte, after which a server counts as one that does not answer
_BLOCK = 1 << 20


class Stamp(NamedTuple):
    """What tells a version of a file from others: bytes, and a number of its ETag or time."""

    st_size: int
    st_mtime_ns: int


class Remote:
    """A file or folder elsewhere, with as much of `pathlib.Path` as photos and shards ask for.

    Values are equal by URL, cheap, and go to other processes as their URL.

    Args:
        url: checked by `of`.

    Raises:
        FileNotFoundError, PermissionError: from what reads: as of a file here.
        DownloadError: from all that reads or writes: the place does not answer.
        DatasetError: a package is missing.
    """

    def __init__(self, url: str, _top: Remote | None = None) -> None:
        self.url = url
        self._top = _top

    def __truediv__(self, name: str | PurePosixPath) -> Remote:
        inner = str(name)
        return self if inner == "." else type(self)(f"{self.url}/{inner}", self._top or self)

    def __str__(self) -> str:
        return self.url

    def __repr__(self) -> str:
        return f"Remote({self.url!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Remote) and self.url == other.url

    def __hash__(self) -> int:
        return hash(self.url)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.url,)

    @property
    def name(self) -> str:
        """The last part of the URL."""
        return self.url.rsplit("/", 1)[-1]

    @property
    def protocol(self) -> str:
        """Such as "s3"."""
        return self.url.partition("://")[0]

    @cached_property
    def listing(self) -> Mapping[str, Stamp]:
        """All files below, by their names from here on; asked once. `fresh` asks again."""
        with self._reached() as (system, path):
            system.invalidate_cache()
            found = self._found(system, path)
            start = path.rstrip("/") + "/"
            inside = ((str(name), told) for name, told in found.items())
            return {
                name.removeprefix(start): _stamp(told)
                for name, told in inside
                if name.startswith(start) and not name.endswith("/")
            }

    def _found(self, system: Any, path: str) -> Mapping[str, Any]:
        """What a file system finds below a path. Raises what kept it from looking."""
        if self.protocol not in _HOSTS:
            return dict(system.find(path, detail=True))

        def refuse(error: Exception) -> None:
            # fsspec goes on as if a page that cannot be had held no links.
            if not isinstance(error, FileNotFoundError):
                raise error
            if str(error).rstrip("/") == path.rstrip("/"):
                raise DownloadError(
                    "{url} is not there (status 404). Check the address.",
                    url=files.shown(self.url, 200),
                )

        return dict(system.find(path, detail=True, on_error=refuse))

    def fresh(self) -> Remote:
        """The same place, of which nothing is known yet."""
        return type(self)(self.url)

    def stamp(self, name: str) -> Stamp:
        """Size and version of a file in the listing; of one that is not there, one of no file."""
        return self.listing.get(name, Stamp(-1, -1))

    def stat(self) -> Stamp:
        """Size and version; of a file below a folder that has been listed, without asking."""
        top = self._top
        if top is not None and "listing" in vars(top):
            known = top.listing.get(self.url[len(top.url) + 1 :])
            if known is None:
                raise FileNotFoundError(2, "No such file", self.url)
            return known
        with self._reached() as (system, path):
            system.invalidate_cache(system._parent(path))
            return _stamp(system.info(path))

    def exists(self) -> bool:
        """Whether there is a file or folder now."""
        with self._reached() as (system, path):
            system.invalidate_cache()
            return bool(system.exists(path))

    def read(self, most: int) -> bytes:
        """The first `most` bytes of a file."""
        with self._reached() as (system, path):
            try:
                return bytes(system.cat_file(path, start=0, end=most))
            except FileNotFoundError:
                raise
            except Exception:  # an empty object has no first byte, which stores tell as an error
                if system.info(path)["size"]:
                    raise
                return b""

    def read_bytes(self) -> bytes:
        """All of a file."""
        with self._reached() as (system, path):
            return bytes(system.cat_file(path))

    def read_part(self, start: int, end: int) -> bytes:
        """The bytes start ≤ place < end of a file; fewer where it ends before."""
        with self._reached() as (system, path):
            return bytes(system.cat_file(path, start=start, end=end))

    def blocks(self) -> Iterator[bytes]:
        """A file of any size, a part at a time."""
        with self._reached() as (system, path), system.open(path, "rb") as file:
            while block := file.read(_BLOCK):
                yield block

    def write_bytes(self, data: bytes) -> None:
        """Replace a file whole."""
        with self._replacing() as (system, path):
            system.pipe_file(path, data)

    def put(self, file: Path) -> None:
        """Replace a file whole with one from here."""
        with self._replacing() as (system, path):
            system.put_file(str(file), path)

    def remove(self) -> None:
        """Remove a file; one that is not there is no error."""
        with self._reached() as (system, path), suppress(FileNotFoundError):
            system.rm_file(path)

    @contextmanager
    def _replacing(self) -> Iterator[tuple[Any, str]]:
        with self._reached() as (system, path):
            if self.protocol in _WHOLE_OR_NOT:
                yield system, path
                return
            folder, _, name = path.rpartition("/")
            system.makedirs(folder, exist_ok=True)
            beside = f"{folder}/.{uuid4().hex[:8]}-{name}"
            try:
                yield system, beside
                system.mv(beside, path)
            except BaseException:
                with suppress(Exception):
                    system.rm_file(beside)
                raise

    @contextmanager
    def _reached(self) -> Iterator[tuple[Any, str]]:
        try:
            import fsspec

            # Not of the whole URL: a photo's name may hold what fsspec takes for a URL in a URL.
            protocol, _, rest = self.url.partition("://")
            options = _patience() if protocol in _HOSTS else {}
            system, _ = fsspec.core.url_to_fs(f"{protocol}://{rest.partition('/')[0]}", **options)
            yield system, system._strip_protocol(self.url)
        except (FileNotFoundError, PermissionError, CatDogError):
            raise
        except ImportError as error:
            raise DatasetError(
                "{url} needs the package {package}, which is not installed. Install it: pip install"
                " {package}.",
                url=files.shown(self.url, 200),
                package=PACKAGES[self.protocol],
            ) from error
        except Exception as error:  # each of the packages behind fsspec has errors of its own
            if self.protocol in _HOSTS and (said := _unanswered(self.url, error)):
                raise said from error
            raise DownloadError(
                "{url} could not be read or written: {reason}. Check the address, the network and"
                " the credentials in the environment, then try again.",
                url=files.shown(self.url, 200),
                reason=files.shown(str(error) or type(error).__name__, 200),
            ) from error


Place: TypeAlias = Path | Remote


def of(text: str | Path) -> Place:
    """The place a text names: a path, or a URL.

    Raises:
        DatasetError: a URL of a protocol that is not known, that holds a password or a query, or
            leads upwards. What it says holds no secret.
    """
    address = str(text)
    if not is_url(address):
        return Path(text)
    protocol, _, rest = address.partition("://")
    shown = files.shown(without_secrets(address), 200)
    if protocol.lower() not in PACKAGES:
        raise DatasetError(
            "{url} is of no protocol known here. Expected one of {known}.",
            url=shown,
            known=", ".join(f"{name}://" for name in PACKAGES),
        )
    if without_secrets(address) != address:
        raise DatasetError(
            "The address {url} came with a password or key. Expected one without: what is in an"
            " address stands in records and logs. Give it in the environment instead.",
            url=shown,
        )
    rest = re.sub(r"(?<=.)/+", "/", rest).rstrip("/")
    if not rest or "::" in address or {"..", "."} & set(rest.split("/")) or not rest.isprintable():
        raise DatasetError(
            "{url} is no address of a folder. Expected one such as s3://bucket/photos.", url=shown
        )
    return Remote(f"{protocol.lower()}://{rest}")


def is_url(text: str) -> bool:
    """Whether a text is meant as a URL, not as a path."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.:-]*://", text) is not None


def without_secrets(address: str) -> str:
    """A URL without password, key and query."""
    protocol, _, rest = address.partition("://")
    host, slash, path = rest.partition("/")
    user, at, host = host.rpartition("@")
    if at and protocol == "sftp" and ":" not in user:  # a name to sign in by is no secret
        host = f"{user}@{host}"
    if protocol in ("http", "https"):
        path = re.split(r"[?#]", path, maxsplit=1)[0]
    return f"{protocol}://{host}{slash}{path}"


def listed(place: Place) -> Place:
    """The same place as it is now: one elsewhere is listed anew, so that no photo is asked for."""
    if not isinstance(place, Remote):
        return place
    found = place.fresh()
    _ = found.listing
    return found


def digest(place: Place) -> str:
    """What a file holds, as 32 hexadecimal digits of BLAKE2b."""
    if isinstance(place, Remote):
        total = hashlib.blake2b(digest_size=16)
        for block in place.blocks():
            total.update(block)
        return total.hexdigest()
    with files.open_regular(place) as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _patience() -> dict[str, Any]:
    """What bounds the waiting for a server; by default that is five minutes for each file."""
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_SILENCE, sock_read=_SILENCE)
    return {"client_kwargs": {"timeout": timeout}}


def _unanswered(url: str, error: Exception) -> DownloadError | None:
    """Why a server gave nothing, where that is known by the name of an error of aiohttp."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    parts = urlsplit(url)
    cause = getattr(error, "os_error", None) or error
    values = {
        "url": files.shown(url, 200),
        "host": parts.hostname or url,
        "reason": files.shown(getattr(cause, "strerror", None) or str(cause), 120),
    }
    if kinds & {"ClientSSLError", "SSLError", "ServerFingerprintMismatch"}:
        return DownloadError(
            "The certificate of {host} can't be verified ({reason}), so nothing was read. Check the"
            " address and this computer's date.",
            **values,
        )
    if kinds & {"ClientConnectorDNSError", "gaierror"} or isinstance(cause, socket.gaierror):
        return DownloadError(
            "No host is called {host} ({reason}). Check the address and the network.", **values
        )
    if "TimeoutError" in kinds:
        return DownloadError(
            "{url} gives no answer within {seconds} s. Check the address, then try again.",
            seconds=int(_SILENCE),
            **values,
        )
    if "TooManyRedirects" in kinds:
        return DownloadError(
            "{url} redirects again and again. Check the address, or ask whoever runs its server.",
            **values,
        )
    if "ClientResponseError" in kinds:
        return DownloadError(
            "{host} answers with status {code} instead of {url}. Check the address, or try again"
            " later.",
            code=getattr(error, "status", 0),
            **values,
        )
    if kinds & {"ClientPayloadError", "ServerDisconnectedError", "ConnectionResetError"}:
        return DownloadError(
            "{host} broke off before {url} was complete. Check the network, then try again.",
            **values,
        )
    if kinds & {"ClientConnectionError", "ConnectionError"}:
        return DownloadError(
            "Nothing answers at {url} ({reason}). Check the address, and that its server runs.",
            **values,
        )
    return None


def _stamp(told: Mapping[str, Any]) -> Stamp:
    marks = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "created")
    mark = next((str(told[name]) for name in marks if told.get(name)), "")
    number = int.from_bytes(hashlib.blake2b(mark.encode(), digest_size=7).digest())
    return Stamp(int(told.get("size") or 0), number)
