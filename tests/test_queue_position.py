"""What is before a run that waits: whose runs, in which order, and for how long."""

from dataclasses import replace

import fakes
import pytest

from catdog_core import runs
from catdog_core.training import time_estimate

pytestmark = pytest.mark.usefixtures("workspace")


def run(name, status, queued=0.0, owner="", epochs=3, **state):
    folder = fakes.make_run(name, epochs=epochs)
    loaded_run = runs.load_run(folder)
    stored = {"status": status, "queued": queued, **state}
    return replace(loaded_run, status=status, owner=owner, state=stored)


def test_who_trains_is_first_then_those_who_asked_earlier():
    own_run = run("mine", "queued", 30.0)
    training, earlier = run("a", "running", 40.0), run("b", "queued", 20.0)
    later, done = run("c", "queued", 31.0), run("d", "done", 1.0)
    line = time_estimate.queue_position(own_run, [later, done, earlier, own_run, training])
    assert line.ahead == (training, earlier)


def test_the_time_is_what_the_training_says_and_what_earlier_ones_suggest():
    own_run = run("mine", "queued", 30.0)
    training = run("a", "running", 1.0, eta_seconds=100.0)
    waiting = run("b", "queued", 20.0, epochs=0)
    earlier = run("done", "done")
    line = time_estimate.queue_position(own_run, [own_run, training, waiting, earlier])
    assert line.seconds == pytest.approx(100 + 3 * 2.5)


def test_a_time_is_unknown_where_one_of_them_is():
    own_run = run("mine", "queued", 30.0)
    waiting = run("b", "queued", 20.0, epochs=0)
    other = waiting.training.model_copy(update={"batch_size": 7})
    waiting = replace(waiting, training=other)
    assert time_estimate.queue_position(own_run, [own_run, waiting]).seconds is None


def test_a_run_that_is_resumed_has_only_the_rest_before_it():
    own_run = run("mine", "queued", 30.0)
    half = run("b", "queued", 20.0, epochs=2)
    line = time_estimate.queue_position(own_run, [own_run, half])
    assert line.seconds == pytest.approx(2.5)
