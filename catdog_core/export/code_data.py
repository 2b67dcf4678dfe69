"""The part of a run's code that reads photos, shows a batch, and changes photos at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..augmentation import code_templates
from ..base.errors import N_
from ..config import MIXES, Augmentation
from ..data.datasets import Dataset, Item
from ..models import backbones
from ..runs import Run
from . import usage

_KERAS_EXTENSIONS = {".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".tif", ".tiff"}


@dataclass(frozen=True)
class PhotoListing:
    """The photos of a run, and how its code comes by them.

    Attributes:
        root: the dataset's folder.
        folders: by split its folder, and the folders of the classes in label order; None where the
            folders alone do not say which photos to take.
        listed: the photos' names by split and class, where `folders` is None.
        generator: whether `ImageDataGenerator` feeds the training, as in the class notes.
    """

    root: Path
    folders: dict[str, tuple[str, tuple[str, ...]]] | None
    listed: dict[str, list[list[str]]]
    generator: bool


def list_run_photos(run: Run, dataset: Dataset) -> PhotoListing:
    """Return how the code of a run comes by its photos."""
    training = run.training
    assert isinstance(dataset.root, Path)
    # Where some of a run's photos are gone, there can be fewer than it trained on.
    count = min(training.train_photos or 0, len(dataset.items("train")))
    chosen = dataset.subset(count, training.seed) if count else None
    is_partial = chosen or dataset.changes or dataset.note.get("is_partial")
    folders = None if is_partial else _find_class_folders(dataset)
    used = chosen or dataset
    listed: dict[str, list[list[str]]] = {}
    for split in ("train", "validation"):
        listed[split] = [[] for _ in dataset.classes]
        for item in used.items(split):
            listed[split][item.label].append(item.file)
    lacks = (*code_templates.NOT_IN_GENERATOR, *MIXES)
    plain = not any(name in lacks for name in _list_active_operations(run.augmentation))
    return PhotoListing(
        root=dataset.root,
        folders=folders,
        listed={} if folders else listed,
        generator=bool(folders)
        and plain
        and not training.label_smoothing
        and training.model != backbones.TRANSFER,
    )


def _find_class_folders(dataset: Dataset) -> dict[str, tuple[str, tuple[str, ...]]] | None:
    """Return ``split/class/`` folders that hold exactly the dataset's photos; None for others."""
    class_folders: dict[str, tuple[str, tuple[str, ...]]] = {}
    for split in ("train", "validation"):
        names: dict[int, set[str]] = {}
        tops: set[str] = set()
        for item in dataset.items(split):
            parts = item.file.split("/")
            if len(parts) < 3 or not _is_keras_readable(item):
                return None
            tops.add("/".join(parts[:-2]))
            names.setdefault(item.label, set()).add(parts[-2])
        if len(tops) != 1 or any(len(folder) != 1 for folder in names.values()):
            return None
        if sorted(names) != list(range(len(dataset.classes))):
            return None
        if len(set.union(*names.values())) != len(names):  # the labels come from elsewhere
            return None
        class_folders[split] = (
            tops.pop(),
            tuple(names[label].copy().pop() for label in sorted(names)),
        )
    return class_folders


def _is_keras_readable(item: Item) -> bool:
    return PurePosixPath(item.file).suffix.lower() in _KERAS_EXTENSIONS and item.file.isprintable()


def _list_active_operations(augmentation: Augmentation | None) -> tuple[str, ...]:
    return augmentation.active if augmentation else ()


def describe_photo_listing(photos: PhotoListing) -> list[str]:
    """Return what is said about the photos, messages of the catalogue."""
    if photos.generator:
        return [
            N_(
                "ImageDataGenerator reads photos from their folders, batch by batch. The folders "
                "set the labels, in class order."
            ),
            N_("Values stay 0 to 255 here. The network's first layer rescales them."),
            N_(
                "Keras reads photos with Pillow, without turning them by their EXIF data. Values "
                "differ from the lab's by about 2 of 255."
            ),
        ]
    messages = [
        N_("All photos are read once and kept in memory as bytes. Batches are drawn from there."),
        N_(
            "Pixels are the same as in the lab, except for photos with transparency, 16 bits or a "
            "color profile."
        ),
    ]
    if photos.folders is None:
        messages.append(
            N_("The photos are listed one by one because the folders alone don't say which to use.")
        )
    return messages


def generate_setup_code(run: Run, photos: PhotoListing) -> str:
    """Return the code of imports and settings."""
    training = run.training
    soft = not photos.generator
    imports = ["from pathlib import Path", "", "import keras", "import matplotlib.pyplot as plt"]
    imports.append("import numpy as np")
    if soft or training.mixed_precision or training.weight_averaging:
        imports.append("import tensorflow as tf")
    imports.append(f"from keras import layers{', ops' if soft else ''}")
    if soft:
        imports.insert(2, "import cv2")
        imports.append("from PIL import Image, ImageOps")
    else:
        imports.append("from tensorflow.keras.preprocessing.image import ImageDataGenerator")
    settings = [
        f"DATA = Path({quote_python(str(photos.root))})",
        f"CLASSES = {_format_list(run.classes)}",
        f"SIZE = {training.image_size}",
        f"BATCH = {training.batch_size}",
        f"EPOCHS = {training.epochs}",
        f"STEPS = {training.steps_per_epoch}",
        f"SEED = {training.seed}",
    ]
    return "\n".join([*imports, "", *settings, "", "keras.utils.set_random_seed(SEED)"]) + "\n"


def generate_loading_code(run: Run, photos: PhotoListing) -> str:
    """Return the code that loads the photos."""
    if photos.generator:
        return _generate_generator_code(run, photos)
    return _generate_memory_code(run, photos)


def _generate_generator_code(run: Run, photos: PhotoListing) -> str:
    assert photos.folders is not None
    mode = "binary" if len(run.classes) == 2 else "sparse"
    changing = ""
    if _list_active_operations(run.augmentation):
        assert run.augmentation is not None
        definition = code_templates.generator_definition(
            run.augmentation, _list_active_operations(run.augmentation)
        )
        changing = definition.replace("generator = ", "augmenting = ", 1) + "\n"
    reads = "augmenting" if changing else "plain"
    folder = {split: quote_python(name) for split, (name, _) in photos.folders.items()}
    names = {split: _format_list(names) for split, (_, names) in photos.folders.items()}
    partly = run.training.validation_steps or 0
    total_steps = -(-_count_photos(run, "validation") // run.training.batch_size)
    weighted = run.training.class_weights
    mixed = "seed=SEED" if partly < total_steps else "shuffle=False"
    return f"""\
plain = ImageDataGenerator()
{changing}reading = {{
    "target_size": (SIZE, SIZE),
    "batch_size": BATCH,
    "class_mode": "{mode}",
    "interpolation": "bilinear",
}}
train = {reads}.flow_from_directory(
    DATA / {folder["train"]}, classes={names["train"]}, seed=SEED, **reading
)
validation = plain.flow_from_directory(
    DATA / {folder["validation"]}, classes={names["validation"]}, {mixed}, **reading
)
{generate_class_weights_code("train.classes") if weighted else ""}

def endless(batches):
    \"\"\"Yield batches forever: after the last photo, start over.\"\"\"
    while True:
        {_WEIGHTED_YIELD if weighted else "yield next(batches)"}


unchanged = plain.flow_from_directory(
    DATA / {folder["train"]}, classes={names["train"]}, seed=SEED, **reading
)
shown, labels = next(unchanged)
print(shown.shape, labels.shape)
"""


_WEIGHTED_YIELD = """\
photos, labels = next(batches)
        yield photos, labels, heavy[labels.astype(int)]"""


def generate_class_weights_code(labels: str) -> str:
    """Return the code that makes every class weigh the same, from all photos' class numbers."""
    return f"""\
counts = np.bincount({labels}, minlength=len(CLASSES))  # rare classes count more
heavy = (counts.sum() / (len(CLASSES) * np.maximum(counts, 1))).astype("float32")
"""


def _count_photos(run: Run, split: str) -> int:
    return run.train_photos if split == "train" else run.validation_photos


_READ_CODE = f'''\
{usage.generate_photo_reader()}

def read_all(names):
    """Read the photos of each class: (N, SIZE, SIZE, 3) bytes and (N,) class numbers."""
    photos, labels = [], []
    for label, files in enumerate(names):
        for file in files:
            try:
                photos.append(read(DATA / file, SIZE, SIZE))
            except OSError as error:
                print(f"Left out {{file!r}}: {{error}}")
                continue
            labels.append(label)
    return np.stack(photos), np.array(labels)
'''
_LIST_FILES_CODE = '''\
def names(split, folders):
    """Return the sorted photo names of each class folder."""
    return [
        sorted(
            path.relative_to(DATA).as_posix()
            for path in (DATA / split / folder).iterdir()
            if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".tif", ".tiff")
        )
        for folder in folders
    ]
'''


def _generate_memory_code(run: Run, photos: PhotoListing) -> str:
    if photos.folders:
        find = f"\n\n{_LIST_FILES_CODE}"
        calls = {
            split: f"names({quote_python(name)}, {_format_list(names)})"
            for split, (name, names) in photos.folders.items()
        }
    else:
        find = ""
        calls = {split: _format_file_names(lists) for split, lists in photos.listed.items()}
    steps = run.training.validation_steps
    return f"""\
{_READ_CODE}{find}

train_photos, train_labels = read_all({calls["train"]})
validation_photos, validation_labels = read_all({calls["validation"]})
# Each validation uses this many batches, with all classes mixed.
some = np.random.default_rng(SEED).permutation(len(validation_labels))[: {steps} * BATCH]
validation_photos, validation_labels = validation_photos[some], validation_labels[some]
print(train_photos.shape, validation_photos.shape)
first = np.random.default_rng(SEED).permutation(len(train_labels))[:BATCH]
shown, labels = train_photos[first], train_labels[first]
print(shown.shape, labels.shape)
"""


def _format_file_names(lists: list[list[str]]) -> str:
    """Return names of photos as Python, a list a class."""
    rows = []
    for names in lists:
        inside = "".join(f"        {quote_python(name)},\n" for name in names)
        rows.append(f"    [\n{inside}    ],\n")
    return "[\n" + "".join(rows) + "]"


def quote_python(text: str) -> str:
    """Return a text as a Python literal, in double quotes where that is simple."""
    quoted = repr(text)
    return quoted if '"' in text or quoted[0] == '"' else f'"{quoted[1:-1]}"'


def _format_list(names: Sequence[str]) -> str:
    return f"[{', '.join(map(quote_python, names))}]"


_GRID_CODE = '''\
def grid(photos, titles, file):
    """Show photos in a 4 × 5 grid and save it as an image."""
    figure, axes = plt.subplots(4, 5, figsize=(10, 8.6), layout="constrained")
    for panel in axes.flat:
        panel.axis("off")
    for panel, photo, title in zip(axes.flat, photos, titles):
        panel.imshow(np.clip(np.asarray(photo) / 255, 0, 1))
        panel.set_title(title, fontsize=9)
    plt.savefig(file)
    SHOW
'''


def generate_batch_grid_code(photos: PhotoListing) -> str:
    """Return the code that shows a batch."""
    title = 'f"class {int(label)}"'  # a number: the font of a plot may lack a name's letters
    return f'{_GRID_CODE}\n\ngrid(shown, [{title} for label in labels], "batch.png")\n'


_COMPILED_AUGMENT = "augmented = tf.function(lambda photos: augment(photos, training=True))"


def generate_augmented_grid_code(run: Run, photos: PhotoListing) -> str:
    """Return the code that shows one photo 20 times augmented; empty where nothing is changed."""
    settings = run.augmentation
    if settings is None or settings.is_off:
        return ""
    if photos.generator:
        return """\
one = np.repeat(shown[:1], 20, axis=0)
variants = next(augmenting.flow(one, batch_size=20, shuffle=False, seed=SEED))
grid(variants, [""] * 20, "augmented.png")
"""
    if run.model == backbones.TRANSFER:
        settings = backbones.per_photo_augmentation(settings)
        if settings is None:
            return ""
    mixing = settings.mixes
    definition = code_templates.keras_layers_definition(settings, settings.active)
    sample = (
        """\
pair = [np.flatnonzero(train_labels == label)[0] for label in (0, 1)] * 10
variants, _ = mixed_batch(
    train_photos[pair].astype("float32"),
    np.eye(len(CLASSES), dtype="float32")[train_labels[pair]],
)
"""
        if mixing
        else """\
one = np.repeat(train_photos[:1], 20, axis=0).astype("float32")
variants = augment(one, training=True)
"""
    )
    return f"""\
{definition}
# Compiled to a graph, it runs several times faster.
{"mixed_batch = tf.function(mixed)" if mixing else _COMPILED_AUGMENT}
{sample}grid(variants, [""] * 20, "augmented.png")
"""
