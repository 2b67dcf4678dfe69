"""Record photos with a camera, class by class, until they become a dataset.

workspace/recordings/<id>/recording.json               writer: this module
workspace/recordings/<id>/<class>-<clip>-<time>.jpg    writer: this module

A visitor has one recording in progress. It outlives a reload and a restart. It goes once it is
saved as a dataset or discarded, and `stale_files` removes one that nobody goes on with. A photo
belongs to it as long as its file is there, so that adding and deleting is one step on the disk.

A clip is what was recorded while somebody held a button. Its frames follow each other so closely
that some in training and others in validation would make validation too good. Hence

- a frame that is nearly identical to one of its class is not kept (`NEAR_BITS`);
- the dataset's split keeps each clip on one side, and a class needs `MIN_CLIPS` of them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from uuid import uuid4

import numpy as np
from filelock import FileLock

from ..base import access, files
from ..base.errors import DatasetError, PhotoError
from ..imaging import decode, image_header
from . import archives, class_names, duplicates, imports
from .archive_safety import ArchiveEntry
from .dataset_record import Dataset

FORMAT = 1
SOURCE = "camera"
"""The `source` of a dataset that was recorded."""
MAX_CLASSES = 9
"""One for each number key."""
MIN_CLIPS = 2
"""Clips a class needs: one for training, one for validation."""
MAX_PHOTOS = 600
MAX_BYTES = 120_000_000
"""Bytes of all photos of a recording."""
MAX_RECORDINGS = 60
"""Recordings in progress in a workspace."""
FRAME_BYTES = 1_000_000
"""The most bytes of one frame."""
FRAME_PIXELS = 1_000_000
"""The most pixels of one frame. Browsers send 640 × 480."""
NEAR_BITS = 2
"""Of the 64 bits of a perceptual hash, so many may differ in nearly identical frames.

Of 40 real photos, 95% differ by 2 or fewer after the noise of a camera or 5% more light. A view
that moved by 5 of 640 pixels differs by 2 in the median, by 10 pixels by 4, by 20 pixels by 8.
"""
_NAME = re.compile(r"(\d{1,4})-(\d{1,16})-(\d{1,16})\.jpg")
_MAX_NAME = 60  # characters of a class
_MAX_ID = 10**16  # of a clip: a browser's time in milliseconds has 13 digits
_MAX_HASHES = 50_000  # remembered
_THUMB_SOURCE = 64  # pixels to which a frame is decoded at least, for its hash

_hashes: dict[tuple[Path, str], int] = {}  # of photos by their recording and name


@dataclass(frozen=True)
class RecordedPhoto:
    """A photo of a recording: its file's name, the number of its class, its clip."""

    name: str
    label: int
    clip: int


@dataclass(frozen=True)
class Recording:
    """A recording in progress; `classes` are names by number, which no class gets a second time."""

    folder: Path
    classes: dict[int, str]
    photos: tuple[RecordedPhoto, ...] = ()

    def of_class(self, label: int) -> list[RecordedPhoto]:
        """Return the photos of a class, in the order they were recorded."""
        return [photo for photo in self.photos if photo.label == label]

    def count_clips(self, label: int) -> int:
        """Return in how many clips a class was recorded."""
        return len({photo.clip for photo in self.of_class(label)})

    @property
    def is_complete(self) -> bool:
        """Whether it can become a dataset: two classes or more, each with enough clips."""
        clips = [self.count_clips(label) for label in self.classes]
        return len(clips) >= 2 and min(clips) >= MIN_CLIPS


def recordings_folder() -> Path:
    """Return the folder of this workspace's recordings, one folder each."""
    return files.workspace_folder() / "recordings"


def find_recording() -> Recording | None:
    """Return the visitor's recording in progress, None where there is none."""
    found = [folder for folder in _list_folders() if _is_own(folder)]
    return _read(max(found, key=_mtime)) if found else None


def begin_recording(
    names: Sequence[str], photos: Iterable[tuple[int, int, bytes]] = ()
) -> Recording:
    """Return the visitor's recording in progress; a new one if there is none.

    Args:
        names: of the classes of a new one.
        photos: that a new one has from the start: number of the class, clip, JPEG file.

    Raises:
        AccessError: the visitor may not change data.
        DatasetError: a name can't be a class's, or there are too many recordings.
    """
    access.check_permission("change data")
    root = recordings_folder()
    with files.wrap_os_errors(root):
        root.mkdir(parents=True, exist_ok=True)
    with _lock(root / "begin"):  # two tabs may begin at once
        if (recording := find_recording()) is not None:
            return recording
        if len(_list_folders()) >= MAX_RECORDINGS:
            raise DatasetError(
                "{n} recordings are in progress, and the limit is {most}. Save or discard one, "
                "then try again.",
                n=len(_list_folders()),
                most=MAX_RECORDINGS,
            )
        classes: dict[int, str] = {}
        for number, name in enumerate(names):
            classes[number] = _check_name(name, classes)
        folder = root / uuid4().hex[:12]
        with files.atomic_directory(folder) as building:
            _write(building, classes)
            for index, (label, clip, data) in enumerate(photos):
                files.write_bytes(building / f"{label}-{clip}-{index}.jpg", data)
        return _read(folder)


def add_class(name: str) -> Recording:
    """Add a class to the visitor's recording.

    Raises:
        AccessError: the visitor may not change data.
        DatasetError: there is no recording, the name can't be a class's, or there are too many.
    """
    with _locked() as recording:
        if len(recording.classes) >= MAX_CLASSES:
            raise DatasetError(
                "A recording has at most {most} classes. Remove one first.", most=MAX_CLASSES
            )
        taken = [*recording.classes, *(photo.label for photo in recording.photos)]
        number = max(taken, default=-1) + 1
        classes = {**recording.classes, number: _check_name(name, recording.classes)}
        _write(recording.folder, classes)
        return Recording(recording.folder, classes, recording.photos)


def rename_class(label: int, name: str) -> Recording:
    """Give a class of the visitor's recording another name. Raises as `add_class`."""
    with _locked() as recording:
        if label not in recording.classes:
            return recording  # removed in another tab
        others = {number: each for number, each in recording.classes.items() if number != label}
        classes = {**recording.classes, label: _check_name(name, others)}
        _write(recording.folder, classes)
        return Recording(recording.folder, classes, recording.photos)


def remove_class(label: int) -> Recording:
    """Remove a class of the visitor's recording, with its photos. Raises as `add_class`."""
    with _locked() as recording:
        classes = {number: each for number, each in recording.classes.items() if number != label}
        _write(recording.folder, classes)
        for photo in recording.of_class(label):
            files.remove_if_exists(recording.folder / photo.name)
        return _read(recording.folder)


def add_frame(label: int, clip: int, data: bytes) -> str:
    """Add a frame of the camera to the visitor's recording.

    Args:
        label: number of the class.
        clip: number of the clip, the same for all frames of one.
        data: a JPEG file.

    Returns:
        The name of the photo; empty where it is nearly identical to one of its class.

    Raises:
        AccessError: the visitor may not change data.
        PhotoError: the frame is no JPEG, or too large.
        DatasetError: there is no such class, or no more room.
    """
    access.check_permission("change data")
    value = _hash_frame(data)
    with _locked() as recording:
        if label not in recording.classes or not 0 <= clip < _MAX_ID:
            raise DatasetError("The recording has no such class. Reload the page.")
        taken = sum(_size(recording.folder / photo.name) for photo in recording.photos)
        if len(recording.photos) >= MAX_PHOTOS or taken + len(data) > MAX_BYTES:
            raise DatasetError(
                "The recording is full. Create the dataset, or delete photos you don't need."
            )
        archives.refuse_full_disk(recording.folder, len(data))
        seen = [_hash_photo(recording.folder, each.name) for each in recording.of_class(label)]
        near = np.bitwise_count(np.array(seen, np.uint64) ^ np.uint64(value)) <= NEAR_BITS
        if near.any():
            return ""
        # In the order they were recorded, and no name a second time, not even a deleted one's.
        last = max((_time_of(photo.name) for photo in recording.photos), default=0)
        name = f"{label}-{clip}-{max(time.time_ns() // 1_000_000, last + 1)}.jpg"
        files.write_bytes(recording.folder / name, data)
        _remember_hash(recording.folder, name, value)
        return name


def remove_photo(name: str) -> None:
    """Delete a photo of the visitor's recording; one that is gone already is no error.

    Raises:
        AccessError: the visitor may not change data.
        DatasetError: there is no recording.
    """
    with _locked() as recording:
        if _NAME.fullmatch(name):
            files.remove_if_exists(recording.folder / name)


def read_photo(name: str) -> bytes:
    """Return the JPEG file of a photo of the visitor's recording.

    Raises:
        PhotoError: it is gone.
    """
    recording = find_recording()
    if recording is None or name not in {photo.name for photo in recording.photos}:
        raise PhotoError(
            "The photo {name} no longer exists. Reload the page.",
            name=files.truncate_for_display(name),
        )
    return decode.read_photo_bytes(recording.folder / name)


def discard_recording() -> None:
    """Delete the visitor's recording with all its photos.

    Raises:
        AccessError: the visitor may not change data.
        DatasetError: there is none.
    """
    with _locked() as recording:
        _remove(recording.folder)


def save_recording(name: str) -> Dataset:
    """Make a dataset of the visitor's recording, which is then over.

    The split keeps each clip on one side.

    Raises:
        AccessError: the visitor may not change data.
        DatasetError: there is no recording, or it isn't complete.
    """
    with _locked() as recording:
        _refuse_incomplete(recording)
        labels = {number: index for index, number in enumerate(recording.classes)}
        entries = [
            ArchiveEntry(
                PurePosixPath(recording.classes[photo.label], f"clip-{photo.clip}-{index:04d}.jpg"),
                _size(recording.folder / photo.name),
                False,
                partial(files.open_regular, recording.folder / photo.name),
                label=labels[photo.label],
                group=(photo.label, photo.clip),
            )
            for index, photo in enumerate(recording.photos)
            if photo.label in labels
        ]
        dataset = imports.import_entries(
            entries, name, SOURCE, classes=list(recording.classes.values())
        )
        _remove(recording.folder)
        return dataset


def continue_dataset(dataset: Dataset) -> Recording:
    """Begin a recording with the photos of a dataset that was recorded; the dataset stays.

    Args:
        dataset: its classes and clips are taken over, and the photos that aren't excluded.

    Raises:
        AccessError: the visitor may not change data.
        DatasetError: another recording is in progress, or the dataset wasn't recorded.
    """
    access.check_permission("change data")
    if dataset.source != SOURCE or len(dataset.classes) > MAX_CLASSES:
        raise DatasetError("'{name}' wasn't recorded with a camera.", name=dataset.name)
    if find_recording() is not None:
        raise DatasetError(
            "Another recording is in progress. Create its dataset or discard it, then try again."
        )
    clip_of = {
        file: number
        for number, group in enumerate(dataset.note.get("groups", []), start=1)
        for file in group
    }
    alone = len(clip_of) + 1  # a clip of one photo is in no group
    photos = (
        (item.label, clip_of.get(item.file, alone + index), decode.read_photo_bytes(item.path))
        for index, item in enumerate(dataset.items())
    )
    return begin_recording(dataset.classes, photos)


def _refuse_incomplete(recording: Recording) -> None:
    if len(recording.classes) < 2:
        raise DatasetError("A dataset needs at least two classes. Add a class and record it.")
    for label, name in recording.classes.items():
        if recording.count_clips(label) < MIN_CLIPS:
            raise DatasetError(
                "Class {name} has {count} clips, but training and validation each need one. Hold "
                "its button again.",
                name=files.truncate_for_display(name),
                count=recording.count_clips(label),
            )


def _check_name(name: str, others: dict[int, str]) -> str:
    name = " ".join(name.split())[:_MAX_NAME]
    archives.class_folder(name)
    if class_names.class_key(name) in map(class_names.class_key, others.values()):
        raise DatasetError(
            "There's already a class '{name}'. Choose another name.",
            name=files.truncate_for_display(name),
        )
    return name


def _hash_frame(data: bytes) -> int:
    """The perceptual hash of a frame, which is checked first."""
    if len(data) > FRAME_BYTES:
        raise PhotoError("The frame is too large. Choose a lower resolution for the camera.")
    head = image_header.read_image_header(data)
    if head.kind != "JPEG" or head.width * head.height > FRAME_PIXELS:
        raise PhotoError("The frame is too large. Choose a lower resolution for the camera.")
    return _hash_photo_bytes(data)


def _hash_photo_bytes(data: bytes) -> int:
    photo = decode.decode_photo(data, at_least=_THUMB_SOURCE)
    return int(duplicates.hash_thumbnails(duplicates.make_grey_thumbnail(photo)[None])[0])


def _hash_photo(folder: Path, name: str) -> int:
    """The perceptual hash of a photo of a recording."""
    if (folder, name) not in _hashes:
        _remember_hash(folder, name, _hash_photo_bytes(decode.read_photo_bytes(folder / name)))
    return _hashes[folder, name]


def _remember_hash(folder: Path, name: str, value: int) -> None:
    if len(_hashes) >= _MAX_HASHES:
        _hashes.clear()
    _hashes[folder, name] = value


@contextmanager
def _locked() -> Iterator[Recording]:
    """The visitor's recording for one writer: two tabs and many requests may change it at once."""
    access.check_permission("change data")
    recording = find_recording()
    if recording is not None:
        with _lock(recording.folder):
            if _is_own(recording.folder):  # not saved or discarded meanwhile
                yield _read(recording.folder)
                return
    raise DatasetError("There's no recording in progress. Reload the page.")


def _lock(path: Path) -> FileLock:
    # Beside the folder: on Windows none can be removed with an open file inside.
    return FileLock(path.with_name(f".{path.name}.lock"))


def _list_folders() -> list[Path]:
    with suppress(OSError):
        return [path for path in recordings_folder().iterdir() if path.name[0] != "."]
    return []


def _is_own(folder: Path) -> bool:
    record = files.read_json_object(folder / "recording.json")  # a damaged one is nobody's
    return isinstance(record.get("classes"), dict) and access.is_own(str(record.get("owner", "")))


def _mtime(folder: Path) -> float:
    with suppress(OSError):
        return folder.stat().st_mtime
    return 0.0


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0


def _time_of(name: str) -> int:
    return int(name.removesuffix(".jpg").rpartition("-")[2])


def _read(folder: Path) -> Recording:
    record = files.read_json(folder / "recording.json", FORMAT)
    classes = {int(number): str(name) for number, name in record["classes"].items()}
    found = filter(None, (_NAME.fullmatch(path.name) for path in folder.iterdir()))
    photos = [RecordedPhoto(each[0], int(each[1]), int(each[2])) for each in found]
    photos.sort(key=lambda photo: (_time_of(photo.name), photo.name))
    return Recording(folder, classes, tuple(p for p in photos if p.label in classes))


def _write(folder: Path, classes: dict[int, str]) -> None:
    owner = access.current_visitor().name
    record = {"format": FORMAT, "owner": owner, "classes": {str(n): c for n, c in classes.items()}}
    files.write_json(folder / "recording.json", record)


def _remove(folder: Path) -> None:
    """Remove a recording; without its record first, so that what is left counts as none."""
    files.remove_if_exists(folder / "recording.json")
    files.remove_tree(folder)
    files.remove_if_exists(Path(_lock(folder).lock_file))
    for key in [key for key in _hashes if key[0] == folder]:
        _hashes.pop(key, None)
