"""Check the frames of an untrusted TFRecord file before anything is read into memory.

A record is framed by its length (8 bytes, little end first), the length's checksum (4 bytes), and
after the data the data's checksum. TensorFlow's reader takes memory for whatever the length says.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO

from ..base import limits
from ..base.errors import DatasetError
from ..base.files import open_regular, truncate_for_display

MAX_RECORD = 32_000_000
"""Bytes a record may have; a photo has a few million at most."""
_NAME = re.compile(r"\.(tfrecords?|tfrec|record)(-\d+-of-\d+)?$|-\d{5}-of-\d{5}$", re.IGNORECASE)
_HEAD, _TAIL = 12, 4


def is_tfrecord_name(path: Path) -> bool:
    """Tell whether a file is a TFRecord by its name: cats.tfrecord, train-00000-of-00002."""
    return _NAME.search(path.name) is not None


def holds_tfrecords(path: Path) -> bool:
    """Tell whether a path is a TFRecord by its name, or a folder that holds some."""
    if path.is_dir():
        return any(is_tfrecord_name(inside) and inside.is_file() for inside in path.iterdir())
    return is_tfrecord_name(path) and path.is_file()


def index_records(path: Path) -> list[tuple[int, int]]:
    """Return where the records of a file begin, and their lengths, in bytes.

    Raises:
        DatasetError: it is no TFRecord, is compressed or cut short, a length is absurd, or
            there are too many records.
    """
    try:
        with open_regular(path) as file:
            most = limits.current_limits().archive_entries
            records = list(islice(_iter_frames(file, path), most + 1))
    except OSError as error:
        raise DatasetError(
            "{file} can't be read: {reason}. Check its permissions and that its disk is connected.",
            file=truncate_for_display(path.name),
            reason=error.strerror or str(error),
        ) from error
    if len(records) > most:
        raise too_many_records_error(len(records))
    return records


def too_many_records_error(count: int) -> DatasetError:
    """Return the error of more records than a dataset may have."""
    return DatasetError(
        "The TFRecords hold {count:,} records or more, but the limit is {limit:,}. Import some "
        "of the files.",
        count=count,
        limit=limits.current_limits().archive_entries,
    )


def _iter_frames(file: IO[bytes], path: Path) -> Iterator[tuple[int, int]]:
    end, offset = file.seek(0, 2), 0
    while offset < end:
        file.seek(offset)
        head = file.read(_HEAD)
        if len(head) < _HEAD:
            raise _cut_short_error(path, offset)
        length, crc = struct.unpack("<QI", head)
        if masked_crc32c(head[:8]) != crc:
            raise _bad_header_error(path, offset, head)
        if length > MAX_RECORD:
            raise DatasetError(
                "{file} claims a record of {length:,} bytes, but the limit is {limit:,} bytes "
                "per photo. Create the file again from its photos.",
                file=truncate_for_display(path.name),
                length=length,
                limit=MAX_RECORD,
            )
        if offset + _HEAD + length + _TAIL > end:
            raise _cut_short_error(path, offset)
        yield offset + _HEAD, length
        offset += _HEAD + length + _TAIL


def _bad_header_error(path: Path, offset: int, head: bytes) -> DatasetError:
    if head[:2] == b"\x1f\x8b" or head[:1] == b"\x78":
        return DatasetError(
            "{file} is compressed. Unpack it with gunzip, or write the TFRecord without "
            "compression.",
            file=truncate_for_display(path.name),
        )
    if offset == 0:
        return DatasetError(
            "{file} isn't a TFRecord. Choose a file written by tf.io.TFRecordWriter.",
            file=truncate_for_display(path.name),
        )
    return _damaged_error(path, offset)


def _damaged_error(path: Path, offset: int) -> DatasetError:
    return DatasetError(
        "{file} is damaged at byte {place:,}. The checksum doesn't match. Copy the file again.",
        file=truncate_for_display(path.name),
        place=offset,
    )


def _cut_short_error(path: Path, offset: int) -> DatasetError:
    return DatasetError(
        "{file} is truncated. Its last record, at byte {place:,}, is incomplete. Copy the file"
        " again.",
        file=truncate_for_display(path.name),
        place=offset,
    )


def masked_crc32c(data: bytes) -> int:
    """Return the checksum TFRecord stores: CRC-32C (Castagnoli), rotated, plus a constant."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
