"""A few steps of a training that is not started yet, to tell how it would go.

They are taken in a subprocess, which this module is, too: a training leaves its traces in the
process it runs in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, TypedDict

from ..base import library_output, subprocess_jobs
from ..base.errors import N_, CatDogError
from ..config import Augmentation, Training
from ..data.datasets import Dataset
from ..models import backbones
from ..runs import run_folder
from . import lr_finder

ProbeKind = Literal["rates", "speed"]


class ProbeEvent(TypedDict, total=False):
    """What the subprocess reports: a phase, a rate that was tried, or at last the seconds."""

    phase: str
    done: int
    total: int
    rate: float
    loss: float
    step: float
    validation: float
    start: float
    heartbeat: int


class _ProbeRequest(TypedDict):
    kind: ProbeKind
    dataset: str
    fingerprint: str
    training: dict[str, Any]
    augmentation: dict[str, Any] | None


OnProbeEvent = Callable[[ProbeEvent], None]
"""Called with each phase and each rate that was tried. What it raises ends the trial."""
_PROCESS_START = time.monotonic()
_WARMUP_STEPS = 2  # steps before the clock counts: the first ones build the graph
_MAX_SECONDS = 6.0  # of timed steps, at most
_MAX_STEPS = 30  # of them, at most


@dataclass(frozen=True)
class Speed:
    """What was timed: seconds of one training step, of one validation batch, and before them.

    `start` is the time until the first step could be taken, photos prepared and TensorFlow loaded.
    """

    step: float
    validation: float
    start: float


def probe_learning_rates(
    dataset: Dataset, training: Training, augmentation: Augmentation | None, on_event: OnProbeEvent
) -> lr_finder.RateSuggestion:
    """Measure losses over up to `lr_finder.STEPS` steps of rising learning rate.

    Raises:
        CatDogError: the network cannot be built or fed, or no rate can be told.
    """
    points: list[tuple[float, float]] = []

    def note(event: ProbeEvent) -> None:
        if "rate" in event:
            points.append((float(event["rate"]), float(event["loss"])))
        on_event(event)

    _run_probe("rates", dataset, training, augmentation, note)
    return lr_finder.suggest_rate(points)


def probe_speed(
    dataset: Dataset, training: Training, augmentation: Augmentation | None, on_event: OnProbeEvent
) -> Speed:
    """Time a few steps. Raises CatDogError as `probe_learning_rates`."""
    seconds: Speed | None = None

    def note(event: ProbeEvent) -> None:
        nonlocal seconds
        if "step" in event:
            seconds = Speed(event["step"], event["validation"], event["start"])
        on_event(event)

    _run_probe("speed", dataset, training, augmentation, note)
    if seconds is None:
        raise CatDogError("The training couldn't be timed. Try again.")
    return seconds


def _run_probe(
    kind: ProbeKind,
    dataset: Dataset,
    training: Training,
    augmentation: Augmentation | None,
    on_event: OnProbeEvent,
) -> None:
    if training.model == backbones.TRANSFER:
        raise CatDogError(
            "'transfer' looks at the photos only once, so there are no steps to time. Start it. "
            "It takes about a minute."
        )
    request: _ProbeRequest = {
        "kind": kind,
        "dataset": dataset.id,
        "fingerprint": dataset.fingerprint,
        "training": training.model_dump(),
        "augmentation": augmentation.model_dump() if augmentation else None,
    }

    def tell_progress(event: ProbeEvent) -> None:
        if "heartbeat" not in event:
            on_event(event)

    subprocess_jobs.run_subprocess(
        "catdog_core.training.speed_probe", request, tell_progress, _NO_ANSWER
    )


_NO_ANSWER = N_(
    "The test ended without giving a reason, possibly because memory ran out. Choose a smaller "
    "batch or image size, or close other programs, then try again."
)


def _handle_request(request: _ProbeRequest) -> None:
    """Do what `_run_probe` asks for, in the subprocess."""
    subprocess_jobs.emit(phase="starting", done=0, total=0)
    library_output.import_tensorflow()
    trial = _Probe(request)
    if request["kind"] == "rates":
        trial.rates()
    else:
        trial.speed()


class _Probe:
    """A training set up as the worker would, and not kept."""

    def __init__(self, request: _ProbeRequest) -> None:
        from ..base.field_specs import parse_settings
        from ..data import datasets
        from ..models import keras_models
        from ..storage import tfrecord
        from . import optimizers, pipeline

        training = self.training = parse_settings(Training, request["training"])
        changes = request["augmentation"]
        augmentation = parse_settings(Augmentation, changes) if changes else None
        dataset = datasets.load_dataset_as_of(request["dataset"], request["fingerprint"])
        packed = tfrecord.pack_to_cache(
            dataset, training.image_size, _emit_packing, run_folder.fingerprints_in_use()
        )
        photos, checked = (
            tfrecord.load_split(packed, "train"),
            tfrecord.load_split(packed, "validation"),
        )
        if training.train_photos:
            chosen = dataset.subset(training.train_photos, training.seed).items("train")
            photos = pipeline.subset_by_files(photos, {item.file for item in chosen})
        mixes = augmentation is not None and augmentation.mixes
        shares, classes = mixes or training.label_smoothing > 0, len(dataset.classes)
        self.precision = optimizers.precision_policy(training)
        self.precision.__enter__()  # for the rest of this process
        self.model = keras_models.build_initialized(training, dataset.classes)
        keras_models.compile_for_training(self.model, optimizers.build_optimizer(training), shares)
        self.batches: Iterator[Any] = iter(
            pipeline.training_batches(
                photos,
                augmentation,
                batch_size=training.batch_size,
                seed=training.seed,
                first_step=0,
                last_step=10_000,
                classes=classes,
                label_smoothing=training.label_smoothing,
                balanced=training.class_weights,
            )
        )
        self.validation = pipeline.eval_batches(
            checked, training.batch_size, classes=classes, shares=shares
        )

    def step(self) -> float:
        """Take one step and return the loss of its batch."""
        self.model.reset_metrics()
        return float(self.model.train_on_batch(*next(self.batches), return_dict=True)["loss"])

    def rates(self) -> None:
        """Raise the learning rate step by step and emit the losses."""
        losses: list[float] = []
        for number in range(lr_finder.STEPS):
            rate = lr_finder.rate_at(number)
            self.model.optimizer.learning_rate = rate
            losses.append(self.step())
            subprocess_jobs.emit(rate=rate, loss=losses[-1], done=number + 1, total=lr_finder.STEPS)
            if lr_finder.has_diverged(losses):
                break

    def speed(self) -> None:
        """Time training steps and validation batches, and emit the seconds."""
        subprocess_jobs.emit(phase="timing", done=0, total=0)
        for _ in range(_WARMUP_STEPS):
            self.step()
        start = time.monotonic() - _PROCESS_START
        step = _time_calls(lambda _: self.step(), range(_MAX_STEPS))
        validation_batches = list(islice(self.validation, _WARMUP_STEPS + 5))
        for batch in validation_batches[:_WARMUP_STEPS]:
            self.model.test_on_batch(*batch)
        validation = _time_calls(lambda batch: self.model.test_on_batch(*batch), validation_batches)
        subprocess_jobs.emit(step=step, validation=validation, start=start)


def _time_calls(work: Any, over: Any) -> float:
    """Return the seconds `work` takes for one item of `over`, timed for up to `_MAX_SECONDS`."""
    begun, done = time.monotonic(), 0
    for item in over:
        work(item)
        done += 1
        if time.monotonic() - begun > _MAX_SECONDS:
            break
    return (time.monotonic() - begun) / max(done, 1)


def _emit_packing(done: int, total: int) -> None:
    subprocess_jobs.emit(phase="packing", done=done, total=total)


if __name__ == "__main__":
    subprocess_jobs.handle_request(_handle_request)
