"""Models from elsewhere on the command line: the scale of their input, and their classes."""

import json
import shutil

import fakes
import numpy as np
import pytest
from model_factory import build_brightness_model

from catdog_core.imaging import decode
from catdog_core.models import keras_models

pytestmark = pytest.mark.usefixtures("workspace")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for name, value in (("dark.png", 40), ("light.png", 215)):
        photo = np.full((32, 32, 3), value, np.uint8)
        (folder / name).write_bytes(decode.encode_photo(photo, "png"))
    return [folder / "dark.png", folder / "light.png"]


@pytest.fixture(scope="module")
def silent(tmp_path_factory):
    """A model made for values of -1..1 that says neither that nor its classes."""
    path = tmp_path_factory.mktemp("model") / "silent.keras"
    keras_models.save_model(build_brightness_model(kernel=(8.0,), bias=(0.0,)), path, {})
    return path


def labels(out):
    return [row.get("label") for row in json.loads(out)["predictions"]]


def test_a_silent_file_is_never_given_a_scale_without_a_word(silent, photos, capsys):
    status, out, err = fakes.run_cli(capsys, "predict", silent, *photos, "--json")
    assert status == 0 and labels(out) == ["p_1", "p_1"]
    assert "0..1 is assumed" in err and "--scale" in err
    assert "p_1 with 0..255, 0..1; different labels with -1..1, imagenet, bgr" in err


def test_the_scale_can_be_chosen(silent, photos, capsys):
    status, out, err = fakes.run_cli(
        capsys, "predict", silent, *photos, "--json", "--scale", "-1..1"
    )
    assert (status, labels(out), err) == (0, ["p_0", "p_1"], "")
    dark = json.loads(out)["predictions"][0]["probabilities"]["p_1"]
    assert dark == pytest.approx(1 / (1 + np.exp(8 * (1 - 40 / 127.5))), abs=1e-4)


def test_of_one_photo_the_label_with_each_scale_is_told(silent, photos, capsys):
    _, _, err = fakes.run_cli(capsys, "predict", silent, photos[0])
    assert "This photo gets p_1 with 0..255, 0..1; p_0 with -1..1" in err


def test_a_file_that_says_its_scale_needs_no_word(photos, tmp_path, capsys):
    from keras import layers

    path = tmp_path / "own.keras"
    model = build_brightness_model(before=[layers.Rescaling(1 / 255)])
    keras_models.save_model(model, path, {})
    status, out, err = fakes.run_cli(capsys, "predict", path, *photos, "--json")
    assert (status, labels(out), err) == (0, ["p_0", "p_1"], "")
    _, out, err = fakes.run_cli(capsys, "predict", path, *photos, "--json", "--scale", "0..1")
    assert labels(out) == ["p_0", "p_0"] and "file says 0..255" in err


@pytest.mark.parametrize(("scale", "words"), [("0-1", "no scale '0-1'"), ("bgr", "grayscale")])
def test_a_scale_that_does_not_fit_is_refused(photos, tmp_path, capsys, scale, words):
    path = tmp_path / "grey.keras"
    keras_models.save_model(build_brightness_model((32, 32, 1)), path, {})
    status, _, err = fakes.run_cli(capsys, "predict", path, photos[0], "--scale", scale)
    assert status == 1 and words in err and len(err.splitlines()) == 1


def test_nan_ends_in_one_sentence(photos, tmp_path, capsys):
    import keras

    path = tmp_path / "nan.keras"
    model = build_brightness_model(before=[lambda x: (x * 0.0) / (keras.ops.max(x) * 0.0)])
    keras_models.save_model(model, path, {})
    status, out, err = fakes.run_cli(capsys, "predict", path, *photos, "--scale", "0..255")
    assert (status, out) == (1, "") and err.startswith("Error: The model outputs NaN")


@pytest.fixture(scope="module")
def bright_model(tmp_path_factory):
    """A model that says its scale, and no classes."""
    path = tmp_path_factory.mktemp("bright") / "bright.keras"
    keras_models.save_model(build_brightness_model(), path, {"scale": "0..1"})
    return path


def renamed(demo, folder, names):
    shutil.copytree(demo, folder)
    for split in ("train", "validation"):
        for before, after in zip(("cats", "dogs"), names, strict=True):
            (folder / split / before).rename(folder / split / after)
    return folder


def evaluated(capsys, *arguments):
    status, out, err = fakes.run_cli(capsys, "evaluate", *arguments, "--json")
    assert status == 0, err
    return json.loads(out), err


def test_an_evaluation_tells_how_many_each_scale_gets_right(silent, demo, capsys):
    described, err = evaluated(capsys, silent, demo)
    assert "0..1 is assumed" in err
    assert (described["scale"], described["scale_assumed"]) == ("0..1", True)
    assert "Right of 16 photos: " in err and "with imagenet" in err


def test_classes_by_order_are_said_and_can_be_mapped(bright_model, demo, capsys):
    straight, err = evaluated(capsys, bright_model, demo)
    assert "in order: p_0 = cats, p_1 = dogs" in err
    turned, err = evaluated(capsys, bright_model, demo, "--map", "p_0=dogs")
    assert err == ""
    assert turned["confusion"] == [row[::-1] for row in straight["confusion"]]


def test_other_spellings_of_the_classes_are_matched_and_said(bright_model, demo, tmp_path, capsys):
    model = tmp_path / "named.keras"
    keras_models.save_model(
        build_brightness_model(), model, {"scale": "0..1", "classes": ["Dog", "Cat"]}
    )
    straight, _ = evaluated(capsys, bright_model, demo)
    turned, err = evaluated(capsys, model, demo)
    assert "Cat = cats, Dog = dogs" in err and turned["classes"] == ["cats", "dogs"]
    assert turned["confusion"] == [row[::-1] for row in straight["confusion"]]
    other = renamed(demo, tmp_path / "set", ("tabby", "husky"))
    status, out, err = fakes.run_cli(capsys, "evaluate", model, other)
    assert (status, out) == (1, "") and "--map" in err
    mapped, _ = evaluated(capsys, model, other, "--map", "Dog=husky", "--map", "Cat=tabby")
    assert mapped["classes"] == ["husky", "tabby"] and mapped["accuracy"] == turned["accuracy"]
    status, _, err = fakes.run_cli(capsys, "evaluate", model, other, "--map", "Owl=husky")
    assert status == 1 and "MODEL=DATASET" in err
