"""Read zips and tars from outside safely: limits, entries, and names that are never trusted.

A zip's table of contents is checked before it is believed. A tar, plain or compressed, is read once
from front to end and never extracted by tarfile. What `tarfile.data_filter` refuses is refused
here too, by the checks all archives share; beyond it, memory is bounded: of a header, of a
compression's dictionary, of the list of members.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple, NoReturn, Protocol, cast

from ..base import files, limits
from ..base.errors import N_, DatasetError
from ..base.messages import Message
from ..imaging import photo_formats
from . import archive_folders, label_tables, text_encoding
from .folder_tree import File, Tree, is_junk
from .text_encoding import NameEncoding

FREE_BYTES = 50_000_000
"""Bytes any archive may unpack to, whatever its ratio: so few do no harm, and drawn pictures shrink
well. DEFLATE shrinks zeros to 1/1032 (zlib's manual), and photos hardly at all."""
MAX_DEPTH = 30
"""Folders within each other; datasets have 3 or 4. Deeper paths are too long for some systems."""
MAX_NAME = 10_000
"""Bytes of an entry's path with its folders; systems store 4,096 at most."""
ARCHIVE_SUFFIXES = (
    ".zip",
    ".tar",
    ".tar.gz",
    ".tgz",
    ".tar.bz2",
    ".tbz2",
    ".tar.xz",
    ".txz",
    ".tm",
)
"""What the names of archives that can be read end in."""
_ARCHIVES = (".zip", ".tm", ".tar", ".gz", ".tgz", ".7z", ".rar", ".bz2", ".tbz2", ".xz", ".txz")
_CHUNK = 1 << 20
_FOLDERS_PER_ENTRY = 4  # times as many folders as entries may be named by the paths of all entries
_MAX_LETTERS = 50_000_000  # of all names together
_MAX_ROW = 512  # bytes of the table for each entry on average, read before it is parsed
_FREE_TABLE = 1 << 16  # bytes of the table besides
_TABLE_BYTES = 2 * label_tables.MAX_BYTES  # of all tables of labels together
_SPARE_ROWS = 10  # times as many rows as files are read, to say how many files there are
_MAX_EXTRA = 1024  # bytes of extra fields of a row, which zipfile reads in quadratic time
_ROW = 46  # bytes of a row without its name, extra fields and comment
_ZIP64_END = 76  # bytes of the second end of a large archive and of the pointer to it
_TABLE_SIZE, _END_OFFSET = 5, 9  # in the list that zipfile makes of an archive's end
_XZ_CHUNK = 1 << 18  # bytes of compressed xz read at once
_MAX_HEADER = 1 << 16  # bytes of PAX values, which are read whole
_MAX_RECORDS = 200  # PAX values of an entry; programs write a dozen
_MAX_IDLE_BYTES = 1_000_000  # bytes that may be read without anything unpacked
_XZ_MEMORY = 100 << 20  # bytes; xz -9 wants 65 MiB
_LONG_NAMES = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_PAX = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
ARCHIVE_MAGIC = {b"\x1f\x8b": "tar.gz", b"BZh": "tar.bz2", b"\xfd7zXZ\0": "tar.xz"}
"""How compressed files begin."""
_UNSURE_ENCODING = N_(
    "The archive doesn't state its name encoding, so {names} is read as {encoding}. If that looks "
    "wrong, choose another encoding."
)


@dataclass(frozen=True, slots=True)
class ArchiveEntry:
    """A file or folder of an archive.

    `size` is what it claims, in bytes. `open` gives the content; for some archives only until the
    next entry is asked for. `raw` is the name as bytes where the archive does not declare its
    encoding; then `path` is a first guess, and `survey_entries` decides for all names together.
    `mark` is equal for entries of equal content, where the archive tells, and `group` for photos
    that belong on one side of a split. `split` and `label` are set where the source knows the
    class of a photo, whatever the names of its folders. `archive` numbers the archive it is in,
    from 1, where that is in another one or beside others; `opens` is the number of the archive
    that this entry is, whose entries follow.
    """

    path: PurePosixPath
    size: int
    is_folder: bool
    open: Callable[[], IO[bytes]]
    raw: bytes | None = None
    mark: Hashable = None
    split: str = ""
    label: int | None = None
    archive: int = 0
    opens: int = 0
    group: Hashable = None

    @property
    def is_photo(self) -> bool:
        """Whether it is a photo by its name."""
        return not self.is_folder and photo_formats.is_photo_name(self.path)

    @property
    def is_junk(self) -> bool:
        """Whether it was left there by an operating system, and is not worth a word."""
        return any(map(is_junk, self.path.parts))


@dataclass
class ArchiveSummary:
    """What an archive holds: its tree by true names, what else is to be said of it.

    `labelled` are photos whose source knows their split and label; `ignored` counts the others of
    such a source. `encodings` are the ways its names can be read, where more than one is likely.
    """

    tree: Tree
    warnings: list[Message] = field(default_factory=list)
    labelled: list[tuple[File, str, int]] = field(default_factory=list)
    ignored: int = 0
    encodings: tuple[NameEncoding, ...] = ()


class _EntryRecord(NamedTuple):
    """What is kept of an entry: an `ArchiveEntry` may hold on to its archive's buffers."""

    path: PurePosixPath
    raw: bytes | None
    size: int
    is_folder: bool
    mark: Hashable
    split: str
    label: int | None
    archive: int
    opens: int
    group: Hashable


def survey_entries(source: Iterable[ArchiveEntry], name: str, encoding: str = "") -> ArchiveSummary:
    """Look at all entries before any is unpacked, and decide how their names are encoded.

    Args:
        source: iterated once. Photos without a mark are read, to find those of equal content.
        name: of the dataset.
        encoding: of names that don't state it, one of `text_encoding.CANDIDATES`; by default the
            likeliest.

    Raises:
        DatasetError: an entry leads out of its folder or is an archive itself, or they are too
            many or too large.
    """
    listed: list[_EntryRecord] = []
    tables: dict[int, bytes] = {}
    total, letters, allowed = 0, 0, limits.current_limits()
    above = 0  # letters of the path of the archive that an entry is in
    for entry in source:
        above = len(str(entry.path)) if entry.opens else above if entry.archive else 0
        total, letters = total + entry.size, letters + len(str(entry.path)) + above
        if len(listed) >= allowed.archive_entries:
            raise too_many_entries_error(len(listed) + 1)
        if total > allowed.archive_bytes:
            raise archive_too_large_error(total)
        if letters > _MAX_LETTERS:
            raise DatasetError(
                "The archive's names have {letters:,} characters or more, but the limit is "
                "{limit:,}. Give its folders shorter names.",
                letters=letters,
                limit=_MAX_LETTERS,
            )
        if _is_table(entry, tables):
            with entry.open() as content:
                tables[len(listed)] = content.read(entry.size)
        mark = entry.mark
        fits = 0 < entry.size <= allowed.photo_bytes
        if mark is None and fits and entry.is_photo and not entry.is_junk:
            mark = _digest_entry(entry)
        facts = (entry.split, entry.label, entry.archive, entry.opens, entry.group)
        listed.append(
            _EntryRecord(entry.path, entry.raw, entry.size, entry.is_folder, mark, *facts)
        )
    if not listed:
        raise DatasetError("The archive is empty. Pack one photo folder per class.")
    summary = ArchiveSummary(Tree(name))
    paths = _decode_paths(listed, summary, encoding)
    for path in paths:
        _refuse_unsafe(path)
    if any(seen.opens for seen in listed):
        paths = _place_paths(listed, paths)
    for number, (seen, path) in enumerate(zip(listed, paths, strict=True)):
        _refuse_unsafe(path)
        if seen.opens or any(map(is_junk, path.parts)):
            continue
        _refuse_nested(path, seen.is_folder)
        file = File(path, seen.size, number, seen.mark, seen.group)
        if seen.label is not None:
            if file.is_photo:
                _refuse_large_photo(seen)
                summary.labelled.append((file, seen.split, seen.label))
            else:
                summary.ignored += 1
        elif seen.is_folder:
            summary.tree.empty_folder(path)
        else:
            if file.is_photo:
                _refuse_large_photo(seen)
            summary.tree.add(file)
            if number in tables:
                summary.tree.texts[path] = tables[number]
        if summary.tree.count > _FOLDERS_PER_ENTRY * allowed.archive_entries:
            raise DatasetError(
                "The archive's paths name {count:,} folders or more, but the limit is {limit:,}. "
                "Pack it with fewer folders.",
                count=summary.tree.count,
                limit=_FOLDERS_PER_ENTRY * allowed.archive_entries,
            )
    return summary


def _is_table(entry: ArchiveEntry, tables: dict[int, bytes]) -> bool:
    """Whether to keep the content of an entry, since it may be a table of labels."""
    if entry.is_folder or entry.is_junk or not label_tables.is_table(entry.path):
        return False
    known = sum(map(len, tables.values()))
    most = 10 * label_tables.MAX_TABLES
    if label_tables.is_json(entry.path):  # there can be one for each photo; tables go first
        known, most = 2 * known, label_tables.MAX_TABLES
    return len(tables) < most and 0 < entry.size <= min(
        label_tables.MAX_BYTES, _TABLE_BYTES - known
    )


def _decode_paths(
    listed: list[_EntryRecord], summary: ArchiveSummary, encoding: str
) -> list[PurePosixPath]:
    """The paths of entries; names without a declared encoding are read in one for each archive."""
    paths = [entry.path for entry in listed]
    unknown: dict[int, list[int]] = {}
    for number, entry in enumerate(listed):
        if entry.raw is not None:
            unknown.setdefault(entry.archive, []).append(number)
    if not unknown:
        return paths
    declared = [str(entry.path) for entry in listed if entry.raw is None]
    choices: dict[str, NameEncoding] = {}
    is_used = False
    for numbers in unknown.values():
        raw = [listed[number].raw or b"" for number in numbers]
        guess = text_encoding.guess_encoding(raw, declared)
        is_chosen = bool(encoding) and text_encoding.can_decode(raw, encoding)
        is_used |= is_chosen
        names = text_encoding.decode_names(raw, encoding if is_chosen else guess.encoding)
        for number, text in zip(numbers, names, strict=True):
            paths[number] = PurePosixPath(text)
        if is_chosen or not guess.sure:
            choices |= {choice.encoding: choice for choice in guess.choices}
        if not is_chosen and not guess.sure:
            read = [(listed[number], paths[number]) for number in numbers]
            summary.warnings += _unsure_warning(read, guess.encoding)
    if encoding and not is_used:
        raise DatasetError(
            "The archive's names aren't {encoding}. Choose another encoding, or leave it out.",
            encoding=encoding,
        )
    summary.encodings = tuple(choices.values())
    return paths


def _unsure_warning(read: list[tuple[_EntryRecord, PurePosixPath]], encoding: str) -> list[Message]:
    odd = {
        part
        for entry, path in read
        for part in (path.parts if entry.is_folder or entry.opens else path.parts[:-1])
        if not part.isascii()
    }
    if not odd:
        return []
    names = files.truncate_for_display(", ".join(sorted(odd)[:3]), 120)
    return [Message(_UNSURE_ENCODING, {"names": names, "encoding": encoding})]


def _place_paths(listed: list[_EntryRecord], paths: list[PurePosixPath]) -> list[PurePosixPath]:
    """The paths of entries from the top, those in inner archives below these."""
    inner: dict[int, archive_folders.InnerArchive] = {}
    for seen, path in zip(listed, paths, strict=True):
        if seen.opens:
            inner[seen.opens] = archive_folders.InnerArchive(path)
        elif seen.archive and not seen.is_folder and not any(map(is_junk, path.parts)):
            inner[seen.archive].add(path)
    folders = archive_folders.find_folders(inner)
    return [
        folders[seen.archive] / path if seen.archive else path
        for seen, path in zip(listed, paths, strict=True)
    ]


def _digest_entry(entry: ArchiveEntry) -> bytes:
    """What a photo holds, as a digest; no more is read than the entry claims."""
    total, left = hashlib.blake2b(digest_size=16), entry.size
    with entry.open() as file:
        while left > 0 and (chunk := file.read(min(_CHUNK, left))):
            total.update(chunk)
            left -= len(chunk)
    return total.digest()


def _refuse_large_photo(seen: _EntryRecord) -> None:
    most = limits.current_limits().photo_bytes
    if seen.size > most:
        raise photo_too_large_error(seen.path, most)


def photo_too_large_error(path: PurePosixPath, most: int) -> DatasetError:
    """Return the error of a photo with more than `most` bytes, or more than the archive claims."""
    return DatasetError(
        "{name} is larger than allowed or than the archive states. Use photos of at most "
        "{limit:,} bytes.",
        name=files.truncate_for_display(str(path)),
        limit=most,
    )


def too_many_entries_error(count: int, most: int | None = None) -> DatasetError:
    """Return the error of an archive of more than `most` entries, by default the limit's."""
    return DatasetError(
        "The archive has {count:,} entries or more. Pack at most {limit:,}.",
        count=count,
        limit=most or limits.current_limits().archive_entries,
    )


def archive_too_large_error(total: int, packed: int | None = None) -> DatasetError:
    """Return the error of an archive too large unpacked, from `packed` bytes if it is a bomb."""
    if packed is None:
        return DatasetError(
            "The archive unpacks to {total:,} bytes or more. Pack at most {limit:,} bytes.",
            total=total,
            limit=limits.current_limits().archive_bytes,
        )
    return DatasetError(
        "The archive unpacks from {packed:,} to {total:,} bytes or more, like a decompression "
        "bomb. Pack it again with a standard program.",
        packed=packed,
        total=total,
    )


def special_file_error(name: str) -> DatasetError:
    """Return the error of an entry that is neither file nor folder."""
    return DatasetError(
        "The archive contains a link or device, {name}. Pack only regular files.",
        name=files.truncate_for_display(name),
    )


def _refuse_unsafe(path: PurePosixPath) -> None:
    if path.is_absolute() or re.match("[A-Za-z]:", str(path)) or ".." in path.parts:
        raise DatasetError(
            "The archive contains the unsafe path {name}, which leads out of its folder. Pack "
            "ordinary photo folders.",
            name=files.truncate_for_display(str(path)),
        )
    if len(path.parts) > MAX_DEPTH:
        raise DatasetError(
            "The archive contains {name}, {depth} folders deep. Pack folders at most {limit} deep.",
            name=files.truncate_for_display(str(path)),
            depth=len(path.parts),
            limit=MAX_DEPTH,
        )


def _refuse_nested(path: PurePosixPath, is_folder: bool) -> None:
    if not is_folder and path.suffix.lower() in _ARCHIVES:
        raise DatasetError(
            "The archive contains another archive, {name}. Unpack the inner one and pack its "
            "photo folders.",
            name=files.truncate_for_display(str(path)),
        )


class ZipEntries:
    """The entries of a zip.

    Raises:
        DatasetError: a bomb, by the table of contents, or protected by a password; on iteration,
            an entry that is no plain file.
        zipfile.BadZipFile: it is no zip.
    """

    def __init__(
        self,
        file: IO[bytes],
        most: int | None = None,
        free: int = FREE_BYTES,
        ratio: int | None = None,
    ) -> None:
        """Read the table of contents.

        Args:
            file: the zip.
            most: entries it may have; by default those of the limits.
            free: bytes it may unpack to, whatever its ratio.
            ratio: times its packed bytes that it may unpack to besides; by default of the limits.
        """
        allowed = limits.current_limits()
        refuse_long_table(file, most or allowed.archive_entries)
        self._archive = zipfile.ZipFile(file)
        infos = self._archive.infolist()
        total, packed = sum(i.file_size for i in infos), sum(i.compress_size for i in infos)
        if total > free + (ratio or allowed.archive_ratio) * packed:
            raise archive_too_large_error(total, packed)
        _refuse_overlap(infos)

    def __iter__(self) -> Iterator[ArchiveEntry]:
        for info in self._archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind and not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
                raise special_file_error(info.filename)
            if info.flag_bits & 0x1:
                raise DatasetError(
                    "The zip file is password-protected. Pack it again without a password."
                )
            path, raw = _decode_zip_name(info)
            yield ArchiveEntry(
                path,
                info.file_size,
                info.is_dir(),
                partial(self._archive.open, info),
                raw,
                (info.file_size, info.CRC) if info.file_size else None,
            )


def read_zip_members(
    file: IO[bytes],
    most: int,
    max_bytes: Callable[[str], int | None],
    free: int = FREE_BYTES,
    ratio: int | None = None,
) -> dict[str, ArchiveEntry]:
    """Return the entries of a zip by name, where it may hold files of known names only.

    Args:
        file: the zip.
        most: files it may hold.
        max_bytes: gives how large the file of a name may be; None where none may have the name.
        free, ratio: as for `ZipEntries`.

    Raises:
        DatasetError: another file, one twice, one too large, or as `ZipEntries`.
    """
    entries: dict[str, ArchiveEntry] = {}
    for entry in ZipEntries(file, _SPARE_ROWS * most, free, ratio):
        name = str(entry.path)
        if len(entries) >= most:
            raise DatasetError("it contains more than {limit} files", limit=most)
        limit = None if entry.is_folder else max_bytes(name)
        if limit is None:
            raise DatasetError(
                "it contains {name}, which doesn't belong there",
                name=files.truncate_for_display(name),
            )
        if name in entries:
            raise DatasetError("it contains {name} twice", name=files.truncate_for_display(name))
        if entry.size > limit:
            raise DatasetError(
                "its {name} has {size:,} bytes, but the limit is {limit:,}",
                name=files.truncate_for_display(name),
                size=entry.size,
                limit=limit,
            )
        entries[name] = entry
    return entries


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
    table = _locate_table(file)
    if table is not None:
        offset, size = table
        if size > _FREE_TABLE + most * _MAX_ROW:
            raise too_many_entries_error(size // _MAX_ROW, most)
        if offset >= 0:  # else zipfile refuses it
            file.seek(offset)
            _refuse_many_rows(file.read(size), most)
    file.seek(0)


def _locate_table(file: IO[bytes]) -> tuple[int, int] | None:
    """Return where a zip's table of contents begins and its bytes; None where it is no zip.

    By zipfile's own private function: the table that is checked must be the very one that zipfile
    reads next, and two readers of one damaged or hostile end may differ. No public function tells
    where it is without reading it.
    """
    end: Any = zipfile._EndRecData(file)  # type: ignore[attr-defined]
    if not end:
        return None
    offset = end[_END_OFFSET] - end[_TABLE_SIZE]
    return offset - (_ZIP64_END if end[0] == b"PK\x06\x06" else 0), end[_TABLE_SIZE]


def _refuse_many_rows(table: bytes, most: int) -> None:
    at = count = 0
    while at + _ROW <= len(table) and table.startswith(b"PK\x01\x02", at):
        name, extra, comment = struct.unpack_from("<HHH", table, at + 28)
        at, count = at + _ROW + name + extra + comment, count + 1
        if count > most:
            raise too_many_entries_error(count, most)
        if extra > _MAX_EXTRA or name > MAX_NAME:
            raise DatasetError(
                "The zip file has an entry with a name or extra fields of {size:,} bytes. Pack "
                "it again with a standard program.",
                size=name + extra,
            )


def _refuse_overlap(infos: list[zipfile.ZipInfo]) -> None:
    """Refuse entries that share packed bytes, as those of Fifield's zip bomb do.

    "A better zip bomb" (USENIX WOOT 2019): 46 MB unpack to 4.5 PB, since all entries share one
    packed kernel. Counted once for each entry, its bytes make the ratio look ordinary.
    """
    end = 0  # of the entry before, at least: a local header has 30 bytes and a name besides
    for info in sorted(infos, key=lambda i: i.header_offset):
        if info.header_offset < end:
            raise DatasetError(
                "Entries of the zip file overlap, as in a decompression bomb. Pack it again with "
                "a standard program."
            )
        end = info.header_offset + 30 + info.compress_size


def _decode_zip_name(info: zipfile.ZipInfo) -> tuple[PurePosixPath, bytes | None]:
    """An entry's path, and its name as bytes where it does not say that it is UTF-8.

    Such names are read as cp437 by `zipfile`. Korean Windows packs cp949 that way, macOS UTF-8:
    `survey_entries` finds one encoding for all of them. The path is a first guess then.
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


class TarEntries:
    """The entries of a tar file, which may be compressed by gzip, bzip2 or xz.

    Raises, on iteration:
        DatasetError: it is damaged or cut short, unpacks to too much, or holds what is no file.
        tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError: it is damaged.
    """

    def __init__(self, file: IO[bytes], most: int | None = None) -> None:
        """Read nothing yet.

        Args:
            file: the tar.
            most: bytes it may unpack to; by default as the limits say.
        """
        self._file, self._most = file, most

    def __iter__(self) -> Iterator[ArchiveEntry]:
        stream = _BoundedStream(self._file, self._most)
        source = cast(IO[bytes], stream)
        with tarfile.open(
            fileobj=source,
            mode="r|",
            tarinfo=_TarHeader,
            encoding="utf-8",
            errors="surrogateescape",
        ) as archive:
            while (member := archive.next()) is not None:
                archive.members.clear()  # type: ignore[attr-defined]  # else kept for random access, 150,000 of them
                if not member.isreg() and not member.isdir():
                    raise special_file_error(member.name)
                if member.size < 0:
                    raise tarfile.InvalidHeaderError("size")  # type: ignore[attr-defined]
                open_ = cast(Any, partial(archive.extractfile, member))
                size = member.size if member.isreg() else 0
                path, raw = _decode_tar_name(member)
                yield ArchiveEntry(path, size, member.isdir(), open_, raw)
        while stream.read(_XZ_CHUNK):  # to the end, where the checksum of the compression stands
            pass


class _TarHeader(tarfile.TarInfo):
    """A tar header that is checked before tarfile acts on it.

    A damaged header is an error, where tarfile would take it for the archive's end. `_proc_member`
    and the methods beside it are the only places at which a reader can refuse a header before its
    values are read into memory; tarfile's source names them as those to override in a subclass.
    `tests/test_tars.py` fails where they are no longer called.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _TarHeader:
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if isinstance(error, tarfile.EOFHeaderError):  # type: ignore[attr-defined]
                raise
            raise DatasetError(
                "The tar file is damaged or truncated ({reason}). Pack it again, or upload it "
                "again.",
                reason=str(error),
            ) from error

    def _proc_member(self, archive: tarfile.TarFile) -> Any:
        most = _MAX_HEADER if self.type in _PAX else MAX_NAME + 1
        if self.type in (*_LONG_NAMES, *_PAX) and self.size > most:
            raise _header_too_long_error(self.size, most)
        if self.type == tarfile.GNUTYPE_SPARSE:
            raise special_file_error(self.name)
        return super()._proc_member(archive)  # type: ignore[misc]

    def _proc_pax(self, archive: Any) -> Any:
        """Read a PAX header's path and size; all else it may hold is passed over.

        tarfile's own method searches it by regular expressions, which take quadratic time for a
        header of digits alone in Pythons before CVE-2024-6232 was mended.
        """
        values = _pax_values(archive.fileobj.read(_round_to_blocks(self.size))[: self.size])
        if any(key.startswith(b"GNU.sparse.") for key in values):
            raise special_file_error(self.name)
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
            if len(values[b"path"]) > MAX_NAME:
                raise _header_too_long_error(len(values[b"path"]), MAX_NAME)
            member.name = name
        if b"size" in values:
            if not re.fullmatch(rb"[0-9]{1,19}", values[b"size"]):
                raise tarfile.InvalidHeaderError("size")  # type: ignore[attr-defined]
            member.size = int(values[b"size"])
            plain = member.isreg() or member.type not in tarfile.SUPPORTED_TYPES
            archive.offset = member.offset_data + (_round_to_blocks(member.size) if plain else 0)
        member.offset = self.offset
        return member

    def _refuse_sparse(self, *_: object) -> NoReturn:
        raise special_file_error(self.name)

    # Maps of holes, which may be millions; no photo has holes.
    _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _refuse_sparse


def _round_to_blocks(size: int) -> int:
    """Return the bytes that a member of `size` bytes takes in a tar, which is made of blocks."""
    return -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE


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
            "The tar file has more than {limit} values for one entry. Pack it again with a "
            "standard program.",
            limit=_MAX_RECORDS,
        )
    return values


def _header_too_long_error(size: int, limit: int) -> DatasetError:
    return DatasetError(
        "The tar file has a name or header of {size:,} bytes, but the limit is {limit:,}. Pack "
        "it again with a standard program.",
        size=size,
        limit=limit,
    )


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _BoundedStream:
    """The unpacked stream of a file from its start, which ends in an error when it is a bomb."""

    def __init__(self, file: IO[bytes], most: int | None = None) -> None:
        self._packed, self._done, self._allowed = file.seek(0, 2), 0, limits.current_limits()
        self._most = FREE_BYTES + self._allowed.archive_ratio * self._packed
        if most is not None:
            self._most = min(self._most, most)
        file.seek(0)
        self._file, self._taken = file, 0
        self._stream = _open_decompressed(cast(IO[bytes], _CountingReader(file, self._count)))

    def _count(self, size: int) -> None:
        """Refuse a file that is unpacked without end and gives nothing: of many empty streams."""
        self._taken += size
        if self._taken > _MAX_IDLE_BYTES + 1.25 * self._done:
            raise DatasetError(
                "The archive consists of many packed parts with nothing in them. Pack it again "
                "with a standard program."
            )

    def read(self, size: int) -> bytes:
        """As of any file."""
        data = self._stream.read(size)
        self._done += len(data)
        if self._done > self._most:
            raise archive_too_large_error(self._done, self._packed)
        if self._done > 2 * self._allowed.archive_bytes:
            raise archive_too_large_error(self._done)
        return data


class _CountingReader:
    """A packed file of which each reading is counted before what was read is unpacked."""

    def __init__(self, file: IO[bytes], count: Callable[[int], None]) -> None:
        self._file, self._count = file, count

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._count(len(data))
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _open_decompressed(file: IO[bytes]) -> _Readable:
    head = file.read(6)
    file.seek(0)
    kind = next((kind for magic, kind in ARCHIVE_MAGIC.items() if head.startswith(magic)), "tar")
    if kind == "tar.gz":
        return gzip.GzipFile(fileobj=file, mode="rb")
    if kind == "tar.bz2":
        return bz2.BZ2File(file)
    return _XzReader(file) if kind == "tar.xz" else file


class _XzReader:
    """As `lzma.LZMAFile`, which takes no limit on the memory of its dictionary."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._rest = file, b""
        self._decoder = _new_xz_decoder()

    def read(self, size: int) -> bytes:
        while True:
            if self._decoder.eof:
                # Streams may follow each other, padded with zeros.
                self._rest = (self._decoder.unused_data or self._file.read(_XZ_CHUNK)).lstrip(b"\0")
                if not self._rest:
                    return b""
                self._decoder = _new_xz_decoder()
            elif self._decoder.needs_input and not self._rest:
                self._rest = self._file.read(_XZ_CHUNK)
                if not self._rest:
                    raise EOFError("the compressed file ends too early")
            rest, self._rest = self._rest, b""
            if data := self._decoder.decompress(rest, size):
                return data


def _new_xz_decoder() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)


def _decode_tar_name(member: tarfile.TarInfo) -> tuple[PurePosixPath, bytes | None]:
    """A member's path, and its name as bytes where it does not say that it is UTF-8.

    PAX headers hold UTF-8. Other names have the encoding of the system that packed them:
    `survey_entries` finds one for all of them. The path is a first guess then.
    """
    name = member.name
    declared = "path" in member.pax_headers and "hdrcharset" not in member.pax_headers
    path = PurePosixPath(name.replace("\\", "/"))
    if name.isascii() or declared:
        return path, None
    return path, name.encode("utf-8", "surrogateescape")
