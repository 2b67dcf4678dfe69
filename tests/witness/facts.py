"""What the program says of the workspace beside this file, as plain values to be compared.

`expected.json` holds what it said when the workspace was made; `test_witness.py` asks again. Only
statuses, numbers, names and ids are taken, no sentences. Nearly all of it is asked by the command
line and the pages; the few modules that are asked directly are named in `without_a_command`.

``python tests/witness/facts.py`` writes `expected.json` anew: only for a workspace made anew.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
URL = "memory://witness/afar"
EXPECTED = HERE / "expected.json"

MODELS = {  # the runs that have a model, and the photos each is asked about: (dataset, split)
    "notes": ("pets", "validation"),
    "compact": ("pets", "validation"),
    "plain": ("pets", "validation"),
    "augmented": ("pets", "validation"),
    "muon": ("shelter", "test"),
    "two-workers": ("pets", "validation"),
    "rate 0.01": ("pets", "validation"),
    "foreign": ("pets", "validation"),
}
RUNS = (
    *("notes", "compact", "muon", "plain", "augmented", "two-workers", "by-url", "history"),
    *("rate 0.01", "rate 0.001", "rate 0.0001", "batch 4", "batch 8", "batch 16"),
)
PAGES = (
    *("", "1_Data", "2_Augment", "3_Train", "4_Compare"),
    *("5_Evaluate", "6_Predict", "7_Export", "8_Learn"),
)


TABS = {
    "3_Train": ("runs", "new"),
    "4_Compare": ("experiments", "runs", "new"),
    "5_Evaluate": ("overview", "mistakes", "map", "curves", "versus"),
}


class Lab:
    """A copy of the workspace, and the ids in it by the names used here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        told = json.loads((HERE / "ids.json").read_text())
        self.ids: dict[str, str] = told["ids"]
        self.names: dict[str, str] = told["names"]

    def run(self, name: str) -> Path:
        """A run's folder, or that of the model from elsewhere."""
        kind = "guests" if name == "foreign" else "runs"
        return self.folder / kind / self.ids[name]

    def photos(self, dataset: str) -> Path:
        """Where the photos of a dataset lie."""
        return self.folder / "datasets" / self.ids[dataset] / "photos"

    def shown(self, name: str) -> str:
        """What people call a run, an experiment or a dataset."""
        return self.names[name]


@contextlib.contextmanager
def opened(parent: Path) -> Iterator[Lab]:
    """A copy of the workspace that the program finds, with the photos at the URL."""
    folder = parent / "workspace"
    shutil.copytree(HERE / "lab", folder)
    # The dataset that was changed last is the one that pages open with.
    for age, record in enumerate(sorted(folder.glob("datasets/*/dataset.json"))):
        os.utime(record, (1.7e9 + age, 1.7e9 + age))
    before = os.environ.get("CATDOG_WORKSPACE")
    os.environ["CATDOG_WORKSPACE"] = str(folder)
    try:
        with at_url():
            yield Lab(folder)
    finally:
        os.environ.pop("CATDOG_WORKSPACE")
        if before is not None:
            os.environ["CATDOG_WORKSPACE"] = before


_at_url = 0  # how many copies are open that need the photos


@contextlib.contextmanager
def at_url() -> Iterator[None]:
    """The photos of the dataset that was opened by URL, in the memory of this process."""
    global _at_url
    try:
        import fsspec
    except ImportError:  # an option of the lab
        yield
        return
    system = fsspec.filesystem("memory")
    place = HERE / "elsewhere" / "afar"
    for path in sorted(place.rglob("*.jpg")):
        inside = path.relative_to(place).as_posix()
        system.pipe_file(f"/witness/afar/{inside}", path.read_bytes())
    _at_url += 1
    try:
        yield
    finally:
        _at_url -= 1
        if not _at_url:
            system.rm("/witness", recursive=True)


def command(*words: Any) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of a command, run in this process."""
    from catdog_core.cli import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main([str(word) for word in words])
    return status, out.getvalue(), err.getvalue()


ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
"""Sums are taken in the order of the threads there are: with one, on every machine in the same."""


def has_one_thread() -> bool:
    """Whether TensorFlow computes with one thread in this process."""
    return all(os.environ.get(name) == number for name, number in ONE_THREAD.items())


def alone(*words: Any) -> tuple[int, str, str]:
    """As `command`, in a process of its own with one thread to compute."""
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=HERE.parents[1],
        env={**os.environ, **ONE_THREAD, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def said(*words: Any) -> Any:
    """The JSON a command prints. Raises AssertionError where it fails."""
    status, out, err = command(*words, "--json")
    assert status == 0, err
    return json.loads(out)


def table(*words: Any) -> list[list[str]]:
    """The rows a command lists, cut where two blanks stand."""
    status, out, err = command(*words)
    assert status == 0, err
    return [re.split(r" {2,}", line.strip()) for line in out.splitlines()]


def lists(lab: Lab) -> dict[str, Any]:
    """What the commands list."""
    runs = listed_runs()
    names = ("status", "model", "dataset", "epochs", "best val_accuracy")
    return {
        "runs": {run["name"]: [run[name] for name in names] for run in runs},
        "workers": {r["name"]: r["workers"] for r in runs if r.get("workers", "1") != "1"},
        "experiments": [[row[1], row[2].split()[0], row[3]] for row in table("experiment", "list")],
        "sweeps": [[row[1], row[2].split()[0], row[4]] for row in table("sweeps")],
        "trash": [[row[1], row[4]] for row in table("trash", "list")],
        "classes": {name: table("classes", lab.photos(name)) for name in ("pets", "shelter")},
    }


def listed_runs() -> list[dict[str, str]]:
    """The runs as they are listed, each by the names of the columns."""
    status, out, err = command("runs")
    assert status == 0, err
    head, *lines = out.splitlines()
    starts = [match.start() for match in re.finditer(r"(?<=  )\S|(?<=^ )\S", head)]
    parts = list(zip(starts, [*starts[1:], None], strict=True))
    names = [head[start:end].strip() for start, end in parts]
    return [
        dict(zip(names, (line[start:end].strip() for start, end in parts), strict=True))
        for line in lines
    ]


def without_a_command(lab: Lab) -> dict[str, Any]:
    """What only the program's modules tell: this import is what a rebuild has to change here."""
    from catdog_core import runs
    from catdog_core.analysis import group_comparison, sweep_table
    from catdog_core.augmentation import presets
    from catdog_core.data import datasets
    from catdog_core.runs import model_registry
    from catdog_core.tuning import groups

    found = {group.name: group for group in groups.list_groups()}
    rates = sweep_table.build_sweep_table(found["Rates"].runs)
    return {
        "damaged": len(datasets.list_damaged_datasets()),
        "datasets": [
            {
                "name": dataset.name,
                "source": dataset.source,
                "classes": list(dataset.classes),
                "counts": dataset.counts(),
                "excluded": sorted(dataset.excluded),
                "fingerprint": dataset.fingerprint,
                "split": {s: sorted(i.file for i in dataset.items(s)) for s in dataset.counts()},
            }
            for dataset in sorted(datasets.list_datasets(), key=lambda dataset: dataset.name)
        ],
        "presets": {p.name: p.settings.model_dump(mode="json") for p in presets.list_presets()},
        "guests": [
            [g.name, list(g.classes), g.scale] for g in model_registry.list_imported_models()
        ],
        "twin": [[s.id, s.params] for s in group_comparison.compare_pair(*found["Twin"].runs[:2])],
        "rates": {
            "columns": [[column.name, list(column.values)] for column in rates.columns],
            "results": list(rates.results),
            "best": sweep_table.rank_runs(rates),
        },
        "runs": {name: _of_run(runs.load_run(lab.run(name))) for name in RUNS},
    }


def _of_run(run: Any) -> dict[str, Any]:
    names = ("status", "best_epoch", "can_resume", "is_history", "note", "model")
    names = (*names, "train_photos", "validation_photos", "dataset_name")
    rows = [{k: v for k, v in row.items() if k not in ("seconds", "weights")} for row in run.epochs]
    return {
        **{name: getattr(run, name) for name in names},
        "kind": run.group.get("kind", ""),
        "rows": rows,
        "damaged": run.problem is not None,
    }


def evaluated(lab: Lab, name: str) -> dict[str, Any]:
    """What a model says of a part of a dataset, photo by photo."""
    dataset, split = MODELS[name]
    model = lab.run(name)
    model = model / "best.keras" if name == "foreign" else model
    out = lab.folder.parent / f"{name}.csv"
    told = said("evaluate", model, lab.photos(dataset), "--split", split, "--csv", out)
    with open(out, encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    photo = {row["file"]: float(row[f"p_{told['classes'][1]}"]) for row in rows}
    return {**_known(told), "columns": list(rows[0]), "photos": photo}


def predicted(lab: Lab, name: str) -> dict[str, Any]:
    """What a model says of three photos."""
    photos = [lab.photos("pets") / f"validation/{file}.jpg" for file in PHOTOS]
    model = lab.run(name)
    told = said("predict", model / "best.keras" if name == "foreign" else model, *photos)
    rows = [[row["label"], row["probabilities"]] for row in told["predictions"]]
    return {"classes": told["classes"], "photos": dict(zip(PHOTOS, rows, strict=True))}


PHOTOS = ("cats/cat.0002", "dogs/dog.0001", "dogs/dog.0007")


def verdict(lab: Lab, name: str) -> dict[str, Any]:
    """What a training is called, with the numbers behind it."""
    told = said("diagnose", lab.run(name))
    ids = {key: [each["id"] for each in told[key]] for key in ("remarks", "steps")}
    numbers = told["numbers"]
    if "lowest_loss" in numbers:  # what was called best is that of smoothed curves
        numbers["best_loss"] = numbers.pop("lowest_loss")
        numbers["best_epoch"] = numbers.pop("lowest_loss_epoch")
    return {key: told[key] for key in ("kind", "since_epoch", "numbers")} | ids


def health(lab: Lab) -> dict[str, Any]:
    """What the health check finds in the datasets."""
    return {
        name: [[f["kind"], sorted(f["files"])] for f in said("check", lab.photos(name))["findings"]]
        for name in ("pets", "shelter")
    }


def refusals(lab: Lab) -> dict[str, int]:
    """The exit status of what cannot be done, each told in one line."""
    asked = {
        "resume a finished run": ("resume", lab.run("notes")),
        "resume a history": ("resume", lab.run("history")),
        "evaluate a history": ("evaluate", lab.run("history"), lab.photos("pets")),
        "stop a stopped run": ("stop", lab.run("muon")),
        "go on with a finished sweep": ("sweep", "--resume", lab.ids["Rates"]),
    }
    found = {}
    for name, words in asked.items():
        found[name], _, err = command(*words)
        refusal(err)
    return found


def pictures(lab: Lab) -> dict[str, str]:
    """The first bytes of what commands draw."""
    photo = lab.photos("pets") / "train/cats/cat.0000.jpg"
    curves, sheet = (lab.folder.parent / f"{name}.png" for name in ("curves", "sheet"))
    asked = {
        curves: ("plot", lab.run("notes"), curves),
        sheet: ("augment", photo, sheet, "--augment", "Soft", "--count", 4, "--seed", 3),
    }
    for words in asked.values():
        status, _, err = command(*words)
        assert status == 0, err
    return {path.name: path.read_bytes()[:4].decode("latin-1") for path in asked}


EXPORTS = {
    "keras": ("notes", "keras"),
    "h5": ("notes", "h5"),
    "saved_model": ("notes", "zip"),
    "notebook": ("augmented", "ipynb"),
    "script": ("augmented", "py"),
    "bundle": ("muon", "zip"),
    "report": ("history", "html"),
}
"""The formats a run or its model is written in: of which run, and the end of the file's name."""


def exported(lab: Lab) -> dict[str, Any]:
    """The first bytes of what is written for elsewhere; of models also how many labels differ."""
    found = {}
    for kind, (name, end) in EXPORTS.items():
        out = lab.folder.parent / f"{kind}.{end}"
        parity = said("export", lab.run(name), kind, out)["parity"] or {}
        start = out.read_bytes()[:4].decode("latin-1")
        found[kind] = [start, parity.get("labels"), parity.get("photos")]
    return found


def histories(lab: Lab) -> dict[str, Any]:
    """The same history brought in from a file of each kind: exit status and epochs."""
    import pickle

    out, columns = lab.folder.parent, json.loads((HERE / "elsewhere" / "history.json").read_text())
    rows = list(zip(*columns.values(), strict=True))
    (out / "h.json").write_text(json.dumps(columns))
    (out / "h.csv").write_text(
        "\n".join(",".join(map(str, row)) for row in [tuple(columns), *rows]) + "\n"
    )
    (out / "h.pickle").write_bytes(pickle.dumps(columns))
    found = {}
    for kind in ("json", "csv", "pickle"):
        status, told, err = command("history", out / f"h.{kind}", "--validation-photos", 1000)
        if status:
            found[kind] = refusal(err)
        else:
            made = Path(told.split(maxsplit=1)[1].strip())
            found[kind] = len((made / "metrics.jsonl").read_text().splitlines())
    return found


def refusal(err: str) -> str:
    """The one line by which a command fails."""
    lines = [line for line in err.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1 and "Internal error" not in err and "Traceback" not in err, err
    return lines[0]


def by_url(lab: Lab) -> dict[str, Any]:
    """What is said of the dataset that was opened by URL, and of the run that was trained on it."""
    found = {}
    for name, words in {
        "classes": ("classes", URL),
        "check": ("check", URL, "--json"),
        "evaluate": ("evaluate", lab.run("by-url"), URL, "--json"),
        "train": ("train", URL, "--epochs", 1, "--model", "custom", "--image-size", 32),
    }.items():
        status, out, err = command(*words)
        if status:
            found[name] = refusal(err)
        else:
            found[name] = _known(json.loads(out)) if words[-1] == "--json" else "done"
    return found


def _known(told: dict[str, Any]) -> dict[str, Any]:
    """Of the JSON a command prints what it printed then: more is no fault."""
    names = ("accuracy", "loss", "n", "classes", "confusion", "findings")
    return {name: told[name] for name in names if name in told}


def changed(lab: Lab) -> dict[str, Any]:
    """What undoing, restoring and bringing back come to, one after another."""
    undone = table("undo", lab.photos("shelter"))
    entries = [row[0] for row in table("trash", "list")]
    restored = [command("trash", "restore", entry)[0] for entry in entries]
    left = table("trash", "list")
    bundle = lab.folder.parent / "bundle.zip"
    exported = command("export", lab.run("muon"), "bundle", bundle)[0]
    brought = said("import-run", bundle)
    return {
        "undo": undone,
        "restore": [restored, len(left)],
        "bundle": [exported, brought["status"], brought["dataset"] == lab.ids["shelter"]],
        "runs": sorted(run["name"] for run in listed_runs()),
    }


VIEWS: dict[str, tuple[str, dict[str, str]]] = {
    **{page or "Home": (page, {}) for page in PAGES},
    **{
        f"{page} of {run}": (page, {"run": run})
        for page, shown in {
            "3_Train": ("notes", "muon", "two-workers", "by-url"),
            "5_Evaluate": ("notes", "compact", "by-url"),
            "6_Predict": ("compact",),
            "7_Export": ("notes", "history"),
        }.items()
        for run in shown
    },
    "5_Evaluate of muon": ("5_Evaluate", {"run": "muon", "part": "test"}),
    "5_Evaluate of foreign": ("5_Evaluate", {"run": "foreign", "pick": "pets"}),
    "4_Compare runs": ("4_Compare", {"runs": "notes,history,muon"}),
    "4_Compare twin": ("4_Compare", {"group": "Twin"}),
    "4_Compare finished sweep": ("4_Compare", {"group": "Rates"}),
    "4_Compare stopped sweep": ("4_Compare", {"group": "Batches"}),
    "1_Data of pets": ("1_Data", {"dataset": "pets"}),
    "1_Data of shelter": ("1_Data", {"dataset": "shelter"}),
    "1_Data of afar": ("1_Data", {"dataset": "afar"}),
}


def page(lab: Lab, view: str) -> dict[str, Any]:
    """What a page shows: whether it fails, its tables, what it offers, the figures in its text."""
    from streamlit.testing.v1 import AppTest

    name, wanted = VIEWS[view]
    query = {
        key: ",".join(lab.ids.get(v, v) for v in value.split(","))
        for key, value in wanted.items()
        if key != "pick"
    }
    app = AppTest.from_file(str(HERE.parents[1] / "streamlit_app.py"), default_timeout=120)
    for key, value in query.items():
        app.query_params[key] = value
    app.run()
    if name:
        app.switch_page(f"pages/{name}.py")
        for key, value in query.items():
            app.query_params[key] = value
        app.run()
    if "pick" in wanted:  # in the box that offers it
        boxes = [box for box in app.selectbox if lab.shown(wanted["pick"]) in box.options]
        boxes[-1].select(lab.ids[wanted["pick"]]).run()
    is_in_tabs = any(each.key == "tab_tab" for each in app.segmented_control)
    options, text, frames = "", "", []
    exceptions = errors = charts = 0
    for tab in TABS.get(name, ("",)) if is_in_tabs else ("",):  # it was one page then
        if tab:
            app.segmented_control("tab_tab").set_value(tab).run()
        options += " ".join(
            str(option)
            for kind in ("selectbox", "multiselect", "button_group")
            for box in app.get(kind)
            for option in box.options
        )
        here = [element.value for kind in ("dataframe", "table") for element in app.get(kind)]
        frames += here
        text += " ".join(_texts(app)) + " ".join(str(frame.to_dict()) for frame in here)
        exceptions, errors = exceptions + len(app.exception), max(errors, len(app.error))
        charts += len(app.get("plotly_chart"))
    names = sorted(set(lab.names.values()))
    return {
        "exceptions": exceptions,
        "errors": errors,
        "charts": charts,
        "tables": sorted(list(frame.shape) for frame in frames),
        "offers": [each for each in names if each in options],
        "shows": [each for each in [*names, *figures()] if each in text],
    }


def _texts(app: Any) -> Iterator[str]:
    for kind in ("title", "header", "subheader", "markdown", "caption", "html", "metric"):
        for element in app.get(kind):
            yield str(getattr(element, "value", ""))
    for kind in ("info", "success", "warning", "error"):
        for element in app.get(kind):
            yield str(element.value)


def figures() -> list[str]:
    """The results of the workspace as pages may write them: percentages with one decimal."""
    told = json.loads(EXPECTED.read_text())
    runs = told["modules"]["runs"].values()
    best = [run["rows"][run["best_epoch"]]["val_accuracy"] for run in runs if run["rows"]]
    shares = {*best, *(each["accuracy"] for each in told["evaluate"].values())}
    return sorted({f"{100 * share:.1f}" for share in shares})


def final(run: Path) -> dict[str, Any]:
    """What a training ended with: rows of its epochs, digests of all arrays in its model files."""
    lines = (run / "metrics.jsonl").read_text().splitlines()
    rows = {row["epoch"]: row for row in map(json.loads, lines)}
    drop = ("seconds", "weights")
    found: dict[str, Any] = {
        "events": events(run),
        "rows": [{k: v for k, v in rows[n].items() if k not in drop} for n in sorted(rows)],
        "status": json.loads((run / "state.json").read_text())["status"],
    }
    for name in ("best", "backup"):
        if (run / f"{name}.keras").is_file():
            found[name] = digest(run / f"{name}.keras")
    return found


def events(run: Path) -> dict[str, list[int]]:
    """The epochs, from 1, that TensorBoard's event files of a run tell of, by part."""
    import struct

    found: dict[str, list[int]] = {}
    for path in sorted((run / "tensorboard").glob("*/events.*")):
        data, place, steps = path.read_bytes(), 0, []
        while place + 12 <= len(data):
            (length,) = struct.unpack_from("<Q", data, place)
            step = re.match(rb"\x09.{8}\x10(.)", data[place + 12 : place + 12 + length], re.DOTALL)
            steps += [step[1][0]] if step else []
            place += length + 16
        found[path.parent.name] = sorted(set(steps))
    return found


def digest(model: Path) -> str:
    """SHA-256 of all arrays of a `.keras` file, weights and optimizer, by their names."""
    import h5py
    import numpy as np

    total, arrays = hashlib.sha256(), {}
    with zipfile.ZipFile(model) as archive:
        weights = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(weights) as file:
        file.visititems(
            lambda name, item: (
                arrays.update({name: np.asarray(item)}) if isinstance(item, h5py.Dataset) else None
            )
        )
    for name in sorted(arrays):
        total.update(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode())
        total.update(np.ascontiguousarray(arrays[name]).tobytes())
    return total.hexdigest()


def arithmetic() -> str:
    """Names how TensorFlow computes on this machine: the digest of a few steps of its own.

    It has nothing of the program in it. Where it is another than when the record was made, other
    processor instructions, another number of threads or another TensorFlow sum in another order,
    and results agree only to some digits.
    """
    import numpy as np
    import tensorflow as tf

    rng = np.random.default_rng(0)
    photos = tf.constant(rng.random((8, 32, 32, 3)), tf.float32)
    values = [
        tf.Variable(rng.normal(0, 0.2, shape), dtype=tf.float32)
        for shape in ((3, 3, 3, 8), (3, 3, 8, 8), (8, 1))
    ]

    @tf.function(jit_compile=False)
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            x = tf.nn.max_pool2d(
                tf.nn.relu(tf.nn.conv2d(photos, values[0], 1, "VALID")), 2, 2, "VALID"
            )
            x = tf.nn.batch_normalization(x, *tf.nn.moments(x, [0, 1, 2]), None, None, 1e-3)
            x = tf.reduce_mean(tf.nn.relu(tf.nn.conv2d(x, values[1], 1, "VALID")), [1, 2])
            loss = tf.reduce_mean(tf.nn.softplus(x @ values[2]))
        for value, slope in zip(values, tape.gradient(loss, values), strict=True):
            flat = tf.reshape(slope, (-1, slope.shape[-1]))
            value.assign_sub(
                0.1 * slope / (1e-3 + tf.sqrt(tf.reduce_sum(flat @ tf.transpose(flat))))
            )
        return loss

    total = hashlib.sha256()
    for _ in range(5):
        total.update(step().numpy().tobytes())
    for value in values:
        total.update(value.numpy().tobytes())
    return total.hexdigest()


def on_one_thread() -> str:
    """`arithmetic` with one thread."""
    if has_one_thread():
        return arithmetic()
    status, out, err = alone(__file__, "arithmetic")
    assert status == 0, err
    return out.strip()


def rounded(value: Any) -> Any:
    """Numbers to six digits, so that the record can be read."""
    if isinstance(value, dict):
        return {str(key): rounded(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(each) for each in value]
    return round(value, 6) if isinstance(value, float) else value


def differences(got: Any, wanted: Any, tolerance: float, where: str = "") -> list[str]:
    """Where two values differ: numbers by more than the tolerance, all else at all."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        if got.keys() != wanted.keys():
            return [f"{where}: {sorted(map(str, got.keys() ^ wanted.keys()))}"]
        pairs = [(got[key], wanted[key], f"{where}/{key}") for key in wanted]
    elif isinstance(wanted, list) and isinstance(got, list):
        if len(got) != len(wanted):
            return [f"{where}: {got} for {wanted}"]
        pairs = [(g, w, f"{where}/{n}") for n, (g, w) in enumerate(zip(got, wanted, strict=True))]
    elif isinstance(wanted, float) and isinstance(got, (int, float)):
        return [] if abs(got - wanted) <= tolerance else [f"{where}: {got} for {wanted}"]
    elif type(wanted) is not str and isinstance(wanted, str):  # a word of a refusal
        return [] if wanted in str(got) else [f"{where}: {got!r} lacks {str(wanted)!r}"]
    else:
        return [] if got == wanted else [f"{where}: {got!r} for {wanted!r}"]
    return [each for pair in pairs for each in differences(*pair[:2], tolerance, pair[2])]


FACTS: dict[str, Callable[[Lab], Any]] = {
    "lists": lists,
    "modules": without_a_command,
    "health": health,
    "refusals": refusals,
    "pictures": pictures,
    "histories": histories,
    "by url": by_url,
    "changed": changed,
}
EACH: dict[str, tuple[Callable[[Lab, str], Any], tuple[str, ...]]] = {
    "evaluate": (evaluated, tuple(MODELS)),
    "predict": (predicted, tuple(MODELS)),
    "verdict": (verdict, RUNS),
    "page": (page, tuple(VIEWS)),
}


def resumed(lab: Lab) -> dict[str, Any]:
    """What the runs that were stopped end with, each gone on with by one worker."""
    found = {}
    for name in ("muon", "two-workers"):
        words = ("resume", lab.run(name))
        resume = command if has_one_thread() else partial(alone, "-m", "catdog_core")
        status, _, err = resume(*words)
        found[name] = refusal(err) if status else final(lab.run(name))
    return found


def together(lab: Lab) -> dict[str, Any]:
    """The rows the run of two workers ends with, gone on with by two."""
    status, _, err = command("resume", lab.run("two-workers"))
    rows = refusal(err) if status else final(lab.run("two-workers"))["rows"]
    return {"two-workers": rows}


def broken_off(run: Path, epoch: int, batch: int) -> None:
    """Go on with a run up to a batch within an epoch, both from 0, and stop it there."""

    def watch(state: dict[str, Any]) -> None:
        if (state.get("epoch", 0), state.get("batch", 0)) >= (epoch, batch):
            (run / "stop").touch()

    from catdog_core.training.execution import execute_run

    execute_run(run, watch)
    assert json.loads((run / "state.json").read_text())["status"] == "stopped"


def swept(lab: Lab) -> dict[str, Any]:
    """What the stopped sweep ends with, and what each of its trials does."""
    told = said("sweep", "--resume", lab.ids["Batches"])
    trials = [[t["status"], t["epochs"], t["val_accuracy"]] for t in told["trials"]]
    runs = {name: final(lab.run(name))["rows"] for name in ("batch 4", "batch 8", "batch 16")}
    return {"status": told["status"], "trials": trials, "runs": runs}


LONG: dict[str, Callable[[Lab], Any]] = {
    "exported": exported,
    "resumed": resumed,
    "swept": swept,
    "together": together,
}


def record(only: list[str]) -> None:
    """Write what the program says today; `only` these parts, or all."""
    for name in only or [*FACTS, *EACH, *LONG, "arithmetic"]:
        found = json.loads(EXPECTED.read_text()) if EXPECTED.is_file() else {}
        if name == "arithmetic":
            found[name] = on_one_thread()
        else:
            with tempfile.TemporaryDirectory() as folder, opened(Path(folder)) as lab:
                found[name] = rounded(_all(name, lab))
        text = json.dumps(found, indent=1, ensure_ascii=False, sort_keys=True)
        EXPECTED.write_text(text + "\n")  # pages are asked for results that stand there already


def _all(name: str, lab: Lab) -> Any:
    if name in EACH:
        ask, each = EACH[name]
        return {one: ask(lab, one) for one in each}
    return {**FACTS, **LONG}[name](lab)


if __name__ == "__main__":
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    sys.path.insert(0, str(HERE.parents[1]))
    if sys.argv[1:] == ["arithmetic"]:
        print(arithmetic())
    else:
        record(sys.argv[1:])
