"""The part of a run's code that builds its network, layer by layer as `networks.network` does."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from ..errors import N_
from ..networks import architecture, compact_table
from ..runs import Run
from ..settings import NETWORKS, Network, Training

_CORE = Path(__file__).resolve().parent.parent


def network(run: Run) -> tuple[list[tuple[str, dict[str, Any]]], str]:
    """What is said of the network of a run, and the code that builds and shows it."""
    training = run.training
    assert training is not None
    units = 1 if len(run.classes) <= 2 else len(run.classes)
    rows = architecture.of(training, max(len(run.classes), 2))
    told = [
        (
            N_("It has {parameters:,} parameters; model.summary() shows in which layers they lie."),
            {"parameters": architecture.parameters(rows)},
        )
    ]
    if training.model == compact_table.COMPACT:
        made = _compact(units)
    else:
        made = _sequential(training, units)
    return told, f"{_precision(training)}{made}model.summary()\n"


def _precision(training: Training) -> str:
    if not training.mixed_precision:
        return ""
    return """\
card = bool(tf.config.list_physical_devices("GPU"))
keras.config.set_dtype_policy("mixed_float16" if card else "mixed_bfloat16")
"""


def output(units: int) -> str:
    """The last layer as code: one sigmoid unit, or a softmax unit a class."""
    return f'layers.Dense({units}, activation="{"sigmoid" if units == 1 else "softmax"}"'


def _sequential(training: Training, units: int) -> str:
    built = (training.network or Network()) if training.model == "custom" else None
    net = built or NETWORKS[training.model]
    lines = ["keras.Input((SIZE, SIZE, 3)),", "layers.Rescaling(1 / 255),"]
    for filters in net.filters:
        lines += _block(net, filters)
    flat = net.head == "flatten"
    lines.append("layers.Flatten()," if flat else "layers.GlobalAveragePooling2D(),")
    if net.dropout:
        lines.append(f"layers.Dropout({net.dropout:g}),")
    if net.dense:
        lines.append(f'layers.Dense({net.dense}, activation="{net.activation}"),')
    lines.append(f'{output(units)}, dtype="float32"),')
    inside = "".join(f"        {line}\n" for line in lines)
    return f"model = keras.Sequential(\n    [\n{inside}    ]\n)\n"


def _block(net: Network, filters: int) -> list[str]:
    arguments = [str(filters), str(net.kernel)]
    if net.pooling == "stride":
        arguments.append("strides=2")
    if net.padding != "valid":
        arguments.append(f'padding="{net.padding}"')
    if net.batch_norm:
        arguments.append("use_bias=False")
    else:
        arguments.append(f'activation="{net.activation}"')
    made = [f"layers.Conv2D({', '.join(arguments)}),"]
    if net.batch_norm:
        made += ["layers.BatchNormalization(),", f'layers.Activation("{net.activation}"),']
    if net.pooling == "max":
        made.append("layers.MaxPooling2D(2),")
    elif net.pooling == "average":
        made.append("layers.AveragePooling2D(2),")
    return made


def _compact(units: int) -> str:
    constants = "\n".join(
        f"{name} = {getattr(compact_table, name)!r}" for name in ("STEM", "WIDTHS", "DROPOUT")
    )
    source = copied("networks/compact.py")
    return (
        f"from keras import KerasTensor\nfrom keras import layers as kl\n\n{constants}\n\n\n"
        f"{source}\n\nmodel = build(SIZE, {units})\n"
    )


def copied(room: str) -> str:
    """The constants, functions and classes of one of the lab's own files, without its imports."""
    text = (_CORE / room).read_text(encoding="utf-8")
    lines = text.splitlines()
    parts: list[str] = []
    previous: ast.stmt | None = None
    for node in ast.parse(text).body:
        if isinstance(node, (ast.Import, ast.ImportFrom, ast.Expr)):
            continue
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        block = "\n".join(lines[first - 1 : node.end_lineno])
        both = isinstance(node, ast.Assign) and isinstance(previous, ast.Assign)
        parts.append(block if not parts else f"\n{block}" if both else f"\n\n\n{block}")
        previous = node
    return "".join(parts) + "\n"
