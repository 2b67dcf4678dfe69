"""Models that come as a zip or a folder, with their class names: Teachable Machine's, and others'.

Teachable Machine's `converted_keras.zip` holds `keras_model.h5` and `labels.txt` ("0 Cat" a line).
Its models take values -1..1, which only this form of the labels tells. A SavedModel is refused: it
is a program of TensorFlow's operations, among them ones that read and write files, outside of what
Python can watch. Imports no TensorFlow.
"""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import IO, Any, TypedDict

from ..base import files, limits
from ..base.errors import CatDogError, DatasetError, ModelError
from ..base.files import truncate_for_display
from ..data import archive_safety
from ..data.archive_safety import ArchiveEntry

LABELS_FILE = "labels.txt"
TEACHABLE_MACHINE_SCALE = "-1..1"
_MODEL_ENDS = (".keras", ".h5", ".hdf5")
_MAX_ENTRIES = 200  # a SavedModel has some dozen
_MAX_RATIO = 20  # weights hardly shrink
_MAX_LABELS_BYTES = 100_000
_MAX_LABELS = 10_000
_NUMBERED = re.compile(r"(\d{1,5})[ \t]+(\S.*)")
_MARKS_OF_KERAS2 = (b"_tf_keras_network", b"_tf_keras_sequential", b"_tf_keras_model")
_MAX_PROGRAM_BYTES = 100_000_000


class PackageMetadata(TypedDict, total=False):
    """What a package says of its model; keys as in `keras_models.ModelMetadata`."""

    classes: list[str]
    scale: str
    labels_file: bool


def unpack_model(path: Path, name: str, folder: Path) -> Path | None:
    """Unpack the model of a zip that holds one, with its labels beside it.

    Args:
        path: a file that nobody else writes to.
        name: its name in messages.
        folder: where to write the model, under a name of its own.

    Returns:
        The model file; None where `path` is no zip, or a `.keras` file.

    Raises:
        ModelError: the zip holds no model that can be opened, or several.
    """
    with open(path, "rb") as file:
        entries = _read_entries(file)
        if entries is None:
            return None
        model = _find_model(name, entries)
        if model is None:
            return None
        most = limits.current_limits().model_bytes
        if model.size > most:
            raise ModelError(
                "{name} unpacks to {size:,} bytes. Use a file of at most {limit:,} bytes.",
                name=truncate_for_display(name),
                size=model.size,
                limit=most,
            )
        target = folder / f"unpacked{'.keras' if model.path.suffix == '.keras' else '.h5'}"
        try:
            with model.open() as packed, open(target, "wb") as plain:
                shutil.copyfileobj(packed, plain)
            if labels := _find_labels(entries):
                with labels.open() as packed:
                    (folder / LABELS_FILE).write_bytes(packed.read(_MAX_LABELS_BYTES))
        except Exception as error:  # zipfile and zlib report damage by many exceptions
            raise _damaged_error(name, error) from error
    return target


def _damaged_error(name: str, error: Exception) -> ModelError:
    return ModelError(
        "{name} is a damaged zip file ({reason}). Download or pack it again.",
        name=truncate_for_display(name),
        reason=truncate_for_display(str(error).strip().split("\n")[0] or type(error).__name__),
    )


def _read_entries(file: IO[bytes]) -> list[ArchiveEntry] | None:
    """Return the files of a zip, without what operating systems add; None of anything else.

    None as well where the zip is none that can be looked at: it is refused as a model then.
    """
    try:
        free = limits.current_limits().model_config_bytes
        entries = list(archive_safety.ZipEntries(file, _MAX_ENTRIES, free, _MAX_RATIO))
    except (DatasetError, zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return None
    entries = [entry for entry in entries if not entry.is_folder and not entry.is_junk]
    return None if any(entry.path == PurePosixPath("config.json") for entry in entries) else entries


def _find_model(name: str, entries: list[ArchiveEntry]) -> ArchiveEntry | None:
    models = [entry for entry in entries if entry.path.suffix.lower() in _MODEL_ENDS]
    models = [entry for entry in models if not entry.path.name.endswith(".weights.h5")]
    if len(models) == 1:
        return models[0]
    if models:
        raise several_models_error(name, [entry.path.name for entry in models])
    for entry in entries:
        if entry.path.name == "saved_model.pb":
            raise saved_model_error(name, _is_of_keras2(entry, entries))
    _refuse_other_formats(name, [entry.path.name for entry in entries])
    return None


def _find_labels(entries: list[ArchiveEntry]) -> ArchiveEntry | None:
    found = [entry for entry in entries if entry.path.name.lower() == LABELS_FILE]
    return found[0] if len(found) == 1 and found[0].size <= _MAX_LABELS_BYTES else None


def _refuse_other_formats(name: str, names: Iterable[str]) -> None:
    """Refuse a model for other programs, as Teachable Machine offers as well."""
    for each in names:
        if each == "model.json" or each.endswith(".tflite"):
            raise ModelError(
                "{name} contains a model for {program}. In Teachable Machine, export the model "
                "again as Tensorflow, Keras.",
                name=truncate_for_display(name),
                program="TensorFlow.js" if each == "model.json" else "TensorFlow Lite",
            )


def several_models_error(name: str, models: Iterable[str]) -> ModelError:
    """Return the error of a zip or folder with several models."""
    return ModelError(
        "{name} contains several models ({models}). Choose one of them.",
        name=truncate_for_display(name),
        models=truncate_for_display(", ".join(sorted(models)), 120),
    )


def saved_model_error(name: str, is_keras2: bool) -> ModelError:
    """Return the error of a SavedModel, with the lines that convert it.

    Args:
        name: of its folder or zip.
        is_keras2: ``model.save`` of Keras 2 wrote it, which keeps the layers beside the program.
    """
    if is_keras2:
        return ModelError(
            "{name} is a SavedModel, a program that the lab can't check. Convert it with "
            '`tf_keras.models.load_model("{folder}").save("model.h5")`, after pip install '
            "tf-keras.",
            name=truncate_for_display(name),
            folder=truncate_for_display(Path(name).stem),
        )
    return ModelError(
        "{name} is a SavedModel, a program that the lab can't check. Where it was exported, save "
        'the model with `model.save("model.keras")` instead.',
        name=truncate_for_display(name),
    )


def _is_of_keras2(program: ArchiveEntry, entries: Iterable[ArchiveEntry]) -> bool:
    if any(entry.path.name == "keras_metadata.pb" for entry in entries):
        return True
    try:
        with program.open() as file:
            return _has_marks_of_keras2(file)
    except Exception:  # damaged, whatever it is
        return False


def _has_marks_of_keras2(file: IO[bytes]) -> bool:
    """Return whether a `saved_model.pb` of TensorFlow 2.0 to 2.4 describes Keras layers."""
    content = file.read(_MAX_PROGRAM_BYTES)
    return any(mark in content for mark in _MARKS_OF_KERAS2)


def find_model_in_folder(folder: Path) -> Path | None:
    """Return the only model file of a folder, None where it has none.

    Raises:
        ModelError: it has several, or a SavedModel.
    """
    try:
        names = sorted(path.name for path in folder.iterdir() if path.is_file())
        inner = [path for path in folder.iterdir() if (path / "saved_model.pb").is_file()]
    except OSError:
        return None
    models = [name for name in names if name.lower().endswith(_MODEL_ENDS)]
    models = [name for name in models if not name.endswith(".weights.h5")]
    if len(models) > 1:
        raise several_models_error(folder.name, models)
    if models:
        return folder / models[0]
    for each in [folder, *inner]:
        program = each / "saved_model.pb"
        if program.is_file():
            is_keras2 = (each / "keras_metadata.pb").is_file()
            if not is_keras2:
                try:
                    with files.open_regular(program) as file:
                        is_keras2 = _has_marks_of_keras2(file)
                except OSError:
                    pass
            raise saved_model_error(each.name, is_keras2)
    _refuse_other_formats(folder.name, names)
    return None


def read_package_metadata(path: Path) -> PackageMetadata:
    """Return what the labels say that come with a model: in its zip, or in a file beside it.

    Args:
        path: of the zip, or of the model file.
    """
    text = _read_zipped_labels(path)
    is_packed = text is not None
    if text is None:
        text = _read_labels_beside(path)
    return _parse_labels(text or b"", numbered_only=not is_packed)


def _read_zipped_labels(path: Path) -> bytes | None:
    """Return the labels in a zip, empty where it has none; None where `path` is no such zip."""
    try:
        with files.open_regular(path) as file:
            if file.read(4) != b"PK\x03\x04":
                return None
            entries = _read_entries(file)
            if labels := _find_labels(entries or []):
                with labels.open() as packed:
                    return packed.read(_MAX_LABELS_BYTES)
    except Exception:  # damaged, which opening the model reports
        return None
    return b"" if entries else None


def _read_labels_beside(path: Path) -> bytes | None:
    try:
        return files.read_regular(path.parent / LABELS_FILE, _MAX_LABELS_BYTES)
    except (OSError, CatDogError, ValueError):
        return None


def _parse_labels(text: bytes, numbered_only: bool) -> PackageMetadata:
    """Return the class names of a labels file, in the order of the outputs.

    Args:
        text: a name a line, which a number may precede, as Teachable Machine writes them.
        numbered_only: the file might belong to something else: without numbers it says nothing.
    """
    lines = [line.strip() for line in text.decode("utf-8-sig", "replace").splitlines()]
    lines = [line for line in lines if line]
    if not 1 < len(lines) <= _MAX_LABELS:
        return {}
    found = [_NUMBERED.fullmatch(line) for line in lines]
    numbers = [int(match.group(1)) for match in found if match]
    if numbers == list(range(len(lines))):
        names = [match.group(2) for match in found if match]
        if len(set(names)) == len(names):
            return {"classes": names, "scale": TEACHABLE_MACHINE_SCALE, "labels_file": True}
    if numbered_only or len(set(lines)) < len(lines):
        return {}
    return {"classes": lines, "labels_file": True}


def is_from_teachable_machine(config: Any) -> bool:
    """Return whether a configuration has the shape of Teachable Machine's image models.

    That is a Sequential of two: a MobileNet with its pooling, and two dense layers, of which the
    softmax has no bias.
    """
    parts = _list_layers(config)
    if [part.get("class_name") for part in parts] != ["Sequential", "Sequential"]:
        return False
    features, head = map(_list_layers, parts)
    kinds = [layer.get("class_name") for layer in (*features, *head)]
    if kinds[:1] not in (["Functional"], ["Model"]):
        return False
    if kinds[1:] != ["GlobalAveragePooling2D", "Dense", "Dense"]:
        return False
    last = head[1].get("config")
    return (
        isinstance(last, dict)
        and last.get("activation") == "softmax"
        and last.get("use_bias") is False
    )


def _list_layers(entry: Any) -> list[dict[str, Any]]:
    """Return the layers of a Sequential's configuration but for those that only name an input."""
    config = entry.get("config") if isinstance(entry, dict) else None
    layers = config.get("layers") if isinstance(config, dict) else config
    if not isinstance(layers, list):
        return []
    layers = [layer for layer in layers if isinstance(layer, dict)]
    return [layer for layer in layers if layer.get("class_name") != "InputLayer"]
