"""Models that come as a zip or a folder, with their class names: Teachable Machine's, and others'.

Teachable Machine's `converted_keras.zip` holds `keras_model.h5` and `labels.txt` ("0 Cat" a line).
Its models take values -1..1, which only this form of the labels tells. Others come with
`class_names.json`, or with `class_indices.json`, as Keras's generators number classes. A SavedModel
is refused: it is a program of TensorFlow's operations, among them ones that read and write files,
outside of what Python can watch. Imports no TensorFlow.
"""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import IO, Any, TypedDict

from ..base import bounded_readers, files, limits
from ..base.errors import CatDogError, DatasetError, ModelError
from ..base.files import truncate_for_display
from ..data import archive_safety
from ..data.archive_safety import ArchiveEntry

LABELS_FILE, CLASS_NAMES_FILE = "labels.txt", "class_names.json"
_LABEL_FILES = (
    *(LABELS_FILE, CLASS_NAMES_FILE, "class_names.txt", "class_indices.json", "class_index.json"),
    *("labels.json", "classes.json", "classes.txt", "class_labels.json", "class_labels.txt"),
    *("label_map.json", "id2label.json"),
)
"""Names of files with the classes of a model; of several in a zip or folder, the first counts."""
_NAMED_FOR_CLASSES = "class_names.txt"  # its lines are names even where no zip holds both
TEACHABLE_MACHINE_SCALE = "-1..1"
_MODEL_ENDS = (".keras", ".h5", ".hdf5")
_MAX_ENTRIES = 200  # a SavedModel has some dozen
_MAX_RATIO = 20  # weights hardly shrink
_MAX_LABELS_BYTES = 100_000
_MAX_LABELS = 10_000
_NUMBERED = re.compile(r"(\d{1,5})(?:[ \t]+|[:,;=][ \t]*)(\S.*)")
_TEACHABLE_MACHINE = re.compile(r"\d{1,5} \S.*")
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
            _write_labels(folder, _read_packed_labels(entries))
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


def _read_packed_labels(entries: list[ArchiveEntry]) -> PackageMetadata:
    """Return what the first of the files with class names in a zip says."""
    for name in _LABEL_FILES:
        found = [entry for entry in entries if entry.path.name.lower() == name]
        if len(found) == 1 and found[0].size <= _MAX_LABELS_BYTES:
            with found[0].open() as packed:
                text = packed.read(_MAX_LABELS_BYTES)
            if labels := _parse_labels(name, text, numbered_only=False):
                return labels
    return {}


def _write_labels(folder: Path, labels: PackageMetadata) -> None:
    """Write class names beside a model, so that `read_package_metadata` returns the same."""
    names = labels.get("classes", [])
    if "scale" in labels:
        lines = "".join(f"{number} {name}\n" for number, name in enumerate(names))
        (folder / LABELS_FILE).write_text(lines, encoding="utf-8")
    elif names:
        (folder / CLASS_NAMES_FILE).write_text(json.dumps(names), encoding="utf-8")


OTHER_FORMATS = {
    **dict.fromkeys((".pt", ".pth", ".ptl", ".ckpt", ".safetensors"), "PyTorch"),
    ".onnx": "ONNX",
    **dict.fromkeys((".tflite", ".lite"), "TensorFlow Lite"),
    **dict.fromkeys((".pb", ".pbtxt"), "TensorFlow"),
    **dict.fromkeys((".mlmodel", ".mlpackage"), "Core ML"),
    **dict.fromkeys((".pkl", ".pickle", ".joblib", ".sav"), "Python's pickle"),
    **dict.fromkeys((".caffemodel", ".prototxt"), "Caffe"),
    ".engine": "TensorRT",
    ".gguf": "llama.cpp",
}
"""Programs by what their model files' names end in."""


def other_format_error(name: str, program: str) -> ModelError:
    """Return the error of a model for a program that the lab can't run."""
    return ModelError(
        "{name} is a model for {program}, and the lab opens only Keras models. If it was trained "
        "with Keras, save it there with model.save('model.keras').",
        name=truncate_for_display(name),
        program=program,
    )


def find_other_format(name: str, head: bytes = b"") -> str | None:
    """Return the program that a model file is for, by its first bytes or its name; None if Keras.

    Args:
        name: the file's name.
        head: its first eight bytes, where they are known.
    """
    if head[4:8] == b"TFL3":
        return "TensorFlow Lite"
    return OTHER_FORMATS.get(PurePosixPath(name).suffix.lower())


def _refuse_other_formats(name: str, names: Iterable[str]) -> None:
    """Refuse a model for other programs, as Teachable Machine offers as well."""
    names = list(names)
    if "data.pkl" in names:  # a .pt file is a zip of its own
        raise other_format_error(name, "PyTorch")
    for each in names:
        if each == "model.json" or each.endswith(".tflite"):
            raise ModelError(
                "{name} contains a model for {program}. In Teachable Machine, export the model "
                "again as Tensorflow, Keras.",
                name=truncate_for_display(name),
                program="TensorFlow.js" if each == "model.json" else "TensorFlow Lite",
            )
        if (program := find_other_format(each)) is not None:
            raise other_format_error(name, program)


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
    labels = _read_zipped_labels(path)
    return _read_labels_beside(path) if labels is None else labels


def _read_zipped_labels(path: Path) -> PackageMetadata | None:
    """Return what the labels in a zip say; None where `path` is no such zip."""
    try:
        with files.open_regular(path) as file:
            if file.read(4) != b"PK\x03\x04":
                return None
            entries = _read_entries(file)
            return _read_packed_labels(entries) if entries else None
    except Exception:  # damaged, which opening the model reports
        return None


def _read_labels_beside(path: Path) -> PackageMetadata:
    for name in _LABEL_FILES:
        try:
            text = files.read_regular(path.parent / name, _MAX_LABELS_BYTES)
        except (OSError, CatDogError, ValueError):
            continue
        if labels := _parse_labels(name, text, numbered_only=name != _NAMED_FOR_CLASSES):
            return labels
    return {}


def _parse_labels(name: str, text: bytes, numbered_only: bool) -> PackageMetadata:
    """Return the class names of a file, in the order of the outputs; empty where it has none.

    Args:
        name: of the file; one of JSON holds a list, or numbers by names, or names by numbers.
        text: a name a line, which a number may precede, as Teachable Machine writes them.
        numbered_only: the file might belong to something else: lines without numbers say nothing.
    """
    if name.endswith(".json"):
        names = _parse_json_labels(text)
        return {"classes": names, "labels_file": True} if names else {}
    lines = [line.strip() for line in text.decode("utf-8-sig", "replace").splitlines()]
    lines = [line for line in lines if line]
    if not 1 < len(lines) <= _MAX_LABELS:
        return {}
    found = [_NUMBERED.fullmatch(line) for line in lines]
    numbers = [int(match.group(1)) for match in found if match]
    if numbers == list(range(len(lines))):
        names = [match.group(2) for match in found if match]
        if len(set(names)) == len(names):
            labels: PackageMetadata = {"classes": names, "labels_file": True}
            if name == LABELS_FILE and all(map(_TEACHABLE_MACHINE.fullmatch, lines)):
                labels["scale"] = TEACHABLE_MACHINE_SCALE
            return labels
    if numbered_only or len(set(lines)) < len(lines):
        return {}
    return {"classes": lines, "labels_file": True}


def _parse_json_labels(text: bytes) -> list[str]:
    """Return the names in a list, in {"cat": 0, "dog": 1}, or in {"0": "cat", "1": "dog"}."""
    try:
        found: object = bounded_readers.parse_bounded_json(text, _MAX_LABELS_BYTES)
    except ValueError:
        return []
    if isinstance(found, dict) and len(found) == 1:  # {"classes": …}
        inner = next(iter(found.values()))
        found = inner if isinstance(inner, list | dict) else found
    names: list[object] = []
    if isinstance(found, list):
        names = found
    elif isinstance(found, dict):
        numbered = {str(key): value for key, value in found.items()}
        if not all(key.isdecimal() for key in numbered):
            numbered = {str(value): key for key, value in found.items()}
        # ImageNet's index has [id, name] for each number.
        numbered = {
            key: value[-1] if isinstance(value, list) and value else value
            for key, value in numbered.items()
        }
        names = [numbered.get(str(number)) for number in range(len(found))]
    texts = [name.strip() for name in names if isinstance(name, str) and name.strip()]
    is_sound = 1 < len(texts) <= _MAX_LABELS and len(set(texts)) == len(texts) == len(names)
    return texts if is_sound else []


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
