"""The lines that use an exported model elsewhere, runnable as they are."""

from __future__ import annotations

from collections.abc import Sequence

from ..imaging import decode
from ..imaging.decode import PhotoSize
from ..runs.model_registry import InputScale

_PACKAGES = {
    "keras": "tensorflow keras",
    "h5": "tensorflow keras",
    "saved_model": "tensorflow",
    "litert": "ai-edge-litert",
    "onnx": "onnxruntime",
}
_PACKAGES |= {"litert_int8": _PACKAGES["litert"]}
_READER_PACKAGES = "numpy opencv-python-headless pillow"
_IMPORTS = {
    "keras": ["import keras"],
    "h5": ["import keras"],
    "saved_model": ["import tensorflow as tf"],
    "litert": [],
    "onnx": ["import onnxruntime"],
}
_IMPORTS |= {"litert_int8": _IMPORTS["litert"]}
_IMPORT_LITERT = [
    "try:",
    "    from ai_edge_litert.interpreter import Interpreter",
    "except ImportError:  # TensorFlow has the same one",
    "    import tensorflow as tf",
    "",
    "    Interpreter = tf.lite.Interpreter",
]
_PREDICT_LINES = {
    "keras": [
        "model = keras.models.load_model({file}, compile=False)",
        "p = model.predict(batch, verbose=0)[0]",
    ],
    "saved_model": ["model = tf.saved_model.load({file})", "p = model.serve(batch).numpy()[0]"],
    "litert": [
        "ask = Interpreter({file}).get_signature_runner()",
        "p = next(iter(ask(**{{name: batch for name in ask.get_input_details()}}).values()))[0]",
    ],
    "onnx": [
        "model = onnxruntime.InferenceSession({file})",
        "p = model.run(None, {{model.get_inputs()[0].name: batch}})[0][0]",
    ],
}
_PREDICT_LINES |= {"h5": _PREDICT_LINES["keras"], "litert_int8": _PREDICT_LINES["litert"]}
_TO_PROBABILITIES = "p = 1 / (1 + np.exp(-p)) if len(p) == 1 else np.exp(p) / np.exp(p).sum()"
_TO_GREY = "batch = np.rint(batch @ np.float32([0.299, 0.587, 0.114]))[..., None]"
_SCALE_LINES: dict[InputScale, str] = {
    "0..255": "",
    "0..1": "batch = batch / 255",
    "-1..1": "batch = batch / 127.5 - 1",
    "imagenet": (
        "batch = np.float32((batch / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225])"
    ),
    "bgr": "batch = np.float32(batch[..., ::-1] - [103.939, 116.779, 123.68])",
}


def generate_photo_reader(default_size: tuple[int, int] | None = None) -> str:
    """Return code of a function that gives the pixels of `decode.decode_and_fit` without the lab.

    They are the same for 8-bit photos without transparency and color profile. It needs ``cv2``,
    ``Image``, ``ImageOps`` and ``np`` imported.

    Args:
        default_size: height and width, pixels, that its arguments have by default; None for none.
    """
    rows, columns = (f"={side}" for side in default_size) if default_size else ("", "")
    return f'''\
def read(file, rows{rows}, columns{columns}):
    """Read a photo with the pixels of CatDog Lab: (rows, columns, 3), RGB, 0 to 255."""
    photo = Image.open(file)
    photo.draft("RGB", 2 * (max(rows, columns),))  # a JPEG at 1/2, 1/4 or 1/8, if that is enough
    photo = np.asarray(ImageOps.exif_transpose(photo).convert("RGB"))
    height, width = photo.shape[:2]
    if height >= rows and width >= columns:  # shrinks by means, so that no pixel is skipped
        if height > {decode.COARSE_RATIO:g} * rows or width > {decode.COARSE_RATIO:g} * columns:
            return cv2.resize(photo, (columns, rows), interpolation=cv2.INTER_AREA)
        down = rows * (1 + (height > {decode.FINE_RATIO:g} * rows))
        across = columns * (1 + (width > {decode.FINE_RATIO:g} * columns))
        photo = cv2.resize(photo, (across, down))
    return cv2.resize(photo, (columns, rows))
'''


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
    """Return code that reads ``photo.jpg`` with the lab's pixels, and prints a label.

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
    packages = "tf-keras" if is_keras2 else _PACKAGES[kind]
    imports = ["import tf_keras as keras"] if is_keras2 else _IMPORTS[kind]
    values = [_TO_GREY] if channels == 1 else []
    values += [_SCALE_LINES[scale]] if _SCALE_LINES[scale] else []
    return "\n".join(
        [
            f"# pip install {packages} {_READER_PACKAGES}",
            *sorted(["import cv2", *imports, "import numpy as np"]),
            "from PIL import Image, ImageOps",
            *(["", *_IMPORT_LITERT] if kind in ("litert", "litert_int8") else []),
            "",
            "",
            generate_photo_reader((height, width)),
            "",
            f'batch = np.float32(read("photo.jpg"))[None]  # (1, {height}, {width}, 3)',
            *values,
            *(line.format(file=repr(file)) for line in _PREDICT_LINES[kind]),
            *([_TO_PROBABILITIES] if gives_scores else []),
            f"print({_label_expression(classes)}, p)",
        ]
    )


def _label_expression(classes: Sequence[str]) -> str:
    if len(classes) == 2:
        return f"{classes[1]!r} if p[-1] > 0.5 else {classes[0]!r}"
    return f"{list(classes)!r}[int(np.argmax(p))]"
