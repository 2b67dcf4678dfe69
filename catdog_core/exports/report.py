"""A run's report as a file: HTML that stands for itself, or the same with live curves."""

from __future__ import annotations

import os
from pathlib import Path

from .. import files
from . import report_data, tongue
from .tongue import Say


def html(source: Path, out: Path, say: Say | None = None, language: str = "") -> None:
    """Write the report as one HTML file without a script.

    Args:
        source: a run folder.
        out: the file to write or replace.
        say: puts messages into the reader's language; by default that of the environment.
        language: the code of that language.

    Raises:
        RunError: it is no run, damaged, or has no whole epoch.
        CatDogError: the file cannot be written.
    """
    _write(source, out, say, language, live=False)


def live(source: Path, out: Path, say: Say | None = None, language: str = "") -> None:
    """The same with curves that answer the mouse; it holds all of plotly's script. As `html`."""
    _write(source, out, say, language, live=True)


def _write(source: Path, out: Path, say: Say | None, language: str, live: bool) -> None:
    from . import report_html

    facts = report_data.gather(source)
    language = language or os.environ.get(tongue.VARIABLE, "en")[:2]
    text = report_html.page(facts, say or tongue.current(), language, live)
    files.write_bytes(out, text.encode("utf-8", "backslashreplace"))
