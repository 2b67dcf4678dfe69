"""The part of a transfer run's code that looks at the photos with its pretrained network."""

from __future__ import annotations

from typing import Any

from ..errors import N_, RunError
from ..networks import backbones
from ..runs import Run
from .code_data import quoted
from .code_network import output


def network(run: Run) -> tuple[list[tuple[str, dict[str, Any]]], str]:
    """What is said of the network, and the code up to the new last layer.

    Raises:
        RunError: the pretrained weights are those of the run's model, and it has none.
    """
    training = run.training
    assert training is not None
    known = backbones.BACKBONES[training.backbone]
    if known.keras_name:
        made = f"""\
backbone = keras.applications.{known.keras_name}(
    include_top=False, weights="imagenet", input_shape=(SIZE, SIZE, 3), pooling="avg"
)
"""
        said = N_("{title} has learned from ImageNet; keras.applications downloads its weights.")
    else:
        if run.best_model is None:
            raise RunError(
                "Run '{name}' has no model yet, and its code takes the pretrained weights from"
                " there. Expected one with a whole epoch.",
                name=run.name or run.id,
            )
        made = f"""\
MODEL = {quoted(str(run.best_model))}  # the run's model, as "export … keras" writes it
whole = keras.models.load_model(MODEL, compile=False)
backbone = keras.Model(whole.input, whole.layers[-2].output)
"""
        said = N_(
            "{title} is not among keras.applications, so the pretrained network is taken out of"
            " the run's own model file."
        )
    told: list[tuple[str, dict[str, Any]]] = [
        (said, {"title": known.title}),
        (
            N_(
                "It looks at each photo once; a new last layer then learns from the {features:,}"
                " numbers it makes of it."
            ),
            {"features": known.features},
        ),
    ]
    units = 1 if len(run.classes) <= 2 else len(run.classes)
    return told, f"{made}{_features(run)}{_last(units)}"


def _features(run: Run) -> str:
    assert run.training is not None
    looks = backbones.looks(run.training, run.augmentation) - 1
    code = """\


def seen(photos):
    \"\"\"What the pretrained network makes of photos, (N, features).\"\"\"
    return backbone.predict(photos.astype("float32"), batch_size=BATCH, verbose=0)


train_features, validation_features = seen(train_photos), seen(validation_photos)
"""
    if looks > 0:
        code += f"""\
looks = [train_features]
for look in range({looks}):  # changed photos beside those as they are
    parts = range(0, len(train_photos), BATCH)
    changed = [augmented(train_photos[n : n + BATCH].astype("float32")).numpy() for n in parts]
    looks.append(seen(np.concatenate(changed)))
train_features = np.concatenate(looks)
train_labels = np.tile(train_labels, len(looks))
"""
    return code


def _last(units: int) -> str:
    return f"""\
model = keras.Sequential(
    [keras.Input((train_features.shape[1],)), {output(units)})]
)
model.summary()
"""
