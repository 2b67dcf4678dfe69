"""A run as plain Keras code, in cells of prose and Python, written as a script or a notebook.

The code imports nothing of this lab. Where photos lie in class folders and the augmentation is one
`ImageDataGenerator` knows, it reads like the class notes; else the photos are read into memory once
and Keras's layers change them. Muon and the compact network are the lab's own source, copied.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import Literal, NotRequired, TypedDict

from .. import runs
from ..base import files, report_language
from ..base.errors import N_, RunError
from ..base.report_language import Translator
from ..models import architecture
from ..runs import Run, model_registry, training_photos
from . import code_data, code_training
from .code_training import Prose
from .report_text import SOME_PHOTOS_GONE


@dataclass(frozen=True)
class Cell:
    """A step of the code: its title and explanation, messages of the catalogue, and the Python.

    In `code`, a line ``SHOW`` stands where a picture is to be shown; see `SHOW_LINE`.
    """

    title: str
    prose: tuple[Prose, ...]
    code: str


class NotebookCell(TypedDict):
    """A cell of Jupyter's notebook format 4.5; the last two keys are those of code."""

    cell_type: Literal["markdown", "code"]
    id: str
    metadata: dict[str, object]
    source: list[str]
    outputs: NotRequired[list[object]]
    execution_count: NotRequired[int | None]


def build_cells(source: Path) -> tuple[Run, list[Cell]]:
    """Return a run, and its code from the first line to the last, as cells.

    Args:
        source: a run folder.

    Raises:
        RunError: it is damaged, or has no settings to make code of.
        CatDogError: its dataset is gone, so that nobody knows which photos it was trained on.
    """
    run = runs.load_run(model_registry.resolve_run_folder(source))
    if not isinstance(run, Run):
        raise RunError(
            "Run '{name}' has no settings to create code from. Choose a run trained here.",
            name=run.name or run.id,
        )
    match = _find_photos(run)
    photos = code_data.list_run_photos(run, match.dataset)
    missing: list[Prose] = []
    if match.found < match.total:
        missing = [(SOME_PHOTOS_GONE, {"n": match.found, "total": match.total})]
    return run, [
        _build_head_cell(run, photos),
        Cell(
            N_("The photos"),
            (*missing, *_to_prose(code_data.describe_photo_listing(photos))),
            code_data.generate_loading_code(run, photos),
        ),
        Cell(
            N_("One batch"),
            _to_prose([N_("A batch as the network sees it, in a 4 × 5 grid.")]),
            code_data.generate_batch_grid_code(photos),
        ),
        *_build_augmented_cells(run, photos),
        Cell(N_("The network"), *_to_cell_arguments(code_training.generate_network_code(run))),
        Cell(N_("Training"), *_to_cell_arguments(code_training.generate_fit_code(run, photos))),
        Cell(N_("Saving"), *_to_cell_arguments(code_training.generate_save_code(run, photos))),
        Cell(
            N_("Overfitting"),
            _to_prose(
                [
                    N_(
                        "Training (red) and validation (blue), with accuracy left and loss right. "
                        "Where the curves diverge, the network overfits."
                    )
                ]
            ),
            code_training.PLOT_CODE,
        ),
    ]


def _build_head_cell(run: Run, photos: code_data.PhotoListing) -> Cell:
    parameters = architecture.count_parameters(
        architecture.list_training_layers(run.training, max(len(run.classes), 2))
    )
    reader = "scipy" if photos.generator else "opencv-python-headless"
    packages = f"tensorflow keras matplotlib pillow {reader}"
    prose: list[Prose] = [
        (
            N_(
                "The CatDog Lab run “{name}” as plain Keras code: network “{model}” with "
                "{parameters:,} parameters, {epochs} epochs."
            ),
            {
                "name": run.name or run.id,
                "model": run.model,
                "parameters": parameters,
                "epochs": run.training.epochs,
            },
        ),
        (N_("Required packages: pip install {packages}"), {"packages": packages}),
        (
            N_(
                "The network, settings and photos are the same as in the run. Photo order and "
                "random changes are drawn again, so the curves are similar but not identical."
            ),
            {},
        ),
    ]
    if run.parent:
        prose.append(
            (
                N_(
                    "The run started with the weights of another run, “{name}”. This code starts "
                    "with random weights."
                ),
                {"name": str(run.parent.get("name") or run.parent.get("id") or "")},
            )
        )
    return Cell(N_("Your run as code"), tuple(prose), code_data.generate_setup_code(run, photos))


def _build_augmented_cells(run: Run, photos: code_data.PhotoListing) -> list[Cell]:
    code = code_data.generate_augmented_grid_code(run, photos)
    if not code:
        return []
    prose = [
        N_("Augmentation turns one photo into many. Here is one training photo, changed 20 times."),
        N_("Validation photos are never augmented."),
    ]
    return [Cell(N_("One photo, augmented"), _to_prose(prose), code)]


def _to_prose(messages: list[str]) -> tuple[Prose, ...]:
    return tuple((message, {}) for message in messages)


def _to_cell_arguments(generated: tuple[list[Prose], str]) -> tuple[tuple[Prose, ...], str]:
    prose, code = generated
    return tuple(prose), code


def _find_photos(run: Run) -> training_photos.DatasetMatch:
    """The photos of a run, wherever they are now. Raises RunError: nowhere, or of other classes."""
    match = training_photos.find_training_dataset(run)
    if match is None or match.dataset.classes != run.classes:
        raise RunError(
            "The photos of run '{name}' aren't in this workspace. Add '{dataset}' on the Data "
            "page, from any folder, or export another run.",
            name=run.name or run.id,
            dataset=files.truncate_for_display(run.dataset_name),
        )
    return match


_COMMENT_WIDTH = 92
SHOW_LINE = re.compile(r"^(\s*)SHOW$", re.MULTILINE)
"""The line of a code cell where a picture is to be shown."""
_MARKDOWN_CHARACTERS = re.compile(r"([\\`*_{}\[\]()<>#|~$&!-])")


def write_script(source: Path, out: Path, say: Translator | None = None) -> None:
    """Write the code of a run as a script, its explanations as comments.

    Args:
        source: a run folder.
        out: the file to write or replace.
        say: puts messages into the reader's language; by default that of the environment.

    Raises:
        CatDogError: as `build_cells`, or the file cannot be written.
    """
    text = "\n\n".join(
        _format_commented_cell(*each)
        for each in _translate_cells(source, say, files.truncate_for_display)
    )
    _write_text(out, re.sub(r"\n{4,}", "\n\n\n", text))


def write_notebook(source: Path, out: Path, say: Translator | None = None) -> None:
    """Write the code of a run as a Jupyter notebook, format 4.5. As `write_script`."""
    cells: list[NotebookCell] = []
    for number, (title, *paragraphs, code) in enumerate(
        _translate_cells(source, say, _escape_markdown)
    ):
        heading = f"{'#' if number == 0 else '##'} {title}"
        text, code = (
            "\n\n".join([heading, *paragraphs]),
            SHOW_LINE.sub(r"\1plt.show()", code).strip("\n"),
        )
        cells.append(_build_notebook_cell("markdown", f"text-{number}", text))
        cells.append(
            {
                **_build_notebook_cell("code", f"code-{number}", code),
                "outputs": [],
                "execution_count": None,
            }
        )
    book = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python", "version": sys.version.split()[0]},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    _write_text(out, json.dumps(book, ensure_ascii=False, indent=1) + "\n")


def _translate_cells(
    source: Path, say: Translator | None, shown: Callable[[str], str]
) -> Iterator[tuple[str, ...]]:
    """Yield of each cell its title, paragraphs and code; names in them as `shown` gives them."""
    _, cells = build_cells(source)
    say = say or report_language.get_current_translator()
    for cell in cells:
        paragraphs = []
        for text, values in cell.prose:
            safe = {k: shown(v) if isinstance(v, str) else v for k, v in values.items()}
            paragraphs.append(say(text, **safe))
        yield say(cell.title), *paragraphs, cell.code


def _format_commented_cell(title: str, *rest: str) -> str:
    *paragraphs, code = rest
    comments = [
        fill(
            text,
            _COMMENT_WIDTH,
            initial_indent="# ",
            subsequent_indent="# ",
            break_long_words=False,
        )
        for text in paragraphs
    ]
    return "\n".join([f"# --- {title}", *comments, "", SHOW_LINE.sub(r"\1plt.close()", code)])


def _escape_markdown(name: str) -> str:
    """Return a name so that nothing in it is Markdown or HTML."""
    return _MARKDOWN_CHARACTERS.sub(r"\\\1", files.truncate_for_display(name))


def _build_notebook_cell(kind: Literal["markdown", "code"], name: str, text: str) -> NotebookCell:
    lines = text.splitlines(keepends=True)
    return {"cell_type": kind, "id": name, "metadata": {}, "source": lines}


def _write_text(out: Path, text: str) -> None:
    files.write_bytes(out, text.encode("utf-8", "backslashreplace"))
