"""The process behind `trial`: a few steps of a training, told by lines of JSON on stdout."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

from .. import child

STARTED = time.monotonic()
_WARM = 2  # steps before the clock counts: the first ones build the graph
_SECONDS = 6.0  # of timed steps, at most
_STEPS = 30  # of them, at most


def main() -> None:
    """Do what standard input asks for."""
    from .. import quiet
    from ..errors import CatDogError

    child.end_with_parent()
    asked = json.load(sys.stdin)
    child.say(phase="starting", done=0, total=0)
    quiet.import_tensorflow()
    try:
        trial = _Trial(asked)
        (trial.rates if asked["kind"] == "rates" else trial.speed)()
    except CatDogError as error:
        child.say_error(error)


class _Trial:
    """A training set up as the worker would, and not kept."""

    def __init__(self, asked: dict[str, Any]) -> None:
        from .. import datasets, models, pipeline, records
        from ..controls import parse
        from ..settings import Augmentation, Training
        from . import optimizers, part

        training = self.training = parse(Training, asked["training"])
        changes = asked["augmentation"]
        augmentation = parse(Augmentation, changes) if changes else None
        dataset = datasets.as_of(asked["dataset"], asked["fingerprint"])
        packed = records.cached(dataset, training.image_size, _packing)
        photos, checked = records.load(packed, "train"), records.load(packed, "validation")
        if training.train_photos:
            chosen = dataset.subset(training.train_photos, training.seed).items("train")
            photos = part.of(photos, {item.file for item in chosen})
        mixes = augmentation is not None and augmentation.mixes
        shares, classes = mixes or training.label_smoothing > 0, len(dataset.classes)
        self.precision = optimizers.precision(training)
        self.precision.__enter__()  # for the rest of this process
        self.model = models.fresh(training, dataset.classes)
        models.compile_for_training(self.model, optimizers.make(training), shares)
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
        self.validation = pipeline.plain_batches(
            checked, training.batch_size, classes=classes, shares=shares
        )

    def step(self) -> float:
        """Take one step and return the loss of its batch."""
        self.model.reset_metrics()
        return float(self.model.train_on_batch(*next(self.batches), return_dict=True)["loss"])

    def rates(self) -> None:
        """Raise the learning rate step by step and tell the losses."""
        from . import lr_finder

        losses: list[float] = []
        for number in range(lr_finder.STEPS):
            rate = lr_finder.rate_at(number)
            self.model.optimizer.learning_rate = rate
            losses.append(self.step())
            child.say(rate=rate, loss=losses[-1], done=number + 1, total=lr_finder.STEPS)
            if lr_finder.is_over(losses):
                break

    def speed(self) -> None:
        """Time steps and validation batches, and tell."""
        child.say(phase="timing", done=0, total=0)
        for _ in range(_WARM):
            self.step()
        start = time.monotonic() - STARTED
        step = _timed(lambda _: self.step(), range(_STEPS))
        whole = list(islice(self.validation, _WARM + 5))
        for batch in whole[:_WARM]:
            self.model.test_on_batch(*batch)
        validation = _timed(lambda batch: self.model.test_on_batch(*batch), whole)
        child.say(step=step, validation=validation, start=start)


def _timed(work: Any, over: Any) -> float:
    """Seconds that `work` takes for one of `over`, until `_SECONDS` have gone by."""
    begun, done = time.monotonic(), 0
    for item in over:
        work(item)
        done += 1
        if time.monotonic() - begun > _SECONDS:
            break
    return (time.monotonic() - begun) / max(done, 1)


def _packing(done: int, total: int) -> None:
    child.say(phase="packing", done=done, total=total)


if __name__ == "__main__":
    main()
