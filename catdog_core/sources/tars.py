"""A stranger's tar, plain or compressed: read once from front to end, never extracted by tarfile.

What `tarfile.data_filter` refuses is refused here too, by the checks all archives share; beyond
it, memory is bounded: of a header, of a compression's dictionary, of the list of members.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import IO, Any, NoReturn, Protocol, cast

from .. import limits
from ..errors import DatasetError
from . import entries
from .entries import Entry

_CHUNK = 1 << 18  # bytes of compressed xz read at once
_MAX_HEADER = 1 << 16  # bytes of a long name or of PAX values; tarfile reads them whole
_XZ_MEMORY = 100 << 20  # bytes; xz -9 wants 65 MiB
_LONG = (
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
)
MAGIC = {b"\x1f\x8b": "tar.gz", b"BZh": "tar.bz2", b"\xfd7zXZ\0": "tar.xz"}
"""How compressed files begin."""


class Tar:
    """The entries of a tar file, which may be compressed by gzip, bzip2 or xz.

    Raises, on iteration:
        DatasetError: it is damaged or cut short, unpacks to too much, or holds what is no file.
        tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError: it is damaged.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def __iter__(self) -> Iterator[Entry]:
        stream = _Bounded(self._file)
        source = cast(IO[bytes], stream)
        with tarfile.open(
            fileobj=source,
            mode="r|",
            tarinfo=_Header,
            encoding="utf-8",
            errors="surrogateescape",
        ) as archive:
            while (member := archive.next()) is not None:
                archive.members.clear()  # type: ignore[attr-defined]  # else kept for random access, 150,000 of them
                if not member.isreg() and not member.isdir():
                    raise entries.special(member.name)
                open_ = cast(Any, partial(archive.extractfile, member))
                size = member.size if member.isreg() else 0
                path, raw = _name(member)
                yield Entry(path, size, member.isdir(), open_, raw)
        while stream.read(_CHUNK):  # to the end, where the checksum of the compression stands
            pass


class _Header(tarfile.TarInfo):
    """A header that stands for a damaged archive, where tarfile would call it the end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Header:
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if isinstance(error, tarfile.EOFHeaderError):  # type: ignore[attr-defined]
                raise
            raise DatasetError(
                "The tar archive is damaged or cut short ({reason}). Pack it again, or upload it"
                " again.",
                reason=str(error),
            ) from error

    def _proc_member(self, archive: tarfile.TarFile) -> Any:
        if self.type in _LONG and self.size > _MAX_HEADER:
            raise DatasetError(
                "The tar archive holds a name or header of {size:,} bytes. Expected at most"
                " {limit:,}.",
                size=self.size,
                limit=_MAX_HEADER,
            )
        if self.type == tarfile.GNUTYPE_SPARSE:
            raise entries.special(self.name)
        return super()._proc_member(archive)  # type: ignore[misc]

    def _refuse_sparse(self, *_: object) -> NoReturn:
        raise entries.special(self.name)

    # Maps of holes, which may be millions; no photo has holes.
    _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _refuse_sparse


class _Reads(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Bounded:
    """The unpacked stream of a file from its start, which ends in an error when it is a bomb."""

    def __init__(self, file: IO[bytes]) -> None:
        self._packed, self._done, self._allowed = file.seek(0, 2), 0, limits.current()
        file.seek(0)
        self._stream = _unpacked(file)

    def read(self, size: int) -> bytes:
        """As of any file."""
        data = self._stream.read(size)
        self._done += len(data)
        if self._done > entries.FREE + self._allowed.archive_ratio * self._packed:
            raise entries.too_large(self._done, self._packed)
        if self._done > 2 * self._allowed.archive_bytes:
            raise entries.too_large(self._done)
        return data


def _unpacked(file: IO[bytes]) -> _Reads:
    head = file.read(6)
    file.seek(0)
    kind = next((kind for magic, kind in MAGIC.items() if head.startswith(magic)), "tar")
    if kind == "tar.gz":
        return gzip.GzipFile(fileobj=file)
    if kind == "tar.bz2":
        return bz2.BZ2File(file)
    return _Xz(file) if kind == "tar.xz" else file


class _Xz:
    """As `lzma.LZMAFile`, which takes no limit on the memory of its dictionary."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._rest = file, b""
        self._decoder = _new_decoder()

    def read(self, size: int) -> bytes:
        while True:
            if self._decoder.eof:
                # Streams may follow each other, padded with zeros.
                self._rest = (self._decoder.unused_data or self._file.read(_CHUNK)).lstrip(b"\0")
                if not self._rest:
                    return b""
                self._decoder = _new_decoder()
            elif self._decoder.needs_input and not self._rest:
                self._rest = self._file.read(_CHUNK)
                if not self._rest:
                    raise EOFError("the compressed file ends too early")
            rest, self._rest = self._rest, b""
            if data := self._decoder.decompress(rest, size):
                return data


def _new_decoder() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)


def _name(member: tarfile.TarInfo) -> tuple[PurePosixPath, bytes | None]:
    """A member's path, and its name as bytes where it does not say that it is UTF-8.

    PAX headers hold UTF-8. Other names have the encoding of the system that packed them:
    `entries.survey` finds one for all of them. The path is a first guess then.
    """
    name = member.name
    declared = "path" in member.pax_headers and "hdrcharset" not in member.pax_headers
    path = PurePosixPath(name.replace("\\", "/"))
    if name.isascii() or declared:
        return path, None
    return path, name.encode("utf-8", "surrogateescape")
