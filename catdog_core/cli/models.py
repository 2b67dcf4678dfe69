"""Commands that evaluate a model and predict photos."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..analysis import embedding, predictions
from ..base import library_output, limits
from ..base.errors import PhotoError, SettingsError
from ..base.files import open_regular, truncate_for_display, write_bytes
from . import curate, output, output_files
from .options import AsJson, Folder, Force, Order

if TYPE_CHECKING:
    from ..analysis.predict import Prediction

Model = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL_OR_RUN", help="A .keras, .h5 or .zip file, a run folder, or default."
    ),
]


def evaluate(
    model: Model,
    folder: Folder,
    split: Annotated[
        str | None,
        typer.Option(
            help="train, validation or test. With plain class folders, all photos by default."
        ),
    ] = None,
    order: Order = None,
    csv: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Write the predictions as a table.")
    ] = None,
    embedding_out: Annotated[
        Path | None,
        typer.Option(
            "--embedding", metavar="OUT", help="Write the embedding map: a position for each photo."
        ),
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Evaluate a model on a dataset: accuracy, loss and confusion matrix."""
    if split not in (None, "train", "validation", "test"):
        raise SettingsError(
            "There's no split '{split}'. Choose train, validation or test.", split=split
        )
    inputs = [output_files.get_model_input(model), folder if isinstance(folder, Path) else None]
    csv = output_files.resolve_output(csv, "table", inputs, force) if csv else None
    if embedding_out:
        embedding_out = output_files.resolve_output(embedding_out, "table", [*inputs, csv], force)
    dataset = curate.read_dataset(folder, order)
    if split is None and dataset.note.get("layout") != "seeded":
        split = "validation"
    library_output.import_tensorflow()
    from ..analysis.evaluate import evaluate as measure

    with output.progress_bar("evaluating") as progress:
        result = measure(
            model, dataset, split, progress=progress, with_embedding=embedding_out is not None
        )
    for file, error in result.unreadable:
        print(f"Left out {truncate_for_display(file, 200)}: {error}", file=sys.stderr)
    if csv:
        write_bytes(csv, predictions.encode_predictions_csv(result.table))
    if embedding_out and result.embedding:
        xy = embedding.layout_embedding(result.embedding, "pca")
        write_bytes(embedding_out, embedding.encode_layout_csv(result.embedding, xy, result.table))
    if as_json:
        names = ("accuracy", "loss", "n", "classes", "confusion")
        output.print_json({name: getattr(result, name) for name in names})
        return
    print(f"accuracy {result.accuracy:.4f}, loss {result.loss:.4f}, {result.n} photos")
    for name, counts in zip(result.classes, result.confusion, strict=True):
        summary = ", ".join(
            f"{n} as {truncate_for_display(c)}" for c, n in zip(result.classes, counts, strict=True)
        )
        print(f"{truncate_for_display(name)}: {summary}")


def predict(
    model: Model,
    photos: Annotated[
        list[Path], typer.Argument(metavar="PHOTO...", help="The photos to predict.")
    ],
    csv: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Write the predictions as a table.")
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Predict the labels and probabilities of photos."""
    for photo in photos:
        if not photo.is_file():
            raise PhotoError(
                "{file} doesn't exist or isn't a file. Check the name of the photo.", file=photo
            )
    inputs = [output_files.get_model_input(model), *photos]
    csv = output_files.resolve_output(csv, "table", inputs, force) if csv else None
    library_output.import_tensorflow()
    from ..analysis import predict

    predictor = predict.load_predictor(model)
    with output.progress_bar("predicting") as progress:
        named = ((str(photo), read_photo_argument(photo)) for photo in photos)
        rows = predict.predict_photos(predictor, named, lambda done: progress(done, len(photos)))
    if csv:
        write_bytes(
            csv, predict.predictions_to_csv(rows, predictor.classes, for_spreadsheet=False).encode()
        )
    _refuse_all_unreadable(rows)
    for warning in predictor.warnings:
        print(warning, file=sys.stderr)
    if as_json:
        json_rows = [_prediction_to_json(row, predictor.classes) for row in rows]
        output.print_json({"classes": predictor.classes, "predictions": json_rows})
        return
    for row in rows:
        if row.error:
            print(f"{truncate_for_display(row.file, 200)}: {row.error}", file=sys.stderr)
        else:
            print(
                f"{truncate_for_display(row.file, 200)}: {truncate_for_display(row.label)}"
                f" {max(row.probabilities):.4f}"
            )


def _refuse_all_unreadable(rows: Sequence[Prediction]) -> None:
    if all(row.error for row in rows):
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
