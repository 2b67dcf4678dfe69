"""The API: predict, and read models and runs, as JSON over HTTP."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

API_PREFIX = "/api/v1"


async def report_health(_request: Request) -> JSONResponse:
    """Say that the server answers, for containers and load balancers."""
    return JSONResponse({"status": "ok"})


def build_routes() -> list[Route]:
    """Return the routes of the API."""
    return [Route(f"{API_PREFIX}/health", report_health)]
