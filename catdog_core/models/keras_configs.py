"""Translate the configuration of a model that another version of Keras saved, as data.

Keras 2 (TensorFlow 2.0 to 2.15, tf-keras) and other versions of Keras 3 name modules, classes and
arguments otherwise than the installed Keras, and Keras 2 saves arithmetic such as ``x / 127.5 - 1``
by names of TensorFlow's functions. The translation only renames, drops or replaces parts of the
JSON. Nothing is imported or built, and what comes out is checked like any other configuration.
Whatever is not known here stays as it is, for that check or for Keras to refuse.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from ..base.errors import ModelError
from ..base.files import truncate_for_display
from . import keras2_operations
from .allowed_classes import (
    ALLOWED_LAYERS,
    CONSTRAINTS,
    INITIALIZERS,
    LAYER_SCALE,
    PRECISIONS,
    REGULARIZERS,
    module_of_operation,
)

Config = dict[str, Any]

_MODELS = {"Sequential": "keras", "Model": "keras", "Functional": "keras.src.models.functional"}
_MODULES = (
    (ALLOWED_LAYERS, "keras.layers"),
    (INITIALIZERS, "keras.initializers"),
    (REGULARIZERS, "keras.regularizers"),
    (CONSTRAINTS, "keras.constraints"),
)
"""Where the installed Keras has the classes of each kind."""
_PACKAGES = ("keras", "tf_keras", "keras_core", "tensorflow", "tensorflow_core")
"""Packages that have contained Keras's own classes."""
_RENAMED = {
    # They do nothing at prediction, and Keras 3 has no such layer.
    "RandomHeight": "Identity",
    "RandomWidth": "Identity",
    # The same computation, whose statistics only training gathers otherwise.
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization",
}
_AUTOKERAS = {
    # Layers that AutoKeras puts before a network; photos are float32 here.
    "CastToFloat32": ("keras.layers", "Identity", {}),
    "ExpandLastDim": ("keras.src.ops.numpy", "ExpandDims", {"axis": -1}),
}
_ONLY_IN_KERAS2 = (
    *("ThresholdedReLU", "LocallyConnected1D", "LocallyConnected2D", "CuDNNGRU", "CuDNNLSTM"),
    *("RandomFourierFeatures", "SyncBatchNormalizationV1", "DenseFeatures"),
)
_WHOLE_NUMBERS = ("uint8", "int32", "int64")
_NEEDLESS = (
    *("rng_type", "seed", "noise_shape", "input_dtype", "trainable"),
    *("query_shape", "key_shape", "value_shape"),
)
_NEEDLESS_ENDS = ("_initializer", "_regularizer", "_constraint")
"""Arguments that no prediction depends on: dropped where a layer of this Keras has none such."""


def translate_config(name: str, config: Config, keras_version: str) -> Config:
    """Return the configuration of a model as the installed Keras spells it.

    Args:
        name: of the file, for messages.
        config: parsed JSON of bounded size and depth; it may be changed.
        keras_version: that saved it, such as "2.15.0"; empty where the file does not say.

    Raises:
        ModelError: it contains what Keras 3 computes otherwise, or cannot express.
    """
    _Translation(name, keras_version.partition(".")[0] not in ("3", "4")).translate(config)
    return config


def drop_unknown_arguments(config: Config) -> None:
    """Drop arguments that the installed Keras lacks and that change no prediction.

    Others stay, for Keras to refuse by name. Needs Keras, unlike the rest of this module.
    """
    import keras  # lazy: needs TensorFlow

    for entry in _iter_entries(config):
        module = _module_of(entry["class_name"], "")
        if module is None or module.startswith("keras.src.") or entry["class_name"] in _MODELS:
            continue
        namespace = getattr(keras, module.rpartition(".")[2])
        keras_class = getattr(namespace, entry["class_name"], None)
        if not isinstance(keras_class, type):
            continue
        arguments, known = entry["config"], _argument_names(keras_class)
        for key in [key for key in arguments if key not in known]:
            if _changes_nothing(key, arguments[key]):
                del arguments[key]


def _iter_entries(value: Any) -> Iterator[Config]:
    """Yield every object of a configuration, the outer ones first."""
    if isinstance(value, dict):
        if isinstance(value.get("class_name"), str) and isinstance(value.get("config"), dict):
            yield value
        for inner in value.values():
            yield from _iter_entries(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _iter_entries(inner)


def _argument_names(keras_class: type) -> set[str]:
    names: set[str] = {"input_shape", "input_dim", "batch_input_shape"}
    for each in keras_class.__mro__:
        if "__init__" in vars(each):
            parameters = inspect.signature(vars(each)["__init__"]).parameters.values()
            names |= {parameter.name for parameter in parameters}
            if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
                break
    return names


def _changes_nothing(key: str, value: Any) -> bool:
    if key in _NEEDLESS or key.endswith(_NEEDLESS_ENDS):
        return True
    return value is None or value is False or (key == "groups" and value == 1)


class _Translation:
    """One file's translation.

    Args:
        name: of the file.
        is_keras2: it was saved by Keras 2, or does not say by which.
    """

    def __init__(self, name: str, is_keras2: bool) -> None:
        self._name, self._is_keras2 = name, is_keras2

    def translate(self, value: Any) -> None:
        """Translate every object within a part of a configuration, the inner ones first."""
        if isinstance(value, list):
            for inner in value:
                self.translate(inner)
            return
        if not isinstance(value, dict):
            return
        kind, arguments = value.get("class_name"), value.get("config")
        if kind == "Sequential" and isinstance(arguments, list):  # Keras up to 2.2.2
            arguments = value["config"] = {"name": "sequential", "layers": arguments}
        for inner in value.values():
            self.translate(inner)
        if not self._is_keras2 and isinstance(kind, str) and _is_bare_operation(value):
            value.update(module=module_of_operation(kind), registered_name=None)
            if kind == "GetItem":
                _replace_ellipsis(value["inbound_nodes"])
        if isinstance(kind, str) and isinstance(arguments, dict):
            self._translate_object(value, kind, arguments)

    def _translate_object(self, entry: Config, kind: str, arguments: Config) -> None:
        module = entry.get("module")
        if (layer := _AUTOKERAS.get(_autokeras_name(entry))) is not None:
            replaced_module, kind, replaced = layer
            name = {"name": arguments.get("name")}
            entry.update(module=replaced_module, class_name=kind, config={**name, **replaced})
            entry["registered_name"] = None
            entry.pop("build_config", None)
            return
        if self._is_keras2 and kind in _ONLY_IN_KERAS2 and _is_keras_module(module):
            raise _keras2_error(self._name, kind)
        if not _is_keras_module(module) or _is_operation(module):
            return
        if kind in _RENAMED:
            kind = entry["class_name"] = _RENAMED[kind]
            entry["registered_name"] = None
            if kind == "Identity":
                entry["config"] = arguments = _base_arguments(arguments)
        if kind in INITIALIZERS:
            arguments.pop("dtype", None)  # TensorFlow 2.0 to 2.3
        if kind in _MODELS or kind in ALLOWED_LAYERS:
            self._translate_layer(kind, arguments)
        if self._is_keras2 and kind in ALLOWED_LAYERS:
            entry.pop("build_config", None)  # it is built when it is called
        # An inner object without a module is looked up by its kind. A layer without one would take
        # a path of Keras that drops some arguments.
        target = _module_of(kind, str(module))
        is_part = kind in ALLOWED_LAYERS or kind in _MODELS or kind == LAYER_SCALE
        if target and (is_part or module is not None):
            entry["module"] = target
        if kind in ("Functional", "Model") and isinstance(arguments.get("layers"), list):
            self._translate_functional(arguments)
        elif kind == "Sequential" and isinstance(arguments.get("layers"), list):
            _move_input_shape(arguments["layers"])

    def _translate_layer(self, kind: str, arguments: Config) -> None:
        policy = arguments.get("dtype")
        if isinstance(policy, dict) and policy.get("class_name") in ("Policy", "PolicyV1"):
            inner = policy.get("config")
            number_format = inner.get("name") if isinstance(inner, dict) else None
            if number_format in PRECISIONS:
                arguments["dtype"] = number_format
        if kind == "InputLayer" and "batch_input_shape" in arguments:
            arguments["batch_shape"] = arguments.pop("batch_input_shape")
        if kind == "InputLayer" and arguments.get("dtype") in _WHOLE_NUMBERS:
            # The same for values 0..255, and heat maps need gradients.
            arguments["dtype"] = "float32"
        axis = arguments.get("axis")
        if kind == "BatchNormalization" and isinstance(axis, list) and len(axis) == 1:
            arguments["axis"] = axis[0]
        if kind == "LeakyReLU" and "alpha" in arguments:
            arguments["negative_slope"] = arguments.pop("alpha")
        if self._is_keras2 and "hard_sigmoid" in (
            arguments.get("activation"),
            arguments.get("recurrent_activation"),
        ):
            # Keras 3 has another function of this name, so the answers would be wrong.
            raise _keras2_error(self._name, "hard_sigmoid")

    def _translate_functional(self, arguments: Config) -> None:
        layers = [entry for entry in arguments["layers"] if isinstance(entry, dict)]
        if any(isinstance(node, list) for entry in layers for node in _nodes_of(entry)):
            _renumber_calls(arguments, layers)
        for entry in layers:
            keras2_operations.resolve_argument_tensors(entry)
        unknown = keras2_operations.replace_operations(layers)
        if unknown:
            raise _keras2_error(self._name, unknown)
        _replace_slashes(arguments, layers)
        for entry in layers:
            if isinstance(entry.get("config"), dict) and entry.get("class_name") != "InputLayer":
                entry["config"].pop("batch_input_shape", None)


def _nodes_of(entry: Config) -> list[Any]:
    nodes = entry.get("inbound_nodes")
    return nodes if isinstance(nodes, list) else []


def _renumber_calls(arguments: Config, layers: list[Config]) -> None:
    """Number calls of models within a model of Keras 2 as Keras 3 does.

    Keras 2 counts the call that made the inner model as its first. Keras 3 does not, except where a
    functional model is an output. A single input or output is no list in Keras 3.
    """
    inner = {str(entry.get("name")): entry["class_name"] for entry in layers if _is_model(entry)}
    for entry in layers:
        keras2_operations.renumber_calls(entry.get("inbound_nodes"), set(inner))
    for key in ("input_layers", "output_layers"):
        found = arguments.get(key)
        keras2_operations.renumber_calls(
            found, {name for name, kind in inner.items() if kind == "Sequential"}
        )
        if isinstance(found, list) and len(found) == 1 and isinstance(found[0], list):
            arguments[key] = found[0]


def _is_model(entry: Config) -> bool:
    return entry.get("class_name") in tuple(_MODELS)


def _keras2_error(name: str, operation: str) -> ModelError:
    return ModelError(
        "{name} is from Keras 2 and uses '{operation}', which Keras 3 doesn't have. Replace it "
        "with a layer in Keras 2, then save the model again.",
        name=truncate_for_display(name),
        operation=truncate_for_display(operation),
    )


def _is_keras_module(module: Any) -> bool:
    """Return whether a module is Keras's own in some version; None is: its name was not saved."""
    if module is None:
        return True
    if not isinstance(module, str):
        return False
    package = module.partition(".")[0]
    return package in _PACKAGES and (
        not package.startswith("tensorflow") or ".keras" in module or module == "tensorflow.keras"
    )


def _autokeras_name(entry: Config) -> str:
    """Return the class of a layer that AutoKeras registers, empty for any other."""
    module, kind = entry.get("module"), entry["class_name"]
    if module is None:  # of an `.h5` file
        package, _, name = kind.rpartition(">")
        return name if package in ("Custom", "autokeras") else ""
    return kind if isinstance(module, str) and module.partition(".")[0] == "autokeras" else ""


def _is_operation(module: Any) -> bool:
    """Return whether a module is of Keras 3's operations, some of which are named as layers are."""
    return isinstance(module, str) and ".ops." in module


def _is_bare_operation(entry: Config) -> bool:
    """Return whether a part of a Keras 3 model is an operation whose module was not saved.

    In `.h5` files no part has its module, and Keras itself cannot open those with an operation.
    Every layer says whether it can be trained, which no operation does.
    """
    arguments = entry.get("config")
    return (
        "module" not in entry
        and "inbound_nodes" in entry
        and isinstance(arguments, dict)
        and entry["class_name"] != "InputLayer"
        and not {"trainable", "layers"}.intersection(arguments)
    )


def _replace_ellipsis(nodes: Any) -> None:
    """Write ``x[..., 0]`` as ``x[:, :, :, 0]``: Keras can't read an ellipsis in `.h5` files."""
    for node in nodes if isinstance(nodes, list) else []:
        arguments = node.get("args") if isinstance(node, dict) else None
        if not isinstance(arguments, list) or len(arguments) != 2:
            continue
        tensor, key = arguments
        parts = list(key) if isinstance(key, list) else [key]
        places = [at for at, part in enumerate(parts) if _is_ellipsis(part)]
        inner = tensor.get("config") if isinstance(tensor, dict) else None
        shape = inner.get("shape") if isinstance(inner, dict) else None
        if len(places) == 1 and isinstance(shape, list) and len(parts) <= len(shape) + 1:
            sides = {"start": None, "stop": None, "step": None}
            full = {"class_name": "__slice__", "config": sides}
            parts[places[0] : places[0] + 1] = [full] * (len(shape) - len(parts) + 1)
            arguments[1] = parts


def _is_ellipsis(value: Any) -> bool:
    return isinstance(value, dict) and value.get("class_name") == "__ellipsis__"


def _module_of(kind: str, saved: str) -> str | None:
    """Return where the installed Keras has a class, None where that is not known."""
    if kind in _MODELS:
        return saved if saved.startswith("keras.src.models.") else _MODELS[kind]
    if kind == LAYER_SCALE:
        return "keras.src.applications.convnext"
    return next((module for kinds, module in _MODULES if kind in kinds), None)


def _base_arguments(arguments: Config) -> Config:
    return {key: arguments[key] for key in ("name", "trainable", "dtype") if key in arguments}


def _move_input_shape(layers: list[Any]) -> None:
    """Give a Sequential the input layer that its first layer stands for in Keras 2."""
    shapes = [
        entry["config"].pop("batch_input_shape", None)
        for entry in layers
        if isinstance(entry, dict)
        and isinstance(entry.get("config"), dict)
        and entry.get("class_name") != "InputLayer"
    ]
    if shapes and shapes[0] is not None and layers[0].get("class_name") != "InputLayer":
        first = layers[0]["config"]
        made = {"name": f"{first.get('name', 'first')}_input", "batch_shape": shapes[0]}
        dtype = first.get("dtype")
        if isinstance(dtype, str) and not dtype.startswith("mixed_"):
            made["dtype"] = dtype
        layers.insert(0, {"module": "keras.layers", "class_name": "InputLayer", "config": made})


def _replace_slashes(arguments: Config, layers: list[Config]) -> None:
    """Rename layers with a slash in their names, as MobileNetV3's of Keras 2; Keras 3 has none."""
    taken = {entry.get("name") for entry in layers}
    renamed: dict[str, str] = {}
    for entry in layers:
        old = entry.get("name")
        if not isinstance(old, str) or "/" not in old:
            continue
        new = old.replace("/", "_")
        while new in taken:
            new += "_"
        taken.add(new)
        renamed[old] = entry["name"] = new
        if isinstance(entry.get("config"), dict):
            entry["config"]["name"] = new
    if renamed:
        for entry in layers:
            keras2_operations.rename_references(entry.get("inbound_nodes"), renamed)
        for key in ("input_layers", "output_layers"):
            keras2_operations.rename_references(arguments.get(key), renamed)
