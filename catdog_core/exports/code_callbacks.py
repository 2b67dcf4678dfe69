"""The part of a run's code that steers and keeps a training: callbacks, and the plots. Light."""

from __future__ import annotations

from ..settings import Training
from ..training import schedules

_AVERAGING = '''\
class AveragedWeights(keras.callbacks.Callback):
    """Validates and keeps a moving average of the weights, which is calmer than they are."""

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
        self.swap()  # and back when the next epoch begins: what is kept are the averages

    def average(self):
        done = tf.cast(self.model.optimizer.iterations.value, tf.float32)
        kept = tf.minimum({decay:g}, (1 + done) / (10 + done))  # early on it looks back less far
        for average, weight in zip(self.averages, self.weights):
            average.assign_add((1 - kept) * (weight.value - average))

    def swap(self):
        self.swapped = not self.swapped
        for average, weight in zip(self.averages, self.weights):
            now = weight.numpy()
            weight.assign(average)
            average.assign(now)
'''
_SCHEDULE = '''\
def learning_rate(step):
    """The learning rate of a step, counted from 0."""
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
PLOTS = """\
epochs = range(1, len(history.history["loss"]) + 1)
figure, places = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for place, name in zip(places, ("accuracy", "loss")):
    place.plot(epochs, history.history[name], "r", label="training")
    place.plot(epochs, history.history[f"val_{name}"], "b", label="validation")
    place.set(title=name.capitalize(), xlabel="epoch")
    place.legend()
plt.savefig("overfitting.png")
SHOW
"""


def callbacks(training: Training) -> str:
    """The code of the callbacks of a training, and the list of them."""
    parts, names = [], []
    mode = "max" if training.monitor == "val_accuracy" else "min"
    if training.weight_averaging:
        parts.append(_AVERAGING.replace("{decay:g}", f"{training.weight_averaging:g}"))
        names.append("AveragedWeights()")
    if not schedules.is_fixed(training):
        if training.warmup_epochs or training.schedule != "plateau":
            parts.append(_schedule(training))
            names.append("Schedule()")
        if training.schedule == "plateau":
            names.append(
                'keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.5,'
                f" patience={training.plateau_patience}, min_delta=0)"
            )
    names.append(
        "keras.callbacks.ModelCheckpoint(\n"
        f'        "best.weights.h5", "{training.monitor}", mode="{mode}",'
        " save_best_only=True, save_weights_only=True\n    )"
    )
    names.append('keras.callbacks.CSVLogger("history.csv")')
    if training.early_stopping:
        names.append(
            f'keras.callbacks.EarlyStopping("{training.monitor}", mode="{mode}",'
            f" patience={training.early_stopping})"
        )
    body = "".join(f"\n\n{part}" for part in parts)
    listed = "".join(f"    {name},\n" for name in names)
    return f"{body}{chr(10) * (2 if parts else 0)}callbacks = [\n{listed}]\n"


def _schedule(training: Training) -> str:
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
        first, second = schedules.DROPS_AT
        lines += [
            "epoch = step // STEPS",
            f"drops = (epoch >= {first} * EPOCHS) + (epoch >= {second} * EPOCHS)",
            f"return {top} * {schedules.DROP} ** int(drops)",
        ]
    elif training.schedule == "plateau":
        lines.append("return None  # ReduceLROnPlateau goes on from here")
    else:
        lines.append(f"return {top}")
    return _SCHEDULE.replace("{body}", "".join(f"    {line}\n" for line in lines))
