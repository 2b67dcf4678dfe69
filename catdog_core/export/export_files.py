"""Runs and models as files for elsewhere. What writes them is imported when it is asked for.

`export_in_subprocess` runs `catdog_core.export` as a process of its own: conversion leaves hundreds
of megabytes and much chatter in its process, and native code that fails takes it down. None of that
may happen to a server.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, cast

from ..base import files, library_output, report_language, subprocess_jobs
from ..base.errors import N_, CatDogError
from . import formats
from .formats import FORMATS, Exporter, NetworkInput, Parity

__all__ = ["FORMATS", "ExportResult", "Exporter", "export_in_process", "export_in_subprocess"]

PhaseCallback = Callable[[str], None]
"""Called with a message of the catalogue, again and again; what it raises ends the work."""
_PHASES = {
    "starting": N_("Loading TensorFlow…"),
    "writing": N_("Saving the file…"),
    "comparing": N_("Comparing its predictions with the Keras model's…"),
}
_UNEXPLAINED_END = N_(
    "The export ended unexpectedly, and the computer might have run out of memory. Close other "
    "programs, then try again."
)


class ExportRequest(TypedDict):
    """What `export_in_subprocess` asks its subprocess for; see there."""

    source: str
    kind: str
    folder: str
    packed: bool
    language: str
    runtime: str


class _WrittenFile(TypedDict):
    file: str
    bytes: int
    parity: Parity | None
    network: NetworkInput | None


class _ExportEvent(TypedDict, total=False):
    """What the subprocess reports: a phase of `_PHASES`, and at last what it wrote."""

    phase: str
    result: _WrittenFile


@dataclass(frozen=True)
class ExportResult:
    """A finished export.

    Attributes:
        path: its file or folder.
        bytes: what it takes on the disk.
        parity: how its answers compare with the Keras model's; None for what is no model.
        network: how it is used; None for what is no model.
    """

    path: Path
    bytes: int
    parity: Parity | None
    network: NetworkInput | None = None


def export_in_process(model_or_run: Path, kind: str, out: Path) -> Path:
    """Write a run, or its best model, for elsewhere, in this process; loads TensorFlow.

    Args:
        model_or_run: a run folder, a model file, or "default".
        kind: a key of `FORMATS`.
        out: the file to write or replace, with any extension; for a format that is a folder, a
            new or empty one.

    Raises:
        ModelError: there is no model yet.
        CatDogError: the format is unknown, needs a package, or the file cannot be written.
    """
    exporter = formats.get_format(kind)
    with files.temporary_folder("export") as folder:
        return install_export(_write_export(exporter, Path(model_or_run), folder), out)


def export_in_subprocess(
    model_or_run: Path,
    kind: str,
    folder: Path,
    phase: PhaseCallback,
    packed: bool = False,
    language: str = "en",
    runtime: Path | None = None,
) -> ExportResult:
    """Write it in a process of its own, and compare its answers with the Keras model's.

    Args:
        model_or_run, kind: as for `export_in_process`.
        folder: where to make the file; it exists.
        phase: told what goes on.
        packed: make a zip of a format that is a folder.
        language: of what is to be read, such as "ko".
        runtime: a folder with the runtime to put inside, for a format that takes one.

    Raises:
        CatDogError: as for `export_in_process`.
    """
    exporter = formats.get_format(kind)
    exporter.refuse_missing()
    exporter.refuse_runtime(runtime)
    request: ExportRequest = {
        "source": str(model_or_run),
        "kind": kind,
        "folder": str(folder),
        "packed": packed,
        "language": language,
        "runtime": str(runtime.absolute()) if runtime else "",
    }
    result: ExportResult | None = None
    now = "starting"

    def on_event(event: _ExportEvent) -> None:
        nonlocal now, result
        if made := event.get("result"):
            result = ExportResult(
                folder / made["file"], made["bytes"], made["parity"], made["network"]
            )
        now = event.get("phase", now)
        phase(_PHASES[now])

    subprocess_jobs.run_subprocess(
        "catdog_core.export", request, on_event, _UNEXPLAINED_END, quiet=True
    )
    if result is None:
        raise CatDogError(_UNEXPLAINED_END)
    return result


def install_export(export_path: Path, out: Path) -> Path:
    """Put a finished file or folder where it is wanted: whole, or not at all.

    Raises:
        CatDogError: it cannot be written, or a folder is wanted where something is already.
    """
    out = Path(out)
    if export_path.is_dir():
        _install_folder(export_path, out)
        return out
    with files.atomic_replace(out) as temporary:
        shutil.copyfile(export_path, temporary)
    return out


def output_exists_error(out: Path) -> CatDogError:
    """Return the error of a folder that is to be written where something is already."""
    return CatDogError("{path} isn't empty. Choose a new or empty folder.", path=out)


def _install_folder(export_path: Path, out: Path) -> None:
    if files.exists_nonempty(out):
        raise output_exists_error(out)
    with files.temporary_beside(out) as beside:
        try:
            beside.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(export_path, beside)
            if out.exists():
                out.rmdir()  # an empty one
            os.replace(beside, out)
        except OSError as error:
            raise CatDogError(
                "{path} couldn't be written, but earlier files are intact: {reason}. Free some "
                "disk space or choose a folder you can write to, then try again.",
                path=out,
                reason=error.strerror or str(error),
            ) from error


def _write_export(
    exporter: Exporter, source: Path, folder: Path, runtime: Path | None = None
) -> Path:
    # Converters choose the format by the extension, which the user's name need not have.
    export_path = folder / ("model" if exporter.is_folder else f"model{exporter.extension}")
    exporter.write(source, export_path, runtime)
    return export_path


def handle_export_request(values: dict[str, Any]) -> None:
    """Do an `ExportRequest`, inside the subprocess: write the export and measure its parity."""
    request = cast(ExportRequest, values)
    os.environ[report_language.LANGUAGE_VARIABLE] = request["language"]
    source, kind = Path(request["source"]), request["kind"]
    try:
        exporter = formats.get_format(kind)
        if exporter.loads_tensorflow:
            library_output.import_tensorflow()
        logging.getLogger("tf2onnx").setLevel(logging.ERROR)
        subprocess_jobs.emit(phase="writing")
        runtime = Path(request["runtime"]) if request["runtime"] else None
        out = _write_export(exporter, source, Path(request["folder"]), runtime)
        parity, network = None, None
        if exporter.group == "model":
            from .parity import describe_network, measure_parity  # lazy: needs TensorFlow

            subprocess_jobs.emit(phase="comparing")
            parity = measure_parity(source, kind, out)
            network = describe_network(source, kind, out)
        if exporter.is_folder and request["packed"]:
            shutil.make_archive(str(out), "zip", out.parent, out.name)
            shutil.rmtree(out)
            out = out.with_suffix(".zip")
        made: _WrittenFile = {
            "file": out.name,
            "bytes": files.disk_usage(out),
            "parity": parity,
            "network": network,
        }
        subprocess_jobs.emit(result=made)
    except CatDogError:
        raise
    except Exception as error:
        logging.getLogger("catdog").exception("An export failed")
        raise CatDogError(
            "The model couldn't be saved as {kind}: {reason}. Try another format.",
            kind=kind,
            reason=f"{type(error).__name__}: {' '.join(str(error).split())}"[:300],
        ) from error
