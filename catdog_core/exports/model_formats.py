"""The formats in which a model goes on answering photos elsewhere. Light."""

from __future__ import annotations

from ..errors import N_
from .exporter import Exporter

_ONNX = N_("Install it with: pip install tf2onnx onnx")

ALL: tuple[Exporter, ...] = (
    Exporter(
        kind="keras",
        label=N_("Keras"),
        about=N_("Keras's own file: opens in any Keras 3, here too."),
        extension=".keras",
        writer="keras_files:keras",
    ),
    Exporter(
        kind="h5",
        label=N_("HDF5"),
        about=N_("The class notes' `.h5`, for older Keras and tools that expect it."),
        extension=".h5",
        writer="keras_files:h5",
    ),
    Exporter(
        kind="saved_model",
        label=N_("SavedModel"),
        about=N_("TensorFlow's folder, for TensorFlow Serving and other converters; a zip here."),
        extension=".zip",
        writer="converted:saved_model",
        is_folder=True,
    ),
    Exporter(
        kind="litert",
        label=N_("LiteRT"),
        about=N_("TensorFlow Lite's `.tflite`, for phones and small computers."),
        extension=".tflite",
        writer="converted:litert",
    ),
    Exporter(
        kind="litert_int8",
        label=N_("LiteRT, 8-bit"),
        about=N_(
            "A quarter of the size, and quicker on a phone: weights and steps are 8-bit integers,"
            " their ranges taken from training photos; input and output stay float32."
        ),
        extension=".tflite",
        writer="converted:litert_int8",
    ),
    Exporter(
        kind="onnx",
        label=N_("ONNX"),
        about=N_("The exchange format that PyTorch's world, Windows ML and many others read."),
        extension=".onnx",
        writer="converted:onnx",
        needs=("tf2onnx", "onnx"),
        install=_ONNX,
    ),
    Exporter(
        kind="bundle",
        label=N_("Bundle"),
        about=N_(
            "The whole run in one zip: model, settings, curves, answers. Another lab can compare"
            " it, resume it, and predict with it."
        ),
        extension=".zip",
        writer="bundle:write",
        group="record",
        needs_run=True,
        loads_tensorflow=False,
        usage="python -m catdog_core import-run {file}",
    ),
)
