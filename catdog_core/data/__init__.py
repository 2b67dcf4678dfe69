"""Datasets: photos in class folders, wherever they come from, and what people decide about them.

`datasets` opens and lists them, `layout` understands folders and archives. `archives`,
`url_import`, `cats_vs_dogs`, `tfds`, `tfrecord_import` and `synthetic` bring photos in. `audit` and
`duplicates` find faults, `edits` and `splits` hold decisions. Photo files are only read.
"""

from .datasets import (
    Dataset,
    create_demo,
    list_datasets,
    load_dataset,
    open_folder,
    register_dataset,
    remove_dataset,
    scan_folder,
)

__all__ = [
    "Dataset",
    "create_demo",
    "list_datasets",
    "load_dataset",
    "open_folder",
    "register_dataset",
    "remove_dataset",
    "scan_folder",
]
