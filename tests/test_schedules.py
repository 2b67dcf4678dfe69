"""Learning rates as a function of settings, step and epochs; and what else steers a training."""

import json
import zipfile
from itertools import pairwise

import numpy as np
import pytest
from faults.waiting import TINY_TRAINING

from catdog_core import runs
from catdog_core.base import field_specs, files
from catdog_core.base.errors import DatasetError
from catdog_core.config import RECIPES, Augmentation, Training, schedules
from catdog_core.training.execution import execute_run

SMALL = TINY_TRAINING.model_copy(update={"batch_size": 8, "steps_per_epoch": 4})


def rates(steps=4, rows=(), **settings):
    training = Training(learning_rate=0.01, **settings)
    total = training.epochs * steps
    return [schedules.learning_rate_at(training, step, steps, rows) for step in range(total)]


def test_constant_stays_and_needs_no_steering():
    assert set(rates(epochs=5)) == {0.01}
    assert schedules.is_constant(Training())
    assert not schedules.is_constant(Training(warmup_epochs=1))


def test_step_falls_to_a_tenth_after_a_half_and_again_after_three_quarters():
    learning_rates = rates(epochs=8, schedule="step")
    assert learning_rates[15] == 0.01
    assert learning_rates[16] == pytest.approx(0.001)
    assert learning_rates[24] == learning_rates[-1] == pytest.approx(0.0001)


def test_cosine_falls_all_the_way_after_its_warm_up():
    learning_rates = rates(epochs=10, schedule="cosine", warmup_epochs=2)
    assert learning_rates[:8] == pytest.approx(np.linspace(0.00125, 0.01, 8))
    assert learning_rates[8] == 0.01
    assert all(a > b for a, b in pairwise(learning_rates[8:]))
    assert 0 < learning_rates[-1] < 0.0001


def test_a_plateau_halves_the_rate_after_its_patience_and_only_by_earlier_epochs():
    losses = [0.7, 0.6, 0.6, 0.61, 0.5, 0.5, 0.5]
    rows = [{"epoch": epoch, "val_loss": loss} for epoch, loss in enumerate(losses)]
    learning_rates = rates(epochs=8, rows=rows, schedule="plateau", plateau_patience=2)[::4]
    assert learning_rates == [0.01] * 4 + [0.005] * 3 + [0.0025]


@pytest.mark.parametrize("schedule", ["constant", "step", "cosine", "plateau"])
def test_the_curve_before_the_start_is_what_the_steps_get(schedule):
    training = Training(epochs=7, schedule=schedule, warmup_epochs=1)
    for epoch, rate in schedules.learning_rate_curve(training, 13, points=50):
        assert rate == schedules.learning_rate_at(training, round(epoch * 13), 13)
        assert 0 <= rate <= training.learning_rate


def test_settings_of_an_older_lab_still_open():
    old = {"model": "notes", "epochs": 5, "optimizer": "adam", "learning_rate": 1e-3}
    assert field_specs.parse_settings(Training, old) == Training(epochs=5, learning_rate=1e-3)


def test_every_recipe_is_of_its_own_model():
    assert all(recipe.training.model == name for name, recipe in RECIPES.items())
    assert RECIPES["notes"].augmentation.is_off


def weights(run):
    import keras

    model = keras.models.load_model(run / "backup.keras")
    variables = [*model.weights, *model.optimizer.variables]
    return [weight.numpy() for weight in variables if "seed_generator" not in weight.path]


def numbers(run):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in runs.load_run(run).epochs]


def stopping(run, epoch):
    def tell(state):
        if (state.get("phase"), state.get("epoch"), state.get("batch")) == ("train", epoch, 2):
            (run / "stop").touch()

    return tell


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "augmentation"),
    [
        pytest.param(
            {"schedule": "plateau", "plateau_patience": 1, "optimizer": "sgd", "train_photos": 20},
            None,
            marks=pytest.mark.long,
        ),
        (
            {
                "schedule": "cosine",
                "warmup_epochs": 1,
                "optimizer": "adamw",
                "weight_decay": 0.1,
                "label_smoothing": 0.1,
                "weight_averaging": 0.9,
                "class_weights": True,
            },
            Augmentation(mixup_alpha=0.4, cutmix_alpha=1.0, noise_range=9),
        ),
    ],
)
def test_with_everything_on_a_resumed_run_equals_one_never_stopped(dataset, settings, augmentation):
    training = SMALL.model_copy(update=settings)
    unbroken, broken = (runs.create_run(dataset, training, augmentation) for _ in range(2))
    execute_run(unbroken)
    execute_run(broken, stopping(broken, 1))  # tests/test_witness.py breaks one off again
    assert len(runs.load_run(broken).epochs) == 1
    execute_run(broken)
    assert numbers(broken) == numbers(unbroken)
    assert all(
        np.array_equal(a, b) for a, b in zip(weights(unbroken), weights(broken), strict=True)
    )
    one, two = (_best(run / "best.keras") for run in (unbroken, broken))
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    with zipfile.ZipFile(unbroken / "best.keras") as archive:  # opens where there is no lab
        assert b"catdog" not in archive.read("config.json")


def _best(path):
    import keras

    return [weight.numpy() for weight in keras.models.load_model(path, compile=False).weights]


@pytest.mark.slow
def test_what_is_validated_and_kept_as_best_is_the_average(dataset):
    from catdog_core.models import keras_models
    from catdog_core.training import ema

    training = SMALL.model_copy(update={"epochs": 1, "weight_averaging": 0.9})
    run = runs.create_run(dataset, training, None)
    execute_run(run)
    raw = [weight.numpy() for weight in keras_models.load_model(run / "backup.keras").weights[:-1]]
    averages = ema.read_averages(run / "backup.keras")
    best = _best(run / "best.keras")
    assert not np.array_equal(raw[0], averages[0])
    assert np.array_equal(best[0], averages[0])


def test_fewer_photos_are_trained_on_and_the_run_tells(dataset):
    run = runs.create_run(
        dataset, SMALL.model_copy(update={"train_photos": 16, "steps_per_epoch": None}), None
    )
    stored = files.read_json(run / "settings.json")
    assert stored["training"]["train_photos"] == 16
    assert stored["training"]["steps_per_epoch"] == 2
    assert stored["dataset"]["train"] == 16 and stored["dataset"]["validation"] == 24
    assert stored["dataset"]["fingerprint"] == dataset.fingerprint
    with pytest.raises(DatasetError, match="Choose 2 to 48"):
        runs.create_run(dataset, SMALL.model_copy(update={"train_photos": 49}), None)


@pytest.mark.slow
def test_only_the_chosen_photos_reach_the_network(dataset):
    from catdog_core.storage import tfrecord
    from catdog_core.training import pipeline

    packed = tfrecord.pack_to_cache(dataset, 32)
    photos = tfrecord.load_split(packed, "train", in_memory=False)
    chosen = {item.file for item in dataset.subset(10, 3).items("train")}
    few = pipeline.subset_by_files(photos, chosen)
    assert set(few.files) == chosen and len(few.labels) == len(few.images) == 10
    batches = pipeline.training_batches(few, None, batch_size=10, seed=0, first_step=0, last_step=2)
    shown = {image.numpy().astype("uint8").tobytes() for image, _ in batches.unbatch()}
    wanted = {photos.images[photos.files.index(file)].tobytes() for file in chosen}
    assert shown == wanted


def test_balanced_classes_weigh_the_same():
    from catdog_core.training import pipeline

    labels = np.array([0] * 30 + [1] * 10)
    weights = pipeline.class_weights(labels, 2)
    assert weights[0] * 30 == pytest.approx(weights[1] * 10)
    assert weights[labels].mean() == pytest.approx(1)
    assert pipeline.class_weights(np.array([1, 1]), 2).tolist() == [0, 1]


@pytest.mark.parametrize("classes", [2, 3])
def test_smoothed_labels_are_shares_and_weights_come_with_them(dataset, classes):
    from types import SimpleNamespace

    from catdog_core.training import pipeline

    photos = SimpleNamespace(images=np.zeros((9, 8, 8, 3), np.uint8), labels=np.arange(9) % classes)
    images, labels, weights = next(
        iter(
            pipeline.training_batches(
                photos,
                None,
                batch_size=9,
                seed=0,
                first_step=0,
                last_step=1,
                classes=classes,
                label_smoothing=0.1,
                balanced=True,
            )
        )
    )
    low, high = 0.1 / classes, 0.9 + 0.1 / classes
    assert sorted({round(float(x), 4) for x in labels.numpy().ravel()}) == pytest.approx(
        [low, high], abs=1e-4
    )
    assert weights.shape == (9,) and images.shape == (9, 8, 8, 3)


def test_biases_and_batch_norms_are_spared_by_weight_decay():
    import keras

    from catdog_core.models import keras_models
    from catdog_core.training import optimizers

    model = keras.Sequential(
        [
            keras.Input((4, 4, 3)),
            keras.layers.Conv2D(2, 3),
            keras.layers.BatchNormalization(),
            keras.layers.Flatten(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    keras_models.compile_for_training(
        model, optimizers.build_optimizer(Training(optimizer="adamw", weight_decay=0.1))
    )
    decayed = [v.name for v in model.trainable_variables if model.optimizer._use_weight_decay(v)]
    assert decayed == ["kernel", "kernel"]


@pytest.mark.slow
def test_mixed_precision_trains_and_predicts_in_32_bits_and_leaves_the_lab_as_it_was(dataset):
    import keras

    from catdog_core.models import keras_models

    training = SMALL.model_copy(update={"epochs": 1, "mixed_precision": True})
    run = runs.create_run(dataset, training, None)
    execute_run(run)
    assert keras.config.dtype_policy().name == "float32"
    model = keras_models.load_model(run / "best.keras")
    assert model.layers[-1].compute_dtype == "float32"
    assert model.layers[1].compute_dtype != "float32"
    assert json.loads((run / "metrics.jsonl").read_text())["loss"] > 0
