"""Import TFRecords made elsewhere: photos as files, labels as class folders.

Read are `tf.train.Example` records of the schema that TensorFlow's image sets share:

    image/encoded       bytes   a photo's file
    image/class/label   int64   its class number
    image/class/text    bytes   its class name (optional)
    image/filename      bytes   its file name (optional)

Assumed where the records leave it open: the numbers found, in ascending order, are the classes,
whether they count from 0 or from 1. Names come from the texts, else from ``labels.txt`` beside the
files (``0:daisy`` a line), else from the numbers. A file with train, validation or test in its name
is that split.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO
from uuid import uuid4

import tensorflow as tf

from ..base import access, files, limits
from ..base.errors import N_, DatasetError
from ..base.messages import Message
from ..imaging import photo_formats
from . import archives, datasets, folder_names, preview, split_folders, tfrecord_frames
from .archive_safety import ArchiveEntry
from .archives import Progress, StoredPhotos
from .datasets import Dataset
from .preview import Preview

_MAX_LABELS_CHARS = 100_000  # characters of a labels.txt that are read

_COUNTED_FROM = N_("The record labels start at {first}, not 0. {first} is {name}.")
_UNNAMED = N_("The records don't name their classes, so the class numbers become the names.")


def name_labels(
    texts: Sequence[tuple[int, str]], classes: Sequence[str] | None, listing: Path
) -> tuple[dict[int, str], list[Message]]:
    """Return a name for each label, no two the same, and what was assumed for that.

    Args:
        texts: (label, name or empty) of each record.
        classes: names in the order of the numbers, used before all others.
        listing: a file that may be there, with lines such as ``0:daisy``.

    Raises:
        DatasetError: a label without a name among those given, or with two names; too many labels.
    """
    labels = sorted({label for label, _ in texts})
    warnings: list[Message] = []
    if len(labels) > split_folders.MAX_CLASSES:
        raise _too_many_classes_error(len(labels))
    if classes:
        named = _names_from_classes(labels, classes)
    else:
        named = _names_from_records(texts) or _names_from_labels_file(listing)
        if not set(labels) <= set(named):
            named = {label: f"class {label:03d}" for label in labels}
            warnings.append(Message(_UNNAMED))
    times = Counter(named[label] for label in labels)  # ImageNet knows two cranes
    named = {n: f"{named[n]} ({n})" if times[named[n]] > 1 else named[n] for n in labels}
    if labels[0] != 0:
        first = {"first": labels[0], "name": files.truncate_for_display(named[labels[0]])}
        warnings.append(Message(_COUNTED_FROM, first))
    return named, warnings


def _names_from_classes(labels: Sequence[int], classes: Sequence[str]) -> dict[int, str]:
    first = 1 if labels[0] >= 1 and labels[-1] == len(classes) else 0
    named = dict(enumerate(classes, first))
    if not set(labels) <= set(named):
        raise DatasetError(
            "The records have labels {first} to {last}, but you gave {count} class names. Give "
            "one name per number.",
            first=labels[0],
            last=labels[-1],
            count=len(classes),
        )
    return named


def _names_from_records(texts: Sequence[tuple[int, str]]) -> dict[int, str]:
    names: dict[int, str] = {}
    for label, text in texts:
        name = names.setdefault(label, text)
        if text != name:
            raise DatasetError(
                "Label {label} is named {first} in one record and {second} in another. Fix the "
                "records, or set the names yourself.",
                label=label,
                first=files.truncate_for_display(name or "nothing"),
                second=files.truncate_for_display(text or "nothing"),
            )
    return names if all(names.values()) else {}


def _names_from_labels_file(path: Path) -> dict[int, str]:
    """The names in a ``labels.txt``, a line such as ``0:daisy`` each; none where it is not so."""
    try:
        lines = files.read_regular(path, 1_000_000).decode("utf-8")[:_MAX_LABELS_CHARS].splitlines()
    except (OSError, ValueError):
        return {}
    names = {}
    for line in lines:
        number, colon, name = (part.strip() for part in line.partition(":"))
        if colon and name and re.fullmatch(r"\d{1,6}", number):
            names[int(number)] = name[:60]
    return names


def _too_many_classes_error(count: int) -> DatasetError:
    return DatasetError(
        "The records have {count:,} different labels. Import records with at most {limit} classes.",
        count=count,
        limit=split_folders.MAX_CLASSES,
    )


_SUFFIX_BY_MAGIC = {
    b"\xff\xd8\xff": ".jpg",
    b"\x89PNG": ".png",
    b"GIF8": ".gif",
    b"BM": ".bmp",
    b"RIFF": ".webp",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
}
_UNKNOWN_SUFFIX = ".bin"  # of no kind the lab reads: counted as ignored
_NO_LABEL = -(2**63)
_MAX_NAMED_BYTES = 1_000_000  # of a record up to which its features are named in an error
_FEATURES = {
    "image/encoded": tf.io.FixedLenFeature([], tf.string, ""),
    "image/class/label": tf.io.FixedLenFeature([], tf.int64, _NO_LABEL),
    "image/class/text": tf.io.FixedLenFeature([], tf.string, ""),
    "image/filename": tf.io.FixedLenFeature([], tf.string, ""),
}


@dataclass(frozen=True, slots=True)
class _RecordPhoto:
    """A photo within a TFRecord: bytes `start` to `start + size` of `path`."""

    path: Path
    start: int
    size: int
    label: int
    text: str
    name: str
    suffix: str

    def open(self) -> IO[bytes]:
        with files.open_regular(self.path) as file:
            file.seek(self.start)
            return BytesIO(file.read(self.size))


def import_tfrecords(
    source: Path | Sequence[Path],
    name: str = "",
    classes: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Make a dataset of the photos in TFRecords and remember it in the workspace.

    Args:
        source: a file, a folder of files, or several files.
        name: of the dataset; by default that of the folder or the first file.
        classes: names in the order of the label numbers, used before any in the records. As many
            as the highest number means that the numbers count from 1.
        progress: called with (bytes done, bytes in all) while photos are written.

    Raises:
        AccessError: the visitor may not add a dataset; nothing was read.
        DatasetError: no TFRecords, damaged ones or of another schema; labels that cannot be
            named; fewer than two classes; too large.
    """
    access.check_permission("change data")
    photos, folders, named, warnings = _read_photos_and_labels(source, classes)
    title = _dataset_title(source, name)

    def fill(folder: Path) -> StoredPhotos:
        names = [named[label] for label in sorted(named)]
        stored = archives.store_entries(
            list(_iter_entries(photos, folders)), folder, progress, title, names
        )
        stored.plan.warnings = warnings + stored.plan.warnings
        return stored

    return datasets.register_dataset(
        f"{files.slugify(title, 24)}-{uuid4().hex[:8]}", title, "tfrecord", fill
    )


def preview_tfrecords(
    source: Path | Sequence[Path], name: str = "", classes: Sequence[str] = ()
) -> Preview:
    """Tell what `import_tfrecords` would make of TFRecords; all of them are read, nothing written.

    Raises:
        AccessError, DatasetError: as `import_tfrecords`.
    """
    access.check_permission("change data")
    photos, folders, named, warnings = _read_photos_and_labels(source, classes)
    title = _dataset_title(source, name)
    names = [named[label] for label in sorted(named)]
    plan = archives.plan_entries(list(_iter_entries(photos, folders)), title, names)
    plan.warnings = warnings + plan.warnings
    return preview.preview_plan(plan, title)


def _read_photos_and_labels(
    source: Path | Sequence[Path], classes: Sequence[str] | None
) -> tuple[list[_RecordPhoto], dict[int, str], dict[int, str], list[Message]]:
    """The photos of all files; of each label the folder and the name; what was assumed."""
    paths = _tfrecord_paths(source)
    photos: list[_RecordPhoto] = []
    for path in paths:
        photos += _scan_tfrecord(path)
        if len(photos) > limits.current_limits().archive_entries:
            raise tfrecord_frames.too_many_records_error(len(photos))
    if not photos:
        raise DatasetError(
            "{file} has no records. Choose a file with at least two photos per class.",
            file=files.truncate_for_display(paths[0].name),
        )
    texts = [(photo.label, photo.text) for photo in photos]
    named, warnings = name_labels(texts, classes, paths[0].parent / "labels.txt")
    folders = {
        label: f"{number:03d}-{files.slugify(named[label], 24)}"
        for number, label in enumerate(sorted(named))
    }
    return photos, folders, named, warnings


def _dataset_title(source: Path | Sequence[Path], name: str) -> str:
    return files.truncate_for_display(
        name or (source if isinstance(source, Path) else source[0]).stem, 60
    )


def _tfrecord_paths(source: Path | Sequence[Path]) -> list[Path]:
    sources = [source] if isinstance(source, Path) else list(source)
    paths = []
    for path in sources:
        if path.is_dir():
            paths += sorted(
                p for p in path.iterdir() if p.is_file() and tfrecord_frames.is_tfrecord_name(p)
            )
        else:
            paths.append(path)
    if not paths:
        raise DatasetError(
            "{folder} contains no TFRecord. Choose a folder with files such as train.tfrecord or "
            "train-00000-of-00002.",
            folder=files.truncate_for_display(str(sources[0]) if sources else "-", 200),
        )
    total = sum(path.stat().st_size for path in paths if path.is_file())
    if total > limits.current_limits().archive_bytes:
        raise DatasetError(
            "The TFRecords have {total:,} bytes, but the limit is {limit:,}. Import some of the "
            "files.",
            total=total,
            limit=limits.current_limits().archive_bytes,
        )
    return paths


def _scan_tfrecord(path: Path) -> Iterator[_RecordPhoto]:
    """Read a file once, checksums too, and tell what is in it; of the photos only the place."""
    records = tfrecord_frames.index_records(path)
    rows = tf.data.TFRecordDataset(str(path)).map(
        lambda record: (record, tf.io.parse_single_example(record, _FEATURES))
    )
    try:
        for (start, _), (record, row) in zip(records, rows.as_numpy_iterator(), strict=True):
            encoded, label = row["image/encoded"], int(row["image/class/label"])
            if not encoded or label == _NO_LABEL:
                raise _unknown_schema_error(path, record)
            yield _RecordPhoto(
                path=path,
                start=start + record.index(encoded),
                size=len(encoded),
                label=label,
                text=_decode_text(row["image/class/text"]),
                name=_decode_text(row["image/filename"]),
                suffix=_suffix_of(encoded),
            )
    except (tf.errors.OpError, ValueError) as error:
        # TensorFlow fails at its own message when the record in it is no text.
        if "corrupted record" in str(error) or type(error) is ValueError:
            raise DatasetError(
                "{file} is damaged. A record's checksum doesn't match. Copy the file again.",
                file=files.truncate_for_display(path.name),
            ) from error
        raise DatasetError(
            "{file} has records of another kind. Use tf.train.Example with image/encoded (a "
            "photo's bytes) and image/class/label (one integer).",
            file=files.truncate_for_display(path.name),
        ) from error


def _suffix_of(encoded: bytes) -> str:
    """The ending for a photo's file, by its content."""
    if kind := photo_formats.modern_kind(encoded):
        return photo_formats.EXTENSIONS_OF[kind][0]
    known = (s for magic, s in _SUFFIX_BY_MAGIC.items() if encoded.startswith(magic))
    return next(known, _UNKNOWN_SUFFIX)


def _unknown_schema_error(path: Path, record: bytes) -> DatasetError:
    # A record of many tiny features takes 20 times its size, only to name a few of them.
    few = len(record) <= _MAX_NAMED_BYTES
    keys = sorted(tf.train.Example.FromString(record).features.feature)[:20] if few else []
    return DatasetError(
        "{file} has records with {keys}. Use records with image/encoded and image/class/label, as "
        "in TensorFlow's image datasets.",
        file=files.truncate_for_display(path.name),
        keys=files.truncate_for_display(", ".join(keys) or "other features", 200),
    )


def _iter_entries(
    photos: Sequence[_RecordPhoto], folders: dict[int, str]
) -> Iterator[ArchiveEntry]:
    splits = {photo.path: _split_from_file_name(photo.path) for photo in photos}
    divided = "train" in splits.values()
    numbers = {label: number for number, label in enumerate(sorted(folders))}
    for number, photo in enumerate(photos):
        split = (splits[photo.path] or "train") if divided else ""
        folder = PurePosixPath(split)
        stem = PurePosixPath(photo.name.replace("\\", "/")).stem.lstrip(".") or f"{number:06d}"
        path = folder / folders[photo.label] / f"{stem[:80]}{photo.suffix}"
        yield ArchiveEntry(
            path,
            photo.size,
            False,
            partial(photo.open),
            split=split,
            label=numbers[photo.label],
        )


def _split_from_file_name(path: Path) -> str:
    words = re.split(r"[^a-z]+", path.name.lower())
    return next(filter(None, map(folder_names.split_from_name, words)), "")


def _decode_text(data: bytes) -> str:
    return " ".join(data.decode("utf-8", "replace").split())[:200]
