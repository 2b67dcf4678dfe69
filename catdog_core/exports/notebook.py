"""A run as a Jupyter notebook: its cells as Markdown and code, format 4.5."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from .. import files
from . import code_cells, tongue
from .code_cells import Cell
from .script import SHOW
from .tongue import Say

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#|~$&!-])")


def write(source: Path, out: Path, say: Say | None = None) -> None:
    """Write the code of a run as a notebook.

    Args:
        source: a run folder.
        out: the file to write or replace.
        say: puts messages into the reader's language; by default that of the environment.

    Raises:
        CatDogError: as `code_cells.of`, or the file cannot be written.
    """
    _, cells = code_cells.of(source)
    say = say or tongue.current()
    made: list[dict[str, Any]] = []
    for number, cell in enumerate(cells):
        made.append(
            {"cell_type": "markdown", "id": f"text-{number}", "metadata": {}}
            | {"source": _lines(_told(cell, say, "#" if number == 0 else "##"))}
        )
        code = SHOW.sub(r"\1plt.show()", cell.code).strip("\n")
        made.append(
            {"cell_type": "code", "id": f"code-{number}", "metadata": {}}
            | {"source": _lines(code), "outputs": [], "execution_count": None}
        )
    book = {
        "cells": made,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python", "version": sys.version.split()[0]},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    text = json.dumps(book, ensure_ascii=False, indent=1) + "\n"
    files.write_bytes(out, text.encode("utf-8", "backslashreplace"))


def _told(cell: Cell, say: Say, mark: str) -> str:
    paragraphs = [say(text, **_escaped(values)) for text, values in cell.prose]
    return "\n\n".join([f"{mark} {say(cell.title)}", *paragraphs])


def _escaped(values: dict[str, object]) -> dict[str, object]:
    """Names as they are: nothing in them is Markdown or HTML."""
    return {
        k: _MARKDOWN.sub(r"\\\1", files.shown(v)) if isinstance(v, str) else v
        for k, v in values.items()
    }


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)
