"""Plan and store photos from outside: planned first, counted while unpacked, never trusted.

Zips, tars and photos dropped one by one are all lists of entries; what is checked here and in
`archive_safety` holds for each of them. `plan_entries` understands their true names, and
`store_entries` stores exactly the photos of that plan under safe names, with a record of the true
ones.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO

from ..base import access, files, limits
from ..base.errors import N_, DatasetError
from ..base.messages import Message
from . import archive_safety, content_hashes, dataset_plan, layout, nested_archives, preview
from .archive_safety import ARCHIVE_MAGIC, ARCHIVE_SUFFIXES, ArchiveEntry
from .dataset_plan import DEFAULT_READING, DatasetPlan, FolderReading
from .preview import Preview
from .splits import PhotoRows

Progress = Callable[[int, int], None]
NamedArchive = tuple[IO[bytes] | Path, str]
"""An archive, and its file name, whose end tells zip from tar."""
_CHUNK = 1 << 20
_PLAIN_FOLDER = re.compile(r"[A-Za-z0-9_-]{1,60}")
_PLAIN_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,80}")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)  # Windows devices
_FOREIGN_MAGIC = {
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "rar",
    b"\x28\xb5\x2f\xfd": "zst",
    b"ALZ\1": "alz",
    b"EGGA": "egg",
    b"MSCF": "cab",
}
"""How archives begin that are not read."""
_PART_OF_ARCHIVE = re.compile(
    r"\.(zip|tar|7z|gz|tgz)\.\d{2,3}$|\.z\d{2}$|\.part\d+\.rar$", re.IGNORECASE
)
_SAME_PHOTO = N_("The same photo is in {first} and {second}, so one of the labels is wrong.")


@dataclass
class StoredPhotos:
    """Photos written by a plan.

    `photos` are (file, label, split), files relative to the folder written to; `unlabeled` are
    files of which nobody knows the class; `root` is the
    dataset's own folder within it, `classes` the names of its class folders there. `names` maps
    each stored path that had to be renamed to its true last name. `digests` are those of the files.
    `groups` are files that a split keeps on one side.
    """

    plan: DatasetPlan
    root: PurePosixPath
    classes: tuple[str, ...]
    photos: PhotoRows = field(default_factory=list)
    unlabeled: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    digests: content_hashes.KnownDigests = field(default_factory=dict)
    groups: list[list[str]] = field(default_factory=list)


class SafePaths:
    """Safe places below a folder for files and folders of any names.

    Folders are made when the first file in them is asked for. `names` keeps the true last name of
    each path that was renamed, by its path from the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.names: dict[str, str] = {}
        self._folders: dict[tuple[str, ...], PurePosixPath] = {(): PurePosixPath()}
        self._taken: dict[PurePosixPath, set[str]] = {}
        self._made: set[PurePosixPath] = set()

    def folder(self, names: tuple[str, ...]) -> PurePosixPath:
        """Return the stored path of a folder, from the root; it is not made."""
        if names not in self._folders:
            parent = self.folder(names[:-1])
            self._folders[names] = self._take(parent, names[-1], self._safe(names[-1]))
        return self._folders[names]

    def file(self, folders: tuple[str, ...], name: str, number: int) -> PurePosixPath:
        """The stored path of a file: its own name where that is plain and free, else its number.

        The folder is made.
        """
        parent = self.folder(folders)
        if parent not in self._made:
            (self.root / parent).mkdir(parents=True, exist_ok=True)
            self._made.add(parent)
        safe = name
        taken = self._taken.get(parent, ())
        if not _PLAIN_FILE.fullmatch(name) or _RESERVED.match(name) or name.lower() in taken:
            safe = f"{number:06d}{PurePosixPath(name).suffix.lower()}"
        return self._take(parent, name, safe)

    def _take(self, parent: PurePosixPath, name: str, safe: str) -> PurePosixPath:
        taken = self._taken.setdefault(parent, set())
        while safe.lower() in taken:
            safe = f"_{safe}"
        taken.add(safe.lower())
        if safe != name:
            self.names[str(parent / safe)] = name
        return parent / safe

    def _safe(self, name: str) -> str:
        if _PLAIN_FOLDER.fullmatch(name) and not _RESERVED.match(name):
            return name
        digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
        return f"{files.slugify(name, 24)}-{digest[:6]}"


def inspect_archive(
    file: IO[bytes] | Path,
    name: str,
    reading: FolderReading = DEFAULT_READING,
    encoding: str = "",
) -> Preview:
    """Tell what an archive holds, as `inspect_archives`."""
    return inspect_archives([(file, name)], reading, encoding)


def inspect_archives(
    archives: Sequence[NamedArchive],
    reading: FolderReading = DEFAULT_READING,
    encoding: str = "",
) -> Preview:
    """Tell what archives hold. Nothing is written.

    Args:
        archives: one, or several that become one dataset.
        reading, encoding: as for `unpack_archives`.

    Raises:
        AccessError: the visitor may not add a dataset; nothing of the files was read.
        DatasetError: unsafe, damaged, encrypted, too large, no archive, or no dataset inside.
    """
    access.check_permission("change data")
    title = archives_title([name for _, name in archives])
    with open_archives(archives) as source:
        plan = plan_entries(source, title, reading=reading, encoding=encoding)
        return preview.preview_plan(plan, title)


def unpack_archives(
    archives: Sequence[NamedArchive],
    folder: Path,
    progress: Progress | None = None,
    reading: FolderReading = DEFAULT_READING,
    encoding: str = "",
) -> StoredPhotos:
    """Unpack the photos of archives into `folder` under safe names.

    Args:
        archives: one, or several that become one dataset.
        folder: made by this call.
        progress: called with (bytes done, bytes in all).
        reading: a table of labels, and whether oddly named folders are classes all the same.
        encoding: of names that don't state it, see `archive_safety.survey_entries`.

    Raises:
        DatasetError: as `inspect_archives`. The caller removes what was written.
    """
    title = archives_title([name for _, name in archives])
    with open_archives(archives) as source:
        return store_entries(source, folder, progress, title, reading=reading, encoding=encoding)


def unpack_photos(archive: Path, folder: Path) -> tuple[list[tuple[str, Path]], list[str]]:
    """Unpack all photos of an archive, whatever their folders mean, under safe names.

    Args:
        archive: a zip or tar file.
        folder: exists and is empty; the caller removes it.

    Returns:
        The true path within the archive and the unpacked file of each photo; the true paths of
        files that are no photos.

    Raises:
        DatasetError: as `inspect_archives`, except that no dataset has to be inside.
    """
    with open_archives([(archive, archive.name)]) as source:
        summary = archive_safety.survey_entries(source, archive_title(archive.name))
        listed = {file.number: file for _, part in summary.tree.root.walk() for file in part.files}
        listed |= {file.number: file for file, _, _ in summary.labelled}
        skipped = [str(file.path) for file in listed.values() if not file.is_photo]
        planned = {number: file for number, file in listed.items() if file.is_photo}
        refuse_full_disk(folder, sum(file.size for file in planned.values()))
        names, photos = SafePaths(folder), []
        for number, entry in enumerate(source):
            file = planned.pop(number, None)
            if file is None:
                continue
            if entry.size != file.size:
                raise _changed_error(archive.name)
            target = folder / names.file(file.path.parts[:-1], file.path.name, number)
            _write_entry(entry, target)
            photos.append((str(file.path), target))
        return photos, skipped


def plan_entries(
    source: Iterable[ArchiveEntry],
    name: str,
    classes: Sequence[str] = (),
    reading: FolderReading = DEFAULT_READING,
    encoding: str = "",
) -> DatasetPlan:
    """Understand the true names of a list of entries: every photo with its class and split.

    Args:
        source: iterated once, and again by `store_entries`. What does not tell which entries have
            the same content is read.
        name: of the dataset, for messages.
        classes: names in label order, where the entries tell their labels.
        reading, encoding: as for `unpack_archives`.

    Raises:
        DatasetError: unsafe, too large, or no dataset inside.
    """
    summary = archive_safety.survey_entries(source, name, encoding)
    if classes:
        plan = layout.plan_labelled_photos(summary.labelled, classes, name, summary.ignored)
    else:
        plan = layout.detect_layout(
            summary.tree, labels=reading.labels, is_confirmed=reading.is_confirmed
        )
    if reading.is_confirmed:
        plan.odd = []
    same = dataset_plan.group_equal_photos(plan.photos)
    # A source that binds photos together has no copies apart from those.
    together = dataset_plan.group_bound_photos(plan.photos) or same
    plan = dataset_plan.split_plan(
        plan,
        [[photo.name for photo in group] for group in together],
        preview.DEFAULT_SEED,
        preview.DEFAULT_VALIDATION_FRACTION,
    )
    plan.warnings = summary.warnings + plan.warnings
    plan.encodings = summary.encodings
    for first, *others in same:
        other = next((each for each in others if each.label != first.label), None)
        if other is not None:
            both = {"first": str(first.file.path), "second": str(other.file.path)}
            shown = {key: files.truncate_for_display(path) for key, path in both.items()}
            plan.warnings.append(Message(_SAME_PHOTO, shown))
            break
    return plan


def archive_title(name: str) -> str:
    """Return an archive's file name without its extension, safe to print."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    end = max((s for s in ARCHIVE_SUFFIXES if last.lower().endswith(s)), key=len, default="")
    return files.truncate_for_display(last[: len(last) - len(end)] or "photos", 60)


def archives_title(names: Sequence[str]) -> str:
    """Return what a dataset of archives of these file names is called."""
    return files.truncate_for_display(" + ".join(map(archive_title, names)), 60)


def archive_kind(name: str) -> str:
    """Return "zip" or "tar", by the end of a file's name.

    Raises:
        DatasetError: it is neither; the message says what to do.
    """
    suffix = next((s for s in ARCHIVE_SUFFIXES if name.lower().endswith(s)), None)
    if _PART_OF_ARCHIVE.search(name):
        raise DatasetError(
            "{name} is one part of a split archive. Join the parts with the program that made "
            "them, and pack the photo folders as one zip.",
            name=files.truncate_for_display(name),
        )
    ending = PurePosixPath(name).suffix.lower()[1:]
    if ending in _FOREIGN_MAGIC.values():
        raise _foreign_archive_error(name, ending)
    if suffix is None:
        raise DatasetError(
            "{name} isn't an archive the lab can read. Choose a file that ends in {ends}.",
            name=files.truncate_for_display(name),
            ends=", ".join(ARCHIVE_SUFFIXES),
        )
    return "zip" if suffix in (".zip", ".tm") else "tar"


def _foreign_archive_error(name: str, kind: str) -> DatasetError:
    return DatasetError(
        "{name} is packed as {kind}, which the lab can't read. Unpack it, and pack its photo "
        "folders as zip.",
        name=files.truncate_for_display(name),
        kind=kind,
    )


def entries_from_photos(photos: Mapping[str, Sequence[tuple[str, bytes]]]) -> list[ArchiveEntry]:
    """Return the entries of photos that came one by one.

    Args:
        photos: (file name, content) of each photo, by class name.

    Raises:
        DatasetError: a class name that no folder may have.
    """
    entries = []
    for name, some in photos.items():
        folder = class_folder(name)
        for file, data in some:
            path = folder / file.replace("\\", "/").rsplit("/", 1)[-1].lstrip(".")
            entries.append(ArchiveEntry(path, len(data), False, partial(BytesIO, data)))
    return entries


def entries_from_folder(uploaded: Sequence[tuple[str, bytes]]) -> list[ArchiveEntry]:
    """Return the entries of a folder's files, as a zip of the folder has them.

    Args:
        uploaded: path below the folder, or with it, and content of each file.
    """
    return [
        ArchiveEntry(PurePosixPath(path), len(data), False, partial(BytesIO, data))
        for path, data in uploaded
    ]


def class_folder(name: str) -> PurePosixPath:
    """Return the folder of a class that a person named.

    Raises:
        DatasetError: no folder may have the name.
    """
    folder = PurePosixPath(name.strip())
    if len(folder.parts) != 1 or folder.name[:1] == "." or "\\" in name:
        raise DatasetError(
            "'{name}' can't be a class name. Choose a word such as cats, without slashes or a "
            "leading dot.",
            name=files.truncate_for_display(name),
        )
    return folder


@contextmanager
def open_archives(archives: Sequence[NamedArchive]) -> Iterator[Iterable[ArchiveEntry]]:
    """Give the entries of archives; what their readers raise in the block becomes a sentence.

    Raises:
        DatasetError: see `inspect_archives`.
    """
    with ExitStack() as stack:
        opened = [
            (
                stack.enter_context(files.open_regular(file)) if isinstance(file, Path) else file,
                name,
            )
            for file, name in archives
        ]
        stack.enter_context(_explained_errors())
        for file, name in opened:
            _refuse_misnamed(file, name)
        if len(opened) > 1:
            yield nested_archives.SeveralArchives(opened)
        else:
            ((file, name),) = opened
            packed = file.seek(0, 2)
            entries = nested_archives.read_entries(file, name)
            yield nested_archives.NestedEntries(entries, packed)


@contextmanager
def _explained_errors() -> Iterator[None]:
    try:
        yield
    except DatasetError:
        raise
    except (zipfile.BadZipFile, tarfile.TarError) as error:
        raise DatasetError(
            "The file isn't a complete archive ({reason}). Pack the class folders as zip or tar "
            "again, or upload it again.",
            reason=files.truncate_for_display(str(error)),
        ) from error
    except (RuntimeError, NotImplementedError, ValueError, OverflowError) as error:
        raise DatasetError(
            "The archive is damaged or packed in an unusual way ({reason}). Pack it again with a "
            "standard program.",
            reason=files.truncate_for_display(str(error) or type(error).__name__),
        ) from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk, not the archive
        raise DatasetError(
            "The archive is damaged ({reason}). Pack it again, or upload it again.",
            reason=files.truncate_for_display(str(error) or type(error).__name__),
        ) from error


def _refuse_misnamed(file: IO[bytes], name: str) -> None:
    """Refuse what is no zip or tar by its name or first bytes, with what to do instead."""
    expected = archive_kind(name)
    shown = files.truncate_for_display(name)
    file.seek(0)
    head = file.read(512)
    for magic, kind in _FOREIGN_MAGIC.items():
        if head.startswith(magic):
            raise _foreign_archive_error(name, kind)
    if head.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")):
        raise DatasetError(
            "{name} is a web page, not an archive. Open its address in a browser and download the "
            "archive there.",
            name=shown,
        )
    actual_kind = next(
        (kind for magic, kind in ARCHIVE_MAGIC.items() if head.startswith(magic)), None
    )
    actual_kind = (
        "tar" if head[257:262] == b"ustar" else "zip" if head[:2] == b"PK" else actual_kind
    )
    if actual_kind and actual_kind[:3] != expected:
        raise DatasetError(
            "{name} isn't a {expected} file but a {found} file. Correct its extension, then try "
            "again.",
            name=shown,
            expected=expected,
            found=actual_kind,
        )


def store_entries(
    source: Iterable[ArchiveEntry],
    folder: Path,
    progress: Progress | None,
    name: str = "photos",
    classes: Sequence[str] = (),
    reading: FolderReading = DEFAULT_READING,
    encoding: str = "",
) -> StoredPhotos:
    """Plan all entries, then store the photos of the plan; see `unpack_archives`.

    Args:
        source: iterated twice.
        folder: made by this call.
        progress: called with (bytes done, bytes in all).
        name: of the dataset, for messages.
        classes, reading, encoding: as for `plan_entries`.
    """
    plan = plan_entries(source, name, classes, reading, encoding)
    plan.refuse_odd_classes()
    folder.mkdir(parents=True)
    refuse_full_disk(folder, plan.size)
    names, done, total = SafePaths(folder), 0, plan.size
    stored = StoredPhotos(plan, names.folder(plan.root.parts), ())
    planned = {photo.file.number: photo for photo in (*plan.photos, *plan.unlabeled)}
    files_by_photo: dict[str, str] = {}
    for number, entry in enumerate(source):
        photo = planned.pop(number, None)
        if photo is None:
            continue
        if entry.size != photo.file.size:
            raise _changed_error(name)
        file = names.file(photo.folders, photo.file.path.name, number)
        files_by_photo[photo.name] = str(file)
        digest = _write_entry(entry, folder / file)
        stamp = (folder / file).stat()
        stored.digests[str(file)] = (stamp.st_size, stamp.st_mtime_ns, digest)
        if photo.label < 0:
            stored.unlabeled.append(str(file))
        else:
            stored.photos.append((str(file), photo.label, photo.split))
        done += entry.size
        if progress:
            progress(done, total)
    if planned:
        raise _changed_error(name)
    stored.photos.sort()
    stored.classes = tuple(
        _stored_class_name(names, plan, label) for label in range(len(plan.classes))
    )
    stored.names = names.names
    stored.groups = [
        [files_by_photo[photo.name] for photo in group]
        for group in dataset_plan.group_bound_photos(plan.photos)
    ]
    return stored


def _stored_class_name(names: SafePaths, plan: DatasetPlan, label: int) -> str:
    """The name of the folder in which photos of a class are stored."""
    folders = next(photo.folders for photo in plan.photos if photo.label == label)
    ends = (end for end, name in enumerate(folders, 1) if name == plan.folders[label])
    return names.folder(folders[: next(ends, len(folders))]).name


def _changed_error(name: str) -> DatasetError:
    return DatasetError(
        "{name} changed while it was being read. Try again when no program is writing to the file.",
        name=files.truncate_for_display(name),
    )


def refuse_full_disk(folder: Path, total: int) -> None:
    """Raise DatasetError where a folder's disk has less room than `total` bytes."""
    free = shutil.disk_usage(folder).free
    if total > free:
        raise DatasetError(
            "The photos need {total:,} bytes, but the disk has only {free:,} free. Free some "
            "space, or move the workspace with CATDOG_WORKSPACE, then try again.",
            total=total,
            free=free,
        )


def _write_entry(entry: ArchiveEntry, target: Path) -> str:
    """Write one entry, counting what really comes out; its digest."""
    digest, size, most = hashlib.blake2b(digest_size=16), 0, limits.current_limits().photo_bytes
    with entry.open() as source, open(target, "wb") as file:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > min(most, entry.size):
                raise archive_safety.photo_too_large_error(entry.path, most)
            digest.update(chunk)
            file.write(chunk)
    with suppress(OSError):
        target.chmod(0o644)
    return digest.hexdigest()
