"""The part of a run's code that trains: optimizer, schedule, callbacks, `fit`, and the plots."""

from __future__ import annotations

from typing import Any

from ..errors import N_
from ..networks import architecture, backbones
from ..runs import Run
from ..settings import Training
from . import code_callbacks
from .code_data import Photos, heavy_classes
from .code_network import copied

Prose = tuple[str, dict[str, Any]]

_UNDECAYED = 'optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])\n'
_LARGER_SHARE = '''\
def larger_share(truth, said):
    """Accuracy on mixed or smoothed labels: is the class with the larger share recognised?"""
    return keras.metrics.binary_accuracy(ops.round(truth), said)


'''


def is_soft(run: Run) -> bool:
    """Whether labels are shares of classes: photos are mixed, or labels smoothed."""
    assert run.training is not None
    mixes = run.augmentation is not None and run.augmentation.mixes
    return mixes or run.training.label_smoothing > 0


def fit(run: Run, photos: Photos) -> tuple[list[Prose], str]:
    """What is said of the training of a run, and its code up to the history."""
    training = run.training
    assert training is not None
    parts = [
        _optimizer(training),
        "" if photos.generator else f"\n\n{_batches(run)}\n\n",
        _compile(run),
        code_callbacks.callbacks(training),
        _call(run, photos),
    ]
    told: list[Prose] = [
        (
            N_(
                "{epochs} epochs of {steps} steps, {batch} photos each. history.csv is a table the"
                " lab's Compare page reads."
            ),
            {
                "epochs": training.epochs,
                "steps": training.steps_per_epoch,
                "batch": training.batch_size,
            },
        )
    ]
    if training.unfreeze and run.model == backbones.TRANSFER:
        told.append(
            (
                N_(
                    "In its last {n} epochs the run also trained the last {blocks} blocks of the"
                    " pretrained network; this code leaves that out."
                ),
                {"n": training.unfreeze_epochs, "blocks": training.unfreeze},
            )
        )
    return told, "".join(parts)


def _optimizer(training: Training) -> str:
    rate, decay = f"{training.learning_rate:g}", f"{training.weight_decay:g}"
    decayed = f", weight_decay={decay}" if training.weight_decay else ""
    spared = _UNDECAYED if training.weight_decay else ""
    if training.optimizer == "muon":
        source = copied("training/muon.py")
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


def _compile(run: Run) -> str:
    classes = max(len(run.classes), 2)
    loss = architecture.loss(classes, is_soft(run))
    own = is_soft(run) and classes == 2
    metric = 'keras.metrics.MeanMetricWrapper(larger_share, name="accuracy")' if own else ""
    return f"""{_LARGER_SHARE if own else ""}\
model.compile(
    optimizer=optimizer,
    loss="{loss}",
    metrics=[{metric or '"accuracy"'}],
    jit_compile=False,  # XLA makes such networks slower on a processor
)
"""


def _batches(run: Run) -> str:
    """Endless batches from memory, changed as the run changes them."""
    training, settings = run.training, run.augmentation
    assert training is not None
    transfer, classes = run.model == backbones.TRANSFER, max(len(run.classes), 2)
    kind = "features" if transfer else "photos"
    lines = [
        f'{kind} = train_{kind}[chosen].astype("float32")',
        "labels = train_labels[chosen]",
    ]
    weighted = training.class_weights
    soft = is_soft(run)
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
    inside = "".join(f"        {line}\n" for line in lines)
    heavy = ""
    if weighted:
        heavy = f"{heavy_classes('train_labels')}\n\n"
    return f'''{heavy}\
def batches():
    """Endless batches; every photo comes once before any comes again."""
    chance, waiting = np.random.default_rng(SEED), np.empty(0, int)
    while True:
        while len(waiting) < BATCH:
            waiting = np.concatenate([waiting, chance.permutation(len(train_labels))])
        chosen, waiting = waiting[:BATCH], waiting[BATCH:]
{inside}'''


def _call(run: Run, photos: Photos) -> str:
    training = run.training
    assert training is not None
    classes = max(len(run.classes), 2)
    if photos.generator:
        whole = -(-run.validation_photos // training.batch_size)
        arguments = ["endless(train)", "validation_data=validation"]
        arguments.append(f"validation_steps={min(training.validation_steps or whole, whole)}")
    else:
        kind = "features" if run.model == backbones.TRANSFER else "photos"
        labels = "validation_labels"
        if is_soft(run) and classes > 2:
            labels = 'np.eye(len(CLASSES), dtype="float32")[validation_labels]'
        arguments = ["batches()", f"validation_data=(validation_{kind}, {labels})"]
        arguments.append("validation_batch_size=BATCH")
    arguments += ["steps_per_epoch=STEPS", "epochs=EPOCHS", "callbacks=callbacks"]
    # Keras warns where it is left to shuffle what a generator gives.
    arguments += ["shuffle=False", "verbose=2"]
    inside = "".join(f"    {argument},\n" for argument in arguments)
    return f"history = model.fit(\n{inside})\n"


def save(run: Run, photos: Photos) -> tuple[list[Prose], str]:
    """What is said of saving, and the code that keeps the best epoch's model."""
    lines = ['model.load_weights("best.weights.h5")']
    told: list[Prose] = [
        (N_("The weights of the best epoch, and with them the whole model in one file."), {})
    ]
    if run.model == backbones.TRANSFER:
        lines.append("model = keras.Model(backbone.input, model(backbone.output))")
    elif is_soft(run):
        loss = architecture.loss(max(len(run.classes), 2), True)
        lines.append("# So that the file opens without this code.")
        lines.append(f'model.compile(optimizer="adam", loss="{loss}", metrics=["accuracy"])')
    lines += [
        'model.save("model.keras")  # model.save("model.h5") writes the notes\' older format',
        'print(f"{model.count_params():,} parameters in model.keras")',
    ]
    return told, "\n".join(lines) + "\n"
