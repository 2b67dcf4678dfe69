"""The part of a run's code that builds its network, trains it and keeps its best epoch."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

from ..analysis.photo_overlap import KEPT_EPOCH_TEXT
from ..augmentation.code_templates import format_call, format_list
from ..base.errors import N_, RunError
from ..config import NETWORKS, Network, Training, schedules
from ..models import architecture, backbones
from ..runs import Run
from .code_data import PhotoListing, generate_class_weights_code, quote_python

Prose = tuple[str, Mapping[str, object]]
"""A message of the catalogue and its values; values that are names are escaped where shown."""
_CORE = Path(__file__).resolve().parent.parent


def generate_network_code(run: Run) -> tuple[list[Prose], str]:
    """Return what is said of the network of a run, and the code that builds and shows it.

    Raises:
        RunError: the pretrained weights are those of the run's model, and it has none.
    """
    return (
        _generate_transfer_network(run)
        if run.model == backbones.TRANSFER
        else _generate_plain_network(run)
    )


def _generate_plain_network(run: Run) -> tuple[list[Prose], str]:
    training = run.training
    units = 1 if len(run.classes) <= 2 else len(run.classes)
    rows = architecture.list_training_layers(training, max(len(run.classes), 2))
    prose: list[Prose] = [
        (
            N_("It has {parameters:,} parameters. model.summary() shows them layer by layer."),
            {"parameters": architecture.count_parameters(rows)},
        )
    ]
    if training.model == architecture.COMPACT:
        network_code = _generate_compact_code(units)
    else:
        network_code = _generate_sequential_code(training, units)
    return prose, f"{_generate_precision_code(training)}{network_code}model.summary()\n"


def _generate_precision_code(training: Training) -> str:
    if not training.mixed_precision:
        return ""
    return """\
card = bool(tf.config.list_physical_devices("GPU"))
keras.config.set_dtype_policy("mixed_float16" if card else "mixed_bfloat16")
"""


def generate_output_layer(units: int) -> str:
    """Return the last layer as code: one sigmoid unit, or a softmax unit a class."""
    return f'layers.Dense({units}, activation="{"sigmoid" if units == 1 else "softmax"}"'


def _generate_sequential_code(training: Training, units: int) -> str:
    built = (training.network or Network()) if training.model == "custom" else None
    net = built or NETWORKS[training.model]
    lines = ["keras.Input((SIZE, SIZE, 3)),", "layers.Rescaling(1 / 255),"]
    for filters in net.filters:
        lines += _generate_block_lines(net, filters)
    flat = net.head == "flatten"
    lines.append("layers.Flatten()," if flat else "layers.GlobalAveragePooling2D(),")
    if net.dropout:
        lines.append(f"layers.Dropout({net.dropout:g}),")
    if net.dense:
        lines.append(f'layers.Dense({net.dense}, activation="{net.activation}"),')
    lines.append(f'{generate_output_layer(units)}, dtype="float32"),')
    return f"model = {format_call('keras.Sequential', [format_list(lines)])}\n"


def _generate_block_lines(net: Network, filters: int) -> list[str]:
    arguments = [str(filters), str(net.kernel)]
    if net.pooling == "stride":
        arguments.append("strides=2")
    if net.padding != "valid":
        arguments.append(f'padding="{net.padding}"')
    if net.batch_norm:
        arguments.append("use_bias=False")
    else:
        arguments.append(f'activation="{net.activation}"')
    lines = [f"layers.Conv2D({', '.join(arguments)}),"]
    if net.batch_norm:
        lines += ["layers.BatchNormalization(),", f'layers.Activation("{net.activation}"),']
    if net.pooling == "max":
        lines.append("layers.MaxPooling2D(2),")
    elif net.pooling == "average":
        lines.append("layers.AveragePooling2D(2),")
    return lines


def _generate_compact_code(units: int) -> str:
    constants = "\n".join(
        f"{name} = {getattr(architecture, name)!r}" for name in ("STEM", "WIDTHS", "DROPOUT")
    )
    source = copy_source("models/compact_network.py")
    return (
        f"from keras import KerasTensor\nfrom keras import layers as kl\n\n{constants}\n\n\n"
        f"{source}\n\nmodel = build(SIZE, {units})\n"
    )


def copy_source(path: str) -> str:
    """Return constants, functions and classes of one of the lab's files, without its imports."""
    text = (_CORE / path).read_text(encoding="utf-8")
    lines = text.splitlines()
    parts: list[str] = []
    previous: ast.stmt | None = None
    for node in ast.parse(text).body:
        if isinstance(node, (ast.Import, ast.ImportFrom, ast.Expr)):
            continue
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        block = "\n".join(lines[first - 1 : node.end_lineno])
        both = isinstance(node, ast.Assign) and isinstance(previous, ast.Assign)
        parts.append(block if not parts else f"\n{block}" if both else f"\n\n\n{block}")
        previous = node
    return "".join(parts) + "\n"


def _generate_transfer_network(run: Run) -> tuple[list[Prose], str]:
    training = run.training
    known = backbones.BACKBONES[training.backbone]
    if known.keras_name:
        backbone_code = f"""\
backbone = keras.applications.{known.keras_name}(
    include_top=False, weights="imagenet", input_shape=(SIZE, SIZE, 3), pooling="avg"
)
"""
        description = N_(
            "{title} is pretrained on ImageNet. keras.applications downloads its weights."
        )
    else:
        if run.best_model is None:
            raise RunError(
                "Run '{name}' has no model yet, and its code needs the pretrained weights from "
                "it. Train at least one epoch first.",
                name=run.name or run.id,
            )
        backbone_code = f"""\
MODEL = {quote_python(str(run.best_model))}  # the run's model, as "export … keras" writes it
trained = keras.models.load_model(MODEL, compile=False)
backbone = keras.Model(trained.input, trained.layers[-2].output)
"""
        description = N_(
            "{title} isn't part of keras.applications, so the pretrained network comes from the "
            "run's model file."
        )
    prose: list[Prose] = [
        (description, {"title": known.title}),
        (
            N_(
                "The pretrained network processes each photo once. A new last layer then learns "
                "from the {features:,} numbers it computes for each photo."
            ),
            {"features": known.features},
        ),
    ]
    units = 1 if len(run.classes) <= 2 else len(run.classes)
    return prose, f"{backbone_code}{_generate_features_code(run)}{_generate_last_layer_code(units)}"


def _generate_features_code(run: Run) -> str:
    extra_passes = backbones.count_feature_passes(run.training, run.augmentation) - 1
    code = """\


def seen(photos):
    \"\"\"Return the pretrained network's features of photos, (N, features).\"\"\"
    return backbone.predict(photos.astype("float32"), batch_size=BATCH, verbose=0)


train_features, validation_features = seen(train_photos), seen(validation_photos)
"""
    if extra_passes > 0:
        code += f"""\
looks = [train_features]
for look in range({extra_passes}):  # augmented photos besides the originals
    parts = range(0, len(train_photos), BATCH)
    changed = [augmented(train_photos[n : n + BATCH].astype("float32")).numpy() for n in parts]
    looks.append(seen(np.concatenate(changed)))
train_features = np.concatenate(looks)
train_labels = np.tile(train_labels, len(looks))
"""
    return code


def _generate_last_layer_code(units: int) -> str:
    return f"""\
model = keras.Sequential(
    [keras.Input((train_features.shape[1],)), {generate_output_layer(units)})]
)
model.summary()
"""


_AVERAGING_CODE = '''\
class AveragedWeights(keras.callbacks.Callback):
    """Validates and saves a moving average of the weights, which fluctuates less."""

    def on_train_begin(self, logs=None):
        self.weights = [w for w in self.model.weights if "float" in str(w.dtype)]
        self.averages = [tf.Variable(w.numpy(), trainable=False) for w in self.weights]
        self.follow, self.swapped = tf.function(self.average), False

    def on_epoch_begin(self, epoch, logs=None):
        if self.swapped:
            self.swap()

    def on_train_batch_end(self, batch, logs=None):
        self.follow()

    def on_test_begin(self, logs=None):
        self.swap()  # swapped back at the next epoch, so the averages are saved

    def average(self):
        done = tf.cast(self.model.optimizer.iterations.value, tf.float32)
        kept = tf.minimum({decay:g}, (1 + done) / (10 + done))  # covers fewer steps at first
        for average, weight in zip(self.averages, self.weights):
            average.assign_add((1 - kept) * (weight.value - average))

    def swap(self):
        self.swapped = not self.swapped
        for average, weight in zip(self.averages, self.weights):
            now = weight.numpy()
            weight.assign(average)
            average.assign(now)
'''
_SCHEDULE_CODE = '''\
def learning_rate(step):
    """Return the learning rate of a step, counted from 0."""
{body}

class Schedule(keras.callbacks.Callback):
    """Sets the learning rate of every step."""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        step = self.epoch * STEPS + batch
        rate = learning_rate(step)
        if rate is not None:
            self.model.optimizer.learning_rate = rate
'''
PLOT_CODE = """\
epochs = range(1, len(history.history["loss"]) + 1)
figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for panel, name in zip(axes, ("accuracy", "loss")):
    panel.plot(epochs, history.history[name], "r", label="training")
    panel.plot(epochs, history.history[f"val_{name}"], "b", label="validation")
    panel.set(title=name.capitalize(), xlabel="epoch")
    panel.legend()
plt.savefig("overfitting.png")
SHOW
"""


def generate_callbacks_code(training: Training) -> str:
    """Return the code of the callbacks of a training, and of the list of them."""
    parts, names = [], []
    mode = "max" if training.monitor == "val_accuracy" else "min"
    if training.weight_averaging:
        parts.append(_AVERAGING_CODE.replace("{decay:g}", f"{training.weight_averaging:g}"))
        names.append("AveragedWeights()")
    if not schedules.is_constant(training):
        if training.warmup_epochs or training.schedule != "plateau":
            parts.append(_generate_schedule_code(training))
            names.append("Schedule()")
        if training.schedule == "plateau":
            names.append(
                'keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.5,'
                f" patience={training.plateau_patience}, min_delta=0)"
            )
    arguments = f'"best.weights.h5", "{training.monitor}", mode="{mode}", save_best_only=True'
    names.append(
        format_call("keras.callbacks.ModelCheckpoint", [f"{arguments}, save_weights_only=True"])
    )
    names.append('keras.callbacks.CSVLogger("history.csv")')
    if training.early_stopping:
        names.append(
            f'keras.callbacks.EarlyStopping("{training.monitor}", mode="{mode}",'
            f" patience={training.early_stopping})"
        )
    body = "".join(f"\n\n{part}" for part in parts)
    every = format_list([f"{name}," for name in names])
    return f"{body}{chr(10) * (2 if parts else 0)}callbacks = {every}\n"


def _generate_schedule_code(training: Training) -> str:
    top = f"{training.learning_rate:g}"
    lines = []
    if training.warmup_epochs:
        lines += [
            f"warm = {training.warmup_epochs} * STEPS",
            "if step < warm:",
            f"    return {top} * (step + 1) / warm",
        ]
    else:
        lines.append("warm = 0")
    if training.schedule == "cosine":
        lines += [
            "done = (step - warm) / max(EPOCHS * STEPS - warm, 1)",
            f"return {top} * (1 + np.cos(np.pi * done)) / 2",
        ]
    elif training.schedule == "step":
        first, second = schedules.STEP_FRACTIONS
        lines += [
            "epoch = step // STEPS",
            f"drops = (epoch >= {first} * EPOCHS) + (epoch >= {second} * EPOCHS)",
            f"return {top} * {schedules.STEP_FACTOR} ** int(drops)",
        ]
    elif training.schedule == "plateau":
        lines.append("return None  # ReduceLROnPlateau takes over here")
    else:
        lines.append(f"return {top}")
    return _SCHEDULE_CODE.replace("{body}", "".join(f"    {line}\n" for line in lines))


_NO_DECAY_CODE = 'optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])\n'
_LARGER_SHARE_CODE = '''\
def larger_share(truth, said):
    """Accuracy on mixed or smoothed labels: the class with the larger share counts."""
    return keras.metrics.binary_accuracy(ops.round(truth), said)


'''


def has_soft_labels(run: Run) -> bool:
    """Return whether labels are shares of classes: photos are mixed, or labels smoothed."""
    mixes = run.augmentation is not None and run.augmentation.mixes
    return mixes or run.training.label_smoothing > 0


def generate_fit_code(run: Run, photos: PhotoListing) -> tuple[list[Prose], str]:
    """Return what is said of the training of a run, and its code up to the history."""
    training = run.training
    parts = [
        _generate_optimizer_code(training),
        "" if photos.generator else f"\n\n{_generate_batches_code(run)}\n\n",
        _generate_compile_code(run),
        generate_callbacks_code(training),
        _generate_fit_call(run, photos),
    ]
    prose: list[Prose] = [
        (
            N_(
                "{epochs} epochs of {steps} steps, with {batch} photos each. The lab's Compare "
                "page can read history.csv."
            ),
            {
                "epochs": training.epochs,
                "steps": training.steps_per_epoch,
                "batch": training.batch_size,
            },
        )
    ]
    if training.unfreeze and run.model == backbones.TRANSFER:
        prose.append(
            (
                N_(
                    "In its last {n} epochs, the run also trained the last {blocks} blocks of the "
                    "pretrained network. This code leaves that out."
                ),
                {"n": training.unfreeze_epochs, "blocks": training.unfreeze},
            )
        )
    return prose, "".join(parts)


def _generate_optimizer_code(training: Training) -> str:
    rate, decay = f"{training.learning_rate:g}", f"{training.weight_decay:g}"
    decayed = f", weight_decay={decay}" if training.weight_decay else ""
    spared = _NO_DECAY_CODE if training.weight_decay else ""
    if training.optimizer == "muon":
        source = copy_source("training/muon.py")
        return (
            f"import math\nfrom typing import Any\n\n{source}\n\noptimizer = make({rate},"
            f" {decay})\n{spared}"
        )
    if training.optimizer == "sgd":
        call = f"SGD({rate}, momentum=0.9, nesterov=True{decayed})"
    elif training.optimizer == "adamw":
        call = f"AdamW({rate}, weight_decay={decay})"
    else:
        call = f"Adam({rate}{decayed})"
    return f"optimizer = keras.optimizers.{call}\n{spared}"


def _generate_compile_code(run: Run) -> str:
    classes = max(len(run.classes), 2)
    loss = architecture.loss_name(classes, has_soft_labels(run))
    own = has_soft_labels(run) and classes == 2
    metric = 'keras.metrics.MeanMetricWrapper(larger_share, name="accuracy")' if own else ""
    return f"""{_LARGER_SHARE_CODE if own else ""}\
model.compile(
    optimizer=optimizer,
    loss="{loss}",
    metrics=[{metric or '"accuracy"'}],
    jit_compile=False,  # XLA slows down these networks on a CPU
)
"""


def _generate_batches_code(run: Run) -> str:
    """Return the code of endless batches from memory, augmented as the run does it."""
    training, settings = run.training, run.augmentation
    transfer, classes = run.model == backbones.TRANSFER, max(len(run.classes), 2)
    kind = "features" if transfer else "photos"
    lines = [
        f'{kind} = train_{kind}[chosen].astype("float32")',
        "labels = train_labels[chosen]",
    ]
    weighted = training.class_weights
    soft = has_soft_labels(run)
    if soft:
        lines.append('labels = np.eye(len(CLASSES), dtype="float32")[labels]')
    if not transfer and settings is not None and not settings.is_off:
        mixing = "photos, labels = mixed_batch(photos, labels)"
        lines.append(mixing if settings.mixes else "photos = augmented(photos)")
    if weighted:
        lines.append("weights = np.asarray(labels) @ heavy" if soft else "weights = heavy[labels]")
    if training.label_smoothing:
        part = f"{training.label_smoothing:g}"
        lines.append(f"labels = labels * (1 - {part}) + {part} / len(CLASSES)")
    if soft and classes == 2:
        lines.append("labels = labels[:, 1]")
    lines.append(f"yield {kind}, labels{', weights' if weighted else ''}")
    kept = run.pipeline < 2
    inside = "".join(f"{' ' * (8 if kept else 12)}{line}\n" for line in lines)
    heavy = ""
    if weighted:
        heavy = f"{generate_class_weights_code('train_labels')}\n\n"
    if not kept:
        order = "chance.permutation(len(train_labels))"
        if backbones.count_feature_passes(training, settings) > 1 and transfer:
            order = """chance.permutation(len(train_photos))
        # Each photo comes in one of its looks, drawn at random.
        order += len(order) * chance.integers(len(looks), size=len(order))"""
        return f'''{heavy}\
def batches():
    """Yield batches forever. A pass shows every photo once, and its last batch may be smaller."""
    chance = np.random.default_rng(SEED)
    while True:
        order = {order}
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
{inside}'''
    return f'''{heavy}\
def batches():
    """Yield batches forever. Every photo comes once before any photo repeats."""
    chance, waiting = np.random.default_rng(SEED), np.empty(0, int)
    while True:
        while len(waiting) < BATCH:
            waiting = np.concatenate([waiting, chance.permutation(len(train_labels))])
        chosen, waiting = waiting[:BATCH], waiting[BATCH:]
{inside}'''


def _generate_fit_call(run: Run, photos: PhotoListing) -> str:
    training = run.training
    classes = max(len(run.classes), 2)
    if photos.generator:
        total_steps = -(-run.validation_photos // training.batch_size)
        arguments = ["endless(train)", "validation_data=validation"]
        arguments.append(
            f"validation_steps={min(training.validation_steps or total_steps, total_steps)}"
        )
    else:
        kind = "features" if run.model == backbones.TRANSFER else "photos"
        labels = "validation_labels"
        if has_soft_labels(run) and classes > 2:
            labels = 'np.eye(len(CLASSES), dtype="float32")[validation_labels]'
        arguments = ["batches()", f"validation_data=(validation_{kind}, {labels})"]
        arguments.append("validation_batch_size=BATCH")
    arguments += ["steps_per_epoch=STEPS", "epochs=EPOCHS", "callbacks=callbacks"]
    # Keras warns where it is left to shuffle what a generator gives.
    arguments += ["shuffle=False", "verbose=2"]
    return f"history = {format_call('model.fit', [f'{argument},' for argument in arguments])}\n"


def generate_save_code(run: Run, photos: PhotoListing) -> tuple[list[Prose], str]:
    """Return what is said of saving, and the code that keeps the best epoch's model."""
    lines = ['model.load_weights("best.weights.h5")']
    prose: list[Prose] = [
        (N_("Saves the best epoch's weights, and the full model in one file."), {}),
        (KEPT_EPOCH_TEXT, {}),
    ]
    if run.model == backbones.TRANSFER:
        lines.append("model = keras.Model(backbone.input, model(backbone.output))")
    elif has_soft_labels(run):
        loss = architecture.loss_name(max(len(run.classes), 2), True)
        lines.append("# With this, the file opens without this code.")
        lines.append(f'model.compile(optimizer="adam", loss="{loss}", metrics=["accuracy"])')
    lines += [
        'model.save("model.keras")  # model.save("model.h5") writes the notes\' older format',
        'print(f"{model.count_params():,} parameters in model.keras")',
    ]
    return prose, "\n".join(lines) + "\n"
