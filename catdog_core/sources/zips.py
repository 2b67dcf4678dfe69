"""A stranger's zip: its table of contents judged before it is believed."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

from .. import limits
from ..errors import DatasetError
from . import entries
from .entries import Entry

_MAX_ROW = 512  # bytes of the table for each entry on average, read before it is parsed
_FREE_TABLE = 1 << 16  # bytes of the table besides
_MAX_EXTRA = 1024  # bytes of extra fields of a row, which zipfile reads in quadratic time
_ROW = 46  # bytes of a row without its name, extra fields and comment
_ZIP64_END = 76  # bytes of the second end of a large archive and of the pointer to it
_TABLE_SIZE, _END_PLACE = 5, 9  # in the list that zipfile makes of an archive's end


class Zip:
    """The entries of a zip.

    Raises:
        DatasetError: a bomb, by the table of contents, or protected by a password; on iteration,
            an entry that is no plain file.
        zipfile.BadZipFile: it is no zip.
    """

    def __init__(self, file: IO[bytes], most: int | None = None) -> None:
        refuse_long_table(file, most or limits.current().archive_entries)
        self._archive = zipfile.ZipFile(file)
        infos = self._archive.infolist()
        total, packed = sum(i.file_size for i in infos), sum(i.compress_size for i in infos)
        if total > entries.FREE + limits.current().archive_ratio * packed:
            raise entries.too_large(total, packed)
        _refuse_overlap(infos)

    def __iter__(self) -> Iterator[Entry]:
        for info in self._archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind and not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
                raise entries.special(info.filename)
            if info.flag_bits & 0x1:
                raise DatasetError(
                    "The zip archive is password-protected. Expected one without a password. Pack"
                    " it again without."
                )
            path, raw = _name(info)
            yield Entry(
                path,
                info.file_size,
                info.is_dir(),
                partial(self._archive.open, info),
                raw,
                (info.file_size, info.CRC) if info.file_size else None,
            )


def refuse_long_table(file: IO[bytes] | Path, most: int) -> None:
    """Refuse a table of contents too long to read: `zipfile` makes an object of each row.

    Args:
        file: what may be a zip; of another file nothing is said.
        most: rows the table may have.

    Raises:
        DatasetError: it has more rows, longer ones than names need, or a row of more extra fields
            than any program writes.
    """
    if isinstance(file, Path):
        with open(file, "rb") as stream:
            refuse_long_table(stream, most)
        return
    end: Any = zipfile._EndRecData(file)  # type: ignore[attr-defined]  # where zipfile finds the table
    if end:
        size, place = end[_TABLE_SIZE], end[_END_PLACE] - end[_TABLE_SIZE]
        if size > _FREE_TABLE + most * _MAX_ROW:
            raise entries.too_many(size // _MAX_ROW, most)
        if end[0] == b"PK\x06\x06":
            place -= _ZIP64_END
        if place >= 0:  # else zipfile refuses it
            file.seek(place)
            _refuse_rows(file.read(size), most)
    file.seek(0)


def _refuse_rows(table: bytes, most: int) -> None:
    at = count = 0
    while at + _ROW <= len(table) and table.startswith(b"PK\x01\x02", at):
        name, extra, comment = struct.unpack_from("<HHH", table, at + 28)
        at, count = at + _ROW + name + extra + comment, count + 1
        if count > most:
            raise entries.too_many(count, most)
        if extra > _MAX_EXTRA or name > entries.MAX_NAME:
            raise DatasetError(
                "The zip archive has an entry whose name or extra fields take {size:,} bytes."
                " Pack it again with an ordinary program.",
                size=name + extra,
            )


def _refuse_overlap(infos: list[zipfile.ZipInfo]) -> None:
    end = 0
    for info in sorted(infos, key=lambda i: i.header_offset):
        if info.header_offset < end:
            raise DatasetError(
                "Entries of the zip archive overlap, as in a decompression bomb. Pack it again with"
                " an ordinary program."
            )
        end = info.header_offset + 30 + info.compress_size


def _name(info: zipfile.ZipInfo) -> tuple[PurePosixPath, bytes | None]:
    """An entry's path, and its name as bytes where it does not say that it is UTF-8.

    Such names are read as cp437 by `zipfile`. Korean Windows packs cp949 that way, macOS UTF-8:
    `entries.survey` finds one encoding for all of them. The path is a first guess then.
    """
    name = info.orig_filename.partition("\0")[0]
    if name.isascii() or info.flag_bits & 0x800:
        return PurePosixPath(name.replace("\\", "/")), None
    raw = name.encode("cp437")
    if (declared := _unicode_path(info.extra, raw)) is not None:
        return PurePosixPath(declared.replace("\\", "/")), None
    return PurePosixPath(raw.decode("utf-8", "replace").replace("\\", "/")), raw


def _unicode_path(extra: bytes, raw: bytes) -> str | None:
    """The UTF-8 name in an entry's extra field (0x7075, of Info-ZIP), if it is of this name."""
    while len(extra) >= 4:
        kind, size = struct.unpack("<HH", extra[:4])
        body, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == 0x7075 and len(body) > 5 and body[0] == 1:
            with suppress(UnicodeError):
                if struct.unpack("<L", body[1:5])[0] == zlib.crc32(raw):
                    return body[5:].decode("utf-8").partition("\0")[0]
    return None
