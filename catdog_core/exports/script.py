"""A run as one Python file: its cells with their explanations as comments."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import fill

from .. import files
from . import code_cells, tongue
from .code_cells import Cell
from .tongue import Say

_WIDTH = 92
SHOW = re.compile(r"^(\s*)SHOW$", re.MULTILINE)
"""The line of a code cell where a picture is to be shown."""


def write(source: Path, out: Path, say: Say | None = None) -> None:
    """Write the code of a run as a script.

    Args:
        source: a run folder.
        out: the file to write or replace.
        say: puts messages into the reader's language; by default that of the environment.

    Raises:
        CatDogError: as `code_cells.of`, or the file cannot be written.
    """
    _, cells = code_cells.of(source)
    say = say or tongue.current()
    text = "\n\n".join(_part(cell, say) for cell in cells)
    files.write_bytes(out, re.sub(r"\n{4,}", "\n\n\n", text).encode("utf-8", "backslashreplace"))


def _part(cell: Cell, say: Say) -> str:
    said = [say(cell.title), *(say(text, **_plain(values)) for text, values in cell.prose)]
    comments = [
        fill(text, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_long_words=False)
        for text in said
    ]
    comments[0] = f"# --- {said[0]}"
    code = SHOW.sub(r"\1plt.close()", cell.code)
    return "\n".join([*comments, "", code])


def _plain(values: dict[str, object]) -> dict[str, object]:
    """Names in one line, so that none ends its comment."""
    return {k: files.shown(v) if isinstance(v, str) else v for k, v in values.items()}
