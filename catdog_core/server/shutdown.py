"""The orderly end of a server: requests in progress may end, and what stalls is given up."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import Any

from . import bodies

_SHUTDOWN_TIMEOUT = 5.0
"""Seconds that requests in progress have to end once the server is asked to."""


def install_signal_handlers() -> Any:
    """Let a signal end the server that serves this loop with status 0, as Streamlit's own does.

    Called when it starts. Uvicorn raises each signal again once it has ended, which would skip
    whatever is done at the exit of a process.

    Returns:
        Uvicorn's server; None where another one serves this app.
    """
    loop, found = asyncio.get_running_loop(), None
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):  # the last on Windows only
        number = getattr(signal, name, None)
        handler = signal.getsignal(number) if number else None
        # `interruption.record_signals` puts a function around it.
        serving = getattr(getattr(handler, "__wrapped__", handler), "__self__", None)
        if number is None or not hasattr(serving, "should_exit"):
            continue  # somebody else serves this app
        found = serving

        def stop(_number: int, _frame: object, serving: Any = serving) -> None:
            if serving.should_exit:
                serving.force_exit = True
                return
            serving.should_exit = True
            bodies.give_up_all()
            loop.call_soon_threadsafe(loop.call_later, _SHUTDOWN_TIMEOUT, _force_exit, serving)

        with suppress(ValueError):  # not the main thread
            signal.signal(number, stop)
    return found


def _force_exit(serving: Any) -> None:
    serving.force_exit = True
