"""One pass of a model over a split: every photo's probabilities, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..base.errors import CatDogError, DatasetError, ModelError
from ..data.datasets import Dataset
from ..imaging import decode
from ..imaging.decode import Photo
from ..runs import model_registry
from . import embedding, metrics, predict, predictions
from .embedding import Embedding
from .embedding_recorder import EmbeddingRecorder
from .predict import Predictor
from .predictions import PredictionTable

Progress = Callable[[int, int], None]
UnreadablePhotos = list[tuple[str, CatDogError]]


@dataclass(frozen=True)
class Evaluation:
    """A model's results on `n` photos.

    `accuracy` is a fraction, `loss` the mean cross-entropy in nats (Keras's: probabilities kept
    1e-7 away from 0 and 1). `confusion` counts photos, true classes as rows, predicted as columns,
    in the order of `classes`. `seen` is how the model sees the photos, where that was asked for.
    """

    accuracy: float
    loss: float
    n: int
    classes: tuple[str, ...]
    confusion: list[list[int]]
    table: PredictionTable
    unreadable: UnreadablePhotos
    seen: Embedding | None = None


def evaluate(
    model_or_run: Path,
    dataset: Dataset,
    split: str | None = None,
    progress: Progress | None = None,
    see: bool = False,
) -> Evaluation:
    """Ask a model about every photo of a split.

    Args:
        model_or_run: a model file or run folder.
        dataset: classes are matched with the model's by name, else by order.
        split: "train", "validation", "test"; None for all photos.
        progress: called with (photos done, photos in all).
        see: whether to find out how the model sees the photos, or a sample of them.

    Raises:
        ModelError: no usable model, or its classes are others than the dataset's.
        DatasetError: the split has no readable photo.
    """
    predictor = predict.load_predictor(model_or_run)
    watch = _make_recorder(predictor, dataset, split) if see else None
    answers, unreadable = predict_split(predictor, dataset, split, progress, watch=watch)
    table = predictions.build_prediction_table(
        dataset, split, answers, [file for file, _ in unreadable]
    )
    counts = np.zeros((len(dataset.classes), len(dataset.classes)), int)
    np.add.at(counts, (table.labels, table.probabilities.argmax(axis=1)), 1)
    return Evaluation(
        accuracy=float(counts.trace() / len(table)),
        loss=float(metrics.photo_losses(table).mean()),
        n=len(table),
        classes=dataset.classes,
        confusion=counts.tolist(),
        table=table,
        unreadable=unreadable,
        seen=watch.embedding() if watch else None,
    )


def evaluate_and_cache(
    run_dir: Path,
    load: Callable[[Path], Predictor],
    dataset: Dataset,
    split: str,
    progress: Progress | None = None,
) -> PredictionTable:
    """Ask a run's model about a split, and keep the table; what is known already is not asked.

    Where nothing is known, how the model sees the photos is kept as well: it costs no pass.

    Args:
        run_dir: a run folder with a model.
        load: gives the model of a file.
        dataset, split, progress: as for `evaluate`.

    Raises:
        CatDogError: as for `evaluate`, or the table could not be written.
    """
    model = model_registry.find_model_file(run_dir)
    digest = predictions.digest_model(
        model
    )  # before it is loaded: a newer one makes the table stale
    stored = predictions.read_predictions(run_dir, dataset, split)
    known = dict(stored.answers or {})
    predictor = load(model)
    watch = None if known else _make_recorder(predictor, dataset, split)
    answers, unreadable = predict_split(predictor, dataset, split, progress, known, watch)
    table = predictions.build_prediction_table(
        dataset,
        split,
        {**known, **answers},
        [*stored.unreadable, *(file for file, _ in unreadable)],
    )
    predictions.write_predictions(run_dir, dataset, split, table, digest)
    seen = watch.embedding() if watch else None
    if seen is not None:
        embedding.write_embedding(run_dir, dataset, split, seen, digest)
    return table


def compute_embeddings(
    run_dir: Path,
    load: Callable[[Path], Predictor],
    dataset: Dataset,
    split: str,
    progress: Progress | None = None,
) -> None:
    """Find out and keep how a run's model sees the photos of a split, or a sample of them.

    Args:
        run_dir, load, dataset, split, progress: as for `evaluate_and_cache`.

    Raises:
        CatDogError: as for `evaluate_and_cache`.
    """
    model = model_registry.find_model_file(run_dir)
    digest = predictions.digest_model(model)
    predictor = load(model)
    wanted = _sample_split(dataset, split)
    watch = EmbeddingRecorder(predictor, wanted)
    rest = {item.file for item in dataset.items(split)} - set(wanted)
    predict_split(predictor, dataset, split, progress, rest, watch)
    seen = watch.embedding()
    if seen is None:
        raise ModelError(
            "The model gives values that are no numbers for these photos. Expected finite ones."
            " Train it again with a lower learning rate."
        )
    embedding.write_embedding(run_dir, dataset, split, seen, digest)


def predict_split(
    predictor: Predictor,
    dataset: Dataset,
    split: str | None = None,
    progress: Progress | None = None,
    known: Collection[str] = (),
    watch: EmbeddingRecorder | None = None,
) -> tuple[dict[str, NDArray[np.float64]], UnreadablePhotos]:
    """A model's probabilities by file, in the dataset's order of classes, and the photos it cannot
    be asked about.

    Args:
        predictor: the model.
        dataset, split, progress: as for `evaluate`.
        known: files it need not be asked about.
        watch: takes along how this model sees the photos.

    Raises:
        ModelError, DatasetError: as for `evaluate`.
    """
    columns = _match_columns(predictor, dataset)
    active_predictor = watch.predictor if watch else predictor
    items = [item for item in dataset.items(split) if item.file not in known]
    answers: dict[str, NDArray[np.float64]] = {}
    unreadable: UnreadablePhotos = []
    waiting: dict[str, Photo] = {}
    photos = decode.load_photos([item.path for item in items], predictor.size)
    for number, (item, photo) in enumerate(zip(items, photos, strict=True), start=1):
        if isinstance(photo, CatDogError):
            unreadable.append((item.file, photo))
        else:
            waiting[item.file] = photo
        if waiting and (len(waiting) == active_predictor.batch or number == len(items)):
            probabilities = active_predictor.predict(np.stack(list(waiting.values())))[:, columns]
            if watch:
                watch.take(list(waiting), list(waiting.values()))
            answers |= zip(waiting, probabilities, strict=True)
            waiting.clear()
            if progress:
                progress(number, len(items))
    if not answers and not known:
        raise DatasetError(
            "'{name}' has no readable photo in {split}. Expected at least one to evaluate on.",
            name=dataset.name,
            split=split or "any split",
        )
    return answers, unreadable


def _sample_split(dataset: Dataset, split: str | None) -> list[str]:
    return embedding.sample_files([item.file for item in dataset.items(split)])


def _make_recorder(
    predictor: Predictor, dataset: Dataset, split: str | None
) -> EmbeddingRecorder | None:
    """What takes along how a model sees photos; None where the network does not let it."""
    try:
        return EmbeddingRecorder(predictor, _sample_split(dataset, split))
    except ModelError:
        return None


def _match_columns(predictor: Predictor, dataset: Dataset) -> list[int]:
    """For each class of the dataset, the model's output column."""
    if set(predictor.classes) == set(dataset.classes):
        return [predictor.classes.index(name) for name in dataset.classes]
    if not predictor.names_known and len(predictor.classes) == len(dataset.classes):
        return list(range(len(dataset.classes)))
    raise ModelError(
        "The model knows {model}, the dataset holds {dataset}. Expected the same classes. Choose"
        " the dataset the model was trained for, or rename its folders.",
        model=", ".join(predictor.classes),
        dataset=", ".join(dataset.classes),
    )
