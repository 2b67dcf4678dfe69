"""A run from a bundle: an untrusted archive, judged before anything of it is believed.

Nothing is placed unless all of it is sound, and no run that is there is touched.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from ..analysis import predictions
from ..analysis.predictions import PredictionMetadata
from ..base import access, bounded_readers, files, limits
from ..base.errors import CatDogError, DatasetError, RunError
from ..base.field_specs import parse_settings
from ..config import Augmentation, Training
from ..data import edit_log, photo_domain
from ..data.archive_safety import ArchiveEntry, read_zip_members
from ..data.datasets import Dataset
from ..models import model_sandbox, untrusted_models
from ..runs import final_evaluation, run_folder, run_names, training_photos
from ..runs.run_folder import RunRecord
from .bundle import (
    BUNDLE_KIND,
    FORMAT,
    GENERATED_FILES,
    PREDICTIONS_PATTERN,
    RUN_FILES,
    ListedFile,
)

_MAX_EPOCHS = 1000  # the most a training may have
_MAX_ROWS = 100_000  # of a file of epochs or batches
MAX_FILES = 200
MAX_TABLE_BYTES = 100_000_000
"""Bytes of a table of answers; of models, those of `limits`."""
_MAX_BYTES = {
    "run/metrics.jsonl": 5_000_000,  # 1,000 epochs take 200,000
    "run/batches.jsonl": 20_000_000,
    f"run/{final_evaluation.FILE_NAME}": final_evaluation.MAX_BYTES,
    f"run/{training_photos.FILE_NAME}": training_photos.MAX_BYTES,
}
_MAX_PREDICTIONS_INFO_BYTES = (
    4_000_000  # of what is told beside a table: photos that could not be read, by name
)
_CHUNK = 1 << 20
_METRIC_FIELDS = (
    "loss",
    "accuracy",
    "val_loss",
    "val_accuracy",
    "learning_rate",
    "seconds",
    "steps",
)


@dataclass(frozen=True)
class _CheckedManifest:
    """What is believed of an untrusted manifest: the wanted id, and what it says of its files.

    `files` lists size and SHA-256 by name; they are compared with what really comes out.
    """

    run_id: str
    files: dict[str, ListedFile]


@dataclass(frozen=True)
class ImportedBundle:
    """A run that came in, and the dataset here with the very photos it was trained with, if any."""

    run: RunRecord
    dataset: Dataset | None


def import_bundle(file: IO[bytes] | Path) -> ImportedBundle:
    """Import a bundle as a run of this workspace.

    Args:
        file: the zip.

    Raises:
        RunError: it is no bundle, or anything in it is not as it should be; nothing was written.
        AccessError: the visitor may not make a run, or has as many as are allowed.
        CatDogError: the workspace cannot be written.
    """
    access.check_quota(run_folder.list_runs)  # before any of the file is read
    if isinstance(file, Path):
        try:
            with files.open_regular(file) as stream:
                return import_bundle(stream)
        except OSError as error:
            raise RunError(
                "{file} couldn't be read: {reason}. Choose the zip of a run.",
                file=file,
                reason=error.strerror or str(error),
            ) from error
    with files.temporary_beside(run_folder.runs_folder() / "importing") as staged:
        try:
            staged.mkdir(parents=True)
            manifest = _unpack_bundle(file, staged)
            dataset = _build_run(staged, manifest)
            return ImportedBundle(_install_run(staged, manifest.run_id), dataset)
        except OSError as error:
            raise CatDogError(
                "{path} couldn't be written, but earlier files are intact: {reason}. Free some "
                "disk space or choose a folder you can write to, then try again.",
                path=staged.parent,
                reason=error.strerror or str(error),
            ) from error


def _build_run(staged: Path, manifest: _CheckedManifest) -> Dataset | None:
    """Make an ordinary run of unpacked files, and return the dataset here it was trained with."""
    for needed in ("settings.json", "metrics.jsonl", "best.keras"):
        if not (staged / needed).is_file():
            raise _bundle_error(CatDogError("{name} is missing", name=f"run/{needed}"))
    settings = _validate_settings(
        _parse_json_object((staged / "settings.json").read_bytes(), "settings.json")
    )
    dataset = edit_log.find_by_fingerprint(
        settings["dataset"]["fingerprint"], settings["dataset"]["id"]
    )
    if dataset is not None:
        settings["dataset"] |= {"id": dataset.id, "folder": str(dataset.root)}
    files.write_json(staged / "settings.json", settings)
    epochs = _clean_log_rows(staged / "metrics.jsonl", ("epoch",))
    _clean_log_rows(staged / "batches.jsonl", ("epoch", "batch"))
    for path in sorted(staged.glob("*.keras")):
        if (
            untrusted_models.inspect_model_file(path, compiled=path.name != "best.keras")
            != ".keras"
        ):
            raise _bundle_error(CatDogError("its {name} isn't a .keras file", name=path.name))
        # Once it is a run of this workspace, nobody looks at it so closely again.
        model_sandbox.check_model(path, path.name, manifest.files[f"run/{path.name}"]["sha256"])
    _check_classes(staged / "best.keras", settings["classes"])
    _rewrite_final_evaluation(staged, settings["classes"])
    if training_photos.parse_training_photos(staged) is None:
        files.remove_if_exists(staged / training_photos.FILE_NAME)
    _write_about(staged)
    _write_state(staged, epochs)
    for path in sorted(staged.glob("predictions/*")):
        if path.suffix == ".json":
            _validate_predictions(path, settings)
        elif not path.with_suffix(".json").is_file():
            raise _predictions_error(path)
    return dataset


def _validate_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings of which every part was checked; unknown keys are left out."""
    try:
        dataset, classes, created = (
            settings["dataset"],
            settings["classes"],
            float(settings["created"]),
        )
        if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
            raise TypeError("classes")
        validated: dict[str, Any] = {
            "format": run_folder.FORMAT,
            "created": created,
            "training": parse_settings(Training, settings["training"]).model_dump(),
            "augmentation": parse_settings(Augmentation, settings["augmentation"]).model_dump()
            if settings["augmentation"]
            else None,
            "classes": [str(name) for name in classes],
            "dataset": {
                **{
                    key: files.truncate_for_display(str(dataset[key]), 100)
                    for key in ("id", "name", "folder", "fingerprint")
                },
                "domain": photo_domain.parse_domain(dataset.get("domain")),
                **{key: int(dataset[key]) for key in ("train", "validation")},
                "validation_counts": run_folder.parse_class_counts(
                    dataset.get("validation_counts"), len(classes)
                ),
            },
            "parent": _validate_parent(settings.get("parent")),
            "pipeline": run_folder.parse_pipeline(settings.get("pipeline", 1)),
            "versions": {
                files.truncate_for_display(str(name), 40): files.truncate_for_display(
                    str(version), 40
                )
                for name, version in list(dict(settings.get("versions") or {}).items())[:40]
            },
        }
        sound = 0 < created < 4e9 and 2 <= len(classes) <= 200 and len(set(classes)) == len(classes)
        sound = sound and all(
            name and files.truncate_for_display(name, 100) == name for name in validated["classes"]
        )
        sound = sound and all(
            0 < validated["dataset"][key] < 10**8 for key in ("train", "validation")
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise _bundle_error(
            CatDogError(
                "its settings.json is incomplete ({reason})",
                reason=files.truncate_for_display(f"{type(error).__name__}: {error}"),
            )
        ) from error
    if not sound:
        raise _bundle_error(CatDogError("its settings.json has invalid settings"))
    return validated


def _validate_parent(parent: Any) -> dict[str, Any] | None:
    if not isinstance(parent, dict):
        return None
    epoch = parent.get("epoch")
    return {
        "id": files.truncate_for_display(str(parent.get("id", ""))),
        "name": files.truncate_for_display(str(parent.get("name", ""))),
        "epoch": epoch if isinstance(epoch, int) else None,
    }


def _clean_log_rows(path: Path, counts: tuple[str, ...]) -> list[dict[str, Any]]:
    """Rewrite a file of JSON lines with what a worker writes alone, and return its rows."""
    rows = []
    for number, row in enumerate(files.read_json_lines(path, _MAX_ROWS + 1)):
        most = {"epoch": _MAX_EPOCHS, "batch": 10**6}
        sound = all(type(row.get(name)) is int and 0 <= row[name] < most[name] for name in counts)
        if not sound or number >= _MAX_ROWS:
            raise _bundle_error(
                CatDogError("its {name} has content that training never writes", name=path.name)
            )
        numbers = {
            name: _validate_number(row[name], path.name) for name in _METRIC_FIELDS if name in row
        }
        rows.append({name: row[name] for name in counts} | numbers)
    text = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
    if path.is_file():
        files.write_bytes(path, text.encode())
    return rows


def _validate_number(value: Any, name: str) -> float | int | None:
    if value is None or (type(value) in (int, float) and 0 <= value <= 1e12):
        return value  # type: ignore[no-any-return]
    if isinstance(value, float) and not math.isfinite(value):  # a loss that broke
        return value
    raise _bundle_error(CatDogError("its {name} has content that training never writes", name=name))


def _check_classes(model: Path, classes: list[str]) -> None:
    with zipfile.ZipFile(model) as archive:
        data = archive.read("catdog.json") if "catdog.json" in archive.namelist() else b"{}"
    if _parse_json_object(data, "best.keras").get("classes") != classes:
        raise _bundle_error(CatDogError("the classes in its best.keras and settings.json differ"))


def _rewrite_final_evaluation(staged: Path, classes: list[str]) -> None:
    """Rewrite the evaluation with what the lab writes alone; leave it out where it isn't sound."""
    evaluation = final_evaluation.parse_final_evaluation(staged, len(classes))
    files.remove_if_exists(staged / final_evaluation.FILE_NAME)
    if evaluation is not None:
        final_evaluation.write_final_evaluation(staged, evaluation)


def _write_about(staged: Path) -> None:
    """Write name and note; its group of runs stayed where it was."""
    original = _read_json_object(staged, "about.json")
    name = files.truncate_for_display(str(original.get("name", "")).strip(), 80) or "imported"
    note = str(original.get("note", "")).strip()[:2000]
    about = {"format": run_folder.FORMAT, "name": name, "note": note, "imported": True}
    owner = access.current_visitor().name
    files.write_json(staged / "about.json", {**about, "owner": owner} if owner else about)


def _write_state(staged: Path, epochs: list[dict[str, Any]]) -> None:
    done = _read_json_object(staged, "state.json").get("status") == "done"
    if not epochs:
        raise _bundle_error(CatDogError("its metrics.jsonl has no finished epoch"))
    state = {
        "format": run_folder.FORMAT,
        "status": "done" if done else "stopped",
        "phase": "ended",
        "beat": 1,
    }
    files.write_json(staged / "state.json", state)
    if (staged / "backup.json").is_file():
        epoch = _read_json_object(staged, "backup.json").get("epoch")
        if type(epoch) is not int or not 0 <= epoch < _MAX_EPOCHS:
            raise _bundle_error(CatDogError("its backup.json has no epoch"))
        files.write_json(staged / "backup.json", {"format": run_folder.FORMAT, "epoch": epoch})


def _read_json_object(staged: Path, name: str) -> dict[str, Any]:
    """Return the object in a bundle's file, {} without one. Raises RunError: no object."""
    path = staged / name
    return _parse_json_object(path.read_bytes(), name) if path.is_file() else {}


def _validate_predictions(path: Path, settings: dict[str, Any]) -> None:
    """Check a stored table of predictions, and rename it to the dataset's id in this workspace."""
    split, name = path.stem.rpartition("-")[2], settings["dataset"]["id"]
    try:
        stored, answers = predictions.read_table_file(path.with_suffix(".csv"))
        sound = all(((row >= 0) & (row <= 1)).all() for row in answers.values())
        metadata: PredictionMetadata = {
            "format": predictions.FORMAT,
            "dataset": str(stored["dataset"]),
            "split": split,
            "fingerprint": str(stored["fingerprint"])[:100],
            "model": str(stored["model"])[:100],
            "classes": list(settings["classes"]),
            "photos": len(answers),
            "unreadable": [str(file) for file in stored["unreadable"]],
            "table": str(stored["table"])[:100],
        }
        sound = sound and (stored["split"], stored["classes"]) == (split, metadata["classes"])
        sound = sound and f"{metadata['dataset']}-{split}" == path.stem
    except CatDogError as error:
        raise _predictions_error(path) from error
    except (OSError, ValueError, TypeError, KeyError, AttributeError, csv.Error) as error:
        raise _predictions_error(path) from error
    if not sound:
        raise _predictions_error(path)
    fits = metadata["fingerprint"] == settings["dataset"]["fingerprint"]
    if (
        fits
        and PREDICTIONS_PATTERN.fullmatch(f"{name}-{split}.json")
        and metadata["dataset"] != name
    ):
        here = path.with_name(f"{name}-{split}.json")
        os.replace(path.with_suffix(".csv"), here.with_suffix(".csv"))
        path.unlink()
        path, metadata["dataset"] = here, name
    # Escaped, since a file's name may hold bytes that are no UTF-8.
    files.write_bytes(path, json.dumps(metadata, indent=1).encode())


def _predictions_error(path: Path) -> RunError:
    return _bundle_error(
        CatDogError("its {name} isn't a prediction table", name=f"predictions/{path.name}")
    )


def _install_run(staged: Path, wanted: str) -> RunRecord:
    """Move a finished run to the folder of the wanted id, or of a new one where that is taken."""
    read = run_folder.load_run(staged)
    if read.status == "damaged":
        raise RunError("The run in this bundle is damaged: {problem}", problem=read.problem)
    name = wanted if files.slugify(wanted, 80) == wanted != "untitled" else f"imported-{read.model}"
    for attempt in range(20):
        folder = run_folder.runs_folder() / (name if not attempt else f"{name}-{uuid4().hex[:4]}")
        if folder.exists():
            continue
        with run_names.choose_unique_name(read.name, folder) as unique:
            about = files.read_json_object(staged / "about.json")
            files.write_json(staged / "about.json", {**about, "name": unique})
            try:
                staged.rename(folder)
            except OSError:
                if not folder.exists():
                    raise
                continue  # another came first
        return run_folder.load_run(folder)
    raise _bundle_error(CatDogError("no unused folder name is left for {name}", name=name))


def _unpack_bundle(file: IO[bytes], staged: Path) -> _CheckedManifest:
    """Unpack the run's files below `staged`, compare each with the manifest, and return that.

    Raises:
        RunError: see `import_bundle`.
        OSError: the disk, not the archive.
    """
    try:
        return _extract_checked_files(file, staged)
    except DatasetError as error:  # limits and forms that hold for every archive
        raise _bundle_error(error) from error
    except CatDogError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        # zipfile and zlib tell damage by a dozen kinds of exception.
        reason = files.truncate_for_display(str(error) or type(error).__name__)
        raise _bundle_error(
            CatDogError("the archive is damaged ({reason})", reason=reason)
        ) from error


def _extract_checked_files(file: IO[bytes], staged: Path) -> _CheckedManifest:
    entries = read_zip_members(file, MAX_FILES, _max_entry_bytes)
    if "manifest.json" not in entries:
        raise _bundle_error(CatDogError("manifest.json is missing"))
    access.check_quota(run_folder.list_runs, sum(entry.size for entry in entries.values()))
    manifest = _parse_manifest(
        _read_entry(entries.pop("manifest.json"), bounded_readers.SMALL_BYTES)
    )
    odd = sorted(set(entries) ^ set(manifest.files))
    if odd:
        raise _bundle_error(
            CatDogError(
                "its manifest and files disagree on {name}",
                name=files.truncate_for_display(odd[0]),
            )
        )
    for name, entry in entries.items():
        target = staged / name.removeprefix("run/") if name.startswith("run/") else None
        if target is not None:
            target.parent.mkdir(exist_ok=True)
        _extract_entry(entry, manifest.files[name], target)
    return manifest


def _max_entry_bytes(name: str) -> int | None:
    """Return how large a file of a bundle may be; None where no run has one of the name."""
    folder, _, last = name.rpartition("/")
    ours = (
        name == "manifest.json"
        or name in GENERATED_FILES
        or (folder == "run" and last in RUN_FILES)
    )
    if not ours and not (folder == "run/predictions" and PREDICTIONS_PATTERN.fullmatch(last)):
        return None
    if name.endswith(".keras"):
        return limits.current_limits().model_bytes
    if name.endswith(".csv"):
        return MAX_TABLE_BYTES
    if folder == "run/predictions":
        return _MAX_PREDICTIONS_INFO_BYTES
    return _MAX_BYTES.get(name, bounded_readers.SMALL_BYTES)


def _parse_manifest(data: bytes) -> _CheckedManifest:
    manifest = _parse_json_object(data, "manifest.json")
    if manifest.get("kind") != BUNDLE_KIND:
        raise _bundle_error(CatDogError("its manifest.json isn't from a run bundle"))
    version = manifest.get("format")
    if type(version) is not int or not 1 <= version <= FORMAT:  # True is an int too
        raise _bundle_error(
            CatDogError(
                "its format is {received}, but this version of CatDog Lab reads {expected}, so "
                "update it",
                received=files.truncate_for_display(str(version)),
                expected=FORMAT,
            )
        )
    listed = manifest.get("files")
    if not isinstance(listed, dict) or not all(isinstance(one, dict) for one in listed.values()):
        raise _bundle_error(CatDogError("its manifest.json lists no files"))
    run = manifest.get("run")
    return _CheckedManifest(str(run.get("id", "")) if isinstance(run, dict) else "", listed)


def _read_entry(entry: ArchiveEntry, limit: int) -> bytes:
    with entry.open() as source:
        data = source.read(limit + 1)
    if len(data) > limit:
        raise _bundle_error(CatDogError("its {name} is larger than stated", name=entry.path.name))
    return data


def _extract_entry(entry: ArchiveEntry, promised: ListedFile, target: Path | None) -> None:
    """Write an entry, and compare size and digest of what really comes out with the manifest."""
    digest, size = hashlib.sha256(), 0
    with entry.open() as source, open(target or os.devnull, "wb") as file:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > entry.size:
                break
            digest.update(chunk)
            file.write(chunk)
    if size != promised.get("bytes") or digest.hexdigest() != promised.get("sha256"):
        raise _bundle_error(
            CatDogError(
                "its {name} doesn't match the manifest (SHA-256), so it was damaged or changed",
                name=files.truncate_for_display(str(entry.path)),
            )
        )


def _parse_json_object(
    data: bytes, name: str, most: int = bounded_readers.SMALL_BYTES, values: int | None = None
) -> dict[str, Any]:
    """Parse the JSON object a file holds. Raises RunError where it holds none, or a larger one."""
    try:
        parsed = bounded_readers.parse_bounded_json(data, most, values)
    except bounded_readers.BoundError as error:
        raise _bundle_error(
            CatDogError("its {name} can't be read: {reason}", name=name, reason=error)
        ) from error
    except ValueError as error:
        raise _bundle_error(CatDogError("its {name} isn't valid JSON", name=name)) from error
    if not isinstance(parsed, dict):
        raise _bundle_error(CatDogError("its {name} isn't a JSON object", name=name))
    return parsed


def _bundle_error(problem: CatDogError) -> RunError:
    """Return the error of a bundle that is not as it should be; nothing of it was kept."""
    return RunError(
        "This bundle can't be imported: {problem}. Export the run again on the Export page.",
        problem=problem,
    )
