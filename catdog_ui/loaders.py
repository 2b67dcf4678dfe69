"""The only imports of TensorFlow by the pages: it loads when a model is needed.

`loaded_models` keeps the models, so that every session and the API share them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit import runtime

from catdog_core import runs
from catdog_core.base import files
from catdog_core.base.errors import CatDogError, PhotoError
from catdog_core.base.jobs import Job
from catdog_core.base.messages import Message
from catdog_core.data import piles
from catdog_core.data.datasets import Dataset
from catdog_core.imaging.decode import Photo
from catdog_core.models import model_sandbox
from catdog_core.runs import RunRecord, model_registry
from catdog_core.server import loaded_models
from catdog_core.storage import shard_cache, shard_index

from .i18n import N_, t

if TYPE_CHECKING:
    from catdog_core.analysis.label_errors import LabelErrors, Suspect
    from catdog_core.analysis.predict import Prediction, Predictor
    from catdog_core.analysis.scale_check import ScaleAnswers
    from catdog_core.analysis.similar_photos import SimilarPhoto
    from catdog_core.augmentation.photo_changes import ChangeName
    from catdog_core.learn.planted_errors import PlantedErrors
    from catdog_core.training.loading_benchmark import BenchmarkProgress, ReaderResult


_HEAT_BATCH = 4


def load_predictor(path: Path) -> Predictor:
    """Return the model of a file, ready to predict; loaded once while the file is the same.

    Raises:
        ModelError: the file is no usable model.
    """
    with st.spinner(t("Loading the model. The first time takes a few seconds…")):
        return loaded_models.load_model(path)


def load_uploaded_model(data: bytes, name: str) -> Predictor:
    """Return the model of an uploaded file; its content tells the format.

    Raises:
        ModelError: the file is no usable model.
    """
    words = t("Checking and loading the model…")
    if model_sandbox.is_check_running():
        words = t("Checking another model. This one is next…")
    with st.spinner(words):
        return loaded_models.load_model_bytes(data, name)


def predict_photos(
    model: Predictor, photos: Sequence[tuple[str, bytes]], job: Job
) -> list[Prediction]:
    """Predict photos given as (name, file bytes), in their order; of some only when stopped."""
    from catdog_core.analysis import predict

    rows: list[Prediction] = []
    while len(rows) < len(photos) and not job.stopped():
        job.tell("", len(rows), len(photos))
        rows += predict.predict_photos(model, photos[len(rows) : len(rows) + model.batch])
    return rows


def compare_scales(
    model: Predictor, photos: Sequence[Photo], labels: Sequence[int] | None
) -> list[ScaleAnswers]:
    """Return what a model answers to fitted photos (H, W, 3) with each scale of values."""
    from catdog_core.analysis import scale_check

    return scale_check.compare_scales(model, np.stack(photos), labels)


def find_unlike_photos(
    run: RunRecord, model: Predictor, photos: Sequence[Photo], job: Job
) -> list[bool]:
    """Return whether each fitted photo is unlike a run's training photos; empty if unknown."""
    from catdog_core.analysis import photo_distance

    training = photo_distance.load_training_features(run)
    return [] if training is None else photo_distance.find_unlike(model, photos, training)


def find_label_errors(dataset: Dataset, job: Job) -> LabelErrors:
    """Judge the labels of a dataset; tells the job its progress.

    Raises:
        CatDogError: the job was stopped, or the dataset has too few photos.
    """
    loaded_models.wait_for_preload()
    from catdog_core.analysis import label_errors

    return label_errors.find_label_errors(dataset, progress=_pass_progress(job))


def list_suspects(dataset: Dataset, found: LabelErrors) -> list[Suspect]:
    """Return the suspects of an earlier check that nobody has decided about since.

    Args:
        dataset: as it is now.
        found: of it, perhaps before some edits.
    """
    from catdog_core.analysis import label_errors

    labels = {item.file: item.label for item in dataset.items()}
    return [
        suspect
        for suspect in found.suspects
        if labels.get(suspect.item.file) == suspect.item.label
        and not label_errors.is_dismissed(dataset, suspect.item.file, suspect.kind)
    ]


def prepare_similar(dataset: Dataset, job: Job) -> bool:
    """Compute the features by which photos of a dataset are compared; tells the job its progress.

    Raises:
        CatDogError: the job was stopped, or no photo can be read.
    """
    loaded_models.wait_for_preload()
    from catdog_core.analysis import similar_photos

    similar_photos.load_photo_features(dataset, _pass_progress(job))
    return True


def find_similar(
    dataset: Dataset, photo: str | bytes, labels: Sequence[Sequence[int] | None], count: int
) -> list[list[SimilarPhoto]]:
    """Return the photos of a dataset most like one photo, for each choice of classes.

    Args:
        dataset: its features are known, see `prepare_similar`.
        photo: a name in it, or the content of a photo file.
        labels: of the classes that count; None for all.
        count: how many at most.

    Raises:
        CatDogError: the photo can't be read, or isn't in the dataset.
    """
    loaded_models.wait_for_preload()
    from catdog_core.analysis import similar_photos

    known = similar_photos.load_photo_features(dataset)
    return [similar_photos.find_similar(known, photo, count, each) for each in labels]


def describe_similar(
    similar: Sequence[SimilarPhoto], classes: Sequence[str], split: str = ""
) -> list[Message]:
    """Return what the photos most like one photo tell about it."""
    from catdog_core.analysis import similar_photos

    return similar_photos.describe_similar(similar, classes, split)


def describe_label_errors(found: LabelErrors) -> list[Message]:
    """Return what was found in the labels of a dataset, in sentences."""
    from catdog_core.analysis import label_errors

    return label_errors.describe_label_errors(found)


def plant_errors(dataset: Dataset, seed: int, job: Job) -> PlantedErrors:
    """Play a round of the game with wrong labels; tells the job its progress.

    Raises:
        CatDogError: the job was stopped, or there are too few photos.
    """
    loaded_models.wait_for_preload()
    from catdog_core.analysis import similar_photos
    from catdog_core.learn import planted_errors

    known = similar_photos.load_photo_features(dataset, _pass_progress(job))
    return planted_errors.plant_errors(known, seed)


def compute_heat_maps(
    model: Predictor, photos: Sequence[Photo], labels: Sequence[int], job: Job
) -> NDArray[np.float32]:
    """Return heat maps (N, H, W) of fitted photos (H, W, 3), for one class each.

    Of some of the photos only when stopped.

    Raises:
        ModelError: the network keeps no places.
    """
    from catdog_core.analysis import gradcam

    parts = [np.empty((0, *model.size), np.float32)]
    for start in range(0, len(photos), _HEAT_BATCH):
        if job.stopped():
            break
        job.tell("", start, len(photos))
        part = slice(start, start + _HEAT_BATCH)
        parts.append(gradcam.heat_maps(model, np.stack(photos[part]), labels[part]))
    return np.concatenate(parts)


def predictions_csv(rows: Sequence[Prediction], classes: Sequence[str]) -> str:
    """Return predictions as CSV for a spreadsheet, in which nothing would run."""
    from catdog_core.analysis import predict

    return predict.predictions_to_csv(list(rows), tuple(classes), for_spreadsheet=True)


def export_h5(run_dir: Path) -> bytes:
    """Return the best model of a run in the format of the class notes."""
    loaded_models.wait_for_preload()
    from catdog_core import export

    with files.temporary_folder("export") as folder:
        return export.export_in_process(run_dir, "h5", folder / "model.h5").read_bytes()


@dataclass(frozen=True)
class PackedPhotos:
    """What a packing came to: photos, files, bytes, those left out with the reason, the folder.

    `verified`: the shards were there already, and their checksums were compared.
    `repaired`: the files of these that were damaged or missing.
    """

    photos: int
    shards: int
    bytes: int
    left_out: list[tuple[str, PhotoError]]
    folder: Path
    verified: bool
    repaired: tuple[str, ...] = ()


def pack_dataset(dataset: Dataset, size: int, job: Job) -> PackedPhotos:
    """Keep a dataset as shards in the cache, or verify those there; tells the job its progress."""
    loaded_models.wait_for_preload()
    from catdog_core.storage import tfrecord

    folder = shard_cache.packed_folder(dataset.fingerprint, size)
    there = (folder / "index.json").is_file()

    def progress(done: int, total: int) -> None:
        job.tell("", done, total)
        if job.stopped():
            raise CatDogError("Packing was stopped. Start it again to continue from there.")

    repaired: tuple[str, ...] = ()
    if there and shard_index.has_index_of(folder, dataset, size):
        repaired = tfrecord.pack_dataset(dataset, folder, size, progress).repaired
    elif there:  # then all of it is packed anew
        repaired = ("index.json",)
    packed = tfrecord.pack_to_cache(dataset, size, progress, runs.fingerprints_in_use())
    return PackedPhotos(
        photos=sum(packed.counts.values()),
        shards=packed.shards,
        bytes=packed.bytes,
        left_out=list(packed.unreadable),
        folder=packed.path,
        verified=there,
        repaired=repaired,
    )


def run_loading_benchmark(dataset: Dataset, job: Job) -> list[ReaderResult]:
    """Run the loading benchmark; its progress is the job's result until it ends."""
    loaded_models.wait_for_preload()
    from catdog_core.training import loading_benchmark

    loaded_models.freeze_gc()

    def progress(standing: BenchmarkProgress) -> None:
        job.result = standing
        if job.stopped():
            raise CatDogError("The loading benchmark was stopped.")

    return loading_benchmark.run_loading_benchmark(dataset, on_progress=progress)


def evaluate_run(
    run_dir: Path,
    dataset: Dataset,
    split: str,
    job: Job,
    mapping: Mapping[str, str] | None = None,
) -> None:
    """Ask a run's model about a split and keep the table; tells the job its progress.

    `mapping` holds classes of the dataset by the model's names, where these don't match.
    """
    loaded_models.wait_for_preload()
    from catdog_core.analysis import evaluate

    evaluate.evaluate_and_cache(
        run_dir, loaded_models.load_model, dataset, split, _pass_progress(job), mapping
    )


def compute_run_embeddings(run_dir: Path, dataset: Dataset, split: str, job: Job) -> None:
    """Find out how a run's model sees a split and keep it; tells the job its progress."""
    loaded_models.wait_for_preload()
    from catdog_core.analysis import evaluate

    evaluate.compute_embeddings(
        run_dir, loaded_models.load_model, dataset, split, _pass_progress(job)
    )


def measure_robustness(
    run_dirs: Sequence[Path],
    dataset: Dataset,
    split: str,
    change: ChangeName,
    job: Job,
    mapping: Mapping[str, str] | None = None,
) -> None:
    """Measure runs' models under one change and keep the curves; tells the job its progress.

    `mapping` holds classes of the dataset by the models' names, where these don't match.
    """
    loaded_models.wait_for_preload()
    from catdog_core.analysis import robustness

    subjects = [
        robustness.make_subject(
            loaded_models.load_model(model_registry.find_model_file(folder)),
            dataset,
            folder,
            mapping,
        )
        for folder in run_dirs
    ]
    progress = _pass_progress(job, N_("Stopped. The strengths measured so far are kept."))
    for _ in robustness.measure_robustness(subjects, dataset, split, change, progress=progress):
        pass


def look_at_pile(pile_id: str, run: RunRecord | None, names: Sequence[str], job: Job) -> None:
    """Look at a pile's photos, and make the first guesses of a model's predictions.

    Args:
        pile_id: of the pile.
        run: whose model predicts, and whose classes the pile gets; None for no model.
        names: the pile's classes where there is none; empty for groups, which get names later.
        job: learns the progress.
    """
    loaded_models.wait_for_preload()
    from catdog_core.analysis import pile_features, sorting

    model = run.best_model if run is not None else None
    predictor = loaded_models.load_model(model) if model is not None else None
    classes = predictor.classes if predictor else tuple(names)
    pile = piles.load_pile(pile_id)
    seen = pile_features.look_at_pile(pile, predictor, _pass_progress(job))
    if classes:
        pile = piles.set_classes(pile_id, classes, run.id if run is not None else "")
        sorting.write_guesses(pile_id, sorting.first_guesses(seen, pile))


def _pass_progress(
    job: Job, stopped: str = N_("Stopped before all photos were done. No results were kept.")
) -> Callable[[int, int], None]:
    """Tells a job how far a pass over photos is, and ends it when it was asked to stop."""

    def progress(done: int, total: int) -> None:
        job.tell("", done, total)
        if job.stopped():
            raise CatDogError(stopped)

    return progress


def download_stem(run: RunRecord) -> str:
    """Return the name a run's files are downloaded by, without extension."""
    return files.slugify(run.name or run.id)


_PRELOAD_DELAY = 0.5
"""Seconds for the page whose script has just ended to reach the browser."""


def begin_preload() -> None:
    """Begin to load, once in the life of a server; called at the end of a page's script."""
    if preload_wanted():
        loaded_models.begin_preload(_PRELOAD_DELAY)


def preload_wanted() -> bool:
    """Return whether this is a real server that was not told otherwise; no test's stand-in."""
    if os.environ.get("CATDOG_WARM_UP") == "0" or not runtime.exists():
        return False
    return type(runtime.get_instance()) is runtime.Runtime
