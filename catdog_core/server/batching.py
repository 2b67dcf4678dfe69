"""Micro-batching: photos that wait for the same model at the same moment go through it together.

A photo that comes while the model is idle starts at once, alone. Those that come while it computes
wait, and make the next batch. So nobody waits for a batch to fill, and a batch grows with the load.
Each photo has a future of its own: one that the model cannot answer fails alone.
"""

from __future__ import annotations

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
_MAP_BATCH = 4
"""Heat maps computed at once; more are no faster, and a single one would wait for all."""
_IDLE_SECONDS = 10.0
"""Seconds without a photo after which the thread of a model ends."""

Item = tuple[Any, ...]
"""What one result is computed of: a fitted photo first."""
Compute = Callable[[Sequence[Item]], Sequence[Any]]


def predict(predictor: Predictor, photo: Photo) -> Future[tuple[NDArray[Any], NDArray[Any]]]:
    """Predict a fitted photo (H, W, 3); the future gives probabilities (classes,) and scores.

    Raises:
        BusyError: too many photos wait. The future raises ModelError where the model has no answer.
    """

    def compute(items: Sequence[Item]) -> Sequence[Any]:
        photos = np.stack([photo for (photo,) in items])
        return list(zip(*predictor.predict_with_scores(photos), strict=True))

    return _submit((id(predictor), "predict"), predictor.batch, compute, (photo,))


def predict_with_map(
    predictor: Predictor, photo: Photo
) -> Future[tuple[NDArray[Any], NDArray[np.float32]]]:
    """Predict a fitted photo (H, W, 3); the future gives probabilities (classes,) and a heat map.

    The map is that of `gradcam.predict_with_maps`, (h, w).

    Raises:
        BusyError: too many photos wait. The future raises ModelError where the model has no answer
            or keeps no places.
    """

    def compute(items: Sequence[Item]) -> Sequence[Any]:
        from ..analysis import gradcam

        photos = np.stack([photo for (photo,) in items])
        return list(zip(*gradcam.predict_with_maps(predictor, photos), strict=True))

    most = min(_MAP_BATCH, predictor.batch)
    return _submit((id(predictor), "map"), most, compute, (photo,))


class _Queue:
    """What waits for one computation, and the thread that does it while there is something.

    `compute` holds the model, so that no other one can have its id while the queue is there.
    """

    def __init__(self, key: Hashable, most: int, compute: Compute) -> None:
        self.key, self.most, self.compute = key, most, compute
        self.waiting: deque[tuple[Item, Future[Any]]] = deque()
        threading.Thread(target=self._work, name="batches", daemon=True).start()

    def _work(self) -> None:
        while batch := self._take():
            items = [item for item, _ in batch]
            try:
                results = self.compute(items)
            except CatDogError as error:
                if len(batch) == 1:
                    batch[0][1].set_exception(error)
                else:  # of one photo, or of all: each has its own result or error
                    for item, future in batch:
                        self._compute_alone(item, future)
            except Exception as error:
                for _, future in batch:
                    future.set_exception(error)
            else:
                for (_, future), result in zip(batch, results, strict=True):
                    future.set_result(result)

    def _compute_alone(self, item: Item, future: Future[Any]) -> None:
        try:
            future.set_result(self.compute([item])[0])
        except Exception as error:
            future.set_exception(error)

    def _take(self) -> list[tuple[Item, Future[Any]]]:
        """Take what waits, as much as goes at once; nothing where the thread is to end."""
        global _waiting_bytes
        with _changed:
            batch: list[tuple[Item, Future[Any]]] = []
            while not batch:
                if not self.waiting and not _changed.wait_for(lambda: self.waiting, _IDLE_SECONDS):
                    del _queues[self.key]
                    _changed.notify_all()
                    return []
                while self.waiting and len(batch) < self.most:
                    item, future = self.waiting.popleft()
                    _waiting_bytes -= item[0].nbytes
                    if future.set_running_or_notify_cancel():  # who asked may have gone away
                        batch.append((item, future))
        return batch


_queues: dict[Hashable, _Queue] = {}
_waiting_bytes = 0
_changed = threading.Condition()


def _submit(key: Hashable, most: int, compute: Compute, item: Item) -> Future[Any]:
    global _waiting_bytes
    future: Future[Any] = Future()
    with _changed:
        if _waiting_bytes + item[0].nbytes > MAX_WAITING_BYTES:
            raise BusyError
        _waiting_bytes += item[0].nbytes
        if key not in _queues:
            _queues[key] = _Queue(key, most, compute)
        _queues[key].waiting.append((item, future))
        _changed.notify_all()
    return future
