"""A model's answers for the photos of a split, kept in its run's folder. Imports no TensorFlow.

    predictions/<dataset>-<split>.csv     file, truth, label, a probability a class
    predictions/<dataset>-<split>.json    what the table was made of; written last

The table holds names as they are; only downloads are escaped for spreadsheets. A probability does
not depend on what a photo is called, so answers go on to hold when photos are excluded, moved or
relabelled: `read_predictions` puts them together with the dataset as it is now.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

from ..base import bounded_readers, csv_safety, files
from ..base.errors import N_, CatDogError, ModelError
from ..base.file_cache import FileCache
from ..data import datasets
from ..data.datasets import Dataset
from ..data.edits import SPLITS
from ..data.split_folders import MAX_CLASSES
from ..runs import model_registry

FORMAT = 1
MAX_ROWS = 2_000_000
"""Photos of a table, as many as a dataset may have at most."""
_MAX_METADATA_BYTES = 500_000_000  # of what is told beside a table; it names the photos that failed
_digests: FileCache[str] = FileCache(64)
NOT_PREDICTED = N_("This model hasn't been evaluated on these photos yet.")
OTHER_MODEL = N_("The model has trained more since it was evaluated on these photos.")
OTHER_PHOTOS = N_("The photos have changed since the model was evaluated on them.")
MORE_PHOTOS = N_("This split has new photos since the last evaluation.")
OTHER_MAPPING = N_("The model's classes were mapped differently in the last evaluation.")
DAMAGED = N_("This model's prediction table is damaged. Evaluate the model again.")
NEWER = N_(
    "This model's prediction table is from a newer version of CatDog Lab. Evaluate the model again."
)


@dataclass(frozen=True, eq=False)
class PredictionTable:
    """What a model says of N photos of C classes.

    Attributes:
        files: names within the dataset.
        classes: class names by label number.
        labels: (N,) int64, the true classes.
        probabilities: (N, C) float64; rows sum to 1.
        unreadable: photos of the split that could not be read and are left out.
    """

    files: tuple[str, ...]
    classes: tuple[str, ...]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    unreadable: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.files)


class PredictionMetadata(TypedDict):
    """What a stored table was made of, as its JSON file holds it.

    Attributes:
        fingerprint: of the dataset when the model was asked.
        model: the `digest_model` of the model.
        classes: in the order of the table's columns.
        photos: rows of the table.
        unreadable: photos that are not in it.
        table: BLAKE2b digest of the CSV file, which tells a torn or changed one.
        outputs: the model's own names of its classes, in the same order.
    """

    format: int
    dataset: str
    split: str
    fingerprint: str
    model: str
    classes: list[str]
    photos: int
    unreadable: list[str]
    table: str
    outputs: NotRequired[list[str]]


@dataclass(frozen=True, eq=False)
class StoredPredictions:
    """What is known of a split: the table, or why there is none.

    Attributes:
        table: the answers, None where they do not cover the split as it is now.
        problem: why there is none, a message of the catalogue; empty with a table.
        answers: probabilities (C,) that still hold, by file, even where others are missing.
        unreadable: photos of the split that could not be read.
    """

    table: PredictionTable | None
    problem: str = ""
    answers: Mapping[str, NDArray[np.float64]] | None = None
    unreadable: tuple[str, ...] = ()


def predictions_path(run_dir: Path, dataset_id: str, split: str) -> Path:
    """Return the path of a run's table for a split: in its folder, unless the lab ships it."""
    folder = Path(run_dir)
    if (
        folder == model_registry.default_model_folder()
    ):  # an installation may be read-only, and is not the user's
        folder = files.workspace_folder() / "models" / model_registry.DEFAULT_MODEL_NAME
    return folder / "predictions" / f"{dataset_id}-{split}.csv"


def digest_model(model: Path) -> str:
    """Return the SHA-256 of a model file's content."""

    def read() -> str:
        with files.open_regular(model) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    return _digests.get(str(model), [model], read)


def write_predictions(
    run_dir: Path,
    dataset: Dataset,
    split: str,
    table: PredictionTable,
    model: str,
    outputs: Sequence[str] | None = None,
) -> None:
    """Store a table in a run's folder.

    Args:
        run_dir: the run's folder.
        dataset: what was asked about, in the state the table's true classes are of.
        split: the part of it.
        table: a row each of its photos that can be read.
        model: the `digest_model` of the model that was asked.
        outputs: the model's names of the table's classes; by default the same.

    Raises:
        CatDogError: the disk is full or not writable.
    """
    path = predictions_path(run_dir, dataset.id, split)
    data = encode_predictions_csv(table)
    files.write_bytes(path, data)
    metadata: PredictionMetadata = {
        "format": FORMAT,
        "dataset": dataset.id,
        "split": split,
        "fingerprint": dataset.fingerprint,
        "model": model,
        "classes": list(table.classes),
        "photos": len(table),
        "unreadable": list(table.unreadable),
        "table": hashlib.blake2b(data, digest_size=20).hexdigest(),
        "outputs": list(table.classes if outputs is None else outputs),
    }
    # Escaped, since a file's name may hold bytes that are no UTF-8.
    files.write_bytes(path.with_suffix(".json"), json.dumps(metadata, indent=1).encode())


def read_predictions(
    run_dir: Path, dataset: Dataset, split: str, outputs: Sequence[str] | None = None
) -> StoredPredictions:
    """Return a run's stored table for the photos of a split as the dataset is now.

    Nothing is raised: a table that is missing, torn, of another model or of other photos is told
    as a problem, and asking the model again mends it.

    Args:
        run_dir: the run's folder.
        dataset, split: the photos.
        outputs: the model's names of the dataset's classes; None for whatever they were then.
    """
    path = predictions_path(run_dir, dataset.id, split)
    if not path.with_suffix(".json").is_file():
        return StoredPredictions(None, NOT_PREDICTED)
    try:
        metadata, answers = read_table_file(path)
        if metadata["model"] != digest_model(Path(run_dir) / "best.keras"):
            return StoredPredictions(None, OTHER_MODEL)
        columns = [metadata["classes"].index(name) for name in dataset.classes]
        if len(columns) != len(metadata["classes"]) or not has_same_photos(
            dataset, metadata["fingerprint"]
        ):
            return StoredPredictions(None, OTHER_PHOTOS)
        if outputs is not None and "outputs" in metadata:
            then = dict(zip(metadata["classes"], metadata["outputs"], strict=True))
            if [then[name] for name in dataset.classes] != list(outputs):
                return StoredPredictions(None, OTHER_MAPPING)
        unreadable = tuple(map(str, metadata["unreadable"]))
    except CatDogError as error:
        return StoredPredictions(None, error.message)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, csv.Error):
        return StoredPredictions(None, DAMAGED)
    holds = {file: row[columns] for file, row in answers.items()}
    return _match_dataset(dataset, split, holds, unreadable)


def read_answers(
    run_dir: Path, dataset: Dataset
) -> tuple[dict[str, NDArray[np.float64]], set[str]]:
    """Return all probabilities (C,) stored for a dataset's photos by file, whatever their split.

    Returns:
        They, and the files that could not be read.
    """
    answers: dict[str, NDArray[np.float64]] = {}
    unreadable: set[str] = set()
    for split in SPLITS:
        stored = read_predictions(run_dir, dataset, split)
        answers.update(stored.answers or {})
        unreadable.update(stored.unreadable)
    return answers, unreadable


def read_output_names(run_dir: Path, dataset: Dataset) -> dict[str, str]:
    """Return the model's names by the dataset's, as they were mapped for any of its splits."""
    for split in dataset.counts():
        path = predictions_path(run_dir, dataset.id, split).with_suffix(".json")
        try:
            metadata = bounded_readers.read_bounded_json(path, _MAX_METADATA_BYTES, MAX_ROWS)
            return dict(zip(metadata["classes"], metadata["outputs"], strict=True))
        except (CatDogError, OSError, ValueError, TypeError, KeyError):
            continue
    return {}


def build_prediction_table(
    dataset: Dataset,
    split: str | None,
    answers: Mapping[str, NDArray[np.float64]],
    unreadable: Sequence[str] = (),
) -> PredictionTable:
    """Build the table of a split as the dataset is now, from probabilities by file."""
    items = [item for item in dataset.items(split) if item.file in answers]
    empty = np.empty((0, len(dataset.classes)))
    return PredictionTable(
        files=tuple(item.file for item in items),
        classes=dataset.classes,
        labels=np.array([item.label for item in items], np.int64),
        probabilities=np.stack([answers[item.file] for item in items]) if items else empty,
        unreadable=tuple(unreadable),
    )


def encode_predictions_csv(
    table: PredictionTable, guesses: NDArray[np.int64] | None = None, for_spreadsheet: bool = False
) -> bytes:
    """Return a table as a CSV file: one row a photo under ``file,truth,label,p_<class>…``.

    Args:
        table: the answers; probabilities are written with all their digits.
        guesses: (N,) what each photo is called; by default the likeliest class.
        for_spreadsheet: write names as `csv_safety.escape_cell` does.
    """
    called = table.probabilities.argmax(axis=1) if guesses is None else guesses
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [name if name.startswith("p_") else f"p_{name}" for name in table.classes]
    cell = partial(csv_safety.escape_cell, for_spreadsheet=for_spreadsheet)
    writer.writerow(["file", "truth", "label", *map(cell, names)])
    for file, label, guess, row in zip(
        table.files, table.labels, called, table.probabilities.tolist(), strict=True
    ):
        texts = file, table.classes[label], table.classes[guess]
        writer.writerow([*map(cell, texts), *map(repr, row)])
    return out.getvalue().encode("utf-8", "surrogateescape")


def _match_dataset(
    dataset: Dataset,
    split: str,
    answers: Mapping[str, NDArray[np.float64]],
    unreadable: tuple[str, ...],
) -> StoredPredictions:
    now = {item.file for item in dataset.items(split)}
    left_out = tuple(file for file in unreadable if file in now)
    if now - answers.keys() - set(left_out):
        return StoredPredictions(None, MORE_PHOTOS, answers, left_out)
    table = build_prediction_table(dataset, split, answers, left_out)
    return StoredPredictions(
        table if len(table) else None, "" if len(table) else NOT_PREDICTED, answers, left_out
    )


def read_table_file(path: Path) -> tuple[PredictionMetadata, dict[str, NDArray[np.float64]]]:
    """Read a stored table: its metadata, and the probabilities by file.

    Raises:
        CatDogError: it is of a newer format, or not as it was written; and what damage raises.
    """
    metadata_path = path.with_suffix(".json")
    try:
        metadata: PredictionMetadata = bounded_readers.read_bounded_json(
            metadata_path, _MAX_METADATA_BYTES, MAX_ROWS
        )
    except bounded_readers.BoundError as error:
        raise ModelError(DAMAGED) from error
    if metadata["format"] > FORMAT:
        raise ModelError(NEWER)
    count, photos = len(metadata["classes"]), metadata["photos"]
    if type(photos) is not int or not 0 <= photos <= MAX_ROWS or not 2 <= count <= MAX_CLASSES:
        raise ModelError(DAMAGED)
    data = path.read_bytes()
    if hashlib.blake2b(data, digest_size=20).hexdigest() != metadata["table"]:
        raise ModelError(DAMAGED)
    text = data.decode("utf-8", "surrogateescape")
    try:
        rows = bounded_readers.parse_bounded_csv(text, 3 + count, photos)[1]
    except bounded_readers.BoundError as error:
        raise ModelError(DAMAGED) from error
    answers = {row[0]: np.array(row[3:], np.float64) for row in rows}
    if len(answers) != photos or any(row.shape != (count,) for row in answers.values()):
        raise ModelError(DAMAGED)
    return metadata, answers


def has_same_photos(dataset: Dataset, fingerprint: str) -> bool:
    """Return whether a dataset's files are as at a fingerprint, whatever was edited since."""
    if fingerprint == dataset.fingerprint:
        return True
    try:
        datasets.load_dataset_as_of(dataset.id, fingerprint)
    except CatDogError:
        return False
    return True
