"""A real training whose process is killed again and again, and loses nothing that was told."""

from __future__ import annotations

import json
import random
import time
import zipfile
from pathlib import Path

import psutil
import pytest
import waiting
from waiting import wait_until

from catdog_core import runs
from catdog_core.base import files, subprocess_jobs
from catdog_core.config import Augmentation
from catdog_core.training.execution import execute_run

TINY = waiting.TINY_TRAINING.model_copy(update={"epochs": 1000, "learning_rate": 1e-3})
STARTUP = 9.0  # seconds; most of it is TensorFlow's import


def kept(path: Path) -> int:
    """The epoch inside a model file, -1 where there is none yet; the file must be whole."""
    if not path.exists():
        return -1
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return int(json.loads(archive.read("catdog.json"))["epoch"])


def check(run: Path, before: int) -> int:
    """What must hold after each kill; gives the last epoch that is safe."""
    import keras

    loaded_run = runs.load_run(run)
    reported_epoch = loaded_run.epochs[-1]["epoch"] if loaded_run.epochs else -1
    safe, best = kept(run / "backup.keras"), kept(run / "best.keras")
    assert safe >= before, "a whole epoch was lost"
    assert safe >= reported_epoch, "an epoch was told that is not safe"
    assert [row["epoch"] for row in loaded_run.epochs] == list(range(reported_epoch + 1))
    if reported_epoch >= 0:
        assert best in (loaded_run.best_epoch, reported_epoch + 1), (
            "the best model is of another epoch"
        )
        keras.models.load_model(run / "best.keras")
    return safe


def killed(run: Path, moment: random.Random) -> float:
    """Start a run, kill its worker at a random moment, and tell how long it took to be lost."""
    begin = len(runs.load_run(run).epochs)
    runs.start_run(run)
    process = subprocess_jobs._detached[-1]
    if moment.random() < 0.3:
        time.sleep(moment.uniform(0, STARTUP))  # while it wakes up
    else:
        wait_until(
            lambda: len(runs.load_run(run).epochs) > begin or process.poll() is not None, 120
        )
        time.sleep(moment.uniform(0, 2))
    assert process.poll() is None, (run / "log.txt").read_text()[-2000:]
    psutil.Process(process.pid).kill()
    process.wait()
    at = time.monotonic()
    wait_until(lambda: runs.load_run(run).status == "lost", 20)
    return time.monotonic() - at


def survive(new_run, kills: int, seed: int, training=TINY, augmentation=None) -> dict:
    """Kill a training so often, then compare it with one that nobody ever touched."""
    moment, safe, times = random.Random(seed), -1, []
    run = new_run(training, augmentation)
    for number in range(1, kills + 1):
        times.append(killed(run, moment))
        safe = check(run, safe)
        print(f"{number} kills, {safe + 1} epochs safe", flush=True)
    last = max(safe, 0) + 2
    execute_run(run, stopping(run, last))
    safe = check(run, safe)
    reference_run = new_run(training, augmentation)
    execute_run(reference_run, stopping(reference_run, safe))
    rows = [numbers(run), numbers(reference_run)]
    assert len(rows[0]) > kills and rows[0] == rows[1][: len(rows[0])]
    files.remove_tree(reference_run)
    return {"kills": kills, "epochs": len(rows[0]), "lost_after": max(times), "safe": safe}


def stopping(run: Path, epoch: int):
    def after(state):
        if state.get("phase") == "train" and state.get("epoch", 0) > epoch:
            (run / "stop").touch()

    return after


def numbers(run: Path) -> list[dict]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in runs.load_run(run).epochs]


@pytest.fixture
def new(pets):
    return lambda training, augmentation: runs.create_run(pets, training, augmentation)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_training_killed_at_random_moments_loses_nothing(new, workers):
    survive(new, 3, 1)


AVERAGED = TINY.model_copy(update={"weight_averaging": 0.9})


@pytest.mark.soak
@pytest.mark.timeout(14_400)
@pytest.mark.parametrize(
    ("kills", "training", "augmentation"),
    [(60, TINY, None), (40, AVERAGED, Augmentation(mixup_alpha=0.4))],
    ids=["plain", "averaged"],
)
def test_a_training_killed_a_hundred_times_loses_nothing(
    new, workers, kills, training, augmentation
):
    """Sixty times plainly, forty with averaged weights and mixed photos; prints its figures."""
    print(json.dumps(survive(new, kills, kills, training, augmentation)))
