"""The API on a server of its own, without the pages."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware

from . import api, loaded_models, shutdown
from .origin_check import KnownNames, OriginCheck

_SHUTDOWN_SECONDS = 5
"""Seconds that requests in progress have to end once the server is asked to."""


def build_app(names: KnownNames) -> Starlette:
    """Return the API as an ASGI application.

    Args:
        names: who the server is, for the check of Host and Origin.
    """
    check = Middleware(OriginCheck, names=lambda _port: names)
    return Starlette(routes=api.build_routes(), middleware=[check], lifespan=_lifespan)


@asynccontextmanager
async def _lifespan(_app: Starlette) -> AsyncIterator[None]:
    """Load TensorFlow beside the first requests, so that it is there for the first prediction."""
    shutdown.install_signal_handlers()
    if os.environ.get("CATDOG_WARM_UP") != "0":
        loaded_models.begin_preload()
    yield


def run_server(address: str, port: int, names: KnownNames) -> None:
    """Serve the API until a signal ends it.

    Args:
        address: to listen at, of this machine.
        port: there.
        names: who the server is.
    """
    config = uvicorn.Config(
        build_app(names),
        address,
        port,
        log_level="warning",
        access_log=False,
        use_colors=False,
        server_header=False,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
    uvicorn.Server(config).run()
