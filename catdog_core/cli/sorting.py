"""The command that sorts unlabeled photos: guesses as a table, and a table into a dataset."""

from __future__ import annotations

import csv as csv_format
import io
import sys
from pathlib import Path
from typing import Annotated

import typer

from ..base import files, library_output
from ..base.english_plurals import format_count
from ..base.errors import SettingsError
from ..base.files import truncate_for_display
from ..data import datasets, piles
from . import model_input, output, output_files
from .model_input import Scale
from .models import read_photo_argument
from .options import AsJson, Force

Row = tuple[str, str, float]
"""File, guessed label, and how certain the guess is, 0..1."""


def sort(
    pile: Annotated[
        Path, typer.Argument(metavar="PILE", help="A folder, or a zip or tar, of photos.")
    ],
    model: Annotated[
        Path | None, typer.Option(metavar="MODEL", help="A model file, run or imported model.")
    ] = None,
    groups: Annotated[
        int | None, typer.Option(min=2, help="Without a model: make so many groups by likeness.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Write the guesses as a table.")
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="TABLE", help="A table with 'file' and 'label' to make a dataset of."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A new folder for the dataset.")
    ] = None,
    validation: Annotated[
        float, typer.Option(min=0, max=1, help="Fraction of each class for validation.")
    ] = datasets.VALIDATION_FRACTION,
    test: Annotated[
        float, typer.Option(min=0, max=1, help="Fraction of each class for testing.")
    ] = 0.0,
    scale: Scale = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Guess the classes of unlabeled photos, least certain first. With --labels and --out, make a
    dataset of your corrected table, with similar photos in the same set."""
    if (labels is None) != (out is None):
        raise SettingsError("To create a dataset, use --labels and --out together.")
    if labels is not None and out is not None:
        with output.progress_bar("comparing photos") as progress:
            dataset = piles.write_sorted(pile, labels, out, validation, test, progress)
        output.print_counts(dataset.counts())
        return
    if (model is None) == (groups is None):
        raise SettingsError("Use either --model or --groups.")
    inputs = [pile, *([output_files.get_model_input(model)] if model else [])]
    target = output_files.resolve_output(csv, "table", inputs, force) if csv else None
    rows, left_out = _guess(pile, model, groups, scale)
    for name, reason in left_out:
        print(f"Left out {truncate_for_display(name, 200)}: {reason}", file=sys.stderr)
    if target:
        files.write_bytes(target, _encode_csv(rows))
    if as_json:
        guesses = [{"file": f, "label": label, "certainty": c} for f, label, c in rows]
        output.print_json({"guesses": guesses, "left_out": [name for name, _ in left_out]})
        return
    if target:
        print(f"{format_count(len(rows), 'photos')} in {csv}")
        return
    for file, label, certainty in rows:
        name = truncate_for_display(file, 200)
        print(f"{name}: {truncate_for_display(label)} {certainty:.4f}")


def _guess(
    pile: Path, model: Path | None, groups: int | None, scale: str | None
) -> tuple[list[Row], list[tuple[str, object]]]:
    """Return guesses, the least certain first, and the photos that can't be read."""
    library_output.import_tensorflow()
    from ..data import photo_listing

    rows: list[Row] = []
    left_out: list[tuple[str, object]] = []
    with files.temporary_folder("sort") as folder:
        listing = photo_listing.list_photos([pile], folder)
        left_out += listing.unreadable
        total = len(listing.photos)
        if model is not None:
            from ..analysis import predict

            predictor = model_input.load_model(model, scale)
            model_input.warn_of_assumed_scale(predictor, [p.path for p in listing.photos])
            with output.progress_bar("predicting") as progress:
                predicted = predict.predict_photos(
                    predictor,
                    ((photo.name, read_photo_argument(photo.path)) for photo in listing.photos),
                    lambda done: progress(done, total),
                )
            errors = [(row.file, row.error) for row in predicted if row.error]
            if len(errors) == len(predicted) and errors[0][1]:
                raise errors[0][1]
            left_out += errors
            rows = [(r.file, r.label, max(r.probabilities)) for r in predicted if not r.error]
        else:
            from ..analysis import pile_features, sorting

            with output.progress_bar("comparing photos") as progress:
                seen = pile_features.see_photos(
                    {photo.name: photo.path for photo in listing.photos}, folder, None, progress
                )
            numbers, certainty = sorting.group_photos(seen.features, groups or 2)
            rows = [
                (file, f"group {number + 1}", float(share))
                for file, number, share in zip(seen.files, numbers, certainty, strict=True)
            ]
            left_out += [(name, "it can't be read") for name in seen.unreadable]
            left_out += [(name, "it's a copy of another photo") for name in seen.copies]
    return sorted(rows, key=lambda row: row[2]), left_out


def _encode_csv(rows: list[Row]) -> bytes:
    text = io.StringIO()
    writer = csv_format.writer(text, lineterminator="\n")
    writer.writerow(["file", "label", "certainty"])
    writer.writerows([file, label, f"{certainty:.6f}"] for file, label, certainty in rows)
    return text.getvalue().encode("utf-8", "surrogateescape")
