"""Photos that wait together go through the model as one batch; each has its own answer."""

import threading
import time
from concurrent.futures import wait
from dataclasses import dataclass, field

import numpy as np
import pytest

from catdog_core.base.errors import ModelError
from catdog_core.server import batching


@dataclass
class Model:
    """Answers with the first value of a photo; that of `bad` it cannot. Waits for `open`."""

    batch: int = 32
    remote: object = None
    bad: int = -1
    open: threading.Event = field(default_factory=threading.Event)
    started: threading.Event = field(default_factory=threading.Event)
    sizes: list[int] = field(default_factory=list)

    def predict_with_scores(self, photos):
        self.sizes.append(len(photos))
        self.started.set()
        assert self.open.wait(20)
        values = photos[:, 0, 0, 0].astype(float)
        if self.bad in values:
            raise ModelError("No.")
        return values[:, np.newaxis], -values[:, np.newaxis]


@pytest.fixture(autouse=True)
def no_thread_stays(monkeypatch):
    monkeypatch.setattr(batching, "_IDLE_SECONDS", 0.01)
    monkeypatch.setattr(batching, "_WORKERS", 1)
    monkeypatch.setattr(batching, "_BATCH", 4)
    yield
    with batching._changed:
        assert batching._changed.wait_for(lambda: not batching._queues, 20)
    assert batching._waiting_bytes == 0


def photo(value):
    return np.full((2, 2, 3), value, np.uint8)


def ask_while_busy(model, values):
    """The futures of photos that come while the model computes the first one."""
    first = batching.predict(model, photo(values[0]))
    assert model.started.wait(20)
    rest = [batching.predict(model, photo(value)) for value in values[1:]]
    return [first, *rest]


def test_a_photo_alone_goes_through_at_once_and_those_that_wait_go_together():
    model = Model()
    futures = ask_while_busy(model, range(8))
    model.open.set()
    for value, future in enumerate(futures):
        probabilities, scores = future.result(20)
        assert probabilities.tolist() == [value] and scores.tolist() == [-value]
    assert model.sizes == [1, 4, 3]  # never more than the model may get at once


def test_a_photo_without_an_answer_fails_alone():
    model = Model(bad=2)
    futures = ask_while_busy(model, range(4))
    model.open.set()
    wait(futures, 20)
    with pytest.raises(ModelError, match="No"):
        futures[2].result()
    assert [futures[n].result()[0][0] for n in (0, 1, 3)] == [0, 1, 3]


def test_a_fault_reaches_all_and_the_next_photo_is_answered():
    model = Model()
    model.predict_with_scores = lambda photos: 1 / 0
    with pytest.raises(ZeroDivisionError):
        batching.predict(model, photo(1)).result(20)
    del model.predict_with_scores
    model.open.set()
    assert batching.predict(model, photo(7)).result(20)[0] == [7]


def test_who_went_away_is_not_computed_for():
    model = Model()
    futures = ask_while_busy(model, range(4))
    assert futures[1].cancel() and futures[2].cancel()
    model.open.set()
    assert futures[3].result(20)[0] == [3]
    assert model.sizes == [1, 1]


@pytest.mark.parametrize(("remote", "at_once"), [(None, 2), (object(), 1)])
def test_two_workers_compute_but_a_process_of_its_own_is_asked_by_one(monkeypatch, remote, at_once):
    monkeypatch.setattr(batching, "_WORKERS", 2)
    model = Model(remote=remote)
    futures = ask_while_busy(model, range(6))
    end = time.monotonic() + 20
    while len(model.sizes) < at_once and time.monotonic() < end:
        time.sleep(0.01)
    assert len(model.sizes) == at_once
    model.open.set()
    assert [future.result(20)[0][0] for future in futures] == [0, 1, 2, 3, 4, 5]
    assert sum(model.sizes) == 6 and max(model.sizes) <= 4


def test_two_models_compute_beside_each_other():
    slow, quick = Model(), Model()
    quick.open.set()
    first = batching.predict(slow, photo(1))
    assert batching.predict(quick, photo(2)).result(20)[0] == [2]
    assert not first.done()
    slow.open.set()
    first.result(20)


def test_more_than_can_wait_is_refused(monkeypatch):
    model = Model()
    monkeypatch.setattr(batching, "MAX_WAITING_BYTES", 3 * photo(0).nbytes)
    futures = ask_while_busy(model, range(4))
    with pytest.raises(batching.BusyError, match="busy"):
        batching.predict(model, photo(9))
    model.open.set()
    wait(futures, 20)
    assert batching.predict(model, photo(5)).result(20)[0] == [5]


def test_no_thread_stays_where_nothing_is_asked():
    model = Model()
    model.open.set()
    batching.predict(model, photo(1)).result(20)
    threads = [each for each in threading.enumerate() if each.name == "batches"]
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    assert not batching._queues


def test_photos_whose_maps_are_asked_for_go_together_too_in_smaller_batches(monkeypatch):
    from catdog_core.analysis import gradcam

    sizes = []

    def predict_with_maps(model, photos):
        sizes.append(len(photos))
        return photos[:, 0, 0, :2].astype(float), photos[..., 0].astype(np.float32)

    monkeypatch.setattr(gradcam, "predict_with_maps", predict_with_maps)
    model = Model(batch=32)
    asked = [batching.predict_with_map(model, photo(value)) for value in range(6)]
    assert [each.result(20)[1][0, 0] for each in asked] == [0, 1, 2, 3, 4, 5]
    assert max(sizes) <= 4
