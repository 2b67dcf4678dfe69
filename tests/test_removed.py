"""What was removed: flags, commands and formats name their replacement, older files still open."""

import pytest

from catdog_core import datasets, files, runs
from catdog_core.cli import main
from catdog_core.commands import removed
from catdog_core.settings import Network, Training

SMALL = Training(
    model="custom",
    network=Network(filters=(4,), dense=4),
    epochs=2,
    batch_size=8,
    image_size=32,
    steps_per_epoch=2,
)
LINES = [
    *([command, "x", flag, "2"] for command, flag in removed.FLAGS),
    *([command, "start"] for command in removed.COMMANDS),
    *(["export", "default", kind, "OUT"] for kind in removed.FORMATS),
]
SENTENCES = [*removed.FLAGS.values(), *removed.COMMANDS.values(), *removed.FORMATS.values()]


@pytest.mark.parametrize(
    ("line", "sentence"), list(zip(LINES, SENTENCES, strict=True)), ids=lambda each: str(each)[:40]
)
def test_what_was_removed_names_its_replacement(workspace, capsys, line, sentence):
    assert main(line) == 1
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"Error: {sentence}\n")
    assert sentence.count(". ") <= 1 and max(map(len, map(str.split, sentence.split(". ")))) <= 20


@pytest.mark.parametrize("line", [["train", "x", "--workerz", "2"], ["sweep", "--workers", "2"]])
def test_a_plain_mistake_is_told_as_one(capsys, line):
    assert main(line) == 1
    assert "No such option" in capsys.readouterr().err


@pytest.fixture
def of_two_workers(workspace, demo):
    """A run as an earlier version left it, to be trained by two workers together."""
    folder = runs.create(datasets.open_folder(demo), SMALL, None)
    settings = files.read_json(folder / "settings.json")
    files.write_json(folder / "settings.json", {**settings, "workers": 2, "address": "auto"})
    return folder


def test_a_run_of_two_workers_trains_with_one_and_says_so(of_two_workers, capsys):
    alone = runs.create(datasets.load(runs.load(of_two_workers).dataset_id), SMALL, None)
    runs.work(alone)
    assert main(["resume", str(of_two_workers)]) == 0
    assert "This run had 2 workers. It now trains with one." in capsys.readouterr().out
    numbers = [
        [{k: v for k, v in row.items() if k != "seconds"} for row in runs.load(each).epochs]
        for each in (alone, of_two_workers)
    ]
    assert numbers[0] == numbers[1] and len(numbers[0]) == 2


@pytest.mark.parametrize(
    ("stored", "workers"), [({}, 2), ({"workers": 1, "address": ""}, 1), ({"workers": "x"}, 2)]
)
def test_the_number_of_workers_that_was_asked_for_last_counts(of_two_workers, stored, workers):
    about = files.read_json(of_two_workers / "about.json")
    files.write_json(of_two_workers / "about.json", {**about, **stored})
    run = runs.load(of_two_workers)
    assert run.workers == workers and run.problem is None and run.can_resume
