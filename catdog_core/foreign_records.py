"""TFRecords made elsewhere, turned into a dataset: photos as files, labels as class folders.

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
from typing import IO, Any
from uuid import uuid4

import tensorflow as tf

from . import archives, datasets, files, frames, layout
from .archives import Progress
from .datasets import Dataset
from .entries import MAX_TOTAL, Entry
from .errors import N_, DatasetError

_MAGIC = {
    b"\xff\xd8\xff": ".jpg",
    b"\x89PNG": ".png",
    b"GIF8": ".gif",
    b"BM": ".bmp",
    b"RIFF": ".webp",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
}
_OTHER = ".bin"  # of no kind the lab reads: counted as ignored
_NO_LABEL = -(2**63)
_FEATURES = {
    "image/encoded": tf.io.FixedLenFeature([], tf.string, ""),
    "image/class/label": tf.io.FixedLenFeature([], tf.int64, _NO_LABEL),
    "image/class/text": tf.io.FixedLenFeature([], tf.string, ""),
    "image/filename": tf.io.FixedLenFeature([], tf.string, ""),
}
_COUNTED_FROM = N_("The records count their labels from {first}, not from 0: {first} is {name}.")
_UNNAMED = N_("The records do not name their classes: they are called by their numbers.")


@dataclass(frozen=True, slots=True)
class _Photo:
    """A photo within a TFRecord: bytes `start` to `start + size` of `path`."""

    path: Path
    start: int
    size: int
    label: int
    text: str
    name: str
    suffix: str

    def open(self) -> IO[bytes]:
        with open(self.path, "rb") as file:
            file.seek(self.start)
            return BytesIO(file.read(self.size))


def import_foreign(
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
        DatasetError: no TFRecords, damaged ones or of another schema; labels that cannot be
            named; fewer than two classes; too large.
    """
    paths = _paths(source)
    photos = [photo for path in paths for photo in _survey(path)]
    if not photos:
        raise DatasetError(
            "{file} holds no record. Expected at least two photos of each class.",
            file=files.shown(paths[0].name),
        )
    if len(photos) > frames.MAX_RECORDS:
        raise frames.too_many(len(photos))
    named, warnings = _names(photos, classes, paths[0].parent)
    folders = {
        label: f"{number:03d}-{files.slug(named[label], 24)}"
        for number, label in enumerate(sorted(named))
    }
    title = files.shown(name or (source.stem if isinstance(source, Path) else paths[0].stem), 60)

    def fill(folder: Path) -> dict[str, Any]:
        notes = archives.write(list(_entries(photos, folders)), folder, progress)
        notes["names"].update({folders[label]: named[label] for label in named})
        notes["warnings"] += warnings
        return notes

    return datasets.adopt(f"{files.slug(title, 24)}-{uuid4().hex[:8]}", title, "tfrecord", fill)


def is_foreign(folder: Path) -> bool:
    """Whether a path is a TFRecord by its name, or a folder that holds some."""
    if folder.is_dir():
        return any(frames.named_so(path) for path in folder.iterdir() if path.is_file())
    return frames.named_so(folder) and folder.is_file()


def _paths(source: Path | Sequence[Path]) -> list[Path]:
    given = [source] if isinstance(source, Path) else list(source)
    found = []
    for path in given:
        if path.is_dir():
            found += sorted(p for p in path.iterdir() if p.is_file() and frames.named_so(p))
        else:
            found.append(path)
    if not found:
        raise DatasetError(
            "{folder} holds no TFRecord. Expected files such as train.tfrecord or"
            " train-00000-of-00002.",
            folder=files.shown(str(given[0]) if given else "-", 200),
        )
    total = sum(path.stat().st_size for path in found if path.is_file())
    if total > MAX_TOTAL:
        raise DatasetError(
            "The TFRecords have {total:,} bytes. Expected at most {limit:,}. Import a part of the"
            " files.",
            total=total,
            limit=MAX_TOTAL,
        )
    return found


def _survey(path: Path) -> Iterator[_Photo]:
    """Read a file once, checksums too, and tell what is in it; of the photos only the place."""
    places = frames.check(path)
    rows = tf.data.TFRecordDataset(str(path)).map(
        lambda record: (record, tf.io.parse_single_example(record, _FEATURES))
    )
    try:
        for (start, _), (record, row) in zip(places, rows.as_numpy_iterator(), strict=True):
            encoded, label = row["image/encoded"], int(row["image/class/label"])
            if not encoded or label == _NO_LABEL:
                raise _other_schema(path, record)
            yield _Photo(
                path=path,
                start=start + record.index(encoded),
                size=len(encoded),
                label=label,
                text=_words(row["image/class/text"]),
                name=_words(row["image/filename"]),
                suffix=next(
                    (s for magic, s in _MAGIC.items() if encoded.startswith(magic)), _OTHER
                ),
            )
    except (tf.errors.OpError, ValueError) as error:
        reason = str(getattr(error, "message", error))
        if isinstance(error, ValueError) or "corrupted record" in reason:
            raise DatasetError(
                "{file} is damaged: the checksum of a record does not fit. Copy the file again.",
                file=files.shown(path.name),
            ) from error
        raise DatasetError(
            "{file} holds records of another kind ({reason}). Expected tf.train.Example with"
            " image/encoded and image/class/label.",
            file=files.shown(path.name),
            reason=files.shown(reason.split(" [[")[0], 120),
        ) from error


def _other_schema(path: Path, record: bytes) -> DatasetError:
    keys = sorted(tf.train.Example.FromString(record).features.feature)
    return DatasetError(
        "{file} holds records with {keys}. Expected image/encoded and image/class/label, as in"
        " TensorFlow's image sets.",
        file=files.shown(path.name),
        keys=files.shown(", ".join(keys) or "nothing", 200),
    )


def _names(
    photos: Sequence[_Photo], classes: Sequence[str] | None, folder: Path
) -> tuple[dict[int, str], list[tuple[str, dict[str, Any]]]]:
    """The name of each label found, each another, and what was assumed."""
    labels = sorted({photo.label for photo in photos})
    warnings: list[tuple[str, dict[str, Any]]] = []
    if len(labels) > layout.MAX_CLASSES:
        raise _too_many_classes(len(labels))
    if classes:
        named = _given(labels, classes)
    else:
        named = _texts(photos) or _listed(folder / "labels.txt")
        if not set(labels) <= set(named):
            named = {label: f"class {label:03d}" for label in labels}
            warnings.append((_UNNAMED, {}))
    times = Counter(named[label] for label in labels)  # ImageNet knows two cranes
    named = {n: f"{named[n]} ({n})" if times[named[n]] > 1 else named[n] for n in labels}
    if labels[0] != 0:
        first = {"first": labels[0], "name": files.shown(named[labels[0]])}
        warnings.append((_COUNTED_FROM, first))
    return named, warnings


def _given(labels: Sequence[int], classes: Sequence[str]) -> dict[int, str]:
    first = 1 if labels[0] >= 1 and labels[-1] == len(classes) else 0
    named = dict(enumerate(classes, first))
    if not set(labels) <= set(named):
        raise DatasetError(
            "The records have labels from {first} to {last}, but {count} class names were given."
            " Expected a name for each number.",
            first=labels[0],
            last=labels[-1],
            count=len(classes),
        )
    return named


def _texts(photos: Sequence[_Photo]) -> dict[int, str]:
    found: dict[int, str] = {}
    for photo in photos:
        name = found.setdefault(photo.label, photo.text)
        if photo.text != name:
            raise DatasetError(
                "Label {label} is called {first} in one record and {second} in another. Expected"
                " one name for each label. Mend the records, or give the names yourself.",
                label=photo.label,
                first=files.shown(name or "nothing"),
                second=files.shown(photo.text or "nothing"),
            )
    return found if all(found.values()) else {}


def _listed(path: Path) -> dict[int, str]:
    """The names in a ``labels.txt``, a line such as ``0:daisy`` each; none where it is not so."""
    try:
        lines = path.read_text(encoding="utf-8")[:100_000].splitlines()
    except (OSError, ValueError):
        return {}
    found = [re.fullmatch(r"\s*(\d{1,6})\s*:\s*(\S.*?)\s*", line) for line in lines]
    return {int(match[1]): match[2][:60] for match in found if match}


def _entries(photos: Sequence[_Photo], folders: dict[int, str]) -> Iterator[Entry]:
    splits = {photo.path: _split(photo.path) for photo in photos}
    divided = "train" in splits.values()
    for number, photo in enumerate(photos):
        place = PurePosixPath(splits[photo.path] or "train") if divided else PurePosixPath()
        stem = PurePosixPath(photo.name.replace("\\", "/")).stem.lstrip(".") or f"{number:06d}"
        path = place / folders[photo.label] / f"{stem[:80]}{photo.suffix}"
        yield Entry(path, photo.size, False, partial(photo.open))


def _split(path: Path) -> str:
    words = re.split(r"[^a-z]+", path.name.lower())
    return next((layout.SPLIT_NAMES[word] for word in words if word in layout.SPLIT_NAMES), "")


def _words(data: bytes) -> str:
    return " ".join(data.decode("utf-8", "replace").split())[:200]


def _too_many_classes(count: int) -> DatasetError:
    return DatasetError(
        "The records have {count:,} different labels. Expected at most {limit} classes.",
        count=count,
        limit=layout.MAX_CLASSES,
    )
