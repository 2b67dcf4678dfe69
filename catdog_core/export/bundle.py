"""A run in one zip, with all another machine needs to compare, go on with and use it.

    manifest.json            format, the run's id and name; size and SHA-256 of every other file
    README.txt               what this is, and how to bring it into a lab
    labels.txt               class names in label order, one a line
    preprocessing.json       what is done to a photo before the network sees it
    dataset.json             name, counts and fingerprint of the photos; never the photos
    environment.json         package versions and platform, of the training and of the export
    run/settings.json, about.json, state.json, metrics.jsonl, batches.jsonl
    run/final_evaluation.json     what its models predict for clean photos (since format 2)
    run/photo_hashes.bin     which photos it was trained and validated with (since format 3)
    run/best.keras           the best epoch; class names inside
    run/backup.keras, backup.json, start.keras     what a training goes on from
    run/predictions/         answers of the model, as the Evaluate page keeps them

`bundle_import` is the way back.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import re
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from textwrap import indent
from typing import Any, TypedDict

from ..analysis import predictions
from ..base import files
from ..base.errors import RunError
from ..runs import final_evaluation, model_registry, run_folder, training_photos
from ..runs.run_folder import DamagedRun, Run, RunRecord
from . import usage

BUNDLE_KIND = "catdog run bundle"
FORMAT = 3
RUN_FILES = (
    "settings.json",
    "about.json",
    "state.json",
    "backup.json",
    "metrics.jsonl",
    "batches.jsonl",
    final_evaluation.FILE_NAME,
    training_photos.FILE_NAME,
    "best.keras",
    "backup.keras",
    "start.keras",
)
GENERATED_FILES = (
    "README.txt",
    "labels.txt",
    "preprocessing.json",
    "dataset.json",
    "environment.json",
)
PREDICTIONS_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]{0,79}-(train|validation|test)\.(csv|json)")
"""What a file of predictions is called: dataset, split, and .json for what it was made of."""
_UNCOMPRESSED_SUFFIXES = (".keras",)  # weights do not shrink
_CHUNK = 1 << 20


class ListedFile(TypedDict):
    """A file of a bundle as its manifest lists it, so that damage is noticed."""

    bytes: int
    sha256: str


class RunListing(TypedDict):
    """The run of a bundle as its manifest names it; `status` is that of the export."""

    id: str
    name: str
    status: str


class Manifest(TypedDict):
    """``manifest.json``; `created` is in seconds since 1970, `files` are by name."""

    kind: str
    format: int
    created: float
    run: RunListing
    files: dict[str, ListedFile]


def write_bundle(source: Path, out: Path) -> None:
    """Write a run as a bundle.

    Args:
        source: a run folder.
        out: the zip to write.

    Raises:
        RunError: it is no run, is damaged, has no model yet, or is training just now.
    """
    run = _check_exportable(run_folder.load_run(model_registry.resolve_run_folder(source)))
    generated_files = {
        "README.txt": _build_readme(run),
        "labels.txt": "".join(f"{name}\n" for name in run.classes),
        "preprocessing.json": _to_json(_describe_preprocessing(run)),
        "dataset.json": _to_json(_describe_dataset(run)),
        "environment.json": _to_json(_describe_environment(run)),
        "run/settings.json": _to_json(_read_shareable_settings(run)),
    }
    listed: dict[str, ListedFile] = {}
    with files.atomic_replace(out) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, text in generated_files.items():
            listed[name] = _add_file(archive, name, text.encode())
        for path in _list_run_files(run):
            listed[name] = _add_file(archive, name := _archive_name(path), path)
        manifest: Manifest = {
            "kind": BUNDLE_KIND,
            "format": FORMAT,
            "created": time.time(),
            "run": {"id": run.id, "name": run.name, "status": run.status},
            "files": listed,
        }
        _add_file(archive, "manifest.json", _to_json(manifest).encode())


def _check_exportable(run: RunRecord) -> Run:
    """Return a run that can be exported. Raise RunError for any other."""
    if isinstance(run, DamagedRun):
        raise RunError("Run '{name}' is damaged: {problem}", name=run.id, problem=run.problem)
    if run.is_active:
        raise RunError(
            "Run '{name}' is {status}. Wait until it finishes, or stop it now and resume it later.",
            name=run.name,
            status=run.status,
        )
    if not isinstance(run, Run) or run.best_model is None:
        raise RunError(
            "Run '{name}' has no model yet. Train it for at least one epoch first.",
            name=run.name,
        )
    return run


def _list_run_files(run: Run) -> list[Path]:
    """List the files of a run that go along as they are."""
    own = [run.folder / name for name in RUN_FILES if name != "settings.json"]
    tables = predictions.predictions_path(run.folder, "any", "test").parent
    prediction_files = sorted(tables.glob("*")) if tables.is_dir() else []
    return [p for p in own if p.is_file()] + [
        p for p in prediction_files if PREDICTIONS_PATTERN.fullmatch(p.name)
    ]


def _archive_name(path: Path) -> str:
    return f"run/{'predictions/' if PREDICTIONS_PATTERN.fullmatch(path.name) else ''}{path.name}"


def _add_file(archive: zipfile.ZipFile, name: str, content: bytes | Path) -> ListedFile:
    """Put a file into the archive, and return its size and digest."""
    compression = (
        zipfile.ZIP_STORED if name.endswith(_UNCOMPRESSED_SUFFIXES) else zipfile.ZIP_DEFLATED
    )
    info = zipfile.ZipInfo(name, time.localtime()[:6])
    info.compress_type = compression
    info.external_attr = 0o644 << 16
    digest, size = hashlib.sha256(), 0
    with archive.open(info, "w", force_zip64=True) as target:
        for chunk in _read_chunks(content):
            digest.update(chunk)
            size += len(chunk)
            target.write(chunk)
    return {"bytes": size, "sha256": digest.hexdigest()}


def _read_chunks(content: bytes | Path) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with open(content, "rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def _read_shareable_settings(run: Run) -> dict[str, Any]:
    """Return a run's settings without the folder of its photos, which is nobody else's business."""
    settings: dict[str, Any] = files.read_json(run.folder / "settings.json")
    settings["dataset"] = {**settings["dataset"], "folder": Path(run.dataset_folder).name}
    return settings


def _describe_preprocessing(run: Run) -> dict[str, Any]:
    size = run.training.image_size
    return {
        "decode": "EXIF orientation applied; 8-bit RGB; transparent pictures laid on white",
        "resize": {
            "width": size,
            "height": size,
            "keeps_shape": False,
            "method": "bilinear; where it shrinks, neighbouring pixels are averaged",
        },
        "input": {"shape": [None, size, size, 3], "dtype": "float32", "values": [0, 255]},
        "rescaling": "inside the model, by its first layer",
        "output": "one probability, of the second class"
        if len(run.classes) == 2
        else "a probability a class, in the order of labels.txt",
    }


def _describe_dataset(run: Run) -> dict[str, Any]:
    return {
        "name": run.dataset_name,
        "fingerprint": run.dataset_fingerprint,
        "classes": list(run.classes),
        "train": run.train_photos,
        "validation": run.validation_photos,
    }


def _describe_environment(run: Run) -> dict[str, Any]:
    versions = files.read_json(run.folder / "settings.json").get("versions", {})
    now = {name: importlib.metadata.version(name) for name in versions if _is_installed(name)}
    return {
        "training": versions,
        "export": {
            **now,
            "python": platform.python_version(),
            "system": platform.system(),
            "machine": platform.machine(),
        },
    }


def _is_installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _build_readme(run: Run) -> str:
    more = (
        " It can also be resumed there, once the lab\nhas the same photos, those whose fingerprint"
        " is in dataset.json. They are not in here."
        if run.can_resume and (run.folder / "backup.keras").is_file()
        else " The photos are\nnot in here; dataset.json tells which they were."
    )
    return _README.format(
        name=files.truncate_for_display(run.name),
        size=run.training.image_size,
        more=more,
        code=indent(
            usage.build_usage_code("keras", "run/best.keras", run.classes, run.training.image_size),
            4 * " ",
        ),
    )


_README = """\
A run of CatDog Lab: {name}

run/best.keras is the model of its best epoch. It takes photos of {size} x {size} pixels, values
0 to 255, and knows the classes of labels.txt, in that order. The epoch was chosen with the
validation photos. On others, expect a slightly lower accuracy than the recorded one.

To bring the run into a lab: its Export page, or

    python -m catdog_core import-run THIS.zip

There it can be compared, and used to predict.{more}

To use the model without a lab, on a file photo.jpg:

{code}

manifest.json holds size and SHA-256 of every file.
"""
