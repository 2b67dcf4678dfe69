"""The models there are: of runs, the one that comes with the lab, and files from outside.

An imported model is kept with its predictions by digest:

    workspace/guests/<digest>/best.keras     the file as it came, of either kind
    workspace/guests/<digest>/guest.json     its class names and input scale
    workspace/guests/<digest>/predictions/   as in a run's folder

The digest is of the file, the names of its classes and the range of its values: the same file with
another range is another model, since it gives other answers. It stays untrusted: whoever opens it
has it checked in a process of its own.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from ..base import access, files, trash
from ..base.errors import CatDogError, ModelError
from ..models import model_packages
from . import run_folder
from .run_folder import ImportedHistory, Run, RunRecord

DEFAULT_MODEL_NAME = "default"
"""What the command line and the Predict page call it."""


def default_model_folder() -> Path:
    """Return the folder of the default model: a run folder with a model card, ``README.md``."""
    return files.DEFAULT_MODEL


def load_default_run() -> Run | None:
    """Return the default model's run, None where the assets were not installed."""
    if not (default_model_folder() / "best.keras").is_file():
        return None
    record = run_folder.load_run(default_model_folder())
    return record if isinstance(record, Run) else None


def find_model_file(model_or_run: Path) -> Path:
    """Return the model file of a path: the file itself, a run's `best.keras`, or the default one.

    Raises:
        ModelError: there is neither.
    """
    path = Path(model_or_run)
    if path.is_file():
        return path
    path = resolve_run_folder(path)
    if (path / "best.keras").is_file():
        return path / "best.keras"
    if path.is_dir() and not (path / "settings.json").is_file():
        model = model_packages.find_model_in_folder(path)
        if model is not None:
            return model
    if (path / "settings.json").is_file():
        if isinstance(run_folder.load_run(path), ImportedHistory):
            raise ModelError(
                "Run '{name}' is an imported history and has no model. Choose a run that was "
                "trained here.",
                name=path.name,
            )
        raise ModelError(
            "Run '{name}' has no model yet. Train it for at least one epoch first.",
            name=path.name,
        )
    raise ModelError(
        "There's no model at {path}. Use a .keras, .h5 or .zip file, a run folder, or 'default', "
        "the built-in model.",
        path=path,
    )


def resolve_run_folder(run: Path) -> Path:
    """Return the folder for a run's folder, its id in this workspace, or "default"."""
    path = Path(run)
    if not path.is_dir() and path.name == str(path) and (run_folder.runs_folder() / path).is_dir():
        return run_folder.runs_folder() / path
    if str(path) == DEFAULT_MODEL_NAME and not path.exists():
        return default_model_folder()
    return path


FORMAT = 1
_MODEL_FILE, _METADATA_FILE = "best.keras", "guest.json"
InputScale = Literal["0..255", "0..1", "-1..1", "imagenet", "bgr"]
INPUT_SCALES: tuple[InputScale, ...] = get_args(InputScale)
"""How a model's input is made of a photo's values 0..255.

"0..1" divides by 255, and "-1..1" by 127.5, then subtracts 1. "imagenet" subtracts the mean of
ImageNet from values 0..1 and divides by its deviation, channel by channel. "bgr" puts blue first
and subtracts the mean, of values 0..255, as the Caffe networks have it.
"""


@dataclass(frozen=True)
class ImportedModel:
    """A model from elsewhere and how it is asked.

    `classes` are names in the order of its outputs, `scale` is the range of values it takes.
    `created` is in seconds since 1970.
    """

    folder: Path
    name: str
    classes: tuple[str, ...]
    scale: InputScale
    owner: str
    created: float

    @property
    def run(self) -> RunRecord:
        """The model as a run that was never trained here, which is what predictions belong to."""
        return RunRecord(
            id=self.folder.name,
            folder=self.folder,
            status="done",
            name=self.name,
            created=self.created,
            classes=self.classes,
            owner=self.owner,
        )


def parse_input_scale(value: object) -> InputScale | None:
    """Return a value as one of `INPUT_SCALES`, None where it is none of them."""
    return next((scale for scale in INPUT_SCALES if scale == value), None)


def imported_models_folder() -> Path:
    """Return the folder of the imported models of this workspace."""
    return files.workspace_folder() / "guests"


def register_imported_model(
    data: bytes, name: str, classes: Sequence[str], scale: str
) -> ImportedModel:
    """Store a model file that passed the checks, with how its input and output are to be read.

    Args:
        data: the file's content, `.keras` or `.h5`.
        name: the file's name.
        classes: a name for each of its outputs, two for a single unit.
        scale: one of `INPUT_SCALES`.

    Raises:
        AccessError: the visitor may not keep anything.
        ModelError: the names or the range make no sense.
        CatDogError: the disk is full or not writable.
    """
    access.check_permission("run a job")
    if len(set(classes)) < max(2, len(classes)) or parse_input_scale(scale) is None:
        raise ModelError(
            "The model has class names {names} and values {scale}. Use two or more different "
            "names, and values of {expected}.",
            names=", ".join(classes),
            scale=scale,
            expected=", ".join(INPUT_SCALES),
        )
    settings = json.dumps([list(classes), scale]).encode()
    digest = hashlib.sha256(hashlib.sha256(data).digest() + settings).hexdigest()
    folder = imported_models_folder() / f"file-{digest[:16]}"
    existing = _read_imported_model(folder)
    if existing is not None:
        return existing
    with files.atomic_directory(folder) as temporary:
        files.write_bytes(temporary / _MODEL_FILE, data)
        about = {
            "format": FORMAT,
            "name": files.truncate_for_display(name),
            "classes": list(classes),
            "scale": scale,
            "owner": access.current_visitor().name,
            "created": time.time(),
        }
        files.write_json(temporary / _METADATA_FILE, about)
    return _parse_imported_model(folder)


def list_imported_models() -> list[ImportedModel]:
    """Return the imported models, the newest first, without damaged ones."""
    if not imported_models_folder().is_dir():
        return []
    models = [_read_imported_model(folder) for folder in imported_models_folder().iterdir()]
    return sorted((g for g in models if g), key=lambda imported: imported.created, reverse=True)


def find_imported_model(folder: Path) -> ImportedModel | None:
    """Return the imported model in a folder, None where it holds none."""
    return (
        _read_imported_model(Path(folder))
        if Path(folder).parent == imported_models_folder()
        else None
    )


def remove_imported_model(imported: ImportedModel) -> str:
    """Move an imported model and its predictions to the trash; return its id there."""
    access.check_permission("manage run", imported.owner)
    return trash.move_to_trash("model", imported.name, [imported.folder])


def _read_imported_model(folder: Path) -> ImportedModel | None:
    try:
        return _parse_imported_model(folder)
    except (CatDogError, KeyError, TypeError, AttributeError):
        return None


def _parse_imported_model(folder: Path) -> ImportedModel:
    metadata = files.read_json(folder / _METADATA_FILE, FORMAT)
    scale = parse_input_scale(metadata["scale"])
    return ImportedModel(
        folder=folder,
        name=str(metadata["name"]),
        classes=tuple(map(str, metadata["classes"])),
        scale=scale or INPUT_SCALES[0],
        owner=str(metadata.get("owner", "")),
        created=files.float_or_default(metadata.get("created")),
    )
