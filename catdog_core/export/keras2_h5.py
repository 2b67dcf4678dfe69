"""Rewrite the configuration in an `.h5` file as Keras 2 spells it, which Keras 3 reads as well.

Keras 3 writes `.h5` files with names of arguments and calls of layers that no Keras 2 knows, though
programs that still need this format have Keras 2 (TensorFlow up to 2.15). Its arrays are the same.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py

from ..base.errors import ModelError

Config = dict[str, Any]

_MODELS = ("Functional", "Sequential", "Model")
_OF_OBJECTS = ("module", "registered_name", "build_config", "compile_config", "shared_object_id")
"""Keys beside a class's name that Keras 2 does not need."""
_NEW_ARGUMENTS = (
    *("optional", "quantization_config", "synchronized", "autocast", "keepdims"),
    *("pad_to_aspect_ratio", "antialias", "input_axes", "output_axes"),
)
"""Arguments that TensorFlow 2.4 does not know; dropped where they change nothing."""


def rewrite_for_keras2(path: Path) -> None:
    """Rewrite the configuration in a whole-model `.h5` file that Keras 3 saved.

    Raises:
        ModelError: the model contains what Keras 2 has no layer for.
    """
    with h5py.File(path, "r+") as file:
        text = file.attrs["model_config"]
        config = _rewrite(json.loads(text))
        del file.attrs["model_config"]
        file.attrs["model_config"] = json.dumps(config).encode()  # as bytes: h5py 2 decodes them


def is_for_keras2(path: Path) -> bool:
    """Return whether a whole-model `.h5` file is spelled as `rewrite_for_keras2` spells it.

    Raises:
        ModelError: the model contains what Keras 2 has no layer for.
    """
    with h5py.File(path, "r") as file:
        config = json.loads(file.attrs["model_config"])
    return bool(_rewrite(config) == config)


def _rewrite(value: Any) -> Any:
    """Return any part of a configuration as Keras 2 spells it."""
    if isinstance(value, list):
        return [_rewrite(each) for each in value]
    if not isinstance(value, dict):
        return value
    kind, arguments = value.get("class_name"), value.get("config")
    if kind == "DTypePolicy" and isinstance(arguments, dict):
        return arguments.get("name")
    if isinstance(value.get("inbound_nodes"), list) and ".ops." in str(value.get("module")):
        raise ModelError(
            "The model uses '{operation}', which Keras 2 has no layer for. Export it as keras "
            "instead.",
            operation=str(kind),
        )
    rewritten = {
        key: _rewrite(each)
        for key, each in value.items()
        if not (key in _OF_OBJECTS and kind is not None)
        and not (key in _NEW_ARGUMENTS and (each is None or each is False))
    }
    arguments = rewritten.get("config")
    if kind == "InputLayer" and isinstance(arguments, dict) and "batch_shape" in arguments:
        arguments["batch_input_shape"] = arguments.pop("batch_shape")
    if kind in ("Functional", "Model") and isinstance(arguments, dict):
        _rewrite_calls(arguments)
    return rewritten


def _rewrite_calls(arguments: Config) -> None:
    """Rewrite the calls of a functional model's layers: a list of [layer, call, result, options].

    Keras 2 counts the call that made an inner model as its first.
    """
    layers = arguments["layers"]
    inner = {entry["name"]: entry["class_name"] for entry in layers}
    for entry in layers:
        entry["inbound_nodes"] = [_rewrite_call(node, inner) for node in entry["inbound_nodes"]]
    for key in ("input_layers", "output_layers"):
        found = arguments[key]
        found = [found] if found and isinstance(found[0], str) else found
        arguments[key] = [
            [name, call + (inner[name] == "Sequential"), number] for name, call, number in found
        ]


def _rewrite_call(node: Any, inner: dict[str, str]) -> Any:
    if not isinstance(node, dict):
        return node  # as Keras 2 writes it
    first, *others = node["args"] or [None]
    tensors = first if isinstance(first, list) else [first]
    options = {key: value for key, value in node["kwargs"].items() if value is not None}
    if others or not tensors or not all(map(_is_tensor, tensors)) or _contains_tensor(options):
        raise ModelError(
            "The model uses '{operation}', which Keras 2 has no layer for. Export it as keras "
            "instead.",
            operation="a call with several arguments",
        )
    calls = []
    for tensor in tensors:
        name, call, number = tensor["config"]["keras_history"]
        calls.append([name, call + (inner[name] in _MODELS), number, options])
    return calls


def _is_tensor(value: Any) -> bool:
    return isinstance(value, dict) and value.get("class_name") == "__keras_tensor__"


def _contains_tensor(value: Any) -> bool:
    if isinstance(value, dict):
        return _is_tensor(value) or any(map(_contains_tensor, value.values()))
    return isinstance(value, list) and any(map(_contains_tensor, value))
