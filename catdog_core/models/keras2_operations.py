"""Replace the operations that Keras 2 saves by TensorFlow's names, as data.

``x / 127.5 - 1`` on a symbolic tensor of Keras 2 becomes layers of the class `TFOpLambda`, or
`TensorFlowOpLayer` up to TensorFlow 2.3, which call any function of TensorFlow by its name. Keras 3
has no such class, and it must not have: `tf.io.write_file` is a function, too. So the few that
models for photos contain are replaced by layers and operations of Keras 3 that compute the same.
Arithmetic with constants before the first weights is a `Rescaling`, which says what range of values
the photos have. Elsewhere it is what Keras 3 itself saves for it, such as `keras.ops.multiply`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

Config = dict[str, Any]

_CLASSES = ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer")
_CONSTANT = "_CONSTANT_VALUE"  # in place of a layer's name, in Keras 2
_MAX_CONSTANTS = 4096  # numbers of one constant: one a channel
_MAX_SIDE = 10_000_000  # of a shape; the checks after this bound what layers may give
_NAMES = {
    # Functions of TensorFlow by the last part of their name, and operations of its graphs.
    **dict.fromkeys(("truediv", "divide", "RealDiv", "Div"), "divide"),
    **dict.fromkeys(("subtract", "sub", "Sub"), "subtract"),
    **dict.fromkeys(("multiply", "mul", "Mul"), "multiply"),
    **dict.fromkeys(("add", "bias_add", "Add", "AddV2", "BiasAdd"), "add"),
    **dict.fromkeys(("negative", "neg", "Neg"), "negative"),
    **dict.fromkeys(("cast", "Cast"), "cast"),
    **dict.fromkeys(
        ("identity", "stop_gradient", "convert_to_tensor", "Identity", "StopGradient"), "identity"
    ),
    **dict.fromkeys(("relu", "Relu"), "relu"),
    **dict.fromkeys(("relu6", "Relu6"), "relu6"),
    **dict.fromkeys(("sigmoid", "Sigmoid"), "sigmoid"),
    **dict.fromkeys(("tanh", "Tanh"), "tanh"),
    **dict.fromkeys(("silu", "swish"), "silu"),
    **dict.fromkeys(("softmax", "Softmax"), "softmax"),
    **dict.fromkeys(("concat", "ConcatV2"), "concat"),
    **dict.fromkeys(("reduce_mean", "Mean"), "mean"),
    **dict.fromkeys(("getitem", "StridedSlice"), "slice"),
    **dict.fromkeys(("reverse", "ReverseV2"), "reverse"),
    **dict.fromkeys(("reduce_max", "Max"), "max"),
    **dict.fromkeys(("reshape", "Reshape"), "reshape"),
    **dict.fromkeys(("squeeze", "Squeeze"), "squeeze"),
    **dict.fromkeys(("pad", "Pad"), "pad"),
    **{name: name for name in ("elu", "selu", "softplus", "softsign", "gelu")},
    "leaky_relu": "leaky_relu",
    "clip_by_value": "clip",
    "l2_normalize": "l2_normalize",
    "resize": "resize",
    "rgb_to_grayscale": "grayscale",
}
_ARITHMETIC = {
    "divide": "TrueDivide",
    "subtract": "Subtract",
    "multiply": "Multiply",
    "add": "Add",
}
_FLOATS = {
    "DT_FLOAT": "float32",
    "DT_HALF": "float16",
    "DT_BFLOAT16": "bfloat16",
    "DT_DOUBLE": "float64",
}
_WEIGHTLESS = (
    *("InputLayer", "Rescaling", "Identity", "Resizing", "CenterCrop", "Cast", "Flip"),
    *("RGBToGrayscale", "ZeroPadding2D", "Clip"),
)


@dataclass(frozen=True)
class _Tensor:
    """A result of another layer: its name, which call of it, and which of that call's results."""

    layer: str
    call: int
    number: int


@dataclass(frozen=True)
class _Call:
    """One operation: its tensors and constants in order, and its plain arguments by name."""

    operation: str
    values: tuple[Any, ...]
    options: Mapping[str, Any]


def replace_operations(layers: list[Config]) -> str:
    """Replace the operations of Keras 2 among the layers of a functional model, in place.

    Returns:
        The name of the first operation that has no counterpart; empty where there is none.
    """
    before_weights: set[str] = set()
    for entry in layers:
        is_operation = entry.get("class_name") in _CLASSES
        if is_operation:
            call = _read_call(entry)
            is_early = call is not None and all(
                value.layer in before_weights for value in call.values if isinstance(value, _Tensor)
            )
            replaced = _replace(call, is_early) if call is not None else None
            if replaced is None:
                return _describe(entry)
            _write(entry, replaced)
        name = entry.get("name")
        if isinstance(name, str) and _has_no_weights(entry, before_weights):
            before_weights.add(name)
    return ""


def _has_no_weights(entry: Config, before_weights: set[str]) -> bool:
    """Return whether a layer, and all before it, only prepare the photo."""
    kind, arguments = entry.get("class_name"), entry.get("config")
    if kind == "Sequential" and isinstance(arguments, dict):
        inner = arguments.get("layers")
        prepares = isinstance(inner, list) and all(
            isinstance(each, dict) and _prepares(each.get("class_name")) for each in inner
        )
    else:
        prepares = _prepares(kind)
    return prepares and all(
        tensor.layer in before_weights for tensor in _tensors(entry.get("inbound_nodes"))
    )


def _prepares(kind: Any) -> bool:
    return isinstance(kind, str) and (kind in _WEIGHTLESS or kind.startswith("Random"))


def _describe(entry: Config) -> str:
    arguments = entry.get("config")
    if isinstance(arguments, dict):
        definition = arguments.get("node_def")
        found = arguments.get("function") or (
            definition.get("op") if isinstance(definition, dict) else None
        )
        if isinstance(found, str):
            return found
    return str(entry.get("class_name"))


def _read_call(entry: Config) -> _Call | None:
    """Read how an operation is called; None where it is called in a way that is not known."""
    nodes, arguments = entry.get("inbound_nodes"), entry.get("config")
    if not isinstance(nodes, list) or len(nodes) != 1 or not isinstance(arguments, dict):
        return None
    if entry["class_name"] == "TensorFlowOpLayer":
        return _read_graph_call(nodes[0], arguments)
    operation = _NAMES.get(str(arguments.get("function")).rpartition(".")[2])
    node = nodes[0]
    if operation is None or not isinstance(node, list) or not node:
        return None
    parts = [node] if isinstance(node[0], str) else node
    first, options = [], {}
    for part in parts:
        if not isinstance(part, list) or len(part) < 3 or not isinstance(part[0], str):
            return None
        first.append(part[2] if part[0] == _CONSTANT else _as_tensor(part[:3]))
        if len(part) > 3 and isinstance(part[3], dict):
            options.update(part[3])
    second = [options.pop(key) for key in ("y", "bias") if key in options]
    return _Call(operation, (*first, *map(_as_tensor, second)), options)


def _read_graph_call(node: Any, arguments: Config) -> _Call | None:
    """Read a `TensorFlowOpLayer`: constants by their place, tensors in the places between."""
    definition, constants = arguments.get("node_def"), arguments.get("constants") or {}
    if not isinstance(definition, dict) or not isinstance(constants, dict):
        return None
    operation = _NAMES.get(str(definition.get("op")))
    inputs, attributes = definition.get("input"), definition.get("attr") or {}
    if operation is None or not isinstance(inputs, list) or not isinstance(node, list):
        return None
    parts = [node] if node and isinstance(node[0], str) else node
    tensors = [_as_tensor(part[:3]) if isinstance(part, list) else None for part in parts]
    if len(tensors) + len(constants) != len(inputs) or len(inputs) > _MAX_CONSTANTS:
        return None
    waiting = iter(tensors)
    values = [
        constants[str(place)] if str(place) in constants else next(waiting, None)
        for place in range(len(inputs))
    ]
    options = {}
    if isinstance(attributes, dict):
        options = {
            key: next(iter(value.values()))
            for key, value in attributes.items()
            if isinstance(value, dict) and len(value) == 1
        }
    return _Call(operation, tuple(values), options)


def _as_tensor(value: Any) -> Any:
    """Return a reference to a layer's result as a `_Tensor`, and anything else as it is."""
    if (
        isinstance(value, list)
        and len(value) == 3
        and isinstance(value[0], str)
        and all(isinstance(number, int) for number in value[1:])
    ):
        return _Tensor(value[0], value[1], value[2])
    return value


@dataclass(frozen=True)
class _Layer:
    """What replaces an operation: a class, its arguments, and what it is called with."""

    module: str
    kind: str
    arguments: Config
    inputs: tuple[Any, ...]


def _replace(call: _Call, is_early: bool) -> _Layer | None:
    """Return what computes the same in Keras 3, None where nothing is known to.

    Args:
        call: the operation.
        is_early: no layer before it has weights.
    """
    tensors = [value for value in call.values if isinstance(value, _Tensor)]
    if not tensors:
        return None
    if call.operation in (*_ARITHMETIC, "negative"):
        return _replace_arithmetic(call, tensors, is_early)
    if call.operation == "concat":
        return _replace_concat(call, tensors)
    if len(tensors) != 1 or call.values[0] is not tensors[0]:
        return None
    replace = _OTHERS.get(call.operation)
    if replace is not None:
        return replace(call, tensors[0])
    # An activation, which the name of the operation is.
    if len(call.values) != 1 or call.options.get("axis", -1) not in (None, -1):
        return None
    if call.options.get("approximate"):  # of gelu
        return None
    return _layer("Activation", tensors[0], activation=call.operation)


def _layer(kind: str, tensor: _Tensor, **arguments: Any) -> _Layer:
    return _Layer("keras.layers", kind, arguments, (tensor,))


def _replace_arithmetic(call: _Call, tensors: list[_Tensor], is_early: bool) -> _Layer | None:
    values = [
        value if isinstance(value, _Tensor) else _read_constant(value) for value in call.values
    ]
    if any(value is None for value in values):
        return None
    if call.operation == "negative":
        values, operation = [tensors[0], -1.0], "multiply"
    else:
        operation = call.operation
    if len(values) != 2:
        return None
    if is_early and len(tensors) == 1 and (found := _as_rescaling(operation, values)):
        return _layer("Rescaling", tensors[0], scale=found[0], offset=found[1])
    return _Layer("keras.src.ops.numpy", _ARITHMETIC[operation], {}, tuple(values))


_Constant = float | list[float]


def _as_rescaling(operation: str, values: list[Any]) -> tuple[_Constant, _Constant] | None:
    """Return the scale and offset of one operation with a constant, None where it is no such."""
    first, second = values
    if isinstance(first, _Tensor):
        match operation:
            case "divide":
                if any(number == 0 for number in _numbers(second)):
                    return None
                return _map_constant(second, lambda number: 1 / number), 0.0
            case "subtract":
                return 1.0, _map_constant(second, lambda number: -number)
    elif operation in ("subtract", "divide"):
        return (-1.0, first) if operation == "subtract" else None
    constant = second if isinstance(first, _Tensor) else first
    return (constant, 0.0) if operation == "multiply" else (1.0, constant)


def _read_constant(value: Any) -> _Constant | None:
    """Return a number, or a list of one a channel; None of anything else."""
    while isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        value = value[0]  # of the shape (1, 1, 1, 3)
    numbers = _numbers(value)
    if not 0 < len(numbers) <= _MAX_CONSTANTS or not all(map(_is_number, numbers)):
        return None
    return [float(number) for number in value] if isinstance(value, list) else float(value)


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) < 1e30 and isfinite(value)


def _numbers(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _map_constant(value: _Constant, change: Callable[[float], float]) -> _Constant:
    return list(map(change, value)) if isinstance(value, list) else change(value)


def _replace_concat(call: _Call, tensors: list[_Tensor]) -> _Layer | None:
    axis = call.options.get("axis")
    others = [value for value in call.values if not isinstance(value, _Tensor)]
    if axis is None and len(others) == 1:  # of a graph, the last input
        axis, others = others[0], []
    if others or not isinstance(axis, int) or isinstance(axis, bool):
        return None
    return _Layer("keras.layers", "Concatenate", {"axis": axis}, (list(tensors),))


def _replace_cast(call: _Call, tensor: _Tensor) -> _Layer | None:
    target = call.options.get("dtype") or call.options.get("DstT")
    target = _FLOATS.get(str(target), target)
    if target not in _FLOATS.values():
        return None
    return _Layer("keras.src.ops.core", "Cast", {"dtype": target}, (tensor,))


def _replace_identity(call: _Call, tensor: _Tensor) -> _Layer | None:
    if call.options.get("dtype") is not None:
        return _replace_cast(call, tensor)
    return _layer("Identity", tensor)


def _replace_mean(call: _Call, tensor: _Tensor) -> _Layer | None:
    """Replace the mean over rows and columns, which is a pooling."""
    axis = call.options.get("axis", call.values[1] if len(call.values) == 2 else None)
    keep = call.options.get("keepdims", call.options.get("keep_dims"))
    if axis not in ([1, 2], [-3, -2]) or keep not in (None, False, True):
        return None
    return _layer("GlobalAveragePooling2D", tensor, keepdims=bool(keep))


def _option(call: _Call, *names: str) -> Any:
    """Return an argument by one of its names, or the constant after the tensor."""
    found = next((call.options[name] for name in names if name in call.options), None)
    return call.values[1] if found is None and len(call.values) == 2 else found


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MAX_SIDE


def _replace_max(call: _Call, tensor: _Tensor) -> _Layer | None:
    """Replace the largest value over rows and columns, which is a pooling."""
    keep = call.options.get("keepdims", call.options.get("keep_dims"))
    if _option(call, "axis") not in ([1, 2], [-3, -2]) or keep not in (None, False, True):
        return None
    return _layer("GlobalMaxPooling2D", tensor, keepdims=bool(keep))


def _replace_reshape(call: _Call, tensor: _Tensor) -> _Layer | None:
    """Replace a reshape that leaves the photos of a batch apart."""
    shape = _option(call, "shape")
    if not isinstance(shape, list) or len(shape) < 2 or shape[0] != -1:
        return None
    return (
        _layer("Reshape", tensor, target_shape=shape[1:]) if all(map(_is_size, shape[1:])) else None
    )


def _replace_squeeze(call: _Call, tensor: _Tensor) -> _Layer | None:
    axis = call.options.get("axis", call.options.get("squeeze_dims"))
    axes = axis if isinstance(axis, list) else [axis]
    if not axes or any(each not in (1, 2, 3, -1, -2, -3) for each in axes):
        return None
    return _Layer("keras.src.ops.numpy", "Squeeze", {"axis": axes}, (tensor,))


def _replace_pad(call: _Call, tensor: _Tensor) -> _Layer | None:
    """Replace zeros around the rows and columns."""
    sides = _option(call, "paddings")
    is_zero = call.options.get("mode", "CONSTANT") == "CONSTANT"
    is_zero = is_zero and call.options.get("constant_values", 0) in (None, 0)
    if not (is_zero and isinstance(sides, list) and len(sides) == 4):
        return None
    if [sides[0], sides[3]] != [[0, 0], [0, 0]] or not all(
        isinstance(side, list) and len(side) == 2 and all(n == 0 or _is_size(n) for n in side)
        for side in sides
    ):
        return None
    return _layer("ZeroPadding2D", tensor, padding=sides[1:3])


def _replace_clip(call: _Call, tensor: _Tensor) -> _Layer | None:
    least, most = call.options.get("clip_value_min"), call.options.get("clip_value_max")
    if not (_is_number(least) and _is_number(most)):
        return None
    return _Layer("keras.src.ops.numpy", "Clip", {"x_min": least, "x_max": most}, (tensor,))


def _replace_l2_normalize(call: _Call, tensor: _Tensor) -> _Layer | None:
    axis = _option(call, "axis")
    axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    if axis not in (1, 2, 3, -1) or call.options.get("epsilon", 1e-12) not in (None, 1e-12):
        return None
    return _layer("UnitNormalization", tensor, axis=axis)


def _replace_leaky_relu(call: _Call, tensor: _Tensor) -> _Layer | None:
    slope = call.options.get("alpha", 0.2)
    return _layer("LeakyReLU", tensor, negative_slope=slope) if _is_number(slope) else None


def _replace_resize(call: _Call, tensor: _Tensor) -> _Layer | None:
    size, method = _option(call, "size"), call.options.get("method") or "bilinear"
    others = (call.options.get("antialias"), call.options.get("preserve_aspect_ratio"))
    if not (isinstance(size, list) and len(size) == 2 and all(map(_is_size, size))):
        return None
    if method not in ("bilinear", "nearest", "bicubic", "area") or any(others):
        return None
    height, width = size
    return _layer("Resizing", tensor, height=height, width=width, interpolation=method)


def _replace_grayscale(call: _Call, tensor: _Tensor) -> _Layer | None:
    return _Layer("keras.src.ops.image", "RGBToGrayscale", {}, (tensor,))


def _replace_slice(call: _Call, tensor: _Tensor) -> _Layer | None:
    """Replace ``x[..., ::-1]``, which swaps red and blue."""
    spec = call.options.get("slice_spec")
    backwards = {"start": None, "stop": None, "step": -1}
    if isinstance(spec, list) and len(spec) == 2:
        is_flip = spec[1] == backwards and (
            spec[0] in ("...", "Ellipsis")
            or (isinstance(spec[0], dict) and spec[0].get("class_name") == "__ellipsis__")
        )
    else:  # of a graph: begin, end and strides of the two, which masks make "all"
        masks = [
            call.options.get(f"{key}_mask") for key in ("ellipsis", "begin", "end", "shrink_axis")
        ]
        is_flip = (
            len(call.values) == 4
            and call.values[3] == [1, -1]
            and [str(mask) for mask in masks[:3]] == ["1", "2", "2"]
            and str(masks[3]) in ("None", "0")
        )
    return _flip(tensor) if is_flip else None


def _replace_reverse(call: _Call, tensor: _Tensor) -> _Layer | None:
    axis = call.options.get("axis", call.values[1] if len(call.values) == 2 else None)
    return _flip(tensor) if axis in ([-1], [3]) else None


def _flip(tensor: _Tensor) -> _Layer:
    return _Layer("keras.src.ops.numpy", "Flip", {"axis": -1}, (tensor,))


_OTHERS: dict[str, Callable[[_Call, _Tensor], _Layer | None]] = {
    "cast": _replace_cast,
    "identity": _replace_identity,
    "mean": _replace_mean,
    "slice": _replace_slice,
    "reverse": _replace_reverse,
    "max": _replace_max,
    "reshape": _replace_reshape,
    "squeeze": _replace_squeeze,
    "pad": _replace_pad,
    "clip": _replace_clip,
    "l2_normalize": _replace_l2_normalize,
    "leaky_relu": _replace_leaky_relu,
    "resize": _replace_resize,
    "grayscale": _replace_grayscale,
}


def _write(entry: Config, layer: _Layer) -> None:
    name = entry.get("name")
    entry.update(
        module=layer.module,
        class_name=layer.kind,
        config={**layer.arguments, "name": name},
        registered_name=None,
        inbound_nodes=[{"args": [_serialize(value) for value in layer.inputs], "kwargs": {}}],
    )
    entry.pop("build_config", None)


def _serialize(value: Any) -> Any:
    """Return a value as Keras 3 saves what a layer is called with."""
    if isinstance(value, _Tensor):
        # Keras takes the tensor that it names, and neither this shape nor this number format.
        history = [value.layer, value.call, value.number]
        inner = {"shape": [None], "dtype": "float32", "keras_history": history}
        return {"class_name": "__keras_tensor__", "config": inner}
    if isinstance(value, list):
        if all(isinstance(each, float) for each in value):
            inner = {"value": value, "dtype": "float32"}
            return {"class_name": "__numpy__", "config": inner}
        return [_serialize(each) for each in value]
    return value


def resolve_argument_tensors(entry: Config) -> None:
    """Rewrite calls whose later arguments are results of layers, such as an attention's value."""
    nodes = entry.get("inbound_nodes")
    if entry.get("class_name") in _CLASSES or not isinstance(nodes, list):
        return
    for number, node in enumerate(nodes):
        parts = node if isinstance(node, list) else []
        is_call = len(parts) == 1 and isinstance(parts[0], list) and len(parts[0]) == 4
        first = _as_tensor(parts[0][:3]) if is_call else None
        options = parts[0][3] if is_call else None
        if not isinstance(first, _Tensor) or not isinstance(options, dict):
            continue
        resolved = {key: _as_tensor(value) for key, value in options.items()}
        if any(isinstance(value, _Tensor) for value in resolved.values()):
            arguments = {key: _serialize(value) for key, value in resolved.items()}
            nodes[number] = {"args": [_serialize(first)], "kwargs": arguments}


def _tensors(nodes: Any) -> Iterable[_Tensor]:
    """Yield the results of layers that calls take, in either way of writing them."""
    waiting = [nodes]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            tensor = _as_tensor(value[:3])
            if isinstance(tensor, _Tensor):
                yield tensor
            waiting.extend(value[3:] if isinstance(tensor, _Tensor) else value)
        elif isinstance(value, dict):
            waiting.extend(value.values())


def renumber_calls(value: Any, names: set[str]) -> None:
    """Count the calls of some layers from one less, wherever results of them are taken."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            if isinstance(_as_tensor(value[:3]), _Tensor) and value[0] in names and value[1] > 0:
                value[1] -= 1
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())


def rename_references(value: Any, renamed: Mapping[str, str]) -> None:
    """Replace names of layers in calls, or in a model's lists of inputs and outputs, in place."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            if value and isinstance(value[0], str) and value[0] in renamed:
                value[0] = renamed[value[0]]
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
