"""The commands that write a run or a model for elsewhere, and bring a run in from there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..analysis.photo_overlap import KEPT_EPOCH_TEXT
from ..base import files
from ..base.english_plurals import format_count
from ..base.files import truncate_for_display
from ..export import (
    bundle_import,
    export_in_subprocess,
    formats,
    install_export,
    output_exists_error,
)
from ..export.formats import FORMATS, NO_ACCURACY, Parity
from ..runs import model_registry
from . import output, output_files, removed_commands
from .options import AsJson, Force


def export(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL_OR_RUN",
            help="A model file, a run folder, or an id or name from 'models list'.",
        ),
    ],
    kind: Annotated[str, typer.Argument(metavar="FORMAT", help=f"{', '.join(FORMATS)}.")],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="The file to write or replace. For saved_model, a new folder or a .zip.",
        ),
    ],
    runtime: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="A folder with the npm package @litertjs/core, so that a web page works offline.",
        ),
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Export a run or its best model, and check its predictions."""
    removed_commands.refuse_format(kind)
    exporter = formats.get_format(kind)
    exporter.refuse_runtime(runtime)
    if not exporter.needs_run:
        model_registry.find_model_file(
            run
        )  # a mistake is told at once, not after TensorFlow has loaded
    packed = out.suffix == ".zip"
    wanted = output_files.get_export_kind(kind, exporter.extension, packed and exporter.is_folder)
    if exporter.is_folder and not packed:
        if files.exists_nonempty(out):
            raise output_exists_error(out)
        wanted = "folder"
    target = output_files.resolve_output(out, wanted, [output_files.get_model_input(run)], force)
    with files.temporary_folder("export") as folder:
        resolved = model_registry.resolve_run_folder(run)
        source = resolved.absolute() if resolved.exists() else resolved
        exported = export_in_subprocess(
            source, kind, folder, lambda _phase: None, packed=packed, runtime=runtime
        )
        install_export(exported.path, target)
    if as_json:
        summary = {
            "format": kind,
            "file": str(out),
            "bytes": exported.bytes,
            "parity": exported.parity,
        }
        output.print_json(summary)
        return
    print(f"{kind} in {truncate_for_display(str(out), 300)}, {exported.bytes:,} bytes")
    if exported.parity:
        _print_parity(exported.parity)


def import_run(
    file: Annotated[Path, typer.Argument(metavar="FILE.zip", help="The bundle of a run.")],
    as_json: AsJson = False,
) -> None:
    """Import a run that was exported as a bundle."""
    imported = bundle_import.import_bundle(file)
    run = imported.run
    if as_json:
        summary = {"run": run.id, "folder": str(run.folder), "status": run.status}
        output.print_json({**summary, "dataset": imported.dataset.id if imported.dataset else None})
        return
    print(
        f"Run {run.folder}: '{truncate_for_display(run.name)}',"
        f" {len(run.epochs)} epochs, {run.status}"
    )
    if run.can_resume and imported.dataset:
        print(f"Its photos are in this workspace. Continue with 'resume {run.id}'.")
    elif run.can_resume:
        print(
            f"Its photos, '{truncate_for_display(run.dataset_name)}', aren't in this workspace."
            f" Import them, then continue with 'resume {run.id}'."
        )


def _print_parity(parity: Parity) -> None:
    if "missing" in parity:
        if parity["missing"]:
            print(f"Its predictions weren't compared. To compare: pip install {parity['missing']}")
        return
    where = (
        f"of {truncate_for_display(parity['dataset'], 60)}" if parity["dataset"] else "demo photos"
    )
    print(
        f"Largest difference in probability from the Keras model: {parity['difference']:.2g}."
        f" {parity['labels']} labels differ ({parity['photos']} photos, {where};"
        f" {parity['runtime']})"
    )
    if parity.get("accuracy") == []:
        print(NO_ACCURACY)
    elif "accuracy" in parity:
        ours, theirs = parity["accuracy"]
        photos = format_count(parity["counted"], "photos")
        print(f"Accuracy {theirs:.4f}, Keras model {ours:.4f}, {photos}")
        if parity["dataset"]:
            print(KEPT_EPOCH_TEXT)
