"""Write models as Keras 2 does, with tf-keras, and what each predicts: run by a test as a program.

tf-keras stays out of the tests' own process: it takes seconds to load, and registers itself beside
the Keras installed. What it writes of small models is in `keras2_models.zip`; a long test writes
them again.

    python tests/keras2_models.py

makes that archive anew.
"""

from __future__ import annotations

import json
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ARCHIVE = Path(__file__).with_name("keras2_models.zip")
SIZE = 24
RESCALING = (
    *("augmented", "adapted", "arithmetic", "caffe", "tf", "torch", "frozen", "partly_frozen"),
    "mobilenet_v3",
)
"""Models of photos as they are, 0..255; the others take 0..1."""
PRETRAINED = ("frozen", "partly_frozen", "mobilenet_v3")
SMALL = (
    *("course", "custom_training", "augmented", "adapted", "all_layers", "arithmetic"),
    *("caffe", "tf", "torch", "nested", "mixed", "built_late"),
)


def build_models(keras: Any, tf: Any) -> dict[str, Callable[[], Any]]:
    """The models by name, each built when it is called."""
    layers = keras.layers

    def classify(x: Any, y: Any, units: int = 2) -> Any:
        y = layers.GlobalAveragePooling2D()(y)
        return keras.Model(x, layers.Dense(units, activation="softmax")(y))

    def photo() -> Any:
        return keras.Input((SIZE, SIZE, 3))

    def course() -> Any:
        stack = [
            layers.Conv2D(4, 3, activation="relu", input_shape=(SIZE, SIZE, 3)),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(1, activation="sigmoid"),
        ]
        model = keras.Sequential(stack)
        metrics = [keras.metrics.BinaryAccuracy(name="acc")]
        model.compile(keras.optimizers.legacy.Adam(1e-3), "binary_crossentropy", metrics)
        return model

    def custom_training() -> Any:
        @keras.utils.register_keras_serializable("Custom")
        def own_loss(y: Any, p: Any) -> Any:
            return (y - p) ** 2

        @keras.utils.register_keras_serializable("Custom")
        class OwnOptimizer(keras.optimizers.SGD):
            pass

        model = course()
        model.compile(OwnOptimizer(), own_loss, [own_loss])
        return model

    def augmented() -> Any:
        stack = [
            keras.Input((SIZE, SIZE, 3)),
            layers.RandomFlip("horizontal"),
            layers.RandomRotation((-0.1, 0.2), fill_mode="nearest"),
            layers.RandomZoom((-0.2, 0.1), (-0.1, 0.1)),
            layers.RandomTranslation(0.1, (-0.2, 0.2)),
            layers.RandomContrast((0.2, 0.3)),
            layers.RandomBrightness(0.2),
            layers.RandomHeight(0.1),
            layers.RandomWidth((-0.1, 0.1)),
            layers.Resizing(SIZE, SIZE),
            layers.Rescaling(1 / 127.5, offset=-1),
            layers.Conv2D(4, 3, kernel_regularizer="l2", kernel_initializer="he_normal"),
            layers.BatchNormalization(),
            layers.LeakyReLU(alpha=0.2),
            layers.SpatialDropout2D(0.1),
            layers.GaussianNoise(0.1),
            layers.GlobalMaxPooling2D(),
            layers.Dense(2, activation="softmax"),
        ]
        return keras.Sequential(stack)

    def adapted() -> Any:
        layer = layers.Normalization()
        layer.adapt(tf.random.uniform((8, SIZE, SIZE, 3), 0, 255, seed=1))
        x = photo()
        return classify(x, layers.SeparableConv2D(4, 3)(layer(x)))

    def all_layers() -> Any:
        x = photo()
        y = layers.ZeroPadding2D(((0, 1), (1, 0)))(x)
        y = layers.DepthwiseConv2D(3, depth_multiplier=2)(y)
        y = layers.LayerNormalization()(layers.PReLU()(y))
        y = layers.ReLU(6.0, negative_slope=0.1)(y)
        z = layers.Conv2DTranspose(6, 3, padding="same")(layers.Cropping2D(((1, 2), (2, 1)))(y))
        y = layers.Add()([z, layers.Conv2D(6, 1, groups=3)(layers.Cropping2D(((1, 2), (2, 1)))(y))])
        y = layers.Concatenate()([y, layers.UpSampling2D()(layers.AveragePooling2D()(y))])
        y = layers.ELU()(layers.UnitNormalization()(layers.GroupNormalization(3)(y)))
        y = layers.Reshape((-1, 12))(y)
        y = layers.MultiHeadAttention(2, 4)(y, value=y, key=y)
        y = layers.Permute((2, 1))(layers.TimeDistributed(layers.Dense(5, activation="swish"))(y))
        y = layers.GlobalAveragePooling1D()(y)
        return keras.Model(x, layers.Dense(3, activation="softmax")(y))

    def arithmetic() -> Any:
        x = photo()
        y = tf.cast(x, tf.float32) / 127.5 - 1.0
        y = 2.0 * (1.0 - (-y + 0.25))
        y = layers.Conv2D(4, 3)(y)
        y = tf.nn.relu(y * tf.constant([1.0, 0.5, 2.0, 1.5]) + 0.25) / 3.0
        y = tf.concat([y, y * tf.sigmoid(y)], axis=-1) + layers.Conv2D(8, 1)(y)
        return keras.Model(x, layers.Dense(2, activation="softmax")(tf.reduce_mean(y, [1, 2])))

    def preprocessed(module: str) -> Callable[[], Any]:
        def build() -> Any:
            x = photo()
            flipped = keras.Sequential([layers.RandomFlip()])(x)
            y = getattr(keras.applications, module).preprocess_input(flipped)
            return classify(x, layers.Conv2D(4, 3)(y))

        return build

    def normalize(base: Any) -> None:
        """As after a training: every layer has outputs that differ from photo to photo."""
        norms = [each for each in base.layers if isinstance(each, layers.BatchNormalization)]
        for norm in norms:
            norm.momentum = 0.0
        base(tf.random.uniform((8, 32, 32, 3), -1, 1, seed=1), training=True)
        for norm in norms:
            norm.momentum = 0.99

    def pretrained(name: str, trainable: Any, **options: Any) -> Callable[[], Any]:
        def build() -> Any:
            base = getattr(keras.applications, name)(
                input_shape=(32, 32, 3), include_top=False, weights=None, **options
            )
            normalize(base)
            base.trainable = trainable is not False
            if trainable == "upper":
                for layer in base.layers[:40]:
                    layer.trainable = False
            x = keras.Input((32, 32, 3))
            y = base(x / 127.5 - 1.0, training=False)
            y = layers.Dense(8, activation="relu")(layers.GlobalAveragePooling2D()(y))
            return keras.Model(x, layers.Dense(2, activation="softmax")(y))

        return build

    def nested() -> Any:
        x = photo()
        inner = classify(x, layers.BatchNormalization()(layers.Conv2D(4, 3)(x)), 5)
        features = keras.Sequential([keras.Sequential([inner]), layers.BatchNormalization()])
        head = keras.Sequential([layers.Dense(4, "relu", input_shape=(5,)), layers.Dense(2)])
        return keras.Sequential([features, head, layers.Softmax()])

    def mixed() -> Any:
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
        try:
            x = photo()
            y = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(x))
            return keras.Model(x, layers.Dense(2, activation="softmax", dtype="float32")(y))
        finally:
            keras.mixed_precision.set_global_policy("float32")

    def built_late() -> Any:
        model = keras.Sequential([layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(1)])
        model.build((None, SIZE, SIZE, 3))
        return model

    return {
        "course": course,
        "custom_training": custom_training,
        "augmented": augmented,
        "adapted": adapted,
        "all_layers": all_layers,
        "arithmetic": arithmetic,
        "caffe": preprocessed("resnet50"),
        "tf": preprocessed("mobilenet_v2"),
        "torch": preprocessed("densenet"),
        "nested": nested,
        "mixed": mixed,
        "built_late": built_late,
        "frozen": pretrained("MobileNetV2", False, alpha=0.35),
        "partly_frozen": pretrained("MobileNetV2", "upper", alpha=0.35),
        "mobilenet_v3": pretrained("MobileNetV3Small", True, minimalistic=False),
    }


def main(folder: Path, names: list[str]) -> None:
    """Write models in both formats, and predictions of the same photos beside them.

    Models in folders ``export-…`` are opened, and their predictions written beside them.
    """
    import numpy as np
    import tensorflow as tf
    import tf_keras as keras

    expected = {}
    models = build_models(keras, tf)
    for number, name in enumerate(names):
        keras.backend.clear_session()
        keras.utils.set_random_seed(number)
        model = models[name]()
        rng = np.random.default_rng(number)
        for weight in () if name in (*PRETRAINED, "adapted") else model.weights:
            # As after a training: no bias is 0, no variance 1 any more.
            weight.assign(weight.numpy() * rng.uniform(0.8, 1.2, weight.shape) + 0.01)
        size = model.input_shape[1]
        photos = rng.integers(0, 256, (4, size, size, 3)).astype("float32")
        if name not in RESCALING:
            photos /= 255
        np.savez_compressed(
            folder / f"{name}.npz", photos=photos, outputs=model(photos, training=False)
        )
        for extension in ("h5", "keras"):
            try:
                model.save(folder / f"{name}.{extension}")
            except Exception as error:
                expected[f"{name}.{extension}"] = str(error)[:300]
    for exported in folder.glob("export-*/model.h5"):
        model = keras.models.load_model(exported, compile=False)
        photos = np.random.default_rng(0).uniform(0, 255, (4, 64, 64, 3)).astype("float32")
        outputs = model(photos, training=False)
        np.savez(exported.with_name("outputs.npz"), photos=photos, outputs=outputs)
    (folder / "unsaved.json").write_text(json.dumps(expected))


def write_archive() -> None:
    """Write the small models to the archive that the quick tests read."""
    with tempfile.TemporaryDirectory() as folder:
        main(Path(folder), list(SMALL))
        with zipfile.ZipFile(ARCHIVE, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for path in sorted(Path(folder).iterdir()):
                archive.write(path, path.name)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]), sys.argv[2:])
    else:
        write_archive()
