"""Bodies of requests, within a size and a time."""

from __future__ import annotations

import asyncio
import threading
import time

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

SILENCE = 30.0
"""Seconds a body may send nothing before it is given up."""
_ending = threading.Event()


class LimitedBody:
    """The body of a request, given up when it grows too large or stops coming.

    Args:
        receive: gives its parts, as ASGI has it.
        left: bytes it may have.
    """

    def __init__(self, receive: Receive, left: int) -> None:
        self._receive, self._left = receive, left

    async def read(self) -> Message:
        """Return the next part.

        Raises:
            HTTPException: 408 or 413.
        """
        coming = asyncio.ensure_future(self._receive())
        end = time.monotonic() + SILENCE
        while not coming.done() and time.monotonic() < end and not _ending.is_set():
            await asyncio.wait({coming}, timeout=min(1.0, SILENCE))
        if not coming.done():
            coming.cancel()
            raise HTTPException(408, "The upload stopped.")
        message = coming.result()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise HTTPException(413, "This file is too large.")
        return message


def give_up_all() -> None:
    """Wait no longer for bodies that stopped coming: the server ends."""
    _ending.set()
