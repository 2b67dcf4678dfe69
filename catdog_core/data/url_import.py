"""Download photos at a URL for an import: an archive, or a folder of photos by class.

What is there is reached through `fsspec`, which knows object stores by their protocols: the package
behind one is imported when the first such URL is opened. Credentials come from the environment,
such as ``AWS_ACCESS_KEY_ID``, or from the files of fsspec's configuration. A URL with a password is
refused, since URLs stand on pages and in logs.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any, NotRequired, TypedDict
from urllib.parse import unquote, urlsplit

from ..base import files, limits
from ..base.errors import N_, CatDogError, DatasetError, DownloadError
from . import archive_safety, archives
from .archive_safety import ArchiveEntry
from .folder_tree import is_junk

FILESYSTEM_PACKAGES = {
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
_SILENCE = 20.0  # seconds without a byte, after which a server counts as one that does not answer
_BLOCK = 1 << 20
_AT_ONCE = 8  # photos downloaded side by side: each is a wait for the net
_TRIES = 3
_PAUSE = 1.0  # seconds before the second try, twice as long before the third

Progress = Callable[[int, int], None]
_BROKE_OFF = N_(
    "The connection to {host} broke before {url} was complete. Check the network, then try again."
)
_NO_ANSWER = N_(
    "{url} doesn't respond ({reason}). Check the address and that its server is running."
)
_FAILURES = {
    "ClientSSLError": N_(
        "The certificate of {host} can't be verified ({reason}), so nothing was read. Check the"
        " address and this computer's date."
    ),
    "gaierror": N_("There's no host named {host} ({reason}). Check the address and the network."),
    "TimeoutError": N_(
        "{url} didn't respond within {seconds} s. Check the address, then try again."
    ),
    "TooManyRedirects": N_(
        "{url} redirects too many times. Check the address, or ask whoever runs its server."
    ),
    "ClientResponseError": N_(
        "{host} returned status {code} for {url}. Check the address, or try again later."
    ),
    "ClientPayloadError": _BROKE_OFF,
    "ServerDisconnectedError": _BROKE_OFF,
    "ConnectionResetError": _BROKE_OFF,
    "ClientConnectionError": _NO_ANSWER,
    "ConnectionError": _NO_ANSWER,
    "PermissionError": N_(
        "You don't have permission to read {url}. Check the credentials in the environment, then "
        "try again."
    ),
    "Exception": N_(
        "{url} couldn't be read: {reason}. Check the address, the network and the credentials in "
        "the environment."
    ),
}
"""What an error means, by the name of its class: each package behind fsspec has its own."""


def is_url(text: str) -> bool:
    """Tell whether a text is meant as a URL, not as a path."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.:-]*://", text) is not None


def strip_url_secrets(url: str) -> str:
    """Return a URL without password, key and query."""
    protocol, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    user, at, host = host.rpartition("@")
    if at and protocol == "sftp" and ":" not in user:  # a name to sign in by is no secret
        host = f"{user}@{host}"
    if protocol.lower() in ("http", "https"):
        path = re.split(r"[?#]", path, maxsplit=1)[0]
    return f"{protocol}://{host}{slash}{path}"


def normalize_url(url: str) -> str:
    """Return a URL in its plain form.

    Raises:
        DatasetError: its protocol is not known, or it holds a password or a query, nests another
            or leads upwards. The message holds no secret.
    """
    protocol, _, rest = url.partition("://")
    protocol, shown = protocol.lower(), files.truncate_for_display(strip_url_secrets(url), 200)
    if protocol not in FILESYSTEM_PACKAGES:
        raise DatasetError(
            "{url} uses a protocol the lab doesn't support. Use one of {known}.",
            url=shown,
            known=", ".join(f"{name}://" for name in FILESYSTEM_PACKAGES),
        )
    if strip_url_secrets(url) != url:
        raise DatasetError(
            "The address {url} included a password or key, which would end up in records and "
            "logs. Set it in the environment instead.",
            url=shown,
        )
    rest = re.sub(r"(?<=.)/+", "/", rest).rstrip("/")
    if not rest or "::" in url or _leads_upwards(rest) or not rest.isprintable():
        raise DatasetError(
            "{url} isn't the address of a folder. Use one such as s3://bucket/photos.", url=shown
        )
    return f"{protocol}://{rest}"


def url_file_name(url: str) -> str:
    """Return the last part of a URL: the name of the folder or archive."""
    last = url.rsplit("/", 1)[-1]
    return unquote(last) if _is_http(url) else last


def download_url(
    url: str,
    folder: Path,
    progress: Progress = lambda done, total: None,
    stopped: Callable[[], bool] = lambda: False,
    is_allowed: Callable[[str], bool] = lambda url: True,
) -> Path | list[ArchiveEntry]:
    """Download an archive, or the photos of a folder.

    Args:
        url: an archive by the end of its name, else a folder.
        folder: a new folder; the caller removes it, also after an error.
        progress: called with (bytes done, bytes in all, 0 where unknown).
        stopped: asked now and then whether to give up.
        is_allowed: asked of each address that the server redirects to.

    Returns:
        The archive's file, or the folder's entries by their true names, which read from `folder`.

    Raises:
        DatasetError: a bad URL, nothing there, a missing package, too many files or bytes.
        DownloadError: the place does not answer, or breaks off.
        CatDogError: stopped, or the disk is full or not writable.
    """
    url = normalize_url(url)
    with files.wrap_os_errors(folder):
        folder.mkdir(parents=True)
    with _explain_errors(url):
        import fsspec

        # Not of the whole URL: a name may hold what fsspec takes for a URL in a URL.
        protocol, _, rest = url.partition("://")
        options = {"client_kwargs": _http_client(is_allowed)} if _is_http(url) else {}
        host = f"{protocol}://{rest.partition('/')[0]}"
        system, _ = fsspec.core.url_to_fs(host, skip_instance_cache=True, **options)
        work = _UrlDownload(url, system, folder, progress, stopped)
        return (
            work.archive()
            if url.lower().endswith(archive_safety.ARCHIVE_SUFFIXES)
            else work.photos()
        )


class _FileInfo(TypedDict):
    """What fsspec's `ls` and `info` say of a file or folder, as far as it is used here."""

    name: str
    type: str
    size: NotRequired[int | None]


class _UrlDownload:
    """What is downloaded from a URL, and how much of it has come."""

    def __init__(
        self,
        url: str,
        system: Any,
        folder: Path,
        progress: Progress,
        stopped: Callable[[], bool],
    ) -> None:
        self._url, self._system, self._folder = url, system, folder
        self._top = _path_in(system, url)
        self._is_http = _is_http(url)
        self._progress, self._stopped = progress, stopped
        self._done = self._total = 0
        self._lock = threading.Lock()
        self._failed = False

    def archive(self) -> Path:
        """Download one file."""
        size = None if self._is_http else int(self._system.info(self._top)["size"])
        target = self._folder / "archive"
        self._expect(size or 0)
        self._fetch(self._top, target, size, limits.current_limits().archive_bytes)
        return target

    def photos(self) -> list[ArchiveEntry]:
        """Download the photos of a folder; of other files the names are enough."""
        listed = list(self._listed())
        if not listed:
            raise DatasetError(
                "{url} has no files. Choose an archive, or a folder with one photo folder per "
                "class.",
                url=files.truncate_for_display(self._url, 200),
            )
        self._expect(sum(entry.size for _, entry in listed if entry.is_photo))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            try:
                return list(pool.map(self._photo, range(len(listed)), listed))
            except BaseException:
                self._failed = True  # those under way end at their next block
                raise

    def _listed(self) -> Iterator[tuple[str, ArchiveEntry]]:
        """What lies below the folder, each with its path in the file system."""
        most, waiting, count = limits.current_limits().archive_entries, [self._top], 0
        while waiting:
            here = waiting.pop()
            for path, info in self._inside(here):
                inner = path[len(self._top.rstrip("/")) + 1 :]
                name = PurePosixPath(unquote(inner) if self._is_http else inner)
                junk = any(is_junk(part) for part in name.parts if part != "..")  # which is refused
                if junk or info["type"] not in ("file", "directory"):
                    continue
                count += 1
                if count > most:
                    raise DatasetError(
                        "{url} has {count:,} files or more. Choose a folder with at most "
                        "{limit:,}.",
                        url=files.truncate_for_display(self._url, 200),
                        count=count,
                        limit=most,
                    )
                self._came(0)
                is_folder = info["type"] == "directory"
                if is_folder:
                    waiting.append(path)
                yield path, ArchiveEntry(name, int(info.get("size") or 0), is_folder, BytesIO)

    def _inside(self, folder: str) -> list[tuple[str, _FileInfo]]:
        """The files and folders right inside a folder, by path; no links that lead out of it."""
        try:
            entries: dict[str, _FileInfo] = {
                str(info["name"]): info for info in self._system.ls(folder, detail=True)
            }
        except FileNotFoundError:
            if folder == self._top:
                raise
            return []
        start = folder.rstrip("/") + "/"
        return [
            (path, info)
            for path, info in sorted(entries.items())
            if path.startswith(start)
            and path[len(start) :].strip("/")
            and not (self._is_http and re.search(r"[?#]|/\.\./", path))
        ]

    def _photo(self, number: int, listed: tuple[str, ArchiveEntry]) -> ArchiveEntry:
        path, entry = listed
        if not entry.is_photo or (self._is_http and _leads_upwards(path)):
            return entry  # a name that leads upwards is refused with all names
        target, most = self._folder / str(number), limits.current_limits().photo_bytes
        _refuse_large(self._address(path), entry.size, most)
        # A list of links tells no sizes.
        size, mark = self._fetch(path, target, None if self._is_http else entry.size, most)
        copy = partial(files.open_regular, target)
        return ArchiveEntry(entry.path, size, False, copy, mark=mark if size else None)

    def _address(self, path: str) -> str:
        return path if self._is_http else self._url + path[len(self._top) :]

    def _fetch(self, path: str, target: Path, size: int | None, most: int) -> tuple[int, bytes]:
        """Write a file; return its bytes and digest. One that breaks off is tried again."""
        for attempt in range(1, _TRIES):
            with suppress(DownloadError):
                return self._copy(path, target, size, most)
            time.sleep(_PAUSE * attempt)
        return self._copy(path, target, size, most)

    def _copy(self, path: str, target: Path, size: int | None, most: int) -> tuple[int, bytes]:
        self._came(0)  # before a server that may be silent is asked
        url = self._address(path)
        # Without a block size a server is asked once, with a size it is not asked for that before.
        options = {"block_size": 0, "size": 1} if self._is_http else {}
        done, digest = 0, hashlib.blake2b(digest_size=16)
        try:
            with _explain_errors(url), self._system.open(path, "rb", **options) as source:
                with files.wrap_os_errors(target):
                    file = open(target, "wb")  # noqa: SIM115 - closed by the next line
                with file:
                    while block := source.read(_BLOCK):
                        done += len(block)
                        self._came(len(block))
                        _refuse_large(url, done, most)
                        digest.update(block)
                        with files.wrap_os_errors(target):
                            file.write(block)
                            file.flush()
                if size is not None and done != size:
                    raise DownloadError(
                        _BROKE_OFF, url=files.truncate_for_display(url, 200), host=_host(url)
                    )
        except BaseException:
            with self._lock:
                self._done -= done
            raise
        return done, digest.digest()

    def _expect(self, total: int) -> None:
        """Take note of how much is to come. Raises DatasetError where it is too much."""
        _refuse_large(self._url, total, limits.current_limits().archive_bytes)
        archives.refuse_full_disk(self._folder, total)
        self._total = total

    def _came(self, count: int) -> None:
        """Count bytes that have come. Raises CatDogError where no more are wanted."""
        with self._lock:
            self._done += count
            if self._failed or self._stopped():
                raise CatDogError("The download was stopped.")
            _refuse_large(self._url, self._done, limits.current_limits().archive_bytes)
            self._progress(self._done, self._total)


def _path_in(system: Any, url: str) -> str:
    """Return what a file system of fsspec calls a URL in its own methods.

    The public `url_to_fs` would do that too, but takes parts of some names for URLs in the URL.
    Every file system has this method, since fsspec asks its authors to override it.
    """
    return str(system._strip_protocol(url))


def _refuse_large(url: str, total: int, most: int) -> None:
    if total > most:
        raise DatasetError(
            "{url} has {total:,} bytes or more. Choose one with at most {limit:,}.",
            url=files.truncate_for_display(url, 200),
            total=total,
            limit=most,
        )


def _leads_upwards(path: str) -> bool:
    """Whether a path has a part `.` or `..`, written as it is or as a server decodes it."""
    return any({"..", "."} & set(each.split("/")) for each in (path, unquote(path)))


def _is_http(url: str) -> bool:
    return url.startswith(("http://", "https://"))


def _host(url: str) -> str:
    return files.truncate_for_display(urlsplit(url).hostname or url, 200)


def _as_https(url: Any) -> Any:
    """The same host by https, to which a server may lead."""
    return url.origin().with_scheme("https").with_port(None)


def _http_client(is_allowed: Callable[[str], bool]) -> dict[str, Any]:
    """What bounds the waiting for a server, five minutes a file by default, and where it leads."""
    import aiohttp

    async def refuse(_session: Any, _context: Any, request: Any) -> None:
        headers = request.response.headers
        location = headers.get("Location") or headers.get("URI")
        if not location:
            return  # then aiohttp follows nothing
        there = request.url.join(type(request.url)(location))
        if there.origin() in (request.url.origin(), _as_https(request.url)):
            if is_allowed(f"{request.url.origin()}{there.raw_path}"):
                return
            raise DatasetError(
                "{url} leads to {other}, which you can't open here. Import another address.",
                url=files.truncate_for_display(str(request.url), 200),
                other=files.truncate_for_display(strip_url_secrets(str(there)), 200),
            )
        raise DatasetError(
            "{url} leads to another server, {other}. Import that address if you trust it.",
            url=files.truncate_for_display(str(request.url), 200),
            other=files.truncate_for_display(strip_url_secrets(str(there)), 200),
        )

    redirects = aiohttp.TraceConfig()
    redirects.on_request_redirect.append(refuse)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_SILENCE, sock_read=_SILENCE)
    return {"timeout": timeout, "trace_configs": [redirects]}


@contextmanager
def _explain_errors(url: str) -> Iterator[None]:
    """Turn what fsspec and the packages behind it raise into a sentence."""
    shown = files.truncate_for_display(url, 200)
    try:
        yield
    except CatDogError:
        raise
    except FileNotFoundError as error:
        raise DatasetError("There's nothing at {url}. Check the address.", url=shown) from error
    except ImportError as error:
        package = (
            "fsspec" if error.name == "fsspec" else FILESYSTEM_PACKAGES[url.partition("://")[0]]
        )
        raise DatasetError(
            "{url} needs the package {package}, which isn't installed. Install it with: pip "
            "install {package}",
            url=shown,
            package=package,
        ) from error
    except Exception as error:
        cause = getattr(error, "os_error", None) or error
        names = {kind.__name__ for each in (error, cause) for kind in type(each).__mro__}
        message = next(text for name, text in _FAILURES.items() if name in names)
        reason = getattr(cause, "strerror", None) or str(cause) or type(error).__name__
        raise DownloadError(
            message,
            url=shown,
            host=_host(url),
            reason=files.truncate_for_display(reason, 120),
            code=getattr(error, "status", 0),
            seconds=int(_SILENCE),
        ) from error
