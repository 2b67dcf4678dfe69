"""A run as code: a notebook and a script that need nothing of the lab and train the same."""

import ast
import csv
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

import nbformat
import numpy as np
import pytest
from exec_snippets import find_unnamed_imports

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


RUNNER = """
import contextlib, os, runpy, sys, traceback
for path in sys.argv[1:]:
    os.chdir(os.path.dirname(path))
    with open("output.txt", "w", encoding="utf-8") as file, contextlib.redirect_stdout(file):
        try:
            runpy.run_path(path, run_name="__main__")
        except Exception:
            traceback.print_exc(file=file)
"""
"""Runs programs one after another, each in its folder: TensorFlow's import costs more than most."""


def executed(paths):
    """Run programs, which may not warn, in a process without the lab."""
    allowed = (  # of Keras's own: when it saves, and where its ImageDataGenerator calls SciPy
        "__array__ implementation doesn't accept a copy keyword:DeprecationWarning",
        "Please import `affine_transform`:DeprecationWarning",
    )
    ignored = [part for text in allowed for part in ("-W", f"ignore:{text}")]
    done = subprocess.run(
        [sys.executable, "-W", "error", *ignored, "-c", RUNNER, *map(str, paths)],
        cwd=paths[0].parent,
        env={**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def told(path):
    """What a program that was run printed, and the history it wrote."""
    output = (path.parent / "output.txt").read_text(encoding="utf-8")
    assert (path.parent / "history.csv").exists() and "Traceback" not in output, output[-3000:]
    with open(path.parent / "history.csv", newline="") as file:
        return output, list(csv.DictReader(file))


def parameters(training):
    count = architecture.count_parameters(architecture.list_training_layers(training))
    return f"{count:,} parameters in model.keras"


@pytest.mark.parametrize("case", CASES)
def test_the_code_is_python_that_knows_nothing_of_the_lab(demo, workspace, tmp_path, case):
    for path in written(made(demo, *CASES[case]), tmp_path / "code"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        assert not any("catdog" in ast.unparse(node) for node in imports)
    assert find_unnamed_imports((tmp_path / "code" / "run.py").read_text(encoding="utf-8")) == []


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
    with pytest.raises(RunError, match="aren't in this workspace"):
        notebook.write_script(run, tmp_path / "run.py")


@pytest.mark.parametrize(("left_out", "said"), [(0, False), (3, True)])
def test_its_photos_are_found_in_another_folder_among_others(
    demo, workspace, tmp_path, left_out, said
):
    run = made(demo, *CASES["plain"])
    (workspace / "datasets").rename(workspace / "elsewhere")
    for number, path in enumerate(sorted(demo.rglob("*.jpg"))[left_out:]):
        target = tmp_path / "mixed" / path.parent.name / f"{number}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    datasets.make_demo(tmp_path / "others", train=8, validation=4, size=32, seed=7)
    for path in sorted((tmp_path / "others" / "train").rglob("*.jpg")):
        shutil.copyfile(path, tmp_path / "mixed" / path.parent.name / f"other-{path.name}")
    datasets.open_folder(tmp_path / "mixed")
    path, _ = written(run, tmp_path / "code")
    text = path.read_text(encoding="utf-8")
    assert ("Only 69 of the run's 72 photos are here" in text) is said
    assert "other-" not in text
    assert len(set(re.findall(r"(?:cats|dogs)/\d+\.jpg", text))) == 72 - left_out


def test_a_history_from_a_file_has_no_code(workspace, tmp_path):
    recorded = Path(__file__).parents[1] / "benchmarks" / "histories" / "notes_plain_50.csv"
    with pytest.raises(RunError, match="no settings"):
        notebook.write_notebook(history_import.import_history(recorded), tmp_path / "run.ipynb")


def test_the_command_line_writes_both(demo, workspace, tmp_path, capsys, jobs_in_process):
    run = made(demo, *CASES["plain"])
    assert run_cli(capsys, "export", run, "script", tmp_path / "run.py")[0] == 0
    assert run_cli(capsys, "export", run, "notebook", tmp_path / "run.ipynb")[0] == 0
    assert (tmp_path / "run.py").is_file() and (tmp_path / "run.ipynb").is_file()


SHORT = Training(image_size=32, batch_size=16, epochs=8, learning_rate=1e-3)
CURVES = {"generator": SHORT, "memory": SHORT.model_copy(update={"label_smoothing": 0.05})}
KINDS = ("soft", "subset", "custom", "compact")  # plain ones are among the curves
TRANSFER = RECIPES["transfer"].training.model_copy(
    update={"image_size": 64, "epochs": 3, "looks": 2}
)


@pytest.fixture(scope="module")
def trained(demo, tmp_path_factory):
    """The programs of runs by name, all run, and the runs that the lab has trained itself."""
    folder, own = tmp_path_factory.mktemp("programs"), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CATDOG_WORKSPACE", str(folder / "workspace"))
        programs = {"augmented": written(made(demo, *CASES["augmented"]), folder / "augmented")[0]}
        datasets.make_demo(folder / "pets", train=320, validation=100, size=64, seed=0)
        for name, training in CURVES.items():
            own[name] = made(folder / "pets", training, None)
            programs[name] = written(own[name], folder / name)[0]
        own["transfer"] = made(demo, TRANSFER, Augmentation(vertical_flip=False))
        for run in own.values():
            execute_run(run)
        programs["transfer"] = written(own["transfer"], folder / "transfer")[0]
        for case in KINDS:
            programs[case] = written(made(demo, *CASES[case]), folder / case)[1]
        executed([*programs.values()])
        yield programs, {name: runs.load_run(run) for name, run in own.items()}


def long(test):
    """Marks what needs all programs run, whose training together takes minutes."""
    return pytest.mark.long(pytest.mark.slow(pytest.mark.timeout(1200)(test)))


@long
def test_the_script_trains_the_very_network_without_a_warning(trained):
    path = trained[0]["augmented"]
    output, history = told(path)
    assert parameters(CASES["augmented"][0]) in output and len(history) == 2
    file_names = {file.name for file in path.parent.iterdir()}
    assert {"batch.png", "augmented.png", "overfitting.png", "model.keras"} <= file_names


@long
@pytest.mark.parametrize("case", KINDS)
def test_every_kind_of_run_trains_from_its_notebook(trained, case):
    training, _ = CASES[case]
    output, history = told(trained[0][case])
    assert parameters(training) in output and len(history) == training.epochs


@long
@pytest.mark.parametrize("kind", CURVES)
def test_the_curves_come_out_alike(trained, kind):
    """Other draws of chance: within 0.15 of the lab's accuracy at the end, and 0.2 of its loss."""
    programs, own = trained
    output, there = told(programs[kind])
    here = own[kind].epochs
    assert parameters(CURVES[kind]) in output and len(there) == len(here)
    for name, tolerance in (("val_accuracy", 0.15), ("val_loss", 0.2), ("loss", 0.2)):
        ours = sum(float(row[name]) for row in here[-3:]) / 3
        theirs = sum(float(row[name]) for row in there[-3:]) / 3
        assert abs(ours - theirs) < tolerance, (name, ours, theirs)
    assert float(there[-1]["val_accuracy"]) > 0.75


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


@long
def test_a_transfer_run_takes_its_pretrained_network_along(trained):
    output, history = told(trained[0]["transfer"])
    assert parameters(TRANSFER) in output and len(history) == 3
