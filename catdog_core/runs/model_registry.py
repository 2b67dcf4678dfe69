"""All models: those of runs, the built-in one, and imported files. Each is a `RunRecord`.

`list_models` lists them, `find_model` finds one by its id or name, and `rename_model` and
`remove_model` change them. A record has the name, the file (`best_model`) and the classes;
`get_model_scale` returns its input scale.

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
from ..base.errors import CatDogError, ModelError, RunError
from ..models import model_packages
from . import lifecycle, run_folder
from .run_folder import ImportedHistory, Run, RunRecord
from .run_names import DEFAULT_MODEL_NAME as DEFAULT_MODEL_NAME
from .run_names import choose_unique_name
from .run_names import imported_models_folder as imported_models_folder


def default_model_folder() -> Path:
    """Return the folder of the default model: a run folder with a model card, ``README.md``."""
    return files.DEFAULT_MODEL


def load_default_run() -> Run | None:
    """Return the default model's run, None where the assets were not installed."""
    if not (default_model_folder() / "best.keras").is_file():
        return None
    record = run_folder.load_run(default_model_folder())
    return record if isinstance(record, Run) else None


def load_parent_run(run_id: str) -> RunRecord:
    """Read the run whose weights another one began with, by the id that one recorded.

    Raises:
        RunError: it was deleted since, or the id is none: one that came with a bundle could be a
            path.
    """
    if Path(run_id).name == run_id:
        if (run_folder.runs_folder() / run_id / "settings.json").is_file():
            return run_folder.load_run(run_folder.runs_folder() / run_id)
        if run_id == default_model_folder().name:
            return run_folder.load_run(default_model_folder())
    raise RunError(
        "There's no run at {run}. Use a run folder or a run id from the list that 'runs' shows.",
        run=files.truncate_for_display(run_id),
    )


def find_model_file(model_or_run: Path) -> Path:
    """Return the model file of a path: the file itself, a run's `best.keras`, or the default one.

    Raises:
        ModelError: there is neither.
    """
    path = Path(model_or_run)
    if path.is_file():
        return path
    path = resolve_run_folder(path)
    if (path / _MODEL_FILE).is_file():
        return path / _MODEL_FILE
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
        "There's no model at {path}. Use a .keras, .h5 or .zip file, a run folder, or an id or "
        "name that 'models list' shows.",
        path=path,
    )


def find_run_of_model(model_or_run: Path) -> RunRecord | None:
    """Return the run whose best model a path stands for; None for a model file without a run.

    Args:
        model_or_run: as for `find_model_file`.

    Raises:
        ModelError: there is no model.
    """
    path = find_model_file(model_or_run)
    if path.name != _MODEL_FILE or not (path.parent / "settings.json").is_file():
        return None
    return run_folder.load_run(path.parent)


def resolve_run_folder(run: Path | str) -> Path:
    """Return the folder of a run or model: as it is given, or by its id or name.

    A file or folder of that name comes first, unless it is a folder without a run or a model, such
    as one of photos.

    Args:
        run: a path, an id or a name; where there is none of them, it is returned as it is.

    Raises:
        ModelError: several runs or models have the name.
    """
    path = Path(run)
    if path.is_file() or (path / "settings.json").is_file():
        return path
    if path.is_dir() and model_packages.find_model_in_folder(path) is not None:
        return path
    if path.name == str(path) and (run_folder.runs_folder() / path).is_dir():
        return run_folder.runs_folder() / path
    found = find_by_id_or_name(str(run), [*run_folder.list_runs(), *list_other_models()])
    return path if found is None else found.folder


def find_run(run: Path | str) -> RunRecord:
    """Read a run by its folder, its id or its name, see `resolve_run_folder`.

    Raises:
        RunError: there is no such run.
        ModelError: several runs or models have the name.
    """
    return run_folder.load_run(resolve_run_folder(run))


def list_models() -> list[RunRecord]:
    """Return all models: those of runs, the built-in one, then the imported ones; newest first."""
    return [run for run in run_folder.list_runs() if run.best_model] + list_other_models()


def list_other_models() -> list[RunRecord]:
    """Return the models that were not trained here: the built-in one and the imported ones."""
    built_in = load_default_run()
    return [*([built_in] if built_in else []), *list_imported_models()]


def find_model(key: str) -> RunRecord | None:
    """Return the model of an id, or else of a name; None where there is none.

    Raises:
        ModelError: several models have the name.
    """
    return find_by_id_or_name(key, list_models())


def find_by_id_or_name(key: str, records: Sequence[RunRecord]) -> RunRecord | None:
    """Return the record of an id, or else of a name; None where there is none.

    Raises:
        ModelError: several have the name.
    """
    found = [record for record in records if record.id == key] or [
        record for record in records if record.name == key
    ]
    if len(found) > 1:
        raise ModelError(
            "{n} runs or models are named '{name}'. Use one of these ids: {ids}.",
            n=len(found),
            name=files.truncate_for_display(key),
            ids=", ".join(record.id for record in found[:_MAX_LISTED]),
        )
    return found[0] if found else None


def is_built_in(model: RunRecord) -> bool:
    """Return whether a model is the one that comes with the lab."""
    return model.folder == default_model_folder()


def get_model_kind(model: RunRecord) -> ModelKind:
    """Return where a model comes from."""
    if isinstance(model, ImportedModel):
        return "imported"
    return "built-in" if is_built_in(model) else "run"


def get_model_scale(model: RunRecord) -> InputScale:
    """Return the range of values a model takes; the lab's own networks rescale inside."""
    return model.scale if isinstance(model, ImportedModel) else "0..255"


def rename_model(model: RunRecord, name: str) -> str:
    """Give a model another name, and return it: with a number where another model has it.

    Without one, it keeps its own.

    Raises:
        AccessError: it is somebody else's.
        ModelError: it is the built-in one.
        CatDogError: the disk is full or not writable.
    """
    _refuse_built_in(model)
    if not isinstance(model, ImportedModel):
        return lifecycle.rename_run(model.folder, name)
    access.check_permission("manage run", model.owner)
    path = model.folder / _METADATA_FILE
    metadata = files.read_json(path, FORMAT)
    with choose_unique_name(name.strip() or model.name, model.folder) as unique:
        files.write_json(path, {**metadata, "name": unique})
    return unique


def remove_model(model: RunRecord) -> str:
    """Move a model to the trash with all that belongs to it, and return its entry's id there.

    Raises:
        AccessError: it is somebody else's.
        ModelError: it is the built-in one.
        RunError: it is of a run that is training.
    """
    _refuse_built_in(model)
    if isinstance(model, ImportedModel):
        return remove_imported_model(model)
    return lifecycle.remove_run(model.folder)


def _refuse_built_in(model: RunRecord) -> None:
    if is_built_in(model):
        raise ModelError(
            "The built-in model can't be renamed or deleted. Choose a run or an imported model."
        )


FORMAT = 1
_MAX_LISTED = 5  # ids that one sentence names
_MODEL_FILE, _METADATA_FILE = "best.keras", "guest.json"
InputScale = Literal["0..255", "0..1", "-1..1", "imagenet", "bgr"]
ModelKind = Literal["run", "built-in", "imported"]
INPUT_SCALES: tuple[InputScale, ...] = get_args(InputScale)
"""How a model's input is made of a photo's values 0..255.

"0..1" divides by 255, and "-1..1" by 127.5, then subtracts 1. "imagenet" subtracts the mean of
ImageNet from values 0..1 and divides by its deviation, channel by channel. "bgr" puts blue first
and subtracts the mean, of values 0..255, as the Caffe networks have it.
"""


@dataclass(frozen=True)
class ImportedModel(RunRecord):
    """A model of another program, as a run that was never trained here.

    Attributes:
        scale: the range of values it takes. `classes` are in the order of its outputs.
    """

    scale: InputScale = "0..255"


def parse_input_scale(value: object) -> InputScale | None:
    """Return a value as one of `INPUT_SCALES`, None where it is none of them."""
    return next((scale for scale in INPUT_SCALES if scale == value), None)


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
    with (
        choose_unique_name(files.truncate_for_display(name), folder) as unique,
        files.atomic_directory(folder) as temporary,
    ):
        files.write_bytes(temporary / _MODEL_FILE, data)
        about = {
            "format": FORMAT,
            "name": unique,
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
    folder, home = Path(folder), imported_models_folder()
    if folder.parent != home and folder.absolute().parent.resolve() != home.resolve():
        return None
    return _read_imported_model(home / folder.name)


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
        id=folder.name,
        folder=folder,
        status="done",
        name=str(metadata["name"]),
        classes=tuple(map(str, metadata["classes"])),
        scale=scale or INPUT_SCALES[0],
        owner=str(metadata.get("owner", "")),
        created=files.float_or_default(metadata.get("created")),
        is_imported=True,
    )
