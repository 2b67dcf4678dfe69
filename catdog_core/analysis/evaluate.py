"""One pass of a model over a split: every photo's probabilities, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..base.errors import N_, CatDogError, DatasetError, ModelError, Term
from ..data.datasets import Dataset
from ..imaging import decode
from ..imaging.decode import Photo
from ..runs import model_registry
from . import class_matching, embedding, metrics, predict, predictions
from .class_matching import ClassMatch
from .embedding import Embedding
from .embedding_recorder import EmbeddingRecorder
from .predict import Predictor
from .predictions import PredictionTable

Progress = Callable[[int, int], None]
UnreadablePhotos = list[tuple[str, CatDogError]]


@dataclass(frozen=True)
class Evaluation:
    """A model's results on the photos of a split.

    Attributes:
        accuracy: right answers of all, a fraction.
        loss: mean cross-entropy in nats, as Keras counts it: with probabilities kept 1e-7 away
            from 0 and 1.
        n: photos that could be read.
        classes: their names, in the order of the dataset's labels.
        confusion: counts of photos, true classes as rows, predicted classes as columns.
        table: the probabilities of each photo.
        unreadable: files that could not be read, each with the reason.
        embedding: what the last layer gets of each photo, where that was asked for.
    """

    accuracy: float
    loss: float
    n: int
    classes: tuple[str, ...]
    confusion: list[list[int]]
    table: PredictionTable
    unreadable: UnreadablePhotos
    embedding: Embedding | None = None


def evaluate(
    model_or_run: Path | Predictor,
    dataset: Dataset,
    split: str | None = None,
    progress: Progress | None = None,
    with_embedding: bool = False,
    mapping: Mapping[str, str] | None = None,
) -> Evaluation:
    """Evaluate a model on every photo of a split.

    Args:
        model_or_run: a model file or run folder, or its model.
        dataset: its classes are matched with the model's as `class_matching.match_classes` does.
        split: "train", "validation", "test"; None for all photos.
        progress: called with (photos done, photos in all).
        with_embedding: whether to record what the last layer gets of the photos, or a sample.
        mapping: classes of the dataset by the model's names, where these don't match.

    Raises:
        ModelError: no usable model, or its classes are others than the dataset's.
        DatasetError: the split has no readable photo.
    """
    if isinstance(model_or_run, Predictor):
        predictor = model_or_run
    else:
        predictor = predict.load_predictor(model_or_run)
    match = match_dataset(predictor, dataset, mapping)
    recorder = _make_recorder(predictor, dataset, split) if with_embedding else None
    answers, unreadable = predict_split(
        predictor, dataset, match, split, progress, recorder=recorder
    )
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
        embedding=recorder.build_embedding() if recorder else None,
    )


def evaluate_and_cache(
    run_dir: Path,
    load: Callable[[Path], Predictor],
    dataset: Dataset,
    split: str,
    progress: Progress | None = None,
    mapping: Mapping[str, str] | None = None,
) -> PredictionTable:
    """Evaluate a run's model on a split, and store the table; what is known is not computed anew.

    Where nothing is known, how the model sees the photos is kept as well: it costs no pass.

    Args:
        run_dir: a run folder with a model.
        load: gives the model of a file.
        dataset, split, progress, mapping: as for `evaluate`.

    Raises:
        CatDogError: as for `evaluate`, or the table could not be written.
    """
    model = model_registry.find_model_file(run_dir)
    digest = predictions.digest_model(
        model
    )  # before it is loaded: a newer one makes the table stale
    predictor = predict.apply_import_settings(load(model), model)
    match = match_dataset(predictor, dataset, mapping)
    stored = predictions.read_predictions(run_dir, dataset, split, match.outputs)
    known = dict(stored.answers or {})
    recorder = None if known else _make_recorder(predictor, dataset, split)
    answers, unreadable = predict_split(predictor, dataset, match, split, progress, known, recorder)
    table = predictions.build_prediction_table(
        dataset,
        split,
        {**known, **answers},
        [*stored.unreadable, *(file for file, _ in unreadable)],
    )
    predictions.write_predictions(run_dir, dataset, split, table, digest, match.outputs)
    recorded = recorder.build_embedding() if recorder else None
    if recorded is not None:
        embedding.write_embedding(run_dir, dataset, split, recorded, digest)
    return table


def compute_embeddings(
    run_dir: Path,
    load: Callable[[Path], Predictor],
    dataset: Dataset,
    split: str,
    progress: Progress | None = None,
) -> None:
    """Compute and store the embedding of a split, or a sample of it, by a run's model.

    Args:
        run_dir, load, dataset, split, progress: as for `evaluate_and_cache`.

    Raises:
        CatDogError: as for `evaluate_and_cache`.
    """
    model = model_registry.find_model_file(run_dir)
    digest = predictions.digest_model(model)
    predictor = predict.apply_import_settings(load(model), model)
    wanted = _sample_split(dataset, split)
    recorder = EmbeddingRecorder(predictor, wanted)
    rest = {item.file for item in dataset.items(split)} - set(wanted)
    predict_split(predictor, dataset, None, split, progress, rest, recorder)
    recorded = recorder.build_embedding()
    if recorded is None:
        raise ModelError(
            "The model outputs NaN or infinite values for these photos. Train it again with a "
            "lower learning rate."
        )
    embedding.write_embedding(run_dir, dataset, split, recorded, digest)


def predict_split(
    predictor: Predictor,
    dataset: Dataset,
    match: ClassMatch | None,
    split: str | None = None,
    progress: Progress | None = None,
    known: Collection[str] = (),
    recorder: EmbeddingRecorder | None = None,
) -> tuple[dict[str, NDArray[np.float64]], UnreadablePhotos]:
    """Predict a split: probabilities by file, in the dataset's class order, and unreadable photos.

    Args:
        predictor: the model.
        match: its classes and the dataset's; without one the order is the model's.
        dataset, split, progress: as for `evaluate`.
        known: files it need not be asked about.
        recorder: of this model; records what its last layer gets of the photos.

    Raises:
        ModelError, DatasetError: as for `evaluate`.
    """
    asked_predictor = recorder.predictor if recorder else predictor
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
        if waiting and (len(waiting) == asked_predictor.batch or number == len(items)):
            probabilities = asked_predictor.predict(np.stack(list(waiting.values())))
            if match is not None:
                probabilities = probabilities[:, list(match.columns)]
            if recorder:
                recorder.record(list(waiting), list(waiting.values()))
            answers |= zip(waiting, probabilities, strict=True)
            waiting.clear()
            if progress:
                progress(number, len(items))
    if not answers and not known:
        raise DatasetError(
            "'{name}' has no readable photos in {split}. Add at least one to evaluate.",
            name=dataset.name,
            split=Term(split or N_("any split")),
        )
    return answers, unreadable


def _sample_split(dataset: Dataset, split: str | None) -> list[str]:
    return embedding.sample_files([item.file for item in dataset.items(split)])


def _make_recorder(
    predictor: Predictor, dataset: Dataset, split: str | None
) -> EmbeddingRecorder | None:
    """Return a recorder of what the last layer gets; None where the network does not allow it."""
    try:
        return EmbeddingRecorder(predictor, _sample_split(dataset, split))
    except ModelError:
        return None


def match_dataset(
    predictor: Predictor, dataset: Dataset, mapping: Mapping[str, str] | None = None
) -> ClassMatch:
    """Match a model's classes with a dataset's, as `class_matching.match_classes` does."""
    return class_matching.match_classes(
        predictor.classes, dataset.classes, predictor.names_known, mapping
    )
