"""Micro-batching: photos that wait for the same model at the same moment go through it together.

A photo that comes while a worker of the model is idle starts at once. Those that come while all
compute wait, and make the next batches. So nobody waits for a batch to fill, and batches grow with
the load. Each photo has a future of its own: one that the model cannot answer fails alone.

Batches stay small, and two go at once: on busy cores the threads of one large batch wait for each
other in every layer. With 20 programs at load 18 on 2 cores, two batches of 2 at once gave 38
predictions a second of the built-in model, two of 4 gave 18 to 35, and one of 8 fewer.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..base.errors import N_, CatDogError, ModelError

if TYPE_CHECKING:
    from ..analysis.predict import Predictor
    from ..imaging.decode import Photo


_BUSY = N_("The lab is busy with other predictions. Try again in a minute.")


class BusyError(ModelError):
    """Too many photos wait, or one waited too long."""

    def __init__(self) -> None:
        super().__init__(_BUSY)


MAX_WAITING_BYTES = 200_000_000
"""Bytes of the photos that wait for all models together: 800 of 288 pixels."""
_BATCH = 2
"""Photos that go through a model at once, at most."""
_WORKERS = min(2, os.cpu_count() or 1)
"""Batches of a model in this process that are computed at once."""
_IDLE_SECONDS = 10.0
"""Seconds without a photo after which the thread of a model ends."""

Compute = Callable[[Sequence["Photo"]], Sequence[Any]]
"""Gives a result for each of some photos."""


def predict(predictor: Predictor, photo: Photo) -> Future[tuple[NDArray[Any], NDArray[Any]]]:
    """Predict a fitted photo (H, W, 3); the future gives probabilities (classes,) and scores.

    Raises:
        BusyError: too many photos wait. The future raises ModelError where the model has no answer.
    """

    def compute(photos: Sequence[Photo]) -> Sequence[Any]:
        return list(zip(*predictor.predict_with_scores(np.stack(photos)), strict=True))

    return _submit(predictor, "predict", compute, photo)


def predict_with_map(
    predictor: Predictor, photo: Photo
) -> Future[tuple[NDArray[Any], NDArray[np.float32]]]:
    """Predict a fitted photo (H, W, 3); the future gives probabilities (classes,) and a heat map.

    The map is that of `gradcam.predict_with_maps`, (h, w).

    Raises:
        BusyError: too many photos wait. The future raises ModelError where the model has no answer
            or keeps no places.
    """

    def compute(photos: Sequence[Photo]) -> Sequence[Any]:
        from ..analysis import gradcam

        return list(zip(*gradcam.predict_with_maps(predictor, np.stack(photos)), strict=True))

    return _submit(predictor, "map", compute, photo)


class _Queue:
    """What waits for one computation, and the threads that do it while there is something.

    `compute` holds the model, so that no other one can have its id while the queue is there.
    """

    def __init__(self, key: Hashable, compute: Compute, batch: int, workers: int) -> None:
        self.key, self.compute, self.batch, self.most_workers = key, compute, batch, workers
        self.waiting: deque[tuple[Photo, Future[Any]]] = deque()
        self.workers = self.idle = 0

    def add(self, photo: Photo) -> Future[Any]:
        """Let a photo wait; the lock is held."""
        future: Future[Any] = Future()
        self.waiting.append((photo, future))
        if not self.idle and self.workers < self.most_workers:
            self.workers += 1
            threading.Thread(target=self._work, name="batches", daemon=True).start()
        _changed.notify_all()
        return future

    def _work(self) -> None:
        while batch := self._take():
            try:
                results = self.compute([photo for photo, _ in batch])
            except CatDogError as error:
                if len(batch) == 1:
                    batch[0][1].set_exception(error)
                else:  # of one photo, or of all: each has its own result or error
                    for photo, future in batch:
                        self._compute_alone(photo, future)
            except Exception as error:
                for _, future in batch:
                    future.set_exception(error)
            else:
                for (_, future), result in zip(batch, results, strict=True):
                    future.set_result(result)

    def _compute_alone(self, photo: Photo, future: Future[Any]) -> None:
        try:
            future.set_result(self.compute([photo])[0])
        except Exception as error:
            future.set_exception(error)

    def _take(self) -> list[tuple[Photo, Future[Any]]]:
        """Take what waits, as much as goes at once; nothing where the thread is to end."""
        global _waiting_bytes
        with _changed:
            batch: list[tuple[Photo, Future[Any]]] = []
            while not batch:
                self.idle += 1
                is_asked = _changed.wait_for(lambda: self.waiting, _IDLE_SECONDS)
                self.idle -= 1
                if not is_asked:
                    self.workers -= 1
                    if not self.workers:
                        del _queues[self.key]
                        _changed.notify_all()
                    return []
                while self.waiting and len(batch) < self.batch:
                    photo, future = self.waiting.popleft()
                    _waiting_bytes -= photo.nbytes
                    if future.set_running_or_notify_cancel():  # who asked may have gone away
                        batch.append((photo, future))
        return batch


_queues: dict[Hashable, _Queue] = {}
_waiting_bytes = 0
_changed = threading.Condition()


def _submit(predictor: Predictor, purpose: str, compute: Compute, photo: Photo) -> Future[Any]:
    global _waiting_bytes
    key = id(predictor), purpose
    with _changed:
        if _waiting_bytes + photo.nbytes > MAX_WAITING_BYTES:
            raise BusyError
        _waiting_bytes += photo.nbytes
        if key not in _queues:
            # A process of its own answers one question at a time.
            workers = 1 if predictor.remote is not None else _WORKERS
            _queues[key] = _Queue(key, compute, min(_BATCH, predictor.batch), workers)
        return _queues[key].add(photo)
