"""How much memory a network takes to answer, bounded from the shapes in its graph alone.

A graph is traced, which allocates no activation, and its shapes are worked out for a number of
photos. Then its operations are gone through as TensorFlow does them: what one gives stays until
everything that needs it is done. From the largest sum follows how many photos are asked at once,
the one rule wherever a model gets more than one. It holds where the system limits no memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import tensorflow as tf

from ..base import limits
from ..base.errors import ModelError

MAX_BATCH = 32
"""Photos asked at once at most; more was measured no faster."""
_FACTOR = 1.25
"""What TensorFlow takes beyond the sum: packed copies, results not yet handed on. Measured on the
networks of `tests/costly_models.py`."""
_VIEWS = frozenset(
    ("Identity", "Reshape", "Squeeze", "ExpandDims", "StopGradient", "PreventGradient", "Bitcast")
)
"""Operations that give what they take, under another shape."""
_WITHIN = frozenset(("Where", "StridedSlice", "Slice", "Unique", "UniqueV2", "Reshape", "Identity"))
"""Operations that give no more numbers than they take, times the rank for "Where"."""
_PRODUCTS = frozenset(("Conv2D", "Conv3D", "MatMul", "BatchMatMulV2"))
_WINDOW = 1024  # numbers of a convolution's window from which on copies are laid out
_CACHE = 256_000_000  # bytes that backward convolutions fill with windows of several photos
_BACKWARD = frozenset(
    (
        *("Conv2DBackpropInput", "Conv2DBackpropFilter"),
        *("Conv3DBackpropInputV2", "Conv3DBackpropFilterV2"),
    )
)
_LOOPS = ("While", "StatelessWhile")
_CALLS = ("PartitionedCall", "StatefulPartitionedCall")
_BRANCHES = ("If", "StatelessIf", "Case", "StatelessCase")
_PUSHES = {"TensorListPushBack": 1, "TensorListSetItem": 2}


@dataclass(frozen=True)
class BatchedGraph:
    """A computation on photos as one graph, and how many photos it may get at once.

    Attributes:
        run: takes values (B, H, W, C) float32, and B of whatever else it was compiled for.
        batch: how many photos it may get at once.
    """

    run: Callable[..., Any]
    batch: int

    def slices(self, count: int) -> Iterator[slice]:
        """Yield slices of `count` photos that memory allows to be computed together."""
        for start in range(0, count, self.batch):
            yield slice(start, start + self.batch)


def compile_batched(
    function: Callable[..., Any],
    input_shape: tuple[int, int, int],
    extra_dtypes: Sequence[Any] = (),
    name: str = "",
    extra_bytes: int = 0,
) -> BatchedGraph:
    """Compile a function to one graph, and find how many photos it may get at once.

    Args:
        function: takes tensors, the first of them photos.
        input_shape: height, width and channels of the photos.
        extra_dtypes: of what else it takes, one value a photo each.
        name: of the model's file, for the message.
        extra_bytes: bytes that are held beside the graph, however many photos there are.

    Raises:
        ModelError: one photo takes more memory than the limits allow, or there is no telling.
    """

    def signature(count: int | None) -> list[Any]:
        photos = tf.TensorSpec((count, *input_shape), tf.float32)
        return [photos, *(tf.TensorSpec((count,), kind) for kind in extra_dtypes)]

    traced = tf.function(function, input_signature=signature(None), autograph=False)
    # The one graph there will be: a function of graphs warns where many of its kind are made.
    graph = traced.get_concrete_function()

    def needed(count: int) -> int:
        shaped = _with_known_shapes(graph.graph, signature(count))
        if shaped is None:  # loops keep graphs of their own: traced again, for so many photos
            again = tf.function(function, autograph=False).get_concrete_function(*signature(count))
            shaped = again.graph
        # The values, and the photos they are made of, wait outside of the graph.
        return bytes_needed(shaped) + extra_bytes + count * prod(input_shape) * 6

    batch = photos_at_once(needed, name)
    return BatchedGraph(lambda *arrays: graph(*map(tf.constant, arrays)), batch)


def photos_at_once(needed: Callable[[int], int], name: str = "", most: int = MAX_BATCH) -> int:
    """Return the largest number of photos, up to `most`, that memory allows.

    Args:
        needed: bytes for a number of photos.
        name: of the model's file, for the message.
        most: to begin with.

    Raises:
        ModelError: one photo takes more.
    """
    limit, count = limits.current_limits().model_batch_bytes, most
    while (required_bytes := needed(count)) > limit:
        if count == 1:
            raise _too_much_memory_error(name, required_bytes, limit)
        count = max(1, min(count // 2, count * limit // required_bytes))
    return count


def _too_much_memory_error(name: str, required_bytes: int, limit: int) -> ModelError:
    size, most = -(-required_bytes // 1_000_000), limit // 1_000_000
    if name:
        return ModelError(
            "{name} needs about {size:,} MB of memory per photo, more than the {limit:,} MB "
            "allowed. Use a smaller network or smaller photos.",
            name=name,
            size=size,
            limit=most,
        )
    return ModelError(
        "This takes about {size:,} MB of memory for one photo, more than the {limit:,} MB allowed."
        " Use a smaller network or smaller photos.",
        size=size,
        limit=most,
    )


def bytes_needed(graph: Any) -> int:
    """Return the most memory a graph's run takes at one moment, without its weights, in bytes.

    Args:
        graph: a `tf.Graph` whose shapes are all known.

    Raises:
        ModelError: the size of a result depends on the values of a photo.
    """
    return int(_FACTOR * _peak_bytes(graph))


def _with_known_shapes(graph: Any, signature: Sequence[Any]) -> Any:
    """Return a graph with its shapes inferred for inputs of known shapes; None where that fails."""
    proto = graph.as_graph_def(add_shapes=True)
    if proto.library.function:
        return None
    inputs = [x.op.name for x in graph.inputs[: len(signature)]]
    known = dict(zip(inputs, signature, strict=True))
    for node in proto.node:
        shapes = node.attr["_output_shapes"].list.shape
        if node.name in known or node.op == "ReadVariableOp":
            # A variable has no shape once its graph is copied; what was read of it has.
            kind = node.attr["dtype"].type
            shape = shapes[0]
            if node.name in known:
                shape = known[node.name].shape.as_proto()
            node.op = "Placeholder"
            del node.input[:]
            node.attr.clear()
            node.attr["dtype"].type = kind
            node.attr["shape"].shape.CopyFrom(shape)
        else:
            del node.attr["_output_shapes"]
    copy = tf.Graph()
    with copy.as_default():
        try:
            tf.graph_util.import_graph_def(proto, name="")
        except ValueError:
            return None
    shapes = (x.shape for op in copy.get_operations() for x in op.outputs)
    return copy if all(shape.is_fully_defined() for shape in shapes) else None


def _peak_bytes(graph: Any) -> int:
    """Return the larger peak of two orders: one operation after the other, and all at once."""
    operations = _topological_order(graph.get_operations())
    sizes = _Sizes(graph, operations)
    return max(sizes.peak([[op] for op in operations]), sizes.peak(_waves(operations)))


def _dependencies(op: Any) -> set[str]:
    """Return the names of the operations that one waits for."""
    return {x.op.name for x in op.inputs} | {x.name for x in op.control_inputs}


def _topological_order(operations: Sequence[Any]) -> list[Any]:
    """Sort operations so that each comes after what it waits for, else as they were traced.

    What gradients of loops take is added to a graph late, to operations that were there before.
    """
    done: set[str] = set()
    ordered: list[Any] = []
    by_name = {op.name: op for op in operations}
    for first in operations:
        waiting = [first]
        while waiting:
            op = waiting[-1]
            missing = [] if op.name in done else sorted(_dependencies(op) - done)
            if missing:
                waiting += [by_name[name] for name in missing]
                continue
            waiting.pop()
            if op.name not in done:
                done.add(op.name)
                ordered.append(op)
    return ordered


def _waves(operations: Sequence[Any]) -> list[list[Any]]:
    depth: dict[str, int] = {}
    waves: list[list[Any]] = []
    for op in operations:
        depth[op.name] = 1 + max((depth[name] for name in _dependencies(op)), default=-1)
        if depth[op.name] == len(waves):
            waves.append([])
        waves[depth[op.name]].append(op)
    return waves


class _Sizes:
    """What the operations of a graph give, in bytes, and how long it is needed."""

    def __init__(self, graph: Any, operations: Sequence[Any]) -> None:
        self.graph = graph
        self.numbers: dict[str, int] = {}  # of tensors whose shape is not known, at most
        self.buffers: dict[str, str] = {}  # the tensor that holds the memory of another
        self.bytes: Counter[str] = Counter()  # by the tensor that holds it
        self.readers: Counter[str] = Counter()
        self.work: dict[str, int] = {}  # by operation, while it is at work
        self.rounds = _max_loop_rounds(graph)
        for op in operations:
            self._add_operation(op)
        inputs = [x for op in operations if op.type == "Placeholder" for x in op.outputs]
        for x in (*getattr(graph, "outputs", ()), *inputs):
            self.readers[self.buffers[x.name]] += 1  # held until the end, by whoever asks

    def peak(self, steps: Sequence[Sequence[Any]]) -> int:
        """Return the most bytes held at one moment, where the operations of a step work at once."""
        waiting, held, most = self.readers.copy(), 0, 0
        for step in steps:
            own = {self.buffers[x.name] for op in step for x in op.outputs}
            own &= {x.name for op in step for x in op.outputs}
            held += sum(self.bytes[name] for name in own)
            most = max(most, held + sum(self.work.get(op.name, 0) for op in step))
            for op in step:
                for x in op.inputs:
                    buffer = self.buffers[x.name]
                    waiting[buffer] -= 1
                    if waiting[buffer] == 0:
                        held -= self.bytes[buffer]
            held -= sum(self.bytes[name] for name in own if not self.readers[name])
        return most

    def _add_operation(self, op: Any) -> None:
        view = op.type in _VIEWS and op.inputs
        for x in op.outputs:
            buffer = self.buffers[op.inputs[0].name] if view else x.name
            self.buffers[x.name] = buffer
            if not view:
                self.bytes[buffer] = self._count(op, x) * _item_bytes(x)
        for x in op.inputs:
            self.readers[self.buffers[x.name]] += 1
        if op.type in _LOOPS:
            self._loop(op)
        elif op.type in (*_CALLS, *_BRANCHES):
            self.work[op.name] = max(map(_peak_bytes, _inner_graphs(self.graph, op)))
        elif op.type == "TensorListFromTensor":
            self.bytes[op.outputs[0].name] = self.bytes[self.buffers[op.inputs[0].name]]
        else:
            self.work[op.name] = _workspace_bytes(op)

    def _count(self, op: Any, x: Any) -> int:
        """Return how many numbers a tensor holds at most."""
        if x.shape.is_fully_defined():
            return prod(x.shape.as_list())
        if op.type not in _WITHIN or not op.inputs:
            raise ModelError(
                "The output size of a model layer ({kind}) depends on the photo. Use a model with "
                "fixed layer sizes.",
                kind=op.type,
            )
        input_tensor = op.inputs[0]
        rank = input_tensor.shape.rank or 1
        most = self.numbers.get(input_tensor.name) or prod(input_tensor.shape.as_list())
        self.numbers[x.name] = most * (rank if op.type == "Where" else 1)
        return self.numbers[x.name]

    def _loop(self, op: Any) -> None:
        """Count a round of a loop, and what its rounds pile up in lists."""
        body = _inner_graphs(self.graph, op, ("body",))[0]
        self.work[op.name] = _peak_bytes(body)
        piled = 0
        for inner in body.get_operations():
            if inner.type in _PUSHES:
                item = inner.inputs[_PUSHES[inner.type]]
                variant = item.dtype == tf.variant  # a list itself, of an inner loop
                piled += self.work[op.name] if variant else prod(item.shape) * _item_bytes(item)
        if piled and not self.rounds:
            raise ModelError(
                "A model layer repeats its work an unknown number of times. Use a model with "
                "fixed layer sizes."
            )
        if op.outputs:
            self.bytes[op.outputs[-1].name] += piled * self.rounds


def _item_bytes(x: Any) -> int:
    return 0 if x.dtype in (tf.resource, tf.variant) else max(int(x.dtype.size or 8), 1)


def _max_loop_rounds(graph: Any) -> int:
    """Return how often a graph's loops repeat at most: as long as the lists they read."""
    lengths = [0]
    for op in graph.get_operations():
        if op.type == "TensorListFromTensor":
            lengths.append(int(op.inputs[0].shape[0]))
        elif op.type == "TensorListReserve":
            lengths.append(int(tf.get_static_value(op.inputs[1]) or 0))
    return max(lengths)


def _inner_graphs(
    graph: Any, op: Any, keys: Sequence[str] = ("f", "then_branch", "else_branch")
) -> Any:
    """Return the graphs an operation runs: the body of a loop, the branches of a condition."""
    names = [op.get_attr(key).name for key in keys if key in op.node_def.attr]
    if "branches" in op.node_def.attr:
        names += [branch.name for branch in op.get_attr("branches")]
    # TensorFlow has no public way from a function's name to its graph: `as_graph_def` gives the
    # function without the shapes of its tensors. `tests/test_model_cost.py` fails when this goes.
    return [graph._get_function(name).graph for name in names]


def _workspace_bytes(op: Any) -> int:
    """Return the bytes an operation takes while it works, beside its inputs and results.

    A backward convolution, which is also what a transposed one is, lays out every window of a
    photo: as many numbers as the map has positions, times those of a window; of several photos as
    many as the processor's cache holds. Of 16-bit numbers and for large windows products copy.
    """
    if op.type in _BACKWARD:
        feature_map, window = (op.inputs[2], op.inputs[1])
        if "Filter" in op.type:
            window = op.outputs[0]
        count, *inner, _ = feature_map.shape.as_list()
        photo = int(prod(inner) * prod(window.shape.as_list()[:-1])) * max(
            _item_bytes(feature_map), 4
        )
        return min(int(count) * photo, photo + _CACHE) + _input_output_bytes(op)
    copies = op.type == "Einsum"  # turns what it takes before it multiplies
    if op.type in ("MaxPool", "AvgPool", "MaxPool3D", "AvgPool3D"):
        return _input_output_bytes(op) // 2
    if op.type in _PRODUCTS:
        copies = _item_bytes(op.outputs[0]) < 4 or prod(op.inputs[1].shape.as_list()[:-1]) > _WINDOW
    return _input_output_bytes(op) if copies else 0


def _input_output_bytes(op: Any) -> int:
    """Return the bytes of an operation's inputs and results, where their shapes are known."""
    known = [x for x in (*op.inputs, *op.outputs) if x.shape.is_fully_defined()]
    return sum(int(prod(x.shape.as_list())) * _item_bytes(x) for x in known)
