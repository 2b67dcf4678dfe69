"""What was removed: flags, commands and formats name their replacement, older files still open."""

import fakes
import pytest

from catdog_core import runs
from catdog_core.base import files, limits
from catdog_core.base.errors import DatasetError
from catdog_core.cli import main, removed_commands
from catdog_core.config import Network, Training
from catdog_core.data import datasets
from catdog_core.training.execution import execute_run

SMALL = Training(
    model="custom",
    network=Network(filters=(4,), dense=4),
    epochs=2,
    batch_size=8,
    image_size=32,
    steps_per_epoch=2,
)
LINES = [
    *([command, "x", flag, "2"] for command, flag in removed_commands.FLAGS),
    *([command, "start"] for command in removed_commands.COMMANDS),
    *(["export", "default", kind, "OUT"] for kind in removed_commands.FORMATS),
    *([command, "s3://key:hunter2@bucket/pets"] for command in ("check", "train", "classes")),
    ["pack", "DIR", "s3://bucket/shards"],
]
SENTENCES = [
    *(removed_commands.FLAGS | removed_commands.COMMANDS | removed_commands.FORMATS).values(),
    *[removed_commands.URL] * 3,
    removed_commands.OUT_URL,
]


@pytest.mark.parametrize(
    ("line", "sentence"), list(zip(LINES, SENTENCES, strict=True)), ids=lambda each: str(each)[:40]
)
def test_what_was_removed_names_its_replacement(workspace, capsys, line, sentence):
    assert main(line) == 1
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"Error: {sentence}\n")
    assert sentence.count(". ") <= 1 and max(map(len, map(str.split, sentence.split(". ")))) <= 20


@pytest.mark.parametrize("line", [["train", "x", "--workerz", "2"], ["sweep", "--workers", "2"]])
def test_a_plain_mistake_is_told_as_one(capsys, line):
    assert main(line) == 1
    assert "No such option" in capsys.readouterr().err


@pytest.fixture
def at_url(workspace, demo):
    """Records as an earlier version left them: photos opened at a URL, and shards."""
    here = datasets.open_folder(demo)
    record = files.read_json(workspace / "datasets" / here.id / "dataset.json")
    names = {"photos": "folder", "shards": "shards"}
    for name, source in names.items():
        changed = {"name": name, "source": source, "root": f"s3://bucket/{name}"}
        note = {**record["note"], "layout": "packed", "size": 32}
        old = {**record, **changed, "note": note}
        files.write_json(workspace / "datasets" / f"{name}-12345678" / "dataset.json", old)
    return [f"{name}-12345678" for name in names]


def test_a_dataset_opened_at_a_url_says_what_to_do_and_others_are_not_touched(at_url):
    assert [each.name for each in datasets.list_datasets()] == ["cartoons"]
    errors = dict(datasets.list_damaged_datasets())
    assert sorted(errors) == sorted(at_url)
    for name in at_url:
        assert "import URL" in str(errors[name]) and f"s3://bucket/{name[:6]}" in str(errors[name])
        for use in (
            datasets.load_dataset,
            datasets.undo_last_edit,
            lambda n: datasets.resplit(n, 1),
        ):
            with pytest.raises(DatasetError, match="import URL"):
                use(name)
        datasets.remove_dataset(name)
    assert datasets.list_damaged_datasets() == [] and len(datasets.list_datasets()) == 1


def test_the_data_page_lists_a_dataset_opened_at_a_url_and_deletes_it(at_url):
    app = fakes.open_page("1_Data")
    assert not app.exception and len(app.error) == 2
    assert all("import URL" in error.value for error in app.error)
    app.button(f"damaged_{at_url[0]}").click().run()
    app.button("record_delete_sure").click().run()
    assert (
        not app.exception and [name for name, _ in datasets.list_damaged_datasets()] == at_url[1:]
    )


def test_a_run_trained_at_a_url_goes_on_once_its_photos_are_imported(at_url, demo, capsys):
    """Here its own dataset is taken away, and its record names the URL."""
    here = datasets.open_folder(demo)
    run = runs.create_run(here, SMALL, None)
    record = datasets.datasets_folder() / here.id / "dataset.json"
    files.write_json(record, {**files.read_json(record), "root": "memory://gone"})
    assert main(["resume", str(run)]) == 1
    stderr = capsys.readouterr().err
    assert "import URL" in stderr and stderr.count("\n") == 1
    pytest.importorskip("fsspec", reason="URLs are an option of the lab")
    assert main(["import", demo.as_uri()]) == 0
    assert main(["resume", str(run)]) == 0
    assert len(runs.load_run(run).epochs) == 2


def test_a_limit_that_was_removed_is_told_and_passed_over(workspace, caplog):
    workspace.mkdir()
    (workspace / limits.FILE).write_text('{"shard_cache_bytes": 5, "photo_bytes": 200000}')
    limits._load_limits.cache_clear()
    assert limits.current_limits().photo_bytes == limits.current_limits().photo_bytes == 200_000
    assert [each.getMessage() for each in caplog.records] == [
        "shard_cache_bytes was removed. Delete it from limits.json."
    ]


@pytest.fixture
def of_two_workers(workspace, demo):
    """A run as an earlier version left it, to be trained by two workers together."""
    folder = runs.create_run(datasets.open_folder(demo), SMALL, None)
    settings = files.read_json(folder / "settings.json")
    files.write_json(folder / "settings.json", {**settings, "workers": 2, "address": "auto"})
    return folder


def test_a_run_of_two_workers_trains_with_one_and_says_so(of_two_workers, capsys):
    alone = runs.create_run(
        datasets.load_dataset(runs.load_run(of_two_workers).dataset_id), SMALL, None
    )
    execute_run(alone)
    assert main(["resume", str(of_two_workers)]) == 0
    assert "This run had 2 workers. It now trains with one." in capsys.readouterr().out
    numbers = [
        [{k: v for k, v in row.items() if k != "seconds"} for row in runs.load_run(each).epochs]
        for each in (alone, of_two_workers)
    ]
    assert numbers[0] == numbers[1] and len(numbers[0]) == 2


@pytest.mark.parametrize(
    ("stored", "workers"), [({}, 2), ({"workers": 1, "address": ""}, 1), ({"workers": "x"}, 2)]
)
def test_the_number_of_workers_that_was_asked_for_last_counts(of_two_workers, stored, workers):
    about = files.read_json(of_two_workers / "about.json")
    files.write_json(of_two_workers / "about.json", {**about, **stored})
    run = runs.load_run(of_two_workers)
    assert run.workers == workers and run.problem is None and run.can_resume
