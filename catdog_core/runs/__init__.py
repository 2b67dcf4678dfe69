"""Runs: one folder a training, its status, its process, its place in the queue.

Pages and commands create, start, stop and read runs here; the training itself is handed in.
"""

from ..base.subprocess_jobs import reap_children
from .lifecycle import (
    add_to_group,
    check_not_finished,
    create_run,
    find_equal_run,
    remove_run,
    remove_unused_dataset,
    rename_run,
    restore_from_trash,
    set_note,
    start_run,
    stop_run,
)
from .run_folder import (
    FORMAT,
    DamagedRun,
    ImportedHistory,
    Run,
    RunRecord,
    best_epoch,
    fingerprints_in_use,
    list_runs,
    load_run,
    read_batches,
    read_epochs,
    runs_folder,
)

__all__ = [
    "FORMAT",
    "DamagedRun",
    "ImportedHistory",
    "Run",
    "RunRecord",
    "add_to_group",
    "best_epoch",
    "check_not_finished",
    "create_run",
    "find_equal_run",
    "fingerprints_in_use",
    "list_runs",
    "load_run",
    "read_batches",
    "read_epochs",
    "reap_children",
    "remove_run",
    "remove_unused_dataset",
    "rename_run",
    "restore_from_trash",
    "runs_folder",
    "set_note",
    "start_run",
    "stop_run",
]
