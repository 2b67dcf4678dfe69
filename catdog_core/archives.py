"""Unpacking a stranger's zip: checked before, counted while, never trusted for names."""

from __future__ import annotations

import hashlib
import re
import stat
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import IO, Any

from . import files
from .errors import N_, DatasetError
from .images import EXTENSIONS, MAX_BYTES

MAX_ENTRIES = 150_000
MAX_TOTAL = 8_000_000_000  # bytes unpacked
MAX_RATIO = 40  # photos hardly shrink; a bomb unpacks to a thousand times its size
_FREE = 50_000_000  # bytes any archive may unpack to, whatever its ratio
_CHUNK = 1 << 20
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
        "names": the true name of each folder that had to be renamed; "warnings": (message,
        params) pairs.

    Raises:
        DatasetError: unsafe, damaged, encrypted, too large, or no archive. The caller removes
            what was written.
    """
    try:
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


def _checked(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Judge the table of contents as a whole; what is wanted of it, junk left out."""
    infos = archive.infolist()
    if not infos:
        raise DatasetError("The zip archive is empty. Expected folders of photos, one a class.")
    if len(infos) > MAX_ENTRIES:
        raise DatasetError(
            "The zip archive has {count:,} entries. Expected at most {limit:,}.",
            count=len(infos),
            limit=MAX_ENTRIES,
        )
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
    places: dict[PurePosixPath, Path] = {PurePosixPath("."): folder}
    names: dict[str, str] = {}
    total, done = sum(entry.file_size for entry in entries), 0
    seen: dict[bytes, PurePosixPath] = {}
    warnings: list[tuple[str, dict[str, str]]] = []
    for number, entry in enumerate(entries):
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        if entry.is_dir():  # an empty class is named as one
            _place(path, folder, places, names)
            continue
        place = _place(path.parent, folder, places, names)
        suffix = path.suffix.lower()
        target = place / f"{number:06d}{suffix if suffix in EXTENSIONS else '.other'}"
        digest = _stream(archive, entry, target)
        done += entry.file_size
        twin = seen.setdefault(digest, path) if suffix in EXTENSIONS else path
        if twin.parent.name != path.parent.name and not warnings:
            both = {"first": files.shown(str(twin)), "second": files.shown(str(path))}
            warnings.append((_SAME_PHOTO, both))
        if progress:
            progress(done, total)
    return {"names": names, "warnings": warnings}


def _place(
    parent: PurePosixPath, root: Path, places: dict[PurePosixPath, Path], names: dict[str, str]
) -> Path:
    """The folder for an archive's folder, under a safe name; `names` keeps the true one."""
    if parent not in places:
        above = _place(parent.parent, root, places, names)
        safe = parent.name
        if not safe.isascii() or not safe.replace("-", "").replace("_", "").isalnum():
            safe = f"{files.slug(safe, 24)}-{hashlib.sha256(safe.encode()).hexdigest()[:6]}"
            names[safe] = files.shown(parent.name, 60)
        places[parent] = above / safe[:60]
        places[parent].mkdir(exist_ok=True)
    return places[parent]


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
