"""Why a training ended by an error, in a sentence that says what to do. Imports no TensorFlow."""

from __future__ import annotations

import errno
from typing import Any

from ..base import files, hardware
from ..base.errors import N_, CatDogError


def explain_failure(error: Exception) -> tuple[str, dict[str, Any]]:
    """Return a sentence that says why a run failed and what to do, and its fields' values."""
    if isinstance(error, CatDogError):
        values = error.params.items()
        return error.message, {
            key: value if isinstance(value, (int, float)) else str(value) for key, value in values
        }
    if _is_out_of_memory(error):
        return OUT_OF_MEMORY, {}
    if isinstance(error, OSError) and error.filename:
        write_error = files.write_error(error.filename, error)
        return write_error.message, {key: str(value) for key, value in write_error.params.items()}
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = f"{type(error).__name__}: {lines[0] if lines else ''}"
    message = LIKELY_OUT_OF_MEMORY if hardware.is_short_of_memory() else UNEXPECTED_ERROR
    return message, {"reason": reason[:300]}


def _is_out_of_memory(error: BaseException | None) -> bool:
    """Whether memory ran out, in the words of Python, of TensorFlow or of the system, or behind
    another error: a library that cannot be loaded is found missing, a thread not to be started."""
    while error is not None:
        text = str(error).lower()
        if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
            return True
        if getattr(error, "errno", None) == errno.ENOMEM or any(
            w in text for w in _OUT_OF_MEMORY_TEXTS
        ):
            return True
        error = error.__cause__ or error.__context__
    return False


_OUT_OF_MEMORY_TEXTS = (
    *("cannot allocate memory", "failed to map segment", "bad_alloc", "out of memory"),
    *("can't start new thread", "unable to allocate", "resource temporarily unavailable"),
)


OUT_OF_MEMORY = N_(
    "Training ran out of memory. Choose a smaller batch or image size, or close other programs, "
    "then resume."
)
LIKELY_OUT_OF_MEMORY = N_(
    "Training ended with an error, most likely because memory was nearly full: {reason}. Choose a "
    "smaller batch or image size, or close other programs, then resume."
)
UNEXPECTED_ERROR = N_(
    "Training ended with an error: {reason}. See the end of log.txt, or resume from the last "
    "finished epoch."
)
DIVERGED = N_(
    "Training diverged in epoch {epoch}: the loss is {loss}. Start a new run with a lower "
    "learning rate."
)
"""The same settings on the same photos would diverge again: nothing to retry."""
