"""What the outputs of a network are: probabilities, or logits that become some, or neither."""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import layers as kl

from ..base.errors import N_, ModelError
from .model_graph import GraphNode, ModelGraph

OutputKind = Literal["probabilities", "independent", "logits"]
"""Probabilities of classes that exclude each other; one sigmoid for each class; scores before a
sigmoid or softmax."""
OUTPUT_WARNINGS: dict[OutputKind, str] = {
    "logits": N_(
        "The model's last layer outputs raw scores. The lab converts them to probabilities with a "
        "sigmoid or softmax."
    ),
    "independent": N_(
        "The model has a separate sigmoid for each class, so its probabilities don't add up to "
        "100%."
    ),
}
"""What a user should know of a kind of outputs."""

# Layers and operations that give values of their input, or means of them.
_PASSED_ON = {
    *("Flatten", "Reshape", "Permute", "Identity", "Dropout", "SpatialDropout2D", "GaussianNoise"),
    *("GaussianDropout", "AlphaDropout", "ActivityRegularization", "GlobalAveragePooling2D"),
    *("GlobalAvgPool2D", "AveragePooling2D", "Average", "Squeeze", "Cast", "Mean", "GetItem"),
}
_LINEAR = {"", "linear"}
_SIGMOIDS = {"sigmoid", "hard_sigmoid", "hardsigmoid"}
_SOFTMAXES = {"softmax", "sparsemax"}
_LOGARITHMS = {"log_softmax", "logsoftmax"}
"""Their softmax is the one they are the logarithm of."""
_COMBINING = {"add", "subtract", "multiply", "divide", "truedivide", "rescaling"}
_OTHER_ACTIVATIONS = {
    *("relu", "relu6", "leakyrelu", "prelu", "elu", "selu", "gelu", "celu", "glu", "tanh"),
    *("softplus", "softsign", "softshrink", "hardshrink", "tanhshrink", "squareplus", "threshold"),
    *("silu", "swish", "hardsilu", "hardswish", "hardtanh", "mish", "exp", "exponential"),
    *("logsigmoid", "unitnormalization", "sparseplus", "soft_shrink", "hard_shrink"),
}
"""Names of layers and operations whose values are neither probabilities nor logits."""


def find_output_kind(graph: ModelGraph, name: str = "") -> OutputKind:
    """Return what the outputs of a network are, by the layers that give them.

    Args:
        graph: of the network.
        name: of its file, for messages.

    Raises:
        ModelError: they are neither probabilities nor logits, or always the same.
    """
    return _node_kind(graph, graph.output_indices[0], int(graph.output_node.shape[-1] or 0), name)


def convert_outputs(kind: OutputKind, outputs: Any) -> Any:
    """Return probabilities (B, units) of a network's outputs, tensors or symbolic ones.

    Outputs that are probabilities already come back as they are.
    """
    if kind == "logits":
        sigmoid = outputs.shape[1] == 1
        return keras.ops.sigmoid(outputs) if sigmoid else keras.ops.softmax(outputs)
    return outputs


def _node_kind(graph: ModelGraph, index: int, units: int, name: str) -> OutputKind:
    if index < 0:
        return "logits"
    node = graph.nodes[index]
    activation = _activation_name(node)
    if type(node.layer).__name__ in _PASSED_ON or (
        isinstance(node.layer, kl.Activation) and activation in _LINEAR
    ):
        kinds = {_node_kind(graph, before, units, name) for before in node.input_indices}
        return kinds.pop() if len(kinds) == 1 else "probabilities"
    if activation in _SOFTMAXES:
        if units == 1:
            raise ModelError(
                "{name} ends in a softmax with one unit, which always outputs 1. Use one sigmoid "
                "unit, or one softmax unit per class.",
                name=name,
            )
        return "probabilities"
    if activation in _SIGMOIDS:
        return "probabilities" if units == 1 else "independent"
    if type(node.layer).__name__ == "Concatenate":
        return _kind_of_parts(graph, node, name)
    if activation in _COMBINING:
        try:
            kinds = {_node_kind(graph, before, units, name) for before in node.input_indices}
        except ModelError:  # such as exp(x) / sum(exp(x))
            kinds = set()
        # Of what are no logits, a prediction shows whether they are probabilities now.
        return "logits" if kinds == {"logits"} else "probabilities"
    if activation in _LINEAR or activation in _LOGARITHMS:
        return "logits"
    if activation in _OTHER_ACTIVATIONS or hasattr(node.layer, "activation"):
        raise ModelError(
            "{name} ends in '{activation}', so its outputs aren't probabilities. Use a model that "
            "ends in a sigmoid or softmax, or in no activation.",
            name=name,
            activation=activation,
        )
    if isinstance(node.layer, keras.Layer):
        return "logits"  # pooling, normalization and other layers without an activation
    return "probabilities"  # a prediction shows whether they are


def _kind_of_parts(graph: ModelGraph, node: GraphNode, name: str) -> OutputKind:
    """Return the kind of outputs laid side by side: of sigmoids, of logits, or of what may be both
    probabilities of one."""
    parts = [graph.nodes[index] for index in node.input_indices if index >= 0]
    if parts and all(_activation_name(part) in _SIGMOIDS for part in parts):
        return "independent"
    kinds = {_node_kind(graph, index, 2, name) for index in node.input_indices}
    return "logits" if kinds == {"logits"} else "probabilities"


def _activation_name(node: GraphNode) -> str:
    """Return the name of the function that a layer applies last: its own, or its activation's."""
    layer = node.layer
    activation = getattr(layer, "activation", None)
    if activation is not None:
        named = getattr(activation, "__name__", None) or type(activation).__name__
        return str(named).lower()
    kind = type(layer).__name__.lower()
    known = _SOFTMAXES | _SIGMOIDS | _LOGARITHMS | _COMBINING | _OTHER_ACTIVATIONS
    return kind if kind in known or not isinstance(layer, keras.Layer) else ""
