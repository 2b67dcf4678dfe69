"""Download a file; after a break go on from there, and say in words why it cannot be done.

<name>.part    what has come so far
<name>.json    where it came from, and the server's mark (ETag or date) of that very version
<name>         the whole file
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import TypedDict, cast
from urllib.error import HTTPError

import filelock

from ..base import files
from ..base.errors import DownloadError
from . import http_errors

TIMEOUT = 20.0
"""Seconds without a sign from the server after which a connection counts as broken."""
TRIES = 5
"""Connections in a row that bring nothing new before the download is given up."""
PAUSE = 1.0
"""Seconds before the second try; doubled for each further one."""
STALL_SECONDS = 60.0
"""Seconds in which at least `_CHUNK` bytes must come, or the connection counts as broken."""
FORMAT = 1
_CHUNK = 1 << 16
_MIN_PROGRESS_BYTES = 1 << 20  # bytes that make a broken connection worth another try
_TOO_BUSY = {408, 425, 429, 500, 502, 503, 504}

Progress = Callable[[int, int], None]


def downloads_folder() -> Path:
    """Return the cache folder of downloads."""
    return files.cache_folder() / "downloads"


class _BrokenError(Exception):
    """A connection that ended before its time; `error` is what to raise when it is the last one."""

    def __init__(self, error: DownloadError) -> None:
        super().__init__(str(error))
        self.error = error


class _PartRecord(TypedDict):
    """What <name>.json says of <name>.part; `mark` is the server's for that version of the file."""

    format: int
    url: str
    mark: str
    md5: str | None


@dataclass
class Download:
    """One file to fetch; `run` does it.

    `folder` is where it is kept, `limit` the most bytes accepted, `magic` what its
    content begins with. `progress` is called with (bytes done, bytes in all, 0 where unknown),
    `stopped` is asked now and then whether to give up. `timeout`, `pause` and `patience` are
    seconds.
    """

    url: str
    folder: Path
    limit: int
    magic: bytes = b""
    progress: Progress = lambda done, total: None
    stopped: Callable[[], bool] = lambda: False
    timeout: float = TIMEOUT
    tries: int = TRIES
    pause: float = PAUSE
    patience: float = STALL_SECONDS
    _news: int = field(default=0, init=False)

    def run(self) -> Path:
        """Fetch the file, or what is missing of it.

        Returns:
            Its path, `folder` / the last part of the URL. A whole file there is left as
            it is.

        Raises:
            DownloadError: no network, refused, gone, too large, another content, a full disk, or
                stopped. What has come so far is kept, and the next call goes on from there.
        """
        target = self.folder / self._name
        with http_errors.wrap_disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with filelock.FileLock(self.folder / f"{self._name}.lock", timeout=0):
                if not target.is_file():
                    self._persist()
                    with http_errors.wrap_disk_errors(self.folder):
                        self._verify()
                        os.replace(self._part, target)
                        self._record.unlink(missing_ok=True)
        except filelock.Timeout as error:
            raise DownloadError(
                "Another window or program is already downloading {name}. Wait until it finishes.",
                name=self._name,
            ) from error
        return target

    @property
    def _name(self) -> str:
        return self.url.rsplit("/", 1)[-1]

    @property
    def _part(self) -> Path:
        return self.folder / f"{self._name}.part"

    @property
    def _record(self) -> Path:
        return self.folder / f"{self._name}.json"

    def _persist(self) -> None:
        """Connect again and again until all is there, or until that brings nothing more."""
        failed = 0
        while True:
            before = self._news
            try:
                return self._connect()
            except _BrokenError as broken:
                failed = 1 if self._news - before >= _MIN_PROGRESS_BYTES else failed + 1
                if failed >= self.tries:
                    raise broken.error from broken
            self._wait(self.pause * 2 ** (failed - 1))

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._refuse_stopped()
            time.sleep(min(left, 0.1))

    def _refuse_stopped(self) -> None:
        if self.stopped():
            raise DownloadError(
                "The download was stopped. Start it again to resume where it left off."
            )

    def _connect(self) -> None:
        known = self._read_record()
        have = self._part.stat().st_size if known else 0
        request = urllib.request.Request(self.url, headers={"User-Agent": "CatDogLab"})
        if known:
            request.add_header("Range", f"bytes={have}-")
            request.add_header("If-Range", known["mark"])
        try:
            with http_errors.make_url_opener().open(request, timeout=self.timeout) as response:
                self._take(cast(HTTPResponse, response), have, known)
        except HTTPError as error:
            error.close()
            download_error = http_errors.status_error(self.url, error.code)
            if error.code == 416:  # more is here than there: not the file it was
                self._forget()
            elif error.code not in _TOO_BUSY:
                raise download_error from error
            raise _BrokenError(download_error) from error
        except (OSError, HTTPException) as error:
            download_error = http_errors.connection_error(self.url, error)
            if not self._news and not http_errors.is_transient_error(error):
                raise download_error from error
            raise _BrokenError(download_error) from error

    def _read_record(self) -> _PartRecord | None:
        """Return what is known of the part that is here; None where it cannot be gone on with."""
        with suppress(OSError, TypeError, KeyError):
            known = files.read_json_object(self._record)
            if known.get("format", 1) > FORMAT:  # of a newer program: fetched anew
                return None
            if known["url"] == self.url and known["mark"] and self._part.stat().st_size:
                return cast(_PartRecord, known)
        return None

    def _forget(self) -> None:
        with http_errors.wrap_disk_errors(self.folder):
            self._part.unlink(missing_ok=True)
            self._record.unlink(missing_ok=True)

    def _take(self, response: HTTPResponse, have: int, known: _PartRecord | None) -> None:
        """Append what comes to what is here, or begin anew where the server sends all of it."""
        if response.status == 206:
            start, total = _content_range(response)
            known_marks = ("", known["mark"]) if known else ("",)
            if start != have or _version_mark(response) not in known_marks:
                self._forget()
                raise _BrokenError(http_errors.changed_error(self.url))
        else:
            have, total = 0, _content_length(response)
            self._forget()
            record: _PartRecord = {
                "format": FORMAT,
                "url": self.url,
                "mark": _version_mark(response),
                "md5": _md5(response),
            }
            files.write_json(self._record, record)
        self._refuse_size(total, total - have)
        self.progress(have, total)
        since, then = time.monotonic(), have
        while chunk := response.read1(_CHUNK):
            if have == 0 and not self.magic.startswith(chunk[: len(self.magic)]):
                raise http_errors.wrong_content_error(self.url, response.headers.get_content_type())
            with http_errors.wrap_disk_errors(self.folder):
                _append_bytes(self._part, chunk)
            have += len(chunk)
            self._news += len(chunk)
            self._refuse_size(have, 0)
            self.progress(have, total)
            self._refuse_stopped()
            if (now := time.monotonic()) - since > self.patience:
                if have - then < _CHUNK:
                    raise _BrokenError(http_errors.slow_error(self.url))
                since, then = now, have
        if have < total:
            raise _BrokenError(http_errors.cut_short_error(self.url, have, total))

    def _refuse_size(self, total: int, wanted: int) -> None:
        if total > self.limit:
            raise DownloadError(
                "{url} has {total:,} bytes or more instead of at most {limit:,}, so it has "
                "changed. Look for a newer version of CatDog Lab.",
                url=self.url,
                total=total,
                limit=self.limit,
            )
        if wanted and wanted > (free := shutil.disk_usage(self.folder).free):
            raise DownloadError(
                "The download needs {wanted:,} more bytes, but the disk has only {free:,} free. "
                "Free some space, or move the workspace with CATDOG_WORKSPACE, then try again.",
                wanted=wanted,
                free=free,
            )

    def _verify(self) -> None:
        """Compare the whole with the checksum the server gave for it, where it gave one."""
        expected = files.read_json(self._record).get("md5")
        with open(self._part, "rb") as file:
            checksum = hashlib.file_digest(file, partial(hashlib.md5, usedforsecurity=False))
        if expected and checksum.hexdigest() != expected:
            self._forget()
            raise DownloadError(
                "{url} was damaged during download. Its checksum doesn't match the server's. Try"
                " again.",
                url=self.url,
            )


def _append_bytes(path: Path, data: bytes) -> None:
    with open(path, "ab") as file:
        file.write(data)


def _version_mark(response: HTTPResponse) -> str:
    """What names this version of the file; empty where nothing does so to the byte."""
    mark = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
    return "" if mark.startswith("W/") else mark


def _md5(response: HTTPResponse) -> str | None:
    """The checksum Google's storage sends along, as hexadecimal digits."""
    header = ",".join(response.headers.get_all("x-goog-hash") or [])
    match = re.search(r"md5=([A-Za-z0-9+/]{22}==)", header)
    return base64.b64decode(match[1]).hex() if match else None


def _content_length(response: HTTPResponse) -> int:
    """Bytes of the whole, 0 where the server doesn't say them in up to 15 digits."""
    header = (response.headers.get("Content-Length") or "").strip()
    return int(header) if re.fullmatch(r"[0-9]{1,15}", header) else 0


def _content_range(response: HTTPResponse) -> tuple[int, int]:
    """First byte and length of the whole, of an answer that is a part; (-1, 0) if it says none."""
    match = re.fullmatch(
        r"bytes ([0-9]{1,15})-[0-9]{1,15}/([0-9]{1,15})",
        response.headers.get("Content-Range") or "",
    )
    return (int(match[1]), int(match[2])) if match else (-1, 0)
