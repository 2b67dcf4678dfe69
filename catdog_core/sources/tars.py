"""A stranger's tar, plain or compressed: read once from front to end, never extracted by tarfile.

What `tarfile.data_filter` refuses is refused here too, by the checks all archives share; beyond
it, memory is bounded: of a header, of a compression's dictionary, of the list of members.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import IO, Any, NoReturn, Protocol, cast

from .. import limits
from ..errors import DatasetError
from . import entries
from .entries import Entry

_CHUNK = 1 << 18  # bytes of compressed xz read at once
_MAX_HEADER = 1 << 16  # bytes of PAX values, which are read whole
_MAX_RECORDS = 200  # PAX values of an entry; programs write a dozen
_IDLE = 1_000_000  # bytes that may be read without anything unpacked
_XZ_MEMORY = 100 << 20  # bytes; xz -9 wants 65 MiB
_LONG_NAMES = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_PAX = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
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
                if member.size < 0:
                    raise tarfile.InvalidHeaderError("size")  # type: ignore[attr-defined]
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
        most = _MAX_HEADER if self.type in _PAX else entries.MAX_NAME + 1
        if self.type in (*_LONG_NAMES, *_PAX) and self.size > most:
            raise _too_long(self.size, most)
        if self.type == tarfile.GNUTYPE_SPARSE:
            raise entries.special(self.name)
        return super()._proc_member(archive)  # type: ignore[misc]

    def _proc_pax(self, archive: Any) -> Any:
        """Read a PAX header's path and size; tarfile's own way takes quadratic time for digits."""
        values = _pax_values(archive.fileobj.read(self._block(self.size))[: self.size])  # type: ignore[attr-defined]
        if any(key.startswith(b"GNU.sparse.") for key in values):
            raise entries.special(self.name)
        if self.type == tarfile.XGLTYPE and b"hdrcharset" in values:
            archive.pax_headers["hdrcharset"] = ""
        try:
            member = self.fromtarfile(archive)
        except tarfile.HeaderError as error:
            raise tarfile.SubsequentHeaderError(str(error)) from None  # type: ignore[attr-defined]
        known = {key.decode(): "" for key in (b"path", b"hdrcharset") if key in values}
        if self.type == tarfile.XGLTYPE:  # of all entries that follow: no path, no size
            return member
        member.pax_headers = {**archive.pax_headers, **known}  # they tell how its name is encoded
        if b"path" in values:
            name = values[b"path"].decode("utf-8", "surrogateescape").rstrip("/")
            if len(values[b"path"]) > entries.MAX_NAME:
                raise _too_long(len(values[b"path"]), entries.MAX_NAME)
            member.name = name
        if b"size" in values:
            if not re.fullmatch(rb"[0-9]{1,19}", values[b"size"]):
                raise tarfile.InvalidHeaderError("size")  # type: ignore[attr-defined]
            member.size = int(values[b"size"])
            plain = member.isreg() or member.type not in tarfile.SUPPORTED_TYPES
            archive.offset = member.offset_data + (member._block(member.size) if plain else 0)  # type: ignore[attr-defined]
        member.offset = self.offset
        return member

    def _refuse_sparse(self, *_: object) -> NoReturn:
        raise entries.special(self.name)

    # Maps of holes, which may be millions; no photo has holes.
    _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _refuse_sparse


def _pax_values(data: bytes) -> dict[bytes, bytes]:
    """The values of a PAX header: "length key=value\\n" each; what follows damage is left out."""
    at, values = 0, dict[bytes, bytes]()
    for _ in range(_MAX_RECORDS):
        space = data.find(b" ", at, at + 8)
        length = int(data[at:space]) if data[at : max(space, at)].isdigit() else 0
        if space < 0 or at + length <= space + 1:
            return values
        key, _, value = data[space + 1 : at + length - 1].partition(b"=")
        values[key] = value
        at += length
    if at < len(data):
        raise DatasetError(
            "The tar archive gives more than {limit} values for one entry. Pack it again with an"
            " ordinary program.",
            limit=_MAX_RECORDS,
        )
    return values


def _too_long(size: int, limit: int) -> DatasetError:
    return DatasetError(
        "The tar archive holds a name or header of {size:,} bytes. Expected at most {limit:,}.",
        size=size,
        limit=limit,
    )


class _Reads(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Bounded:
    """The unpacked stream of a file from its start, which ends in an error when it is a bomb."""

    def __init__(self, file: IO[bytes]) -> None:
        self._packed, self._done, self._allowed = file.seek(0, 2), 0, limits.current()
        file.seek(0)
        self._file, self._taken = file, 0
        self._stream = _unpacked(cast(IO[bytes], _Source(file, self._count)))

    def _count(self, size: int) -> None:
        """Refuse a file that is unpacked without end and gives nothing: of many empty streams."""
        self._taken += size
        if self._taken > _IDLE + 1.25 * self._done:
            raise DatasetError(
                "The archive is made of many packed parts that hold nothing. Pack it again with an"
                " ordinary program."
            )

    def read(self, size: int) -> bytes:
        """As of any file."""
        data = self._stream.read(size)
        self._done += len(data)
        if self._done > entries.FREE + self._allowed.archive_ratio * self._packed:
            raise entries.too_large(self._done, self._packed)
        if self._done > 2 * self._allowed.archive_bytes:
            raise entries.too_large(self._done)
        return data


class _Source:
    """A packed file of which each reading is counted before what was read is unpacked."""

    def __init__(self, file: IO[bytes], count: Callable[[int], None]) -> None:
        self._file, self._count = file, count

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._count(len(data))
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


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
