"""TensorFlow's import without its notes, for processes whose stderr a person reads."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager


def import_tensorflow() -> None:
    """Import TensorFlow and Keras; what their native code says meanwhile is dropped.

    ``TF_CPP_MIN_LOG_LEVEL`` alone does not do it: the first notes come before it is read. For
    the command line and the worker only, since stderr is the whole process's.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("absl").setLevel(logging.ERROR)
    with _deaf():
        import keras  # noqa: F401
        import tensorflow as tf

        # The remaining notes come with the first operation, not with the import.
        tf.constant(0)


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
