"""Import TensorFlow quietly, and drop what native libraries write to a person's stderr."""

from __future__ import annotations

import faulthandler
import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from . import interruption

_UNNEEDED_PACKAGES = ("matplotlib", "pandas", "sklearn")
"""Packages that Keras loads where they are installed, for features nobody asks for here: 148 of
738 MB, and a third of the import's time."""


def import_tensorflow() -> None:
    """Import TensorFlow and Keras; what their native code says meanwhile is dropped.

    Packages that Keras can do without are not loaded along; they can be imported later.

    ``TF_CPP_MIN_LOG_LEVEL`` alone does not do it: the first notes come before it is read. For
    the command line and the worker only, since stderr is the whole process's.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("absl").setLevel(logging.ERROR)
    with interruption.exit_on_signal(), _silence_stderr(), _hide_packages(_UNNEEDED_PACKAGES):
        import keras  # noqa: F401
        import tensorflow as tf

        # The remaining notes come with the first operation, not with the import.
        tf.constant(0)


_DECODER_MESSAGES = re.compile(
    rb"(Corrupt JPEG|Premature end|Invalid (SOS|JPEG|component)|Unsupported marker|Bogus |libpng "
    rb"|Inconsistent progression|Warning: unknown JFIF|\S*TIFF\w*: |\[ *WARN:)"
)
"""How the lines begin that picture libraries write about damaged files."""


@contextmanager
def suppress_decoder_warnings() -> Iterator[None]:
    """Drop what picture libraries write about damaged files: the lab says it in its own words.

    They write to the process's file 2, past Python. Until the block ends that is a file on the
    disk; then whatever else came is passed on. A pipe would need a thread that reads it, and could
    stand still with the interpreter held. For the command line only.
    """
    with suppress(OSError):
        sys.stderr.flush()
    with tempfile.TemporaryFile() as notes:
        saved_stderr, python = os.dup(2), sys.stderr
        sys.stderr = os.fdopen(os.dup(saved_stderr), "w", 1, python.encoding, python.errors)
        faulthandler.enable(sys.stderr)  # a crash in a library is told at once
        os.dup2(notes.fileno(), 2)
        try:
            yield
        finally:
            with suppress(OSError):  # nobody reads it any more
                sys.stderr.flush()
            os.dup2(saved_stderr, 2)
            faulthandler.disable()
            sys.stderr = python
            notes.seek(0)
            for line in notes:
                if not _DECODER_MESSAGES.match(line):
                    with suppress(OSError):
                        os.write(2, line)
            os.close(saved_stderr)


@contextmanager
def _hide_packages(names: tuple[str, ...]) -> Iterator[None]:
    """Have the import of packages that are not loaded yet fail, as if they were not installed."""
    hidden = [name for name in names if name not in sys.modules]
    modules: dict[str, object] = sys.modules  # type: ignore[assignment]
    modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            modules.pop(name, None)


@contextmanager
def _silence_stderr() -> Iterator[None]:
    saved_stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved_stderr, 2)
        os.close(saved_stderr)
        os.close(nowhere)
