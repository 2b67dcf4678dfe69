"""Runs: one folder a training, its status, its process, its place in the queue. Light.

Pages and commands create, start, stop and read runs here; the training itself is handed in.
"""

from .lifecycle import (
    FORMAT,
    Run,
    annotate,
    batches,
    best_epoch,
    create,
    fingerprints_in_use,
    join,
    listing,
    load,
    read_epochs,
    reap_children,
    refuse_ended,
    remove,
    remove_dataset,
    rename,
    root,
    start,
    stop,
)

__all__ = [
    "FORMAT",
    "Run",
    "annotate",
    "batches",
    "best_epoch",
    "create",
    "fingerprints_in_use",
    "join",
    "listing",
    "load",
    "read_epochs",
    "reap_children",
    "refuse_ended",
    "remove",
    "remove_dataset",
    "rename",
    "root",
    "start",
    "stop",
]
