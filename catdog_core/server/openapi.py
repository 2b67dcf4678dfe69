"""The OpenAPI document of the API, made of the models it answers with."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from .schemas import (
    HEAT_MAP_KINDS,
    ErrorReply,
    Health,
    ModelList,
    PredictReply,
    RunDetail,
    RunList,
)

API_PREFIX = "/api/v1"
_JSON = "application/json"
_ERRORS = {
    400: "The request makes no sense.",
    401: "The token is missing, wrong or revoked.",
    404: "There's no such model or run.",
    408: "The upload stopped.",
    413: "The request is too large or has too many photos.",
    422: "The only photo, or the model, can't be used.",
    429: "Too many photos per minute. Wait as many seconds as Retry-After says.",
    503: "The lab is busy. Wait as many seconds as Retry-After says.",
}


@cache
def build_document() -> dict[str, Any]:
    """Return the OpenAPI document (version 3.1) as plain values."""
    replies: list[type[BaseModel]] = [
        *(ErrorReply, Health, ModelList, PredictReply, RunDetail, RunList)
    ]
    _, definitions = models_json_schema(
        [(reply, "serialization") for reply in replies],
        ref_template="#/components/schemas/{model}",
    )
    photo = {"type": "string", "format": "binary"}
    body = {
        "required": True,
        "description": "One photo as it is, or several as the files of a form.",
        "content": {
            "image/*": {"schema": photo},
            "application/octet-stream": {"schema": photo},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "photo": {"type": "array", "items": photo},
                        **{each["name"]: each["schema"] for each in _PREDICT_PARAMETERS},
                    },
                }
            },
        },
    }
    run = {"name": "run", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "CatDog Lab", "version": "1"},
        "security": [{}, {"token": []}],
        "paths": {
            f"{API_PREFIX}/predict": {
                "post": {
                    **_operation("predict", "Predict photos", PredictReply, *_ERRORS),
                    "parameters": _PREDICT_PARAMETERS,
                    "requestBody": body,
                }
            },
            f"{API_PREFIX}/models": {
                "get": _operation("listModels", "List all models", ModelList, 401)
            },
            f"{API_PREFIX}/runs": {"get": _operation("listRuns", "List all runs", RunList, 401)},
            f"{API_PREFIX}/runs/{{run}}": {
                "get": {
                    **_operation("readRun", "Read a run", RunDetail, 401, 404),
                    "parameters": [{**run, "description": "An id or name from the list of runs."}],
                }
            },
            f"{API_PREFIX}/health": {
                "get": {
                    **_operation("readHealth", "Check that the server answers", Health),
                    "security": [{}],
                }
            },
        },
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Needed from other machines, and where the lab is shared.",
                }
            },
        },
    }


_PREDICT_PARAMETERS: list[dict[str, Any]] = [
    {
        "name": "model",
        "in": "query",
        "description": "An id or name from the list of models. By default, the built-in model.",
        "schema": {"type": "string"},
    },
    {
        "name": "heat_map",
        "in": "query",
        "description": "Whether to show where the model looked, and how.",
        "schema": {"type": "string", "enum": list(HEAT_MAP_KINDS), "default": HEAT_MAP_KINDS[0]},
    },
    {
        "name": "top",
        "in": "query",
        "description": "How many classes to list, the most probable first. By default, all.",
        "schema": {"type": "integer", "minimum": 1},
    },
]


def _operation(name: str, about: str, reply: type[BaseModel], *errors: int) -> dict[str, Any]:
    def response(about: str, model: type[BaseModel]) -> dict[str, Any]:
        schema = {"$ref": f"#/components/schemas/{model.__name__}"}
        return {"description": about, "content": {_JSON: {"schema": schema}}}

    responses = {"200": response(" ".join((reply.__doc__ or "").split()), reply)}
    responses |= {str(code): response(_ERRORS[code], ErrorReply) for code in errors}
    return {"operationId": name, "summary": about, "responses": responses}
