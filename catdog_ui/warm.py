"""TensorFlow loaded in the background while people look at a first page, before they need it.

Its import takes seconds. It begins once a page has been painted, in a real server only; tests,
which run pages without one, never load it by the way. ``CATDOG_WARM_UP=0`` switches it off.
"""

from __future__ import annotations

import os
import threading

from streamlit import runtime

_DELAY = 0.5
"""Seconds for the page whose script has just ended to reach the browser."""
_guard = threading.Lock()
_thread: threading.Thread | None = None


def begin() -> None:
    """Begin to load, once in the life of a server; called at the end of a page's script."""
    global _thread
    if not wanted():
        return
    with _guard:
        if _thread is None:
            _thread = threading.Thread(target=_load, name="warm-up", daemon=True)
            _thread.start()


def wanted() -> bool:
    """Whether this is a real server that was not told otherwise; a test's stand-in is none."""
    if os.environ.get("CATDOG_WARM_UP") == "0" or not runtime.exists():
        return False
    return type(runtime.get_instance()) is runtime.Runtime


def wait() -> None:
    """Let the loading end first: two threads had better not import TensorFlow at once."""
    thread = _thread
    if thread is not None and thread is not threading.current_thread():
        thread.join()


def _load() -> None:
    threading.Event().wait(_DELAY)
    # This room imports Keras before TensorFlow, as nearly everything here does: two threads that
    # import the same one take turns, else each would wait for what the other has begun.
    from catdog_core import explain  # noqa: F401

    from . import loaders

    loaders.settle()
