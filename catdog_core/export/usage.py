"""The few lines that use an exported model elsewhere, runnable as they are."""

from __future__ import annotations

from collections.abc import Sequence

from ..imaging.decode import PhotoSize
from ..runs.model_registry import InputScale

_IMPORTS = {
    "keras": "import keras",
    "h5": "import keras",
    "saved_model": "import tensorflow as tf",
    "litert": "from ai_edge_litert.interpreter import Interpreter",
    "litert_int8": "from ai_edge_litert.interpreter import Interpreter",
    "onnx": "import onnxruntime",
}
_PREDICT_LINES = {
    "keras": [
        'model = keras.models.load_model("{file}")',
        "p = model.predict(batch, verbose=0)[0]",
    ],
    "h5": [
        'model = keras.models.load_model("{file}", compile=False)',
        "p = model.predict(batch, verbose=0)[0]",
    ],
    "saved_model": ['model = tf.saved_model.load("{file}")', "p = model.serve(batch).numpy()[0]"],
    "litert": [
        'ask = Interpreter("{file}").get_signature_runner()',
        "p = next(iter(ask(**{{name: batch for name in ask.get_input_details()}}).values()))[0]",
    ],
    "onnx": [
        'model = onnxruntime.InferenceSession("{file}")',
        "p = model.run(None, {{model.get_inputs()[0].name: batch}})[0][0]",
    ],
}
_PREDICT_LINES |= {"h5": _PREDICT_LINES["keras"], "litert_int8": _PREDICT_LINES["litert"]}
_IMPORT_KERAS2 = "import tf_keras as keras  # pip install tf-keras"
_TO_PROBABILITIES = "p = 1 / (1 + np.exp(-p)) if len(p) == 1 else np.exp(p) / np.exp(p).sum()"
_RGB = ("RGB", "np.float32(photo)[None]")
_SCALED: dict[InputScale, str] = {
    "0..255": "{values}",
    "0..1": "{values} / 255",
    "-1..1": "{values} / 127.5 - 1",
    "imagenet": "np.float32(({values} / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225])",
    "bgr": "np.float32({values}[..., ::-1] - [103.939, 116.779, 123.68])",
}
TENSORFLOW_JS = "tensorflowjs_converter --input_format=tf_saved_model {folder} web_model"
"""The line that makes a TensorFlow.js model of a SavedModel, in an environment of its own."""


def build_usage_code(
    kind: str,
    file: str,
    classes: Sequence[str],
    size: PhotoSize,
    scale: InputScale = "0..255",
    channels: int = 3,
    gives_scores: bool = False,
    is_keras2: bool = False,
) -> str:
    """Return code that reads ``photo.jpg``, resizes it as the lab does, and prints a label.

    Args:
        kind: a format that is a model.
        file: the exported file's or folder's name.
        classes: class names in label order.
        size: side of the square the model takes, in pixels, or height and width.
        scale: the values the model takes.
        channels: 3 for RGB, 1 for grey photos.
        gives_scores: the outputs are logits, one for two classes or one a class.
        is_keras2: only Keras 2 opens the file.
    """
    height, width = (size, size) if isinstance(size, int) else size
    mode, values = ("L", "np.float32(photo)[None, ..., None]") if channels == 1 else _RGB
    open_line, predict_line = (line.format(file=file) for line in _PREDICT_LINES[kind])
    to_probabilities = [_TO_PROBABILITIES] if gives_scores else []
    return "\n".join(
        [
            _IMPORT_KERAS2 if is_keras2 else _IMPORTS[kind],
            "import numpy as np",
            "from PIL import Image, ImageOps",
            "",
            f'photo = ImageOps.exif_transpose(Image.open("photo.jpg")).convert("{mode}")',
            f"photo = photo.resize(({width}, {height}), Image.Resampling.BILINEAR)",
            f"batch = {_SCALED[scale].format(values=values)}  # (1, {height}, {width}, {channels})",
            open_line,
            predict_line,
            *to_probabilities,
            f"print({_label_expression(classes)}, p)",
        ]
    )


def _label_expression(classes: Sequence[str]) -> str:
    if len(classes) == 2:
        return f"{classes[1]!r} if p[-1] > 0.5 else {classes[0]!r}"
    return f"{list(classes)!r}[int(np.argmax(p))]"
