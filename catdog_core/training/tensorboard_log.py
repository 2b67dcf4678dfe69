"""What TensorBoard shows of a run: standard event files, kept in step with its metrics.

    tensorboard/            once: hyperparameters, the network's graph, the first batch it met
    tensorboard/train/      a line an epoch: epoch_loss, epoch_accuracy, epoch_learning_rate
    tensorboard/validation/ a line an epoch: epoch_loss, epoch_accuracy

Names are those of Keras's own callback; epochs count from 1, as on the pages. That one writes from
a thread and begins a new file at every start, which would show an epoch that a resume trains again
twice; here each file is brought in step with the run's rows first, then appended to. A board is
nice to have: whatever goes wrong with it is noted in the log, and the training goes on.
"""

from __future__ import annotations

import logging
import os
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from .. import files, images, pipeline
from ..records import Photos
from ..runs import Run
from ..sources.frames import masked_crc32c
from . import hparams

FOLDER = "tensorboard"
TAGS: dict[str, dict[str, str]] = {
    "train": {
        "loss": "epoch_loss",
        "accuracy": "epoch_accuracy",
        "learning_rate": "epoch_learning_rate",
    },
    "validation": {"val_loss": "epoch_loss", "val_accuracy": "epoch_accuracy"},
}
"""By folder: the numbers of an epoch, and what TensorBoard calls them."""
_COLUMNS, _MOST = 5, 20
_log = logging.getLogger(__name__)


class Board(keras.callbacks.Callback):  # type: ignore[misc]
    """Writes a run's event files; put it behind the callback that adds an epoch's row.

    One board serves all lessons of a run; `whole` makes of the model that is trained the one that
    predicts photos, where these are two.
    """

    def __init__(self, run: Run, rows: list[dict[str, Any]], photos: Photos) -> None:
        """Bring the files in step with the rows of the whole epochs so far, which grow."""
        super().__init__()
        self.run, self.rows, self.photos = run, rows, photos
        self.whole: Callable[[keras.Model], keras.Model] | None = None
        self.folder = run.folder / FOLDER
        # One name for good, so that a resume goes on with the same files.
        self.file = f"events.out.tfevents.{int(run.created)}.catdog"
        self.in_step = self.said = False
        with self._harmless():
            self._mend()

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Write what is told once: hyperparameters, the first batch as it is met, the graph."""
        with self._harmless():
            path = self.folder / self.file
            if path.exists():
                return
            model = self.whole(self.model) if self.whole else self.model
            start = _summary(hparams.START, 0, hparams.start(self.run))
            with files.replacing(path) as partial, tf.io.TFRecordWriter(str(partial)) as writer:
                for event in (_version(), start, self._grid(), _graph(model)):
                    writer.write(event.SerializeToString())

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Append the numbers of the epoch; where an earlier one is missing, all of them."""
        with self._harmless():
            if not self.in_step:
                self._mend()
                return
            self.in_step = False
            for part, tags in TAGS.items():
                _append(self.folder / part / self.file, _of_row(self.rows[-1], tags))
            self.in_step = True

    def finish(self) -> None:
        """Tell that the run has ended well."""
        with self._harmless():
            _append(self.folder / self.file, [_summary(hparams.END, 0, hparams.end())])

    def _mend(self) -> None:
        """Make the files hold the rows' epochs, each once, and no torn end."""
        for part, tags in TAGS.items():
            path = self.folder / part / self.file
            path.parent.mkdir(parents=True, exist_ok=True)
            events = [event for row in self.rows for event in _of_row(row, tags)]
            if not path.exists() or not _cut(path, [event.step for event in events]):
                path.write_bytes(b"".join(map(_framed, [_version(), *events])))
        self.in_step = True

    def _grid(self) -> Any:
        """The first batch, augmented, as one picture, five in a row."""
        training = self.run.training
        assert training is not None
        batches = pipeline.training_batches(
            self.photos,
            self.run.augmentation,
            batch_size=training.batch_size,
            seed=training.seed,
            first_step=0,
            last_step=1,
            classes=len(self.run.classes),
        )
        shown = next(iter(batches))[0].numpy()[:_MOST].astype(np.uint8)  # (n, S, S, 3)
        size, rows = shown.shape[1], -(-len(shown) // _COLUMNS)
        grid = np.full((rows * size, _COLUMNS * size, 3), 255, np.uint8)
        for n, photo in enumerate(shown):
            top, left = n // _COLUMNS * size, n % _COLUMNS * size
            grid[top : top + size, left : left + size] = photo
        data = images.encode(grid)
        sizes = [str(side).encode() for side in (grid.shape[1], grid.shape[0])]
        tensor = tf.make_tensor_proto([*sizes, data], dtype=tf.string)
        return _summary("first batch", 0, b"", tensor, "images")

    @contextmanager
    def _harmless(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # a full disk, a folder taken away, a graph Keras cannot trace
            if not self.said:
                _log.warning("TensorBoard's files could not be written: %s", error)
            self.said = True


def _graph(model: keras.Model) -> Any:
    """The operations from photos to probabilities as an event."""
    traced = tf.function(lambda photos: model(photos, training=False), autograph=False)
    spec = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32)
    graph = traced.get_concrete_function(spec).graph.as_graph_def()
    return tf.compat.v1.Event(wall_time=time.time(), graph_def=graph.SerializeToString())


def _of_row(row: Mapping[str, Any], tags: Mapping[str, str]) -> list[Any]:
    """The events of one epoch, from its row."""
    return [
        _summary(tag, row["epoch"] + 1, b"", tf.make_tensor_proto(np.float32(row[name])), "scalars")
        for name, tag in tags.items()
        if row.get(name) is not None
    ]


def _version() -> Any:
    return tf.compat.v1.Event(wall_time=time.time(), file_version="brain.Event:2")


def _summary(
    tag: str, step: int, content: bytes, tensor: Any = None, plugin: str = "hparams"
) -> Any:
    """One value as an event."""
    kinds = {"scalars": 1, "images": 3}  # DataClass: scalar, blob sequence; hparams have none
    metadata = tf.compat.v1.SummaryMetadata(
        plugin_data={"plugin_name": plugin, "content": content}, data_class=kinds.get(plugin, 0)
    )
    if tensor is None:
        tensor = tf.make_tensor_proto(0, dtype=tf.float32)
    value = tf.compat.v1.Summary.Value(tag=tag, tensor=tensor, metadata=metadata)
    return tf.compat.v1.Event(
        wall_time=time.time(), step=step, summary=tf.compat.v1.Summary(value=[value])
    )


def _framed(event: Any) -> bytes:
    """An event as a record of a TFRecord file."""
    data: bytes = event.SerializeToString()
    head = struct.pack("<Q", len(data))
    checks = (struct.pack("<I", masked_crc32c(part)) for part in (head, data))
    return head + next(checks) + data + next(checks)


def _append(path: Path, events: list[Any]) -> None:
    with open(path, "ab") as file:  # in one piece: a kill leaves none of it, or at worst a torn end
        file.write(b"".join(map(_framed, events)))


def _cut(path: Path, wanted: list[int]) -> bool:
    """Cut off what lies behind the epochs wanted, a torn end too; whether they are all there."""
    data, place, found = path.read_bytes(), 0, list[int]()
    while place + 12 <= len(data):
        (length,) = struct.unpack_from("<Q", data, place)
        end = place + 16 + length
        if end > len(data):
            break
        try:
            event = tf.compat.v1.Event.FromString(data[place + 12 : end - 4])
        except Exception:  # protobuf's kind of error depends on how it is built
            return False
        if event.HasField("summary"):
            if len(found) == len(wanted):
                break
            found.append(event.step)
        place = end
    if place < len(data):
        os.truncate(path, place)
    return found == wanted
