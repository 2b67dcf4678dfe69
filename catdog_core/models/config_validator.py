"""What a model's configuration declares, judged as data: nothing is imported or built. Light."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from math import prod
from typing import Any

from ..base import bounded_readers
from ..base.errors import ModelError
from ..base.files import truncate_for_display
from . import layer_allowlist

MAX_PARTS = 20_000
"""Objects a configuration may hold; the largest network of `keras.applications` has 6,000."""
MAX_VALUES = 100_000_000
"""Numbers a layer may give for one photo; 1024 × 1024 pixels of 64 channels are 67 million."""
MAX_JSON_VALUES = 1_000_000
"""Numbers, texts, lists and objects in a configuration; 20,000 parts have 50 each."""
MAX_SIDES = 32
"""Sides of a shape; NumPy knows no more than 64, and no layer gives more than 5."""
_MAX_DEPTH = 60  # models within models within models
_SIZE_KEYS = ("units", "filters", "input_dim", "output_dim", "num_heads", "key_dim", "value_dim")
_SHAPE_KEYS = ("batch_shape", "batch_input_shape", "input_shape", "target_shape", "shape")


def check_model_config(name: str, text: bytes, widths: Collection[int]) -> None:
    """Refuse a configuration of classes that may run code, or of sizes its weights do not hold.

    Args:
        name: of the file, for messages.
        text: the configuration, JSON.
        widths: every side of every array of weights in the file.

    Raises:
        ModelError: naming what was found and what was expected.
    """
    try:
        config = bounded_readers.parse_bounded_json(text, max(len(text), 1), MAX_JSON_VALUES)
    except ValueError as error:
        raise damaged_model_error(name, error) from error
    if not isinstance(config, dict):
        raise damaged_model_error(name, ValueError("the configuration is no object"))
    for parts, entry in enumerate(_iter_objects(name, config), start=1):
        if parts > MAX_PARTS:
            raise ModelError(
                "{name} is built of {parts:,} parts or more. Expected at most {limit:,}.",
                name=truncate_for_display(name),
                parts=parts,
                limit=MAX_PARTS,
            )
        kind = entry.get("class_name")
        if kind is not None:
            _check_class(name, kind, entry)
        _check_sizes(name, entry, widths)


def damaged_model_error(name: str, error: Exception) -> ModelError:
    """The error of a file that its readers fail at."""
    return ModelError(
        "{name} is damaged or incomplete ({reason}). Expected a whole model file. Save or download"
        " it again.",
        name=truncate_for_display(name),
        reason=truncate_for_display(str(error).strip().split("\n")[0] or type(error).__name__),
    )


def _check_class(name: str, kind: Any, entry: dict[str, Any]) -> None:
    module, registered = entry.get("module", "keras"), entry.get("registered_name")
    ours = isinstance(module, str) and (module == "keras" or module.startswith("keras."))
    if isinstance(kind, str) and kind in layer_allowlist.REFUSED_LAYERS:
        raise ModelError(
            "{name} uses the layer '{kind}', which runs code or reads files named by the model"
            " file. Expected a model of image layers only.",
            name=truncate_for_display(name),
            kind=kind,
        )
    known = isinstance(kind, str) and (
        kind in layer_allowlist.ALLOWED_CLASSES
        or (module, kind) in layer_allowlist.ALLOWED_PRECISION_CLASSES
        or (
            ours
            and str(module).startswith(layer_allowlist.OPERATIONS_MODULE)
            and kind.isidentifier()
        )
    )
    if not (ours and known) or (registered is not None and ">" in str(registered)):
        raise ModelError(
            "{name} uses '{kind}', which is not part of Keras. Expected a model of Keras's own"
            " layers only, since a file must not bring code of its own.",
            name=truncate_for_display(name),
            kind=truncate_for_display(str(kind)),
        )


def _check_sizes(name: str, entry: dict[str, Any], widths: Collection[int]) -> None:
    for key in _SIZE_KEYS:
        size = entry.get(key)
        if isinstance(size, int) and size > 4096 and size not in widths:
            raise ModelError(
                "{name} declares a layer of {size:,} {key} that its weights do not hold."
                " Expected a complete model file.",
                name=truncate_for_display(name),
                size=size,
                key=key,
            )
    for key in _SHAPE_KEYS:
        shape = entry.get(key)
        if not isinstance(shape, list):
            continue
        sides = [side for side in shape if isinstance(side, int) and side > 0]
        # The product of many large numbers is itself large work.
        if len(sides) > MAX_SIDES or max(sides, default=0) > MAX_VALUES:
            raise too_wide_layer_error(name, sides[:4])
        if prod(sides) > MAX_VALUES:
            raise too_wide_layer_error(name, sides)


def too_wide_layer_error(name: str, sides: Collection[int]) -> ModelError:
    """The error of a layer that gives too many numbers for one photo."""
    return ModelError(
        "{name} declares a layer of {shape} values for one photo. Expected at most {limit:,}.",
        name=truncate_for_display(name),
        shape=truncate_for_display(" × ".join(f"{side:,}" for side in sides)),
        limit=MAX_VALUES,
    )


def _iter_objects(name: str, config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    waiting: list[tuple[Any, int]] = [(config, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            raise damaged_model_error(name, ValueError("nested too deeply"))
        if isinstance(value, dict):
            yield value
            waiting.extend((inner, depth + 1) for inner in value.values())
        elif isinstance(value, list):
            waiting.extend((inner, depth + 1) for inner in value)
