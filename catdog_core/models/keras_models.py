"""The model zoo by name, and Keras files that describe themselves.

Every model takes photos as they are, float32 or uint8 values 0..255, and rescales them itself:
no caller can forget to, and prediction cannot differ from training.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict, cast

import h5py
import keras

from ..base import bounded_readers, files, limits
from ..base.errors import DatasetError, ModelError
from ..config import Network, Training
from ..data import archive_safety
from . import (
    architecture,
    backbones,
    compact_network,
    custom_network,
    model_packages,
    model_sandbox,
    transfer,
    translated_models,
    untrusted_models,
)

FORMAT = 1
METADATA_MEMBER = "catdog.json"
"""The member of a `.keras` archive, and the attribute of an `.h5` file, with what the lab knows."""

_MAX_METADATA_BYTES = 1_000_000


class ModelMetadata(TypedDict, total=False):
    """What the lab stores inside a model file; a file from elsewhere may hold anything there.

    Attributes:
        format: of the metadata.
        classes: class names in label order.
        model: the network, a key of `architecture.MODEL_DESCRIPTIONS`.
        scale: the values it takes, one of `model_registry.INPUT_SCALES`; 0..255 where the lab
            names classes but no scale.
        labels_file: the class names are those of a `labels.txt` that came with the model, so
            nothing tells the values it takes unless `scale` does.
        epoch: from 0, the last one trained; in a backup alone.
        row: the numbers of that epoch, as metrics.jsonl holds them; in a backup alone.
    """

    format: int
    classes: list[str]
    model: str
    scale: str
    labels_file: bool
    epoch: int
    row: Any


def build_model(
    name: str,
    image_size: int = 150,
    classes: Sequence[str] = ("cats", "dogs"),
    network: Network | None = None,
) -> keras.Model:
    """Build an untrained network; `keras.utils.set_random_seed` first makes it repeatable.

    Args:
        name: a key of `architecture.MODEL_DESCRIPTIONS`.
        image_size: side of the square photos in pixels, S.
        classes: class names in label order; two share one sigmoid unit, the probability of the
            second.
        network: for "custom", what it is built of; by default as the notes' is.

    Returns:
        A model from (B, S, S, 3), values 0..255, to (B, 1) or (B, classes) probabilities.

    Raises:
        SettingsError: unknown name, or an image size too small for the network.
    """
    rows = architecture.list_model_layers(
        name, image_size, len(classes), network=network
    )  # may refuse
    if name == backbones.TRANSFER:
        seen = transfer.build_backbone(backbones.BUNDLED, image_size)
        return transfer.attach_head(seen, transfer.build_head(seen.output_shape[1], len(classes)))
    if name == architecture.COMPACT:
        return compact_network.build(image_size, rows[-1].output_shape[0])
    selected_network = (
        (network or Network()) if name == architecture.CUSTOM else architecture.NETWORKS[name]
    )
    return custom_network.build_custom_network(
        selected_network, image_size, rows[-1].output_shape[0], name
    )


def build_initialized(
    training: Training, classes: Sequence[str] = ("cats", "dogs"), start: Path | None = None
) -> keras.Model:
    """Build the network of a training as it begins: not compiled, random by its seed.

    Args:
        training: the settings.
        classes: class names in label order.
        start: a model file of the same network whose weights it takes over.
    """
    keras.utils.set_random_seed(training.seed)
    model = build_model(training.model, training.image_size, classes, training.network)
    if start is not None:
        model.set_weights(load_model(start).get_weights())
    return model


@keras.saving.register_keras_serializable("catdog")
class SoftLabelAccuracy(keras.metrics.BinaryAccuracy):  # type: ignore[misc]
    """Accuracy on mixed labels of two classes: is the class with the larger share recognized?

    Keras's own compares predictions, 0 or 1, with the shares themselves, which are neither.
    """

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch: shares of the second class and its probabilities, (B, 1) each."""
        super().update_state(keras.ops.round(y_true), y_pred, sample_weight)


def compile_for_training(
    model: keras.Model, optimizer: keras.optimizers.Optimizer | float, shares: bool = False
) -> None:
    """Compile a model with the cross-entropy that fits its last layer, and accuracy.

    Args:
        model: ends in one sigmoid unit or one softmax unit a class.
        optimizer: one that is not built yet, or the learning rate of Adam.
        shares: labels are shares of classes: photos are mixed, or labels smoothed.
    """
    units = model.output_shape[-1]
    if isinstance(optimizer, float):
        optimizer = keras.optimizers.Adam(optimizer)
    # Keras would make the metric that "accuracy" names within its first step, and then trace that
    # step a second time, which takes seconds for a deep network.
    if units == 1:
        accuracy: type[keras.metrics.Metric] = keras.metrics.BinaryAccuracy
    elif shares:
        accuracy = keras.metrics.CategoricalAccuracy
    else:
        accuracy = keras.metrics.SparseCategoricalAccuracy
    model.compile(
        optimizer=optimizer,
        loss=architecture.loss_name(2 if units == 1 else units, shares),
        metrics=[accuracy(name="accuracy")],
        # XLA was measured 3 to 4 times slower than plain graphs for these networks on a CPU.
        jit_compile=False,
    )
    model.optimizer.build(model.trainable_variables)  # else a file saved before step 1 won't load
    if shares:
        use_soft_label_accuracy(model)


def recompile_keep_state(
    model: keras.Model, optimizer: keras.optimizers.Optimizer | float, shares: bool = False
) -> None:
    """Compile a model that was loaded with its optimizer, and keep the optimizer's state.

    What a file does not keep of an optimizer, such as the weights it does not decay, is there
    again.
    """
    before = model.optimizer.variables
    compile_for_training(model, optimizer, shares)
    for variable, old in zip(model.optimizer.variables, before, strict=True):
        variable.assign(old)


def use_soft_label_accuracy(model: keras.Model) -> None:
    """Let a compiled model of two classes measure its accuracy on mixed labels.

    Files saved from it name Keras's own accuracy, so that they open without this lab.
    """
    if model.output_shape[-1] != 1:
        return  # Keras's accuracy of several classes takes the largest share by itself
    plain = model.get_compile_config()
    model.compile(
        optimizer=model.optimizer,
        loss=model.loss,
        metrics=[SoftLabelAccuracy(name="accuracy")],
        auto_scale_loss=False,  # it is already, where it must be
        jit_compile=False,
    )
    model.get_compile_config = lambda: plain


def save_model(
    model: keras.Model,
    path: Path,
    metadata: Mapping[str, object],
    optimizer: bool = True,
    members: Mapping[str, bytes] | None = None,
) -> None:
    """Save a model, whole or not at all, with metadata inside that `read_metadata` returns.

    Args:
        model: any Keras model.
        path: ends in ``.keras`` or ``.h5``.
        metadata: the keys of `ModelMetadata`, at least "classes"; JSON.
        optimizer: keep the optimizer's state, which a resumed training needs.
        members: more files of a `.keras` archive, by name.
    """
    text = json.dumps(metadata, ensure_ascii=False)
    if not optimizer and getattr(model, "optimizer", None) is not None:  # unset if not compiled
        # Keras keeps it in a `.keras` file whatever it is told; a copy never had one.
        bare = type(model).from_config(model.get_config())
        bare.set_weights(model.get_weights())
        model = bare
    with files.atomic_replace(path) as temporary:
        model.save(temporary)
        if path.suffix == ".keras":
            with zipfile.ZipFile(temporary, "a") as archive:
                archive.writestr(METADATA_MEMBER, text)
                for name, content in (members or {}).items():
                    archive.writestr(name, content)
        else:
            with h5py.File(temporary, "a") as file:
                file.attrs[METADATA_MEMBER] = text
    model_sandbox.remember_own_model(path)


def load_model(path: Path, compiled: bool = False) -> keras.Model:
    """Read a model file, once `model_sandbox` has found it harmless; its name does not matter.

    Args:
        path: a `.keras` archive or whole-model `.h5`, told apart by content.
        compiled: with optimizer and loss, to train on.

    Raises:
        ModelError: it is no model, unsafe, damaged, or of layers that are not Keras's own.
    """
    with model_sandbox.checked_model_file(path, compiled) as safe:
        try:
            return load_checked_model(safe, path.name, compiled)
        except ModelError:
            raise
        except Exception as error:
            raise model_sandbox.unloadable_error(path.name, error) from error


def load_checked_model(path: Path, name: str, compiled: bool = False) -> keras.Model:
    """Read a model file that passed the checks, whichever version of Keras saved it.

    Args:
        path: ends in ``.keras`` or ``.h5``, as its content tells.
        name: the file's name in messages.
        compiled: with optimizer and loss, to train on.

    Raises:
        ModelError: it contains what the installed Keras cannot express.
        Exception: of many kinds, where Keras refuses it.
    """
    with translated_models.readable_model_file(path, name, compiled) as readable:
        return keras.models.load_model(readable, compile=compiled, safe_mode=True)


def read_metadata(path: Path) -> ModelMetadata:
    """Return what `save_model` stored inside a model file, or what labels beside it say.

    Labels are in the file's zip, or in the same folder. Empty for another file from elsewhere.

    Raises:
        CatDogError: a newer program stored it.
    """
    try:
        with files.open_regular(path):
            pass  # never a pipe, which the readers would wait for
        if zipfile.is_zipfile(path):
            archive_safety.refuse_long_table(path, untrusted_models.MAX_MEMBERS)
            with zipfile.ZipFile(path) as archive:
                if archive.getinfo(METADATA_MEMBER).file_size > _MAX_METADATA_BYTES:
                    return {}
                metadata = bounded_readers.parse_bounded_json(
                    archive.read(METADATA_MEMBER), _MAX_METADATA_BYTES
                )
        else:
            with h5py.File(path) as file:
                metadata = bounded_readers.parse_bounded_json(
                    untrusted_models.read_text_attribute(file, METADATA_MEMBER, _MAX_METADATA_BYTES)
                    or b"",
                    _MAX_METADATA_BYTES,
                )
    except (DatasetError, KeyError, OSError, ValueError):
        metadata = None
    if not isinstance(metadata, dict) or not metadata:
        found = cast(ModelMetadata, model_packages.read_package_metadata(path))
        return found or _metadata_of_teachable_machine(path)
    files.check_format_version(path, metadata, FORMAT)
    return cast(ModelMetadata, metadata)


def _metadata_of_teachable_machine(path: Path) -> ModelMetadata:
    """Return the range of values of a Teachable Machine model without labels; else nothing."""
    try:
        with h5py.File(path) as file:
            most = limits.current_limits().model_config_bytes
            text = untrusted_models.read_text_attribute(file, "model_config", most) or b""
        config = bounded_readers.parse_bounded_json(
            text, max(len(text), 1), untrusted_models.MAX_JSON_VALUES
        )
    except (OSError, ValueError):
        return {}
    if model_packages.is_from_teachable_machine(config):
        return {"scale": model_packages.TEACHABLE_MACHINE_SCALE}
    return {}
