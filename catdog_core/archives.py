"""Unpacking a stranger's zip: checked before, counted while, never trusted for names."""

from __future__ import annotations

import hashlib
import re
import shutil
import stat
import zipfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import IO, Any

from . import files
from .errors import N_, DatasetError
from .images import EXTENSIONS, MAX_BYTES

MAX_ENTRIES = 150_000  # Kaggle's cats and dogs are 37,500
MAX_TOTAL = 8_000_000_000  # bytes unpacked
MAX_RATIO = 40  # photos hardly shrink; a bomb unpacks to a thousand times its size
_FREE = 50_000_000  # bytes any archive may unpack to, whatever its ratio
_CHUNK = 1 << 20
_MAX_TABLE = 512 * MAX_ENTRIES  # bytes of the table of contents, read before it is parsed
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)$", re.IGNORECASE)  # devices of Windows
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".bz2", ".xz")

_SAME_PHOTO = N_("The same photo lies in {first} and in {second}: one of the labels is wrong.")


def unpack(
    file: IO[bytes] | Path, folder: Path, progress: Callable[[int, int], None] | None = None
) -> dict[str, Any]:
    """Unpack the photos of a zip into `folder` under names of the lab's own making.

    Args:
        file: the archive.
        folder: made by this call.
        progress: called with (bytes done, bytes in all).

    Returns:
        "names": the true name of each folder that had to be renamed; "ignored": files that are
        no photos, left out; "warnings": (message, params) pairs.

    Raises:
        DatasetError: unsafe, damaged, encrypted, too large, or no archive. The caller removes
            what was written.
    """
    try:
        _refuse_long_table(file)
        with zipfile.ZipFile(file) as archive:
            entries = _checked(archive)
            return _extract(archive, entries, folder, progress)
    except DatasetError:
        raise
    except zipfile.BadZipFile as error:
        raise DatasetError(
            "The file is no complete zip archive ({reason}). Expected a zip of class folders. Pack"
            " it again, or upload it again.",
            reason=str(error)[:80],
        ) from error
    except (RuntimeError, NotImplementedError, EOFError, ValueError, OverflowError) as error:
        raise DatasetError(
            "The zip archive is damaged or packed in an unusual way ({reason}). Pack it again with"
            " an ordinary program.",
            reason=files.shown(str(error) or type(error).__name__),
        ) from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk, not the archive
        raise DatasetError(
            "The zip archive is damaged ({reason}). Pack it again, or upload it again.",
            reason=files.shown(str(error) or type(error).__name__),
        ) from error


def _refuse_long_table(file: IO[bytes] | Path) -> None:
    """Count entries before `zipfile` makes an object of each: a small file may hold millions."""
    if isinstance(file, Path):
        with open(file, "rb") as opened:
            return _refuse_long_table(opened)
    size = file.seek(0, 2)
    file.seek(max(0, size - _MAX_TABLE))
    # The table lies at the end. Photos before it may hold the mark by chance, once in 4 GB.
    count, last = 0, b""
    while chunk := file.read(_CHUNK):
        count += (last + chunk).count(b"PK\x01\x02")
        last = chunk[-3:]
    file.seek(0)
    if count > MAX_ENTRIES:
        raise _too_many(count)
    return None


def _too_many(count: int) -> DatasetError:
    return DatasetError(
        "The zip archive has {count:,} entries. Expected at most {limit:,}.",
        count=count,
        limit=MAX_ENTRIES,
    )


def _checked(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Judge the table of contents as a whole; what is wanted of it, junk left out."""
    infos = archive.infolist()
    if not infos:
        raise DatasetError("The zip archive is empty. Expected folders of photos, one a class.")
    if len(infos) > MAX_ENTRIES:
        raise _too_many(len(infos))
    for info in infos:
        _refuse_unsafe(info)
    total, packed = sum(i.file_size for i in infos), sum(i.compress_size for i in infos)
    if total > MAX_TOTAL or total > _FREE + MAX_RATIO * packed:
        raise DatasetError(
            "The zip archive unpacks from {packed:,} to {total:,} bytes. Expected photos, which"
            " hardly shrink, of at most {limit:,} bytes in all.",
            packed=packed,
            total=total,
            limit=MAX_TOTAL,
        )
    _refuse_overlap(infos)
    wanted = [i for i in infos if not _is_junk(i.filename)]
    for info in wanted:
        if PurePosixPath(info.filename).suffix.lower() in _ARCHIVES:
            raise DatasetError(
                "The zip archive holds another archive, {name}. Expected folders of photos. Unpack"
                " the inner one and pack its folders.",
                name=files.shown(info.filename),
            )
    return wanted


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


def _refuse_unsafe(info: zipfile.ZipInfo) -> None:
    name = info.filename.replace("\\", "/")
    if name.startswith("/") or re.match("[A-Za-z]:", name) or ".." in name.split("/"):
        raise DatasetError(
            "The zip archive holds the unsafe path {name}, which leads out of its folder. Expected"
            " plain folders of photos.",
            name=files.shown(info.filename),
        )
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind and not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        raise DatasetError(
            "The zip archive holds a link or device, {name}. Expected plain files only.",
            name=files.shown(info.filename),
        )
    if info.flag_bits & 0x1:
        raise DatasetError(
            "The zip archive is password-protected. Expected one without a password. Pack it again"
            " without."
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


def _extract(
    archive: zipfile.ZipFile,
    entries: list[zipfile.ZipInfo],
    folder: Path,
    progress: Callable[[int, int], None] | None,
) -> dict[str, Any]:
    folder.mkdir(parents=True)
    paths = [_path(entry) for entry in entries]
    photos = [e for e, p in zip(entries, paths, strict=True) if _is_photo(e, p)]
    total, done = sum(entry.file_size for entry in photos), 0
    _refuse_full_disk(folder, total)
    places = _Places(folder, paths)
    ignored = 0
    seen: dict[bytes, PurePosixPath] = {}
    warnings: list[tuple[str, dict[str, str]]] = []
    for number, (entry, path) in enumerate(zip(entries, paths, strict=True)):
        place = places.of(path if entry.is_dir() else path.parent)  # an empty class is named too
        if not _is_photo(entry, path):
            ignored += not entry.is_dir()
            continue
        digest = _stream(archive, entry, place / f"{number:06d}{path.suffix.lower()}")
        done += entry.file_size
        twin = seen.setdefault(digest, path)
        if twin.parent.name != path.parent.name and not warnings:
            both = {"first": files.shown(str(twin)), "second": files.shown(str(path))}
            warnings.append((_SAME_PHOTO, both))
        if progress:
            progress(done, total)
    return {"names": places.names, "ignored": ignored, "warnings": warnings}


def _is_photo(entry: zipfile.ZipInfo, path: PurePosixPath) -> bool:
    return not entry.is_dir() and path.suffix.lower() in EXTENSIONS


def _refuse_full_disk(folder: Path, total: int) -> None:
    free = shutil.disk_usage(folder).free
    if total > free:
        raise DatasetError(
            "The zip archive unpacks to {total:,} bytes, but only {free:,} are free on the disk."
            " Free some space, or move the workspace by CATDOG_WORKSPACE, then try again.",
            total=total,
            free=free,
        )


class _Places:
    """Folders under safe names for an archive's folders; `names` keeps the true ones."""

    def __init__(self, root: Path, paths: list[PurePosixPath]) -> None:
        self.names: dict[str, str] = {}
        self._places = {PurePosixPath("."): root}
        folders = {part for path in paths for part in path.parent.parts}
        spellings = Counter(name.casefold() for name in folders)
        # "Cats" and "cats" would become one folder on Windows and macOS.
        self._twins = {name for name in folders if spellings[name.casefold()] > 1}

    def of(self, folder: PurePosixPath) -> Path:
        """The folder to write to, made when it is new."""
        if folder not in self._places:
            self._places[folder] = self.of(folder.parent) / self._safe(folder.name)
            self._places[folder].mkdir(exist_ok=True)
        return self._places[folder]

    def _safe(self, name: str) -> str:
        plain = re.fullmatch(r"[A-Za-z0-9_-]{1,60}", name) and not _RESERVED.match(name)
        if plain and name not in self._twins:
            return name
        digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
        safe = f"{files.slug(name, 24)}-{digest[:6]}"
        self.names[safe] = files.shown(name, 60)
        return safe


def _stream(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> bytes:
    """Write one entry, counting what really comes out; its digest."""
    digest, size = hashlib.blake2b(digest_size=16), 0
    with archive.open(entry) as source, open(target, "wb") as file:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > min(MAX_BYTES, entry.file_size):
                raise DatasetError(
                    "{name} in the zip archive is larger than allowed or than it claims. Expected"
                    " photos of at most {limit:,} bytes.",
                    name=files.shown(entry.filename),
                    limit=MAX_BYTES,
                )
            digest.update(chunk)
            file.write(chunk)
    with suppress(OSError):
        target.chmod(0o644)
    return digest.digest()


def _is_junk(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return any(part[:1] == "." or part == "__MACOSX" for part in parts)
