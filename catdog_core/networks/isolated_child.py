"""The process behind `isolated`: opens one model under limits and answers questions about it.

It reads lines of JSON on stdin, each followed by the bytes of the arrays it names, and answers on
stdout in the same form. The first line is that of a check. When stdin closes, it ends at once.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections.abc import Callable
from dataclasses import astuple, replace
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ModelError
from ..limits import Limits
from . import model_child, strangers

_Question = dict[str, Any]


def main() -> None:
    """Answer until nobody asks any more."""
    out = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)  # what libraries print is no answer
    first = _read()
    if first is None:
        return
    questions: queue.SimpleQueue[_Question] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(questions,), daemon=True).start()
    allowed = Limits.model_validate(first["limits"])
    path, name = Path(first["path"]), str(first["name"])
    model_child.bound(allowed.model_memory)
    problem: dict[str, Any] | None = None
    model: Any = None
    try:
        held = strangers.held(path, name, allowed)
        model_child.restricted(allowed)
        model = model_child.loaded(path, name, held)
    except (ModelError, MemoryError) as error:
        problem = _told(error)
    while True:
        asked = questions.get()
        _write(out, problem or _answered(model, name, asked))


def _answered(model: Any, name: str, asked: _Question) -> dict[str, Any]:
    try:
        return {"value": ANSWERS[asked["what"]](model, **asked["given"])}
    except Exception as error:
        return _told(model_child.in_words(name, error))


def _told(error: Exception) -> dict[str, Any]:
    if isinstance(error, ModelError):
        params = {k: v if isinstance(v, int) else str(v) for k, v in error.params.items()}
        return {"message": error.message, "params": params}
    return {"memory": True}


def _describe(model: Any) -> dict[str, Any]:
    names = ("classes", "size", "names_known", "input_scale", "warnings", "batch", "units")
    return {name: getattr(model, name) for name in names}


def _answer(model: Any, values: Any) -> list[Any]:
    return [np.asarray(x) for x in model.run_batch(values)]


def _as_given(model: Any) -> Any:
    """The model, which takes values as they come for photos."""
    return replace(model, input_scale="0..255")


def _heat_maps(model: Any, values: Any, labels: Any) -> list[Any]:
    from .. import explain

    return [explain.heat_maps(_as_given(model), values, labels)]


def _layers(model: Any) -> Any:
    from ..insight import xray

    return [astuple(layer) for layer in xray.layers(model)]


def _pooling(model: Any, place: int) -> Any:
    from ..insight import xray

    how, before = xray.pooling(model, place)
    return [*astuple(how), before]


def _maps(model: Any, values: Any, place: int) -> list[Any]:
    from ..insight import xray

    return [xray.maps(_as_given(model), values, place)]


def _photos_at_once(model: Any, place: int) -> int:
    from ..insight import xray

    return xray.photos_at_once(model, place)


def _filters(model: Any) -> list[Any]:
    from ..insight import xray

    return [xray.filters(model)]


def _receptive_field(model: Any, place: int, row: int, column: int) -> Any:
    from ..insight import xray

    return astuple(xray.receptive_field(model, place, row, column))


@lru_cache(maxsize=1)
def _features_of(model: Any) -> Any:
    from ..insight import penultimate

    return penultimate.features_of(model)


def _features(model: Any, values: Any) -> list[Any]:
    return [np.asarray(x) for x in _features_of(model).run(values)]


ANSWERS: dict[str, Callable[..., Any]] = {
    "describe": _describe,
    "answer": _answer,
    "heat_maps": _heat_maps,
    "layers": _layers,
    "pooling": _pooling,
    "maps": _maps,
    "photos_at_once": _photos_at_once,
    "filters": _filters,
    "receptive_field": _receptive_field,
    "features": _features,
    "features_at_once": lambda model: _features_of(model).batch,
}
"""What can be asked, by name. Arrays are values as the network gets them."""


def _listen(questions: queue.SimpleQueue[_Question]) -> None:
    """Take questions in; a thread of its own, so that the end is noticed during work, too."""
    while (found := _read()) is not None:
        questions.put(found)
    os._exit(0)


def _read() -> _Question | None:
    """A line and the arrays it names; None at the end."""
    source = sys.stdin.buffer
    line = source.readline()
    if not line:
        return None
    asked: _Question = json.loads(line)
    for key, kind, shape in asked["arrays"]:
        size = prod(shape) * np.dtype(kind).itemsize
        data = source.read(size)
        if len(data) < size:
            return None
        asked["given"][key] = np.frombuffer(data, kind).reshape(shape)
    return asked


def _write(out: Any, answer: dict[str, Any]) -> None:
    value = answer.get("value")
    arrays = value if isinstance(value, list) and value and hasattr(value[0], "dtype") else []
    head = {**answer, "arrays": [[x.dtype.name, list(x.shape)] for x in arrays]}
    if arrays:
        del head["value"]
    out.write(json.dumps(head).encode() + b"\n")
    for x in arrays:
        out.write(np.ascontiguousarray(x).data)
    out.flush()
