"""What models from elsewhere take: scales of values, oblong and grey photos."""

import re

import keras
import numpy as np
import pytest
from keras import layers
from keras.applications import imagenet_utils
from model_factory import build_brightness_model

from catdog_core.analysis import (
    activations,
    embedding_recorder,
    gradcam,
    input_scale,
    model_graph,
    predict,
    scale_check,
)
from catdog_core.base.errors import ModelError
from catdog_core.imaging import decode


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def as_predictor(model, **metadata):
    return predict.build_predictor("m.keras", model, metadata)


@pytest.mark.parametrize(
    ("scale", "mode"), [("-1..1", "tf"), ("imagenet", "torch"), ("bgr", "caffe")]
)
def test_values_are_those_of_keras_applications(scale, mode):
    photos = noise(2, 5, 4, 3).astype(np.float32)
    expected = imagenet_utils.preprocess_input(photos.copy(), "channels_last", mode)
    assert np.allclose(predict.scale_values(photos, scale), expected, atol=1e-5)


def test_values_of_0_to_255_and_0_to_1():
    photos = noise(2, 5, 4, 3).astype(np.float32)
    assert (predict.scale_values(photos, "0..255") == photos).all()
    assert np.allclose(predict.scale_values(photos, "0..1"), photos / 255)


MEAN, DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
CAFFE = np.array([103.939, 116.779, 123.68], np.float32)


def normalization(mean, deviation):
    return layers.Normalization(mean=mean, variance=np.square(deviation).tolist())


def stacked(x):
    return keras.ops.stack([x[..., n] / 255.0 - MEAN[n] for n in range(3)], axis=-1)


def applied(network):
    return keras.applications.__dict__[network].preprocess_input


KNOWN = {
    "MobileNet's function": ("0..255", [applied("mobilenet_v2")]),
    "VGG's function": ("0..255", [applied("vgg16")]),
    "DenseNet's function": ("0..255", [applied("densenet")]),
    "rescaling": ("0..255", [layers.Rescaling(1 / 255)]),
    "rescaling to -1..1": ("0..255", [layers.Rescaling(1 / 127.5, offset=-1)]),
    "rescaling to 0..2": ("0..255", [layers.Rescaling(1 / 127.5)]),
    "rescaling of 0..1 to -1..1": ("0..1", [layers.Rescaling(2.0, offset=-1)]),
    "rescaling of 0..1 to 0..255": ("0..1", [layers.Rescaling(255.0)]),
    "rescaling of -1..1 to 0..255": ("-1..1", [layers.Rescaling(127.5, offset=127.5)]),
    "division": ("0..255", [lambda x: x / 255.0]),
    "division and subtraction": ("0..255", [lambda x: x / 127.5 - 1.0]),
    "product": ("0..255", [lambda x: x * (1 / 255)]),
    "ImageNet of 0..255": ("0..255", [lambda x: x / 255.0, normalization(MEAN, DEVIATION)]),
    "ImageNet of 0..1": ("0..1", [normalization(MEAN, DEVIATION)]),
    "adapted on 0..255": ("0..255", [normalization([120.0, 110.0, 100.0], [60.0, 60.0, 60.0])]),
    "Caffe": ("0..255", [lambda x: x[..., ::-1], lambda x: x - CAFFE]),
    "channel by channel": ("0..255", [stacked]),
    "after resizing and flips": (
        "0..255",
        [layers.Resizing(20, 20), layers.RandomFlip(), layers.Rescaling(1 / 255)],
    ),
    "padded": ("0..255", [layers.Rescaling(1 / 255), layers.ZeroPadding2D(3)]),
    "nested": (
        "0..255",
        [keras.Sequential([keras.Input((32, 32, 3)), layers.Rescaling(1 / 255)])],
    ),
    "silent": (None, []),
    "flips alone": (None, [layers.RandomFlip()]),
    "channels turned alone": (None, [lambda x: x[..., ::-1]]),
    "a rescaling later on": (None, [layers.Conv2D(3, 1, name="c"), layers.Rescaling(1 / 255)]),
    "a normalization that knows nothing": (
        None,
        [normalization([0.0, 0.0, 0.0], [1.0, 1.0, 1.0])],
    ),
    "beside the photo itself": (
        None,
        [lambda x: layers.Concatenate()([layers.Conv2D(3, 1)(x), layers.Rescaling(1 / 255)(x)])],
    ),
}


@pytest.mark.parametrize("name", KNOWN)
def test_the_first_layers_tell_which_values_a_network_takes(name):
    scale, before = KNOWN[name]
    graph = model_graph.build_model_graph(build_brightness_model(before=before))
    assert input_scale.find_input_scale(graph) == scale


def test_a_file_that_states_its_scale_is_believed_and_nonsense_is_not():
    model = build_brightness_model()
    names = {"classes": ["cats", "dogs"]}
    assert as_predictor(model, **names, scale="-1..1").input_scale == "-1..1"
    assert as_predictor(model, **names).input_scale == "0..255"
    assert as_predictor(model, scale=["odd"]).input_scale is None


def test_each_scale_gives_the_answers_the_network_gives_to_its_values():
    predictor = as_predictor(build_brightness_model(kernel=(0.01,), bias=(0.0,)))
    photos = noise(3, 32, 32, 3)
    for scale in predictor.scales:
        values = predict.scale_values(photos.astype(np.float32), scale)
        expected = 1 / (1 + np.exp(-0.01 * values.mean(axis=(1, 2, 3))))
        answers = predictor.with_scale(scale).predict(photos)
        assert answers[:, 1] == pytest.approx(expected, abs=1e-5)


SHAPES = [(24, 40, 3), (40, 24, 1), (32, 32, 1), (None, None, 1), (20, None, 3)]


@pytest.mark.parametrize("shape", SHAPES)
def test_oblong_and_grey_photos_go_everywhere(shape):
    predictor = as_predictor(build_brightness_model(shape), scale="0..1")
    height, width = predictor.size
    assert (height, width) == (
        (150, 150) if shape[0] is None else (20, 20) if shape[1] is None else shape[:2]
    )
    dark, light = noise(height, width, 3) // 4, 255 - noise(height, width, 3) // 4
    photos = np.stack([dark, light])
    assert predictor.predict(photos).argmax(axis=1).tolist() == [0, 1]
    assert gradcam.heat_maps(predictor, photos, [1, 1]).shape == (2, height, width)
    (layer,) = [x for x in activations.list_map_layers(predictor) if x.kind == "Conv2D"]
    maps = activations.compute_activations(predictor, photos, layer.index)
    assert maps.shape == (2, height, width, 1)
    assert activations.compute_activations(predictor, photos, -1).shape[1:] == (
        height,
        width,
        shape[2],
    )
    box = activations.receptive_field(predictor, layer.index, height - 1, width - 1)
    assert (box.bottom, box.right) == (height, width)
    assert activations.first_layer_filters(predictor).shape[-1] == 3
    recorder = embedding_recorder.EmbeddingRecorder(predictor, ["a", "b"])
    assert np.allclose(recorder.predictor.predict(photos), predictor.predict(photos), atol=1e-5)
    recorder.record(["a", "b"], list(photos))
    assert len(recorder.build_embedding()) == 2


def test_grey_is_as_pillow_makes_it():
    from PIL import Image

    photo = noise(30, 20, 3)
    predictor = as_predictor(build_brightness_model((30, 20, 1)), scale="0..255")
    grey = np.asarray(Image.fromarray(photo).convert("L"), np.float32)
    assert np.abs(predictor.scale_photos(photo[None])[0, ..., 0] - grey).max() <= 1


def test_a_scale_of_colours_is_refused_for_grey_photos():
    predictor = as_predictor(build_brightness_model((32, 32, 1)))
    assert predictor.scales == ("0..255", "0..1", "-1..1")
    for scale in ("imagenet", "bgr"):
        with pytest.raises(ModelError, match="grayscale"):
            predictor.with_scale(scale)


@pytest.mark.parametrize(
    "shape, remedy",
    [
        ((32, 32, 4), "Use a model"),
        ((3, 32, 32), "channels_last"),
        ((32, 2000, 3), "Use a model"),
        ((32, 32, 2), "Use a model"),
    ],
)
def test_other_inputs_are_refused_in_a_sentence(shape, remedy):
    with pytest.raises(ModelError, match=remedy):
        as_predictor(build_brightness_model(shape))


def test_filters_of_a_bgr_network_are_shown_in_their_true_colours():
    model = build_brightness_model()
    kernel = np.zeros((1, 1, 3, 1))
    kernel[0, 0, 0] = 1  # the first channel it gets is blue
    model.get_layer("seen").set_weights([kernel, np.zeros(1)])
    predictor = as_predictor(model)
    blue = activations.first_layer_filters(predictor.with_scale("bgr"))[0, 0, 0]
    assert blue.argmax() == 2
    assert activations.first_layer_filters(predictor.with_scale("0..1"))[0, 0, 0].argmax() == 0


def test_a_photo_is_fitted_to_an_oblong_like_to_a_square():
    photo = noise(300, 200, 3)
    assert decode.resize_photo(photo, (30, 90)).shape == (30, 90, 3)
    assert (decode.resize_photo(photo, (50, 50)) == decode.resize_photo(photo, 50)).all()
    flat = np.full((400, 400, 3), 77, np.uint8)
    assert (decode.resize_photo(flat, (7, 500)) == 77).all()


def test_comparing_scales_shows_which_of_them_tells_photos_apart():
    dark, light = np.full((32, 32, 3), 40, np.uint8), np.full((32, 32, 3), 215, np.uint8)
    predictor = as_predictor(build_brightness_model(kernel=(8.0,), bias=(0.0,)))  # made for -1..1
    by_scale = {
        each.scale: each
        for each in scale_check.compare_scales(predictor, np.stack([dark, light]), [0, 1])
    }
    assert list(by_scale) == ["0..255", "0..1", "-1..1", "imagenet", "bgr"]
    assert by_scale["0..1"].counts == (0, 2) and by_scale["0..1"].right == 1
    assert by_scale["-1..1"].counts == (1, 1) and by_scale["-1..1"].right == 2
    assert by_scale["0..255"].alike and not by_scale["-1..1"].alike


def test_a_scale_that_gives_no_numbers_is_left_out_of_the_comparison():
    model = build_brightness_model(
        kernel=(1.0, 2.0), bias=(0.0, 0.0), activation=None, after=[lambda x: keras.ops.exp(x)]
    )
    model = keras.Model(model.inputs, model.outputs[0] / keras.ops.sum(model.outputs[0], -1, True))
    predictor = as_predictor(model)
    scales = [each.scale for each in scale_check.compare_scales(predictor, noise(2, 32, 32, 3))]
    assert "0..1" in scales and "0..255" not in scales


@pytest.mark.parametrize("scale", ["0..255", "0..1", "-1..1", "imagenet", "bgr"])
def test_the_code_for_other_programs_makes_the_same_values(scale, tmp_path, monkeypatch):
    from PIL import Image

    from catdog_core.export import usage

    Image.fromarray(noise(20, 30, 3)).save(tmp_path / "photo.jpg", quality=95)
    monkeypatch.chdir(tmp_path)
    for shape in ((20, 30, 3), (20, 30, 1)):
        predictor = as_predictor(build_brightness_model(shape))
        if scale not in predictor.scales:
            continue
        code = usage.build_usage_code("keras", "m", ("a", "b"), shape[:2], scale, shape[2])
        lines = [line for line in code.splitlines() if not re.match("model|p =|print", line)]
        made = {}
        exec("\n".join(lines), made)
        photo = decode.decode_photo((tmp_path / "photo.jpg").read_bytes())[None]
        expected = predictor.with_scale(scale).scale_photos(photo)
        assert made["batch"].dtype == np.float32 and made["batch"].shape == expected.shape
        assert np.abs(made["batch"] - expected).max() < 1e-4


@pytest.mark.parametrize("scores", [[0.7], [-2.0], [1.0, 3.0, -1.0]])
def test_the_code_for_other_programs_makes_probabilities_of_scores(scores):
    from catdog_core.export import usage

    code = usage.build_usage_code("keras", "m", ("a", "b"), 20, gives_scores=True)
    (line,) = [line for line in code.splitlines() if "np.exp" in line]
    made = {"np": np, "p": np.array(scores)}
    exec(line, made)
    expected = 1 / (1 + np.exp(-scores[0])) if len(scores) == 1 else np.exp(scores)
    assert np.allclose(made["p"], expected / np.sum(expected) if len(scores) > 1 else expected)
    assert "np.exp" not in usage.build_usage_code("keras", "m", ("a", "b"), 20)


def test_a_process_of_its_own_takes_grey_and_oblong_photos_as_well():
    """What the process computes of values equals what is computed of photos here."""
    from catdog_core.analysis import model_sandbox_process

    predictor = as_predictor(build_brightness_model((20, 30, 1)), scale="-1..1")
    photos = noise(2, 20, 30, 3)
    values = predictor.scale_photos(photos)
    (layer,) = [x for x in activations.list_map_layers(predictor) if x.kind == "Conv2D"]
    ask = model_sandbox_process.REQUEST_HANDLERS
    assert ask["describe"](predictor)["input_shape"] == (20, 30, 1)
    assert np.allclose(
        ask["heat_maps"](predictor, values, np.array([0, 1]))[0],
        gradcam.heat_maps(predictor, photos, [0, 1]),
    )
    assert np.allclose(
        ask["maps"](predictor, values, layer.index)[0],
        activations.compute_activations(predictor, photos, layer.index),
    )
    assert np.allclose(ask["answer"](predictor, values)[0][:, 0], predictor.predict(photos)[:, 1])


def test_an_imported_model_keeps_its_scale_and_classes_wherever_it_is_named(
    workspace, tmp_path, monkeypatch
):

    from catdog_core.models import keras_models
    from catdog_core.runs import model_registry

    keras_models.save_model(build_brightness_model(), tmp_path / "m.keras", {})
    data = (tmp_path / "m.keras").read_bytes()
    imported = model_registry.register_imported_model(data, "m.keras", ["Cat", "Dog"], "bgr")
    monkeypatch.setattr(keras_models, "load_model", lambda _: build_brightness_model())
    monkeypatch.chdir(workspace)
    inside = imported.folder.relative_to(workspace)
    for path in (imported.folder, inside):
        predictor = predict.load_predictor(path)
        assert (predictor.input_scale, predictor.classes) == ("bgr", ("Cat", "Dog"))
    file_alone = predict.load_predictor(inside / "best.keras")
    assert (file_alone.input_scale, file_alone.classes) == (None, ("p_0", "p_1"))
    settled = predict.apply_import_settings(file_alone, inside / "best.keras")
    assert (settled.input_scale, settled.classes) == ("bgr", ("Cat", "Dog"))


@pytest.mark.parametrize(
    ("shape", "units", "activation"),
    [((20, 30, 1), 1, "sigmoid"), ((30, 20, 3), 2, "sigmoid"), ((32, 32, 3), 2, None)],
)
def test_an_export_takes_the_same_values_and_gives_the_same_probabilities(
    tmp_path, shape, units, activation
):
    from catdog_core.export import model_writers
    from catdog_core.models import keras_models

    model = build_brightness_model(shape, (), (3.0, -1.0)[:units], (0.5, 0.1)[:units], activation)
    keras_models.save_model(model, tmp_path / "m.keras", {"scale": "-1..1"})
    exported, predictor = model_writers.load_inference_model(tmp_path / "m.keras")
    photos = noise(3, *shape[:2], 3)
    given = np.asarray(exported(predictor.scale_photos(photos)))
    assert np.allclose(given[:, -1], predictor.predict(photos)[:, -1], atol=1e-5)
    assert exported.input_shape == (None, *shape)


def test_eight_bit_numbers_are_not_made_for_assumed_values(tmp_path):
    from catdog_core.export import model_writers
    from catdog_core.models import keras_models

    keras_models.save_model(build_brightness_model(), tmp_path / "m.keras", {})
    with pytest.raises(ModelError, match="8-bit"):
        model_writers.write_litert_int8(tmp_path / "m.keras", tmp_path / "m.tflite")
