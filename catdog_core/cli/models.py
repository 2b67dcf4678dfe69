"""Commands that evaluate a model and predict photos."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..analysis import (
    class_matching,
    embedding,
    metrics,
    photo_overlap,
    predictions,
    training_domain,
)
from ..analysis.class_matching import ClassMatch
from ..base import files, library_output, limits
from ..base.english_plurals import format_count
from ..base.errors import ModelError, PhotoError, SettingsError
from ..base.files import open_regular, truncate_for_display, write_bytes
from ..data import photo_domain, photo_listing
from ..data.datasets import FolderReading
from ..data.photo_domain import Domain
from ..data.photo_listing import ListedPhoto, PhotoListing
from ..runs import model_registry
from . import curate, model_input, output, output_files
from .model_input import Scale
from .options import AsJson, Folder, Force, Order, with_reading

if TYPE_CHECKING:
    from ..analysis.predict import Prediction

Model = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL_OR_RUN",
        help="A .keras, .h5 or .zip file, a run folder, or an id or name from 'models list'.",
    ),
]


@with_reading
def evaluate(
    model: Model,
    folder: Folder,
    split: Annotated[
        str | None,
        typer.Option(
            help="train, validation or test. By default, validation. Of plain class folders, all"
            " photos."
        ),
    ] = None,
    order: Order = None,
    csv: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Write the predictions as a table.")
    ] = None,
    embedding_out: Annotated[
        Path | None,
        typer.Option("--embedding", metavar="OUT", help="Write each photo's position on the map."),
    ] = None,
    scale: Scale = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="MODEL=DATASET",
            help="A class of the model and its class in the dataset. Repeat it for each.",
        ),
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
    *,
    reading: FolderReading,
) -> None:
    """Evaluate a model: accuracy, loss and confusion matrix."""
    if split not in (None, "train", "validation", "test"):
        raise SettingsError(
            "There's no split '{split}'. Choose train, validation or test.", split=split
        )
    inputs = [output_files.get_model_input(model), folder if isinstance(folder, Path) else None]
    csv = output_files.resolve_output(csv, "table", inputs, force) if csv else None
    if embedding_out:
        embedding_out = output_files.resolve_output(embedding_out, "table", [*inputs, csv], force)
    dataset = curate.read_dataset(folder, order, replace(reading, needs_training=False))
    if split is None and dataset.note.get("layout") != "seeded":
        split = "validation" if "validation" in dataset.counts() else "test"
    library_output.import_tensorflow()
    from ..analysis.evaluate import evaluate as measure
    from ..analysis.evaluate import match_dataset

    predictor = model_input.load_model(model, scale)
    pairs = class_matching.parse_mapping(mapping or [], predictor.classes, dataset.classes)
    match = match_dataset(predictor, dataset, pairs)
    _print_match(match)
    items = dataset.items(split)
    model_input.warn_of_assumed_scale(
        predictor, [item.path for item in items], [match.columns[item.label] for item in items]
    )
    with output.progress_bar("evaluating") as progress:
        result = measure(
            predictor,
            dataset,
            split,
            progress=progress,
            with_embedding=embedding_out is not None,
            mapping=pairs,
        )
    calibration = metrics.compute_calibration(result.table)
    run = model_registry.find_run_of_model(model)
    overlap = photo_overlap.count_overlap(run, dataset, split)
    notes = [str(remark) for remark in photo_overlap.describe_overlap(overlap)]
    if notice := training_domain.describe_domain(run, [dataset.domain]):
        notes.append(notice)
    for file, error in result.unreadable:
        print(f"Left out {truncate_for_display(file, 200)}: {error}", file=sys.stderr)
    if csv:
        write_bytes(csv, predictions.encode_predictions_csv(result.table))
    if embedding_out and result.embedding:
        xy = embedding.layout_embedding(result.embedding, "pca")
        write_bytes(embedding_out, embedding.encode_layout_csv(result.embedding, xy, result.table))
    if as_json:
        names = ("accuracy", "loss", "n", "classes", "confusion")
        numbers = {name: getattr(result, name) for name in names}
        output.print_json(
            {
                **numbers,
                "confidence": calibration.confidence,
                "calibration_error": calibration.error,
                "perfect_calibration_error": calibration.perfect.error,
                "trained_on": overlap and overlap.trained,
                "epoch_chosen_on": overlap and overlap.chosen,
                "notes": notes,
                **model_input.scale_to_json(predictor),
            }
        )
        return
    photos = format_count(result.n, "photos")
    print(f"accuracy {result.accuracy:.4f}, loss {result.loss:.4f}, {photos}")
    for note in notes:
        print(note)
    print(
        f"mean confidence {calibration.confidence:.4f}, calibration error {calibration.error:.4f},"
        f" perfectly calibrated model {calibration.perfect.error:.4f}"
    )
    for name, counts in zip(result.classes, result.confusion, strict=True):
        summary = ", ".join(
            f"{n} as {truncate_for_display(c)}" for c, n in zip(result.classes, counts, strict=True)
        )
        print(f"{truncate_for_display(name)}: {summary}")


def _print_match(match: ClassMatch) -> None:
    """Print how the model's classes were matched, unless they are called as the dataset's."""
    pairs = truncate_for_display(match.text, 300)
    if match.by == "similar names":
        print(f"Classes matched by name (model = dataset): {pairs}.", file=sys.stderr)
    elif match.by == "order":
        print(
            f"The model has no class names, so its outputs are taken in order: {pairs}."
            " To change that, use --map.",
            file=sys.stderr,
        )


def predict(
    model: Model,
    photos: Annotated[
        list[Path],
        typer.Argument(
            metavar="PHOTO_OR_DIR",
            help="Photos, patterns such as '*.jpg', or folders and zip or tar files of photos.",
        ),
    ],
    csv: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Write the predictions as a table.")
    ] = None,
    scale: Scale = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Predict the labels of photos. They are listed in natural order: 1, 2, … 10."""
    inputs = [output_files.get_model_input(model), *photos]
    with files.temporary_folder("predict") as folder:
        listing = photo_listing.list_photos(photos, folder)
        csv = output_files.resolve_output(csv, "table", inputs, force) if csv else None
        library_output.import_tensorflow()
        from ..analysis import predict

        predictor = model_input.load_model(model, scale)
        model_input.warn_of_assumed_scale(predictor, [photo.path for photo in listing.photos])
        domains: list[Domain | None] = []

        def read(photo: ListedPhoto) -> tuple[str, bytes | PhotoError]:
            content = _read_or_explain(photo.path)
            is_drawn = isinstance(content, bytes) and photo_domain.is_drawn_photo(content)
            domains.append("drawn" if is_drawn else None)
            return photo.name, content

        with output.progress_bar("predicting") as progress:
            total = len(listing.photos)
            rows = predict.predict_photos(
                predictor, map(read, listing.photos), lambda done: progress(done, total)
            )
    if csv:
        write_bytes(
            csv, predict.predictions_to_csv(rows, predictor.classes, for_spreadsheet=False).encode()
        )
    _refuse_all_unreadable(rows)
    _print_left_out(listing)
    run = model_registry.find_run_of_model(model)
    notice = training_domain.describe_domain(run, domains)
    if notice:
        print(notice, file=sys.stderr)
    if as_json:
        json_rows = [_prediction_to_json(row, predictor.classes) for row in rows]
        output.print_json(
            {
                "classes": predictor.classes,
                **model_input.scale_to_json(predictor),
                "trained_on": training_domain.find_training_domain(run),
                "predictions": json_rows,
                "skipped": [*listing.skipped, *(name for name, _ in listing.unreadable)],
            }
        )
        return
    for row in rows:
        if row.error:
            print(f"{truncate_for_display(row.file, 200)}: {row.error}", file=sys.stderr)
        else:
            print(
                f"{truncate_for_display(row.file, 200)}: {truncate_for_display(row.label)}"
                f" {max(row.probabilities):.4f}"
            )


def _print_left_out(listing: PhotoListing) -> None:
    """Name on stderr what of the folders was not predicted."""
    for name, reason in listing.unreadable:
        print(f"Left out {truncate_for_display(name, 200)}: {reason}", file=sys.stderr)
    if listing.skipped:
        names = ", ".join(truncate_for_display(name, 60) for name in listing.skipped[:10])
        more = f" and {len(listing.skipped) - 10:,} more" if len(listing.skipped) > 10 else ""
        count = len(listing.skipped)
        what = "file that isn't a photo" if count == 1 else "files that aren't photos"
        print(f"Skipped {count:,} {what}: {names}{more}", file=sys.stderr)


def _read_or_explain(path: Path) -> bytes | PhotoError:
    """Return a photo's content, or why it cannot be read: the others go on."""
    try:
        return read_photo_argument(path)
    except PhotoError as error:
        return error


def _refuse_all_unreadable(rows: Sequence[Prediction]) -> None:
    if all(row.error for row in rows):
        if isinstance(rows[0].error, ModelError):
            raise rows[0].error
        raise PhotoError(
            "No photo could be read. {file}: {reason}", file=rows[0].file, reason=rows[0].error
        )


def _prediction_to_json(row: Prediction, classes: Sequence[str]) -> dict[str, object]:
    if row.error:
        return {"file": row.file, "error": str(row.error)}
    chances = dict(zip(classes, row.probabilities, strict=True))
    return {"file": row.file, "label": row.label, "probabilities": chances}


def read_photo_argument(path: Path) -> bytes:
    """Read a photo named on the command line. Raises PhotoError when that fails."""
    try:
        with open_regular(path) as file:  # no more of it than shows that it is too large
            return file.read(limits.current_limits().photo_bytes + 1)
    except OSError as error:
        raise PhotoError(
            "{file} couldn't be read: {reason}. Choose another photo.",
            file=path,
            reason=error.strerror or str(error),
        ) from error
