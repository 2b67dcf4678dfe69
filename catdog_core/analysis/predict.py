"""Photos in, probabilities out, with any saved model the lab can understand."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ..base import csv_safety
from ..base.errors import CatDogError, ModelError, PhotoError
from ..base.files import truncate_for_display
from ..imaging import decode
from ..models import keras_models, memory
from ..models.keras_models import ModelMetadata
from ..models.memory import BatchedGraph
from ..runs import model_registry
from ..runs.model_registry import InputScale
from ..training import epoch_weights
from . import input_scale, model_graph, model_outputs
from .model_graph import ModelGraph
from .model_outputs import OutputKind
from .uncertainty import energy

ASSUMED_SCALE: InputScale = "0..1"
"""Of a model whose file does not tell: the notes' own ``rescale=1/255``."""
MAX_SIDE = 1024
"""Pixels of a side of a model's photos at most."""
_ROUNDING = 0.02  # by which outputs may miss 0, 1 and their sum; numbers of 8 bits are coarse
_EXAMPLES = 4  # outputs that an error shows
_GREY = np.array([0.299, 0.587, 0.114], np.float32)
_IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_IMAGENET_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
_BGR_MEAN = np.array([103.939, 116.779, 123.68], np.float32)


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
        input_shape: height, width and channels of the photos it takes; one channel is grey.
        names_known: whether the class names are the file's or a user's.
        input_scale: the range of values it expects; None where the file does not tell, and then
            `ASSUMED_SCALE` is taken.
        warnings: what a user should know, messages of the catalogue.
        run_batch: takes values (B, H, W, C) float32; gives probabilities (B, units), and the scores
            these were made of, or (B, 0) where the last layer is of an unknown kind.
        batch: how many photos it may get at once.
        units: outputs of its last layer; one for two classes with a sigmoid.
        is_exclusive: whether a photo belongs to one class, so that its probabilities sum to 1; not
            with a separate sigmoid for each class.
        remote: the process that computes instead of `model`, or None.
    """

    model: keras.Model
    classes: tuple[str, ...]
    input_shape: tuple[int, int, int]
    names_known: bool
    input_scale: InputScale | None
    warnings: tuple[str, ...]
    run_batch: Callable[[NDArray[np.float32]], tuple[Any, Any]]
    batch: int
    units: int
    is_exclusive: bool = True
    remote: RemoteModel | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels of the photos it takes."""
        return self.input_shape[:2]

    @property
    def scales(self) -> tuple[InputScale, ...]:
        """The scales that its photos can have: those of colours only where it takes colours."""
        return model_registry.INPUT_SCALES if self.input_shape[2] == 3 else _GREY_SCALES

    def with_scale(self, scale: InputScale) -> Predictor:
        """Return the same model, given values of another range.

        Raises:
            ModelError: the model takes grey photos, and the scale is for colours.
        """
        if scale not in self.scales:
            raise ModelError(
                "The model takes grayscale photos, but {scale} is for color photos. Use one of "
                "{expected}.",
                scale=scale,
                expected=", ".join(self.scales),
            )
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
        values = photos.astype(np.float32)
        if self.input_shape[2] == 1 and values.shape[-1] == 3:  # a remote model's are grey already
            values = np.rint(values @ _GREY)[..., np.newaxis]
        return scale_values(values, self.input_scale or ASSUMED_SCALE)

    def predict(self, photos: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return probabilities of fitted photos: (N, H, W, 3) uint8 to (N, classes).

        Raises:
            ModelError: the model's outputs are no probabilities.
        """
        return self.predict_with_scores(photos)[0]

    def predict_with_scores(
        self, photos: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return probabilities (N, classes) of fitted photos, and the scores before the activation.

        Scores are (N, units): one for a sigmoid, or one a class; (N, 0) for a last layer of a kind
        that does not tell them.

        Raises:
            ModelError: the model's outputs are no probabilities.
        """
        probabilities, scores = [np.empty((0, len(self.classes)))], []
        for start in range(0, len(photos), self.batch):
            outputs, raw = self.run_batch(self.scale_photos(photos[start : start + self.batch]))
            probabilities.append(self.read_outputs(outputs))
            scores.append(np.asarray(raw, dtype=np.float64))
        return np.concatenate(probabilities), np.concatenate(scores or [np.empty((0, 0))])

    def read_outputs(self, outputs: Any) -> NDArray[np.float64]:
        """Return probabilities (B, classes) of what the network gives, (B, units).

        Raises:
            ModelError: these are no probabilities.
        """
        part = _check_probabilities(np.asarray(outputs, dtype=np.float64), self.is_exclusive)
        return np.hstack([1 - part, part]) if part.shape[1] == 1 else part


_GREY_SCALES: tuple[InputScale, ...] = ("0..255", "0..1", "-1..1")


def _check_probabilities(outputs: NDArray[np.float64], is_exclusive: bool) -> NDArray[np.float64]:
    """Return outputs (B, units) without what rounding adds to probabilities. Raises ModelError."""
    if not np.isfinite(outputs).all():
        raise ModelError(
            "The model outputs NaN or infinite values for these photos. Train it again with a "
            "lower learning rate."
        )
    wrong = (np.abs(outputs - np.clip(outputs, 0, 1)) > _ROUNDING).any(axis=1)
    if is_exclusive and outputs.shape[1] > 1:
        wrong |= np.abs(outputs.sum(axis=1) - 1) > _ROUNDING
    if wrong.any():
        example = outputs[wrong][0][:_EXAMPLES]
        raise ModelError(
            "The model's outputs aren't probabilities (for example {values}). Use a model that "
            "ends in a sigmoid or softmax.",
            values=", ".join(f"{value:.4g}" for value in example),
        )
    return np.clip(outputs, 0, 1)


def scale_values(values: NDArray[np.float32], scale: InputScale) -> NDArray[np.float32]:
    """Return values of photos as a model of a scale takes them.

    Args:
        values: (N, H, W, 3) RGB, 0..255; or (N, H, W, 1), grey.
        scale: one of `model_registry.INPUT_SCALES`; "imagenet" and "bgr" are for RGB only.
    """
    if scale == "0..1":
        return values * np.float32(1 / 255)
    if scale == "-1..1":
        return values * np.float32(1 / 127.5) - np.float32(1)
    if scale == "imagenet":
        return (values * np.float32(1 / 255) - _IMAGENET_MEAN) / _IMAGENET_DEVIATION
    if scale == "bgr":
        return values[..., ::-1] - _BGR_MEAN
    return values


@dataclass(frozen=True)
class Prediction:
    """What a model says of one photo; `error` instead when it can say nothing.

    `energy` is that of `uncertainty.energy`, None where the model does not tell its scores.
    """

    file: str
    label: str = ""
    probabilities: tuple[float, ...] = ()
    energy: float | None = None
    error: CatDogError | None = None


def load_predictor(path: Path) -> Predictor:
    """Load a model as a predictor: of a file, or of a run or an imported model by its folder.

    A file that is named itself counts for what it says alone, wherever it lies.

    Raises:
        ModelError: it is no model, unsafe, or does not classify photos.
    """
    file = model_registry.find_model_file(path)
    predictor = build_predictor(
        file.name, keras_models.load_model(file), keras_models.read_metadata(file)
    )
    return predictor if Path(path).is_file() else apply_import_settings(predictor, file)


def apply_import_settings(predictor: Predictor, path: Path) -> Predictor:
    """Return the predictor with the class names and scale chosen when its file was imported.

    Args:
        predictor: of the model file.
        path: of the model file; one that is not among the imported models changes nothing.
    """
    folder = path.resolve().parent  # a user may name it from where they are
    root = model_registry.imported_models_folder()
    if folder.parent != root.resolve():
        return predictor
    imported = model_registry.find_imported_model(root / folder.name)
    if imported is None:
        return predictor
    return predictor.with_scale(imported.scale).with_classes(imported.classes)


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
    files: Iterable[tuple[str, bytes | PhotoError]],
    progress: Callable[[int], None] | None = None,
) -> list[Prediction]:
    """Predict photos by their bytes; one without an answer is reported, never fatal.

    Args:
        predictor: the model.
        files: (name, file content) of each photo, or why it could not be read.
        progress: called with the number of photos done.
    """
    rows: list[Prediction] = []
    waiting: list[tuple[int, decode.Photo]] = []  # index in rows, fitted photo

    def flush() -> None:
        photos = np.stack([photo for _, photo in waiting])
        indices = [index for index, _ in waiting]
        try:
            fill(indices, photos)
        except ModelError:  # of one photo, or of all: each has its own answer or error
            for number, index in enumerate(indices):
                try:
                    fill([index], photos[number : number + 1])
                except ModelError as error:
                    rows[index] = replace(rows[index], error=error)
        waiting.clear()

    def fill(indices: Sequence[int], photos: NDArray[np.uint8]) -> None:
        probabilities, scores = predictor.predict_with_scores(photos)
        for index, row, raw in zip(indices, probabilities, scores.tolist(), strict=True):
            rows[index] = replace(
                rows[index],
                label=predictor.classes[int(np.argmax(row))],
                probabilities=tuple(map(float, row)),
                energy=energy(raw) if raw else None,
            )

    for done, (name, data) in enumerate(files, start=1):
        rows.append(Prediction(name))
        try:
            if isinstance(data, PhotoError):
                raise data
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
    if len(shape) == 3 and None not in shape[1:]:  # grey photos; Keras drops the last side itself
        shape = (*shape, 1)
    if len(shape) == 4 and shape[1] in (1, 3) and shape[3] not in (1, 3):
        raise ModelError(
            "{name} takes photos with the color channels first: {shape}. Save the model with "
            "data_format='channels_last'.",
            name=truncate_for_display(name),
            shape=truncate_for_display(str(shape[1:])),
        )
    if len(shape) != 4 or shape[3] not in (1, 3) or len(out) != 2 or out[1] is None:
        raise ModelError(
            "{name} takes {inputs} and outputs {outputs}. Use a model that takes photos (height, "
            "width, 3 or 1) and outputs one probability, or one per class.",
            name=truncate_for_display(name),
            inputs=truncate_for_display(str([tuple(x.shape[1:]) for x in inputs])),
            outputs=truncate_for_display(str([tuple(x.shape[1:]) for x in outputs])),
        )
    height, width = model_graph.photo_size(model)
    if max(height, width) > MAX_SIDE:
        raise ModelError(
            "{name} takes photos of {width} × {height} px. Use a model for photos of at most "
            "{limit} px per side.",
            name=truncate_for_display(name),
            width=width,
            height=height,
            limit=MAX_SIDE,
        )
    _check_finite_weights(name, model)
    units = int(out[1])
    count = 2 if units == 1 else units
    names = metadata.get("classes")
    known = isinstance(names, list) and len(names) == count
    class_names = tuple(map(str, names)) if isinstance(names, list) and known else None
    input_shape = height, width, int(shape[3])
    graph = model_graph.build_model_graph(model, (height, width))
    kind = model_outputs.find_output_kind(graph, truncate_for_display(name))
    answer = _compile_forward(graph, kind, input_shape, truncate_for_display(name))
    stated = model_registry.parse_input_scale(metadata.get("scale"))
    # The lab's own models, in which it stores class names, rescale photos themselves. Names from a
    # labels.txt say nothing about the values.
    is_own = known and not metadata.get("labels_file")
    return Predictor(
        model=model,
        classes=class_names or tuple(f"p_{i}" for i in range(count)),
        input_shape=input_shape,
        names_known=known,
        input_scale=stated or ("0..255" if is_own else input_scale.find_input_scale(graph)),
        warnings=(model_outputs.OUTPUT_WARNINGS[kind],) if kind != "probabilities" else (),
        run_batch=answer.run,
        batch=answer.batch,
        units=units,
        is_exclusive=kind != "independent",
    )


def _check_finite_weights(name: str, model: Any) -> None:
    if not all(np.isfinite(np.asarray(weight)).all() for weight in model.weights):
        raise ModelError(
            "{name} has weights that are NaN or infinite because its training diverged. Train it "
            "again with a lower learning rate.",
            name=truncate_for_display(name),
        )


def _compile_forward(
    graph: ModelGraph, kind: OutputKind, input_shape: tuple[int, int, int], name: str
) -> BatchedGraph:
    """Compile the forward pass as one graph: `model.predict` has a high fixed cost a call."""
    last = graph.output_node
    part = graph.submodel([last.input_indices[0], graph.output_indices[0]])

    def forward(batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        before, result = part(batch, training=False)
        scores = model_graph.compute_logits(last.layer, before, result)
        result = model_outputs.convert_outputs(kind, result)
        return result, result[:, :0] if scores is None else scores

    return memory.compile_batched(forward, input_shape, name=name)
