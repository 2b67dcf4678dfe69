"""TensorFlow's import without its notes and ballast, for processes whose stderr a person reads."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_BALLAST = ("matplotlib", "pandas", "sklearn")
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
    with _deaf(), _without(_BALLAST):
        import keras  # noqa: F401
        import tensorflow as tf

        # The remaining notes come with the first operation, not with the import.
        tf.constant(0)


@contextmanager
def _without(names: tuple[str, ...]) -> Iterator[None]:
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
def _deaf() -> Iterator[None]:
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
