"""The learning-rate finder and the estimate: from losses, speeds and earlier runs."""

import math

import fakes
import numpy as np
import pytest

from catdog_core import runs
from catdog_core.base.errors import CatDogError
from catdog_core.config import Augmentation, Network, Training
from catdog_core.training import lr_finder, speed_probe, time_estimate
from catdog_core.training.speed_probe import Speed


def losses(fall, rise, depth=0.2, noise=0.02, seed=0):
    """A search as networks show it: falls around one rate, rises around another."""
    rng = np.random.default_rng(seed)
    points = []
    for step in range(lr_finder.STEPS):
        rate = lr_finder.rate_at(step)
        log_rate = math.log10(rate)
        loss = 0.69 - depth / (1 + math.exp(-4 * (log_rate - math.log10(fall))))
        loss += 2 / (1 + math.exp(-6 * (log_rate - math.log10(rise))))
        points.append((rate, loss + rng.normal(0, noise)))
    return points


@pytest.mark.parametrize("seed", range(5))
def test_the_rate_lies_where_the_loss_falls_and_well_below_where_it_rises(seed):
    suggestion = lr_finder.suggest_rate(losses(1e-3, 0.1, seed=seed))
    assert suggestion.falls
    assert 2e-4 <= suggestion.rate <= 5e-3


@pytest.mark.parametrize("seed", range(5))
def test_where_no_fall_stands_out_the_rate_keeps_away_from_the_rise(seed):
    suggestion = lr_finder.suggest_rate(losses(1e-3, 0.03, depth=0.0, noise=0.05, seed=seed))
    assert 3e-4 <= suggestion.rate <= 1e-2


def test_losses_after_a_network_broke_do_not_count():
    points = losses(1e-3, 0.01, depth=0.0)
    broken = [(rate, 0.1 if rate > 0.2 else loss) for rate, loss in points]
    assert lr_finder.suggest_rate(broken).rate <= 5e-3


def test_losses_that_are_no_numbers_end_the_search():
    points = [(rate, loss if rate < 0.01 else math.nan) for rate, loss in losses(1, 9, depth=0)]
    assert lr_finder.suggest_rate(points).rate == pytest.approx(1e-3)
    assert lr_finder.has_diverged([0.7, math.nan])
    assert not lr_finder.has_diverged([0.7] * 50)
    assert lr_finder.has_diverged([0.7] * 30 + [9.0] * 3)


def test_nothing_is_suggested_where_nothing_happens():
    flat = [(lr_finder.rate_at(n), 0.69 + 0.001 * (n % 2)) for n in range(100)]
    with pytest.raises(CatDogError, match="so there's no suggestion"):
        lr_finder.suggest_rate(flat)
    with pytest.raises(CatDogError):
        lr_finder.suggest_rate([])


def test_the_time_of_a_training_follows_from_its_steps():
    training = Training(epochs=10, batch_size=20)
    counts = {"train": 2000, "validation": 1000}
    assert time_estimate.estimate_seconds(training, counts, Speed(0.5, 0.1, 8)) == 8 + 10 * (50 + 5)
    fewer = training.model_copy(update={"train_photos": 100})
    assert time_estimate.estimate_seconds(
        fewer, {**counts, "train": 100}, Speed(0.5, 0.1, 0)
    ) == 10 * (2.5 + 5)


def test_earlier_runs_of_the_same_kind_tell_the_time(workspace):
    fakes.make_run("slow", model="notes-deep")
    fakes.make_run("mine")
    counts = {"train": 400, "validation": 200}  # twice the photos of those runs
    training = Training(epochs=8)
    seconds, run = time_estimate.estimate_from_runs(training, None, counts, runs.list_runs())
    assert run.name == "mine" and seconds == pytest.approx(8 * 2 * 2.5)
    for other in ({"image_size": 96}, {"batch_size": 64}, {"optimizer": "sgd"}):
        changed = training.model_copy(update=other)
        assert time_estimate.estimate_from_runs(changed, None, counts, runs.list_runs()) is None
    assert (
        time_estimate.estimate_from_runs(training, Augmentation(), counts, runs.list_runs()) is None
    )


def test_a_measured_speed_is_remembered_by_kind(workspace):
    one = time_estimate.speed_key(Training(model="custom", network=Network()), None)
    other = time_estimate.speed_key(Training(model="custom", network=Network(dense=9)), None)
    assert one != other and time_estimate.load_speed(one) is None
    time_estimate.store_speed(one, Speed(1, 2, 3))
    assert time_estimate.load_speed(one) == Speed(1, 2, 3)
    assert time_estimate.load_speed(other) is None


SMALL = Training(batch_size=8, image_size=32, label_smoothing=0.1, class_weights=True)


@pytest.mark.slow
def test_a_trial_tells_its_progress_and_ends(dataset, jobs_in_process):
    lines = []
    speed = speed_probe.probe_speed(dataset, SMALL, Augmentation(), lines.append)
    assert 0 < speed.step < 5 and 0 < speed.validation < 5 and speed.start > 0
    assert {line.get("phase") for line in lines} >= {"starting", "packing", "timing"}


@pytest.mark.long
def test_a_search_that_is_stopped_leaves_no_process(dataset):
    import psutil

    def stop(line):
        if line.get("done", 0) >= 3 and "rate" in line:
            raise CatDogError("Stopped.")

    with pytest.raises(CatDogError, match=r"Stopped\."):
        speed_probe.probe_learning_rates(dataset, SMALL, None, stop)
    living = [
        child
        for child in psutil.Process().children()
        if child.status() != psutil.STATUS_ZOMBIE  # of another test, not waited for yet
    ]
    names = [" ".join(child.cmdline()) for child in living]
    assert not any("catdog_core.training.speed_probe" in name for name in names)


@pytest.mark.long
def test_what_goes_wrong_in_a_trial_is_told_in_its_words(dataset):
    training = Training(model="notes-deep", image_size=40)
    with pytest.raises(CatDogError, match="shrink to nothing"):
        speed_probe.probe_learning_rates(dataset, training, None, lambda line: None)
    with pytest.raises(CatDogError, match="no steps to time"):
        speed_probe.probe_speed(dataset, Training(model="transfer"), None, lambda line: None)
