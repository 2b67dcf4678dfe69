"""Makes the workspace beside it: ``python tests/witness/make.py /tmp/lab`` at the project's root.

It calls the program as it was when the workspace was made (see README.md) and runs on no other
version: that a later one cannot make this workspace, but opens it, is what it is kept for.
"""

import json
import os
import shutil
import sys
import time
import zipfile
from pathlib import Path

OUT = Path(sys.argv[1] if len(sys.argv) > 1 else "/tmp/lab")
HERE = Path(__file__).parent
os.environ |= {"CATDOG_WORKSPACE": str(OUT / "workspace"), "TF_CPP_MIN_LOG_LEVEL": "3"}
sys.path.insert(0, str(HERE.parents[1]))

from catdog_core import datasets, evaluate, files, models, predict, runs, trash  # noqa: E402
from catdog_core.augmentation import presets  # noqa: E402
from catdog_core.cli import main  # noqa: E402
from catdog_core.cluster import grid, sweeps  # noqa: E402
from catdog_core.insight import guests  # noqa: E402
from catdog_core.outcomes import experiments  # noqa: E402
from catdog_core.settings import Augmentation, Network, Training  # noqa: E402
from catdog_core.sources import places  # noqa: E402

TINY = Network(filters=(6, 6), head="flatten", dropout=0.2)
SMALL = {"model": "custom", "network": TINY, "image_size": 32, "batch_size": 8}
URL = "memory://witness/afar"


def command(*words: object) -> None:
    print("$", *words, flush=True)
    assert main([str(word) for word in words]) == 0


def drawn(name: str, train: int, validation: int, size: int, seed: int) -> Path:
    datasets.make_demo(OUT / name, train, validation, size, seed)
    return OUT / name


def imported(name: str, folder: Path) -> datasets.Dataset:
    path = OUT / f"{name}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for photo in sorted(folder.rglob("*.jpg")):
            archive.write(photo, photo.relative_to(folder))
    command("import", path)
    return next(found for found in datasets.listing() if found.name == name)


def stopped(folder: Path, epoch: int, batch: int) -> None:
    """Train until a batch within an epoch, both from 0, and stop there as a page does."""

    def watch(state: dict) -> None:
        if (state.get("epoch", 0), state.get("batch", 0)) >= (epoch, batch):
            (folder / "stop").touch()

    runs.work(folder, watch)
    assert runs.load(folder).status == "stopped", runs.load(folder)


def rounded(path: Path) -> None:
    """Round the kernels of a large network to quarters of their spread, so that they pack well."""
    import keras
    import numpy as np

    model = keras.models.load_model(path)
    short = []
    for weights in model.get_weights():
        step = 2.0 ** np.floor(np.log2(max(float(weights.std()), 1e-9) / 2))
        large = weights.size >= 512
        short.append(np.round(weights / step) * step if large else weights)
    model.set_weights(short)
    with zipfile.ZipFile(path) as archive:
        kept = {n: archive.read(n) for n in archive.namelist() if n == "catdog.json"}
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()} | kept
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


# Photos: one set as it came, one that was decided about, one at a URL.
pets = imported("pets", drawn("pets", 40, 24, 64, seed=11))
source = drawn("shelter", 28, 12, 48, seed=12)
(source / "train" / "cats" / "broken.jpg").write_bytes(b"no photo at all")
shutil.copy(source / "train" / "dogs" / "dog.0003.jpg", source / "validation" / "dogs" / "leak.jpg")
shelter = imported("shelter", source)
place = datasets.root() / shelter.id / "photos"
command("decide", place, "exclude", "train/cats/cat.0001.jpg", "train/dogs/dog.0005.jpg")
command("decide", place, "relabel", "train/cats/cat.0002.jpg", "--to", "dogs")
command("decide", place, "keep", "validation/dogs/leak.jpg", "--to", "leak")
command("split", place, "--seed", 7, "--validation", 0.3, "--test", 0.2)
afar = drawn("afar", 8, 4, 32, seed=13)
for path in sorted(afar.rglob("*.jpg")):
    (places.of(URL) / path.relative_to(afar).as_posix()).write_bytes(path.read_bytes())
shutil.copytree(afar, OUT / "elsewhere" / "afar")

# Presets.
presets.save("Soft", Augmentation(rotation_range=10, horizontal_flip=True, hue_range=15))
presets.save("Wild", Augmentation(rotation_range=60, zoom_range=0.3, erasing_probability=0.5))
trash_preset = presets.save("Deleted preset", Augmentation(vertical_flip=True))
presets.remove(trash_preset.id)

# Finished runs.
files.write_json(OUT / "tiny.json", TINY.model_dump())
photos, root = datasets.root() / pets.id / "photos", runs.root()
command(
    *("train", photos, "--run", root / "notes", "--name", "Notes, augmented", "--model", "notes"),
    *("--augment", "notes", "--image-size", 32, "--epochs", 10, "--batch-size", 10),
    *("--learning-rate", 1e-3, "--steps-per-epoch", 24, "--epoch-weights", 0),
)
command(
    *("train", photos, "--run", root / "compact", "--name", "Compact", "--model", "compact"),
    *("--image-size", 64, "--epochs", 14, "--batch-size", 10, "--warmup-epochs", 1),
    *("--augment", "gentle", "--steps-per-epoch", 8),
)
rounded(root / "compact" / "best.keras")
best = root / "notes" / "best.keras"  # without its optimizer, which only the resume point needs
models.save(models.load(best), best, models.about(best), optimizer=False)
command(
    *("train", URL, "--run", root / "by-url", "--name", "By URL", "--model", "custom"),
    *("--augment", "none", "--image-size", 32, "--epochs", 2, "--batch-size", 4),
    *("--network", OUT / "tiny.json"),
)

# Stopped in the middle of an epoch, with all that a resume has to bring back.
muon = Training(
    **{**SMALL, "network": Network(filters=(8, 8), batch_norm=True, head="average")},
    epochs=6,
    optimizer="muon",
    learning_rate=0.02,
    weight_decay=0.05,
    schedule="cosine",
    warmup_epochs=1,
    label_smoothing=0.1,
    weight_averaging=0.9,
    class_weights=True,
    steps_per_epoch=9,
    seed=21,
)
changes = Augmentation(rotation_range=20, horizontal_flip=True, mixup_alpha=0.4, noise_range=8)
folder = runs.create(datasets.load(shelter.id), muon, changes, name="Muon", folder=root / "muon")
stopped(folder, epoch=2, batch=4)
runs.annotate(folder, "Stopped in its third epoch.")
command("decide", place, "exclude", "validation/cats/cat.0000.jpg")  # concerns later runs only

# Experiments.
plan = experiments.twin(
    pets, Training(**SMALL, epochs=8, steps_per_epoch=20, seed=3, learning_rate=0.003), changes
)
for run in experiments.load(experiments.create(plan, "Twin")).runs:
    runs.work(run.folder)

# What Ray trains: three trials to their end, three that were stopped, and one run by two workers.
grid_file = OUT / "grid.json"
files.write_json(grid_file, {"settings": {"learning_rate": [0.01, 0.001, 0.0001]}})
shared = ("--network", OUT / "tiny.json", "--image-size", 32, "--batch-size", 8, "--epochs", 6)
command(
    *("sweep", photos, "--grid", grid_file, "--name", "Rates", "--at-once", 1, "--json", *shared),
    *("--steps-per-epoch", 20),
)
wide = Training(**SMALL, epochs=6, steps_per_epoch=200, seed=5, validation_steps=3)
tried = grid.parse({"settings": {"batch_size": [4, 8, 16]}})
key = sweeps.create(pets, wide, None, tried, "Batches", at_once=1)
sweeps.start(key)
while not sweeps.load(key).group.runs[1].epochs:
    assert sweeps.load(key).is_active
    time.sleep(0.05)
sweeps.stop(key)
while sweeps.load(key).is_active:
    time.sleep(0.2)
together = Training(**{**SMALL, "network": Network(filters=(4, 4), head="average", dropout=0)})
together = together.model_copy(update={"epochs": 20, "steps_per_epoch": 60, "seed": 8})
folder = runs.create(
    pets,
    together,
    None,
    name="Two workers",
    folder=root / "two-workers",
    workers=2,
    address="local",
)
stopped(folder, epoch=2, batch=1)

# From elsewhere: a history, a model.
history = {
    "accuracy": [round(0.55 + 0.43 * (1 - 0.8**n), 4) for n in range(20)],
    "loss": [round(0.05 + 0.64 * 0.8**n, 4) for n in range(20)],
    "val_accuracy": [round(0.54 + 0.2 * (1 - 0.6**n), 4) for n in range(20)],
    "val_loss": [round(0.55 + 0.14 * 0.6**n + 0.03 * max(n - 6, 0), 4) for n in range(20)],
}
(OUT / "elsewhere" / "history.json").write_text(json.dumps(history) + "\n")
command(
    "history",
    OUT / "elsewhere" / "history.json",
    "--name",
    "A history",
    "--validation-photos",
    1000,
)


def foreign() -> bytes:
    import keras
    import numpy as np

    keras.utils.set_random_seed(4)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(6, 5, strides=2, activation="relu", name="seen"),
            layers.GlobalAveragePooling2D(name="mean"),
            layers.Dense(2, activation="softmax", name="answer"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    from PIL import Image

    items = pets.items("train")
    seen = [np.asarray(Image.open(i.path).convert("RGB").resize((32, 32))) / 255 for i in items]
    labels = np.array([item.label for item in items])
    model.fit(np.array(seen, "float32"), labels, epochs=15, batch_size=8, verbose=0)
    model.save(OUT / "elsewhere" / "foreign.keras")
    return (OUT / "elsewhere" / "foreign.keras").read_bytes()


guest = guests.keep(foreign(), "foreign.keras", ("cats", "dogs"), "0..1")


def load(path: Path) -> predict.Predictor:
    found = guests.of(path.parent)
    model = predict.load(path)
    return model.with_scale(found.scale).with_classes(found.classes) if found else model


# Answers kept for the Evaluate page; things in the trash.
for folder in (root / "notes", root / "compact", guest.folder):
    evaluate.keep(folder, load, pets, "validation")
evaluate.keep(root / "muon", load, datasets.load(shelter.id), "test")
deleted = runs.create(pets, Training(**SMALL, epochs=1), None, name="Deleted run")
runs.work(deleted)
runs.remove(deleted)
assert len(trash.listing()) == 2

# The ids by the names the tests use, and what people call these.
groups = {group.name: group for group in experiments.listing()}
by_name = {run.name.split(" · ")[0]: run for run in runs.listing()}
called = {name: by_name[name] for name in ("plain", "augmented")}
called |= {name: runs.load(name) for name in ("notes", "compact", "muon", "two-workers", "by-url")}
called["history"] = by_name["A history"]
called |= {
    f"rate {value}": by_name[f"learning rate {value}"] for value in ("0.01", "0.001", "0.0001")
}
called |= {f"batch {value}": by_name[f"batch size {value}"] for value in (4, 8, 16)}
by_url = next(found for found in datasets.listing() if found.name == "afar")
called |= {"pets": pets, "shelter": shelter, "afar": by_url, **groups}
ids = {name: thing.id for name, thing in called.items()} | {"foreign": guest.folder.name}
names = {name: thing.name for name, thing in called.items()} | {"foreign": guest.name}
files.write_json(HERE / "ids.json", {"ids": ids, "names": names})

# What can be made again, and what is large, is not kept.
lab = OUT / "workspace"
for gone in ("cache", "models_checked", "cluster"):
    shutil.rmtree(lab / gone, ignore_errors=True)
for pattern in ("**/*.lock", "**/lock", "**/log.txt", "**/contents.json", "**/looks-*.npy"):
    for path in lab.glob(pattern):
        path.unlink()
for settings in lab.rglob("settings.json"):
    run = settings.parent
    if files.read_object(run / "state.json").get("status") == "done":
        (run / "backup.keras").unlink(missing_ok=True)
        (run / "backup.json").unlink(missing_ok=True)
    if run.name not in ("muon", "two-workers") and "twin" not in (run / "about.json").read_text():
        shutil.rmtree(run / "tensorboard", ignore_errors=True)
(OUT / "elsewhere" / "foreign.keras").unlink()
for made, kept in {"workspace": "lab", "elsewhere": "elsewhere"}.items():
    shutil.rmtree(HERE / kept, ignore_errors=True)
    shutil.copytree(OUT / made, HERE / kept)
