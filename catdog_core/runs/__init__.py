"""Runs: one folder a training, its status, its process, its place in the queue.

Pages and commands create, start, stop and read runs here; the training itself is handed in.
"""

from .lifecycle import (
    FORMAT,
    Run,
    add_to_group,
    best_epoch,
    check_not_finished,
    create_run,
    fingerprints_in_use,
    list_runs,
    load_run,
    read_batches,
    read_epochs,
    reap_children,
    remove_dataset,
    remove_run,
    rename_run,
    runs_folder,
    set_note,
    start_run,
    stop_run,
)

__all__ = [
    "FORMAT",
    "Run",
    "add_to_group",
    "best_epoch",
    "check_not_finished",
    "create_run",
    "fingerprints_in_use",
    "list_runs",
    "load_run",
    "read_batches",
    "read_epochs",
    "reap_children",
    "remove_dataset",
    "remove_run",
    "rename_run",
    "runs_folder",
    "set_note",
    "start_run",
    "stop_run",
]
