"""A stranger's zip: its table of contents judged before it is believed."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import PurePosixPath
from typing import IO

from .. import limits
from ..errors import DatasetError
from . import entries
from .entries import Entry

_CHUNK = 1 << 20
_MAX_ROW = 512  # bytes of the table for each entry, read before it is parsed


class Zip:
    """The entries of a zip.

    Raises:
        DatasetError: a bomb, by the table of contents, or protected by a password; on iteration,
            an entry that is no plain file.
        zipfile.BadZipFile: it is no zip.
    """

    def __init__(self, file: IO[bytes]) -> None:
        _refuse_long_table(file)
        self._archive = zipfile.ZipFile(file)
        infos = self._archive.infolist()
        if len(infos) > limits.current().archive_entries:
            raise entries.too_many(len(infos))
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
            yield Entry(
                _path(info), info.file_size, info.is_dir(), partial(self._archive.open, info)
            )


def _refuse_long_table(file: IO[bytes]) -> None:
    """Count entries before `zipfile` makes an object of each: a small file may hold millions."""
    size, most = file.seek(0, 2), limits.current().archive_entries
    file.seek(max(0, size - _MAX_ROW * most))
    # The table lies at the end. Photos before it may hold the mark by chance, once in 4 GB.
    count, last = 0, b""
    while chunk := file.read(_CHUNK):
        count += (last + chunk).count(b"PK\x01\x02")
        last = chunk[-3:]
    file.seek(0)
    if count > most:
        raise entries.too_many(count)


def _refuse_overlap(infos: list[zipfile.ZipInfo]) -> None:
    end = 0
    for info in sorted(infos, key=lambda i: i.header_offset):
        if info.header_offset < end:
            raise DatasetError(
                "Entries of the zip archive overlap, as in a decompression bomb. Pack it again with"
                " an ordinary program."
            )
        end = info.header_offset + 30 + info.compress_size


def _path(info: zipfile.ZipInfo) -> PurePosixPath:
    """An entry's path, its name read as it was meant.

    Names not marked as UTF-8 are read as cp437 by `zipfile`. Korean Windows packs cp949 that way,
    macOS UTF-8; photos of Korean classes would come out as line-drawing characters.
    """
    name = info.filename
    if not info.flag_bits & 0x800 and not name.isascii():
        for encoding in ("utf-8", "cp949"):
            with suppress(UnicodeError):
                name = name.encode("cp437").decode(encoding)
                break
    return PurePosixPath(name.replace("\\", "/"))
