"""Which values a model on the command line gets, and what is said where its file is silent."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from ..base.errors import CatDogError, SettingsError
from ..base.files import truncate_for_display
from ..imaging import decode
from ..runs import model_registry

if TYPE_CHECKING:
    from ..analysis.predict import Predictor
    from ..analysis.scale_check import ScaleAnswers

Scale = Annotated[
    str | None,
    typer.Option(
        metavar="|".join(model_registry.INPUT_SCALES),
        help="Input values the model expects. Needed if its file doesn't say.",
    ),
]


def load_model(model: Path, scale: str | None) -> Predictor:
    """Load a model with the scale that `--scale` names, and print what a user should know of it.

    Raises:
        ModelError: it is no usable model, or takes no values of this scale.
        SettingsError: there is no such scale.
    """
    from ..analysis import predict

    if scale is not None and model_registry.parse_input_scale(scale) is None:
        raise SettingsError(
            "There's no scale '{scale}'. Use one of {names}.",
            scale=scale,
            names=", ".join(model_registry.INPUT_SCALES),
        )
    predictor = predict.load_predictor(model)
    wanted = model_registry.parse_input_scale(scale)
    if wanted is not None:
        if predictor.input_scale not in (None, wanted):
            print(
                f"Warning: The model's file says {predictor.input_scale}, but --scale {wanted} is"
                " used.",
                file=sys.stderr,
            )
        predictor = predictor.with_scale(wanted)
    for warning in predictor.warnings:
        print(warning, file=sys.stderr)
    return predictor


def scale_to_json(predictor: Predictor) -> dict[str, object]:
    """Return the scale that is used for programs, and whether it is only assumed."""
    from ..analysis import predict

    is_assumed = predictor.input_scale is None
    scale = predict.ASSUMED_SCALE if is_assumed else predictor.input_scale
    return {"scale": scale, "scale_assumed": is_assumed}


def warn_of_assumed_scale(
    predictor: Predictor, photos: Sequence[Path], labels: Sequence[int] | None = None
) -> None:
    """Print which scale is assumed where neither the file nor the user says one, and how the
    others do on some of the photos.

    Args:
        predictor: the model.
        photos: photo files; some that are spread evenly are looked at.
        labels: the output column of each photo's class, where these are known.
    """
    from ..analysis import predict, scale_check

    if predictor.input_scale is not None:
        return
    print(
        "Warning: The model's file doesn't say which input values it expects, so"
        f" {predict.ASSUMED_SCALE} is assumed. Set them with --scale"
        f" ({', '.join(predictor.scales)}).",
        file=sys.stderr,
    )
    count = min(len(photos), scale_check.MAX_PHOTOS)
    rows = np.unique(np.linspace(0, len(photos) - 1, count).round().astype(int))
    loaded = decode.load_photos([photos[row] for row in rows], predictor.size)
    fitted = {
        int(row): photo
        for row, photo in zip(rows, loaded, strict=True)
        if not isinstance(photo, CatDogError)
    }
    if not fitted:
        return
    answers = scale_check.compare_scales(
        predictor,
        np.stack(list(fitted.values())),
        None if labels is None else [labels[row] for row in fitted],
    )
    if answers:
        print(_describe_answers(answers, predictor.classes, len(fitted)), file=sys.stderr)


def _describe_answers(answers: Sequence[ScaleAnswers], classes: Sequence[str], count: int) -> str:
    """Return one sentence: how many photos each scale gets right, or which labels it gives."""
    if answers[0].right is not None:
        rights = ", ".join(f"{each.right} with {each.scale}" for each in answers)
        return f"Right of {count} photos: {rights}."
    scales: dict[str, list[str]] = {}
    for each in answers:
        called = [name for name, n in zip(classes, each.counts, strict=True) if n]
        words = truncate_for_display(called[0]) if len(called) == 1 else "different labels"
        scales.setdefault(words, []).append(each.scale)
    parts = [f"{words} with {', '.join(some)}" for words, some in scales.items()]
    subject = "This photo gets" if count == 1 else f"These {count} photos all get"
    if "different labels" in scales and count > 1:
        subject = f"These {count} photos get"
    return f"{subject} {'; '.join(parts)}."
