"""A run as code: a notebook and a script that need nothing of the lab and train the same."""

import ast
import csv
import json
import os
import subprocess
import sys
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

import nbformat
import numpy as np
import pytest

from catdog_core import runs
from catdog_core.analysis import history_import
from catdog_core.base.errors import RunError
from catdog_core.config import RECIPES, Augmentation, Network, Training
from catdog_core.data import datasets
from catdog_core.export import code_training, notebook
from catdog_core.models import architecture
from catdog_core.training.execution import execute_run
from tests.fakes import run_cli

TINY = {"image_size": 64, "epochs": 2, "batch_size": 13}
COMPACT = RECIPES["compact"]
CASES = {
    "plain": (Training(**TINY), None),
    "augmented": (Training(**TINY, class_weights=True), Augmentation()),
    "soft": (
        Training(
            **TINY,
            label_smoothing=0.1,
            class_weights=True,
            optimizer="sgd",
            schedule="plateau",
            warmup_epochs=1,
            early_stopping=5,
        ),
        Augmentation(contrast_range=(0.7, 1.3)),
    ),
    "subset": (
        Training(**TINY, train_photos=30, validation_steps=1, weight_decay=0.01, schedule="step"),
        None,
    ),
    "custom": (
        Training(
            **TINY,
            model="custom",
            monitor="val_loss",
            network=Network(
                filters=(8, 16), batch_norm=True, pooling="stride", head="average", dense=8
            ),
        ),
        Augmentation(vertical_flip=False, width_shift_range=0.2),
    ),
    "compact": (COMPACT.training.model_copy(update=TINY), COMPACT.augmentation),
}


def made(demo, training, augmentation, name="first"):
    """A new run on the demo set, not trained."""
    return runs.create_run(datasets.open_folder(demo), training, augmentation, name=name)


def written(run, folder):
    """The script of a run, and the code of its notebook as another."""
    folder.mkdir(exist_ok=True)
    notebook.write_script(run, folder / "run.py")
    notebook.write_notebook(run, folder / "run.ipynb")
    book = nbformat.read(folder / "run.ipynb", as_version=4)
    code = "\n\n".join(cell.source for cell in book.cells if cell.cell_type == "code")
    shows = "import matplotlib.pyplot\nmatplotlib.pyplot.show = matplotlib.pyplot.close\n"
    (folder / "cells.py").write_text(shows + code, encoding="utf-8")
    return folder / "run.py", folder / "cells.py"


def executed(path, cwd):
    """What a program prints that may not warn, and the history it writes."""
    cwd.mkdir()
    allowed = (  # of Keras's own: when it saves, and where its ImageDataGenerator calls SciPy
        "__array__ implementation doesn't accept a copy keyword:DeprecationWarning",
        "Please import `affine_transform`:DeprecationWarning",
    )
    ignored = [part for text in allowed for part in ("-W", f"ignore:{text}")]
    done = subprocess.run(
        [sys.executable, "-W", "error", *ignored, str(path)],
        cwd=cwd,
        env={**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    with open(cwd / "history.csv", newline="") as file:
        return done.stdout, list(csv.DictReader(file))


def parameters(training):
    count = architecture.count_parameters(architecture.list_training_layers(training))
    return f"{count:,} parameters in model.keras"


@pytest.mark.parametrize("case", CASES)
def test_the_code_is_python_that_knows_nothing_of_the_lab(demo, workspace, tmp_path, case):
    for path in written(made(demo, *CASES[case]), tmp_path / "code"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        names = {getattr(node, "module", None) or node.names[0].name for node in imports}
        six = {"keras", "matplotlib", "numpy", "tensorflow", "PIL", "pathlib", "math", "typing"}
        assert {name.split(".")[0] for name in names} <= six


def test_the_notebook_is_valid_and_explains_every_step(demo, workspace, tmp_path):
    written(made(demo, *CASES["augmented"]), tmp_path / "code")
    book = nbformat.read(tmp_path / "code" / "run.ipynb", as_version=4)
    nbformat.validate(book)
    titles = [c.source.split("\n")[0] for c in book.cells if c.cell_type == "markdown"]
    assert titles[0] == "# Your run as code"
    assert {"## One batch", "## One photo, augmented", "## Overfitting"} <= {*titles}


def test_names_cannot_become_code_or_markup(demo, workspace, tmp_path):
    name = "x\nimport os  # <script>alert(1)</script> [a](javascript:1) **b**"
    path, _ = written(made(demo, *CASES["plain"], name=name), tmp_path / "code")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not any(isinstance(n, ast.Import) and n.names[0].name == "os" for n in ast.walk(tree))
    cell = json.loads((tmp_path / "code" / "run.ipynb").read_text(encoding="utf-8"))["cells"][0]
    text = "".join(cell["source"])
    assert "<script>" not in text.replace("\\<", "") and "**b**" not in text


def test_photos_are_named_one_by_one_where_folders_do_not_tell_them(demo, workspace, tmp_path):
    path, _ = written(made(demo, *CASES["subset"]), tmp_path / "code")
    assert path.read_text(encoding="utf-8").count('"train/') == 30


def test_the_prose_is_in_the_readers_language(demo, workspace, tmp_path):
    def say(message, **values):
        return "KO: " + message.format(**values) if values else f"KO: {message}"

    notebook.write_script(made(demo, *CASES["plain"]), tmp_path / "run.py", say)
    comments = [line for line in (tmp_path / "run.py").read_text().splitlines() if "KO: " in line]
    assert len(comments) > 10


def test_a_run_whose_photos_are_gone_says_so(demo, workspace, tmp_path):
    run = made(demo, *CASES["plain"])
    (workspace / "datasets").rename(workspace / "elsewhere")
    with pytest.raises(RunError, match="have changed since it was created"):
        notebook.write_script(run, tmp_path / "run.py")


def test_a_history_from_a_file_has_no_code(workspace, tmp_path):
    recorded = Path(__file__).parents[1] / "benchmarks" / "histories" / "notes_plain_50.csv"
    with pytest.raises(RunError, match="no settings"):
        notebook.write_notebook(history_import.import_history(recorded), tmp_path / "run.ipynb")


def test_the_command_line_writes_both(demo, workspace, tmp_path, capsys, jobs_in_process):
    run = made(demo, *CASES["plain"])
    assert run_cli(capsys, "export", run, "script", tmp_path / "run.py")[0] == 0
    assert run_cli(capsys, "export", run, "notebook", tmp_path / "run.ipynb")[0] == 0
    assert (tmp_path / "run.py").is_file() and (tmp_path / "run.ipynb").is_file()


@pytest.mark.long
def test_the_script_trains_the_very_network_without_a_warning(demo, workspace, tmp_path):
    path, _ = written(made(demo, *CASES["augmented"]), tmp_path / "code")
    output, history = executed(path, tmp_path / "out")
    assert parameters(CASES["augmented"][0]) in output and len(history) == 2
    file_names = {file.name for file in (tmp_path / "out").iterdir()}
    assert {"batch.png", "augmented.png", "overfitting.png", "model.keras"} <= file_names


@pytest.mark.long
@pytest.mark.parametrize("case", [case for case in CASES if case != "augmented"])
def test_every_kind_of_run_trains_from_its_notebook(demo, workspace, tmp_path, case):
    training, augmentation = CASES[case]
    _, cells = written(made(demo, training, augmentation), tmp_path / "code")
    output, history = executed(cells, tmp_path / "out")
    assert parameters(training) in output and len(history) == training.epochs


@pytest.mark.long
@pytest.mark.parametrize("kind", ["generator", "memory"])
def test_the_curves_come_out_alike(workspace, tmp_path, kind):
    """Other draws of chance: within 0.15 of the lab's accuracy at the end, and 0.2 of its loss."""
    datasets.make_demo(tmp_path / "pets", train=200, validation=100, size=64, seed=0)
    smoothed = {"label_smoothing": 0.05} if kind == "memory" else {}
    training = Training(image_size=64, epochs=10, learning_rate=1e-3, **smoothed)
    run = made(tmp_path / "pets", training, None)
    execute_run(run)
    path, _ = written(run, tmp_path / "code")
    _, history = executed(path, tmp_path / "out")
    here, there = runs.load_run(run).epochs, history
    for name, tolerance in (("val_accuracy", 0.15), ("val_loss", 0.2), ("loss", 0.2)):
        ours = sum(float(row[name]) for row in here[-3:]) / 3
        theirs = sum(float(row[name]) for row in there[-3:]) / 3
        assert abs(ours - theirs) < tolerance, (name, ours, theirs)
    assert float(there[-1]["val_accuracy"]) > 0.75


@pytest.mark.long
def test_a_transfer_run_takes_its_pretrained_network_along(demo, workspace, tmp_path):
    training = RECIPES["transfer"].training.model_copy(
        update={"image_size": 64, "epochs": 3, "looks": 2}
    )
    run = made(demo, training, Augmentation(vertical_flip=False))
    execute_run(run)
    path, _ = written(run, tmp_path / "code")
    output, history = executed(path, tmp_path / "out")
    assert parameters(training) in output and len(history) == 3


@pytest.mark.parametrize("pipeline", [1, 2])
@pytest.mark.parametrize(("count", "size"), [(10, 4), (12, 6), (3, 8)])
def test_batches_in_the_code_come_as_in_the_run(dataset, count, size, pipeline):
    run = runs.load_run(runs.create_run(dataset, Training(batch_size=size), None))
    code = code_training._generate_batches_code(replace(run, pipeline=pipeline))
    names = {"np": np, "SEED": 3, "BATCH": size}
    names |= {"train_photos": np.arange(count), "train_labels": np.arange(count)}
    exec(code, names)
    steps = -(-count // size)
    shown = [labels.tolist() for _, labels in islice(names["batches"](), 3 * steps)]
    if pipeline == 1:
        assert {len(labels) for labels in shown} == {size}
        return
    for number in range(3):
        assert sorted(chain(*shown[number * steps : (number + 1) * steps])) == list(range(count))


def test_code_of_variants_shows_each_photo_in_one_of_them(dataset):
    training = Training(model="transfer", batch_size=4, looks=2)
    run = runs.load_run(runs.create_run(dataset, training, Augmentation()))
    names = {"np": np, "SEED": 3, "BATCH": 4, "train_photos": np.arange(10), "looks": [0, 1, 2]}
    names |= {"train_features": np.arange(30), "train_labels": np.arange(30)}
    exec(code_training._generate_batches_code(run), names)
    rows = list(chain(*(labels for _, labels in islice(names["batches"](), 3))))
    assert sorted(row % 10 for row in rows) == list(range(10))
    assert len({row // 10 for row in rows}) > 1
