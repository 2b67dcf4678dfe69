"""What a model costs at use: how many photos it gets at once follows from its shapes."""

import json
import subprocess
import sys
from pathlib import Path

import costly_models
import hostile_models
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from catdog_core.analysis import (
    activations,
    embedding_recorder,
    gradcam,
    model_sandbox_process,
    predict,
)
from catdog_core.base.errors import ModelError
from catdog_core.models import memory, untrusted_models

MEGABYTE = 1_000_000


def described(model, classes=("cats", "dogs")):
    return predict.build_predictor("model", model, {"classes": list(classes)})


def needed(model, count, size=None):
    """Bytes of a forward pass of so many photos, as the bound has it."""
    side = size or model.input_shape[1]
    signature = tf.TensorSpec((count, side, side, 3))
    forward = tf.function(lambda photos: model(photos, training=False), autograph=False)
    return memory.bytes_needed(forward.get_concrete_function(signature).graph)


def test_the_shipped_model_is_asked_about_32_photos_at_once(default_predictor):
    model = default_predictor
    assert model.batch == 32
    assert gradcam._compile_gradcam(model.model, model.input_shape).batch >= 8


@pytest.mark.parametrize("kind", ["upsampled", "attention", "any_size"])
def test_a_wide_model_gets_fewer_photos_at_once_everywhere(set_limits, kind):
    set_limits(model_batch_bytes=150 * MEGABYTE)
    model = described(costly_models.KINDS[kind]())
    assert 1 <= model.batch < 32
    assert 1 <= embedding_recorder.EmbeddingRecorder(model, []).predictor.batch < 32
    last = [layer.index for layer in activations.list_map_layers(model)][
        -1:
    ]  # attention keeps no map
    assert all(activations.photos_at_once(model, layer_index) < 32 for layer_index in last)


def test_photos_reach_the_network_in_parts_that_fit(set_limits):
    set_limits(model_batch_bytes=15 * MEGABYTE)
    seen = []

    class Seen(layers.Layer):
        def call(self, x):
            tf.numpy_function(lambda n: seen.append(int(n)), [tf.shape(x)[0]], [])
            return x

    x = keras.Input((32, 32, 3))
    wide = layers.UpSampling2D(6)(layers.Conv2D(3, 3)(Seen()(x)))
    model = described(keras.Model(x, costly_models._end(layers.Conv2D(2, 3)(wide))))
    photos = np.zeros((20, 32, 32, 3), np.uint8)
    rows = predict.predict_photos(model, [])
    model.predict(photos)
    gradcam.heat_maps(model, photos, 1)
    list(
        activations.top_activations(
            model, iter(photos), activations.list_map_layers(model)[-1].index, 0
        )
    )
    assert rows == [] and sum(seen) == 60 and 1 <= max(seen) <= model.batch < 20


def test_a_model_of_which_one_photo_takes_too_much_is_refused_in_a_sentence(set_limits):
    set_limits(model_batch_bytes=20 * MEGABYTE)
    with pytest.raises(ModelError, match=r"model needs about \d+ MB .* more than the 20 MB"):
        described(costly_models.upsampled())


def test_a_heat_map_that_takes_too_much_is_refused_while_photos_are_still_predicted(set_limits):
    network = costly_models.unfolded()
    set_limits(model_batch_bytes=int(needed(network, 1) * 1.1) + 128 * 128 * 3 * 6)
    model = described(network)
    with pytest.raises(ModelError, match="MB"):
        gradcam.heat_maps(model, np.zeros((1, 128, 128, 3), np.uint8), 1)
    assert model.predict(np.zeros((1, 128, 128, 3), np.uint8)).shape == (1, 2)


def test_results_whose_size_depends_on_the_photo_are_refused():
    with pytest.raises(ModelError, match="depends on the photo"):
        described(costly_models.counted())


GROWTH = {
    "attention": (costly_models.attention, {"side": 14}, {"side": 28}, 12),
    "branches": (costly_models.branches, {"count": 6}, {"count": 24}, 3),
    "a recurrent layer": (costly_models.recurrent, {"side": 32}, {"side": 64}, 3),
    "a kernel's windows": (
        costly_models.transposed,
        {"side": 64, "kernel": 16, "stride": 16},
        {"side": 64, "kernel": 128, "stride": 16},
        4,
    ),
}


@pytest.mark.parametrize("kind", GROWTH)
def test_the_bound_grows_as_the_work_does(kind):
    build, small, large, factor = GROWTH[kind]
    assert needed(build(**large), 8) > factor * needed(build(**small), 8) > 0


def test_the_bound_knows_memory_that_grows_with_the_square_of_the_batch():
    model = costly_models.across_photos()
    assert needed(model, 8) > 12 * needed(model, 2)


def test_a_gradient_through_a_loop_counts_every_round():
    x = keras.Input((64, 8))
    model = keras.Model(x, layers.Dense(1)(layers.LSTM(16)(x)))

    def through(values):
        with tf.GradientTape() as tape:
            tape.watch(values)
            result = model(values, training=False)
        return tape.gradient(result, values)

    graph = tf.function(through, autograph=False).get_concrete_function(
        tf.TensorSpec((8, 64, 8), tf.float32)
    )
    one = 8 * 16 * 4  # bytes of a state of 8 rows
    assert memory.bytes_needed(graph.graph) > 64 * 6 * one


def test_a_wide_flattened_map_is_embedded_without_a_matrix_of_gigabytes():
    values = np.random.default_rng(0).standard_normal((6, 300_000)).astype(np.float32)
    folded = embedding_recorder._count_sketch(values)
    assert folded.shape == (6, 65_536)
    before, after = (np.linalg.norm(x[0] - x[1]) for x in (values, folded))
    assert after == pytest.approx(before, rel=0.05)


_MEASURE = """
import sys
sys.path[:0] = {paths!r}
from catdog_core.base import library_output
library_output.import_tensorflow()
import costly_models, json, numpy as np, tensorflow as tf
from catdog_core.analysis import gradcam, predict
from catdog_core.base import limits
from catdog_core.analysis import embedding_recorder, activations
recorder = embedding_recorder.EmbeddingRecorder
last_map = lambda model: activations.list_map_layers(model)[-1]
allowed = limits.Limits().model_copy(update=dict(model_batch_bytes={most}))
limits.current_limits = lambda: allowed
def status(name):
    lines = open("/proc/self/status").read().splitlines()
    return int(next(l for l in lines if l.startswith(name)).split()[1]) * 1024
def grown(work):
    before = status("VmRSS")
    open("/proc/self/clear_refs", "w").write("5")
    work()
    return status("VmHWM") - before
for kind in {kinds!r}:
    try:
        model = predict.build_predictor("m", costly_models.KINDS[kind](), {{"classes": ["a", "b"]}})
    except predict.ModelError:
        print(json.dumps([kind, "refused", 0, 0]), flush=True)
        continue
    photos = np.random.default_rng(0).integers(0, 255, (32, *model.size, 3), np.uint8)
    uses = {{
        "predict": lambda: model.predict(photos),
        "heat": lambda: gradcam.heat_maps(model, photos, 1),
        "embedding": lambda: recorder(model, []).predictor.predict(photos),
        "x-ray": lambda: list(
            activations.top_activations(model, iter(photos), last_map(model).index, 0)
        ),
    }}
    for name in {uses!r}:
        try:
            model.predict(photos[:1])
            print(json.dumps([kind, name, model.batch, grown(uses[name])]), flush=True)
        except (predict.ModelError, IndexError):
            print(json.dumps([kind, name, 0, 0]), flush=True)
"""
_OWN = 40 * MEGABYTE  # what TensorFlow keeps for itself: threads, traced graphs


def measured(kinds, most, uses):
    folder = Path(__file__).parent
    paths = [str(folder), str(folder.parent)]
    code = _MEASURE.format(paths=paths, kinds=kinds, most=most, uses=uses)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


# Each kind takes most of a minute; the memory of this one grows with the square.
MARKS = {"attention": [pytest.mark.long, pytest.mark.slow]}


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=MARKS.get(kind, pytest.mark.soak)) for kind in costly_models.KINDS],
)
def test_what_32_photos_take_stays_below_the_bound_for_every_kind(kind):
    most = 500 * MEGABYTE
    rows = measured([kind], most, ["predict", "heat", "embedding", "x-ray"])
    assert rows and all(row[3] <= most + _OWN for row in rows), rows


@pytest.fixture
def unpatched(monkeypatch):
    """Keras as it was, after a model was opened as the process apart does."""
    for owner, name in (
        (keras.Layer, "add_weight"),
        (layers.Normalization, "build"),
        (layers.MelSpectrogram, "build"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))


def thrice(x):
    """Three results that are all needed at once; each alone would fit."""
    return layers.Add()([x, ops.tanh(x), ops.relu(x)])


HOSTILE = {
    "places many times": lambda x: thrice(layers.UpSampling2D(180)(layers.Conv2D(3, 3)(x))),
    "padding": lambda x: thrice(layers.ZeroPadding2D(2700)(x)),
    "a vector repeated": lambda x: thrice(layers.RepeatVector(30_000)(layers.Flatten()(x))),
    "attention over all places": lambda x: layers.MultiHeadAttention(2, 2)(
        y := layers.Reshape((96 * 96, 3))(layers.UpSampling2D(3)(x)), y
    ),
    "values times values": lambda x: thrice(
        ops.expand_dims(layers.Flatten()(x), 2)
        * ops.expand_dims(layers.Flatten()(layers.UpSampling2D(3)(x)), 1)
    ),
    "windows of a large kernel": lambda x: layers.Conv2DTranspose(1, 150, padding="same")(
        layers.UpSampling2D(4)(x[..., :1])
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_without_limits_of_the_system_the_declared_shapes_decide(
    tmp_path, unpatched, monkeypatch, kind
):
    x = keras.Input((32, 32, 3))
    path = tmp_path / "hostile.keras"
    keras.Model(x, costly_models._end(HOSTILE[kind](x))).save(path)
    held = untrusted_models.count_model_weights(path)
    assert path.stat().st_size < 400_000
    monkeypatch.setattr(
        predict.Predictor, "predict_with_scores", lambda *_: pytest.fail("it was computed")
    )
    with pytest.raises(ModelError, match=r"more than the 1,000 MB|at most 100,000,000"):
        model_sandbox_process.try_model(path, "hostile.keras", held)


def test_numbers_that_layers_lay_out_beside_their_weights_are_counted(tmp_path, unpatched):
    x = keras.Input((32, 32, 3))
    y = layers.Normalization(axis=(1, 2, 3), mean=0.0, variance=1.0)(layers.UpSampling2D(2)(x))
    path = tmp_path / "laid.keras"
    keras.Model(x, costly_models._end(y)).save(path)

    def change(config):
        hostile_models.first_layer(config, "UpSampling2D")["config"].update(size=[60, 60])
        hostile_models.first_layer(config, "Normalization")["build_config"].update(
            input_shape=[None, 1920, 1920, 3]
        )

    large = hostile_models.rewrite_config(path, tmp_path / "large.keras", change)
    with pytest.raises(ModelError, match=r"values per photo\."):
        model_sandbox_process.try_model(
            large, "large.keras", untrusted_models.count_model_weights(large)
        )
