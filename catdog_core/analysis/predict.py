"""Photos in, probabilities out, with any saved model the lab can understand."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ..base import csv_safety
from ..base.errors import N_, CatDogError, ModelError, PhotoError
from ..base.files import truncate_for_display
from ..imaging import decode
from ..models import keras_models, memory
from ..models.keras_models import ModelMetadata
from ..models.memory import BatchedGraph
from ..runs.model_registry import find_model_file
from ..training import epoch_weights
from . import model_graph
from .uncertainty import energy

InputScale = Literal["0..255", "0..1"]
_DEFAULT_SIZE = 150  # the notes' size, for a network that takes any
_MAX_SIZE = 1024


class RemoteModel(Protocol):
    """A model in a process of its own, asked by the modules that look into networks."""

    def call(self, function: str, **arguments: Any) -> Any:
        """Call a function of the model's process by name; return its result. Raises ModelError."""
        ...


@dataclass(frozen=True)
class Predictor:
    """A loaded model and what is needed to predict with it.

    Attributes:
        model: the Keras model; None where it runs in a process of its own.
        classes: class names in output order; "p_0", "p_1" … where the file names none.
        size: side of the square photos it takes in pixels, S.
        names_known: whether the class names are the file's or a user's.
        input_scale: the range of values it expects; None where the file does not tell, and then
            0..1 is assumed, the notes' own ``rescale=1/255``.
        warnings: what a user should know, messages of the catalogue.
        run_batch: takes values (B, S, S, 3) float32; gives probabilities (B, units), and the scores
            these were made of, or (B, 0) where the last layer is of an unknown kind.
        batch: how many photos it may get at once.
        units: outputs of its last layer; one for two classes with a sigmoid.
        remote: the process that computes instead of `model`, or None.
    """

    model: keras.Model
    classes: tuple[str, ...]
    size: int
    names_known: bool
    input_scale: InputScale | None
    warnings: tuple[str, ...]
    run_batch: Callable[[NDArray[np.float32]], tuple[Any, Any]]
    batch: int
    units: int
    remote: RemoteModel | None = None

    def with_scale(self, scale: InputScale) -> Predictor:
        """Return the same model, given values of another range."""
        return replace(self, input_scale=scale)

    def with_classes(self, names: Sequence[str]) -> Predictor:
        """Return the same model with class names, one an output class.

        Raises:
            ModelError: too few, too many, or equal names.
        """
        if len(names) != len(self.classes) or len(set(names)) != len(names):
            raise ModelError(
                "The model has {count} classes, but you entered {received}. Enter {count} "
                "different names.",
                count=len(self.classes),
                received=len(set(names)),
            )
        return replace(self, classes=tuple(names), names_known=True)

    def scale_photos(self, photos: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return fitted photos as the model's input: float32 in the range it expects."""
        return photos.astype(np.float32) * np.float32(
            1.0 if self.input_scale == "0..255" else 1 / 255
        )

    def predict(self, photos: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return probabilities of fitted photos: (N, S, S, 3) uint8 to (N, classes)."""
        return self.predict_with_scores(photos)[0]

    def predict_with_scores(
        self, photos: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return probabilities (N, classes) of fitted photos, and the scores before the activation.

        Scores are (N, units): one for a sigmoid, or one a class; (N, 0) for a last layer of a kind
        that does not tell them.
        """
        probabilities, scores = [np.empty((0, len(self.classes)))], []
        for start in range(0, len(photos), self.batch):
            outputs, raw = self.run_batch(self.scale_photos(photos[start : start + self.batch]))
            part = np.asarray(outputs, dtype=np.float64)
            probabilities.append(np.hstack([1 - part, part]) if part.shape[1] == 1 else part)
            scores.append(np.asarray(raw, dtype=np.float64))
        return np.concatenate(probabilities), np.concatenate(scores or [np.empty((0, 0))])


@dataclass(frozen=True)
class Prediction:
    """What a model says of one photo; `error` instead when the photo could not be read.

    `energy` is that of `uncertainty.energy`, None where the model does not tell its scores.
    """

    file: str
    label: str = ""
    probabilities: tuple[float, ...] = ()
    energy: float | None = None
    error: CatDogError | None = None


def load_predictor(path: Path) -> Predictor:
    """Load a model file as a predictor.

    Raises:
        ModelError: it is no model, unsafe, or does not classify photos.
    """
    path = find_model_file(path)
    return build_predictor(
        path.name, keras_models.load_model(path), keras_models.read_metadata(path)
    )


def load_predictor_at_epoch(path: Path, weights: Path) -> Predictor:
    """Load a run's model with the weights it had after an epoch.

    Args:
        path: of its `best.keras`.
        weights: of the epoch, as `epoch_weights.list_epoch_weights` tells.

    Raises:
        ModelError: either cannot be read, or they do not belong together.
    """
    model = keras_models.load_model(path)
    model.set_weights(epoch_weights.load_epoch_weights(weights, model.get_weights()))
    return build_predictor(path.name, model, keras_models.read_metadata(path))


def predict_photos(
    predictor: Predictor,
    files: Iterable[tuple[str, bytes]],
    progress: Callable[[int], None] | None = None,
) -> list[Prediction]:
    """Predict photos by their bytes; one that cannot be read is reported, never fatal.

    Args:
        predictor: the model.
        files: (name, file content) of each photo.
        progress: called with the number of photos done.
    """
    rows: list[Prediction] = []
    waiting: list[tuple[int, decode.Photo]] = []  # index in rows, fitted photo

    def flush() -> None:
        probabilities, scores = predictor.predict_with_scores(
            np.stack([photo for _, photo in waiting])
        )
        for (index, _), row, raw in zip(waiting, probabilities, scores.tolist(), strict=True):
            rows[index] = replace(
                rows[index],
                label=predictor.classes[int(np.argmax(row))],
                probabilities=tuple(map(float, row)),
                energy=energy(raw) if raw else None,
            )
        waiting.clear()

    for done, (name, data) in enumerate(files, start=1):
        rows.append(Prediction(name))
        try:
            waiting.append((done - 1, decode.decode_and_fit(data, predictor.size)))
        except PhotoError as error:
            rows[-1] = Prediction(name, error=error)
        if len(waiting) == predictor.batch:
            flush()
        if progress:
            progress(done)
    if waiting:
        flush()
    return rows


def predictions_to_csv(
    rows: Sequence[Prediction], classes: Sequence[str], for_spreadsheet: bool
) -> str:
    """Return CSV text, one row a photo under ``file,label,p_<class>…``; unreadable ones are empty.

    Args:
        rows: predictions.
        classes: class names in the order of the probabilities.
        for_spreadsheet: write names as `csv_safety.escape_cell` does.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [name if name.startswith("p_") else f"p_{name}" for name in classes]
    cell = partial(csv_safety.escape_cell, for_spreadsheet=for_spreadsheet)
    writer.writerow(["file", "label", *map(cell, names)])
    for row in rows:
        numbers = [f"{p:.6f}" for p in row.probabilities] or [""] * len(classes)
        writer.writerow([cell(row.file), cell(row.label), *numbers])
    return out.getvalue()


def build_predictor(name: str, model: Any, metadata: ModelMetadata) -> Predictor:
    """Return the predictor of a loaded Keras model.

    Args:
        name: of its file, for messages.
        model: a Keras model.
        metadata: from `keras_models.read_metadata`.

    Raises:
        ModelError: it does not classify photos, or one photo takes more memory than is allowed.
    """
    inputs, outputs = model.inputs, model.outputs
    shape = tuple(inputs[0].shape) if len(inputs) == 1 else ()
    out = tuple(outputs[0].shape) if len(outputs) == 1 else ()
    if len(shape) != 4 or shape[3] != 3 or len(out) != 2 or out[1] is None:
        raise ModelError(
            "{name} takes {inputs} and outputs {outputs}. Use a model that takes color photos "
            "(height, width, 3) and outputs one probability, or one per class.",
            name=truncate_for_display(name),
            inputs=truncate_for_display(str([tuple(x.shape[1:]) for x in inputs])),
            outputs=truncate_for_display(str([tuple(x.shape[1:]) for x in outputs])),
        )
    height, width = shape[1] or shape[2] or _DEFAULT_SIZE, shape[2] or shape[1] or _DEFAULT_SIZE
    if height != width or height > _MAX_SIZE:
        raise ModelError(
            "{name} takes photos of {width} × {height} px. Use a model for square photos of at "
            "most {limit} px.",
            name=truncate_for_display(name),
            width=width,
            height=height,
            limit=_MAX_SIZE,
        )
    _check_finite_weights(name, model)
    units = int(out[1])
    count = 2 if units == 1 else units
    names = metadata.get("classes")
    known = isinstance(names, list) and len(names) == count
    class_names = tuple(map(str, names)) if isinstance(names, list) and known else None
    rescales = any(
        isinstance(layer, keras.layers.Rescaling | keras.layers.Normalization)
        for layer in model_graph.list_layers(model)
    )
    raw = gives_raw_scores(model)
    warnings = [_RAW_SCORES] if raw else []
    answer = _compile_forward(model, int(height), raw, truncate_for_display(name))
    return Predictor(
        model=model,
        classes=class_names or tuple(f"p_{i}" for i in range(count)),
        size=int(height),
        names_known=known,
        input_scale="0..255" if rescales or (known and not metadata.get("labels_file")) else None,
        warnings=tuple(warnings),
        run_batch=answer.run,
        batch=answer.batch,
        units=units,
    )


def _check_finite_weights(name: str, model: Any) -> None:
    if not all(np.isfinite(np.asarray(weight)).all() for weight in model.weights):
        raise ModelError(
            "{name} has weights that are NaN or infinite because its training diverged. Train it "
            "again with a lower learning rate.",
            name=truncate_for_display(name),
        )


_RAW_SCORES = N_(
    "The model's last layer outputs raw scores. The lab converts them to probabilities with a "
    "sigmoid or softmax."
)


def gives_raw_scores(model: Any) -> bool:
    """Return whether a model ends without an activation: its outputs are no probabilities."""
    last = model.layers[-1]
    while hasattr(last, "layers") and last.layers:
        last = last.layers[-1]
    activation = getattr(last, "activation", None)
    return activation is not None and activation.__name__ == "linear"


def _compile_forward(model: Any, size: int, raw: bool, name: str) -> BatchedGraph:
    """Compile the forward pass as one graph: `model.predict` has a high fixed cost a call."""
    graph = model_graph.build_model_graph(model, size)
    last = graph.output_node
    part = graph.submodel([last.input_indices[0], graph.output_indices[0]])

    def forward(batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        before, result = part(batch, training=False)
        scores = model_graph.compute_logits(last.layer, before, result)
        if raw:
            result = tf.sigmoid(result) if result.shape[1] == 1 else tf.nn.softmax(result)
        return result, result[:, :0] if scores is None else scores

    return memory.compile_batched(forward, size, name=name)
