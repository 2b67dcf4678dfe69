"""The command that measures models on changed photos."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ..analysis import robustness as curves_of
from ..augmentation import photo_changes
from ..augmentation.photo_changes import CHANGES, ChangeName
from ..base import library_output
from ..base.english_plurals import format_count
from ..base.errors import SettingsError
from ..base.files import truncate_for_display
from ..data.datasets import FolderReading
from ..runs import Run, model_registry
from ..runs.final_evaluation import majority_share
from . import curate, model_input, output, output_files
from .model_input import Scale
from .options import AsJson, Force, Order, with_reading


@with_reading
def robustness(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="MODEL… DIR",
            help="One to three models, as for 'evaluate', then a folder of photos by class.",
        ),
    ],
    change: Annotated[
        str, typer.Option(metavar="|".join(CHANGES), help="How the photos change.")
    ] = "rotation",
    strengths: Annotated[
        str, typer.Option(metavar="N,N,…", help="Strengths to measure. By default, nine.")
    ] = "",
    split: Annotated[
        str | None,
        typer.Option(help="train, validation or test. By default, as for 'evaluate'."),
    ] = None,
    photos: Annotated[
        int, typer.Option(min=1, help="The most photos to measure, drawn at random.")
    ] = curves_of.MAX_PHOTOS,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the curves into this image.")
    ] = None,
    order: Order = None,
    scale: Scale = None,
    force: Force = False,
    as_json: AsJson = False,
    *,
    reading: FolderReading,
) -> None:
    """Measure accuracy on photos that are changed more and more."""
    *models, folder = inputs
    if not 1 <= len(models) <= curves_of.MAX_MODELS:
        raise SettingsError(
            "'robustness' takes one to {most} models and then a folder of photos. You gave {n} "
            "models.",
            most=curves_of.MAX_MODELS,
            n=len(models),
        )
    if change not in CHANGES:
        raise SettingsError(
            "'{change}' isn't a change the lab knows. Use one of {names}.",
            change=change,
            names=", ".join(CHANGES),
        )
    name: ChangeName = change
    wanted = photo_changes.check_strengths(name, _parse_strengths(strengths))
    files = [*map(output_files.get_model_input, models), folder]
    if plot:
        plot = output_files.resolve_output(plot, output_files.get_figure_kind(plot), files, force)
    dataset = curate.read_dataset(folder, order, replace(reading, needs_training=False))
    if split is None and dataset.note.get("layout") != "seeded":
        split = "validation" if "validation" in dataset.counts() else "test"
    library_output.import_tensorflow()
    names, ranges, subjects = [], [], []
    for model in models:
        run = model_registry.find_run_of_model(model)
        predictor = model_input.load_model(model, scale)
        # With another scale than the file's, the answers are not those that pages show.
        kept = run.folder if run is not None and scale is None else None
        subjects.append(curves_of.make_subject(predictor, dataset, kept))
        names.append(truncate_for_display(run.name if run and run.name else model.stem, 60))
        augmentation = run.augmentation if isinstance(run, Run) else None
        ranges.append(
            photo_changes.find_trained_range(name, augmentation, predictor.input_shape[1])
        )
    with output.progress_bar("measuring") as progress:
        steps = curves_of.measure_robustness(
            subjects, dataset, split, name, wanted if strengths else (), photos, progress
        )
        *_, curves = steps
    for unread in curves[0].unreadable:
        print(f"Left out {truncate_for_display(unread, 200)}", file=sys.stderr)
    remarks = curves_of.describe_curves(curves, names)
    if plot:
        from ..analysis import plots

        counts = [int((curves[0].labels == n).sum()) for n in range(len(dataset.classes))]
        plots.write_robustness_plot(curves, names, plot, majority_share(counts))
    if as_json:
        output.print_json(
            {
                "change": name,
                "photos": len(curves[0]),
                "unreadable": list(curves[0].unreadable),
                "models": [
                    {"name": title, "trained_range": trained, "points": _points_to_json(curve)}
                    for title, trained, curve in zip(names, ranges, curves, strict=True)
                ],
                "summary": list(map(str, remarks)),
            }
        )
        return
    print(f"{CHANGES[name].label}, {format_count(len(curves[0]), 'photos')}. {CHANGES[name].axis}.")
    for title, trained, curve in zip(names, ranges, curves, strict=True):
        known = "" if trained is None else f" (trained with {trained[0]:g} to {trained[1]:g})"
        print(f"{title}{known}")
        for strength in curve.strengths:
            low, high = curve.interval(strength)
            text = photo_changes.format_strength(name, strength) or f"{strength:g}"
            print(f"  {text:>6}  {curve.accuracy(strength):.4f} ({low:.3f} to {high:.3f})")
    at = curves_of.find_telling_strength(curves)
    if remarks and at is not None:
        point = photo_changes.format_strength(name, at, CHANGES[name].label)
        print(f"{point}: {' '.join(map(str, remarks))}")


def _parse_strengths(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise SettingsError(
            "--strengths is '{text}'. Use numbers separated by commas, such as 0,30,60.",
            text=text[:60],
        ) from error


def _points_to_json(curve: curves_of.RobustnessCurve) -> list[dict[str, object]]:
    return [
        {
            "strength": strength,
            "accuracy": curve.accuracy(strength),
            "interval": list(curve.interval(strength)),
        }
        for strength in curve.strengths
    ]
